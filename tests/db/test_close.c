/* SPDX-License-Identifier: MIT */
/* Closing a pool, in its two ways, and opening it again. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuses(hf_pool *p, const char *state)
{
	hf_future *f = hf_query(p, "select 1");
	const hf_error *e = t_fails(f, HF_E_CLOSED);

	if (!strstr(hf_error_message(e), state))
		ck_abort_msg("\"%s\" is not in \"%s\"", state, hf_error_message(e));
	hf_future_unref(f);
}

/* --- B23 -----------------------------------------------------------------------------------------
 */

/* Twin of the seed's test: close, close; run is refused; connect; run; and the state at each step.
 */
START_TEST(test_close_states)
{
	hf_pool *p = t_pool(NULL);
	hf_error *why = NULL;

	ck_assert_int_eq(hf_pool_get_state(NULL), HF_POOL_CLOSED);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_OPEN);
		ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
		ck_assert_int_eq(hf_pool_reopen(p, &why), HF_E_MISUSE);
		ck_assert_ptr_nonnull(strstr(hf_error_message(why), "is not closed"));
		why = hf_error_unref(why);
		ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
		ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_CLOSED);
		ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
		ck_assert_int_eq(hf_pool_terminate(p), HF_OK);
		ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_CLOSED);
		refuses(p, "is closed");
		ck_assert_int_eq(hf_pool_ready(p, 1000, NULL), HF_E_CLOSED);
		ck_assert_int_eq(hf_pool_reopen(p, &why), HF_OK);
		ck_assert_ptr_null(why);
	}
	ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	t_close(p);
}
END_TEST

/* No-op where nothing was ever connected. */
START_TEST(test_close_unused)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = HF_NONE));

	t_close(p);
	ck_assert_int_eq(hf_pool_close(NULL, 0), HF_E_MISUSE);
	p = t_pool_on("host=/nonexistent", HF_POOL_OPTS(.min_conns = 2));
	t_close(p);
	for (int i = 0; i < 50; i++) { /* while it connects */
		p = t_pool(HF_POOL_OPTS(.min_conns = 4));
		t_close(p);
	}
	t_wait_backends(0);
}
END_TEST

/* A strict pool that cannot be opened again stays closed, and can be once the server is there. */
START_TEST(test_reopen_strict)
{
	hf_error *why = NULL;
	hf_pool *p;

	t_need_pgctl();
	p = t_pool(HF_POOL_OPTS(.min_conns = 2, .strict = true));
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	ck_assert(t_pgctl("stop fast"));
	ck_assert_int_eq(hf_pool_reopen(p, &why), HF_E_CONNECT);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "cannot connect"));
	hf_error_unref(why);
	ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_CLOSED);
	ck_assert(t_pgctl("start"));
	ck_assert_int_eq(hf_pool_reopen(p, NULL), HF_OK);
	ck_assert_uint_eq(t_stats(p).idle, 2);
	t_done(hf_query(p, "select 1"));
	t_close(p);
}
END_TEST

/* Settings, a changed size among them, are still there; so are the counters. */
START_TEST(test_reopen_settings)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2, .strict = true));

	ck_assert_int_eq(hf_pool_resize(p, 3, 3), HF_OK);
	t_wait_idle(p, 3);
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	t_wait_backends(0);
	ck_assert_int_eq(hf_pool_reopen(p, NULL), HF_OK);
	t_wait_idle(p, 3);
	t_wait_backends(3);
	ck_assert_uint_eq(t_stats(p).connects, 6);
	t_close(p);
}
END_TEST

/* --- B24 -----------------------------------------------------------------------------------------
 */

struct closing {
	hf_pool *pool;
	int ms;
	hf_status st;
};

static void *close_it(void *arg)
{
	struct closing *c = arg;

	c->st = hf_pool_close(c->pool, c->ms);
	return NULL;
}

static bool is_closing(void *pool)
{
	return hf_pool_get_state(pool) != HF_POOL_OPEN;
}

START_TEST(test_drain)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2, .strict = true));
	struct closing c = { p, HF_FOREVER, HF_PENDING };
	int64_t began = hf_now_ns();
	hf_future *f[4];
	pthread_t t;

	for (int i = 0; i < 4; i++) /* two at once: the last two are accepted, not begun */
		f[i] = hf_query(p, "select 42 from pg_sleep(0.3)");
	t_wait_busy(p, 2);
	ck_assert_int_eq(pthread_create(&t, NULL, close_it, &c), 0);
	ck_assert(t_wait_until(is_closing, p, 5000));
	refuses(p, "is closing");
	pthread_join(t, NULL);
	ck_assert_int_eq(c.st, HF_OK);
	ck_assert_int_ge(t_ms_since(began), 600);
	ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_CLOSED);
	for (int i = 0; i < 4; i++) {
		ck_assert(hf_future_ready(f[i]));
		ck_assert_int_eq(t_int(f[i]), 42);
	}
	t_wait_backends(0);
	hf_pool_unref(p);
}
END_TEST

static hf_status long_loop(hf_conn *c, void *arg, hf_reply *r)
{
	(void)arg;
	(void)r;
	while (!hf_conn_canceled(c))
		t_sleep_ms(1);
	return HF_E_CANCELED;
}

START_TEST(test_terminate)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 3, .max_conns = 3, .strict = true));
	hf_future *f[10];
	int64_t began;

	f[0] = hf_run(p, long_loop, NULL, NULL);
	for (int i = 1; i < 10; i++)
		f[i] = hf_query(p, "select pg_sleep(60)");
	t_wait_busy(p, 3);
	began = hf_now_ns();
	ck_assert_int_eq(hf_pool_terminate(p), HF_OK);
	ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
	for (int i = 0; i < 10; i++) {
		const hf_error *e;

		ck_assert(hf_future_ready(f[i]));
		e = t_fails(f[i], HF_E_CLOSED);
		/* Either it never ran, and says so, or it was stopped. */
		ck_assert_ptr_nonnull(strstr(hf_error_message(e),
			hf_error_is(e, HF_RETRYABLE) ? "before this could run" : "while this ran"));
		hf_future_unref(f[i]);
	}
	t_wait_backends(0);
	hf_pool_unref(p);
}
END_TEST

/* The drain's time is up: from then on as above. */
START_TEST(test_drain_limit)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));
	hf_future *f[2];
	int64_t began;

	for (int i = 0; i < 2; i++)
		f[i] = hf_query(p, "select pg_sleep(60)");
	t_wait_busy(p, 1);
	began = hf_now_ns();
	ck_assert_int_eq(hf_pool_close(p, 200), HF_OK);
	ck_assert_int_ge(t_ms_since(began), 200);
	ck_assert_int_lt(t_ms_since(began), 1200 * t_slow());
	for (int i = 0; i < 2; i++)
		t_failed(f[i], HF_E_CLOSED);
	t_wait_backends(0);
	hf_pool_unref(p);
}
END_TEST

static hf_status close_inside(hf_conn *c, void *arg, hf_reply *r)
{
	hf_status *st = arg;

	(void)r;
	st[0] = hf_pool_close(hf_conn_pool(c), 0);
	st[1] = hf_pool_terminate(hf_conn_pool(c));
	return HF_OK;
}

/* From many threads at once, and from inside. */
START_TEST(test_close_race)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2, .strict = true));
	hf_status inside[2] = { HF_OK, HF_OK };
	struct closing c[4];
	pthread_t t[4];
	hf_future *f;

	t_done(hf_run(p, close_inside, inside, NULL));
	ck_assert_int_eq(inside[0], HF_E_DEADLOCK);
	ck_assert_int_eq(inside[1], HF_E_DEADLOCK);
	ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_OPEN);
	f = hf_query(p, "select 42 from pg_sleep(0.3)");
	for (int i = 0; i < 4; i++) {
		c[i] = (struct closing){ p, 10000, HF_PENDING };
		ck_assert_int_eq(pthread_create(&t[i], NULL, close_it, &c[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		ck_assert_int_eq(c[i].st, HF_OK);
	}
	ck_assert_int_eq(t_int(f), 42);
	t_wait_backends(0);
	hf_pool_unref(p);
}
END_TEST

/* --- B32 -----------------------------------------------------------------------------------------
 */

static atomic_int freed;

static void count_free(void *arg)
{
	(void)arg;
	atomic_fetch_add(&freed, 1);
}

/* Close is what destroys, and it has when it returns; used connections as well as idle ones. */
START_TEST(test_destroy)
{
	for (int i = 0; i < 5; i++) {
		hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 4, .max_conns = 4, .strict = true));
		hf_future *f = hf_run(p, long_loop, NULL, count_free);

		t_wait_busy(p, 1);
		ck_assert_int_eq(t_backends(), 4);
		ck_assert_int_eq(hf_pool_terminate(p), HF_OK);
		t_failed(f, HF_E_CLOSED);
		ck_assert_int_eq(atomic_load(&freed), i + 1);
		hf_pool_unref(p);
		t_wait_backends(0);
	}
}
END_TEST

/* Who forgets to close loses nothing but the knowledge when it is done. */
START_TEST(test_destroy_open)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 4, .max_conns = 4, .strict = true));
	hf_future *f[6];

	for (int i = 0; i < 6; i++)
		f[i] = hf_query(p, "select pg_sleep(60)");
	t_wait_busy(p, 4);
	ck_assert_ptr_null(hf_pool_unref(p));
	for (int i = 0; i < 6; i++)
		t_failed(f[i], HF_E_CLOSED);
	t_wait_backends(0);
}
END_TEST

T_MAIN("close", { "B23 close, close, refuse, open again, run", test_close_states, 0 },
	{ "B23 closing what never connected, or does just now", test_close_unused, 60 },
	{ "B23 opening again strictly without a server", test_reopen_strict, 60 },
	{ "B23 opening again keeps settings and counters", test_reopen_settings, 0 },
	{ "B24 drain waits for pg_sleep(0.3)", test_drain, 0 },
	{ "B24 terminate fails what runs and what waits within 1 s", test_terminate, 0 },
	{ "B24 a drain whose time is up terminates", test_drain_limit, 0 },
	{ "B23 B24 closing from many threads and from inside", test_close_race, 0 },
	{ "B32 sessions are gone when the pool is", test_destroy, 0 },
	{ "B32 letting go of an open pool ends its sessions", test_destroy_open, 0 })
