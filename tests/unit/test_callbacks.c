/* SPDX-License-Identifier: MIT */
/* Callbacks: once each, on their thread, whatever ends first; and futures without memory. */
#include "helpers.h"
#include "promise.h"

static int pool_a, pool_b; /* domains */

struct seen {
	hf_future *other;
	hf_status own, others, canceled;
	const hf_result *res;
	pthread_t thread;
	enum hf__role role;
	long freed; /* before the callback has returned */
};

static void look(hf_future *f, void *arg)
{
	struct seen *s = arg;

	s->own = hf_future_get(f, &s->res);
	s->others = hf_future_wait(s->other);
	s->canceled = hf_future_cancel(f);
	s->thread = pthread_self();
	s->role = hf__thread_role(&pool_a);
	s->freed = atomic_load(&freed);
	atomic_fetch_add(&ran, 1);
}

START_TEST(test_in_callback)
{
	hf__callbacks *cb = hf__callbacks_new("cb", &pool_a);
	hf_future *f = promise_of(&pool_a, cb), *other = promise_of(&pool_a, cb);
	struct seen s = { .other = other };
	hf_result *r = result_new();

	ck_assert_int_eq(hf_future_on_ready(f, look, &s, count_free), HF_OK);
	resolve_with(f, r);
	ck_assert(reaches(&freed, 1));
	ck_assert_int_eq(s.own, HF_OK);
	ck_assert_ptr_eq(s.res, r);
	ck_assert_int_eq(s.others, HF_E_DEADLOCK);
	ck_assert_int_eq(s.canceled, HF_E_BUSY);
	ck_assert_int_eq(s.role, HF__ROLE_CALLBACKS);
	ck_assert_int_eq(s.freed, 0);
	ck_assert(!pthread_equal(s.thread, pthread_self()));
	resolve(other);
	hf_future_unref(other);
	hf_future_unref(f);
	ck_assert(hf__callbacks_stop(cb, hf__deadline(5000)));
	hf__callbacks_unref(cb);
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
}
END_TEST

START_TEST(test_many_callbacks)
{
	hf_future *f = promise();

	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(hf_future_on_ready(f, count_run, NULL, count_free), HF_OK);
	sleep_ms(5);
	ck_assert_int_eq(atomic_load(&ran), 0);
	resolve(f);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(hf_future_on_ready(f, count_run, NULL, NULL), HF_OK);
	ck_assert(reaches(&ran, 40));
	ck_assert(reaches(&freed, 20));
	hf_future_unref(f);
	ck_assert(reaches(&promises_alive, 0));
	settle();
	ck_assert_int_eq(atomic_load(&ran), 40);
}
END_TEST

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void pass_gate(hf_future *f, void *arg)
{
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	count_run(f, arg);
}

START_TEST(test_never_inline)
{
	hf_future *f = promise();

	/* An inline call would lock the gate twice and hang here. */
	pthread_mutex_lock(&gate);
	ck_assert_int_eq(hf_future_on_ready(f, pass_gate, NULL, NULL), HF_OK);
	resolve(f);
	ck_assert_int_eq(hf_future_on_ready(f, pass_gate, NULL, count_free), HF_OK);
	ck_assert_int_eq(atomic_load(&ran), 0);
	pthread_mutex_unlock(&gate);
	ck_assert(reaches(&freed, 1));
	ck_assert_int_eq(atomic_load(&ran), 2);
	hf_future_unref(f);
	settle();
}
END_TEST

START_TEST(test_register_fails)
{
	hf_future *f = promise();

	ck_assert_int_eq(hf_future_on_ready(NULL, count_run, NULL, count_free), HF_E_MISUSE);
	ck_assert_int_eq(hf_future_on_ready(f, NULL, NULL, count_free), HF_E_MISUSE);
	hf__mem_fail(0, -1);
	ck_assert_int_eq(hf_future_on_ready(f, count_run, NULL, count_free), HF_E_NOMEM);
	hf__mem_fail(0, 0);
	hf__thread_fail(1);
	ck_assert_int_eq(hf_future_on_ready(f, count_run, NULL, count_free), HF_E_NOMEM);
	hf__thread_fail(0);
	ck_assert_int_eq(atomic_load(&freed), 4);
	resolve(f);
	hf_future_unref(f);
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
	ck_assert_int_eq(atomic_load(&ran), 0);
}
END_TEST

static void stop_inside(hf_future *f, void *cb)
{
	ck_assert(!hf__callbacks_stop(cb, hf__deadline(5000)));
	ck_assert_int_eq(hf__thread_role(&pool_a), HF__ROLE_NONE);
	count_run(f, NULL);
}

static void block(hf_future *f, void *arg)
{
	sleep_ms(100);
	count_run(f, arg);
}

/* Stopped by its own callback; and by another thread, whose time is up. What is queued still runs.
 */
START_TEST(test_stop_in_vain)
{
	hf__callbacks *own = hf__callbacks_new("own", &pool_a);
	hf__callbacks *slow = hf__callbacks_new("slow", &pool_b);
	hf_future *f = promise_of(&pool_a, own), *g = promise_of(&pool_b, slow);

	resolve(f);
	resolve(g);
	ck_assert_int_eq(hf_future_on_ready(f, stop_inside, own, NULL), HF_OK);
	ck_assert(reaches(&ran, 1));
	ck_assert_int_eq(hf_future_on_ready(g, block, NULL, NULL), HF_OK);
	ck_assert_int_eq(hf_future_on_ready(g, count_run, NULL, NULL), HF_OK);
	ck_assert(!hf__callbacks_stop(slow, hf__deadline(10)));
	ck_assert_int_eq(atomic_load(&ran), 1);
	hf_future_unref(f);
	hf_future_unref(g);
	hf__callbacks_unref(own);
	hf__callbacks_unref(slow);
	ck_assert(reaches(&ran, 3));
	ck_assert(reaches(&promises_alive, 0));
	settle();
}
END_TEST

START_TEST(test_complete_without_memory)
{
	hf_future *f = promise(), *all = hf_when_all(&f, 1), *any = hf_when_any(&f, 1);
	pthread_t t = start(wait_for_ever, f);
	void *waited;

	ck_assert_int_eq(hf_future_on_ready(f, count_run, NULL, NULL), HF_OK);
	ck_assert_int_eq(hf_future_on_ready(all, count_run, NULL, NULL), HF_OK);
	sleep_ms(10);
	hf__mem_fail(0, -1);
	resolve(f);
	ck_assert_int_eq(hf_future_get(all, NULL), HF_OK);
	ck_assert_int_eq(hf_future_get(any, NULL), HF_OK);
	pthread_join(t, &waited);
	ck_assert_ptr_eq(waited, f);
	ck_assert(reaches(&ran, 2));
	ck_assert_int_eq(hf__mem_seen(), 0);
	hf__mem_fail(0, 0);
	hf_future_unref(f);
	hf_future_unref(all);
	hf_future_unref(any);
	settle();
}
END_TEST

static void sweep_round(long n)
{
	hf_future *f, *bad, *all;
	long before = atomic_load(&freed);
	hf_status st;

	hf__mem_fail(n, 1);
	f = promise();
	bad = hf__future_failed(NULL, hf__error_fmt(HF_E_CLOSED, 0, "closed"));
	st = hf_future_on_ready(f, count_run, NULL, count_free);
	all = hf_when_all(&f, 1);
	resolve(f);
	ck_assert(bad && all);
	ck_assert(st == HF_OK || st == HF_E_NOMEM);
	ck_assert_int_ne(hf_future_get(bad, NULL), HF_OK);
	ck_assert(hf_future_get(all, NULL) == HF_OK || all == hf__future_nomem());
	ck_assert(reaches(&freed, before + 1));
	hf_future_unref(f);
	hf_future_unref(bad);
	hf_future_unref(all);
	ck_assert(reaches(&promises_alive, 0));
}

START_TEST(test_sweep)
{
	long n = 0;

	do
		sweep_round(n);
	while (hf__mem_seen() > n++);
	hf__mem_fail(0, 0);
	ck_assert_int_ge(n, 4);
	settle();
}
END_TEST

static void drop_and_count(hf_future *f, void *arg)
{
	hf_future_unref(arg);
	count_run(f, NULL);
}

START_TEST(test_unref_in_callback)
{
	hf__callbacks *cb = hf__callbacks_new("cb", &pool_a);
	hf_future *f = promise_of(&pool_a, cb);

	ck_assert_int_eq(hf_future_on_ready(f, drop_and_count, f, NULL), HF_OK);
	/* Stopped, but not ended: a call is announced. What remains keeps itself alive. */
	(void)hf__callbacks_stop(cb, 0);
	hf__callbacks_unref(cb);
	resolve(f);
	ck_assert(reaches(&promises_alive, 0));
	ck_assert_int_eq(atomic_load(&ran), 1);
	settle();
}
END_TEST

int main(int argc, char **argv)
{
	const struct t_case cases[] = {
		{ "api-F7 get in a callback works, on the pool's callback thread", test_in_callback,
			20 },
		{ "api-F8 any number of callbacks, each once", test_many_callbacks, 20 },
		{ "api-F8 callbacks never run inline", test_never_inline, 20 },
		{ "api-F8 a callback thread that cannot be joined still runs what is queued",
			test_stop_in_vain, 20 },
		{ "api-F9 free_arg runs when registering fails", test_register_fails, 5 },
		{ "promise-H9 completing needs no memory", test_complete_without_memory, 20 },
		{ "every allocation failing in turn", test_sweep, 60 },
		{ "the last reference goes inside a callback", test_unref_in_callback, 20 },
	};

	return t_main("callbacks", cases, hf_countof(cases), argc, argv);
}
