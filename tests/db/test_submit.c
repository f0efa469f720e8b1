/* SPDX-License-Identifier: MIT */
/* Submitting work: functions and queries on workers that come when they are needed. */
#include "fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

static hf_status say_hi(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)arg;
	hf_reply_value(reply, strdup("Hi!"), free);
	return HF_OK;
}

/* Twin of pulsar greenio's test_pool: no worker before, one after, the result, idle again. */
START_TEST(test_pool)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = HF_NONE));
	hf_pool_stats s = t_stats(p);
	hf_future *f;

	ck_assert_uint_eq(s.conns + s.connecting, 0);
	f = hf_run(p, say_hi, NULL, NULL);
	t_ok(f);
	ck_assert_str_eq(hf_future_value(f), "Hi!");
	s = t_stats(p);
	ck_assert_uint_eq(s.conns, 1);
	ck_assert_uint_eq(s.idle, 1);
	ck_assert_uint_eq(s.connects, 1);
	ck_assert_int_eq(t_backends(), 1);
	hf_future_unref(f);
	t_close(p);
}
END_TEST

/* The caller goes on at once although the only connection is busy, and is never called back on its
 * own thread. */
START_TEST(test_submit_does_not_wait)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *busy = hf_query(p, "select pg_sleep(1)"), *f[20];
	int64_t began;

	t_wait_busy(p, 1);
	began = hf_now_ns();
	for (int i = 0; i < 20; i++)
		f[i] = i % 2 ? hf_run(p, say_hi, NULL, NULL) : hf_query(p, "select 1");
	ck_assert_int_lt(t_ms_since(began), 200 * t_slow());
	for (int i = 0; i < 20; i++)
		ck_assert(!hf_future_ready(f[i]));
	t_done(busy);
	for (int i = 0; i < 20; i++)
		t_done(f[i]);
	t_close(p);
}
END_TEST

/* Twin of gDBPool's test_select_ip_interaction: a function runs SQL on its connection, and its rows
 * come through the future. */
static hf_status select_interaction(hf_conn *c, void *arg, hf_reply *reply)
{
	const hf_result *res;
	hf_status st = hf_conn_query(c, &res,
		"select val1, count(id) from test_values where val1 < $1 group by val1 "
		"order by val1",
		*(const int *)arg);

	if (st == HF_OK)
		hf_reply_result(reply, res);
	return st;
}

START_TEST(test_select_ip_interaction)
{
	int below = 100000;
	hf_pool *p;
	hf_future *f;
	const hf_result *res;
	int64_t sum = 0;

	t_test_values(20000);
	p = t_pool(NULL);
	f = hf_run(p, select_interaction, &below, NULL);
	res = t_ok(f);
	HF_FOREACH_ROW (row, res)
		sum += hf_row_int8(row, 1, 0);
	ck_assert_int_gt(sum, 0);
	ck_assert_int_eq(sum, t_psql_int("select count(*) from test_values where val1 < 100000"));
	hf_future_unref(f);
	t_close(p);
}
END_TEST

START_TEST(test_query_with_parameter)
{
	hf_pool *p;
	hf_future *f;
	const hf_result *res;
	int id, val1, val2;
	hf_status st;

	t_test_values(200);
	free(t_psql("update test_values set val1 = 7, val2 = -9 where id = 123"));
	p = t_pool(NULL);
	f = hf_query(p, "SELECT id, val1, val2 FROM test_values WHERE id=$1", 123);
	res = t_ok(f);
	ck_assert_uint_eq(hf_result_rows(res), 1);
	st = hf_row_scan(hf_result_row(res, 0), HF_TO(&id), HF_TO(&val1), HF_TO(&val2));
	ck_assert_int_eq(st, HF_OK);
	ck_assert_int_eq(id, 123);
	ck_assert_int_eq(val1, 7);
	ck_assert_int_eq(val2, -9);
	hf_future_unref(f);
	t_close(p);
}
END_TEST

/* Twin of gDBPool's test_select_ip_query: 9 at once, a random mix of an aggregate with a parameter,
 * pg_sleep(0.5) and a full aggregate, on a pool of 16, all within 10 s. */
START_TEST(test_select_ip_query)
{
	hf_pool *p;
	hf_future *f[9];
	int64_t began;

	t_test_values(20000);
	p = t_pool(HF_POOL_OPTS(.max_conns = 16));
	began = hf_now_ns();
	for (int i = 0; i < 9; i++)
		switch (rand() % 3) {
		case 0:
			f[i] = hf_query(p,
				"select val1, count(id) from test_values where val2 <> $1 group by "
				"val1",
				rand() % 1000);
			break;
		case 1:
			f[i] = hf_query(p, "select pg_sleep(0.5)");
			break;
		default:
			f[i] = hf_query(
				p, "select sum(val1), avg(val2), count(*) from test_values");
			break;
		}
	for (int i = 0; i < 9; i++) {
		ck_assert_uint_gt(hf_result_rows(t_ok(f[i])), 0);
		hf_future_unref(f[i]);
	}
	ck_assert_int_lt(t_ms_since(began), 10000 * t_slow());
	ck_assert_uint_le(t_stats(p).conns, 9);
	t_close(p);
}
END_TEST

/* Twin of gDBPool's test_invalid_query: the submission works, the future tells. */
static void *get_error(void *arg)
{
	hf_future *f = arg;
	hf_status st = hf_future_get_for(f, 10000 * t_slow(), NULL);

	return st == HF_E_SQL && strcmp(hf_error_sqlstate(hf_future_error(f)), "42601") == 0 ? f
											     : NULL;
}

START_TEST(test_invalid_query)
{
	hf_pool *p = t_pool(NULL);
	hf_future *f = hf_query(p, "ESLECT val1 FROM test_values");
	pthread_t t[4];
	void *got;

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, get_error, f), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &got);
		ck_assert_ptr_eq(got, f);
	}
	t_fails(f, HF_E_SQL);
	ck_assert_ptr_nonnull(strstr(hf_error_message(hf_future_error(f)), "ESLECT"));
	ck_assert_str_eq(
		hf_error_field(hf_future_error(f), HF_ERR_QUERY), "ESLECT val1 FROM test_values");
	hf_future_unref(f);
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	t_close(p);
}
END_TEST

/* Twin of the two gets of one future in gDBPool's test_listen_on (run_insert); and by several
 * threads at once. */
struct reader {
	hf_future *future;
	const hf_result *res;
};

static void *read_result(void *arg)
{
	struct reader *r = arg;

	for (int i = 0; i < 100; i++)
		if (hf_future_get(r->future, &r->res) != HF_OK)
			r->res = NULL;
	return NULL;
}

START_TEST(test_get_twice)
{
	hf_pool *p;
	const hf_result *first, *second;
	struct reader r[4];
	pthread_t t[4];
	hf_future *f;

	t_test_values(1);
	p = t_pool(NULL);
	f = hf_query(p, "insert into test_values (val1, val2) values ($1, $2) returning id", 1, 2);
	first = t_ok(f);
	ck_assert_int_eq(hf_future_get(f, &second), HF_OK);
	ck_assert_ptr_eq(first, second);
	ck_assert_int_eq(hf_row_int8(hf_result_row(second, 0), 0, 0), 2);
	hf_future_unref(f);

	f = hf_query(p, "select pg_sleep(0.1), 42");
	for (int i = 0; i < 4; i++) {
		r[i] = (struct reader){ f, NULL };
		ck_assert_int_eq(pthread_create(&t[i], NULL, read_result, &r[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		ck_assert_ptr_nonnull(r[i].res);
		ck_assert_ptr_eq(r[i].res, r[0].res);
	}
	ck_assert_int_eq(hf_row_int8(hf_result_row(r[0].res, 0), 1, 0), 42);
	ck_assert_int_eq(
		t_psql_int("select count(*) from test_values where val1 = 1 and val2 = 2"), 1);
	hf_future_unref(f);
	t_close(p);
}
END_TEST

/* Twin of pulsar greenio's test_error_in_pool: the error reaches its future, the worker survives.
 */
static hf_status fail_simply(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)arg;
	return hf_fail(reply, "simple failure");
}

START_TEST(test_error_in_pool)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = HF_NONE));
	hf_future *f = hf_run(p, fail_simply, NULL, NULL);
	hf_pool_stats s;
	long long pid;

	t_fails(f, HF_E_USER);
	ck_assert_str_eq(hf_error_message(hf_future_error(f)), "simple failure");
	s = t_stats(p);
	ck_assert_uint_eq(s.conns, 1);
	ck_assert_uint_eq(s.idle, 1);
	hf_future_unref(f);
	pid = t_int(hf_query(p, "select pg_backend_pid()"));
	for (int i = 0; i < 20; i++) {
		t_failed(hf_run(p, fail_simply, NULL, NULL), HF_E_USER);
		t_failed(hf_query(p, "select 1/0"), HF_E_SQL);
	}
	ck_assert_int_eq(t_int(hf_query(p, "select pg_backend_pid()")), pid);
	s = t_stats(p);
	ck_assert_uint_eq(s.conns, 1);
	ck_assert_uint_eq(s.connects, 1);
	ck_assert_uint_eq(s.failed, 41);
	t_close(p);
}
END_TEST

START_TEST(test_workers_on_demand)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = HF_NONE, .max_conns = 3));
	hf_future *f[8];

	f[0] = hf_query(p, "select pg_sleep(0.5)");
	f[1] = hf_query(p, "select pg_sleep(0.5)");
	t_wait_busy(p, 2);
	t_done(f[0]);
	t_done(f[1]);
	ck_assert_uint_eq(t_stats(p).conns, 2);
	ck_assert_uint_eq(t_stats(p).connects, 2);
	/* An idle one is used, and no other made. */
	for (int i = 0; i < 20; i++)
		t_done(hf_query(p, "select 1"));
	ck_assert_uint_eq(t_stats(p).connects, 2);
	/* Never more than max_conns. */
	for (int i = 0; i < 8; i++)
		f[i] = hf_query(p,
			"select pg_sleep(0.1), (select count(*) from pg_stat_activity"
			" where application_name = $1)",
			t_name());
	for (int i = 0; i < 8; i++) {
		const hf_result *res = t_ok(f[i]);

		ck_assert_int_le(hf_row_int8(hf_result_row(res, 0), 1, 99), 3);
		hf_future_unref(f[i]);
	}
	ck_assert_uint_eq(t_stats(p).connects, 3);
	ck_assert_int_eq(t_backends(), 3);
	t_close(p);
}
END_TEST

#define ORDERED 100

struct order {
	atomic_int next;
	int ran_as[ORDERED];
};

struct place {
	struct order *order;
	int n;
};

static hf_status take_place(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct place *p = arg;

	(void)c;
	(void)reply;
	p->order->ran_as[p->n] = atomic_fetch_add(&p->order->next, 1);
	return HF_OK;
}

START_TEST(test_first_in_first_out)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_queue = 2 * ORDERED));
	hf_future *busy = hf_query(p, "select pg_sleep(0.3)"), *f[ORDERED];
	struct place places[ORDERED];
	struct order order;

	atomic_init(&order.next, 0);
	t_wait_busy(p, 1);
	for (int i = 0; i < ORDERED; i++) {
		places[i] = (struct place){ &order, i };
		f[i] = hf_run(p, take_place, &places[i], NULL);
	}
	t_done(busy);
	for (int i = 0; i < ORDERED; i++) {
		t_done(f[i]);
		ck_assert_int_eq(order.ran_as[i], i);
	}
	t_close(p);
}
END_TEST

static hf_status next_turn(hf_conn *c, void *arg, hf_reply *reply)
{
	const hf_result *res;
	hf_status st = hf_conn_query(c, &res, "select nextval('turn')");

	(void)arg;
	if (st == HF_OK)
		hf_reply_result(reply, res);
	return st;
}

/* The only connection is held until all are in the queue. */
START_TEST(test_urgent_first)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *holder, *plain[6], *urgent[2];

	free(t_psql("create sequence turn"));
	holder = hf_query(p, "select pg_sleep(60)");
	t_wait_busy(p, 1);
	for (int i = 0; i < 6; i++)
		plain[i] = i % 2 ? hf_run(p, next_turn, NULL, NULL)
				 : hf_query(p, "select nextval('turn')");
	urgent[0] = hf_query_with(p, HF_QUERY_OPTS(.urgent = true), "select nextval('turn')");
	urgent[1] = hf_submit(p, HF_JOB(.fn = next_turn, .urgent = true));
	ck_assert_uint_eq(t_stats(p).queued, 8);
	ck_assert_int_eq(hf_future_cancel(holder), HF_PENDING);
	t_failed(holder, HF_E_CANCELED);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(t_int(urgent[i]), i + 1);
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(t_int(plain[i]), i + 3);
	t_close(p);
}
END_TEST

/* Three generations on one worker: none waits, each hands the future of the next one on. */
static hf_status submit_next(hf_conn *c, void *arg, hf_reply *reply)
{
	const int *left = arg;

	if (*left == 0)
		return say_hi(c, NULL, reply);
	hf_reply_value(reply,
		hf_run(hf_conn_pool(c), submit_next, (void *)(uintptr_t)(left - 1), NULL), NULL);
	return HF_OK;
}

START_TEST(test_submit_from_worker)
{
	static const int left[] = { 0, 1, 2, 3 };
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *f = hf_run(p, submit_next, (void *)(uintptr_t)&left[3], NULL);

	for (int i = 0; i < 3; i++) {
		hf_future *next;

		t_ok(f);
		next = hf_future_take_value(f);
		ck_assert_ptr_nonnull(next);
		hf_future_unref(f);
		f = next;
	}
	t_ok(f);
	ck_assert_str_eq(hf_future_value(f), "Hi!");
	hf_future_unref(f);
	ck_assert_uint_eq(t_stats(p).conns, 1);
	t_close(p);
}
END_TEST

T_MAIN("submit",
	{ "A1 a function runs on a worker that is made for it and then idle", test_pool, 0 },
	{ "A1 a submission does not wait for a connection", test_submit_does_not_wait, 0 },
	{ "A1 a function's rows come through its future", test_select_ip_interaction, 0 },
	{ "A2 a query with a parameter gives its one row", test_query_with_parameter, 0 },
	{ "A2 nine queries at once end in time", test_select_ip_query, 0 },
	{ "A3 an invalid query fails where its future is read, on any thread", test_invalid_query,
		0 },
	{ "A7 a future gives the same result again, to several threads", test_get_twice, 0 },
	{ "A8 an error reaches its future and costs no worker", test_error_in_pool, 0 },
	{ "A10 two submissions at once make two workers, none more than the limit",
		test_workers_on_demand, 0 },
	{ "A10 work starts in the order of its submission", test_first_in_first_out, 0 },
	{ "urgent work runs before what was queued earlier and is not", test_urgent_first, 0 },
	{ "A12 a function submits further work to its own pool", test_submit_from_worker, 0 })
