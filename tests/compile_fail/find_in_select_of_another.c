/* expect: holdfast: task.owner_id and person.name are of types that do not compare */
/* rows: K4 */
/* A number among texts. */
#include "model.h"

hf_status find(hf_session *s, hf_rows **out);

hf_status find(hf_session *s, hf_rows **out)
{
#ifdef MISTAKE
	return hf_select(s, task, out,
		HF_WHERE(HF_IN_SELECT(task, owner_id, person, name, HF_EQ(person, id, 7))));
#else
	return hf_select(s, task, out,
		HF_WHERE(HF_IN_SELECT(task, owner_id, person, id, HF_EQ(person, id, 7))));
#endif
}
