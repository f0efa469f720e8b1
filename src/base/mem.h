/* SPDX-License-Identifier: MIT */
/* Allocation, with a hook that makes the n-th one fail. */
#ifndef HF_BASE_MEM_H
#define HF_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* As in the C library; NULL when there is no memory. Freed with hf__free, which accepts NULL. */
void *hf__alloc(size_t n) __attribute__((malloc, warn_unused_result));
void *hf__calloc(size_t n) __attribute__((malloc, warn_unused_result));
void *hf__realloc(void *p, size_t n) __attribute__((warn_unused_result));
char *hf__strdup(const char *s) __attribute__((malloc, warn_unused_result)); /* NULL for NULL */
void hf__free(void *p);
void hf__wipe_free(char *text); /* which may be secret; accepts NULL */

/* For tests: let `skip` allocations pass and fail the `count` that follow (count < 0: all).
 * Process-wide. */
void hf__mem_fail(long skip, long count);

/* For allocators that have memory already: counts as one allocation. True: it is to fail. */
bool hf__mem_refused(void);

/* How many allocations have been asked for since the last hf__mem_fail. */
long hf__mem_seen(void);

#endif
