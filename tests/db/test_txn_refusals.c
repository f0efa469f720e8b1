/* SPDX-License-Identifier: MIT */
/* What a command that could not be, or whose work could not be undone, does to the transaction: it
 * is not committed without it. And options that mean nothing. */
#include "fixture.h"

#include "base/mem.h"

#include <holdfast/txn.h>

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

static hf_pool *setup(void)
{
	free(t_psql("set client_min_messages to warning; drop table if exists kept cascade;"
		    "create table kept (id int); drop table if exists other; create table other "
		    "(id int)"));
	return t_pool(HF_POOL_OPTS(.max_conns = 2));
}

static long long kept(void)
{
	return t_psql_int("select count(*) from kept");
}

static hf_future *put(hf_txn *t, int id)
{
	return hf_txn_query(t, "insert into kept values ($1)", id);
}

/* A session of its own that locks the table, so that a statement of the transaction waits. */
static PGconn *lock_table(void)
{
	PGconn *conn = PQconnectdb(t_dsn());

	PQclear(PQexec(conn, "begin; lock table other"));
	return conn;
}

static bool waits(void *arg)
{
	(void)arg;
	return t_psql_int("select count(*) from pg_stat_activity where wait_event_type = 'Lock'") ==
	       1;
}

/* --- a command that was lost has its place in the order --- */

static hf_future *without_memory(hf_txn *t)
{
	hf_future *f;

	/* What fails must be this call's, not the worker's. */
	ck_assert(t_wait_until(waits, NULL, 10000));
	hf__mem_fail(0, -1);
	f = put(t, 99);
	hf__mem_fail(0, 0);
	ck_assert_int_eq(hf_future_get(f, NULL), HF_E_NOMEM);
	return f;
}

/* rollback_to came before it, and does not undo it. */
START_TEST(test_lost_after_rollback_to)
{
	hf_pool *p = setup();
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_future *f[5];
	PGconn *lock;

	t_done(hf_txn_savepoint(t, "a"));
	lock = lock_table();
	f[0] = hf_txn_query(t, "insert into other values (1)");
	f[1] = hf_txn_rollback_to(t, "a");
	f[2] = put(t, 1);
	f[3] = without_memory(t);
	f[4] = hf_txn_commit(t);
	PQfinish(lock);
	for (int i = 0; i < 3; i++)
		t_done(f[i]);
	hf_future_unref(f[3]);
	t_failed(f[4], HF_E_TXN_ENDED);
	hf_txn_unref(t);
	ck_assert_int_eq(kept(), 0);
	t_close(p);
}
END_TEST

/* rollback_to came after it, and takes it away; another one behind that counts again. */
START_TEST(test_lost_before_rollback_to)
{
	hf_pool *p = setup();

	for (int again = 0; again < 2; again++) {
		hf_txn *t = hf_txn_begin(p, NULL);
		hf_future *f[5];
		PGconn *lock;

		t_done(hf_txn_savepoint(t, "a"));
		lock = lock_table();
		f[0] = hf_txn_query(t, "insert into other values (1)");
		f[1] = without_memory(t);
		f[2] = hf_txn_rollback_to(t, "a");
		f[3] = again ? without_memory(t) : put(t, 1);
		f[4] = hf_txn_commit(t);
		PQfinish(lock);
		t_done(f[0]);
		hf_future_unref(f[1]);
		t_done(f[2]);
		hf_future_unref(f[3]);
		if (again)
			t_failed(f[4], HF_E_TXN_ENDED);
		else
			t_done(f[4]);
		hf_txn_unref(t);
		ck_assert_int_eq(kept(), 1);
	}
	t_close(p);
}
END_TEST

/* A commit that was queued before it is whole. */
START_TEST(test_lost_after_commit)
{
	hf_pool *p = setup();
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_future *f[4];
	PGconn *lock = lock_table();

	f[0] = hf_txn_query(t, "insert into other values (1)");
	f[1] = put(t, 1);
	f[2] = hf_txn_commit(t);
	f[3] = without_memory(t);
	PQfinish(lock);
	for (int i = 0; i < 3; i++)
		t_done(f[i]);
	hf_future_unref(f[3]);
	hf_txn_unref(t);
	ck_assert_int_eq(kept(), 1);
	t_close(p);
}
END_TEST

/* The commit before it is called off: the next one is not whole. */
START_TEST(test_lost_after_canceled_commit)
{
	hf_pool *p = setup();
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_future *f[4];
	PGconn *lock = lock_table();

	f[0] = hf_txn_query(t, "insert into other values (1)");
	f[1] = hf_txn_commit(t);
	f[2] = without_memory(t);
	ck_assert_int_eq(hf_future_cancel(f[1]), HF_OK);
	f[3] = hf_txn_commit(t);
	PQfinish(lock);
	t_done(f[0]);
	t_failed(f[1], HF_E_CANCELED);
	hf_future_unref(f[2]);
	t_failed(f[3], HF_E_TXN_ENDED);
	hf_txn_unref(t);
	ck_assert_int_eq(t_psql_int("select count(*) from other"), 0);
	t_close(p);
}
END_TEST

/* --- what was to be undone is not --- */

START_TEST(test_failed_rollback_to)
{
	hf_pool *p = setup();
	hf_txn *t = hf_txn_begin(p, NULL);

	t_done(hf_txn_savepoint(t, "a"));
	t_done(put(t, 1));
	t_failed(hf_txn_rollback_to(t, ""), HF_E_MISUSE);
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_FAILED);
	t_failed(hf_txn_commit(t), HF_E_TXN_ENDED);
	hf_txn_unref(t);
	ck_assert_int_eq(kept(), 0);
	t_close(p);
}
END_TEST

static hf_status undoes_badly(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	ck_assert_int_eq(hf_conn_savepoint(c, "a"), HF_OK);
	ck_assert_int_eq(hf_conn_query(c, NULL, "insert into kept values (1)"), HF_OK);
	ck_assert_int_eq(hf_conn_rollback_to(c, NULL), HF_E_MISUSE);
	return HF_OK;
}

START_TEST(test_failed_rollback_to_inside)
{
	hf_pool *p = setup();

	t_failed(hf_run(p, undoes_badly, NULL, NULL), HF_E_MISUSE);
	ck_assert_int_eq(kept(), 0);
	t_close(p);
}
END_TEST

static hf_status fails(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	ck_assert_int_eq(hf_conn_query(c, NULL, "insert into kept values (2)"), HF_OK);
	return hf_fail(reply, "half done");
}

static hf_status commits_by_hand(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	ck_assert_int_eq(hf_conn_begin(c), HF_OK);
	ck_assert_int_eq(hf_conn_query(c, NULL, "insert into kept values (1)"), HF_OK);
	if (arg)
		ck_assert_int_ne(hf_conn_query(c, NULL, "insert into kept values (\xff)"), HF_OK);
	else
		ck_assert_int_eq(hf_conn_atomic(c, HF_NEST_JOIN, fails, NULL, NULL), HF_E_USER);
	return hf_conn_commit(c);
}

/* A joined piece that failed, and a statement that was refused, fail the outer one also where it
 * ends itself. */
START_TEST(test_manual_commit)
{
	hf_pool *p = setup();
	bool refused = true;

	t_failed(hf_submit(p, HF_JOB(.fn = commits_by_hand, .manual = true)), HF_E_TXN_ENDED);
	t_failed(hf_submit(p, HF_JOB(.fn = commits_by_hand, .arg = &refused, .manual = true)),
		HF_E_TXN_ENDED);
	ck_assert_int_eq(kept(), 0);
	t_close(p);
}
END_TEST

/* --- a COMMIT's own error --- */

/* It looks like that of a statement whose plan is out of date, and must not be repeated as one. */
START_TEST(test_stale_at_commit)
{
	hf_pool *p = setup();
	hf_txn *t;

	free(t_psql("create or replace function late() returns trigger language plpgsql as "
		    "$$ begin raise exception 'late' using errcode = '26000'; end $$;"
		    "create constraint trigger late after insert on other deferrable "
		    "initially deferred for each row execute function late()"));
	for (int i = 0; i < 5; i++) /* until it is prepared */
		t_done(hf_query(p, "insert into kept values ($1)", i));
	free(t_psql("delete from kept"));
	t = hf_txn_begin(p, HF_TXN_OPTS(.outcome = HF_OUTCOME_FAST));
	t_done(hf_txn_query(t, "insert into other values (1)"));
	t_failed(hf_txn_query_with(t, HF_QUERY_OPTS(.then = HF_THEN_COMMIT),
			 "insert into kept values ($1)", 1),
		HF_E_SQL);
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_ROLLED_BACK);
	hf_txn_unref(t);
	ck_assert_int_eq(kept(), 0);
	t_close(p);
}
END_TEST

/* --- options --- */

static hf_status nothing(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)arg;
	(void)reply;
	return HF_OK;
}

START_TEST(test_options)
{
	hf_pool *p = setup();
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.outcome = (hf_outcome)9));

	t_failed(put(t, 1), HF_E_MISUSE);
	hf_txn_unref(t);
	t_failed(hf_submit(p, HF_JOB(.fn = nothing, .outcome = (hf_outcome)9)), HF_E_MISUSE);
	t_failed(hf_submit(p, HF_JOB(.fn = nothing, .then = HF_THEN_COMMIT)), HF_E_MISUSE);
	t_failed(hf_submit(p, HF_JOB(.fn = nothing, .nested = true)), HF_E_MISUSE);
	t_failed(hf_transact(p, NULL, HF_JOB(.fn = nothing, .nested = true)), HF_E_MISUSE);
	t_failed(hf_query_with(p, HF_QUERY_OPTS(.then = HF_THEN_COMMIT), "select 1"), HF_E_MISUSE);
	t_failed(
		hf_query_with(p, HF_QUERY_OPTS(.outcome = (hf_outcome)9), "select 1"), HF_E_MISUSE);
	t = hf_txn_begin(p, NULL);
	t_done(put(t, 1));
	t_failed(hf_txn_run(t, HF_JOB(.fn = nothing, .then = (hf_then)7)), HF_E_MISUSE);
	t_failed(hf_txn_commit(t), HF_E_TXN_ENDED);
	hf_txn_unref(t);
	ck_assert_int_eq(kept(), 0);
	t_close(p);
}
END_TEST

static hf_status submits_elsewhere(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_future *f = hf_txn_query(arg, "select 1");
	hf_status st = hf_future_ready(f) ? hf_future_get(f, NULL) : HF_OK;

	(void)c;
	(void)reply;
	hf_future_unref(f);
	return st;
}

START_TEST(test_no_submit)
{
	hf_pool *p = setup();
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_job job = { .struct_size = sizeof job, .fn = submits_elsewhere, .arg = t };

	t_done(hf_submit(p, &job));
	job.no_submit = true;
	t_failed(hf_submit(p, &job), HF_E_MISUSE);
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

T_MAIN("txn_refusals",
	{ "api-T2 api-T3 a lost command counts for what came after it", test_lost_after_rollback_to,
		0 },
	{ "api-T2 api-T3 a lost command is undone by a rollback behind it",
		test_lost_before_rollback_to, 0 },
	{ "api-T2 a lost command does not undo a commit before it", test_lost_after_commit, 0 },
	{ "api-T2 a lost command counts where the commit before it is called off",
		test_lost_after_canceled_commit, 0 },
	{ "api-T3 a rollback to a savepoint that failed poisons", test_failed_rollback_to, 0 },
	{ "api-T3 the same inside of an interaction", test_failed_rollback_to_inside, 0 },
	{ "api-T3 what has failed is not committed by hand", test_manual_commit, 0 },
	{ "promise-H3 an error of COMMIT is no stale plan", test_stale_at_commit, 0 },
	{ "options that mean nothing are refused", test_options, 0 },
	{ "an interaction with .no_submit keeps from handles too", test_no_submit, 0 })
