/* SPDX-License-Identifier: MIT */
/* Cancelling while there is no connection yet, or one in doubt: the server accepts and says
 * nothing. */
#include "silent.h"

static bool none_connecting(void *pool)
{
	hf_pool_stats s = t_stats(pool);

	return s.connecting == 0 && s.conns == 0;
}

START_TEST(test_cancel_while_connecting)
{
	struct t_hole hole;
	int64_t began;
	hf_future *f;
	hf_pool *p;

	t_need_pgctl();
	t_hole_open(&hole);
	p = t_pool_on(hole.dsn, HF_POOL_OPTS(.min_conns = 1, .max_conns = 1, .connect_ms = 1000));
	f = hf_query(p, "select pg_sleep(60)");
	t_hole_await(&hole);
	began = hf_now_ns();
	ck_assert_int_eq(hf_future_cancel(f), HF_OK);
	t_failed(f, HF_E_CANCELED);
	ck_assert_int_lt(t_ms_since(began), 500 * t_slow());
	t_hole_become_real(&hole);
	t_wait_idle(p, 1);
	ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	t_close(p);
	t_hole_close(&hole);
}
END_TEST

/* Nobody else wants the connection, so the attempt itself is called off. */
START_TEST(test_cancel_ends_attempt)
{
	struct t_hole hole;
	int64_t began;
	hf_future *f;
	hf_pool *p;

	t_need_pgctl();
	t_hole_open(&hole);
	p = t_pool_on(hole.dsn,
		HF_POOL_OPTS(.min_conns = HF_NONE, .max_conns = 2, .connect_ms = 15000 * t_slow()));
	f = hf_query(p, "select pg_sleep(60)");
	t_hole_await(&hole);
	began = hf_now_ns();
	ck_assert_int_eq(hf_future_cancel(f), HF_OK);
	t_failed(f, HF_E_CANCELED);
	ck_assert(t_wait_until(none_connecting, p, 1000));
	ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
	t_hole_become_real(&hole);
	ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	t_wait_idle(p, 1);
	t_close(p);
	t_hole_close(&hole);
}
END_TEST

/* The connection that it got is in doubt and its server silent: neither the probe nor the connect
 * that follows may let it go on waiting. */
START_TEST(test_cancel_while_probing)
{
	hf_status canceled, waited;
	hf_future *f;
	hf_pool *p;
	int pid;

	t_need_pgctl();
	p = t_pool(HF_POOL_OPTS(.max_conns = 1, .ping_idle_ms = 1, .ping_ms = 500));
	f = t_probed_in_vain(p, &pid);
	canceled = hf_future_cancel(f);
	waited = hf_future_wait_for(f, 3000 * t_slow());
	t_thaw(pid);
	ck_assert_int_eq(canceled, HF_PENDING);
	ck_assert_int_eq(waited, HF_OK);
	t_failed(f, HF_E_CANCELED);
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

START_TEST(test_terminate_while_connecting)
{
	struct t_hole hole;
	int64_t began;
	hf_future *f;
	hf_pool *p;

	t_need_pgctl();
	t_hole_open(&hole);
	p = t_pool_on(hole.dsn, HF_POOL_OPTS(.min_conns = 4, .max_conns = 4, .connect_ms = 15000));
	f = hf_query(p, "select 1");
	t_hole_await(&hole);
	began = hf_now_ns();
	ck_assert_int_eq(hf_pool_terminate(p), HF_OK);
	ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
	t_failed(f, HF_E_CLOSED);
	hf_pool_unref(p);
	t_hole_close(&hole);
}
END_TEST

T_MAIN("cancel_connect",
	{ "A19 what waits for a connection that hangs is cancelled", test_cancel_while_connecting,
		0 },
	{ "A19 an attempt that nobody wants any more is called off", test_cancel_ends_attempt, 0 },
	{ "A19 what waits for a probe of its connection is cancelled", test_cancel_while_probing,
		0 },
	{ "A19 a pool whose attempts hang terminates", test_terminate_while_connecting, 0 })
