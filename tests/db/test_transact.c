/* SPDX-License-Identifier: MIT */
/* Interactions that are run again when the server gave them up: what counts as that, and what runs
 * how often. */
#include "fixture.h"

#include <holdfast/txn.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hf_pool *pool;

static void setup(int conns)
{
	free(t_psql("set client_min_messages to warning;"
		    "drop table if exists counter, duty, kept;"
		    "create table counter (id int primary key, n int);"
		    "insert into counter values (1, 0);"
		    "create table duty (name text primary key, on_call bool);"
		    "insert into duty values ('alice', true), ('bob', true);"
		    "create table kept (attempt int)"));
	pool = t_pool(HF_POOL_OPTS(.min_conns = conns, .max_conns = conns));
}

static long long counter(void)
{
	return t_psql_int("select n from counter");
}

static unsigned long long retries(void)
{
	return t_stats(pool).retries;
}

static hf_status conflict(hf_conn *c)
{
	return hf_conn_query(
		c, NULL, "do $$ begin raise exception 'made up' using errcode = '40001'; end $$");
}

/* --- two writers --- */

/* Read, then write what was read plus one. */
static hf_status read_n(hf_conn *c, long long *n)
{
	const hf_result *res;
	hf_status st = hf_conn_query(c, &res, "select n from counter where id = 1");

	if (st == HF_OK)
		*n = (long long)hf_row_int8(hf_result_row(res, 0), 0, -1);
	return st;
}

static atomic_int bodies;

static hf_status add_one(hf_conn *c, void *arg, hf_reply *reply)
{
	long long n;
	hf_status st = read_n(c, &n);

	(void)reply;
	if (atomic_fetch_add(&bodies, 1) == 0 && arg)
		free(t_psql(arg)); /* another writer comes in between, the first time */
	return st == HF_OK ? hf_conn_query(c, NULL, "update counter set n = $1 where id = 1",
				     (int64_t)(n + 1))
			   : st;
}

/* The twin of zope.sqlalchemy's testRetry: of two SERIALIZABLE writers the loser is told that it
 * may try again, and trying again succeeds. */
START_TEST(testRetry)
{
	const hf_error *why;
	hf_txn *t1, *t2;
	hf_future *f;

	setup(2);
	t1 = hf_txn_begin(pool, HF_TXN_OPTS(.isolation = HF_ISO_SERIALIZABLE));
	t2 = hf_txn_begin(pool, HF_TXN_OPTS(.isolation = HF_ISO_SERIALIZABLE));
	ck_assert_int_eq(t_int(hf_txn_query(t1, "select n from counter")), 0);
	ck_assert_int_eq(t_int(hf_txn_query(t2, "select n from counter")), 0);
	t_done(hf_txn_query(t1, "update counter set n = 1"));
	t_done(hf_txn_commit(t1));
	f = hf_txn_query(t2, "update counter set n = 1");
	why = t_fails(f, HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(why), "40001");
	ck_assert(hf_error_is(why, HF_RETRYABLE));
	hf_future_unref(f);
	hf_txn_unref(t1);
	hf_txn_unref(t2);
	t_wait_idle(pool, 2);
	t_done(hf_transact(pool, NULL, HF_JOB(.fn = add_one, .isolation = HF_ISO_SERIALIZABLE)));
	ck_assert_int_eq(counter(), 2);
	t_close(pool);
}
END_TEST

#define WRITERS 4
#define ADDS    25

static void *add_many(void *arg)
{
	for (int i = 0; i < ADDS; i++)
		t_done(hf_transact(pool, HF_RETRY(.attempts = 1000),
			HF_JOB(.fn = add_one, .isolation = HF_ISO_SERIALIZABLE)));
	return arg;
}

/* The twin of testRetryThread: several threads add to one row, each through attempts of its own;
 * no addition is lost and none counted twice. */
START_TEST(testRetryThread)
{
	pthread_t threads[WRITERS];

	setup(WRITERS);
	for (int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, add_many, NULL), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(counter(), WRITERS * ADDS);
	ck_assert_uint_eq(retries() + WRITERS * ADDS, (unsigned)atomic_load(&bodies));
	t_close(pool);
}
END_TEST

/* --- where it surfaces --- */

START_TEST(test_at_statement)
{
	static char other[] = "update counter set n = n + 10 where id = 1";

	setup(1);
	t_done(hf_transact(pool, NULL,
		HF_JOB(.fn = add_one, .arg = other, .isolation = HF_ISO_REPEATABLE_READ)));
	ck_assert_int_eq(atomic_load(&bodies), 2);
	ck_assert_int_eq(counter(), 11);
	ck_assert_uint_eq(retries(), 1);
	t_close(pool);
}
END_TEST

/* Each leaves duty if another stays. Both may, if neither sees the other. */
static hf_status leave(hf_conn *c, void *arg, hf_reply *reply)
{
	const hf_result *res;
	hf_status st = hf_conn_query(c, &res, "select count(*) from duty where on_call");

	if (st != HF_OK)
		return st;
	if (hf_row_int8(hf_result_row(res, 0), 0, -1) < 2)
		return hf_fail(reply, "nobody else is on call");
	st = hf_conn_query(c, NULL, "update duty set on_call = false where name = 'alice'");
	if (st == HF_OK && atomic_fetch_add(&bodies, 1) == 0)
		free(t_psql(arg));
	return st;
}

/* Write skew: every statement went well, and COMMIT is refused. The second attempt sees that it
 * must not. */
START_TEST(test_at_commit)
{
	static char other[] = "begin isolation level serializable;"
			      "select count(*) from duty where on_call;"
			      "update duty set on_call = false where name = 'bob';"
			      "commit";
	hf_future *f;

	setup(1);
	f = hf_transact(pool, HF_RETRY(.attempts = 1),
		HF_JOB(.fn = leave, .arg = other, .isolation = HF_ISO_SERIALIZABLE));
	ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "40001");
	ck_assert_ptr_nonnull(strstr(hf_error_field(hf_future_error(f), HF_ERR_DETAIL), "commit"));
	ck_assert(hf_error_is(hf_future_error(f), HF_RETRYABLE));
	hf_future_unref(f);
	ck_assert_uint_eq(retries(), 0);
	ck_assert_int_eq(t_psql_int("select count(*) from duty where on_call"), 1);

	free(t_psql("update duty set on_call = true"));
	atomic_store(&bodies, 0);
	f = hf_transact(
		pool, NULL, HF_JOB(.fn = leave, .arg = other, .isolation = HF_ISO_SERIALIZABLE));
	ck_assert_str_eq(hf_error_message(t_fails(f, HF_E_USER)), "nobody else is on call");
	hf_future_unref(f);
	ck_assert_uint_eq(retries(), 1);
	ck_assert_int_eq(t_psql_int("select count(*) from duty where on_call"), 1);
	t_close(pool);
}
END_TEST

static hf_status deadlock_twice(hf_conn *c, void *arg, hf_reply *reply)
{
	int n = hf_conn_attempt(c);
	hf_status st = hf_conn_query(c, NULL, "insert into kept values ($1)", n);

	(void)arg;
	(void)reply;
	if (st == HF_OK && n < 3)
		st = hf_conn_query(
			c, NULL, "do $$ begin raise exception using errcode = '40P01'; end $$");
	return st;
}

START_TEST(test_deadlock)
{
	setup(1);
	t_done(hf_transact(pool, NULL, HF_JOB(.fn = deadlock_twice)));
	ck_assert_int_eq(t_psql_int("select sum(attempt) from kept"), 3);
	ck_assert_uint_eq(retries(), 2);
	/* In a plain interaction it is attempt 1, and not repeated. */
	t_failed(hf_run(pool, deadlock_twice, NULL, NULL), HF_E_SQL);
	ck_assert_uint_eq(retries(), 2);
	ck_assert_int_eq(t_psql_int("select count(*) from kept"), 1);
	t_close(pool);
}
END_TEST

/* --- whatever the function makes of it --- */

enum manner { IGNORES, OWN_WORDS, OTHER_STATUS, CAUGHT, MANNERS };

static int of_free_value;

static void free_value(void *value)
{
	(void)value;
	of_free_value++;
}

static hf_status conflict_fn(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return conflict(c);
}

static hf_status swallows(hf_conn *c, void *arg, hf_reply *reply)
{
	int n = hf_conn_attempt(c);
	void *mine = hf_conn_alloc(c, 100000);

	hf_reply_value(reply, &bodies, free_value);
	ck_assert_ptr_nonnull(mine);
	ck_assert_ptr_null(hf_conn_error(c));
	ck_assert_int_eq(hf_conn_query(c, NULL, "insert into kept values ($1)", n), HF_OK);
	if (n == 3)
		return HF_OK;
	switch (*(enum manner *)arg) {
	case IGNORES:
		ck_assert_int_eq(conflict(c), HF_E_SQL);
		return HF_OK;
	case OWN_WORDS:
		ck_assert_int_eq(conflict(c), HF_E_SQL);
		return hf_fail(reply, "it did not work out");
	case OTHER_STATUS:
		ck_assert_int_eq(conflict(c), HF_E_SQL);
		return HF_E_NO_ROWS;
	case CAUGHT: /* undone to a savepoint, and then given up because of it */
		ck_assert_int_eq(
			hf_conn_atomic(c, HF_NEST_SAVEPOINT, conflict_fn, NULL, NULL), HF_E_SQL);
		return hf_fail(reply, "it did not work out");
	case MANNERS:
		break;
	}
	return HF_E_USER;
}

START_TEST(test_swallowed)
{
	setup(1);
	for (enum manner m = IGNORES; m < MANNERS; m++) {
		unsigned long long before = retries();
		hf_future *f;

		free(t_psql("truncate kept"));
		of_free_value = 0;
		f = hf_transact(pool, NULL, HF_JOB(.fn = swallows, .arg = &m));
		t_ok(f);
		ck_assert_int_eq(t_psql_int("select sum(attempt) from kept"), 3);
		ck_assert_int_eq(of_free_value, 2);
		ck_assert_ptr_eq(hf_future_value(f), &bodies);
		hf_future_unref(f);
		ck_assert_uint_eq(retries() - before, 2);
		/* And where no attempt is left it is the statement's error. */
		f = hf_transact(pool, HF_RETRY(.attempts = 2), HF_JOB(.fn = swallows, .arg = &m));
		ck_assert_str_eq(
			hf_error_message(t_fails(f, HF_E_SQL)), "made up (after 2 attempts)");
		ck_assert_str_eq(hf_error_sqlstate(hf_future_error(f)), "40001");
		ck_assert(hf_error_is(hf_future_error(f), HF_RETRYABLE));
		ck_assert_ptr_null(hf_future_value(f));
		hf_future_unref(f);
	}
	t_close(pool);
}
END_TEST

static hf_status fails_otherwise(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	atomic_fetch_add(&bodies, 1);
	return hf_conn_query(c, NULL, arg);
}

/* What would fail again in the same way is not run again. */
START_TEST(test_other_failures)
{
	static char bad[] = "select nonsense", null[] = "insert into duty values (null)";

	setup(1);
	t_failed(hf_transact(pool, NULL, HF_JOB(.fn = fails_otherwise, .arg = bad)), HF_E_SQL);
	t_failed(hf_transact(pool, NULL, HF_JOB(.fn = fails_otherwise, .arg = null)), HF_E_SQL);
	ck_assert_int_eq(atomic_load(&bodies), 2);
	ck_assert_uint_eq(retries(), 0);
	t_close(pool);
}
END_TEST

/* --- the argument --- */

struct shared {
	int runs, freed;
	enum { SUCCEEDS, RUNS_OUT, FAILS } how;
};

static void free_shared(void *arg)
{
	((struct shared *)arg)->freed++;
}

static hf_status uses_shared(hf_conn *c, void *arg, hf_reply *reply)
{
	struct shared *s = arg;

	ck_assert_int_eq(s->freed, 0);
	ck_assert_int_eq(++s->runs, hf_conn_attempt(c));
	if (s->how == FAILS)
		return hf_fail(reply, "no");
	return s->how == SUCCEEDS && s->runs == 3 ? HF_OK : conflict(c);
}

START_TEST(test_argument)
{
	struct shared s[] = { { .how = SUCCEEDS }, { .how = RUNS_OUT }, { .how = FAILS } };
	static const int runs[] = { 3, 3, 1 };
	struct shared refused = { 0 };

	setup(1);
	for (int i = 0; i < 3; i++) {
		hf_future *f = hf_transact(pool, NULL,
			HF_JOB(.fn = uses_shared, .arg = &s[i], .free_arg = free_shared));

		ck_assert_int_eq(hf_future_get_for(f, 10000, NULL), i == 0   ? HF_OK
								    : i == 1 ? HF_E_SQL
									     : HF_E_USER);
		ck_assert_int_eq(s[i].runs, runs[i]);
		ck_assert_int_eq(s[i].freed, 1);
		hf_future_unref(f);
	}
#define REFUSED(retry, ...)                                                                        \
	t_failed(hf_transact(pool, retry,                                                          \
			 HF_JOB(.fn = uses_shared, .arg = &refused, .free_arg = free_shared,       \
				 __VA_ARGS__)),                                                    \
		HF_E_MISUSE)
	REFUSED(NULL, .manual = true);
	REFUSED(NULL, .then = HF_THEN_COMMIT);
	REFUSED(NULL, .nested = true);
	REFUSED(NULL, .dry_run = true);
	REFUSED(HF_RETRY(.attempts = -1), .manual = false);
	REFUSED(HF_RETRY(.deadline_ms = -2), .manual = false);
	ck_assert_int_eq(refused.freed, 6);
	ck_assert_int_eq(refused.runs, 0);
	t_close(pool);
}
END_TEST

T_MAIN("transact",
	{ "D26 the loser of two writers is retryable, and the retry succeeds", testRetry, 0 },
	{ "D26 threads that retry lose no addition", testRetryThread, 60 },
	{ "D26 api-T13 a conflict at a statement", test_at_statement, 0 },
	{ "D26 api-T13 a conflict at COMMIT", test_at_commit, 0 },
	{ "D26 api-T13 a deadlock, attempts and their count", test_deadlock, 0 },
	{ "D26 api-T15 a swallowed conflict is repeated all the same", test_swallowed, 0 },
	{ "D26 other failures are not repeated", test_other_failures, 0 },
	{ "D26 api-T16 the argument is freed once, at the very end", test_argument, 0 })
