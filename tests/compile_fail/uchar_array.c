/* expect: type 'unsigned char \*' (is )?not compatible */
/* Bytes need a length: hf_blob. */
#include <holdfast.h>

hf_future *find(hf_pool *pool);

hf_future *find(hf_pool *pool)
{
	unsigned char digest[16] = { 0 };

#ifdef MISTAKE
	return hf_query(pool, "select * from file where digest = $1", digest);
#else
	return hf_query(
		pool, "select * from file where digest = $1", hf_blob(digest, sizeof digest));
#endif
}
