/* expect: holdfast: the C type of task.owner_id does not fit NULLABLE INT4 */
/* rows: K4 */
/* A column that may be NULL, and a member that cannot say so. */
#include <holdfast.h>

struct task {
	int32_t id;
#ifdef MISTAKE
	int32_t owner_id;
#else
	hf_int4_opt owner_id;
#endif
};

extern const hf_table task_table;
static const hf_column task_columns[] = {
	HF_COLUMN(task, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(task, owner_id, INT4, NULLABLE, HF_PLAIN),
};
HF_TABLE(task, .name = "task");
