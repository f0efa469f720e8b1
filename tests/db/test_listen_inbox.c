/* SPDX-License-Identifier: MIT */
/* Notices through an inbox: one descriptor for them and for futures. */
#include "listening.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MS 10000

static hf_inbox *inbox(void)
{
	hf_inbox *box = hf_inbox_new();

	ck_assert_ptr_nonnull(box);
	return box;
}

static bool readable(const hf_inbox *box, int ms)
{
	struct pollfd p = { .fd = hf_inbox_fd(box), .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static hf_event next(hf_inbox *box)
{
	hf_event ev = { 0 };

	ck_assert(hf_inbox_next(box, LIMIT_MS * t_slow(), &ev));
	return ev;
}

START_TEST(test_one_descriptor)
{
	hf_pool *p = t_pool(NULL);
	hf_inbox *box = inbox();
	int tag_l, tag_f, notices = 0, futures = 0;
	hf_listener *l = hf_listen(p, HF_LISTEN_OPTS(.inbox = box, .tag = &tag_l));

	t_listen(l, "both");
	ck_assert(!readable(box, 0));
	for (int i = 0; i < 1000; i++) {
		hf_future *f = i % 2 ? hf_query_with(p, HF_QUERY_OPTS(.acquire_ms = 20000),
					       "select $1::int", i)
				     : hf_notify(p, "both", "x");

		ck_assert_int_eq(hf_inbox_add(box, f, &tag_f), HF_OK);
		hf_future_unref(f);
		while (futures < i - 100) {
			hf_event ev = next(box);

			futures += ev.future != NULL;
			notices += ev.notice != NULL;
		}
	}
	while (futures < 1000 || notices < 500) {
		hf_event ev;

		ck_assert(readable(box, LIMIT_MS * t_slow()));
		ck_assert(hf_inbox_next(box, 0, &ev));
		ck_assert(!ev.future != !ev.notice);
		ck_assert_ptr_eq(ev.tag, ev.future ? &tag_f : &tag_l);
		if (ev.notice)
			ck_assert_str_eq(ev.notice->payload, "x");
		else
			ck_assert_int_eq(hf_future_get(ev.future, NULL), HF_OK);
		futures += ev.future != NULL;
		notices += ev.notice != NULL;
	}
	ck_assert(!readable(box, 20));
	hf_listener_unref(l);
	hf_inbox_unref(box);
	t_close(p);
}
END_TEST

/* Two listeners and a future: none waits until another has nothing more to say. */
START_TEST(test_turns)
{
	hf_pool *p = t_pool(NULL);
	hf_inbox *box = inbox();
	int tags[2];
	hf_listener *l[2];
	hf_future *f;
	hf_event ev;

	for (int i = 0; i < 2; i++) {
		l[i] = hf_listen(p, HF_LISTEN_OPTS(.inbox = box, .tag = &tags[i]));
		t_listen(l[i], "turns");
	}
	t_done(hf_script(p, "select pg_notify('turns', i::text) from generate_series(1, 100) i"));
	f = hf_query(p, "select 1");
	t_ok(f);
	ck_assert(readable(box, LIMIT_MS));
	ck_assert_int_eq(hf_inbox_add(box, f, NULL), HF_OK);
	hf_future_unref(f);
	for (int i = 0; i < 3 && !(ev = next(box)).future; i++)
		;
	ck_assert_ptr_nonnull(ev.future);
	for (int i = 0, seen[2] = { 0, 0 }; seen[0] + seen[1] < 198; i++) {
		ev = next(box);
		seen[ev.tag == &tags[1]]++;
		ck_assert_int_lt(abs(seen[0] - seen[1]), 100);
	}
	hf_listener_unref(l[0]);
	hf_listener_unref(l[1]);
	hf_inbox_unref(box);
	t_close(p);
}
END_TEST

static bool came(void *arg)
{
	return t_stats(arg).notices >= 3;
}

START_TEST(test_stopped)
{
	hf_pool *p = t_pool(NULL);
	hf_inbox *box = inbox();
	hf_listener *l = hf_listen(p, HF_LISTEN_OPTS(.inbox = box));
	const hf_notice *n;
	hf_event ev;

	t_listen(l, "stop");
	ck_assert_int_eq(hf_listener_next(l, 0, &n), HF_E_MISUSE);
	for (int i = 0; i < 3; i++)
		t_notify(p, "stop", "x");
	ck_assert(t_wait_until(came, p, LIMIT_MS));
	ev = next(box);
	ck_assert(readable(box, 0));
	hf_listener_stop(l);
	ck_assert(!readable(box, 0));
	hf_listener_unref(l);
	ck_assert_str_eq(ev.notice->payload, "x"); /* lent until the next */
	ck_assert(!hf_inbox_next(box, 0, &ev));
	hf_inbox_unref(box);
	t_close(p);
}
END_TEST

/* The inbox goes first: its listeners have nowhere to deliver, and do no harm. */
START_TEST(test_inbox_gone)
{
	hf_pool *p = t_pool(NULL);
	hf_inbox *box = inbox();
	hf_listener *l = hf_listen(p, HF_LISTEN_OPTS(.inbox = box, .max_waiting = 2));

	t_listen(l, "gone");
	t_notify(p, "gone", "x");
	next(box);
	t_notify(p, "gone", "y");
	hf_inbox_unref(box);
	for (int i = 0; i < 5; i++)
		t_notify(p, "gone", "z");
	t_unlisten(l, "gone");
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* A pool that closes takes nothing away of what has come. */
START_TEST(test_pool_gone)
{
	hf_pool *p = t_pool(NULL);
	hf_inbox *box = inbox();
	hf_listener *l = hf_listen(p, HF_LISTEN_OPTS(.inbox = box));
	hf_event ev;

	t_listen(l, "closing");
	for (int i = 0; i < 3; i++)
		t_notify(p, "closing", i == 0 ? "0" : i == 1 ? "1" : "2");
	ck_assert(t_wait_until(came, p, LIMIT_MS));
	t_close(p);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(atoi(next(box).notice->payload), i);
	ck_assert(!hf_inbox_next(box, 0, &ev));
	t_failed(hf_listener_add(l, "another"), HF_E_CLOSED);
	hf_listener_unref(l);
	hf_inbox_unref(box);
}
END_TEST

T_MAIN("listen_inbox",
	{ "F13 one descriptor tells of futures and notices", test_one_descriptor, 0 },
	{ "F13 listeners and futures take turns", test_turns, 0 },
	{ "E6 a stopped listener gives nothing more to its inbox", test_stopped, 0 },
	{ "E6 an inbox may go before its listener", test_inbox_gone, 0 },
	{ "E6 what has come outlives the pool", test_pool_gone, 0 })
