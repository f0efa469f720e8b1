/* SPDX-License-Identifier: MIT */
/* The same 10,000 lookups three ways: each waited for before the next is asked, many under way at a
 * time, and many under way that may only read.
 *
 *     cc lookups.c $(pkg-config --cflags --libs holdfast) && ./a.out "postgresql:///mydb" */
#include <holdfast.h>

#include <inttypes.h>
#include <stdio.h>

#define N      10000
#define WINDOW 200 /* under way at a time: no more than the queue has room for */

static const char lookup[] = "select price from shelf where item = $1";

static int64_t price_in(const hf_result *res)
{
	return hf_row_int8(hf_result_row(res, 0), 0, 0);
}

/* hf_fetch submits and waits; where a connection is idle, this thread talks to the server itself.
 */
static hf_status one_by_one(hf_pool *pool, int64_t *sum, hf_error **why)
{
	hf_status st = HF_OK;

	for (int item = 1; item <= N && st == HF_OK; item++) {
		hf_result *res;

		st = hf_fetch(pool, &res, why, lookup, item);
		if (st == HF_OK)
			*sum += price_in(res);
		hf_result_unref(res);
	}
	return st;
}

/* Waits for it and lets it go; keeps the first story of a failure. */
static hf_status take(hf_future *f, int64_t *sum, hf_error **why)
{
	const hf_result *res;
	hf_status st = hf_future_get(f, &res);

	if (st == HF_OK)
		*sum += price_in(res);
	else if (!*why)
		*why = hf_error_ref(hf_future_error(f));
	hf_future_unref(f);
	return st;
}

/* A ring of futures: the oldest is taken before the next is submitted. */
static hf_status many(hf_pool *pool, const hf_query_opts *opts, int64_t *sum, hf_error **why)
{
	hf_future *fs[WINDOW];
	hf_status st = HF_OK;
	int asked = 0, taken = 0;

	while (taken < asked || (asked < N && st == HF_OK)) {
		hf_status got = HF_OK;

		if (asked - taken == WINDOW || asked == N || st != HF_OK)
			got = take(fs[taken++ % WINDOW], sum, why);
		if (st == HF_OK)
			st = got;
		if (st == HF_OK && asked < N) {
			fs[asked % WINDOW] = hf_query_with(pool, opts, lookup, asked + 1);
			asked++;
		}
	}
	return st;
}

static hf_status futures(hf_pool *pool, int64_t *sum, hf_error **why)
{
	return many(pool, NULL, sum, why);
}

static hf_status reads(hf_pool *pool, int64_t *sum, hf_error **why)
{
	return many(pool, HF_QUERY_OPTS(.read_only = true), sum, why);
}

typedef hf_status way(hf_pool *pool, int64_t *sum, hf_error **why);

static hf_status measure(hf_pool *pool, const char *name, way *run, hf_error **why)
{
	hf_pool_stats was = { .struct_size = sizeof was }, is = { .struct_size = sizeof is };
	int64_t sum = 0, began = hf_now_ns(), took;
	hf_status st;

	hf_pool_get_stats(pool, &was);
	st = run(pool, &sum, why);
	took = hf_now_ns() - began;
	hf_pool_get_stats(pool, &is);
	if (st == HF_OK)
		printf("%-12s %" PRId64 ", %.0f per second; %" PRIu64
		       " run by the waiting thread, %" PRIu64 " travelled together, %" PRIu64
		       " in the fast lane\n",
			name, sum, N * 1e9 / (double)took, is.borrowed - was.borrowed,
			is.pipelined - was.pipelined, is.fast_lane - was.fast_lane);
	return st;
}

int main(int argc, char **argv)
{
	hf_pool *pool = NULL;
	hf_error *why = NULL;
	hf_status st;

	st = hf_pool_open(argc > 1 ? argv[1] : "", HF_POOL_OPTS(.max_conns = 4), &pool, &why);
	if (st == HF_OK)
		st = hf_await(hf_script(pool,
				      "drop table if exists shelf;"
				      "create table shelf (item int primary key, price int);"
				      "insert into shelf select i, i * 7 from "
				      "generate_series(1, $1::int) i",
				      N),
			&why);
	if (st == HF_OK)
		st = measure(pool, "one by one:", one_by_one, &why);
	if (st == HF_OK)
		st = measure(pool, "futures:", futures, &why);
	if (st == HF_OK)
		st = measure(pool, "reads:", reads, &why);
	if (st == HF_OK)
		st = hf_fetch(pool, NULL, &why, "drop table shelf");
	if (st != HF_OK)
		fprintf(stderr, "%s\n", hf_error_message(why));
	hf_error_unref(why);
	hf_pool_close(pool, 0);
	hf_pool_unref(pool);
	return st == HF_OK ? 0 : 1;
}
