/* SPDX-License-Identifier: MIT */
/* Each allocation that libpq makes for a batch fails in turn: every member has its own answer or an
 * error, soon, and never another's (reliability M4). */
#include "pipeline.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 8

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || !defined __GLIBC__
#define CANNOT_INTERPOSE 1
#else
#define CANNOT_INTERPOSE 0
#endif

/* --- libpq's allocations -------------------------------------------------------------------------
 */

static struct {
	uintptr_t from, to; /* where libpq's code is */
	atomic_bool armed;
	atomic_long n, hits;
	long first, last; /* those to fail, from 1 */
} trap;

#if !CANNOT_INTERPOSE

#define EXPORT __attribute__((visibility("default")))

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static bool fails(const void *caller)
{
	uintptr_t at = (uintptr_t)caller;
	long n;

	if (!atomic_load_explicit(&trap.armed, memory_order_acquire) || at < trap.from ||
		at >= trap.to)
		return false;
	n = atomic_fetch_add(&trap.n, 1) + 1;
	if (n < trap.first || n > trap.last)
		return false;
	atomic_fetch_add(&trap.hits, 1);
	errno = ENOMEM;
	return true;
}

EXPORT void *malloc(size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

EXPORT void *calloc(size_t n, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

EXPORT void *realloc(void *p, size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}

EXPORT char *strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);

	return copy ? memcpy(copy, s, n) : NULL;
}

#endif

static int find_libpq(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	if (!strstr(info->dlpi_name, "/libpq.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type != PT_LOAD || !(info->dlpi_phdr[i].p_flags & PF_X))
			continue;
		trap.from = from;
		trap.to = from + info->dlpi_phdr[i].p_memsz;
	}
	return 1;
}

static void arm(long first, long last)
{
	trap.first = first;
	trap.last = last;
	atomic_store(&trap.n, 0);
	atomic_store(&trap.hits, 0);
	atomic_store_explicit(&trap.armed, true, memory_order_release);
}

static void disarm(void)
{
	atomic_store(&trap.armed, false);
}

/* --- a batch -------------------------------------------------------------------------------------
 */

/* Different sizes, so that an answer that goes astray is seen whichever way. */
static hf_future *submit(hf_pool *p, int i)
{
	switch (i % 4) {
	case 0:
		return hf_query(
			p, "select $1::int, repeat('a', 20000) from generate_series(1, 3)", i);
	case 1:
		return hf_query(p, "select $1::int as b", i);
	case 2:
		return hf_query(
			p, "select $1::int, g, repeat('z', 500) from generate_series(1, 100) g", i);
	default:
		return hf_query(
			p, "insert into ledger values ($1) returning id as x, id as y, id as z", i);
	}
}

static void check_answer(const hf_result *res, int i)
{
	static const size_t rows[] = { 3, 1, 100, 1 };
	static const int columns[] = { 2, 1, 3, 3 };

	ck_assert_uint_eq(hf_result_rows(res), rows[i % 4]);
	ck_assert_int_eq(hf_result_columns(res), columns[i % 4]);
	for (size_t r = 0; r < rows[i % 4]; r++)
		ck_assert_int_eq(hf_row_int8(hf_result_row(res, r), 0, -1), i);
}

struct sum {
	long ok, failed, rounds;
};

/* 1: written, 0: not, -1: not known. */
static int check_member(hf_future *f, int i, long n, struct sum *sum)
{
	const hf_result *res;
	hf_status st = hf_future_get_for(f, 10000 * t_slow(), &res);
	int written = -1;

	if (st == HF_PENDING)
		ck_abort_msg("member %d hangs when allocation %ld fails", i, n);
	if (st == HF_OK) {
		check_answer(res, i);
		written = 1;
	} else if (!hf_error_is(hf_future_error(f), HF_MAYBE_COMMITTED))
		written = 0;
	*(st == HF_OK ? &sum->ok : &sum->failed) += 1;
	hf_future_unref(f);
	return written;
}

/* All have ended; or, where everything fails and the pool cannot connect either, somebody has been
 * told, or a few more have failed. */
static bool is_over(void *arg)
{
	hf_future **f = arg;
	int ready = 0;

	for (int i = 0; i < N; i++) {
		ready += hf_future_ready(f[i]);
		if (trap.last == LONG_MAX && hf_future_error(f[i]))
			return true;
	}
	return ready == N || (trap.last == LONG_MAX && atomic_load(&trap.hits) >= 6);
}

/* False: so many allocations are not made. */
static bool one_round(hf_pool *p, long n, long burst, struct sum *sum)
{
	hf_future *f[N];
	struct t_dam dam;
	int seen[N], written[N];
	bool hit;

	t_dam_shut(&dam, p);
	for (int i = 0; i < N; i++)
		f[i] = submit(p, i);
	arm(n, burst == LONG_MAX ? LONG_MAX : n + burst - 1);
	t_dam_open(&dam);
	ck_assert(t_wait_until(is_over, f, 10000));
	disarm();
	for (int i = 0; i < N; i++)
		written[i] = check_member(f[i], i, n, sum);
	hit = atomic_load(&trap.hits) > 0;
	t_done(hf_query(p, "select 1"));
	t_wait_backends(1); /* one that was given up may still be at what it was sent */
	t_ledger_read(seen, N);
	for (int i = 3; i < N; i += 4) {
		ck_assert_int_le(seen[i], 1);
		ck_assert(written[i] < 0 || seen[i] == written[i]);
	}
	t_done(hf_query(p, "truncate ledger"));
	sum->rounds++;
	return hit;
}

static void sweep(int depth, int statements, long burst)
{
	struct sum sum = { 0, 0, 0 };
	hf_pool *p;
	long n = 1, quiet = 0;

	if (CANNOT_INTERPOSE)
		t_skip("a sanitizer has malloc for itself");
	dl_iterate_phdr(find_libpq, NULL);
	ck_assert_uint_ne(trap.to, 0);
	t_ledger_new();
	p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_pipeline = depth, .max_queue = HF_FOREVER,
		.max_statements = statements));
	t_wait_idle(p, 1);
	/* A connection that is new prepares its statements again, so that a round without a failure
	 * is not the last one; three in a row are. */
	for (; quiet < 3 && n < 2000; n++)
		quiet = one_round(p, n, burst, &sum) ? 0 : quiet + 1;
	printf("# %ld rounds, %ld members had their answers, %ld an error\n", sum.rounds, sum.ok,
		sum.failed);
	ck_assert_int_gt(sum.rounds, 20);
	ck_assert_int_lt(sum.rounds, 1999);
	ck_assert_int_gt(sum.ok, sum.rounds);
	t_expect_together(p, depth, N);
	t_expect_sane(p);
	t_close(p);
}

static void each_once(int depth)
{
	sweep(depth, HF_NONE, 1);
}

static void each_once_prepared(int depth)
{
	sweep(depth, 16, 1);
}

static void three_in_a_row(int depth)
{
	sweep(depth, HF_NONE, 3);
}

static void for_ever(int depth)
{
	sweep(depth, HF_NONE, LONG_MAX);
}

T_BOTH_WAYS(each_once)
T_BOTH_WAYS(each_once_prepared)
T_BOTH_WAYS(three_in_a_row)
T_BOTH_WAYS(for_ever)

T_MAIN("echo_memory",
	{ "each allocation of libpq fails once in a batch (promise-H8)", each_once_together, 120 },
	{ "each allocation of libpq fails once, one by one", each_once_alone, 120 },
	{ "each once, with prepared statements", each_once_prepared_together, 120 },
	{ "each once, with prepared statements, one by one", each_once_prepared_alone, 120 },
	{ "three in a row", three_in_a_row_together, 120 },
	{ "three in a row, one by one", three_in_a_row_alone, 120 },
	{ "from one on, all", for_ever_together, 120 },
	{ "from one on, all, one by one", for_ever_alone, 120 })
