/* expect: holdfast: task.owner_id and person.name are of types that do not compare */
/* rows: K4 */
/* A join along a number and a text. */
#include "model.h"

hf_status find(hf_session *s, hf_rows **out);

hf_status find(hf_session *s, hf_rows **out)
{
#ifdef MISTAKE
	return hf_select(s, task, out, HF_JOIN(task, owner_id, person, name));
#else
	return hf_select(s, task, out, HF_JOIN(task, owner_id, person, id));
#endif
}
