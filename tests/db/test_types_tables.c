/* SPDX-License-Identifier: MIT */
/* Every type of a column, with its extremes: what the server has written is read into structs,
 * written back from them, one by one and many at once, and is the same to the server. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* X(type in HF_COLUMN, its C types, and three values as SQL literals) */
#define SCALARS(X)                                                                                 \
	X(a_bool, BOOL, bool, hf_bool_opt, "true", "false", "true")                                \
	X(an_int2, INT2, int16_t, hf_int2_opt, "-32768", "32767", "0")                             \
	X(an_int4, INT4, int32_t, hf_int4_opt, "-2147483648", "2147483647", "1")                   \
	X(an_int8, INT8, int64_t, hf_int8_opt, "-9223372036854775808", "9223372036854775807", "0") \
	X(a_float4, FLOAT4, float, hf_float4_opt, "'NaN'", "3.4028235e38", "'-Infinity'")          \
	X(a_float8, FLOAT8, double, hf_float8_opt, "'-0'", "5e-324", "'Infinity'")                 \
	X(a_nan, FLOAT8, double, hf_float8_opt, "'NaN'", "1.7976931348623157e308", "0.1")          \
	X(a_numeric, NUMERIC, hf_numeric, hf_numeric, "'NaN'",                                     \
		"123456789012345678901234567890.0123456789012345678901234567890", "-0.00000001")   \
	X(an_endless, NUMERIC, hf_numeric, hf_numeric, "'Infinity'", "'-Infinity'", "1e100")       \
	X(a_decimal, DECIMAL(12, 2), hf_numeric, hf_numeric, "-9999999999.99", "0.10", "5")        \
	X(a_text, TEXT, const char *, const char *, "''",                                          \
		"E'\\n\\t\\\\ \\'\" \\u00e4\\u20ac\\U0001f600'", "repeat('x', 100000)")            \
	X(a_varchar, VARCHAR(5), const char *, const char *, "'\u00e4\u00f6\u00fc\u00e4\u00f6'",   \
		"''", "' x '")                                                                     \
	X(a_char, CHARACTER(4), const char *, const char *, "'ab'", "''", "'abcd'")                \
	X(a_bytea, BYTEA, hf_bytes, hf_bytes, "'\\x'", "'\\x00ff0a5c'", "'\\x61'")                 \
	X(a_timestamptz, TIMESTAMPTZ, hf_timestamptz, hf_timestamptz_opt,                          \
		"'4713-01-01 00:00:00+00 BC'", "'infinity'", "'294246-12-31 23:59:59.999999+00'")  \
	X(a_timestamp, TIMESTAMP, hf_timestamp, hf_timestamp_opt, "'4713-01-01 00:00:00 BC'",      \
		"'-infinity'", "'2024-02-29 23:59:59.999999'")                                     \
	X(a_date, DATE, hf_date, hf_date_opt, "'4713-01-01 BC'", "'5874897-12-31'", "'infinity'")  \
	X(a_time, TIME, hf_time_of_day, hf_time_of_day_opt, "'24:00:00'", "'00:00:00'",            \
		"'12:34:56.789012'")                                                               \
	X(a_timetz, TIMETZ, hf_timetz, hf_timetz_opt, "'24:00:00-15:59'", "'00:00:00+15:59'",      \
		"'12:00:00.5+00'")                                                                 \
	X(an_interval, INTERVAL, hf_interval, hf_interval_opt, "'-178000000 years'",               \
		"'1 mon -2 days 03:04:05.000006'", "'0'")                                          \
	X(a_uuid, UUID, hf_uuid, hf_uuid_opt, "'00000000-0000-0000-0000-000000000000'",            \
		"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",                                          \
		"'0192d4a3-7a5b-7cc1-8f00-ffffffffffff'")                                          \
	X(a_json, JSON, hf_json, hf_json, "'{\"a\" : [1,  2]}'", "'null'", "'\"x\"'")              \
	X(a_jsonb, JSONB, hf_json, hf_json, "'{\"a\": [1, 2.50]}'", "'null'", "'1e3'")             \
	X(an_inet, INET, hf_inet, hf_inet_opt, "'127.0.0.1'", "'10.1.2.3/8'", "'2001:db8::1'")     \
	X(a_cidr, CIDR, hf_inet, hf_inet_opt, "'0.0.0.0/0'", "'10.0.0.0/8'", "'2001:db8::/32'")    \
	X(a_mac, MACADDR, hf_mac, hf_mac_opt, "'00:00:00:00:00:00'", "'08:00:2b:01:02:03'",        \
		"'ff:ff:ff:ff:ff:ff'")                                                             \
	X(a_mac8, MACADDR8, hf_mac, hf_mac_opt, "'00:00:00:00:00:00:00:00'",                       \
		"'08:00:2b:01:02:03:04:05'", "'ff:ff:ff:ff:ff:ff:00:01'")                          \
	X(an_lsn, PG_LSN, hf_lsn, hf_lsn_opt, "'0/0'", "'FFFFFFFF/FFFFFFFF'", "'16/B374D848'")     \
	X(a_mood, ENUM(mood), enum mood, hf_enum_opt, "'sad'", "'ok'", "'happy'")                  \
	X(a_late, RAW("timestamptz"), const char *, const char *,                                  \
		"'294276-12-31 23:59:59.999999+00'", "'-infinity'", "'2024-02-29 00:00:00+00'")    \
	X(a_vector, RAW("tsvector"), const char *, const char *, "'a:1 b:2,3'", "''", "'''x y'''") \
	X(a_range, RAW("int4range"), const char *, const char *, "'[1,5)'", "'empty'", "'(,)'")    \
	X(a_point, RAW("point"), const char *, const char *, "'(1,2)'", "'(-1e10,NaN)'",           \
		"'(0,0)'")                                                                         \
	X(bits, RAW("bit varying(8)"), const char *, const char *, "'101'", "''", "'11111111'")    \
	X(cash, RAW("money"), const char *, const char *, "'1.50'", "'0'", "'-3'")                 \
	X(a_name, RAW("name"), const char *, const char *, "'ab'", "''", "'A b\"'")                \
	X(a_letter, RAW("\"char\""), const char *, const char *, "'x'", "''", "'~'")               \
	X(an_oid, RAW("oid"), const char *, const char *, "0", "4294967295", "16384")              \
	X(an_xid, RAW("xid"), const char *, const char *, "'0'", "'4294967295'", "'3'")            \
	X(an_xid8, RAW("xid8"), const char *, const char *, "'0'", "'18446744073709551615'",       \
		"'3'")                                                                             \
	X(n_oid, OID, int64_t, hf_int8_opt, "0", "4294967295", "16384")                            \
	X(n_xid, XID, int64_t, hf_int8_opt, "'0'", "'4294967295'", "'3'")                          \
	X(n_xid8, XID8, int64_t, hf_int8_opt, "'0'", "'9223372036854775807'", "'3'")               \
	X(a_class, RAW("regclass"), const char *, const char *, "'pg_class'", "'pg_type'", "'-'")  \
	X(a_domain, RAW("t_word"), const char *, const char *, "'abc'", "''", "'x'")               \
	X(a_number, RAW("t_small"), const char *, const char *, "0", "9", "-9")

#define ARRAYS(X)                                                                                  \
	X(bools, ARRAY(BOOL), hf_bool_array, hf_bool_array, "'{t,NULL,f}'", "'{}'", "'{{t,f}}'")   \
	X(int2s, ARRAY(INT2), hf_int2_array, hf_int2_array, "'{-32768,32767}'", "'{}'",            \
		"'{NULL}'")                                                                        \
	X(int4s, ARRAY(INT4), hf_int4_array, hf_int4_array, "'[0:1][2:3]={{1,2},{3,NULL}}'",       \
		"'{}'", "'{{{1},{2}},{{3},{4}}}'")                                                 \
	X(int8s, ARRAY(INT8), hf_int8_array, hf_int8_array, "'{9223372036854775807}'", "'{}'",     \
		"'[-2:-1]={1,2}'")                                                                 \
	X(float4s, ARRAY(FLOAT4), hf_float4_array, hf_float4_array, "'{NaN,-0}'", "'{}'", "'{1}'") \
	X(float8s, ARRAY(FLOAT8), hf_float8_array, hf_float8_array, "'{Infinity,5e-324}'", "'{}'", \
		"'{NULL,NULL}'")                                                                   \
	X(numerics, ARRAY(NUMERIC), hf_numeric_array, hf_numeric_array, "'{NaN,1.50,NULL}'",       \
		"'{}'", "'{-0.001}'")                                                              \
	X(texts, ARRAY(TEXT), hf_text_array, hf_text_array, "E'{\"\",NULL,\"NULL\",\"a,b\"}'",     \
		"'{}'", "'{{\"\\\"\",\"\\\\\"},{\"{\",\"}\"}}'")                                   \
	X(timestamptzs, ARRAY(TIMESTAMPTZ), hf_timestamptz_array, hf_timestamptz_array,            \
		"'{infinity,4713-01-01 00:00:00+00 BC}'", "'{}'", "'{NULL}'")                      \
	X(timestamps, ARRAY(TIMESTAMP), hf_timestamp_array, hf_timestamp_array,                    \
		"'{-infinity,2024-02-29 12:00:00.000001}'", "'{}'", "'{NULL}'")                    \
	X(dates, ARRAY(DATE), hf_date_array, hf_date_array, "'{infinity,4713-01-01 BC}'", "'{}'",  \
		"'{NULL,5874897-12-31}'")                                                          \
	X(uuids, ARRAY(UUID), hf_uuid_array, hf_uuid_array,                                        \
		"'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}'", "'{}'",                           \
		"'{{00000000-0000-0000-0000-000000000000}}'")                                      \
	X(moods, ENUM_ARRAY(mood), hf_int4_array, hf_int4_array, "'{sad,NULL,happy}'", "'{}'",     \
		"'[0:0]={ok}'")                                                                    \
	X(byteas, ARRAY(BYTEA), hf_bytes_array, hf_bytes_array, "'{\"\\\\x00ff0a5c\",NULL,\"\"}'", \
		"'{}'", "'{{\"\\\\x\"},{\"\\\\x61\"}}'")                                           \
	X(times, ARRAY(TIME), hf_time_of_day_array, hf_time_of_day_array,                          \
		"'{24:00,NULL,23:59:59.999999}'", "'{}'", "'[0:0]={0:0}'")                         \
	X(timetzs, ARRAY(TIMETZ), hf_timetz_array, hf_timetz_array, "'{24:00:00-15:59,NULL}'",     \
		"'{}'", "'{{00:00:00+15:59},{12:00:00.5+00}}'")                                    \
	X(intervals, ARRAY(INTERVAL), hf_interval_array, hf_interval_array,                        \
		"'{1 mon -2 days 03:04:05.000006,NULL}'", "'{}'", "'{{0},{-178000000 years}}'")    \
	X(jsons, ARRAY(JSON), hf_json_array, hf_json_array,                                        \
		"array['{\"a\" : [1,  2]}', null, 'null', '\"x\"']::json[]", "'{}'",               \
		"'{{1e3},{\"{}\"}}'")                                                              \
	X(jsonbs, ARRAY(JSONB), hf_json_array, hf_json_array,                                      \
		"array['{\"a\": [1, \"\\\\\\\"{,}\"]}', null, 'null']::jsonb[]", "'{}'",           \
		"'[2:2]={1e3}'")                                                                   \
	X(inets, ARRAY(INET), hf_inet_array, hf_inet_array, "'{10.1.2.3/8,::1,NULL}'", "'{}'",     \
		"'{NULL}'")                                                                        \
	X(cidrs, ARRAY(CIDR), hf_inet_array, hf_inet_array, "'{10.0.0.0/8,NULL,2001:db8::/32}'",   \
		"'{}'", "'{{0.0.0.0/0}}'")                                                         \
	X(macs, ARRAY(MACADDR), hf_mac_array, hf_mac_array, "'{08:00:2b:01:02:03,NULL}'", "'{}'",  \
		"'{{ff:ff:ff:ff:ff:ff}}'")                                                         \
	X(mac8s, ARRAY(MACADDR8), hf_mac_array, hf_mac_array, "'{08:00:2b:01:02:03:04:05,NULL}'",  \
		"'{}'", "'[0:0]={ff:ff:ff:ff:ff:ff:00:01}'")                                       \
	X(raw_jsons, RAW("jsonb[]"), const char *, const char *,                                   \
		"array['{\"a\": [1]}', null, 'null']::jsonb[]", "'{}'", "'{1e3}'")                 \
	X(raw_inets, RAW("inet[]"), const char *, const char *, "'{10.1.2.3/8,::1}'", "'{}'",      \
		"'{NULL}'")                                                                        \
	X(words, RAW("varchar(5)[]"), const char *, const char *, "'{abcde,NULL,\"a,b\"}'",        \
		"'{}'", "'[0:0]={x}'")                                                             \
	X(exact, RAW("numeric(5,2)[]"), const char *, const char *, "'{NaN,999.99}'", "'{}'",      \
		"'{-0.01}'")

/* clang-format off */
#define MEMBER(name, TYPE, plain, opt, ...)     plain name;
#define MEMBER_OPT(name, TYPE, plain, opt, ...) opt name;
struct scalar { int32_t id; SCALARS(MEMBER) };
struct scalar_opt { int32_t id; SCALARS(MEMBER_OPT) };
struct list { int32_t id; ARRAYS(MEMBER) };
struct list_opt { int32_t id; ARRAYS(MEMBER_OPT) };

#define COLUMN(T, name, TYPE, N) HF_COLUMN(T, name, TYPE, N, HF_PLAIN),
#define SCALAR(name, TYPE, ...)     COLUMN(scalar, name, TYPE, NOT_NULL)
#define SCALAR_OPT(name, TYPE, ...) COLUMN(scalar_opt, name, TYPE, NULLABLE)
#define LIST(name, TYPE, ...)       COLUMN(list, name, TYPE, NOT_NULL)
#define LIST_OPT(name, TYPE, ...)   COLUMN(list_opt, name, TYPE, NULLABLE)
static const hf_column scalar_columns[] = { HF_COLUMN(scalar, id, INT4, NOT_NULL, HF_SERIAL), SCALARS(SCALAR) };
static const hf_column scalar_opt_columns[] = { HF_COLUMN(scalar_opt, id, INT4, NOT_NULL, HF_SERIAL), SCALARS(SCALAR_OPT) };
static const hf_column list_columns[] = { HF_COLUMN(list, id, INT4, NOT_NULL, HF_SERIAL), ARRAYS(LIST) };
static const hf_column list_opt_columns[] = { HF_COLUMN(list_opt, id, INT4, NOT_NULL, HF_SERIAL), ARRAYS(LIST_OPT) };
extern const hf_table scalar_table, scalar_opt_table, list_table, list_opt_table;
HF_TABLE(scalar, .name = "t_every");
HF_TABLE(scalar_opt, .name = "t_every");
HF_TABLE(list, .name = "t_every");
HF_TABLE(list_opt, .name = "t_every");

#define VALUES(name, TYPE, plain, opt, a, b, c) { a, b, c },
static const char *const scalar_values[][3] = { SCALARS(VALUES) };
static const char *const list_values[][3] = { ARRAYS(VALUES) };
/* clang-format on */

struct place {
	hf_pool *pool;
	hf_session *s;
};

/* Three rows of the values, and with `nulls` one without any. */
static struct place open_place(
	const hf_table *t, const char *const (*values)[3], size_t n, bool nulls)
{
	struct place p = { .pool = t_pool(HF_POOL_OPTS(.max_conns = 1)) };
	char sql[16000];
	size_t at;

	p.s = hf_session_on_pool(p.pool);
	free(t_psql(
		"set client_min_messages to warning; drop domain if exists t_word, t_small cascade;"
		"create domain t_word text check (length(value) <= 3);"
		"create domain t_small int check (abs(value) < 10)"));
	t_verb(p.s, hf_table_create(p.s, t, HF_DROP_FIRST));
	for (int k = 0; k < 3; k++) {
		at = (size_t)snprintf(sql, sizeof sql, "insert into t_every values (default");
		for (size_t i = 0; i < n; i++)
			at += (size_t)snprintf(sql + at, sizeof sql - at, ", %s", values[i][k]);
		snprintf(sql + at, sizeof sql - at, ")");
		ck_assert_uint_lt(at, sizeof sql - 1);
		t_done(hf_query(p.pool, sql));
	}
	if (nulls)
		t_done(hf_query(p.pool, "insert into t_every default values"));
	return p;
}

static void close_place(struct place *p, const hf_table *t)
{
	t_verb(p->s, hf_table_drop(p->s, t, 0));
	free(t_psql("drop type mood"));
	hf_session_unref(p->s);
	t_close(p->pool);
}

/* Row i + `by` is what row i is. */
static void check_copies(struct place *p, int n, int by)
{
	hf_future *f = hf_query(p->pool,
		"select a.id, l.key, l.value, r.value from t_every a join t_every b on b.id = a.id "
		"+ $2, lateral json_each_text(row_to_json(a)) l join lateral "
		"json_each_text(row_to_json(b)) r on r.key = l.key where a.id <= $1 and l.key <> "
		"'id' and l.value is distinct from r.value",
		n, by);
	const hf_result *res = t_ok(f);
	hf_row row = hf_result_row(res, 0);

	if (hf_result_rows(res) > 0)
		ck_abort_msg("row %s, %s: %.200s became %.200s", hf_row_text(row, 0),
			hf_row_text(row, 1), hf_row_text(row, 2), hf_row_text(row, 3));
	hf_future_unref(f);
	f = hf_query(
		p->pool, "select count(*) from t_every where id > $1 and id <= $1 + $2", by, n);
	ck_assert_int_eq(t_int(f), n);
}

/* --- COPY --- */

struct flow {
	const hf_table *t;
	char *row; /* n structs, which begin with their ids */
	int n, i, taken;
	char **json; /* of the originals, whose ids are 1 … n */
};

static hf_status give(const void **row, void *arg)
{
	struct flow *f = arg;

	*row = f->i < f->n ? f->row + (size_t)f->i * f->t->row_size : NULL;
	f->i++;
	return HF_OK;
}

/* Row 1, n + 1, 2n + 1 … are what the first one is. */
static hf_status take(void *row, void *arg)
{
	struct flow *f = arg;
	int32_t *id = row;
	char *text;

	*id = (*id - 1) % f->n + 1;
	text = hf_row_json(f->t, row, true);
	if (strcmp(text, f->json[*id - 1]) != 0)
		ck_abort_msg("%.500s is not %.500s", text, f->json[*id - 1]);
	free(text);
	f->taken++;
	return HF_OK;
}

/* The originals go in once more, and then everything comes out, and is the originals. */
static void copy_structs(struct place *p, const hf_table *t, void *row, int n, int by)
{
	struct flow f = { .t = t, .row = row, .n = n, .json = calloc((size_t)n, sizeof(char *)) };

	for (int i = 0; i < n; i++) {
		f.json[i] = hf_row_json(t, f.row + (size_t)i * t->row_size, true);
		*(int32_t *)(void *)(f.row + (size_t)i * t->row_size) = 0;
	}
	t_done(hf_copy_structs_in_at(HF_HERE, p->pool, t, give, &f, NULL));
	check_copies(p, n, by);
	t_done(hf_copy_structs_out_at(HF_HERE, p->pool, t, take, &f, NULL));
	ck_assert_int_eq(f.taken, n + by);
	for (int i = 0; i < n; i++)
		free(f.json[i]);
	free(f.json);
}

/* The originals: text when they are selected first, and binary when the server has been asked often
 * enough. */
#define ORIGINALS(T, p, rows, count)                                                               \
	t_verb((p).s, hf_select((p).s, T, &rows, HF_WHERE(HF_LE(T, id, (count))),                  \
			      HF_ORDER(HF_ASC(T, id))));                                           \
	ck_assert_uint_eq(hf_rows_count(rows), (count))

#define ROUND_TRIP(T, p, count)                                                                    \
	do {                                                                                       \
		hf_rows *rows;                                                                     \
		struct T *row;                                                                     \
                                                                                                   \
		ORIGINALS(T, p, rows, count);                                                      \
		row = HF_ROWS(T, rows);                                                            \
		for (int i = 0; i < (count); i++) {                                                \
			row[i].id = 0;                                                             \
			t_verb((p).s, hf_insert((p).s, T, &row[i]));                               \
			ck_assert_int_eq(row[i].id, i + 1 + (count));                              \
		}                                                                                  \
		check_copies(&(p), (count), (count));                                              \
		for (int i = 0; i < (count); i++)                                                  \
			row[i].id = 0;                                                             \
		t_verb((p).s, hf_insert_many((p).s, T, row, (count)));                             \
		check_copies(&(p), (count), 2 * (count));                                          \
		for (int i = 0; i < (count); i++) {                                                \
			row[i].id = 2 * (count) + (i + 1) % (count) + 1; /* another's place */     \
			t_verb((p).s, hf_update((p).s, T, &row[i]));                               \
		}                                                                                  \
		for (int i = 0; i < 8; i++) {                                                      \
			hf_rows_unref(rows);                                                       \
			ORIGINALS(T, p, rows, count);                                              \
		}                                                                                  \
		row = HF_ROWS(T, rows);                                                            \
		for (int i = 0; i < (count); i++) {                                                \
			row[i].id = 2 * (count) + i + 1;                                           \
			t_verb((p).s, hf_update((p).s, T, &row[i]));                               \
		}                                                                                  \
		check_copies(&(p), (count), 2 * (count));                                          \
		hf_rows_unref(rows);                                                               \
		ORIGINALS(T, p, rows, count);                                                      \
		copy_structs(&(p), &T##_table, HF_ROWS(T, rows), (count), 3 * (count));            \
		hf_rows_unref(rows);                                                               \
	} while (0)

START_TEST(test_scalars)
{
	struct place p = open_place(&scalar_table, scalar_values, T_COUNT(scalar_values), false);

	ROUND_TRIP(scalar, p, 3);
	close_place(&p, &scalar_table);
}
END_TEST

START_TEST(test_nullable)
{
	struct place p = open_place(&scalar_opt_table, scalar_values, T_COUNT(scalar_values), true);

	ROUND_TRIP(scalar_opt, p, 4);
	close_place(&p, &scalar_opt_table);
}
END_TEST

START_TEST(test_arrays)
{
	struct place p = open_place(&list_table, list_values, T_COUNT(list_values), false);

	ROUND_TRIP(list, p, 3);
	close_place(&p, &list_table);
}
END_TEST

START_TEST(test_nullable_arrays)
{
	struct place p = open_place(&list_opt_table, list_values, T_COUNT(list_values), true);

	ROUND_TRIP(list_opt, p, 4);
	close_place(&p, &list_opt_table);
}
END_TEST

/* A row of the library's own SQL is one of a result with more rows than fit into a packed one. */
START_TEST(test_large_result)
{
	struct place p = open_place(&scalar_opt_table, scalar_values, T_COUNT(scalar_values), true);
	hf_rows *rows, *one;
	struct scalar_opt *row;

	t_done(hf_query(p.pool,
		"insert into t_every select id + k * 4, (r).a_bool, (r).an_int2 from (select r, "
		"id from t_every r) x, generate_series(1, 200) k"));
	t_verb(p.s, hf_select(p.s, scalar_opt, &rows, HF_ORDER(HF_ASC(scalar_opt, id))));
	ck_assert_uint_eq(hf_rows_count(rows), 804);
	row = HF_ROWS(scalar_opt, rows);
	t_verb(p.s, hf_select(p.s, scalar_opt, &one, HF_WHERE(HF_EQ(scalar_opt, id, 2))));
	ck_assert_str_eq(HF_ROWS(scalar_opt, one)->a_text, row[1].a_text);
	ck_assert_int_eq(row[801].an_int2.v, row[1].an_int2.v);
	ck_assert(row[1].a_numeric.s && !row[801].a_numeric.s && !row[803].a_bool.has);
	hf_rows_unref(rows);
	hf_rows_unref(one);
	close_place(&p, &scalar_opt_table);
}
END_TEST

T_MAIN("types_tables", { "G18 G19 G22 every type, with its extremes", test_scalars, 60 },
	{ "J3 G18 G22 every type, and NULL", test_nullable, 60 },
	{ "J3 arrays of every type: empty, nested, with NULL", test_arrays, 60 },
	{ "J3 arrays that may be NULL", test_nullable_arrays, 60 },
	{ "rows of a large result", test_large_result, 0 })
