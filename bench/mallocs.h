/* SPDX-License-Identifier: MIT */
/* Counts the allocations of the program it is linked into, by who asked.
 *
 * malloc and its kin are replaced by counters in front of the C library's own. Who asked is told by
 * the return address: the program itself (holdfast's objects are linked into it), libpq, libapr,
 * anything else, which is mostly the C library on behalf of somebody (threads, stdio, TLS). A block
 * that is freed is taken back from the one who asked for it. No stack is walked. Bytes are what
 * glibc takes for the size asked for, its own word and the rounding to 16 included. Without glibc,
 * or under a sanitizer, nothing is counted and mallocs_work() is false. */
#ifndef BENCH_MALLOCS_H
#define BENCH_MALLOCS_H

#include <stdbool.h>

enum mallocs_who { MALLOCS_OURS, MALLOCS_LIBPQ, MALLOCS_APR, MALLOCS_OTHERS, MALLOCS_N };

extern const char *const mallocs_name[MALLOCS_N];

struct mallocs {
	long calls; /* malloc, calloc, realloc, aligned_alloc */
	long bytes; /* what they took less what was freed since */
};

/* Finds out where the libraries lie: once, before anything is looked at. */
void mallocs_init(void);
bool mallocs_work(void);

/* What was counted since the start, or since `since`. */
void mallocs_now(struct mallocs out[MALLOCS_N]);
void mallocs_since(const struct mallocs since[MALLOCS_N], struct mallocs out[MALLOCS_N]);

#endif
