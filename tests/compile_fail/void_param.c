/* expect: type 'void \*' (is )?not compatible */
/* A pointer to anything has no SQL type. */
#include <holdfast.h>

hf_future *find(hf_pool *pool, void *key);

hf_future *find(hf_pool *pool, void *key)
{
	return hf_query(pool, "select * from seat where id = $1", key);
}
