/* SPDX-License-Identifier: MIT */
/* Parameters, cells and destinations without a server. */
#include "check_main.h"
#include "lent.h"

#include "base/mem.h"
#include "value/codec.h"
#include "value/number.h"

#include <locale.h>
#include <math.h>
#include <string.h>

static char why[200];

static void *lend_nothing(void *owner, size_t n)
{
	(void)owner;
	(void)n;
	return NULL;
}

static hf_status read_cell(uint32_t type, int format, const char *s, int len, hf_dest to)
{
	hf__cell cell = { type, format, s, len };

	why[0] = '\0';
	return hf__decode(&cell, to, t_lend, NULL, why, sizeof why);
}

static hf_status read_text(uint32_t type, const char *s, hf_dest to)
{
	return read_cell(type, 0, s, s ? (int)strlen(s) : 0, to);
}

#define REFUSED(st, type, text, p, message)                                                        \
	do {                                                                                       \
		ck_assert_int_eq(read_text(type, text, HF_TO(p)), st);                             \
		ck_assert_str_eq(why, message);                                                    \
	} while (0)

START_TEST(test_integers_are_never_wrapped)
{
	short i2 = 7;
	int i4 = 7;
	long long i8 = 7;

	ck_assert_int_eq(read_text(23, "-32768", HF_TO(&i2)), HF_OK);
	ck_assert_int_eq(i2, -32768);
	REFUSED(HF_E_TYPE, 23, "70000", &i2, "value 70000 is out of range for int2");
	REFUSED(HF_E_TYPE, 23, "-32769", &i2, "value -32769 is out of range for int2");
	ck_assert_int_eq(i2, -32768);
	REFUSED(HF_E_TYPE, 20, "2147483648", &i4, "value 2147483648 is out of range for int4");
	REFUSED(HF_E_TYPE, 26, "4294967295", &i4, "value 4294967295 is out of range for int4");
	REFUSED(HF_E_TYPE, 20, "9223372036854775808", &i8,
		"value 9223372036854775808 is out of range for int8");
	REFUSED(HF_E_TYPE, 5069, "18446744073709551615", &i8,
		"value 18446744073709551615 is out of range for int8");
	REFUSED(HF_E_TYPE, 23, "", &i4, "malformed value of type int4");
	REFUSED(HF_E_TYPE, 23, "1x", &i4, "malformed value of type int4");
	REFUSED(HF_E_TYPE, 23, " 1", &i4, "malformed value of type int4");
	REFUSED(HF_E_TYPE, 23, "--1", &i4, "malformed value of type int4");
	ck_assert_int_eq(read_text(20, "-9223372036854775808", HF_TO(&i8)), HF_OK);
	ck_assert(i8 == INT64_MIN);
}
END_TEST

START_TEST(test_numeric_destinations)
{
	double d = 0;
	float f = 0;
	int i = 0;
	hf_numeric n = { NULL };

	ck_assert_int_eq(read_text(1700, "12.00", HF_TO(&i)), HF_OK);
	ck_assert_int_eq(i, 12);
	REFUSED(HF_E_TYPE, 1700, "12.50", &i, "value 12.50 is not an integer");
	REFUSED(HF_E_TYPE, 1700, "NaN", &i, "value NaN is not an integer");
	REFUSED(HF_E_TYPE, 1700, "99999999999999999999", &i,
		"value 99999999999999999999 is out of range for int8");
	ck_assert_int_eq(read_text(1700, "0.1", HF_TO(&d)), HF_OK);
	ck_assert(!islessgreater(d, 0.1));
	REFUSED(HF_E_TYPE, 1700, "0.1", &f, "column type numeric does not fit float4");
	ck_assert_int_eq(read_text(1700, "1.10", HF_TO(&n)), HF_OK);
	ck_assert_str_eq(n.s, "1.10");
	ck_assert_int_eq(read_text(1700, "NaN", HF_TO(&d)), HF_OK);
	ck_assert(isnan(d));
	ck_assert_int_eq(read_cell(1700, 1, "\0\2\0\0\0\0\0\2\0\14\x13\x88", 12, HF_TO(&d)), HF_OK);
	ck_assert(!islessgreater(d, 12.5));
}
END_TEST

START_TEST(test_types_do_not_mix)
{
	hf_timestamptz tz = { 1 };
	hf_timestamp ts = { 1 };
	hf_json json = { NULL };
	hf_int4_opt opt = { false, 0 };
	hf_int4_array a;
	hf_bytes bytes;
	bool b;
	int i;

	REFUSED(HF_E_TYPE, 1114, "2024-01-01 00:00:00", &tz,
		"column type timestamp does not fit hf_timestamptz");
	REFUSED(HF_E_TYPE, 1184, "2024-01-01 00:00:00+00", &ts,
		"column type timestamptz does not fit hf_timestamp");
	REFUSED(HF_E_TYPE, 25, "{}", &json, "column type text does not fit hf_json");
	REFUSED(HF_E_TYPE, 25, "7", &opt, "column type text does not fit int4");
	REFUSED(HF_E_TYPE, 23, "1", &b, "column type int4 does not fit bool");
	REFUSED(HF_E_TYPE, 16, "t", &i, "column type bool does not fit int4");
	REFUSED(HF_E_TYPE, 701, "1", &i, "column type float8 does not fit int4");
	REFUSED(HF_E_TYPE, 23, "1", &a, "column type int4 does not fit hf_int4_array");
	REFUSED(HF_E_TYPE, 1007, "{1}", &i, "column type int4[] does not fit int4");
	REFUSED(HF_E_TYPE, 1009, "{1}", &a, "column type text[] does not fit hf_int4_array");
	REFUSED(HF_E_TYPE, 99999, "x", &bytes,
		"column type 99999 is not known and does not fit hf_bytes");
	ck_assert_int_eq(read_text(25, "abc", HF_TO(&bytes)), HF_OK);
	ck_assert_uint_eq(bytes.len, 3);
	ck_assert_int_eq(read_cell(23, 1, "\0\0\0\1", 4, (hf_dest){ 999, &i }), HF_E_MISUSE);
	ck_assert_int_eq(read_text(25, "x", (hf_dest){ HF_T_TEXT | HF_T_OPT, &i }), HF_E_MISUSE);
	ck_assert_int_eq(read_text(23, "1", (hf_dest){ HF_T_INT4, NULL }), HF_E_MISUSE);
}
END_TEST

START_TEST(test_null)
{
	hf_int4_opt opt = { true, 7 };
	const char *text = "x";
	hf_bytes bytes = { "x", 1 };
	hf_text_array a = { .has = true };
	int i = 7;

	REFUSED(HF_E_NULL, 23, NULL, &i, "value is NULL, which int4 cannot hold");
	ck_assert_int_eq(i, 7);
	ck_assert_int_eq(read_text(23, NULL, HF_TO(&opt)), HF_OK);
	ck_assert(!opt.has);
	ck_assert_int_eq(read_text(23, NULL, HF_TO(&text)), HF_OK);
	ck_assert_ptr_null(text);
	ck_assert_int_eq(read_text(17, NULL, HF_TO(&bytes)), HF_OK);
	ck_assert_ptr_null(bytes.data);
	ck_assert_uint_eq(bytes.len, 0);
	ck_assert_int_eq(read_text(1009, NULL, HF_TO(&a)), HF_OK);
	ck_assert(!a.has);
	ck_assert_int_eq(read_text(23, "42", HF_TO(&opt)), HF_OK);
	ck_assert(opt.has && opt.v == 42);
}
END_TEST

START_TEST(test_floats)
{
	float f = 7;
	double d = 0;

	REFUSED(HF_E_TYPE, 701, "1e300", &f,
		"value 1.0000000000000001e+300 is out of range for float4");
	ck_assert(!islessgreater(f, 7.0F));
	ck_assert_int_eq(read_text(701, "0.1", HF_TO(&f)), HF_OK);
	ck_assert(!islessgreater(f, 0.1F));
	ck_assert_int_eq(read_text(701, "-0", HF_TO(&d)), HF_OK);
	ck_assert(signbit(d));
	ck_assert_int_eq(read_text(701, "-Infinity", HF_TO(&f)), HF_OK);
	ck_assert(isinf(f) && f < 0);
	ck_assert_int_eq(read_text(701, "0x10", HF_TO(&d)), HF_E_TYPE);
	ck_assert_int_eq(read_text(701, "1e999", HF_TO(&d)), HF_E_TYPE);
	ck_assert_int_eq(read_text(701, "1e-999", HF_TO(&d)), HF_E_TYPE);
	ck_assert_int_eq(read_text(701, "0e-999", HF_TO(&d)), HF_OK);
	ck_assert_int_eq(read_text(701, "nan", HF_TO(&d)), HF_E_TYPE);
	ck_assert_int_eq(read_text(20, "9007199254740993", HF_TO(&d)), HF_OK);
}
END_TEST

START_TEST(test_comma_locale)
{
	static const char *const commas[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE" };
	const hf_value v = HF_V(1234.5);
	hf__strbuf b = HF__STRBUF_INIT;
	bool set = false;
	double d = 0;

	for (size_t i = 0; i < T_COUNT(commas); i++)
		set = set || setlocale(LC_ALL, commas[i]);
	if (!set)
		t_skip("no locale with a decimal comma is installed");
	ck_assert_int_eq(hf__value_text(&b, &v, NULL), HF_OK);
	ck_assert_str_eq(b.s, "1234.5");
	ck_assert_int_eq(read_text(701, "1234.5", HF_TO(&d)), HF_OK);
	ck_assert(!islessgreater(d, 1234.5));
	hf__strbuf_finish(&b);
}
END_TEST

START_TEST(test_arrays)
{
	hf_int8_array a;
	hf_text_array t;
	hf_float8_array f;

	ck_assert_int_eq(read_text(1007, "[2:3][0:1]={{1,2},{NULL,4}}", HF_TO(&a)), HF_OK);
	ck_assert(a.has && a.ndim == 2 && a.n == 4 && a.dim[0] == 2 && a.dim[1] == 2);
	ck_assert(a.lower[0] == 2 && a.lower[1] == 0 && a.null[2] && !a.null[3] && a.v[3] == 4);
	ck_assert_int_eq(
		read_text(1009, "{\"a\\\"b\",\"\",\"NULL\",null,c\\,d}", HF_TO(&t)), HF_OK);
	ck_assert_uint_eq(t.n, 5);
	ck_assert_str_eq(t.v[0], "a\"b");
	ck_assert_str_eq(t.v[1], "");
	ck_assert_str_eq(t.v[2], "NULL");
	ck_assert_ptr_null(t.v[3]);
	ck_assert_str_eq(t.v[4], "c,d");
	ck_assert_int_eq(read_text(1016, "{}", HF_TO(&a)), HF_OK);
	ck_assert(a.has && a.ndim == 0 && a.n == 0);
	ck_assert_int_eq(read_text(1231, "{0.5,NaN}", HF_TO(&f)), HF_OK);
	ck_assert(!islessgreater(f.v[0], 0.5) && isnan(f.v[1]) && !f.null);
}
END_TEST

START_TEST(test_malformed_arrays)
{
	static const char *const bad[] = { "", "{", "}", "{1", "{1,}", "{,1}", "{1}}", "{{1}",
		"{{1},{2,3}}", "{1,{2}}", "{{1},2}", "{{1}{2}}", "{1}x", "{\"1}", "{1\\",
		"[1:2]={1}", "[1:1]{1}", "[0:1", "[:]={1}", "[1:1]=", "{{{{{{{1}}}}}}}", "{{}}",
		"[2:1]={}", "[-2147483648:2147483647]={1}", "[1:1][1:1]={1}", "{a\"b\"}" };
	hf_text_array a = { .n = 77 };

	for (size_t i = 0; i < T_COUNT(bad); i++) {
		ck_assert_msg(read_text(1009, bad[i], HF_TO(&a)) == HF_E_TYPE, "%s", bad[i]);
		ck_assert_str_eq(why, "malformed array of text");
		ck_assert_uint_eq(a.n, 77);
	}
}
END_TEST

START_TEST(test_binary_arrays_that_lie)
{
	char cell[40] = { 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4,
		0, 0, 0, 9 };
	hf_int4_array a;

	ck_assert_int_eq(read_cell(1007, 1, cell, 28, HF_TO(&a)), HF_OK);
	ck_assert_int_eq(a.v[0], 9);
	for (int n = 0; n < 28; n++)
		ck_assert_int_eq(read_cell(1007, 1, cell, n, HF_TO(&a)), HF_E_TYPE);
	cell[12] = 0x7f; /* two thousand million items */
	ck_assert_int_eq(read_cell(1007, 1, cell, 28, HF_TO(&a)), HF_E_TYPE);
	cell[12] = 0;
	cell[11] = 25; /* of another type */
	ck_assert_int_eq(read_cell(1007, 1, cell, 28, HF_TO(&a)), HF_E_TYPE);
}
END_TEST

START_TEST(test_no_memory)
{
	static const char numeric[] = "\0\1\0\0\0\0\0\0\0\7";
	hf__cell cell = { 1700, 1, numeric, 10 };
	const hf_value args[] = { HF_V("text"), HF_V(1.5), HF_V(&HF_ARRAY(int4, &(int){ 1 }, 1)) };
	hf_numeric n;
	hf_status st = HF_E_NOMEM;

	ck_assert_int_eq(
		hf__decode(&cell, HF_TO(&n), lend_nothing, NULL, why, sizeof why), HF_E_NOMEM);
	ck_assert_ptr_null(hf__cell_text(&cell, lend_nothing, NULL));
	for (long i = 0; i < 20 && st == HF_E_NOMEM; i++) {
		hf__params *p = NULL;

		hf__mem_fail(i, 1);
		st = hf__params_new(args, 3, &p, NULL);
		hf__mem_fail(0, 0);
		hf__free(p);
	}
	ck_assert_int_eq(st, HF_OK);
}
END_TEST

START_TEST(test_params)
{
	static const char words[] = "\0\0\0\1\0\0\0\0\0\0\0\31" /* one dimension, of text */
				    "\0\0\0\3\0\0\0\1"          /* 3, from 1 */
				    "\0\0\0\3"
				    "a b"
				    "\377\377\377\377"
				    "\0\0\0\0";
	hf_uuid uuid = { { 1, 2, 3 } };
	const hf_value args[] = { HF_V(-42), HF_V((bool)true), HF_V("it's"),
		HF_V(hf_blob("\0x", 2)), HF_V(uuid), hf_v_null(), HF_V((const char *)NULL),
		HF_V(hf_blob("", 0)), HF_V(UINT64_MAX), HF_V(0.1F), HF_V(((hf_timestamptz){ -1 })),
		HF_V(&HF_ARRAY(text, ((const char *[]){ "a b", NULL, "" }), 3)) };
	hf__params *p = NULL;

	ck_assert_int_eq(hf__params_new(args, T_COUNT(args), &p, NULL), HF_OK);
	ck_assert_int_eq(p->n, (int)T_COUNT(args));
	ck_assert_str_eq(p->values[0], "-42");
	ck_assert_str_eq(p->values[1], "true");
	ck_assert_str_eq(p->values[2], "it's");
	ck_assert(p->types[0] == 0 && p->types[2] == 0 && p->formats[2] == 0);
	ck_assert(p->types[3] == 17 && p->formats[3] == 1 && p->lengths[3] == 2);
	ck_assert_mem_eq(p->values[3], "\0x", 2);
	ck_assert(p->types[4] == 2950 && p->formats[4] == 1 && p->lengths[4] == 16);
	ck_assert(!p->values[5] && !p->values[6] && p->values[7] && p->lengths[7] == 0);
	ck_assert_str_eq(p->values[8], "18446744073709551615");
	ck_assert_str_eq(p->values[9], "0.1");
	ck_assert_str_eq(p->values[10], "1969-12-31 23:59:59.999999+00");
	ck_assert_uint_eq(p->types[10], 1184);
	ck_assert(p->types[11] == 1009 && p->formats[11] == 1 && p->lengths[11] == 35);
	ck_assert_mem_eq(p->values[11], words, 35);
	hf__free(p);
	ck_assert_int_eq(hf__params_new(NULL, 0, &p, NULL), HF_OK);
	ck_assert_ptr_null(p);
}
END_TEST

static void refuse(hf_value v, hf_status st, const char *message)
{
	hf_error *e = NULL;
	hf__params *p = NULL;

	ck_assert_int_eq(hf__params_new(&v, 1, &p, &e), st);
	ck_assert_str_eq(hf_error_message(e), message);
	ck_assert_ptr_null(p);
	hf_error_unref(e);
}

START_TEST(test_refused_params)
{
	hf_int4_array wrong = { .has = true, .ndim = 1, .dim = { 3 }, .lower = { 1 }, .n = 2 };
	static const int32_t items[] = { 1, 2 };
	hf_inet inet = { .bits = 33 };
	hf_error *e = NULL;
	hf__params *p = NULL;

	refuse((hf_value){ HF_T_NONE, { false } }, HF_E_MISUSE, "$1: the value is not set");
	refuse(HF_V("\xff"), HF_E_MISUSE, "$1: text is not valid UTF-8");
	refuse(HF_V("\xc0\x80"), HF_E_MISUSE, "$1: text is not valid UTF-8");
	refuse(HF_V("\xed\xa0\x80"), HF_E_MISUSE, "$1: text is not valid UTF-8");
	refuse(HF_V(((hf_numeric){ "1; drop" })), HF_E_MISUSE, "$1: hf_numeric is not a number");
	refuse(HF_V(&wrong), HF_E_MISUSE, "$1: the array has no items to point to");
	wrong.v = items;
	refuse(HF_V(&wrong), HF_E_MISUSE,
		"$1: the dimensions of the array do not multiply to its n, at most 6 of them");
	refuse(HF_V(((hf_time_of_day){ -1 })), HF_E_MISUSE,
		"$1: hf_time_of_day lies outside the day");
	refuse(HF_V(inet), HF_E_MISUSE, "$1: hf_inet has more bits than its address");
	refuse(HF_V(((hf_mac){ .n = 7 })), HF_E_MISUSE, "$1: hf_mac has neither 6 nor 8 bytes");
	refuse(HF_V(hf_blob("", (size_t)1 << 30)), HF_E_TOO_LARGE,
		"$1: the value has 1 GB or more");
	refuse(HF_V(hf_blob("", SIZE_MAX)), HF_E_TOO_LARGE, "$1: the value has 1 GB or more");
	ck_assert_int_eq(hf__params_new((const hf_value[]){ HF_V(1) }, 65536, &p, &e), HF_E_MISUSE);
	hf_error_unref(e);
}
END_TEST

static void literal(hf_value v, const char *expected)
{
	hf__strbuf b = HF__STRBUF_INIT;

	ck_assert_int_eq(hf__value_literal(&b, &v, NULL), HF_OK);
	ck_assert_str_eq(hf__strbuf_text(&b), expected);
	hf__strbuf_finish(&b);
}

START_TEST(test_literals)
{
	hf_uuid uuid = { { 0xa0, 0xee } };

	literal(HF_V(123), "123");
	literal(HF_V(-5), "-5");
	literal(HF_V(1.5), "1.5");
	literal(HF_V((double)NAN), "'NaN'::float8");
	literal(HF_V(-0.0), "'-0'::float8");
	literal(HF_V(-INFINITY), "'-Infinity'::float4");
	literal(HF_V((bool)true), "true");
	literal(HF_V("it's"), "'it''s'");
	literal(HF_V("a\\b'"), "E'a\\\\b'''");
	literal(HF_V("'; drop table x; --"), "'''; drop table x; --'");
	literal(HF_V((char *)NULL), "NULL");
	literal(HF_V(hf_blob("\0\xff", 2)), "E'\\\\x00ff'::bytea");
	literal(HF_V(hf_blob("", 0)), "E'\\\\x'::bytea");
	literal(HF_V(uuid), "'a0ee0000-0000-0000-0000-000000000000'::uuid");
	literal(HF_V(((hf_timestamptz){ 0 })), "'1970-01-01 00:00:00+00'::timestamptz");
	literal(HF_V(((hf_numeric){ "1.50" })), "1.50");
	literal(HF_V(((hf_numeric){ "NaN" })), "'NaN'::numeric");
	literal(HF_V(((hf_json){ "{\"a\":1}" })), "'{\"a\":1}'");
	literal(HF_V(&HF_ARRAY(int4, ((int[]){ 1, 2 }), 2)), "'{1,2}'::int4[]");
	literal(HF_V(&HF_ARRAY(text, ((const char *[]){ "a'\\" }), 1)),
		"E'{\"a''\\\\\\\\\"}'::text[]");
}
END_TEST

START_TEST(test_identifiers)
{
	char long_name[65];
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *e = NULL;

	memset(long_name, 'n', 64);
	long_name[64] = '\0';
	ck_assert_int_eq(hf__ident(&b, "a\"b\"", "savepoint", NULL), HF_OK);
	ck_assert_str_eq(b.s, "\"a\"\"b\"\"\"");
	ck_assert_int_eq(hf__ident(&b, "", "savepoint", &e), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(e), "the name of the savepoint is empty");
	hf_error_unref(e);
	ck_assert_int_eq(hf__ident(&b, long_name, "savepoint", NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf__ident(&b, long_name + 1, "savepoint", NULL), HF_OK);
	ck_assert_int_eq(hf__ident(&b, "\x80", "savepoint", NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf__ident(&b, NULL, "savepoint", NULL), HF_E_MISUSE);
	hf__strbuf_finish(&b);
}
END_TEST

START_TEST(test_cell_bytes)
{
	hf__cell hex = { 17, 0, "\\x00Ff", 6 }, binary = { 17, 1, "\0x", 2 };
	hf__cell escape = { 17, 0, "a\\\\\\001", 7 }, odd = { 17, 0, "\\x0", 3 };
	hf__cell number = { 23, 1, "\0\0\0\7", 4 }, null = { 17, 0, NULL, 0 };
	hf_bytes b = hf__cell_bytes(&hex, t_lend, NULL);

	ck_assert_uint_eq(b.len, 2);
	ck_assert_mem_eq(b.data, "\0\xff", 2);
	b = hf__cell_bytes(&escape, t_lend, NULL);
	ck_assert_uint_eq(b.len, 3);
	ck_assert_mem_eq(b.data, "a\\\1", 3);
	ck_assert_ptr_eq(hf__cell_bytes(&binary, t_lend, NULL).data, binary.data);
	ck_assert_ptr_null(hf__cell_bytes(&odd, t_lend, NULL).data);
	ck_assert_ptr_null(hf__cell_bytes(&null, t_lend, NULL).data);
	b = hf__cell_bytes(&number, t_lend, NULL);
	ck_assert_uint_eq(b.len, 1);
	ck_assert_mem_eq(b.data, "7", 1);
}
END_TEST

T_MAIN("codec", { "integers are never wrapped", test_integers_are_never_wrapped, 0 },
	{ "numeric goes into doubles and integers", test_numeric_destinations, 0 },
	{ "types do not mix", test_types_do_not_mix, 0 },
	{ "NULL into every kind of destination", test_null, 0 },
	{ "floats keep their extremes", test_floats, 0 },
	{ "a decimal comma changes nothing", test_comma_locale, 0 },
	{ "arrays with bounds, NULLs and quotes", test_arrays, 0 },
	{ "malformed arrays are refused", test_malformed_arrays, 0 },
	{ "binary arrays that lie about their size", test_binary_arrays_that_lie, 0 },
	{ "without memory", test_no_memory, 0 }, { "parameters for libpq", test_params, 0 },
	{ "parameters that are refused", test_refused_params, 0 }, { "literals", test_literals, 0 },
	{ "identifiers", test_identifiers, 0 }, { "bytes of a cell", test_cell_bytes, 0 })
