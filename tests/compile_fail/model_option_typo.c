/* expect: (no member named|field designator) .foreign_key. */
/* rows: K4 */
/* A misspelt option of a table is an error, not nothing. */
#include <holdfast.h>

struct task {
	int32_t id;
};

extern const hf_table task_table;
static const hf_column task_columns[] = {
	HF_COLUMN(task, id, INT4, NOT_NULL, HF_PK),
};
#ifdef MISTAKE
HF_TABLE(task, .foreign_key = NULL);
#else
HF_TABLE(task, .foreign_keys = NULL);
#endif
