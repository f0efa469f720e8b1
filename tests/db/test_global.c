/* SPDX-License-Identifier: MIT */
/* Global transactions in one phase: all engines or none, the window, and who may end a branch. */
#include "engines.h"

#include <stdlib.h>
#include <string.h>

struct engines {
	hf_pool *shop, *bank;
	hf_global *g;
	hf_txn *at_shop, *at_bank; /* the branches of g */
};

/* Begins a global transaction with a branch at each. */
static void begin(struct engines *e)
{
	e->g = hf_global_new(HF_GLOBAL_OPTS(.label = "order"));
	ck_assert_ptr_nonnull(e->g);
	e->at_shop = hf_global_begin(e->g, e->shop, HF_TXN_OPTS(.label = "goods"));
	e->at_bank = hf_global_begin(e->g, e->bank, HF_TXN_OPTS(.label = "money"));
}

static struct engines open_both(void)
{
	struct engines e = { 0 };

	t_engines();
	e.shop = t_pool(HF_POOL_OPTS(.name = "shop", .max_conns = 2));
	e.bank = t_pool_on(t_bank_dsn(), HF_POOL_OPTS(.name = "bank", .max_conns = 2));
	begin(&e);
	return e;
}

static void close_both(struct engines *e)
{
	e->g = hf_global_free(e->g);
	t_wait_idle(e->shop, t_stats(e->shop).conns);
	t_wait_idle(e->bank, t_stats(e->bank).conns);
	t_close(e->shop);
	t_close(e->bank);
}

static void again(struct engines *e)
{
	hf_global_free(e->g);
	begin(e);
}

static hf_future *add(hf_txn *t, int id)
{
	return hf_txn_query(t, "insert into part values ($1, 'new')", id);
}

/* Why it did not commit; yours to unref. */
static hf_error *commit_fails(hf_global *g, hf_status st)
{
	hf_error *why = NULL;
	hf_status got = hf_global_commit(g, &why);

	if (got != st)
		ck_abort_msg("%s instead of %s: %s", hf_status_name(got), hf_status_name(st),
			hf_error_message(why));
	ck_assert_ptr_nonnull(why);
	ck_assert_int_eq(hf_error_status(why), st);
	return why;
}

static void commit_works(hf_global *g)
{
	hf_error *why = NULL;

	if (hf_global_commit(g, &why) != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
	ck_assert_ptr_null(why);
}

static void has(const hf_error *e, const char *text)
{
	if (!strstr(hf_error_message(e), text))
		ck_abort_msg("\"%s\" does not say \"%s\"", hf_error_message(e), text);
}

/* --- D27 ---------------------------------------------------------------------------------------*/

/* The twin of zope.sqlalchemy's testTwoEngines. */
START_TEST(test_two_engines)
{
	struct engines e = open_both();

	t_done(add(e.at_shop, 1));
	t_done(add(e.at_bank, 1));
	ck_assert_int_eq(t_parts(), 0);
	commit_works(e.g);
	ck_assert_int_eq(t_parts(), 101);
	close_both(&e);
}
END_TEST

static hf_status refuse(void *arg)
{
	(void)arg;
	return HF_E_USER;
}

/* A statement that failed at either, or somebody who votes no: nothing is stored anywhere. */
START_TEST(test_failure_before_vote)
{
	struct engines e = open_both();
	hf_error *why;

	for (int i = 0; i < 3; i++) {
		again(&e);
		t_done(add(e.at_shop, 1));
		t_done(add(e.at_bank, 1));
		if (i < 2)
			t_failed(add(i ? e.at_bank : e.at_shop, 1), HF_E_SQL);
		else
			ck_assert_int_eq(
				hf_global_join(e.g, HF_PARTICIPANT(.name = "mail", .vote = refuse)),
				HF_OK);
		why = commit_fails(e.g, i < 2 ? HF_E_SQL : HF_E_USER);
		has(why, "\"order\" was rolled back");
		has(why, i == 0 ? "branch 1 of 2 (pool \"shop\")" : i == 1 ? "bank" : "\"mail\"");
		ck_assert(!hf_error_is(why, HF_MAYBE_COMMITTED));
		ck_assert_str_eq(hf_error_sqlstate(why), i < 2 ? "23505" : "");
		hf_error_unref(why);
		ck_assert_int_eq(t_parts(), 0);
	}
	close_both(&e);
}
END_TEST

T_MAIN("global", { "D27 two engines both commit", test_two_engines, 0 },
	{ "D27 a failure before the vote aborts both", test_failure_before_vote, 0 })
