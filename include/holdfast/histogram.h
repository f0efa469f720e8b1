/* SPDX-License-Identifier: MIT */
/* How long things took: durations counted in buckets that grow with them, so that quantiles can be
 * told afterwards, in constant memory.
 *
 * The buckets are log-linear: eight of 512 ns up to 4.096 us, then eight to each doubling, up to
 * 549.8 s, and one for all that is beyond. A quantile is told as the middle of its bucket: it is
 * within 6.25 % of the true one (and below 4.096 us within 256 ns). */
#ifndef HOLDFAST_HISTOGRAM_H
#define HOLDFAST_HISTOGRAM_H

#include <holdfast/base.h>

HF__BEGIN

#define HF_HISTOGRAM_BUCKETS 225

/* This will stay as it is in every version. */
typedef struct hf_histogram {
	uint64_t count;  /* of all buckets */
	uint64_t sum_ns; /* exact */
	uint64_t bucket[HF_HISTOGRAM_BUCKETS];
} hf_histogram;

/* The longest duration that bucket i counts, in ns: those that are longer than the bound of the
 * bucket before it, and not longer than this. INT64_MAX for the last, and beyond. */
HF_API int64_t hf_histogram_bound(size_t i);

/* So many (0 to 1: 0.99) of all took at most so long, in ns, but for the error told above. 0 when
 * nothing was counted; 549755813888 (the last bound) for what took longer. */
HF_API int64_t hf_histogram_quantile(const hf_histogram *h, double q);

/* Leaves in *h what was counted since `earlier`, a snapshot of the same histogram: the quantiles of
 * the last minute. What `earlier` has more of (it is another's, or h began anew) is left at 0. */
HF_API void hf_histogram_subtract(hf_histogram *h, const hf_histogram *earlier);

HF__END

#endif
