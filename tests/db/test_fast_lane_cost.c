/* SPDX-License-Identifier: MIT */
/* What reads cost in the fast lane, beside pipelining written by hand with a Sync for each:
 * transactions and sends, which are the same on any machine, and time with a wide margin. How far
 * it really is ahead is told by docs/performance.md. */
#include "cost.h"
#include "pipeline.h"

#include <endian.h>
#include <stdio.h>

#define N   320 /* reads of a round */
#define ALL (N * T_ROUNDS)

/* The best of the rounds may take that many times what pipelining by hand takes. It takes 0.4 to
 * 0.8 times as long: half of a short read is the server's work for its Sync. The margin is for
 * machines where the two threads of the library hardly ever run at a time; with each CPU given to
 * five others it was 2.0 once in twenty. What is added is for servers on another CPU than their
 * client, where a wake-up takes 80 us. A sanitizer slows the library, and not libpq. */
#define MARGIN    (4.0 * t_slow())
#define MARGIN_US 30

/* So many reads share a transaction at least, on the average. The depth is 32, and the worker takes
 * more when half of that has come back. */
#define SHARE 12

/* --- by hand --- */

static PGresult *next(PGconn *c, ExecStatusType want)
{
	PGresult *r = PQgetResult(c);

	if (!r) /* the end of one read's results */
		r = PQgetResult(c);
	if (PQresultStatus(r) != want)
		ck_abort_msg("libpq: %s", PQerrorMessage(c));
	return r;
}

static void by_hand(void *c, int n)
{
	static const int length = 4, format = 1;

	for (int i = 1; i <= n; i++) {
		uint32_t v = htobe32((uint32_t)i);
		const char *value = (const char *)&v;

		ck_assert_int_eq(PQsendQueryPrepared(c, "q", 1, &value, &length, &format, 1), 1);
		ck_assert_int_eq(PQpipelineSync(c), 1);
	}
	for (int i = 1; i <= n; i++) {
		PGresult *r = next(c, PGRES_TUPLES_OK);

		t_direct_expect(r, i);
		PQclear(r);
		PQclear(next(c, PGRES_PIPELINE_SYNC));
	}
}

/* --- through a pool --- */

static void by_pool(void *p, int n)
{
	hf_future *f[N];
	struct t_dam dam;

	t_dam_shut(&dam, p);
	for (int i = 0; i < n; i++)
		f[i] = hf_query(p, T_LOOKUP, i + 1);
	t_dam_open(&dam);
	for (int i = 0; i < n; i++) {
		const hf_result *res;

		if (hf_future_get(f[i], &res) != HF_OK)
			ck_abort_msg("read: %s", hf_error_message(hf_future_error(f[i])));
		t_expect_lookup(res, i + 1);
		hf_future_unref(f[i]);
	}
}

START_TEST(test_cost)
{
	hf_pool *fast, *plain;
	long long of_fast, of_plain, of_hand;
	PGconn *c;

	t_lookups();
	fast = t_group_pool();
	plain = t_pipe_pool(T_DEPTH);
	c = t_direct();
	by_pool(fast, N);
	by_pool(plain, N);
	of_fast = t_pool_transactions(fast);
	of_plain = t_pool_transactions(plain);
	of_hand = t_direct_transactions(c);
	ck_assert_int_eq(PQenterPipelineMode(c), 1);
	{
		struct t_way ways[] = { { .name = "by hand", .run = by_hand, .arg = c },
			{ .name = "fast lane", .run = by_pool, .arg = fast },
			{ .name = "a Sync each", .run = by_pool, .arg = plain } };
		uint64_t in_lane = t_stats(fast).fast_lane;

		t_compare(ways, 3, N);
		ck_assert_uint_eq(t_stats(fast).fast_lane - in_lane, ALL);
		ck_assert_uint_eq(t_stats(plain).fast_lane, 0);
		ck_assert_int_eq(PQexitPipelineMode(c), 1);
		of_fast = t_pool_transactions(fast) - of_fast - 1;
		of_plain = t_pool_transactions(plain) - of_plain - 1;
		of_hand = t_direct_transactions(c) - of_hand - 1;
		printf("# transactions of %d reads: %lld by hand, %lld in the fast lane, "
		       "%lld with a Sync each\n",
			ALL, of_hand, of_fast, of_plain);
		/* One each, but for the fast lane, where those that travel together share one. */
		ck_assert_int_eq(of_hand, ALL);
		ck_assert_int_eq(of_plain, ALL);
		ck_assert_int_le(of_fast, ALL / SHARE);
		ck_assert_int_le(ways[1].sends, ALL / SHARE);
		ck_assert_double_le(t_best(ways[1].us), MARGIN * t_best(ways[0].us) + MARGIN_US);
	}
	PQfinish(c);
	t_close(fast);
	t_close(plain);
}
END_TEST

T_MAIN("fast_lane_cost",
	{ "K6 reads that travel together share a transaction and a send", test_cost, 0 })
