/* SPDX-License-Identifier: MIT */
/* Mutexes that know their level, and conditions on the monotonic clock.
 *
 * Lock order. A thread takes locks in rising level only, so no two threads can wait for each other.
 * Debug builds (HF_DEBUG) assert it, and that a lock is released by its owner. No foreign code
 * (callbacks, hooks, free functions, the network) is ever run with a lock held.
 *
 *   HF__L_ENGINES  a registry: which engines it has, and what names mean
 *   HF__L_TXN      a transaction's queue of commands
 *   HF__L_POOL     a pool: its queue, its workers, its counters
 *   HF__L_LISTEN   a pool's listening: its channels, its listeners and what waits for them
 *   HF__L_FUTURE   one future: outcome, waiters, callbacks
 *   HF__L_INBOX    an inbox's events
 *   HF__L_LEAF     something of its own that nothing is called from: callbacks, cancels, reports */
#ifndef HF_BASE_LOCK_H
#define HF_BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	HF__L_ENGINES = 1,
	HF__L_TXN,
	HF__L_POOL,
	HF__L_LISTEN,
	HF__L_FUTURE,
	HF__L_INBOX,
	HF__L_LEAF,
	HF__L_MAX
};

typedef struct hf__mutex {
	pthread_mutex_t m;
	int level;
} hf__mutex;

typedef struct hf__cond {
	pthread_cond_t c;
} hf__cond;

void hf__mutex_init(hf__mutex *m, int level);
void hf__mutex_finish(hf__mutex *m);
void hf__lock(hf__mutex *m);
void hf__unlock(hf__mutex *m);

void hf__cond_init(hf__cond *c);
void hf__cond_finish(hf__cond *c);
void hf__cond_wait(hf__cond *c, hf__mutex *m);

/* False when `deadline` (monotonic ns) has passed. Spurious wake-ups happen: loop. */
bool hf__cond_wait_until(hf__cond *c, hf__mutex *m, int64_t deadline);
void hf__cond_signal(hf__cond *c);
void hf__cond_broadcast(hf__cond *c);

#endif
