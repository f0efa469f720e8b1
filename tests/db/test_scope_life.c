/* SPDX-License-Identifier: MIT */
/* What the server sees of scopes: nothing before the first statement, clean sessions while they
 * live, nothing open after their end, be it their thread's. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void open_engine(hf_engines *e, const char *name)
{
	hf_error *why;

	if (hf_engines_open(e, name, t_dsn(),
		    HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.max_conns = 4, .min_conns = HF_NONE,
					   .name = t_name())),
		    &why) != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
}

static hf_engines *three(void)
{
	hf_engines *e = hf_engines_new();

	open_engine(e, "reader");
	open_engine(e, "writer");
	open_engine(e, "logger");
	free(t_psql("set client_min_messages to warning; drop table if exists part;"
		    "create table part (id int primary key)"));
	return e;
}

static void close_all(hf_engines *e)
{
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
	t_wait_backends(0);
}

static long long parts(void)
{
	return t_psql_int("select coalesce(sum(id), 0) from part");
}

/* Sessions of this case's that are in a transaction, be it idle. */
static long long open_txns(void)
{
	char sql[200];

	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where application_name = '%s' and "
		"(state <> 'idle' or xact_start is not null)",
		t_name());
	return t_psql_int(sql);
}

/* † pyramid_sqlassist: test_initial_state, test_dbSession: 0/0, and no connection. */
START_TEST(test_initial_state)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, NULL);

	ck_assert_ptr_nonnull(hf_reader(s));
	ck_assert_ptr_nonnull(hf_writer(s));
	ck_assert_int_eq(hf_scope_status(s, "reader"), HF_SESSION_INIT);
	ck_assert_int_eq(hf_scope_status(s, "writer"), HF_SESSION_INIT);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	ck_assert_int_eq(t_backends(), 0);
	hf_scope_unref(s);
	ck_assert_int_eq(t_backends(), 0);
	close_all(e);
}
END_TEST

static void count_one(void *arg)
{
	++*(int *)arg;
}

/* † pyramid_sqlassist: test_dbSession_callbacks: what has to be cleaned up is there after the first
 * touch only, and is done once. */
START_TEST(test_end_cleans_once)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, NULL);
	hf_session *w = hf_writer(s);
	int aborted = 0;

	ck_assert_int_eq(open_txns(), 0);
	t_done(hf_session_query(w, "insert into part values (1)"));
	t_done(hf_session_query(hf_reader(s), "select 1"));
	ck_assert_ptr_eq(hf_writer(s), w);
	ck_assert_int_eq(open_txns(), 1);
	ck_assert_int_eq(
		hf_scope_join(s, HF_PARTICIPANT(.abort = count_one, .arg = &aborted)), HF_OK);
	ck_assert_int_eq(hf_scope_end(s), HF_OK);
	ck_assert_int_eq(open_txns(), 0);
	ck_assert_int_eq(hf_scope_end(s), HF_OK);
	hf_scope_unref(s);
	ck_assert_int_eq(aborted, 1);
	ck_assert_int_eq(parts(), 0);
	close_all(e);
}
END_TEST

/* Its sessions and those it would make. */
START_TEST(test_use_after_end)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, NULL);
	hf_session *r = hf_reader(s);

	t_done(hf_session_query(r, "select 1"));
	ck_assert_int_eq(hf_scope_end(s), HF_OK);
	t_failed(hf_session_query(r, "select 1"), HF_E_TXN_ENDED);
	t_failed(hf_session_query(hf_reader(s), "select 1"), HF_E_TXN_ENDED);
	t_failed(hf_session_query(hf_writer(s), "insert into part values (1)"), HF_E_TXN_ENDED);
	ck_assert_int_eq(hf_scope_status(s, "reader"), HF_SESSION_END);
	hf_scope_unref(s);
	ck_assert_int_eq(parts(), 0);
	close_all(e);
}
END_TEST

/* After one that failed in the middle of its transaction, and one that left a lock and a setting:
 * the only connection is idle, and as new. */
START_TEST(test_starts_idle)
{
	hf_engines *e = three();

	for (int i = 0; i < 3; i++) {
		hf_scope *s = hf_scope_new(e, NULL);
		hf_session *w = hf_writer(s);

		ck_assert_int_eq(open_txns(), 0);
		ck_assert_int_eq(t_int(hf_session_query(w,
					 "select (pg_current_xact_id_if_assigned() is null)::int "
					 "+ (select count(*) from pg_locks where locktype = "
					 "'advisory' and pid = pg_backend_pid()) * 10 + "
					 "(current_setting('lock_timeout') <> '0')::int * 100")),
			1);
		t_done(hf_session_query(w, "select pg_advisory_lock(7)"));
		t_done(hf_session_query(w, "set lock_timeout = '7s'"));
		if (i == 0)
			t_failed(hf_session_query(w, "insert into part values (null)"), HF_E_SQL);
		hf_scope_unref(s);
	}
	close_all(e);
}
END_TEST

/* A role of one's own, by an engine and by an assignment. */
START_TEST(test_audit_role)
{
	hf_engines *e = three();
	hf_scope *s;

	open_engine(e, "audit");
	ck_assert_int_eq(hf_engines_assign(e, "report", "reader", NULL), HF_OK);
	s = hf_scope_new(e, NULL);
	t_done(hf_session_query(hf_scope_session(s, "audit"), "insert into part values (1)"));
	t_done(hf_session_query(hf_scope_session(s, "report"), "select count(*) from part"));
	t_failed(hf_session_query(hf_scope_session(s, "report"), "insert into part values (2)"),
		HF_E_SQL);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	t_done(hf_session_query(hf_scope_session(s, "audit"), "insert into part values (4)"));
	hf_scope_unref(s);
	ck_assert_int_eq(parts(), 1);
	close_all(e);
}
END_TEST

/* An engine that came after the scope is committed, rolled back and ended with it. */
START_TEST(test_late_engine)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, NULL);

	t_done(hf_session_query(hf_writer(s), "insert into part values (1)"));
	open_engine(e, "late");
	t_done(hf_session_query(hf_scope_session(s, "late"), "insert into part values (2)"));
	ck_assert_int_eq(open_txns(), 2);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	ck_assert_int_eq(parts(), 3);
	t_done(hf_session_query(hf_scope_session(s, "late"), "insert into part values (4)"));
	hf_scope_end(s);
	ck_assert_int_eq(hf_scope_status(s, "late"), HF_SESSION_END);
	ck_assert_int_eq(open_txns(), 0);
	hf_scope_unref(s);
	ck_assert_int_eq(parts(), 3);
	close_all(e);
}
END_TEST

/* --- threads --- */

struct of_thread {
	hf_engines *e;
	pthread_barrier_t *both;
	hf_scope *scope;
	int id;
	bool commits;
	long long pid;
};

static void *work(void *arg)
{
	struct of_thread *t = arg;

	t->scope = hf_thread_scope(t->e);
	t->pid = t_int(hf_session_query(hf_writer(t->scope), "select pg_backend_pid()"));
	t_done(hf_session_query(hf_writer(t->scope), "insert into part values ($1)", t->id));
	pthread_barrier_wait(t->both);
	if (t->commits && hf_scope_commit(hf_thread_scope(t->e), NULL) != HF_OK)
		t->pid = -1;
	t_done(hf_session_query(hf_writer(t->scope), "insert into part values ($1)", t->id * 16));
	pthread_barrier_wait(t->both);
	return NULL;
}

/* † zope.sqlalchemy: testThread, and pyramid_sqlassist's scoped sessions: two threads have a
 * session each at the same time; what one commits is its own, and what it has not committed ends
 * with it. The main thread's goes on. */
START_TEST(testThread)
{
	hf_engines *e = three();
	hf_scope *mine = hf_thread_scope(e);
	struct of_thread t[2];
	pthread_t threads[2];
	pthread_barrier_t both;

	pthread_barrier_init(&both, NULL, 2);
	t_done(hf_session_query(hf_writer(mine), "insert into part values (512)"));
	for (int i = 0; i < 2; i++) {
		t[i] = (struct of_thread){ .e = e, .both = &both, .id = i + 1, .commits = i };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &t[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ck_assert_ptr_ne(t[0].scope, mine);
	ck_assert_int_gt(t[0].pid, 0);
	ck_assert_int_gt(t[1].pid, 0);
	ck_assert_int_ne(t[0].pid, t[1].pid);
	/* A scope that ends with its thread has waited for its rollback. */
	ck_assert_int_eq(open_txns(), 1);
	ck_assert_int_eq(parts(), 2);
	ck_assert_int_eq(hf_scope_commit(mine, NULL), HF_OK);
	ck_assert_int_eq(parts(), 514);
	hf_thread_scope_end(e);
	pthread_barrier_destroy(&both);
	close_all(e);
}
END_TEST

T_MAIN("scope_life",
	{ "F8 a scope that touches nothing makes no connection", test_initial_state, 0 },
	{ "F12 F13 the end cleans up what was touched, once", test_end_cleans_once, 0 },
	{ "F14 use after the end is an error", test_use_after_end, 0 },
	{ "F10 a session starts in a session that is idle", test_starts_idle, 0 },
	{ "F7 roles of one's own", test_audit_role, 0 },
	{ "F22 an engine that comes after the scope is managed as all", test_late_engine, 0 },
	{ "F18 threads have scopes of their own, which end with them", testThread, 0 })
