/* SPDX-License-Identifier: MIT */
/* hf-peer-fast WORKLOAD: what the library has on top of futures and of a transaction per query:
 * ping by hf_fetch, point on a pool that only reads, load by COPY, notify with a statement per
 * transaction. */
#include "hf.h"

#include <string.h>

static void ping(hf_pool *p, int aid)
{
	hf_result *res;
	hf_error *why;

	if (hf_fetch(p, &res, &why, BENCH_POINT, aid) != HF_OK)
		bench_hf_die("hf_fetch", why);
	bench_take_account(res, aid);
	hf_result_unref(res);
}

static void pings(struct bench *b, hf_pool *p)
{
	uint64_t seed = bench_seed(0);

	bench_laps(b);
	for (long i = 0; i < b->warmup; i++)
		ping(p, bench_aid(&seed));
	bench_begin(b);
	for (long i = 0; i < b->ops; i++) {
		int64_t since_ns = bench_now_ns();

		ping(p, bench_aid(&seed));
		bench_lap(b, i, since_ns);
	}
	bench_end(b);
}

static hf_future *point(hf_pool *p, uint64_t *seed, int aid)
{
	(void)seed;
	return hf_query(p, BENCH_POINT, aid);
}

static void run_ping(struct bench *b)
{
	hf_pool *p = bench_pool(b, "", (hf_pool_opts){ 0 });

	pings(b, p);
	bench_pool_end(p);
}

static void run_point(struct bench *b)
{
	hf_pool *p = bench_pool(b, "", (hf_pool_opts){ .read_only = true });

	bench_flight(b, p, point, bench_take_account);
	bench_pool_end(p);
}

static void run_load(struct bench *b)
{
	hf_pool *p = bench_pool(b, "", (hf_pool_opts){ 0 });

	bench_load_copy(b, p);
	bench_pool_end(p);
}

int main(int argc, char **argv)
{
	struct bench b;
	void (*run)(struct bench *) = NULL;

	if (argc > 1 && strcmp(argv[1], "notify") == 0)
		return bench_notify("hf-peer-fast", true);
	if (!bench_init(&b, "hf-peer-fast", argc, argv))
		return BENCH_SKIP;
	if (strcmp(b.workload, "ping") == 0)
		run = run_ping;
	else if (strcmp(b.workload, "point") == 0)
		run = run_point;
	else if (strcmp(b.workload, "load") == 0)
		run = run_load;
	if (!run)
		return BENCH_SKIP;
	b.version = hf_version();
	run(&b);
	bench_print(&b);
	return 0;
}
