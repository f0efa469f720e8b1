/* expect: type .struct person \*\*. (is )?not compatible */
/* rows: K4 */
/* A task is read into a pointer to a task. */
#include "model.h"

hf_status read_one(hf_session *s, struct person **p, struct task **t);

hf_status read_one(hf_session *s, struct person **p, struct task **t)
{
#ifdef MISTAKE
	(void)t;
	return hf_get(s, task, p, HF_EQ(task, id, 7));
#else
	(void)p;
	return hf_get(s, task, t, HF_EQ(task, id, 7));
#endif
}
