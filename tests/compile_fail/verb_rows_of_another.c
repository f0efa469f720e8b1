/* expect: incompatible-pointer-types */
/* rows: K4 */
/* Rows of tasks are no array of persons. */
#include "model.h"

struct task *tasks_of(hf_rows *rows);

struct task *tasks_of(hf_rows *rows)
{
#ifdef MISTAKE
	return HF_ROWS(person, rows);
#else
	return HF_ROWS(task, rows);
#endif
}
