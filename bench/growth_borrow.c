/* SPDX-License-Identifier: MIT */
/* Whether borrowing slows a pool that has enough to do: the same queries by hf_fetch, which borrows
 * where it can, and by a future that never does: what frees its argument is to run on a worker. The
 * two alternate. */
#include "growth.h"

#include <stdio.h>
#include <sys/resource.h>

#define SHORT   "select $1::int4"
#define ROUNDS  6
#define EACH    10000 /* queries of a round, over all callers */
#define LOAD    30000 /* of a load beside them */
#define CALLERS 64

struct way {
	bool borrows;
	double wall_us, cpu_us, wakeups, switches, borrowed; /* sums over the rounds, per query */
};

struct caller {
	pthread_t thread;
	hf_pool *p;
	bool borrows;
	long n;
};

static void fetch_one(hf_pool *p, int id)
{
	hf_result *res;
	hf_error *why;

	if (hf_fetch(p, &res, &why, SHORT, id) != HF_OK)
		bench_hf_die("fetch", why);
	bench_take_id(res, id);
	hf_result_unref(res);
}

static void free_nothing(void *arg)
{
	(void)arg;
}

static void hand_one_over(hf_pool *p, int id)
{
	hf_future *f =
		hf_query_with(p, HF_QUERY_OPTS(.arg = p, .free_arg = free_nothing), SHORT, id);
	const hf_result *res;

	if (hf_future_get(f, &res) != HF_OK)
		bench_hf_die("query", hf_future_error(f));
	bench_take_id(res, id);
	hf_future_unref(f);
}

static void *call(void *arg)
{
	struct caller *c = arg;

	for (long i = 0; i < c->n; i++) {
		if (c->borrows)
			fetch_one(c->p, (int)i);
		else
			hand_one_over(c->p, (int)i);
	}
	return NULL;
}

static void start(struct caller *cs, int n, const struct caller *like)
{
	for (int i = 0; i < n; i++) {
		cs[i] = *like;
		if (pthread_create(&cs[i].thread, NULL, call, &cs[i]) != 0)
			bench_die("no thread");
	}
}

static void join(struct caller *cs, int n)
{
	for (int i = 0; i < n; i++)
		pthread_join(cs[i].thread, NULL);
}

static hf_future *ask(hf_pool *p, uint64_t *seed, int id)
{
	(void)seed;
	return hf_query(p, SHORT, id);
}

/* A round: the callers and, where there is a load, BENCH_FLIGHT under way beside them from this
 * thread. How many queries that were. Each caller has so many that all end at about the same time.
 */
static long run_callers(hf_pool *p, int callers, long load, bool borrows)
{
	long each = load ? load / 100 : EACH / callers;
	struct caller cs[CALLERS];

	start(cs, callers, &(struct caller){ .p = p, .borrows = borrows, .n = each });
	bench_fly(&(struct bench){ .flight = BENCH_FLIGHT }, p, ask, bench_take_id, load);
	join(cs, callers);
	return load + each * callers;
}

static void one_round(hf_pool *p, int callers, long load, struct way *w)
{
	struct bench b = { 0 };
	hf_pool_stats was = growth_stats(p), is;
	struct rusage u0, u1;
	long n;

	getrusage(RUSAGE_SELF, &u0);
	bench_begin(&b);
	n = run_callers(p, callers, load, w->borrows);
	bench_end(&b);
	getrusage(RUSAGE_SELF, &u1);
	is = growth_stats(p);
	w->wall_us += (double)b.took_ns / 1e3 / (double)n;
	w->cpu_us += (double)b.cpu_ns / 1e3 / (double)n;
	w->wakeups += growth_each(is.wakeups, was.wakeups, n);
	w->borrowed += growth_each(is.borrowed, was.borrowed, n);
	w->switches += (double)(u1.ru_nvcsw - u0.ru_nvcsw) / (double)n;
}

static void print_way(int callers, const struct way *w)
{
	printf("  %10d %12s %12.2f %12.2f %9.1f%% %12.4f %12.4f\n", callers,
		w->borrows ? "hf_fetch" : "future", w->wall_us / ROUNDS, w->cpu_us / ROUNDS,
		100 * w->borrowed / ROUNDS, w->wakeups / ROUNDS, w->switches / ROUNDS);
	fflush(stdout);
}

static void compare(hf_pool *p, int callers, long load)
{
	struct way ways[2] = { { .borrows = false }, { .borrows = true } };

	one_round(p, callers, load, &(struct way){ .borrows = true });
	for (int r = 0; r < ROUNDS; r++) {
		one_round(p, callers, load, &ways[r % 2]);
		one_round(p, callers, load, &ways[1 - r % 2]);
	}
	print_way(callers, &ways[0]);
	print_way(callers, &ways[1]);
}

static void header(const char *what)
{
	printf("\n%s\n\n  %10s %12s %12s %12s %10s %12s %12s\n", what, "callers", "", "wall us/op",
		"CPU us/op", "borrowed", "wake-ups/op", "switches/op");
}

void growth_borrowing(void)
{
	hf_pool *p = bench_open(BENCH_CONNS, (hf_pool_opts){ 0 });

	header("borrowing: callers that ask one by one, 4 connections; hf_fetch borrows, a future "
	       "with a limit of time does not");
	for (int n = 1; n <= CALLERS; n *= 2)
		compare(p, n, 0);
	header("the same beside a load of 256 under way; figures of all queries together");
	for (int n = 1; n <= CALLERS; n *= 2)
		compare(p, n, LOAD);
	bench_pool_end(p);
}
