/* expect: no member named 'title' */
/* rows: K4 */
/* An order by a column that is not there. */
#include "model.h"

hf_status find(hf_session *s, hf_rows **out);

hf_status find(hf_session *s, hf_rows **out)
{
#ifdef MISTAKE
	return hf_select(s, task, out, HF_ORDER(HF_DESC(task, title)));
#else
	return hf_select(s, task, out, HF_ORDER(HF_DESC(task, subject)));
#endif
}
