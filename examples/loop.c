/* SPDX-License-Identifier: MIT */
/* The work of the loop_* programs: 1,000 questions, at most 50 of them under way, and 1,000
 * notices, which come a hundred at once. Nothing here knows which loop it runs in. */
#include "loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define QUESTIONS 1000
#define UNDER_WAY 50
#define BURST     100  /* notices that one transaction sends */
#define REST_MS   5100 /* loops count from where their turn began */

/* What an event's future is of: the tag points to one of these. */
static const char question[] = "question", burst[] = "burst", add_channel[] = "channel";

static void fail(work *w, const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	w->failed = true;
}

/* Gives the future away to the inbox. The tag comes back as it is; nobody writes through it. */
static void watch(work *w, hf_future *f, const char *what)
{
	hf_status st = hf_inbox_add(w->box, f, (void *)(uintptr_t)what);

	if (st != HF_OK)
		fail(w, what, hf_status_name(st));
	hf_future_unref(f);
}

static void ask(work *w)
{
	int n = ++w->asked;

	watch(w, hf_query(w->pool, "select 2 * $1::int", n), question);
	if (n % BURST == 0)
		watch(w,
			hf_query(w->pool,
				"select pg_notify($1, n::text) from generate_series($2::int, "
				"$3::int) n",
				w->channel, n - BURST + 1, n),
			burst);
}

/* A future of the inbox is ready: get does not wait. */
static void on_future(work *w, hf_future *f, const char *what)
{
	const hf_result *res;

	if (hf_future_get(f, &res) != HF_OK) {
		fail(w, what, hf_error_message(hf_future_error(f)));
	} else if (what == add_channel) {
		while (w->asked < UNDER_WAY)
			ask(w);
	} else if (what == question) {
		w->answers++;
		w->answer_sum += hf_row_int8(hf_result_row(res, 0), 0, 0);
		if (w->asked < QUESTIONS)
			ask(w);
	}
}

static void on_notice(work *w, const hf_notice *n)
{
	if (n->gap) { /* a program with a copy of a table reads it anew here */
		fail(w, n->channel, "notices may be missing");
		return;
	}
	w->notices++;
	w->notice_sum += atoi(n->payload);
}

void work_event(work *w, const hf_event *ev)
{
	if (ev->notice)
		on_notice(w, ev->notice);
	else
		on_future(w, ev->future, ev->tag);
}

void work_tick(work *w)
{
	int64_t now = hf_now_ns();

	if (now - w->due_ns > w->late_ns)
		w->late_ns = now - w->due_ns;
	w->due_ns = now + TICK_MS * 1000000LL;
}

bool work_done(const work *w)
{
	return w->failed || (w->answers == QUESTIONS && w->notices == QUESTIONS);
}

bool work_start(work *w, int argc, char **argv)
{
	hf_error *why;

	memset(w, 0, sizeof *w);
	w->check = argc > 1 && strcmp(argv[1], "--check") == 0;
	argv += w->check;
	argc -= w->check;
	if (hf_pool_open(argc > 1 ? argv[1] : "", HF_POOL_OPTS(.max_conns = 4), &w->pool, &why) !=
		HF_OK) {
		fprintf(stderr, "%s\n", hf_error_message(why));
		hf_error_unref(why);
		return false;
	}
	w->box = hf_inbox_new();
	if (!w->box) {
		perror("inbox");
		hf_pool_unref(w->pool);
		return false;
	}
	snprintf(w->channel, sizeof w->channel, "holdfast_loop_%d", (int)getpid());
	w->listener = hf_listen(w->pool, HF_LISTEN_OPTS(.inbox = w->box));
	watch(w, hf_listener_add(w->listener, w->channel), add_channel);
	w->due_ns = hf_now_ns() + TICK_MS * 1000000LL;
	return true;
}

/* CPU time of all threads of this process. */
static int64_t cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000LL +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000LL;
}

int work_rest(work *w)
{
	work_tick(w); /* the last may have been due and not have come */
	printf("%d answers, sum %" PRId64 "; %d notices, sum %" PRId64 "\n", w->answers,
		w->answer_sum, w->notices, w->notice_sum);
	printf("timer at most %" PRId64 " ms late\n", w->late_ns / 1000000);
	fflush(stdout);
	w->rest_ns = hf_now_ns();
	w->cpu_ns = cpu_ns();
	return w->check && !w->failed ? REST_MS : 0;
}

/* The listener first, so that nothing more comes; then the inbox, which lets go of the futures that
 * nobody waits for any more; the pool last: it lets what is under way run to its end. */
int work_end(work *w)
{
	bool done = work_done(w);

	if (w->check && done && !w->failed)
		printf("at rest for %" PRId64 " ms, %.2f %% of a CPU\n",
			(hf_now_ns() - w->rest_ns) / 1000000,
			100.0 * (double)(cpu_ns() - w->cpu_ns) /
				(double)(hf_now_ns() - w->rest_ns));
	if (!done)
		printf("interrupted\n");
	hf_listener_unref(w->listener);
	hf_inbox_unref(w->box);
	hf_pool_close(w->pool, 1000);
	hf_pool_unref(w->pool);
	return w->failed ? 1 : done ? 0 : 2;
}
