/* expect: HF__TI_INTEGER4. */
/* rows: K4 */
/* There is no type INTEGER4. */
#include <holdfast.h>

struct task {
	int32_t id;
};

extern const hf_table task_table;
static const hf_column task_columns[] = {
#ifdef MISTAKE
	HF_COLUMN(task, id, INTEGER4, NOT_NULL, HF_PK),
#else
	HF_COLUMN(task, id, INT4, NOT_NULL, HF_PK),
#endif
};
HF_TABLE(task, .name = "task");
