/* expect: incompatible type .*hf_(v_)?timestamptz */
/* rows: K4 */
/* Seconds are no time. */
#include "model.h"

hf_status find(hf_session *s, hf_rows **out);

hf_status find(hf_session *s, hf_rows **out)
{
#ifdef MISTAKE
	return hf_select(s, task, out, HF_WHERE(HF_GT(task, created, 1700000000)));
#else
	hf_timestamptz since = { 1700000000000000 };

	return hf_select(s, task, out, HF_WHERE(HF_GT(task, created, since)));
#endif
}
