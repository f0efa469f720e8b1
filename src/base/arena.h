/* SPDX-License-Identifier: MIT */
/* Memory that is freed all at once: an apr_pool with an allocator of its own, never a child of
 * APR's global pool, so that one thread's arena never waits for another's. At least 8 KiB, so made
 * at first use and recycled. Used by one thread at a time. --enable-arena-debug gives every piece
 * its own malloc, so that sanitizers see into it. */
#ifndef HF_BASE_ARENA_H
#define HF_BASE_ARENA_H

#include <stddef.h>

typedef struct hf__arena {
	void *impl; /* NULL until the first allocation */
} hf__arena;

#define HF__ARENA_INIT                                                                             \
	{                                                                                          \
		NULL                                                                               \
	}

/* Aligned for any type; NULL without memory. */
void *hf__arena_alloc(hf__arena *a, size_t n);
void hf__arena_clear(hf__arena *a);  /* everything is gone, the memory is kept for the next use */
void hf__arena_finish(hf__arena *a); /* everything is gone */

#endif
