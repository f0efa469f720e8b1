/* SPDX-License-Identifier: MIT */
/* A request's scope that ends with the request's pool of APR: the reader, the writer and the logger
 * are pools of the same database. */
#include "apr.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNS = 3 };

static hf_engines *three(apr_pool_t *p)
{
	static const char *const names[] = { "reader", "writer", "logger" };
	hf_engines *e = hf_apr_own_engines(hf_engines_new(), p);
	hf_error *why;

	for (int i = 0; i < 3; i++)
		if (hf_engines_open(e, names[i], t_dsn(),
			    HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.name = t_name(),
						   .max_conns = CONNS, .min_conns = HF_NONE,
						   .shutdown_ms = 300)),
			    &why) != HF_OK)
			ck_abort_msg("%s", hf_error_message(why));
	free(t_psql("set client_min_messages to warning;"
		    "drop table if exists part, log;"
		    "create table part (id int primary key);"
		    "create table log (line text)"));
	return e;
}

static long long parts(void)
{
	return t_psql_int("select count(*) from part");
}

static long long lines(void)
{
	return t_psql_int("select count(*) from log");
}

static void idle(hf_engines *e, const char *name, unsigned conns)
{
	hf_pool *pool = hf_engines_get(e, name, NULL);

	t_wait_idle(pool, conns);
	hf_pool_unref(pool);
}

/* A request that reads, writes and logs, and may leave before the commit. */
static void serve(hf_engines *e, apr_pool_t *p, int id, bool good)
{
	hf_scope *s = hf_apr_scope(e, HF_SCOPE_OPTS(.label = "PUT /part"), p);
	hf_result *res;

	ck_assert_int_eq(hf_session_fetch(hf_reader(s), &res, NULL, "select $1::int", id), HF_OK);
	id = (int)hf_row_int8(hf_result_row(hf_apr_own_result(res, p), 0), 0, -1);
	ck_assert_int_eq(
		hf_session_fetch(hf_logger(s), NULL, NULL, "insert into log values ('part')"),
		HF_OK);
	ck_assert_int_eq(
		hf_session_fetch(hf_writer(s), NULL, NULL, "insert into part values ($1)", id),
		HF_OK);
	if (good)
		ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
}

/* Nothing is touched before it is used, and nothing is left open. */
START_TEST(test_request)
{
	apr_pool_t *p = t_apr_pool(), *r = t_apr_sub(p);
	hf_engines *e = three(p);

	ck_assert_ptr_nonnull(hf_apr_scope(e, NULL, r));
	apr_pool_clear(r);
	ck_assert_int_eq(t_backends(), 0);
	for (int i = 0; i < 10; i++) {
		serve(e, r, i, i % 2);
		apr_pool_clear(r);
		idle(e, "reader", 1);
		idle(e, "writer", 1);
		idle(e, "logger", 1);
		ck_assert_int_eq(parts(), (i + 1) / 2);
		ck_assert_int_eq(lines(), i + 1);
	}
	apr_pool_destroy(p);
	t_wait_backends(0);
}
END_TEST

/* Whoever kept a reference finds it ended. */
START_TEST(test_used_after)
{
	apr_pool_t *p = t_apr_pool(), *r = t_apr_sub(p);
	hf_scope *s = hf_scope_ref(hf_apr_scope(three(p), NULL, r));
	hf_error *why;

	t_done(hf_session_query(hf_writer(s), "insert into part values (1)"));
	apr_pool_destroy(r);
	ck_assert_int_eq(hf_session_fetch(hf_reader(s), NULL, &why, "select 1"), HF_E_TXN_ENDED);
	hf_error_unref(why);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_E_TXN_ENDED);
	ck_assert_int_eq(hf_scope_status(s, "writer"), HF_SESSION_END);
	ck_assert_int_eq(parts(), 0);
	hf_scope_unref(s);
	apr_pool_destroy(p);
}
END_TEST

/* The answer is on its way, and the locks are gone before: run by hand, and not once more. */
START_TEST(test_ended_early)
{
	apr_pool_t *p = t_apr_pool(), *r = t_apr_sub(p);
	hf_engines *e = three(p);

	for (int by_hand = 0; by_hand < 2; by_hand++) {
		hf_scope *s = hf_apr_scope(e, NULL, r);

		t_done(hf_session_query(hf_writer(s), "insert into part values (1)"));
		if (by_hand)
			ck_assert_int_eq(apr_pool_cleanup_run(r, s, hf_apr_end_scope), APR_SUCCESS);
		else
			ck_assert_int_eq(hf_scope_end(s), HF_OK);
		idle(e, "writer", 1);
		free(t_psql("set lock_timeout to '5s'; begin; insert into part values (1)"));
		apr_pool_clear(r);
	}
	ck_assert_int_eq(parts(), 0);
	apr_pool_destroy(p);
}
END_TEST

/* A server that stops destroys its own pool first: requests that are still there lose what they
 * have not committed, and nothing waits for ever. */
START_TEST(test_parent_first)
{
	apr_pool_t *p = t_apr_pool(), *r = t_apr_sub(p);
	hf_engines *e = three(p);
	int64_t began;

	serve(e, r, 1, true);
	serve(e, r, 2, false);
	began = hf_now_ns();
	apr_pool_destroy(p);
	ck_assert_int_lt(t_ms_since(began), 6000 * t_slow());
	t_wait_backends(0);
	ck_assert_int_eq(parts(), 1);
	ck_assert_int_eq(lines(), 2);
}
END_TEST

enum { THREADS = 10, REQUESTS = 20 };

struct servant {
	pthread_t thread;
	hf_engines *e;
	apr_pool_t *p;
	int number;
};

/* As httpd: a pool for the thread, one in it for each request. */
static void *run(void *arg)
{
	struct servant *me = arg;
	apr_pool_t *r = t_apr_sub(me->p);

	for (int i = 0; i < REQUESTS; i++) {
		serve(me->e, r, me->number * REQUESTS + i, i % 3 == 0);
		apr_pool_clear(r);
	}
	return NULL;
}

START_TEST(test_threads)
{
	apr_pool_t *p = t_apr_pool();
	hf_engines *e = three(p);
	struct servant all[THREADS];

	for (int i = 0; i < THREADS; i++) {
		all[i] = (struct servant){ .e = e, .p = t_apr_pool(), .number = i };
		ck_assert_int_eq(pthread_create(&all[i].thread, NULL, run, &all[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(all[i].thread, NULL);
		apr_pool_destroy(all[i].p);
	}
	ck_assert_int_eq(parts(), THREADS * ((REQUESTS + 2) / 3));
	ck_assert_int_eq(t_psql_int("select count(*) from part where id % 20 % 3 <> 0"), 0);
	ck_assert_int_eq(lines(), THREADS * REQUESTS);
	ck_assert_int_eq(t_psql_int("select count(*) from pg_stat_activity"
				    " where state like 'idle in transaction%'"),
		0);
	ck_assert_int_le(t_backends(), 3 * CONNS);
	apr_pool_destroy(p);
	t_wait_backends(0);
}
END_TEST

/* clang-format off */
T_MAIN("apr_scope",
	{ "F8 F12 F21 a scope is cheap, and ends with the request's APR pool", test_request, 0 },
	{ "F14 a scope that is kept beyond its APR pool has ended", test_used_after, 0 },
	{ "F13 a scope is ended early, and its APR pool ends nothing twice", test_ended_early, 0 },
	{ "F12 the engines' APR pool may be destroyed before the request's", test_parent_first, 0 },
	{ "F12 F19 F21 ten threads serve requests in APR pools of their own", test_threads, 60 })
/* clang-format on */
