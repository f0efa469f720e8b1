/* SPDX-License-Identifier: MIT */
/* The inside of a future: who completes it, who watches it.
 *
 * Life. A future starts pending, with two references: the caller's and the producer's. The producer
 * completes it exactly once (hf__future_complete) and lets go. The first completion wins; later
 * ones are dropped quietly, so that worker, canceller and deadline need not agree. Whoever
 * completes it holds a reference until hf__future_complete has returned.
 *
 * Order of completion: the outcome is stored, the state becomes ready (release), waiters wake,
 * watchers run, callbacks are queued. Get inside a callback therefore always works. Completing
 * never allocates.
 *
 * Locks: f->lock (HF__L_FUTURE) guards outcome, waiters, watchers and calls. Waiters are woken and
 * watchers run after it is released. A waiter brings its own gate, on
 * its stack; how it leaves safely is told in wait.c. Two futures' locks are never held at once.
 *
 * Fork: a child touches nothing of a future that its parent made, not even a ready one: its lock
 * may be held for ever, its outcome half written. */
#ifndef HF_ASYNC_FUTURE_H
#define HF_ASYNC_FUTURE_H

#include "async/callbacks.h"
#include "base/lock.h"
#include "base/ref.h"

#include <holdfast/future.h>

typedef struct hf__outcome {
	hf_status status;
	hf_error *error;   /* a reference; NULL when status is HF_OK */
	hf_result *result; /* a reference, or NULL */
	void *value;
	hf_free_fn *free_value;
} hf__outcome;

/* An internal observer: runs inline on the completing thread, with no lock held, once. It must be
 * short and must not block. Embedded in its owner; the owner keeps itself alive until it has run or
 * been removed. */
typedef struct hf__watch {
	APR_RING_ENTRY(hf__watch) link; /* among those of its future */
	void (*ready)(struct hf__watch *w, hf_future *f);
	hf_future *future; /* guarded by that one's lock; NULL: it watches none */
} hf__watch;

struct hf__waiter; /* wait.h */

/* What depends on who made a future. */
typedef struct hf__future_ops {
	/* What hf_future_cancel answers while not ready; NULL: HF_E_BUSY. */
	hf_status (*cancel)(hf_future *f);
	void (*destroy)(hf_future *f); /* frees the block; called after hf__future_finish */
	/* What hf__future_stuck answers; NULL: false. */
	bool (*stuck)(const hf_future *f);
	/* A thread is about to wait for it, as long as it takes: it may do the work itself. NULL:
	 * it cannot. */
	void (*help)(hf_future *f);
	/* Others want to hear of it who will not wait for it: its work is not to be left to those
	 * that do. NULL: it is not. */
	void (*attend)(hf_future *f);
	/* How a thread that sleeps may do the work, when there is something to be read. NULL: it
	 * cannot; else all three are given.
	 *
	 * watch: a descriptor to sleep on (until unwatch), or -1: it is ready by itself. advance:
	 * that can be read; does what can be done without waiting. False: it need not be slept on
	 * any more, and is not watched. */
	int (*watch)(hf_future *f);
	bool (*advance)(hf_future *f);
	void (*unwatch)(hf_future *f);
} hf__future_ops;

/* Embedded first in what produces it (a job, a combination), so that a queued query is one block.
 */
struct hf_future {
	hf__ref refs;
	unsigned forks; /* hf__fork_count() when it was made */
	const hf__future_ops *ops;
	hf__callbacks *calls_to; /* lent by the maker; NULL: the process's common one */
	hf__mutex lock;
	hf__outcome outcome;        /* guarded by lock until ready, then immutable but for value */
	struct hf__waiter *waiters; /* guarded by lock */
	hf__watch *watches;         /* guarded by lock: a ring without a head, by its first */
	hf__call *calls;            /* guarded by lock: likewise */
	atomic_bool ready;
};

/* Two references: one to hand out, one for the producer. `calls_to` may be NULL, and is to live
 * until `destroy`. */
void hf__future_init(hf_future *f, const hf__future_ops *ops, hf__callbacks *calls_to);

/* Status and error agree: HF_OK has none, anything else has one.
 *
 * Takes over what the outcome refers to, also when another completion came first (it is then
 * released). True if this one counted. No lock at or above HF__L_FUTURE may be held. */
bool hf__future_complete(hf_future *f, hf__outcome outcome);
bool hf__future_fail(hf_future *f, hf_error *e); /* consumes e */

/* Several futures completed together: they become ready one after the other, and then those who
 * sleep on them are woken, the watches run and the callbacks are queued, each in that order. So
 * who is woken by the first finds the others ready as well, and whoever completes them is not
 * interrupted in between.
 *
 *     hf__completion c;
 *     hf__completion_init(&c);
 *     for (each) hf__completion_add(&c, f, outcome);
 *     hf__completion_run(&c);
 *     for (each) hf_future_unref(f);
 *
 * The futures are kept alive by who completes them until hf__completion_run has returned. It may
 * be one thread's only, on its stack; no lock at or above HF__L_FUTURE may be held. */
typedef struct hf__completion {
	struct hf__waiter *waiters;
	APR_RING_HEAD(hf__watch_ring, hf__watch) watches;
	APR_RING_HEAD(hf__call_ring, hf__call) calls;
} hf__completion;

void hf__completion_init(hf__completion *c);
bool hf__completion_add(
	hf__completion *c, hf_future *f, hf__outcome o); /* as hf__future_complete */
void hf__completion_run(hf__completion *c);              /* it is as after init then */

/* Drops the outcome (refs reached zero). Run by hf_future_unref before destroy; for a block that
 * was never shared, by its owner. */
void hf__future_finish(hf_future *f);

/* Its value, if that is one that free_value frees; else, and before it is ready, NULL. Lent. */
void *hf__future_value_of(hf_future *f, hf_free_fn *free_value);

/* Before anything else is done with a watch, hf__future_unwatch included. */
void hf__watch_init(hf__watch *w, void (*ready)(hf__watch *w, hf_future *f));

/* Watches `f`; at once, inline, if it is ready. */
void hf__future_watch(hf_future *f, hf__watch *w);

/* True: removed, it will not run. False: it was not watching, or it has run, runs or is about to:
 * its owner must be kept alive for it. */
bool hf__future_unwatch(hf_future *f, hf__watch *w);

/* A future of its own that has already failed: what a submission answers when it is refused.
 * Consumes `e`; `calls_to` may be NULL, and gains a reference. Without memory: hf__future_nomem().
 */
hf_future *hf__future_failed(hf__callbacks *calls_to, hf_error *e);

/* The static future that says HF_E_NOMEM: no memory needed, unref does nothing. */
hf_future *hf__future_nomem(void);

/* Made by the parent of this process: not to be touched. */
bool hf__future_forked(const hf_future *f);

/* Waiting on this thread for `f`, which is not ready, could never end. */
bool hf__future_stuck(const hf_future *f);

#endif
