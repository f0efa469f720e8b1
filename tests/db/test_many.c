/* SPDX-License-Identifier: MIT */
/* Many rows in one statement, and one text for any number of them. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What has no array of its own in C, and what is one itself. */
struct odd {
	int64_t id;
	hf_int4_array numbers;
	hf_text_array words;
	hf_bytes bytes;
	hf_json json;
	hf_inet_opt inet;
	const char *point;
	hf_enum_opt mood;
	int32_t twice;
};
static const hf_column odd_columns[] = {
	HF_COLUMN(odd, id, INT8, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(odd, numbers, ARRAY(INT4), NULLABLE, HF_PLAIN),
	HF_COLUMN(odd, words, ARRAY(TEXT), NULLABLE, HF_PLAIN),
	HF_COLUMN(odd, bytes, BYTEA, NULLABLE, HF_PLAIN),
	HF_COLUMN(odd, json, JSONB, NULLABLE, HF_PLAIN),
	HF_COLUMN(odd, inet, INET, NULLABLE, HF_PLAIN),
	HF_COLUMN(odd, point, RAW("point"), NULLABLE, HF_PLAIN),
	HF_COLUMN(odd, mood, ENUM(mood), NULLABLE, HF_PLAIN),
	HF_COLUMN(odd, twice, INT4, NOT_NULL, HF_GENERATED("cardinality(numbers) * 2")),
};
HF_TABLE(odd, .name = "odd");

static void make_odd(void)
{
	free(t_psql(
		"set client_min_messages to warning; drop table if exists odd;"
		"create table odd (id bigint generated always as identity primary key,"
		"  numbers int[], words text[], bytes bytea, json jsonb, inet inet, point point,"
		"  mood mood, twice int generated always as (cardinality(numbers) * 2) stored)"));
}

/* † peewee-async: test_insert_many__pg, test_insert_many__return_model: ids (1), (2); the structs
 * have what the server filled in. test_insert_many__mysql: an id, which is the first one's here.
 * test_insert__as_row_count. */
START_TEST(test_insert_many)
{
	struct t_store st = t_store_open();
	struct person p[] = { { .name = "Ann", .mood = MOOD_OK }, { .name = "Bob" } };

	t_verb(st.s, hf_insert_many(st.s, person, p, 2));
	ck_assert_int_eq(p[0].id, 1);
	ck_assert_int_eq(p[1].id, 2);
	t_sql_gives("select string_agg(name || id, ' ' order by id) from person", "Ann1 Bob2");
	t_verb(st.s, hf_insert_many(st.s, person, p, 0));
	p[0].id = 0;
	ck_assert_int_eq(hf_insert_many(st.s, person, p, 2), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(hf_session_error(st.s)),
		"model person: 1 of 2 rows have no \"id\": all of them, or none");
	t_store_close(&st);
}
END_TEST

START_TEST(test_odd_types)
{
	static const int32_t one[] = { 1, 2, 3 };
	static const char *const words[] = { "a,b", "{\"}" };
	struct t_store st = t_store_open();
	struct odd o[3] = { { .numbers = HF_ARRAY(int4, one, 3),
				    .words = HF_ARRAY(text, words, 2),
				    .bytes = { "\0\1", 2 },
				    .json = { "{\"a\": [1]}" },
				    .point = "(1,2)",
				    .mood = { true, MOOD_HAPPY } },
		{ .numbers = HF_ARRAY(int4, one, 0), .point = "(3,4)" },
		{ .numbers = HF_ARRAY(int4, one, 1) } };
	hf_rows *rows;
	const struct odd *got;

	make_odd();
	t_verb(st.s, hf_insert_many(st.s, odd, o, 3));
	ck_assert_int_eq(o[0].twice, 6);
	ck_assert_int_eq(o[1].twice, 0);
	t_verb(st.s, hf_select(st.s, odd, &rows, HF_ORDER(HF_ASC(odd, id))));
	got = HF_ROWS(odd, rows);
	ck_assert_uint_eq(hf_rows_count(rows), 3);
	ck_assert_uint_eq(got[0].numbers.n, 3);
	ck_assert_int_eq(got[0].numbers.v[2], 3);
	ck_assert_str_eq(got[0].words.v[1], "{\"}");
	ck_assert_mem_eq(got[0].bytes.data, "\0\1", 2);
	ck_assert_str_eq(got[0].json.s, "{\"a\": [1]}");
	ck_assert_str_eq(got[0].point, "(1,2)");
	ck_assert(got[0].mood.has && got[0].mood.v == MOOD_HAPPY);
	ck_assert(got[1].numbers.has && got[1].numbers.n == 0 && !got[1].words.has);
	ck_assert(!got[2].point && !got[2].mood.has && !got[2].bytes.data);
	hf_rows_unref(rows);
	t_store_close(&st);
}
END_TEST

/* --- 1000 objects --- */

enum { MANY = 1000 };

static struct task *tasks(size_t n)
{
	struct task *t = calloc(n, sizeof *t);

	for (size_t i = 0; i < n; i++)
		t[i] = (struct task){ .subject = i % 2 ? "odd" : "even" };
	return t;
}

START_TEST(test_update_many)
{
	struct t_store st = t_store_open();
	struct task *t = tasks(MANY);
	uint64_t before;
	int64_t changed;

	t_verb(st.s, hf_insert_many(st.s, task, t, MANY));
	for (int i = 0; i < MANY; i++) {
		t[i].subject = "changed";
		t[i].done = true;
		t[i].note = i % 2 ? "note" : NULL;
	}
	before = t_stats(st.pool).statements;
	t_verb(st.s, hf_update_many(st.s, task, t, MANY, NULL, &changed));
	ck_assert_uint_eq(t_stats(st.pool).statements, before + 1);
	ck_assert_int_eq(changed, MANY);
	ck_assert_int_eq(
		t_psql_int("select count(*) from task where done and subject = 'changed'"), MANY);
	ck_assert_int_eq(t_psql_int("select count(*) from task where note = 'note' and id % 2 = 0"),
		MANY / 2);
	free(t);
	t_store_close(&st);
}
END_TEST

/* Some of the columns; rows that are gone; a key of two columns. */
START_TEST(test_update_many_only)
{
	struct t_store st = t_store_open();
	struct line l[] = { { 1, 1, { "1" } }, { 1, 2, { "2" } }, { 2, 1, { "3" } } };
	struct task *t = tasks(3);
	int64_t changed;

	t_verb(st.s, hf_insert_many(st.s, line, l, 3));
	l[1].price.s = "2.50";
	l[2].no = 7;
	t_verb(st.s, hf_update_many(st.s, line, l, 3, NULL, &changed));
	ck_assert_int_eq(changed, 2);
	t_sql_gives("select string_agg(price::text, ' ' order by order_id, no) from line",
		"1.00 2.50 3.00");
	t_verb(st.s, hf_insert_many(st.s, task, t, 3));
	t[0].subject = "not this";
	t[0].done = true;
	t_verb(st.s, hf_update_many(st.s, task, t, 3, HF_COLUMNS(HF_C(task, done)), &changed));
	t_sql_gives("select subject from task where done", "even");
	ck_assert_int_eq(hf_update_many(st.s, task, t, 3, HF_COLUMNS(HF_C(task, id)), &changed),
		HF_E_MISUSE);
	free(t);
	t_store_close(&st);
}
END_TEST

START_TEST(test_upsert_many)
{
	struct t_store st = t_store_open();
	struct line l[] = { { 1, 1, { "1" } }, { 1, 2, { "2" } } },
		    m[] = { { 1, 2, { "9" } }, { 1, 3, { "9" } } };
	const uint32_t *key = HF_COLUMNS(HF_C(line, order_id), HF_C(line, no));
	int64_t changed;

	t_verb(st.s, hf_upsert_many(st.s, line, l, 2, key, HF_REST, &changed));
	ck_assert_int_eq(changed, 2);
	t_verb(st.s, hf_upsert_many(st.s, line, m, 2, key, NULL, &changed));
	ck_assert_int_eq(changed, 1);
	t_sql_gives("select sum(price) from line", "12.00");
	t_verb(st.s, hf_upsert_many(st.s, line, m, 2, key, HF_REST, &changed));
	ck_assert_int_eq(changed, 2);
	t_sql_gives("select sum(price) from line", "19.00");
	t_store_close(&st);
}
END_TEST

/* --- one text --- */

/* Statements that the server has seen which contain `text`. */
static long long entries(const char *text)
{
	char sql[200];

	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_statements where query like '%%%s%%'", text);
	return t_psql_int(sql);
}

static void run_batch(struct t_store *st, size_t n)
{
	const uint32_t *id = HF_COLUMNS(HF_C(task, id));
	struct task *t = tasks(n);

	t_verb(st->s, hf_insert_many(st->s, task, t, n));
	t_verb(st->s, hf_update_many(st->s, task, t, n, NULL, NULL));
	t_verb(st->s, hf_upsert_many(st->s, task, t, n, id, HF_REST, NULL));
	free(t);
}

START_TEST(test_one_text)
{
	struct t_store st = t_store_open();

	if (t_psql_int("select count(*) from pg_available_extensions "
		       "where name = 'pg_stat_statements'") == 0 ||
		t_psql_int("select count(*) from pg_settings "
			   "where name = 'pg_stat_statements.max'") == 0)
		t_skip("the server has no pg_stat_statements");
	free(t_psql("set client_min_messages to warning;"
		    "create extension if not exists pg_stat_statements;"
		    "select pg_stat_statements_reset()"));
	for (size_t n = 1; n <= 100000; n *= 10)
		run_batch(&st, n);
	ck_assert_int_eq(entries("INSERT INTO \"task\"%RETURNING"), 1);
	ck_assert_int_eq(entries("UPDATE \"task\" AS"), 1);
	ck_assert_int_eq(entries("INSERT INTO \"task\"%ON CONFLICT"), 1);
	ck_assert_int_eq(t_psql_int("select count(*) from task"), 111111);
	t_store_close(&st);
}
END_TEST

T_MAIN("many", { "H11 H14 many rows are inserted", test_insert_many, 0 },
	{ "H11 what has no array, and what is one", test_odd_types, 0 },
	{ "H15 1000 objects are updated in one statement", test_update_many, 0 },
	{ "H15 some columns of them, and two-column keys", test_update_many_only, 0 },
	{ "H12 J6 many rows are upserted", test_upsert_many, 0 },
	{ "J6 one text for 1 to 100,000 rows", test_one_text, 60 })
