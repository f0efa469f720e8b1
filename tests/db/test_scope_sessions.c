/* SPDX-License-Identifier: MIT */
/* Sessions of a scope: which engine they touch and when, and what the server lets each mode do. The
 * reader, the writer and the logger are pools of the same database.
 *
 * Of pyramid_sqlassist's tests test_panel_injected and test_panel_tracks are not here: they are of
 * its panel (F26). */
#include "fixture.h"

#include "engine/scope.h"

#include <stdlib.h>
#include <string.h>

static hf_engines *three(void)
{
	static const char *const names[] = { "reader", "writer", "logger" };
	hf_engines *e = hf_engines_new();
	hf_error *why;

	for (int i = 0; i < 3; i++)
		if (hf_engines_open(e, names[i], t_dsn(),
			    HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.max_conns = 2,
						   .min_conns = HF_NONE)),
			    &why) != HF_OK)
			ck_abort_msg("%s", hf_error_message(why));
	free(t_psql("set client_min_messages to warning; drop table if exists part;"
		    "create table part (id int primary key)"));
	return e;
}

static void close_all(hf_engines *e)
{
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}

static long long parts(void)
{
	return t_psql_int("select count(*) from part");
}

static void idle(hf_engines *e, const char *name, unsigned conns)
{
	hf_pool *p = hf_engines_get(e, name, NULL);

	t_wait_idle(p, conns);
	hf_pool_unref(p);
}

static void statuses(hf_scope *s, hf_session_status reader, hf_session_status writer)
{
	ck_assert_int_eq(hf_scope_status(s, "reader"), reader);
	ck_assert_int_eq(hf_scope_status(s, "writer"), writer);
	ck_assert_int_eq(hf_scope_status(s, "logger"), HF_SESSION_INIT);
}

/* † pyramid_sqlassist: test_query_reader, test_query_writer, test_query_mixed: 0/0 becomes 1/0, 0/1
 * and 1/1; what was touched is 2 in the end, and its connections are back. */
START_TEST(test_query_mixed)
{
	hf_engines *e = three();
	hf_scope *s;

	for (int touched = 0; touched < 4; touched++) {
		bool r = touched & 1, w = touched & 2;

		s = hf_scope_new(e, NULL);
		statuses(s, HF_SESSION_INIT, HF_SESSION_INIT);
		if (r)
			ck_assert_int_eq(t_int(hf_session_query(hf_reader(s), "select 1")), 1);
		if (w)
			ck_assert_int_eq(t_int(hf_session_query(hf_writer(s), "select 2")), 2);
		statuses(s, r ? HF_SESSION_START : HF_SESSION_INIT,
			w ? HF_SESSION_START : HF_SESSION_INIT);
		ck_assert_int_eq(hf_scope_end(s), HF_OK);
		statuses(s, r ? HF_SESSION_END : HF_SESSION_INIT,
			w ? HF_SESSION_END : HF_SESSION_INIT);
		hf_scope_unref(s);
		idle(e, "reader", touched >= 1);
		idle(e, "writer", touched >= 2);
		idle(e, "logger", 0);
	}
	close_all(e);
}
END_TEST

static int made(const hf_scope *s)
{
	hf_session *each;
	int n = 0;

	APR_RING_FOREACH (each, &s->sessions, hf_session, link)
		n++;
	return n;
}

/* † pyramid_sqlassist: test_splash, and of its Reader, Writer and Mixed test_core (what kind of
 * session it is), test_query and test_query_status: who asks again gets the same one, and what was
 * not asked for is not made. */
START_TEST(test_query_status)
{
	hf_engines *e = three();

	for (int touched = 0; touched < 4; touched++) {
		bool r = touched & 1, w = touched & 2;
		hf_scope *s = hf_scope_new(e, NULL);
		hf_session *reader = r ? hf_reader(s) : NULL, *writer = w ? hf_writer(s) : NULL;

		if (r)
			ck_assert_int_eq(t_int(hf_session_query(reader, "select 1")), 1);
		if (w)
			ck_assert_int_eq(t_int(hf_session_query(writer, "select 2")), 2);
		ck_assert_int_eq(made(s), r + w);
		ck_assert_int_eq(hf_scope_status(s, "writer"),
			w ? HF_SESSION_START : HF_SESSION_INIT); /* asking makes none */
		ck_assert_int_eq(made(s), r + w);
		if (r)
			ck_assert_ptr_eq(hf_reader(s), reader);
		if (r)
			ck_assert_ptr_null(hf_session_txn(reader)); /* it has no transaction */
		if (w)
			ck_assert_ptr_eq(hf_writer(s), writer);
		if (w)
			ck_assert_ptr_nonnull(hf_session_txn(writer));
		ck_assert_int_eq(made(s), r + w);
		hf_scope_unref(s);
	}
	close_all(e);
}
END_TEST

/* What no transaction surrounds has to be refused here. */
static hf_status script_by_hand(hf_conn *c, void *begins, hf_reply *reply)
{
	hf_status st = begins ? hf_conn_begin(c) : HF_OK;

	(void)reply;
	return st == HF_OK ? hf_conn_script(c, NULL, "insert into part values (1)") : st;
}

static void write_by_script(hf_session *reader, bool shared)
{
	hf_future *f;
	char yes = 1;

	t_failed(hf_session_run(reader, HF_JOB(.fn = script_by_hand, .manual = true)),
		shared ? HF_E_MISUSE : HF_E_SQL);
	f = hf_session_run(reader, HF_JOB(.fn = script_by_hand, .arg = &yes, .manual = true));
	ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "25006");
	hf_future_unref(f);
}

/* Through an engine of its own, and through a pool that others write with. */
START_TEST(test_reader_cannot_write)
{
	hf_engines *e = three(), *one = hf_engines_new();
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2));

	ck_assert_int_eq(
		hf_engines_add(one, "main", p, HF_ENGINE_OPTS(.is_default = true), NULL), HF_OK);
	for (int i = 0; i < 2; i++) {
		hf_scope *s = hf_scope_new(i ? one : e, NULL);
		hf_error *why;
		hf_status st;

		st = hf_session_fetch(hf_reader(s), NULL, &why, "insert into part values (1)");
		ck_assert_int_eq(st, HF_E_SQL);
		ck_assert_str_eq(hf_error_sqlstate(why), "25006");
		hf_error_unref(why);
		write_by_script(hf_reader(s), i == 1);
		ck_assert_int_eq(parts(), 0);
		t_done(hf_session_query(hf_writer(s), "insert into part values (2)"));
		ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
		ck_assert_int_eq(parts(), 1);
		free(t_psql("delete from part"));
		hf_scope_unref(s);
	}
	ck_assert_int_eq(hf_engines_close(one, 0), HF_OK);
	hf_engines_unref(one);
	t_close(p);
	close_all(e);
}
END_TEST

static hf_status write_a_part(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return hf_conn_query(c, NULL, "insert into part values (3)");
}

/* Nor by an interaction that ignores it, nor by switching the default off. */
START_TEST(test_no_silent_loss)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, NULL);

	t_failed(hf_session_run(hf_reader(s), HF_JOB(.fn = write_a_part)), HF_E_SQL);
	t_done(hf_session_query(
		hf_reader(s), "select set_config('default_transaction_read_only', 'off', false)"));
	t_failed(hf_session_query(hf_reader(s), "insert into part values (4)"), HF_E_SQL);
	ck_assert_int_eq(parts(), 0);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

START_TEST(test_logger_survives)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, NULL);

	t_done(hf_session_query(hf_writer(s), "insert into part values (1)"));
	t_done(hf_session_query(hf_logger(s), "insert into part values (2)"));
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	ck_assert_int_eq(t_psql_int("select sum(id) from part"), 2);
	t_done(hf_session_query(hf_writer(s), "insert into part values (4)"));
	t_done(hf_session_query(hf_logger(s), "insert into part values (8)"));
	hf_scope_unref(s);
	ck_assert_int_eq(t_psql_int("select sum(id) from part"), 10);
	close_all(e);
}
END_TEST

START_TEST(test_any)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, NULL);

	t_done(hf_session_query(hf_logger(s), "select 1"));
	ck_assert_ptr_eq(hf_scope_any(s), hf_reader(s));
	t_done(hf_session_query(hf_writer(s), "select 1"));
	ck_assert_ptr_eq(hf_scope_any(s), hf_writer(s));
	t_done(hf_session_query(hf_reader(s), "select 1"));
	ck_assert_ptr_eq(hf_scope_any(s), hf_reader(s));
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* A cache that is given a session for its misses. */
static long long cached(hf_session *on_miss, long long *cell)
{
	if (!*cell)
		*cell = t_int(hf_session_query(on_miss, "select 42"));
	return *cell;
}

START_TEST(test_lazy_getter)
{
	hf_engines *e = three();
	hf_scope *first = hf_scope_new(e, NULL), *second = hf_scope_new(e, NULL);
	long long cell = 0;

	ck_assert_int_eq(cached(hf_reader(first), &cell), 42);
	ck_assert_int_eq(hf_scope_status(first, "reader"), HF_SESSION_START);
	ck_assert_int_eq(cached(hf_reader(second), &cell), 42);
	ck_assert_int_eq(hf_scope_status(second, "reader"), HF_SESSION_INIT);
	hf_scope_unref(first);
	hf_scope_unref(second);
	close_all(e);
}
END_TEST

/* Neither sees nor ends what the other does. */
START_TEST(test_two_at_once)
{
	hf_engines *e = three();
	hf_scope *a = hf_scope_new(e, NULL), *b = hf_scope_new(e, NULL);
	long long pid_a, pid_b;

	pid_a = t_int(hf_session_query(hf_writer(a), "select pg_backend_pid()"));
	pid_b = t_int(hf_session_query(hf_writer(b), "select pg_backend_pid()"));
	ck_assert_int_ne(pid_a, pid_b);
	t_done(hf_session_query(hf_writer(a), "insert into part values (1)"));
	t_done(hf_session_query(hf_writer(b), "insert into part values (2)"));
	hf_scope_unref(a);
	ck_assert_int_eq(hf_scope_commit(b, NULL), HF_OK);
	hf_scope_unref(b);
	ck_assert_int_eq(t_psql_int("select sum(id) from part"), 2);
	idle(e, "writer", 2);
	close_all(e);
}
END_TEST

START_TEST(test_snapshot)
{
	hf_engines *e = three();
	hf_scope *s;

	ck_assert_int_eq(hf_engines_open(e, "report", t_dsn(),
				 HF_ENGINE_OPTS(.mode = HF_MODE_SNAPSHOT), NULL),
		HF_OK);
	s = hf_scope_new(e, NULL);
	ck_assert_int_eq(
		t_int(hf_session_query(hf_scope_session(s, "report"), "select count(*) from part")),
		0);
	free(t_psql("insert into part values (1)"));
	ck_assert_int_eq(
		t_int(hf_session_query(hf_scope_session(s, "report"), "select count(*) from part")),
		0);
	ck_assert_int_eq(t_int(hf_session_query(hf_reader(s), "select count(*) from part")), 1);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	ck_assert_int_eq(
		t_int(hf_session_query(hf_scope_session(s, "report"), "select count(*) from part")),
		1);
	t_failed(hf_session_query(hf_scope_session(s, "report"), "insert into part values (2)"),
		HF_E_SQL);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* What a scope leaves in a session is not there for the next. */
START_TEST(test_clean_start)
{
	static const char *const names[] = { "reader", "writer", "logger" };
	hf_engines *e = three();

	for (int i = 0; i < 6; i++) {
		hf_scope *s = hf_scope_new(e, NULL);
		hf_session *each = hf_scope_session(s, names[i / 2]);

		ck_assert_int_eq(t_int(hf_session_query(each,
					 "select count(*) from pg_settings where name = 'work_mem' "
					 "and source = 'session'")),
			0);
		t_done(hf_session_query(each, "select set_config('work_mem', '1MB', false)"));
		hf_scope_unref(s);
	}
	close_all(e);
}
END_TEST

T_MAIN("scope_sessions",
	{ "F9 F11 F12 what is touched is started, ended and given back", test_query_mixed, 0 },
	{ "F9 who asks again gets the same session, and no other is made", test_query_status, 0 },
	{ "C3 F20 a reader cannot write", test_reader_cannot_write, 0 },
	{ "C4 a write through a reader is an error and never lost", test_no_silent_loss, 0 },
	{ "F21 the logger survives the writer's rollback", test_logger_survives, 0 },
	{ "F15 any: what is in use already", test_any, 0 },
	{ "F16 a cache is given a session and opens nothing on a hit", test_lazy_getter, 0 },
	{ "F19 two scopes at once", test_two_at_once, 0 },
	{ "a snapshot is one view of the data", test_snapshot, 0 },
	{ "F10 every session starts clean", test_clean_start, 0 })
