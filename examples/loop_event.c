/* SPDX-License-Identifier: MIT */
/* Answers and notices in libevent's loop: the inbox's descriptor is an event that stays. What there
 * is to do stands in loop.c.
 *
 *     cc loop_event.c loop.c $(pkg-config --cflags --libs holdfast libevent) &&
 *             ./a.out "postgresql:///mydb" */
#include "loop.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>

typedef struct app {
	work work;
	struct event_base *base;
	struct event *inbox, *tick, *sigint, *sigterm;
} app;

static struct timeval in_ms(int ms)
{
	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	app *a = arg;

	(void)number;
	(void)what;
	event_base_loopbreak(a->base);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	app *a = arg;

	(void)fd;
	(void)what;
	work_tick(&a->work);
}

/* At most so many events in one turn: however fast they come, the loop's other events have theirs.
 * Without EV_ET it is level-triggered: what is left over calls here again. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	app *a = arg;
	hf_event ev;

	(void)fd;
	(void)what;
	for (int i = 0; i < EVENTS_AT_ONCE && hf_inbox_next(a->work.box, 0, &ev); i++)
		work_event(&a->work, &ev);
	if (work_done(&a->work) && event_pending(a->tick, EV_TIMEOUT, NULL)) {
		struct timeval rest = in_ms(work_rest(&a->work));

		event_del(a->tick);
		event_base_loopexit(a->base, &rest);
	}
}

static bool start(app *a)
{
	struct timeval tick = in_ms(TICK_MS);

	a->base = event_base_new();
	if (!a->base)
		return false;
	a->inbox =
		event_new(a->base, hf_inbox_fd(a->work.box), EV_READ | EV_PERSIST, on_readable, a);
	a->tick = event_new(a->base, -1, EV_PERSIST, on_tick, a);
	a->sigint = evsignal_new(a->base, SIGINT, on_signal, a);
	a->sigterm = evsignal_new(a->base, SIGTERM, on_signal, a);
	return event_add(a->inbox, NULL) == 0 && event_add(a->tick, &tick) == 0 &&
	       event_add(a->sigint, NULL) == 0 && event_add(a->sigterm, NULL) == 0;
}

/* Takes the inbox and all else out of the loop. */
static void stop(app *a)
{
	event_free(a->inbox);
	event_free(a->tick);
	event_free(a->sigint);
	event_free(a->sigterm);
	event_base_free(a->base);
}

int main(int argc, char **argv)
{
	app a;

	if (!work_start(&a.work, argc, argv))
		return 1;
	if (!start(&a)) {
		fprintf(stderr, "libevent cannot start\n");
		return 1;
	}
	event_base_dispatch(a.base);
	stop(&a);
	return work_end(&a.work);
}
