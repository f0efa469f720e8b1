/* SPDX-License-Identifier: MIT */
/* One descriptor for many futures and notices.
 *
 * An entry is made by hf_inbox_add, so that delivering it needs no memory. It is in one of three
 * places: `expected` (its future is pending), `events` (ready, not yet taken), or `taken` (lent to
 * the user). While expected it has two references, the list's and the watch's; the inbox then has
 * one for that watch as well.
 *
 * Going away: hf_inbox_unref marks the inbox closed and takes both lists out under the lock. Each
 * watch that it can still remove is gone; one that cannot be removed is running or about to: it
 * finds the inbox closed, and lets go of its references instead of delivering. Whoever is last
 * frees. A source (inbox.h) waits in `events` as well, and has a reference to the inbox all its
 * life; what it posts to a closed one is not taken.
 *
 * Locks: box->lock (HF__L_INBOX) guards the lists. Futures are watched, unwatched and let go of
 * without it. The descriptor is signalled and cleared under it, so that it is readable exactly
 * while there are events. */
#include "async/inbox.h"

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
	hf__mail mail;
	hf__ref refs;
	hf__watch watch;
	hf_inbox *box;
	hf_future *future; /* a reference */
	void *tag;
} entry;

APR_RING_HEAD(mails, hf__mail);

struct hf_inbox {
	hf__ref refs; /* the user's, one per watch that is set, one per source */
	unsigned forks;
	hf__wake wake;
	hf__mail *taken; /* belongs to the thread in hf_inbox_next */
	hf__mutex lock;
	bool closed;           /* guarded by lock */
	struct mails expected; /* guarded by lock; entries only */
	struct mails events;   /* guarded by lock; oldest first */
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

static hf__source *source_of(hf__mail *m)
{
	return hf_container_of(m, hf__source, mail);
}

/* Lets go of what was taken out of the inbox, an event that was lent or one that nobody will take.
 */
static void mail_put(hf__mail *m)
{
	if (!m)
		return;
	if (m->is_source)
		source_of(m)->ops->let_go(source_of(m));
	else
		entry_put(hf_container_of(m, entry, mail));
}

static void append_locked(hf_inbox *box, hf__mail *m)
{
	bool first = APR_RING_EMPTY(&box->events, hf__mail, link);

	APR_RING_INSERT_TAIL(&box->events, m, hf__mail, link);
	if (first)
		hf__wake_signal(&box->wake);
}

static void remove_locked(hf_inbox *box, hf__mail *m)
{
	APR_RING_REMOVE(m, link);
	if (m->is_source)
		source_of(m)->posted = false;
	if (APR_RING_EMPTY(&box->events, hf__mail, link))
		hf__wake_clear(&box->wake);
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
		APR_RING_REMOVE(&e->mail, link);
		append_locked(box, &e->mail);
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
	APR_RING_INIT(&box->expected, hf__mail, link);
	APR_RING_INIT(&box->events, hf__mail, link);
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
	e->mail.is_source = false;
	e->box = box;
	e->future = hf_future_ref(f);
	e->tag = tag;
	hf__ref_get(&box->refs);
	hf__lock(&box->lock);
	APR_RING_INSERT_TAIL(&box->expected, &e->mail, hf__mail, link);
	hf__unlock(&box->lock);
	hf__future_watch(f, &e->watch);
	return HF_OK;
}

static hf__mail *take_mail(hf_inbox *box)
{
	hf__mail *m = NULL;

	hf__lock(&box->lock);
	if (!APR_RING_EMPTY(&box->events, hf__mail, link)) {
		m = APR_RING_FIRST(&box->events);
		remove_locked(box, m);
	}
	hf__unlock(&box->lock);
	return m;
}

/* Takes events until one is good: a source may have none after all. */
static bool take_event(hf_inbox *box, hf_event *out)
{
	hf__mail *m;

	while ((m = take_mail(box)) != NULL) {
		*out = (hf_event){ 0 };
		if (!m->is_source) {
			out->future = hf_container_of(m, entry, mail)->future;
			out->tag = hf_container_of(m, entry, mail)->tag;
			break;
		}
		if (source_of(m)->ops->take(source_of(m), out))
			break;
		mail_put(m);
	}
	box->taken = m;
	return m != NULL;
}

static void release_taken(hf_inbox *box)
{
	hf__mail *m = box->taken;

	if (m && m->is_source)
		source_of(m)->ops->release(source_of(m));
	box->taken = NULL;
	mail_put(m);
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
	release_taken(box);
	do {
		if (take_event(box, out))
			return true;
	} while (wait_readable(box, deadline));
	return false;
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

/* Takes everything out, for good. */
static void close_box(hf_inbox *box, struct mails *expected, struct mails *events)
{
	hf__mail *m;

	hf__lock(&box->lock);
	box->closed = true;
	APR_RING_CONCAT(expected, &box->expected, hf__mail, link);
	APR_RING_CONCAT(events, &box->events, hf__mail, link);
	APR_RING_FOREACH (m, events, hf__mail, link)
		if (m->is_source)
			source_of(m)->posted = false;
	hf__unlock(&box->lock);
}

hf_inbox *hf_inbox_unref(hf_inbox *box)
{
	struct mails expected, events;

	if (!usable(box))
		return NULL;
	APR_RING_INIT(&expected, hf__mail, link);
	APR_RING_INIT(&events, hf__mail, link);
	close_box(box, &expected, &events);
	while (!APR_RING_EMPTY(&expected, hf__mail, link)) {
		hf__mail *m = APR_RING_FIRST(&expected);

		APR_RING_REMOVE(m, link);
		give_up(box, hf_container_of(m, entry, mail));
	}
	while (!APR_RING_EMPTY(&events, hf__mail, link)) {
		hf__mail *m = APR_RING_FIRST(&events);

		APR_RING_REMOVE(m, link);
		mail_put(m);
	}
	release_taken(box);
	box_put(box);
	return NULL;
}

/* --- sources --- */

bool hf__source_init(hf__source *s, hf_inbox *box, const hf__source_ops *ops)
{
	if (!usable(box))
		return false;
	*s = (hf__source){ .mail.is_source = true, .box = box, .ops = ops };
	hf__ref_get(&box->refs);
	return true;
}

void hf__source_finish(hf__source *s)
{
	box_put(s->box);
	s->box = NULL;
}

void hf__inbox_post(hf__source *s)
{
	hf_inbox *box = s->box;

	hf__lock(&box->lock);
	if (!box->closed && !s->posted) {
		s->posted = true;
		s->ops->hold(s);
		append_locked(box, &s->mail);
	}
	hf__unlock(&box->lock);
}

void hf__inbox_withdraw(hf__source *s)
{
	hf_inbox *box = s->box;
	bool posted;

	hf__lock(&box->lock);
	posted = s->posted;
	if (posted)
		remove_locked(box, &s->mail);
	hf__unlock(&box->lock);
	if (posted)
		s->ops->let_go(s);
}
