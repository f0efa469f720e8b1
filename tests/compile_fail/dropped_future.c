/* expect: unused-result */
/* Nobody would ever learn how it ended. */
#include <holdfast.h>

void forget(hf_pool *pool);

void forget(hf_pool *pool)
{
#ifdef MISTAKE
	hf_query(pool, "delete from session where expires < now()");
#else
	hf_future_unref(hf_query(pool, "delete from session where expires < now()"));
#endif
}
