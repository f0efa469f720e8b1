/* SPDX-License-Identifier: MIT */
/* Limits of one run: of its time, enforced by the server; of its isolation; of its result's size.
 */
#include "fixture.h"

#include <holdfast/txn.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* --- counting what libpq sends
 * ------------------------------------------------------------------- */

/* libpq finds this send before libc's: it counts the calls, and the messages that ask the server to
 * answer. Messages are whole here: each trip is one call. */
static atomic_bool counting;
static atomic_int n_sends, n_syncs;

__attribute__((visibility("default"))) ssize_t send(int fd, const void *data, size_t n, int flags)
{
	const unsigned char *at = data;
	size_t left = n;

	if (atomic_load(&counting)) {
		atomic_fetch_add(&n_sends, 1);
		while (left >= 5) {
			size_t len = 1 + ((size_t)at[1] << 24 | (size_t)at[2] << 16 |
						 (size_t)at[3] << 8 | (size_t)at[4]);

			atomic_fetch_add(&n_syncs, *at == 'S' || *at == 'Q');
			if (len > left)
				break;
			at += len;
			left -= len;
		}
	}
	return sendto(fd, data, n, flags, NULL, 0);
}

/* --- time ----------------------------------------------------------------------------------------
 */

static void check_late(hf_future *f, int64_t began, int limit_ms)
{
	const hf_error *e = t_fails(f, HF_E_TIMEOUT);

	ck_assert_str_eq(hf_error_sqlstate(e), "57014");
	ck_assert_int_ge(t_ms_since(began), limit_ms);
	ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
	hf_future_unref(f);
}

START_TEST(test_deadline)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int pid = (int)t_int(hf_query(p, "select pg_backend_pid()"));

	for (int i = 0; i < 5; i++) {
		int64_t began = hf_now_ns();

		check_late(
			hf_query_with(p, HF_QUERY_OPTS(.timeout_ms = 200), "select pg_sleep(10)"),
			began, 200);
		/* The server ended it: nothing had to be thrown away. */
		ck_assert_int_eq(t_int(hf_query(p, "select pg_backend_pid()")), pid);
	}
	t_close(p);
}
END_TEST

static atomic_bool gate;

static hf_status wait_at_gate(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)arg;
	(void)reply;
	while (!atomic_load(&gate))
		t_sleep_ms(1);
	return HF_OK;
}

/* Neighbours ask what limit they are under: theirs, or the session's. */
static void check_neighbours(int statement_ms, const char *session)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .statement_ms = statement_ms));
	hf_future *f[20], *first;
	int64_t began;

	atomic_store(&gate, false);
	first = hf_run(p, wait_at_gate, NULL, NULL);
	t_wait_busy(p, 1);
	for (int i = 0; i < 20; i++) {
		if (i == 9)
			f[i] = hf_query_with(
				p, HF_QUERY_OPTS(.timeout_ms = 100), "select pg_sleep(10)");
		else if (i % 4 == 0)
			f[i] = hf_query_with(
				p, HF_QUERY_OPTS(.timeout_ms = 7777), "show statement_timeout");
		else
			f[i] = hf_query(p, "show statement_timeout");
	}
	ck_assert_uint_eq(t_stats(p).queued, 20);
	began = hf_now_ns();
	atomic_store(&gate, true);
	t_done(first);
	for (int i = 0; i < 20; i++) {
		if (i == 9) {
			check_late(f[i], began, 100);
			continue;
		}
		ck_assert_str_eq(hf_row_text(hf_result_row(t_ok(f[i]), 0), 0),
			i % 4 == 0 ? "7777ms" : session);
		hf_future_unref(f[i]);
	}
	ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
	first = hf_query(p, "show statement_timeout");
	ck_assert_str_eq(hf_row_text(hf_result_row(t_ok(first), 0), 0), session);
	hf_future_unref(first);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	ck_assert_uint_eq(t_stats(p).resets, 0);
	t_close(p);
}

START_TEST(test_neighbours)
{
	check_neighbours(0, "0");
	check_neighbours(4321, "4321ms");
}
END_TEST

static void count_trips(hf_pool *p, int timeout_ms)
{
	atomic_store(&n_sends, 0);
	atomic_store(&n_syncs, 0);
	atomic_store(&counting, true);
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(t_int(hf_query_with(p, HF_QUERY_OPTS(.timeout_ms = timeout_ms),
					 "select $1::int", i)),
			i);
	atomic_store(&counting, false);
	ck_assert_int_eq(atomic_load(&n_sends), 50);
	ck_assert_int_eq(atomic_load(&n_syncs), 50);
}

/* The limit travels with the query: one message to answer, one transaction. */
START_TEST(test_no_extra_trip)
{
	char dsn[300];
	hf_pool *p;
	static const char committed[] =
		"select xact_commit from pg_stat_database where datname = 'counted'";
	long long before, most;
	int64_t until;

	free(t_psql("create database counted"));
	snprintf(dsn, sizeof dsn, "%s dbname=counted", t_dsn());
	p = t_pool_on(dsn, HF_POOL_OPTS(.max_conns = 1));
	t_done(hf_query(p, "select 1"));
	count_trips(p, 0);
	count_trips(p, 5000);
	t_close(p);
	/* A session reports its counts when it ends. */
	t_wait_backends(0);
	before = t_psql_int(committed);
	most = 1 + 50 + 50 + 5; /* and what its start and end take */
	for (until = hf_now_ns() + 2000000000; before < 101 && hf_now_ns() < until; t_sleep_ms(10))
		before = t_psql_int(committed);
	ck_assert_int_ge(before, 101);
	ck_assert_int_le(before, most);
	free(t_psql("drop database counted"));
}
END_TEST

/* --- in an interaction ---------------------------------------------------------------------------
 */

struct naps {
	int n;
	const char *sql;
	bool canceled;
};

static hf_status nap(hf_conn *c, void *arg, hf_reply *reply)
{
	struct naps *n = arg;
	hf_status st = HF_OK;

	(void)reply;
	for (int i = 0; i < 100 && st == HF_OK; i++) {
		st = hf_conn_query_at(HF_HERE, c, NULL, n->sql, NULL, 0);
		n->n += st == HF_OK;
	}
	n->canceled = hf_conn_canceled(c);
	return st;
}

static hf_status spin(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	while (!hf_conn_canceled(c))
		t_sleep_ms(1);
	return hf_conn_query(c, NULL, "select 1");
}

START_TEST(test_interaction)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	struct naps one = { 0, "select pg_sleep(10)", false };
	struct naps many = { 0, "select pg_sleep(0.05)", false };
	int64_t began = hf_now_ns();
	hf_future *f;

	check_late(hf_submit(p, HF_JOB(.fn = nap, .arg = &one, .timeout_ms = 200)), began, 200);
	ck_assert_int_eq(one.n, 0);
	ck_assert(one.canceled);
	/* Short statements: the whole counts. */
	began = hf_now_ns();
	t_failed(hf_submit(p, HF_JOB(.fn = nap, .arg = &many, .timeout_ms = 300)), HF_E_TIMEOUT);
	ck_assert_int_ge(t_ms_since(began), 299);
	ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
	ck_assert_int_le(many.n, 6);
	ck_assert(many.canceled);
	/* A loop without statements is asked, and its next statement is not sent. */
	began = hf_now_ns();
	t_failed(hf_submit(p, HF_JOB(.fn = spin, .timeout_ms = 100)), HF_E_TIMEOUT);
	ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
	f = hf_query(p, "show statement_timeout");
	ck_assert_str_eq(hf_row_text(hf_result_row(t_ok(f), 0), 0), "0");
	hf_future_unref(f);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

/* --- of the pool ---------------------------------------------------------------------------------
 */

START_TEST(test_statement_ms)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .statement_ms = 200));
	struct naps n = { 0, "select pg_sleep(10)", false };
	int64_t began = hf_now_ns();

	check_late(hf_query(p, "select pg_sleep(10)"), began, 200);
	began = hf_now_ns();
	check_late(hf_run(p, nap, &n, NULL), began, 200);
	/* Each statement has its own 200 ms. */
	n.sql = "select pg_sleep(0.01)";
	t_done(hf_run(p, nap, &n, NULL));
	ck_assert_int_eq(n.n, 100);
	/* A narrower limit wins. */
	began = hf_now_ns();
	check_late(hf_query_with(p, HF_QUERY_OPTS(.timeout_ms = 50), "select pg_sleep(10)"), began,
		50);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

/* What a query asks for takes the place of the pool's limit, whatever else it asks for. */
START_TEST(test_over_statement_ms)
{
	static const int limit[] = { HF_FOREVER, 5000 };
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .statement_ms = 100));

	for (int i = 0; i < 2; i++) {
		hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.timeout_ms = limit[i]));

		t_done(hf_txn_query(t, "select pg_sleep(0.3)"));
		t_done(hf_txn_query(t, "select pg_sleep(0.3)"));
		t_done(hf_txn_commit(t));
		hf_txn_unref(t);
		t_done(hf_query_with(
			p, HF_QUERY_OPTS(.timeout_ms = limit[i]), "select pg_sleep(0.3)"));
		t_done(hf_query_with(p,
			HF_QUERY_OPTS(.timeout_ms = limit[i], .isolation = HF_ISO_SERIALIZABLE),
			"select pg_sleep(0.3)"));
		t_failed(hf_query(p, "select pg_sleep(10)"), HF_E_TIMEOUT);
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

/* A transaction's limit is that of each statement. */
START_TEST(test_txn_statement)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.timeout_ms = 200));
	int64_t began;

	for (int i = 0; i < 4; i++)
		t_done(hf_txn_query(t, "select pg_sleep(0.1)"));
	t_done(hf_txn_savepoint(t, "s"));
	began = hf_now_ns();
	check_late(hf_txn_query(t, "select pg_sleep(10)"), began, 200);
	t_done(hf_txn_rollback_to(t, "s"));
	began = hf_now_ns();
	check_late(hf_txn_query(t, "select pg_sleep(10)"), began, 200);
	t_done(hf_txn_rollback(t));
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

/* --- isolation -----------------------------------------------------------------------------------
 */

static hf_status count_twice(hf_conn *c, void *arg, hf_reply *reply)
{
	int64_t *n = arg;

	(void)reply;
	for (int i = 0; i < 2; i++) {
		const hf_result *res;
		hf_status st = hf_conn_query(c, &res, "select count(*) from test_values");

		if (st != HF_OK)
			return st;
		n[i] = hf_row_int8(hf_result_row(res, 0), 0, -1);
		if (i == 0)
			free(t_psql("insert into test_values (val1) values (1)"));
	}
	return HF_OK;
}

START_TEST(test_isolation)
{
	static const struct {
		hf_isolation level;
		const char *name;
	} levels[] = { { HF_ISO_READ_COMMITTED, "read committed" },
		{ HF_ISO_REPEATABLE_READ, "repeatable read" },
		{ HF_ISO_SERIALIZABLE, "serializable" } };
	hf_pool *p;

	t_test_values(10);
	p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	for (size_t i = 0; i < T_COUNT(levels); i++) {
		hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.isolation = levels[i].level));
		hf_future *f[3] = { hf_txn_query(t, "show transaction_isolation"), NULL, NULL };
		int64_t n[2];

		t_done(hf_txn_commit(t));
		hf_txn_unref(t);
		f[1] = hf_query_with(p, HF_QUERY_OPTS(.isolation = levels[i].level),
			"show transaction_isolation");
		f[2] = hf_query(p, "show transaction_isolation");
		for (int j = 0; j < 3; j++) {
			ck_assert_str_eq(hf_row_text(hf_result_row(t_ok(f[j]), 0), 0),
				j == 2 ? "read committed" : levels[i].name);
			hf_future_unref(f[j]);
		}
		t_done(hf_submit(
			p, HF_JOB(.fn = count_twice, .arg = n, .isolation = levels[i].level)));
		ck_assert_int_eq(n[0], 10 + (int)i);
		/* A stable count while another commits, but at the lowest level. */
		ck_assert_int_eq(n[1], n[0] + (levels[i].level == HF_ISO_READ_COMMITTED));
	}
	t_close(p);
}
END_TEST

/* --- size ----------------------------------------------------------------------------------------
 */

static hf_status count_rows(hf_row row, void *arg)
{
	(void)row;
	++*(int *)arg;
	return HF_OK;
}

START_TEST(test_max_result)
{
	static const char big[] = "select repeat('x', 1000) from generate_series(1, 4000)";
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_result = 1024 * 1024));
	hf_future *f = hf_query(p, big);
	int rows = 0;

	ck_assert_ptr_nonnull(strstr(hf_error_message(t_fails(f, HF_E_TOO_LARGE)), "max_result"));
	hf_future_unref(f);
	/* Below the limit, again and again: it counts per result. */
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(t_int(hf_query(p, "select length(repeat('x', 500000))")), 500000);
	for (int i = 0; i < 5; i++)
		t_done(hf_query(p, "select repeat('x', 500000)"));
	/* Rows that are not kept do not count. */
	t_done(hf_query_with(p, HF_QUERY_OPTS(.on_row = count_rows, .arg = &rows), big));
	ck_assert_int_eq(rows, 4000);
	t_close(p);
}
END_TEST

/* However much of it comes at a time. */
START_TEST(test_max_result_value)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_result = 100000));

	ck_assert_int_eq(t_int(hf_query(p, "select length(repeat('x', 90000))")), 90000);
	t_done(hf_query(p, "select repeat('x', 90000)"));
	for (int n = 100001; n < 20000000; n += n / 2)
		t_failed(hf_query(p, "select repeat('x', $1::int)", n), HF_E_TOO_LARGE);
	t_close(p);
}
END_TEST

T_MAIN("limits", { "C25 pg_sleep(10) with 200 ms fails with 57014 within 1 s", test_deadline, 0 },
	{ "C25 K3 a deadline among 19 neighbours hits nobody else", test_neighbours, 0 },
	{ "K3 a deadline costs no round trip and no transaction", test_no_extra_trip, 0 },
	{ "C25 the limit of a whole interaction", test_interaction, 0 },
	{ "C25 the pool's limit of a statement", test_statement_ms, 0 },
	{ "C25 a query's own limit replaces the pool's", test_over_statement_ms, 0 },
	{ "C25 a transaction's limit is that of each statement", test_txn_statement, 0 },
	{ "C22 isolation for one run", test_isolation, 0 },
	{ "C25 a result beyond max_result", test_max_result, 0 },
	{ "C25 one large value is beyond max_result", test_max_result_value, 0 })
