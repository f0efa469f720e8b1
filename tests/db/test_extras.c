/* SPDX-License-Identifier: MIT */
/* What travels with the statements of a transaction is prepared once per connection, and survives
 * that the server forgets it. */
#include "fixture.h"

#include <holdfast/txn.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUMP "update test_values set val2 = val2 + 1 where id = 1"
#define OURS                                                                                       \
	"select count(*) from pg_prepared_statements where name ~ '^hf_(BEGIN|COMMIT|SELECT|)_'"
#define NAMES "select string_agg(name, ' ' order by name) from pg_prepared_statements"

static hf_pool *setup(int max_statements)
{
	t_test_values(1);
	free(t_psql("update test_values set val2 = 0; "
		    "create or replace function drop_all() returns int language plpgsql as "
		    "$$begin execute 'deallocate all'; return 1; end$$"));
	return t_pool(HF_POOL_OPTS(.max_conns = 1, .max_statements = max_statements));
}

static long long value(void)
{
	return t_psql_int("select val2 from test_values where id = 1");
}

/* Two trips: BEGIN and the question travel with the first, COMMIT with the second. */
static void two_trips(hf_pool *p)
{
	hf_txn *t = hf_txn_begin(p, NULL);

	t_done(hf_txn_query(t, "select val2 from test_values where id = 1 for update"));
	t_done(hf_txn_query_with(t, HF_QUERY_OPTS(.then = HF_THEN_COMMIT), BUMP));
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_COMMITTED);
	hf_txn_unref(t);
}

static hf_status names(hf_conn *c, void *arg, hf_reply *reply)
{
	const hf_result *res;
	hf_status st = hf_conn_query(c, &res, NAMES);

	(void)reply;
	if (st == HF_OK)
		snprintf(arg, 2000, "%s", hf_row_text(hf_result_row(res, 0), 0));
	return st;
}

/* The names stay what they are, however often. */
START_TEST(test_once)
{
	hf_pool *p = setup(0);
	char before[2000] = "", after[2000] = "";

	for (int i = 0; i < 5; i++)
		two_trips(p);
	ck_assert_int_ge(t_int(hf_query(p, OURS)), 3);
	t_done(hf_submit(p, HF_JOB(.fn = names, .arg = before, .manual = true)));
	for (int i = 0; i < 20; i++)
		two_trips(p);
	t_done(hf_submit(p, HF_JOB(.fn = names, .arg = after, .manual = true)));
	ck_assert_str_eq(before, after);
	ck_assert_ptr_nonnull(strstr(after, "hf_BEGIN_"));
	ck_assert_ptr_nonnull(strstr(after, "hf_COMMIT_"));
	ck_assert_int_eq(value(), 25);
	t_close(p);
}
END_TEST

/* A pool that prepares nothing (a pooler in between) prepares nothing of ours. */
START_TEST(test_never)
{
	hf_pool *p = setup(HF_NONE);

	for (int i = 0; i < 5; i++)
		two_trips(p);
	ck_assert_int_eq(t_int(hf_query(p, OURS)), 0);
	ck_assert_int_eq(value(), 5);
	t_close(p);
}
END_TEST

static hf_status run_text(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	return hf_conn_query_at(HF_HERE, c, NULL, arg, NULL, 0);
}

/* What is seen to drop them, and what is not: the next transaction works as any. */
START_TEST(test_dropped_outside)
{
	static const char *const how[] = { "DISCARD ALL", "DEALLOCATE ALL", "select drop_all()",
		"do $$begin perform drop_all(); end$$" };
	hf_pool *p = setup(0);

	for (int i = 0; i < 12; i++) {
		two_trips(p);
		t_done(hf_submit(p, HF_JOB(.fn = run_text, .arg = (void *)(uintptr_t)how[i % 4],
					    .manual = true)));
		ck_assert_int_eq(t_int(hf_query(p, OURS)), 0);
	}
	two_trips(p);
	ck_assert_int_eq(value(), 13);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	ck_assert_uint_eq(t_stats(p).failed, 0);
	t_close(p);
}
END_TEST

/* In the middle of a transaction, behind the back of the library: that one is lost and says so, and
 * on this connection it happens once. */
START_TEST(test_dropped_inside)
{
	hf_pool *p = setup(0);
	hf_txn *t;

	two_trips(p);
	for (int i = 0; i < 4; i++) {
		char text[40];
		hf_future *f;

		/* BEGIN and the question are there, statements of the user's own are not. */
		snprintf(text, sizeof text, "select 1 /* %d */", i);
		t = hf_txn_begin(p, NULL);
		t_done(hf_txn_query_at(HF_HERE, t, text, NULL, 0));
		t_done(hf_txn_commit(t));
		hf_txn_unref(t);
		t = hf_txn_begin(p, NULL);
		f = hf_txn_query(t, "select drop_all()");
		if (i == 0)
			ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "26000");
		else
			ck_assert_int_eq(t_int(hf_future_ref(f)), 1);
		hf_future_unref(f);
		if (i == 0)
			t_failed(hf_txn_commit(t), HF_E_TXN_ENDED);
		else
			t_done(hf_txn_commit(t));
		hf_txn_unref(t);
	}
	ck_assert_int_eq(value(), 1);
	two_trips(p);
	ck_assert_int_eq(value(), 2);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

static bool sleeps(void *arg)
{
	return t_psql_int(arg) == 1;
}

#define SLEEPING                                                                                   \
	"select count(*) from pg_stat_activity where wait_event = 'PgSleep' and query not like "   \
	"'%pg_stat_activity%'"

/* Nothing tells the client which of the two runs: a statement that is cancelled is not committed,
 * and a COMMIT that still checks is undone; both say so. */
START_TEST(test_cancel_of_both)
{
	hf_pool *p = setup(0);

	hf_txn *t = hf_txn_begin(p, NULL);
	hf_future *f;

	t_done(hf_txn_query(t, BUMP));
	f = hf_txn_query_with(t, HF_QUERY_OPTS(.then = HF_THEN_COMMIT), "select pg_sleep(60)");
	ck_assert(t_wait_until(sleeps, (char[]){ SLEEPING }, 10000));
	ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
	ck_assert(!hf_error_is(t_fails(f, HF_E_CANCELED), HF_MAYBE_COMMITTED));
	hf_future_unref(f);
	hf_future_unref(hf_txn_rollback(t));
	hf_txn_unref(t);
	t_wait_idle(p, 1);
	ck_assert_int_eq(value(), 0);
	two_trips(p);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

T_MAIN("extras", { "what travels along is prepared once", test_once, 0 },
	{ "a pool that prepares nothing prepares nothing of its own", test_never, 0 },
	{ "B9 what was dropped between transactions is prepared anew", test_dropped_outside, 0 },
	{ "what is dropped inside of a transaction is lost with it, once", test_dropped_inside, 0 },
	{ "promise-H5 a cancel meets the statement and undoes both", test_cancel_of_both, 0 })
