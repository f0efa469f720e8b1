/* SPDX-License-Identifier: MIT */
/* Waiting for work: with a limit, by polling, by callback, for several, and where it is forbidden.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

START_TEST(test_wait_for)
{
	hf_pool *p = t_pool(NULL);
	int64_t began;
	hf_future *f;

	t_wait_idle(p, 1);
	f = hf_query(p, "select pg_sleep(0.5)");
	began = hf_now_ns();
	ck_assert_int_eq(hf_future_wait_for(f, 50), HF_PENDING);
	ck_assert_int_ge(t_ms_since(began), 50);
	ck_assert_int_lt(t_ms_since(began), 50 + 200 * t_slow());
	ck_assert_int_eq(hf_future_get_for(f, 20, NULL), HF_PENDING);
	ck_assert_ptr_null(hf_future_error(f));
	ck_assert_int_eq(hf_future_get(f, NULL), HF_OK);
	ck_assert_int_ge(t_ms_since(began), 450);
	hf_future_unref(f);
	ck_assert_uint_eq(t_stats(p).canceled, 0);
	t_close(p);
}
END_TEST

/* Twin of gDBPool's test_select_ip_interactions: 5 submissions of one function; a callback polls,
 * every 10 ms, until each is ready. A callback must not wait for its own pool, so this one is of
 * another; within the own pool hf_future_ready polls. */
#define FIVE 5

static hf_status select_interaction(hf_conn *c, void *arg, hf_reply *reply)
{
	const hf_result *res;
	hf_status st = hf_conn_query(c, &res,
		"select count(*), pg_sleep(0.1) from test_values where val1 < $1",
		*(const int *)arg);

	if (st == HF_OK)
		hf_reply_result(reply, res);
	return st;
}

struct polling {
	hf_future *f[FIVE];
	bool by_ready;
	int pending; /* how often a poll found one that was not */
	int64_t count[FIVE];
	hf_status status[FIVE];
	atomic_bool done;
};

static bool poll_one(struct polling *g, int i, const hf_result **res)
{
	if (g->by_ready && !hf_future_ready(g->f[i])) {
		g->pending++;
		return false;
	}
	g->status[i] = hf_future_get_for(g->f[i], 0, res);
	if (g->status[i] != HF_PENDING)
		return true;
	g->pending++;
	return false;
}

static void poll_all(hf_future *f, void *arg)
{
	struct polling *g = arg;
	const hf_result *res = NULL;

	(void)f;
	for (int i = 0; i < FIVE; i++) {
		while (!poll_one(g, i, &res))
			t_sleep_ms(10);
		g->count[i] = hf_row_int8(hf_result_row(res, 0), 0, -1);
	}
	atomic_store(&g->done, true);
}

static bool is_set(void *flag)
{
	return atomic_load((atomic_bool *)flag);
}

static void poll_from_callback(hf_pool *p, hf_pool *other, bool by_ready)
{
	struct polling g = { .by_ready = by_ready };
	int below = 500000;
	long long expected = t_psql_int("select count(*) from test_values where val1 < 500000");
	hf_future *quick;

	atomic_init(&g.done, false);
	for (int i = 0; i < FIVE; i++)
		g.f[i] = hf_run(p, select_interaction, &below, NULL);
	quick = hf_query(other, "select 1");
	ck_assert_int_eq(hf_future_on_ready(quick, poll_all, &g, NULL), HF_OK);
	ck_assert(t_wait_until(is_set, &g.done, 10000));
	ck_assert_int_gt(g.pending, 0);
	for (int i = 0; i < FIVE; i++) {
		ck_assert_int_eq(g.status[i], HF_OK);
		ck_assert_int_eq(g.count[i], expected);
		hf_future_unref(g.f[i]);
	}
	hf_future_unref(quick);
}

START_TEST(test_select_ip_interactions)
{
	hf_pool *p, *other;

	t_test_values(20000);
	p = t_pool(HF_POOL_OPTS(.max_conns = 16));
	other = t_pool(NULL);
	poll_from_callback(p, other, false);
	poll_from_callback(p, p, true);
	t_close(other);
	t_close(p);
}
END_TEST

/* The other half of the same twin: each of the 5 has its own callback. In it the pool can be used,
 * which it could not with one of its locks held. */
struct called {
	hf_pool *pool;
	atomic_int calls, frees;
	bool ready;
	hf_status status;
	pthread_t on;
	hf_future *next;
};

static void note_call(hf_future *f, void *arg)
{
	struct called *c = arg;
	hf_pool_stats s = t_stats(c->pool);

	c->ready = hf_future_ready(f) && s.max_conns > 0;
	c->status = hf_future_get(f, NULL);
	c->on = pthread_self();
	hf_future_unref(c->next);
	c->next = hf_query(c->pool, "select 42");
	atomic_fetch_add(&c->calls, 1);
}

static void note_free(void *arg)
{
	atomic_fetch_add(&((struct called *)arg)->frees, 1);
}

static bool is_freed(void *arg)
{
	return atomic_load(&((struct called *)arg)->frees) > 0;
}

static void assert_called_once(struct called *c)
{
	ck_assert(t_wait_until(is_freed, c, 10000));
	ck_assert_int_eq(atomic_load(&c->calls), 1);
	ck_assert(c->ready);
	ck_assert_int_eq(c->status, HF_OK);
	ck_assert(!pthread_equal(c->on, pthread_self()));
	ck_assert_int_eq(t_int(c->next), 42);
	c->next = NULL;
}

START_TEST(test_callbacks)
{
	struct called c[FIVE + 1];
	hf_pool *p;
	hf_future *f[FIVE];
	int below = 500000;

	t_test_values(20000);
	p = t_pool(NULL);
	for (int i = 0; i <= FIVE; i++) {
		c[i] = (struct called){ .pool = p };
		atomic_init(&c[i].calls, 0);
		atomic_init(&c[i].frees, 0);
	}
	for (int i = 0; i < FIVE; i++) {
		f[i] = hf_run(p, select_interaction, &below, NULL);
		ck_assert_int_eq(hf_future_on_ready(f[i], note_call, &c[i], note_free), HF_OK);
	}
	for (int i = 0; i < FIVE; i++)
		assert_called_once(&c[i]);
	/* One that has been ready for long. */
	ck_assert_int_eq(hf_future_on_ready(f[0], note_call, &c[FIVE], note_free), HF_OK);
	assert_called_once(&c[FIVE]);
	for (int i = 0; i < FIVE; i++)
		hf_future_unref(f[i]);
	t_close(p);
	for (int i = 0; i <= FIVE; i++) {
		ck_assert_int_eq(atomic_load(&c[i].calls), 1);
		ck_assert_int_eq(atomic_load(&c[i].frees), 1);
	}
}
END_TEST

/* A function that waits for its own pool. */
struct nested {
	hf_status get, wait_for, all, any, await, ready;
	hf_future *inner;
};

static hf_status wait_inside(hf_conn *c, void *arg, hf_reply *reply)
{
	struct nested *n = arg;
	hf_pool *p = hf_conn_pool(c);
	size_t i;

	(void)reply;
	n->inner = hf_query(p, "select 42");
	n->get = hf_future_get(n->inner, NULL);
	n->wait_for = hf_future_wait_for(n->inner, HF_FOREVER);
	n->all = hf_wait_all(&n->inner, 1, HF_FOREVER);
	n->any = hf_wait_any(&n->inner, 1, HF_FOREVER, &i);
	n->await = hf_await(hf_query(p, "select 1"), NULL);
	n->ready = hf_pool_ready(p, HF_FOREVER, NULL);
	return HF_OK;
}

static void assert_no_deadlock(int conns)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 1, .max_conns = conns));
	struct nested n = { .inner = NULL };
	int64_t began = hf_now_ns();

	t_done(hf_run(p, wait_inside, &n, NULL));
	ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
	ck_assert_int_eq(n.get, HF_E_DEADLOCK);
	ck_assert_int_eq(n.wait_for, HF_E_DEADLOCK);
	ck_assert_int_eq(n.all, HF_E_DEADLOCK);
	ck_assert_int_eq(n.any, HF_E_DEADLOCK);
	ck_assert_int_eq(n.await, HF_E_DEADLOCK);
	ck_assert_int_eq(n.ready, HF_E_DEADLOCK);
	ck_assert_int_eq(t_int(n.inner), 42);
	t_close(p);
}

START_TEST(test_wait_inside_worker)
{
	assert_no_deadlock(1);
}
END_TEST

static hf_status wait_elsewhere(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_pool *other = arg;
	const hf_result *res;
	hf_future *f = hf_query(other, "select 42");
	hf_status st = hf_future_get_for(f, 10000 * t_slow(), &res);

	(void)c;
	if (st == HF_OK)
		hf_reply_result(reply, res);
	hf_future_unref(f);
	return st;
}

START_TEST(test_wait_for_other_pool)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_pool *other = t_pool(HF_POOL_OPTS(.max_conns = 1));

	ck_assert_int_eq(t_int(hf_run(p, wait_elsewhere, other, NULL)), 42);
	t_close(p);
	t_close(other);
}
END_TEST

/* When get returns, the only connection is idle again, and an acquire that may not wait gets it. A
 * poll for the future from another thread makes the window as small as it can be. */
START_TEST(test_free_before_ready)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	t_wait_idle(p, 1);
	for (int i = 0; i < 2000; i++) {
		hf_future *f = i % 4 == 0   ? hf_query(p, "select 1/0")
			       : i % 4 == 1 ? hf_script(p, "select 1; select 2")
					    : hf_query(p, "select 1");
		hf_pool_stats s;

		while (i % 2 && !hf_future_ready(f))
			;
		ck_assert_int_eq(hf_future_get(f, NULL), i % 4 ? HF_OK : HF_E_SQL);
		s = t_stats(p);
		ck_assert_uint_eq(s.idle, 1);
		ck_assert_uint_eq(s.busy, 0);
		hf_future_unref(f);
	}
	for (int i = 0; i < 200; i++)
		t_done(hf_query_with(p, HF_QUERY_OPTS(.acquire_ms = 1000 * t_slow()), "select 1"));
	t_close(p);
}
END_TEST

static hf_status sleep_200(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return hf_conn_query(c, NULL, "select pg_sleep(0.2)");
}

#define TEN 10

START_TEST(test_ten_in_parallel)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = TEN, .max_conns = TEN));
	hf_future *f[TEN], *joined;
	int64_t began;
	size_t first = TEN;

	t_wait_idle(p, TEN);
	began = hf_now_ns();
	for (int i = 0; i < TEN; i++)
		f[i] = hf_run(p, sleep_200, NULL, NULL);
	ck_assert_int_eq(hf_wait_all(f, TEN, 10000 * t_slow()), HF_OK);
	ck_assert_int_lt(t_ms_since(began), 500 * t_slow());
	ck_assert_int_ge(t_ms_since(began), 200);
	for (int i = 0; i < TEN; i++)
		t_done(f[i]);

	began = hf_now_ns();
	for (int i = 0; i < TEN; i++)
		f[i] = hf_run(p, sleep_200, NULL, NULL);
	joined = hf_when_all(f, TEN);
	ck_assert_int_eq(hf_wait_any(f, TEN, 10000 * t_slow(), &first), HF_OK);
	ck_assert_uint_lt(first, TEN);
	ck_assert(hf_future_ready(f[first]));
	t_done(joined);
	ck_assert_int_lt(t_ms_since(began), 500 * t_slow());
	for (int i = 0; i < TEN; i++) {
		ck_assert(hf_future_ready(f[i]));
		t_done(f[i]);
	}
	t_close(p);
}
END_TEST

T_MAIN("waiting",
	{ "A4 a wait that ends early leaves the work and the future as they were", test_wait_for,
		0 },
	{ "A5 A6 five interactions are polled from a callback", test_select_ip_interactions, 0 },
	{ "A6 each of five callbacks runs once, free to use the pool", test_callbacks, 0 },
	{ "A13 A12 waiting for the own pool on its only worker answers at once",
		test_wait_inside_worker, 0 },
	{ "A13 a worker may wait for another pool", test_wait_for_other_pool, 0 },
	{ "A16 the connection is free when the result can be seen", test_free_before_ready, 0 },
	{ "A18 ten interactions of 0.2 s take less than 0.5 s together", test_ten_in_parallel, 0 })
