/* SPDX-License-Identifier: MIT */
/* What is to follow a commit: once, after it, in order, and never without it. */
#include "fixture.h"

#include <holdfast/txn.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hf_pool *pool;

/* What the hooks of a case did: their letters in the order they ran, and how many were freed. */
static char ran[64];
static atomic_int n_ran, n_freed;

/* What a hook found stored when it ran; the status of a use of the handle. */
static long long stored_then;
static hf_status used_then;
static hf_conn *conn_then;
static hf_future *_Atomic future_then;
static bool ready_then;

static void setup(void)
{
	free(t_psql("set client_min_messages to warning; drop table if exists kept;"
		    "create table kept (name text unique deferrable initially deferred)"));
	pool = t_pool(HF_POOL_OPTS(.max_conns = 2));
}

static void forget(void)
{
	memset(ran, 0, sizeof ran);
	atomic_store(&n_ran, 0);
	atomic_store(&n_freed, 0);
}

/* Fails unless exactly these hooks ran, and `freed` were freed. */
static void expect(const char *letters, int freed)
{
	ck_assert_str_eq(ran, letters);
	ck_assert_int_eq(atomic_load(&n_freed), freed);
	forget();
}

static void hook(void *arg)
{
	ran[atomic_fetch_add(&n_ran, 1)] = *(char *)arg;
}

static void hook_free(void *arg)
{
	(void)arg;
	atomic_fetch_add(&n_freed, 1);
}

static char letters[] = "abcdefghij";

static hf_status on_commit(hf_conn *c, char letter)
{
	return hf_conn_on_commit(c, hook, &letters[letter - 'a'], hook_free);
}

static hf_status put(hf_conn *c, const char *name)
{
	return hf_conn_query(c, NULL, "insert into kept values ($1)", name);
}

/* --- when --- */

static void look(void *arg)
{
	const hf_result *res = NULL;

	(void)arg;
	stored_then = t_psql_int("select count(*) from kept");
	used_then = hf_conn_query(conn_then, &res, "select 1");
	ready_then = hf_future_ready(atomic_load(&future_then));
	ck_assert_int_eq(hf_conn_savepoint(conn_then, "s"), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_on_commit(conn_then, hook, letters, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_rollback(conn_then), HF_E_MISUSE);
}

static bool future_known(void *arg)
{
	(void)arg;
	return atomic_load(&future_then) != NULL;
}

static hf_status three(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	ck_assert(t_wait_until(future_known, NULL, 5000));
	conn_then = c;
	/* One that comes before the first statement belongs to the transaction as well. */
	ck_assert_int_eq(on_commit(c, 'a'), HF_OK);
	ck_assert_int_eq(put(c, "FOO"), HF_OK);
	ck_assert_int_eq(hf_conn_on_commit(c, look, NULL, hook_free), HF_OK);
	ck_assert_int_eq(on_commit(c, 'b'), HF_OK);
	ck_assert_int_eq(atomic_load(&n_ran), 0);
	return HF_OK;
}

START_TEST(test_after_commit)
{
	hf_future *f;

	setup();
	stored_then = -1;
	ready_then = true;
	f = hf_submit(pool, HF_JOB(.fn = three));
	atomic_store(&future_then, f);
	t_ok(f);
	expect("ab", 3);
	ck_assert_int_eq(stored_then, 1); /* others see the row: it is committed */
	ck_assert_int_eq(used_then, HF_E_MISUSE);
	ck_assert(!ready_then);
	hf_future_unref(f);
	t_close(pool);
}
END_TEST

static hf_status no_statement(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	ck_assert_int_eq(on_commit(c, 'a'), HF_OK);
	return *(hf_status *)arg;
}

static hf_status duplicate_at_commit(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	ck_assert_int_eq(on_commit(c, 'a'), HF_OK);
	ck_assert_int_eq(put(c, "FOO"), HF_OK);
	return put(c, "FOO");
}

static hf_status poisoned(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	ck_assert_int_eq(on_commit(c, 'a'), HF_OK);
	ck_assert_int_eq(hf_conn_query(c, NULL, "select nonsense"), HF_E_SQL);
	ck_assert_int_eq(on_commit(c, 'b'), HF_E_SQL);
	return HF_OK;
}

static hf_status killed(hf_conn *c, void *arg, hf_reply *reply)
{
	char sql[64];

	(void)arg;
	(void)reply;
	ck_assert_int_eq(put(c, "LOST"), HF_OK);
	ck_assert_int_eq(on_commit(c, 'a'), HF_OK);
	snprintf(sql, sizeof sql, "select pg_terminate_backend(%d, 5000)", hf_conn_backend_pid(c));
	free(t_psql(sql));
	return HF_OK;
}

/* Neither a rollback nor a COMMIT that failed, nor one that nobody answered. */
START_TEST(test_never_without_commit)
{
	hf_status st = HF_OK;

	setup();
	t_done(hf_run(pool, no_statement, &st, NULL));
	expect("a", 1);
	st = HF_E_USER;
	t_failed(hf_run(pool, no_statement, &st, NULL), HF_E_USER);
	expect("", 1);
	t_failed(hf_run(pool, duplicate_at_commit, NULL, NULL), HF_E_SQL);
	expect("", 1);
	t_failed(hf_run(pool, poisoned, NULL, NULL), HF_E_SQL);
	expect("", 2);
	t_failed(hf_run(pool, killed, NULL, NULL), HF_E_CONN_LOST);
	expect("", 1);
	ck_assert_int_eq(t_psql_int("select count(*) from kept"), 0);
	t_close(pool);
}
END_TEST

/* --- savepoints --- */

static hf_status hook_and_fail(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = on_commit(c, *(char *)arg);

	return st == HF_OK ? hf_fail(reply, "no") : st;
}

static hf_status hook_and_keep(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	return on_commit(c, *(char *)arg);
}

static hf_status savepoints(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	ck_assert_int_eq(on_commit(c, 'a'), HF_OK);
	ck_assert_int_eq(hf_conn_savepoint(c, "s"), HF_OK);
	ck_assert_int_eq(on_commit(c, 'b'), HF_OK);
	ck_assert_int_eq(hf_conn_savepoint(c, "s"), HF_OK); /* hides the other */
	ck_assert_int_eq(on_commit(c, 'c'), HF_OK);
	ck_assert_int_eq(hf_conn_rollback_to(c, "s"), HF_OK); /* -c */
	ck_assert_int_eq(atomic_load(&n_freed), 1);
	ck_assert_int_eq(on_commit(c, 'd'), HF_OK);
	ck_assert_int_eq(hf_conn_savepoint(c, "t"), HF_OK);
	ck_assert_int_eq(on_commit(c, 'e'), HF_OK);
	ck_assert_int_eq(hf_conn_release(c, "t"), HF_OK);     /* keeps e, up to s */
	ck_assert_int_eq(hf_conn_rollback_to(c, "s"), HF_OK); /* -d -e */
	ck_assert_int_eq(atomic_load(&n_freed), 3);
	ck_assert_int_eq(hf_conn_release(c, "s"), HF_OK); /* the newer: the older is seen again */
	ck_assert_int_eq(on_commit(c, 'f'), HF_OK);
	ck_assert_int_eq(hf_conn_rollback_to(c, "s"), HF_OK); /* -b -f */
	ck_assert_int_eq(atomic_load(&n_freed), 5);
	ck_assert_int_eq(on_commit(c, 'g'), HF_OK);
	ck_assert_int_eq(
		hf_conn_atomic(c, HF_NEST_SAVEPOINT, hook_and_fail, &letters[7], reply), HF_E_USER);
	ck_assert_int_eq(atomic_load(&n_freed), 6);
	return hf_conn_atomic(c, HF_NEST_SAVEPOINT, hook_and_keep, &letters[8], reply);
}

START_TEST(test_hooks_and_savepoints)
{
	setup();
	t_done(hf_run(pool, savepoints, NULL, NULL));
	expect("agi", 9);
	t_close(pool);
}
END_TEST

/* --- by hand --- */

static hf_status by_hand(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	ck_assert_int_eq(on_commit(c, 'a'), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_on_commit(c, NULL, NULL, hook_free), HF_E_MISUSE);
	ck_assert_int_eq(atomic_load(&n_freed), 2);
	ck_assert_int_eq(hf_conn_query(c, NULL, "begin"), HF_OK);
	ck_assert_int_eq(hf_conn_query(c, NULL, "savepoint s"), HF_OK);
	ck_assert_int_eq(on_commit(c, 'b'), HF_OK);
	/* A savepoint that only the text knows of. */
	ck_assert_int_eq(hf_conn_rollback_to(c, "s"), HF_OK);
	ck_assert_int_eq(atomic_load(&n_freed), 3);
	ck_assert_int_eq(on_commit(c, 'c'), HF_OK);
	ck_assert_int_eq(hf_conn_query(c, NULL, "commit"), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_rollback(c), HF_OK);
	ck_assert_int_eq(atomic_load(&n_freed), 4);
	ck_assert_int_eq(hf_conn_begin(c), HF_OK);
	ck_assert_int_eq(on_commit(c, 'd'), HF_OK);
	ck_assert_str_eq(ran, "");
	ck_assert_int_eq(hf_conn_commit(c), HF_OK);
	ck_assert_str_eq(ran, "d");
	ck_assert_int_eq(
		hf_conn_atomic(c, HF_NEST_SAVEPOINT, hook_and_keep, &letters[4], reply), HF_OK);
	ck_assert_str_eq(ran, "de");
	ck_assert_int_eq(hf_conn_begin(c), HF_OK);
	return on_commit(c, 'f'); /* left open: rolled back */
}

START_TEST(test_hooks_by_hand)
{
	setup();
	t_done(hf_submit(pool, HF_JOB(.fn = by_hand, .manual = true)));
	expect("de", 7);
	t_close(pool);
}
END_TEST

/* --- transactions as objects --- */

static hf_status txn_on_commit(hf_txn *t, char letter)
{
	return hf_txn_on_commit(t, hook, &letters[letter - 'a'], hook_free);
}

START_TEST(test_txn_hooks)
{
	hf_future *f[4];
	hf_txn *t;

	setup();
	t = hf_txn_begin(pool, NULL);
	ck_assert_int_eq(txn_on_commit(t, 'a'), HF_OK);
	f[0] = hf_txn_query(t, "insert into kept values ('FOO')");
	f[1] = hf_txn_savepoint(t, "s");
	ck_assert_int_eq(txn_on_commit(t, 'b'), HF_OK);
	f[2] = hf_txn_rollback_to(t, "s");
	ck_assert_int_eq(txn_on_commit(t, 'c'), HF_OK);
	t_failed(hf_txn_run(t, HF_JOB(.fn = hook_and_fail, .arg = &letters[3], .nested = true)),
		HF_E_USER);
	f[3] = hf_txn_commit(t);
	ck_assert_int_eq(txn_on_commit(t, 'e'), HF_E_TXN_ENDED);
	for (int i = 0; i < 4; i++)
		t_done(f[i]);
	expect("ac", 5);
	ck_assert_int_eq(txn_on_commit(t, 'f'), HF_E_TXN_ENDED);
	expect("", 1);
	hf_txn_unref(t);

	t = hf_txn_begin(pool, NULL);
	ck_assert_int_eq(txn_on_commit(t, 'a'), HF_OK);
	t_done(hf_txn_query(t, "insert into kept values ('BAR')"));
	t_done(hf_txn_rollback(t));
	expect("", 1);
	hf_txn_unref(t);

	t = hf_txn_begin(pool, NULL);
	ck_assert_int_eq(txn_on_commit(t, 'a'), HF_OK);
	t_done(hf_txn_query(t, "insert into kept values ('FOO')"));
	t_failed(hf_txn_commit(t), HF_E_SQL); /* the deferred constraint */
	expect("", 1);
	hf_txn_unref(t);

	ck_assert_int_eq(txn_on_commit(NULL, 'a'), HF_E_MISUSE);
	expect("", 1);
	t_close(pool);
}
END_TEST

/* --- attempts --- */

static hf_status third_time(hf_conn *c, void *arg, hf_reply *reply)
{
	int n = hf_conn_attempt(c);
	hf_status st;

	(void)arg;
	(void)reply;
	ck_assert_int_eq(on_commit(c, (char)('a' + n)), HF_OK);
	st = put(c, "FOO");
	if (st == HF_OK && n < 3)
		st = hf_conn_query(
			c, NULL, "do $$ begin raise exception using errcode = '40001'; end $$");
	return st;
}

/* Counted: an attempt that is repeated takes its hook along. */
START_TEST(test_hooks_and_attempts)
{
	setup();
	t_done(hf_transact(pool, NULL, HF_JOB(.fn = third_time)));
	expect("d", 3);
	ck_assert_int_eq(t_psql_int("select count(*) from kept"), 1);
	t_failed(hf_transact(pool, HF_RETRY(.attempts = 2), HF_JOB(.fn = third_time)), HF_E_SQL);
	expect("", 2);
	t_close(pool);
}
END_TEST

/* --- those in a hook of the pool --- */

static hf_status connect_hook(hf_conn *c, void *arg)
{
	hf_status st;

	(void)arg;
	ck_assert_int_eq(on_commit(c, 'a'), HF_E_MISUSE);
	st = hf_conn_begin(c);
	return st == HF_OK ? on_commit(c, 'b') : st;
}

START_TEST(test_hooks_in_on_connect)
{
	setup();
	t_close(pool);
	pool = t_pool(HF_POOL_OPTS(.max_conns = 1, .on_connect = connect_hook, .strict = true));
	expect("b", 2);
	t_close(pool);
}
END_TEST

T_MAIN("hooks",
	{ "rule-76 hooks run after the commit, in order, without the handle", test_after_commit,
		0 },
	{ "rule-76 hooks never run without a commit", test_never_without_commit, 0 },
	{ "rule-76 work undone to a savepoint takes its hooks with it", test_hooks_and_savepoints,
		0 },
	{ "rule-76 hooks of transactions by hand", test_hooks_by_hand, 0 },
	{ "rule-76 hooks of transactions as objects", test_txn_hooks, 0 },
	{ "rule-76 a hook is counted once under retries", test_hooks_and_attempts, 0 },
	{ "rule-76 hooks inside on_connect", test_hooks_in_on_connect, 0 })
