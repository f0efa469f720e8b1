/* SPDX-License-Identifier: MIT */
/* One future: waiting, outcome, cancelling, watching, no memory. */
#include "helpers.h"
#include "promise.h"

static int pool_a, pool_b; /* domains */

START_TEST(test_failed)
{
	hf_future *f = hf__future_failed(NULL, hf__error_fmt(HF_E_CLOSED, 0, "pool is closed"));
	const hf_result *res = (const void *)&pool_a;

	ck_assert(hf_future_ready(f));
	ck_assert_int_eq(hf_future_wait(f), HF_OK);
	ck_assert_int_eq(hf_future_get(f, &res), HF_E_CLOSED);
	ck_assert_ptr_null(res);
	ck_assert_str_eq(hf_error_message(hf_future_error(f)), "pool is closed");
	ck_assert_ptr_null(hf_future_unref(f));
}
END_TEST

START_TEST(test_no_memory)
{
	const hf_result *res = (const void *)&pool_a;
	hf_error *e = NULL;
	hf_future *f;

	hf__mem_fail(0, -1);
	f = hf__future_failed(NULL, hf__error_fmt(HF_E_CLOSED, 0, "pool is closed"));
	hf__mem_fail(0, 0);
	ck_assert_ptr_eq(f, hf__future_nomem());
	ck_assert_int_eq(hf_future_get_for(f, 0, &res), HF_E_NOMEM);
	ck_assert_ptr_null(res);
	ck_assert_str_eq(hf_error_message(hf_future_error(f)), "out of memory");
	ck_assert_ptr_null(hf_future_value(f));
	ck_assert_ptr_null(hf_future_take_value(f));
	ck_assert_ptr_null(hf_future_take(f));
	ck_assert_int_eq(hf_future_cancel(f), HF_E_BUSY);
	ck_assert_int_eq(hf_wait_all(&f, 1, 0), HF_OK);
	ck_assert_int_eq(hf_await(hf_future_ref(f), &e), HF_E_NOMEM);
	ck_assert_int_eq(hf_error_status(e), HF_E_NOMEM);
	ck_assert_int_eq(hf_future_on_ready(f, count_run, NULL, count_free), HF_OK);
	ck_assert(reaches(&freed, 1));
	for (int i = 0; i < 3; i++)
		hf_future_unref(f);
	ck_assert(hf_future_ready(f));
	settle();
}
END_TEST

START_TEST(test_detach)
{
	hf_future *f = promise();

	hf_future_unref(f);
	ck_assert_int_eq(atomic_load(&promises_alive), 1);
	ck_assert(resolve_with(f, result_new()));
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
	ck_assert_int_eq(atomic_load(&results_alive), 0);
}
END_TEST

START_TEST(test_wait)
{
	hf_future *f = promise();
	int64_t begun = hf__now();
	pthread_t t;

	ck_assert(!hf_future_ready(f));
	ck_assert_int_eq(hf_future_wait_for(f, 0), HF_PENDING);
	ck_assert_int_eq(hf_future_wait_until(f, -1), HF_PENDING);
	ck_assert_int_eq(hf_future_wait_until(f, INT64_MIN), HF_PENDING);
	ck_assert_int_eq(hf_future_wait_until(f, begun), HF_PENDING);
	ck_assert_int_eq(hf_future_wait_for(f, 30), HF_PENDING);
	ck_assert_int_ge(hf__now() - begun, 30 * HF__MS);
	t = start(resolve_later, f);
	ck_assert_int_eq(hf_future_wait_for(f, 10000), HF_OK);
	ck_assert_int_lt(hf__now() - begun, 5000 * HF__MS);
	ck_assert_int_eq(hf_future_wait_for(f, 0), HF_OK);
	ck_assert_int_eq(hf_future_wait_until(f, -1), HF_OK);
	pthread_join(t, NULL);
	hf_future_unref(f);
}
END_TEST

START_TEST(test_many_waiters)
{
	hf_future *f = promise();
	pthread_t t[5];
	void *answer;

	for (size_t i = 0; i < hf_countof(t); i++)
		t[i] = start(wait_for_ever, f);
	ck_assert_int_eq(hf_future_wait_for(f, 20), HF_PENDING);
	reject(f, HF_E_SQL);
	for (size_t i = 0; i < hf_countof(t); i++) {
		pthread_join(t[i], &answer);
		ck_assert_ptr_eq(answer, f);
	}
	hf_future_unref(f);
}
END_TEST

START_TEST(test_get)
{
	const hf_result *res = (const void *)&pool_a, *again;
	hf_future *f = promise();
	hf_result *r = result_new(), *mine;

	ck_assert_int_eq(hf_future_get_for(f, 0, &res), HF_PENDING);
	ck_assert_ptr_eq(res, &pool_a);
	ck_assert_ptr_null(hf_future_error(f));
	resolve_with(f, r);
	ck_assert_int_eq(hf_future_get(f, &res), HF_OK);
	ck_assert_int_eq(hf_future_get_for(f, 5, &again), HF_OK);
	ck_assert_int_eq(hf_future_get(f, NULL), HF_OK);
	ck_assert_ptr_eq(res, r);
	ck_assert_ptr_eq(again, r);
	ck_assert_ptr_null(hf_future_error(f));
	mine = hf_future_take(f);
	ck_assert_ptr_eq(mine, r);
	hf_future_unref(f);
	ck_assert_int_eq(atomic_load(&results_alive), 1);
	hf_result_unref(mine);
	ck_assert_int_eq(atomic_load(&results_alive), 0);
}
END_TEST

START_TEST(test_take_nothing)
{
	hf_future *bad = promise(), *empty = promise();

	reject(bad, HF_E_SQL);
	resolve(empty);
	ck_assert_ptr_null(hf_future_take(bad));
	ck_assert_ptr_null(hf_future_take(empty));
	ck_assert_str_eq(hf_error_message(hf_future_error(bad)), "rejected");
	hf_future_unref(bad);
	hf_future_unref(empty);
}
END_TEST

START_TEST(test_value)
{
	hf__outcome with_value = { .status = HF_OK, .value = &pool_a, .free_value = count_free };
	hf_future *kept = promise(), *taken = promise();

	ck_assert_ptr_null(hf_future_value(kept));
	ck_assert_ptr_null(hf_future_take_value(kept));
	hf__future_complete(kept, with_value);
	hf__future_complete(taken, with_value);
	ck_assert_ptr_eq(hf_future_value(kept), &pool_a);
	ck_assert_ptr_eq(hf_future_take_value(taken), &pool_a);
	ck_assert_ptr_null(hf_future_take_value(taken));
	ck_assert_ptr_null(hf_future_value(taken));
	for (int i = 0; i < 2; i++) {
		hf_future_unref(kept);
		hf_future_unref(taken);
	}
	ck_assert_int_eq(atomic_load(&freed), 1);
}
END_TEST

static void *take_and_drop(void *f)
{
	for (int i = 0; i < 1000; i++)
		hf_result_unref(hf_future_take(f));
	return f;
}

START_TEST(test_share)
{
	hf_future *f = promise();
	pthread_t t[4];

	for (size_t i = 0; i < hf_countof(t); i++)
		t[i] = start(take_and_drop, f);
	resolve_with(f, result_new());
	for (size_t i = 0; i < hf_countof(t); i++)
		pthread_join(t[i], NULL);
	ck_assert_int_eq(atomic_load(&results_alive), 1);
	hf_future_unref(f);
	ck_assert_int_eq(atomic_load(&results_alive), 0);
}
END_TEST

START_TEST(test_first_wins)
{
	hf__outcome late = { .status = HF_OK, .value = &pool_a, .free_value = count_free };
	hf_future *f = promise();

	ck_assert(hf__future_fail(f, hf__error_fmt(HF_E_TIMEOUT, 0, "too slow")));
	late.result = result_new();
	ck_assert(!hf__future_complete(f, late));
	ck_assert(!hf__future_fail(f, hf__error_fmt(HF_E_CANCELED, 0, "too late")));
	ck_assert_int_eq(atomic_load(&results_alive), 0);
	ck_assert_int_eq(atomic_load(&freed), 1);
	ck_assert_int_eq(hf_future_get(f, NULL), HF_E_TIMEOUT);
	hf_future_unref(f);
	hf_future_unref(f);
}
END_TEST

START_TEST(test_await)
{
	hf_error *e = (void *)&pool_a;
	hf_future *f = promise();

	resolve(f);
	ck_assert_int_eq(hf_await(f, &e), HF_OK);
	ck_assert_ptr_null(e);
	f = promise();
	reject(f, HF_E_SQL);
	ck_assert_int_eq(hf_await(f, &e), HF_E_SQL);
	ck_assert_str_eq(hf_error_message(e), "rejected"); /* it outlives its future */
	hf_error_unref(e);
	f = promise();
	reject(f, HF_E_SQL);
	ck_assert_int_eq(hf_await(f, NULL), HF_E_SQL);
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
	ck_assert_int_eq(hf_await(NULL, &e), HF_E_MISUSE);
	ck_assert_int_eq(hf_error_status(e), HF_E_MISUSE);
	hf_error_unref(e);
	ck_assert_int_eq(hf_await(NULL, NULL), HF_E_MISUSE);
}
END_TEST

START_TEST(test_deadlock)
{
	hf_future *mine = promise_of(&pool_a, NULL), *other = promise_of(&pool_b, NULL);
	hf_future *both[] = { other, mine };
	const hf_result *res = (const void *)&pool_b;
	hf_error *e = NULL;
	size_t i = 7;

	hf__thread_serve(&pool_a, HF__ROLE_WORKER);
	ck_assert_int_eq(hf_future_wait(mine), HF_E_DEADLOCK);
	ck_assert_int_eq(hf_future_wait_for(mine, 0), HF_E_DEADLOCK);
	ck_assert_int_eq(hf_future_get(mine, &res), HF_E_DEADLOCK);
	ck_assert_ptr_eq(res, &pool_b);
	ck_assert_ptr_null(hf_future_take(mine));
	ck_assert_int_eq(hf_future_wait_for(other, 1), HF_PENDING);
	ck_assert_int_eq(hf_wait_all(both, 2, HF_FOREVER), HF_E_DEADLOCK);
	ck_assert_int_eq(hf_wait_any(both, 2, HF_FOREVER, &i), HF_E_DEADLOCK);
	resolve(other);
	ck_assert_int_eq(hf_wait_any(both, 2, HF_FOREVER, &i), HF_OK);
	ck_assert_uint_eq(i, 0);
	ck_assert_int_eq(hf_await(hf_future_ref(mine), &e), HF_E_DEADLOCK);
	ck_assert_int_eq(hf_error_status(e), HF_E_DEADLOCK);
	hf_error_unref(e);
	resolve(mine);
	ck_assert_int_eq(hf_future_wait(mine), HF_OK);
	ck_assert_int_eq(hf_wait_all(both, 2, 0), HF_OK);
	hf_future_unref(mine);
	hf_future_unref(other);
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
}
END_TEST

static hf_status answer;

static hf_status cancel_as_told(hf_future *f)
{
	if (answer == HF_OK)
		hf__future_fail(f, hf__error_fmt(HF_E_CANCELED, 0, "cancelled while queued"));
	return answer;
}

START_TEST(test_cancel)
{
	hf_future *f = promise();

	ck_assert_int_eq(hf_future_cancel(f), HF_E_BUSY);
	promise_cancels_with(f, cancel_as_told);
	answer = HF_PENDING;
	ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
	ck_assert(!hf_future_ready(f));
	answer = HF_OK;
	ck_assert_int_eq(hf_future_cancel(f), HF_OK);
	ck_assert_int_eq(hf_future_get(f, NULL), HF_E_CANCELED);
	ck_assert_int_eq(hf_future_cancel(f), HF_E_BUSY);
	ck_assert_int_eq(hf_future_cancel(NULL), HF_E_MISUSE);
	ck_assert(!resolve(f));
	hf_future_unref(f);
}
END_TEST

START_TEST(test_null)
{
	hf_future *with_null[] = { NULL };
	const hf_result *res = NULL;
	size_t i;

	ck_assert_ptr_null(hf_future_ref(NULL));
	ck_assert_ptr_null(hf_future_unref(NULL));
	ck_assert(!hf_future_ready(NULL));
	ck_assert_int_eq(hf_future_wait(NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_future_wait_for(NULL, 1), HF_E_MISUSE);
	ck_assert_int_eq(hf_future_wait_until(NULL, 1), HF_E_MISUSE);
	ck_assert_int_eq(hf_future_get(NULL, &res), HF_E_MISUSE);
	ck_assert_int_eq(hf_future_get_for(NULL, 1, &res), HF_E_MISUSE);
	ck_assert_ptr_null(hf_future_take(NULL));
	ck_assert_ptr_null(hf_future_value(NULL));
	ck_assert_ptr_null(hf_future_take_value(NULL));
	ck_assert_ptr_null(hf_future_error(NULL));
	ck_assert_int_eq(hf_wait_all(with_null, 1, 1), HF_E_MISUSE);
	ck_assert_int_eq(hf_wait_any(with_null, 1, 1, &i), HF_E_MISUSE);
	ck_assert_int_eq(hf_wait_all(NULL, 1, 1), HF_E_MISUSE);
	ck_assert_int_eq(hf_wait_any(NULL, 1, 1, &i), HF_E_MISUSE);
	ck_assert_int_eq(hf_wait_all(NULL, 0, 1), HF_OK);
	ck_assert_int_eq(hf_wait_any(NULL, 0, 1, &i), HF_E_MISUSE);
}
END_TEST

static void drop_last(hf__watch *w, hf_future *f)
{
	(void)w;
	hf_future_unref(f); /* the user's; the producer's keeps it until it has returned */
}

START_TEST(test_unref_in_watch)
{
	hf_future *f = promise();
	hf__watch w, never;

	hf__watch_init(&w, drop_last);
	hf__watch_init(&never, drop_last);
	ck_assert(!hf__future_unwatch(f, &never));
	hf__future_watch(f, &w);
	hf__future_watch(f, &never);
	ck_assert(hf__future_unwatch(f, &never));
	ck_assert(!hf__future_unwatch(f, &never));
	resolve(f);
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
}
END_TEST

static hf__watch contested;

static void note_run(hf__watch *w, hf_future *f)
{
	(void)w;
	count_run(f, NULL);
}

static void *unwatch_contested(void *f)
{
	return hf__future_unwatch(f, &contested) ? f : NULL;
}

static void *resolve_now(void *f)
{
	resolve(f);
	return NULL;
}

/* Both wait for the future's lock, which the test holds; either may come first. */
START_TEST(test_unwatch_or_run)
{
	for (int i = 0; i < 40; i++) {
		hf_future *f = promise();
		pthread_t first, second;
		void *a, *b;

		atomic_store(&ran, 0);
		hf__watch_init(&contested, note_run);
		hf__future_watch(f, &contested);
		hf__lock(&f->lock);
		first = start(i % 2 ? resolve_now : unwatch_contested, f);
		sleep_ms(2);
		second = start(i % 2 ? unwatch_contested : resolve_now, f);
		sleep_ms(2);
		hf__unlock(&f->lock);
		pthread_join(first, &a);
		pthread_join(second, &b);
		ck_assert_int_eq((a || b) + atomic_load(&ran), 1);
		hf_future_unref(f);
	}
}
END_TEST

int main(int argc, char **argv)
{
	const struct t_case cases[] = {
		{ "api-F1 a refused submission is a failed future with its story", test_failed, 5 },
		{ "api-F1 without memory there is a static future", test_no_memory, 20 },
		{ "api-F2 letting go does not stop the work", test_detach, 5 },
		{ "api-F4 wait_for answers pending, then ok", test_wait, 20 },
		{ "api-F4 many threads wait for one future", test_many_waiters, 20 },
		{ "api-F5 get lends, repeatedly; take owns", test_get, 5 },
		{ "api-F5 take answers NULL where there is no result", test_take_nothing, 5 },
		{ "api-F5 a value is lent, or taken once", test_value, 5 },
		{ "api-F5 await writes the error in every case", test_await, 5 },
		{ "api-F16 a result is shared between threads", test_share, 20 },
		{ "api-F10 cancel says what happened", test_cancel, 5 },
		{ "api-F12 promise-H14 a worker is told deadlock", test_deadlock, 5 },
		{ "promise-H1 the first completion wins, later ones are released", test_first_wins,
			5 },
		{ "NULL arguments are answered", test_null, 5 },
		{ "the last reference goes inside a watcher", test_unref_in_watch, 5 },
		{ "a watch runs or is removed, never both", test_unwatch_or_run, 20 },
	};

	return t_main("future", cases, hf_countof(cases), argc, argv);
}
