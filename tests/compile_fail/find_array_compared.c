/* expect: type .(struct )?hf_text_array.* not compatible */
/* rows: K4 */
/* An array column has no single value to compare it with. */
#include "model.h"

hf_status find(hf_session *s, hf_rows **out);

hf_status find(hf_session *s, hf_rows **out)
{
#ifdef MISTAKE
	return hf_select(s, task, out, HF_WHERE(HF_EQ(task, labels, "urgent")));
#else
	return hf_select(s, task, out, HF_WHERE(HF_SQL_TERM("$1 = any(labels)", "urgent")));
#endif
}
