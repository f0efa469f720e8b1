/* SPDX-License-Identifier: MIT */
/* Answers and notices in libuv's loop: the inbox's descriptor is a uv_poll_t. What there is to do
 * stands in loop.c.
 *
 *     cc loop_uv.c loop.c $(pkg-config --cflags --libs holdfast libuv) &&
 *             ./a.out "postgresql:///mydb" */
#include "loop.h"

#include <signal.h>
#include <stdio.h>
#include <uv.h>

typedef struct app {
	work work;
	uv_loop_t loop;
	uv_poll_t inbox;
	uv_timer_t tick, end;
	uv_signal_t sigint, sigterm;
} app;

/* Takes the inbox and all else out of the loop, which then has nothing to do and returns. */
static void stop(app *a)
{
	uv_close((uv_handle_t *)&a->inbox, NULL);
	uv_close((uv_handle_t *)&a->tick, NULL);
	uv_close((uv_handle_t *)&a->end, NULL);
	uv_close((uv_handle_t *)&a->sigint, NULL);
	uv_close((uv_handle_t *)&a->sigterm, NULL);
}

static void on_end(uv_timer_t *end)
{
	stop(end->data);
}

static void on_signal(uv_signal_t *sig, int number)
{
	app *a = sig->data;

	(void)number;
	if (!uv_is_closing((uv_handle_t *)&a->inbox))
		stop(a);
}

static void on_tick(uv_timer_t *tick)
{
	app *a = tick->data;

	work_tick(&a->work);
}

/* At most so many events in one turn: however fast they come, the loop's other handles have theirs.
 * libuv watches level-triggered: what is left over calls here again. */
static void on_readable(uv_poll_t *inbox, int status, int events)
{
	app *a = inbox->data;
	hf_event ev;

	(void)status;
	(void)events;
	for (int i = 0; i < EVENTS_AT_ONCE && hf_inbox_next(a->work.box, 0, &ev); i++)
		work_event(&a->work, &ev);
	if (work_done(&a->work) && uv_is_active((uv_handle_t *)&a->tick)) {
		uv_timer_stop(&a->tick);
		uv_timer_start(&a->end, on_end, (uint64_t)work_rest(&a->work), 0);
	}
}

static void start(app *a)
{
	uv_loop_init(&a->loop);
	uv_poll_init(&a->loop, &a->inbox, hf_inbox_fd(a->work.box));
	uv_timer_init(&a->loop, &a->tick);
	uv_timer_init(&a->loop, &a->end);
	uv_signal_init(&a->loop, &a->sigint);
	uv_signal_init(&a->loop, &a->sigterm);
	a->inbox.data = a->tick.data = a->end.data = a->sigint.data = a->sigterm.data = a;
	uv_poll_start(&a->inbox, UV_READABLE, on_readable);
	uv_timer_start(&a->tick, on_tick, TICK_MS, TICK_MS);
	uv_signal_start(&a->sigint, on_signal, SIGINT);
	uv_signal_start(&a->sigterm, on_signal, SIGTERM);
}

int main(int argc, char **argv)
{
	app a;

	if (!work_start(&a.work, argc, argv))
		return 1;
	start(&a);
	uv_run(&a.loop, UV_RUN_DEFAULT);
	uv_loop_close(&a.loop);
	return work_end(&a.work);
}
