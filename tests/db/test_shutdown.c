/* SPDX-License-Identifier: MIT */
/* Closing a pool: what was accepted is delivered, what comes later is refused, and nothing is left.
 */
#include "silent.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static hf_status sleep_and_say(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = hf_conn_query(c, NULL, "select pg_sleep(0.2)");

	if (st == HF_OK)
		hf_reply_value(reply, strdup(arg), free);
	return st;
}

static void assert_closed(hf_pool *p)
{
	hf_pool_stats s = t_stats(p);
	hf_future *f;

	ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_CLOSED);
	ck_assert_msg(s.conns + s.idle + s.busy + s.connecting + s.queued == 0,
		"%u up, %u idle, %u busy, %u connecting, %u queued", s.conns, s.idle, s.busy,
		s.connecting, s.queued);
	f = hf_query(p, "select 1");
	ck_assert(hf_future_ready(f));
	t_failed(f, HF_E_CLOSED);
	f = hf_run(p, sleep_and_say, NULL, NULL);
	ck_assert(hf_future_ready(f));
	t_failed(f, HF_E_CLOSED);
	t_wait_backends(0);
}

/* Twin of pulsar greenio's test_shutdown: two parallel tasks, two workers; then shutdown delivers
 * both, leaves no worker, and the pool is closed. */
START_TEST(test_shutdown)
{
	char a[] = "a", b[] = "b";
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = HF_NONE));
	hf_future *fa = hf_run(p, sleep_and_say, a, NULL);
	hf_future *fb = hf_run(p, sleep_and_say, b, NULL);

	t_wait_busy(p, 2);
	ck_assert_uint_eq(t_stats(p).conns, 2);
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	ck_assert(hf_future_ready(fa));
	ck_assert(hf_future_ready(fb));
	t_ok(fa);
	t_ok(fb);
	ck_assert_str_eq(hf_future_value(fa), "a");
	ck_assert_str_eq(hf_future_value(fb), "b");
	assert_closed(p);
	ck_assert_uint_eq(t_stats(p).connects, 2);
	hf_future_unref(fa);
	hf_future_unref(fb);
	hf_pool_unref(p);
}
END_TEST

#define QUEUED 20

START_TEST(test_queued_are_delivered)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *busy = hf_query(p, "select pg_sleep(0.3)"), *f[QUEUED];

	t_wait_busy(p, 1);
	for (int i = 0; i < QUEUED; i++)
		f[i] = hf_query(p, "select $1::int", i);
	ck_assert_int_eq(hf_pool_close(p, 10000 * t_slow()), HF_OK);
	ck_assert(hf_future_ready(busy));
	t_done(busy);
	for (int i = 0; i < QUEUED; i++) {
		ck_assert(hf_future_ready(f[i]));
		ck_assert_int_eq(t_int(f[i]), i);
	}
	assert_closed(p);
	hf_pool_unref(p);
}
END_TEST

/* Nothing was up yet: what was submitted to a pool that is still connecting is delivered too. */
START_TEST(test_close_right_after_submit)
{
	for (int i = 0; i < 20; i++) {
		hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = i % 2 ? HF_NONE : 1));
		hf_future *f = hf_query(p, "select 42");

		ck_assert_int_eq(hf_pool_close(p, 10000 * t_slow()), HF_OK);
		ck_assert(hf_future_ready(f));
		ck_assert_int_eq(t_int(f), 42);
		hf_pool_unref(p);
	}
}
END_TEST

static void end_early(int ms, bool terminate)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *busy = hf_query(p, "select pg_sleep(60)"), *f[QUEUED];
	int64_t began;

	t_wait_busy(p, 1);
	for (int i = 0; i < QUEUED; i++)
		f[i] = hf_query(p, "select 1");
	began = hf_now_ns();
	ck_assert_int_eq(terminate ? hf_pool_terminate(p) : hf_pool_close(p, ms), HF_OK);
	ck_assert_int_ge(t_ms_since(began), ms);
	ck_assert_int_lt(t_ms_since(began), ms + 2000 * t_slow());
	ck_assert(hf_future_ready(busy));
	t_failed(busy, HF_E_CLOSED);
	for (int i = 0; i < QUEUED; i++) {
		ck_assert(hf_future_ready(f[i]));
		t_failed(f[i], HF_E_CLOSED);
	}
	assert_closed(p);
	hf_pool_unref(p);
}

START_TEST(test_close_with_deadline)
{
	end_early(300, false);
}
END_TEST

START_TEST(test_terminate)
{
	end_early(0, true);
}
END_TEST

struct closing {
	hf_pool *pool;
	int how;
	hf_status st;
};

static void *close_it(void *arg)
{
	struct closing *c = arg;

	c->st = c->how ? hf_pool_close(c->pool, 5000 * t_slow()) : hf_pool_terminate(c->pool);
	return NULL;
}

START_TEST(test_close_again)
{
	hf_pool *p = t_pool(NULL);
	struct closing c[4];
	pthread_t t[4];

	t_done(hf_query(p, "select 1"));
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	ck_assert_int_eq(hf_pool_terminate(p), HF_OK);
	ck_assert_int_eq(hf_pool_terminate(p), HF_OK);
	assert_closed(p);
	hf_pool_unref(p);
	ck_assert_int_eq(hf_pool_close(NULL, 0), HF_E_MISUSE);

	/* Four threads at once, while something runs. */
	for (int round = 0; round < 10; round++) {
		hf_future *f;

		p = t_pool(HF_POOL_OPTS(.max_conns = 2));
		f = hf_query(p, "select pg_sleep(0.05)");
		for (int i = 0; i < 4; i++) {
			c[i] = (struct closing){ p, round % 2 ? i % 2 : 1, HF_PENDING };
			ck_assert_int_eq(pthread_create(&t[i], NULL, close_it, &c[i]), 0);
		}
		for (int i = 0; i < 4; i++) {
			pthread_join(t[i], NULL);
			ck_assert_int_eq(c[i].st, HF_OK);
		}
		ck_assert(hf_future_ready(f));
		hf_future_unref(f);
		assert_closed(p);
		hf_pool_unref(p);
	}
}
END_TEST

START_TEST(test_unused)
{
	for (int i = 0; i < 30; i++) {
		int64_t began = hf_now_ns();
		hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = i % 3 ? 4 : HF_NONE));

		if (i % 3 == 2)
			t_wait_idle(p, 4);
		began = i % 3 == 2 ? hf_now_ns() : began;
		ck_assert_int_eq(hf_pool_close(p, HF_FOREVER), HF_OK);
		ck_assert_int_lt(t_ms_since(began), 100 * t_slow());
		ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_CLOSED);
		hf_pool_unref(p);
	}
	t_wait_backends(0);
}
END_TEST

/* --- on the pool's own threads -------------------------------------------------------------------
 */

struct own {
	hf_pool *pool;
	atomic_bool done;
	hf_status close, terminate;
};

static bool is_done(void *arg)
{
	return atomic_load(&((struct own *)arg)->done);
}

static void close_here(struct own *o)
{
	o->close = hf_pool_close(o->pool, 0);
	o->terminate = hf_pool_terminate(o->pool);
	atomic_store(&o->done, true);
}

static hf_status close_on_worker(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)reply;
	close_here(arg);
	return HF_OK;
}

static void close_in_callback(hf_future *f, void *arg)
{
	(void)f;
	close_here(arg);
}

START_TEST(test_close_on_own_thread)
{
	struct own o = { .pool = t_pool(HF_POOL_OPTS(.max_conns = 1)) };
	hf_future *f;

	atomic_init(&o.done, false);
	t_done(hf_run(o.pool, close_on_worker, &o, NULL));
	ck_assert_int_eq(o.close, HF_E_DEADLOCK);
	ck_assert_int_eq(o.terminate, HF_E_DEADLOCK);
	ck_assert_int_eq(hf_pool_get_state(o.pool), HF_POOL_OPEN);

	o.close = o.terminate = HF_OK;
	atomic_store(&o.done, false);
	f = hf_query(o.pool, "select 1");
	ck_assert_int_eq(hf_future_on_ready(f, close_in_callback, &o, NULL), HF_OK);
	ck_assert(t_wait_until(is_done, &o, 10000));
	ck_assert_int_eq(o.close, HF_E_DEADLOCK);
	ck_assert_int_eq(o.terminate, HF_E_DEADLOCK);
	hf_future_unref(f);
	ck_assert_int_eq(t_int(hf_query(o.pool, "select 42")), 42);
	t_close(o.pool);
}
END_TEST

static hf_status unref_on_worker(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)reply;
	hf_pool_unref(((struct own *)arg)->pool);
	return HF_OK;
}

static void unref_in_callback(hf_future *f, void *arg)
{
	struct own *o = arg;

	(void)f;
	hf_pool_unref(o->pool);
	atomic_store(&o->done, true);
}

/* It is terminated in the background; what the worker did is still delivered, as done or closed. */
START_TEST(test_last_unref_on_own_thread)
{
	struct own o;
	hf_future *f, *queued;
	hf_status st;

	for (int i = 0; i < 10; i++) {
		o.pool = t_pool(HF_POOL_OPTS(.max_conns = 1));
		f = hf_run(o.pool, unref_on_worker, &o, NULL);
		ck_assert_int_eq(hf_future_wait_for(f, 10000 * t_slow()), HF_OK);
		st = hf_future_get(f, NULL);
		ck_assert(st == HF_OK || st == HF_E_CLOSED);
		hf_future_unref(f);

		o.pool = t_pool(HF_POOL_OPTS(.max_conns = 1));
		atomic_init(&o.done, false);
		f = hf_query(o.pool, "select 1");
		queued = hf_query(o.pool, "select pg_sleep(60)");
		ck_assert_int_eq(hf_future_on_ready(f, unref_in_callback, &o, NULL), HF_OK);
		ck_assert(t_wait_until(is_done, &o, 10000));
		t_done(f);
		t_failed(queued, HF_E_CLOSED);
	}
	t_wait_backends(0);
}
END_TEST

/* --- an interaction that does not come back ------------------------------------------------------
 */

struct stuck {
	atomic_bool running, go_on;
};

static hf_status be_stuck(hf_conn *c, void *arg, hf_reply *reply)
{
	struct stuck *s = arg;

	(void)c;
	(void)reply;
	atomic_store(&s->running, true);
	while (!atomic_load(&s->go_on))
		t_sleep_ms(1);
	return HF_OK;
}

static bool is_running(void *arg)
{
	return atomic_load(&((struct stuck *)arg)->running);
}

START_TEST(test_close_with_stuck_interaction)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	struct stuck s;
	int64_t began;
	hf_future *f;

	atomic_init(&s.running, false);
	atomic_init(&s.go_on, false);
	f = hf_run(p, be_stuck, &s, NULL);
	ck_assert(t_wait_until(is_running, &s, 10000));
	began = hf_now_ns();
	ck_assert_int_eq(hf_pool_close(p, 100), HF_PENDING);
	ck_assert_int_ge(t_ms_since(began), 5000);
	ck_assert_int_lt(t_ms_since(began), 7000 * t_slow());
	ck_assert(!hf_future_ready(f));
	t_failed(hf_query(p, "select 1"), HF_E_CLOSED);
	atomic_store(&s.go_on, true);
	ck_assert_int_eq(hf_pool_close(p, 100), HF_OK);
	ck_assert(hf_future_ready(f));
	hf_future_unref(f);
	assert_closed(p);
	hf_pool_unref(p);
}
END_TEST

/* Its connection is in doubt and its server silent: the job goes back into a queue that nobody
 * serves any more. */
START_TEST(test_terminate_while_probing)
{
	hf_status ended;
	int64_t began;
	long long took;
	hf_future *f;
	hf_pool *p;
	int pid;

	t_need_pgctl();
	p = t_pool(HF_POOL_OPTS(.max_conns = 1, .ping_idle_ms = 1, .ping_ms = 300));
	f = t_probed_in_vain(p, &pid);
	began = hf_now_ns();
	ended = hf_pool_terminate(p);
	took = t_ms_since(began);
	t_thaw(pid);
	ck_assert_int_eq(ended, HF_OK);
	ck_assert_int_lt(took, 2000 * t_slow());
	ck_assert(hf_future_ready(f));
	t_failed(f, HF_E_CLOSED);
	assert_closed(p);
	hf_pool_unref(p);
}
END_TEST

T_MAIN("shutdown",
	{ "A14 two tasks are delivered, no worker is left, more is refused", test_shutdown, 0 },
	{ "A14 what waits in the queue is delivered", test_queued_are_delivered, 0 },
	{ "A14 what waits for the first connection is delivered", test_close_right_after_submit,
		0 },
	{ "A14 at the deadline what still runs or waits is told so", test_close_with_deadline, 0 },
	{ "A14 terminating does not wait", test_terminate, 0 },
	{ "A14 terminating does not wait for a server that says nothing",
		test_terminate_while_probing, 0 },
	{ "A14 closing again, or in several threads, is closing once", test_close_again, 0 },
	{ "A15 an unused pool closes at once", test_unused, 0 },
	{ "A14 closing on one of the pool's own threads is refused", test_close_on_own_thread, 0 },
	{ "A14 the last reference may go on one of the pool's own threads",
		test_last_unref_on_own_thread, 0 },
	{ "A14 an interaction that does not come back is waited for again",
		test_close_with_stuck_interaction, 0 })
