/* SPDX-License-Identifier: MIT */
/* A reference count. */
#ifndef HF_BASE_REF_H
#define HF_BASE_REF_H

#include <stdatomic.h>
#include <stdbool.h>

typedef struct hf__ref {
	atomic_uint n;
} hf__ref;

static inline void hf__ref_init(hf__ref *r)
{
	atomic_init(&r->n, 1);
}

static inline void hf__ref_get(hf__ref *r)
{
	atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed);
}

/* True for the last one: what others wrote before they let go is visible now. */
static inline bool hf__ref_put(hf__ref *r)
{
	return atomic_fetch_sub_explicit(&r->n, 1, memory_order_acq_rel) == 1;
}

/* Whether the caller's is the only one, so that no other thread can come by another. */
static inline bool hf__ref_sole(hf__ref *r)
{
	return atomic_load_explicit(&r->n, memory_order_acquire) == 1;
}

#endif
