/* expect: no member named 'owner' */
/* rows: K4 */
/* An index on a column that is not there. */
#include "model.h"

extern const hf_index task_indexes[1];
const hf_index task_indexes[1] = {
#ifdef MISTAKE
	HF_INDEX_ON(HF_C(task, owner), HF_C(task, done)),
#else
	HF_INDEX_ON(HF_C(task, owner_id), HF_C(task, done)),
#endif
};
