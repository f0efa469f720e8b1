/* expect: holdfast: the C type of task.due does not fit NOT_NULL DATE */
/* rows: K4 */
/* A column that cannot be NULL, and a member that can. */
#include <holdfast.h>

struct task {
	int32_t id;
#ifdef MISTAKE
	hf_date_opt due;
#else
	hf_date due;
#endif
};

extern const hf_table task_table;
static const hf_column task_columns[] = {
	HF_COLUMN(task, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(task, due, DATE, NOT_NULL, HF_PLAIN),
};
HF_TABLE(task, .name = "task");
