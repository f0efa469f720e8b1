/* SPDX-License-Identifier: MIT */
/* The listener's session is killed a thousand times while numbered events are sent: each hole in
 * the numbers lies at an announced gap, and what is missing was sent within its span. */
#include "listening.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define KILLS 1000
#define MOST  4000000

/* A gap, and the number that was heard last before it. */
struct span {
	int64_t from_ns, to_ns, told_ns;
	int after;
};

struct story {
	hf_pool *pool;
	_Atomic bool stop;
	_Atomic int sent, last, gaps, holes, silent_holes, backwards;
	bool gap;
	struct span spans[KILLS + 1];
};

/* Of each number: before it was notified, when that had been committed, and when it was heard (0:
 * never). The first two are the producer's, the third is the callback's. */
static int64_t sent_ns[MOST], done_ns[MOST], heard_ns[MOST];

static void on_event(const hf_notice *n, void *arg)
{
	struct story *s = arg;
	int number = atoi(n->payload);

	if (n->gap) {
		ck_assert_int_le(s->gaps, KILLS);
		s->spans[s->gaps++] = (struct span){ n->from_ns, n->to_ns, hf_now_ns(), s->last };
		s->gap = true;
		return;
	}
	if (number > s->last + 1) {
		s->holes++;
		s->silent_holes += !s->gap;
	}
	s->backwards += number <= s->last;
	s->gap = false;
	heard_ns[number] = hf_now_ns();
	s->last = number;
}

static void send_next(struct story *s)
{
	int number = s->sent + 1;
	char text[12];

	ck_assert_int_lt(number, MOST);
	snprintf(text, sizeof text, "%d", number);
	sent_ns[number] = hf_now_ns();
	t_notify(s->pool, "numbered", text);
	done_ns[number] = hf_now_ns();
	s->sent = number;
}

static void *produce(void *arg)
{
	struct story *s = arg;

	while (!s->stop)
		send_next(s);
	return NULL;
}

static const char kill_sql[] =
	"select coalesce(max(pid), 0) from (select pid, pg_terminate_backend(pid)"
	" from pg_stat_activity where application_name = $1 and query = 'LISTEN \"numbered\"'"
	" and state = 'idle' and pid <> all($2)) x";

struct losses {
	hf_pool *pool;
	uint64_t n;
};

static bool lost(void *arg)
{
	const struct losses *w = arg;

	return t_stats(w->pool).listen_losses >= w->n;
}

/* Each session gets some time, from none to 3 ms, to hear something. One that was killed may be
 * listed for a while, also when the next is there and killed. */
static void kill_often(hf_pool *p)
{
	struct losses w = { p, 0 };
	int32_t killed[KILLS];

	while (w.n < KILLS) {
		const hf_int4_array so_far = HF_ARRAY(int4, killed, w.n);
		int pid = (int)t_int(hf_query(p, kill_sql, t_name(), &so_far));

		if (pid) {
			killed[w.n++] = pid;
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
		send_next(s);
		t_wait_until(all_came, s, 100);
	}
	ck_assert(all_came(s));
}

struct lost {
	int n, early; /* early: committed before the span, within the time that a notice travels */
};

/* What was lost between the number before spans first to last and the next that was heard. The
 * server was heard from with the former, whose notice travelled for `travel` at most. */
static void check_hole(
	const struct story *s, const struct span *first, const struct span *last, struct lost *lost)
{
	int k = first->after;
	int64_t travel = heard_ns[k] - sent_ns[k];

	ck_assert_int_ge(first->from_ns, sent_ns[k]); /* no longer than need be */
	for (int n = k + 1; n <= s->sent && !heard_ns[n]; n++) {
		if (sent_ns[n] > last->to_ns || done_ns[n] < first->from_ns - travel)
			ck_abort_msg("%d is missing: sent %lld us after the gap began (%lld us "
				     "until it was committed), which lasted %lld us",
				n, (long long)(sent_ns[n] - first->from_ns) / 1000,
				(long long)(done_ns[n] - sent_ns[n]) / 1000,
				(long long)(last->to_ns - first->from_ns) / 1000);
		lost->n++;
		lost->early += done_ns[n] < first->from_ns;
	}
}

/* Gaps with nothing heard between them are one: what is missing may have been lost in either. */
static struct lost check_spans(const struct story *s)
{
	struct lost lost = { 0 };
	const struct span *first = s->spans, *end = s->spans + s->gaps;

	for (const struct span *g = first; g < end; g++) {
		ck_assert_int_lt(g->from_ns, g->to_ns);
		ck_assert_int_le(g->to_ns, g->told_ns);
		if (g + 1 < end && g[1].after == g->after) {
			ck_assert_int_ge(g[1].from_ns, g->to_ns);
			continue;
		}
		check_hole(s, first, g, &lost);
		first = g + 1;
	}
	return lost;
}

static int missing(const struct story *s)
{
	int n = 0;

	for (int i = 1; i <= s->sent; i++)
		n += !heard_ns[i];
	return n;
}

START_TEST(test_thousand_kills)
{
	hf_pool *p = t_pool(NULL);
	static struct story s;
	hf_listener *l = hf_listen(
		p, HF_LISTEN_OPTS(.on_notice = on_event, .arg = &s, .max_waiting = 1000000));
	pthread_t producer;
	struct lost lost;

	s.pool = p;
	sent_ns[0] = done_ns[0] = heard_ns[0] = hf_now_ns();
	t_listen(l, "numbered");
	ck_assert_int_eq(pthread_create(&producer, NULL, produce, &s), 0);
	kill_often(p);
	s.stop = true;
	pthread_join(producer, NULL);
	finish(&s);
	hf_listener_unref(l);
	ck_assert_int_eq(s.silent_holes, 0);
	ck_assert_int_eq(s.backwards, 0);
	ck_assert_int_eq(s.gaps, KILLS);
	ck_assert_int_gt(s.holes, 0); /* or nothing was tried */
	lost = check_spans(&s);
	printf("# %d sent, %d kills, %d gaps, %d holes, %d missing (%d on their way)\n", s.sent,
		KILLS, s.gaps, s.holes, lost.n, lost.early);
	ck_assert_int_eq(lost.n, missing(&s));
	t_close(p);
}
END_TEST

T_MAIN("listen_killed",
	{ "K7 a thousand kills lose no event outside an announced gap", test_thousand_kills, 180 })
