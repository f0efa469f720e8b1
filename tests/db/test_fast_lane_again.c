/* SPDX-License-Identifier: MIT */
/* The fast lane where its one transaction is lost as a whole: at SERIALIZABLE nothing counts that
 * was read beside a failure, and at any level what is refused at the Sync is refused for all of
 * them. All go out again, each by itself, and have what a connection of their own would give. */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 20

/* What goes out a second time is counted twice, if it was answered the first time. */
static uint64_t statements(hf_pool *p)
{
	t_wait_idle(p, 1);
	return t_stats(p).statements;
}

static void expect_shared(hf_pool *p, int depth, unsigned at_least)
{
	uint64_t n = t_stats(p).fast_lane;

	if (depth == T_ALONE)
		ck_assert_uint_eq(n, 0);
	else if (T_PIPELINING)
		ck_assert_uint_ge(n, at_least);
}

/* --- one that fails ------------------------------------------------------------------------------
 */

static const struct bad {
	const char *sql, *state;
} kinds[] = {
	{ "select 1 / ($1::int - $1::int)", "22012" },
	{ "insert into ledger values ($1) returning id", "25006" },
	{ "select no_such_column + $1::int from ledger", "42703" },
};

static void failing_round(hf_pool *p, int n, int bad, const struct bad *kind, const char *level)
{
	hf_future *f[N];
	struct t_dam dam;
	char sql[160];

	snprintf(sql, sizeof sql,
		"select $1::int + 100 * count(*)::int from ledger "
		"where current_setting('transaction_isolation') = '%s'",
		level);
	t_dam_shut(&dam, p);
	for (int i = 0; i < n; i++)
		f[i] = hf_query(p, i == bad ? kind->sql : sql, i);
	t_dam_open(&dam);
	for (int i = 0; i < n; i++) {
		if (i == bad)
			t_sqlstate(f[i], kind->state);
		else
			ck_assert_int_eq(t_int(f[i]), 100 + i);
	}
}

/* Answers how often something was answered that its caller has not heard. */
static uint64_t failing_rounds(int depth, const char *level)
{
	hf_pool *p;
	uint64_t queries = 0, again;

	t_ledger_new();
	free(t_psql("insert into ledger values (0)"));
	p = t_pool_at(level, HF_POOL_OPTS(.max_conns = 1, .max_pipeline = depth,
				     .max_queue = HF_FOREVER, .read_only = true));
	for (int bad = 0; bad < N; bad++)
		for (size_t k = 0; k < T_COUNT(kinds); k++, queries += N)
			failing_round(p, N, bad, &kinds[k], level);
	again = statements(p) - queries;
	printf("# %s, depth %d: %llu queries, and %llu a second time\n", level, depth,
		(unsigned long long)queries, (unsigned long long)again);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	ck_assert_int_eq(t_psql_int("select count(*) from ledger"), 1);
	t_expect_together(p, depth, (unsigned)queries / 2);
	expect_shared(p, depth, (unsigned)queries / 2);
	t_expect_sane(p);
	t_close(p);
	return again;
}

/* Those before the one that failed, and that itself. */
static void at_serializable(int depth)
{
	uint64_t again = failing_rounds(depth, "serializable");

	if (depth == T_ALONE)
		ck_assert_uint_eq(again, 0);
	else
		ck_assert_uint_gt(again, T_COUNT(kinds) * N * (N + 1) / 2 / 2);
}

T_BOTH_WAYS(at_serializable)

/* Elsewhere what was answered stands: only those that were skipped go out again. */
START_TEST(test_elsewhere)
{
	ck_assert_uint_eq(failing_rounds(T_DEPTH, "read committed"), 0);
	ck_assert_uint_eq(failing_rounds(T_DEPTH, "repeatable read"), 0);
}
END_TEST

/* --- refused at the Sync -------------------------------------------------------------------------
 */

/* What only reads may write into a table of its session's own, and that is judged at the Sync. */
static hf_status own_table(hf_conn *c, void *arg)
{
	static const char *const sql[] = {
		"create temp table own (id int unique deferrable initially deferred)",
		"create constraint trigger judge after insert on own deferrable initially deferred "
		"for each row execute function judge_own()",
	};
	hf_status st = HF_OK;

	(void)arg;
	for (size_t i = 0; i < T_COUNT(sql) && st == HF_OK; i++)
		st = hf_conn_query_at(HF_HERE, c, NULL, sql[i], NULL, 0);
	return st;
}

static hf_pool *judged_pool(int depth, const char *level)
{
	free(t_psql("create or replace function judge_own() returns trigger language plpgsql as $$ "
		    "begin if new.id < 0 then raise exception 'id % is negative', new.id; end if; "
		    "return null; end $$"));
	return t_pool_at(level, HF_POOL_OPTS(.max_conns = 1, .max_pipeline = depth,
					.max_queue = HF_FOREVER, .on_connect = own_table));
}

static hf_future *ask(hf_pool *p, const char *sql, int i)
{
	return hf_query_with_at(HF_HERE, p, HF_QUERY_OPTS(.read_only = true), sql,
		(const hf_value[]){ HF_V(i) }, 1);
}

/* The one at `bad` is refused at the Sync, by the trigger or for being there twice; all others are
 * there once, whatever was done and undone before. */
static void judged_round(hf_pool *p, int round, int n, int bad, bool twice)
{
	int first = 1 + round * N;
	hf_future *f[N];
	struct t_dam dam;
	char sql[160];

	t_dam_shut(&dam, p);
	for (int i = 0; i < n; i++)
		f[i] = ask(p,
			"with w as (insert into own values ($1) returning id) select id from w",
			i != bad ? first + i
			: twice  ? 0
				 : -first - i);
	t_dam_open(&dam);
	for (int i = 0; i < n; i++) {
		if (i == bad)
			t_sqlstate(f[i], twice ? "23505" : "P0001");
		else
			ck_assert_int_eq(t_int(f[i]), first + i);
	}
	snprintf(sql, sizeof sql, "select count(*)::int from own where id between %d and %d", first,
		first + N - 1);
	ck_assert_int_eq(t_int(hf_query_at(HF_HERE, p, sql, NULL, 0)), n - 1);
}

static void judged_rounds(int depth, const char *level)
{
	hf_pool *p = judged_pool(depth, level);
	unsigned queries = 0;
	int round = 0;

	t_done(hf_query(p, "insert into own values (0)"));
	for (int n = 1; n <= N; n += n < 3 ? 1 : 17)
		for (int bad = 0; bad < n; bad++, queries += 2 * (unsigned)n) {
			judged_round(p, round++, n, bad, false);
			judged_round(p, round++, n, bad, true);
		}
	ck_assert_int_eq(t_int(hf_query(p, "select count(*)::int from own where id < 0")), 0);
	ck_assert_int_eq(t_int(hf_query(p, "select count(*)::int from own where id = 0")), 1);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	ck_assert_uint_eq(t_stats(p).resets, 0); /* which would take the table away */
	t_expect_together(p, depth, queries / 2);
	expect_shared(p, depth, queries / 2);
	t_expect_sane(p);
	t_close(p);
}

static void refused_at_sync(int depth)
{
	judged_rounds(depth, "read committed");
	judged_rounds(depth, "serializable");
}

T_BOTH_WAYS(refused_at_sync)

T_MAIN("fast_lane_again",
	{ "each position of a failing read at SERIALIZABLE (rule-51)", at_serializable_together,
		60 },
	{ "each position of a failing read at SERIALIZABLE, one by one", at_serializable_alone,
		60 },
	{ "what was answered beside a failure stands at other levels", test_elsewhere, 60 },
	{ "each position of one that is refused at the group's Sync", refused_at_sync_together,
		60 },
	{ "each position of one that is refused at its Sync, one by one", refused_at_sync_alone,
		60 })
