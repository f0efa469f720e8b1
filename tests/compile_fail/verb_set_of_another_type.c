/* expect: incompatible type .*hf_(v_)?timestamptz */
/* rows: K4 */
/* An assignment has the type of its column. */
#include "model.h"

hf_status postpone(hf_session *s);

hf_status postpone(hf_session *s)
{
#ifdef MISTAKE
	return hf_update_where(s, task, NULL, HF_SETS(HF_SET(task, created, 0)), HF_ALL);
#else
	hf_timestamptz epoch = { 0 };

	return hf_update_where(s, task, NULL, HF_SETS(HF_SET(task, created, epoch)), HF_ALL);
#endif
}
