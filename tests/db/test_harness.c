/* SPDX-License-Identifier: MIT */
/* The private server: what the other tests in this directory rely on. */
#include "helpers.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

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

T_MAIN("harness", { "the server answers in UTF-8", test_server, 0 },
	{ "the server restarts", test_restart, 0 },
	{ "every session can be ended", test_kill_backends, 0 },
	{ "the server can be frozen", test_freeze, 0 },
	{ "one role needs a password", test_password, 0 })
