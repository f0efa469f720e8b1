/* SPDX-License-Identifier: MIT */
/* One descriptor for many futures. */
#include "helpers.h"
#include "promise.h"

#include "base/fork.h"

#include <holdfast/inbox.h>

#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static bool readable(const hf_inbox *box)
{
	struct pollfd p = { .fd = hf_inbox_fd(box), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static hf_inbox *inbox(void)
{
	hf_inbox *box = hf_inbox_new();

	ck_assert_ptr_nonnull(box);
	return box;
}

START_TEST(test_deliver)
{
	hf_inbox *box = inbox();
	hf_future *a = promise(), *b = promise();
	hf_event ev;
	int tag_a, tag_b;

	ck_assert_int_eq(hf_inbox_add(box, a, &tag_a), HF_OK);
	ck_assert_int_eq(hf_inbox_add(box, b, &tag_b), HF_OK);
	hf_future_unref(a);
	hf_future_unref(b);
	ck_assert(!readable(box));
	ck_assert(!hf_inbox_next(box, 0, &ev));
	resolve(b);
	ck_assert(readable(box));
	reject(a, HF_E_SQL);
	ck_assert(hf_inbox_next(box, 0, &ev));
	ck_assert_ptr_eq(ev.future, b);
	ck_assert_ptr_eq(ev.tag, &tag_b);
	ck_assert_int_eq(hf_future_get_for(ev.future, 0, NULL), HF_OK);
	ck_assert(readable(box));
	ck_assert(hf_inbox_next(box, HF_FOREVER, &ev));
	ck_assert_int_eq(atomic_load(&promises_alive), 1);
	ck_assert_ptr_eq(ev.tag, &tag_a);
	ck_assert_int_eq(hf_future_get(ev.future, NULL), HF_E_SQL);
	ck_assert(!readable(box));
	ck_assert(!hf_inbox_next(box, 1, &ev));
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
	ck_assert_ptr_null(hf_inbox_unref(box));
}
END_TEST

START_TEST(test_ready_already)
{
	hf_inbox *box = inbox();
	hf_future *f = promise();
	hf_event ev;

	resolve(f);
	ck_assert_int_eq(hf_inbox_add(box, f, NULL), HF_OK);
	ck_assert_int_eq(hf_inbox_add(box, f, f), HF_OK); /* one event for each add */
	ck_assert_int_eq(hf_inbox_add(box, hf__future_nomem(), NULL), HF_OK);
	ck_assert(readable(box));
	ck_assert(hf_inbox_next(box, 0, &ev) && !ev.tag);
	ck_assert(hf_inbox_next(box, 0, &ev) && ev.tag == f);
	ck_assert(hf_inbox_next(box, 0, &ev) && ev.future == hf__future_nomem());
	ck_assert(!hf_inbox_next(box, 0, &ev));
	hf_inbox_unref(box);
	hf_future_unref(f);
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
}
END_TEST

START_TEST(test_wait)
{
	hf_inbox *box = inbox();
	hf_future *f = promise();
	int64_t begun = hf__now();
	hf_event ev;
	pthread_t t;

	ck_assert_int_eq(hf_inbox_add(box, f, NULL), HF_OK);
	ck_assert(!hf_inbox_next(box, 20, &ev));
	ck_assert_int_ge(hf__now() - begun, 20 * HF__MS);
	t = start(resolve_later, f);
	ck_assert(hf_inbox_next(box, HF_FOREVER, &ev));
	ck_assert_ptr_eq(ev.future, f);
	pthread_join(t, NULL);
	hf_future_unref(f);
	hf_inbox_unref(box);
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
}
END_TEST

/* One taken, one waiting, two expected: all are let go of, no watch stays behind. */
START_TEST(test_unref)
{
	hf_inbox *box = inbox();
	hf_future *fs[4];
	hf_event ev;

	for (size_t i = 0; i < 4; i++) {
		fs[i] = promise();
		ck_assert_int_eq(hf_inbox_add(box, fs[i], NULL), HF_OK);
	}
	resolve(fs[0]);
	resolve(fs[1]);
	ck_assert(hf_inbox_next(box, 0, &ev));
	hf_inbox_unref(box);
	for (size_t i = 0; i < 4; i++)
		ck_assert_ptr_null(fs[i]->watches);
	resolve(fs[2]);
	resolve(fs[3]);
	for (size_t i = 0; i < 4; i++)
		hf_future_unref(fs[i]);
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
}
END_TEST

static void drop_inbox(hf__watch *w, hf_future *f)
{
	static hf_inbox *doomed;

	if (!f)
		doomed = (void *)w; /* told in advance */
	else
		hf_inbox_unref(doomed);
}

/* The inbox goes away after the future has become ready and before its watch has run. */
START_TEST(test_unref_while_completing)
{
	hf_inbox *box = inbox();
	hf_future *f = promise(), *g = promise();
	hf__watch before;

	drop_inbox((void *)box, NULL);
	hf__watch_init(&before, drop_inbox);
	hf__future_watch(f, &before);
	ck_assert_int_eq(hf_inbox_add(box, f, NULL), HF_OK);
	ck_assert_int_eq(hf_inbox_add(box, g, NULL), HF_OK);
	hf_future_unref(f);
	resolve(f);
	resolve(g);
	hf_future_unref(g);
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
}
END_TEST

START_TEST(test_beside_any)
{
	hf_inbox *box = inbox();
	hf_future *f = promise(), *other = promise(), *pair[] = { f, other };
	hf_future *any = hf_when_any(pair, 2);
	hf_event ev;

	ck_assert_int_eq(hf_inbox_add(box, f, f), HF_OK);
	ck_assert_int_eq(hf_inbox_add(box, any, any), HF_OK);
	resolve(f);
	ck_assert(hf_inbox_next(box, 0, &ev) && ev.tag == any);
	ck_assert(hf_inbox_next(box, 0, &ev) && ev.tag == f);
	hf_future_unref(any);
	hf_future_unref(f);
	hf_inbox_unref(box);
	resolve(other);
	hf_future_unref(other);
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
}
END_TEST

START_TEST(test_null)
{
	hf_inbox *box = inbox();
	hf_future *f = promise();
	hf_event ev;

	ck_assert_int_eq(hf_inbox_fd(NULL), -1);
	ck_assert_int_eq(hf_inbox_add(NULL, f, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_inbox_add(box, NULL, NULL), HF_E_MISUSE);
	ck_assert(!hf_inbox_next(NULL, 0, &ev));
	ck_assert(!hf_inbox_next(box, HF_FOREVER, NULL));
	ck_assert_ptr_null(hf_inbox_unref(NULL));
	resolve(f);
	hf_future_unref(f);
	hf_inbox_unref(box);
}
END_TEST

START_TEST(test_no_memory)
{
	hf_future *f = promise();
	hf_inbox *box;
	hf_event ev;
	hf_status st = HF_E_NOMEM;

	for (long n = 0; st != HF_OK; n++) {
		hf__mem_fail(n, 1);
		box = hf_inbox_new();
		st = box ? hf_inbox_add(box, f, NULL) : HF_E_NOMEM;
		ck_assert(box || errno == ENOMEM);
		if (st != HF_OK)
			hf_inbox_unref(box);
	}
	hf__mem_fail(0, -1);
	resolve(f);
	ck_assert(hf_inbox_next(box, 0, &ev));
	ck_assert_int_eq(hf__mem_seen(), 0);
	hf__mem_fail(0, 0);
	hf_inbox_unref(box);
	hf_future_unref(f);
	ck_assert_int_eq(atomic_load(&promises_alive), 0);
}
END_TEST

START_TEST(test_no_descriptor)
{
	struct rlimit was, none;

	getrlimit(RLIMIT_NOFILE, &was);
	none = was;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	ck_assert_ptr_null(hf_inbox_new());
	ck_assert_int_eq(errno, EMFILE);
	setrlimit(RLIMIT_NOFILE, &was);
}
END_TEST

static bool child_is_refused(hf_inbox *box, hf_future *f)
{
	hf_event ev;
	bool refused = hf_inbox_add(box, hf__future_nomem(), NULL) == HF_E_FORKED;
	hf_inbox *own = hf_inbox_new();

	refused &= !hf_inbox_next(box, 5, &ev);
	refused &= !hf_inbox_unref(box) && !hf_inbox_unref(box);
	refused &= hf_inbox_add(own, f, NULL) == HF_E_FORKED;
	hf_inbox_unref(own);
	return refused;
}

/* The descriptor is shared with the parent: a child must not take its readiness away. */
START_TEST(test_fork)
{
	static hf_inbox *box; /* in sight of leak checkers: the child keeps it */
	hf_future *f = promise();
	hf_event ev;
	int how = -1;
	pid_t pid;

	box = inbox();
	ck_assert_int_eq(hf_inbox_add(box, f, NULL), HF_OK);
	resolve(f);
	pid = fork();
	if (pid == 0)
		_exit(child_is_refused(box, f) ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &how, 0), pid);
	ck_assert_int_eq(how, 0);
	ck_assert(readable(box));
	ck_assert(hf_inbox_next(box, 0, &ev));
	hf_inbox_unref(box);
	hf_future_unref(f);
}
END_TEST

int main(int argc, char **argv)
{
	const struct t_case cases[] = {
		{ "api-F13 one event for each future, oldest first", test_deliver, 5 },
		{ "api-F13 ready already: delivered at once", test_ready_already, 5 },
		{ "api-F13 next waits for an event", test_wait, 20 },
		{ "api-F13 the inbox goes away before its futures", test_unref, 5 },
		{ "api-F13 the inbox goes away while a future completes",
			test_unref_while_completing, 5 },
		{ "api-F13 a future watched by an inbox and a combination", test_beside_any, 5 },
		{ "api-F13 NULL arguments are answered", test_null, 5 },
		{ "api-F13 no memory: adding fails, delivering does not", test_no_memory, 5 },
		{ "api-F13 no descriptor: errno tells", test_no_descriptor, 5 },
		{ "api-F13 a forked child leaves the descriptor alone", test_fork, 5 },
	};

	return t_main("inbox", cases, hf_countof(cases), argc, argv);
}
