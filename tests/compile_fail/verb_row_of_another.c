/* expect: type .struct person \*. (is )?not compatible */
/* rows: K4 */
/* A person is no task. */
#include "model.h"

hf_status add(hf_session *s, struct person *p, struct task *t);

hf_status add(hf_session *s, struct person *p, struct task *t)
{
#ifdef MISTAKE
	(void)t;
	return hf_insert(s, task, p);
#else
	(void)p;
	return hf_insert(s, task, t);
#endif
}
