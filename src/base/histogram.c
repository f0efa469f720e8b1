/* SPDX-License-Identifier: MIT */
/* Reading a histogram. */
#include "base/histogram.h"

void hf__histogram_total(hf_histogram *h)
{
	h->count = 0;
	for (size_t i = 0; i < HF_HISTOGRAM_BUCKETS; i++)
		h->count += h->bucket[i];
}

int64_t hf_histogram_bound(size_t i)
{
	_Static_assert(8 * (HF__HIST_TOP - HF__HIST_UNIT - 3) + 8 + 1 == HF_HISTOGRAM_BUCKETS,
		"one bucket is left for what is beyond the last bound");

	if (i >= HF_HISTOGRAM_BUCKETS - 1)
		return INT64_MAX;
	if (i < 8)
		return ((int64_t)i + 1) << HF__HIST_UNIT;
	return (int64_t)(8 + i % 8 + 1) << (i / 8 - 1 + HF__HIST_UNIT);
}

static int64_t middle(size_t i)
{
	int64_t low = i > 0 ? hf_histogram_bound(i - 1) : 0;

	if (i == HF_HISTOGRAM_BUCKETS - 1)
		return low;
	return low + (hf_histogram_bound(i) - low) / 2;
}

/* The rank, from 1, of the value that a share `q` of them is not above. */
static uint64_t rank_of(double q, uint64_t count)
{
	double exact = q * (double)count;
	uint64_t rank;

	if (!(exact > 1))
		return 1;
	if (q >= 1)
		return count;
	rank = (uint64_t)exact;
	return rank + ((double)rank < exact);
}

int64_t hf_histogram_quantile(const hf_histogram *h, double q)
{
	uint64_t rank, seen = 0;

	if (!h || h->count == 0)
		return 0;
	rank = rank_of(q, h->count);
	for (size_t i = 0; i < HF_HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= rank)
			return middle(i);
	}
	return middle(HF_HISTOGRAM_BUCKETS - 1);
}

static void take_off(uint64_t *n, uint64_t m)
{
	*n = *n > m ? *n - m : 0;
}

void hf_histogram_subtract(hf_histogram *h, const hf_histogram *earlier)
{
	if (!h || !earlier)
		return;
	take_off(&h->sum_ns, earlier->sum_ns);
	for (size_t i = 0; i < HF_HISTOGRAM_BUCKETS; i++)
		take_off(&h->bucket[i], earlier->bucket[i]);
	hf__histogram_total(h);
}
