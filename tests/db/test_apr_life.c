/* SPDX-License-Identifier: MIT */
/* Transactions, and what has threads (pools, engines, listeners), in pools of APR. */
#include "apr.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- transactions --- */

static atomic_int warnings;

static void hear(hf_log_level level, const char *message, void *arg)
{
	(void)message;
	(void)arg;
	warnings += level <= HF_LOG_WARN;
}

static bool row_is_free(void)
{
	char *id = t_psql("select id from test_values where id = 1 for update skip locked");
	bool is_free = id != NULL;

	free(id);
	return is_free;
}

/* A row is locked and changed, and a statement may be under way. */
static hf_txn *locking(hf_pool *pool, apr_pool_t *p)
{
	hf_txn *t = hf_apr_own_txn(hf_txn_begin(pool, HF_TXN_OPTS(.label = "request")), p);

	t_done(hf_txn_query(t, "update test_values set val1 = 4711 where id = 1"));
	ck_assert(!row_is_free());
	return t;
}

/* Rolled back, and its locks are gone when the pool is: not logged as one that was forgotten. */
START_TEST(test_txn_ends)
{
	hf_pool *pool = t_pool(HF_POOL_OPTS(.max_conns = 1, .log = hear, .log_level = HF_LOG_WARN));
	apr_pool_t *p = t_apr_pool();

	t_test_values(1);
	for (int i = 0; i < 5; i++) {
		locking(pool, p);
		apr_pool_clear(p);
		ck_assert(row_is_free());
	}
	ck_assert_int_eq(t_psql_int("select count(*) from test_values where val1 = 4711"), 0);
	ck_assert_int_eq(warnings, 0);
	apr_pool_destroy(p);
	t_wait_idle(pool, 1);
	t_close(pool);
}
END_TEST

/* One that was committed stays so; one that failed is no different. */
START_TEST(test_txn_ended_before)
{
	hf_pool *pool = t_pool(HF_POOL_OPTS(.max_conns = 1));
	apr_pool_t *p = t_apr_pool();

	t_test_values(1);
	t_done(hf_txn_commit(locking(pool, p)));
	apr_pool_clear(p);
	ck_assert_int_eq(t_psql_int("select count(*) from test_values where val1 = 4711"), 1);
	t_failed(hf_txn_query(locking(pool, p), "eslect"), HF_E_SQL);
	apr_pool_destroy(p);
	ck_assert(row_is_free());
	t_wait_idle(pool, 1);
	t_close(pool);
}
END_TEST

/* A bound statement, registered after its transaction, is stopped before. */
START_TEST(test_txn_bound_statement)
{
	hf_pool *pool = t_pool(HF_POOL_OPTS(.max_conns = 1));
	apr_pool_t *p = t_apr_pool();
	int64_t began;

	t_test_values(1);
	hf_apr_bind_future(hf_txn_query(locking(pool, p), "select pg_sleep(60)"), p);
	began = hf_now_ns();
	apr_pool_destroy(p);
	ck_assert_int_lt(t_ms_since(began), 10000 * t_slow());
	ck_assert(row_is_free());
	t_wait_idle(pool, 1);
	t_close(pool);
}
END_TEST

/* One that is waiting for its connection still is waited for no longer than it would itself. */
START_TEST(test_txn_queued)
{
	hf_pool *pool = t_pool(HF_POOL_OPTS(.max_conns = 1, .acquire_ms = 2000));
	apr_pool_t *p = t_apr_pool(), *q = t_apr_pool();
	int64_t began;
	hf_txn *t;

	t_test_values(1);
	locking(pool, p);
	t = hf_apr_own_txn(hf_txn_begin(pool, NULL), q);
	hf_apr_own_future(hf_txn_query(t, "insert into test_values (val1) values (1)"), q);
	began = hf_now_ns();
	apr_pool_destroy(q);
	ck_assert_int_lt(t_ms_since(began), 10000 * t_slow());
	apr_pool_destroy(p);
	t_wait_idle(pool, 1);
	ck_assert_int_eq(t_psql_int("select count(*) from test_values"), 1);
	t_close(pool);
}
END_TEST

/* Two requests, each with a pool of its own: the first takes its transaction back to park it. */
START_TEST(test_txn_parks)
{
	hf_pool *pool = t_two();
	apr_pool_t *p = t_apr_pool();
	hf_token token;
	hf_txn *t;

	t_test_values(1);
	t = locking(pool, p);
	apr_pool_cleanup_kill(p, t, hf_apr_end_txn);
	ck_assert_int_eq(hf_txn_park(&t, 0, &token, NULL), HF_OK);
	apr_pool_destroy(p);
	ck_assert(!row_is_free());

	p = t_apr_pool();
	ck_assert_int_eq(hf_txn_resume(pool, token.text, &t, NULL), HF_OK);
	t_done(hf_txn_commit(hf_apr_own_txn(t, p)));
	apr_pool_destroy(p);
	ck_assert_int_eq(t_psql_int("select val1 from test_values"), 4711);
	t_wait_idle(pool, 2);
	t_close(pool);
}
END_TEST

/* --- pools and engines --- */

typedef struct work {
	atomic_int rounds;
	bool ended;
} work;

static hf_status toil(hf_conn *conn, void *arg, hf_reply *reply)
{
	work *w = arg;

	(void)reply;
	while (hf_conn_query(conn, NULL, "select pg_sleep(0.01)") == HF_OK)
		w->rounds++;
	t_sleep_ms(100);
	w->ended = true;
	return HF_OK;
}

static bool it_toils(void *arg)
{
	work *w = arg;

	return w->rounds > 2;
}

static apr_status_t has_ended(void *arg)
{
	work *w = arg;

	ck_assert(w->ended);
	return APR_SUCCESS;
}

static work *work_in(apr_pool_t *p)
{
	work *w = apr_pcalloc(p, sizeof *w);

	apr_pool_cleanup_register(p, w, has_ended, apr_pool_cleanup_null);
	return w;
}

/* What runs is stopped after shutdown_ms; nothing is left at the server, and no worker is left that
 * could use a sub-pool. */
START_TEST(test_pool_closes)
{
	apr_pool_t *p = t_apr_pool(), *sub = t_apr_sub(p);
	work *w = work_in(sub);
	hf_pool *pool = hf_apr_own_pool(
		t_pool(HF_POOL_OPTS(.max_conns = 3, .min_conns = 3, .shutdown_ms = 200)), p);
	int64_t began;

	hf_apr_own_future(hf_submit(pool, HF_JOB(.fn = toil, .arg = w)), sub);
	ck_assert(t_wait_until(it_toils, w, 10000));
	t_wait_backends(3);
	began = hf_now_ns();
	apr_pool_destroy(p);
	ck_assert_int_lt(t_ms_since(began), 6000 * t_slow());
	t_wait_backends(0);
}
END_TEST

static hf_engines *engines_in(apr_pool_t *p)
{
	hf_engines *e = hf_apr_own_engines(hf_engines_new(), p);
	hf_error *why;

	for (int i = 0; i < 2; i++)
		if (hf_engines_open(e, i ? "writer" : "reader", t_dsn(),
			    HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.name = t_name(), .min_conns = 2,
						   .shutdown_ms = 200)),
			    &why) != HF_OK)
			ck_abort_msg("%s", hf_error_message(why));
	return e;
}

/* As a server that is configured anew: its pool is cleared, and the engines are opened again. */
START_TEST(test_engines_close)
{
	apr_pool_t *p = t_apr_pool();

	for (int i = 0; i < 3; i++) {
		apr_pool_t *sub = t_apr_sub(p);
		hf_engines *e = engines_in(p);
		work *w = work_in(sub);
		hf_pool *pool = hf_engines_get(e, "reader", NULL);

		hf_apr_own_future(hf_submit(pool, HF_JOB(.fn = toil, .arg = w)), sub);
		ck_assert(t_wait_until(it_toils, w, 10000));
		t_wait_backends(4);
		apr_pool_clear(p);
		ck_assert_int_eq(hf_pool_get_state(pool), HF_POOL_CLOSED);
		hf_pool_unref(pool);
		t_wait_backends(0);
	}
	apr_pool_destroy(p);
}
END_TEST

/* --- processes --- */

static hf_pool *reader_of(hf_engines *e)
{
	hf_pool *pool = hf_engines_get(e, "reader", NULL);

	ck_assert_ptr_nonnull(pool);
	hf_pool_unref(pool);
	return pool; /* the registry has it */
}

static char *backends(void)
{
	char sql[160];

	snprintf(sql, sizeof sql,
		"select string_agg(pid::text, ',' order by pid) from pg_stat_activity"
		" where application_name = '%s'",
		t_name());
	return t_psql(sql);
}

/* A child inherits the pool of its parent, and destroys it at its end. */
START_TEST(test_child)
{
	apr_pool_t *p = t_apr_pool();
	hf_engines *e;
	hf_scope *s;
	char *before, *after;
	int status;
	pid_t child;

	t_name(); /* the parent's */
	e = engines_in(p);
	t_test_values(0);
	t_wait_backends(4);
	s = hf_apr_scope(e, NULL, p);
	t_done(hf_session_query(hf_writer(s), "insert into test_values (val1) values (1)"));
	hf_apr_own_txn(hf_txn_begin(reader_of(e), NULL), p);
	hf_apr_bind_future(hf_query(reader_of(e), "select pg_sleep(1)"), p);
	before = backends();
	child = fork();
	if (child == 0) {
		apr_pool_destroy(p);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	after = backends();
	ck_assert_str_eq(before, after);
	ck_assert_int_eq(t_psql_int("select count(*) from test_values"), 1);
	free(before);
	free(after);
	apr_pool_destroy(p);
	t_wait_backends(0);
}
END_TEST

/* --- listeners --- */

static void on_notice(const hf_notice *n, void *arg)
{
	(void)n;
	++*(atomic_int *)arg;
}

static bool is_told(void *arg)
{
	return *(atomic_int *)arg > 0;
}

/* arg lies in the pool; notices that come later find nobody. */
START_TEST(test_listener_stops)
{
	hf_pool *pool = t_two();
	apr_pool_t *p = t_apr_pool();
	atomic_int *n = apr_pcalloc(p, sizeof *n);
	hf_listener *l = hf_apr_own_listener(
		hf_listen(pool, HF_LISTEN_OPTS(.on_notice = on_notice, .arg = n)), p);

	t_done(hf_listener_add(l, "apr"));
	t_done(hf_notify(pool, "apr", "one"));
	ck_assert(t_wait_until(is_told, n, 10000));
	apr_pool_destroy(p);
	for (int i = 0; i < 100; i++)
		t_done(hf_notify(pool, "apr", "two"));
	t_close(pool);
}
END_TEST

/* clang-format off */
T_MAIN("apr_life",
	{ "D6 an owned transaction is rolled back with its APR pool, and its locks are gone", test_txn_ends, 0 },
	{ "D6 an owned transaction may have ended before", test_txn_ended_before, 0 },
	{ "a bound statement is stopped before its transaction is rolled back", test_txn_bound_statement, 0 },
	{ "a transaction without a connection yet is waited for as long as it waits", test_txn_queued, 0 },
	{ "a transaction is taken back from its APR pool to be parked", test_txn_parks, 0 },
	{ "B32 an owned pool is closed before sub-pools go", test_pool_closes, 0 },
	{ "F35 B32 owned engines are closed before sub-pools go", test_engines_close, 0 },
	{ "B31 a child that destroys the APR pool does its parent no harm", test_child, 0 },
	{ "an owned listener tells nothing any more", test_listener_stops, 0 })
/* clang-format on */
