/* SPDX-License-Identifier: MIT */
/* Rows one by one: in constant memory, and stopped by either side. */
#include "fixture.h"

#include <holdfast/txn.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MILLION 1000000

static atomic_int frees;

static void count_free(void *arg)
{
	(void)arg;
	atomic_fetch_add(&frees, 1);
}

static long resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, pages;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%ld %ld", &size, &pages), 2);
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

#ifdef __SANITIZE_ADDRESS__
/* Freed memory is kept back for a while; not so long that it looks like growth. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64";
}
#endif

/* Valgrind and its like have a memory of their own. */
static void check_memory(long first, long most)
{
	if (!getenv("HOLDFAST_TEST_WRAPPER"))
		ck_assert_int_lt(most - first, 16 << 20);
}

/* The sum of the first column, the number of rows, and the most memory there ever was. */
struct sum {
	int64_t sum, rows, stop_at;
	hf_status stop_with;
	long first, most;
};

static hf_status add(hf_row row, void *arg)
{
	struct sum *s = arg;
	int64_t v;
	hf_status st = hf_row_scan(row, HF_TO(&v));

	if (st != HF_OK)
		return st;
	s->sum += v;
	s->rows++;
	if (s->rows % 50000 == 0) {
		long now = resident_bytes();

		if (s->first == 0)
			s->first = now;
		if (now > s->most)
			s->most = now;
	}
	return s->rows == s->stop_at ? s->stop_with : HF_OK;
}

START_TEST(test_million)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	struct sum s = { 0 };
	hf_future *f = hf_query_with(p,
		HF_QUERY_OPTS(.on_row = add, .arg = &s, .free_arg = count_free, .timeout_ms = 0),
		"select i, repeat('x', 100) from generate_series(1, $1::int8) i", MILLION);

	ck_assert_int_eq(hf_future_get_for(f, 60000 * t_slow(), NULL), HF_OK);
	ck_assert_uint_eq(hf_result_rows(t_ok(f)), 0); /* none is kept, but they are counted */
	ck_assert_int_eq(hf_result_affected(t_ok(f)), MILLION);
	hf_future_unref(f);
	ck_assert_int_eq(s.rows, MILLION);
	ck_assert_int_eq(s.sum, (int64_t)MILLION * (MILLION + 1) / 2);
	check_memory(s.first, s.most);
	ck_assert_int_eq(atomic_load(&frees), 1);
	t_close(p);
}
END_TEST

static hf_status each_million(hf_conn *c, void *arg, hf_reply *reply)
{
	struct sum *s = arg;
	hf_status st = hf_conn_each(c, add, s, "select generate_series(1, $1::int8)", MILLION);

	(void)reply;
	/* The connection goes on afterwards, in the same transaction. */
	return st == HF_OK ? hf_conn_query(c, NULL, "insert into test_values (val1) values (1)")
			   : st;
}

START_TEST(test_each)
{
	hf_pool *p;
	struct sum s = { 0 };
	hf_future *f;

	t_test_values(0);
	p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	f = hf_run(p, each_million, &s, NULL);
	ck_assert_int_eq(hf_future_get_for(f, 60000 * t_slow(), NULL), HF_OK);
	hf_future_unref(f);
	ck_assert_int_eq(s.sum, (int64_t)MILLION * (MILLION + 1) / 2);
	check_memory(s.first, s.most);
	ck_assert_int_eq(t_psql_int("select count(*) from test_values"), 1);
	t_close(p);
}
END_TEST

/* Whatever the callback answers is the outcome, and no further row comes. */
START_TEST(test_stopped)
{
	static const struct {
		hf_status with, outcome;
	} stops[] = { { HF_E_USER, HF_E_USER }, { HF_E_NO_ROWS, HF_E_NO_ROWS },
		{ HF_PENDING, HF_E_USER }, { HF_E_TYPE, HF_E_TYPE } };
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int64_t began = hf_now_ns();

	for (size_t i = 0; i < T_COUNT(stops); i++) {
		struct sum s = { .stop_at = 10, .stop_with = stops[i].with };
		hf_future *f = hf_query_with(p,
			HF_QUERY_OPTS(.on_row = add, .arg = &s, .free_arg = count_free),
			"select generate_series(1, 1000000000::int8)");

		ck_assert_str_ne(hf_error_message(t_fails(f, stops[i].outcome)), "no error");
		hf_future_unref(f);
		ck_assert_int_eq(s.rows, 10);
		ck_assert_int_eq(atomic_load(&frees), (int)i + 1);
		ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	}
	/* A milliard of rows was not waited for. */
	ck_assert_int_lt(t_ms_since(began), 5000 * t_slow());
	t_close(p);
}
END_TEST

static hf_status read_as_int(hf_row row, void *arg)
{
	int v;
	hf_status st = hf_row_scan(row, HF_TO(&v));

	*(int *)arg += st == HF_OK;
	return st;
}

/* A value that does not fit ends the query, on a pool of one, and the slot is back. */
START_TEST(test_decode_error)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int n = 0;

	t_failed(hf_query_with(p, HF_QUERY_OPTS(.on_row = read_as_int, .arg = &n),
			 "select 2147483640 + i from generate_series(1::int8, 20) i"),
		HF_E_TYPE);
	ck_assert_int_eq(n, 7);
	n = 0;
	t_failed(hf_query_with(p, HF_QUERY_OPTS(.on_row = read_as_int, .arg = &n),
			 "select nullif(i, 3)::int from generate_series(1, 5) i"),
		HF_E_NULL);
	ck_assert_int_eq(n, 2);
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	t_close(p);
}
END_TEST

/* The server fails in the middle: the rows before have been seen, the error is the outcome. */
START_TEST(test_server_error)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int n = 0;
	hf_future *f = hf_query_with(p, HF_QUERY_OPTS(.on_row = read_as_int, .arg = &n),
		"select 10 / (500 - i) from generate_series(1, 1000) i");

	ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "22012");
	hf_future_unref(f);
	ck_assert_int_le(n, 499);
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

static hf_conn *in_callback;
static hf_status said[3];

static hf_status use_connection(hf_row row, void *arg)
{
	(void)row;
	(void)arg;
	said[0] = hf_conn_query(in_callback, NULL, "select 1");
	said[1] = hf_conn_savepoint(in_callback, "s");
	said[2] = hf_conn_run(in_callback, NULL, NULL, NULL, NULL);
	return HF_OK;
}

static hf_status stop_each(hf_conn *c, void *arg, hf_reply *reply)
{
	struct sum s = { .stop_at = 5, .stop_with = HF_E_USER };
	hf_status st;

	(void)arg;
	in_callback = c;
	st = hf_conn_each(c, use_connection, NULL, "select 1");
	if (st != HF_OK)
		return st;
	for (int i = 0; i < 3; i++)
		if (said[i] != HF_E_MISUSE)
			return hf_fail(reply, "%d: %s", i, hf_status_name(said[i]));
	/* One that was stopped can be undone to a savepoint, or it fails the interaction. */
	if (hf_conn_savepoint(c, "s") != HF_OK)
		return HF_E_SQL;
	if (hf_conn_each(c, add, &s, "select generate_series(1, 100000000::int8)") != HF_E_USER)
		return HF_E_SQL;
	if (hf_conn_rollback_to(c, "s") != HF_OK)
		return HF_E_SQL;
	return hf_conn_query(c, NULL, "insert into test_values (val1) values (1)");
}

START_TEST(test_each_stopped)
{
	hf_pool *p;

	t_test_values(0);
	p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	t_done(hf_run(p, stop_each, NULL, NULL));
	ck_assert_int_eq(t_psql_int("select count(*) from test_values"), 1);
	t_close(p);
}
END_TEST

/* What streams may write: it is committed when it is over, and not if it was stopped. */
START_TEST(test_streamed_write)
{
	static const char sql[] = "insert into test_values (val1) select generate_series(1, 100) "
				  "returning val1::int8";
	hf_pool *p;
	struct sum s = { 0 }, stop = { .stop_at = 50, .stop_with = HF_E_USER };

	t_test_values(0);
	p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	t_done(hf_query_with(p, HF_QUERY_OPTS(.on_row = add, .arg = &s), sql));
	ck_assert_int_eq(s.rows, 100);
	ck_assert_int_eq(t_psql_int("select count(*) from test_values"), 100);
	t_failed(hf_query_with(p, HF_QUERY_OPTS(.on_row = add, .arg = &stop), sql), HF_E_USER);
	ck_assert_int_eq(stop.rows, 50);
	/* All had arrived by then, and still it failed: nothing of it stays. */
	ck_assert_int_eq(t_psql_int("select count(*) from test_values"), 100);
	t_close(p);
}
END_TEST

/* A stream of a server that stops in between is cancelled like any other query. */
START_TEST(test_cancelled)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int n = 0;
	hf_future *f =
		hf_query_with(p, HF_QUERY_OPTS(.on_row = read_as_int, .arg = &n, .timeout_ms = 200),
			"select i from generate_series(1, 3) i, pg_sleep(60)");
	int64_t began = hf_now_ns();

	t_failed(f, HF_E_TIMEOUT);
	ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
	f = hf_query_with(p, HF_QUERY_OPTS(.on_row = read_as_int, .arg = &n),
		"select i from generate_series(1, 3) i, pg_sleep(60)");
	t_wait_busy(p, 1);
	ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
	t_failed(f, HF_E_CANCELED);
	ck_assert_int_eq(n, 0);
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

T_MAIN("stream", { "C23 the sum over 1,000,000 rows in constant memory", test_million, 60 },
	{ "C23 the same inside an interaction", test_each, 60 },
	{ "C23 a callback stops early", test_stopped, 0 },
	{ "C23 B18 a value that does not fit stops it", test_decode_error, 0 },
	{ "C23 an error of the server in the middle", test_server_error, 0 },
	{ "C23 the callback may not use the connection", test_each_stopped, 0 },
	{ "C23 rows of a write are streamed, and committed", test_streamed_write, 0 },
	{ "C23 a stream is cancelled", test_cancelled, 0 })
