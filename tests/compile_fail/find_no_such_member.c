/* expect: no member named 'finished' */
/* rows: K4 */
/* A condition on a column that is not there. */
#include "model.h"

hf_status find(hf_session *s, hf_rows **out);

hf_status find(hf_session *s, hf_rows **out)
{
#ifdef MISTAKE
	return hf_select(s, task, out, HF_WHERE(HF_EQ(task, finished, true)));
#else
	return hf_select(s, task, out, HF_WHERE(HF_EQ(task, done, true)));
#endif
}
