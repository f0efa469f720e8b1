/* SPDX-License-Identifier: MIT */
/* Functions that happen as a whole or not at all, in each other: transactions, savepoints, joining,
 * refusing. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
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

/* Nothing is held, nothing waits, no session is left in a transaction. */
static void teardown(void)
{
	char sql[160];

	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where application_name = '%s' "
		"and state like 'idle in transaction%%'",
		t_name());
	ck_assert_uint_eq(t_stats(pool).busy, 0);
	ck_assert_int_eq(t_psql_int(sql), 0);
	t_close(pool);
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

static hf_status rename_all(hf_conn *c, const char *name)
{
	return hf_conn_query(c, NULL, "update kept set name = $1", name);
}

/* Interaction functions to be nested. */
static hf_status insert_one(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	return put(c, arg);
}

static hf_status insert_twice(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	return put(c, arg) != HF_OK ? HF_E_USER : put(c, arg);
}

static hf_status rename_fn(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	return rename_all(c, arg);
}

/* Runs `fn` both as an interaction and as a piece of a .manual job. */
struct piece {
	hf_fn *fn;
	hf_nesting nesting;
	void *arg;
};

static hf_status run_piece(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct piece *p = arg;

	return hf_conn_atomic(c, p->nesting, p->fn, p->arg, reply);
}

static hf_future *in_manual(struct piece *p)
{
	return hf_submit(pool, HF_JOB(.fn = run_piece, .arg = p, .manual = true));
}

/* The twins of peewee-async's test_transaction_success and test_atomic_success: the row is stored.
 */
START_TEST(test_transaction_success)
{
	struct piece p = { insert_one, HF_NEST_SAVEPOINT, TEXT("FOO") };

	setup();
	t_done(in_manual(&p));
	ck_assert(stored("FOO"));
	p.arg = TEXT("BAR");
	t_done(hf_run(pool, run_piece, &p, NULL));
	ck_assert(stored("BAR FOO"));
	teardown();
}
END_TEST

static hf_status update_seen(hf_conn *c, void *arg, hf_reply *reply)
{
	const hf_result *res;
	bool *seen = arg;
	hf_status st;

	(void)reply;
	if (rename_all(c, "BAR") != HF_OK ||
		hf_conn_query(c, &res, "select 1 from kept where name = 'BAR'") != HF_OK)
		return HF_E_USER;
	*seen = hf_result_rows(res) == 1;
	st = put(c, "BAR"); /* a duplicate */
	ck_assert(hf_error_is(hf_conn_error(c), HF_INTEGRITY));
	return st;
}

/* The twins of test_transaction_rollback and test_atomic_failed: the update is seen inside, and
 * undone after a duplicate. */
START_TEST(test_transaction_rollback)
{
	bool seen = false;
	struct piece p = { update_seen, HF_NEST_SAVEPOINT, &seen };
	hf_future *f;

	setup();
	free(t_psql("insert into kept values ('FOO')"));
	f = in_manual(&p);
	ck_assert(hf_error_is(t_fails(f, HF_E_SQL), HF_INTEGRITY));
	hf_future_unref(f);
	ck_assert(seen);
	ck_assert(stored("FOO"));
	seen = false;
	f = hf_run(pool, run_piece, &p, NULL);
	ck_assert(hf_error_is(t_fails(f, HF_E_SQL), HF_INTEGRITY));
	hf_future_unref(f);
	ck_assert(seen);
	ck_assert(stored("FOO"));
	teardown();
}
END_TEST

/* --- savepoints --- */

static hf_status level_two(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = rename_all(c, "BAR");

	(void)arg;
	if (st == HF_OK)
		st = hf_conn_atomic(c, HF_NEST_SAVEPOINT, rename_fn, TEXT("BAZ"), reply);
	return st;
}

static hf_status level_one(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = put(c, "FOO");

	(void)arg;
	if (st == HF_OK)
		st = hf_conn_atomic(c, HF_NEST_SAVEPOINT, level_two, NULL, reply);
	if (st == HF_OK)
		st = hf_conn_atomic(c, HF_NEST_SAVEPOINT, rename_fn, TEXT("QUX"), reply);
	return st;
}

/* The twin of peewee-async's test_savepoints_success: three levels and a sibling. */
START_TEST(test_savepoints_success)
{
	struct piece p = { level_one, HF_NEST_SAVEPOINT, NULL };

	setup();
	t_done(in_manual(&p));
	ck_assert(stored("QUX"));
	free(t_psql("truncate kept"));
	t_done(hf_run(pool, level_one, NULL, NULL));
	ck_assert(stored("QUX"));
	teardown();
}
END_TEST

static hf_status inner_failure(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = rename_all(c, "BAR");

	(void)arg;
	if (st != HF_OK)
		return st;
	st = hf_conn_atomic(c, HF_NEST_SAVEPOINT, insert_twice, TEXT("BAZ"), reply);
	ck_assert_int_eq(st, HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_conn_error(c)), "23505");
	return put(c, "AFTER");
}

/* The twin of test_savepoint_rollback: the outer's update survives the failure of the inner. */
START_TEST(test_savepoint_rollback)
{
	struct piece p = { inner_failure, HF_NEST_SAVEPOINT, NULL };

	setup();
	free(t_psql("insert into kept values ('FOO')"));
	t_done(in_manual(&p));
	ck_assert(stored("AFTER BAR"));
	free(t_psql("truncate kept; insert into kept values ('FOO')"));
	t_done(hf_run(pool, inner_failure, NULL, NULL));
	ck_assert(stored("AFTER BAR"));
	teardown();
}
END_TEST

static hf_status fail_in_words(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = put(c, "LOST");

	hf_reply_value(reply, arg, NULL);
	return st == HF_OK ? hf_fail(reply, "%s", "not today") : st;
}

static hf_status reply_in_piece(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_reply_value(reply, arg, NULL);
	return put(c, "KEPT");
}

/* The inner's words are hf_conn_error's, and do not fail an outer that goes on; its reply is taken
 * only with its work. */
static hf_status words_inside(hf_conn *c, void *arg, hf_reply *reply)
{
	static int wrong;

	ck_assert_int_eq(hf_conn_atomic(c, HF_NEST_SAVEPOINT, reply_in_piece, arg, reply), HF_OK);
	ck_assert_int_eq(
		hf_conn_atomic(c, HF_NEST_SAVEPOINT, fail_in_words, &wrong, reply), HF_E_USER);
	ck_assert_str_eq(hf_error_message(hf_conn_error(c)), "not today");
	return HF_OK;
}

START_TEST(test_words_of_inner)
{
	int right = 0;
	hf_future *f;

	setup();
	f = hf_run(pool, words_inside, &right, NULL);
	t_ok(f);
	ck_assert_ptr_eq(hf_future_value(f), &right);
	hf_future_unref(f);
	ck_assert(stored("KEPT"));
	teardown();
}
END_TEST

/* --- refusing --- */

static hf_status nest_refusing(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = put(c, "FOO");

	if (st == HF_OK)
		st = hf_conn_atomic(c, HF_NEST_REFUSE, insert_one, TEXT("BAR"), reply);
	ck_assert_int_eq(st, HF_E_MISUSE);
	ck_assert_ptr_nonnull(
		strstr(hf_error_message(hf_conn_error(c)), "a transaction is open already"));
	ck_assert_int_eq(put(c, "LATE"), HF_E_MISUSE);
	/* Whatever it answers, the outer is undone. */
	return *(const bool *)arg ? HF_OK : st;
}

/* The twin of test_nested_transaction__error: in an atomic block and in a transaction. The outer is
 * rolled back, and nothing stays acquired. */
START_TEST(test_nested_transaction__error)
{
	bool ignore = false;
	struct piece p = { nest_refusing, HF_NEST_SAVEPOINT, &ignore };

	setup();
	for (int i = 0; i < 2; i++, ignore = true) {
		p.nesting = HF_NEST_SAVEPOINT;
		t_failed(in_manual(&p), HF_E_MISUSE);
		p.nesting = HF_NEST_REFUSE; /* the outermost may: none is open there */
		t_failed(in_manual(&p), HF_E_MISUSE);
		t_failed(hf_run(pool, nest_refusing, &ignore, NULL), HF_E_MISUSE);
	}
	ck_assert(stored(""));
	t_done(in_manual(&(struct piece){ insert_one, HF_NEST_REFUSE, TEXT("ALONE") }));
	ck_assert(stored("ALONE"));
	teardown();
}
END_TEST

/* --- joining --- */

struct join {
	hf_fn *inner;
	hf_status inner_status, later, answer;
};

static hf_status join(hf_conn *c, void *arg, hf_reply *reply)
{
	struct join *j = arg;

	if (put(c, "OUTER") != HF_OK)
		return HF_E_USER;
	j->inner_status = hf_conn_atomic(c, HF_NEST_JOIN, j->inner, TEXT("INNER"), reply);
	j->later = put(c, "LATER");
	return j->answer;
}

static hf_status give_up(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = put(c, arg);

	return st == HF_OK ? hf_fail(reply, "changed my mind") : st;
}

START_TEST(test_join)
{
	struct join ok = { insert_one, 0, 0, HF_OK }, outer_no = { insert_one, 0, 0, HF_E_USER },
		    inner_no = { give_up, 0, 0, HF_OK };

	setup();
	for (int manual = 0; manual < 2; manual++) {
		struct join *all[] = { &ok, &outer_no, &inner_no };

		for (int i = 0; i < 3; i++) {
			struct piece p = { join, HF_NEST_SAVEPOINT, all[i] };
			hf_future *f = manual ? in_manual(&p) : hf_run(pool, join, all[i], NULL);

			if (i == 0)
				t_ok(f);
			else
				t_fails(f, HF_E_USER);
			if (i == 2)
				ck_assert_str_eq(
					hf_error_message(hf_future_error(f)), "changed my mind");
			hf_future_unref(f);
			/* With an inner that went well the outer decides; one that failed has
			 * failed the outer, also where that says that all is well. */
			ck_assert(stored(i == 0 ? "INNER LATER OUTER" : ""));
			ck_assert_int_eq(all[i]->inner_status, i == 2 ? HF_E_USER : HF_OK);
			ck_assert_int_eq(all[i]->later, i == 2 ? HF_E_USER : HF_OK);
			free(t_psql("truncate kept"));
		}
	}
	teardown();
}
END_TEST

/* --- what is open --- */

static hf_status begin_then_atomic(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = arg ? hf_conn_script(c, NULL, arg) : hf_conn_begin(c);
	const hf_result *res;

	if (st != HF_OK || put(c, "OUTER") != HF_OK)
		return HF_E_USER;
	/* It fails as a savepoint would: alone. A second BEGIN would be a warning, and its ROLLBACK
	 * the end of the outer. */
	ck_assert_int_eq(
		hf_conn_atomic(c, HF_NEST_REFUSE, insert_one, TEXT("NO"), reply), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_rollback(c), HF_OK);
	st = arg ? hf_conn_script(c, NULL, arg) : hf_conn_begin(c);
	ck_assert_int_eq(st, HF_OK);
	ck_assert_int_eq(put(c, "OUTER"), HF_OK);
	ck_assert_int_eq(
		hf_conn_atomic(c, HF_NEST_SAVEPOINT, insert_twice, TEXT("INNER"), reply), HF_E_SQL);
	ck_assert_int_eq(
		hf_conn_atomic(c, HF_NEST_SAVEPOINT, insert_one, TEXT("KEPT"), reply), HF_OK);
	ck_assert_int_eq(hf_conn_query(c, &res, "select count(*) from kept"), HF_OK);
	ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 0, -1), 2);
	return hf_conn_commit(c);
}

START_TEST(test_atomic_after_begin)
{
	static char text[] = "begin";

	setup();
	t_done(hf_submit(pool, HF_JOB(.fn = begin_then_atomic, .manual = true)));
	ck_assert(stored("KEPT OUTER"));
	free(t_psql("truncate kept"));
	t_done(hf_submit(pool, HF_JOB(.fn = begin_then_atomic, .manual = true, .arg = text)));
	ck_assert(stored("KEPT OUTER"));
	teardown();
}
END_TEST

/* --- whose error counts --- */

static atomic_bool inside;

static hf_status closed_inside(hf_conn *c, void *arg, hf_reply *reply)
{
	int64_t until = hf_now_ns() + (int64_t)5000000000;

	if (put(c, "FOO") != HF_OK)
		return HF_E_USER;
	if (arg) {
		char sql[64];

		snprintf(sql, sizeof sql, "select pg_terminate_backend(%d, 5000)",
			hf_conn_backend_pid(c));
		free(t_psql(sql));
		return hf_fail(reply, "my own reason");
	}
	atomic_store(&inside, true);
	while (!hf_conn_canceled(c) && hf_now_ns() < until)
		t_sleep_ms(1);
	return hf_fail(reply, "my own reason");
}

static bool is_inside(void *arg)
{
	(void)arg;
	return atomic_load(&inside);
}

static void expect_own_reason(hf_future *f)
{
	ck_assert_str_eq(hf_error_message(t_fails(f, HF_E_USER)), "my own reason");
	hf_future_unref(f);
	ck_assert(stored(""));
}

/* The twin of test_atomic_fail_with_disconnect: what the cleanup meets does not replace the
 * caller's error. Once with the session killed and once with the pool closed, inside the block. */
START_TEST(test_atomic_fail_with_disconnect)
{
	struct piece nested = { closed_inside, HF_NEST_SAVEPOINT, NULL };
	char kill[] = "kill";
	hf_future *f;

	setup();
	nested.arg = kill;
	expect_own_reason(hf_run(pool, closed_inside, kill, NULL));
	expect_own_reason(hf_run(pool, run_piece, &nested, NULL));
	expect_own_reason(in_manual(&nested));
	t_close(pool);
	nested.arg = NULL;
	for (int i = 0; i < 3; i++) {
		pool = t_pool(HF_POOL_OPTS(.max_conns = 1));
		atomic_store(&inside, false);
		f = i == 0   ? hf_run(pool, closed_inside, NULL, NULL)
		    : i == 1 ? hf_run(pool, run_piece, &nested, NULL)
			     : in_manual(&nested);
		ck_assert(t_wait_until(is_inside, NULL, 5000));
		ck_assert_int_eq(hf_pool_terminate(pool), HF_OK);
		hf_pool_unref(pool);
		expect_own_reason(f);
	}
}
END_TEST

T_MAIN("atomic", { "D12 an atomic piece that succeeds is committed", test_transaction_success, 0 },
	{ "D12 an integrity error undoes the whole piece", test_transaction_rollback, 0 },
	{ "D13 three levels and a sibling end with the last", test_savepoints_success, 0 },
	{ "D13 the outer update survives the inner failure", test_savepoint_rollback, 0 },
	{ "D13 words and replies of an inner piece", test_words_of_inner, 0 },
	{ "D14 a piece that refuses to nest fails the outer", test_nested_transaction__error, 0 },
	{ "D16 after a manual BEGIN a piece is a savepoint", test_atomic_after_begin, 0 },
	{ "D19 the caller's error is the one that is told", test_atomic_fail_with_disconnect, 0 },
	{ "D23 joining: the outer decides, a failure fails it", test_join, 0 })
