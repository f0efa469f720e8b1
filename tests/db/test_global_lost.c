/* SPDX-License-Identifier: MIT */
/* Global transactions whose answers are lost: the server has done it, and nobody was told. */
#include "engines.h"

static const hf_pool_opts one_phase = { .struct_size = sizeof one_phase },
			  two_phases = { .struct_size = sizeof two_phases, .two_phase = true };

static void note_end(void *arg)
{
	++*(int *)arg;
}

/* One phase, and nobody can be asked: the first COMMIT may have worked, so that is what is said;
 * what comes after it is rolled back. */
START_TEST(test_lost_commit)
{
	struct t_engines e;
	struct t_commit c;
	int aborted = 0;

	t_need_pgctl();
	e = t_engines_open_synced(one_phase);
	hf_global_free(e.g);
	e.g = hf_global_new(NULL);
	ck_assert_int_eq(
		hf_global_join(e.g, HF_PARTICIPANT(.abort = note_end, .arg = &aborted)), HF_OK);
	e.at_shop = hf_global_begin(e.g, e.shop, HF_TXN_OPTS(.outcome = HF_OUTCOME_FAST));
	e.at_bank = hf_global_begin(e.g, e.bank, NULL);
	t_done(t_add(e.at_shop, 1));
	t_done(t_add(e.at_bank, 2));
	t_standby_demand(true);
	t_commit_start(&c, e.g);
	t_standby_lose_answer();
	t_commit_end(&c, HF_E_CONN_LOST);
	ck_assert(hf_error_is(c.why, HF_MAYBE_COMMITTED));
	ck_assert(!hf_error_is(c.why, HF_RETRYABLE));
	t_says(c.why, "may have been committed in part");
	t_says(c.why, "branch 1 of 2 (pool \"shop\") its outcome is unknown: the connection");
	t_says(c.why, "branch 2 of 2 (pool \"bank\") rolled back");
	hf_error_unref(c.why);
	ck_assert_int_eq(aborted, 1);
	ck_assert_int_eq(t_parts(), 100);
	t_engines_close(&e);
}
END_TEST

/* As a rule it is asked after, and then it was not lost. */
START_TEST(test_commit_asked_after)
{
	struct t_engines e;
	struct t_commit c;

	t_need_pgctl();
	e = t_engines_open_synced(one_phase);
	t_done(t_add(e.at_shop, 1));
	t_done(t_add(e.at_bank, 1));
	t_standby_demand(true);
	t_commit_start(&c, e.g);
	t_standby_lose_answer();
	t_commit_end(&c, HF_OK);
	ck_assert_int_eq(t_parts(), 101);
	t_engines_close(&e);
}
END_TEST

/* The second branch is left alone for longer than its txn_idle_ms while the first commits: it must
 * not expire then. */
START_TEST(test_slow_commit)
{
	hf_pool_opts o = one_phase;
	struct t_engines e;
	struct t_commit c;
	int64_t since;

	t_need_pgctl();
	o.txn_idle_ms = 500 * t_slow();
	o.txn_max_ms = 600 * t_slow();
	e = t_engines_open_synced(o);
	t_standby_demand(true);
	t_engines_again(&e);
	t_done(t_add(e.at_shop, 1));
	t_done(t_add(e.at_bank, 1));
	t_commit_start(&c, e.g);
	t_standby_await();
	for (since = hf_now_ns(); t_ms_since(since) < o.txn_max_ms + 200; t_sleep_ms(20))
		ck_assert_uint_eq(t_stats(e.bank).pinned, 1);
	t_standby_demand(false);
	t_commit_end(&c, HF_OK);
	ck_assert_int_eq(t_parts(), 101);
	ck_assert_uint_eq(t_stats(e.bank).expired, 0);
	t_engines_close(&e);
}
END_TEST

START_TEST(test_lost_commit_prepared)
{
	struct t_engines e;
	struct t_commit c;

	t_need_pgctl();
	e = t_engines_open_synced(two_phases);
	t_gate_close();
	t_engines_fill(&e, 1);
	t_commit_start(&c, e.g);
	t_wait_prepared(2);
	t_standby_demand(true);
	t_gate_open();
	t_standby_lose_answer();
	t_commit_end(&c, HF_OK);
	ck_assert_int_eq(t_prepared(), 0);
	ck_assert_int_eq(t_parts(), 101);
	t_engines_close(&e);
}
END_TEST

START_TEST(test_lost_prepare)
{
	struct t_engines e;
	struct t_commit c;

	t_need_pgctl();
	e = t_engines_open_synced(two_phases);
	t_done(t_add(e.at_shop, 1));
	t_done(t_add(e.at_bank, 1));
	t_standby_demand(true);
	t_commit_start(&c, e.g);
	t_standby_lose_answer();
	t_commit_end(&c, HF_E_CONN_LOST);
	ck_assert(!hf_error_is(c.why, HF_MAYBE_COMMITTED));
	ck_assert(hf_error_is(c.why, HF_RETRYABLE));
	t_says(c.why, "was rolled back: branch 1 of 2 (pool \"shop\")");
	hf_error_unref(c.why);
	ck_assert_int_eq(t_prepared(), 0);
	ck_assert_int_eq(t_parts(), 0);
	t_engines_close(&e);
}
END_TEST

T_MAIN("global_lost", { "D27 the answer of a COMMIT in one phase is lost", test_lost_commit, 0 },
	{ "D27 a lost COMMIT is asked after, and the next follows", test_commit_asked_after, 0 },
	{ "D27 no branch expires while another commits", test_slow_commit, 0 },
	{ "D28 the answer of COMMIT PREPARED is lost", test_lost_commit_prepared, 0 },
	{ "D28 the answer of PREPARE TRANSACTION is lost", test_lost_prepare, 0 })
