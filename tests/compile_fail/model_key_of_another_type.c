/* expect: holdfast: task.owner_id and person.name are of types that do not compare */
/* rows: K4 */
/* A foreign key from a number to a text. */
#include "model.h"

extern const hf_foreign_key task_key;
#ifdef MISTAKE
const hf_foreign_key task_key =
	HF_FOREIGN_KEY(task, owner_id, person, name, .on_delete = HF_CASCADE);
#else
const hf_foreign_key task_key = HF_FOREIGN_KEY(task, owner_id, person, id, .on_delete = HF_CASCADE);
#endif
