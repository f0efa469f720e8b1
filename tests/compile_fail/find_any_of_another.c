/* expect: incompatible.pointer.type */
/* rows: K4 */
/* A list of texts for a number. */
#include "model.h"

hf_status find(hf_session *s, hf_rows **out);

hf_status find(hf_session *s, hf_rows **out)
{
#ifdef MISTAKE
	static const char *const names[] = { "Ann" };

	return hf_select(s, task, out, HF_WHERE(HF_ANY(task, id, &HF_ARRAY(text, names, 1))));
#else
	static const int32_t ids[] = { 7 };

	return hf_select(s, task, out, HF_WHERE(HF_ANY(task, id, &HF_ARRAY(int4, ids, 1))));
#endif
}
