/* SPDX-License-Identifier: MIT */
/* Connections that are lost, one or all, idle or busy: what is told to whom, and that the pool is
 * whole again afterwards. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKEND "select pg_backend_pid()"
#define KILL_ALL                                                                                   \
	"select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = "  \
	"'%s'"

static long long kill_all(void)
{
	char sql[200];

	snprintf(sql, sizeof sql, KILL_ALL, t_name());
	return t_psql_int(sql);
}

/* It has gone when this returns. */
static void kill_one(long long pid)
{
	char sql[100];

	snprintf(sql, sizeof sql, "select pg_terminate_backend(%lld, 10000)::int", pid);
	ck_assert_int_eq(t_psql_int(sql), 1);
}

/* Ready, whatever with; what failed says that the connection was lost. */
static void must_end_lost(hf_future *f)
{
	const hf_error *e;
	hf_status st = hf_future_get_for(f, 10000 * t_slow(), NULL);

	ck_assert_int_ne(st, HF_PENDING);
	e = hf_future_error(f);
	if (e) {
		ck_assert_int_eq(st, HF_E_CONN_LOST);
		ck_assert(hf_error_is(e, HF_CONNECTION));
	}
	hf_future_unref(f);
}

/* --- B14 -----------------------------------------------------------------------------------------
 */

START_TEST(test_all_terminated)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 5, .max_conns = 5, .strict = true));

	for (int round = 0; round < 3; round++) {
		hf_future *f[10];

		ck_assert_int_eq(kill_all(), 5);
		for (int i = 0; i < 10; i++)
			f[i] = hf_query(p, "select 1");
		for (int i = 0; i < 10; i++)
			must_end_lost(f[i]);
		t_wait_idle(p, 5);
		t_wait_backends(5);
		for (int i = 0; i < 10; i++)
			t_done(hf_query(p, "select 1"));
	}
	ck_assert_uint_ge(t_stats(p).discards, 15);
	t_close(p);
}
END_TEST

START_TEST(test_all_terminated_busy)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 5, .max_conns = 5, .strict = true));
	hf_future *f[10];

	for (int i = 0; i < 10; i++) {
		f[i] = hf_query(p, i < 5 ? "select pg_sleep(60)" : "select 42");
		if (i < 5)
			t_wait_busy(p, (uint32_t)i + 1);
	}
	ck_assert_int_eq(kill_all(), 5);
	for (int i = 0; i < 5; i++) {
		const hf_error *e = t_fails(f[i], HF_E_CONN_LOST);

		ck_assert_str_eq(hf_error_sqlstate(e), "57P01");
		ck_assert(hf_error_is(e, HF_MAYBE_COMMITTED));
		ck_assert(!hf_error_is(e, HF_RETRYABLE));
		hf_future_unref(f[i]);
	}
	for (int i = 5; i < 10; i++) /* what had not been sent does not notice */
		ck_assert_int_eq(t_int(f[i]), 42);
	t_wait_idle(p, 5);
	t_wait_backends(5);
	t_close(p);
}
END_TEST

static hf_status kill_myself(hf_conn *c, void *arg, hf_reply *r)
{
	hf_status *st = arg;

	(void)r;
	kill_one(hf_conn_backend_pid(c));
	st[0] = hf_conn_query(c, NULL, "select 1");
	st[1] = hf_conn_query(c, NULL, "select 1");
	return HF_OK;
}

/* Broken when it is given back, though the interaction thinks that all is well. */
START_TEST(test_broken_on_return)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));

	for (int i = 0; i < 5; i++) {
		hf_status st[2] = { HF_OK, HF_OK };

		t_failed(hf_run(p, kill_myself, st, NULL), HF_E_CONN_LOST);
		ck_assert_int_eq(st[0], HF_E_CONN_LOST);
		ck_assert_int_eq(st[1], HF_E_CONN_LOST);
		ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	}
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

/* --- B15 -----------------------------------------------------------------------------------------
 */

static void restart_under_load(const char *mode)
{
	hf_pool *p;
	hf_future *f[20];
	struct t_load load;

	t_need_pgctl();
	p = t_pool(HF_POOL_OPTS(.min_conns = 4, .max_conns = 4, .strict = true));
	t_load_start(&load, p, 8, "select pg_sleep(0.002)");
	t_load_await(&load, 50);
	for (int i = 0; i < 20; i++)
		f[i] = hf_query(p, "select pg_sleep(0.1)");
	ck_assert(t_pgctl("restart %s", mode));
	t_load_await(&load, 50);
	for (int i = 0; i < 20; i++)
		must_end_lost(f[i]);
	t_load_stop(&load);
	/* Each failure is a connection that was in use: what waited went on waiting. */
	ck_assert_int_eq(atomic_load(&load.failed), atomic_load(&load.by_status[HF_E_CONN_LOST]));
	ck_assert_int_le(atomic_load(&load.failed), 8);
	t_wait_idle(p, 4);
	t_wait_backends(4);
	t_close(p);
}

START_TEST(test_restart_fast)
{
	restart_under_load("fast");
}
END_TEST

START_TEST(test_restart_immediate)
{
	restart_under_load("immediate");
}
END_TEST

struct outage {
	hf_pool *pool;
	uint64_t failures;
};

static bool tried_in_vain(void *arg)
{
	const struct outage *o = arg;

	return t_stats(o->pool).connect_failures >= o->failures;
}

/* Twice in a row, with nothing going on: the pool notices and is full again by itself, within a
 * second however long the server was away. */
START_TEST(test_restart_idle)
{
	hf_pool *p;

	t_need_pgctl();
	p = t_pool(HF_POOL_OPTS(.min_conns = 4, .max_conns = 4, .strict = true));
	for (int i = 0; i < 2; i++) {
		struct outage o = { p, t_stats(p).connect_failures + 8 };
		int64_t began;

		ck_assert(t_pgctl("stop fast"));
		ck_assert(t_wait_until(tried_in_vain, &o, 20000));
		ck_assert(t_pgctl("start"));
		began = hf_now_ns();
		t_wait_backends(4);
		t_wait_idle(p, 4);
		ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
		t_done(hf_query(p, "select 1"));
	}
	ck_assert_uint_eq(t_stats(p).failed, 0);
	t_close(p);
}
END_TEST

/* --- B16 -----------------------------------------------------------------------------------------
 */

START_TEST(test_stale_idle)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));
	long long pid = t_int(hf_query(p, BACKEND));

	for (int i = 0; i < 20; i++) {
		long long next;

		kill_one(pid);
		next = t_int(hf_query(p, BACKEND)); /* at once: nobody has looked yet */
		ck_assert_int_ne(next, pid);
		pid = next;
	}
	ck_assert_uint_eq(t_stats(p).failed, 0);
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

struct seen {
	hf_pool *pool;
	uint64_t connects;
};

static bool is_replaced(void *arg)
{
	const struct seen *s = arg;
	hf_pool_stats now = t_stats(s->pool);

	return now.connects > s->connects && now.idle == 2;
}

/* promise-H11: by event, before anybody asks. */
START_TEST(test_idle_noticed)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2, .strict = true));

	for (int i = 0; i < 5; i++) {
		struct seen s = { p, t_stats(p).connects };
		long long pid = t_int(hf_query(p, BACKEND));

		t_wait_idle(p, 2);
		kill_one(pid);
		ck_assert(t_wait_until(is_replaced, &s, 2000));
		ck_assert_uint_eq(t_stats(p).connects, s.connects + 1);
	}
	t_close(p);
}
END_TEST

/* --- B17 -----------------------------------------------------------------------------------------
 */

/* Twin of the seed's test of its issue 212, which closed the whole pool. */
START_TEST(test_one_of_five)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 5, .max_conns = 5, .strict = true));
	hf_future *f[5];
	struct t_load load;
	char sql[200];
	long long victim;

	for (int i = 0; i < 5; i++)
		f[i] = hf_query(p, i ? "select 40 + 2 from pg_sleep(1)" : "select pg_sleep(60)");
	t_wait_busy(p, 5);
	snprintf(sql, sizeof sql,
		"select pid from pg_stat_activity where application_name = '%s' and query like "
		"'%%pg_sleep(60)' and state = 'active'",
		t_name());
	victim = t_psql_int(sql);
	t_load_start(&load, p, 8, "select pg_sleep(0.002)");
	kill_one(victim);
	t_failed(f[0], HF_E_CONN_LOST);
	t_load_await(&load, 200);
	for (int i = 1; i < 5; i++)
		ck_assert_int_eq(t_int(f[i]), 42);
	t_load_stop(&load);
	ck_assert_int_eq(atomic_load(&load.failed), 0);
	t_wait_idle(p, 5);
	ck_assert_uint_eq(t_stats(p).discards, 1);
	ck_assert_uint_eq(t_stats(p).connects, 6);
	t_close(p);
}
END_TEST

/* --- B18 -----------------------------------------------------------------------------------------
 */

static hf_status bad_row(hf_row row, void *arg)
{
	int n;

	(void)arg;
	return hf_row_scan(row, HF_TO(&n)); /* it is text */
}

static hf_status bad_decode(hf_conn *c, void *arg, hf_reply *r)
{
	const hf_result *res;
	hf_status st = hf_conn_query(c, &res, "select 'no number'::text from generate_series(1,9)");
	int n;

	(void)arg;
	(void)r;
	return st == HF_OK ? hf_row_scan(hf_result_row(res, 0), HF_TO(&n)) : st;
}

static hf_status bad_each(hf_conn *c, void *arg, hf_reply *r)
{
	(void)r;
	return hf_conn_each(c, bad_row, arg, "select 'no number'::text from generate_series(1,9)");
}

/* Twin of the seed's test of its issue 47: an error after execution must give the slot back. */
START_TEST(test_decode_error)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));

	for (int i = 0; i < 20; i++) {
		t_failed(hf_run(p, bad_decode, NULL, NULL), HF_E_TYPE);
		ck_assert_uint_eq(t_stats(p).idle, 1);
		t_failed(hf_run(p, bad_each, NULL, NULL), HF_E_TYPE);
		ck_assert_uint_eq(t_stats(p).idle, 1);
		t_failed(hf_query_with(p, HF_QUERY_OPTS(.on_row = bad_row),
				 "select 'no number'::text from generate_series(1, 9)"),
			HF_E_TYPE);
		ck_assert_uint_eq(t_stats(p).idle, 1);
		ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	}
	ck_assert_uint_eq(t_stats(p).discards, 0);
	t_close(p);
}
END_TEST

T_MAIN("loss", { "B14 all terminated while idle", test_all_terminated, 30 },
	{ "B14 all terminated while busy", test_all_terminated_busy, 30 },
	{ "B14 a connection that is broken when it comes back", test_broken_on_return, 0 },
	{ "B15 promise-H12 a fast restart under load", test_restart_fast, 60 },
	{ "B15 an immediate restart under load", test_restart_immediate, 60 },
	{ "B15 promise-H12 restarts while idle", test_restart_idle, 60 },
	{ "B16 a terminated idle connection is replaced before use", test_stale_idle, 0 },
	{ "B16 promise-H11 a terminated idle connection is noticed", test_idle_noticed, 0 },
	{ "B17 one of five is killed under load", test_one_of_five, 30 },
	{ "B18 a decode error gives the connection back", test_decode_error, 0 })
