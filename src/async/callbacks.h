/* SPDX-License-Identifier: MIT */
/* The callback thread: runs what futures owe to their users, one at a time, with no lock held.
 *
 * A pool has one; it starts at its first use. Each future that a pool makes holds a reference, so
 * that a callback registered after the pool has closed still runs (on a thread that ends when
 * idle). */
#ifndef HF_ASYNC_CALLBACKS_H
#define HF_ASYNC_CALLBACKS_H

#include <holdfast/future.h>

#include <apr_ring.h>

typedef struct hf__callbacks hf__callbacks;

/* One callback: allocated when it is registered, so that queueing it cannot fail. */
typedef struct hf__call {
	APR_RING_ENTRY(hf__call) link;
	hf_future *future; /* a reference */
	hf_ready_fn *fn;
	void *arg;
	hf_free_fn *free_arg;
} hf__call;

/* `domain` identifies the pool for hf__thread_role; `name` names the thread. NULL: no memory. */
hf__callbacks *hf__callbacks_new(const char *name, const void *domain);
hf__callbacks *hf__callbacks_ref(hf__callbacks *cb);
hf__callbacks *hf__callbacks_unref(hf__callbacks *cb);

/* The one of the process, for futures without a pool. Lent; NULL: no memory. */
hf__callbacks *hf__callbacks_common(void);

/* Makes sure that a thread will run what is queued. False: it could not be started. */
bool hf__callbacks_start(hf__callbacks *cb);

/* Takes over the call; hf__callbacks_start must have succeeded before. Never blocks, never
 * allocates. */
void hf__callbacks_queue(hf__callbacks *cb, hf__call *call);

/* Runs everything queued, then ends the thread and joins it; a later hf__callbacks_start begins a
 * new one. False at `deadline` (the thread then ends by itself when its callback returns), or on
 * that very thread. */
bool hf__callbacks_stop(hf__callbacks *cb, int64_t deadline);

#endif
