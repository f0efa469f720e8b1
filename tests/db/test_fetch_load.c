/* SPDX-License-Identifier: MIT */
/* hf_fetch by many threads at once, beside other work, and while the pool changes under it. */
#include "pipeline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLERS 16
#define CONNS   4

struct load {
	hf_pool *pool;
	const char *sql; /* gives $1 back */
	int each;        /* fetches of a thread; 0: until told to stop */
	atomic_bool stop;
	atomic_int next;
	atomic_long ok, wrong, by_status[HF_E_PARK_LIMIT + 1];
	pthread_t thread[CALLERS];
};

static void fetch_one(struct load *l, int token)
{
	hf_result *res = NULL;
	hf_error *why = NULL;
	hf_status st = hf_fetch(l->pool, &res, &why, l->sql, token);

	if (st == HF_OK && (hf_result_rows(res) != 1 || why ||
				   hf_row_int8(hf_result_row(res, 0), 0, -1) != token))
		atomic_fetch_add(&l->wrong, 1);
	else if (st != HF_OK && (res || hf_error_status(why) != st))
		atomic_fetch_add(&l->wrong, 1);
	atomic_fetch_add(&l->by_status[st], 1);
	atomic_fetch_add(&l->ok, st == HF_OK);
	hf_result_unref(res);
	hf_error_unref(why);
	if (st != HF_OK)
		t_sleep_ms(1); /* a closed door answers at once */
}

static void *run(void *arg)
{
	struct load *l = arg;

	for (int i = 0; l->each ? i < l->each : !atomic_load(&l->stop); i++)
		fetch_one(l, atomic_fetch_add(&l->next, 1));
	return NULL;
}

static void start(struct load *l, hf_pool *p, const char *sql, int each)
{
	memset(l, 0, sizeof *l);
	l->pool = p;
	l->sql = sql;
	l->each = each;
	for (int i = 0; i < CALLERS; i++)
		ck_assert_int_eq(pthread_create(&l->thread[i], NULL, run, l), 0);
}

static void join(struct load *l)
{
	atomic_store(&l->stop, true);
	for (int i = 0; i < CALLERS; i++)
		pthread_join(l->thread[i], NULL);
	ck_assert_int_eq(atomic_load(&l->wrong), 0);
}

struct goal {
	struct load *load;
	long ok;
};

static bool reached(void *arg)
{
	const struct goal *g = arg;

	return atomic_load(&g->load->ok) >= g->ok;
}

static void await(struct load *l, long n)
{
	struct goal g = { l, atomic_load(&l->ok) + n };

	if (!t_wait_until(reached, &g, 10000))
		ck_abort_msg("the fetches do not get on: %ld of %ld", atomic_load(&l->ok), g.ok);
}

/* What else came of them, besides `st`. */
static void expect_only(struct load *l, hf_status st, hf_status or_else)
{
	for (int i = 1; i <= HF_E_PARK_LIMIT; i++)
		if (i != (int)st && i != (int)or_else && atomic_load(&l->by_status[i]))
			ck_abort_msg("%ld times %s", atomic_load(&l->by_status[i]),
				hf_status_name((hf_status)i));
}

static hf_pool *four(int depth)
{
	hf_pool *p =
		t_pool(HF_POOL_OPTS(.min_conns = CONNS, .max_conns = CONNS, .max_pipeline = depth));

	t_wait_idle(p, CONNS);
	return p;
}

/* --- many at once --------------------------------------------------------------------------------
 */

static void many(int depth)
{
	static struct load l;
	hf_pool *p = four(depth);
	int each = 2000 / t_slow();
	hf_pool_stats s;

	start(&l, p, "select $1::int", each);
	join(&l);
	ck_assert_int_eq(atomic_load(&l.ok), CALLERS * each);
	s = t_stats(p);
	ck_assert_uint_eq(s.submitted, (uint64_t)(CALLERS * each));
	ck_assert_uint_eq(s.completed, s.submitted);
	ck_assert_uint_eq(s.failed + s.canceled + s.rejected, 0);
	ck_assert_uint_le(s.borrowed, s.submitted);
	printf("# %d fetches, %llu on borrowed connections, %llu together\n", CALLERS * each,
		(unsigned long long)s.borrowed, (unsigned long long)s.pipelined);
	t_wait_idle(p, CONNS);
	ck_assert_uint_eq(t_stats(p).connects, CONNS);
	t_close(p);
}

T_BOTH_WAYS(many)

/* One thread alone always finds a connection idle, and wakes nobody. */
START_TEST(test_borrowed)
{
	hf_pool *p = four(T_DEPTH);
	uint64_t wakeups = t_stats(p).wakeups;

	for (int i = 0; i < 1000; i++) {
		hf_result *res;

		ck_assert_int_eq(hf_fetch(p, &res, NULL, "select $1::int", i), HF_OK);
		ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 0, -1), i);
		hf_result_unref(res);
	}
	printf("# %llu of 1000 borrowed, %llu wake-ups\n", (unsigned long long)t_stats(p).borrowed,
		(unsigned long long)(t_stats(p).wakeups - wakeups));
	if (T_PIPELINING) {
		ck_assert_uint_ge(t_stats(p).borrowed, 990);
		ck_assert_uint_le(t_stats(p).wakeups - wakeups, 20);
	}
	t_close(p);
}
END_TEST

/* Fetches, queues of queries, interactions and transactions, all at once. */
static hf_status count_rows(hf_conn *c, void *arg, hf_reply *reply)
{
	const hf_result *res;
	hf_status st = hf_conn_query(c, &res, "select count(*) from test_values");

	(void)arg;
	if (st == HF_OK)
		hf_reply_result(reply, res);
	return st;
}

static void beside_others(int depth)
{
	static struct load l;
	hf_pool *p = four(depth);
	int rounds = 100 / t_slow() + 10;

	t_test_values(7);
	start(&l, p, "select $1::int", 0);
	for (int i = 0; i < rounds; i++) {
		hf_future *f[16], *g = hf_run(p, count_rows, NULL, NULL);
		hf_txn *t = hf_txn_begin(p, NULL);

		for (int k = 0; k < 16; k++)
			f[k] = hf_query(p, "select $1::int", k);
		t_done(hf_txn_query(t, "select 1"));
		ck_assert_int_eq(t_int(g), 7);
		for (int k = 0; k < 16; k++)
			ck_assert_int_eq(t_int(f[k]), k);
		t_done(hf_txn_rollback(t));
		hf_txn_unref(t);
	}
	join(&l);
	expect_only(&l, HF_OK, HF_OK);
	t_wait_idle(p, CONNS);
	ck_assert_uint_eq(t_stats(p).connects, CONNS);
	t_close(p);
}

T_BOTH_WAYS(beside_others)

/* --- the pool changes ----------------------------------------------------------------------------
 */

/* Closed with what was accepted still running: each fetch has its result or finds it closed. */
START_TEST(test_close)
{
	static struct load l;

	for (int i = 0; i < 10; i++) {
		hf_pool *p = four(T_DEPTH);

		start(&l, p, "select $1::int from pg_sleep(0.001)", 0);
		await(&l, 20);
		ck_assert_int_eq(hf_pool_close(p, 10000 * t_slow()), HF_OK);
		join(&l);
		expect_only(&l, HF_E_CLOSED, HF_OK);
		t_wait_backends(0);
		hf_pool_unref(p);
	}
}
END_TEST

/* Terminated with fetches that would sleep for a minute. */
START_TEST(test_terminate)
{
	static struct load l;

	for (int i = 0; i < 10; i++) {
		hf_pool *p = four(T_DEPTH);
		int64_t began;

		start(&l, p, "select $1::int from pg_sleep(60)", 0);
		t_wait_busy(p, CONNS);
		began = hf_now_ns();
		ck_assert_int_eq(hf_pool_terminate(p), HF_OK);
		ck_assert_int_lt(t_ms_since(began), 5000 * t_slow());
		join(&l);
		ck_assert_int_eq(atomic_load(&l.ok), 0);
		expect_only(&l, HF_E_CLOSED, HF_E_CANCELED);
		t_wait_backends(0);
		hf_pool_unref(p);
	}
}
END_TEST

/* Smaller and larger under way: nobody is disturbed. */
START_TEST(test_resize)
{
	static const int sizes[] = { 1, 4, 2, 3, 1, 4 };
	static struct load l;
	hf_pool *p = four(T_DEPTH);

	start(&l, p, "select $1::int", 0);
	for (size_t i = 0; i < 5 * T_COUNT(sizes); i++) {
		int n = sizes[i % T_COUNT(sizes)];

		ck_assert_int_eq(hf_pool_resize(p, n, n), HF_OK);
		await(&l, 200);
	}
	join(&l);
	expect_only(&l, HF_OK, HF_OK);
	t_wait_idle(p, 4);
	t_wait_backends(4);
	t_close(p);
}
END_TEST

/* --- the server ends a session -------------------------------------------------------------------
 */

static void kill_sessions(hf_pool *killer)
{
	char sql[160];

	snprintf(sql, sizeof sql,
		"select count(pg_terminate_backend(pid, 1000)) from pg_stat_activity "
		"where application_name = '%s'",
		t_name());
	t_done(hf_query_at(HF_HERE, killer, sql, NULL, 0));
}

/* Idle ones: the next fetch works, whether or not the loss has been noticed. One that was handed
 * over in that very moment may be lost, and says so. */
START_TEST(test_killed_idle)
{
	hf_pool *p = four(T_DEPTH), *killer = t_pool(HF_POOL_OPTS(.name = "killer"));
	int lost = 0;

	for (int i = 0; i < 20; i++) {
		hf_result *res = NULL;
		hf_error *why = NULL;
		hf_status st;

		kill_sessions(killer);
		st = hf_fetch(p, &res, &why, "select $1::int", i);
		if (st != HF_OK) {
			ck_assert_int_eq(st, HF_E_CONN_LOST);
			ck_assert(hf_error_is(why, HF_RETRYABLE | HF_MAYBE_COMMITTED));
			hf_error_unref(why);
			lost++;
			ck_assert_int_eq(hf_fetch(p, &res, NULL, "select $1::int", i), HF_OK);
		}
		ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 0, -1), i);
		hf_result_unref(res);
		t_wait_idle(p, CONNS);
	}
	printf("# %d of 20 were lost\n", lost);
	ck_assert_int_eq(lost, 0);
	t_close(p);
	t_close(killer);
}
END_TEST

START_TEST(test_killed_busy)
{
	static struct load l;
	hf_pool *p = four(T_DEPTH), *killer = t_pool(HF_POOL_OPTS(.name = "killer"));

	start(&l, p, "select $1::int", 0);
	for (int i = 0; i < 20; i++) {
		kill_sessions(killer);
		await(&l, 100);
	}
	join(&l);
	expect_only(&l, HF_E_CONN_LOST, HF_OK);
	printf("# %ld lost\n", atomic_load(&l.by_status[HF_E_CONN_LOST]));
	t_wait_idle(p, CONNS);
	t_close(p);
	t_close(killer);
}
END_TEST

T_MAIN("fetch_load", { "16 threads fetch on 4 connections", many_together, 60 },
	{ "16 threads fetch on 4 connections, one by one", many_alone, 60 },
	{ "a fetch borrows what is idle, and wakes nobody", test_borrowed, 0 },
	{ "fetches beside work of every kind", beside_others_together, 60 },
	{ "fetches beside work of every kind, one by one", beside_others_alone, 60 },
	{ "a pool is closed while fetches run", test_close, 60 },
	{ "a pool is terminated while fetches run", test_terminate, 60 },
	{ "a pool is resized while fetches run", test_resize, 60 },
	{ "the sessions are killed between fetches", test_killed_idle, 60 },
	{ "the sessions are killed under fetches", test_killed_busy, 60 })
