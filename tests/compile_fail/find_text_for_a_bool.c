/* expect: int-conversion */
/* rows: K4 */
/* Every pointer is true, so none passes for a bool. */
#include "model.h"

hf_status find(hf_session *s, hf_rows **out);

hf_status find(hf_session *s, hf_rows **out)
{
#ifdef MISTAKE
	return hf_select(s, task, out, HF_WHERE(HF_EQ(task, done, "no")));
#else
	return hf_select(s, task, out, HF_WHERE(HF_EQ(task, done, false)));
#endif
}
