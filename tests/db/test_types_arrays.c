/* SPDX-License-Identifier: MIT */
/* Arrays of what has more than a number in it: bytes, documents, addresses, times. As parameters,
 * in conditions, kept until they are sent, and read into other C types. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

struct thing {
	int32_t id;
	hf_bytes bytes;
	hf_json jsonb;
	hf_time_of_day time;
	hf_timetz timetz;
	hf_interval_opt interval;
	hf_inet inet, cidr;
	hf_mac mac, mac8;
	hf_bytes_array many_bytes;
	hf_json_array many_json;
};

static const hf_column thing_columns[] = {
	HF_COLUMN(thing, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(thing, bytes, BYTEA, NOT_NULL, HF_PLAIN),
	HF_COLUMN(thing, jsonb, JSONB, NOT_NULL, HF_PLAIN),
	HF_COLUMN(thing, time, TIME, NOT_NULL, HF_PLAIN),
	HF_COLUMN(thing, timetz, TIMETZ, NOT_NULL, HF_PLAIN),
	HF_COLUMN(thing, interval, INTERVAL, NULLABLE, HF_PLAIN),
	HF_COLUMN(thing, inet, INET, NOT_NULL, HF_PLAIN),
	HF_COLUMN(thing, cidr, CIDR, NOT_NULL, HF_PLAIN),
	HF_COLUMN(thing, mac, MACADDR, NOT_NULL, HF_PLAIN),
	HF_COLUMN(thing, mac8, MACADDR8, NOT_NULL, HF_PLAIN),
	HF_COLUMN(thing, many_bytes, ARRAY(BYTEA), NULLABLE, HF_PLAIN),
	HF_COLUMN(thing, many_json, ARRAY(JSON), NULLABLE, HF_PLAIN),
};
extern const hf_table thing_table;
HF_TABLE(thing, .name = "t_thing");

enum { N = 3 };

static struct thing thing(int i)
{
	static const char *const documents[] = { "{\"a\": 1}", "null", "[\"x,y\", \"}{\"]" };
	static const char *const bytes[] = { "", "\\{,", "\"NULL\"" };
	struct thing t = { .id = i + 1, .jsonb = { documents[i] }, .time = { i * 1000001 } };

	t.bytes = hf_blob(bytes[i], strlen(bytes[i]) + (i == 1)); /* a NUL in the second */
	t.timetz = (hf_timetz){ i * 7, 3600 * i };
	t.interval = (hf_interval_opt){ i > 0, { i, -i, i } };
	t.inet = (hf_inet){ .bits = 32, .addr = { 10, 0, 0, (uint8_t)i } };
	t.cidr = (hf_inet){ .is_cidr = true, .bits = 24, .addr = { 10, 0, (uint8_t)i } };
	t.mac = (hf_mac){ .n = 6, .b = { 8, (uint8_t)i } };
	t.mac8 = (hf_mac){ .n = 8, .b = { 9, (uint8_t)i } };
	return t;
}

static struct t_store things(struct thing rows[N])
{
	struct t_store st = { .pool = t_pool(NULL) };

	st.s = hf_session_on_pool(st.pool);
	st.models = hf_models_new(NULL);
	t_verb(st.s, hf_table_create(st.s, &thing_table, HF_DROP_FIRST));
	for (int i = 0; i < N; i++)
		rows[i] = thing(i);
	t_verb(st.s, hf_insert_many(st.s, thing, rows, N));
	return st;
}

/* Rows 1 and 3 are those whose member is among their own values, with what nobody has. */
static void finds_two(struct t_store *st, int line, hf_term condition)
{
	hf_find *f = hf_find_new(&thing_table);
	hf_rows *rows;

	for (int twice = 0; twice < 2; twice++) {
		const hf_clause clauses[] = { HF_WHERE(condition), HF_ORDER(HF_ASC(thing, id)),
			{ .kind = HF_CLAUSE_END } };
		const hf_clause kept[] = { HF_MATCHING(f), HF_ORDER(HF_ASC(thing, id)),
			{ .kind = HF_CLAUSE_END } };

		t_verb(st->s,
			hf_select_at(HF_HERE, st->s, &thing_table, &rows, twice ? kept : clauses));
		if (hf_rows_count(rows) != 2 || HF_ROWS(thing, rows)[0].id != 1 ||
			HF_ROWS(thing, rows)[1].id != 3)
			ck_abort_msg("line %d: %zu rows", line, hf_rows_count(rows));
		hf_rows_unref(rows);
		hf_find_and(f, condition);
	}
	hf_find_unref(f);
}

#define ANY_OF(name, T, m)                                                                         \
	do {                                                                                       \
		T items[] = { rows[2].m, rows[0].m, rows[0].m };                                   \
                                                                                                   \
		finds_two(&st, __LINE__, HF_ANY(thing, m, &HF_ARRAY(name, items, 3)));             \
	} while (0)

START_TEST(test_any)
{
	struct thing rows[N];
	struct t_store st = things(rows);
	hf_interval spans[] = { rows[2].interval.v, { 0, 0, 0 } };
	bool null[] = { false, true };
	hf_interval_array some = HF_ARRAY(interval, spans, 2);
	hf_rows *none;

	ANY_OF(bytes, hf_bytes, bytes);
	ANY_OF(json, hf_json, jsonb);
	ANY_OF(time_of_day, hf_time_of_day, time);
	ANY_OF(timetz, hf_timetz, timetz);
	ANY_OF(inet, hf_inet, inet);
	ANY_OF(inet, hf_inet, cidr);
	ANY_OF(mac, hf_mac, mac);
	ANY_OF(mac, hf_mac, mac8);
	some.null = null;
	finds_two(
		&st, __LINE__, HF_OR(HF_ANY(thing, interval, &some), HF_IS_NULL(thing, interval)));
	t_verb(st.s, hf_select(st.s, thing, &none,
			     HF_WHERE(HF_ANY(thing, mac8, &HF_ARRAY(mac, &rows[0].mac8, 0)))));
	ck_assert_uint_eq(hf_rows_count(none), 0);
	hf_rows_unref(none);
	t_store_close(&st);
}
END_TEST

/* What an item points to is copied; what a NULL one points to is not looked at. */
START_TEST(test_kept)
{
	struct thing rows[N], more = thing(0), *got;
	struct t_store st = things(rows);
	char *text = strdup("[1,  2]"), *bytes = strdup("12345");
	hf_json documents[] = { { text }, { (const char *)(uintptr_t)8 } };
	hf_bytes blobs[] = { hf_blob(bytes, 5), { (const void *)(uintptr_t)8, 9 } };
	bool null[] = { false, true };
	hf_future *f;

	more.id = 4;
	more.many_json = HF_ARRAY(json, documents, 2);
	more.many_bytes = HF_ARRAY(bytes, blobs, 2);
	more.many_json.null = more.many_bytes.null = null;
	f = hf_insert_async(st.pool, thing, &more);
	free(text);
	free(bytes);
	t_done(f);
	t_verb(st.s, hf_get(st.s, thing, &got, HF_EQ(thing, id, 4)));
	ck_assert_uint_eq(got->many_json.n, 2);
	ck_assert_str_eq(got->many_json.v[0].s, "[1,  2]");
	ck_assert(got->many_json.null && !got->many_json.null[0] && got->many_json.null[1]);
	ck_assert_ptr_null(got->many_json.v[1].s);
	ck_assert_uint_eq(got->many_bytes.v[0].len, 5);
	ck_assert_mem_eq(got->many_bytes.v[0].data, "12345", 5);
	ck_assert_ptr_null(got->many_bytes.v[1].data);
	t_store_close(&st);
}
END_TEST

/* The server tells which of two types is meant, and whether there is one. */
START_TEST(test_parameters)
{
	struct thing rows[N];
	struct t_store st = things(rows);
	hf_json documents[] = { { "{\"b\":2, \"a\":1}" }, { NULL } };
	hf_inet nets[] = { rows[1].cidr };
	hf_mac macs[] = { rows[1].mac8 };
	hf_timetz bad[] = { { -1, 0 } };
	hf_future *f = hf_query(st.pool,
		"select $1::jsonb[]::text, $6::json[]::text, $2::cidr[]::text, $7::inet[]::text, "
		"$3::macaddr8[]::text, pg_typeof($4)::text, $5::jsonb[] is null",
		&HF_ARRAY(json, documents, 2), &HF_ARRAY(inet, nets, 1), &HF_ARRAY(mac, macs, 1),
		&HF_ARRAY(interval, &rows[1].interval.v, 1), (const hf_json_array *)NULL,
		&HF_ARRAY(json, documents, 2), &HF_ARRAY(inet, nets, 1));
	const hf_result *res = t_ok(f);
	hf_row row = hf_result_row(res, 0);

	ck_assert_str_eq(hf_row_text(row, 0), "{\"{\\\"a\\\": 1, \\\"b\\\": 2}\",NULL}");
	ck_assert_str_eq(hf_row_text(row, 1), "{\"{\\\"b\\\":2, \\\"a\\\":1}\",NULL}");
	ck_assert_str_eq(hf_row_text(row, 2), "{10.0.1.0/24}");
	ck_assert_str_eq(hf_row_text(row, 3), "{10.0.1.0/24}");
	ck_assert_str_eq(hf_row_text(row, 4), "{09:01:00:00:00:00:00:00}");
	ck_assert_str_eq(hf_row_text(row, 5), "interval[]");
	ck_assert(hf_row_bool(row, 6, false));
	hf_future_unref(f);
	f = hf_query(st.pool, "select $1", &HF_ARRAY(timetz, bad, 1));
	ck_assert_str_eq(
		hf_error_message(t_fails(f, HF_E_MISUSE)), "$1: hf_timetz lies outside the day");
	hf_future_unref(f);
	t_store_close(&st);
}
END_TEST

static void read_as(hf_pool *p, const char *sql, hf_dest to, hf_status want, const char *why)
{
	hf_future *f = hf_query(p, sql);
	hf_error *e = NULL;

	ck_assert_int_eq(hf_row_read(hf_result_row(t_ok(f), 0), "a", to, &e), want);
	ck_assert_str_eq(e ? hf_error_message(e) : "", why);
	hf_error_unref(e);
	if (want == HF_OK && to.type == (HF_T_BYTEA | HF_T_ARRAY)) {
		const hf_bytes_array *a = to.ptr;

		ck_assert_uint_eq(a->n, 3);
		ck_assert_mem_eq(a->v[0].data, "abc", 3);
		ck_assert_mem_eq(a->v[2].data, "d", 1);
		ck_assert_uint_eq(a->v[2].len, 1);
		ck_assert(a->null[1] && !a->null[2]);
	}
	hf_future_unref(f);
}

/* In text at first, and in binary when the server has been asked often enough. */
START_TEST(test_other_types)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_bytes_array bytes;
	hf_json_array json;
	hf_inet_array inet;
	hf_text_array text;

	for (int i = 0; i < 8; i++) {
		read_as(p, "select '{abc,NULL,d}'::text[] a", HF_TO(&bytes), HF_OK, "");
		read_as(p, "select '{abc,NULL,d}'::bytea[] a", HF_TO(&bytes), HF_OK, "");
		read_as(p, "select '{1,2}'::jsonb[] a", HF_TO(&text), HF_OK, "");
		read_as(p, "select '{1,2}'::text[] a", HF_TO(&json), HF_E_TYPE,
			"column \"a\": column type text[] does not fit hf_json_array");
		read_as(p, "select '{08:00:2b:01:02:03}'::macaddr[] a", HF_TO(&inet), HF_E_TYPE,
			"column \"a\": column type macaddr[] does not fit hf_inet_array");
		read_as(p, "select '::1'::inet a", HF_TO(&inet), HF_E_TYPE,
			"column \"a\": column type inet does not fit hf_inet_array");
	}
	t_close(p);
}
END_TEST

T_MAIN("types_arrays", { "J3 G19 arrays in conditions, at once and kept", test_any, 60 },
	{ "J3 what the items of an array point to is copied", test_kept, 0 },
	{ "J3 the server tells which of two types an array has", test_parameters, 0 },
	{ "J3 G19 arrays are read into what fits", test_other_types, 0 })
