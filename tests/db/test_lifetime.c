/* SPDX-License-Identifier: MIT */
/* How long a connection lives, who may end it, and how many there are to be. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKEND "select pg_backend_pid()"

/* --- B11 -----------------------------------------------------------------------------------------
 */

static long long oldest_start(void)
{
	char sql[200];

	snprintf(sql, sizeof sql,
		"select coalesce(min(extract(epoch from backend_start) * 1000), 0)::int8 from "
		"pg_stat_activity where application_name = '%s'",
		t_name());
	return t_psql_int(sql);
}

struct sampling {
	long long began; /* the oldest session at the start, ms */
	int most;
};

/* Whether every session of the start is gone; counts sessions on the way. */
static bool all_replaced(void *arg)
{
	struct sampling *s = arg;
	int n = t_backends();

	s->most = n > s->most ? n : s->most;
	return n == 2 && oldest_start() > s->began + 2000;
}

START_TEST(test_lifetime_idle)
{
	hf_pool *p = t_pool(
		HF_POOL_OPTS(.min_conns = 2, .max_conns = 2, .lifetime_ms = 1000, .strict = true));
	struct sampling s = { oldest_start(), 0 };

	ck_assert(t_wait_until(all_replaced, &s, 8000));
	ck_assert_int_le(s.most, 3); /* one that is ending at the server may still be seen */
	ck_assert_uint_ge(t_stats(p).discards, 4);
	ck_assert_uint_eq(t_stats(p).connect_failures, 0);
	t_wait_idle(p, 2);
	t_close(p);
}
END_TEST

/* Under full load: a connection in use is replaced when its job returns. */
START_TEST(test_lifetime_busy)
{
	hf_pool *p = t_pool(
		HF_POOL_OPTS(.min_conns = 2, .max_conns = 2, .lifetime_ms = 1000, .strict = true));
	long long first = t_int(hf_query(p, BACKEND));
	struct sampling s = { oldest_start(), 0 };
	struct t_load load;
	char sql[200];

	t_load_start(&load, p, 4, "select pg_sleep(0.005)");
	for (int i = 0; i < 40; i++) {
		int n = t_backends();

		s.most = n > s.most ? n : s.most;
		t_sleep_ms(50);
	}
	snprintf(sql, sizeof sql,
		"select coalesce(max(extract(epoch from clock_timestamp() - backend_start) * "
		"1000), 0)::int8 from pg_stat_activity where application_name = '%s'",
		t_name());
	ck_assert_int_lt(t_psql_int(sql), 1500 * t_slow());
	t_load_stop(&load);
	ck_assert_int_eq(atomic_load(&load.failed), 0);
	ck_assert_int_le(s.most, 3);
	ck_assert_uint_ge(t_stats(p).discards, 2);
	ck_assert_int_ne(t_int(hf_query(p, BACKEND)), first);
	t_close(p);
}
END_TEST

/* --- B12, B13 ------------------------------------------------------------------------------------
 */

static void same_for_100(int lifetime_ms)
{
	hf_pool *p =
		t_pool(HF_POOL_OPTS(.max_conns = 1, .lifetime_ms = lifetime_ms, .strict = true));
	long long pid = t_int(hf_query(p, BACKEND));

	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(t_int(hf_query(p, BACKEND)), pid);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}

START_TEST(test_lifetime_0)
{
	same_for_100(0);
	same_for_100(HF_FOREVER);
}
END_TEST

static hf_status mark(hf_conn *c, void *arg, hf_reply *r)
{
	long long *pid = arg;

	(void)r;
	*pid = hf_conn_backend_pid(c);
	hf_conn_discard(c);
	return hf_conn_query(c, NULL, "insert into marked values (1)");
}

START_TEST(test_discard)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2, .strict = true));
	long long pid = 0;
	char sql[100];

	free(t_psql("create table marked (a int)"));
	t_done(hf_run(p, mark, &pid, NULL));
	t_wait_idle(p, 2); /* the replacement is there without being asked for */
	ck_assert_int_ne(pid, 0);
	ck_assert_uint_eq(t_stats(p).discards, 1);
	ck_assert_uint_eq(t_stats(p).connects, 3);
	t_wait_backends(2);
	snprintf(sql, sizeof sql, "select count(*) from pg_stat_activity where pid = %lld", pid);
	ck_assert_int_eq(t_psql_int(sql), 0);
	ck_assert_int_eq(t_psql_int("select count(*) from marked"), 1);
	for (int i = 0; i < 10; i++)
		ck_assert_int_ne(t_int(hf_query(p, BACKEND)), pid);
	t_close(p);
}
END_TEST

/* Always: what the seed's lifetime 0 once meant. */
START_TEST(test_discard_always)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));
	long long last = 0, pid = 0;

	free(t_psql("set client_min_messages to warning;"
		    "create table if not exists marked (a int)"));
	for (int i = 0; i < 10; i++, last = pid) {
		t_done(hf_run(p, mark, &pid, NULL));
		ck_assert_int_ne(pid, last);
	}
	t_wait_idle(p, 1);
	ck_assert_uint_eq(t_stats(p).discards, 10);
	t_close(p);
}
END_TEST

/* --- B21 -----------------------------------------------------------------------------------------
 */

START_TEST(test_resize_load)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 4, .max_conns = 4, .strict = true));
	struct t_load load;
	int64_t began;

	t_load_start(&load, p, 16, "select pg_sleep(0.002)");
	t_wait_busy(p, 4);
	began = hf_now_ns();
	ck_assert_int_eq(hf_pool_resize(p, 8, 8), HF_OK);
	ck_assert_int_lt(t_ms_since(began), 200 * t_slow());
	t_wait_busy(p, 8);
	t_load_await(&load, 100);
	began = hf_now_ns();
	ck_assert_int_eq(hf_pool_resize(p, 2, 2), HF_OK);
	ck_assert_int_lt(t_ms_since(began), 200 * t_slow());
	t_wait_backends(2);
	t_load_await(&load, 100);
	ck_assert_uint_le(t_stats(p).conns, 2);
	t_load_stop(&load);
	ck_assert_int_eq(atomic_load(&load.failed), 0);
	t_wait_idle(p, 2);
	ck_assert_int_eq(t_backends(), 2);
	ck_assert_uint_eq(t_stats(p).connects, 8);
	t_close(p);
}
END_TEST

/* Idle ones go at once, and no more of them than there are too many. */
START_TEST(test_resize_idle)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 4, .max_conns = 4, .strict = true));

	for (int i = 0; i < 5; i++) {
		uint64_t connects;

		ck_assert_int_eq(hf_pool_resize(p, 8, 8), HF_OK);
		t_wait_idle(p, 8);
		connects = t_stats(p).connects;
		ck_assert_int_eq(hf_pool_resize(p, 2, 2), HF_OK);
		t_wait_idle(p, 2);
		t_wait_backends(2);
		ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
		ck_assert_uint_eq(t_stats(p).connects, connects);
	}
	ck_assert_int_eq(hf_pool_resize(p, 3, 2), HF_E_MISUSE);
	ck_assert_int_eq(hf_pool_resize(p, 0, 0), HF_E_MISUSE);
	t_wait_idle(p, 2);
	t_close(p);
}
END_TEST

/* One that is in use stays until its job is done. */
START_TEST(test_resize_in_use)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 4, .max_conns = 4, .strict = true));
	hf_future *f[4];

	for (int i = 0; i < 4; i++)
		f[i] = hf_query(p, "select pg_sleep(0.3)");
	t_wait_busy(p, 4);
	ck_assert_int_eq(hf_pool_resize(p, HF_NONE, 1), HF_OK);
	for (int i = 0; i < 4; i++)
		t_done(f[i]);
	t_wait_idle(p, 1);
	t_wait_backends(1);
	t_close(p);
}
END_TEST

static bool is_shrunk(void *pool)
{
	return t_stats(pool).conns == 3;
}

/* Beyond min_conns they go after idle_ms, and not below. */
START_TEST(test_idle_limit)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 3, .max_conns = 8, .idle_ms = 200));
	hf_future *f[8];
	uint64_t connects;

	for (int i = 0; i < 8; i++)
		f[i] = hf_query(p, "select pg_sleep(0.2)");
	t_wait_busy(p, 8);
	connects = t_stats(p).connects;
	for (int i = 0; i < 8; i++)
		t_done(f[i]);
	ck_assert(t_wait_until(is_shrunk, p, 10000));
	t_wait_idle(p, 3);
	t_wait_backends(3);
	ck_assert_uint_eq(t_stats(p).connects, connects);
	t_close(p);
}
END_TEST

T_MAIN("lifetime",
	{ "B11 idle connections are replaced after their lifetime", test_lifetime_idle, 30 },
	{ "B11 busy connections are replaced after their lifetime", test_lifetime_busy, 30 },
	{ "B12 lifetime 0 and HF_FOREVER: one session for 100 runs", test_lifetime_0, 0 },
	{ "B13 a connection that is marked is closed and replaced", test_discard, 0 },
	{ "B12 B13 a switch of its own for never twice", test_discard_always, 0 },
	{ "B21 from 4 to 8 to 2 under load", test_resize_load, 40 },
	{ "B21 from 4 to 8 to 2 while idle", test_resize_idle, 0 },
	{ "B21 connections in use end with their job", test_resize_in_use, 0 },
	{ "B21 idle connections go down to the minimum", test_idle_limit, 0 })
