/* SPDX-License-Identifier: MIT */
/* Recycled blocks: used again, whoever gives them back; bounded; no block twice. */
#include "helpers.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/recycle.h"

#include <stdlib.h>
#include <string.h>

/* On the stack, and the one at hand. */
static size_t length(const hf__recycle *r)
{
	return atomic_load(&r->n_given) + (atomic_load(&r->hot) != NULL);
}

/* Whether this build recycles at all: the address sanitizer's gives every block its own memory. */
static bool recycles(void)
{
	hf__recycle r;
	size_t kept;

	hf__recycle_init(&r, 64, 1);
	hf__recycle_give(&r, hf__recycle_take(&r));
	kept = length(&r);
	hf__recycle_finish(&r);
	return kept == 1;
}

START_TEST(test_again)
{
	enum { N = 100 };
	hf__recycle r;
	void *block[N];

	hf__recycle_init(&r, 64, N);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++) {
			block[i] = hf__recycle_take(&r);
			ck_assert_ptr_nonnull(block[i]);
			ck_assert_int_eq((int)((uintptr_t)block[i] % _Alignof(max_align_t)), 0);
			memset(block[i], i, 64);
		}
		for (int i = 0; i < N; i++)
			for (int at = 0; at < 64; at++)
				ck_assert_int_eq(((char *)block[i])[at], i);
		for (int i = 0; i < N; i++)
			hf__recycle_give(&r, block[i]);
	}
	hf__recycle_give(&r, NULL);
	hf__recycle_finish(&r);
}
END_TEST

static void *give(void *arg)
{
	void **pair = arg;

	hf__recycle_give(pair[0], pair[1]);
	return NULL;
}

START_TEST(test_other_thread)
{
	hf__recycle r;
	void *pair[2] = { &r, NULL };
	pthread_t t;

	if (!recycles())
		return;
	hf__recycle_init(&r, 64, 10);
	pair[1] = hf__recycle_take(&r);
	ck_assert_int_eq(pthread_create(&t, NULL, give, pair), 0);
	pthread_join(t, NULL);
	ck_assert_ptr_eq(hf__recycle_take(&r), pair[1]);
	hf__recycle_give(&r, pair[1]);
	hf__recycle_finish(&r);
}
END_TEST

START_TEST(test_bounded)
{
	enum { KEEP = 50, N = 1000 };
	hf__recycle r;
	void *block[N];

	if (!recycles())
		return;
	hf__recycle_init(&r, 64, KEEP);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < N; i++)
			block[i] = hf__recycle_take(&r);
		for (int i = 0; i < N; i++)
			hf__recycle_give(&r, block[i]);
		ck_assert_uint_eq(length(&r), KEEP + 1);
	}
	/* What is taken comes from those, whether it is 1 or all. */
	for (int i = 0; i <= KEEP; i++) {
		block[i] = hf__recycle_take(&r);
		ck_assert_uint_eq(length(&r), i ? 0 : KEEP);
	}
	ck_assert_ptr_null(r.at_hand);
	for (int i = 0; i <= KEEP; i++)
		hf__recycle_give(&r, block[i]);
	hf__recycle_finish(&r);
}
END_TEST

START_TEST(test_no_memory)
{
	hf__recycle r;
	void *block;

	hf__recycle_init(&r, 64, 10);
	hf__mem_fail(0, 1);
	ck_assert_ptr_null(hf__recycle_take(&r));
	block = hf__recycle_take(&r);
	ck_assert_ptr_nonnull(block);
	ck_assert_int_eq(hf__mem_seen(), 2);
	hf__recycle_give(&r, block);
	hf__mem_fail(0, 1); /* one that is there already can be refused as well */
	ck_assert_ptr_null(hf__recycle_take(&r));
	ck_assert_ptr_nonnull(block = hf__recycle_take(&r));
	hf__mem_fail(0, 0);
	hf__recycle_give(&r, block);
	hf__recycle_finish(&r);
}
END_TEST

/* --- all at once --- */

enum { THREADS = 4, SLOTS = 64 };

static hf__recycle shared;
static _Atomic(long *) slot[SLOTS];
static long turns = 200000;

/* Takes blocks and leaves them in slots, where any thread finds and gives them back. A block that
 * two had at once would show another's mark. */
static void *juggle(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	long mine = (long)(uintptr_t)arg;

	for (long i = 0; i < turns; i++) {
		long *b = hf__recycle_take(&shared), *old;

		ck_assert_ptr_nonnull(b);
		for (int k = 0; k < 8; k++)
			b[k] = mine;
		for (int k = 0; k < 8; k++)
			ck_assert_int_eq(b[k], mine);
		seed = seed * 1103515245u + 12345u;
		old = atomic_exchange(&slot[seed / 65536 % SLOTS], b);
		if (!old)
			continue;
		for (int k = 1; k < 8; k++)
			ck_assert_int_eq(old[k], old[0]);
		memset(old, 0x5a, 64);
		hf__recycle_give(&shared, old);
	}
	return NULL;
}

START_TEST(test_all_at_once)
{
	const char *slow = getenv("HOLDFAST_TEST_SLOW");
	pthread_t t[THREADS];

	if (slow && atol(slow) > 1)
		turns /= 4;
	hf__recycle_init(&shared, 64, SLOTS / 2);
	for (uintptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, juggle, (void *)(i + 1)), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	ck_assert_uint_le(length(&shared), SLOTS / 2 + THREADS + 1);
	for (size_t i = 0; i < SLOTS; i++)
		hf__recycle_give(&shared, atomic_load(&slot[i]));
	hf__recycle_finish(&shared);
}
END_TEST

T_MAIN("recycle", { "promise-H9 blocks are used again, and are aligned", test_again, 0 },
	{ "promise-H9 a block given back by another thread is used again", test_other_thread, 0 },
	{ "promise-H9 no more are kept than was said", test_bounded, 0 },
	{ "promise-H9 a recycled block can fail to come like any allocation", test_no_memory, 0 },
	{ "promise-H9 four threads take and give at once, and no block is had by two",
		test_all_at_once, 240 })
