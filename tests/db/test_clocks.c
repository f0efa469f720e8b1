/* SPDX-License-Identifier: MIT */
/* The clocks of a transaction that is held: how long it may be idle, how long it may live, and what
 * is said when its time is up. */
#include "fixture.h"

#include <holdfast/txn.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADD "update test_values set val2 = val2 + 1 where id = 1"

static struct {
	pthread_mutex_t lock;
	char line[400];
	int n;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void hear(hf_log_level level, const char *message, void *arg)
{
	(void)level;
	(void)arg;
	if (!strstr(message, "expired"))
		return;
	pthread_mutex_lock(&heard.lock);
	snprintf(heard.line, sizeof heard.line, "%s", message);
	heard.n++;
	pthread_mutex_unlock(&heard.lock);
}

static int times_heard(void)
{
	int n;

	pthread_mutex_lock(&heard.lock);
	n = heard.n;
	pthread_mutex_unlock(&heard.lock);
	return n;
}

static hf_pool *setup(int conns)
{
	t_test_values(1);
	free(t_psql("update test_values set val2 = 1000"));
	return t_pool(HF_POOL_OPTS(.min_conns = conns, .max_conns = conns, .strict = true,
		.log = hear, .log_level = HF_LOG_WARN));
}

static long long value(void)
{
	return t_psql_int("select val2 from test_values where id = 1");
}

static bool lock_is_free(void *arg)
{
	(void)arg;
	return t_psql_int("select count(*) from (select 1 from test_values where id = 1 "
			  "for update skip locked) s") == 1;
}

static void must_have_expired(hf_future *f, const char *what)
{
	const hf_error *e = t_fails(f, HF_E_TXN_ENDED);

	if (!strstr(hf_error_message(e), what))
		ck_abort_msg("\"%s\" is not in \"%s\"", what, hf_error_message(e));
	ck_assert(hf_error_is(e, HF_RETRYABLE));
	ck_assert(!hf_error_is(e, HF_MAYBE_COMMITTED));
	hf_future_unref(f);
}

/* --- idle ----------------------------------------------------------------------------------------
 */

/* A handle that is kept and not used: the lock is released at its limit, others get the same
 * backend, and whoever comes back is told. */
START_TEST(test_idle)
{
	hf_pool *p = setup(1);
	int64_t before = hf_now_ns();
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.label = "seat", .idle_ms = 200));
	int pid = (int)t_int(hf_txn_query(t, "select pg_backend_pid()"));

	t_done(hf_txn_query(t, ADD));
	/* Whoever waits for the connection has it when the time is up. */
	ck_assert_int_eq(t_int(hf_query(p, "select pg_backend_pid()")), pid);
	ck_assert_int_ge(t_ms_since(before), 200);
	ck_assert_int_lt(t_ms_since(before), 200 + 1500 * t_slow());
	ck_assert(lock_is_free(NULL));
	must_have_expired(hf_txn_query(t, ADD), "expired after 200 ms idle");
	must_have_expired(hf_txn_commit(t), "expired after 200 ms idle");
	must_have_expired(hf_txn_rollback(t), "\"seat\"");
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_ROLLED_BACK);
	ck_assert_int_eq(times_heard(), 1);
	ck_assert_ptr_nonnull(strstr(heard.line, "\"seat\""));
	ck_assert_ptr_nonnull(strstr(heard.line, "test_clocks.c:"));
	ck_assert_ptr_nonnull(strstr(heard.line, "expired after 200 ms idle"));
	hf_txn_unref(t);
	ck_assert_int_eq(value(), 1000);
	ck_assert_uint_eq(t_stats(p).expired, 1);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_wait_idle(p, 1);
	t_close(p);
	ck_assert_int_eq(times_heard(), 1);
}
END_TEST

/* Each command starts it again, and while one runs it stands still. */
START_TEST(test_idle_resets)
{
	hf_pool *p = setup(1);
	int64_t began = hf_now_ns();
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.idle_ms = 1000 * t_slow()));
	int n = 0;

	for (; t_ms_since(began) < 1500 * t_slow(); n++) {
		t_done(hf_txn_query(t, ADD));
		t_sleep_ms(100);
	}
	t_done(hf_txn_query(t, "select pg_sleep($1::float8)", 1.5 * t_slow()));
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	ck_assert_int_eq(value(), 1000 + n);
	ck_assert_uint_eq(t_stats(p).expired, 0);
	t_close(p);
}
END_TEST

/* The pool's limit where it has none of its own; none above the pool's lease_ms. */
START_TEST(test_idle_of_pool)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .txn_idle_ms = 150, .lease_ms = 400));
	hf_txn *t = hf_txn_begin(p, NULL);
	static const int wrong[] = { 401, HF_FOREVER };

	t_done(hf_txn_query(t, "select 1"));
	t_done(hf_query(p, "select 1"));
	must_have_expired(hf_txn_commit(t), "expired after 150 ms idle");
	hf_txn_unref(t);
	for (int i = 0; i < 2; i++) {
		t = hf_txn_begin(p, HF_TXN_OPTS(.idle_ms = wrong[i]));
		t_failed(hf_txn_query(t, "select 1"), HF_E_MISUSE);
		t_failed(hf_txn_commit(t), HF_E_MISUSE);
		hf_txn_unref(t);
	}
	t_close(p);
}
END_TEST

/* The server would end the session, and the connection with it, but only 10 s after we end the
 * transaction. */
START_TEST(test_backstop)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .lease_ms = 45000));

	ck_assert_int_eq(t_int(hf_query(p, "select setting::int from pg_settings where name = "
					   "'idle_in_transaction_session_timeout'")),
		55000);
	t_close(p);
}
END_TEST

static bool is_rolled_back(void *txn)
{
	return hf_txn_get_state(txn) == HF_TXN_ROLLED_BACK;
}

/* The server's FATAL comes between two commands: seen then, and told by its code. */
START_TEST(test_backstop_ends_it)
{
	hf_pool *p = setup(1);
	hf_txn *t = hf_txn_begin(p, NULL);
	const hf_error *why;

	t_done(hf_txn_query(t, ADD));
	t_done(hf_txn_query(t, "set local idle_in_transaction_session_timeout = 200"));
	ck_assert(t_wait_until(is_rolled_back, t, 10000));
	why = hf_txn_error(t);
	ck_assert_str_eq(hf_error_sqlstate(why), "25P03");
	ck_assert(!hf_error_is(why, HF_MAYBE_COMMITTED));
	t_failed(hf_txn_query(t, ADD), HF_E_TXN_ENDED);
	t_failed(hf_txn_commit(t), HF_E_TXN_ENDED);
	hf_txn_unref(t);
	ck_assert_int_eq(value(), 1000);
	t_wait_idle(p, 1);
	ck_assert_uint_eq(t_stats(p).discards, 1);
	t_close(p);
}
END_TEST

/* --- life ----------------------------------------------------------------------------------------
 */

/* It never starts again, however busy the transaction is. */
START_TEST(test_life)
{
	hf_pool *p = setup(1);
	int64_t began = hf_now_ns();
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.max_ms = 400));
	int pid = (int)t_int(hf_txn_query(t, "select pg_backend_pid()"));
	hf_future *f = hf_txn_query(t, ADD);
	int n = 0;

	for (; hf_future_get_for(f, 10000, NULL) == HF_OK; n++) {
		hf_future_unref(f);
		ck_assert_int_lt(t_ms_since(began), 400 + 5000 * t_slow());
		f = hf_txn_query(t, ADD);
	}
	ck_assert_int_ge(t_ms_since(began), 400);
	ck_assert_int_gt(n, 3);
	hf_future_unref(f);
	t_failed(hf_txn_commit(t), HF_E_TXN_ENDED);
	hf_txn_unref(t);
	ck_assert_int_eq(value(), 1000);
	ck_assert_int_eq(t_int(hf_query(p, "select pg_backend_pid()")), pid);
	t_close(p);
}
END_TEST

/* Between two commands: rolled back at once, and told so. */
START_TEST(test_life_idle)
{
	hf_pool *p = setup(1);
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.max_ms = 300));
	int64_t began = hf_now_ns();

	t_done(hf_txn_query(t, ADD));
	t_done(hf_query(p, "select 1"));
	ck_assert_int_ge(t_ms_since(began), 290);
	must_have_expired(hf_txn_commit(t), "expired after 300 ms of life");
	hf_txn_unref(t);
	ck_assert_int_eq(value(), 1000);
	ck_assert_uint_eq(t_stats(p).expired, 1);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

/* A statement that runs on is stopped then, and what it belonged to cannot be committed. */
START_TEST(test_life_running)
{
	hf_pool *p = setup(1);
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.max_ms = 300));
	int64_t began = hf_now_ns();
	hf_future *f, *end;

	t_done(hf_txn_query(t, ADD));
	f = hf_txn_query(t, "select pg_sleep(30)");
	end = hf_txn_commit(t);
	ck_assert_int_ne(hf_future_get_for(f, 10000, NULL), HF_OK);
	ck_assert_int_lt(t_ms_since(began), 10000);
	hf_future_unref(f);
	t_failed(end, HF_E_TXN_ENDED);
	hf_txn_unref(t);
	ck_assert_int_eq(value(), 1000);
	t_wait_idle(p, 1);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

static hf_status dawdle(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	t_sleep_ms(350);
	return hf_conn_query(c, NULL, ADD);
}

/* A function that comes back too late to its statement is told whose limit it was. */
START_TEST(test_life_function)
{
	hf_pool *p = setup(1);
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.max_ms = 300));
	hf_future *f = hf_txn_run(t, HF_JOB(.fn = dawdle, .timeout_ms = 20000));

	ck_assert_ptr_nonnull(strstr(hf_error_message(t_fails(f, HF_E_TIMEOUT)), "(max_ms)"));
	hf_future_unref(f);
	t_failed(hf_txn_commit(t), HF_E_TXN_ENDED);
	hf_txn_unref(t);
	t = hf_txn_begin(p, HF_TXN_OPTS(.max_ms = 20000));
	f = hf_txn_run(t, HF_JOB(.fn = dawdle, .timeout_ms = 300));
	ck_assert_ptr_nonnull(
		strstr(hf_error_message(t_fails(f, HF_E_TIMEOUT)), "timeout_ms (300)"));
	hf_future_unref(f);
	hf_txn_unref(t);
	t_wait_idle(p, 1);
	ck_assert_int_eq(value(), 1000);
	t_close(p);
}
END_TEST

/* --- a commit at that instant --------------------------------------------------------------------
 */

#define ROUNDS 500

static void wait_until_ns(int64_t until)
{
	while (until - hf_now_ns() > 2000000)
		t_sleep_ms(1);
	while (hf_now_ns() < until)
		;
}

static int late; /* rounds whose insert was not done in time */

/* One round: true, and there will be a row; or false, and there will not. */
static bool commits_in_time(hf_pool *p, int round, const hf_txn_opts *opts, int64_t after_ns)
{
	hf_txn *t = hf_txn_begin(p, opts);
	hf_future *f = hf_txn_query(t, "insert into rounds values ($1)", round);
	bool in_time = hf_future_get_for(f, 10000 * t_slow(), NULL) == HF_OK, done;

	hf_future_unref(f);
	late += !in_time;
	wait_until_ns(hf_now_ns() + after_ns);
	f = hf_txn_commit(t);
	done = hf_future_get_for(f, 10000 * t_slow(), NULL) == HF_OK;
	ck_assert(in_time || !done);
	ck_assert_int_eq(hf_txn_get_state(t), done ? HF_TXN_COMMITTED : HF_TXN_ROLLED_BACK);
	if (in_time && !done)
		must_have_expired(f, "expired after 10 ms");
	else
		hf_future_unref(f);
	hf_txn_unref(t);
	return done;
}

/* Exactly the rounds that were told so. */
static void must_be_stored(const bool *committed)
{
	char *stored = t_psql("select string_agg((r.n is not null)::int::text, '' order by i) "
			      "from generate_series(0, 499) i left join rounds r on r.n = i");

	ck_assert_uint_eq(strlen(stored), ROUNDS);
	for (int i = 0; i < ROUNDS; i++)
		if ((stored[i] == '1') != committed[i])
			ck_abort_msg("round %d: told %s, stored %c", i,
				committed[i] ? "committed" : "expired", stored[i]);
	free(stored);
}

/* Homes in on the instant: later after each commit that was in time, earlier after the others. */
static void race(const hf_txn_opts *opts)
{
	hf_pool *p = setup(1);
	bool committed[ROUNDS];
	int64_t after = 10000000;
	int n = 0;

	free(t_psql("set client_min_messages to warning; drop table if exists rounds;"
		    "create table rounds (n int primary key)"));
	for (int i = 0; i < ROUNDS; i++) {
		committed[i] = commits_in_time(p, i, opts, after);
		after += committed[i] ? 50000 : -50000;
		after = after < 0 ? 0 : after;
		n += committed[i];
	}
	ck_assert_int_ge(n, ROUNDS / 10);
	ck_assert_int_le(n, ROUNDS - ROUNDS / 10);
	must_be_stored(committed);
	ck_assert_int_le((int)t_stats(p).expired, ROUNDS - n);
	ck_assert_int_ge((int)t_stats(p).expired, ROUNDS - n - late);
	ck_assert_int_eq(times_heard(), (int)t_stats(p).expired);
	ck_assert_int_lt(late, ROUNDS / 2);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}

START_TEST(test_idle_race)
{
	race(HF_TXN_OPTS(.idle_ms = 10));
}
END_TEST

START_TEST(test_life_race)
{
	race(HF_TXN_OPTS(.max_ms = 10));
}
END_TEST

T_MAIN("clocks", { "D6 api-T9 api-T10 idle for 200 ms: rolled back, and told so", test_idle, 0 },
	{ "D6 api-T9 each command starts the idle clock again", test_idle_resets, 0 },
	{ "D6 the pool's idle limit holds where none is given", test_idle_of_pool, 0 },
	{ "api-T10 the server's own limit comes 10 s later", test_backstop, 0 },
	{ "fact-M14 rule-45 25P03: the server's own limit is seen when it comes",
		test_backstop_ends_it, 0 },
	{ "api-T9 the clock of its life never starts again", test_life, 0 },
	{ "api-T9 api-T10 an idle transaction ends with its life", test_life_idle, 0 },
	{ "api-T9 a statement is stopped at the end of its life", test_life_running, 0 },
	{ "api-T9 a function is told that its life is over", test_life_function, 0 },
	{ "api-T11 a commit at the instant it expires idle, 500 times", test_idle_race, 60 },
	{ "api-T11 a commit at the end of its life, 500 times", test_life_race, 60 })
