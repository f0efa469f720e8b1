/* SPDX-License-Identifier: MIT */
/* Ten million rows, one by one: in constant memory, and cancelled in the middle. */
#include "fixture.h"

#include <holdfast/txn.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS  10000000
#define LIMIT (16L << 20)

/* A set in the select list is made row by row; in FROM the server would store it first. */
static const char sql[] = "select i, i * 0.5::float8 from (select generate_series(1, $1) as i) s";

#ifdef __SANITIZE_ADDRESS__
/* Freed memory is kept back for a while; not so long that it looks like growth. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64";
}
#endif

/* Valgrind and its like have a memory of their own, and little patience. */
static bool wrapped(void)
{
	return getenv("HOLDFAST_TEST_WRAPPER") != NULL;
}

static long resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, pages;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%ld %ld", &size, &pages), 2);
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

struct progress {
	atomic_int rows;
	long long sum;
	double halves;
	bool disorder;
	long most;
};

static hf_status add(hf_row row, void *arg)
{
	struct progress *pr = arg;
	int i, n = atomic_load_explicit(&pr->rows, memory_order_relaxed) + 1;
	double half;
	hf_status st = hf_row_scan(row, HF_TO(&i), HF_TO(&half));

	if (st != HF_OK)
		return st;
	pr->sum += i;
	pr->halves += half;
	pr->disorder |= i != n;
	atomic_store_explicit(&pr->rows, n, memory_order_release);
	if (n % 100000 == 0) {
		long now = resident_bytes();

		if (now > pr->most)
			pr->most = now;
	}
	return HF_OK;
}

/* Memory is compared with what there was before the query. */
START_TEST(test_huge)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int n = wrapped() ? ROWS / 10 : ROWS;
	struct progress pr = { .most = 0 };
	long before;
	hf_future *f;

	ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	before = resident_bytes();
	f = hf_query_with(p, HF_QUERY_OPTS(.on_row = add, .arg = &pr, .timeout_ms = 0), sql, n);
	ck_assert_int_eq(hf_future_get_for(f, 170000 * t_slow(), NULL), HF_OK);
	ck_assert_int_eq(hf_result_affected(t_ok(f)), n);
	hf_future_unref(f);
	ck_assert_int_eq(atomic_load(&pr.rows), n);
	ck_assert(!pr.disorder);
	ck_assert_int_eq(pr.sum, (long long)n * (n + 1) / 2);
	ck_assert_double_eq(pr.halves, (double)pr.sum / 2);
	if (!wrapped())
		ck_assert_msg(pr.most - before < LIMIT, "%ld bytes became %ld", before, pr.most);
	t_close(p);
}
END_TEST

static bool is_under_way(void *arg)
{
	struct progress *pr = arg;

	return atomic_load_explicit(&pr->rows, memory_order_acquire) > 10000;
}

/* Rows come faster than anybody could wait for a pause in them. */
START_TEST(test_cancelled_in_the_middle)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	for (int i = 0; i < 5; i++) {
		struct progress pr = { .most = 0 };
		hf_future *f = hf_query_with(
			p, HF_QUERY_OPTS(.on_row = add, .arg = &pr, .timeout_ms = 0), sql, ROWS);
		int64_t began;

		ck_assert(t_wait_until(is_under_way, &pr, 10000 * t_slow()));
		began = hf_now_ns();
		ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
		t_failed(f, HF_E_CANCELED);
		ck_assert_int_lt(t_ms_since(began), 2000 * t_slow());
		ck_assert_int_lt(atomic_load(&pr.rows), ROWS);
		ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

START_TEST(test_late_in_the_middle)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	struct progress pr = { .most = 0 };
	int64_t began = hf_now_ns();

	t_failed(hf_query_with(p,
			 HF_QUERY_OPTS(.on_row = add, .arg = &pr, .timeout_ms = 300 * t_slow()),
			 "select generate_series(1, 1000000000), 0.5::float8"),
		HF_E_TIMEOUT);
	ck_assert_int_gt(atomic_load(&pr.rows), 0);
	ck_assert_int_lt(t_ms_since(began), 3000 * t_slow());
	ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

struct keep {
	const hf_result *shown;
	hf_result *kept[10];
	const char *texts[10];
	int rows, n, moved;
};

static hf_status keep_some(hf_row row, void *arg)
{
	struct keep *k = arg;

	k->moved += k->shown != row.res;
	k->shown = row.res;
	if (++k->rows % 100 != 0)
		return HF_OK;
	k->texts[k->n] = hf_row_text(row, 0);
	k->kept[k->n++] = hf_result_ref(row.res);
	return HF_OK;
}

/* One result shows all rows, but what is kept stays as it was. */
START_TEST(test_kept)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	struct keep k = { .n = 0 };

	t_done(hf_query_with(p, HF_QUERY_OPTS(.on_row = keep_some, .arg = &k),
		"select generate_series(1, 1000)"));
	t_close(p);
	ck_assert_int_eq(k.n, 10);
	ck_assert_int_le(k.moved, 11);
	for (int i = 0; i < k.n; i++) {
		char expected[12];

		snprintf(expected, sizeof expected, "%d", 100 * (i + 1));
		ck_assert_str_eq(k.texts[i], expected);
		hf_result_unref(k.kept[i]);
	}
}
END_TEST

T_MAIN("huge streams",
	{ "J4 10,000,000 rows through a callback in constant memory", test_huge, 180 },
	{ "J4 a stream is cancelled in the middle", test_cancelled_in_the_middle, 60 },
	{ "J4 a stream reaches its limit of time in the middle", test_late_in_the_middle, 0 },
	{ "J4 a row that is kept outlives the stream", test_kept, 0 })
