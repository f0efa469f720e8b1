/* SPDX-License-Identifier: MIT */
/* Registries whose engines are at several servers and databases: two of them know nothing of each
 * other, a copy leads elsewhere, and what is replaced or closed is gone from the server. */
#include "engines.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static hf_engines *with(const char *name, const char *dsn)
{
	hf_engines *e = hf_engines_new();
	hf_error *why;

	if (hf_engines_open(e, name, dsn,
		    HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.max_conns = 2), .is_default = true),
		    &why) != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
	return e;
}

static void close_all(hf_engines *e)
{
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}

/* The only value of a statement of a scope of its own, which commits. */
static long long ask(hf_engines *e, const char *engine, const char *sql)
{
	hf_scope *s = hf_scope_new(e, NULL);
	long long n = t_int(hf_session_query(hf_scope_session(s, engine), sql));

	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	hf_scope_unref(s);
	return n;
}

static bool is_at(hf_engines *e, const char *engine, const char *database)
{
	char sql[200];

	snprintf(sql, sizeof sql, "select (current_database() = '%s')::int", database);
	return ask(e, engine, sql) == 1;
}

#define PORT "select setting::int from pg_settings where name = 'port'"
#define PID  "select pg_backend_pid()"
#define ADD  "with a as (insert into part values (%d, 'x') returning id) select id from a"

static void add(hf_engines *e, int id)
{
	char sql[100];

	snprintf(sql, sizeof sql, ADD, id);
	ck_assert_int_eq(ask(e, "writer", sql), id);
}

/* A construction that fails, in two ways: neither leaves anything. */
static void fail_to_construct(hf_engines *e)
{
	const hf_setting settings[] = { { "db_reader.url", t_dsn() },
		{ "db_audit.url", "host=/nonexistent" }, { "db_audit.strict", "yes" } };
	hf_error *why;
	char *names;

	ck_assert_int_eq(hf_engines_open(e, "writer", t_dsn(), NULL, &why), HF_E_MISUSE);
	hf_error_unref(why);
	ck_assert_int_eq(hf_engines_configure(e, "db_", settings, 3, &why), HF_E_CONNECT);
	t_says(why, "engine \"audit\"");
	hf_error_unref(why);
	names = hf_engines_names(e);
	ck_assert_str_eq(names, "writer");
	free(names);
}

START_TEST(test_two_servers)
{
	hf_engines *one, *two;
	const char *standby;
	long long pid;

	t_need_pgctl();
	free(t_psql("set client_min_messages to warning; drop table if exists part;"
		    "create table part (id int primary key, what text)"));
	standby = t_standby_dsn();
	ck_assert(t_pgctl("promote"));
	one = with("writer", t_dsn());
	two = with("writer", standby);
	ck_assert_int_eq(ask(one, NULL, PORT), 5432);
	ck_assert_int_eq(ask(two, NULL, PORT), 5433);
	pid = ask(one, "writer", PID);
	add(one, 1);
	add(two, 1);
	add(two, 2);
	fail_to_construct(one);
	fail_to_construct(two);
	ck_assert_int_eq(ask(one, "writer", "select count(*) from part"), 1);
	ck_assert_int_eq(ask(two, "writer", "select count(*) from part"), 2);
	close_all(two);
	ck_assert(t_pgctl("standby-stop"));
	add(one, 3);
	ck_assert_int_eq(ask(one, "writer", PID), pid);
	close_all(one);
}
END_TEST

/* --- replacing --- */

static hf_status replace(hf_engines *e, int drain_ms)
{
	return hf_engines_open(e, "writer", t_bank_dsn(),
		HF_ENGINE_OPTS(.replace = true, .drain_ms = drain_ms,
			.pool = HF_POOL_OPTS(.max_conns = 2)),
		NULL);
}

/* What the old pool has accepted runs to its end; who begins after that is at the new one. */
START_TEST(test_replaced_is_drained)
{
	hf_engines *e;
	hf_pool *old;
	hf_scope *s;
	hf_future *f;

	t_engines();
	e = with("writer", t_dsn());
	s = hf_scope_new(e, NULL);
	old = hf_engines_get(e, "writer", NULL);
	f = hf_query(old, "select 42 from pg_sleep(1)");
	t_wait_busy(old, 1);
	ck_assert_int_eq(replace(e, HF_FOREVER), HF_OK);
	ck_assert(hf_future_ready(f));
	ck_assert_int_eq(t_int(f), 42);
	ck_assert_int_eq(hf_pool_get_state(old), HF_POOL_CLOSED);
	t_failed(hf_query(old, "select 1"), HF_E_CLOSED);
	ck_assert(is_at(e, "writer", "holdfast_bank"));
	ck_assert_int_eq(t_int(hf_session_query(hf_writer(s), "select 1")), 1);
	hf_pool_unref(old);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* It is not waited for longer than drain_ms and what a cancel request needs; a scope that had begun
 * with it is told. */
START_TEST(test_replaced_is_cut)
{
	int64_t from = hf_now_ns();
	hf_engines *e;
	hf_scope *s;
	hf_future *f;

	t_engines();
	e = with("writer", t_dsn());
	s = hf_scope_new(e, NULL);
	f = hf_session_query(hf_writer(s), "select 42 from pg_sleep(600)");
	t_wait_busy(hf_session_pool(hf_writer(s)), 1);
	ck_assert_int_eq(replace(e, 50), HF_OK);
	ck_assert_int_lt(t_ms_since(from), 8000 * t_slow());
	ck_assert_int_ne(hf_await(f, NULL), HF_OK);
	ck_assert_int_ne(hf_scope_commit(s, NULL), HF_OK);
	hf_scope_unref(s);
	ck_assert(is_at(e, "writer", "holdfast_bank"));
	close_all(e);
}
END_TEST

static hf_status replace_inside(hf_conn *c, void *e, hf_reply *reply)
{
	(void)c;
	(void)reply;
	return replace(e, 0);
}

static hf_status reopen_inside(hf_conn *c, void *e, hf_reply *reply)
{
	(void)c;
	(void)reply;
	return hf_engines_reopen(e, "writer", NULL);
}

/* On a thread of its own the old pool cannot be closed, but it takes no more work. */
START_TEST(test_replaced_on_its_thread)
{
	for (int reopens = 0; reopens < 2; reopens++) {
		hf_engines *e;
		hf_pool *old;

		t_engines();
		e = with("writer", t_dsn());
		old = hf_engines_get(e, "writer", NULL);
		t_done(hf_run(old, reopens ? reopen_inside : replace_inside, e, NULL));
		t_failed(hf_query(old, "select 1"), HF_E_CLOSED);
		ck_assert_int_eq(ask(e, "writer", "select 42"), 42);
		ck_assert_int_eq(hf_pool_close(old, 0), HF_OK);
		hf_pool_unref(old);
		close_all(e);
	}
}
END_TEST

/* --- closing all of them --- */

static void *close_run(void *e)
{
	return hf_engines_close(e, HF_FOREVER) == HF_OK ? e : NULL;
}

static bool takes_no_more(void *pool)
{
	return hf_pool_get_state(pool) != HF_POOL_OPEN;
}

/* While the first pool drains the second takes no work, and finishes what it has. */
START_TEST(test_closed_together)
{
	hf_engines *e;
	hf_pool *first, *second;
	hf_future *held, *had;
	pthread_t closer;
	void *closed;

	t_engines();
	e = with("writer", t_dsn());
	ck_assert_int_eq(hf_engines_open(e, "audit", t_bank_dsn(), NULL, NULL), HF_OK);
	first = hf_engines_get(e, "writer", NULL);
	second = hf_engines_get(e, "audit", NULL);
	t_gate_close();
	t_gate_wait(first);
	t_wait_busy(first, 1);
	held = hf_query(first, "select 1");
	had = hf_query(second, "select 42 from pg_sleep(0.2)");
	ck_assert_int_eq(pthread_create(&closer, NULL, close_run, e), 0);
	ck_assert(t_wait_until(takes_no_more, second, 10000));
	t_failed(hf_query(second, "select 1"), HF_E_CLOSED);
	ck_assert_int_eq(hf_pool_get_state(first), HF_POOL_CLOSING);
	ck_assert_int_eq(t_int(had), 42);
	t_gate_open();
	pthread_join(closer, &closed);
	ck_assert_ptr_eq(closed, e);
	t_done(held);
	ck_assert_int_eq(hf_pool_get_state(second), HF_POOL_CLOSED);
	hf_pool_unref(first);
	hf_pool_unref(second);
	hf_engines_unref(e);
}
END_TEST

/* --- elsewhere --- */

/* One name at another database, and the rest as it is; the first registry notices nothing. */
START_TEST(test_copy_with_new_binds)
{
	char *shop = t_psql("select current_database()");
	hf_engines *e, *copy;

	t_engines();
	e = with("writer", t_dsn());
	ck_assert_int_eq(hf_engines_open(e, "audit", t_dsn(), NULL, NULL), HF_OK);
	copy = hf_engines_copy(e, NULL);
	ck_assert_int_eq(replace(copy, 0), HF_OK);
	ck_assert(is_at(copy, "writer", "holdfast_bank"));
	ck_assert(is_at(copy, "audit", shop));
	ck_assert(is_at(e, "writer", shop));
	ck_assert_int_eq(ask(copy, "audit", PID), ask(e, "audit", PID));
	close_all(copy);
	ck_assert(is_at(e, "audit", shop));
	close_all(e);
	free(shop);
}
END_TEST

/* All of it at another database: roles, modes and limits are the same. */
START_TEST(test_copy_at)
{
	char *shop = t_psql("select current_database()");
	hf_engines *e, *copy;
	hf_pool *p;

	t_engines();
	e = with("main", t_dsn());
	ck_assert_int_eq(hf_engines_open(e, "report", t_dsn(),
				 HF_ENGINE_OPTS(.mode = HF_MODE_SNAPSHOT), NULL),
		HF_OK);
	ck_assert_int_eq(hf_engines_assign(e, "trail", "report", NULL), HF_OK);
	copy = hf_engines_copy_at(e, "holdfast_bank", NULL);
	ck_assert_ptr_nonnull(copy);
	add(copy, 1);
	ck_assert_int_eq(t_parts(), 1);
	ck_assert(is_at(copy, "reader", "holdfast_bank"));
	ck_assert_int_eq(ask(copy, "trail",
				 "select (current_setting('transaction_isolation') = "
				 "'repeatable read' and current_setting('transaction_read_only')"
				 " = 'on')::int"),
		1);
	p = hf_engines_get(copy, NULL, NULL);
	ck_assert_uint_eq(t_stats(p).max_conns, 2);
	hf_pool_unref(p);
	close_all(copy);
	ck_assert(is_at(e, NULL, shop));
	close_all(e);
	free(shop);
}
END_TEST

/* The first connection that libpq is told of by the name of a service. */
START_TEST(test_service)
{
	char path[] = "/tmp/hf-test-service-XXXXXX", text[700], host[300];
	char *shop = t_psql("select current_database()");
	const char *at = strstr(t_dsn(), "host=");
	hf_engines *e, *copy;
	hf_error *why;
	hf_pool *p;
	int fd;

	t_engines();
	ck_assert_ptr_nonnull(at);
	snprintf(host, sizeof host, "%.*s", (int)strcspn(at, " "), at);
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	snprintf(text, sizeof text,
		"[other]\ndbname=nowhere\n[shop-replica]\n%s\nport=5432\nuser=holdfast\ndbname=%"
		"s\n",
		host, shop);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	ck_assert_int_eq(setenv("PGSERVICEFILE", path, 1), 0);
	e = with("main", "service=shop-replica pool_size=3");
	ck_assert(is_at(e, "main", shop));
	p = hf_engines_get(e, "main", NULL);
	ck_assert_uint_eq(t_stats(p).max_conns, 2); /* code wins */
	hf_pool_unref(p);
	ck_assert_int_eq(
		hf_engines_open(e, "uri", "postgresql:///?service=shop-replica", NULL, NULL),
		HF_OK);
	ck_assert(is_at(e, "uri", shop));
	copy = hf_engines_copy_at(e, "holdfast_bank", NULL);
	ck_assert(is_at(copy, "main", "holdfast_bank"));
	ck_assert(is_at(copy, "uri", "holdfast_bank"));
	close_all(copy);
	ck_assert_int_eq(hf_engines_open(e, "nope", "service=shop-replika",
				 HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.strict = true)), &why),
		HF_E_CONNECT);
	t_says(why, "\"shop-replika\" not found");
	hf_error_unref(why);
	unlink(path);
	free(shop);
	close_all(e);
}
END_TEST

/* --- closing --- */

/* Its SQLSTATE, "" where it went well. DROP DATABASE runs in no transaction. */
static void run_alone(const char *sql, char sqlstate[6])
{
	PGconn *conn = PQconnectdb(t_dsn());
	PGresult *res = PQexec(conn, sql);
	const char *code = PQresultErrorField(res, PG_DIAG_SQLSTATE);

	snprintf(sqlstate, 6, "%s", code ? code : "");
	PQclear(res);
	PQfinish(conn);
}

static bool is_dropped(void *arg)
{
	char sqlstate[6];

	(void)arg;
	run_alone("drop database hf_closing", sqlstate);
	return strcmp(sqlstate, "") == 0;
}

/* † pulsar-odm: tearDownClass: close, then drop succeeds. */
START_TEST(test_close_then_drop)
{
	char sqlstate[6];
	hf_engines *main_ones = with("writer", t_dsn()), *e;

	run_alone("create database hf_closing", sqlstate);
	ck_assert_str_eq(sqlstate, "");
	ck_assert_int_eq(hf_engines_open(main_ones, "reader", t_dsn(), NULL, NULL), HF_OK);
	e = hf_engines_copy_at(main_ones, "hf_closing", NULL);
	ck_assert(is_at(e, "writer", "hf_closing"));
	ck_assert(is_at(e, "reader", "hf_closing"));
	run_alone("drop database hf_closing", sqlstate);
	ck_assert_str_eq(sqlstate, "55006");
	close_all(e);
	/* The server itself waits up to five seconds for sessions that are on their way out. */
	ck_assert(t_wait_until(is_dropped, NULL, 1));
	close_all(main_ones);
}
END_TEST

T_MAIN("engines_servers",
	{ "F1 registries at two servers, and constructions that fail", test_two_servers, 60 },
	{ "F2 what is replaced is drained", test_replaced_is_drained, 0 },
	{ "F2 what is replaced is cut when the time is over", test_replaced_is_cut, 0 },
	{ "F2 what is replaced on a thread of its own takes no more work",
		test_replaced_on_its_thread, 0 },
	{ "F37 a copy with another engine for a name", test_copy_with_new_binds, 0 },
	{ "F37 a copy at another database", test_copy_at, 0 },
	{ "F7 engines of pg_service.conf", test_service, 0 },
	{ "F35 all pools stop taking work before the first is drained", test_closed_together, 0 },
	{ "F35 close, then drop", test_close_then_drop, 0 })
