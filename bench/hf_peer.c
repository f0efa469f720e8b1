/* SPDX-License-Identifier: MIT */
/* hf-peer WORKLOAD: the ordinary pool, through futures, from one submitting thread. */
#include "hf.h"

#include <string.h>

static hf_future *point(hf_pool *p, uint64_t *seed, int aid)
{
	(void)seed;
	return hf_query(p, BENCH_POINT, aid);
}

static hf_future *update(hf_pool *p, uint64_t *seed, int aid)
{
	return hf_query(p, BENCH_UPDATE, bench_delta(seed), aid);
}

static void run(struct bench *b, hf_pool *p)
{
	if (strcmp(b->workload, "update") == 0)
		bench_flight(b, p, update, NULL);
	else if (strcmp(b->workload, "tx") == 0)
		bench_tx(b, p);
	else if (strcmp(b->workload, "load") == 0)
		bench_load_query(b, p);
	else if (strcmp(b->workload, "insert") == 0)
		bench_insert_copy(b, p);
	else
		bench_flight(b, p, point, bench_take_account);
}

int main(int argc, char **argv)
{
	struct bench b;
	hf_pool *p;

	if (argc > 1 && strcmp(argv[1], "notify") == 0)
		return bench_notify("hf-peer", false);
	if (argc > 1 && strcmp(argv[1], "deliver") == 0)
		return bench_delivery("hf-peer");
	if (argc > 1 && strncmp(argv[1], "orm_", 4) == 0)
		return bench_orm("hf-peer", argv[1]);
	if (!bench_init(&b, "hf-peer", argc, argv))
		return BENCH_SKIP;
	b.version = hf_version();
	p = bench_pool(&b, "options='-c synchronous_commit=off'", (hf_pool_opts){ 0 });
	run(&b, p);
	bench_pool_end(p);
	bench_print(&b);
	return 0;
}
