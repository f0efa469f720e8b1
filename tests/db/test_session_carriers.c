/* SPDX-License-Identifier: MIT */
/* Statements of one's own in sessions on a pool, a transaction, an interaction. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static void count_free(void *arg)
{
	++*(int *)arg;
}

static hf_status add_up(hf_row row, void *arg)
{
	*(int64_t *)arg += hf_row_int8(row, 0, -1);
	return HF_OK;
}

static int64_t fetched(hf_session *s, const char *sql, int arg)
{
	hf_error *why = NULL;
	hf_result *res;
	int64_t n;
	hf_status st = hf_session_fetch(s, &res, &why, sql, arg);

	if (st != HF_OK)
		ck_abort_msg("%s: %s", hf_status_name(st), hf_error_message(why));
	n = hf_row_int8(hf_result_row(res, 0), 0, -1);
	hf_result_unref(res);
	return n;
}

/* The same on each: a result, an error with its place, rows that are streamed. */
static void try_all(hf_session *s)
{
	hf_result *res = (hf_result *)(uintptr_t)1;
	hf_error *why;
	int64_t sum = 0;

	ck_assert_int_eq(fetched(s, "select $1 + 1", 41), 42);
	ck_assert_int_eq(hf_session_fetch(s, NULL, NULL, "select 1"), HF_OK);
	ck_assert_int_eq(hf_session_fetch_with(s, HF_QUERY_OPTS(.on_row = add_up, .arg = &sum),
				 NULL, NULL, "select * from generate_series(1, 4)"),
		HF_OK);
	ck_assert_int_eq(sum, 10);
	ck_assert_int_eq(hf_session_fetch(s, &res, &why, "select 1/0"), HF_E_SQL);
	ck_assert_ptr_null(res);
	ck_assert_str_eq(hf_error_sqlstate(why), "22012");
	ck_assert_ptr_nonnull(strstr(hf_error_field(why, HF_ERR_SITE), "test_session_carriers.c"));
	hf_error_unref(why);
}

START_TEST(test_on_pool)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_session *s = hf_session_on_pool(p);

	try_all(s);
	ck_assert_int_eq(t_int(hf_session_query(s, "select 7")), 7);
	ck_assert_ptr_eq(hf_session_pool(s), p);
	ck_assert_ptr_null(hf_session_txn(s));
	hf_session_unref(s);
	t_close(p);
}
END_TEST

START_TEST(test_on_txn)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_session *s = hf_session_on_txn(t);
	int64_t id = fetched(s, "select txid_current() + $1", 0);

	ck_assert_int_eq(fetched(s, "select txid_current() + $1", 0), id); /* the same one */
	ck_assert_int_eq(t_int(hf_session_query(s, "select 7")), 7);
	ck_assert_ptr_eq(hf_session_txn(s), t);
	ck_assert_ptr_eq(hf_session_pool(s), p);
	try_all(s);
	hf_session_unref(s);
	t_done(hf_txn_rollback(t));
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

static hf_status inside(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_session *s = hf_session_on_conn(c);
	int64_t id = fetched(s, "select txid_current() + $1", 0), sum = 0;
	int freed = 0;

	(void)reply;
	ck_assert_int_eq(fetched(s, "select txid_current() + $1", 0), id);
	ck_assert_ptr_eq(hf_session_pool(s), arg);
	t_failed(hf_session_query(s, "select 1"), HF_E_MISUSE);
	t_failed(hf_session_run(s, HF_JOB(.fn = inside, .arg = &freed, .free_arg = count_free)),
		HF_E_MISUSE);
	ck_assert_int_eq(freed, 1);
	ck_assert_int_eq(hf_session_fetch_with(s,
				 HF_QUERY_OPTS(.timeout_ms = 5, .on_row = add_up, .arg = &freed,
					 .free_arg = count_free),
				 NULL, NULL, "select 1"),
		HF_E_MISUSE);
	ck_assert_int_eq(freed, 2);
	ck_assert_int_eq(hf_session_fetch_with(s, HF_QUERY_OPTS(.on_row = add_up, .arg = &sum),
				 NULL, NULL, "select 3"),
		HF_OK);
	ck_assert_int_eq(sum, 3);
	try_all(s);
	hf_session_unref(s);
	return HF_OK;
}

/* A failed statement fails the interaction, as always. */
START_TEST(test_on_conn)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	t_failed(hf_run(p, inside, p, NULL), HF_E_SQL);
	t_close(p);
}
END_TEST

/* A thread of the pool would wait for itself; nothing is sent. */
static hf_status waits_for_itself(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_session *in_txn = hf_session_on_txn(arg), *on_pool = hf_session_on_pool(hf_conn_pool(c));

	(void)reply;
	ck_assert_int_eq(hf_session_fetch(on_pool, NULL, NULL, "select 1"), HF_E_DEADLOCK);
	ck_assert_int_eq(hf_session_fetch(in_txn, NULL, NULL, "insert into carried values (1)"),
		HF_E_DEADLOCK);
	hf_session_unref(in_txn);
	hf_session_unref(on_pool);
	return HF_OK;
}

START_TEST(test_deadlock)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	hf_txn *t;

	free(t_psql("set client_min_messages to warning; drop table if exists carried;"
		    "create table carried (n int)"));
	t = hf_txn_begin(p, NULL);
	t_done(hf_run(p, waits_for_itself, t, NULL));
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	ck_assert_int_eq(t_psql_int("select count(*) from carried"), 0);
	t_close(p);
}
END_TEST

static hf_session *escaped;

static hf_status lets_escape(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	escaped = hf_session_on_conn(c);
	return HF_OK;
}

/* A session that has outlived its interaction is told, and is no success. */
START_TEST(test_escaped)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_error *why;

	t_done(hf_run(p, lets_escape, NULL, NULL));
	ck_assert_int_eq(hf_session_fetch(escaped, NULL, &why, "select 1"), HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "connection"));
	hf_error_unref(why);
	hf_session_unref(escaped);
	t_close(p);
}
END_TEST

T_MAIN("session_carriers", { "a session on a pool fetches", test_on_pool, 0 },
	{ "a session on a transaction fetches in it", test_on_txn, 0 },
	{ "a session in an interaction fetches in its transaction", test_on_conn, 0 },
	{ "a session does not wait where that would never end", test_deadlock, 0 },
	{ "a session that has outlived its interaction is refused", test_escaped, 0 })
