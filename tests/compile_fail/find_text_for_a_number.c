/* expect: int-conversion */
/* rows: K4 */
/* "seven" is no int. */
#include "model.h"

hf_status find(hf_session *s, hf_rows **out);

hf_status find(hf_session *s, hf_rows **out)
{
#ifdef MISTAKE
	return hf_select(s, task, out, HF_WHERE(HF_EQ(task, owner_id, "seven")));
#else
	return hf_select(s, task, out, HF_WHERE(HF_EQ(task, owner_id, 7)));
#endif
}
