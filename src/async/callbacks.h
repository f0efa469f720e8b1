/* SPDX-License-Identifier: MIT */
/* The callback thread: runs what futures owe to their users, one at a time, with no lock held.
 *
 * A pool has one; it starts at its first use and idles until the pool stops it. Each future that a
 * pool makes holds a reference, so that a callback registered after the pool has closed still runs:
 * on the common thread, which ends when nothing more is expected.
 *
 * A callback is announced when it is registered (hf__callbacks_expect), and a thread exists as long
 * as an announced one has not run. So the later hf__callbacks_queue, which comes from a completing
 * future, has nothing to start and cannot fail. */
#ifndef HF_ASYNC_CALLBACKS_H
#define HF_ASYNC_CALLBACKS_H

#include "base/ring.h"

#include <holdfast/future.h>

typedef struct hf__callbacks hf__callbacks;

/* One callback: allocated when it is registered, so that queueing it cannot fail. */
typedef struct hf__call {
	APR_RING_ENTRY(hf__call) link;
	hf__callbacks *to; /* what hf__callbacks_expect answered; kept alive by the future */
	/* NULL: a future's, as below. Else all that is done, with a call that is part of something
	 * else and may be queued again and again: it stays announced while this answers true. */
	bool (*serve)(struct hf__call *call);
	hf_future *future; /* a reference */
	hf_ready_fn *fn;
	void *arg;
	hf_free_fn *free_arg;
} hf__call;

/* `domain` identifies the pool for hf__thread_role; `name` names the thread. NULL: no memory. Its
 * owner calls hf__callbacks_stop before the last unref. */
hf__callbacks *hf__callbacks_new(const char *name, const void *domain);
hf__callbacks *hf__callbacks_ref(hf__callbacks *cb); /* accepts NULL */
hf__callbacks *hf__callbacks_unref(hf__callbacks *cb);

/* The one of the process, for futures without a pool. Lent; NULL: no memory. */
hf__callbacks *hf__callbacks_common(void);

/* Announces one call: a thread will be there to run it. Answers who takes it: `cb`, or the common
 * one when `cb` is NULL, stopped, or from before a fork. NULL: no memory, or no thread. Each
 * success is followed by exactly one hf__callbacks_queue, whenever that may be. */
hf__callbacks *hf__callbacks_expect(hf__callbacks *cb);

/* Takes over a call that was announced to call->to. Never blocks, never allocates. */
void hf__callbacks_queue(hf__call *call);

/* One announced call will not come: that of a call with `serve` which is not queued. */
void hf__callbacks_forget(hf__callbacks *cb);

/* Runs everything queued, then ends the thread and joins it. True when that is done: also
 * when calls are announced but not queued, because a combination waits for the futures of another
 * pool; the thread then stays for them and ends by itself. False at `deadline` (monotonic; 0: does
 * not wait), or on that very thread: it runs what is queued and ends by itself. */
bool hf__callbacks_stop(hf__callbacks *cb, int64_t deadline);

/* After a stop: calls are taken again, on a new thread. */
void hf__callbacks_resume(hf__callbacks *cb);

#endif
