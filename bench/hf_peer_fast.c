/* SPDX-License-Identifier: MIT */
/* hf-peer-fast WORKLOAD: what a program may have on top. ping without a hand-over between threads,
 * point on a pool that only reads. */
#include "hf.h"

#include <string.h>

static hf_future *point(hf_pool *p, uint64_t *seed, int aid)
{
	(void)seed;
	return hf_query(p, BENCH_POINT, aid);
}

int main(int argc, char **argv)
{
	struct bench b;
	hf_pool *p;

	if (!bench_init(&b, "hf-peer-fast", argc, argv))
		return BENCH_SKIP;
	if (strcmp(b.workload, "point") != 0)
		return BENCH_SKIP;
	b.version = hf_version();
	p = bench_pool(&b, "", (hf_pool_opts){ .read_only = true });
	bench_flight(&b, p, point, bench_take_account);
	bench_pool_end(p);
	bench_print(&b);
	return 0;
}
