/* SPDX-License-Identifier: MIT */
/* Waiting for futures.
 *
 * A thread that sleeps brings a gate that counts its wake-ups (the sleeper), and one waiter per
 * future, all on its stack. It links a waiter into each future under that future's lock.
 * The completing thread marks the future ready and takes the whole list out under the same lock,
 * releases it (and may complete more), and then opens each sleeper's gate: once per waiter taken.
 *
 * Leaving, by time-out or because one of several is ready, is the delicate part: a completing
 * thread may have taken our waiter and be about to touch it. So for each waiter we look under the
 * future's lock: not ready, then the waiter is still linked and we take it out; ready, then it was
 * taken and exactly one wake-up is on its way. We leave when we have received as many wake-ups as
 * are owed. That is short: the other thread waits for nothing in between.
 *
 * Some futures' work can be done by a thread that sleeps for it, when a descriptor can be read
 * (hf__future_ops.watch). Then it sleeps in poll() on those and on a bell of its own, which is rung
 * before its gate is opened, so that it is not rung any more once all that is owed has come.
 *
 * Locks: one future's (HF__L_FUTURE) at a time. */
#include "async/wait.h"

#include "async/bell.h"
#include "base/clock.h"
#include "base/mem.h"
#include "value/blocking.h"

#include <poll.h>

enum { ON_STACK = 16 };

/* This thread's, while it is in poll(): what it completes itself needs no bell. */
static _Thread_local const struct hf__sleeper *polling;

void hf__waiters_move(hf__waiter **to, hf__waiter **from)
{
	hf__waiter *last = *from;

	while (last->next)
		last = last->next;
	last->next = *to;
	*to = *from;
	*from = NULL;
}

void hf__waiters_wake(hf__waiter *list)
{
	for (hf__waiter *next; list; list = next) {
		next = list->next; /* the waiter is gone once its sleeper is awake */
		if (list->who->bell && list->who != polling) {
			atomic_store_explicit(&list->who->rung, true, memory_order_relaxed);
			hf__wake_signal(list->who->bell);
		}
		hf__gate_open(&list->who->woken);
	}
}

/* False: the future is ready, there is nothing to wait for. */
static bool link_waiter(hf_future *f, hf__waiter *w, struct hf__sleeper *who)
{
	bool pending;

	hf__lock(&f->lock);
	pending = !hf_future_ready(f);
	if (pending) {
		w->who = who;
		w->next = f->waiters;
		w->at = &f->waiters;
		if (w->next)
			w->next->at = &w->next;
		f->waiters = w;
	}
	hf__unlock(&f->lock);
	return pending;
}

/* False: it has been taken by a completing thread, which owes a wake-up. */
static bool unlink_waiter(hf_future *f, hf__waiter *w)
{
	bool pending;

	hf__lock(&f->lock);
	pending = !hf_future_ready(f);
	if (pending) {
		*w->at = w->next;
		if (w->next)
			w->next->at = w->at;
	}
	hf__unlock(&f->lock);
	return pending;
}

/* The first that is ready, by index; n when none is. */
static size_t first_ready(hf_future *const *fs, size_t n)
{
	size_t i = 0;

	while (i < n && !hf_future_ready(fs[i]))
		i++;
	return i;
}

/* --- sleeping on descriptors --- */

/* Whether there is one to sleep on; ps[i] is of fs[i], ps[n] the bell's. */
static bool watch_all(hf_future *const *fs, size_t n, struct pollfd *ps)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		ps[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
		if (fs[i]->ops->watch && !hf_future_ready(fs[i]))
			ps[i].fd = fs[i]->ops->watch(fs[i]);
		any |= ps[i].fd >= 0;
	}
	return any;
}

static void attend_all(hf_future *const *fs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fs[i]->ops->attend && !hf_future_ready(fs[i]))
			fs[i]->ops->attend(fs[i]);
}

static void unwatch_all(hf_future *const *fs, size_t n, const struct pollfd *ps)
{
	for (size_t i = 0; i < n; i++)
		if (ps[i].fd >= 0)
			fs[i]->ops->unwatch(fs[i]);
}

static void advance_all(hf_future *const *fs, size_t n, struct pollfd *ps)
{
	for (size_t i = 0; i < n; i++)
		if (ps[i].fd >= 0 && ps[i].revents && !fs[i]->ops->advance(fs[i]))
			ps[i].fd = -1;
}

static void poll_all(
	hf_future *const *fs, size_t n, struct pollfd *ps, const hf__wake *bell, int64_t deadline)
{
	while (first_ready(fs, n) == n && hf__now() < deadline) {
		if (poll(ps, n + 1, hf__ms_left(deadline, 60000)) <= 0)
			continue;
		if (ps[n].revents) /* what it was rung for is ready by now */
			hf__wake_clear(bell);
		advance_all(fs, n, ps);
	}
}

/* --- sleeping --- */

/* Links as many waiters as it can, all unless one is ready, and sleeps. */
static size_t link_and_sleep(hf_future *const *fs, size_t n, hf__waiter *ws, int64_t deadline,
	struct hf__sleeper *me, struct pollfd *ps)
{
	size_t linked = 0;

	while (linked < n && link_waiter(fs[linked], &ws[linked], me))
		linked++;
	if (linked == n && me->bell) {
		polling = me;
		poll_all(fs, n, ps, me->bell, deadline);
		polling = NULL;
	} else if (linked == n) {
		hf__gate_wait(&me->woken, 1, deadline);
	}
	return linked;
}

/* Sleeps until one of them is ready or the deadline has passed. */
static void sleep_on(hf_future *const *fs, size_t n, hf__waiter *ws, int64_t deadline)
{
	struct hf__sleeper me = { .bell = NULL };
	struct pollfd ps[ON_STACK + 1];
	unsigned owed = 0;
	size_t linked;
	bool any;

	hf__gate_init(&me.woken);
	atomic_init(&me.rung, false);
	any = n <= ON_STACK && watch_all(fs, n, ps);
	if (any)
		me.bell = hf__bell();
	if (n > ON_STACK || (any && !me.bell))
		attend_all(fs, n);
	if (me.bell)
		ps[n] = (struct pollfd){ .fd = me.bell->fd, .events = POLLIN };
	linked = link_and_sleep(fs, n, ws, deadline, &me, ps);
	if (n <= ON_STACK)
		unwatch_all(fs, n, ps);
	for (size_t i = 0; i < linked; i++)
		owed += !unlink_waiter(fs[i], &ws[i]);
	hf__gate_wait(&me.woken, owed, HF__NEVER);
	if (me.bell && atomic_load_explicit(&me.rung, memory_order_relaxed))
		hf__wake_clear(me.bell);
}

/* What forbids any waiting for `f`, ready or not. */
static hf_status untouchable(const hf_future *f)
{
	if (!f)
		return HF_E_MISUSE;
	return hf__future_forked(f) ? HF_E_FORKED : HF_OK;
}

static hf_status all_touchable(hf_future *const *fs, size_t n)
{
	hf_status st = fs || n == 0 ? HF_OK : HF_E_MISUSE;

	for (size_t i = 0; i < n && st == HF_OK; i++)
		st = untouchable(fs[i]);
	return st;
}

static bool any_stuck(hf_future *const *fs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!hf_future_ready(fs[i]) && hf__future_stuck(fs[i]))
			return true;
	return false;
}

hf_status hf_future_wait(hf_future *f)
{
	return hf_future_wait_until(f, HF__NEVER);
}

hf_status hf_future_wait_for(hf_future *f, int ms)
{
	return hf_future_wait_until(f, hf__deadline(ms));
}

hf_status hf_future_wait_until(hf_future *f, int64_t monotonic_ns)
{
	hf_status st = untouchable(f);
	hf__waiter w;

	if (st != HF_OK || hf_future_ready(f))
		return st;
	if (hf__future_stuck(f))
		return HF_E_DEADLOCK;
	if (hf__blocking_guarded() && hf__now() < monotonic_ns && !hf__may_block("hf_future_wait"))
		return HF_E_MISUSE;
	if (monotonic_ns == HF__NEVER && f->ops->help)
		f->ops->help(f);
	if (!hf_future_ready(f) && hf__now() < monotonic_ns)
		sleep_on(&f, 1, &w, monotonic_ns);
	return hf_future_ready(f) ? HF_OK : HF_PENDING;
}

hf_status hf_wait_all(hf_future *const *fs, size_t n, int ms)
{
	int64_t deadline = hf__deadline(ms);
	hf_status st = all_touchable(fs, n);

	if (st == HF_OK && any_stuck(fs, n))
		st = HF_E_DEADLOCK;
	for (size_t i = 0; i < n && st == HF_OK; i++)
		st = hf_future_wait_until(fs[i], deadline);
	return st;
}

static hf_status wait_any(hf_future *const *fs, size_t n, int64_t deadline)
{
	hf__waiter few[ON_STACK], *ws = few;

	if (any_stuck(fs, n))
		return HF_E_DEADLOCK;
	if (hf__now() >= deadline)
		return HF_PENDING;
	if (!hf__may_block("hf_wait_any"))
		return HF_E_MISUSE;
	if (n > ON_STACK)
		ws = n <= SIZE_MAX / sizeof *ws ? hf__alloc(n * sizeof *ws) : NULL;
	if (!ws)
		return HF_E_NOMEM;
	sleep_on(fs, n, ws, deadline);
	if (ws != few)
		hf__free(ws);
	return HF_PENDING;
}

hf_status hf_wait_any(hf_future *const *fs, size_t n, int ms, size_t *out_index)
{
	int64_t deadline = hf__deadline(ms);
	hf_status st = n ? all_touchable(fs, n) : HF_E_MISUSE;
	size_t i = n;

	if (st == HF_OK && (i = first_ready(fs, n)) == n) {
		st = wait_any(fs, n, deadline);
		i = first_ready(fs, n);
	}
	if (i == n)
		return st;
	if (out_index)
		*out_index = i;
	return HF_OK;
}
