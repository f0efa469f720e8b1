/* SPDX-License-Identifier: MIT */
/* What a query costs in memory: no allocation in the steady state, and at most 512 bytes while it
 * waits.
 *
 * malloc and its kin are replaced here by counting ones. Whose call it is tells the return address:
 * libpq's and the C library's own are counted apart, all else is ours (APR's included). */
#include "fixture.h"

#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(HF_ARENA_DEBUG)
#define SANITIZED 1
#endif

#ifdef SANITIZED

START_TEST(test_none)
{
	t_skip("this build has an allocator of its own");
}
END_TEST

T_MAIN("allocations", { "promise-H9 no allocation per operation", test_none, 0 })

#else

/* --- counting --- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t k, size_t n);
void *__libc_realloc(void *p, size_t n);

/* Where the machine code of those lies that are not ours. */
static struct {
	uintptr_t from, to;
} foreign[64];
static size_t n_foreign;

static atomic_bool counting;
static atomic_long ours, theirs;
static void *_Atomic culprit; /* the first of ours, for a debugger */

static void count(void *from)
{
	uintptr_t at = (uintptr_t)from;
	void *none = NULL;

	if (!atomic_load_explicit(&counting, memory_order_relaxed))
		return;
	for (size_t i = 0; i < n_foreign; i++)
		if (at >= foreign[i].from && at < foreign[i].to) {
			atomic_fetch_add(&theirs, 1);
			return;
		}
	atomic_fetch_add(&ours, 1);
	atomic_compare_exchange_strong(&culprit, &none, from);
}

#define EXPORTED __attribute__((visibility("default"))) /* libpq is to find them as well */

EXPORTED void *malloc(size_t n)
{
	count(__builtin_return_address(0));
	return __libc_malloc(n);
}

EXPORTED void *calloc(size_t k, size_t n)
{
	count(__builtin_return_address(0));
	return __libc_calloc(k, n);
}

EXPORTED void *realloc(void *p, size_t n)
{
	count(__builtin_return_address(0));
	return __libc_realloc(p, n);
}

static int note_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *name = strrchr(info->dlpi_name, '/');

	(void)size;
	(void)arg;
	if (!name || strncmp(name, "/libapr", 7) == 0)
		return 0;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];

		if (h->p_type != PT_LOAD || !(h->p_flags & PF_X))
			continue;
		ck_assert_uint_lt(n_foreign, T_COUNT(foreign));
		foreign[n_foreign].from = info->dlpi_addr + h->p_vaddr;
		foreign[n_foreign++].to = info->dlpi_addr + h->p_vaddr + h->p_memsz;
	}
	return 0;
}

static void count_from_here(void)
{
	if (n_foreign == 0)
		dl_iterate_phdr(note_object, NULL);
	atomic_store(&ours, 0);
	atomic_store(&theirs, 0);
	atomic_store(&counting, true);
}

static void report(const char *what, long operations)
{
	atomic_store(&counting, false);
	printf("# %s: %ld operations, %ld allocations of ours, %ld of libpq\n", what, operations,
		atomic_load(&ours), atomic_load(&theirs));
}

/* --- no allocation per operation --- */

enum { OPERATIONS = 10000, WARM_UP = 1000, WINDOW = 64 };

static const char *const sql = "select id, $1::int4 + $2::int4 from generate_series(1, 3) id";

/* Whether the i-th query was answered. No assertion of check's: those allocate. */
static bool is_answer(hf_future *f, int i)
{
	const hf_result *res;

	return hf_future_get(f, &res) == HF_OK && hf_result_rows(res) == 3 &&
	       hf_row_int8(hf_result_row(res, 2), 1, 0) == 2 * i + 7;
}

/* `window` queries under way at a time, one result after the other. Answers how many were right. */
static int run_queries(hf_pool *p, int n, int window)
{
	hf_future *under_way[WINDOW] = { NULL };
	int right = 0;

	for (int i = 0; i < n + window; i++) {
		hf_future **slot = &under_way[i % window];

		if (*slot)
			right += is_answer(*slot, i - window);
		hf_future_unref(*slot);
		*slot = i < n ? hf_query(p, sql, i, i + 7) : NULL;
	}
	return right;
}

/* The same by hf_fetch, which has one under way. */
static int run_fetches(hf_pool *p, int n, int window)
{
	int right = 0;

	for (int i = 0; i < n; i++) {
		hf_result *res = NULL;

		right += hf_fetch(p, &res, NULL, sql, i, i + window) == HF_OK &&
			 hf_result_rows(res) == 3 &&
			 hf_row_int8(hf_result_row(res, 2), 1, 0) == 2 * i + window;
		hf_result_unref(res);
	}
	return right;
}

/* More than will ever be alive at a time. */
static void fill_stocks(hf_pool *p)
{
	hf_future *f[2 * WINDOW];

	for (size_t i = 0; i < T_COUNT(f); i++)
		f[i] = hf_query(p, sql, 1, 2);
	ck_assert_int_eq(hf_wait_all(f, T_COUNT(f), 10000 * t_slow()), HF_OK);
	for (size_t i = 0; i < T_COUNT(f); i++)
		hf_future_unref(f[i]);
}

static void check_none(
	hf_pool *p, const char *what, int (*run)(hf_pool *p, int n, int window), int window)
{
	int right;

	fill_stocks(p);
	run(p, WARM_UP, window);
	/* A connection that had nothing to do so far learns its statement in the first round. */
	for (int round = 0; round < 3; round++) {
		count_from_here();
		right = run(p, OPERATIONS, window);
		report(what, OPERATIONS);
		ck_assert_int_eq(right, OPERATIONS);
		ck_assert(atomic_load(&theirs) >= OPERATIONS && "calls are counted");
		if (atomic_load(&ours) == 0)
			return;
		ck_assert_msg(atomic_load(&ours) < OPERATIONS / 100, "%ld allocations of ours",
			atomic_load(&ours));
	}
	ck_abort_msg("allocations of ours in each of three rounds");
}

START_TEST(test_one_by_one)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2));

	check_none(p, "one by one", run_queries, 1);
	t_close(p);
}
END_TEST

START_TEST(test_many_at_once)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2));

	check_none(p, "64 under way", run_queries, WINDOW);
	t_close(p);
}
END_TEST

START_TEST(test_fetch)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2));
	uint64_t borrowed;

	t_wait_idle(p, 2);
	borrowed = t_stats(p).borrowed;
	check_none(p, "hf_fetch", run_fetches, 1);
	ck_assert_uint_gt(t_stats(p).borrowed, borrowed + OPERATIONS / 2);
	t_close(p);
}
END_TEST

/* --- at most 512 bytes --- */

enum { QUEUED = 100000 };

static atomic_bool go_on;

static hf_status hold(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)arg;
	(void)reply;
	while (!atomic_load(&go_on))
		t_sleep_ms(1);
	return HF_OK;
}

static size_t bytes_in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

START_TEST(test_small)
{
	static hf_future *f[QUEUED];
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 1, .max_conns = 1, .max_queue = HF_FOREVER));
	hf_future *holder = hf_run(p, hold, NULL, NULL);
	size_t before, per_query;

	ck_assert_uint_eq(strlen(sql), 60);
	before = bytes_in_use();
	for (int i = 0; i < QUEUED; i++)
		f[i] = hf_query(p, sql, i, 10 * i);
	per_query = (bytes_in_use() - before + QUEUED - 1) / QUEUED;
	printf("# %zu bytes per queued query\n", per_query);
	ck_assert_uint_le(per_query, 512);
	for (int i = 0; i < QUEUED - 100; i++)
		ck_assert_int_eq(hf_future_cancel(f[i]), HF_OK);
	atomic_store(&go_on, true);
	for (int i = QUEUED - 100; i < QUEUED; i++)
		ck_assert_int_eq(hf_future_get(f[i], NULL), HF_OK);
	for (int i = 0; i < QUEUED; i++)
		hf_future_unref(f[i]);
	ck_assert_int_eq(hf_await(holder, NULL), HF_OK);
	t_close(p);
}
END_TEST

T_MAIN("allocations",
	{ "promise-H9 10,000 queries one after the other: 0 allocations of ours", test_one_by_one,
		60 },
	{ "promise-H9 10,000 queries, 64 under way: 0 allocations of ours", test_many_at_once, 60 },
	{ "promise-H9 10,000 queries by hf_fetch: 0 allocations of ours", test_fetch, 60 },
	{ "promise-H9 100,000 queued queries take at most 512 bytes each", test_small, 60 })

#endif
