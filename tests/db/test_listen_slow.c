/* SPDX-License-Identifier: MIT */
/* A subscriber that takes its notices slowly: its queue has a limit, beyond it a gap with a count,
 * and nobody else waits for it. */
#include "listening.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct coming {
	hf_pool *pool;
	unsigned n;
};

static bool came(void *arg)
{
	const struct coming *c = arg;

	return t_stats(c->pool).notices == c->n;
}

static void wait_came(hf_pool *p, unsigned n)
{
	struct coming c = { p, n };

	ck_assert(t_wait_until(came, &c, 10000));
}

static void send_thousand(hf_pool *p, const char *channel)
{
	t_done(hf_script(
		p, "select pg_notify($1, i::text) from generate_series(1, 1000) i", channel));
	wait_came(p, 1000);
}

static int number(hf_listener *l)
{
	return atoi(t_notice(l)->payload);
}

START_TEST(test_overflow)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *slow = hf_listen(p, HF_LISTEN_OPTS(.max_waiting = 10)),
		    *quick = hf_listen(p, NULL);
	const hf_notice *n;
	int64_t began = hf_now_ns();

	t_listen(slow, "flood");
	t_listen(quick, "flood");
	send_thousand(p, "flood");
	for (int i = 1; i <= 1000; i++)
		ck_assert_int_eq(number(quick), i);
	for (int i = 1; i <= 10; i++)
		ck_assert_int_eq(number(slow), i);
	n = t_any_notice(slow);
	ck_assert(n->gap);
	ck_assert_str_eq(n->channel, "flood");
	ck_assert_uint_eq(n->dropped, 990);
	ck_assert(n->from_ns > began && n->to_ns > n->from_ns);
	ck_assert_uint_eq(t_stats(p).notices_dropped, 990);
	ck_assert_int_eq(hf_listener_next(slow, 0, &n), HF_PENDING);
	t_notify(p, "flood", "1001"); /* and it goes on */
	ck_assert_int_eq(number(slow), 1001);
	ck_assert_int_eq(number(quick), 1001);
	hf_listener_unref(slow);
	hf_listener_unref(quick);
	t_close(p);
}
END_TEST

/* What comes between an overflow and the moment that its gap is taken is part of it; what another
 * channel says is not, as far as there is room. */
START_TEST(test_place_of_the_gap)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, HF_LISTEN_OPTS(.max_waiting = 10));
	const hf_notice *n;

	t_listen(l, "flood");
	t_listen(l, "calm");
	send_thousand(p, "flood");
	for (int i = 1; i <= 3; i++)
		ck_assert_int_eq(number(l), i);
	t_done(hf_script(p, "notify flood, 'dropped as well'; notify calm, 'kept'"));
	wait_came(p, 1002);
	ck_assert_int_eq(number(l), 4);
	for (int i = 5; i <= 10; i++)
		ck_assert_int_eq(number(l), i);
	n = t_any_notice(l);
	ck_assert(n->gap);
	ck_assert_str_eq(n->channel, "flood");
	ck_assert_uint_eq(n->dropped, 991);
	ck_assert_str_eq(t_notice(l)->payload, "kept");
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* A loss while a gap waits is told by that gap; a channel that is dropped takes its gap along. */
START_TEST(test_gaps_together)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, HF_LISTEN_OPTS(.max_waiting = 1)), *m = hf_listen(p, NULL);
	const hf_notice *n;

	t_listen(l, "flood");
	t_listen(m, "flood");
	send_thousand(p, "flood");
	t_kill_listening();
	for (int i = 1; i <= 1000; i++)
		ck_assert_int_eq(number(m), i);
	ck_assert(t_any_notice(m)->gap);
	ck_assert_int_eq(number(l), 1);
	n = t_any_notice(l);
	ck_assert(n->gap);
	ck_assert_uint_eq(n->dropped, 999);
	ck_assert_int_eq(hf_listener_next(l, 0, &n), HF_PENDING);
	t_done(hf_script(p, "notify flood, '1'; notify flood, '2'"));
	ck_assert_int_eq(number(m), 1);
	ck_assert_int_eq(number(m), 2);
	t_unlisten(l, "flood");
	ck_assert_int_eq(hf_listener_next(l, 0, &n), HF_PENDING);
	hf_listener_unref(l);
	hf_listener_unref(m);
	t_close(p);
}
END_TEST

struct lingering {
	struct t_heard heard;
	_Atomic bool go;
};

/* In its first notice until it is told to go on. */
static void linger(const hf_notice *n, void *arg)
{
	struct lingering *s = arg;

	while (!s->go)
		t_sleep_ms(1);
	t_hear(n, &s->heard);
}

static bool has_gap(void *arg)
{
	return ((struct t_heard *)arg)->gaps > 0;
}

/* A slow callback holds up those that share its thread, but neither the connection nor who waits
 * elsewhere. */
START_TEST(test_slow_callback)
{
	hf_pool *p = t_pool(NULL);
	struct lingering s = { { 0 }, false };
	hf_listener *slow =
		hf_listen(p, HF_LISTEN_OPTS(.on_notice = linger, .arg = &s, .max_waiting = 100));
	hf_listener *quick = hf_listen(p, NULL);
	int n;

	t_listen(slow, "flood");
	t_listen(quick, "flood");
	send_thousand(p, "flood");
	for (int i = 1; i <= 1000; i++)
		ck_assert_int_eq(number(quick), i);
	ck_assert_int_eq(s.heard.n, 0); /* it still lingers in the first */
	s.go = true;
	ck_assert(t_wait_until(has_gap, &s.heard, 10000));
	n = s.heard.n;
	ck_assert_int_ge(n, 100);
	ck_assert_int_le(n, 101); /* one may have been in its hands */
	t_notify(p, "flood", "more");
	t_wait_heard(&s.heard, n + 1);
	ck_assert_str_eq(s.heard.last, "more");
	ck_assert_int_eq(s.heard.gaps, 1);
	hf_listener_unref(slow);
	hf_listener_unref(quick);
	t_close(p);
}
END_TEST

/* --- a million --- */

#define PARTS 10

struct flood {
	hf_pool *pool;
	int part;
};

static void *send_parts(void *arg)
{
	const struct flood *f = arg;

	for (int i = 0; i < PARTS; i++) {
		hf_future *sent = hf_query(f->pool,
			"select count(pg_notify('flood', i::text)) from generate_series($1::int, "
			"$2::int) i",
			i * f->part + 1, (i + 1) * f->part);

		ck_assert_int_eq(hf_future_get_for(sent, 60000 * t_slow(), NULL), HF_OK);
		hf_future_unref(sent);
	}
	return NULL;
}

static long peak_kb(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

/* One that takes a notice now and then: each is taken or counted, in order, and nothing piles up.
 */
START_TEST(test_million)
{
	struct flood f = { t_pool(NULL), 1000000 / PARTS / t_slow() };
	hf_listener *l = hf_listen(f.pool, HF_LISTEN_OPTS(.max_waiting = 1000));
	uint64_t n = (uint64_t)f.part * PARTS, taken = 0, dropped = 0, gaps = 0;
	int64_t began = hf_now_ns();
	long peak = 0;
	pthread_t t;

	t_listen(l, "flood");
	ck_assert_int_eq(pthread_create(&t, NULL, send_parts, &f), 0);
	while (taken + dropped < n) {
		const hf_notice *notice = t_any_notice(l);

		if (notice->gap) {
			dropped += notice->dropped;
			gaps++;
		} else {
			ck_assert_uint_eq(strtoull(notice->payload, NULL, 10), ++taken + dropped);
		}
		if (taken % 100 == 0)
			t_sleep_ms(1);
		if (!peak && taken + dropped > n / PARTS)
			peak = peak_kb();
	}
	pthread_join(t, NULL);
	peak = peak_kb() - peak;
	printf("# %llu notices in %lld ms: %llu taken, %llu dropped in %llu gaps; %ld kB more\n",
		(unsigned long long)n, t_ms_since(began), (unsigned long long)taken,
		(unsigned long long)dropped, (unsigned long long)gaps, peak);
	ck_assert_uint_eq(taken + dropped, n);
	ck_assert_uint_gt(dropped, 0);
	wait_came(f.pool, (unsigned)n);
	ck_assert_uint_eq(t_stats(f.pool).notices_dropped, dropped);
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
	ck_assert_int_lt(peak, 16384);
#endif
	hf_listener_unref(l);
	t_close(f.pool);
}
END_TEST

T_MAIN("listen_slow",
	{ "E14 a full queue is a gap that counts, and delays nobody", test_overflow, 0 },
	{ "E14 the gap stands where its notices would have", test_place_of_the_gap, 0 },
	{ "E14 a gap waits for at most one reader", test_gaps_together, 0 },
	{ "E14 a slow callback holds up no other subscriber", test_slow_callback, 0 },
	{ "E14 rule-44 a million notices for one that is slow", test_million, 120 })
