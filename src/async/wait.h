/* SPDX-License-Identifier: MIT */
/* Threads that sleep until a future is ready. */
#ifndef HF_ASYNC_WAIT_H
#define HF_ASYNC_WAIT_H

#include "async/future.h"
#include "base/gate.h"
#include "base/wake.h"

/* A thread that sleeps; on its stack. */
struct hf__sleeper {
	hf__gate woken;
	const hf__wake *bell; /* it sleeps in poll(): rung before the gate is opened; or NULL */
};

/* One future that a sleeping thread waits for; on that thread's stack. Guarded by the future's lock
 * until the future is ready, then owned by the completing thread until it has been woken. */
typedef struct hf__waiter {
	struct hf__waiter *next, **at;
	struct hf__sleeper *who;
} hf__waiter;

/* Moves all of a list, which is not empty, to another: from one that they may be unlinked from (its
 * lock is held) to one that they may not. */
void hf__waiters_move(hf__waiter **to, hf__waiter **from);

/* Wakes all of a list that was taken out of a ready future. No lock may be held. */
void hf__waiters_wake(hf__waiter *list);

#endif
