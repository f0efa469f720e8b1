/* SPDX-License-Identifier: MIT */
/* The listener's session is killed a thousand times while numbered events are sent: each hole in
 * the numbers lies at an announced gap. */
#include "listening.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define KILLS 1000

struct story {
	hf_pool *pool;
	_Atomic bool stop;
	_Atomic int sent, last, gaps, holes, silent_holes, backwards;
	bool gap;
};

static void on_event(const hf_notice *n, void *arg)
{
	struct story *s = arg;
	int number = atoi(n->payload);

	if (n->gap) {
		s->gap = true;
		s->gaps++;
		ck_assert_int_lt(n->from_ns, n->to_ns);
		return;
	}
	if (number > s->last + 1) {
		s->holes++;
		s->silent_holes += !s->gap;
	}
	s->backwards += number <= s->last;
	s->gap = false;
	s->last = number;
}

static void *produce(void *arg)
{
	struct story *s = arg;

	while (!s->stop) {
		char text[12];

		snprintf(text, sizeof text, "%d", s->sent + 1);
		t_notify(s->pool, "numbered", text);
		s->sent++;
	}
	return NULL;
}

static const char kill_sql[] =
	"select coalesce(max(pid), 0) from (select pid, pg_terminate_backend(pid)"
	" from pg_stat_activity where application_name = $1 and query = 'LISTEN \"numbered\"'"
	" and state = 'idle' and pid <> $2) x";

struct losses {
	hf_pool *pool;
	uint64_t n;
};

static bool lost(void *arg)
{
	const struct losses *w = arg;

	return t_stats(w->pool).listen_losses >= w->n;
}

/* Each session gets some time, from none to 3 ms, to hear something. */
static void kill_often(hf_pool *p)
{
	struct losses w = { p, 0 };
	int last = 0; /* a session that was killed may be listed for a moment more */

	while (w.n < KILLS) {
		int pid = (int)t_int(hf_query(p, kill_sql, t_name(), last));

		if (pid) {
			last = pid;
			w.n++;
			ck_assert(t_wait_until(lost, &w, 10000));
		}
		t_sleep_ms(w.n % 4);
	}
}

static bool all_came(void *arg)
{
	struct story *s = arg;

	return s->last == s->sent;
}

/* Sends one more now and then: the last may have fallen into the last gap. */
static void finish(struct story *s)
{
	for (int i = 0; i < 100 && !all_came(s); i++) {
		char text[12];

		snprintf(text, sizeof text, "%d", s->sent + 1);
		t_notify(s->pool, "numbered", text);
		s->sent++;
		t_wait_until(all_came, s, 100);
	}
	ck_assert(all_came(s));
}

START_TEST(test_thousand_kills)
{
	hf_pool *p = t_pool(NULL);
	struct story s = { .pool = p };
	hf_listener *l = hf_listen(
		p, HF_LISTEN_OPTS(.on_notice = on_event, .arg = &s, .max_waiting = 1000000));
	pthread_t producer;

	t_listen(l, "numbered");
	ck_assert_int_eq(pthread_create(&producer, NULL, produce, &s), 0);
	kill_often(p);
	s.stop = true;
	pthread_join(producer, NULL);
	finish(&s);
	hf_listener_unref(l);
	printf("# %d sent, %d kills, %d gaps, %d holes\n", s.sent, KILLS, s.gaps, s.holes);
	ck_assert_int_eq(s.silent_holes, 0);
	ck_assert_int_eq(s.backwards, 0);
	ck_assert_int_eq(s.gaps, KILLS);
	ck_assert_int_gt(s.holes, 0); /* or nothing was tried */
	t_close(p);
}
END_TEST

T_MAIN("listen_killed",
	{ "K7 a thousand kills lose no event outside an announced gap", test_thousand_kills, 180 })
