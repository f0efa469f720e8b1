/* SPDX-License-Identifier: MIT */
/* A connection of libpq's own, for tests of the codecs against a server. */
#include "codecs.h"
#include "lent.h"

#include <string.h>

PGconn *t_conn;

#define ARRAY(tag) ((tag) | HF_T_ARRAY)

const t_sample t_samples[] = {
	{ "bool", "true", HF_T_BOOL },
	{ "bool", "false", HF_T_BOOL },
	{ "int2", "-32768", HF_T_INT2 },
	{ "int2", "32767", HF_T_INT8 },
	{ "int4", "-2147483648", HF_T_INT4 },
	{ "int4", "2147483647", HF_T_INT8 },
	{ "int8", "-9223372036854775808", HF_T_INT8 },
	{ "int8", "9223372036854775807", HF_T_INT8 },
	{ "oid", "4294967295", HF_T_INT8 },
	{ "xid", "4294967295", HF_T_INT8 },
	{ "cid", "7", HF_T_INT4 },
	{ "xid8", "9223372036854775807", HF_T_INT8 },
	{ "xid8", "18446744073709551615", 0 },
	{ "float4", "0.1", HF_T_FLOAT4 },
	{ "float4", "-0", HF_T_FLOAT4 },
	{ "float4", "3.4028235e38", HF_T_FLOAT4 },
	{ "float4", "1e-45", HF_T_FLOAT4 },
	{ "float4", "123456", HF_T_FLOAT4 },
	{ "float4", "1234567", HF_T_FLOAT4 },
	{ "float4", "0.0001", HF_T_FLOAT4 },
	{ "float4", "0.00001", HF_T_FLOAT4 },
	{ "float4", "16777216", HF_T_FLOAT4 },
	{ "float4", "NaN", HF_T_FLOAT4 },
	{ "float4", "-Infinity", HF_T_FLOAT4 },
	{ "float8", "0", HF_T_FLOAT8 },
	{ "float8", "-0", HF_T_FLOAT8 },
	{ "float8", "0.1", HF_T_FLOAT8 },
	{ "float8", "0.30000000000000004", HF_T_FLOAT8 },
	{ "float8", "123456789012345", HF_T_FLOAT8 },
	{ "float8", "1234567890123456", HF_T_FLOAT8 },
	{ "float8", "-123456.789", HF_T_FLOAT8 },
	{ "float8", "1e15", HF_T_FLOAT8 },
	{ "float8", "0.0001", HF_T_FLOAT8 },
	{ "float8", "0.00001234", HF_T_FLOAT8 },
	{ "float8", "1e-300", HF_T_FLOAT8 },
	{ "float8", "5e-324", HF_T_FLOAT8 },
	{ "float8", "2.2250738585072014e-308", HF_T_FLOAT8 },
	{ "float8", "1.7976931348623157e308", HF_T_FLOAT8 },
	{ "float8", "NaN", HF_T_FLOAT8 },
	{ "float8", "Infinity", HF_T_FLOAT8 },
	{ "float8", "-Infinity", HF_T_FLOAT8 },
	{ "numeric", "0", HF_T_NUMERIC },
	{ "numeric", "0.00", HF_T_NUMERIC },
	{ "numeric", "1", HF_T_NUMERIC },
	{ "numeric", "-1.10", HF_T_NUMERIC },
	{ "numeric", "10000", HF_T_NUMERIC },
	{ "numeric", "100000000", HF_T_NUMERIC },
	{ "numeric", "12345678.87654321", HF_T_NUMERIC },
	{ "numeric", "0.0001", HF_T_NUMERIC },
	{ "numeric", "0.00001", HF_T_NUMERIC },
	{ "numeric", "-0.000000000000000000001", HF_T_NUMERIC },
	{ "numeric", "1e130000", HF_T_NUMERIC },
	{ "numeric", "1e-16000", HF_T_NUMERIC },
	{ "numeric", "NaN", HF_T_NUMERIC },
	{ "numeric", "Infinity", HF_T_NUMERIC },
	{ "numeric", "-Infinity", HF_T_NUMERIC },
	{ "text", "", HF_T_TEXT },
	{ "text", "it's a \\ \"test\" \xc3\xa9 \xf0\x9f\x90\x98 $1", HF_T_TEXT },
	{ "text", "two\nlines\tand \x01", HF_T_TEXT },
	{ "varchar", "abc", HF_T_TEXT },
	{ "char(5)", "ab", HF_T_TEXT },
	{ "name", "a_name", HF_T_TEXT },
	{ "\"char\"", "x", HF_T_TEXT },
	{ "xml", "<a>b</a>", HF_T_TEXT },
	{ "bytea", "", HF_T_BYTEA },
	{ "bytea", "\\x00ff5c27410a", HF_T_BYTEA },
	{ "json", "{\"a\": [1, null]}", HF_T_JSON },
	{ "json", "null", HF_T_JSON },
	{ "jsonb", "{\"a\": \"it's \\\\\"}", HF_T_JSON },
	{ "timestamptz", "1970-01-01 00:00:00+00", HF_T_TIMESTAMPTZ },
	{ "timestamptz", "2024-02-29 23:59:59.999999+05:30", HF_T_TIMESTAMPTZ },
	{ "timestamptz", "1969-12-31 23:59:59.5+00", HF_T_TIMESTAMPTZ },
	{ "timestamptz", "294247-01-10 04:00:54.775806+00", HF_T_TIMESTAMPTZ },
	{ "timestamptz", "294276-12-31 23:59:59.999999+00", 0 },
	{ "timestamptz", "4714-11-24 00:00:00+00 BC", HF_T_TIMESTAMPTZ },
	{ "timestamptz", "0001-01-01 00:00:00+00", HF_T_TIMESTAMPTZ },
	{ "timestamptz", "0001-12-31 23:59:59+00 BC", HF_T_TIMESTAMPTZ },
	{ "timestamptz", "infinity", HF_T_TIMESTAMPTZ },
	{ "timestamptz", "-infinity", HF_T_TIMESTAMPTZ },
	{ "timestamp", "2024-02-29 12:34:56.000001", HF_T_TIMESTAMP },
	{ "timestamp", "10000-01-01 00:00:00", HF_T_TIMESTAMP },
	{ "timestamp", "294276-12-31 23:59:59.999999", 0 },
	{ "timestamp", "4714-11-24 00:00:00.1 BC", HF_T_TIMESTAMP },
	{ "timestamp", "infinity", HF_T_TIMESTAMP },
	{ "timestamp", "-infinity", HF_T_TIMESTAMP },
	{ "date", "1970-01-01", HF_T_DATE },
	{ "date", "2000-02-29", HF_T_DATE },
	{ "date", "1900-03-01", HF_T_DATE },
	{ "date", "4714-11-24 BC", HF_T_DATE },
	{ "date", "5874897-12-31", HF_T_DATE },
	{ "date", "infinity", HF_T_DATE },
	{ "date", "-infinity", HF_T_DATE },
	{ "time", "00:00:00", HF_T_TIME },
	{ "time", "24:00:00", HF_T_TIME },
	{ "time", "23:59:59.999999", HF_T_TIME },
	{ "timetz", "04:05:06.789-08", HF_T_TIMETZ },
	{ "timetz", "24:00:00+15:59:59", HF_T_TIMETZ },
	{ "timetz", "00:00:00-15:59:59", HF_T_TIMETZ },
	{ "timetz", "12:00:00+05:53:28", HF_T_TIMETZ },
	{ "interval", "0", HF_T_INTERVAL },
	{ "interval", "1 year 2 mons -3 days 04:05:06.789", HF_T_INTERVAL },
	{ "interval", "-1 year 2 mons 3 days -04:05:06.789", HF_T_INTERVAL },
	{ "interval", "-14 mons", HF_T_INTERVAL },
	{ "interval", "1 mon", HF_T_INTERVAL },
	{ "interval", "-1 day", HF_T_INTERVAL },
	{ "interval", "-0.000001 s", HF_T_INTERVAL },
	{ "interval", "100000:00:00", HF_T_INTERVAL },
	{ "interval", "178956970 years 7 mons 2147483647 days", HF_T_INTERVAL },
	{ "interval", "-178956970 years -8 mons -2147483648 days", HF_T_INTERVAL },
	{ "interval", "2562047788:00:54.775807", HF_T_INTERVAL },
	{ "interval", "-2562047788:00:54.775807", HF_T_INTERVAL },
	{ "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", HF_T_UUID },
	{ "inet", "192.168.0.1", HF_T_INET },
	{ "inet", "192.168.0.1/24", HF_T_INET },
	{ "inet", "0.0.0.0/0", HF_T_INET },
	{ "inet", "::", HF_T_INET },
	{ "inet", "::1", HF_T_INET },
	{ "inet", "::2:3", HF_T_INET },
	{ "inet", "::ffff:1.2.3.4/120", HF_T_INET },
	{ "inet", "::1.2.3.4", HF_T_INET },
	{ "inet", "2001:db8:0:1:1:1:1:1", HF_T_INET },
	{ "inet", "2001:0:0:1:0:0:0:1/64", HF_T_INET },
	{ "inet", "fe80::", HF_T_INET },
	{ "cidr", "10.0.0.0/8", HF_T_INET },
	{ "cidr", "10.1.2.3/32", HF_T_INET },
	{ "cidr", "2001:db8::/32", HF_T_INET },
	{ "cidr", "::1/128", HF_T_INET },
	{ "macaddr", "08:00:2b:01:02:ff", HF_T_MAC },
	{ "macaddr8", "08:00:2b:01:02:03:04:ff", HF_T_MAC },
	{ "pg_lsn", "0/0", HF_T_LSN },
	{ "pg_lsn", "16/B374D848", HF_T_LSN },
	{ "pg_lsn", "FFFFFFFF/FFFFFFFF", HF_T_LSN },
	{ "bool[]", "{t,f,NULL}", ARRAY(HF_T_BOOL) },
	{ "int2[]", "{-32768,32767}", ARRAY(HF_T_INT2) },
	{ "int4[]", "{}", ARRAY(HF_T_INT4) },
	{ "int4[]", "{NULL}", ARRAY(HF_T_INT4) },
	{ "int4[]", "{{1,2},{3,4},{5,NULL}}", ARRAY(HF_T_INT4) },
	{ "int4[]", "[0:1]={1,2}", ARRAY(HF_T_INT4) },
	{ "int4[]", "[-3:-2][7:8]={{1,2},{3,4}}", ARRAY(HF_T_INT4) },
	{ "int4[]", "{{{{{{7}}}}}}", ARRAY(HF_T_INT4) },
	{ "int8[]", "{1,-9223372036854775808}", ARRAY(HF_T_INT8) },
	{ "float4[]", "{0.1,NaN,-0}", ARRAY(HF_T_FLOAT4) },
	{ "float8[]", "{0.1,Infinity,5e-324}", ARRAY(HF_T_FLOAT8) },
	{ "numeric[]", "{1.50,NaN,NULL,123456789012345678901234567890}", ARRAY(HF_T_NUMERIC) },
	{ "text[]", "{}", ARRAY(HF_T_TEXT) },
	{ "text[]", "{\"\",\"null\",NULL,\"a b\",\"c,d\",\"{}\",\"\\\"\",\"\\\\\",x'y}",
		ARRAY(HF_T_TEXT) },
	{ "text[]", "{{\"a\nb\",c},{NULL,d}}", ARRAY(HF_T_TEXT) },
	{ "varchar[]", "{a,bc}", ARRAY(HF_T_TEXT) },
	{ "json[]", "{\"{\\\"a\\\": 1}\",null}", ARRAY(HF_T_TEXT) },
	{ "jsonb[]", "{\"{\\\"a\\\": 1}\",2}", ARRAY(HF_T_TEXT) },
	{ "inet[]", "{1.2.3.4,::1}", ARRAY(HF_T_TEXT) },
	{ "json[]", "{\"{\\\"a\\\": 1}\",null,NULL}", ARRAY(HF_T_JSON) },
	{ "jsonb[]", "{{\"{\\\"a\\\": 1}\"},{2}}", ARRAY(HF_T_JSON) },
	{ "inet[]", "{1.2.3.4,::1,NULL}", ARRAY(HF_T_INET) },
	{ "cidr[]", "[0:1]={10.0.0.0/8,::1/128}", ARRAY(HF_T_INET) },
	{ "macaddr[]", "{08:00:2b:01:02:ff}", ARRAY(HF_T_MAC) },
	{ "macaddr8[]", "{08:00:2b:01:02:03:04:ff}", ARRAY(HF_T_MAC) },
	{ "bytea[]", "{\"\\\\x00ff\",NULL,\"\\\\x\"}", ARRAY(HF_T_BYTEA) },
	{ "time[]", "{24:00:00,NULL,23:59:59.999999}", ARRAY(HF_T_TIME) },
	{ "timetz[]", "{04:05:06.789-08,24:00:00+15:59:59}", ARRAY(HF_T_TIMETZ) },
	{ "interval[]", "{00:00:00,\"1 mon -2 days\"}", ARRAY(HF_T_INTERVAL) },
	{ "timestamptz[]", "{\"2024-01-01 00:00:00+00\",infinity}", ARRAY(HF_T_TIMESTAMPTZ) },
	{ "timestamp[]", "{\"2024-01-01 00:00:00.5\",-infinity}", ARRAY(HF_T_TIMESTAMP) },
	{ "date[]", "{2024-01-01,infinity,\"0044-03-15 BC\"}", ARRAY(HF_T_DATE) },
	{ "uuid[]", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}", ARRAY(HF_T_UUID) },
	{ "int4range", "[1,5)", 0 },
	{ "point", "(1,2)", 0 },
};

const size_t t_n_samples = T_COUNT(t_samples);

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

hf_value t_value_of(int tag, const t_any *x)
{
	hf_value v = hf_v_null();

	if (tag & HF_T_ARRAY)
		return hf__v_array(true, tag & ~HF_T_ARRAY, x);
	switch (tag) {
	case HF_T_INT2:
		return hf_v_int8(x->int2);
	case HF_T_INT4:
		return hf_v_int8(x->int4);
	case HF_T_INT8:
		return hf_v_int8(x->int8);
	case HF_T_FLOAT4:
		return hf_v_float4(x->float4);
	case HF_T_FLOAT8:
		return hf_v_float8(x->float8);
	default:
		v.type = (hf_type)tag;
		memcpy(&v.as, x, sizeof v.as);
		return v;
	}
}
