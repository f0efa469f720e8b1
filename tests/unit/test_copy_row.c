/* SPDX-License-Identifier: MIT */
/* Rows of a COPY against known bytes, and readers against any bytes. */
#include "check_main.h"

#include "base/mem.h"
#include "pq/result.h"
#include "value/copy_row.h"
#include "value/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INT2 = 21, INT4 = 23, INT8 = 20, BOOL = 16, TEXT = 25, F4 = 700, F8 = 701, NUMERIC = 1700 };

/* A result of no rows with columns c0, c1, … of these types; 0 ends them. */
static hf_result *columns(const Oid *types)
{
	PGresAttDesc desc[40];
	char names[40][16];
	int n = 0;
	PGresult *pg = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

	memset(desc, 0, sizeof desc);
	for (; types[n]; n++) {
		snprintf(names[n], sizeof names[n], "c%d", n);
		desc[n].name = names[n];
		desc[n].typid = types[n];
	}
	ck_assert_int_eq(PQsetResultAttrs(pg, n, desc), 1);
	return hf__result_new(pg, NULL);
}

/* The bytes of a row in hex, without its count of values; or its error. Lent until the next call.
 */
static const char *row_of(const Oid *types, const hf_value *values, size_t n)
{
	static char out[4096];
	hf_result *described = columns(types);
	hf__copy_shape s;
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *e;

	ck_assert(hf__copy_shape_init(&s, described));
	e = hf__copy_put_row(&s, &b, values, n);
	if (e)
		snprintf(out, sizeof out, "%s: %s", hf_status_name(hf_error_status(e)),
			hf_error_message(e));
	else if (s.binary)
		for (size_t i = 2; i < b.n && i < 2000; i++)
			snprintf(out + (i - 2) * 2, 3, "%02x", (unsigned char)b.s[i]);
	else
		snprintf(out, sizeof out, "%s", hf__strbuf_text(&b));
	hf_error_unref(e);
	hf__strbuf_finish(&b);
	hf__copy_shape_finish(&s);
	hf_result_unref(described);
	return out;
}

static const char *one(Oid type, hf_value v)
{
	const Oid types[] = { type, 0 };

	return row_of(types, &v, 1);
}

#define IS(type, v, expected) ck_assert_str_eq(one((type), HF_V(v)), (expected))
#define NO(type, v)           ck_assert_int_eq(strncmp(one((type), HF_V(v)), "HF_E_TYPE: ", 11), 0)

START_TEST(test_stream)
{
	static const char row[] = "\0\3\0\0\0\2\0\5\0\0\0\2hi\377\377\377\377";
	const Oid types[] = { INT2, TEXT, F8, 0 };
	const hf_value values[] = { HF_V(5), HF_V("hi"), hf_v_null() };
	hf_result *described = columns(types);
	hf__strbuf b = HF__STRBUF_INIT;
	hf__copy_shape s;

	ck_assert(hf__copy_shape_init(&s, described));
	ck_assert(s.binary);
	hf__copy_put_header(&s, &b);
	ck_assert_uint_eq(b.n, 19);
	ck_assert_mem_eq(b.s, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
	hf__strbuf_clear(&b);
	ck_assert_ptr_null(hf__copy_put_row(&s, &b, values, 3));
	ck_assert_uint_eq(b.n, sizeof row - 1);
	ck_assert_mem_eq(b.s, row, b.n);
	hf__strbuf_clear(&b);
	hf__copy_put_trailer(&s, &b);
	ck_assert_mem_eq(b.s, "\377\377", 2);
	hf__strbuf_finish(&b);
	hf__copy_shape_finish(&s);
	hf_result_unref(described);
}
END_TEST

START_TEST(test_numbers)
{
	IS(INT2, -32768, "000000028000");
	IS(INT4, 2147483647, "000000047fffffff");
	IS(INT4, "-7", "00000004fffffff9");
	IS(INT4, 3.0, "0000000400000003");
	IS(INT8, INT64_MIN, "000000088000000000000000");
	IS(26, 4294967295u, "00000004ffffffff");
	IS(F8, 1.5, "000000083ff8000000000000");
	IS(F8, 3, "000000084008000000000000");
	IS(F4, -0.0, "0000000480000000");
	IS(BOOL, true, "0000000101");
	IS(BOOL, (bool)false, "0000000100");
	NO(INT2, 32768);
	NO(INT4, -2147483649LL);
	NO(INT8, 9223372036854775808u);
	NO(INT8, 9223372036854775808.0);
	NO(INT8, (double)NAN);
	NO(INT4, 2.5);
	NO(INT4, "2.5");
	NO(INT4, (bool)true);
	NO(26, -1);
	NO(26, 4294967296);
	NO(F4, 1e39);
	NO(BOOL, 2);
	ck_assert_str_eq(one(INT2, HF_V(70000)),
		"HF_E_TYPE: column \"c0\" (int2): value 70000 is out of range");
	/* What somebody wrote is not shown. */
	ck_assert_str_eq(one(INT2, HF_V("secret")),
		"HF_E_TYPE: column \"c0\" (int2): the text given is malformed for it");
	ck_assert_str_eq(one(INT2, HF_V(hf_blob("x", 1))),
		"HF_E_TYPE: column \"c0\" (int2) takes no value of type hf_bytes");
}
END_TEST

START_TEST(test_texts)
{
	const unsigned char raw[] = { 0, 255 };

	IS(TEXT, "", "00000000");
	IS(TEXT, "\xc3\xa4", "00000002c3a4");
	IS(TEXT, -12, "000000032d3132");
	IS(114, "{}", "000000027b7d");
	IS(3802, ((hf_json){ "{}" }), "00000003017b7d");
	IS(17, hf_blob(raw, 2), "0000000200ff");
	IS(17, hf_blob("", 0), "00000000");
	IS(17, "\\x00ff", "0000000200ff");
	IS(1043, (const char *)NULL, "ffffffff");
	NO(TEXT, "12345678\xc3");
	NO(TEXT, "\xff");
	NO(17, "\\x0");
	NO(114, 5);
}
END_TEST

START_TEST(test_times)
{
	IS(1184, ((hf_timestamptz){ 946684800000001 }), "000000080000000000000001");
	IS(1114, ((hf_timestamp){ HF_TIME_INFINITY }), "000000087fffffffffffffff");
	IS(1082, ((hf_date){ 10957 }), "0000000400000000");
	IS(1082, ((hf_date){ HF_DATE_MINUS_INFINITY }), "0000000480000000");
	IS(1082, "2000-01-02", "0000000400000001");
	IS(1083, ((hf_time_of_day){ 86400000000 }), "00000008000000141dd76000");
	IS(1266, ((hf_timetz){ 0, 3600 }), "0000000c0000000000000000fffff1f0");
	IS(1186, ((hf_interval){ 1, 2, 3 }),
		"00000010000000000000000300000002"
		"00000001");
	IS(3220, ((hf_lsn){ 258 }), "000000080000000000000102");
	NO(1184, ((hf_timestamp){ 0 })); /* of which zone? */
	NO(1184, ((hf_timestamptz){ -211813488000000001 + 946684800000000 }));
	NO(1082, ((hf_date){ 2145031949 + 10957 }));
	NO(1082, ((hf_date){ -2451546 + 10957 }));
	NO(1083, ((hf_time_of_day){ -1 }));
	NO(1266, ((hf_timetz){ 0, 57600 }));
	NO(1082, "2000-01-32");
}
END_TEST

START_TEST(test_addresses_and_arrays)
{
	const hf_inet v4 = { .bits = 8, .addr = { 10, 0, 0, 1 } };
	const hf_inet bad = { .bits = 33 };
	const int32_t items[] = { 1, 70000 };
	const char *const texts[] = { "a", NULL };
	const bool null[] = { true, false };
	const hf_int4_array with_null = { .has = true,
		.ndim = 1,
		.dim = { 2 },
		.lower = { 1 },
		.n = 2,
		.v = items,
		.null = null };
	const hf_int4_array odd = { .has = true, .ndim = 1, .dim = { 3 }, .n = 2, .v = items };

	IS(869, v4,
		"000000080208000"
		"40a000001");
	IS(650, v4,
		"000000080208010"
		"40a000001");
	NO(869, bad);
	IS(829, ((hf_mac){ 6, { 1, 2, 3, 4, 5, 6 } }), "00000006010203040506");
	NO(774, ((hf_mac){ 6, { 1, 2, 3, 4, 5, 6 } }));
	IS(1007, &with_null,
		"00000020"
		"0000000100000001000000170000000200000001"
		"ffffffff0000000400011170");
	IS(1007, &HF_ARRAY(int4, items, 0), "0000000c000000000000000000000017");
	IS(1009, &HF_ARRAY(text, texts, 2),
		"0000001d"
		"0000000100000000000000190000000200000001"
		"0000000161ffffffff");
	NO(1005, &HF_ARRAY(int4, items, 2)); /* 70000 is no int2 */
	NO(1007, &odd);
	NO(1007, 5);
	NO(INT4, &HF_ARRAY(int4, items, 2));
}
END_TEST

static void check_numeric(const char *text, const char *expected)
{
	hf__strbuf wire = HF__STRBUF_INIT, again = HF__STRBUF_INIT;

	ck_assert_int_eq(hf__numeric_put_wire(&wire, text, strlen(text)), HF__GOT);
	ck_assert_int_eq(hf__numeric_wire(&again, hf__strbuf_text(&wire), wire.n), HF__GOT);
	ck_assert_str_eq(hf__strbuf_text(&again), expected);
	hf__strbuf_finish(&wire);
	hf__strbuf_finish(&again);
}

START_TEST(test_numeric)
{
	static const char *const same[] = { "0", "1", "-1", "10000", "9999", "0.1", "0.0001",
		"0.00001", "123456789.987654321", "-0.00000000000000000001", "1.50", "0.00", "NaN",
		"100000000000000000000000000000000", "-Infinity", "12345.6789" };
	hf__strbuf b = HF__STRBUF_INIT;

	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		check_numeric(same[i], same[i]);
	check_numeric("+007.", "7");
	check_numeric("-0", "0");
	check_numeric(".5", "0.5");
	check_numeric("1e5", "100000");
	check_numeric("1.25e1", "12.5");
	check_numeric("12e-3", "0.012");
	check_numeric("inf", "Infinity");
	ck_assert_int_eq(hf__numeric_put_wire(&b, "1e-16384", 8), HF__GOT_RANGE);
	ck_assert_int_eq(hf__numeric_put_wire(&b, "1e131072", 8), HF__GOT_RANGE);
	ck_assert_int_eq(hf__numeric_put_wire(&b, "1e99999999999999999999", 22), HF__GOT_RANGE);
	ck_assert_int_eq(hf__numeric_put_wire(&b, "1x", 2), HF__GOT_BAD);
	ck_assert_int_eq(hf__numeric_put_wire(&b, "", 0), HF__GOT_BAD);
	/* 1.5: one digit of weight 0, and half of the next group */
	IS(NUMERIC, ((hf_numeric){ "1.5" }),
		"0000000c0002000000000001"
		"00011388");
	IS(NUMERIC, -3,
		"0000000a0001000040000000"
		"0003");
	hf__strbuf_finish(&b);
}
END_TEST

START_TEST(test_counts)
{
	const Oid types[] = { INT4, TEXT, 0 };
	const hf_value values[] = { HF_V(1), HF_V("x"), HF_V(2) };
	hf_value unset[2] = { HF_V(1) };

	memset(&unset[1], 0, sizeof unset[1]);
	ck_assert_str_eq(row_of(types, values, 3), "HF_E_MISUSE: a row of 3 values for 2 columns");
	ck_assert_str_eq(row_of(types, values, 1), "HF_E_MISUSE: a row of 1 values for 2 columns");
	ck_assert_str_eq(
		row_of(types, unset, 2), "HF_E_MISUSE: column \"c1\": the value is not set");
}
END_TEST

/* money is a type that is not known here. */
START_TEST(test_text_lines)
{
	const Oid types[] = { INT4, 790, TEXT, 16, 1007, 0 };
	const int32_t items[] = { 1, 2 };
	const hf_value values[] = { HF_V(1), HF_V("$2"), HF_V("a\tb\\\n"), HF_V(1),
		HF_V(&HF_ARRAY(int4, items, 2)) };
	const hf_value large[] = { HF_V(2147483648), HF_V("$2"), HF_V(""), hf_v_null(),
		hf_v_null() };
	const hf_value nulls[] = { hf_v_null(), hf_v_null(), HF_V(""), hf_v_null(), hf_v_null() };

	ck_assert_str_eq(row_of(types, values, 5), "1\t$2\ta\\tb\\\\\\n\tt\t{1,2}\n");
	ck_assert_str_eq(row_of(types, nulls, 5), "\\N\t\\N\t\t\\N\t\\N\n");
	ck_assert_str_eq(row_of(types, large, 5),
		"HF_E_TYPE: column \"c0\" (int4): value 2147483648 is out of range");
}
END_TEST

START_TEST(test_read)
{
	char stream[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
			"\0\2\0\0\0\2hi\377\377\377\377"
			"\0\2\0\0\0\0\0\0\0\1!"
			"\377\377";
	char line[] = "a\\tb\t\\N\t\t\\\\N\n", few[] = "a\tb\n";
	hf__cell c[4];
	hf__copy_reader r;

	hf__copy_read(&r, stream, sizeof stream - 1);
	ck_assert(hf__copy_read_header(&r));
	ck_assert_int_eq(hf__copy_read_tuple(&r, c, 2), HF__TUPLE);
	ck_assert_str_eq(c[0].data, "hi");
	ck_assert_ptr_null(c[1].data);
	ck_assert_int_eq(hf__copy_read_tuple(&r, c, 2), HF__TUPLE);
	ck_assert_str_eq(c[0].data, "");
	ck_assert_str_eq(c[1].data, "!");
	ck_assert_int_eq(hf__copy_read_tuple(&r, c, 2), HF__TUPLE_END);
	ck_assert_int_eq(hf__copy_read_tuple(&r, c, 2), HF__TUPLE_MORE);

	hf__copy_read(&r, line, sizeof line - 1);
	ck_assert_int_eq(hf__copy_read_line(&r, c, 4), HF__TUPLE);
	ck_assert_str_eq(c[0].data, "a\tb");
	ck_assert_ptr_null(c[1].data);
	ck_assert_str_eq(c[2].data, "");
	ck_assert_str_eq(c[3].data, "\\N");
	ck_assert_int_eq(c[3].len, 2);
	ck_assert_int_eq(hf__copy_read_line(&r, c, 4), HF__TUPLE_MORE);
	hf__copy_read(&r, few, sizeof few - 1);
	ck_assert_int_eq(hf__copy_read_line(&r, c, 3), HF__TUPLE_BAD);
	hf__copy_read(&r, few, 0);
	ck_assert(!hf__copy_read_header(&r));
}
END_TEST

/* Counts and lengths that look right are what breaks readers: most bytes are small. */
static char random_byte(int style)
{
	static const char text[] = "\t\n\\N.ab";
	int x = rand();

	if (style == 0)
		return (char)x;
	return style == 1 ? (char)((x & 7) == 0 ? x >> 8 & 15 : 0) : text[x % 7];
}

/* Bytes of their own, so that a read beyond their end is seen by the tools that watch memory. */
static void read_random(int style)
{
	size_t n = (size_t)(rand() % 200);
	char *data = malloc(n + 1);
	int columns_wanted = rand() % 4;
	hf__cell c[4];
	hf__copy_reader r;
	hf__tuple got = HF__TUPLE;

	for (size_t i = 0; i < n; i++)
		data[i] = random_byte(style);
	data[n] = '\0';
	hf__copy_read(&r, data, n);
	if (rand() % 4 == 0 && n >= 19) {
		memcpy(data, "PGCOPY\n\377\r\n", 11);
		(void)hf__copy_read_header(&r);
	}
	for (int i = 0; i < 300 && got == HF__TUPLE; i++) {
		got = style == 2 ? hf__copy_read_line(&r, c, columns_wanted)
				 : hf__copy_read_tuple(&r, c, columns_wanted);
		for (int k = 0; got == HF__TUPLE && k < columns_wanted; k++) {
			if (!c[k].data)
				continue;
			ck_assert(c[k].data >= data && c[k].data + c[k].len <= data + n);
			ck_assert_int_eq(c[k].data[c[k].len], '\0');
		}
	}
	ck_assert_int_ne(got, HF__TUPLE); /* each takes at least a byte */
	free(data);
}

START_TEST(test_random_bytes)
{
	srand(20240607);
	for (int i = 0; i < 300000; i++)
		read_random(i % 3);
}
END_TEST

T_MAIN("copy_row", { "bulk-J3 the stream has its header, rows and trailer", test_stream, 0 },
	{ "bulk-J3 numbers are converted and checked", test_numbers, 0 },
	{ "bulk-J3 texts and bytes", test_texts, 0 }, { "bulk-J3 times", test_times, 0 },
	{ "bulk-J3 addresses and arrays", test_addresses_and_arrays, 0 },
	{ "bulk-J3 numeric on the wire", test_numeric, 0 },
	{ "bulk-J3 a row has as many values as columns", test_counts, 0 },
	{ "bulk-J3 lines of text for a type that is not known", test_text_lines, 0 },
	{ "bulk-J3 rows read back from both formats", test_read, 0 },
	{ "bulk-J3 any bytes at all give an answer", test_random_bytes, 60 })
