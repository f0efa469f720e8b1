/* SPDX-License-Identifier: MIT */
/* Every future comes to its end, soon, whatever happens; also the ones that nobody keeps. */
#include "fixture.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static hf_status select_one(hf_conn *c, void *arg, hf_reply *reply)
{
	const hf_result *res;
	hf_status st = hf_conn_query(c, &res, "select $1::int, $2::text", 1, "a text");

	(void)arg;
	if (st != HF_OK)
		return st;
	st = hf_conn_savepoint(c, "a");
	if (st == HF_OK)
		st = hf_conn_script(c, NULL, "select 1; select 2");
	hf_reply_result(reply, res);
	return st;
}

/* Every way to submit ends in `st` within a second of now. */
static void all_end(hf_pool *p, hf_status st)
{
	int64_t began = hf_now_ns();
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_future *f[] = {
		hf_query(p, "select 1"),
		hf_query_with(p, HF_QUERY_OPTS(.urgent = true), "select $1::int", 1),
		hf_script(p, "select 1; select 2"),
		hf_run(p, select_one, NULL, NULL),
		hf_txn_query(t, "select 1"),
		hf_txn_commit(t),
	};

	for (size_t i = 0; i < T_COUNT(f); i++) {
		ck_assert_ptr_nonnull(f[i]);
		ck_assert_msg(hf_future_wait_for(f[i], 1000 * t_slow()) == HF_OK,
			"submission %zu still waits after %lld ms", i, t_ms_since(began));
		ck_assert_int_eq(hf_future_get(f[i], NULL), st);
		ck_assert_ptr_nonnull(hf_future_error(f[i]));
		hf_future_unref(f[i]);
	}
	ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
	hf_txn_unref(t);
}

/* A TCP port of this machine where nobody listens. */
static int closed_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	close(fd);
	return ntohs(a.sin_port);
}

START_TEST(test_no_pool)
{
	hf_pool *p;

	all_end(NULL, HF_E_MISUSE);
	p = t_pool(NULL);
	t_done(hf_query(p, "select 1"));
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	all_end(p, HF_E_CLOSED);
	hf_pool_unref(p);
}
END_TEST

static bool failed_often(void *pool)
{
	return t_stats(pool).connect_failures >= 8;
}

static void no_server(const char *dsn)
{
	hf_pool *p = t_pool_on(dsn, NULL);

	all_end(p, HF_E_CONNECT);
	/* Also when it has been so for long, and the pauses between attempts have grown. */
	ck_assert(t_wait_until(failed_often, p, 15000));
	for (int i = 0; i < 3; i++)
		all_end(p, HF_E_CONNECT);
	t_close(p);
}

START_TEST(test_closed_port)
{
	char dsn[128];

	snprintf(dsn, sizeof dsn, "host=127.0.0.1 port=%d user=x dbname=x", closed_port());
	no_server(dsn);
}
END_TEST

START_TEST(test_missing_database)
{
	char dsn[512];

	snprintf(dsn, sizeof dsn, "%s dbname=there_is_none", t_dsn());
	no_server(dsn);
}
END_TEST

/* The server ends the session: before, and while a statement runs. */
static hf_status sleep_long(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	atomic_store((atomic_int *)arg, hf_conn_backend_pid(c));
	return hf_conn_query(c, NULL, "select pg_sleep(60)");
}

static bool has_pid(void *arg)
{
	char sql[128];

	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where pid = %d and wait_event = 'PgSleep'",
		atomic_load((atomic_int *)arg));
	return atomic_load((atomic_int *)arg) && t_psql_int(sql) == 1;
}

START_TEST(test_backend_killed)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	for (int i = 0; i < 5; i++) {
		atomic_int pid;
		char sql[64];
		int64_t began;
		hf_future *f, *next;

		atomic_init(&pid, 0);
		f = hf_run(p, sleep_long, &pid, NULL);
		next = hf_query(p, "select 42");
		ck_assert(t_wait_until(has_pid, &pid, 10000));
		snprintf(sql, sizeof sql, "select pg_terminate_backend(%d)", atomic_load(&pid));
		began = hf_now_ns();
		free(t_psql(sql));
		ck_assert(hf_error_is(t_fails(f, HF_E_CONN_LOST), HF_CONNECTION));
		ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
		ck_assert_int_eq(t_int(next), 42);
		hf_future_unref(f);
	}
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

/* --- no memory -----------------------------------------------------------------------------------
 */

typedef hf_future *submit_fn(hf_pool *p);

static hf_future *submit_query(hf_pool *p)
{
	return hf_query_with(
		p, HF_QUERY_OPTS(.label = "a query"), "select $1::int, $2::text", 1, "a text");
}

/* Whose text and parameter have no room in the job's block. */
static hf_future *submit_long_query(hf_pool *p)
{
	static char text[2001];

	memset(text, ' ', sizeof text - 1);
	memcpy(text, "select $1::text", strlen("select $1::text"));
	return hf_query(p, text, text);
}

static hf_future *submit_script(hf_pool *p)
{
	return hf_script(p, "select $1; select 2; select 3", 1);
}

static hf_future *submit_fn_job(hf_pool *p)
{
	return hf_submit(p, HF_JOB(.fn = select_one, .label = "an interaction"));
}

/* All commands but the last are let go of; the transaction too. */
static hf_future *submit_txn(hf_pool *p)
{
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.label = "a transaction"));
	hf_future *f;

	hf_future_unref(hf_txn_query(t, "select $1::int", 1));
	hf_future_unref(hf_txn_savepoint(t, "here"));
	hf_future_unref(hf_txn_run(t, HF_JOB(.fn = select_one)));
	f = hf_txn_commit(t);
	hf_txn_unref(t);
	return f;
}

static hf_future *submit_both(hf_pool *p)
{
	hf_future *f[2] = { submit_query(p), submit_fn_job(p) }, *all = hf_when_all(f, 2);

	hf_future_unref(f[0]);
	hf_future_unref(f[1]);
	return all;
}

/* Lets one allocation after the other fail, `count` at a time, until a run does not reach the one
 * that would. Every future is ready within a second, and then the pool is whole again. */
static void sweep(submit_fn *submit, long count)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	long failed = 0, n;
	bool reached = true;

	t_wait_idle(p, 1);
	for (n = 0; reached; n++) {
		hf_future *f;
		hf_status st;
		bool ready;

		ck_assert_int_lt(n, 400);
		hf__mem_fail(n, count);
		f = submit(p);
		ready = f && hf_future_wait_for(f, 1000 * t_slow()) == HF_OK;
		reached = hf__mem_seen() > n;
		hf__mem_fail(0, 0);
		ck_assert_msg(ready, "not ready with allocation %ld failed", n);
		st = hf_future_get(f, NULL);
		failed += st != HF_OK;
		if (st != HF_OK)
			ck_assert_str_ne(hf_error_message(hf_future_error(f)), "");
		hf_future_unref(f);
		t_wait_idle(p, 1);
		ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	}
	ck_assert_int_gt(failed, 1); /* a job's block and its result, at the least */
	t_close(p);
	t_wait_backends(0);
}

/* What its submitter has no memory to send, its worker tries once more: two in a row. */
START_TEST(test_no_memory_for_query)
{
	sweep(submit_query, 2);
	sweep(submit_long_query, 2);
	sweep(submit_script, 1);
}
END_TEST

START_TEST(test_no_memory_for_interaction)
{
	sweep(submit_fn_job, 1);
	sweep(submit_both, 1);
}
END_TEST

START_TEST(test_no_memory_for_transaction)
{
	sweep(submit_txn, 1);
}
END_TEST

/* Nothing at all to be had, from the n-th on. */
START_TEST(test_no_memory_any_more)
{
	sweep(submit_query, -1);
	sweep(submit_fn_job, -1);
	sweep(submit_txn, -1);
}
END_TEST

START_TEST(test_no_memory_to_open)
{
	long n, failed = 0;
	bool reached = true;

	for (n = 0; reached; n++) {
		hf_pool_opts o = *HF_POOL_OPTS(.name = t_name(), .strict = true);
		hf_error *why = NULL;
		hf_pool *p = NULL;
		hf_status st;
		int64_t began = hf_now_ns();

		ck_assert_int_lt(n, 400);
		hf__mem_fail(n, 1);
		st = hf_pool_open(t_dsn(), &o, &p, &why);
		reached = hf__mem_seen() > n;
		hf__mem_fail(0, 0);
		ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
		if (st == HF_OK) {
			ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
			t_close(p);
		} else {
			failed++;
			ck_assert_ptr_null(p);
			ck_assert_int_eq(hf_error_status(why), st);
			hf_error_unref(why);
		}
	}
	ck_assert_int_gt(failed, 5);
	t_wait_backends(0);
}
END_TEST

/* --- no busy wait --------------------------------------------------------------------------------
 */

static double cpu_s(void)
{
	struct timespec ts;

	ck_assert_int_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts), 0);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

START_TEST(test_no_busy_wait)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_queue = 200));
	hf_future *busy, *f[100];
	double cpu;

	t_wait_idle(p, 1);
	cpu = cpu_s();
	busy = hf_query(p, "select pg_sleep(2)");
	for (int i = 0; i < 100; i++)
		f[i] = hf_query(p, "select 1");
	t_done(busy);
	cpu = cpu_s() - cpu;
	ck_assert_msg(cpu < 0.05 * 2, "saturated: %.3f s of CPU in 2 s", cpu);
	for (int i = 0; i < 100; i++)
		t_done(f[i]);
	t_wait_idle(p, 1);
	cpu = cpu_s();
	free(t_psql("select pg_sleep(1)"));
	cpu = cpu_s() - cpu;
	ck_assert_msg(cpu < 0.05 * 1, "idle: %.3f s of CPU in 1 s", cpu);
	t_close(p);
}
END_TEST

/* --- abandoned futures ---------------------------------------------------------------------------
 */

#define SUBMITS 10000

static atomic_int runs, frees;

static hf_status count_run(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	atomic_fetch_add(&runs, 1);
	hf_reply_value(reply, arg ? strdup("nobody reads this") : NULL, free);
	return HF_OK;
}

static void count_free(void *arg)
{
	free(arg);
	atomic_fetch_add(&frees, 1);
}

static bool all_completed(void *pool)
{
	return t_stats(pool).completed == SUBMITS;
}

START_TEST(test_abandoned)
{
	hf_pool *p;
	hf_pool_stats s;

	free(t_psql("create table abandoned (n int)"));
	p = t_pool(
		HF_POOL_OPTS(.max_conns = 4, .max_queue = 2 * SUBMITS, .acquire_ms = HF_FOREVER));
	for (int i = 0; i < SUBMITS; i++) {
		if (i % 2)
			hf_future_unref(hf_query(p, "insert into abandoned values ($1)", i));
		else
			hf_future_unref(hf_run(p, count_run, strdup("argument"), count_free));
	}
	ck_assert(t_wait_until(all_completed, p, 15000));
	s = t_stats(p);
	t_close(p);
	ck_assert_uint_eq(s.submitted, SUBMITS);
	ck_assert_uint_eq(s.failed + s.canceled + s.rejected, 0);
	ck_assert_int_eq(atomic_load(&runs), SUBMITS / 2);
	ck_assert_int_eq(atomic_load(&frees), SUBMITS / 2);
	ck_assert_int_eq(t_psql_int("select count(distinct n) from abandoned"), SUBMITS / 2);
	free(t_psql("drop table abandoned"));
}
END_TEST

/* With callbacks, errors and cancels on them. */
static void count_call(hf_future *f, void *arg)
{
	(void)f;
	(void)arg;
	atomic_fetch_add(&runs, 1);
}

static void count_only(void *arg)
{
	(void)arg;
	atomic_fetch_add(&frees, 1);
}

START_TEST(test_abandoned_with_callback)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_queue = SUBMITS));

	for (int i = 0; i < 1000; i++) {
		hf_future *f = i % 3 ? hf_query(p, "select 1") : hf_query(p, "select 1/0");

		ck_assert_int_eq(hf_future_on_ready(f, count_call, NULL, count_only), HF_OK);
		if (i % 5 == 0)
			hf_future_cancel(f);
		hf_future_unref(f);
	}
	t_close(p);
	ck_assert_int_eq(atomic_load(&runs), 1000);
	ck_assert_int_eq(atomic_load(&frees), 1000);
}
END_TEST

T_MAIN("abandon",
	{ "A9 without a pool, or with a closed one, a future ends at once", test_no_pool, 0 },
	{ "A9 with a closed port every future ends within a second", test_closed_port, 0 },
	{ "A9 with a missing database every future ends within a second", test_missing_database,
		0 },
	{ "A9 when its session is ended a future ends within a second", test_backend_killed, 0 },
	{ "A9 a query whose memory runs out ends", test_no_memory_for_query, 60 },
	{ "A9 an interaction whose memory runs out ends", test_no_memory_for_interaction, 60 },
	{ "A9 a transaction whose memory runs out ends", test_no_memory_for_transaction, 60 },
	{ "A9 without any memory every future ends", test_no_memory_any_more, 60 },
	{ "A9 a pool whose memory runs out does not open, or works", test_no_memory_to_open, 60 },
	{ "A11 waiting takes no processor time", test_no_busy_wait, 0 },
	{ "A20 work whose future is let go of is done", test_abandoned, 0 },
	{ "A20 a future that is let go of still calls back", test_abandoned_with_callback, 0 })
