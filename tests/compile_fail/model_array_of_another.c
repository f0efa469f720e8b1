/* expect: holdfast: the C type of task.labels does not fit NOT_NULL ARRAY\(TEXT\) */
/* rows: K4 */
/* An array of int8 for one of texts. */
#include <holdfast.h>

struct task {
	int32_t id;
#ifdef MISTAKE
	hf_int8_array labels;
#else
	hf_text_array labels;
#endif
};

extern const hf_table task_table;
static const hf_column task_columns[] = {
	HF_COLUMN(task, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(task, labels, ARRAY(TEXT), NOT_NULL, HF_PLAIN),
};
HF_TABLE(task, .name = "task");
