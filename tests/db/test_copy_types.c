/* SPDX-License-Identifier: MIT */
/* COPY: of every type, what goes in comes out. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

static void check_same(hf_pool *p, const char *one, const char *other)
{
	char sql[400];

	for (int i = 0; i < 2; i++) {
		snprintf(sql, sizeof sql,
			"select count(*) from (select x::text from %s x except all "
			"select x::text from %s x) d",
			i ? other : one, i ? one : other);
		ck_assert_int_eq(t_int(hf_query(p, sql)), 0);
	}
	snprintf(sql, sizeof sql, "select count(*) from %s", one);
	ck_assert_int_gt(t_int(hf_query(p, sql)), 0);
}

/* Extremes, ordinary values, NULL. Of each column as many as there are rows. */
static const char *const all_types[][4] = {
	{ "bool", "true", "false", "true" },
	{ "int2", "-32768", "32767", "0" },
	{ "int4", "-2147483648", "2147483647", "1" },
	{ "int8", "-9223372036854775808", "9223372036854775807", "-1" },
	{ "oid", "0", "4294967295", "1" },
	{ "float4", "3.4028235e38", "-1e-45", "NaN" },
	{ "float8", "1.7976931348623157e308", "-5e-324", "-Infinity" },
	{ "numeric", "NaN", "-0.00000000000000000123", "99999999999999999999999999999999.10" },
	{ "numeric(10,2)", "12345678.90", "-0.01", "0" },
	{ "text", "", "tab\there \\ and \n, \u00e4\u20ac\U0001f600", "\\N" },
	{ "varchar(5)", "abcde", "", "\u00e4" },
	{ "bpchar(4)", "ab", "", "abcd" },
	{ "name", "n", "", "a name" },
	{ "json", "{\"a\" : [1,  2]}", "null", "\"x\"" },
	{ "jsonb", "{\"a\": [1, 2]}", "null", "1e3" },
	{ "bytea", "\\x", "\\x00ff0a5c", "\\x61" },
	{ "uuid", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" },
	{ "date", "4713-01-01 BC", "5874897-12-31", "infinity" },
	{ "time", "00:00:00", "24:00:00", "12:34:56.789012" },
	{ "timetz", "00:00:00+15:59", "24:00:00-15:59", "12:00:00.5+00" },
	{ "timestamp", "4713-01-01 00:00:00 BC", "-infinity", "2024-02-29 23:59:59.999999" },
	{ "timestamptz", "4713-01-01 00:00:00+00 BC", "infinity", "2024-02-29 23:59:59.999999+00" },
	{ "interval", "-178000000 years", "1 mon -2 days 03:04:05.000006", "0" },
	{ "inet", "10.1.2.3/8", "::1", "255.255.255.255" },
	{ "cidr", "10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0" },
	{ "macaddr", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "08:00:2b:01:02:03" },
	{ "macaddr8", "00:00:00:00:00:00:00:00", "08:00:2b:01:02:03:04:05",
		"ff:ff:ff:ff:ff:ff:00:01" },
	{ "pg_lsn", "0/0", "FFFFFFFF/FFFFFFFF", "16/B374D848" },
	{ "int4[]", "{}", "{1,NULL,-3}", "[0:1][2:3]={{1,2},{3,4}}" },
	{ "int8[]", "{9223372036854775807}", "{NULL}", "{0}" },
	{ "text[]", "{\"\",NULL,\"a,b\",\"NULL\"}", "{}", "{x}" },
	{ "numeric[]", "{1.50,NaN}", "{NULL,-3}", "{}" },
	{ "timestamptz[]", "{infinity,2024-01-01 00:00:00+00}", "{}", "{NULL}" },
	{ "uuid[]", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "{}", "{NULL}" },
};

#define N_TYPES ((int)(sizeof all_types / sizeof *all_types))

/* all_in (empty) and all_given; with `more` columns behind. */
static void make_all_types(hf_pool *p, const char *more)
{
	static char ddl[8000], row[8000];
	size_t n = (size_t)snprintf(ddl, sizeof ddl,
		"drop table if exists all_in, all_given;"
		"create table all_in (id int");

	for (int i = 0; i < N_TYPES; i++)
		n += (size_t)snprintf(ddl + n, sizeof ddl - n, ", c%d %s", i, all_types[i][0]);
	snprintf(ddl + n, sizeof ddl - n, "%s); create table all_given (like all_in including all)",
		more);
	t_done(hf_script(p, ddl));
	for (int r = 1; r <= 3; r++) {
		n = (size_t)snprintf(row, sizeof row, "insert into all_given values (%d", r);
		for (int i = 0; i < N_TYPES; i++)
			n += (size_t)snprintf(
				row + n, sizeof row - n, ", $t$%s$t$", all_types[i][r]);
		snprintf(row + n, sizeof row - n, ")");
		t_done(hf_query(p, row));
	}
	t_done(hf_query(p, "insert into all_given (id) values (0)"));
}

union any {
	bool b;
	int16_t i2;
	int32_t i4;
	int64_t i8;
	float f4;
	double f8;
	char bytes[sizeof(hf_int4_array)];
};

/* The type of a column in C. */
static int tag_of(uint32_t oid)
{
	static const struct {
		uint32_t oid;
		int tag;
	} tags[] = { { 16, HF_T_BOOL }, { 21, HF_T_INT2 }, { 23, HF_T_INT4 }, { 20, HF_T_INT8 },
		{ 26, HF_T_INT8 }, { 700, HF_T_FLOAT4 }, { 701, HF_T_FLOAT8 },
		{ 1700, HF_T_NUMERIC }, { 114, HF_T_JSON }, { 3802, HF_T_JSON }, { 17, HF_T_BYTEA },
		{ 2950, HF_T_UUID }, { 1082, HF_T_DATE }, { 1083, HF_T_TIME },
		{ 1266, HF_T_TIMETZ }, { 1114, HF_T_TIMESTAMP }, { 1184, HF_T_TIMESTAMPTZ },
		{ 1186, HF_T_INTERVAL }, { 869, HF_T_INET }, { 650, HF_T_INET }, { 829, HF_T_MAC },
		{ 774, HF_T_MAC }, { 3220, HF_T_LSN }, { 1007, HF_T_ARRAY | HF_T_INT4 },
		{ 1016, HF_T_ARRAY | HF_T_INT8 }, { 1009, HF_T_ARRAY | HF_T_TEXT },
		{ 1231, HF_T_ARRAY | HF_T_NUMERIC }, { 1185, HF_T_ARRAY | HF_T_TIMESTAMPTZ },
		{ 2951, HF_T_ARRAY | HF_T_UUID }, { 1001, HF_T_ARRAY | HF_T_BYTEA },
		{ 1183, HF_T_ARRAY | HF_T_TIME }, { 1270, HF_T_ARRAY | HF_T_TIMETZ },
		{ 1187, HF_T_ARRAY | HF_T_INTERVAL }, { 199, HF_T_ARRAY | HF_T_JSON },
		{ 3807, HF_T_ARRAY | HF_T_JSON }, { 1041, HF_T_ARRAY | HF_T_INET },
		{ 651, HF_T_ARRAY | HF_T_INET }, { 1040, HF_T_ARRAY | HF_T_MAC },
		{ 775, HF_T_ARRAY | HF_T_MAC } };

	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
		if (tags[i].oid == oid)
			return tags[i].tag;
	return HF_T_TEXT;
}

static hf_value value_of(hf_row row, int col, union any *a)
{
	const char *name = hf_result_column_name(row.res, col);
	int tag = tag_of(hf_result_column_type(row.res, col));
	hf_value v = hf_v_null();
	hf_error *e = NULL;

	if (hf_row_is_null(row, col))
		return v;
	ck_assert_msg(hf_row_read(row, name, (hf_dest){ tag, a }, &e) == HF_OK, "%s: %s", name,
		hf_error_message(e));
	switch (tag) {
	case HF_T_BOOL:
		return hf_v_bool(a->b);
	case HF_T_INT2:
		return hf_v_int8(a->i2);
	case HF_T_INT4:
		return hf_v_int8(a->i4);
	case HF_T_INT8:
		return hf_v_int8(a->i8);
	case HF_T_FLOAT4:
		return hf_v_float4(a->f4);
	case HF_T_FLOAT8:
		return hf_v_float8(a->f8);
	default:
		break;
	}
	v.type = (hf_type)tag;
	if (tag & HF_T_ARRAY)
		v.as.array = a;
	else
		memcpy(&v.as, a, sizeof v.as);
	return v;
}

/* Each row of a result, through values. */
static hf_status put_all(hf_copy *copy, void *arg)
{
	const hf_result *res = arg;

	HF_FOREACH_ROW (row, res) {
		union any any[40];
		hf_value values[40];
		int n = hf_result_columns(res);

		memset(any, 0, sizeof any);
		for (int i = 0; i < n; i++)
			values[i] = value_of(row, i, &any[i]);
		ck_assert_msg(hf_copy_row_v(copy, values, (size_t)n) == HF_OK, "%s",
			hf_error_message(hf_copy_error(copy)));
	}
	return HF_OK;
}

/* A row of a COPY is what the same row of a query is. */
struct same {
	const hf_result *as;
	size_t rows;
};

static hf_status check_row(hf_row row, void *arg)
{
	struct same *s = arg;

	ck_assert_int_eq(hf_result_columns(row.res), hf_result_columns(s->as));
	for (int i = 0; i < hf_result_columns(row.res); i++) {
		const char *text = hf_row_text(hf_result_row(s->as, s->rows), i);
		const char *mine = hf_row_text(row, i);

		ck_assert_str_eq(
			hf_result_column_name(row.res, i), hf_result_column_name(s->as, i));
		ck_assert_uint_eq(
			hf_result_column_type(row.res, i), hf_result_column_type(s->as, i));
		ck_assert_msg(!text == !mine, "%s", hf_result_column_name(row.res, i));
		if (text)
			ck_assert_str_eq(mine, text);
	}
	s->rows++;
	return HF_OK;
}

/* The rows that a COPY has counted. */
static int64_t counted(hf_future *f)
{
	int64_t rows = hf_result_affected(t_ok(f));

	hf_future_unref(f);
	return rows;
}

static void round_trip(hf_pool *p)
{
	hf_future *f = hf_query(p, "select * from all_given order by id");
	const hf_result *given = t_ok(f);
	struct same same = { given, 0 };

	ck_assert_int_eq(
		counted(hf_copy_in(p, "all_in", put_all, (void *)(uintptr_t)given, NULL)), 4);
	check_same(p, "all_in", "all_given");
	t_done(hf_copy_out(p, "(select * from all_in order by id)", check_row, &same, NULL));
	ck_assert_uint_eq(same.rows, 4);
	hf_future_unref(f);
}

START_TEST(test_all_types)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	make_all_types(p, "");
	round_trip(p);
	t_close(p);
}
END_TEST

/* An enum is not known here, so all of it is text. */
START_TEST(test_all_types_as_text)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	t_done(hf_script(
		p, "drop type if exists mood cascade; create type mood as enum ('so','la')"));
	make_all_types(p, ", feeling mood default 'la'");
	t_done(hf_query(p, "update all_given set feeling = null where id = 2"));
	round_trip(p);
	t_done(hf_script(p, "drop table all_in, all_given; drop type mood"));
	t_close(p);
}
END_TEST

T_MAIN("copy_types", { "bulk-J3 every type goes in and comes out", test_all_types, 0 },
	{ "bulk-J3 so it does where all is text", test_all_types_as_text, 0 })
