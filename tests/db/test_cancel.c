/* SPDX-License-Identifier: MIT */
/* Cancelling: what waits never starts, what runs is stopped at the server, and no connection is
 * lost over it. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Cancels what runs and expects the end of it within a second. */
static void cancel_running(hf_future *f)
{
	int64_t began = hf_now_ns();

	ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
	t_fails(f, HF_E_CANCELED);
	ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
	ck_assert_int_eq(hf_future_cancel(f), HF_E_BUSY);
	hf_future_unref(f);
}

static hf_status drop_row(hf_row row, void *arg)
{
	(void)row;
	(void)arg;
	return HF_OK;
}

static hf_status insert_and_sleep(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = hf_conn_query(c, NULL, "insert into test_values (val1) values (-77)");

	(void)reply;
	if (st != HF_OK)
		return st;
	atomic_store((atomic_bool *)arg, true);
	return hf_conn_query(c, NULL, "select pg_sleep(60)");
}

static bool is_set(void *flag)
{
	return atomic_load((atomic_bool *)flag);
}

static bool sleeps(void *arg)
{
	(void)arg;
	return t_psql_int("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") > 0;
}

static void await_sleep(void)
{
	ck_assert(t_wait_until(sleeps, NULL, 10000));
}

START_TEST(test_cancel_running)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2));
	atomic_bool started;
	hf_future *f;

	t_test_values(1);
	t_wait_idle(p, 2);
	f = hf_query(p, "select pg_sleep(60)");
	await_sleep();
	cancel_running(f);
	f = hf_script(p, "select 1; select pg_sleep(60)");
	await_sleep();
	cancel_running(f);
	f = hf_query_with(p, HF_QUERY_OPTS(.on_row = drop_row), "select pg_sleep(60)");
	await_sleep();
	cancel_running(f);
	f = hf_query_with(p, HF_QUERY_OPTS(.timeout_ms = 50000), "select pg_sleep(60)");
	await_sleep();
	cancel_running(f);
	atomic_init(&started, false);
	f = hf_run(p, insert_and_sleep, &started, NULL);
	ck_assert(t_wait_until(is_set, &started, 10000));
	cancel_running(f);
	ck_assert_int_eq(t_psql_int("select count(*) from test_values where val1 = -77"), 0);
	/* Not one connection was given up for it. (A script makes its session be reset.) */
	t_wait_idle(p, 2);
	ck_assert_uint_eq(t_stats(p).connects, 2);
	ck_assert_uint_eq(t_stats(p).discards, 0);
	ck_assert_uint_eq(t_stats(p).canceled, 5);
	ck_assert_uint_eq(t_stats(p).failed, 0);
	ck_assert_int_eq(t_backends(), 2);
	t_close(p);
}
END_TEST

static hf_status count_run(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)reply;
	atomic_fetch_add((atomic_int *)arg, 1);
	return HF_OK;
}

START_TEST(test_cancel_queued)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *busy = hf_query(p, "select pg_sleep(0.3)"), *f[10];
	atomic_int runs;

	atomic_init(&runs, 0);
	t_wait_busy(p, 1);
	for (int i = 0; i < 10; i++)
		f[i] = hf_run(p, count_run, &runs, NULL);
	for (int i = 0; i < 10; i += 2) {
		ck_assert_int_eq(hf_future_cancel(f[i]), HF_OK);
		ck_assert(hf_future_ready(f[i]));
		ck_assert_int_eq(hf_future_cancel(f[i]), HF_E_BUSY);
	}
	ck_assert_uint_eq(t_stats(p).queued, 5);
	t_done(busy);
	for (int i = 0; i < 10; i++) {
		if (i % 2)
			t_done(f[i]);
		else
			t_failed(f[i], HF_E_CANCELED);
	}
	ck_assert_int_eq(atomic_load(&runs), 5);
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

/* --- a late cancel (promise-H17) -----------------------------------------------------------------
 */

static void spin_us(int64_t us)
{
	int64_t until = hf_now_ns() + us * 1000;

	while (hf_now_ns() < until)
		;
}

/* The cancel is aimed at the end of its query: later after each one that was stopped, earlier after
 * each one that had ended. Whatever it meets, it must not be the query that follows on the same
 * connection. */
START_TEST(test_late_cancel)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int stopped = 0, ended = 0, too_late = 0;
	int64_t delay = 2000;

	t_wait_idle(p, 1);
	for (int i = 0; i < 300; i++) {
		hf_future *f = hf_query(p, "select pg_sleep(0.002)"), *next = NULL;
		hf_status st;

		if (i % 2)
			next = hf_query(p, "select pg_sleep(0.003), 42");
		spin_us(delay);
		st = hf_future_cancel(f);
		ck_assert(st == HF_PENDING || st == HF_E_BUSY || st == HF_OK);
		too_late += st == HF_E_BUSY;
		if (!next)
			next = hf_query(p, "select pg_sleep(0.003), 42");
		st = hf_future_get_for(f, 10000 * t_slow(), NULL);
		ck_assert(st == HF_OK || st == HF_E_CANCELED);
		stopped += st == HF_E_CANCELED;
		ended += st == HF_OK;
		delay += st == HF_OK ? -40 : 40;
		if (delay < 0)
			delay = 0;
		hf_future_unref(f);
		t_done(next);
	}
	ck_assert_int_gt(stopped, 20);
	ck_assert_int_gt(ended, 20);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	printf("# %d stopped, %d ended, of those %d before the cancel\n", stopped, ended, too_late);
	t_close(p);
}
END_TEST

/* Aimed at the BEGIN that goes before an interaction's script, in a trip of its own. */
static hf_status run_script(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	atomic_store((atomic_bool *)arg, true);
	return hf_conn_script(c, NULL, "select pg_sleep(60)");
}

START_TEST(test_early_cancel)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	atomic_bool started;

	t_wait_idle(p, 1);
	for (int i = 0; i < 200; i++) {
		hf_future *f;

		atomic_init(&started, false);
		f = hf_run(p, run_script, &started, NULL);
		while (!atomic_load(&started))
			;
		spin_us(i);
		ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
		t_failed(f, HF_E_CANCELED);
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

static void *cancel_often(void *arg)
{
	hf_status st;

	for (int i = 0; i < 200; i++) {
		st = hf_future_cancel(arg);
		if (st != HF_PENDING && st != HF_E_BUSY)
			return arg;
	}
	return NULL;
}

START_TEST(test_repeated_cancels)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	pthread_t t[4];
	void *wrong;

	t_wait_idle(p, 1);
	for (int round = 0; round < 10; round++) {
		hf_future *f = hf_query(p, "select pg_sleep(60)");
		hf_future *next = hf_query(p, "select pg_sleep(0.005), 42");

		t_wait_busy(p, 1);
		for (int i = 0; i < 4; i++)
			ck_assert_int_eq(pthread_create(&t[i], NULL, cancel_often, f), 0);
		for (int i = 0; i < 4; i++) {
			pthread_join(t[i], &wrong);
			ck_assert_ptr_null(wrong);
		}
		t_failed(f, HF_E_CANCELED);
		t_done(next);
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

static void cancel_other(hf_future *f, void *arg)
{
	hf_future *const *others = arg;

	(void)f;
	hf_future_cancel(others[0]);
	hf_future_cancel(others[1]);
}

START_TEST(test_cancel_in_callback)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2));
	hf_future *f[3], *queued, *both[2];

	t_wait_idle(p, 2);
	f[0] = hf_query(p, "select pg_sleep(60)");
	f[1] = hf_query(p, "select pg_sleep(0.2)");
	t_wait_busy(p, 2);
	/* Behind both, so that it waits when the callback comes: the second worker takes f[2]. */
	f[2] = hf_query(p, "select pg_sleep(60)");
	queued = hf_query(p, "select 1");
	both[0] = f[0];
	both[1] = queued;
	ck_assert_int_eq(hf_future_on_ready(f[1], cancel_other, both, NULL), HF_OK);
	t_failed(f[0], HF_E_CANCELED);
	t_failed(queued, HF_E_CANCELED);
	t_done(f[1]);
	await_sleep();
	cancel_running(f[2]);
	t_wait_idle(p, 2);
	t_close(p);
}
END_TEST

/* --- a function that computes --------------------------------------------------------------------
 */

struct loop {
	atomic_bool started;
	bool stubborn; /* goes on, and says that all went well */
	hf_status then;
};

static hf_status compute(hf_conn *c, void *arg, hf_reply *reply)
{
	struct loop *l = arg;
	int64_t give_up = hf_now_ns() + (int64_t)15 * t_slow() * 1000000000;

	atomic_store(&l->started, true);
	while (!hf_conn_canceled(c))
		if (hf_now_ns() > give_up)
			return hf_fail(reply, "never told");
	if (l->stubborn)
		return HF_OK;
	l->then = hf_conn_query(c, NULL, "select 1");
	return HF_E_CANCELED;
}

START_TEST(test_cancel_computation)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	struct loop l = { .stubborn = false };
	hf_future *f;

	atomic_init(&l.started, false);
	f = hf_run(p, compute, &l, NULL);
	ck_assert(t_wait_until(is_set, &l.started, 10000));
	ck_assert(!hf_future_ready(f));
	cancel_running(f);
	ck_assert_int_eq(l.then, HF_E_CANCELED);

	atomic_store(&l.started, false);
	l.stubborn = true;
	f = hf_run(p, compute, &l, NULL);
	ck_assert(t_wait_until(is_set, &l.started, 10000));
	ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
	t_done(f);
	ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	t_wait_idle(p, 1);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

T_MAIN("cancel", { "A19 what runs is stopped, and its connection kept", test_cancel_running, 0 },
	{ "A19 what waits never starts", test_cancel_queued, 0 },
	{ "A19 a late cancel never meets the next query (promise-H17)", test_late_cancel, 0 },
	{ "A19 an early cancel stops the statement that was about to begin", test_early_cancel,
		60 },
	{ "A19 repeated cancels are one", test_repeated_cancels, 0 },
	{ "A19 a callback cancels", test_cancel_in_callback, 0 },
	{ "A19 a computation learns that it was cancelled", test_cancel_computation, 0 })
