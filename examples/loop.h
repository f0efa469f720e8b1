/* SPDX-License-Identifier: MIT */
/* Work for an event loop, of which the loop_* programs share all but the loop: questions whose
 * answers, and notices that, come through one inbox. */
#ifndef LOOP_H
#define LOOP_H

#include <holdfast.h>

enum { TICK_MS = 10, EVENTS_AT_ONCE = 32 };

typedef struct work {
	hf_pool *pool;
	hf_inbox *box; /* its descriptor belongs into the loop */
	hf_listener *listener;
	char channel[40];
	bool check, failed;
	int asked, answers, notices;
	int64_t answer_sum, notice_sum;
	int64_t due_ns, late_ns; /* of the tick: when it is due next, and the most it was late */
	int64_t rest_ns, cpu_ns; /* where the rest began */
} work;

/* Opens what is needed and asks for the channel; the rest is done in the loop. The arguments of
 * main: [--check] [DSN]. */
bool work_start(work *w, int argc, char **argv);

/* Deals with one event of w->box. Does not block. */
void work_event(work *w, const hf_event *ev);

/* To be called every TICK_MS, from work_start until work_done. */
void work_tick(work *w);

/* All has been answered and heard, or it failed. */
bool work_done(const work *w);

/* Once after work_done: for how many milliseconds the loop is to idle before it ends. */
int work_rest(work *w);

/* After the loop, and after w->box was taken out of it: ends all and says how it went. The exit
 * code of main. */
int work_end(work *w);

#endif
