/* SPDX-License-Identifier: MIT */
/* One descriptor for many futures.
 *
 * An entry is made by hf_inbox_add, so that delivering it needs no memory. It is in one of three
 * places: `expected` (its future is pending), `events` (ready, not yet taken), or `taken` (lent to
 * the user). While expected it has two references, the list's and the watch's; the inbox then has
 * one for that watch as well.
 *
 * Going away: hf_inbox_unref marks the inbox closed and takes both lists out under the lock. Each
 * watch that it can still remove is gone; one that cannot be removed is running or about to: it
 * finds the inbox closed, and lets go of its references instead of delivering. Whoever is last
 * frees.
 *
 * Locks: box->lock (HF__L_INBOX) guards the lists. Futures are watched, unwatched and let go of
 * without it. The descriptor is signalled and cleared under it, so that it is readable exactly
 * while there are events. */
#include <holdfast/inbox.h>

#include "async/future.h"
#include "base/attr.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/mem.h"
#include "base/wake.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

typedef struct entry {
	APR_RING_ENTRY(entry) link;
	hf__ref refs;
	hf__watch watch;
	hf_inbox *box;
	hf_future *future; /* a reference */
	void *tag;
} entry;

APR_RING_HEAD(entries, entry);

struct hf_inbox {
	hf__ref refs; /* the user's, and one per watch that is set */
	unsigned forks;
	hf__wake wake;
	entry *taken; /* belongs to the thread in hf_inbox_next */
	hf__mutex lock;
	bool closed;             /* guarded by lock */
	struct entries expected; /* guarded by lock */
	struct entries events;   /* guarded by lock; oldest first */
};

/* Usable here: it exists, and this process made it. */
static bool usable(const hf_inbox *box)
{
	return box && box->forks == hf__fork_count();
}

static void box_put(hf_inbox *box)
{
	if (!hf__ref_put(&box->refs))
		return;
	hf__wake_finish(&box->wake);
	hf__mutex_finish(&box->lock);
	hf__free(box);
}

static void entry_put(entry *e)
{
	if (!e || !hf__ref_put(&e->refs))
		return;
	hf_future_unref(e->future);
	hf__free(e);
}

static void deliver_locked(hf_inbox *box, entry *e)
{
	bool first = APR_RING_EMPTY(&box->events, entry, link);

	APR_RING_REMOVE(e, link);
	APR_RING_INSERT_TAIL(&box->events, e, entry, link);
	if (first)
		hf__wake_signal(&box->wake);
}

/* The watch lets go of its entry under the lock when it delivers (the list still holds it), since
 * the entry may be taken and freed as soon as the lock is released. */
static void on_ready(hf__watch *w, hf_future *f)
{
	entry *e = hf_container_of(w, entry, watch);
	hf_inbox *box = e->box;
	bool closed;

	(void)f;
	hf__lock(&box->lock);
	closed = box->closed;
	if (!closed) {
		deliver_locked(box, e);
		entry_put(e);
	}
	hf__unlock(&box->lock);
	if (closed)
		entry_put(e);
	box_put(box);
}

hf_inbox *hf_inbox_new(void)
{
	hf_inbox *box = hf__calloc(sizeof *box);

	if (!box) {
		errno = ENOMEM;
		return NULL;
	}
	if (!hf__wake_init(&box->wake)) {
		hf__free(box);
		return NULL;
	}
	hf__fork_watch();
	hf__ref_init(&box->refs);
	box->forks = hf__fork_count();
	hf__mutex_init(&box->lock, HF__L_INBOX);
	APR_RING_INIT(&box->expected, entry, link);
	APR_RING_INIT(&box->events, entry, link);
	return box;
}

int hf_inbox_fd(const hf_inbox *box)
{
	return box ? box->wake.fd : -1;
}

hf_status hf_inbox_add(hf_inbox *box, hf_future *f, void *tag)
{
	entry *e;

	if (!box || !f)
		return HF_E_MISUSE;
	if (!usable(box) || hf__future_forked(f))
		return HF_E_FORKED;
	e = hf__alloc(sizeof *e);
	if (!e)
		return HF_E_NOMEM;
	hf__ref_init(&e->refs);
	hf__ref_get(&e->refs);
	hf__watch_init(&e->watch, on_ready);
	e->box = box;
	e->future = hf_future_ref(f);
	e->tag = tag;
	hf__ref_get(&box->refs);
	hf__lock(&box->lock);
	APR_RING_INSERT_TAIL(&box->expected, e, entry, link);
	hf__unlock(&box->lock);
	hf__future_watch(f, &e->watch);
	return HF_OK;
}

static entry *take_event(hf_inbox *box)
{
	entry *e = NULL;

	hf__lock(&box->lock);
	if (!APR_RING_EMPTY(&box->events, entry, link)) {
		e = APR_RING_FIRST(&box->events);
		APR_RING_REMOVE(e, link);
		if (APR_RING_EMPTY(&box->events, entry, link))
			hf__wake_clear(&box->wake);
	}
	hf__unlock(&box->lock);
	return e;
}

/* False when the deadline has passed; true may come early (a signal): look, and call again. */
static bool wait_readable(const hf_inbox *box, int64_t deadline)
{
	struct pollfd p = { .fd = box->wake.fd, .events = POLLIN };
	int left = hf__ms_left(deadline, deadline == HF__NEVER ? -1 : INT_MAX);

	if (left == 0)
		return false;
	poll(&p, 1, left);
	return true;
}

bool hf_inbox_next(hf_inbox *box, int ms, hf_event *out)
{
	int64_t deadline = hf__deadline(ms);

	if (!usable(box) || !out)
		return false;
	entry_put(box->taken);
	box->taken = take_event(box);
	while (!box->taken && wait_readable(box, deadline))
		box->taken = take_event(box);
	if (!box->taken)
		return false;
	out->future = box->taken->future;
	out->tag = box->taken->tag;
	return true;
}

/* An entry that was expected when the inbox closed. */
static void give_up(hf_inbox *box, entry *e)
{
	if (hf__future_unwatch(e->future, &e->watch)) {
		entry_put(e); /* the watch's */
		box_put(box);
	}
	entry_put(e);
}

hf_inbox *hf_inbox_unref(hf_inbox *box)
{
	struct entries expected, events;

	if (!usable(box))
		return NULL;
	APR_RING_INIT(&expected, entry, link);
	APR_RING_INIT(&events, entry, link);
	hf__lock(&box->lock);
	box->closed = true;
	APR_RING_CONCAT(&expected, &box->expected, entry, link);
	APR_RING_CONCAT(&events, &box->events, entry, link);
	hf__unlock(&box->lock);

	while (!APR_RING_EMPTY(&expected, entry, link)) {
		entry *e = APR_RING_FIRST(&expected);

		APR_RING_REMOVE(e, link);
		give_up(box, e);
	}
	while (!APR_RING_EMPTY(&events, entry, link)) {
		entry *e = APR_RING_FIRST(&events);

		APR_RING_REMOVE(e, link);
		entry_put(e);
	}
	entry_put(box->taken);
	box_put(box);
	return NULL;
}
