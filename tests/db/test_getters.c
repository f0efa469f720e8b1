/* SPDX-License-Identifier: MIT */
/* Reading columns: into typed destinations, and the quick ways without a status. */
#include "fixture.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hf_pool *pool;

/* The first row of a query without parameters; lent by *keep. */
static hf_row row_of(const char *sql, hf_future **keep)
{
	if (!pool)
		pool = t_pool(HF_POOL_OPTS(.max_conns = 1));
	*keep = hf_query_at(HF_HERE, pool, sql, NULL, 0);
	return hf_result_row(t_ok(*keep), 0);
}

/* Reads column 0 of `sql`; asserts the status, and a story where there is an error. */
static void check_read(int line, const char *sql, hf_dest to, hf_status st)
{
	hf_future *f;
	hf_error *e = NULL;
	hf_status got = hf_row_scan_v(row_of(sql, &f), &to, 1, &e);

	if (got != st)
		ck_abort_msg("line %d: %s: %s instead of %s: %s", line, sql, hf_status_name(got),
			hf_status_name(st), hf_error_message(e));
	if (st != HF_OK && strcmp(hf_error_message(e), "no error") == 0)
		ck_abort_msg("line %d: %s: no story", line, sql);
	hf_error_unref(e);
	hf_future_unref(f);
}

#define READS(sql, p)     check_read(__LINE__, (sql), HF_TO(p), HF_OK)
#define FAILS(sql, p, st) check_read(__LINE__, (sql), HF_TO(p), (st))

START_TEST(test_numeric)
{
	double d = 0;
	float s = 0;
	int64_t big = 0;
	int i = 0;
	short two = 0;
	hf_numeric n;
	hf_future *f;
	hf_row row;

	READS("select 0.1::numeric", &d);
	ck_assert_double_eq(d, 0.1);
	READS("select -12345678901234567890.5::numeric", &d);
	ck_assert_double_eq(d, -12345678901234567890.5);
	READS("select 'NaN'::numeric", &d);
	ck_assert(isnan(d));
	READS("select '-Infinity'::numeric", &d);
	ck_assert(isinf(d) && d < 0);
	FAILS("select 1e400::numeric", &d, HF_E_TYPE);
	FAILS("select 0.5::numeric", &s, HF_E_TYPE); /* double is the one on request */
	/* As an integer, if it is one. */
	READS("select 9223372036854775807::numeric", &big);
	ck_assert(big == INT64_MAX);
	READS("select 42.000::numeric", &i);
	ck_assert_int_eq(i, 42);
	FAILS("select 42.5::numeric", &i, HF_E_TYPE);
	FAILS("select 9223372036854775808::numeric", &big, HF_E_TYPE);
	FAILS("select 32768::numeric", &two, HF_E_TYPE);
	FAILS("select 'NaN'::numeric", &i, HF_E_TYPE);
	/* And exactly, as it stands. */
	row = row_of("select 0.10::numeric, 1e30::numeric", &f);
	ck_assert_int_eq(hf_row_read(row, "numeric", HF_TO(&n), NULL), HF_OK);
	ck_assert_str_eq(n.s, "0.10");
	ck_assert_str_eq(hf_row_text(row, 1), "1000000000000000000000000000000");
	hf_future_unref(f);
	t_close(pool);
}
END_TEST

START_TEST(test_integers)
{
	int64_t big;
	long long longest;
	int i;
	short two;
	bool yes;

	READS("select '-9223372036854775808'::int8", &big);
	ck_assert(big == INT64_MIN);
	READS("select 5::int2", &longest);
	ck_assert(longest == 5);
	READS("select 2147483647::int8", &i);
	ck_assert_int_eq(i, INT_MAX);
	READS("select '-32768'::int4", &two);
	ck_assert_int_eq(two, -32768);
	/* Never wrapped. */
	FAILS("select 2147483648::int8", &i, HF_E_TYPE);
	FAILS("select '-2147483649'::int8", &i, HF_E_TYPE);
	FAILS("select 32768::int4", &two, HF_E_TYPE);
	FAILS("select 'five'::text", &i, HF_E_TYPE);
	FAILS("select true", &i, HF_E_TYPE);
	FAILS("select 1::int4", &yes, HF_E_TYPE);
	FAILS("select now()", &big, HF_E_TYPE);
	t_close(pool);
}
END_TEST

START_TEST(test_floats)
{
	double d;
	float s;

	READS("select 0.1::float8", &d);
	ck_assert_double_eq(d, 0.1);
	READS("select '5e-324'::float8", &d);
	ck_assert(d > 0 && d < 1e-323);
	READS("select 0.1::float4", &s);
	ck_assert_double_eq((double)s, (double)0.1F);
	READS("select 'Infinity'::float4", &d);
	ck_assert(isinf(d));
	FAILS("select 1e300::float8", &s, HF_E_TYPE);
	FAILS("select '0.5'::text", &d, HF_E_TYPE);
	t_close(pool);
}
END_TEST

START_TEST(test_others)
{
	bool yes = false, no = true;
	hf_timestamptz ts;
	hf_timestamp wall;
	hf_date day;
	hf_time_of_day time;
	hf_interval iv;
	hf_uuid id;
	hf_json json;
	hf_bytes bytes;
	const char *text;
	hf_future *f;
	hf_row row;

	READS("select true", &yes);
	READS("select 'f'::bool", &no);
	ck_assert(yes && !no);
	READS("select '2001-09-09 01:46:40.000005+00'::timestamptz", &ts);
	ck_assert(ts.us == 1000000000LL * 1000000 + 5);
	READS("select 'infinity'::timestamptz", &ts);
	ck_assert(ts.us == HF_TIME_INFINITY);
	READS("select '1970-01-02 00:00:01'::timestamp", &wall);
	ck_assert(wall.us == 86401000000);
	READS("select '1969-12-31'::date", &day);
	ck_assert_int_eq(day.days, -1);
	READS("select '24:00:00'::time", &time);
	ck_assert(time.us == 86400000000);
	READS("select '1 year 2 days 00:00:03'::interval", &iv);
	ck_assert(iv.months == 12 && iv.days == 2 && iv.us == 3000000);
	READS("select '00112233-4455-6677-8899-aabbccddeeff'::uuid", &id);
	ck_assert(id.b[0] == 0 && id.b[1] == 0x11 && id.b[15] == 0xff);
	/* Texts are lent by the result: look while it is there. */
	row = row_of("select '{\"a\": [1, null]}'::jsonb j, 'null'::json n, '\\x00ff27'::bytea b, "
		     "'{\"a\" :1}'::json k, now()::text t, '{1,NULL,3}'::int4[] a",
		&f);
	ck_assert_int_eq(hf_row_read(row, "j", HF_TO(&json), NULL), HF_OK);
	ck_assert_str_eq(json.s, "{\"a\": [1, null]}");
	ck_assert_int_eq(hf_row_read(row, "n", HF_TO(&json), NULL), HF_OK);
	ck_assert_str_eq(json.s, "null");
	ck_assert_int_eq(hf_row_read(row, "k", HF_TO(&json), NULL), HF_OK);
	ck_assert_str_eq(json.s, "{\"a\" :1}");
	ck_assert_int_eq(hf_row_read(row, "b", HF_TO(&bytes), NULL), HF_OK);
	ck_assert_uint_eq(bytes.len, 3);
	ck_assert_mem_eq(bytes.data, "\0\xff'", 3);
	/* Anything as text. */
	for (int i = 0; i < 6; i++) {
		const char *name = hf_result_column_name(row.res, i);

		ck_assert_int_eq(hf_row_read(row, name, HF_TO(&text), NULL), HF_OK);
		ck_assert_str_eq(text, hf_row_text(row, i));
	}
	ck_assert_str_eq(hf_row_text(row, 2), "\\x00ff27");
	ck_assert_str_eq(hf_row_text(row, 5), "{1,NULL,3}");
	hf_future_unref(f);
	FAILS("select 1", &ts, HF_E_TYPE);
	FAILS("select 'x'::text", &id, HF_E_TYPE);
	FAILS("select 'x'::text", &day, HF_E_TYPE);
	t_close(pool);
}
END_TEST

START_TEST(test_null)
{
	int i = 77;
	double d;
	bool b;
	hf_uuid id;
	hf_int4_opt opt = { true, 5 };
	hf_int4_array array;
	hf_numeric n = { "x" };
	hf_json json = { "x" };
	hf_bytes bytes = { "x", 1 };
	const char *text = "x";

	FAILS("select null::int4", &i, HF_E_NULL);
	ck_assert_int_eq(i, 77);
	FAILS("select null::float8", &d, HF_E_NULL);
	FAILS("select null::bool", &b, HF_E_NULL);
	FAILS("select null::uuid", &id, HF_E_NULL);
	READS("select null::int4", &opt);
	ck_assert(!opt.has);
	READS("select 9::int2", &opt);
	ck_assert(opt.has && opt.v == 9);
	READS("select null::text", &text);
	ck_assert_ptr_null(text);
	READS("select null::int4[]", &array);
	ck_assert(!array.has);
	READS("select null::numeric", &n);
	ck_assert_ptr_null(n.s);
	READS("select null::jsonb", &json);
	ck_assert_ptr_null(json.s);
	READS("select null::bytea", &bytes);
	ck_assert_ptr_null(bytes.data);
	t_close(pool);
}
END_TEST

START_TEST(test_quick_ways)
{
	hf_future *f;
	hf_row row = row_of("select 42::int2, 1.5::numeric, true, null::int4, 'x', "
			    "9223372036854775808::numeric",
		&f);
	hf_row beyond = hf_result_row(row.res, 1), nothing = hf_result_row(NULL, 0);

	ck_assert_int_eq(hf_row_int8(row, 0, -1), 42);
	ck_assert_int_eq(hf_row_int8(row, 1, -1), -1); /* no integer */
	ck_assert_int_eq(hf_row_int8(row, 3, -1), -1);
	ck_assert_int_eq(hf_row_int8(row, 4, -1), -1);
	ck_assert_int_eq(hf_row_int8(row, 5, -1), -1);
	ck_assert_int_eq(hf_row_int8(row, 6, -1), -1);
	ck_assert_int_eq(hf_row_int8(row, -1, -1), -1);
	ck_assert_double_eq(hf_row_float8(row, 1, -1), 1.5);
	ck_assert_double_eq(hf_row_float8(row, 5, -1), 9223372036854775808.0);
	ck_assert_double_eq(hf_row_float8(row, 3, -1), -1);
	ck_assert(hf_row_bool(row, 2, false));
	ck_assert(hf_row_bool(row, 3, true) && !hf_row_bool(row, 3, false));
	ck_assert(hf_row_is_null(row, 3) && !hf_row_is_null(row, 4) && hf_row_is_null(row, 9));
	ck_assert_str_eq(hf_row_text(row, 4), "x");
	ck_assert_ptr_null(hf_row_text(row, 3));
	ck_assert_ptr_null(hf_row_text(row, 99));
	ck_assert_uint_eq(hf_row_bytes(row, 4).len, 1);
	ck_assert_ptr_null(hf_row_bytes(row, 3).data);
	for (int i = -1; i < 7; i++) {
		ck_assert(hf_row_is_null(beyond, i) && hf_row_is_null(nothing, i));
		ck_assert_ptr_null(hf_row_text(beyond, i));
		ck_assert_int_eq(hf_row_int8(nothing, i, 3), 3);
	}
	hf_future_unref(f);
	t_close(pool);
}
END_TEST

/* What was read before the failing column has been written, and the story names it. */
START_TEST(test_scan)
{
	hf_future *f;
	hf_row row = row_of("select 1 as one, 'zwei' as two, 3 as three", &f);
	int one = 0, two = -2, three = -3;
	const hf_dest to[] = { HF_TO(&one), HF_TO(&two), HF_TO(&three) };
	const hf_dest four[] = { HF_TO(&one), { HF_T_TEXT, &(const char *){ NULL } }, HF_TO(&three),
		HF_TO(&two) };
	hf_error *e = NULL;

	ck_assert_int_eq(hf_row_scan_v(row, to, 3, &e), HF_E_TYPE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(e), "\"two\""));
	ck_assert(one == 1 && two == -2 && three == -3);
	e = hf_error_unref(e);
	ck_assert_int_eq(hf_row_scan_v(row, four, 4, &e), HF_E_MISUSE);
	ck_assert_int_eq(three, 3);
	e = hf_error_unref(e);
	ck_assert_int_eq(hf_row_scan_v(hf_result_row(row.res, 1), to, 1, &e), HF_E_NO_ROWS);
	e = hf_error_unref(e);
	ck_assert_int_eq(hf_row_read(row, "four", to[0], &e), HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(e), "four"));
	e = hf_error_unref(e);
	ck_assert_int_eq(hf_row_read(row, NULL, to[0], NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_row_read(hf_result_row(NULL, 0), "one", to[0], NULL), HF_E_NO_ROWS);
	ck_assert_int_eq(hf_row_scan_v(row, &(hf_dest){ 9999, &one }, 1, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_row_scan_v(row, &(hf_dest){ HF_T_INT4, NULL }, 1, NULL), HF_E_MISUSE);
	hf_future_unref(f);
	t_close(pool);
}
END_TEST

/* A result, beyond the life of everything that it came from. */
static hf_result *kept(const char *sql)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_result *res = NULL;

	ck_assert_int_eq(hf_fetch_at(HF_HERE, p, &res, NULL, sql, NULL, 0), HF_OK);
	t_close(p);
	return res;
}

static void reads_as_null(hf_row row, int col)
{
	const char *text;
	hf_error *e = NULL;
	hf_status got;

	ck_assert(hf_row_is_null(row, col));
	ck_assert_ptr_null(hf_row_text(row, col));
	ck_assert_ptr_null(hf_row_bytes(row, col).data);
	ck_assert_int_eq(hf_row_int8(row, col, 7), 7);
	ck_assert_double_eq(hf_row_float8(row, col, 7), 7);
	ck_assert(hf_row_bool(row, col, true) && !hf_row_bool(row, col, false));
	if (row.n < hf_result_rows(row.res))
		return;
	ck_assert_int_eq(hf_row_read(row, "i", HF_TO(&text), &e), HF_E_NO_ROWS);
	e = hf_error_unref(e);
	got = hf_row_scan(row, HF_TO(&text));
	ck_assert_int_eq(got, HF_E_NO_ROWS);
}

/* What is there reads as ever, and what is not there as nothing: neither asks the connection. */
static void read_beyond(const char *sql, size_t rows)
{
	static const int columns[] = { INT_MIN, -1, 2, 3, 99, INT_MAX };
	hf_result *res = kept(sql);
	const size_t beyond[] = { rows, rows + 1, SIZE_MAX / 2, SIZE_MAX };
	hf_dest three[3] = { { HF_T_TEXT, &(const char *){ NULL } },
		{ HF_T_TEXT, &(const char *){ NULL } }, { HF_T_TEXT, &(const char *){ NULL } } };

	ck_assert_uint_eq(hf_result_rows(res), rows);
	ck_assert_int_eq(hf_result_columns(res), 2);
	ck_assert_int_eq(hf_row_int8(hf_result_row(res, rows - 1), 0, -1), (int64_t)rows);
	ck_assert_str_eq(hf_row_text(hf_result_row(res, rows - 1), 1), "word");
	for (size_t c = 0; c < T_COUNT(columns); c++) {
		reads_as_null(hf_result_row(res, 0), columns[c]);
		ck_assert_ptr_null(hf_result_column_name(res, columns[c]));
		ck_assert_uint_eq(hf_result_column_type(res, columns[c]), 0);
	}
	for (size_t r = 0; r < T_COUNT(beyond); r++) {
		for (size_t c = 0; c < T_COUNT(columns); c++)
			reads_as_null(hf_result_row(res, beyond[r]), columns[c]);
		reads_as_null(hf_result_row(res, beyond[r]), 0);
	}
	ck_assert_int_eq(hf_row_scan_v(hf_result_row(res, 0), three, 3, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_row_read(hf_result_row(res, 0), "k", three[0], NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_result_column(res, "k"), -1);
	ck_assert_uint_eq(hf_result_count(res), 1);
	ck_assert_ptr_null(hf_result_at(res, 1));
	ck_assert_ptr_null(hf_result_at(res, SIZE_MAX));
	ck_assert_str_eq(hf_result_notices(res), "");
	hf_result_unref(res);
}

/* A small one, which is holdfast's own memory, and a large one, which is libpq's. */
START_TEST(test_beyond_the_end)
{
	read_beyond("select 1 as i, 'word' as w", 1);
	read_beyond("select i, 'word' as w from generate_series(1, 20000) i", 20000);
}
END_TEST

T_MAIN("getters", { "C24 numeric as double and integer on request, and exact", test_numeric, 0 },
	{ "C24 integers of every width, never wrapped", test_integers, 0 },
	{ "C24 floats", test_floats, 0 },
	{ "C24 bool, time, uuid, json, bytea, and anything as text", test_others, 0 },
	{ "C24 SQL NULL only where there is room for it", test_null, 0 },
	{ "C24 the quick ways give what was asked for otherwise", test_quick_ways, 0 },
	{ "C24 several columns at once", test_scan, 0 },
	{ "fact-M16 C24 a result outlives its pool, and what it lacks reads as NULL",
		test_beyond_the_end, 0 })
