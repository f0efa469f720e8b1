/* SPDX-License-Identifier: MIT */
/* A transaction is served by those who wait for its commands, and by its worker where nobody does.
 */
#include "fixture.h"

#include <holdfast/txn.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 4
#define EACH    100
#define SLEEP   "select pg_sleep(30)"
#define COUNT   "update test_values set val2 = val2 + 1 where id = 1 returning val2"

static hf_pool *pool_of(int conns)
{
	return t_pool(HF_POOL_OPTS(.min_conns = conns, .max_conns = conns, .strict = true));
}

static void one_row(void)
{
	t_test_values(1);
	free(t_psql("update test_values set val2 = 0"));
}

static long long value(void)
{
	return t_psql_int("select val2 from test_values where id = 1");
}

static bool sleeps(void *arg)
{
	char sql[200];

	(void)arg;
	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where application_name = '%s' and "
		"wait_event = 'PgSleep'",
		t_name());
	return t_psql_int(sql) == 1;
}

/* Without a limit of time: by whom this thread can do it, in both ways. */
static void await_forever(hf_future *f)
{
	ck_assert_int_eq(hf_future_wait(f), HF_OK);
}

static void await_any(hf_future *f)
{
	size_t i;

	ck_assert_int_eq(hf_wait_any(&f, 1, HF_FOREVER, &i), HF_OK);
}

static void (*const ways[])(hf_future *f) = { await_forever, await_any };

/* --- order --------------------------------------------------------------------------------------
 */

#define ROUNDS 100
#define STEPS  3

struct crowd {
	hf_txn *t;
	pthread_mutex_t lock; /* around a submission, so that its number is known */
	int next, round;
	atomic_int called;
};

static void note_call(hf_future *f, void *called)
{
	(void)f;
	atomic_fetch_add((atomic_int *)called, 1);
}

static hf_future *submit_next(struct crowd *c, int *number)
{
	hf_future *f;

	pthread_mutex_lock(&c->lock);
	*number = ++c->next;
	f = hf_txn_query(c->t, COUNT);
	pthread_mutex_unlock(&c->lock);
	return f;
}

/* The n-th command gives n. */
static void expect_number(hf_future *f, int n)
{
	const hf_result *res;

	ck_assert_int_eq(hf_future_get(f, &res), HF_OK);
	ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 0, -1), n);
	hf_future_unref(f);
}

/* Most have one command under way, so that they come while another drives; some have two, or have
 * somebody called. */
static void *count_up(void *arg)
{
	struct crowd *c = arg;

	for (int i = 0; i < STEPS; i++) {
		int first, second;
		hf_future *f = submit_next(c, &first);

		ways[(c->round + i) % 2](f);
		expect_number(f, first);
		f = submit_next(c, &first);
		if (c->round % 4 == 3) {
			hf_future *g = submit_next(c, &second);

			ways[i % 2](g);
			expect_number(g, second);
		}
		if (c->round % 10 == 9)
			ck_assert_int_eq(hf_future_on_ready(f, note_call, &c->called, NULL), HF_OK);
		expect_number(f, first);
	}
	return NULL;
}

static bool all_called(void *called)
{
	return atomic_load((atomic_int *)called) == ROUNDS / 10 * THREADS * STEPS;
}

START_TEST(test_order)
{
	struct crowd c = { .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t thread[THREADS];
	hf_pool *p;

	one_row();
	p = pool_of(2);
	for (c.round = 0; c.round < ROUNDS; c.round++) {
		c.t = hf_txn_begin(p, NULL);
		for (int i = 0; i < THREADS; i++)
			ck_assert_int_eq(pthread_create(&thread[i], NULL, count_up, &c), 0);
		for (int i = 0; i < THREADS; i++)
			pthread_join(thread[i], NULL);
		t_done(hf_txn_commit(c.t));
		hf_txn_unref(c.t);
	}
	ck_assert(t_wait_until(all_called, &c.called, 10000));
	ck_assert_int_eq(value(), c.next);
	t_close(p);
}
END_TEST

struct user {
	hf_pool *pool;
	int id;
};

/* Transactions of their own, that meet at one row; each of the ways of waiting. */
static void *count_alone(void *arg)
{
	const struct user *u = arg;

	for (int i = 0; i < EACH; i++) {
		hf_txn *t = hf_txn_begin(u->pool, NULL);
		hf_future *f = hf_txn_query(
			t, "select val2 from test_values where id = $1 for update", u->id);
		const hf_result *res;
		hf_future *end;

		ways[i % 2](f);
		ck_assert_int_eq(hf_future_get(f, &res), HF_OK);
		end = hf_txn_query_with(t, HF_QUERY_OPTS(.then = i % 4 < 2 ? HF_THEN_COMMIT : 0),
			"update test_values set val2 = $1 where id = $2",
			hf_row_int8(hf_result_row(res, 0), 0, -1) + 1, u->id);
		ways[i / 2 % 2](end);
		ck_assert_int_eq(hf_await(end, NULL), HF_OK);
		if (i % 4 >= 2)
			ck_assert_int_eq(hf_await(hf_txn_commit(t), NULL), HF_OK);
		hf_future_unref(f);
		ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_COMMITTED);
		hf_txn_unref(t);
	}
	return NULL;
}

START_TEST(test_locks)
{
	pthread_t thread[THREADS];
	struct user u = { .id = 1 };

	one_row();
	u.pool = pool_of(3);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, count_alone, &u), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	ck_assert_int_eq(value(), THREADS * EACH);
	t_wait_idle(u.pool, 3);
	t_close(u.pool);
}
END_TEST

START_TEST(test_nobody_woken)
{
	hf_pool *p;
	struct user u = { .id = 1 };
	hf_pool_stats was, is;

	one_row();
	p = u.pool = pool_of(1);
	was = t_stats(p);
	for (int i = 0; i < 3; i++)
		count_alone(&u);
	is = t_stats(p);
	printf("# %llu of %d borrowed, %llu wake-ups\n",
		(unsigned long long)(is.borrowed - was.borrowed), 3 * EACH,
		(unsigned long long)(is.wakeups - was.wakeups));
	ck_assert_int_eq(value(), 3LL * EACH);
	/* A thread that is kept from its work for too long has it done by the worker. */
	if (!getenv("HOLDFAST_TEST_SLOW")) {
		ck_assert_uint_ge(is.borrowed - was.borrowed, 3 * EACH / 2);
		ck_assert_uint_lt(is.wakeups - was.wakeups, 3 * EACH / 2);
	}
	t_close(p);
}
END_TEST

/* --- nobody waits -------------------------------------------------------------------------------
 */

static bool is_ready(void *f)
{
	return hf_future_ready(f);
}

/* Each of these would last as long as the transaction if it were left to somebody who waits. */
START_TEST(test_unattended)
{
	hf_pool *p;
	hf_txn *t;
	hf_future *f, *g, *end;

	one_row();
	p = pool_of(1);
	for (int i = 0; i < 20; i++) {
		t = hf_txn_begin(p, NULL);
		f = hf_txn_query(t, COUNT);
		ck_assert(t_wait_until(is_ready, f, 5000));
		g = hf_txn_query(t, COUNT);
		end = hf_txn_commit(t);
		ck_assert(t_wait_until(is_ready, end, 5000));
		ck_assert(hf_future_ready(g));
		ck_assert_int_eq(value(), 2 * (i + 1));
		hf_future_unref(f);
		hf_future_unref(g);
		hf_future_unref(end);
		hf_txn_unref(t);
	}
	t_close(p);
}
END_TEST

/* A lone COMMIT is sent by who waits for it, or by nobody who does. */
START_TEST(test_unattended_commit)
{
	hf_pool *p;
	hf_txn *t;
	hf_future *f;

	one_row();
	p = pool_of(1);
	for (int i = 0; i < 20; i++) {
		t = hf_txn_begin(p, NULL);
		ck_assert_int_eq(hf_await(hf_txn_query(t, COUNT), NULL), HF_OK);
		f = hf_txn_commit(t);
		ck_assert(t_wait_until(is_ready, f, 5000));
		ck_assert_int_eq(value(), i + 1);
		hf_future_unref(f);
		hf_txn_unref(t);
	}
	t_close(p);
}
END_TEST

/* --- one of several -----------------------------------------------------------------------------
 */

START_TEST(test_slow_beside)
{
	hf_pool *p = pool_of(2);
	hf_txn *slow = hf_txn_begin(p, NULL), *quick = hf_txn_begin(p, NULL);
	hf_future *fs[2] = { hf_txn_query(slow, SLEEP), NULL };
	size_t i;

	for (int n = 0; n < 50; n++) {
		fs[1] = hf_txn_query(
			quick, "select n from generate_series(1, $1) n", n % 10 == 0 ? 200000 : 1);
		ck_assert_int_eq(hf_wait_any(fs, 2, 20000, &i), HF_OK);
		ck_assert_uint_eq(i, 1);
		ck_assert_uint_eq(hf_result_rows(t_ok(fs[1])), n % 10 == 0 ? 200000 : 1);
		hf_future_unref(fs[1]);
	}
	ck_assert_int_eq(hf_future_wait_for(fs[0], 50), HF_PENDING);
	ck_assert_int_eq(hf_future_cancel(fs[0]), HF_PENDING);
	t_failed(fs[0], HF_E_CANCELED);
	t_done(hf_txn_commit(quick));
	hf_txn_unref(slow);
	hf_txn_unref(quick);
	t_close(p);
}
END_TEST

/* --- what stops it ------------------------------------------------------------------------------
 */

struct waiting {
	hf_future *f;
	void (*await)(hf_future *f);
};

static void *wait_for_it(void *arg)
{
	struct waiting *w = arg;

	w->await(w->f);
	return NULL;
}

/* The same for both ways of waiting (_i). */
static pthread_t begin_sleep(hf_txn *t, struct waiting *w, int way)
{
	pthread_t thread;

	t_done(hf_txn_query(t, COUNT));
	w->f = hf_txn_query(t, SLEEP);
	w->await = ways[way];
	ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_it, w), 0);
	ck_assert(t_wait_until(sleeps, NULL, 10000));
	return thread;
}

START_TEST(test_cancel)
{
	struct waiting w;
	hf_pool *p;

	one_row();
	p = pool_of(1);
	for (int way = 0; way < 2; way++) {
		hf_txn *t = hf_txn_begin(p, NULL);
		pthread_t thread = begin_sleep(t, &w, way);
		int64_t began = hf_now_ns();

		ck_assert_int_eq(hf_future_cancel(w.f), HF_PENDING);
		pthread_join(thread, NULL);
		ck_assert_int_lt(t_ms_since(began), 10000);
		t_failed(w.f, HF_E_CANCELED);
		ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_FAILED);
		t_failed(hf_txn_commit(t), HF_E_TXN_ENDED);
		hf_txn_unref(t);
	}
	ck_assert_int_eq(value(), 0);
	t_close(p);
}
END_TEST

START_TEST(test_limits)
{
	hf_pool *p = pool_of(1);

	for (int way = 0; way < 2; way++) {
		hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.timeout_ms = 300));
		hf_future *f = hf_txn_query(t, SLEEP);
		int64_t began = hf_now_ns();

		ways[way](f);
		ck_assert_int_lt(t_ms_since(began), 10000);
		t_failed(f, HF_E_TIMEOUT);
		hf_txn_unref(t);
		t = hf_txn_begin(p, HF_TXN_OPTS(.max_ms = 300));
		f = hf_txn_query(t, SLEEP);
		ways[way](f);
		t_failed(f, HF_E_TIMEOUT);
		hf_txn_unref(t);
	}
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

/* What is at rest ends by its clock, though nobody has to do with it any more. */
START_TEST(test_idle)
{
	hf_pool *p;
	hf_txn *t;

	one_row();
	p = pool_of(1);
	t = hf_txn_begin(p, HF_TXN_OPTS(.idle_ms = 100));
	ck_assert_int_eq(hf_await(hf_txn_query(t, COUNT), NULL), HF_OK);
	t_wait_idle(p, 1);
	t_failed(hf_txn_query(t, COUNT), HF_E_TXN_ENDED);
	ck_assert_uint_eq(t_stats(p).expired, 1);
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

START_TEST(test_close)
{
	struct waiting w;

	one_row();
	for (int way = 0; way < 2; way++) {
		hf_pool *p = pool_of(2);
		hf_txn *t = hf_txn_begin(p, NULL), *rests = hf_txn_begin(p, NULL);
		pthread_t thread = begin_sleep(t, &w, way);
		int64_t began = hf_now_ns();

		ck_assert_int_eq(hf_pool_close(p, 200), HF_OK);
		ck_assert_int_lt(t_ms_since(began), 10000);
		pthread_join(thread, NULL);
		t_failed(w.f, HF_E_CLOSED);
		t_failed(hf_txn_query(rests, COUNT), HF_E_CLOSED);
		hf_txn_unref(t);
		hf_txn_unref(rests);
		hf_pool_unref(p);
	}
	ck_assert_int_eq(value(), 0);
}
END_TEST

/* The server ends the session under a thread that drives. */
START_TEST(test_lost)
{
	struct waiting w;
	hf_pool *p;

	one_row();
	p = pool_of(1);
	for (int way = 0; way < 2; way++) {
		hf_txn *t = hf_txn_begin(p, NULL);
		pthread_t thread = begin_sleep(t, &w, way);

		free(t_psql("select pg_terminate_backend(pid) from pg_stat_activity "
			    "where wait_event = 'PgSleep'"));
		pthread_join(thread, NULL);
		t_failed(w.f, HF_E_CONN_LOST);
		ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_ROLLED_BACK);
		t_failed(hf_txn_commit(t), HF_E_TXN_ENDED);
		hf_txn_unref(t);
		t_wait_idle(p, 1);
	}
	ck_assert_int_eq(value(), 0);
	t_close(p);
}
END_TEST

T_MAIN("txn_driven",
	{ "K5 threads that wait drive one transaction, in the order of its commands", test_order,
		60 },
	{ "K5 threads drive transactions that meet at a row", test_locks, 60 },
	{ "K5 a transaction that is waited for wakes no worker", test_nobody_woken, 60 },
	{ "K5 commands that nobody waits for run", test_unattended, 60 },
	{ "K5 a COMMIT that nobody waits for runs", test_unattended_commit, 60 },
	{ "K5 who waits for one of several gets the first, whole", test_slow_beside, 60 },
	{ "K5 a cancel reaches a command that its waiter drives", test_cancel, 60 },
	{ "K5 limits of time end a command that its waiter drives", test_limits, 60 },
	{ "K5 a transaction that was driven expires at rest", test_idle, 60 },
	{ "K5 a pool is closed under a thread that drives", test_close, 60 },
	{ "K5 a server is lost under a thread that drives", test_lost, 60 })
