/* SPDX-License-Identifier: MIT */
/* What the question for a transaction's number costs: nothing but bytes, and those only where there
 * may be something to tell. The proxy counts them; one that is held where the question passes tells
 * that it was asked. */
#include "commit_fate.h"

#define QUESTION "pg_current_xact_id_if_assigned"

static hf_pool *setup(void)
{
	fresh_table();
	return t_pool_on(t_proxy_dsn(), WITH_PROXY(.max_statements = HF_NONE));
}

/* The request with `trigger` in it, of a transaction's first statement. */
static struct t_exchange first_trip(hf_pool *p, hf_outcome outcome, const char *trigger)
{
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.outcome = outcome));
	struct t_exchange x;

	t_proxy_arm(T_MEASURE, trigger, 0);
	t_done(hf_txn_query(t, "insert into fates values (1)"));
	x = t_proxy_await();
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	return x;
}

START_TEST(test_one_trip)
{
	hf_pool *p = setup();
	struct t_exchange begin = first_trip(p, HF_OUTCOME_DEFAULT, "BEGIN");
	struct t_exchange work = first_trip(p, HF_OUTCOME_DEFAULT, "insert into fates");
	struct t_exchange question = first_trip(p, HF_OUTCOME_DEFAULT, QUESTION);
	struct t_exchange fast = first_trip(p, HF_OUTCOME_FAST, "BEGIN");

	/* Three triggers, one request. */
	ck_assert_uint_eq(begin.request, work.request);
	ck_assert_uint_eq(begin.request, question.request);
	ck_assert_uint_eq(begin.answer, question.answer);
	ck_assert_uint_gt(begin.request, fast.request + strlen(QUESTION));
	ck_assert_int_eq(fates(1), 4);
	t_close(p);
}
END_TEST

static hf_status read_twice(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return hf_conn_query(c, NULL, "select 1") == HF_OK ? hf_conn_query(c, NULL, "select 2")
							   : HF_E_SQL;
}

static hf_status write_once(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return hf_conn_query(c, NULL, "insert into fates values (2)");
}

/* Were it asked, its request would be held, and nothing come back. */
START_TEST(test_not_asked)
{
	hf_pool *p = setup();
	hf_txn *t;

	t_proxy_arm(T_HOLD_REQUEST, QUESTION, 0);
	t_done(hf_submit(p, HF_JOB(.fn = read_twice, .read_only = true)));
	t_done(hf_submit(p, HF_JOB(.fn = write_once, .outcome = HF_OUTCOME_FAST)));
	t_done(hf_query(p, "insert into fates values (3)"));
	t = hf_txn_begin(p, HF_TXN_OPTS(.outcome = HF_OUTCOME_FAST));
	t_done(hf_txn_query(t, "insert into fates values (4)"));
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	t = hf_txn_begin(p, HF_TXN_OPTS(.read_only = true));
	t_done(hf_txn_query(t, "select 1"));
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	t_proxy_disarm();
	ck_assert_int_eq(fates(2) + fates(3) + fates(4), 3);
	t_close(p);
}
END_TEST

/* Once it is known it is not asked for again. */
START_TEST(test_asked_once)
{
	hf_pool *p = setup();
	hf_txn *t = hf_txn_begin(p, NULL);

	t_done(hf_txn_query(t, "select 1"));
	t_done(hf_txn_query(t, "insert into fates values (1)"));
	t_proxy_arm(T_HOLD_REQUEST, QUESTION, 0);
	t_done(hf_txn_query(t, "insert into fates values (1)"));
	t_done(hf_txn_commit(t));
	t_proxy_disarm();
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

START_TEST(test_set_first)
{
	static const char *const set[] = {
		"set transaction isolation level serializable, read only",
		"set local work_mem = '123kB'",
	};
	static const char *const show[] = { "transaction_isolation", "work_mem" };
	static const char *const value[] = { "serializable", "123kB" };
	hf_pool *p = setup();

	for (int i = 0; i < 2; i++) {
		hf_txn *t = hf_txn_begin(p, NULL);
		hf_future *f;

		t_done(hf_txn_query(t, set[i]));
		f = hf_txn_query(t, "select current_setting($1)", show[i]);
		ck_assert_str_eq(hf_row_text(hf_result_row(t_ok(f), 0), 0), value[i]);
		hf_future_unref(f);
		t_done(hf_txn_commit(t));
		hf_txn_unref(t);
	}
	t_close(p);
}
END_TEST

/* A utility statement is not followed by the question; COMMIT is preceded by it. */
START_TEST(test_ddl_only)
{
	static const char *const table[] = { "made_1", "made_2" };
	hf_pool *p = setup();

	free(t_psql("set client_min_messages to warning; drop table if exists made_1, made_2"));
	for (int held = 0; held < 2; held++) {
		hf_txn *t = hf_txn_begin(p, NULL);
		char sql[80];
		hf_future *f;

		snprintf(sql, sizeof sql, "create table %s (id int)", table[held]);
		t_done(hf_txn_query(t, sql));
		t_proxy_arm(held ? T_HOLD_ANSWER : T_MEASURE, held ? "COMMIT" : QUESTION, 0);
		f = hf_txn_commit(t);
		t_proxy_await();
		if (held)
			t_proxy_cut(T_BOTH);
		committed(f, t);
		snprintf(sql, sizeof sql, "select count(*) from %s", table[held]);
		ck_assert_int_eq(t_psql_int(sql), 0);
	}
	t_close(p);
}
END_TEST

/* A question that a failure kept from being answered is still open at COMMIT. */
START_TEST(test_behind_a_savepoint)
{
	hf_pool *p = setup();
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_future *f;

	free(t_psql("set client_min_messages to warning; drop table if exists made_1"));
	t_done(hf_txn_query(t, "create table made_1 (id int)"));
	t_done(hf_txn_savepoint(t, "s"));
	t_failed(hf_txn_query(t, "select 1 / 0"), HF_E_SQL);
	t_done(hf_txn_rollback_to(t, "s"));
	t_proxy_arm(T_HOLD_ANSWER, "COMMIT", 0);
	f = hf_txn_commit(t);
	t_proxy_await();
	t_proxy_cut(T_BOTH);
	committed(f, t);
	ck_assert_int_eq(t_psql_int("select count(*) from made_1"), 0);
	t_close(p);
}
END_TEST

T_MAIN("outcome_trips", { "promise-H5 the question travels with the work", test_one_trip, 0 },
	{ "promise-H5 who may not write, or need not know, is not asked", test_not_asked, 0 },
	{ "promise-H5 the question is asked once", test_asked_once, 0 },
	{ "promise-H5 SET may be a transaction's first statement", test_set_first, 0 },
	{ "K2 promise-H5 a table that is made is asked after as well", test_ddl_only, 0 },
	{ "K2 promise-H5 a failure does not answer the question", test_behind_a_savepoint, 0 })
