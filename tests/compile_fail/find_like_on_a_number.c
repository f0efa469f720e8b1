/* expect: holdfast: this needs a text column, task.id is none */
/* rows: K4 */
/* LIKE is for text. */
#include "model.h"

hf_status find(hf_session *s, hf_rows **out);

hf_status find(hf_session *s, hf_rows **out)
{
#ifdef MISTAKE
	return hf_select(s, task, out, HF_WHERE(HF_LIKE(task, id, "7%")));
#else
	return hf_select(s, task, out, HF_WHERE(HF_LIKE(task, subject, "7%")));
#endif
}
