/* expect: no member named 'uid' */
/* rows: K4 */
/* A foreign key to a column that is not there. */
#include <holdfast.h>

struct person {
	int32_t id;
};
struct task {
	int32_t id, owner_id;
};

extern const hf_table person_table, task_table;
static const hf_column task_columns[] = {
	HF_COLUMN(task, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(task, owner_id, INT4, NOT_NULL, HF_PLAIN),
};
static const hf_foreign_key task_keys[] = {
#ifdef MISTAKE
	HF_FOREIGN_KEY(task, owner_id, person, uid, .on_delete = HF_CASCADE),
#else
	HF_FOREIGN_KEY(task, owner_id, person, id, .on_delete = HF_CASCADE),
#endif
};
HF_TABLE(task, .foreign_keys = task_keys, .n_foreign_keys = HF_COUNT(task_keys));
