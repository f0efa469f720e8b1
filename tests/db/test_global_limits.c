/* SPDX-License-Identifier: MIT */
/* Global transactions at their limits: wrong calls, wrong threads, no memory. */
#include "engines.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(test_misuse)
{
	struct t_engines e = t_engines_open(NULL);
	char label[60];
	hf_error *why;
	hf_global *g;

	memset(label, 'x', sizeof label);
	label[41] = '\0';
	hf_global_free(hf_global_new(HF_GLOBAL_OPTS(.label = label)));

	t_failed(t_add(hf_global_begin(NULL, e.shop, NULL), 1), HF_E_MISUSE);
	t_failed(hf_txn_commit(hf_global_begin(NULL, e.shop, NULL)), HF_E_MISUSE);
	ck_assert_int_eq(hf_global_commit(NULL, &why), HF_E_MISUSE);
	hf_error_unref(why);
	ck_assert_int_eq(hf_global_abort(NULL), HF_E_MISUSE);
	ck_assert_ptr_null(hf_global_free(NULL));

	/* A branch that could not begin fails the whole. */
	t_done(t_add(e.at_shop, 1));
	t_failed(t_add(hf_global_begin(e.g, NULL, NULL), 1), HF_E_MISUSE);
	hf_error_unref(t_global_fails(e.g, HF_E_MISUSE));
	ck_assert_int_eq(t_parts(), 0);

	/* Two phases need pools that are for it. */
	g = hf_global_new(HF_GLOBAL_OPTS(.two_phase = true));
	t_failed(t_add(hf_global_begin(g, e.shop, NULL), 1), HF_E_MISUSE);
	why = t_global_fails(g, HF_E_MISUSE);
	t_says(why, ".two_phase");
	hf_error_unref(why);
	hf_global_free(g);
	t_engines_close(&e);
}
END_TEST

/* Ends `g` where it cannot be ended. */
static hf_status end_here(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)reply;
	return hf_global_commit(arg, NULL) == HF_E_DEADLOCK && hf_global_abort(arg) == HF_E_DEADLOCK
		       ? HF_OK
		       : HF_E_USER;
}

static hf_status free_here(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)reply;
	return hf_global_free(arg) ? HF_E_USER : HF_OK;
}

/* On a worker of one of its pools nothing is done; it can be let go of there without waiting. */
START_TEST(test_deadlock)
{
	struct t_engines e = t_engines_open(NULL);

	t_done(t_add(e.at_shop, 1));
	t_done(hf_run(e.bank, end_here, e.g, NULL));
	ck_assert_int_eq(t_parts(), 0);
	t_global_works(e.g);
	ck_assert_int_eq(t_parts(), 100);
	t_engines_again(&e);
	t_done(t_add(e.at_shop, 2));
	t_done(hf_run(e.bank, free_here, e.g, NULL));
	e.g = NULL;
	t_engines_close(&e);
}
END_TEST

static int refused_in_child(const struct t_engines *e)
{
	hf_error *why;

	if (hf_global_commit(e->g, &why) != HF_E_FORKED || hf_error_status(why) != HF_E_FORKED ||
		hf_global_abort(e->g) != HF_E_FORKED)
		return 1;
	if (hf_global_join(e->g, HF_PARTICIPANT(.name = "child")) != HF_E_FORKED)
		return 2;
	if (hf_await(t_add(hf_global_begin(e->g, e->shop, NULL), 1), NULL) != HF_E_FORKED)
		return 3;
	return hf_global_free(e->g) ? 4 : 0;
}

START_TEST(test_fork)
{
	struct t_engines e = t_engines_open(NULL);
	int status;
	pid_t child;

	t_done(t_add(e.at_shop, 1));
	child = fork();
	if (child == 0)
		_exit(refused_in_child(&e));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	t_global_works(e.g);
	ck_assert_int_eq(t_parts(), 100);
	t_engines_close(&e);
}
END_TEST

static void count(void *arg)
{
	++*(int *)arg;
}

/* Each allocation fails in turn, from the beginning to the end: what is answered is what the
 * databases say, nothing stays prepared, and each participant is let go of once. */
static void sweep(bool two_phase)
{
	struct t_engines e = t_engines_open(
		HF_POOL_OPTS(.max_conns = 2, .min_conns = 2, .two_phase = two_phase));
	int before = 0, worked = 0;

	for (int n = 0; n < 400 && worked < 20; n++) {
		int freed = 0;
		hf_status st = HF_E_NOMEM, joined = HF_OK;
		hf_error *why = NULL;
		hf_global *g;

		hf__mem_fail(n, 1);
		g = hf_global_new(HF_GLOBAL_OPTS(.label = "poor", .two_phase = two_phase));
		if (g) {
			hf_txn *s = hf_global_begin(g, e.shop, NULL);
			hf_txn *b = hf_global_begin(g, e.bank, NULL);

			joined = hf_global_join(
				g, HF_PARTICIPANT(.name = "p", .arg = &freed, .free_arg = count));
			hf_future_unref(t_add(s, 1000 + n));
			hf_future_unref(t_add(b, 1000 + n));
			st = hf_global_commit(g, &why);
		}
		worked = hf__mem_seen() < n ? worked + 1 : 0;
		hf__mem_fail(0, 0);
		if (g) {
			ck_assert_int_eq(freed, 1);
			hf_global_free(g);
		}
		if (hf_error_is(why, HF_MAYBE_COMMITTED))
			ck_abort_msg("allocation %d: %s", n, hf_error_message(why));
		if (joined != HF_OK)
			ck_assert_int_ne(st, HF_OK);
		hf_error_unref(why);
		before += st == HF_OK ? 101 : 0;
		if (t_parts() != before)
			ck_abort_msg("allocation %d: %s, but %d parts instead of %d", n,
				hf_status_name(st), t_parts(), before);
		ck_assert_int_eq(t_prepared(), 0);
	}
	ck_assert_int_eq(worked, 20);
	t_engines_close(&e);
}

START_TEST(test_one_phase_without_memory)
{
	sweep(false);
}
END_TEST

START_TEST(test_two_phases_without_memory)
{
	sweep(true);
}
END_TEST

T_MAIN("global_limits", { "D27 wrong calls are refused", test_misuse, 0 },
	{ "D27 a worker of one of its pools cannot end it", test_deadlock, 0 },
	{ "D27 a child process cannot use it", test_fork, 0 },
	{ "D27 without memory it is all or none", test_one_phase_without_memory, 120 },
	{ "D28 without memory both are ended alike", test_two_phases_without_memory, 120 })
