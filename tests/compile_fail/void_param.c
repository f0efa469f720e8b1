/* expect: type 'void \*' (is )?not compatible */
/* A pointer to anything has no SQL type. */
#include <holdfast.h>

hf_future *find(hf_pool *pool, void *key);

hf_future *find(hf_pool *pool, void *key)
{
#ifdef MISTAKE
	return hf_query(pool, "select * from seat where id = $1", key);
#else
	return hf_query(pool, "select * from seat where id = $1", *(int *)key);
#endif
}
