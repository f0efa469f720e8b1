/* expect: type 'struct seat' (is )?not compatible */
/* A struct of one's own is no value. */
#include <holdfast.h>

struct seat {
	int row, number;
};

hf_future *find(hf_pool *pool, struct seat s);

hf_future *find(hf_pool *pool, struct seat s)
{
#ifdef MISTAKE
	return hf_query(pool, "select * from seat where id = $1", s);
#else
	return hf_query(pool, "select * from seat where row = $1 and number = $2", s.row, s.number);
#endif
}
