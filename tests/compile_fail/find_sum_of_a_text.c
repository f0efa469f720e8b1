/* expect: holdfast: task.subject is no number: it cannot be added up */
/* rows: K4 */
/* The sum of texts. */
#include "model.h"

hf_status find(hf_session *s, hf_rows **out);

hf_status find(hf_session *s, hf_rows **out)
{
#ifdef MISTAKE
	int64_t n;

	(void)out;
	return hf_scalar(s, task, &n, HF_SUM(task, subject), HF_ALL);
#else
	int64_t n;

	(void)out;
	return hf_scalar(s, task, &n, HF_SUM(task, id), HF_ALL);
#endif
}
