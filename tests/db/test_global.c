/* SPDX-License-Identifier: MIT */
/* Global transactions in one phase: all engines or none, the window, and what counts as a change.
 */
#include "engines.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

/* --- D27 ---------------------------------------------------------------------------------------*/

/* The twin of zope.sqlalchemy's testTwoEngines. */
START_TEST(test_two_engines)
{
	struct t_engines e = t_engines_open(NULL);

	t_done(t_add(e.at_shop, 1));
	t_done(t_add(e.at_bank, 1));
	ck_assert_int_eq(t_parts(), 0);
	t_global_works(e.g);
	ck_assert_int_eq(t_parts(), 101);
	t_engines_close(&e);
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
	struct t_engines e = t_engines_open(NULL);
	hf_error *why;

	for (int i = 0; i < 3; i++) {
		t_engines_again(&e);
		t_done(t_add(e.at_shop, 1));
		t_done(t_add(e.at_bank, 1));
		if (i < 2)
			t_failed(t_add(i ? e.at_bank : e.at_shop, 1), HF_E_SQL);
		else
			ck_assert_int_eq(
				hf_global_join(e.g, HF_PARTICIPANT(.name = "mail", .vote = refuse)),
				HF_OK);
		why = t_global_fails(e.g, i < 2 ? HF_E_SQL : HF_E_USER);
		t_says(why, "\"order\" was rolled back");
		t_says(why, i == 0   ? "branch 1 of 2 (pool \"shop\")"
			    : i == 1 ? "bank"
				     : "\"mail\"");
		ck_assert(!hf_error_is(why, HF_MAYBE_COMMITTED));
		ck_assert_str_eq(hf_error_sqlstate(why), i < 2 ? "23505" : "");
		hf_error_unref(why);
		ck_assert_int_eq(t_parts(), 0);
	}
	t_engines_close(&e);
}
END_TEST

static void note_finish(void *arg)
{
	*(char *)arg = 'f';
}

static void note_abort(void *arg)
{
	*(char *)arg = 'a';
}

static void watch_end(struct t_engines *e, char *end)
{
	*end = '-';
	ck_assert_int_eq(
		hf_global_join(e->g, HF_PARTICIPANT(.name = "watcher", .finish = note_finish,
					     .abort = note_abort, .arg = end)),
		HF_OK);
}

/* A row that is refused by COMMIT alone. */
static hf_future *spoil(hf_txn *t)
{
	return hf_txn_query(t, "insert into late values (1)");
}

static void make_late_tables(struct t_engines *e)
{
	static const char sql[] = "drop table if exists late; create table late"
				  " (id int unique deferrable initially deferred);"
				  " insert into late values (1)";

	t_done(hf_script(e->shop, sql));
	t_done(hf_script(e->bank, sql));
}

/* The documented window: of three branches the first cannot commit, then the second. */
START_TEST(test_window)
{
	struct t_engines e = t_engines_open(NULL);
	hf_error *why;
	hf_txn *third;
	char end;

	make_late_tables(&e);
	t_engines_again(&e);
	third = hf_global_begin(e.g, e.shop, NULL);
	watch_end(&e, &end);
	t_done(spoil(e.at_shop));
	t_done(t_add(e.at_bank, 1));
	t_done(t_add(third, 1));
	why = t_global_fails(e.g, HF_E_SQL);
	ck_assert(!hf_error_is(why, HF_MAYBE_COMMITTED));
	ck_assert_str_eq(hf_error_sqlstate(why), "23505");
	hf_error_unref(why);
	ck_assert_int_eq(end, 'a');
	ck_assert_int_eq(t_parts(), 0);

	t_engines_again(&e);
	third = hf_global_begin(e.g, e.shop, NULL);
	watch_end(&e, &end);
	t_done(t_add(e.at_shop, 1));
	t_done(spoil(e.at_bank));
	t_done(t_add(e.at_bank, 2));
	t_done(t_add(third, 3));
	why = t_global_fails(e.g, HF_E_SQL);
	ck_assert(hf_error_is(why, HF_MAYBE_COMMITTED));
	ck_assert(!hf_error_is(why, HF_RETRYABLE));
	t_says(why, "\"order\" was committed in part");
	t_says(why, "branch 1 of 3 (pool \"shop\") committed;");
	t_says(why, "branch 2 of 3 (pool \"bank\") rolled back: duplicate key");
	t_says(why, "branch 3 of 3 (pool \"shop\") committed");
	hf_error_unref(why);
	ck_assert_int_eq(end, 'f');
	ck_assert_int_eq(t_parts(), 200);
	t_engines_close(&e);
}
END_TEST

/* With one branch that wrote there is no window, wherever it stands: the others go first. */
START_TEST(test_no_window)
{
	struct t_engines e = t_engines_open(NULL);
	hf_error *why;
	char end;

	make_late_tables(&e);
	t_engines_again(&e);
	watch_end(&e, &end);
	t_done(spoil(e.at_shop));
	t_done(hf_txn_query(e.at_bank, "select count(*) from part"));
	why = t_global_fails(e.g, HF_E_SQL);
	ck_assert(!hf_error_is(why, HF_MAYBE_COMMITTED));
	hf_error_unref(why);
	ck_assert_int_eq(end, 'a');
	t_engines_close(&e);
}
END_TEST

/* A conflict between transactions is found in the error, so that the whole can be tried again. */
START_TEST(test_retryable)
{
	struct t_engines e = t_engines_open(NULL);
	hf_error *why = NULL;
	hf_txn *t;

	free(t_psql("insert into part values (1, 'old')"));
	t = hf_global_begin(e.g, e.shop, HF_TXN_OPTS(.isolation = HF_ISO_REPEATABLE_READ));
	t_done(hf_txn_query(t, "select * from part"));
	t_done(t_add(e.at_bank, 1));
	free(t_psql("update part set what = 'theirs'"));
	t_failed(hf_txn_query(t, "update part set what = 'ours'"), HF_E_SQL);
	why = t_global_fails(e.g, HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(why), "40001");
	ck_assert(hf_error_is(why, HF_RETRYABLE));
	hf_error_unref(why);
	ck_assert_int_eq(t_parts(), 100);
	t_engines_close(&e);
}
END_TEST

static bool bank_let_go(void *bank)
{
	return t_stats(bank).pinned == 0;
}

/* The server goes between the commands and the commit. */
START_TEST(test_lost_before)
{
	struct t_engines e = t_engines_open(NULL);
	hf_error *why;

	t_done(t_add(e.at_shop, 1));
	t_done(t_add(e.at_bank, 1));
	free(t_psql("select count(pg_terminate_backend(pid)) from pg_stat_activity"
		    " where datname = 'holdfast_bank'"));
	ck_assert(t_wait_until(bank_let_go, e.bank, 10000));
	why = t_global_fails(e.g, HF_E_TXN_ENDED);
	t_says(why, "bank");
	ck_assert(!hf_error_is(why, HF_MAYBE_COMMITTED));
	hf_error_unref(why);
	ck_assert_int_eq(t_parts(), 0);
	t_engines_close(&e);
}
END_TEST

/* --- D30, D31 ----------------------------------------------------------------------------------*/

static hf_status change(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	return hf_conn_query(c, NULL, arg);
}

static hf_future *run(hf_txn *t, char *sql)
{
	return hf_txn_run(t, HF_JOB(.fn = change, .arg = sql));
}

/* The twins of testBulkUpdate and testBulkDelete: raw SQL counts as a change without being marked.
 */
START_TEST(test_bulk_update)
{
	static char update[] = "update part set what = 'changed' where id <= 5";
	struct t_engines e = t_engines_open(NULL);

	t_done(hf_query(e.shop, "insert into part select i, 'old' from generate_series(1, 9) i"));
	t_done(run(e.at_shop, update));
	t_done(hf_txn_query(e.at_bank, "select 1"));
	t_global_works(e.g);
	ck_assert_int_eq(t_psql_int("select count(*) from part where what = 'changed'"), 5);
	t_engines_close(&e);
}
END_TEST

START_TEST(test_bulk_delete)
{
	static char delete[] = "with gone as (delete from part where id <= 5 returning id)"
			       " select count(*) from gone";
	struct t_engines e = t_engines_open(NULL);

	t_done(hf_query(e.shop, "insert into part select i, 'old' from generate_series(1, 9) i"));
	t_done(run(e.at_shop, delete));
	t_global_works(e.g);
	ck_assert_int_eq(t_psql_int("select count(*) from part"), 4);
	t_engines_close(&e);
}
END_TEST

/* A branch that only notifies has no number at the server, and counts as one that wrote nothing:
 * it is committed all the same, and what it said is heard. */
START_TEST(test_notify)
{
	struct t_engines e = t_engines_open(NULL);
	PGconn *ear = PQconnectdb(t_dsn());
	PGnotify *heard;

	PQclear(PQexec(ear, "listen news"));
	t_done(hf_txn_query(e.at_shop, "notify news, 'sold'"));
	t_done(t_add(e.at_bank, 1));
	t_global_works(e.g);
	PQclear(PQexec(ear, "select 1"));
	heard = PQnotifies(ear);
	ck_assert_ptr_nonnull(heard);
	ck_assert_str_eq(heard->extra, "sold");
	PQfreemem(heard);
	PQfinish(ear);
	t_engines_close(&e);
}
END_TEST

START_TEST(test_read_only)
{
	struct t_engines e = t_engines_open(NULL);
	hf_error *why;
	hf_txn *reader = hf_global_begin(e.g, e.bank, HF_TXN_OPTS(.read_only = true));
	hf_future *f;

	t_done(t_add(e.at_shop, 1));
	ck_assert_int_eq(t_int(hf_txn_query(reader, "select count(*) from part")), 0);
	f = t_add(reader, 1);
	ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "25006");
	hf_future_unref(f);
	why = t_global_fails(e.g, HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(why), "25006");
	hf_error_unref(why);
	ck_assert_int_eq(t_parts(), 0);
	/* As long as it reads only, it is no hindrance. */
	t_engines_again(&e);
	reader = hf_global_begin(e.g, e.bank, HF_TXN_OPTS(.read_only = true));
	t_done(t_add(e.at_shop, 1));
	t_done(hf_txn_query(reader, "select count(*) from part"));
	t_global_works(e.g);
	ck_assert_int_eq(t_parts(), 100);
	t_engines_close(&e);
}
END_TEST

T_MAIN("global", { "D27 two engines both commit", test_two_engines, 0 },
	{ "D27 a failure before the vote aborts both", test_failure_before_vote, 0 },
	{ "D27 the window between two commits is told", test_window, 0 },
	{ "D27 one branch that wrote has no window", test_no_window, 0 },
	{ "D27 a conflict makes the whole retryable", test_retryable, 0 },
	{ "D27 an engine that is lost before the commit", test_lost_before, 0 },
	{ "D30 a raw UPDATE without a mark is committed", test_bulk_update, 0 },
	{ "D30 a raw DELETE without a mark is committed", test_bulk_delete, 0 },
	{ "D30 a branch that only notifies is committed", test_notify, 0 },
	{ "D31 a reader that writes fails the whole", test_read_only, 0 })
