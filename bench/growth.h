/* SPDX-License-Identifier: MIT */
/* What the files of bench/growth share. */
#ifndef BENCH_GROWTH_H
#define BENCH_GROWTH_H

#include "hf_sections.h"

hf_pool_stats growth_stats(hf_pool *p);

/* How much a counter grew, for each of n. */
double growth_each(uint64_t now, uint64_t before, long n);

/* growth_borrow.c: a section. */
void growth_borrowing(void);

#endif
