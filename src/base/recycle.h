/* SPDX-License-Identifier: MIT */
/* Blocks of one size that are used again: any thread takes them, any other gives them back.
 *
 * Giving is a push onto a stack by compare-and-swap. Taking is a pop from a list behind a leaf
 * lock; when that list is empty, one exchange moves the whole stack there. Nobody pops from the
 * stack, so nothing can have come back under a pusher's hands (no ABA), and a block is never read
 * after it was given away.
 *
 * Bounded: beyond `keep` blocks on the stack, what is given back is freed. The list never holds
 * more than one stack, so that what lies unused is at most twice `keep`.
 *
 * Under the address sanitizer, and with --enable-arena-debug, every block is an allocation of its
 * own, so that use after give stays visible. A block that is taken counts as an allocation for
 * hf__mem_fail in any case, whether it is new or not. */
#ifndef HF_BASE_RECYCLE_H
#define HF_BASE_RECYCLE_H

#include "base/lock.h"

#include <stdatomic.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HF__EACH_ITS_OWN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(HF_ARENA_DEBUG)
#define HF__EACH_ITS_OWN 1
#endif

struct hf__recycled;

typedef struct hf__recycle {
	size_t size;
	unsigned keep;
	_Atomic(struct hf__recycled *) hot; /* the last that was given, if there was none */
	atomic_uint n_given;                /* on the stack, but for those that are being pushed */
	_Atomic(struct hf__recycled *) given;
	hf__mutex lock;               /* HF__L_LEAF */
	struct hf__recycled *at_hand; /* guarded by lock */
} hf__recycle;

/* One in static memory, which is never finished. */
#define HF__RECYCLE_INIT(size, keep)                                                               \
	{                                                                                          \
		size, keep, NULL, 0, NULL, { PTHREAD_MUTEX_INITIALIZER, HF__L_LEAF }, NULL         \
	}

/* `size` is that of a block, in bytes: at least a pointer's. */
void hf__recycle_init(hf__recycle *r, size_t size, unsigned keep);

/* Frees what is kept. What is still out may not be given back any more. */
void hf__recycle_finish(hf__recycle *r);

/* A block, aligned for any type, with anything in it. NULL: no memory. Any thread, also with a lock
 * below HF__L_LEAF held; never waits for more than a few instructions of another. */
void *hf__recycle_take(hf__recycle *r) __attribute__((malloc, warn_unused_result));

/* Accepts NULL. Any thread, whatever lock it holds; never waits. */
void hf__recycle_give(hf__recycle *r, void *block);

/* Around fork(), for one in static memory: nobody is inside hf__recycle_take between the two, so
 * that the child can go on with it. */
void hf__recycle_hold(hf__recycle *r);
void hf__recycle_release(hf__recycle *r);

#endif
