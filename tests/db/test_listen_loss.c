/* SPDX-License-Identifier: MIT */
/* The connection for listening is lost: everything is listened to again, and a gap tells. */
#include "listening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const hf_notice *gap(hf_listener *l)
{
	const hf_notice *n = t_any_notice(l);

	if (!n->gap)
		ck_abort_msg("\"%s\" on \"%s\" instead of a gap", n->payload, n->channel);
	return n;
}

START_TEST(test_gap)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	const hf_notice *n;
	int64_t before, after;

	t_listen(l, "events");
	t_notify(p, "events", "before");
	ck_assert_str_eq(t_notice(l)->payload, "before");
	before = hf_now_ns();
	t_kill_listening();
	n = gap(l);
	after = hf_now_ns();
	ck_assert_str_eq(n->channel, "events");
	ck_assert_str_eq(n->payload, "");
	ck_assert_int_eq(n->pid, 0);
	ck_assert_uint_eq(n->dropped, 0);
	ck_assert(n->from_ns <= before && n->to_ns > before && n->to_ns <= after);
	t_notify(p, "events", "later");
	ck_assert_str_eq(t_notice(l)->payload, "later");
	ck_assert_uint_eq(t_stats(p).listen_losses, 1);
	ck_assert_uint_eq(t_stats(p).discards, 0); /* none of the pool's own */
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* Three channels, two listeners: everybody is told, for each of their channels, and everything is
 * listened to again by then. */
START_TEST(test_all_again)
{
	static const char *const names[] = { "one", "Two", "thr\"ee" };
	hf_pool *p = t_pool(NULL);
	hf_listener *a = hf_listen(p, NULL), *b = hf_listen(p, NULL);
	const hf_notice *none;
	unsigned seen = 0;

	for (int i = 0; i < 3; i++)
		t_listen(a, names[i]);
	t_listen(b, names[1]);
	t_kill_listening();
	ck_assert_str_eq(gap(b)->channel, names[1]);
	for (int i = 0; i < 3; i++) {
		const hf_notice *n = gap(a);

		for (unsigned k = 0; k < 3; k++)
			seen |= strcmp(n->channel, names[k]) == 0 ? 1u << k : 0;
	}
	ck_assert_uint_eq(seen, 7);
	ck_assert_uint_eq(t_stats(p).listening, 3);
	for (int i = 0; i < 3; i++) {
		t_notify(p, names[i], "x");
		ck_assert_str_eq(t_notice(a)->channel, names[i]);
	}
	ck_assert_str_eq(t_notice(b)->channel, names[1]);
	ck_assert_int_eq(hf_listener_next(b, 0, &none), HF_PENDING);
	hf_listener_unref(a);
	hf_listener_unref(b);
	t_close(p);
}
END_TEST

/* More channels than one trip takes. */
START_TEST(test_thousand_channels)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	hf_future *fs[1000];
	char name[40];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "a channel with number %d", i);
		fs[i] = hf_listener_add(l, name);
	}
	for (int i = 0; i < 1000; i++)
		t_done(fs[i]);
	ck_assert_uint_eq(t_stats(p).listening, 1000);
	t_kill_listening();
	for (int i = 0; i < 1000; i++)
		gap(l);
	for (int i = 0; i < 1000; i += 111) {
		snprintf(name, sizeof name, "a channel with number %d", i);
		t_notify(p, name, "x");
		ck_assert_str_eq(t_notice(l)->channel, name);
	}
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* What comes and goes while the server is away: a new channel is confirmed once it is back and has
 * no gap, one that was dropped is not listened to again. */
START_TEST(test_changes_meanwhile)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	const hf_notice *none;
	hf_future *f;

	t_need_pgctl();
	t_listen(l, "stays");
	t_listen(l, "goes");
	ck_assert(t_pgctl("stop fast"));
	f = hf_listener_add(l, "comes");
	t_unlisten(l, "goes");
	ck_assert_int_eq(hf_future_wait_for(f, 300), HF_PENDING);
	ck_assert(t_pgctl("start"));
	t_done(f);
	ck_assert_str_eq(gap(l)->channel, "stays");
	ck_assert_uint_eq(t_stats(p).listening, 2);
	free(t_psql("notify goes; notify comes; notify stays"));
	ck_assert_str_eq(t_notice(l)->channel, "comes");
	ck_assert_str_eq(t_notice(l)->channel, "stays");
	ck_assert_int_eq(hf_listener_next(l, 0, &none), HF_PENDING);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* A server that freezes says nothing: after ping_idle_ms it is asked, and after ping_ms given up.
 */
START_TEST(test_frozen)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.ping_idle_ms = 100, .ping_ms = 200));
	hf_listener *l = hf_listen(p, NULL);
	const hf_notice *none;
	int pid;

	t_listen(l, "frozen");
	pid = t_listening_pid();
	ck_assert(t_pgctl("stopcont STOP %d", pid));
	gap(l);
	ck_assert(t_pgctl("stopcont CONT %d", pid));
	ck_assert_int_eq(hf_listener_next(l, 500, &none), HF_PENDING); /* pings are answered */
	t_notify(p, "frozen", "thawed");
	ck_assert_str_eq(t_notice(l)->payload, "thawed");
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

T_MAIN("listen_loss", { "E11 a lost connection is a gap, and listening goes on", test_gap, 0 },
	{ "E11 each listener is told for each of its channels", test_all_again, 0 },
	{ "E11 a thousand channels are listened to again", test_thousand_channels, 0 },
	{ "E11 channels come and go while the server is away", test_changes_meanwhile, 60 },
	{ "E11 a server that is silent is asked, and given up", test_frozen, 0 })
