/* SPDX-License-Identifier: MIT */
/* Two-phase commit: both prepared, then both committed, whatever happens in between.
 *
 * To look in between, COMMIT PREPARED is held back: each pool has one connection, and a query that
 * waits at a gate stands before it in the queue. */
#include "engines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const hf_pool_opts one_conn = {
	.struct_size = sizeof one_conn, .max_conns = 1, .two_phase = true
};

/* --- the good way ------------------------------------------------------------------------------*/

static void check_listed(hf_pool *p, int branch, char *global, size_t n)
{
	hf_future *f = hf_prepared_list(p);
	const hf_result *res = t_ok(f);
	hf_row row = hf_result_row(res, 0);
	char gid[200];

	ck_assert_uint_eq(hf_result_rows(res), 1);
	ck_assert_int_eq(hf_result_columns(res), 7);
	snprintf(global, n, "%s", hf_row_text(row, hf_result_column(res, "global")));
	ck_assert_int_eq(strncmp(global, "hf:order:", 9), 0);
	ck_assert_uint_eq(strlen(global), 9 + 32);
	ck_assert_uint_eq(strspn(global + 9, "0123456789abcdef"), 32);
	snprintf(gid, sizeof gid, "%s:%d:2", global, branch);
	ck_assert_str_eq(hf_row_text(row, hf_result_column(res, "gid")), gid);
	ck_assert_int_eq(hf_row_int8(row, hf_result_column(res, "branch"), -1), branch);
	ck_assert_int_eq(hf_row_int8(row, hf_result_column(res, "branches"), -1), 2);
	ck_assert(hf_row_float8(row, hf_result_column(res, "age_s"), -1) >= 0);
	ck_assert(hf_row_float8(row, hf_result_column(res, "age_s"), -1) < 60 * t_slow());
	ck_assert(!hf_row_is_null(row, hf_result_column(res, "prepared_at")));
	ck_assert_ptr_nonnull(hf_row_text(row, hf_result_column(res, "owner")));
	hf_future_unref(f);
}

static bool knows_it_is_prepared(void *txn)
{
	return hf_txn_get_state(txn) == HF_TXN_PREPARED;
}

/* The twin of zope.sqlalchemy's testTwoPhase. */
START_TEST(test_two_phase)
{
	struct t_engines e = t_engines_open(&one_conn);
	hf_pool *shop = t_pool(NULL), *bank = t_pool_on(t_bank_dsn(), NULL);
	char at_shop[128], at_bank[128];
	struct t_commit c;

	t_gate_close();
	t_engines_fill(&e, 1);
	t_commit_start(&c, e.g);
	t_wait_prepared(2);
	ck_assert_int_eq(t_parts(), 0);
	ck_assert(t_wait_until(knows_it_is_prepared, e.at_shop, 10000));
	check_listed(shop, 1, at_shop, sizeof at_shop);
	check_listed(bank, 2, at_bank, sizeof at_bank);
	ck_assert_str_eq(at_shop, at_bank);
	t_gate_open();
	t_commit_end(&c, HF_OK);
	ck_assert_ptr_null(c.why);
	ck_assert_int_eq(hf_txn_get_state(e.at_shop), HF_TXN_COMMITTED);
	ck_assert_int_eq(hf_txn_get_state(e.at_bank), HF_TXN_COMMITTED);
	ck_assert_int_eq(t_prepared(), 0);
	ck_assert_int_eq(t_parts(), 101);
	t_close(shop);
	t_close(bank);
	t_engines_close(&e);
}
END_TEST

/* D30: what wrote nothing is not prepared. Of the two the bank's is not among the branches. */
START_TEST(test_reader_is_not_prepared)
{
	struct t_engines e = t_engines_open(&one_conn);
	struct t_commit c;
	char *gid;

	t_gate_close();
	t_done(t_add(e.at_shop, 1));
	t_done(hf_txn_query(e.at_bank, "select count(*) from part"));
	t_gate_wait(e.shop);
	t_commit_start(&c, e.g);
	t_wait_prepared(1);
	gid = t_psql("select gid from pg_prepared_xacts");
	ck_assert_str_eq(gid + strlen(gid) - 4, ":1:1");
	free(gid);
	/* It was committed before: its connection is free. */
	t_wait_idle(e.bank, 1);
	t_gate_open();
	t_commit_end(&c, HF_OK);
	/* None of the two wrote: nothing to prepare, though the pool could not. */
	t_engines_again(&e);
	t_done(hf_txn_query(e.at_shop, "select 1"));
	t_done(hf_txn_query(e.at_bank, "select 1"));
	t_global_works(e.g);
	ck_assert_int_eq(t_parts(), 100);
	t_engines_close(&e);
}
END_TEST

/* --- a vote that fails -------------------------------------------------------------------------*/

static void note_end(void *arg)
{
	++*(int *)arg;
}

/* The bank's branch cannot be prepared: it has used a temporary table. */
START_TEST(test_prepare_refused)
{
	struct t_engines e = t_engines_open(&one_conn);
	hf_error *why;
	int ended = 0;

	ck_assert_int_eq(
		hf_global_join(e.g, HF_PARTICIPANT(.abort = note_end, .arg = &ended)), HF_OK);
	t_done(t_add(e.at_shop, 1));
	t_done(hf_txn_query(e.at_bank, "create temp table passing as select 1"));
	why = t_global_fails(e.g, HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(why), "0A000");
	ck_assert(!hf_error_is(why, HF_MAYBE_COMMITTED));
	t_says(why, "rolled back: branch 2 of 2 (pool \"bank\")");
	hf_error_unref(why);
	ck_assert_int_eq(t_prepared(), 0);
	ck_assert_int_eq(t_parts(), 0);
	ck_assert_int_eq(ended, 1);
	t_engines_close(&e);
}
END_TEST

/* --- what happens in between -------------------------------------------------------------------*/

/* The server goes down when both are prepared, and comes back: new connections, same decision. */
START_TEST(test_restart_in_between)
{
	struct t_engines e;
	struct t_commit c;

	t_need_pgctl();
	e = t_engines_open(&one_conn);
	t_gate_close();
	t_engines_fill(&e, 1);
	t_commit_start(&c, e.g);
	t_wait_prepared(2);
	ck_assert(t_pgctl("restart immediate"));
	t_gate_open();
	t_commit_end(&c, HF_OK);
	ck_assert_int_eq(t_prepared(), 0);
	ck_assert_int_eq(t_parts(), 101);
	t_engines_close(&e);
}
END_TEST

/* No connection comes free for COMMIT PREPARED within outcome_ms: the error names what is left, the
 * participants have finished, and whoever reads it can end it. */
START_TEST(test_out_of_time)
{
	hf_pool_opts o = one_conn;
	struct t_engines e;
	int ended = 0;
	hf_pool *bank;
	hf_error *why;
	char *gid, text[260];

	o.outcome_ms = 300;
	e = t_engines_open(&o);
	ck_assert_int_eq(
		hf_global_join(e.g, HF_PARTICIPANT(.finish = note_end, .arg = &ended)), HF_OK);
	t_gate_close();
	t_done(t_add(e.at_shop, 1));
	t_done(t_add(e.at_bank, 1));
	t_gate_wait(e.bank);
	why = t_global_fails(e.g, HF_E_BUSY);
	ck_assert(hf_error_is(why, HF_MAYBE_COMMITTED));
	t_says(why, "branch 1 of 2 (pool \"shop\") committed");
	gid = t_psql("select gid from pg_prepared_xacts");
	snprintf(text, sizeof text, "branch 2 of 2 (pool \"bank\") may be left prepared as '%s'",
		gid);
	t_says(why, text);
	hf_error_unref(why);
	ck_assert_int_eq(ended, 1);
	ck_assert_int_eq(t_parts(), 100);
	t_gate_open();
	bank = t_pool_on(t_bank_dsn(), HF_POOL_OPTS(.two_phase = true));
	t_done(hf_prepared_commit(bank, gid));
	free(gid);
	ck_assert_int_eq(t_parts(), 101);
	t_close(bank);
	t_engines_close(&e);
}
END_TEST

T_MAIN("two_phase", { "D28 both are prepared, then committed", test_two_phase, 0 },
	{ "D28 D30 a branch that wrote nothing is not prepared", test_reader_is_not_prepared, 0 },
	{ "D28 a branch that cannot be prepared undoes all", test_prepare_refused, 0 },
	{ "D28 the server restarts when both are prepared", test_restart_in_between, 60 },
	{ "D28 what is left prepared is named and can be ended", test_out_of_time, 0 })
