/* SPDX-License-Identifier: MIT */
/* The demonstration, third part: a row lock that is taken in one call, used in another one from
 * another thread, and waited for by a rival meanwhile. */
#include "demo.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define ROW      42
#define PAUSE_MS 150 /* twice, for the picture */

/* When things happened, in ns since the scene began. */
struct scene {
	hf_pool *pool;
	hf_txn *txn;
	int64_t began, old;
	int64_t locked, asked, taken_up, committing, committed, rival_done;
	bool ok, rival_ok;
};

static int64_t since(const struct scene *s)
{
	return hf_now_ns() - s->began;
}

static bool somebody_waits(hf_pool *p)
{
	const struct timespec tick = { 0, 2000000 };

	for (int64_t until = hf_now_ns() + 5000000000; hf_now_ns() < until;) {
		if (demo_number(hf_query(p, "select count(*) from pg_stat_activity "
					    "where wait_event_type = 'Lock' and application_name = "
					    "current_setting('application_name')"),
			    "look for waiters") > 0)
			return true;
		nanosleep(&tick, NULL);
	}
	return false;
}

static void pause_for_the_picture(void)
{
	const struct timespec t = { 0, PAUSE_MS * 1000000L };

	nanosleep(&t, NULL);
}

/* The second call: thread B knows nothing but the transaction's handle. */
static void *thread_b(void *arg)
{
	struct scene *s = arg;
	hf_future *f;

	s->taken_up = since(s);
	f = hf_txn_query(
		s->txn, "update test_values set val1 = $1 where id = $2", s->old + 100, ROW);
	s->ok = demo_done(f, "thread B's update");
	pause_for_the_picture();
	s->committing = since(s);
	s->ok = demo_done(hf_txn_commit(s->txn), "thread B's commit") && s->ok;
	s->committed = since(s);
	return NULL;
}

/* Wants the same row, at the same time. */
static void *rival(void *arg)
{
	struct scene *s = arg;

	s->asked = since(s);
	s->rival_ok = demo_done(
		hf_query(s->pool, "update test_values set val1 = val1 + 100 where id = $1", ROW),
		"the rival's update");
	s->rival_done = since(s);
	return NULL;
}

static void draw(const struct scene *s)
{
	int64_t whole = s->rival_done;
	ui_cell cells[UI_LANE];

	ui_axis(whole);
	ui_blank(cells);
	ui_fill(cells, 0, s->locked, whole, "L", UI_GREEN);
	ui_lane("thread A", cells, " locks");
	ui_blank(cells);
	ui_fill(cells, s->locked, s->committed, whole, "#", UI_CYAN);
	ui_lane("row lock", cells, " held");
	ui_blank(cells);
	ui_fill(cells, s->asked, s->rival_done, whole, ".", UI_RED);
	ui_fill(cells, s->rival_done, s->rival_done, whole, "U", UI_GREEN);
	ui_lane("rival", cells, " waits");
	ui_blank(cells);
	ui_fill(cells, s->taken_up, s->committed, whole, "U=", UI_GREEN);
	ui_fill(cells, s->committed, s->committed, whole, "C", UI_GREEN);
	ui_lane("thread B", cells, " commits");
}

static void tell(const struct scene *s, int64_t now)
{
	char a[32], b[32];

	ui_say("thread A Locked the row in %s; the call returned, the lock stayed",
		ui_span(s->locked, a));
	ui_say("thread B took it up %s later: Updated the row, Committed after %s",
		ui_span(s->taken_up - s->locked, a), ui_span(s->committed - s->taken_up, b));
	ui_say("the rival waited %s and wrote after the commit",
		ui_span(s->rival_done - s->asked, a));
	ui_check(s->ok && s->rival_ok && s->rival_done > s->committing,
		"the rival had to wait for the commit");
	ui_check(now == s->old + 200, "no update was lost: %" PRId64 " + 100 + 100 = %" PRId64,
		s->old, now);
}

/* The rival has asked; the lock is kept a while for the picture, then B ends it. */
static void hand_over(struct scene *s)
{
	pthread_t b;

	if (!ui_check(somebody_waits(s->pool), "the server says: the rival waits for the row"))
		return;
	pause_for_the_picture();
	if (pthread_create(&b, NULL, thread_b, s) == 0)
		pthread_join(b, NULL);
}

void demo_row_lock(hf_pool *p)
{
	struct scene s = { .pool = p, .began = hf_now_ns() };
	pthread_t other;

	ui_step("A row lock that outlives the call, and changes threads");
	s.txn = hf_txn_begin(p, HF_TXN_OPTS(.label = "demo lock"));
	s.old = demo_number(
		hf_txn_query(s.txn, "select val1 from test_values where id = $1 for update", ROW),
		"thread A's lock");
	s.locked = since(&s);
	if (pthread_create(&other, NULL, rival, &s) != 0) {
		ui_check(false, "no thread could be started");
		s.txn = hf_txn_unref(s.txn);
		return;
	}
	hand_over(&s);
	s.txn = hf_txn_unref(s.txn);
	pthread_join(other, NULL);
	draw(&s);
	tell(&s, demo_number(hf_query(p, "select val1 from test_values where id = $1", ROW),
			 "read the value"));
}
