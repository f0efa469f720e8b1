/* SPDX-License-Identifier: MIT */
/* SQL that the library writes or checks means the same to a server. */
#include "codecs.h"

#include "base/mem.h"
#include "value/sql.h"

#include <string.h>

START_TEST(test_rendered)
{
	const hf_value args[] = { HF_V(-5), HF_V("it's \\ $1"), HF_V(hf_blob("\0'\\", 3)) };
	hf__strbuf b = HF__STRBUF_INIT;
	PGresult *res;

	t_connect_as("select 1");
	ck_assert_int_eq(hf__sql_render(&b,
				 "select '$1', 10 -$1, $1::int2, /* $9 */ $2::text || $$ $1 $$, "
				 "encode($3, 'hex'), E'\\'$1' -- $1",
				 args, 3, NULL),
		HF_OK);
	res = t_run(b.s, NULL, 0);
	ck_assert_str_eq(PQgetvalue(res, 0, 0), "$1");
	ck_assert_str_eq(PQgetvalue(res, 0, 1), "15");
	ck_assert_str_eq(PQgetvalue(res, 0, 2), "-5");
	ck_assert_str_eq(PQgetvalue(res, 0, 3), "it's \\ $1 $1 ");
	ck_assert_str_eq(PQgetvalue(res, 0, 4), "00275c");
	ck_assert_str_eq(PQgetvalue(res, 0, 5), "'$1");
	PQclear(res);
	PQfinish(t_conn);
	hf__strbuf_finish(&b);
}
END_TEST

/* What the library takes for UTF-8 is what the server takes. */
START_TEST(test_utf8_as_the_server)
{
	t_connect_as("select 1");
	for (unsigned first = 0x80; first < 0x100; first++)
		for (unsigned second = 0x7f; second <= 0xc0; second++) {
			char s[5] = { (char)first, (char)second, (char)0x80, (char)0x80, 0 };
			const char *values[] = { s };
			PGresult *res;
			bool takes;

			if (first < 0xe0)
				s[2] = 0;
			else if (first < 0xf0)
				s[3] = 0;
			res = PQexecParams(
				t_conn, "select $1::text", 1, NULL, values, NULL, NULL, 0);
			takes = PQresultStatus(res) == PGRES_TUPLES_OK;
			ck_assert_msg(
				hf__utf8_valid(s, strlen(s)) == takes, "%02x %02x", first, second);
			PQclear(res);
		}
	PQfinish(t_conn);
}
END_TEST

START_TEST(test_identifiers)
{
	static const char *const names[] = { "plain", "UPPER", "with \"quotes\"", "a'b\\c",
		"select", "\xc3\xa9t\xc3\xa9", " ", "semi;colon--" };

	t_connect_as("select 1");
	for (size_t i = 0; i < T_COUNT(names); i++) {
		hf__strbuf b = HF__STRBUF_INIT;
		PGresult *res;

		hf__strbuf_puts(&b, "select 1 as ");
		ck_assert_int_eq(hf__ident(&b, names[i], "column", NULL), HF_OK);
		res = t_run(b.s, NULL, 0);
		ck_assert_str_eq(PQfname(res, 0), names[i]);
		PQclear(res);
		hf__strbuf_finish(&b);
	}
	PQfinish(t_conn);
}
END_TEST

T_MAIN("SQL on a server", { "rendered SQL means the same", test_rendered, 0 },
	{ "UTF-8 as the server takes it", test_utf8_as_the_server, 60 },
	{ "identifiers keep their names", test_identifiers, 0 })
