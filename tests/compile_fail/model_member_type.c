/* expect: holdfast: the C type of task.owner_id does not fit NOT_NULL INT4 */
/* rows: K4 */
/* An int8 member for an int4 column. */
#include <holdfast.h>

struct task {
#ifdef MISTAKE
	int64_t owner_id;
#else
	int32_t owner_id;
#endif
};

extern const hf_table task_table;
static const hf_column task_columns[] = {
	HF_COLUMN(task, owner_id, INT4, NOT_NULL, HF_PK),
};
HF_TABLE(task, .name = "task");
