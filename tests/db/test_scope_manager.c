/* SPDX-License-Identifier: MIT */
/* A scope as the transaction manager of its sessions: the twins of zope.sqlalchemy's tests, on an
 * engine of one pool. What they mark by hand (a session that has changed) the server knows.
 *
 * Two of them have no twin: testExpireAll and testRelations are of objects that a session keeps and
 * loads by itself. holdfast's rows are structs: none changes unless a verb is given it, and what
 * they refer to is asked for. */
#include "fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static hf_engines *engines(void)
{
	hf_engines *e = hf_engines_new();
	hf_error *why;

	if (hf_engines_open(e, "writer", t_dsn(),
		    HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.max_conns = 4)), &why) != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
	free(t_psql("set client_min_messages to warning; drop table if exists users;"
		    "create table users (id int primary key, name text);"
		    "drop table if exists counter; create table counter (n int);"
		    "insert into counter values (0)"));
	return e;
}

static void close_all(hf_engines *e)
{
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}

static long long users(void)
{
	return t_psql_int("select count(*) from users");
}

static void commit(hf_scope *s)
{
	hf_error *why;

	if (hf_scope_commit(s, &why) != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
}

static hf_future *add(hf_scope *s, int id)
{
	return hf_session_query(hf_writer(s), "insert into users values ($1, 'udo')", id);
}

/* † testSimplePopulation, testCommit, testMarkUnknownSession: raw SQL of a session that nobody has
 * marked is committed, seen by others only then, and undone by a rollback. */
START_TEST(testCommit)
{
	hf_engines *e = engines();
	hf_scope *s = hf_scope_new(e, NULL), *other = hf_scope_new(e, NULL);

	t_done(add(s, 1));
	t_done(add(s, 2));
	ck_assert_int_eq(t_int(hf_session_query(hf_writer(s), "select count(*) from users")), 2);
	ck_assert_int_eq(
		t_int(hf_session_query(hf_writer(other), "select count(*) from users")), 0);
	commit(s);
	ck_assert_int_eq(
		t_int(hf_session_query(hf_writer(other), "select count(*) from users")), 2);
	t_done(hf_session_query(hf_writer(s), "delete from users"));
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	ck_assert_int_eq(users(), 2);
	hf_scope_unref(s);
	hf_scope_unref(other);
	close_all(e);
}
END_TEST

/* † testBulkUpdate, testBulkDelete, with and without registering: they count as changes. */
START_TEST(testBulkUpdate)
{
	hf_engines *e = engines();
	hf_scope *s = hf_scope_new(e, NULL);

	t_done(add(s, 1));
	t_done(add(s, 2));
	commit(s);
	t_done(hf_session_query(hf_writer(s), "update users set name = 'x'"));
	commit(s);
	ck_assert_int_eq(t_psql_int("select count(*) from users where name = 'x'"), 2);
	t_done(hf_session_query(hf_writer(s), "delete from users"));
	commit(s);
	ck_assert_int_eq(users(), 0);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* † testAbortBeforeCommit: an abort of nothing, and of what is there, and then a commit. */
START_TEST(testAbortBeforeCommit)
{
	hf_engines *e = engines();
	hf_scope *s = hf_scope_new(e, NULL);

	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	t_done(add(s, 1));
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	t_done(add(s, 2));
	commit(s);
	ck_assert_int_eq(t_psql_int("select id from users"), 2);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* † testAbortAfterCommit: bad SQL behind a commit fails all that comes after it, with the same
 * error, until it is aborted; what was committed stands. */
START_TEST(testAbortAfterCommit)
{
	hf_engines *e = engines();
	hf_scope *s = hf_scope_new(e, NULL);
	hf_error *why;

	t_done(add(s, 1));
	commit(s);
	t_failed(hf_session_query(hf_writer(s), "bad sql"), HF_E_SQL);
	t_failed(add(s, 2), HF_E_SQL);
	ck_assert_int_eq(hf_scope_commit(s, &why), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(why), "42601");
	ck_assert(!hf_error_is(why, HF_RETRYABLE));
	hf_error_unref(why);
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	t_done(add(s, 3));
	commit(s);
	ck_assert_int_eq(t_psql_int("select sum(id) from users"), 4);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* † testTransactionJoining, testTransactionJoiningUsingRegister: a session takes part once it was
 * used, and not after the end of that transaction. */
START_TEST(testTransactionJoining)
{
	hf_engines *e = engines();
	hf_pool *p = hf_engines_get(e, "writer", NULL);
	hf_scope *s = hf_scope_new(e, NULL);

	ck_assert_ptr_nonnull(hf_writer(s));
	ck_assert_uint_eq(t_stats(p).pinned, 0);
	t_done(hf_session_query(hf_writer(s), "select 1"));
	ck_assert_uint_eq(t_stats(p).pinned, 1);
	commit(s);
	t_wait_busy(p, 0);
	ck_assert_uint_eq(t_stats(p).pinned, 0);
	ck_assert_ptr_nonnull(hf_session_txn(hf_writer(s)));
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	t_wait_busy(p, 0);
	hf_pool_unref(p);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* † testSavepoint, testCommitWithSavepoint, testRollbackAttributes: several, rolled back in turn;
 * a row is again as it was; what is left is committed. */
START_TEST(testCommitWithSavepoint)
{
	hf_engines *e = engines();
	hf_scope *s = hf_scope_new(e, NULL);
	hf_txn *t;

	t_done(add(s, 1));
	t = hf_session_txn(hf_writer(s));
	t_done(hf_txn_savepoint(t, "one"));
	t_done(hf_session_query(hf_writer(s), "update users set name = 'x'"));
	t_done(hf_txn_savepoint(t, "two"));
	t_done(add(s, 2));
	t_done(hf_txn_rollback_to(t, "two"));
	ck_assert_int_eq(t_int(hf_session_query(hf_writer(s), "select count(*) from users")), 1);
	t_done(hf_txn_rollback_to(t, "one"));
	ck_assert_int_eq(
		t_int(hf_session_query(hf_writer(s), "select (name = 'udo')::int from users")), 1);
	t_done(add(s, 4));
	commit(s);
	ck_assert_int_eq(t_psql_int("select sum(id) from users"), 5);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* † testKeepSession: the session goes on after a commit, with what it had. */
START_TEST(testKeepSession)
{
	hf_engines *e = engines();
	hf_scope *s = hf_scope_new(e, NULL);
	hf_session *w = hf_writer(s);
	char *name = hf_session_text(w, "udo");

	t_done(add(s, 1));
	commit(s);
	ck_assert_ptr_eq(hf_writer(s), w);
	ck_assert_int_eq(hf_session_status_of(w), HF_SESSION_START);
	ck_assert_str_eq(name, "udo");
	t_done(hf_session_query(w, "update users set name = $1 || '!' where id = 1", name));
	commit(s);
	t_done(add(s, 2));
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	ck_assert_str_eq(name, "udo");
	ck_assert_int_eq(t_int(hf_session_query(w, "select count(*) from users")), 1);
	ck_assert_int_eq(t_psql_int("select count(*) from users where name = 'udo!'"), 1);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* --- trying again --- */

#define SERIALIZABLE HF_SCOPE_OPTS(.txn = HF_TXN_OPTS(.isolation = HF_ISO_SERIALIZABLE))

/* One attempt to count, which leaves the scope ready for another. */
static bool count(hf_scope *s)
{
	hf_error *why = NULL;
	hf_result *res = NULL;
	hf_status st = hf_session_fetch(hf_writer(s), &res, &why, "select n from counter");
	int64_t n = hf_row_int8(hf_result_row(res, 0), 0, -1);

	hf_result_unref(res);
	if (st == HF_OK)
		st = hf_session_fetch(hf_writer(s), NULL, &why, "update counter set n = $1", n + 1);
	if (st == HF_OK)
		st = hf_scope_commit(s, &why);
	if (st == HF_OK)
		return true;
	if (!hf_error_is(why, HF_RETRYABLE))
		ck_abort_msg("%s", hf_error_message(why));
	hf_error_unref(why);
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	return false;
}

/* † testRetry: of two scopes the loser is told by its statement, and by its commit, that it may be
 * tried again; after a rollback it is, on the same scope. */
START_TEST(testRetry)
{
	hf_engines *e = engines();
	hf_scope *one = hf_scope_new(e, SERIALIZABLE), *two = hf_scope_new(e, SERIALIZABLE);
	hf_error *why;

	ck_assert_int_eq(t_int(hf_session_query(hf_writer(one), "select n from counter")), 0);
	ck_assert_int_eq(t_int(hf_session_query(hf_writer(two), "select n from counter")), 0);
	t_done(hf_session_query(hf_writer(one), "update counter set n = 1"));
	commit(one);
	t_failed(hf_session_query(hf_writer(two), "update counter set n = 1"), HF_E_SQL);
	ck_assert_int_eq(hf_scope_commit(two, &why), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(why), "40001");
	ck_assert(hf_error_is(why, HF_RETRYABLE));
	hf_error_unref(why);
	ck_assert_int_eq(hf_scope_rollback(two), HF_OK);
	ck_assert(count(two));
	ck_assert_int_eq(t_psql_int("select n from counter"), 2);
	hf_scope_unref(one);
	hf_scope_unref(two);
	close_all(e);
}
END_TEST

#define WRITERS 4
#define ADDS    20

static void *count_many(void *engines)
{
	hf_scope *s = hf_scope_new(engines, SERIALIZABLE);

	for (int i = 0; i < ADDS; i++)
		while (!count(s))
			continue;
	hf_scope_unref(s);
	return NULL;
}

/* † testRetryThread: the same in threads; nothing is lost, and nothing counted twice. */
START_TEST(testRetryThread)
{
	hf_engines *e = engines();
	pthread_t threads[WRITERS];

	for (int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count_many, e), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(t_psql_int("select n from counter"), WRITERS * ADDS);
	close_all(e);
}
END_TEST

T_MAIN("scope_manager", { "F25 commit and rollback of what nobody has marked", testCommit, 0 },
	{ "F25 statements on many rows are changes", testBulkUpdate, 0 },
	{ "an abort before a commit", testAbortBeforeCommit, 0 },
	{ "bad SQL after a commit", testAbortAfterCommit, 0 },
	{ "F9 F11 a session takes part once it was used", testTransactionJoining, 0 },
	{ "savepoints, rolled back in turn", testCommitWithSavepoint, 0 },
	{ "a session goes on after a commit, with what it had", testKeepSession, 0 },
	{ "a scope that lost a conflict is tried again", testRetry, 0 },
	{ "scopes of several threads are tried until they win", testRetryThread, 60 })
