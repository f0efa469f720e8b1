/* expect: type 'struct seat' (is )?not compatible */
/* A struct of one's own is no value. */
#include <holdfast.h>

struct seat {
	int row, number;
};

hf_future *find(hf_pool *pool, struct seat s);

hf_future *find(hf_pool *pool, struct seat s)
{
	return hf_query(pool, "select * from seat where id = $1", s);
}
