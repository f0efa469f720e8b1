/* expect: unused-result */
/* rows: K4 */
/* Whether a row was stored is somebody's affair. */
#include "model.h"

hf_status add(hf_session *s, struct task *t);

hf_status add(hf_session *s, struct task *t)
{
#ifdef MISTAKE
	hf_insert(s, task, t);
	return HF_OK;
#else
	return hf_insert(s, task, t);
#endif
}
