/* SPDX-License-Identifier: MIT */
/* What goes on beside the jobs: free functions, hooks, reopening, prepared statements, the threads
 * of the pool itself. None of it may hold up, or outlive, what it should not. */
#include "fixture.h"

#include "base/thread.h"
#include "pool/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static hf_status nothing(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)arg;
	(void)reply;
	return HF_OK;
}

static bool is_set(void *flag)
{
	return atomic_load((atomic_bool *)flag);
}

struct gate {
	atomic_bool entered, open;
};

static void slow_free(void *arg)
{
	struct gate *g = arg;

	atomic_store(&g->entered, true);
	while (!atomic_load(&g->open))
		t_sleep_ms(1);
}

START_TEST(test_slow_free)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 3, .max_conns = 3));
	struct gate g;
	hf_future *f;

	atomic_init(&g.entered, false);
	atomic_init(&g.open, false);
	t_wait_idle(p, 3);
	f = hf_run(p, nothing, &g, slow_free);
	ck_assert(t_wait_until(is_set, &g.entered, 10000));
	for (int i = 0; i < 20; i++)
		t_done(hf_query(p, "select 1"));
	ck_assert(!hf_future_ready(f));
	atomic_store(&g.open, true);
	t_done(f);
	t_close(p);
}
END_TEST

static hf_status hanging_hook(hf_conn *c, void *arg)
{
	atomic_store((atomic_bool *)arg, true);
	return hf_conn_query(c, NULL, "select pg_sleep(60)");
}

START_TEST(test_terminate_during_hook)
{
	atomic_bool entered;
	hf_pool *p;
	int64_t began;

	atomic_init(&entered, false);
	p = t_pool(HF_POOL_OPTS(.on_connect = hanging_hook, .hook_arg = &entered));
	ck_assert(t_wait_until(is_set, &entered, 10000));
	began = hf_now_ns();
	ck_assert_int_eq(hf_pool_terminate(p), HF_OK);
	ck_assert_int_lt(t_ms_since(began), 3000 * t_slow());
	hf_pool_unref(p);
	t_wait_backends(0);
}
END_TEST

START_TEST(test_hook_is_bounded)
{
	atomic_bool entered;
	hf_error *why = NULL;
	hf_pool *p = NULL;
	int64_t began = hf_now_ns();

	atomic_init(&entered, false);
	ck_assert_int_eq(hf_pool_open(t_dsn(),
				 HF_POOL_OPTS(.on_connect = hanging_hook, .hook_arg = &entered,
					 .connect_ms = 500, .strict = true),
				 &p, &why),
		HF_E_CONNECT);
	ck_assert_int_lt(t_ms_since(began), 5000 * t_slow());
	hf_error_unref(why);
}
END_TEST

static atomic_int opened;

static void *reopen(void *pool)
{
	if (hf_pool_reopen(pool, NULL) == HF_OK)
		atomic_fetch_add(&opened, 1);
	return NULL;
}

START_TEST(test_concurrent_reopen)
{
	hf_pool *p = t_pool(NULL);
	pthread_t t[6];

	for (int round = 0; round < 10; round++) {
		ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
		atomic_store(&opened, 0);
		for (int i = 0; i < 6; i++)
			ck_assert_int_eq(pthread_create(&t[i], NULL, reopen, p), 0);
		for (int i = 0; i < 6; i++)
			pthread_join(t[i], NULL);
		ck_assert_int_eq(atomic_load(&opened), 1);
		ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	}
	t_close(p);
}
END_TEST

static void close_pool(void *arg)
{
	hf_status *st = ((void **)arg)[1];

	*st = hf_pool_close(((void **)arg)[0], 100);
}

/* The job expires in the queue, so that its free function runs on the housekeeper. */
START_TEST(test_close_on_housekeeper)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_status st = HF_OK;
	void *arg[2] = { p, &st };
	hf_future *busy = hf_query(p, "select pg_sleep(0.5)");

	t_wait_busy(p, 1);
	t_failed(hf_submit(p, HF_JOB(.fn = nothing, .arg = arg, .free_arg = close_pool,
				      .acquire_ms = 50)),
		HF_E_BUSY);
	ck_assert_int_eq(st, HF_E_DEADLOCK);
	t_done(busy);
	t_close(p);
}
END_TEST

START_TEST(test_statements_taken_away)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_statements = 1));

	for (int i = 0; i < 4; i++)
		t_done(hf_query(p, "select 'a'"));
	t_done(hf_script(p, "deallocate all; select 1"));
	for (int i = 0; i < 4; i++)
		t_done(hf_query(p, "select 'b'"));
	t_close(p);
}
END_TEST

START_TEST(test_utility_with_limit)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .statement_ms = 7000));

	t_test_values(10);
	t_done(hf_query_with(p, HF_QUERY_OPTS(.timeout_ms = 5000), "vacuum test_values"));
	ck_assert_int_eq(
		t_int(hf_query(p,
			"select setting::int from pg_settings where name = 'statement_timeout'")),
		7000);
	t_failed(hf_query_with(p, HF_QUERY_OPTS(.timeout_ms = 100),
			 "do 'begin perform pg_sleep(60); end'"),
		HF_E_TIMEOUT);
	ck_assert_int_eq(
		t_int(hf_query(p,
			"select setting::int from pg_settings where name = 'statement_timeout'")),
		7000);
	t_close(p);
}
END_TEST

static atomic_int freed;

static void count_free(void *arg)
{
	(void)arg;
	atomic_fetch_add(&freed, 1);
}

/* A caller of a later version, which asks for something that this one does not know. */
START_TEST(test_refused_options_free_their_argument)
{
	struct {
		hf_job job;
		int later;
	} newer = { { .struct_size = sizeof newer, .fn = nothing, .free_arg = count_free }, 1 };
	hf_pool *p = t_pool(NULL);

	t_failed(hf_submit(p, &newer.job), HF_E_MISUSE);
	ck_assert_int_eq(atomic_load(&freed), 1);
	t_failed(hf_query_with(p, HF_QUERY_OPTS(.isolation = (hf_isolation)77), "select 1"),
		HF_E_MISUSE);
	t_close(p);
}
END_TEST

/* --- the counters of wake-ups and probes ---------------------------------------------------------
 */

static hf_status pass_gate(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)reply;
	slow_free(arg);
	return HF_OK;
}

/* One worker for each submission, though three are idle; and none where all are busy: they look for
 * themselves. */
START_TEST(test_wakeups)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 3, .max_conns = 3));
	hf_future *f[13];
	struct gate g;

	atomic_init(&g.entered, false);
	atomic_init(&g.open, false);
	t_wait_idle(p, 3);
	ck_assert_uint_eq(t_stats(p).wakeups, 0);
	for (unsigned i = 0; i < 3; i++) {
		f[i] = hf_run(p, pass_gate, &g, NULL);
		t_wait_busy(p, i + 1);
		ck_assert_uint_eq(t_stats(p).wakeups, i + 1);
	}
	for (int i = 3; i < 13; i++)
		f[i] = hf_query(p, "select 1");
	atomic_store(&g.open, true);
	for (int i = 0; i < 13; i++)
		t_done(f[i]);
	t_wait_idle(p, 3);
	ck_assert_uint_eq(t_stats(p).wakeups, 3);
	ck_assert_uint_eq(t_stats(p).futile_wakeups, 0);
	t_close(p);
}
END_TEST

static bool woken_in_vain(void *pool)
{
	return t_stats(pool).futile_wakeups > 0;
}

/* The job leaves the queue between the wake-up and the worker, which the pool's lock keeps out. */
START_TEST(test_futile_wakeup)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 3, .max_conns = 3));
	hf__job *j = hf__job_new(p, HF__JOB_QUERY, HF_HERE, NULL);
	hf_future *f = &j->future;

	ck_assert_ptr_nonnull(j);
	t_wait_idle(p, 3);
	hf__lock(&p->lock);
	hf__queue_push(&p->queue, j);
	hf__worker_wake_one_locked(p);
	hf__worker_wake_one_locked(p); /* one is on its way already */
	hf__queue_remove(&p->queue, j);
	j->state = HF__JOB_DONE;
	hf__unlock(&p->lock);
	hf__job_fail(j, hf__job_canceled_early(j));
	t_failed(f, HF_E_CANCELED);
	ck_assert(t_wait_until(woken_in_vain, p, 10000));
	ck_assert_uint_eq(t_stats(p).futile_wakeups, 1);
	ck_assert_uint_eq(t_stats(p).wakeups, 1);
	t_close(p);
}
END_TEST

/* After a silence of ping_idle_ms each query is preceded by one probe. */
START_TEST(test_pings)
{
	hf_pool *brisk = t_pool(HF_POOL_OPTS(.max_conns = 1, .ping_idle_ms = 60000));
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .ping_idle_ms = 50));

	for (int i = 0; i < 20; i++)
		t_done(hf_query(brisk, "select 1"));
	ck_assert_uint_eq(t_stats(brisk).pings, 0);
	t_done(hf_query(p, "select 1"));
	for (int i = 0; i < 3; i++) {
		uint64_t before = t_stats(p).pings;

		t_sleep_ms(51);
		t_done(hf_query(p, "select 1"));
		ck_assert_uint_eq(t_stats(p).pings, before + 1);
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(brisk);
	t_close(p);
}
END_TEST

T_MAIN("upkeep", { "a slow free function holds up nobody else", test_slow_free, 0 },
	{ "terminate ends a hook that hangs", test_terminate_during_hook, 0 },
	{ "promise-H10 a hook is bounded by connect_ms", test_hook_is_bounded, 0 },
	{ "of several that open it again, one does", test_concurrent_reopen, 0 },
	{ "promise-H14 the housekeeper cannot close its pool", test_close_on_housekeeper, 0 },
	{ "rule-64 statements that others deallocated cost no error", test_statements_taken_away,
		0 },
	{ "rule-68 a utility statement has its limit in trips of its own", test_utility_with_limit,
		0 },
	{ "refused options still free their argument", test_refused_options_free_their_argument,
		0 },
	{ "a submission wakes one idle worker, and none where all are busy", test_wakeups, 0 },
	{ "a worker that was woken for nothing is counted so", test_futile_wakeup, 0 },
	{ "a silence of ping_idle_ms costs one probe", test_pings, 0 })
