/* SPDX-License-Identifier: MIT */
/* Futures under load, without a server: everything that may happen to a future at once does.
 *
 * A stage runs batches of slots. The main thread sets all slots up, the actors (a thread each) go
 * through them side by side, and the main thread checks what they left. Every actor owns one
 * reference to each slot's future and drops it. */
#include "helpers.h"
#include "promise.h"

#include "async/wait.h"

#include <holdfast/inbox.h>

#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLOTS = 256, ACTORS = 4 };

struct stage;
typedef void act_fn(struct stage *s, size_t slot);

struct stage {
	long batches;
	act_fn *prepare;
	act_fn *check; /* may be NULL */
	act_fn *act[ACTORS];
	pthread_barrier_t gate;
	hf_future *f[SLOTS], *g[SLOTS]; /* the second one is for pairs */
	hf__callbacks *calls_to;
	hf_inbox *box;
};

struct actor {
	struct stage *stage;
	act_fn *act;
};

static atomic_long completed, registered, delivered;

static long rounds(long n)
{
	const char *slow = getenv("HOLDFAST_TEST_SLOW");
	long by = slow ? strtol(slow, NULL, 10) : 1;

	if (by > 1)
		n /= by;
	else if (slow)
		n /= 20;
	return n / SLOTS + 1;
}

static void *play(void *arg)
{
	struct actor *a = arg;

	for (long n = 0; n < a->stage->batches; n++) {
		pthread_barrier_wait(&a->stage->gate);
		for (size_t i = 0; i < SLOTS; i++)
			a->act(a->stage, i);
		pthread_barrier_wait(&a->stage->gate);
	}
	return NULL;
}

static void run(struct stage *s)
{
	struct actor actor[ACTORS];
	pthread_t t[ACTORS];
	unsigned n = 0;

	while (n < ACTORS && s->act[n])
		n++;
	pthread_barrier_init(&s->gate, NULL, n + 1);
	for (unsigned i = 0; i < n; i++) {
		actor[i] = (struct actor){ s, s->act[i] };
		t[i] = start(play, &actor[i]);
	}
	for (long b = 0; b < s->batches; b++) {
		for (size_t i = 0; i < SLOTS; i++)
			s->prepare(s, i);
		pthread_barrier_wait(&s->gate);
		pthread_barrier_wait(&s->gate);
		for (size_t i = 0; i < SLOTS && s->check; i++)
			s->check(s, i);
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	pthread_barrier_destroy(&s->gate);
}

static void finish(struct stage *s)
{
	ck_assert(reaches(&ran, atomic_load(&registered)));
	ck_assert(reaches(&freed, atomic_load(&registered)));
	ck_assert(reaches(&promises_alive, 0));
	ck_assert_int_eq(atomic_load(&results_alive), 0);
	ck_assert(hf__callbacks_stop(s->calls_to, hf__deadline(5000)));
	hf__callbacks_unref(s->calls_to);
	ck_assert_int_eq(atomic_load(&ran), atomic_load(&registered));
}

static void count_ready_run(hf_future *f, void *arg)
{
	ck_assert(hf_future_ready(f));
	count_run(f, arg);
}

static void register_call(hf_future *f)
{
	ck_assert_int_eq(hf_future_on_ready(f, count_ready_run, NULL, count_free), HF_OK);
	atomic_fetch_add(&registered, 1);
}

static hf_status stop_now(hf_future *f)
{
	if (!hf__future_fail(f, hf__error_fmt(HF_E_CANCELED, 0, "cancelled")))
		return HF_E_BUSY;
	atomic_fetch_add(&completed, 1);
	return HF_OK;
}

/* A future with one reference for each of `users` and one for its producer. */
static hf_future *shared(struct stage *s, unsigned users)
{
	hf_future *f = promise_of(NULL, s->calls_to);

	promise_cancels_with(f, stop_now);
	for (unsigned i = 1; i < users; i++)
		hf__ref_get(&f->refs);
	return f;
}

static void produce(struct stage *s, size_t i)
{
	if (resolve_with(s->f[i], i % 2 ? result_new() : NULL))
		atomic_fetch_add(&completed, 1);
}

/* Cancel against completion. */

static void prepare_three(struct stage *s, size_t i)
{
	s->f[i] = shared(s, 3);
}

static void cancel(struct stage *s, size_t i)
{
	hf_status st = hf_future_cancel(s->f[i]);

	ck_assert(st == HF_OK || st == HF_E_BUSY);
	ck_assert(hf_future_ready(s->f[i]));
	if (st == HF_OK)
		ck_assert_int_eq(hf_future_get(s->f[i], NULL), HF_E_CANCELED);
	hf_future_unref(s->f[i]);
}

static void subscribe(struct stage *s, size_t i)
{
	register_call(s->f[i]);
	if (i % 8 == 0)
		register_call(s->f[i]);
	hf_future_unref(s->f[i]);
}

static void get(struct stage *s, size_t i)
{
	const hf_result *res = NULL;
	hf_status st = hf_future_get_for(s->f[i], i % 16 ? HF_FOREVER : 0, &res);
	bool lent = st == HF_OK && i % 2 == 1;

	ck_assert(st == HF_OK || st == HF_E_CANCELED || st == HF_PENDING);
	ck_assert((res != NULL) == lent);
	hf_future_unref(s->f[i]);
}

START_TEST(test_cancel)
{
	struct stage s = { .batches = rounds(690000),
		.prepare = prepare_three,
		.act = { produce, cancel, subscribe, get },
		.calls_to = hf__callbacks_new("stress", &s) };

	run(&s);
	ck_assert_int_eq(atomic_load(&completed), s.batches * SLOTS);
	finish(&s);
}
END_TEST

/* Waiters that give up while they are being woken. */

static void prepare_two_pairs(struct stage *s, size_t i)
{
	s->f[i] = shared(s, 2);
	s->g[i] = shared(s, 2);
}

static void produce_pair(struct stage *s, size_t i)
{
	produce(s, i);
	if (i % 4 == 0)
		for (int64_t until = hf__now() + 20000; hf__now() < until;)
			;
	resolve(s->g[i]);
}

static void wait_briefly(struct stage *s, size_t i)
{
	hf_status st;

	do {
		int64_t until = hf__now() + (int64_t)hf__random(30000);

		st = hf_future_wait_until(s->f[i], until);
		ck_assert(st == HF_OK || (st == HF_PENDING && hf__now() >= until));
	} while (st == HF_PENDING);
	ck_assert_int_eq(hf_future_wait(s->g[i]), HF_OK);
	hf_future_unref(s->f[i]);
	hf_future_unref(s->g[i]);
}

static void wait_for_pair(struct stage *s, size_t i)
{
	hf_future *both[] = { s->g[i], s->f[i], s->g[i] };
	size_t at = 9;

	ck_assert_int_eq(hf_wait_any(both, 3, HF_FOREVER, &at), HF_OK);
	/* 2 is the same future as 0: it may have become ready after 0 was looked at. */
	ck_assert(at < 3 && hf_future_ready(both[at]));
	ck_assert_int_eq(hf_wait_all(both, 3, HF_FOREVER), HF_OK);
	hf_future_unref(s->f[i]);
	hf_future_unref(s->g[i]);
}

START_TEST(test_waiters)
{
	struct stage s = { .batches = rounds(60000),
		.prepare = prepare_two_pairs,
		.act = { produce_pair, wait_briefly, wait_for_pair } };

	run(&s);
	finish(&s);
}
END_TEST

/* Combinations made while their inputs complete. */

static void prepare_pair(struct stage *s, size_t i)
{
	s->f[i] = shared(s, 2);
	s->g[i] = shared(s, 2);
}

static void produce_other(struct stage *s, size_t i)
{
	reject(s->g[i], HF_E_SQL);
}

static void combine(struct stage *s, size_t i)
{
	hf_future *fs[] = { s->f[i], s->g[i], s->f[i] };
	hf_future *any = hf_when_any(fs, 3), *all = hf_when_all(fs, 3);

	register_call(any);
	register_call(all);
	hf_future_unref(s->f[i]);
	hf_future_unref(s->g[i]);
	if (i % 4 == 0) {
		hf_status st = hf_future_get(any, NULL);

		ck_assert(st == HF_OK || st == HF_E_SQL || st == HF_E_CANCELED);
		st = hf_future_get(all, NULL);
		ck_assert(st == HF_E_SQL || st == HF_E_CANCELED);
	}
	if (i % 16 == 1)
		hf_future_cancel(i % 32 == 1 ? any : all);
	hf_future_unref(any);
	hf_future_unref(all);
}

START_TEST(test_combine)
{
	struct stage s = { .batches = rounds(100000),
		.prepare = prepare_pair,
		.act = { produce, produce_other, combine, combine },
		.calls_to = hf__callbacks_new("stress", &s) };

	run(&s);
	finish(&s);
}
END_TEST

/* Inboxes that go away while their futures complete, and one that stays. */

static void doomed_inbox(struct stage *s, size_t i)
{
	hf_inbox *box = hf_inbox_new();
	hf_future *any;
	hf_event ev;

	ck_assert_ptr_nonnull(box);
	ck_assert_int_eq(hf_inbox_add(box, s->f[i], NULL), HF_OK);
	any = hf_when_any(&s->f[i], 1);
	ck_assert_int_eq(hf_inbox_add(box, any, NULL), HF_OK);
	hf_future_unref(any);
	hf_future_unref(s->f[i]);
	if (i % 4 == 0 && hf_inbox_next(box, 0, &ev))
		ck_assert(hf_future_ready(ev.future));
	hf_inbox_unref(box);
}

static void add_to_inbox(struct stage *s, size_t i)
{
	ck_assert_int_eq(hf_inbox_add(s->box, s->f[i], (void *)(uintptr_t)(i + 1)), HF_OK);
	hf_future_unref(s->f[i]);
}

static void take_from_inbox(struct stage *s, size_t i)
{
	hf_event ev;

	(void)i;
	ck_assert(hf_inbox_next(s->box, 10000, &ev));
	ck_assert(hf_future_ready(ev.future) && ev.tag);
	atomic_fetch_add(&delivered, 1);
}

static void prepare_two(struct stage *s, size_t i)
{
	s->f[i] = shared(s, 2);
}

START_TEST(test_inbox)
{
	struct stage s = { .batches = rounds(150000),
		.prepare = prepare_two,
		.act = { produce, doomed_inbox, add_to_inbox, take_from_inbox },
		.box = hf_inbox_new() };
	hf_event ev;

	run(&s);
	ck_assert_int_eq(atomic_load(&delivered), s.batches * SLOTS);
	ck_assert(!hf_inbox_next(s.box, 0, &ev));
	hf_inbox_unref(s.box);
	finish(&s);
}
END_TEST

/* A callback thread that stops while callbacks are registered. */

static void *register_some(void *f)
{
	for (int i = 0; i < 20; i++)
		register_call(f);
	return NULL;
}

START_TEST(test_stop)
{
	for (long n = rounds(400000); n > 0; n--) {
		hf__callbacks *cb = hf__callbacks_new("stress", &cb);
		hf_future *done = promise_of(NULL, cb), *late = promise_of(NULL, cb);
		pthread_t t, u;

		resolve(done);
		t = start(register_some, done);
		u = start(register_some, late);
		hf__callbacks_stop(cb, n % 2 ? hf__deadline(5000) : 0);
		hf__callbacks_unref(cb);
		resolve(late);
		pthread_join(t, NULL);
		pthread_join(u, NULL);
		hf_future_unref(done);
		hf_future_unref(late);
	}
	finish(&(struct stage){ .batches = 0 });
	sleep_ms(20);
}
END_TEST

/* Wake-ups that mean nothing: signals, and broadcasts to the sleepers themselves. */

static atomic_bool storming;

struct storm {
	pthread_t victim;
	hf_future *f;
};

static void ignore(int sig)
{
	(void)sig;
}

static void *storm(void *arg)
{
	struct storm *s = arg;

	while (atomic_load(&storming)) {
		pthread_kill(s->victim, SIGUSR1);
		hf__lock(&s->f->lock);
		for (hf__waiter *w = s->f->waiters; w; w = w->next)
			syscall(SYS_futex, &w->who->woken.state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL,
				0);
		hf__unlock(&s->f->lock);
	}
	return NULL;
}

static void check_limit(hf_future *f)
{
	hf_future *twice[] = { f, f };
	int64_t begun = hf__now();
	size_t at;

	ck_assert_int_eq(hf_future_wait_for(f, 200), HF_PENDING);
	ck_assert_int_eq(hf_wait_any(twice, 2, 200, &at), HF_PENDING);
	ck_assert_int_eq(hf_wait_all(twice, 2, 200), HF_PENDING);
	ck_assert_int_ge(hf__now() - begun, 600 * HF__MS);
	ck_assert_int_lt(hf__now() - begun, 5000 * HF__MS); /* not begun again by each wake-up */
}

static void *resolve_late(void *f)
{
	sleep_ms(300);
	resolve(f);
	return NULL;
}

START_TEST(test_storm)
{
	struct sigaction act = { .sa_handler = ignore };
	hf_inbox *box = hf_inbox_new();
	hf_future *f = promise();
	struct storm s = { pthread_self(), f };
	int64_t begun;
	pthread_t t, u;
	hf_event ev;

	sigaction(SIGUSR1, &act, NULL);
	atomic_store(&storming, true);
	t = start(storm, &s);
	check_limit(f);
	begun = hf__now();
	ck_assert_int_eq(hf_inbox_add(box, f, NULL), HF_OK);
	ck_assert(!hf_inbox_next(box, 200, &ev));
	ck_assert_int_ge(hf__now() - begun, 200 * HF__MS);
	u = start(resolve_late, f);
	ck_assert_int_eq(hf_future_wait(f), HF_OK);
	ck_assert(hf_inbox_next(box, HF_FOREVER, &ev));
	atomic_store(&storming, false);
	pthread_join(t, NULL);
	pthread_join(u, NULL);
	hf_inbox_unref(box);
	hf_future_unref(f);
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
}
END_TEST

int main(int argc, char **argv)
{
	const struct t_case cases[] = {
		{ "api-F10 cancel against completion, each callback exactly once", test_cancel,
			120 },
		{ "api-F4 waiters give up while they are woken", test_waiters, 120 },
		{ "api-F14 combinations are made while their inputs complete", test_combine, 120 },
		{ "api-F13 inboxes go away while their futures complete", test_inbox, 120 },
		{ "api-F8 the callback thread stops while callbacks are registered", test_stop,
			120 },
		{ "api-F6 wake-ups that mean nothing do not end a wait", test_storm, 60 },
	};

	return t_main("future stress", cases, hf_countof(cases), argc, argv);
}
