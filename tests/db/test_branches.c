/* SPDX-License-Identifier: MIT */
/* Branches: who may end one, what a failed one still does, savepoints in it. */
#include "engines.h"

#include <stdlib.h>
#include <string.h>

static hf_status change(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	return hf_conn_query(c, NULL, arg);
}

static hf_future *run(hf_txn *t, char *sql)
{
	return hf_txn_run(t, HF_JOB(.fn = change, .arg = sql));
}

/* --- D29 ---------------------------------------------------------------------------------------*/

/* None of the calls that end or hand over a transaction does; it stays as it was. */
static void commit_refused(hf_txn *t)
{
	static char select1[] = "select 1";
	hf_future *f[4];
	hf_error *why;
	hf_txn *same = t;
	hf_token token;

	f[0] = hf_txn_commit(t);
	f[1] = hf_txn_commit_chain(t);
	f[2] = hf_txn_query_with(t, HF_QUERY_OPTS(.then = HF_THEN_COMMIT), "select 1");
	f[3] = hf_txn_run(t, HF_JOB(.fn = change, .arg = select1, .then = HF_THEN_COMMIT));
	for (int i = 0; i < 4; i++) {
		t_says(t_fails(f[i], HF_E_MISUSE), "hf_global_commit");
		hf_future_unref(f[i]);
	}
	ck_assert_int_eq(hf_txn_park(&same, 0, &token, &why), HF_E_MISUSE);
	hf_error_unref(why);
	ck_assert_ptr_eq(same, t);
	ck_assert_ptr_null(hf_txn_error(t));
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_OPEN);
}

/* The twin of zope.sqlalchemy's testSessionCommitDisallowed: what was pending when a direct commit
 * was refused is stored by the manager's commit, unless it was rolled back. */
START_TEST(test_session_commit_disallowed)
{
	struct t_engines e = t_engines_open(NULL);

	t_done(t_add(e.at_shop, 1));
	commit_refused(e.at_shop);
	ck_assert_int_eq(t_parts(), 0);
	t_done(t_add(e.at_shop, 2));
	t_global_works(e.g);
	ck_assert_int_eq(t_psql_int("select sum(id) from part"), 3);

	free(t_psql("truncate part"));
	t_engines_again(&e);
	t_done(t_add(e.at_shop, 1));
	commit_refused(e.at_shop);
	t_done(hf_txn_rollback(e.at_shop));
	t_done(t_add(e.at_shop, 2));
	t_global_works(e.g);
	ck_assert_int_eq(t_psql_int("select sum(id) from part"), 2);
	t_engines_close(&e);
}
END_TEST

/* After the end a branch says what became of it; a transaction of nobody's commits as ever. */
START_TEST(test_mark_unknown_session)
{
	struct t_engines e = t_engines_open(NULL);
	hf_txn *own = hf_txn_begin(e.shop, NULL);

	t_done(t_add(own, 1));
	t_done(hf_txn_commit(own));
	hf_txn_unref(own);
	t_done(t_add(e.at_shop, 2));
	t_global_works(e.g);
	t_failed(t_add(e.at_shop, 3), HF_E_TXN_ENDED);
	t_failed(t_add(hf_global_begin(e.g, e.shop, NULL), 3), HF_E_TXN_ENDED);
	ck_assert_int_eq(t_parts(), 200);
	ck_assert_int_eq(hf_global_commit(e.g, NULL), HF_E_TXN_ENDED);
	ck_assert_int_eq(hf_global_abort(e.g), HF_E_TXN_ENDED);
	t_engines_close(&e);
}
END_TEST

/* --- D32, D33 ----------------------------------------------------------------------------------*/

/* The twin of testAbortAfterCommit, and of what a transaction manager's TransactionFailedError
 * says: after an error every call fails until the rollback, with the first error. */
START_TEST(test_abort_after_commit)
{
	static char select1[] = "select 1";
	struct t_engines e = t_engines_open(NULL);
	hf_future *f[4];

	t_done(t_add(e.at_shop, 1));
	t_global_works(e.g);
	t_engines_again(&e);
	t_done(t_add(e.at_shop, 2));
	t_failed(hf_txn_query(e.at_shop, "BAD SQL SYNTAX"), HF_E_SQL);
	for (int turn = 0; turn < 2; turn++) {
		f[0] = t_add(e.at_shop, 3);
		f[1] = run(e.at_shop, select1);
		f[2] = hf_txn_savepoint(e.at_shop, "s");
		f[3] = hf_txn_query(e.at_shop, "select 1");
		for (int i = 0; i < 4; i++) {
			ck_assert_str_eq(hf_error_sqlstate(t_fails(f[i], HF_E_SQL)), "42601");
			hf_future_unref(f[i]);
		}
	}
	ck_assert_int_eq(hf_global_abort(e.g), HF_OK);
	t_engines_again(&e);
	t_done(t_add(e.at_shop, 2));
	t_failed(hf_txn_query(e.at_shop, "BAD SQL SYNTAX"), HF_E_SQL);
	t_failed(hf_txn_query(e.at_shop, "select 1"), HF_E_SQL);
	t_done(hf_txn_rollback(e.at_shop));
	t_done(t_add(e.at_shop, 4));
	t_global_works(e.g);
	ck_assert_int_eq(t_psql_int("select sum(id) from part"), 5);
	t_engines_close(&e);
}
END_TEST

START_TEST(test_abort_before_commit)
{
	struct t_engines e = t_engines_open(NULL);

	ck_assert_int_eq(hf_global_abort(e.g), HF_OK);
	t_engines_again(&e);
	t_done(t_add(e.at_shop, 1));
	t_done(t_add(e.at_bank, 1));
	ck_assert_int_eq(hf_global_abort(e.g), HF_OK);
	ck_assert_int_eq(t_parts(), 0);
	t_engines_again(&e);
	t_done(t_add(e.at_shop, 1));
	t_global_works(e.g);
	ck_assert_int_eq(t_parts(), 100);
	t_engines_close(&e);
}
END_TEST

/* The twin of testSavepoint: several, rolled back in turn. */
START_TEST(test_savepoint)
{
	struct t_engines e = t_engines_open(NULL);

	t_done(hf_txn_savepoint(e.at_shop, "s1"));
	t_done(t_add(e.at_shop, 1));
	t_done(hf_txn_savepoint(e.at_shop, "s2"));
	t_done(t_add(e.at_shop, 2));
	ck_assert_int_eq(t_int(hf_txn_query(e.at_shop, "select count(*) from part")), 2);
	t_done(hf_txn_rollback_to(e.at_shop, "s2"));
	ck_assert_int_eq(t_int(hf_txn_query(e.at_shop, "select count(*) from part")), 1);
	t_done(hf_txn_rollback_to(e.at_shop, "s1"));
	ck_assert_int_eq(t_int(hf_txn_query(e.at_shop, "select count(*) from part")), 0);
	t_global_works(e.g);
	ck_assert_int_eq(t_parts(), 0);
	t_engines_close(&e);
}
END_TEST

/* The twin of testCommitWithSavepoint: change, savepoint, change, rollback to it, commit. */
START_TEST(test_commit_with_savepoint)
{
	struct t_engines e = t_engines_open(NULL);

	t_done(t_add(e.at_shop, 1));
	t_done(hf_txn_savepoint(e.at_shop, "s"));
	t_done(t_add(e.at_shop, 2));
	t_failed(t_add(e.at_shop, 2), HF_E_SQL);
	t_done(hf_txn_rollback_to(e.at_shop, "s"));
	t_global_works(e.g);
	ck_assert_int_eq(t_psql_int("select sum(id) from part"), 1);
	t_engines_close(&e);
}
END_TEST

static hf_status release_own(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = hf_conn_savepoint(c, "inner");

	(void)arg;
	(void)reply;
	if (st == HF_OK)
		st = hf_conn_query(c, NULL, "insert into part values (7, 'inner')");
	return st == HF_OK ? hf_conn_release(c, "inner") : st;
}

/* The twin of testSessionSavepointCommitAllowed: a nested piece may be kept, the whole may not. */
START_TEST(test_session_savepoint_commit_allowed)
{
	struct t_engines e = t_engines_open(NULL);

	t_done(hf_txn_run(e.at_shop, HF_JOB(.fn = release_own)));
	commit_refused(e.at_shop);
	ck_assert_int_eq(t_parts(), 0);
	t_global_works(e.g);
	ck_assert_int_eq(t_parts(), 100);
	t_engines_close(&e);
}
END_TEST

T_MAIN("branches",
	{ "D29 a direct commit is refused and changes nothing", test_session_commit_disallowed, 0 },
	{ "D29 only branches are managed, until their end", test_mark_unknown_session, 0 },
	{ "D32 after an error every call fails until the rollback", test_abort_after_commit, 0 },
	{ "D32 an abort before the commit stores nothing", test_abort_before_commit, 0 },
	{ "D33 savepoints of a branch are rolled back in turn", test_savepoint, 0 },
	{ "D33 a branch rolled back to its savepoint commits the first part",
		test_commit_with_savepoint, 0 },
	{ "D33 a savepoint of a branch may be released", test_session_savepoint_commit_allowed, 0 })
