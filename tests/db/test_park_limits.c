/* SPDX-License-Identifier: MIT */
/* What may be parked, how many of them, and for how long. */
#include "park.h"
#include "pipeline.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- what may be parked --------------------------------------------------------------------------
 */

START_TEST(test_busy)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	hf_txn *t = hf_txn_begin(p, NULL), *second;
	hf_future *f[2];
	hf_token token;

	f[0] = hf_txn_query(t, "select pg_sleep(0.2)");
	f[1] = hf_txn_query(t, "select 1");
	park_refused(&t, 0, HF_E_BUSY, "command");
	t_done(f[0]);
	t_done(f[1]);
	second = hf_txn_ref(t);
	park_refused(&t, 0, HF_E_BUSY, "reference");
	ck_assert_int_eq(t_int(hf_txn_query(second, "select 42")), 42);
	hf_txn_unref(second);
	park_it(&t, 0, &token);
	t = park_resume(p, &token);
	f[0] = hf_txn_query(t, "select pg_sleep(10)");
	park_refused(&t, 0, HF_E_BUSY, "command");
	ck_assert_int_ne(hf_future_cancel(f[0]), HF_E_BUSY);
	t_failed(f[0], HF_E_CANCELED);
	t_done(hf_txn_rollback(t));
	hf_txn_unref(t);
	ck_assert_uint_eq(t_stats(p).parks, 1);
	t_close(p);
}
END_TEST

/* The COMMIT of an update waits for that lock. */
static void commit_waits(int key)
{
	char sql[400];

	snprintf(sql, sizeof sql,
		"create or replace function at_commit() returns trigger language plpgsql as $$ "
		"begin perform pg_advisory_xact_lock(%d); return null; end $$;"
		"create constraint trigger waits after update on test_values deferrable initially "
		"deferred for each row execute function at_commit()",
		key);
	free(t_psql(sql));
}

START_TEST(test_ended)
{
	struct t_lock lock;
	hf_pool *p;
	hf_future *f;
	hf_token token;
	hf_txn *t;

	park_table();
	commit_waits(11);
	p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	t = park_lock(p, NULL);
	t_done(hf_txn_savepoint(t, "before"));
	t_failed(hf_txn_query(t, "select 1 / 0"), HF_E_SQL);
	park_refused(&t, 0, HF_E_TXN_ENDED, "division by zero");
	t_done(hf_txn_rollback_to(t, "before"));
	park_it(&t, 0, &token);
	ck_assert(!park_row_free(NULL));
	t = park_resume(p, &token);
	t_done(hf_txn_query(t, "update test_values set val2 = 7"));
	f = hf_txn_run(t, HF_JOB(.fn = NULL)); /* refused before it was a command */
	t_failed(f, HF_E_MISUSE);
	park_refused(&t, 0, HF_E_TXN_ENDED, "has failed");
	t_done(hf_txn_rollback_to(t, "before"));
	t_done(hf_txn_query(t, "update test_values set val2 = 8"));
	t_lock_take(&lock, 11);
	f = hf_txn_commit(t);
	park_refused(&t, 0, HF_E_TXN_ENDED, "ended"); /* is being: it has not begun, or it waits */
	t_wait_blocked(1);
	park_refused(&t, 0, HF_E_TXN_ENDED, "is being ended");
	t_lock_drop(&lock);
	t_done(f);
	park_refused(&t, 0, HF_E_TXN_ENDED, "was committed");
	hf_txn_unref(t);
	t = hf_txn_begin(p, NULL);
	t_done(hf_txn_rollback(t));
	park_refused(&t, 0, HF_E_TXN_ENDED, "was rolled back");
	hf_txn_unref(t);
	ck_assert_uint_eq(t_stats(p).parks, 1);
	t_close(p);
	t = hf_txn_begin(p = t_pool(NULL), NULL);
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	ck_assert_int_ne(hf_txn_park(&t, 0, &token, NULL), HF_OK);
	hf_txn_unref(t);
	hf_pool_unref(p);
}
END_TEST

/* --- how many ------------------------------------------------------------------------------------
 */

static atomic_int failures;

static void *ask_125(void *arg)
{
	for (int i = 0; i < 125; i++) {
		hf_future *f = hf_query(arg, "select $1::int", i);

		if (hf_future_get_for(f, 10000 * t_slow(), NULL) != HF_OK)
			atomic_fetch_add(&failures, 1);
		hf_future_unref(f);
	}
	return NULL;
}

static void ask_1000(hf_pool *p)
{
	pthread_t threads[8];

	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_125, p), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(atomic_load(&failures), 0);
}

static hf_txn *begun(hf_pool *p)
{
	hf_txn *t = hf_txn_begin(p, NULL);

	t_done(hf_txn_query(t, "select 1"));
	return t;
}

START_TEST(test_exhaustion)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 16));
	hf_token tokens[13];
	hf_txn *held[4], *t;
	int64_t began;

	for (int i = 0; i < 12; i++) {
		t = begun(p);
		park_it(&t, 0, &tokens[i]);
	}
	held[0] = begun(p);
	began = hf_now_ns();
	park_refused(&held[0], 0, HF_E_PARK_LIMIT, "12");
	ck_assert_int_lt(t_ms_since(began), 100 * t_slow());
	ck_assert_uint_eq(t_stats(p).pinned, 13);
	ask_1000(p);
	/* Handles that are held may take them all. */
	for (int i = 1; i < 4; i++)
		held[i] = begun(p);
	ck_assert_uint_eq(t_stats(p).pinned, 16);
	t_failed(hf_query_with(p, HF_QUERY_OPTS(.acquire_ms = 50), "select 1"), HF_E_BUSY);
	/* Where one was resumed another may be parked. */
	t = park_resume(p, &tokens[0]);
	park_it(&held[0], 0, &tokens[12]);
	park_refused(&t, 0, HF_E_PARK_LIMIT, "max_parked");
	ck_assert_int_eq(t_int(hf_txn_query(t, "select 42")), 42);
	hf_txn_unref(t);
	for (int i = 1; i < 13; i++)
		hf_txn_unref(park_resume(p, &tokens[i]));
	for (int i = 1; i < 4; i++)
		hf_txn_unref(held[i]);
	t_wait_idle(p, 16);
	ck_assert_uint_eq(t_stats(p).parks, 13);
	ck_assert_uint_eq(t_stats(p).resumes, 13);
	t_close(p);
}
END_TEST

/* One connection is left, and enough; one more is refused at once. */
START_TEST(test_all_but_one)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 8, .max_parked = 7));
	hf_token tokens[7];
	hf_txn *t;

	for (int i = 0; i < 7; i++) {
		t = begun(p);
		park_it(&t, 0, &tokens[i]);
	}
	for (int i = 0; i < 10; i++)
		ask_1000(p);
	ck_assert_uint_eq(t_stats(p).pinned, 7);
	t = begun(p);
	park_refused(&t, 0, HF_E_PARK_LIMIT, "1 of max_conns 8 stay");
	hf_txn_unref(t);
	for (int i = 0; i < 7; i++)
		hf_txn_unref(park_resume(p, &tokens[i]));
	t_close(p);
}
END_TEST

/* Parks as many as go. */
static int parkable(const hf_pool_opts *o)
{
	hf_pool *p = t_pool(o);
	hf_txn *t = NULL;
	hf_token token;
	int n = 0;

	for (;; n++) {
		t = begun(p);
		if (hf_txn_park(&t, 0, &token, NULL) != HF_OK)
			break;
	}
	park_refused(&t, 0, HF_E_PARK_LIMIT, "max_parked");
	hf_txn_unref(t);
	ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	t_close(p);
	return n;
}

START_TEST(test_max_parked)
{
	ck_assert_int_eq(parkable(HF_POOL_OPTS(.max_conns = 1)), 0);
	ck_assert_int_eq(parkable(HF_POOL_OPTS(.max_conns = 2)), 1);
	ck_assert_int_eq(parkable(HF_POOL_OPTS(.max_conns = 4)), 3);
	ck_assert_int_eq(parkable(HF_POOL_OPTS(.max_conns = 8)), 6);
	ck_assert_int_eq(parkable(HF_POOL_OPTS(.max_conns = 8, .max_parked = 7)), 7);
	ck_assert_int_eq(parkable(HF_POOL_OPTS(.max_conns = 8, .max_parked = 2)), 2);
	ck_assert_int_eq(parkable(HF_POOL_OPTS(.max_conns = 4, .max_parked = HF_NONE)), 0);
}
END_TEST

static void check_refused(const hf_pool_opts *o, const char *one, const char *other)
{
	hf_error *why = NULL;
	hf_pool *p = NULL;

	ck_assert_int_eq(hf_pool_open(t_dsn(), o, &p, &why), HF_E_MISUSE);
	ck_assert_ptr_null(p);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), one));
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), other));
	hf_error_unref(why);
}

START_TEST(test_options)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2, .lease_ms = 5000));
	hf_txn *t = begun(p);
	hf_token token;

	check_refused(
		HF_POOL_OPTS(.max_conns = 8, .max_parked = 8), "max_parked (8)", "max_conns (8)");
	check_refused(HF_POOL_OPTS(.max_parked = 9), "max_parked (9)", "max_conns (8)");
	check_refused(HF_POOL_OPTS(.max_conns = 1, .max_parked = 1), "max_parked", "max_conns");
	check_refused(HF_POOL_OPTS(.lease_ms = 1000, .txn_idle_ms = 2000), "txn_idle_ms (2000)",
		"lease_ms (1000)");
	check_refused(HF_POOL_OPTS(.lease_ms = 1000, .txn_idle_ms = HF_FOREVER), "txn_idle_ms",
		"lease_ms");
	park_refused(&t, 5001, HF_E_MISUSE, "lease of 5001 ms is above the lease_ms (5000)");
	park_refused(&t, HF_FOREVER, HF_E_MISUSE, "lease_ms (5000)");
	park_it(&t, 5000, &token);
	hf_txn_unref(park_resume(p, &token));
	t = hf_txn_begin(p, HF_TXN_OPTS(.idle_ms = 5001));
	t_failed(hf_txn_query(t, "select 1"), HF_E_MISUSE);
	ck_assert_int_eq(hf_txn_park(&t, 0, &token, NULL), HF_E_MISUSE);
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

/* --- for how long --------------------------------------------------------------------------------
 */

START_TEST(test_backstop)
{
	const char *show = "show idle_in_transaction_session_timeout";
	hf_pool *p = t_pool(HF_POOL_OPTS(.lease_ms = 5000));
	hf_future *f = hf_query(p, show);

	ck_assert_str_eq(hf_row_text(hf_result_row(t_ok(f), 0), 0), "15s");
	hf_future_unref(f);
	t_close(p);
	p = t_pool(NULL);
	f = hf_query(p, show);
	ck_assert_str_eq(hf_row_text(hf_result_row(t_ok(f), 0), 0), "610s");
	hf_future_unref(f);
	t_close(p);
	p = t_pool(HF_POOL_OPTS(.lease_ms = HF_FOREVER));
	f = hf_query(p, show);
	ck_assert_str_eq(hf_row_text(hf_result_row(t_ok(f), 0), 0), "0");
	hf_future_unref(f);
	t_close(p);
}
END_TEST

static bool nobody_is_in_a_transaction(void *arg)
{
	(void)arg;
	return t_psql_int("select count(*) from pg_stat_activity "
			  "where state like 'idle in transaction%'") == 0;
}

/* A lease of 200 ms: after 400 ms the server knows of no transaction, and the connection goes on.
 */
START_TEST(test_lease)
{
	hf_pool *p;
	hf_token token;
	hf_txn *t;
	int64_t began;
	long long pid;

	park_table();
	p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	t = park_lock(p, NULL);
	pid = t_int(hf_txn_query(t, "select pg_backend_pid()"));
	began = hf_now_ns();
	park_it(&t, 200, &token);
	ck_assert(t_wait_until(nobody_is_in_a_transaction, NULL, 400 * t_slow()));
	ck_assert_int_ge(t_ms_since(began), 200);
	hf_error_unref(park_gone(p, token.text, HF_E_TXN_ENDED, "expired after 200 ms parked"));
	t_wait_idle(p, 1);
	ck_assert_int_eq(t_int(hf_query(p, "select pg_backend_pid()")), pid);
	ck_assert_uint_eq(t_stats(p).expired, 1);
	ck_assert_uint_eq(t_stats(p).resumes, 0);
	ck_assert(park_row_free(NULL));
	t_close(p);
}
END_TEST

/* Its life goes on across parks; every park and every resume would have given it more. */
START_TEST(test_life)
{
	int max_ms = 500 * t_slow(), parks = 0;
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.max_ms = max_ms, .idle_ms = 10 * max_ms));
	int64_t began = hf_now_ns();
	hf_error *why = NULL;
	hf_token token;
	hf_status st;

	t_done(hf_txn_query(t, "select 1"));
	do {
		st = hf_txn_park(&t, 10 * max_ms, &token, &why);
		t_sleep_ms(20);
		if (st == HF_OK)
			st = hf_txn_resume(p, token.text, &t, &why);
		parks += st == HF_OK;
	} while (st == HF_OK && t_ms_since(began) < 10LL * max_ms);
	ck_assert_int_eq(st, HF_E_TXN_ENDED);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "of life"));
	ck_assert_int_ge(parks, 3);
	ck_assert_int_ge(t_ms_since(began), max_ms);
	hf_error_unref(why);
	hf_txn_unref(t);
	ck_assert_uint_eq(t_stats(p).expired, 1);
	t_close(p);
}
END_TEST

static bool one_expired(void *p)
{
	return t_stats(p).expired == 1;
}

/* While it is parked only the lease counts, and afterwards its idle time, from the beginning. */
START_TEST(test_idle)
{
	int idle_ms = 200 * t_slow();
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.idle_ms = idle_ms));
	hf_token token;
	hf_future *f;
	int64_t began;

	t_done(hf_txn_query(t, "select 1"));
	park_it(&t, 20 * idle_ms, &token);
	t_sleep_ms(2 * idle_ms);
	t = park_resume(p, &token);
	began = hf_now_ns();
	t_sleep_ms(idle_ms / 2);
	ck_assert_int_eq(t_int(hf_txn_query(t, "select 42")), 42);
	ck_assert(t_wait_until(one_expired, p, 10 * idle_ms));
	ck_assert_int_ge(t_ms_since(began), idle_ms + idle_ms / 2);
	f = hf_txn_query(t, "select 1");
	ck_assert_ptr_nonnull(strstr(hf_error_message(t_fails(f, HF_E_TXN_ENDED)), "ms idle"));
	hf_future_unref(f);
	park_refused(&t, 0, HF_E_TXN_ENDED, "ms idle");
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

/* --- a frozen client -----------------------------------------------------------------------------
 */

static int freeze_while_parked(void)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2, .lease_ms = 200));
	hf_txn *t = park_lock(p, NULL);
	hf_token token;
	hf_status st;

	park_it(&t, 200, &token);
	raise(SIGSTOP);
	st = hf_txn_resume(p, token.text, &t, NULL);
	return st == HF_E_TXN_ENDED ? 0 : 1;
}

/* Nobody rolls back: the server does, ten seconds after the lease. */
START_TEST(test_frozen)
{
	int64_t began = hf_now_ns();
	int status;
	pid_t child;

#ifdef __SANITIZE_THREAD__
	t_skip("the thread sanitizer starts no threads after fork");
#endif
	park_table();
	child = fork();
	if (child == 0)
		_exit(freeze_while_parked());
	ck_assert_int_eq(waitpid(child, &status, WUNTRACED), child);
	ck_assert(WIFSTOPPED(status));
	ck_assert(!park_row_free(NULL));
	ck_assert(t_wait_until(park_row_free, NULL, 15000));
	ck_assert_int_ge(t_ms_since(began), 10200);
	kill(child, SIGCONT);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

T_MAIN("park_limits", { "K1 what still has commands or owners is not parked", test_busy, 0 },
	{ "K1 what has ended or failed is not parked", test_ended, 0 },
	{ "K1 promise-H15 parked ones cannot exhaust a pool", test_exhaustion, 60 },
	{ "K1 promise-H15 with all but one parked 10,000 queries pass", test_all_but_one, 60 },
	{ "K1 promise-H15 max_parked and its default", test_max_parked, 0 },
	{ "K1 limits that do not fit together are refused", test_options, 0 },
	{ "K1 promise-H15 the server's limit is the lease and 10 s", test_backstop, 0 },
	{ "K1 promise-H15 a lease of 200 ms is over within 400", test_lease, 0 },
	{ "K1 api-T9 parking gives no longer life", test_life, 0 },
	{ "K1 api-T9 after a resume the idle time begins anew", test_idle, 0 },
	{ "K1 promise-H15 the server frees what a frozen client holds", test_frozen, 40 })
