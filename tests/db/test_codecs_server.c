/* SPDX-License-Identifier: MIT */
/* The codecs against a real server: every type, both formats, there and back. */
#include "helpers.h"
#include "lent.h"

#include "base/mem.h"
#include "value/codec.h"
#include "value/sql.h"
#include "value/type.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One value that the server is asked for. `tag` 0: it has no C type, or no room in it. */
struct sample {
	const char *type, *text;
	int tag;
};

#define ARRAY(tag) ((tag) | HF_T_ARRAY)

static const struct sample samples[] = {
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
	{ "timestamptz[]", "{\"2024-01-01 00:00:00+00\",infinity}", ARRAY(HF_T_TIMESTAMPTZ) },
	{ "timestamp[]", "{\"2024-01-01 00:00:00.5\",-infinity}", ARRAY(HF_T_TIMESTAMP) },
	{ "date[]", "{2024-01-01,infinity,\"0044-03-15 BC\"}", ARRAY(HF_T_DATE) },
	{ "uuid[]", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}", ARRAY(HF_T_UUID) },
	{ "int4range", "[1,5)", 0 },
	{ "point", "(1,2)", 0 },
};

union any {
	int16_t int2;
	int32_t int4;
	int64_t int8;
	float float4;
	double float8;
	hf_bytes bytes;
	hf__any_array array;
	char room[128];
};

static PGconn *conn;

static void connect_as(const char *settings)
{
	conn = PQconnectdb(t_dsn());
	ck_assert_msg(PQstatus(conn) == CONNECTION_OK, "%s", PQerrorMessage(conn));
	PQsetClientEncoding(conn, "UTF8");
	PQclear(PQexec(conn, "set datestyle to iso; set timezone to 'UTC'"));
	PQclear(PQexec(conn, settings));
}

static PGresult *run(const char *sql, const hf__params *p, int format)
{
	PGresult *res = p ? PQexecParams(conn, sql, p->n, p->types, p->values, p->lengths,
				    p->formats, format)
			  : PQexecParams(conn, sql, 0, NULL, NULL, NULL, NULL, format);

	ck_assert_msg(PQresultStatus(res) == PGRES_TUPLES_OK, "%s: %s", sql, PQerrorMessage(conn));
	return res;
}

static hf__cell cell_of(const PGresult *res)
{
	hf__cell cell = { PQftype(res, 0), PQfformat(res, 0), PQgetvalue(res, 0, 0),
		PQgetlength(res, 0, 0) };

	if (PQgetisnull(res, 0, 0))
		cell.data = NULL;
	return cell;
}

static void decode_ok(const PGresult *res, int tag, void *out, const char *what)
{
	hf__cell cell = cell_of(res);
	char why[200] = "";
	hf_status st = hf__decode(&cell, (hf_dest){ tag, out }, t_lend, NULL, why, sizeof why);

	ck_assert_msg(
		st == HF_OK, "%s, format %d: %s %s", what, cell.format, hf_status_name(st), why);
}

static hf_value value_of(int tag, const union any *x)
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

static char *quoted(const char *s)
{
	char *q = PQescapeLiteral(conn, s, strlen(s));

	ck_assert_ptr_nonnull(q);
	return q;
}

/* What the server writes for the sample. */
static PGresult *ask(const struct sample *s, int format)
{
	hf__strbuf b = HF__STRBUF_INIT;
	char *q = quoted(s->text);
	PGresult *res;

	hf__strbuf_printf(&b, "select %s::%s", q, s->type);
	res = run(b.s, NULL, format);
	hf__strbuf_finish(&b);
	PQfreemem(q);
	return res;
}

static void check_sent(const struct sample *s, const hf_value *v, const char *expected)
{
	hf_error *why = NULL;
	hf__params *p = NULL;
	hf_status st = hf__params_new(v, 1, &p, &why);
	char sql[64];
	PGresult *res;

	ck_assert_msg(st == HF_OK, "%s %s: %s", s->type, s->text, hf_error_message(why));
	snprintf(sql, sizeof sql, "select $1::%s", s->type);
	res = run(sql, p, 0);
	ck_assert_msg(strcmp(PQgetvalue(res, 0, 0), expected) == 0, "%s %s came back as %s",
		s->type, s->text, PQgetvalue(res, 0, 0));
	PQclear(res);
	hf__free(p);
}

static void check_literal(const struct sample *s, const hf_value *v, const char *expected)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *why = NULL;
	PGresult *res;

	hf__strbuf_puts(&b, "select (");
	ck_assert_int_eq(hf__value_literal(&b, v, &why), HF_OK);
	hf__strbuf_printf(&b, ")::%s", s->type);
	for (int on = 0; on < 2; on++) {
		PQclear(PQexec(conn, on ? "set standard_conforming_strings to on"
					: "set standard_conforming_strings to off"));
		res = run(b.s, NULL, 0);
		ck_assert_msg(strcmp(PQgetvalue(res, 0, 0), expected) == 0, "%s gave %s, not %s",
			b.s, PQgetvalue(res, 0, 0), expected);
		PQclear(res);
	}
	hf__strbuf_finish(&b);
}

/* Both formats must give the same value; NaN compares by its bits, pointers by what they show. */
static void check_same(const struct sample *s, int tag, const union any *a, const union any *b,
	const char *expected)
{
	hf_value va = value_of(tag, a), vb = value_of(tag, b);
	hf__strbuf ta = HF__STRBUF_INIT, tb = HF__STRBUF_INIT;

	ck_assert_int_eq(hf__value_text(&ta, &va, NULL), HF_OK);
	ck_assert_int_eq(hf__value_text(&tb, &vb, NULL), HF_OK);
	ck_assert_str_eq(hf__strbuf_text(&ta), hf__strbuf_text(&tb));
	if (tag != HF_T_BOOL && tag != HF_T_BYTEA)
		ck_assert_msg(strcmp(hf__strbuf_text(&ta), expected) == 0, "%s %s is written %s",
			s->type, expected, hf__strbuf_text(&ta));
	hf__strbuf_finish(&ta);
	hf__strbuf_finish(&tb);
}

static void check_sample(const struct sample *s)
{
	PGresult *text = ask(s, 0), *binary = ask(s, 1);
	hf__cell tc = cell_of(text), bc = cell_of(binary);
	const char *expected = tc.data;
	union any a, b;
	hf_value v;

	memset(&a, 0, sizeof a);
	memset(&b, 0, sizeof b);
	ck_assert_ptr_eq(hf__cell_text(&tc, t_lend, NULL), tc.data);
	if (hf__has_binary(bc.type))
		ck_assert_str_eq(hf__cell_text(&bc, t_lend, NULL), expected);
	if (s->tag) {
		decode_ok(text, s->tag, &a, s->text);
		if (hf__has_binary(bc.type)) {
			decode_ok(binary, s->tag, &b, s->text);
			check_same(s, s->tag, &a, &b, expected);
		}
		v = value_of(s->tag, &a);
		check_sent(s, &v, expected);
		if (!strstr("xid8 cid", s->type)) /* they have no cast from integers */
			check_literal(s, &v, expected);
	}
	PQclear(text);
	PQclear(binary);
}

START_TEST(test_samples)
{
	connect_as("select 1");
	for (size_t i = 0; i < T_COUNT(samples); i++)
		check_sample(&samples[i]);
	PQfinish(conn);
}
END_TEST

START_TEST(test_binary_known)
{
	static const char *const unknown[] = { "\"char\"", "xml", "int4range", "point" };

	connect_as("select 1");
	for (size_t i = 0; i < T_COUNT(samples); i++) {
		PGresult *res = ask(&samples[i], 0);
		bool known = true;

		for (size_t j = 0; j < T_COUNT(unknown); j++)
			known &= strcmp(samples[i].type, unknown[j]) != 0;
		ck_assert_msg(hf__has_binary(PQftype(res, 0)) == known, "%s", samples[i].type);
		PQclear(res);
	}
	PQfinish(conn);
}
END_TEST

/* Every type's oid, and its array's, as the server's catalogue has them. */
START_TEST(test_catalogue)
{
	PGresult *res;

	connect_as("select 1");
	res = run("select oid, typarray, typname, typlen from pg_type where typtype in ('b', 'p') "
		  "and oid < 10000",
		NULL, 0);
	for (int i = 0; i < PQntuples(res); i++) {
		const hf__type *t = hf__type_of((uint32_t)strtoul(PQgetvalue(res, i, 0), NULL, 10));
		int len = atoi(PQgetvalue(res, i, 3));

		if (!t)
			continue;
		ck_assert_str_eq(t->name, PQgetvalue(res, i, 2));
		ck_assert_uint_eq(t->array, strtoul(PQgetvalue(res, i, 1), NULL, 10));
		if (t->width > 0)
			ck_assert_int_eq(t->width, len);
	}
	PQclear(res);
	PQfinish(conn);
}
END_TEST

START_TEST(test_time_zones)
{
	static const char *const zones[] = { "UTC", "Asia/Kolkata", "America/St_Johns",
		"Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia", "<+05:53:28>-05:53:28" };
	static const char *const times[] = { "2024-06-01 12:34:56.789+00", "1850-01-01 00:00:00+00",
		"0044-03-15 23:59:59+00 BC", "294246-01-01 00:00:00+00" };

	connect_as("select 1");
	for (size_t i = 0; i < T_COUNT(zones); i++)
		for (size_t j = 0; j < T_COUNT(times); j++) {
			struct sample s = { "timestamptz", times[j], HF_T_TIMESTAMPTZ };
			char set[80];
			PGresult *text, *binary;
			hf_timestamptz a = { 1 }, b = { 2 };

			snprintf(set, sizeof set, "set timezone to '%s'", zones[i]);
			PQclear(PQexec(conn, set));
			text = ask(&s, 0);
			binary = ask(&s, 1);
			decode_ok(text, HF_T_TIMESTAMPTZ, &a, PQgetvalue(text, 0, 0));
			decode_ok(binary, HF_T_TIMESTAMPTZ, &b, times[j]);
			ck_assert_msg(a.us == b.us, "%s in %s: %lld, %lld", PQgetvalue(text, 0, 0),
				zones[i], (long long)a.us, (long long)b.us);
			PQclear(text);
			PQclear(binary);
		}
	PQfinish(conn);
}
END_TEST

START_TEST(test_bytea_escape)
{
	struct sample all = { "bytea", "\\x", HF_T_BYTEA };
	char text[2 + 512 + 1] = "\\x";
	PGresult *res;
	hf_bytes bytes = { NULL, 0 };

	for (int i = 0; i < 256; i++)
		snprintf(text + 2 + 2 * i, 3, "%02x", (unsigned)i);
	all.text = text;
	connect_as("set bytea_output to escape");
	res = ask(&all, 0);
	decode_ok(res, HF_T_BYTEA, &bytes, "all bytes");
	ck_assert_uint_eq(bytes.len, 256);
	for (int i = 0; i < 256; i++)
		ck_assert_int_eq(((const unsigned char *)bytes.data)[i], i);
	PQclear(res);
	PQfinish(conn);
}
END_TEST

START_TEST(test_iso_intervals)
{
	connect_as("select 1");
	for (size_t i = 0; i < T_COUNT(samples); i++) {
		hf_interval a = { 0, 0, 0 }, b = { 1, 1, 1 };
		PGresult *text, *binary;

		if (samples[i].tag != HF_T_INTERVAL)
			continue;
		PQclear(PQexec(conn, "set intervalstyle to iso_8601"));
		text = ask(&samples[i], 0);
		binary = ask(&samples[i], 1);
		decode_ok(text, HF_T_INTERVAL, &a, PQgetvalue(text, 0, 0));
		decode_ok(binary, HF_T_INTERVAL, &b, samples[i].text);
		ck_assert_int_eq(a.months, b.months);
		ck_assert_int_eq(a.days, b.days);
		ck_assert_int_eq(a.us, b.us);
		PQclear(text);
		PQclear(binary);
	}
	PQfinish(conn);
}
END_TEST

START_TEST(test_floats_at_random)
{
	uint64_t bits = 88172645463325252ULL;

	connect_as("select 1");
	for (int i = 0; i < 3000; i++) {
		hf__strbuf b = HF__STRBUF_INIT;
		hf__params *p = NULL;
		hf_value v = hf_v_null();
		PGresult *res;
		double x, y = 0;

		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		memcpy(&x, &bits, sizeof x);
		v = i % 2 ? hf_v_float8(x) : hf_v_float4((float)x);
		ck_assert_int_eq(hf__params_new(&v, 1, &p, NULL), HF_OK);
		res = run(i % 2 ? "select $1::float8" : "select $1::float4", p, 0);
		ck_assert_int_eq(hf__value_text(&b, &v, NULL), HF_OK);
		ck_assert_str_eq(hf__strbuf_text(&b), PQgetvalue(res, 0, 0));
		decode_ok(res, HF_T_FLOAT8, &y, b.s);
		if (x == x && i % 2)
			ck_assert_mem_eq(&x, &y, sizeof x);
		PQclear(res);
		hf__free(p);
		hf__strbuf_finish(&b);
	}
	PQfinish(conn);
}
END_TEST

START_TEST(test_one_number_many_types)
{
	static const char *const types[] = { "int2", "int4", "int8", "numeric", "float4", "float8",
		"text", "oid" };
	const hf_value seven = HF_V(7);

	connect_as("select 1");
	for (size_t i = 0; i < T_COUNT(types); i++) {
		struct sample s = { types[i], "7", HF_T_INT4 };

		check_sent(&s, &seven, "7");
	}
	check_sent(&(struct sample){ "bool", "1", HF_T_INT4 },
		&(const hf_value){ HF_T_INT8, { .i = 1 } }, "t");
	PQfinish(conn);
}
END_TEST

START_TEST(test_rendered)
{
	const hf_value args[] = { HF_V(-5), HF_V("it's \\ $1"), HF_V(hf_blob("\0'\\", 3)) };
	hf__strbuf b = HF__STRBUF_INIT;
	PGresult *res;

	connect_as("select 1");
	ck_assert_int_eq(hf__sql_render(&b,
				 "select '$1', 10 -$1, $1::int2, /* $9 */ $2::text || $$ $1 $$, "
				 "encode($3, 'hex'), E'\\'$1' -- $1",
				 args, 3, NULL),
		HF_OK);
	res = run(b.s, NULL, 0);
	ck_assert_str_eq(PQgetvalue(res, 0, 0), "$1");
	ck_assert_str_eq(PQgetvalue(res, 0, 1), "15");
	ck_assert_str_eq(PQgetvalue(res, 0, 2), "-5");
	ck_assert_str_eq(PQgetvalue(res, 0, 3), "it's \\ $1 $1 ");
	ck_assert_str_eq(PQgetvalue(res, 0, 4), "00275c");
	ck_assert_str_eq(PQgetvalue(res, 0, 5), "'$1");
	PQclear(res);
	PQfinish(conn);
	hf__strbuf_finish(&b);
}
END_TEST

/* What the library takes for UTF-8 is what the server takes. */
START_TEST(test_utf8_as_the_server)
{
	connect_as("select 1");
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
			res = PQexecParams(conn, "select $1::text", 1, NULL, values, NULL, NULL, 0);
			takes = PQresultStatus(res) == PGRES_TUPLES_OK;
			ck_assert_msg(
				hf__utf8_valid(s, strlen(s)) == takes, "%02x %02x", first, second);
			PQclear(res);
		}
	PQfinish(conn);
}
END_TEST

START_TEST(test_identifiers)
{
	static const char *const names[] = { "plain", "UPPER", "with \"quotes\"", "a'b\\c",
		"select", "\xc3\xa9t\xc3\xa9", " ", "semi;colon--" };

	connect_as("select 1");
	for (size_t i = 0; i < T_COUNT(names); i++) {
		hf__strbuf b = HF__STRBUF_INIT;
		PGresult *res;

		hf__strbuf_puts(&b, "select 1 as ");
		ck_assert_int_eq(hf__ident(&b, names[i], "column", NULL), HF_OK);
		res = run(b.s, NULL, 0);
		ck_assert_str_eq(PQfname(res, 0), names[i]);
		PQclear(res);
		hf__strbuf_finish(&b);
	}
	PQfinish(conn);
}
END_TEST

T_MAIN("codecs on a server", { "every type in both formats, there and back", test_samples, 60 },
	{ "the binary formats that are known", test_binary_known, 0 },
	{ "oids and names are the catalogue's", test_catalogue, 0 },
	{ "timestamptz in any time zone", test_time_zones, 0 },
	{ "bytea_output escape", test_bytea_escape, 0 },
	{ "intervals in iso_8601 style", test_iso_intervals, 0 },
	{ "floats are written as the server writes them", test_floats_at_random, 60 },
	{ "one C integer serves many column types", test_one_number_many_types, 0 },
	{ "rendered SQL means the same", test_rendered, 0 },
	{ "UTF-8 as the server takes it", test_utf8_as_the_server, 60 },
	{ "identifiers keep their names", test_identifiers, 0 })
