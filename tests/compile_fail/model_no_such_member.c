/* expect: no member named 'subject' */
/* rows: K4 */
/* The member was renamed, its column was not. */
#include <holdfast.h>

struct task {
	int32_t id;
#ifdef MISTAKE
	const char *subjects;
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
