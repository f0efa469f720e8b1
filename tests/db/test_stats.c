/* SPDX-License-Identifier: MIT */
/* The counters of a pool: every job that ends counts once, and is well, failed or cancelled,
 * wherever it ended. */
#include "pipeline.h"
#include "silent.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* All that were submitted have ended, so many of them badly. */
static void expect_ends(hf_pool *p, unsigned well, unsigned failed, unsigned canceled)
{
	hf_pool_stats s = t_stats(p);

	ck_assert_uint_eq(s.failed, failed);
	ck_assert_uint_eq(s.canceled, canceled);
	ck_assert_uint_eq(s.completed, well + failed + canceled);
	ck_assert_uint_eq(s.submitted, s.completed);
}

START_TEST(test_ends_in_queue)
{
	hf_pool *p = t_pipe_pool(T_DEPTH);
	hf_future *f[4];
	struct t_dam dam;

	t_dam_shut(&dam, p);
	for (int i = 0; i < 3; i++)
		f[i] = hf_query(p, "select $1::int", i);
	f[3] = hf_query_with(p, HF_QUERY_OPTS(.acquire_ms = 20), "select 1");
	ck_assert_int_eq(hf_future_cancel(f[1]), HF_OK);
	t_failed(f[3], HF_E_BUSY);
	t_dam_open(&dam);
	t_done(f[0]);
	t_failed(f[1], HF_E_CANCELED);
	t_done(f[2]);
	expect_ends(p, 3, 1, 1);
	t_close(p);
}
END_TEST

/* Alone, among others that travel with it, and on a connection that was to be probed first. */
START_TEST(test_ends_while_running)
{
	hf_pool *p = t_pipe_pool(T_DEPTH);
	hf_future *f[3];
	struct t_dam dam;

	f[0] = hf_script(p, "select pg_sleep(60)");
	t_wait_asleep();
	ck_assert_int_eq(hf_future_cancel(f[0]), HF_PENDING);
	t_failed(f[0], HF_E_CANCELED);
	t_failed(hf_query(p, "select 1 / 0"), HF_E_SQL);
	t_failed(hf_query_with(p, HF_QUERY_OPTS(.timeout_ms = 20), "select pg_sleep(60)"),
		HF_E_TIMEOUT);
	expect_ends(p, 0, 2, 1);
	t_dam_shut(&dam, p);
	f[0] = hf_query(p, "select 1");
	f[1] = hf_query(p, "select pg_sleep(60)");
	f[2] = hf_query(p, "select 1 / 0");
	t_dam_open(&dam);
	t_wait_asleep();
	ck_assert_int_eq(hf_future_cancel(f[1]), HF_PENDING);
	t_done(f[0]);
	t_failed(f[1], HF_E_CANCELED);
	t_failed(f[2], HF_E_SQL);
	expect_ends(p, 2, 3, 2);
	t_close(p);
}
END_TEST

START_TEST(test_ends_before_sending)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .ping_idle_ms = 1, .ping_ms = 200));
	hf_status waited;
	hf_future *f;
	int pid;

	t_need_pgctl();
	f = t_probed_in_vain(p, &pid);
	hf_future_cancel(f);
	waited = hf_future_wait_for(f, 3000 * t_slow());
	t_thaw(pid);
	ck_assert_int_eq(waited, HF_OK);
	t_failed(f, HF_E_CANCELED);
	expect_ends(p, 1, 0, 1);
	t_close(p);
}
END_TEST

static void *get(void *f)
{
	return (void *)(intptr_t)hf_future_get(f, NULL);
}

/* The waiting thread runs the query itself. */
START_TEST(test_ends_borrowed)
{
	hf_pool *p = t_pipe_pool(T_DEPTH);
	hf_future *f;
	hf_error *why;
	pthread_t t;
	void *st;

	t_wait_idle(p, 1);
	ck_assert_int_eq(hf_fetch(p, NULL, NULL, "select 1"), HF_OK);
	ck_assert_int_eq(hf_fetch(p, NULL, &why, "select 1 / 0"), HF_E_SQL);
	hf_error_unref(why);
	t_wait_idle(p, 1);
	ck_assert_uint_eq(t_stats(p).borrowed, 2);
	expect_ends(p, 1, 1, 0);
	/* By whichever of the two threads. */
	f = hf_query(p, "select pg_sleep(60)");
	ck_assert_int_eq(pthread_create(&t, NULL, get, f), 0);
	t_wait_asleep();
	ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
	pthread_join(t, &st);
	ck_assert_int_eq((int)(intptr_t)st, HF_E_CANCELED);
	hf_future_unref(f);
	expect_ends(p, 1, 1, 1);
	t_close(p);
}
END_TEST

/* What its pool was closed over was not cancelled by anybody. */
START_TEST(test_ends_with_pool)
{
	hf_pool *p = t_pipe_pool(T_DEPTH);
	hf_future *f[3];

	f[0] = hf_query(p, "select pg_sleep(60)");
	t_wait_asleep();
	f[1] = hf_query(p, "select 1");
	f[2] = hf_query(p, "select 1");
	ck_assert_int_eq(hf_future_cancel(f[2]), HF_OK);
	ck_assert_int_eq(hf_pool_terminate(p), HF_OK);
	t_failed(f[0], HF_E_CLOSED);
	t_failed(f[1], HF_E_CLOSED);
	t_failed(f[2], HF_E_CANCELED);
	expect_ends(p, 0, 2, 1);
	hf_pool_unref(p);
}
END_TEST

/* Five that travel together, three of them with one Sync, one that is borrowed, one cancelled, one
 * refused. */
START_TEST(test_described)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_queue = 6));
	hf_future *f[6];
	struct t_dam dam;
	char *text;

	t_wait_idle(p, 1);
	ck_assert_int_eq(hf_fetch(p, NULL, NULL, "select 1"), HF_OK);
	t_dam_shut(&dam, p);
	for (int i = 0; i < 6; i++)
		f[i] = hf_query_with(p, HF_QUERY_OPTS(.read_only = i < 3), "select $1::int", i);
	t_failed(hf_query(p, "select 1"), HF_E_BUSY);
	ck_assert_int_eq(hf_future_cancel(f[5]), HF_OK);
	t_dam_open(&dam);
	for (int i = 0; i < 5; i++)
		t_done(f[i]);
	t_failed(f[5], HF_E_CANCELED);
	text = hf_pool_describe(p);
	ck_assert_ptr_nonnull(text);
	if (!strstr(text, "8 submitted, 8 completed, 0 failed, 1 canceled, 1 rejected, "
			  "5 pipelined, 3 in the fast lane, 1 borrowed"))
		ck_abort_msg("%s", text);
	free(text);
	t_close(p);
}
END_TEST

T_MAIN("stats", { "B22 what ends while it waits counts once", test_ends_in_queue, 0 },
	{ "B22 what ends while it runs counts once", test_ends_while_running, 0 },
	{ "B22 what is cancelled before it was sent counts once", test_ends_before_sending, 0 },
	{ "B22 what a waiting thread runs counts once", test_ends_borrowed, 0 },
	{ "B22 what its pool was closed over counts as failed", test_ends_with_pool, 0 },
	{ "B22 the line for people has the ways that queries took", test_described, 0 })
