/* SPDX-License-Identifier: MIT */
/* The end of listening: stop, UNLISTEN, and beginning again. */
#include "listening.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Twin of the example in gDBPool's docs, whose only subscriber could not be stopped. */
START_TEST(test_stop_only_one)
{
	hf_pool *p = t_pool(NULL);
	struct t_heard heard = { 0 };
	hf_listener *l = hf_listen(
		p, HF_LISTEN_OPTS(.on_notice = t_hear, .arg = &heard, .free_arg = t_heard_free));
	int64_t began;

	t_listen(l, "one");
	t_wait_idle(p, 1);
	t_wait_backends(2);
	t_notify(p, "one", "x");
	t_wait_heard(&heard, 1);
	began = hf_now_ns();
	ck_assert_int_eq(hf_listener_stop(l), HF_OK);
	ck_assert_int_lt(t_ms_since(began), 200 * t_slow());
	ck_assert_int_eq(heard.freed, 1);
	t_wait_backends(1);
	ck_assert_int_eq(hf_listener_stop(l), HF_OK);
	ck_assert_int_eq(heard.freed, 1);
	t_failed(hf_listener_add(l, "one"), HF_E_CANCELED);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

static void *stop_soon(void *arg)
{
	t_sleep_ms(30);
	hf_listener_stop(arg);
	return NULL;
}

/* Who waits for a notice is let go by a stop on another thread. */
START_TEST(test_stop_waiting)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	const hf_notice *n = NULL;
	int64_t began = hf_now_ns();
	pthread_t t;

	t_listen(l, "one");
	ck_assert_int_eq(hf_listener_next(l, 20, &n), HF_PENDING);
	ck_assert_int_ge(t_ms_since(began), 20);
	ck_assert_int_eq(pthread_create(&t, NULL, stop_soon, l), 0);
	began = hf_now_ns();
	ck_assert_int_eq(hf_listener_next(l, HF_FOREVER, &n), HF_E_CLOSED);
	ck_assert_int_lt(t_ms_since(began), 230 * t_slow());
	pthread_join(t, NULL);
	ck_assert_int_eq(hf_listener_next(l, HF_FOREVER, &n), HF_E_CLOSED);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

static bool said_unlisten(const char *channel)
{
	char sql[200];

	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where application_name = '%s'"
		" and query = 'UNLISTEN \"%s\"' and state = 'idle'",
		t_name(), channel);
	return t_psql_int(sql) == 1;
}

START_TEST(test_unlisten)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2));
	hf_listener *a = hf_listen(p, NULL), *b = hf_listen(p, NULL);
	const hf_notice *n;

	t_listen(a, "kept");
	t_listen(a, "shared");
	t_listen(b, "shared");
	t_unlisten(a, "shared");
	ck_assert(!said_unlisten("shared"));
	t_notify(p, "shared", "to b");
	ck_assert_str_eq(t_notice(b)->payload, "to b");
	t_unlisten(b, "shared");
	ck_assert(said_unlisten("shared")); /* it was confirmed */
	ck_assert_uint_eq(t_stats(p).listening, 1);
	t_notify(p, "shared", "to nobody");
	t_notify(p, "kept", "to a");
	ck_assert_str_eq(t_notice(a)->payload, "to a");
	ck_assert_int_eq(hf_listener_next(b, 0, &n), HF_PENDING);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
			t_int(hf_query(p, "select count(*) from pg_listening_channels()")), 0);
	t_unlisten(a, "never had");
	t_unlisten(a, "kept");
	t_wait_backends(2);
	hf_listener_unref(a);
	hf_listener_unref(b);
	t_close(p);
}
END_TEST

START_TEST(test_again)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);

	for (int i = 0; i < 5; i++) {
		t_listen(l, "again");
		t_notify(p, "again", "heard");
		ck_assert_str_eq(t_notice(l)->payload, "heard");
		t_unlisten(l, "again");
	}
	hf_listener_unref(l);
	l = hf_listen(p, NULL);
	t_listen(l, "again");
	t_notify(p, "again", "heard by another");
	ck_assert_str_eq(t_notice(l)->payload, "heard by another");
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* Changing one's mind faster than the server can be told. */
START_TEST(test_flapping)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	hf_future *add = NULL, *drop = NULL;

	t_listen(l, "other");
	for (int i = 0; i < 200; i++) {
		hf_future_unref(add);
		hf_future_unref(drop);
		drop = hf_listener_drop(l, "flap");
		add = hf_listener_add(l, "flap");
	}
	t_done(drop);
	t_done(add);
	t_notify(p, "flap", "there");
	ck_assert_str_eq(t_notice(l)->payload, "there");
	t_unlisten(l, "flap");
	ck_assert_uint_eq(t_stats(p).listening, 1); /* the server's side agrees */
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* A drop meets its LISTEN at every stage, under way to the server included: what the server does in
 * the end is what was wanted last. */
START_TEST(test_crossing)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);

	t_listen(l, "other");
	for (int i = 0; i < 400; i++) {
		int64_t until = hf_now_ns() + (i % 200) * 1000;
		hf_future *add = hf_listener_add(l, "crossing");

		while (hf_now_ns() < until)
			;
		t_unlisten(l, "crossing");
		ck_assert(hf_future_ready(add));
		hf_future_unref(add);
		ck_assert_uint_eq(t_stats(p).listening, 1);
	}
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

struct inside {
	hf_listener *_Atomic l;
	_Atomic int calls, freed;
};

static void stop_inside(const hf_notice *n, void *arg)
{
	struct inside *in = arg;

	(void)n;
	ck_assert_int_eq(in->freed, 0);
	in->calls++;
	hf_listener_stop(in->l);
	ck_assert_int_eq(in->freed, 0); /* it is still used */
}

static void count_free(void *arg)
{
	((struct inside *)arg)->freed++;
}

static bool is_freed(void *arg)
{
	return ((struct inside *)arg)->freed == 1;
}

START_TEST(test_stop_inside)
{
	hf_pool *p = t_pool(NULL);
	struct inside in = { NULL, 0, 0 };

	in.l = hf_listen(
		p, HF_LISTEN_OPTS(.on_notice = stop_inside, .arg = &in, .free_arg = count_free));
	t_listen(in.l, "once");
	t_done(hf_script(p, "select pg_notify('once', i::text) from generate_series(1, 10) i"));
	ck_assert(t_wait_until(is_freed, &in, 10000));
	ck_assert_int_eq(in.calls, 1);
	hf_listener_stop(in.l);
	ck_assert_int_eq(in.freed, 1);
	hf_listener_unref(in.l);
	t_close(p);
	ck_assert_int_eq(in.calls, 1);
}
END_TEST

struct slow {
	_Atomic int began, ended, freed;
};

static void slow_callback(const hf_notice *n, void *arg)
{
	struct slow *s = arg;

	(void)n;
	s->began++;
	t_sleep_ms(100);
	s->ended++;
}

static void slow_free(void *arg)
{
	struct slow *s = arg;

	ck_assert_int_eq(s->began, s->ended);
	s->freed++;
}

static bool has_begun(void *arg)
{
	return ((struct slow *)arg)->began > 0;
}

START_TEST(test_stop_waits)
{
	hf_pool *p = t_pool(NULL);
	struct slow s = { 0, 0, 0 };
	hf_listener *l = hf_listen(
		p, HF_LISTEN_OPTS(.on_notice = slow_callback, .arg = &s, .free_arg = slow_free));

	t_listen(l, "slow");
	for (int i = 0; i < 5; i++)
		t_notify(p, "slow", "x");
	ck_assert(t_wait_until(has_begun, &s, 10000));
	hf_listener_stop(l);
	ck_assert_int_eq(s.freed, 1);
	ck_assert_int_eq(s.ended, s.began);
	ck_assert_int_lt(s.began, 5);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

T_MAIN("listen_stop", { "E6 the only subscriber stops promptly", test_stop_only_one, 0 },
	{ "E6 a stop ends another thread's wait", test_stop_waiting, 0 },
	{ "E7 the last to leave makes the server forget the channel", test_unlisten, 0 },
	{ "E8 a channel is listened to again", test_again, 0 },
	{ "E8 the last of many changes of mind counts", test_flapping, 0 },
	{ "E7 a drop crosses its LISTEN", test_crossing, 0 },
	{ "E15 a callback stops its own listener", test_stop_inside, 0 },
	{ "E15 a stop waits for the callback that runs", test_stop_waits, 0 })
