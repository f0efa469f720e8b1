/* SPDX-License-Identifier: MIT */
/* A connection of libpq's own, for tests of the codecs against a server. */
#include "codecs.h"
#include "lent.h"

#include <string.h>

PGconn *t_conn;

void t_connect_as(const char *settings)
{
	t_conn = PQconnectdb(t_dsn());
	ck_assert_msg(PQstatus(t_conn) == CONNECTION_OK, "%s", PQerrorMessage(t_conn));
	PQsetClientEncoding(t_conn, "UTF8");
	PQclear(PQexec(t_conn, "set datestyle to iso; set timezone to 'UTC'"));
	PQclear(PQexec(t_conn, settings));
}

PGresult *t_run(const char *sql, const hf__params *p, int format)
{
	PGresult *res = p ? PQexecParams(t_conn, sql, p->n, p->types, p->values, p->lengths,
				    p->formats, format)
			  : PQexecParams(t_conn, sql, 0, NULL, NULL, NULL, NULL, format);

	ck_assert_msg(
		PQresultStatus(res) == PGRES_TUPLES_OK, "%s: %s", sql, PQerrorMessage(t_conn));
	return res;
}

hf__cell t_cell_of(const PGresult *res)
{
	hf__cell cell = { PQftype(res, 0), PQfformat(res, 0), PQgetvalue(res, 0, 0),
		PQgetlength(res, 0, 0) };

	if (PQgetisnull(res, 0, 0))
		cell.data = NULL;
	return cell;
}

void t_decode_ok(const PGresult *res, int tag, void *out, const char *what)
{
	hf__cell cell = t_cell_of(res);
	char why[200] = "";
	hf_status st = hf__decode(&cell, (hf_dest){ tag, out }, t_lend, NULL, why, sizeof why);

	ck_assert_msg(
		st == HF_OK, "%s, format %d: %s %s", what, cell.format, hf_status_name(st), why);
}

static char *quoted(const char *s)
{
	char *q = PQescapeLiteral(t_conn, s, strlen(s));

	ck_assert_ptr_nonnull(q);
	return q;
}

PGresult *t_ask(const char *type, const char *text, int format)
{
	hf__strbuf b = HF__STRBUF_INIT;
	char *q = quoted(text);
	PGresult *res;

	hf__strbuf_printf(&b, "select %s::%s", q, type);
	res = t_run(b.s, NULL, format);
	hf__strbuf_finish(&b);
	PQfreemem(q);
	return res;
}
