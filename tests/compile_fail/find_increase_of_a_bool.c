/* expect: holdfast: task.done is no number: it cannot be added up */
/* rows: K4 */
/* A bool is not increased. */
#include "model.h"

hf_status find(hf_session *s, hf_rows **out);

hf_status find(hf_session *s, hf_rows **out)
{
#ifdef MISTAKE
	(void)out;
	return hf_update_where(s, task, NULL, HF_SETS(HF_INCREASE(task, done, true)), HF_ALL);
#else
	(void)out;
	return hf_update_where(s, task, NULL, HF_SETS(HF_INCREASE(task, id, 1)), HF_ALL);
#endif
}
