/* SPDX-License-Identifier: MIT */
/* An event loop of one's own, made of poll(): answers and notices through one descriptor, beside a
 * timer and signals. What there is to do stands in loop.c.
 *
 *     cc loop_poll.c loop.c $(pkg-config --cflags --libs holdfast) && ./a.out "postgresql:///mydb"
 */
#include "loop.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* At most so many events in one turn: however fast they come, timer and signals have theirs. What
 * is left over keeps the descriptor readable. */
static void take_events(work *w)
{
	hf_event ev;

	for (int i = 0; i < EVENTS_AT_ONCE && hf_inbox_next(w->box, 0, &ev); i++)
		work_event(w, &ev);
}

/* Rounded up: a timer that is not due yet would otherwise make the loop spin. */
static int ms_until(int64_t ns)
{
	int64_t left = ns - hf_now_ns();

	return left > 0 ? (int)((left + 999999) / 1000000) : 0;
}

static void run(work *w, int signals)
{
	struct pollfd fds[] = {
		{ .fd = hf_inbox_fd(w->box), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};
	int64_t end_ns = 0; /* when the rest is over; 0: there is work to do yet */

	while (!end_ns || hf_now_ns() < end_ns) {
		poll(fds, 2, ms_until(end_ns ? end_ns : w->due_ns));
		if (fds[1].revents)
			break;
		if (fds[0].revents)
			take_events(w);
		if (!end_ns && hf_now_ns() >= w->due_ns)
			work_tick(w);
		if (!end_ns && work_done(w))
			end_ns = hf_now_ns() + work_rest(w) * 1000000LL;
	}
}

int main(int argc, char **argv)
{
	sigset_t set;
	int signals;
	work w;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0) {
		perror("signalfd");
		return 1;
	}
	if (!work_start(&w, argc, argv))
		return 1;
	run(&w, signals);
	close(signals);
	return work_end(&w);
}
