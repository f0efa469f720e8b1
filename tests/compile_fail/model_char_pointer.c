/* expect: holdfast: the C type of task.subject does not fit NOT_NULL TEXT */
/* rows: K4 */
/* Text is not changed in place: the member is a const char *. */
#include <holdfast.h>

struct task {
	int32_t id;
#ifdef MISTAKE
	char *subject;
#else
	const char *subject;
#endif
};

extern const hf_table task_table;
static const hf_column task_columns[] = {
	HF_COLUMN(task, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(task, subject, TEXT, NOT_NULL, HF_PLAIN),
};
HF_TABLE(task, .name = "task");
