/* expect: Werror.*(conversion|shorten-64-to-32)\] */
/* rows: K4 */
/* An int8 for an int4 column: with -Wconversion the compiler tells. */
#include "model.h"

#pragma GCC diagnostic error "-Wconversion"

hf_status find(hf_session *s, hf_rows **out, int64_t id);

hf_status find(hf_session *s, hf_rows **out, int64_t id)
{
#ifdef MISTAKE
	return hf_select(s, task, out, HF_WHERE(HF_EQ(task, id, id)));
#else
	return hf_select(s, task, out, HF_WHERE(HF_EQ(task, id, (int32_t)id)));
#endif
}
