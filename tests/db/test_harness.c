/* SPDX-License-Identifier: MIT */
/* The private server: what the other tests in this directory rely on. */
#include "helpers.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_server)
{
	char *encoding = t_psql("show server_encoding");

	ck_assert_str_eq(encoding, "UTF8");
	free(encoding);
	ck_assert_int_eq(t_psql_int("select 40 + 2"), 42);
	ck_assert_ptr_null(t_psql("select null"));
	ck_assert_ptr_null(t_psql("select 1 where false"));
}
END_TEST

START_TEST(test_restart)
{
	const char *started =
		"select (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint";
	long long before, after;

	t_need_pgctl();
	before = t_psql_int(started);
	ck_assert(t_pgctl("restart immediate"));
	after = t_psql_int(started);
	ck_assert_int_gt(after, before);
}
END_TEST

START_TEST(test_kill_backends)
{
	PGconn *conn;
	PGresult *res;

	t_need_pgctl();
	conn = PQconnectdb(t_dsn());
	ck_assert_int_eq(PQstatus(conn), CONNECTION_OK);
	ck_assert(t_pgctl("kill-backends"));
	t_sleep_ms(100);
	res = PQexec(conn, "select 1");
	ck_assert_int_eq(PQresultStatus(res), PGRES_FATAL_ERROR);
	PQclear(res);
	PQfinish(conn);
}
END_TEST

START_TEST(test_freeze)
{
	char dsn[512];
	PGconn *conn;

	t_need_pgctl();
	snprintf(dsn, sizeof dsn, "%s connect_timeout=2", t_dsn());
	ck_assert(t_pgctl("stopcont STOP"));
	conn = PQconnectdb(dsn);
	ck_assert_int_eq(PQstatus(conn), CONNECTION_BAD);
	PQfinish(conn);
	ck_assert(t_pgctl("stopcont CONT"));
	ck_assert_int_eq(t_psql_int("select 1"), 1);
}
END_TEST

START_TEST(test_password)
{
	char dsn[512];
	PGconn *conn;

	t_need_pgctl();
	snprintf(dsn, sizeof dsn, "%s user=needs_password", t_dsn());
	conn = PQconnectdb(dsn);
	ck_assert_int_eq(PQstatus(conn), CONNECTION_BAD);
	ck_assert(PQconnectionNeedsPassword(conn));
	PQfinish(conn);
	snprintf(dsn, sizeof dsn, "%s user=needs_password password=secret", t_dsn());
	conn = PQconnectdb(dsn);
	ck_assert_int_eq(PQstatus(conn), CONNECTION_OK);
	PQfinish(conn);
}
END_TEST

/* The first column of the only row on the standby; NULL while it does not answer. */
static char *ask_standby(const char *dsn, const char *sql)
{
	PGconn *conn = PQconnectdb(dsn);
	PGresult *res = PQexec(conn, sql);
	char *text = PQntuples(res) == 1 ? strdup(PQgetvalue(res, 0, 0)) : NULL;

	PQclear(res);
	PQfinish(conn);
	return text;
}

/* Within 10 s: it replays what the server has written a little later. */
static bool standby_says(const char *dsn, const char *sql, const char *expected)
{
	for (int i = 0; i < 1000 * t_slow(); i++) {
		char *text = ask_standby(dsn, sql);
		bool same = text && strcmp(text, expected) == 0;

		free(text);
		if (same)
			return true;
		t_sleep_ms(10);
	}
	return false;
}

START_TEST(test_standby)
{
	const char *dsn = t_standby_dsn(), *in_recovery = "select pg_is_in_recovery()";
	const char *since = "select pg_postmaster_start_time()";
	char *started;

	free(t_psql("set client_min_messages to warning; drop table if exists copied;"
		    "create table copied as select 42 as n"));
	ck_assert(standby_says(dsn, "select n from copied", "42"));
	ck_assert(standby_says(dsn, in_recovery, "t"));
	started = ask_standby(dsn, since);
	ck_assert_str_eq(t_standby_dsn(), dsn);
	ck_assert(standby_says(dsn, since, started)); /* the same one still */
	free(started);
	ck_assert(t_pgctl("promote"));
	ck_assert(t_pgctl("promote"));
	ck_assert(standby_says(dsn, in_recovery, "f"));
	ck_assert(standby_says(dsn, "update copied set n = 43 returning n", "43"));
	ck_assert_int_eq(t_psql_int("select n from copied"), 42);
	t_standby_dsn();
	ck_assert(standby_says(dsn, "select n from copied", "42"));
	ck_assert(t_pgctl("standby-stop"));
	ck_assert(t_pgctl("standby-stop"));
	ck_assert_ptr_null(ask_standby(dsn, "select 1"));
}
END_TEST

T_MAIN("harness", { "the server answers in UTF-8", test_server, 0 },
	{ "the server restarts", test_restart, 0 },
	{ "every session can be ended", test_kill_backends, 0 },
	{ "the server can be frozen", test_freeze, 0 },
	{ "one role needs a password", test_password, 0 },
	{ "a standby streams, is promoted, made anew and removed", test_standby, 60 })
