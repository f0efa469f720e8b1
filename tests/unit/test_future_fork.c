/* SPDX-License-Identifier: MIT */
/* Futures in a forked child: its parent's are refused, its own work. */
#include "helpers.h"
#include "promise.h"

#include "base/fork.h"

#include <sys/wait.h>
#include <unistd.h>

/* The number of the first line that is wrong, for the parent to show. */
#define CHILD_CHECK(x)                                                                             \
	do {                                                                                       \
		if (!(x))                                                                          \
			_exit(__LINE__ % 251 + 1);                                                 \
	} while (0)

static void in_child(hf_future *pending, hf_future *done)
{
	hf_future *both[] = { done, pending }, *f;
	hf_error *e = NULL;
	size_t i;

	CHILD_CHECK(hf_future_ready(done) && !hf_future_ready(pending));
	for (size_t k = 0; k < 2; k++) {
		CHILD_CHECK(hf_future_wait_for(both[k], 10) == HF_E_FORKED);
		CHILD_CHECK(hf_future_get(both[k], NULL) == HF_E_FORKED);
		CHILD_CHECK(!hf_future_take(both[k]));
		CHILD_CHECK(!hf_future_value(both[k]) && !hf_future_take_value(both[k]));
		CHILD_CHECK(hf_error_status(hf_future_error(both[k])) == HF_E_FORKED);
		CHILD_CHECK(hf_future_cancel(both[k]) == HF_E_FORKED);
		CHILD_CHECK(
			hf_future_on_ready(both[k], count_run, NULL, count_free) == HF_E_FORKED);
		CHILD_CHECK(hf_await(both[k], &e) == HF_E_FORKED);
		CHILD_CHECK(hf_error_status(e) == HF_E_FORKED);
		for (int n = 0; n < 5; n++)
			CHILD_CHECK(!hf_future_unref(both[k]));
	}
	CHILD_CHECK(hf_wait_all(both, 2, 10) == HF_E_FORKED);
	CHILD_CHECK(hf_wait_any(both, 2, 10, &i) == HF_E_FORKED);
	CHILD_CHECK(atomic_load(&freed) == 2 && atomic_load(&ran) == 0);
	f = hf_when_all(both, 2);
	CHILD_CHECK(hf_future_get(f, NULL) == HF_E_FORKED);
	hf_future_unref(f);
	CHILD_CHECK(hf_future_get(hf__future_nomem(), NULL) == HF_E_NOMEM);
}

static void wait_child(pid_t pid)
{
	int how;

	ck_assert_int_eq(waitpid(pid, &how, 0), pid);
	ck_assert(WIFEXITED(how));
	ck_assert_int_eq(WEXITSTATUS(how), 0);
}

START_TEST(test_fork)
{
	static hf_future *pending, *done; /* in sight of leak checkers: the child keeps them */
	hf_future *fresh;
	pid_t pid;

	hf__fork_watch();
	pending = promise();
	done = promise();
	resolve_with(done, result_new());
#ifndef __SANITIZE_THREAD__ /* it forbids threads in a child of a process with threads */
	ck_assert_int_eq(hf_future_on_ready(pending, count_run, NULL, NULL), HF_OK);
	/* Its thread is at rest then: forked while it begins, it may leave the locks of the address
	 * sanitizer's runtime held in the child for ever. */
	ck_assert_int_eq(hf_future_on_ready(done, count_run, NULL, NULL), HF_OK);
	ck_assert(reaches(&ran, 1));
	atomic_store(&ran, 0);
#endif
	hf__lock(&pending->lock); /* as another thread of the parent might */
	pid = fork();
	if (pid == 0) {
		hf__unlock(&pending->lock);
		pthread_mutex_lock(&pending->lock.m);
		in_child(pending, done);
		fresh = promise();
		CHILD_CHECK(hf_future_on_ready(fresh, count_run, NULL, count_free) == HF_OK);
		CHILD_CHECK(resolve(fresh));
		CHILD_CHECK(hf_future_get(fresh, NULL) == HF_OK);
		CHILD_CHECK(reaches(&freed, 3));
		hf_future_unref(fresh);
		CHILD_CHECK(reaches(&promises_alive, 2));
		settle();
		_exit(0);
	}
	hf__unlock(&pending->lock);
	wait_child(pid);
	resolve(pending);
	hf_future_unref(pending);
	hf_future_unref(done);
	ck_assert(reaches(&promises_alive, 0));
	settle();
}
END_TEST

T_MAIN("future fork", { "a forked child touches nothing of its parent", test_fork, 20 })
