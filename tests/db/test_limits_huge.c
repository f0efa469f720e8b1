/* SPDX-License-Identifier: MIT */
/* A result that is larger by far than it may be costs no memory by its size: one value of
 * 100 MB or a gigabyte, and fifty million rows (rule-60). */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line "NAME: n kB" of such a file, in MiB. */
static long mib_of(const char *file, const char *name)
{
	char line[200];
	long kib = -1;
	FILE *f = fopen(file, "r");

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof line, f))
		if (strncmp(line, name, strlen(name)) == 0)
			sscanf(line + strlen(name), " %ld", &kib);
	fclose(f);
	ck_assert_int_ge(kib, 0);
	return kib / 1024;
}

#define LITTLE 65 /* MiB */

/* The sanitizers' own memory is not counted. */
static bool is_little(long grown)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	(void)grown;
	return true;
#else
	return grown < LITTLE;
#endif
}

/* What the process has; its peak is that from now on. */
static long resident(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "w");

	ck_assert_ptr_nonnull(f);
	fputs("5", f);
	ck_assert_int_eq(fclose(f), 0);
	return mib_of("/proc/self/status", "VmRSS:");
}

/* By how much the memory grew meanwhile, in MiB. */
static long refuse(hf_pool *p, const char *sql, int n)
{
	long before = resident(), grown;
	int64_t began = hf_now_ns();
	hf_future *f = hf_query(p, sql, n);

	ck_assert_int_eq(hf_future_wait_for(f, 60000 * t_slow()), HF_OK);
	t_failed(f, HF_E_TOO_LARGE);
	grown = mib_of("/proc/self/status", "VmHWM:") - before;
	printf("# %s, %d: %ld MiB, %lld ms\n", sql, n, grown, t_ms_since(began));
	fflush(stdout);
	ck_assert_int_eq(t_int(hf_query(p, "select $1::int", n)), n);
	return grown;
}

static hf_pool *limited(int depth)
{
	return t_pool(HF_POOL_OPTS(.max_conns = 1, .max_pipeline = depth,
		.max_result = (size_t)1024 * 1024));
}

/* With HOLDFAST_HUGE set it is a gigabyte (make bench-long): the server needs seconds for it, and
 * three times its length. One read of libpq's goes on while the server keeps the socket filled, so
 * that now and then all of a value is there before anything can be counted. */
static void huge_value(int depth)
{
	hf_pool *p = limited(depth);
	int n = getenv("HOLDFAST_HUGE") ? 1000000000 : 100000000;
	bool little = false;

	for (int round = 0; round < 5 && !little; round++)
		little = is_little(refuse(p, "select repeat('x', $1::int)", n));
	ck_assert(little);
	t_close(p);
}

T_BOTH_WAYS(huge_value)

static void many_rows(int depth)
{
	hf_pool *p = limited(depth);

	for (int again = 0; again < 2; again++)
		ck_assert(is_little(refuse(p, "select generate_series(1, $1::int)", 50000000)));
	t_close(p);
}

T_BOTH_WAYS(many_rows)

/* Fifty million at a time, streamed, cost no more: only the row that is looked at is there. */
#define SOME (2000000 / t_slow())

static hf_status some(hf_row row, void *arg)
{
	int64_t *n = arg;

	return hf_row_int8(row, 0, -1) == ++*n && *n < SOME ? HF_OK : HF_E_USER;
}

START_TEST(test_streamed)
{
	long before = resident();
	hf_pool *p = limited(T_DEPTH);
	int64_t n = 0;

	t_failed(hf_query_with(p, HF_QUERY_OPTS(.on_row = some, .arg = &n),
			 "select generate_series(1, 50000000)"),
		HF_E_USER);
	ck_assert_int_eq(n, SOME);
	ck_assert(is_little(mib_of("/proc/self/status", "VmHWM:") - before));
	t_close(p);
}
END_TEST

T_MAIN("limits_huge",
	{ "C25 a huge value is refused in little memory (rule-60)", huge_value_together, 120 },
	{ "a huge value is refused, one by one", huge_value_alone, 120 },
	{ "C25 fifty million rows are refused in little memory (rule-60)", many_rows_together,
		120 },
	{ "fifty million rows are refused, one by one", many_rows_alone, 120 },
	{ "fifty million rows, streamed and stopped (rule-60)", test_streamed, 60 })
