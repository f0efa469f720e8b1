/* SPDX-License-Identifier: MIT */
/* What errors say, and that they harm nobody else. */
#include "fixture.h"

#include <holdfast/txn.h>

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The twin of gDBPool's test_invalid_query: the error is in the future. */
START_TEST(test_invalid_query)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *f = hf_query(p, "ESLECT val1 FROM test_values WHERE id = $1", 1);
	const hf_error *e = t_fails(f, HF_E_SQL);

	ck_assert_str_eq(hf_error_sqlstate(e), "42601");
	ck_assert_int_eq(hf_error_position(e), 1);
	ck_assert_str_eq(hf_error_field(e, HF_ERR_SEVERITY), "ERROR");
	ck_assert_str_eq(
		hf_error_field(e, HF_ERR_QUERY), "ESLECT val1 FROM test_values WHERE id = $1");
	ck_assert_ptr_nonnull(strstr(hf_error_message(e), "ESLECT"));
	ck_assert_ptr_nonnull(strstr(hf_error_field(e, HF_ERR_SITE), "test_errors.c:"));
	ck_assert_ptr_null(hf_error_field(e, HF_ERR_CONSTRAINT));
	ck_assert(
		!hf_error_is(e, HF_RETRYABLE | HF_CONNECTION | HF_INTEGRITY | HF_MAYBE_COMMITTED));
	hf_future_unref(f);
	t_close(p);
}
END_TEST

START_TEST(test_fields)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *f;
	const hf_error *e;

	t_test_values(1);
	/* A position counts characters, not bytes. */
	f = hf_query(p, "select '\xc3\xa4\xc3\xb6', valx from test_values");
	e = t_fails(f, HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(e), "42703");
	ck_assert_int_eq(hf_error_position(e), 14);
	ck_assert_ptr_nonnull(strstr(hf_error_field(e, HF_ERR_HINT), "val1"));
	hf_future_unref(f);
	f = hf_query(p, "insert into test_values (id) values ($1)", 1);
	e = t_fails(f, HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(e), "23505");
	ck_assert(hf_error_is(e, HF_INTEGRITY));
	ck_assert(!hf_error_is(e, HF_RETRYABLE));
	ck_assert_str_eq(hf_error_field(e, HF_ERR_CONSTRAINT), "test_values_pkey");
	ck_assert_str_eq(hf_error_field(e, HF_ERR_TABLE), "test_values");
	ck_assert_str_eq(hf_error_field(e, HF_ERR_SCHEMA), "public");
	ck_assert_str_eq(hf_error_field(e, HF_ERR_DETAIL), "Key (id)=(1) already exists.");
	ck_assert_int_eq(hf_error_position(e), 0);
	/* The error outlives its future. */
	{
		hf_error *mine = hf_error_ref(e);

		hf_future_unref(f);
		ck_assert_str_eq(hf_error_field(mine, HF_ERR_TABLE), "test_values");
		hf_error_unref(mine);
	}
	f = hf_query(p, "insert into test_values (id) values (null)");
	e = t_fails(f, HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(e), "23502");
	ck_assert_str_eq(hf_error_field(e, HF_ERR_COLUMN), "id");
	ck_assert(hf_error_is(e, HF_INTEGRITY));
	hf_future_unref(f);
	f = hf_query(p, "do $$ begin raise exception 'one' using detail = 'two', hint = 'three', "
			"errcode = 'HF001', datatype = 'four'; end $$");
	e = t_fails(f, HF_E_SQL);
	ck_assert_str_eq(hf_error_message(e), "one");
	ck_assert_str_eq(hf_error_field(e, HF_ERR_DETAIL), "two");
	ck_assert_str_eq(hf_error_field(e, HF_ERR_HINT), "three");
	ck_assert_str_eq(hf_error_sqlstate(e), "HF001");
	ck_assert_str_eq(hf_error_field(e, HF_ERR_DATATYPE), "four");
	ck_assert_ptr_nonnull(strstr(hf_error_field(e, HF_ERR_CONTEXT), "PL/pgSQL"));
	hf_future_unref(f);
	t_close(p);
}
END_TEST

/* --- connections ---------------------------------------------------------------------------------
 */

static void terminate(int pid)
{
	char sql[80];

	snprintf(sql, sizeof sql, "select pg_terminate_backend(%d)", pid);
	free(t_psql(sql));
}

static hf_status sleep_long(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	atomic_store((atomic_int *)arg, hf_conn_backend_pid(c));
	if (hf_conn_query(c, NULL, "insert into test_values (val1) values (1)") != HF_OK)
		return HF_E_USER;
	return hf_conn_query(c, NULL, "select pg_sleep(60)");
}

static bool is_set(void *arg)
{
	return atomic_load((atomic_int *)arg) != 0;
}

static bool sleeps(void *arg)
{
	char sql[120];

	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where pid = %d and wait_event = 'PgSleep'",
		atomic_load((atomic_int *)arg));
	return t_psql_int(sql) == 1;
}

START_TEST(test_killed_backend)
{
	hf_pool *p;
	atomic_int pid = 0;
	hf_future *f;
	const hf_error *e;

	t_test_values(0);
	p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	/* In a transaction: surely undone. */
	f = hf_run(p, sleep_long, &pid, NULL);
	ck_assert(t_wait_until(is_set, &pid, 10000) && t_wait_until(sleeps, &pid, 10000));
	terminate(atomic_load(&pid));
	e = t_fails(f, HF_E_CONN_LOST);
	ck_assert_str_eq(hf_error_sqlstate(e), "57P01");
	ck_assert_str_eq(hf_error_field(e, HF_ERR_SEVERITY), "FATAL");
	ck_assert(hf_error_is(e, HF_CONNECTION));
	ck_assert(hf_error_is(e, HF_RETRYABLE));
	ck_assert(!hf_error_is(e, HF_MAYBE_COMMITTED));
	hf_future_unref(f);
	ck_assert_int_eq(t_psql_int("select count(*) from test_values"), 0);
	/* A plain statement: nobody knows. */
	atomic_store(&pid, (int)t_int(hf_query(p, "select pg_backend_pid()")));
	f = hf_query(p, "select pg_sleep(60)");
	ck_assert(t_wait_until(sleeps, &pid, 10000));
	terminate(atomic_load(&pid));
	e = t_fails(f, HF_E_CONN_LOST);
	ck_assert(hf_error_is(e, HF_CONNECTION));
	ck_assert(hf_error_is(e, HF_MAYBE_COMMITTED));
	ck_assert(!hf_error_is(e, HF_RETRYABLE));
	hf_future_unref(f);
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	t_close(p);
}
END_TEST

/* An ERROR with the SQLSTATE of a lost connection is an error like others: the session is well. */
START_TEST(test_raised_connection_error)
{
	static const char *const states[] = { "08006", "57P01", "25P03", "08P01" };
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	for (size_t i = 0; i < T_COUNT(states); i++) {
		char sql[120];
		hf_future *f;

		snprintf(sql, sizeof sql,
			"do $$ begin raise exception 'remote' using errcode = '%s'; end $$",
			states[i]);
		f = hf_query_at(HF_HERE, p, sql, NULL, 0);
		ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), states[i]);
		ck_assert(!hf_error_is(hf_future_error(f), HF_CONNECTION | HF_MAYBE_COMMITTED));
		hf_future_unref(f);
	}
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

/* --- conflicts -----------------------------------------------------------------------------------
 */

/* Two interactions meet after their first statement, once. */
struct meeting {
	pthread_barrier_t both;
	const char *first[2], *second[2];
};

struct side {
	struct meeting *m;
	int number;
};

static hf_status meet(hf_conn *c, void *arg, hf_reply *reply)
{
	struct side *s = arg;
	hf_status st = hf_conn_query_at(HF_HERE, c, NULL, s->m->first[s->number], NULL, 0);

	(void)reply;
	pthread_barrier_wait(&s->m->both);
	if (st != HF_OK)
		return HF_E_USER;
	st = hf_conn_query_at(HF_HERE, c, NULL, s->m->second[s->number], NULL, 0);
	return st;
}

/* Runs both; asserts that exactly one fails, in that way, and that running it alone helps. */
static void check_conflict(struct meeting *m, hf_isolation isolation, const char *sqlstate)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2));
	struct side side[2] = { { m, 0 }, { m, 1 } };
	hf_future *f[2];
	int failed = 0;

	t_wait_idle(p, 2);
	pthread_barrier_init(&m->both, NULL, 2);
	for (int i = 0; i < 2; i++)
		f[i] = hf_submit(p, HF_JOB(.fn = meet, .arg = &side[i], .isolation = isolation));
	ck_assert_int_eq(hf_wait_all(f, 2, 15000 * t_slow()), HF_OK);
	for (int i = 0; i < 2; i++) {
		if (hf_future_get(f[i], NULL) != HF_OK) {
			const hf_error *e = t_fails(f[i], HF_E_SQL);

			failed++;
			ck_assert_str_eq(hf_error_sqlstate(e), sqlstate);
			ck_assert(hf_error_is(e, HF_RETRYABLE));
			ck_assert(!hf_error_is(e, HF_MAYBE_COMMITTED | HF_INTEGRITY));
		}
		hf_future_unref(f[i]);
	}
	ck_assert_int_eq(failed, 1);
	pthread_barrier_destroy(&m->both);
	t_wait_idle(p, 2);
	ck_assert_uint_eq(t_stats(p).connects, 2);
	t_close(p);
}

START_TEST(test_serialization_failure)
{
	struct meeting m = { .first = { "select sum(val1) from test_values where val2 = 1",
				     "select sum(val1) from test_values where val2 = 2" },
		.second = { "insert into test_values (val1, val2) values (1, 2)",
			"insert into test_values (val1, val2) values (1, 1)" } };

	t_test_values(10);
	check_conflict(&m, HF_ISO_SERIALIZABLE, "40001");
	/* The winner's row is there, the loser's is not. */
	ck_assert_int_eq(t_psql_int("select count(*) from test_values"), 11);
}
END_TEST

START_TEST(test_deadlock)
{
	struct meeting m = { .first = { "update test_values set val1 = 1 where id = 1",
				     "update test_values set val1 = 2 where id = 2" },
		.second = { "update test_values set val1 = 1 where id = 2",
			"update test_values set val1 = 2 where id = 1" } };

	t_test_values(2);
	free(t_psql("alter system set deadlock_timeout = '50ms'"));
	free(t_psql("select pg_reload_conf()"));
	check_conflict(&m, HF_ISO_DEFAULT, "40P01");
	/* Both rows are of the winner. */
	ck_assert_int_eq(t_psql_int("select count(distinct val1) from test_values"), 1);
}
END_TEST

/* --- at COMMIT -----------------------------------------------------------------------------------
 */

static hf_status insert_doomed(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status *st = arg;

	*st = hf_conn_query(c, NULL, "insert into doomed values (7)");
	hf_reply_value(reply, strdup("never seen"), free);
	return *st;
}

/* A deferred constraint speaks when all statements have succeeded: that is the outcome. */
START_TEST(test_error_at_commit)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_status inside = HF_E_USER;
	hf_future *f[4];
	hf_txn *t;

	free(t_psql("set client_min_messages to warning;"
		    "drop table if exists doomed; drop table if exists parents;"
		    "create table parents (id int primary key);"
		    "create table doomed (parent int constraint has_parent references parents "
		    "deferrable initially deferred)"));
	/* The statement is prepared from its third use on. */
	for (int i = 0; i < 5; i++)
		t_failed(hf_query(p, "insert into doomed values (7)"), HF_E_SQL);
	f[0] = hf_query(p, "insert into doomed values (7) returning parent");
	f[1] = hf_run(p, insert_doomed, &inside, NULL);
	f[2] = hf_script(p, "insert into doomed values ($1); select 1", 7);
	t = hf_txn_begin(p, NULL);
	t_done(hf_txn_query(t, "insert into doomed values (7)"));
	f[3] = hf_txn_commit(t);
	for (size_t i = 0; i < T_COUNT(f); i++) {
		const hf_error *e = t_fails(f[i], HF_E_SQL);

		ck_assert_str_eq(hf_error_sqlstate(e), "23503");
		ck_assert(hf_error_is(e, HF_INTEGRITY));
		ck_assert_str_eq(hf_error_field(e, HF_ERR_CONSTRAINT), "has_parent");
		ck_assert_ptr_null(hf_future_value(f[i]));
		hf_future_unref(f[i]);
	}
	hf_txn_unref(t);
	ck_assert_int_eq(inside, HF_OK);
	ck_assert_int_eq(t_psql_int("select count(*) from doomed"), 0);
	t_done(hf_query(p, "insert into parents values (7)"));
	t_done(hf_query(p, "insert into doomed values (7)"));
	ck_assert_int_eq(t_psql_int("select count(*) from doomed"), 1);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

/* --- nonsense ------------------------------------------------------------------------------------
 */

START_TEST(test_garbage)
{
	static const char *const garbage[] = { "x", "selec", "select from where", "select 'open",
		"select \"open", "select $$open", "/* open", "(", ")", "select (1", "select 1)",
		"select 1 1 1", "\x01", "insert", "update test_values", "delete", "\\d",
		"select $0", "select 1; select 2", "drop table no_such_table",
		"select no_such_function()", "select 1/0", "select * from no_such_table", "'",
		"values (1), (1, 2)", "select 'x'::int", "set no_such_setting = 1",
		"vacuum no_such_table", "execute nobody", "fetch all from nobody",
		"select 'a' \xc3", "select $65536", "select $1", "listen", "close nobody",
		"lock no_such_table", "explain", "call nobody()", "with x as (select 1)",
		"prepare x" };
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int pid = (int)t_int(hf_query(p, "select pg_backend_pid()"));

	for (size_t i = 0; i < T_COUNT(garbage); i++) {
		hf_future *f = hf_query_at(HF_HERE, p, garbage[i], NULL, 0);
		hf_status st = hf_future_get_for(f, 10000 * t_slow(), NULL);

		ck_assert_msg(st == HF_E_SQL || st == HF_E_MISUSE, "\"%s\": %s", garbage[i],
			hf_status_name(st));
		ck_assert_str_ne(hf_error_message(hf_future_error(f)), "");
		hf_future_unref(f);
		ck_assert_int_eq(t_int(hf_query(p, "select pg_backend_pid()")), pid);
	}
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

/* Whether a call was refused with a story of its own. */
static int refused(hf_conn *c, hf_status st, const char *words)
{
	return st == HF_E_MISUSE && hf_error_status(hf_conn_error(c)) == HF_E_MISUSE &&
	       strstr(hf_error_message(hf_conn_error(c)), words) != NULL;
}

/* What belongs to a .manual job, in one that is none; and a function that is not there. */
static hf_status misuse_ends(hf_conn *c, void *arg, hf_reply *reply)
{
	int n = 0;

	(void)arg;
	n += refused(c, hf_conn_begin(c), "hf_conn_begin needs");
	n += refused(c, hf_conn_commit(c), "hf_conn_commit needs");
	n += refused(c, hf_conn_rollback(c), "hf_conn_rollback needs");
	n += refused(c, hf_conn_run(c, NULL, NULL, NULL, reply), "is NULL");
	if (n != 4)
		return hf_fail(
			reply, "%d of 4; the last: %s", n, hf_error_message(hf_conn_error(c)));
	hf_reply_value(NULL, NULL, NULL);
	hf_reply_result(NULL, NULL);
	/* None of them was a failed statement. */
	return hf_conn_query(c, NULL, "select 1");
}

/* Statements that cannot be sent. Outside a transaction none of them spoils the next. */
static hf_status misuse_conn(hf_conn *c, void *arg, hf_reply *reply)
{
	int n = 0;

	(void)arg;
	n += refused(c, hf_conn_query_at(HF_HERE, c, NULL, NULL, NULL, 0), "text is NULL");
	n += refused(c, hf_conn_savepoint(c, NULL), "savepoint is empty");
	n += refused(c, hf_conn_script_at(HF_HERE, c, NULL, NULL, NULL, 0), "text is NULL");
	n += refused(c, hf_conn_each_at(HF_HERE, c, NULL, NULL, "select 1", NULL, 0), "is NULL");
	n += refused(c, hf_conn_rollback_to(c, NULL), "savepoint is empty");
	n += refused(c, hf_conn_query_at(HF_HERE, c, NULL, "select $1", NULL, 1), "NULL");
	n += refused(c, hf_conn_release(c, ""), "savepoint is empty");
	if (n != 7)
		return hf_fail(
			reply, "%d of 7; the last: %s", n, hf_error_message(hf_conn_error(c)));
	return hf_conn_query(c, NULL, "select 1");
}

/* Within one, the first of them is the outcome, whatever is returned. */
static hf_status misuse_in_txn(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	if (hf_conn_query_at(HF_HERE, c, NULL, "select $1", NULL, 1) != HF_E_MISUSE ||
		hf_conn_query(c, NULL, "select 1") != HF_E_MISUSE)
		return hf_fail(reply, "what came after a refused statement was run");
	return HF_OK;
}

START_TEST(test_null)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_error *why = NULL;
	hf_pool *none = p;
	hf_txn *t = hf_txn_begin(p, NULL), *no = hf_txn_begin(NULL, NULL);
	hf_future *f[] = { hf_query_at(NULL, NULL, NULL, NULL, 0), hf_query(NULL, "select 1"),
		hf_query_at(NULL, p, NULL, NULL, 0), hf_query_at(NULL, p, "select $1", NULL, 1),
		hf_query_with_at(NULL, NULL, NULL, NULL, NULL, 0), hf_script(NULL, "select 1"),
		hf_script_at(NULL, p, NULL, NULL, 0), hf_dry_run_at(NULL, p, NULL, NULL, 0),
		hf_dry_run_at(NULL, NULL, NULL, NULL, 0), hf_submit_at(NULL, NULL, NULL),
		hf_submit_at(NULL, p, NULL), hf_run(p, NULL, NULL, NULL),
		hf_run(NULL, misuse_conn, NULL, NULL), hf_txn_query(NULL, "select 1"),
		hf_txn_query_at(NULL, t, NULL, NULL, 0), hf_txn_run(NULL, NULL),
		hf_txn_run(t, NULL), hf_txn_commit(NULL), hf_txn_rollback(NULL),
		hf_txn_savepoint(NULL, NULL), hf_txn_savepoint(t, NULL), hf_txn_commit(no),
		hf_txn_query(no, "select 1") };

	for (size_t i = 0; i < T_COUNT(f); i++) {
		hf_status st;

		ck_assert_ptr_nonnull(f[i]);
		st = hf_future_get_for(f[i], 10000 * t_slow(), NULL);
		ck_assert_msg(st == HF_E_MISUSE, "%zu: %s", i, hf_status_name(st));
		ck_assert_str_ne(hf_error_message(hf_future_error(f[i])), "");
		ck_assert_str_ne(hf_error_message(hf_future_error(f[i])), "no error");
		hf_future_unref(f[i]);
	}
	hf_txn_unref(t);
	hf_txn_unref(no);
	t_done(hf_run(p, misuse_ends, NULL, NULL));
	t_done(hf_submit(p, HF_JOB(.fn = misuse_conn, .manual = true)));
	t_failed(hf_run(p, misuse_in_txn, NULL, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_pool_open(NULL, NULL, NULL, &why), HF_E_MISUSE);
	ck_assert_str_ne(hf_error_message(why), "no error");
	hf_error_unref(why);
	ck_assert_int_eq(hf_pool_open("x_no_such_key=1", NULL, &none, &why), HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "x_no_such_key"));
	hf_error_unref(why);
	ck_assert_ptr_eq(none, p); /* written on success only */
	ck_assert_int_eq(hf_conn_query(NULL, NULL, "select 1"), HF_E_MISUSE);
	ck_assert_int_eq(hf_await(NULL, NULL), HF_E_MISUSE);
	ck_assert_ptr_null(hf_future_unref(NULL));
	ck_assert_ptr_null(hf_txn_unref(NULL));
	ck_assert_ptr_null(hf_pool_unref(NULL));
	ck_assert_ptr_null(hf_result_unref(NULL));
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	t_close(p);
}
END_TEST

T_MAIN("errors", { "C16 ESLECT is 42601 at position 1", test_invalid_query, 0 },
	{ "C16 C18 every field of an error", test_fields, 0 },
	{ "C18 a killed backend is a lost connection", test_killed_backend, 0 },
	{ "C18 an error that names a lost connection costs none", test_raised_connection_error, 0 },
	{ "C18 a serialization failure is retryable", test_serialization_failure, 0 },
	{ "C18 a deadlock is retryable", test_deadlock, 0 },
	{ "C7 C18 an error at COMMIT fails the work", test_error_at_commit, 0 },
	{ "C16 garbage is an error and harms nobody", test_garbage, 0 },
	{ "C17 NULL everywhere is misuse with a message", test_null, 0 })
