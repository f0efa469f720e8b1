/* SPDX-License-Identifier: MIT */
/* The link is cut at each byte of a member of a batch, in both directions: what is then said of
 * each member agrees with the table, and what had not been sent runs by itself. */
#include "pipeline.h"
#include "proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N        6
#define FIRST_ID 100000000 /* all of one length */
#define MOST     20000
#define ALL      100000 /* of the bytes of a request or an answer */

static struct {
	hf_pool *pool;
	int depth, rounds, n_of[3];
	unsigned char claim[MOST]; /* by id - FIRST_ID */
} c;

static hf_pool *proxied(int depth)
{
	return t_pool_on(
		t_proxy_dsn(), HF_POOL_OPTS(.max_conns = 1, .max_pipeline = depth,
				       .max_queue = HF_FOREVER, .max_statements = HF_NONE));
}

/* After a whole answer its loss may have gone unnoticed: a batch on the dead link would never meet
 * what is armed for it. */
static void await_link(void)
{
	while (hf_await(hf_query(c.pool, "select 1"), NULL) != HF_OK)
		;
}

static hf_future *submit(int id, bool reads)
{
	if (reads)
		return hf_query_with(
			c.pool, HF_QUERY_OPTS(.read_only = true), "select $1::int", id);
	return hf_query(c.pool, "insert into cuts values ($1) returning id", id);
}

/* OK with the right answer, or lost, and then one of the two. */
/* One batch, whose member k meets `act` at byte n. */
static struct t_exchange cut(int k, enum t_proxy_act act, size_t n, bool reads)
{
	int first = FIRST_ID + c.rounds++ * N;
	hf_future *f[N];
	enum t_claim claim[N];
	struct t_exchange seen;
	struct t_dam dam;
	char trigger[20];

	ck_assert_int_lt(c.rounds * N, MOST);
	snprintf(trigger, sizeof trigger, "%d", first + k);
	await_link();
	t_dam_shut(&dam, c.pool);
	t_proxy_arm(act, trigger, n);
	for (int i = 0; i < N; i++)
		f[i] = submit(first + i, reads);
	t_dam_open(&dam);
	seen = t_proxy_await();
	for (int i = 0; i < N; i++) {
		claim[i] = t_claim_of(f[i], first + i, reads, false);
		c.claim[first + i - FIRST_ID] = (unsigned char)claim[i];
		c.n_of[claim[i]]++;
		hf_future_unref(f[i]);
	}
	/* Whole answers in front of the cut have been read; a part of one is none. */
	if (!reads && act == T_CUT_ANSWER) {
		for (int i = 0; i < k; i++)
			ck_assert_int_eq(claim[i], T_WRITTEN);
		ck_assert_int_eq(claim[k] == T_WRITTEN, n >= seen.answer);
	}
	return seen;
}

/* --- the table agrees ----------------------------------------------------------------------------
 */

static void check_table(bool reads)
{
	static unsigned char times[MOST];
	char *all, *s, *end;

	t_close(c.pool);
	t_wait_backends(0); /* what was under way has ended */
	all = t_psql("select string_agg((id - 100000000)::text, ',') from cuts");
	for (s = all; s && *s; s = *end == ',' ? end + 1 : end)
		times[strtol(s, &end, 10)]++;
	free(all);
	for (int i = 0; i < c.rounds * N && !reads; i++)
		if (times[i] > 1 ||
			(c.claim[i] != T_UNKNOWN && times[i] != (c.claim[i] == T_WRITTEN)))
			ck_abort_msg("round %d, member %d: claim %d, and it is there %d times",
				i / N, i % N, c.claim[i], times[i]);
	printf("# %d rounds: %d members had their answer, %d were surely undone, "
	       "%d may have been done\n",
		c.rounds, c.n_of[T_WRITTEN], c.n_of[T_NOT_WRITTEN], c.n_of[T_UNKNOWN]);
}

static void begin(int depth)
{
	free(t_psql("set client_min_messages to warning; drop table if exists cuts;"
		    "create table cuts (id int)"));
	c.depth = depth;
	c.pool = proxied(depth);
	t_wait_idle(c.pool, 1);
}

static void cut_member(int k, bool reads)
{
	struct t_exchange whole = cut(k, T_MEASURE, 0, reads);

	ck_assert_uint_gt(whole.request, 0);
	ck_assert_uint_gt(whole.answer, 0);
	for (size_t n = 0; n <= whole.request; n++)
		cut(k, T_CUT_REQUEST, n, reads);
	for (size_t n = 0; n <= whole.answer; n++)
		cut(k, T_CUT_ANSWER, n, reads);
}

static void cut_writes(int depth)
{
	begin(depth);
	cut_member(0, false);
	cut_member(N / 2, false);
	cut_member(N - 1, false);
	ck_assert_int_gt(c.n_of[T_UNKNOWN], 0);
	t_expect_together(c.pool, depth, (unsigned)c.rounds);
	check_table(false);
}

T_BOTH_WAYS(cut_writes)

/* What only reads can always be asked again, and says so. */
static void cut_reads(int depth)
{
	begin(depth);
	cut_member(0, true);
	cut_member(N / 2, true);
	ck_assert_int_gt(c.n_of[T_NOT_WRITTEN], 0);
	ck_assert_int_eq(c.n_of[T_UNKNOWN], 0);
	t_expect_together(c.pool, depth, (unsigned)c.rounds);
	check_table(true);
}

T_BOTH_WAYS(cut_reads)

/* --- what had not been sent ----------------------------------------------------------------------
 */

/* A queue of 16 with four under way at most: of those that can have been sent with member k, some
 * are lost; all behind them run on the next connection. */
static void unsent_round(int depth, int k, enum t_proxy_act act, size_t n)
{
	int first = FIRST_ID + c.rounds++ * 16;
	hf_future *f[16];
	struct t_dam dam;
	char trigger[20];
	/* After a whole answer the next ones are on their way already. */
	int first_unsent = k + depth + (act == T_CUT_ANSWER && n >= ALL);

	snprintf(trigger, sizeof trigger, "%d", first + k);
	await_link();
	t_dam_shut(&dam, c.pool);
	t_proxy_arm(act, trigger, n);
	for (int i = 0; i < 16; i++)
		f[i] = submit(first + i, false);
	t_dam_open(&dam);
	t_proxy_await();
	for (int i = 0; i < 16; i++) {
		enum t_claim claim = t_claim_of(f[i], first + i, false, false);

		if (i >= first_unsent)
			ck_assert_int_eq(claim, T_WRITTEN);
		if (depth == 1 && i < k)
			ck_assert_int_eq(claim, T_WRITTEN);
		c.n_of[claim]++;
		hf_future_unref(f[i]);
	}
}

static void unsent(int depth)
{
	static const size_t bytes[] = { 0, 1, 20, 50, ALL };

	begin(depth);
	for (int k = 0; k < 16; k++)
		for (size_t b = 0; b < T_COUNT(bytes); b++) {
			unsent_round(depth, k, T_CUT_REQUEST, bytes[b]);
			unsent_round(depth, k, T_CUT_ANSWER, bytes[b]);
		}
	ck_assert_uint_gt(t_stats(c.pool).reconnects, 100);
	t_expect_together(c.pool, depth, 500);
	t_wait_idle(c.pool, 1);
	t_close(c.pool);
	t_wait_backends(0);
	ck_assert_int_ge(t_psql_int("select count(*) from cuts"), c.n_of[T_WRITTEN]);
	ck_assert_int_le(
		t_psql_int("select count(*) from cuts"), c.n_of[T_WRITTEN] + c.n_of[T_UNKNOWN]);
	ck_assert_int_eq(t_psql_int("select count(*) - count(distinct id) from cuts"), 0);
}

START_TEST(test_unsent)
{
	unsent(4);
}
END_TEST

START_TEST(test_unsent_alone)
{
	unsent(1);
}
END_TEST

T_MAIN("pipeline_cut", { "the link is cut at each byte of a member", cut_writes_together, 120 },
	{ "the link is cut at each byte, one by one", cut_writes_alone, 120 },
	{ "the link is cut at each byte of a read", cut_reads_together, 120 },
	{ "the link is cut at each byte of a read, one by one", cut_reads_alone, 120 },
	{ "what had not been sent runs by itself", test_unsent, 60 },
	{ "what had not been sent runs by itself, one by one", test_unsent_alone, 60 })
