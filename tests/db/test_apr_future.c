/* SPDX-License-Identifier: MIT */
/* Futures, results and errors that live in a pool of APR. */
#include "apr.h"
#include "models.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static long long values(void)
{
	return t_psql_int("select count(*) from test_values");
}

/* --- owned --- */

static bool a_value_came(void *arg)
{
	(void)arg;
	return values() == 1;
}

/* The request is gone, and what it has submitted is done. */
START_TEST(test_owned_goes_on)
{
	hf_pool *pool = t_two();
	apr_pool_t *p = t_apr_pool();
	int64_t began;

	t_test_values(0);
	hf_apr_own_future(hf_query(pool, "select 1 from pg_sleep(0)"), p);
	hf_apr_own_future(
		hf_query(pool, "insert into test_values (val1) select 1 from pg_sleep(3)"), p);
	t_wait_busy(pool, 1);
	began = hf_now_ns();
	apr_pool_destroy(p);
	ck_assert_int_lt(t_ms_since(began), 2500 * t_slow());
	ck_assert(t_wait_until(a_value_came, NULL, 10000));
	t_wait_idle(pool, 2);
	t_close(pool);
}
END_TEST

/* Rows and messages are there until the pool is cleared, whatever became of the future. */
START_TEST(test_results)
{
	hf_pool *pool = t_two();
	apr_pool_t *p = t_apr_pool();
	const char *name, *message;
	hf_result *res;
	hf_error *why;

	ck_assert_int_eq(hf_fetch(pool, &res, &why, "select 'ann'::text"), HF_OK);
	ck_assert_ptr_null(hf_apr_own_error(why, p));
	name = hf_row_text(hf_result_row(hf_apr_own_result(res, p), 0), 0);
	ck_assert_int_eq(hf_fetch(pool, &res, &why, "select 1 / 0"), HF_E_SQL);
	ck_assert_ptr_null(hf_apr_own_result(res, p));
	message = hf_error_message(hf_apr_own_error(why, p));
	ck_assert_str_eq(hf_error_sqlstate(why), "22012");
	t_close(pool);
	ck_assert_str_eq(name, "ann");
	ck_assert_str_eq(message, "division by zero");
	apr_pool_destroy(p);
}
END_TEST

/* The structs of a model, and what they point to, whatever became of the session. */
START_TEST(test_rows)
{
	struct t_store st = t_store_open();
	apr_pool_t *p = t_apr_pool();
	struct person ann = { .name = "Ann" }, *people;
	hf_rows *rows, *sooner;

	t_verb(st.s, hf_insert(st.s, person, &ann));
	t_verb(st.s, hf_select(st.s, person, &rows, HF_ALL));
	t_verb(st.s, hf_select(st.s, person, &sooner, HF_ALL));
	ck_assert_ptr_eq(hf_apr_own_rows(rows, p), rows);
	ck_assert_ptr_eq(hf_apr_own_rows(sooner, p), sooner);
	people = HF_ROWS(person, rows);
	ck_assert_int_eq(apr_pool_cleanup_run(p, sooner, hf_apr_drop_rows), APR_SUCCESS);
	t_store_close(&st);
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	ck_assert_str_eq(people[0].name, "Ann");
	apr_pool_destroy(p);
}
END_TEST

START_TEST(test_time_arrives)
{
	hf_pool *pool = t_two();
	apr_time_t t = apr_time_make(1700000000, 123456);
	hf_future *f = hf_query(pool,
		"select $1::timestamptz = '2023-11-14 22:13:20.123456Z', $1::timestamptz",
		hf_v_apr_time(t));
	hf_timestamptz ts;
	hf_status st;
	bool same;

	st = hf_row_scan(hf_result_row(t_ok(f), 0), HF_TO(&same), HF_TO(&ts));
	ck_assert_int_eq(st, HF_OK);
	ck_assert(same);
	ck_assert_int_eq(ts.us, t);
	hf_future_unref(f);
	t_close(pool);
}
END_TEST

/* --- bound --- */

static bool nobody_sleeps(void *arg)
{
	(void)arg;
	return t_psql_int("select count(*) from pg_stat_activity where state = 'active'"
			  " and pid <> pg_backend_pid() and query like '%pg_sleep%'") == 0;
}

/* What runs is stopped at the server, what waits never starts. */
START_TEST(test_bound_stops)
{
	hf_pool *pool = t_pool(HF_POOL_OPTS(.max_conns = 1));
	apr_pool_t *p = t_apr_pool();
	int64_t began;

	t_test_values(0);
	hf_apr_bind_future(hf_query(pool, "select pg_sleep(60)"), p);
	t_wait_busy(pool, 1);
	hf_apr_bind_future(hf_query(pool, "insert into test_values (val1) values (1)"), p);
	began = hf_now_ns();
	apr_pool_clear(p);
	ck_assert_int_lt(t_ms_since(began), 5000 * t_slow());
	t_wait_idle(pool, 1);
	ck_assert(t_wait_until(nobody_sleeps, NULL, 10000));
	ck_assert_int_eq(values(), 0);
	ck_assert_uint_eq(t_stats(pool).canceled, 2);
	apr_pool_destroy(p);
	t_close(pool);
}
END_TEST

typedef struct work {
	hf_pool *pool;
	atomic_int rounds;
	bool ended;
} work;

/* Uses what lies in the APR pool until it is told to stop, and a little longer. */
static hf_status toil(hf_conn *conn, void *arg, hf_reply *reply)
{
	work *w = arg;

	(void)reply;
	while (hf_conn_query(conn, NULL, "select pg_sleep(0.01)") == HF_OK)
		w->rounds++;
	t_sleep_ms(200);
	w->ended = true;
	return HF_OK;
}

static bool it_toils(void *arg)
{
	work *w = arg;

	return w->rounds > 2;
}

static apr_status_t has_ended(void *arg)
{
	work *w = arg;

	ck_assert(w->ended);
	return APR_SUCCESS;
}

static apr_status_t has_not_ended(void *arg)
{
	work *w = arg;

	ck_assert(!w->ended);
	return APR_SUCCESS;
}

/* An interaction whose arg lies in the pool, or in a sub-pool of it, has come back when that goes.
 */
START_TEST(test_bound_is_awaited)
{
	hf_pool *pool = t_two();

	for (int in_sub = 0; in_sub < 2; in_sub++) {
		apr_pool_t *p = t_apr_pool(), *sub = t_apr_sub(p);
		work *w = apr_pcalloc(in_sub ? sub : p, sizeof *w);

		apr_pool_cleanup_register(sub, w, has_ended, apr_pool_cleanup_null);
		apr_pool_pre_cleanup_register(p, w, has_ended);
		hf_apr_bind_future(hf_submit(pool, HF_JOB(.fn = toil, .arg = w)), p);
		apr_pool_pre_cleanup_register(p, w, has_not_ended);
		ck_assert(t_wait_until(it_toils, w, 10000));
		apr_pool_destroy(p);
	}
	t_close(pool);
}
END_TEST

/* On a thread of the pool itself there is no waiting: it is cancelled, let go of, and told. */
static hf_status bind_inside(hf_conn *conn, void *arg, hf_reply *reply)
{
	work *w = arg;
	apr_pool_t *p = t_apr_pool();
	hf_future *f = hf_apr_bind_future(hf_query(w->pool, "select pg_sleep(60)"), p);
	apr_status_t st = apr_pool_cleanup_run(p, f, hf_apr_stop_future);

	(void)conn;
	apr_pool_destroy(p);
	return st == APR_SUCCESS || st == EDEADLK ? HF_OK : hf_fail(reply, "%d", (int)st);
}

START_TEST(test_bound_on_a_worker)
{
	work w = { .pool = t_two() };
	int64_t began = hf_now_ns();

	t_done(hf_submit(w.pool, HF_JOB(.fn = bind_inside, .arg = &w)));
	t_wait_idle(w.pool, 2);
	ck_assert_int_lt(t_ms_since(began), 10000 * t_slow());
	t_close(w.pool);
}
END_TEST

/* --- by hand --- */

/* Bound for the request's life, then kept beyond it after all. */
START_TEST(test_taken_back)
{
	hf_pool *pool = t_two();
	apr_pool_t *p = t_apr_pool();
	hf_future *f = hf_apr_bind_future(hf_query(pool, "select 7 from pg_sleep(0.5)"), p), *g;

	g = hf_apr_bind_future(hf_query(pool, "select pg_sleep(60)"), p);
	apr_pool_cleanup_kill(p, f, hf_apr_stop_future);
	ck_assert_int_eq(apr_pool_cleanup_run(p, g, hf_apr_stop_future), APR_SUCCESS);
	apr_pool_destroy(p);
	ck_assert_int_eq(t_int(f), 7);
	t_wait_idle(pool, 2);
	t_close(pool);
}
END_TEST

/* --- a pool that is cleared after each request --- */

static void request(hf_pool *pool, apr_pool_t *p)
{
	hf_future *f = hf_apr_own_future(hf_query(pool, "select 1"), p);
	hf_result *res;
	hf_error *why;

	hf_apr_bind_future(hf_query(pool, "select 2"), p);
	ck_assert_int_eq(hf_future_wait(f), HF_OK);
	ck_assert_int_eq(hf_fetch(pool, &res, &why, "select 3"), HF_OK);
	hf_apr_own_result(res, p);
	ck_assert_int_eq(hf_fetch(pool, &res, &why, "eslect"), HF_E_SQL);
	hf_apr_own_error(why, p);
	apr_pool_cleanup_run(p, why, hf_apr_drop_error);
	apr_pool_clear(p);
}

/* Neither the APR pool nor what is behind the objects grows. */
START_TEST(test_cleared_often)
{
	hf_pool *pool = t_two();
	apr_pool_t *p = t_apr_pool();
	size_t before, after;

	for (int i = 0; i < 500; i++)
		request(pool, p);
	t_wait_idle(pool, 2);
	before = mallinfo2().uordblks;
	for (int i = 0; i < 5000; i++)
		request(pool, p);
	t_wait_idle(pool, 2);
	after = mallinfo2().uordblks;
	ck_assert_msg(after < before + 50000, "%zu bytes became %zu", before, after);
	ck_assert_uint_eq(t_stats(pool).completed, t_stats(pool).submitted);
	apr_pool_destroy(p);
	t_close(pool);
}
END_TEST

/* clang-format off */
T_MAIN("apr_future",
	{ "A20 an owned future is let go of with its APR pool, and its work is done", test_owned_goes_on, 0 },
	{ "results and errors can be read as long as their APR pool lives", test_results, 0 },
	{ "rows of a model can be read as long as their APR pool lives", test_rows, 0 },
	{ "an apr_time_t arrives as it is", test_time_arrives, 0 },
	{ "A19 a bound future is cancelled with its APR pool", test_bound_stops, 0 },
	{ "A19 what a bound interaction uses outlives it", test_bound_is_awaited, 0 },
	{ "A19 a bound future is not waited for on a worker", test_bound_on_a_worker, 0 },
	{ "futures are stopped or taken back by hand", test_taken_back, 0 },
	{ "an APR pool that is cleared many times does not grow", test_cleared_often, 60 })
/* clang-format on */
