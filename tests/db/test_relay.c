/* SPDX-License-Identifier: MIT */
/* A plain query that was sent by who submitted it: who reads its answer, when somebody waits for
 * it, when nobody does, and when it is wanted otherwise. */
#include "pipeline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static hf_pool *quiet_pool(int conns)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = conns, .max_conns = conns));

	t_wait_idle(p, (unsigned)conns);
	return p;
}

/* --- waited for --- */

/* In some round of many nobody loses the CPU for 2 ms. */
START_TEST(test_nobody_woken)
{
	hf_pool *p = quiet_pool(1);
	bool undisturbed = false;

	for (int round = 0; round < 100 && !undisturbed; round++) {
		hf_pool_stats was, is;

		t_wait_idle(p, 1);
		was = t_stats(p);
		for (int i = 0; i < 20; i++)
			ck_assert_int_eq(t_int(hf_query(p, "select $1::int", i)), i);
		is = t_stats(p);
		ck_assert_uint_eq(is.completed - was.completed, 20);
		undisturbed = is.wakeups == was.wakeups && is.borrowed - was.borrowed == 20;
	}
	ck_assert(undisturbed);
	t_close(p);
}
END_TEST

struct waiting {
	hf_future *f;
	long long got;
};

static void *wait_for(void *arg)
{
	struct waiting *w = arg;

	w->got = t_int(hf_future_ref(w->f));
	return NULL;
}

START_TEST(test_two_wait)
{
	hf_pool *p = quiet_pool(1);

	for (int i = 0; i < 100; i++) {
		struct waiting w = { .f = hf_query(p, "select $1::int from pg_sleep(0.001)", i) };
		pthread_t thread;

		ck_assert_int_eq(pthread_create(&thread, NULL, wait_for, &w), 0);
		ck_assert_int_eq(t_int(hf_future_ref(w.f)), i);
		pthread_join(thread, NULL);
		ck_assert_int_eq(w.got, i);
		hf_future_unref(w.f);
	}
	t_close(p);
}
END_TEST

/* A4's own numbers, and the same work is waited for again. */
START_TEST(test_limited_wait)
{
	hf_pool *p = quiet_pool(1);
	hf_future *f = hf_query(p, "select 7 from pg_sleep($1::float8)", 0.5 * t_slow());

	ck_assert_int_eq(hf_future_wait_for(f, 50), HF_PENDING);
	ck_assert_int_eq(hf_future_wait_for(f, 0), HF_PENDING);
	ck_assert_int_eq(t_int(f), 7);
	for (int i = 0; i < 100; i++) {
		f = hf_query(p, "select $1::int", i);
		ck_assert_int_eq(hf_future_wait_for(f, 10000 * t_slow()), HF_OK);
		ck_assert_int_eq(t_int(f), i);
	}
	t_close(p);
}
END_TEST

/* One thread, two servers' worth of waiting: the quick one first, whichever was submitted first. */
START_TEST(test_any)
{
	hf_pool *p = quiet_pool(2);

	for (int quick = 0; quick < 2; quick++) {
		hf_future *f[2];
		size_t i;

		f[!quick] = NULL;
		for (int k = 0; k < 2; k++)
			f[k] = hf_query(p, "select $1::int from pg_sleep($2::float8)", k,
				k == quick ? 0.01 : 0.5 * t_slow());
		ck_assert_int_eq(hf_wait_any(f, 2, 10000 * t_slow(), &i), HF_OK);
		ck_assert_uint_eq(i, (size_t)quick);
		ck_assert(!hf_future_ready(f[!quick]));
		for (int k = 0; k < 2; k++)
			ck_assert_int_eq(t_int(f[k]), k);
		t_wait_idle(p, 2);
	}
	t_close(p);
}
END_TEST

/* --- not waited for --- */

/* It is done, and its connection is free again. */
START_TEST(test_unattended)
{
	hf_pool *p = quiet_pool(1);

	t_ledger_new();
	for (int i = 0; i < 20; i++) {
		hf_future_unref(hf_query(p, "insert into ledger values ($1)", i));
		t_wait_idle(p, 1);
		ck_assert_int_eq(t_psql_int("select count(*) from ledger"), i + 1);
	}
	t_close(p);
}
END_TEST

static void note(hf_future *f, void *arg)
{
	ck_assert_int_eq(hf_future_get(f, NULL), HF_OK);
	atomic_fetch_add((atomic_int *)arg, 1);
}

static bool is_20(void *arg)
{
	return atomic_load((atomic_int *)arg) == 20;
}

static bool is_ready(void *f)
{
	return hf_future_ready(f);
}

/* Callbacks, a combination, and somebody who only looks. */
START_TEST(test_heard_of)
{
	hf_pool *p = quiet_pool(2);
	atomic_int called = 0;

	for (int i = 0; i < 20; i++) {
		hf_future *f = hf_query(p, "select 1"), *g, *all;

		ck_assert_int_eq(hf_future_on_ready(f, note, &called, NULL), HF_OK);
		hf_future_unref(f);
		t_wait_idle(p, 2);
		f = hf_query(p, "select 2");
		g = hf_query(p, "select 3");
		all = hf_when_all((hf_future *[]){ f, g }, 2);
		ck_assert_int_eq(hf_future_wait_for(all, 10000 * t_slow()), HF_OK);
		ck_assert(hf_future_ready(f) && hf_future_ready(g));
		hf_future_unref(all);
		hf_future_unref(g);
		hf_future_unref(f);
		f = hf_query(p, "select 4");
		ck_assert(t_wait_until(is_ready, f, 10000));
		hf_future_unref(f);
	}
	ck_assert(t_wait_until(is_20, &called, 10000));
	t_close(p);
}
END_TEST

/* What is queued behind it has a connection as soon as its answer is there. */
START_TEST(test_queued_behind)
{
	hf_pool *p = quiet_pool(1);

	for (int i = 0; i < 100; i++) {
		hf_future *first = hf_query(p, "select 1"), *second = hf_query(p, "select 2");

		ck_assert_int_eq(t_int(second), 2);
		ck_assert(hf_future_ready(first));
		hf_future_unref(first);
		t_wait_idle(p, 1);
	}
	t_close(p);
}
END_TEST

/* --- what may happen to it --- */

START_TEST(test_cancel)
{
	hf_pool *p = quiet_pool(1);

	for (int waits = 0; waits < 2; waits++) {
		hf_future *f = hf_query(p, "select pg_sleep(60)");
		int64_t began = hf_now_ns();

		t_wait_asleep();
		if (waits)
			ck_assert_int_eq(hf_future_wait_for(f, 10), HF_PENDING);
		ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
		t_failed(f, HF_E_CANCELED);
		ck_assert_int_lt(t_ms_since(began), 10000 * t_slow());
		t_wait_idle(p, 1);
	}
	t_expect_sane(p);
	t_close(p);
}
END_TEST

START_TEST(test_limit_of_time)
{
	hf_pool *p = quiet_pool(1);
	int64_t began = hf_now_ns();

	t_failed(hf_query_with(p, HF_QUERY_OPTS(.timeout_ms = 100), "select pg_sleep(60)"),
		HF_E_TIMEOUT);
	ck_assert_int_lt(t_ms_since(began), 10000 * t_slow());
	t_wait_idle(p, 1);
	t_expect_sane(p);
	t_close(p);
}
END_TEST

/* A read is as it would be on a worker: its caller may run it again. */
START_TEST(test_lost)
{
	hf_pool *p = quiet_pool(1);

	for (int waits = 0; waits < 2; waits++) {
		hf_future *f = hf_query(p, "select pg_sleep(60)");

		t_wait_asleep();
		if (waits)
			ck_assert_int_eq(hf_future_wait_for(f, 10), HF_PENDING);
		free(t_psql("select pg_terminate_backend(pid) from pg_stat_activity "
			    "where wait_event = 'PgSleep'"));
		t_failed(f, HF_E_CONN_LOST);
		ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
		t_wait_idle(p, 1);
	}
	t_close(p);
}
END_TEST

/* At the Sync, behind its result; prepared and not. */
START_TEST(test_error_at_sync)
{
	hf_pool *p = quiet_pool(1);

	t_ledger_new();
	free(t_psql("alter table ledger add unique (id) deferrable initially deferred"));
	t_done(hf_query(p, "insert into ledger values (1)"));
	for (int i = 0; i < 10; i++) {
		t_wait_idle(p, 1);
		t_sqlstate(hf_query(p, "insert into ledger values ($1) returning id", 1), "23505");
	}
	ck_assert_int_eq(t_psql_int("select count(*) from ledger"), 1);
	t_expect_sane(p);
	t_close(p);
}
END_TEST

START_TEST(test_close)
{
	for (int limit = 0; limit < 2; limit++) {
		hf_pool *p = quiet_pool(1);
		hf_future *f = hf_query(p, "select 5 from pg_sleep($1::float8)", limit ? 60 : 0.2);

		ck_assert_int_eq(hf_pool_close(p, limit ? 200 : 20000), HF_OK);
		if (limit)
			t_failed(f, HF_E_CLOSED);
		else
			ck_assert_int_eq(t_int(f), 5);
		hf_pool_unref(p);
	}
}
END_TEST

static void *get(void *f)
{
	ck_assert_int_eq(hf_future_wait(f), HF_OK);
	return NULL;
}

static void count(hf_future *f, void *arg)
{
	(void)f;
	atomic_fetch_add((atomic_int *)arg, 1);
}

/* Whoever closes the pool while another thread reads finds the future ready, and its callback
 * called. */
START_TEST(test_close_beside)
{
	for (int i = 0; i < 40; i++) {
		hf_pool *p = quiet_pool(1);
		hf_future *f = hf_query(p, "select 1 from pg_sleep(0.002)");
		atomic_int called = 0;
		pthread_t thread;

		ck_assert_int_eq(pthread_create(&thread, NULL, get, f), 0);
		if (i % 2)
			ck_assert_int_eq(hf_future_on_ready(f, count, &called, NULL), HF_OK);
		ck_assert_int_eq(hf_pool_close(p, 10000), HF_OK);
		ck_assert(hf_future_ready(f));
		ck_assert_int_eq(atomic_load(&called), i % 2);
		pthread_join(thread, NULL);
		hf_future_unref(f);
		hf_pool_unref(p);
	}
}
END_TEST

/* --- all at once --- */

#define THREADS 6
#define ROUNDS  300

static void be_done(hf_pool *p, unsigned way, int token)
{
	hf_future *f = hf_query(p, "select $1::int", token);
	hf_future *other;
	size_t i;

	switch (way) {
	case 0:
		break;
	case 1:
		ck_assert_int_eq(hf_future_wait_for(f, 20000 * t_slow()), HF_OK);
		break;
	case 2:
		other = hf_query(p, "select 1");
		ck_assert_int_eq(
			hf_wait_any((hf_future *[]){ other, f }, 2, 20000 * t_slow(), &i), HF_OK);
		ck_assert_int_eq(t_int(other), 1);
		break;
	case 3:
		(void)hf_future_cancel(f);
		ck_assert_int_eq(hf_future_wait_for(f, 20000 * t_slow()), HF_OK);
		if (hf_future_error(f)) {
			t_failed(f, HF_E_CANCELED);
			return;
		}
		break;
	default:
		hf_future_unref(hf_query(p, "select 1"));
	}
	ck_assert_int_eq(t_int(f), token);
}

struct storm {
	hf_pool *pool;
	unsigned seed;
};

static void *run_storm(void *arg)
{
	struct storm *s = arg;
	unsigned x = s->seed;

	for (int i = 0; i < ROUNDS; i++) {
		x = x * 1103515245u + 12345u;
		be_done(s->pool, (x >> 16) % 5, (int)(s->seed * 100000u) + i);
	}
	return NULL;
}

START_TEST(test_storm)
{
	hf_pool *p = quiet_pool(3);
	struct storm s[THREADS];
	pthread_t thread[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		s[i] = (struct storm){ p, i + 1 };
		ck_assert_int_eq(pthread_create(&thread[i], NULL, run_storm, &s[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	t_wait_idle(p, 3);
	ck_assert_uint_eq(t_stats(p).queued, 0);
	t_close(p);
}
END_TEST

T_MAIN("relay", { "K5 a query that is waited for wakes no worker", test_nobody_woken, 60 },
	{ "K5 A7 two threads wait for one query", test_two_wait, 60 },
	{ "K5 A4 a wait with a limit leaves the work running", test_limited_wait, 60 },
	{ "K5 who waits for one of two gets the quick one", test_any, 60 },
	{ "K5 a query that nobody waits for is done", test_unattended, 60 },
	{ "K5 A6 who only wants to hear of it does", test_heard_of, 60 },
	{ "K5 what is queued behind it is run", test_queued_behind, 60 },
	{ "K5 a cancel reaches it, waited for or not", test_cancel, 60 },
	{ "K5 its limit of time ends it", test_limit_of_time, 60 },
	{ "K5 A9 its server is lost", test_lost, 60 },
	{ "K5 an error at the Sync is its own", test_error_at_sync, 60 },
	{ "K5 a pool is closed under it", test_close, 60 },
	{ "K5 A9 a pool is closed beside who reads", test_close_beside, 60 },
	{ "K5 threads that wait, look, cancel and let go at once", test_storm, 120 })
