/* expect: expected expression */
/* rows: K4 */
/* To delete everything is a word of its own, not the lack of one. */
#include "model.h"

hf_status clear(hf_session *s);

hf_status clear(hf_session *s)
{
#ifdef MISTAKE
	return hf_delete_where(s, task, NULL);
#else
	return hf_delete_where(s, task, NULL, HF_ALL);
#endif
}
