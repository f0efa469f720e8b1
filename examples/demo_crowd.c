/* SPDX-License-Identifier: MIT */
/* The demonstration, second part: fifty at once, drawn as a chart, and a query that is cancelled.
 */
#include "demo.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define FIFTY   50
#define WAIT_MS 60000

struct run {
	int ms, pid;
	int64_t began, ended;
};

/* Notes who ran it and when. Only the worker writes; the future's readiness makes it visible. */
static hf_status nap(hf_conn *c, void *arg, hf_reply *reply)
{
	struct run *r = arg;
	hf_status st;

	(void)reply;
	r->pid = hf_conn_backend_pid(c);
	r->began = hf_now_ns();
	st = hf_conn_query(c, NULL, "select pg_sleep($1::float8 / 1000)", r->ms);
	r->ended = hf_now_ns();
	return st;
}

static char letter(int i)
{
	return (char)(i < 26 ? 'A' + i : 'a' + i - 26);
}

static void draw_lane(const struct run runs[FIFTY], int pid, int64_t began, int64_t wall)
{
	ui_cell cells[UI_LANE];
	char label[16], note[32], text[] = "?=";
	int64_t busy = 0;
	int n = 0;

	ui_blank(cells);
	for (int i = 0; i < FIFTY; i++) {
		if (runs[i].pid != pid)
			continue;
		text[0] = letter(i);
		ui_fill(cells, runs[i].began - began, runs[i].ended - began, wall, text,
			UI_GREEN + n % 2);
		busy += runs[i].ended - runs[i].began;
		n++;
	}
	snprintf(label, sizeof label, "%d", pid);
	snprintf(note, sizeof note, "%2d %3d %%", n, (int)(busy * 100 / wall));
	ui_lane(label, cells, note);
}

/* Which session of the server ran what, when: a lane for each, in the order of their first work. */
static int draw(const struct run runs[FIFTY], int64_t began, int64_t wall)
{
	int seen[FIFTY], n = 0;

	ui_axis(wall);
	for (int i = 0; i < FIFTY; i++) {
		int at = 0;

		while (at < n && seen[at] != runs[i].pid)
			at++;
		if (at < n)
			continue;
		seen[n++] = runs[i].pid;
		draw_lane(runs, runs[i].pid, began, wall);
	}
	return n;
}

void demo_fifty(hf_pool *p)
{
	hf_future *fs[FIFTY], *all;
	struct run runs[FIFTY] = { 0 };
	int64_t began, submitted, wall, sum = 0;
	char a[32], b[32], c[32];
	int lanes;

	ui_step("Fifty submissions at once: who ran what, when");
	began = hf_now_ns();
	for (int i = 0; i < FIFTY; i++) {
		runs[i].ms = 40 + i * 37 % 120;
		fs[i] = hf_run(p, nap, &runs[i], NULL);
	}
	submitted = hf_now_ns() - began;
	all = hf_when_all(fs, FIFTY);
	demo_done(all, "fifty");
	wall = hf_now_ns() - began;
	for (int i = 0; i < FIFTY; i++) {
		sum += runs[i].ended - runs[i].began;
		hf_future_unref(fs[i]);
	}
	ui_say("one lane for each server process, one letter for each submission");
	lanes = draw(runs, began, wall);
	ui_say("submitted in %s; %s of work done in %s: %.1f times as fast", ui_span(submitted, a),
		ui_span(sum, b), ui_span(wall, c), (double)sum / (double)wall);
	ui_check(lanes <= DEMO_CONNS, "never more than %d connections; %d took part", DEMO_CONNS,
		lanes);
	ui_check(wall < sum / 2, "the crowd was faster than a queue");
}

/* --- cancelling ----------------------------------------------------------------------------------
 */

static bool await_busy(hf_pool *p)
{
	const struct timespec tick = { 0, 1000000 };
	hf_pool_stats s = { .struct_size = sizeof s };

	for (int64_t until = hf_now_ns() + 5000000000; hf_now_ns() < until;) {
		hf_pool_get_stats(p, &s);
		if (s.busy > 0)
			return true;
		nanosleep(&tick, NULL);
	}
	return false;
}

void demo_cancel(hf_pool *p)
{
	hf_future *f = hf_query(p, "select pg_sleep(60)");
	int64_t began = hf_now_ns();
	hf_status st;

	ui_step("A query of a minute that is not wanted any more");
	st = hf_future_wait_for(f, 100);
	ui_row(hf_now_ns() - began, "hf_future_wait_for(f, 100)", "%s", hf_status_name(st));
	ui_check(st == HF_PENDING && await_busy(p), "my time was up, not the query's: it runs on");
	began = hf_now_ns();
	st = hf_future_cancel(f);
	ui_row(hf_now_ns() - began, "hf_future_cancel(f)", "%s", hf_status_name(st));
	began = hf_now_ns();
	st = hf_future_get_for(f, WAIT_MS, NULL);
	ui_row(hf_now_ns() - began, "hf_future_get(f)", "%s", hf_status_name(st));
	ui_check(st == HF_E_CANCELED && hf_now_ns() - began < 1000000000,
		"it ended within a second; its connection goes on");
	hf_future_unref(f);
}
