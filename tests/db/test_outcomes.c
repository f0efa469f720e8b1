/* SPDX-License-Identifier: MIT */
/* What an outcome says must be so: nothing is committed without the work before it, nothing that
 * may be stored is called undone, and no ordinary result is called too large. */
#include "fixture.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static hf_pool *pool;

static void setup(void)
{
	free(t_psql("drop table if exists kept; create table kept (what text)"));
	pool = t_pool(HF_POOL_OPTS(.max_conns = 2, .max_result = (size_t)64 << 20));
}

static long long stored(void)
{
	return t_psql_int("select count(*) from kept");
}

START_TEST(test_refused_in_transaction)
{
	hf_future *bad, *good, *end;
	hf_txn *t;

	setup();
	t = hf_txn_begin(pool, NULL);
	t_done(hf_txn_query(t, "insert into kept values ('first')"));
	bad = hf_txn_query(t, "insert into kept values ($1)", "\xff\xff");
	good = hf_txn_query(t, "insert into kept values ('third')");
	end = hf_txn_commit(t);
	t_failed(bad, HF_E_MISUSE);
	t_failed(good, HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(t_fails(end, HF_E_TXN_ENDED)), "UTF-8"));
	hf_future_unref(end);
	ck_assert_int_eq(stored(), 0);
	hf_txn_unref(t);
	t_close(pool);
}
END_TEST

static hf_status ignores_refusal(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	if (hf_conn_query(c, NULL, "insert into kept values ('first')") != HF_OK ||
		hf_conn_query(c, NULL, "insert into kept values ($1)", "\xff") != HF_E_MISUSE)
		return HF_E_USER;
	return HF_OK;
}

/* Past its limit the second statement is refused; saying HF_OK does not help. */
static hf_status ignores_limit(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	if (hf_conn_query(c, NULL, "insert into kept values ('first')") != HF_OK)
		return HF_E_USER;
	while (!hf_conn_canceled(c))
		;
	return hf_conn_query(c, NULL, "insert into kept values ('late')") == HF_E_TIMEOUT
		       ? HF_OK
		       : HF_E_USER;
}

START_TEST(test_refused_in_interaction)
{
	setup();
	t_failed(hf_run(pool, ignores_refusal, NULL, NULL), HF_E_MISUSE);
	t_failed(hf_submit(pool, HF_JOB(.fn = ignores_limit, .timeout_ms = 150)), HF_E_TIMEOUT);
	ck_assert_int_eq(stored(), 0);
	t_close(pool);
}
END_TEST

static hf_status stores_then_conflicts(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	if (hf_conn_query(c, NULL, "insert into kept values ('mine')") != HF_OK)
		return HF_E_USER;
	return hf_conn_query(
		c, NULL, "do $$ begin raise exception using errcode = '40001'; end $$");
}

START_TEST(test_manual_is_not_retryable)
{
	hf_future *f;

	setup();
	f = hf_submit(pool, HF_JOB(.fn = stores_then_conflicts, .manual = true));
	ck_assert(!hf_error_is(t_fails(f, HF_E_SQL), HF_RETRYABLE));
	hf_future_unref(f);
	ck_assert_int_eq(stored(), 1);
	f = hf_run(pool, stores_then_conflicts, NULL, NULL);
	ck_assert(hf_error_is(t_fails(f, HF_E_SQL), HF_RETRYABLE));
	hf_future_unref(f);
	ck_assert_int_eq(stored(), 1);
	t_close(pool);
}
END_TEST

/* The trigger waits at COMMIT until the session is ended: whoever sent it as text cannot know more.
 */
static hf_status commits_as_text(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	if (hf_conn_begin(c) != HF_OK ||
		hf_conn_query(c, NULL, "insert into kept values ('wait')") != HF_OK)
		return HF_E_USER;
	return hf_conn_query(c, NULL, "commit");
}

static bool commit_waits(void *arg)
{
	(void)arg;
	return t_psql_int("select count(*) from pg_stat_activity where query = 'commit' "
			  "and state = 'active' and wait_event = 'PgSleep'") == 1;
}

START_TEST(test_lost_commit_as_text)
{
	const hf_error *why;
	hf_future *f;

	setup();
	free(t_psql("create or replace function hold() returns trigger language plpgsql as "
		    "'begin perform pg_sleep(60); return null; end'; "
		    "create constraint trigger hold after insert on kept deferrable initially "
		    "deferred for each row execute function hold()"));
	f = hf_submit(pool, HF_JOB(.fn = commits_as_text, .manual = true));
	ck_assert(t_wait_until(commit_waits, NULL, 10000));
	free(t_psql(
		"select pg_terminate_backend(pid) from pg_stat_activity where query = 'commit'"));
	why = t_fails(f, HF_E_CONN_LOST);
	ck_assert(hf_error_is(why, HF_MAYBE_COMMITTED));
	ck_assert(!hf_error_is(why, HF_RETRYABLE));
	hf_future_unref(f);
	t_close(pool);
}
END_TEST

/* Every allocation of a commit fails in turn: what its future says is what the table says. */
START_TEST(test_commit_without_memory)
{
	setup();
	for (long n = 0; n < 12; n++) {
		hf_txn *t = hf_txn_begin(pool, NULL);
		hf_status st;
		hf_future *f;

		free(t_psql("truncate kept"));
		t_done(hf_txn_query(t, "insert into kept values ('x')"));
		hf__mem_fail(n, 1);
		f = hf_txn_commit(t);
		st = hf_future_get_for(f, 10000, NULL);
		hf__mem_fail(0, 0);
		if (st == HF_OK)
			ck_assert_int_eq(stored(), 1);
		else
			ck_assert_int_eq(st, HF_E_NOMEM);
		hf_future_unref(f);
		if (st != HF_OK)
			t_failed(hf_txn_commit(t), HF_E_TXN_ENDED);
		hf_txn_unref(t);
		if (st != HF_OK)
			ck_assert_int_eq(stored(), 0);
	}
	t_close(pool);
}
END_TEST

START_TEST(test_results_below_the_limit)
{
	setup();
	t_done(hf_query(pool, "select repeat('x', 100) from generate_series(1, 300000)"));
	t_done(hf_query(pool, "select repeat('x', 1000) from generate_series(1, 40000)"));
	t_done(hf_query(pool, "select repeat('x', 20000000)"));
	ck_assert_uint_eq(t_stats(pool).discards, 0);
	t_close(pool);
}
END_TEST

static hf_status fails_then_commits(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	if (hf_conn_begin(c) != HF_OK || hf_conn_query(c, NULL, "select 1 / 0") != HF_E_SQL)
		return HF_E_USER;
	if (hf_conn_commit(c) != HF_E_TXN_ENDED)
		return hf_fail(reply, "%s", hf_error_message(hf_conn_error(c)));
	return hf_conn_begin(c) == HF_OK ? hf_conn_commit(c) : HF_E_USER;
}

START_TEST(test_commit_of_a_failure_with_a_limit)
{
	setup();
	t_done(hf_submit(
		pool, HF_JOB(.fn = fails_then_commits, .manual = true, .timeout_ms = 5000)));
	t_close(pool);
}
END_TEST

T_MAIN("outcomes",
	{ "api-T3 a command that is refused poisons the transaction", test_refused_in_transaction,
		0 },
	{ "api-T15 a refused statement fails its interaction", test_refused_in_interaction, 0 },
	{ "a manual job that stored something is not retryable", test_manual_is_not_retryable, 0 },
	{ "api-T14 a COMMIT sent as text and lost may have committed", test_lost_commit_as_text,
		0 },
	{ "promise-H5 a commit without memory says what is so", test_commit_without_memory, 0 },
	{ "results below max_result are given", test_results_below_the_limit, 0 },
	{ "a failed transaction with a limit ends at COMMIT", test_commit_of_a_failure_with_a_limit,
		0 })
