/* SPDX-License-Identifier: MIT */
/* Several futures completed together: all are ready before anybody hears of one. */
#include "helpers.h"
#include "promise.h"

enum { N = 64 };

static hf_future *fs[N];
static int order[2 * N], heard;

static void make_all(void)
{
	heard = 0;
	for (int i = 0; i < N; i++)
		fs[i] = promise();
}

/* As a worker does; `odd` ones fail. */
static void complete_all(void)
{
	hf__completion c;

	hf__completion_init(&c);
	for (int i = 0; i < N; i++) {
		hf_error *e = i % 2 ? hf__error_fmt(HF_E_SQL, 0, "number %d", i) : NULL;
		hf__outcome o = { .status = e ? HF_E_SQL : HF_OK, .error = e };

		ck_assert(hf__completion_add(&c, fs[i], o));
	}
	hf__completion_run(&c);
	for (int i = 0; i < N; i++)
		hf_future_unref(fs[i]);
}

static void unref_all(void)
{
	for (int i = 0; i < N; i++)
		hf_future_unref(fs[i]);
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
	ck_assert_int_eq(atomic_load(&results_alive), 0);
}

static void hear(hf__watch *w, hf_future *f)
{
	(void)w;
	for (int i = 0; i < N; i++)
		ck_assert(hf_future_ready(fs[i]));
	for (int i = 0; i < N; i++)
		if (fs[i] == f)
			order[heard++] = i;
}

START_TEST(test_ready_before_heard)
{
	static hf__watch watch[2 * N];

	make_all();
	for (int i = 0; i < 2 * N; i++) {
		hf__watch_init(&watch[i], hear);
		hf__future_watch(fs[i % N], &watch[i]);
	}
	ck_assert(hf__future_unwatch(fs[3], &watch[N + 3]));
	ck_assert(hf__future_unwatch(fs[5], &watch[5]));
	complete_all();
	ck_assert_int_eq(heard, 2 * N - 2);
	for (int i = 1; i < heard; i++)
		ck_assert_int_ge(order[i], order[i - 1]);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(hf_future_get(fs[i], NULL), i % 2 ? HF_E_SQL : HF_OK);
	unref_all();
}
END_TEST

static void *get_all(void *arg)
{
	for (int i = 0; i < N; i++)
		if (hf_future_get(fs[i], NULL) != (i % 2 ? HF_E_SQL : HF_OK))
			return NULL;
	return arg;
}

static void *get_any(void *arg)
{
	size_t i = N;

	if (hf_wait_any(fs, N, 10000, &i) != HF_OK || i >= N)
		return NULL;
	return arg;
}

static bool has_waiter(hf_future *f)
{
	bool has;

	hf__lock(&f->lock);
	has = f->waiters != NULL;
	hf__unlock(&f->lock);
	return has;
}

START_TEST(test_sleepers)
{
	pthread_t t[8];
	void *well;

	make_all();
	for (size_t i = 0; i < hf_countof(t); i++)
		t[i] = start(i % 2 ? get_all : get_any, fs);
	while (!has_waiter(fs[0]) || !has_waiter(fs[N - 1]))
		sleep_ms(1);
	complete_all();
	for (size_t i = 0; i < hf_countof(t); i++) {
		pthread_join(t[i], &well);
		ck_assert_ptr_eq(well, fs);
	}
	unref_all();
}
END_TEST

static void note_call(hf_future *f, void *arg)
{
	int *at = arg;

	ck_assert(hf_future_ready(f));
	*at = (int)atomic_fetch_add(&ran, 1);
}

START_TEST(test_callbacks_in_order)
{
	static int at[2 * N];

	make_all();
	for (int i = 0; i < 2 * N; i++)
		ck_assert_int_eq(
			hf_future_on_ready(fs[i / 2], note_call, &at[i], count_free), HF_OK);
	hf__mem_fail(1000, -1); /* only the errors that the test itself makes */
	complete_all();
	hf__mem_fail(0, 0);
	ck_assert(reaches(&freed, 2L * N));
	for (int i = 0; i < 2 * N; i++)
		ck_assert_int_eq(at[i], i);
	unref_all();
	settle();
}
END_TEST

/* One was cancelled meanwhile: its outcome stays, and the other's is released. */
START_TEST(test_one_was_first)
{
	hf__completion c;

	for (int i = 0; i < 3; i++)
		fs[i] = promise();
	hf__future_fail(fs[1], hf__error_fmt(HF_E_CANCELED, 0, "cancelled"));
	hf__completion_init(&c);
	for (int i = 0; i < 3; i++) {
		hf__outcome o = { .status = HF_OK, .result = result_new() };

		ck_assert_int_eq(hf__completion_add(&c, fs[i], o), i != 1);
	}
	ck_assert_int_eq(atomic_load(&results_alive), 2);
	hf__completion_run(&c);
	ck_assert_int_eq(hf_future_get(fs[1], NULL), HF_E_CANCELED);
	for (int i = 0; i < 3; i++) {
		hf_future_unref(fs[i]);
		hf_future_unref(fs[i]);
	}
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
	ck_assert_int_eq(atomic_load(&results_alive), 0);
}
END_TEST

T_MAIN("completion",
	{ "promise-H9 of futures completed together all are ready before a watch runs",
		test_ready_before_heard, 0 },
	{ "promise-H9 who sleeps on any or all of them is woken", test_sleepers, 0 },
	{ "promise-H9 their callbacks are queued in order", test_callbacks_in_order, 0 },
	{ "promise-H1 one that was cancelled meanwhile stays so", test_one_was_first, 0 })
