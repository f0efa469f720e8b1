/* expect: HF__NULL_ */
/* rows: K4 */
/* Whether a column may be NULL is always written. */
#include <holdfast.h>

struct task {
	int32_t id;
	const char *note;
};

extern const hf_table task_table;
static const hf_column task_columns[] = {
	HF_COLUMN(task, id, INT4, NOT_NULL, HF_PK),
#ifdef MISTAKE
	HF_COLUMN(task, note, TEXT, HF_PLAIN, HF_HIDDEN),
#else
	HF_COLUMN(task, note, TEXT, NULLABLE, HF_HIDDEN),
#endif
};
HF_TABLE(task, .name = "task");
