/* expect: max_cons */
/* A misspelt option is an error, not a default. */
#include <holdfast.h>

hf_status open_shop(hf_pool **out);

hf_status open_shop(hf_pool **out)
{
#ifdef MISTAKE
	return hf_pool_open("dbname=shop", HF_POOL_OPTS(.max_cons = 3), out, NULL);
#else
	return hf_pool_open("dbname=shop", HF_POOL_OPTS(.max_conns = 3), out, NULL);
#endif
}
