/* SPDX-License-Identifier: MIT */
/* Histograms of durations: what each bucket holds, how far a quantile is from the truth, and
 * differences. */
#include "check_main.h"

#include "base/histogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N    20000
#define LAST (HF_HISTOGRAM_BUCKETS - 1)

/* Every bound is the last of its bucket, and the next nanosecond the first of the next. */
START_TEST(test_bounds)
{
	int64_t before = 0;

	ck_assert_uint_eq(hf__histogram_index(0), 0);
	ck_assert_uint_eq(hf__histogram_index(-5), 0);
	ck_assert_uint_eq(hf__histogram_index(1), 0);
	for (unsigned i = 0; i < LAST; i++) {
		int64_t bound = hf_histogram_bound(i);

		ck_assert_int_gt(bound, before);
		ck_assert_uint_eq(hf__histogram_index(before + 1), i);
		ck_assert_uint_eq(hf__histogram_index(bound), i);
		ck_assert_uint_eq(hf__histogram_index(bound + 1), i + 1);
		/* Half a bucket is 6.25 % of what is in it, at the most. */
		ck_assert(bound - before == 512 || 8 * (bound - before) <= before);
		before = bound;
	}
	ck_assert_int_eq(hf_histogram_bound(0), 512);
	ck_assert_int_eq(hf_histogram_bound(7), 4096);
	ck_assert_int_eq(hf_histogram_bound(15), 8192);
	ck_assert_int_eq(hf_histogram_bound(LAST - 1), (int64_t)1 << 39);
	ck_assert_int_eq(hf_histogram_bound(LAST), INT64_MAX);
	ck_assert_int_eq(hf_histogram_bound(SIZE_MAX), INT64_MAX);
	ck_assert_uint_eq(hf__histogram_index(INT64_MAX), LAST);
}
END_TEST

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void fill(hf_histogram *h, const int64_t *ns, int n)
{
	for (int i = 0; i < n; i++)
		hf__histogram_add(h, ns[i]);
	hf__histogram_total(h);
}

/* The nearest rank, as it is taught. */
static int64_t exact(const int64_t *sorted, int n, double q)
{
	int rank = (int)ceil(q * n);

	return sorted[rank < 1 ? 0 : rank - 1];
}

/* Durations from 100 ns to 100 s, as many of each length. */
static int64_t log_uniform(void)
{
	return (int64_t)pow(10, 2 + 9 * drand48());
}

/* Queries of 50 us and so, one in a hundred a thousand times as slow. */
static int64_t two_humps(void)
{
	double ns = 30000 + 40000 * drand48();

	return (int64_t)(drand48() < 0.01 ? 1000 * ns : ns);
}

static void check_quantiles(int64_t (*draw)(void))
{
	static const double qs[] = { 0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1 };
	int64_t *ns = calloc(N, sizeof *ns);
	hf_histogram h = { 0 };
	uint64_t sum = 0;

	for (int i = 0; i < N; i++)
		sum += (uint64_t)(ns[i] = draw());
	fill(&h, ns, N);
	ck_assert_uint_eq(h.count, N);
	ck_assert_uint_eq(h.sum_ns, sum);
	qsort(ns, N, sizeof *ns, by_size);
	for (size_t i = 0; i < T_COUNT(qs); i++) {
		double truth = (double)exact(ns, N, qs[i]);
		double told = (double)hf_histogram_quantile(&h, qs[i]);

		ck_assert_msg(fabs(told - truth) <= fmax(256, 0.0625 * truth),
			"quantile %g: %.0f instead of %.0f", qs[i], told, truth);
	}
	free(ns);
}

START_TEST(test_quantiles)
{
	srand48(20);
	check_quantiles(log_uniform);
	check_quantiles(two_humps);
}
END_TEST

START_TEST(test_edges)
{
	static const int64_t two[] = { 1000, 700000000000 };
	hf_histogram h = { 0 };

	ck_assert_int_eq(hf_histogram_quantile(&h, 0.5), 0);
	ck_assert_int_eq(hf_histogram_quantile(NULL, 0.5), 0);
	fill(&h, two, 2);
	ck_assert_int_eq(hf_histogram_quantile(&h, 0.5), 768);
	ck_assert_int_eq(hf_histogram_quantile(&h, -1), 768);
	ck_assert_int_eq(hf_histogram_quantile(&h, (double)NAN), 768);
	ck_assert_int_eq(hf_histogram_quantile(&h, 0.51), (int64_t)1 << 39);
	ck_assert_int_eq(hf_histogram_quantile(&h, 1), (int64_t)1 << 39);
	ck_assert_int_eq(hf_histogram_quantile(&h, 2), (int64_t)1 << 39);
}
END_TEST

/* The quantiles of what came in between, and nothing below 0. */
START_TEST(test_subtract)
{
	static const int64_t slow[] = { 9000000, 9000000, 9000000 }, quick[] = { 5000, 5000 };
	hf_histogram h = { 0 }, then;

	fill(&h, slow, 3);
	then = h;
	fill(&h, quick, 2);
	ck_assert_int_gt(hf_histogram_quantile(&h, 0.5), 8000000);
	hf_histogram_subtract(&h, &then);
	ck_assert_uint_eq(h.count, 2);
	ck_assert_uint_eq(h.sum_ns, 10000);
	ck_assert_int_eq(hf_histogram_quantile(&h, 1), 4096 + 512 + 256);
	hf_histogram_subtract(&h, &then);
	ck_assert_uint_eq(h.count, 2);
	ck_assert_uint_eq(h.sum_ns, 0);
	hf_histogram_subtract(&h, NULL);
	hf_histogram_subtract(NULL, &h);
}
END_TEST

T_MAIN("histogram", { "J13 a bucket holds what is not longer than its bound", test_bounds, 0 },
	{ "J13 quantiles are within 6.25 % of the true ones", test_quantiles, 0 },
	{ "J13 quantiles of nothing, of what is beyond, and of nonsense", test_edges, 0 },
	{ "J13 what was counted since a snapshot", test_subtract, 0 })
