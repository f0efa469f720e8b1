/* SPDX-License-Identifier: MIT */
/* Where types do not fit, and what the server fills in. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct note {
	hf_uuid id;
	const char *text;
	hf_json extra;
	hf_inet from;
	hf_timestamptz at;
};
static const hf_column note_columns[] = {
	HF_COLUMN(note, id, UUID, NOT_NULL, HF_PK, HF_DEFAULT("gen_random_uuid()")),
	HF_COLUMN(note, text, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(note, extra, JSONB, NULLABLE, HF_PLAIN),
	HF_COLUMN(note, from, INET, NOT_NULL, HF_PLAIN),
	HF_COLUMN(note, at, TIMESTAMPTZ, NOT_NULL, HF_DEFAULT("now()")),
};
extern const hf_table note_table;
HF_TABLE(note, .name = "note");

struct place {
	hf_pool *pool;
	hf_session *s;
};

static struct place open_place(void)
{
	struct place p = { .pool = t_pool(NULL) };

	p.s = hf_session_on_pool(p.pool);
	t_verb(p.s, hf_table_create(p.s, &note_table, HF_DROP_FIRST));
	return p;
}

static void close_place(struct place *p)
{
	t_verb(p->s, hf_table_drop(p->s, &note_table, 0));
	hf_session_unref(p->s);
	t_close(p->pool);
}

/* 127.0.0.1 */
static const hf_inet home = { .bits = 32, .addr = { 127, 0, 0, 1 } };

/* † peewee-async: test_insert__uuid_pk; pulsar-odm: test_create_task, test_update_task. */
START_TEST(test_insert__uuid_pk)
{
	/* Version 7: a time in front. */
	static const hf_uuid seven = { { 0x01, 0x92, 0xd4, 0xa3, 0x7a, 0x5b, 0x7c, 0xc1, 0x8f, 0, 1,
		2, 3, 4, 5, 6 } };
	struct place p = open_place();
	struct note *n = hf_new(p.s, note), own = { .id = seven, .text = "seven" }, *read;

	n->text = "four";
	n->from = own.from = home;
	n->extra.s = "{\"tags\": [\"a\"]}";
	t_verb(p.s, hf_insert(p.s, note, n));
	ck_assert_uint_eq(n->id.b[6] >> 4, 4); /* the server's is of version 4 */
	own.at.us = 1;
	t_verb(p.s, hf_insert(p.s, note, &own));
	t_verb(p.s, hf_get(p.s, note, &read, HF_EQ(note, id, seven)));
	ck_assert_mem_eq(&read->id, &seven, sizeof seven);
	ck_assert_mem_eq(&read->from, &home, sizeof home);
	ck_assert_int_eq(read->at.us, 1);
	ck_assert(!read->extra.s);
	t_verb(p.s, hf_get(p.s, note, &read, HF_EQ(note, id, n->id)));
	ck_assert_str_eq(read->extra.s, "{\"tags\": [\"a\"]}");
	read->extra.s = "{\"tags\": []}";
	t_verb(p.s, hf_update(p.s, note, read));
	ck_assert_int_eq(
		t_psql_int("select jsonb_array_length(extra->'tags') from note where extra is not "
			   "null"),
		0);
	close_place(&p);
}
END_TEST

/* PostgreSQL's last 29 years are beyond the C type: they are told, and can be read as text. */
START_TEST(test_beyond)
{
	struct place p = open_place();
	struct note *read;

	t_done(hf_query(p.pool, "insert into note values (default, 'late', null, '::1', "
				"'294276-12-31 23:59:59.999999+00')"));
	ck_assert_int_eq(hf_get(p.s, note, &read, HF_EQ(note, text, "late")), HF_E_TYPE);
	ck_assert_ptr_nonnull(strstr(
		hf_error_message(hf_session_error(p.s)), "table \"note\", row 1, column \"at\": "));
	t_done(hf_query(p.pool, "update note set at = '294247-01-10 04:00:54.775806+00'"));
	t_verb(p.s, hf_get(p.s, note, &read, HF_EQ(note, text, "late")));
	ck_assert_int_eq(read->at.us, INT64_MAX - 1);
	close_place(&p);
}
END_TEST

struct wrong {
	hf_uuid id;
	int32_t text;
	hf_json extra;
	hf_inet from;
	hf_timestamptz at;
};
static const hf_column wrong_columns[] = {
	HF_COLUMN(wrong, id, UUID, NOT_NULL, HF_PK, HF_DEFAULT("gen_random_uuid()")),
	HF_COLUMN(wrong, text, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(wrong, extra, JSONB, NOT_NULL, HF_PLAIN),
	HF_COLUMN(wrong, from, INET, NOT_NULL, HF_PLAIN),
	HF_COLUMN(wrong, at, TIMESTAMPTZ, NOT_NULL, HF_PLAIN),
};
extern const hf_table wrong_table;
HF_TABLE(wrong, .name = "note");

/* A description that the table is not: the error names table, row, column and both types. */
START_TEST(test_other_types)
{
	struct place p = open_place();
	hf_rows *rows = NULL;

	t_done(hf_query(p.pool,
		"insert into note (text, extra, \"from\") values ('a', '1', '::1'), ('b', null, "
		"'::1')"));
	ck_assert_int_eq(hf_select(p.s, wrong, &rows, HF_ALL), HF_E_TYPE);
	ck_assert_str_eq(hf_error_message(hf_session_error(p.s)),
		"table \"note\", row 1, column \"text\": column \"text\": column type text does "
		"not fit int4");
	ck_assert_int_eq(
		hf_select_sql(p.s, wrong, &rows,
			"select id, 7 as text, extra, \"from\", at from note order by note.text"),
		HF_E_NULL);
	ck_assert_str_eq(hf_error_message(hf_session_error(p.s)),
		"table \"note\", row 2, column \"extra\": it is NULL, and NOT_NULL in the model");
	ck_assert_int_eq(
		hf_select_sql(p.s, wrong, &rows, "select id, 7 as text from note"), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(hf_session_error(p.s)),
		"table \"note\": the statement has no column \"extra\", which may not be NULL");
	ck_assert_ptr_null(rows);
	close_place(&p);
}
END_TEST

/* What the server counts without a sign, and what has no order, and no cast from a number. */
struct seen {
	int64_t class;
	hf_int8_opt xid;
	int64_t epoch;
};
static const hf_column seen_columns[] = {
	HF_COLUMN(seen, class, OID, NOT_NULL, HF_PK),
	HF_COLUMN(seen, xid, XID, NULLABLE, HF_PLAIN),
	HF_COLUMN(seen, epoch, XID8, NOT_NULL, HF_PLAIN),
};
extern const hf_table seen_table;
HF_TABLE(seen, .name = "seen");

START_TEST(test_unsigned)
{
	struct place p = open_place();
	const int64_t large = INT64_C(4294967295), list[] = { large, 7 };
	struct seen some[] = { { large, HF_SOME(large), INT64_MAX }, { 7, { false, 0 }, 0 } }, *one;
	struct seen more = { large + 1, HF_SOME(1), 1 };
	hf_rows *rows;
	int64_t n = 0;

	t_verb(p.s, hf_table_create(p.s, &seen_table, HF_DROP_FIRST));
	t_verb(p.s, hf_insert_many(p.s, seen, some, 2));
	for (int i = 0; i < 8; i++) { /* until it is prepared, and its answers are binary */
		t_verb(p.s, hf_get(p.s, seen, &one, HF_EQ(seen, class, large),
				    HF_EQ(seen, xid, large), HF_EQ(seen, epoch, INT64_MAX)));
		ck_assert_int_eq(one->class, large);
		ck_assert(one->xid.has && one->xid.v == large && one->epoch == INT64_MAX);
	}
	t_verb(p.s, hf_select(p.s, seen, &rows,
			    HF_WHERE(HF_ANY(seen, class, &HF_ARRAY(int8, list, 2)))));
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	hf_rows_unref(rows);
	t_verb(p.s,
		hf_select(p.s, seen, &rows, HF_WHERE(HF_ANY(seen, xid, &HF_ARRAY(int8, list, 2)))));
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	hf_rows_unref(rows);
	some[1].xid = (hf_int8_opt)HF_SOME(9);
	t_verb(p.s, hf_update_many(p.s, seen, some, 2, HF_COLUMNS(HF_C(seen, xid)), &n));
	ck_assert_int_eq(n, 2);
	ck_assert_int_eq(t_psql_int("select count(*) from seen where class = 7 and xid = '9' and "
				    "epoch = '0'"),
		1);
	ck_assert_int_eq(hf_insert(p.s, seen, &more), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(p.s)), "22003");
	t_done(hf_query(p.pool, "update seen set epoch = '9223372036854775808' where class = 7"));
	ck_assert_int_eq(hf_get(p.s, seen, &one, HF_EQ(seen, class, 7)), HF_E_TYPE);
	ck_assert_ptr_nonnull(
		strstr(hf_error_message(hf_session_error(p.s)), "9223372036854775808"));
	t_verb(p.s, hf_table_drop(p.s, &seen_table, 0));
	close_place(&p);
}
END_TEST

/* Columns of a statement are found by their names, in any order, twice, or not at all. */
START_TEST(test_columns_by_name)
{
	struct place p = open_place();
	hf_rows *rows;
	struct note *n;

	t_done(hf_query(p.pool, "insert into note (text, \"from\") values ('a', '127.0.0.1')"));
	t_verb(p.s, hf_select_sql(p.s, note, &rows,
			    "select 1 as other, at, \"from\", 'x' as more, id, text || '2' as text "
			    "from note"));
	n = HF_ROWS(note, rows);
	ck_assert_str_eq(n->text, "a2");
	ck_assert_mem_eq(&n->from, &home, sizeof home);
	ck_assert(hf_rows_have(rows, HF_C(note, text)) && !hf_rows_have(rows, HF_C(note, extra)));
	ck_assert(!hf_rows_have(rows, 4711) && !hf_rows_have(NULL, HF_C(note, text)));
	ck_assert_ptr_null(HF_ROWS(wrong, rows));
	ck_assert_ptr_eq(hf_rows_table(rows), &note_table);
	hf_rows_unref(rows);
	ck_assert_int_eq(hf_select_sql(p.s, note, &rows, "select n.*, o.* from note n, note o"),
		HF_E_MISUSE);
	t_verb(p.s, hf_select_sql(p.s, note, &rows, "select * from note where false"));
	ck_assert_uint_eq(hf_rows_count(rows), 0);
	ck_assert_ptr_null(HF_ROWS(note, rows));
	hf_rows_unref(rows);
	close_place(&p);
}
END_TEST

enum temper { SAD, OK };
HF_ENUM(temper, "temper", [SAD] = "sad", [OK] = "ok");

struct preset {
	int32_t id;
	bool on;
	int32_t n;
	enum temper temper;
	const char *word;
	double ratio;
	hf_timestamptz at;
};
static const hf_column preset_columns[] = {
	HF_COLUMN(preset, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(preset, on, BOOL, NOT_NULL, HF_DEFAULT("true")),
	HF_COLUMN(preset, n, INT4, NOT_NULL, HF_DEFAULT("21")),
	HF_COLUMN(preset, temper, ENUM(temper), NOT_NULL, HF_DEFAULT("'ok'")),
	HF_COLUMN(preset, word, TEXT, NOT_NULL, HF_DEFAULT("'it''s'::text")),
	HF_COLUMN(preset, ratio, FLOAT8, NOT_NULL, HF_DEFAULT("-1.5e3")),
	HF_COLUMN(preset, at, TIMESTAMPTZ, NOT_NULL, HF_DEFAULT("now()")),
};
extern const hf_table preset_table;
HF_TABLE(preset, .name = "preset");

/* A constant default is in a new row; what is set to zero then is zero, and not the default. */
START_TEST(test_presets)
{
	struct place p = { .pool = t_pool(NULL) };
	struct preset *a, *b, *read;

	p.s = hf_session_on_pool(p.pool);
	t_verb(p.s, hf_table_create(p.s, &preset_table, HF_DROP_FIRST));
	a = hf_new(p.s, preset);
	b = hf_new(p.s, preset);
	ck_assert(a->on && a->n == 21 && a->temper == OK && a->at.us == 0);
	ck_assert_str_eq(a->word, "it's");
	ck_assert_double_eq(a->ratio, -1500);
	b->on = false;
	b->n = 0;
	b->temper = SAD;
	b->word = "";
	b->ratio = 0;
	t_verb(p.s, hf_insert(p.s, preset, a));
	t_verb(p.s, hf_insert(p.s, preset, b));
	t_verb(p.s, hf_get(p.s, preset, &read, HF_EQ(preset, id, a->id)));
	ck_assert(read->on && read->n == 21 && read->temper == OK && read->at.us != 0);
	ck_assert_str_eq(read->word, "it's");
	ck_assert_double_eq(read->ratio, -1500);
	t_verb(p.s, hf_get(p.s, preset, &read, HF_EQ(preset, id, b->id)));
	ck_assert(!read->on && read->n == 0 && read->temper == SAD && read->ratio == 0);
	ck_assert_str_eq(read->word, "");
	t_verb(p.s, hf_table_drop(p.s, &preset_table, 0));
	free(t_psql("drop type if exists temper"));
	hf_session_unref(p.s);
	t_close(p.pool);
}
END_TEST

struct narrow {
	int32_t id;
	const char *word, *bits, *two;
};
static const hf_column narrow_columns[] = {
	HF_COLUMN(narrow, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(narrow, word, RAW("varchar(3)"), NULLABLE, HF_PLAIN),
	HF_COLUMN(narrow, bits, RAW("bit(4)"), NULLABLE, HF_PLAIN),
	HF_COLUMN(narrow, two, RAW("character (2)"), NULLABLE, HF_PLAIN),
};
extern const hf_table narrow_table;
HF_TABLE(narrow, .name = "narrow");

/* Alone or among many: what is too long is refused, and never cut. */
START_TEST(test_too_long)
{
	static const struct narrow rows[] = { { 1, "abcd", NULL, NULL }, { 2, NULL, "10101", NULL },
		{ 3, NULL, "101", NULL }, { 4, NULL, NULL, "abc" } };
	struct place p = { .pool = t_pool(NULL) };
	struct narrow good[] = { { 5, "abc", "1010", "ab" }, { 6, "", NULL, "c" } }, *read;

	p.s = hf_session_on_pool(p.pool);
	t_verb(p.s, hf_table_create(p.s, &narrow_table, HF_DROP_FIRST));
	for (size_t i = 0; i < T_COUNT(rows); i++) {
		struct narrow some[] = { { .id = 7 }, rows[i] };

		ck_assert_int_eq(hf_insert(p.s, narrow, &some[1]), HF_E_SQL);
		ck_assert_int_eq(hf_insert_many(p.s, narrow, some, 2), HF_E_SQL);
		ck_assert_int_eq(strncmp(hf_error_sqlstate(hf_session_error(p.s)), "2200", 3), 0);
	}
	t_verb(p.s, hf_insert_many(p.s, narrow, good, 2));
	t_verb(p.s, hf_get(p.s, narrow, &read, HF_EQ(narrow, id, 5)));
	ck_assert_str_eq(read->word, "abc");
	ck_assert_str_eq(read->bits, "1010");
	ck_assert_str_eq(read->two, "ab");
	t_verb(p.s, hf_table_drop(p.s, &narrow_table, 0));
	hf_session_unref(p.s);
	t_close(p.pool);
}
END_TEST

/* † pulsar: test_datetime_field: text without a zone is UTC, on a connection of any zone. */
struct moment {
	int32_t id;
	hf_timestamptz at;
};
static const hf_column moment_columns[] = {
	HF_COLUMN(moment, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(moment, at, TIMESTAMPTZ, NOT_NULL, HF_PLAIN),
};
HF_TABLE(moment, .name = "moment");

START_TEST(test_datetime_field)
{
	char dsn[1024];
	struct place p;
	struct moment m = { .id = 0 }, *read;
	const char *zone;

	if (strstr(t_dsn(), "://"))
		t_skip("a time zone needs a connection string of keys and values");
	snprintf(dsn, sizeof dsn, "%s options='-c TimeZone=Asia/Kolkata'", t_dsn());
	p.pool = t_pool_on(dsn, NULL);
	p.s = hf_session_on_pool(p.pool);
	t_verb(p.s, hf_table_create(p.s, &moment_table, HF_DROP_FIRST));
	t_verb(p.s, hf_set_text(p.s, moment, &m, "at", "2024-05-01 12:00:00"));
	t_verb(p.s, hf_insert(p.s, moment, &m));
	t_verb(p.s,
		hf_scalar(p.s, moment, &zone, HF_SQL_TERM("current_setting('TimeZone')"), HF_ALL));
	ck_assert_str_eq(zone, "Asia/Kolkata");
	t_sql_gives("select to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') from moment",
		"2024-05-01 12:00:00");
	t_verb(p.s, hf_get(p.s, moment, &read, HF_EQ(moment, id, m.id)));
	ck_assert_int_eq(read->at.us, 1714564800000000);
	t_verb(p.s, hf_table_drop(p.s, &moment_table, 0));
	hf_session_unref(p.s);
	t_close(p.pool);
}
END_TEST

T_MAIN("types_edges",
	{ "G18 G19 G22 a UUID as key, JSON changed, an address", test_insert__uuid_pk, 0 },
	{ "G23 times beyond the C type are told", test_beyond, 0 },
	{ "columns of other types, NULL, missing", test_other_types, 0 },
	{ "G18 H11 numbers of rows and transactions", test_unsigned, 0 },
	{ "columns are found by their names", test_columns_by_name, 0 },
	{ "H11 what is too long for its column is refused, alone or among many", test_too_long, 0 },
	{ "G23 a naive time is stored as UTC", test_datetime_field, 0 },
	{ "G25 H1 a default that is a constant is in a new row", test_presets, 0 })
