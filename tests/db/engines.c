/* SPDX-License-Identifier: MIT */
/* Two databases of one server. */
#include "engines.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE                                                                                      \
	"set client_min_messages to warning; drop table if exists part;"                           \
	"create table part (id int primary key, what text)"

const char *t_bank_dsn(void)
{
	static char dsn[1024];

	if (strstr(t_dsn(), "://"))
		t_skip("a second database needs a connection string of keys and values");
	snprintf(dsn, sizeof dsn, "%s dbname=holdfast_bank", t_dsn());
	return dsn;
}

/* The first column of the first row, or "". */
static void at_bank(const char *sql, char *out, size_t n)
{
	PGconn *conn = PQconnectdb(t_bank_dsn());
	PGresult *res = PQexec(conn, sql);

	if (PQresultStatus(res) != PGRES_TUPLES_OK && PQresultStatus(res) != PGRES_COMMAND_OK)
		ck_abort_msg("at the bank: %s: %s", sql, PQerrorMessage(conn));
	snprintf(out, n, "%s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
	PQclear(res);
	PQfinish(conn);
}

long long t_bank_int(const char *sql)
{
	char text[64], *end;
	long long n;

	at_bank(sql, text, sizeof text);
	n = strtoll(text, &end, 10);
	if (!text[0] || *end)
		ck_abort_msg("at the bank: %s: \"%s\" is no integer", sql, text);
	return n;
}

void t_engines(void)
{
	char text[64];

	if (t_psql_int("select count(*) from pg_database where datname = 'holdfast_bank'") == 0)
		free(t_psql("create database holdfast_bank"));
	free(t_psql(TABLE));
	at_bank(TABLE, text, sizeof text);
}

int t_parts(void)
{
	return (int)(t_psql_int("select count(*) from part") * 100 +
		     t_bank_int("select count(*) from part"));
}

int t_prepared(void)
{
	return (int)t_psql_int("select count(*) from pg_prepared_xacts");
}
