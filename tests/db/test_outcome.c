/* SPDX-License-Identifier: MIT */
/* What is told of a COMMIT that waits, or whose session nobody can be reached of. */
#include "commit_fate.h"

#include <stdatomic.h>

static bool commit_waits(void *arg)
{
	(void)arg;
	return t_psql_int("select count(*) from pg_stat_activity where wait_event = 'SyncRep'") > 0;
}

static void end_wait(const char *function)
{
	char sql[120];

	snprintf(sql, sizeof sql,
		"select count(%s(pid)) from pg_stat_activity where wait_event = 'SyncRep'",
		function);
	ck_assert_int_eq(t_psql_int(sql), 1);
}

/* From now on COMMITs wait for a standby that does not exist. The server takes note of it a moment
 * later, so one is tried. */
static void wait_for_nobody(hf_pool *direct)
{
	int64_t until = hf_now_ns() + 10000000000LL * t_slow();
	hf_future *f;

	free(t_psql("alter system set synchronous_standby_names = 'nope'"));
	free(t_psql("select pg_reload_conf()"));
	do {
		ck_assert(hf_now_ns() < until);
		f = hf_query(direct, "insert into fates values (-1)");
		while (!hf_future_ready(f) && !commit_waits(NULL))
			t_sleep_ms(2);
		if (!hf_future_ready(f))
			break;
		hf_future_unref(f);
	} while (true);
	end_wait("pg_cancel_backend");
	t_done(f);
}

static void wait_no_more(void)
{
	free(t_psql("alter system reset synchronous_standby_names"));
	free(t_psql("select pg_reload_conf()"));
}

static hf_pool *waiting_pool(const hf_pool_opts *opts)
{
	hf_pool *direct = t_pool(HF_POOL_OPTS(.name = "direct"));

	fresh_table();
	wait_for_nobody(direct);
	t_close(direct);
	return t_pool_on(t_proxy_dsn(), opts);
}

/* --- --- */

/* The server sees nothing of the client's end: its session sits in the transaction for ever. */
START_TEST(test_half_open)
{
	hf_pool *p;
	hf_txn *t;
	hf_future *f;
	int64_t began;

	fresh_table();
	p = t_pool_on(t_proxy_dsn(), WITH_PROXY(.outcome_ms = 60000 * t_slow(),
					     .log = keep_warnings, .log_level = HF_LOG_WARN));
	f = commit_into(p, 1, T_HOLD_REQUEST, &t);
	began = hf_now_ns();
	t_proxy_cut(T_CLIENT);
	rolled_back(f, t);
	ck_assert_int_lt(t_ms_since(began), 5000 * t_slow());
	t_wait_idle(p, 1);
	t_wait_backends(1);
	ck_assert_int_eq(fates(1), 0);
	ck_assert_ptr_nonnull(strstr(warnings, "(idle in transaction) was ended"));
	/* Where the server had done it, only the answer is missing. */
	f = commit_into(p, 2, T_HOLD_ANSWER, &t);
	t_proxy_cut(T_CLIENT);
	committed(f, t);
	ck_assert_int_eq(fates(2), 1);
	ck_assert_uint_eq(t_stats(p).outcomes_resolved, 2);
	ck_assert_uint_eq(t_stats(p).outcomes_unknown, 0);
	t_close(p);
}
END_TEST

START_TEST(test_waits_for_standby)
{
	int outcome_ms = 3000 * t_slow();
	hf_pool *p = waiting_pool(WITH_PROXY(.outcome_ms = outcome_ms, .log = keep_warnings,
		.log_level = HF_LOG_WARN));
	hf_txn *t = wrote(p, 1);
	hf_future *f = hf_txn_commit(t);
	int64_t began;

	ck_assert(t_wait_until(commit_waits, NULL, 10000));
	began = hf_now_ns();
	t_proxy_kill_all();
	ck_assert_int_eq(hf_future_get_for(f, 50, NULL), HF_PENDING);
	committed(f, t);
	ck_assert_int_ge(t_ms_since(began), outcome_ms / 2 - 50);
	ck_assert_int_lt(t_ms_since(began), outcome_ms + 500);
	ck_assert_int_eq(fates(1), 1);
	ck_assert_ptr_nonnull(strstr(warnings, "a standby may not have confirmed it"));
	wait_no_more();
	t_close(p);
}
END_TEST

/* A server whose statistics were reset looks as if it had crashed. */
START_TEST(test_statistics_reset)
{
	hf_pool *p = waiting_pool(WITH_PROXY(.outcome_ms = 1500));
	hf_txn *t = wrote(p, 1);
	hf_future *f = hf_txn_commit(t);

	ck_assert(t_wait_until(commit_waits, NULL, 10000));
	free(t_psql("select pg_stat_reset_shared('bgwriter')"));
	t_proxy_kill_all();
	unknown(f, t, "in progress");
	wait_no_more();
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

/* fact-M13: the server has committed it, and said that nobody else has. */
START_TEST(test_canceled_by_others)
{
	hf_pool *p = waiting_pool(WITH_PROXY(.log = keep_warnings, .log_level = HF_LOG_WARN));
	hf_txn *t = wrote(p, 1);
	hf_future *f = hf_txn_commit(t);

	ck_assert(t_wait_until(commit_waits, NULL, 10000));
	end_wait("pg_cancel_backend");
	ck_assert_ptr_nonnull(
		strstr(hf_result_notices(t_ok(f)), "wait for synchronous replication"));
	ck_assert_ptr_nonnull(strstr(warnings, "wait for synchronous replication"));
	committed(f, t);
	ck_assert_int_eq(fates(1), 1);
	wait_no_more();
	t_close(p);
}
END_TEST

static hf_future *commit_in_one_trip(hf_txn *t)
{
	return hf_txn_query_with(
		t, HF_QUERY_OPTS(.then = HF_THEN_COMMIT), "insert into fates values (0)");
}

/* A limit of 100 ms would have led to a cancel after 0.5 s, and to the next 0.7 s later. */
START_TEST(test_not_canceled)
{
	hf_pool *p = waiting_pool(
		WITH_PROXY(.statement_ms = 100, .log = keep_warnings, .log_level = HF_LOG_WARN));

	for (int id = 1; id <= 2; id++) {
		hf_txn *t = wrote(p, id);
		hf_future *f = id == 1 ? hf_txn_commit(t) : commit_in_one_trip(t);

		ck_assert(t_wait_until(commit_waits, NULL, 10000));
		ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
		ck_assert_int_eq(hf_future_get_for(f, 1500, NULL), HF_PENDING);
		ck_assert(commit_waits(NULL));
		ck_assert_int_eq(fates(id), 0);
		wait_no_more();
		ck_assert_str_eq(hf_result_notices(t_ok(f)), "");
		committed(f, t);
		ck_assert_int_eq(fates(id), 1);
		if (id == 1) {
			hf_pool *direct = t_pool(HF_POOL_OPTS(.name = "direct"));

			wait_for_nobody(direct);
			t_close(direct);
		}
	}
	ck_assert_str_eq(warnings, "");
	t_close(p);
}
END_TEST

/* --- nobody to ask --- */

START_TEST(test_unreachable)
{
	hf_pool *p;
	hf_future *f;
	hf_txn *t;
	int64_t began;

	fresh_table();
	p = t_pool_on(t_proxy_dsn(), WITH_PROXY(.outcome_ms = 700));
	t = wrote(p, 1);
	t_proxy_refuse(true);
	t_proxy_arm(T_CUT_ANSWER, "COMMIT", 0);
	began = hf_now_ns();
	f = hf_txn_commit(t);
	unknown(f, t, "the server cannot be reached");
	ck_assert_int_ge(t_ms_since(began), 650);
	ck_assert_int_lt(t_ms_since(began), 700 + 2000 * t_slow());
	ck_assert_uint_eq(t_stats(p).outcomes_unknown, 1);
	ck_assert_int_eq(fates(1), 1);
	/* One that comes back in time tells. */
	t_proxy_refuse(false);
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

static bool is_ready(void *arg)
{
	return hf_future_ready(arg);
}

START_TEST(test_closing)
{
	fresh_table();
	for (int how = 0; how < 2; how++) {
		hf_pool *p = t_pool_on(t_proxy_dsn(), WITH_PROXY(.outcome_ms = HF_FOREVER));
		hf_txn *t = wrote(p, how);
		hf_future *f;
		int64_t began;

		t_proxy_refuse(true);
		t_proxy_arm(T_CUT_ANSWER, "COMMIT", 0);
		f = hf_txn_commit(t);
		t_proxy_await();
		ck_assert_int_eq(hf_future_get_for(f, 50, NULL), HF_PENDING);
		began = hf_now_ns();
		ck_assert_int_eq(how ? hf_pool_close(p, 100) : hf_pool_terminate(p), HF_OK);
		ck_assert_int_lt(t_ms_since(began), 4000 * t_slow());
		ck_assert(is_ready(f));
		unknown(f, t, "the server cannot be reached");
		hf_pool_unref(p);
		t_proxy_refuse(false);
	}
}
END_TEST

/* --- behind our back --- */

static atomic_int hooks;

static void hook(void *arg)
{
	(void)arg;
	atomic_fetch_add(&hooks, 1);
}

/* A function that has lost count of what failed: the server says ROLLBACK to its COMMIT, and calls
 * that a success. */
static hf_status commits_a_failure(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = hf_conn_begin(c);

	(void)arg;
	if (st == HF_OK)
		st = hf_conn_on_commit(c, hook, NULL, NULL);
	if (st == HF_OK)
		st = hf_conn_query(c, NULL, "insert into fates values (1)");
	if (st != HF_OK || hf_conn_query(c, NULL, "select 1 / 0") != HF_E_SQL)
		return HF_E_USER;
	st = hf_conn_commit(c);
	if (st != HF_E_TXN_ENDED)
		return HF_E_USER;
	return hf_fail(reply, "%s", hf_error_message(hf_conn_error(c)));
}

START_TEST(test_rollback_tag)
{
	hf_pool *p;
	hf_future *f;

	fresh_table();
	p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	f = hf_submit(p, HF_JOB(.fn = commits_a_failure, .manual = true));
	ck_assert_ptr_nonnull(strstr(hf_error_message(t_fails(f, HF_E_USER)), "division by zero"));
	hf_future_unref(f);
	ck_assert_int_eq(fates(1), 0);
	ck_assert_int_eq(atomic_load(&hooks), 0);
	t_close(p);
}
END_TEST

T_MAIN("outcome",
	{ "K2 promise-H5 rule-71 a session that the server thinks alive is ended", test_half_open,
		0 },
	{ "fact-M12 promise-H5 rule-74 a lost COMMIT that waits for a standby is awaited, then "
	  "ended",
		test_waits_for_standby, 40 },
	{ "fact-M12 promise-H5 reset statistics make nothing undone", test_statistics_reset, 40 },
	{ "fact-M13 rule-74 a COMMIT that others cancel is kept, with a warning",
		test_canceled_by_others, 40 },
	{ "fact-M13 rule-74 api-T17 neither cancel nor limit touches a COMMIT", test_not_canceled,
		40 },
	{ "K2 promise-H5 api-T14 nobody can be asked", test_unreachable, 0 },
	{ "K2 promise-H5 a pool that is closed ends the question", test_closing, 0 },
	{ "fact-M13 rule-73 api-T20 COMMIT that is answered with ROLLBACK is an error",
		test_rollback_tag, 0 })
