/* expect: HF_ERROR_more_than_32_arguments */
/* One argument more than there is room for. */
#include <holdfast.h>

hf_future *many(hf_pool *pool);

hf_future *many(hf_pool *pool)
{
#ifdef MISTAKE
	return hf_query(pool, "select 1", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
		18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33);
#else
	return hf_query(pool, "select 1", 1, 2, 3);
#endif
}
