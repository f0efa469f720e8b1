/* SPDX-License-Identifier: MIT */
/* Several futures: hf_when_all, hf_when_any, hf_wait_all, hf_wait_any. */
#include "helpers.h"
#include "promise.h"

static int pool_a, pool_b;

static void make(hf_future **fs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fs[i] = promise();
}

static void unref(hf_future **fs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fs[i] = hf_future_unref(fs[i]);
}

static void check_nothing_left(void)
{
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
	ck_assert_int_eq(atomic_load(&results_alive), 0);
}

START_TEST(test_all)
{
	hf_future *fs[3], *all;

	make(fs, 3);
	all = hf_when_all(fs, 3);
	resolve(fs[1]);
	resolve(fs[0]);
	ck_assert_int_eq(hf_future_wait_for(all, 0), HF_PENDING);
	resolve(fs[2]);
	ck_assert_int_eq(hf_future_get_for(all, 0, NULL), HF_OK);
	hf_future_unref(all);
	unref(fs, 3);
	check_nothing_left();
}
END_TEST

START_TEST(test_all_fails)
{
	hf_future *fs[3], *all;

	make(fs, 3);
	all = hf_when_all(fs, 3);
	reject(fs[2], HF_E_SQL);
	ck_assert_int_eq(hf_future_wait_for(all, 0), HF_PENDING);
	reject(fs[1], HF_E_TIMEOUT);
	resolve(fs[0]);
	unref(fs, 3);
	ck_assert_int_eq(hf_future_get_for(all, 0, NULL), HF_E_TIMEOUT);
	ck_assert_int_eq(hf_error_status(hf_future_error(all)), HF_E_TIMEOUT);
	ck_assert_int_eq(atomic_load(&promises_alive), 3); /* kept by the combination */
	hf_future_unref(all);
	check_nothing_left();
}
END_TEST

START_TEST(test_all_of_none)
{
	hf_future *all = hf_when_all(NULL, 0);

	ck_assert_int_eq(hf_future_get_for(all, 0, NULL), HF_OK);
	hf_future_unref(all);
}
END_TEST

START_TEST(test_refusals)
{
	hf_future *with_null[2] = { promise(), NULL };
	hf_future *made[] = { hf_when_all(with_null, 2), hf_when_any(with_null, 2),
		hf_when_all(NULL, 1), hf_when_any(NULL, 1), hf_when_any(with_null, 0) };

	for (size_t i = 0; i < hf_countof(made); i++) {
		ck_assert_int_eq(hf_future_get_for(made[i], 0, NULL), HF_E_MISUSE);
		ck_assert_ptr_nonnull(hf_future_error(made[i]));
		hf_future_unref(made[i]);
	}
	resolve(with_null[0]);
	hf_future_unref(with_null[0]);
	check_nothing_left();
}
END_TEST

START_TEST(test_no_memory)
{
	hf_future *f = promise(), *made[2];

	hf__mem_fail(0, -1);
	made[0] = hf_when_all(&f, 1);
	made[1] = hf_when_any(&f, 1);
	hf__mem_fail(0, 0);
	ck_assert_ptr_eq(made[0], hf__future_nomem());
	ck_assert_ptr_eq(made[1], hf__future_nomem());
	resolve(f);
	/* It may be an input as well. */
	made[1] = hf_when_all(made, 1);
	ck_assert_int_eq(hf_future_get(made[1], NULL), HF_E_NOMEM);
	ck_assert_int_eq(hf_error_status(hf_future_error(made[1])), HF_E_NOMEM);
	hf_future_unref(made[1]);
	hf_future_unref(f);
	check_nothing_left();
}
END_TEST

START_TEST(test_any)
{
	hf_future *fs[3], *any;
	const hf_result *res = NULL;
	hf_result *r = result_new();

	make(fs, 3);
	any = hf_when_any(fs, 3);
	ck_assert_int_eq(hf_future_wait_for(any, 1), HF_PENDING);
	resolve_with(fs[1], r);
	ck_assert_int_eq(hf_future_get_for(any, 0, &res), HF_OK);
	ck_assert_ptr_eq(res, r);
	reject(fs[0], HF_E_SQL);
	ck_assert_int_eq(hf_future_get_for(any, 0, NULL), HF_OK);
	hf_future_unref(any); /* while the last is pending */
	ck_assert_int_eq(atomic_load(&results_alive), 1);
	resolve(fs[2]);
	unref(fs, 3);
	check_nothing_left();
}
END_TEST

START_TEST(test_any_fails)
{
	hf_future *fs[2], *any;

	make(fs, 2);
	any = hf_when_any(fs, 2);
	reject(fs[1], HF_E_CONN_LOST);
	ck_assert_int_eq(hf_future_get_for(any, 0, NULL), HF_E_CONN_LOST);
	ck_assert_str_eq(hf_error_message(hf_future_error(any)), "rejected");
	hf_future_unref(any);
	resolve(fs[0]);
	unref(fs, 2);
	check_nothing_left();
}
END_TEST

/* The watch of a ready input runs while the combination is being made; no watch stays behind. */
START_TEST(test_any_of_ready)
{
	for (size_t ready = 0; ready < 3; ready++) {
		hf_future *fs[3], *any;

		make(fs, 3);
		resolve(fs[ready]);
		any = hf_when_any(fs, 3);
		ck_assert(hf_future_ready(any));
		for (size_t i = 0; i < 3; i++)
			ck_assert_ptr_null(fs[i]->watches);
		hf_future_unref(any);
		for (size_t i = 0; i < 3; i++)
			if (i != ready)
				resolve(fs[i]);
		unref(fs, 3);
		check_nothing_left();
	}
}
END_TEST

START_TEST(test_any_lets_go)
{
	hf_future *fs[3], *any;

	make(fs, 3);
	any = hf_when_any(fs, 3);
	resolve(fs[1]);
	hf_future_unref(any);
	for (size_t i = 0; i < 3; i++)
		ck_assert_ptr_null(fs[i]->watches);
	ck_assert_int_eq(atomic_load(&fs[0]->refs.n), 2); /* the combination has let go */
	resolve(fs[0]);
	resolve(fs[2]);
	unref(fs, 3);
	check_nothing_left();
}
END_TEST

START_TEST(test_duplicates)
{
	hf_future *f = promise(), *fs[] = { f, f, f }, *all = hf_when_all(fs, 3),
		  *any = hf_when_any(fs, 3);
	size_t i = 9;

	ck_assert_int_eq(hf_wait_any(fs, 3, 2, &i), HF_PENDING);
	ck_assert_int_eq(hf_wait_all(fs, 3, 2), HF_PENDING);
	resolve(f);
	ck_assert_int_eq(hf_future_get_for(all, 0, NULL), HF_OK);
	ck_assert_int_eq(hf_future_get_for(any, 0, NULL), HF_OK);
	ck_assert_int_eq(hf_wait_any(fs, 3, 2, &i), HF_OK);
	ck_assert_uint_eq(i, 0);
	hf_future_unref(all);
	hf_future_unref(any);
	all = hf_when_all(fs, 3);
	any = hf_when_any(fs, 3);
	ck_assert(hf_future_ready(all) && hf_future_ready(any));
	hf_future_unref(all);
	hf_future_unref(any);
	hf_future_unref(f);
	check_nothing_left();
}
END_TEST

START_TEST(test_nested)
{
	hf_future *fs[4], *pair[2], *top;

	make(fs, 4);
	pair[0] = hf_when_all(fs, 2);
	pair[1] = hf_when_any(fs + 2, 2);
	top = hf_when_all(pair, 2);
	unref(pair, 2);
	resolve(fs[0]);
	resolve(fs[3]);
	ck_assert_int_eq(hf_future_wait_for(top, 0), HF_PENDING);
	resolve(fs[1]);
	ck_assert_int_eq(hf_future_get_for(top, 0, NULL), HF_OK);
	hf_future_unref(top);
	resolve(fs[2]);
	unref(fs, 4);
	check_nothing_left();
}
END_TEST

START_TEST(test_detached)
{
	hf_future *fs[2], *made[2];

	make(fs, 2);
	made[0] = hf_when_all(fs, 2);
	made[1] = hf_when_any(fs, 2);
	unref(made, 2);
	ck_assert_int_eq(atomic_load(&promises_alive), 2);
	resolve(fs[0]);
	hf_future_unref(fs[0]);
	ck_assert_int_eq(atomic_load(&promises_alive), 2); /* all still watches the other */
	resolve(fs[1]);
	hf_future_unref(fs[1]);
	check_nothing_left();
}
END_TEST

static hf_status stop_now(hf_future *f)
{
	hf__future_fail(f, hf__error_fmt(HF_E_CANCELED, 0, "cancelled while queued"));
	return HF_OK;
}

static hf_status ask(hf_future *f)
{
	(void)f;
	return HF_PENDING;
}

/* Cancels a combination of two inputs that are cancelled so (NULL: already finished). */
static hf_status cancel_pair(hf_future *(*when)(hf_future *const *, size_t),
	hf_status (*first)(hf_future *), hf_status (*second)(hf_future *), hf_status *outcome)
{
	hf_future *fs[2], *c;
	hf_status st;

	make(fs, 2);
	promise_cancels_with(fs[0], first);
	promise_cancels_with(fs[1], second);
	c = when(fs, 2);
	if (!first)
		resolve(fs[0]);
	st = hf_future_cancel(c);
	*outcome = hf_future_get_for(c, 0, NULL);
	if (first)
		resolve(fs[0]);
	resolve(fs[1]);
	hf_future_unref(c);
	unref(fs, 2);
	check_nothing_left();
	return st;
}

START_TEST(test_cancel)
{
	hf_status outcome;

	ck_assert_int_eq(cancel_pair(hf_when_all, stop_now, stop_now, &outcome), HF_OK);
	ck_assert_int_eq(outcome, HF_E_CANCELED);
	ck_assert_int_eq(cancel_pair(hf_when_all, NULL, stop_now, &outcome), HF_OK);
	ck_assert_int_eq(outcome, HF_E_CANCELED);
	ck_assert_int_eq(cancel_pair(hf_when_all, stop_now, ask, &outcome), HF_PENDING);
	ck_assert_int_eq(outcome, HF_PENDING);
	ck_assert_int_eq(cancel_pair(hf_when_any, ask, ask, &outcome), HF_PENDING);
	ck_assert_int_eq(cancel_pair(hf_when_any, ask, stop_now, &outcome), HF_PENDING);
	ck_assert_int_eq(outcome, HF_E_CANCELED);
	ck_assert_int_eq(cancel_pair(hf_when_any, stop_now, stop_now, &outcome), HF_OK);
	ck_assert_int_eq(cancel_pair(hf_when_any, NULL, stop_now, &outcome), HF_E_BUSY);
	ck_assert_int_eq(outcome, HF_OK);
}
END_TEST

START_TEST(test_deadlock)
{
	hf_future *fs[2] = { promise_of(&pool_b, NULL), promise_of(&pool_a, NULL) };
	hf_future *all = hf_when_all(fs, 2), *over = hf_when_all(&all, 1);

	hf__thread_serve(&pool_a, HF__ROLE_WORKER);
	ck_assert_int_eq(hf_future_wait(all), HF_E_DEADLOCK);
	ck_assert_int_eq(hf_future_wait(over), HF_E_DEADLOCK);
	resolve(fs[1]);
	ck_assert_int_eq(hf_future_wait_for(over, 1), HF_PENDING);
	hf__thread_serve(&pool_b, HF__ROLE_CALLBACKS);
	ck_assert_int_eq(hf_future_wait(over), HF_E_DEADLOCK);
	resolve(fs[0]);
	ck_assert_int_eq(hf_future_wait(over), HF_OK);
	hf_future_unref(over);
	hf_future_unref(all);
	unref(fs, 2);
	check_nothing_left();
}
END_TEST

/* One pool has closed; what a combination owes for the other pool's future still runs. */
START_TEST(test_two_pools)
{
	hf__callbacks *a = hf__callbacks_new("a", &pool_a), *b = hf__callbacks_new("b", &pool_b);
	hf_future *fs[2] = { promise_of(&pool_a, a), promise_of(&pool_b, b) }, *all;

	all = hf_when_all(fs, 2);
	ck_assert_int_eq(hf_future_on_ready(all, count_run, NULL, NULL), HF_OK);
	resolve(fs[0]);
	ck_assert(hf__callbacks_stop(a, hf__deadline(5000)));
	hf__callbacks_unref(a);
	resolve(fs[1]);
	ck_assert(reaches(&ran, 1));
	/* Registered after the stop: the common thread runs it. */
	ck_assert_int_eq(hf_future_on_ready(all, count_run, NULL, NULL), HF_OK);
	ck_assert(reaches(&ran, 2));
	hf_future_unref(all);
	unref(fs, 2);
	ck_assert(hf__callbacks_stop(b, hf__deadline(5000)));
	hf__callbacks_unref(b);
	ck_assert(reaches(&promises_alive, 0));
	sleep_ms(20);
}
END_TEST

static void *resolve_much_later(void *f)
{
	sleep_ms(700);
	resolve(f);
	return NULL;
}

START_TEST(test_wait_any)
{
	hf_future *fs[40];
	size_t at = 99;
	pthread_t t;

	make(fs, 40);
	for (size_t n = 3; n <= 40; n += 37) {
		ck_assert_int_eq(hf_wait_any(fs, n, 0, &at), HF_PENDING);
		ck_assert_int_eq(hf_wait_any(fs, n, 5, &at), HF_PENDING);
		ck_assert_uint_eq(at, 99);
		for (size_t i = 0; i < n; i++)
			ck_assert_ptr_null(fs[i]->waiters);
		t = start(resolve_later, fs[n - 1]);
		ck_assert_int_eq(hf_wait_any(fs, n, HF_FOREVER, &at), HF_OK);
		ck_assert_uint_eq(at, n - 1);
		pthread_join(t, NULL);
		ck_assert_int_eq(hf_wait_any(fs, n, HF_FOREVER, NULL), HF_OK);
		hf_future_unref(fs[n - 1]);
		fs[n - 1] = promise();
		at = 99;
	}
	hf__mem_fail(0, -1);
	ck_assert_int_eq(hf_wait_any(fs, 40, 5, &at), HF_E_NOMEM);
	ck_assert_int_eq(hf_wait_any(fs, 16, 5, &at), HF_PENDING);
	hf__mem_fail(0, 0);
	for (size_t i = 0; i < 40; i++)
		resolve(fs[i]);
	unref(fs, 40);
	check_nothing_left();
}
END_TEST

START_TEST(test_total_limit)
{
	hf_future *fs[2];
	int64_t begun = hf__now();
	pthread_t t;

	make(fs, 2);
	t = start(resolve_much_later, fs[0]);
	ck_assert_int_eq(hf_wait_all(fs, 2, 1000), HF_PENDING);
	ck_assert_int_lt(hf__now() - begun, 1500 * HF__MS);
	pthread_join(t, NULL);
	resolve(fs[1]);
	unref(fs, 2);
	check_nothing_left();
}
END_TEST

START_TEST(test_wait_all)
{
	hf_future *fs[3];
	int64_t begun = hf__now();
	pthread_t t;

	make(fs, 3);
	resolve(fs[0]);
	ck_assert_int_eq(hf_wait_all(fs, 3, 30), HF_PENDING);
	ck_assert_int_ge(hf__now() - begun, 30 * HF__MS);
	t = start(resolve_later, fs[1]);
	reject(fs[2], HF_E_SQL); /* finished badly is finished */
	ck_assert_int_eq(hf_wait_all(fs, 3, HF_FOREVER), HF_OK);
	pthread_join(t, NULL);
	unref(fs, 3);
	check_nothing_left();
}
END_TEST

int main(int argc, char **argv)
{
	const struct t_case cases[] = {
		{ "api-F14 all: ready when the last is", test_all, 5 },
		{ "api-F14 all: the outcome of the first that failed, by index", test_all_fails,
			5 },
		{ "api-F14 all of none has gone well", test_all_of_none, 5 },
		{ "api-F14 NULL among the inputs arrives in the future", test_refusals, 5 },
		{ "api-F14 without memory: the static future", test_no_memory, 5 },
		{ "api-F14 any: outcome and result of the first", test_any, 5 },
		{ "api-F14 any: a failure may be first", test_any_fails, 5 },
		{ "api-F14 any: an input is ready while it is made", test_any_of_ready, 5 },
		{ "api-F14 any: lets go of the slow inputs", test_any_lets_go, 5 },
		{ "api-F14 the same future several times", test_duplicates, 5 },
		{ "api-F14 combinations of combinations", test_nested, 5 },
		{ "api-F2 letting go of a combination leaves its inputs alone", test_detached, 5 },
		{ "api-F10 cancelling a combination cancels its inputs", test_cancel, 5 },
		{ "api-F12 promise-H14 a combination asks its inputs", test_deadlock, 5 },
		{ "api-F8 callbacks of a combination outlive one pool", test_two_pools, 20 },
		{ "api-F4 wait_any: the first that is ready", test_wait_any, 20 },
		{ "api-F6 wait_all: one limit in total", test_total_limit, 20 },
		{ "api-F4 wait_all: ready when all are, well or badly", test_wait_all, 20 },
	};

	return t_main("combine", cases, hf_countof(cases), argc, argv);
}
