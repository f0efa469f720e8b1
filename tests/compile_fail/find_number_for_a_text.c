/* expect: int-conversion */
/* rows: K4 */
/* 7 is no text. */
#include "model.h"

hf_status find(hf_session *s, hf_rows **out);

hf_status find(hf_session *s, hf_rows **out)
{
#ifdef MISTAKE
	return hf_select(s, task, out, HF_WHERE(HF_EQ(task, subject, 7)));
#else
	return hf_select(s, task, out, HF_WHERE(HF_EQ(task, subject, "7")));
#endif
}
