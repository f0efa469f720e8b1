/* SPDX-License-Identifier: MIT */
/* Counting a duration, which is done for every query: two numbers to add to, and a count of leading
 * zeros to find one of them. Whoever counts sees to it that nobody else does at the same time. */
#ifndef HF_BASE_HISTOGRAM_H
#define HF_BASE_HISTOGRAM_H

#include <holdfast/histogram.h>

enum {
	HF__HIST_UNIT = 9, /* the first buckets are 2^9 ns wide */
	HF__HIST_TOP = 39, /* and the last bound is 2^39 ns */
};

/* Bounds are inclusive, hence ns - 1: 513 to 1024 ns are bucket 1. From 8 units on, a bucket is the
 * place of the highest bit, and the three bits behind that. */
static inline unsigned hf__histogram_index(int64_t ns)
{
	uint64_t n = ns > 0 ? ((uint64_t)ns - 1) >> HF__HIST_UNIT : 0;
	unsigned top;

	if (n < 8)
		return (unsigned)n;
	if (n >> (HF__HIST_TOP - HF__HIST_UNIT))
		return HF_HISTOGRAM_BUCKETS - 1;
	top = 63 - (unsigned)__builtin_clzll(n);
	return ((top - 2) << 3) + (unsigned)(n >> (top - 3) & 7);
}

/* `count` is left for hf__histogram_total. */
static inline void hf__histogram_add(hf_histogram *h, int64_t ns)
{
	h->bucket[hf__histogram_index(ns)]++;
	h->sum_ns += ns > 0 ? (uint64_t)ns : 0;
}

/* Makes `count` what the buckets have. */
void hf__histogram_total(hf_histogram *h);

#endif
