/* expect: holdfast: the C type of task.created does not fit NOT_NULL TIMESTAMPTZ */
/* rows: K4 */
/* A time without a zone is not one with. */
#include <holdfast.h>

struct task {
	int32_t id;
#ifdef MISTAKE
	hf_timestamp created;
#else
	hf_timestamptz created;
#endif
};

extern const hf_table task_table;
static const hf_column task_columns[] = {
	HF_COLUMN(task, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(task, created, TIMESTAMPTZ, NOT_NULL, HF_PLAIN),
};
HF_TABLE(task, .name = "task");
