/* SPDX-License-Identifier: MIT */
/* Transactions and savepoints by hand, what belongs to a piece and what to the outer, parts of a
 * transaction in a savepoint of their own, and work that is submitted from inside. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(s) ((char[]){ s }) /* an argument that is not const */

static hf_pool *pool;

static void setup(void)
{
	free(t_psql("set client_min_messages to warning; drop table if exists kept;"
		    "create table kept (name text unique)"));
	pool = t_pool(HF_POOL_OPTS(.max_conns = 2));
}

static bool stored(const char *names)
{
	char *all = t_psql("select coalesce(string_agg(name, ' ' order by name), '') from kept");
	bool same = strcmp(all, names) == 0;

	if (!same)
		fprintf(stderr, "stored: \"%s\", not \"%s\"\n", all, names);
	free(all);
	return same;
}

static hf_status put(hf_conn *c, const char *name)
{
	return hf_conn_query(c, NULL, "insert into kept values ($1)", name);
}

static hf_status insert_one(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	return put(c, arg);
}

static hf_future *manual(hf_fn *fn, void *arg)
{
	return hf_submit(pool, HF_JOB(.fn = fn, .arg = arg, .manual = true));
}

/* --- by hand --- */

static hf_status manual_work(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	ck_assert_int_eq(hf_conn_begin(c), HF_OK);
	ck_assert_int_eq(put(c, "FOO"), HF_OK);
	ck_assert_int_eq(put(c, "FOO"), HF_E_SQL);
	ck_assert(hf_error_is(hf_conn_error(c), HF_INTEGRITY));
	return hf_conn_rollback(c);
}

/* The twin of peewee-async's test_transaction_manual_work. */
START_TEST(test_transaction_manual_work)
{
	setup();
	t_done(manual(manual_work, NULL));
	ck_assert(stored(""));
	t_close(pool);
}
END_TEST

static hf_status manual_savepoint(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	ck_assert_int_eq(hf_conn_begin(c), HF_OK);
	ck_assert_int_eq(put(c, "FOO"), HF_OK);
	ck_assert_int_eq(hf_conn_savepoint(c, "s"), HF_OK);
	ck_assert_int_eq(put(c, "BAR"), HF_OK);
	ck_assert_int_eq(put(c, "FOO"), HF_E_SQL);
	ck_assert_int_eq(hf_conn_rollback_to(c, "s"), HF_OK);
	ck_assert_int_eq(hf_conn_release(c, "s"), HF_OK);
	ck_assert_int_eq(put(c, "BAZ"), HF_OK);
	return hf_conn_commit(c);
}

/* The twin of test_savepoint_manual_work. */
START_TEST(test_savepoint_manual_work)
{
	setup();
	t_done(manual(manual_savepoint, NULL));
	ck_assert(stored("BAZ FOO"));
	t_close(pool);
}
END_TEST

static bool says(hf_conn *c, const char *what)
{
	return strstr(hf_error_message(hf_conn_error(c)), what) != NULL;
}

static hf_status outside(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	ck_assert_int_eq(hf_conn_savepoint(c, "s"), HF_E_MISUSE);
	ck_assert(says(c, "no transaction is open"));
	ck_assert_int_eq(hf_conn_rollback_to(c, "s"), HF_E_MISUSE);
	ck_assert(says(c, "no transaction is open"));
	ck_assert_int_eq(hf_conn_release(c, "s"), HF_E_MISUSE);
	ck_assert(says(c, "no transaction is open"));
	ck_assert_int_eq(hf_conn_commit(c), HF_E_TXN_ENDED);
	/* Nothing went to the server, nothing is poisoned. */
	return put(c, "ALONE");
}

/* The twin of test_aio_begin_savepoint_error; an automatic interaction has its transaction from the
 * start. */
START_TEST(test_aio_begin_savepoint_error)
{
	setup();
	t_done(manual(outside, NULL));
	ck_assert(stored("ALONE"));
	t_close(pool);
}
END_TEST

static hf_status first_thing(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	ck_assert_int_eq(hf_conn_savepoint(c, "s"), HF_OK);
	ck_assert_int_eq(put(c, "FOO"), HF_OK);
	ck_assert_int_eq(hf_conn_rollback_to(c, "s"), HF_OK);
	return put(c, "BAR");
}

START_TEST(test_savepoint_first)
{
	setup();
	t_done(hf_run(pool, first_thing, NULL, NULL));
	ck_assert(stored("BAR"));
	t_close(pool);
}
END_TEST

/* --- what a piece must not touch --- */

static hf_status reach_out(hf_conn *c, void *arg, hf_reply *reply)
{
	bool is_manual = *(bool *)arg;

	(void)reply;
	ck_assert_int_eq(hf_conn_savepoint(c, "inner"), HF_OK);
	ck_assert_int_eq(hf_conn_rollback_to(c, "outer"), HF_E_MISUSE);
	ck_assert(says(c, "not made inside"));
	ck_assert_int_eq(put(c, "LOST"), HF_E_MISUSE); /* what was to be undone is not */
	ck_assert_int_eq(hf_conn_rollback_to(c, "inner"), HF_OK);
	ck_assert_int_eq(hf_conn_rollback_to(c, "holdfast_1"), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_rollback_to(c, "inner"), HF_OK);
	ck_assert_int_eq(hf_conn_commit(c), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_rollback(c), HF_E_MISUSE);
	if (is_manual)
		ck_assert(says(c, "inside of hf_conn_atomic"));
	ck_assert_int_eq(put(c, "INNER"), HF_OK);
	ck_assert_int_eq(hf_conn_release(c, "outer"), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_rollback_to(c, "inner"), HF_OK);
	ck_assert_int_eq(hf_conn_savepoint(c, "holdfast_1"), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_rollback_to(c, "inner"), HF_OK);
	ck_assert_int_eq(hf_conn_query(c, NULL, "commit"), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_rollback_to(c, "inner"), HF_OK);
	ck_assert_int_eq(hf_conn_script(c, NULL, "select 1; rollback"), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_rollback_to(c, "inner"), HF_OK);
	return put(c, "KEPT");
}

static hf_status around(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = *(bool *)arg ? hf_conn_begin(c) : HF_OK;

	ck_assert_int_eq(st, HF_OK);
	ck_assert_int_eq(hf_conn_savepoint(c, "outer"), HF_OK);
	ck_assert_int_eq(put(c, "OUTER"), HF_OK);
	st = hf_conn_atomic(c, HF_NEST_SAVEPOINT, reach_out, arg, reply);
	ck_assert_int_eq(st, HF_OK);
	/* Afterwards it is in reach again, and takes the piece along. */
	ck_assert_int_eq(put(c, "OUTER"), HF_E_SQL);
	ck_assert_int_eq(hf_conn_rollback_to(c, "outer"), HF_OK);
	ck_assert_int_eq(put(c, "LAST"), HF_OK);
	return *(bool *)arg ? hf_conn_commit(c) : HF_OK;
}

START_TEST(test_reach)
{
	bool is_manual = true;

	setup();
	t_done(manual(around, &is_manual));
	ck_assert(stored("LAST"));
	free(t_psql("truncate kept"));
	is_manual = false;
	t_done(hf_run(pool, around, &is_manual, NULL));
	ck_assert(stored("LAST"));
	t_close(pool);
}
END_TEST

static hf_status not_here(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = hf_conn_atomic(c, (hf_nesting)7, insert_one, arg, reply);

	ck_assert_int_eq(st, HF_E_MISUSE);
	ck_assert(says(c, "nesting 7"));
	return HF_OK;
}

START_TEST(test_wrong_calls)
{
	setup();
	t_failed(hf_run(pool, not_here, NULL, NULL), HF_E_MISUSE);
	ck_assert_int_eq(
		hf_conn_atomic(NULL, HF_NEST_JOIN, insert_one, TEXT("x"), NULL), HF_E_MISUSE);
	t_failed(hf_submit(pool, HF_JOB(.fn = insert_one, .arg = TEXT("x"), .nested = true)),
		HF_E_MISUSE);
	ck_assert(stored(""));
	t_close(pool);
}
END_TEST

/* --- parts of a transaction --- */

static hf_status put_and_fail(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = put(c, arg);

	return st == HF_OK ? hf_fail(reply, "no more of this") : st;
}

static hf_status put_and_sleep(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = put(c, arg);

	(void)reply;
	return st == HF_OK ? hf_conn_query(c, NULL, "select pg_sleep(20)") : st;
}

static bool is_asleep(void *arg)
{
	char sql[200];

	(void)arg;
	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where application_name = '%s' "
		"and query like '%%pg_sleep%%' and state = 'active'",
		t_name());
	return t_psql_int(sql) == 1;
}

/* A nested part that fails (in words, by the server, out of time, cancelled) is undone alone: the
 * rest goes on and is committed. Without .nested the same failure is the transaction's. */
START_TEST(test_nested_part)
{
	hf_future *f, *cancelled;
	hf_txn *t;

	setup();
	t = hf_txn_begin(pool, NULL);
	t_failed(hf_txn_run(t, HF_JOB(.fn = put_and_fail, .arg = TEXT("A"), .nested = true)),
		HF_E_USER);
	t_done(hf_txn_query(t, "insert into kept values ('FOO')"));
	f = hf_txn_run(t, HF_JOB(.fn = insert_one, .arg = TEXT("FOO"), .nested = true));
	ck_assert(hf_error_is(t_fails(f, HF_E_SQL), HF_INTEGRITY));
	hf_future_unref(f);
	t_failed(hf_txn_run(t, HF_JOB(.fn = put_and_sleep, .arg = TEXT("B"), .nested = true,
				       .timeout_ms = 100)),
		HF_E_TIMEOUT);
	cancelled = hf_txn_run(t, HF_JOB(.fn = put_and_sleep, .arg = TEXT("C"), .nested = true));
	ck_assert(t_wait_until(is_asleep, NULL, 5000));
	ck_assert_int_eq(hf_future_cancel(cancelled), HF_PENDING);
	t_failed(cancelled, HF_E_CANCELED);
	t_done(hf_txn_run(t, HF_JOB(.fn = insert_one, .arg = TEXT("BAR"), .nested = true)));
	ck_assert_ptr_null(hf_txn_error(t));
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	ck_assert(stored("BAR FOO"));

	t = hf_txn_begin(pool, NULL);
	t_failed(hf_txn_run(t, HF_JOB(.fn = put_and_fail, .arg = TEXT("A"))), HF_E_USER);
	t_failed(hf_txn_run(t, HF_JOB(.fn = insert_one, .arg = TEXT("BAZ"), .nested = true)),
		HF_E_USER);
	t_failed(hf_txn_commit(t), HF_E_TXN_ENDED);
	hf_txn_unref(t);
	ck_assert(stored("BAR FOO"));
	t_close(pool);
}
END_TEST

/* --- work that is submitted from inside --- */

struct spawn {
	hf_future *outside, *refused[4], *after;
	hf_txn *txn;
	long long seen_by_handle;
};

static hf_status count_rows(hf_conn *c, void *arg, hf_reply *reply)
{
	const hf_result *res;
	hf_status st = hf_conn_query(c, &res, "select count(*) from kept");

	(void)reply;
	if (st == HF_OK)
		*(long long *)arg = (long long)hf_row_int8(hf_result_row(res, 0), 0, -1);
	return st;
}

static hf_status spawns(hf_conn *c, void *arg, hf_reply *reply)
{
	struct spawn *s = arg;
	int64_t until = hf_now_ns() + (int64_t)10000000000;

	ck_assert_int_eq(put(c, "FOO"), HF_OK);
	s->outside = hf_query(pool, "select count(*) from kept");
	while (!hf_future_ready(s->outside) && hf_now_ns() < until)
		t_sleep_ms(1);
	return hf_conn_run(c, pool, count_rows, &s->seen_by_handle, reply);
}

static hf_status nothing(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)arg;
	(void)reply;
	return HF_OK;
}

static void count_free(void *arg)
{
	++*(int *)arg;
}

static int freed;

static void submit_after(void *arg)
{
	struct spawn *s = arg;

	s->after = hf_query(pool, "select count(*) from kept");
}

static hf_status spawns_nothing(hf_conn *c, void *arg, hf_reply *reply)
{
	struct spawn *s = arg;

	(void)reply;
	ck_assert_int_eq(put(c, "BAR"), HF_OK);
	s->refused[0] = hf_query(pool, "select count(*) from kept");
	s->refused[1] = hf_run(pool, nothing, &freed, count_free);
	s->refused[2] = hf_script(pool, "select 1; select 2");
	s->txn = hf_txn_begin(pool, NULL);
	s->refused[3] = hf_txn_query(s->txn, "select count(*) from kept");
	ck_assert_int_eq(hf_conn_on_commit(c, submit_after, s, NULL), HF_OK);
	return HF_OK;
}

static hf_status spawns_elsewhere(hf_conn *c, void *arg, hf_reply *reply)
{
	struct spawn *s = arg;

	(void)c;
	(void)reply;
	s->outside = hf_query(pool, "select count(*) from kept");
	return HF_OK;
}

/* A plain query from inside runs on another connection and does not see the row; passing the handle
 * does. A job that says so refuses it, until it has committed. */
START_TEST(test_spawned_work)
{
	struct spawn s = { .seen_by_handle = -1 };
	hf_pool *other;

	setup();
	t_done(hf_run(pool, spawns, &s, NULL));
	ck_assert_int_eq(t_int(s.outside), 0);
	ck_assert_int_eq(s.seen_by_handle, 1);
	t_done(hf_submit(pool, HF_JOB(.fn = spawns_nothing, .arg = &s, .no_submit = true)));
	for (int i = 0; i < 4; i++) {
		const hf_error *why = t_fails(s.refused[i], HF_E_MISUSE);

		ck_assert_ptr_nonnull(strstr(hf_error_message(why), ".no_submit"));
		hf_future_unref(s.refused[i]);
	}
	hf_txn_unref(s.txn);
	ck_assert_int_eq(freed, 1);
	ck_assert_int_eq(t_int(s.after), 2);
	/* Another pool's work is none of its business. */
	other = t_pool(HF_POOL_OPTS(.max_conns = 1));
	t_done(hf_submit(other, HF_JOB(.fn = spawns_elsewhere, .arg = &s, .no_submit = true)));
	ck_assert_int_eq(t_int(s.outside), 2);
	t_close(other);
	t_close(pool);
}
END_TEST

T_MAIN("nesting",
	{ "D15 a transaction by hand, rolled back after a duplicate", test_transaction_manual_work,
		0 },
	{ "D15 a savepoint by hand", test_savepoint_manual_work, 0 },
	{ "D15 a savepoint outside of a transaction is an error", test_aio_begin_savepoint_error,
		0 },
	{ "D15 a savepoint may be the first thing in an interaction", test_savepoint_first, 0 },
	{ "D13 a piece ends only what it began", test_reach, 0 },
	{ "D13 wrong calls of a piece", test_wrong_calls, 0 },
	{ "D13 a nested part fails alone", test_nested_part, 0 },
	{ "D21 work submitted from inside is apart, or refused", test_spawned_work, 0 })
