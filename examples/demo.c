/* SPDX-License-Identifier: MIT */
/* The demonstration: a story in nine steps on a real server. Run it with scripts/demo, or
 *
 *     examples/demo "postgresql:///mydb"
 *
 * It works in a schema of its own, holdfast_demo, which it drops at the end. Exit code: 0 when
 * every check was right, 1 when one was not or the server cannot be used, 2 for wrong usage. */
#include "demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Each session works in the schema of the demonstration. */
static hf_status enter_schema(hf_conn *c, void *arg)
{
	(void)arg;
	return hf_conn_query(c, NULL, "set search_path to holdfast_demo");
}

static hf_pool *open_pool(const char *dsn)
{
	hf_pool *p;
	hf_error *why;

	if (hf_pool_open(dsn,
		    HF_POOL_OPTS(.name = "demo", .min_conns = 2, .max_conns = DEMO_CONNS,
			    .connect_ms = 5000, .strict = true, .on_connect = enter_schema),
		    &p, &why) == HF_OK)
		return p;
	fprintf(stderr,
		"demo: %s\n"
		"demo: is the server up? give a connection string: demo \"postgresql:///mydb\"\n",
		hf_error_message(why));
	hf_error_unref(why);
	return NULL;
}

static void greet(hf_pool *p)
{
	const hf_result *res;
	hf_future *f =
		hf_query(p, "select 'PostgreSQL ' || split_part(current_setting("
			    "'server_version'), ' ', 1), current_setting('max_connections')");

	if (hf_future_get_for(f, 10000, &res) == HF_OK)
		ui_head("holdfast %s on %s: a pool of 2 to %d connections", hf_version(),
			hf_row_text(hf_result_row(res, 0), 0), DEMO_CONNS);
	hf_future_unref(f);
}

/* --- statistics and the end ----------------------------------------------------------------------
 */

static void pair(const char *a, uint64_t va, const char *b, uint64_t vb)
{
	char na[32], nb[32];

	ui_say("%-24s %9s      %-24s %9s", a, ui_number((int64_t)va, na), b,
		ui_number((int64_t)vb, nb));
}

static void show_stats(hf_pool *p)
{
	hf_pool_stats s = { .struct_size = sizeof s };
	char a[32], b[32];
	int64_t done;

	ui_step("What the pool says of itself");
	hf_pool_get_stats(p, &s);
	done = s.completed > 0 ? (int64_t)s.completed : 1;
	pair("connections now", s.conns, "work submitted", s.submitted);
	pair("  idle", s.idle, "  completed", s.completed);
	pair("  busy", s.busy, "  failed", s.failed);
	pair("  held by transactions", s.pinned, "  cancelled", s.canceled);
	pair("connects", s.connects, "  refused", s.rejected);
	pair("failed connects", s.connect_failures, "most ever queued", s.queued_peak);
	pair("connections discarded", s.discards, "threads woken", s.wakeups);
	pair("sessions reset", s.resets, "  for nothing", s.futile_wakeups);
	ui_say("on average %s in the queue and %s at work", ui_span((int64_t)s.queue_ns / done, a),
		ui_span((int64_t)s.run_ns / done, b));
	ui_check(s.busy == 0 && s.queued == 0 && s.completed == s.submitted,
		"all that was submitted has ended, nothing is left");
}

/* How many sessions the pool still has, seen by another one. A server process takes a moment to
 * notice that its client has gone. */
static int64_t sessions_left(const char *dsn)
{
	const struct timespec tick = { 0, 5000000 };
	int64_t n = -1, until = hf_now_ns() + 5000000000;
	hf_pool *p;

	if (hf_pool_open(dsn, HF_POOL_OPTS(.name = "demo-look", .max_conns = 1), &p, NULL) != HF_OK)
		return -1;
	for (;;) {
		n = demo_number(hf_query(p,
					"select count(*) from pg_stat_activity "
					"where application_name = $1",
					"demo"),
			"count the sessions");
		if (n <= 0 || hf_now_ns() > until)
			break;
		nanosleep(&tick, NULL);
	}
	if (hf_pool_close(p, 0) != HF_OK)
		n = -1;
	hf_pool_unref(p);
	return n;
}

static void finish(hf_pool *p, const char *dsn)
{
	int64_t began = hf_now_ns(), left;
	hf_status st;

	ui_step("The end: drain, close every session, join every thread");
	demo_done(hf_query(p, "drop schema holdfast_demo cascade"), "drop the schema");
	ui_row(hf_now_ns() - began, "drop schema holdfast_demo cascade", "done");
	began = hf_now_ns();
	st = hf_pool_close(p, 0);
	ui_row(hf_now_ns() - began, "hf_pool_close(pool, 0)", "%s", hf_status_name(st));
	ui_check(st == HF_OK && hf_pool_get_state(p) == HF_POOL_CLOSED, "the pool is closed");
	st = hf_await(hf_query(p, "select 1"), NULL);
	ui_check(st == HF_E_CLOSED, "what comes later is refused: %s", hf_status_name(st));
	left = sessions_left(dsn);
	ui_check(left == 0, "%d of its sessions are left on the server", (int)left);
}

int main(int argc, char **argv)
{
	const char *dsn = argc > 1 ? argv[1] : getenv("HOLDFAST_TEST_DSN");
	int64_t began = hf_now_ns();
	hf_pool *p;
	char took[32];

	if (!dsn || argc > 2) {
		fprintf(stderr, "usage: demo CONNECTION-STRING (or set HOLDFAST_TEST_DSN)\n");
		return 2;
	}
	ui_start();
	p = open_pool(dsn);
	if (!p)
		return 1;
	greet(p);
	if (demo_load(p)) {
		demo_queries(p);
		demo_interaction(p);
		demo_fifty(p);
		demo_cancel(p);
		demo_row_lock(p);
		demo_park(p);
		show_stats(p);
	}
	finish(p, dsn);
	hf_pool_unref(p);
	ui_verdict(ui_span(hf_now_ns() - began, took));
	return ui_failures() == 0 ? 0 : 1;
}
