/* SPDX-License-Identifier: MIT */
/* Listening: what comes, in which order, to whom. */
#include "listening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each UPDATE tells its row, as gDBPool's example has it. */
static void make_trigger(void)
{
	t_test_values(500);
	free(t_psql("create function tell() returns trigger language plpgsql as $$ begin"
		    " perform pg_notify('notify_test_values',"
		    " 'id:' || new.id || '|val1:' || new.val1); return new; end $$;"
		    "create trigger tell after update on test_values for each row"
		    " execute function tell()"));
}

/* Twin of the listen_on example in gDBPool's README. */
START_TEST(test_listen_on_example)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(
		p, HF_LISTEN_OPTS(.decode = hf_pairs_decode, .free_decoded = hf_pairs_free));
	const hf_notice *n;
	const hf_pairs *pairs;

	make_trigger();
	t_listen(l, "notify_test_values");
	ck_assert_int_eq(hf_listener_next(l, 0, &n), HF_PENDING);
	t_done(hf_query(p, "update test_values set val1 = $1 where id = $2", 123, 459));
	n = t_notice(l);
	ck_assert_str_eq(n->channel, "notify_test_values");
	ck_assert_str_eq(n->payload, "id:459|val1:123");
	ck_assert_int_gt(n->pid, 0);
	ck_assert(!n->malformed);
	pairs = n->decoded;
	ck_assert_uint_eq(pairs->n, 2);
	ck_assert_str_eq(hf_pairs_get(pairs, "id"), "459");
	ck_assert_str_eq(hf_pairs_get(pairs, "val1"), "123");
	ck_assert_int_eq(hf_listener_next(l, 50, &n), HF_PENDING);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

START_TEST(test_order)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);

	t_listen(l, "numbers");
	t_done(hf_script(
		p, "select pg_notify('numbers', i::text) from generate_series(1, 1000) i"));
	for (int i = 1; i <= 1000; i++)
		ck_assert_int_eq(atoi(t_notice(l)->payload), i);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* A table whose rules tell of each INSERT and UPDATE. */
static void make_rules(void)
{
	t_test_values(1000);
	free(t_psql("create rule tell_insert as on insert to test_values do"
		    " select pg_notify('notify_test_values', 'insert');"
		    "create rule tell_update as on update to test_values do"
		    " select pg_notify('notify_test_values', 'id:' || new.id)"));
}

static void write_ten(hf_pool *p)
{
	hf_future *fs[10];

	for (int i = 0; i < 10; i += 2) {
		fs[i] = hf_script(p,
			"insert into test_values (val1, val2) values ($1, $2); select pg_sleep($3)",
			i, i, 0.02);
		fs[i + 1] = hf_script(p,
			"update test_values set val2 = $1 where id = $2; select pg_sleep($3)", i,
			i + 1, 0.02);
	}
	for (int i = 0; i < 10; i++)
		t_done(fs[i]);
}

static bool ten_came(void *pool)
{
	return t_stats(pool).notices == 10;
}

static void fan_out(int n)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l[100];
	int64_t began;

	make_rules();
	for (int i = 0; i < n; i++) {
		l[i] = hf_listen(p, NULL);
		t_listen(l[i], "notify_test_values");
	}
	ck_assert_uint_eq(t_stats(p).listening, 1);
	write_ten(p);
	for (int i = 0; i < n; i++) {
		const hf_notice *none;
		int inserts = 0;

		for (int k = 0; k < 10; k++)
			inserts += strcmp(t_notice(l[i])->payload, "insert") == 0;
		ck_assert_int_eq(inserts, 5);
		ck_assert_int_eq(hf_listener_next(l[i], 0, &none), HF_PENDING);
		began = hf_now_ns();
		ck_assert_int_eq(hf_listener_stop(l[i]), HF_OK);
		ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
		hf_listener_unref(l[i]);
	}
	ck_assert(t_wait_until(ten_came, p, 10000));
	t_close(p);
}

/* Twin of gDBPool's test_listen_on: 5 subscribers, 10 writes (scripts that sleep as well), and each
 * stops within a second; its history had 100 subscribers. */
START_TEST(test_listen_on)
{
	fan_out(5);
}
END_TEST

START_TEST(test_listen_on_100)
{
	fan_out(100);
}
END_TEST

/* A hundred by callback: the other way of delivery. */
START_TEST(test_fan_out_callbacks)
{
	hf_pool *p = t_pool(NULL);
	static struct t_heard heard[100];
	hf_listener *l[100];

	for (int i = 0; i < 100; i++) {
		l[i] = hf_listen(p, HF_LISTEN_OPTS(.on_notice = t_hear, .arg = &heard[i]));
		t_listen(l[i], "all");
	}
	for (int i = 0; i < 10; i++)
		t_notify(p, "all", "x");
	for (int i = 0; i < 100; i++) {
		t_wait_heard(&heard[i], 10);
		hf_listener_unref(l[i]);
		ck_assert_int_eq(heard[i].n, 10);
	}
	t_close(p);
}
END_TEST

START_TEST(test_two_pools)
{
	hf_pool *a = t_pool(NULL), *b;
	hf_listener *la = hf_listen(a, NULL), *lb;
	const hf_notice *none;
	char dsn[1000];

	free(t_psql("create database other"));
	snprintf(dsn, sizeof dsn, "%s dbname=other", t_dsn());
	b = t_pool_on(dsn, NULL);
	lb = hf_listen(b, NULL);
	t_listen(la, "same");
	t_listen(lb, "same");
	t_notify(a, "same", "for a");
	t_notify(b, "same", "for b");
	ck_assert_str_eq(t_notice(la)->payload, "for a");
	ck_assert_str_eq(t_notice(lb)->payload, "for b");
	hf_listener_unref(lb);
	t_notify(a, "same", "again");
	ck_assert_str_eq(t_notice(la)->payload, "again");
	ck_assert_int_eq(hf_listener_next(la, 20, &none), HF_PENDING);
	hf_listener_unref(la);
	t_close(a);
	t_close(b);
}
END_TEST

START_TEST(test_own_connection)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2));
	hf_listener *l = hf_listen(p, NULL);
	hf_future *slow[2];
	const hf_notice *n;

	t_wait_idle(p, 2);
	for (int i = 0; i < 3; i++)
		t_listen(l, i == 0 ? "one" : i == 1 ? "two" : "three");
	t_wait_backends(3);
	ck_assert_uint_eq(t_stats(p).conns, 2);
	ck_assert_uint_eq(t_stats(p).listening, 3);
	for (int i = 0; i < 2; i++)
		slow[i] = hf_query(p, "select pg_sleep(0.2)");
	t_wait_busy(p, 2);
	free(t_psql("notify two, 'while both connections are busy'"));
	n = t_notice(l);
	ck_assert_str_eq(n->channel, "two");
	ck_assert(!hf_future_ready(slow[0]) || !hf_future_ready(slow[1]));
	t_done(slow[0]);
	t_done(slow[1]);
	ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	ck_assert_uint_eq(t_stats(p).conns, 2);
	hf_listener_unref(l);
	t_wait_backends(2);
	t_close(p);
}
END_TEST

T_MAIN("listen", { "E1 an UPDATE of a row arrives with its values", test_listen_on_example, 0 },
	{ "E2 five subscribers hear ten writes", test_listen_on, 0 },
	{ "E2 a hundred subscribers hear ten writes", test_listen_on_100, 0 },
	{ "E2 a hundred callbacks hear ten writes", test_fan_out_callbacks, 0 },
	{ "E3 1,000 notices of one transaction arrive in order", test_order, 0 },
	{ "E9 the same channel in two databases keeps apart", test_two_pools, 0 },
	{ "B29 listening takes none of a pool's connections", test_own_connection, 0 })
