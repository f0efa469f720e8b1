/* SPDX-License-Identifier: MIT */
/* Many threads subscribe, drop, wait and stop while notices fly: nobody is called after a stop. */
#include "listening.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS  6
#define CHANNELS 4

struct storm {
	hf_pool *pool;
	_Atomic bool stop;
	_Atomic int heard, late, rounds;
};

/* One subscription; it is freed when its listener says so, and so a sanitizer sees a late call. */
struct ear {
	struct storm *storm;
	_Atomic bool stopped;
};

static void hear(const hf_notice *n, void *arg)
{
	struct ear *e = arg;

	ck_assert(n->gap || n->payload[0] == 'x');
	e->storm->late += e->stopped;
	e->storm->heard++;
}

static const char *channel(unsigned *seed)
{
	static const char *const names[CHANNELS] = { "a", "b", "c", "d" };

	return names[(unsigned)rand_r(seed) % CHANNELS];
}

/* A callback's life: the struct is gone once it has been stopped. */
static void by_callback(struct storm *s, unsigned *seed)
{
	struct ear *e = calloc(1, sizeof *e);
	hf_listener *l;

	e->storm = s;
	l = hf_listen(s->pool, HF_LISTEN_OPTS(.on_notice = hear, .arg = e));
	for (int i = 0; i < 3; i++) {
		hf_future *f = hf_listener_add(l, channel(seed));

		if (rand_r(seed) % 2)
			ck_assert_int_eq(hf_future_wait_for(f, 10000 * t_slow()), HF_OK);
		hf_future_unref(f);
		if (rand_r(seed) % 3 == 0)
			hf_future_unref(hf_listener_drop(l, channel(seed)));
	}
	hf_listener_stop(l);
	e->stopped = true;
	free(e);
	hf_listener_unref(l);
}

static void by_waiting(struct storm *s, unsigned *seed)
{
	hf_listener *l = hf_listen(s->pool, HF_LISTEN_OPTS(.max_waiting = 4));
	const hf_notice *n;

	t_listen(l, channel(seed));
	for (int i = 0; i < 5; i++)
		if (hf_listener_next(l, 5, &n) == HF_OK)
			s->heard++;
	hf_listener_unref(l);
}

static void by_inbox(struct storm *s, unsigned *seed)
{
	hf_inbox *box = hf_inbox_new();
	hf_listener *l = hf_listen(s->pool, HF_LISTEN_OPTS(.inbox = box));
	hf_future *f;
	hf_event ev;

	f = hf_listener_add(l, channel(seed));
	hf_inbox_add(box, f, NULL);
	hf_future_unref(f);
	for (int i = 0; i < 5; i++)
		if (hf_inbox_next(box, 5, &ev) && ev.notice)
			s->heard++;
	if (rand_r(seed) % 2)
		hf_listener_stop(l);
	hf_inbox_unref(box);
	hf_listener_unref(l);
}

static void *live(void *arg)
{
	struct storm *s = arg;
	unsigned seed = (unsigned)(uintptr_t)pthread_self();

	while (!s->stop) {
		void (*const ways[])(
			struct storm *, unsigned *) = { by_callback, by_waiting, by_inbox };

		ways[(unsigned)rand_r(&seed) % 3](s, &seed);
		s->rounds++;
	}
	return NULL;
}

static void *shout(void *arg)
{
	struct storm *s = arg;
	unsigned seed = 1;

	while (!s->stop)
		t_notify(s->pool, channel(&seed), "x");
	return NULL;
}

static bool enough(void *arg)
{
	struct storm *s = arg;

	return s->rounds >= 300 && s->heard >= 300;
}

static bool only_one(void *pool)
{
	return t_stats(pool).listening == 1;
}

static void rage(bool kill)
{
	struct storm s = { .pool = t_pool(NULL) };
	hf_listener *always = hf_listen(s.pool, NULL);
	pthread_t t[THREADS + 1];

	t_listen(always, "always");
	for (int i = 0; i <= THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, i ? live : shout, &s), 0);
	for (int i = 0; kill && i < 20; i++) {
		t_psql_int("select count(pg_terminate_backend(pid)) from pg_stat_activity"
			   " where query ~ '^LISTEN '");
		t_sleep_ms(20);
	}
	ck_assert(t_wait_until(enough, &s, 90000));
	s.stop = true;
	for (int i = 0; i <= THREADS; i++)
		pthread_join(t[i], NULL);
	ck_assert_int_eq(s.late, 0);
	ck_assert_int_eq(kill, t_stats(s.pool).listen_losses > 0);
	ck_assert(t_wait_until(only_one, s.pool, 10000));
	hf_listener_unref(always);
	t_wait_backends((int)t_stats(s.pool).conns);
	t_close(s.pool);
}

START_TEST(test_storm)
{
	rage(false);
}
END_TEST

START_TEST(test_storm_with_losses)
{
	rage(true);
}
END_TEST

/* The pool closes in the middle of it. */
START_TEST(test_storm_and_close)
{
	for (int round = 0; round < 10; round++) {
		hf_pool *p = t_pool(NULL);
		struct t_heard heard = { 0 };
		hf_listener *l[20];
		hf_future *fs[20];

		for (int i = 0; i < 20; i++) {
			l[i] = hf_listen(p, i % 2 ? HF_LISTEN_OPTS(.on_notice = t_hear,
							    .arg = &heard, .free_arg = t_heard_free)
						  : NULL);
			fs[i] = hf_listener_add(l[i], i % 3 ? "a" : "b");
			hf_future_unref(hf_notify(p, "a", "x"));
		}
		if (round % 2)
			t_ok(fs[0]);
		ck_assert_int_eq(hf_pool_terminate(p), HF_OK);
		for (int i = 0; i < 20; i++) {
			ck_assert(hf_future_ready(fs[i]));
			hf_future_unref(fs[i]);
			hf_listener_unref(l[i]);
		}
		ck_assert_int_eq(heard.freed, 10);
		hf_pool_unref(p);
	}
}
END_TEST

T_MAIN("listen_storm",
	{ "E15 nobody is called after a stop, in a storm of subscriptions", test_storm, 120 },
	{ "E15 nor while the connection is lost again and again", test_storm_with_losses, 120 },
	{ "E15 a pool closes in the middle of it", test_storm_and_close, 120 })
