/* SPDX-License-Identifier: MIT */
/* The shapes in which rows come: structs of their own table or of another, some of their members,
 * JSON, a result by place and by name, a number. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two columns of a person: what a named tuple is in C. */
struct named {
	int32_t id;
	const char *name;
};
static const hf_column named_columns[] = {
	HF_COLUMN(named, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(named, name, TEXT, NOT_NULL, HF_PLAIN),
};
HF_TABLE(named, .name = "named");

/* Ann is 1, Bob is 2, Cid is 3, and has no age. */
static struct t_store three(void)
{
	struct t_store st = t_store_open();
	struct person p[] = { { .name = "Ann", .mood = MOOD_OK, .age = HF_SOME(10) },
		{ .name = "Bob", .mood = MOOD_OK, .age = HF_SOME(20) }, { .name = "Cid" } };

	t_verb(st.s, hf_insert_many(st.s, person, p, 3));
	return st;
}

static void fetched(hf_status st, const hf_error *why)
{
	if (st != HF_OK)
		ck_abort_msg("%s: %s", hf_status_name(st), hf_error_message(why));
}

/* --- RETURNING --- */

/* † peewee-async: test_insert__return_model, test_insert__return_id: all of it is in the struct. */
START_TEST(test_insert__return_model)
{
	struct t_store st = t_store_open();
	struct person *p = hf_new(st.s, person);

	p->name = "Ann";
	t_verb(st.s, hf_insert(st.s, person, p));
	ck_assert_int_eq(p->id, 1);
	ck_assert_str_eq(p->name, "Ann");
	ck_assert_int_eq(p->mood, MOOD_OK); /* the table's default */
	ck_assert(!p->age.has);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_insert__as_row_count: the count of what was inserted is 2. */
START_TEST(test_insert__as_row_count)
{
	struct t_store st = t_store_open();
	struct person p[] = { { .name = "Ann" }, { .name = "Bob" } };
	int64_t n = 0;
	hf_error *why = NULL;

	t_verb(st.s, hf_upsert_many(st.s, person, p, 2, HF_COLUMNS(HF_C(person, name)), NULL, &n));
	ck_assert_int_eq(n, 2);
	free(t_psql("delete from person"));
	fetched(hf_await_count(hf_insert_many_async(st.pool, person, p, 2), &n, &why), why);
	ck_assert_int_eq(n, 2);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_insert_on_conflict_ignore__return_model, …__last_id_is_none: the first is
 * made and given; the second is told not to have been, and the struct is the row that is there. */
START_TEST(test_insert_on_conflict_ignore__return_model)
{
	struct t_store st = t_store_open();
	struct person a = { .name = "Ann", .age = HF_SOME(10) }, b = { .name = "Ann" };
	const uint32_t *by_name = HF_COLUMNS(HF_C(person, name));
	bool created = false;
	int64_t n = -1;

	t_verb(st.s, hf_upsert(st.s, person, &a, by_name, NULL, &created));
	ck_assert(created);
	ck_assert_int_eq(a.id, 1);
	t_verb(st.s, hf_upsert(st.s, person, &b, by_name, NULL, &created));
	ck_assert(!created);
	ck_assert_int_eq(b.id, a.id);
	ck_assert(b.age.has && b.age.v == 10);
	b = (struct person){ .name = "Ann" };
	t_verb(st.s, hf_upsert_many(st.s, person, &b, 1, by_name, NULL, &n));
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(b.id, 0); /* None, where nothing is read back */
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 1);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_update__returning_namedtuples: some members, or a struct that has no others.
 */
START_TEST(test_update__returning_namedtuples)
{
	struct t_store st = three();
	const struct named *named;
	hf_rows *rows;
	int64_t n;

	t_verb(st.s, hf_update_returning(st.s, person, &n, &rows,
			     HF_SETS(HF_SET(person, mood, MOOD_HAPPY)),
			     HF_WHERE(HF_NOT_NULL(person, age)), HF_ONLY(HF_COL(person, name))));
	ck_assert_int_eq(n, 2);
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	ck_assert_str_eq(HF_ROWS(person, rows)[0].name, "Ann");
	ck_assert_str_eq(HF_ROWS(person, rows)[1].name, "Bob");
	ck_assert_int_eq(HF_ROWS(person, rows)[1].id, 2);
	ck_assert(hf_rows_have(rows, HF_C(person, id)) && !hf_rows_have(rows, HF_C(person, mood)));
	ck_assert(!HF_ROWS(person, rows)[1].age.has);
	hf_rows_unref(rows);

	t_verb(st.s,
		hf_select_sql(st.s, named, &rows,
			"update person set name = upper(name) where id < $1 returning id, name",
			3));
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	named = HF_ROWS(named, rows);
	ck_assert_int_eq(named[0].id, 1);
	ck_assert_str_eq(named[0].name, "ANN");
	ck_assert_str_eq(named[1].name, "BOB");
	hf_rows_unref(rows);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_delete__return_dicts. */
START_TEST(test_delete__return_dicts)
{
	struct t_store st = three();
	hf_rows *rows;
	int64_t n;
	char *text;

	t_verb(st.s,
		hf_delete_returning(st.s, person, &n, &rows, HF_WHERE(HF_EQ(person, name, "Bob"))));
	text = hf_rows_json(rows, false);
	ck_assert_int_eq(n, 1);
	ck_assert_str_eq(text, "[{\"id\":2,\"name\":\"Bob\",\"mood\":\"ok\",\"age\":20}]");
	free(text);
	hf_rows_unref(rows);
	t_verb(st.s, hf_delete_returning(st.s, person, &n, &rows, HF_WHERE(HF_EQ(person, id, 1)),
			     HF_ONLY(HF_COL(person, name))));
	text = hf_rows_json(rows, false);
	ck_assert_str_eq(text, "[{\"id\":1,\"name\":\"Ann\"}]");
	free(text);
	hf_rows_unref(rows);
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 1);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_delete__return_tuples: by their places, without a struct. */
START_TEST(test_delete__return_tuples)
{
	struct t_store st = three();
	hf_result *res = NULL;
	hf_error *why = NULL;

	fetched(hf_session_fetch(
			st.s, &res, &why, "delete from person where id < $1 returning id, name", 3),
		why);
	ck_assert_uint_eq(hf_result_rows(res), 2);
	ck_assert_int_eq(hf_result_affected(res), 2);
	ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 0, 0), 1);
	ck_assert_str_eq(hf_row_text(hf_result_row(res, 0), 1), "Ann");
	ck_assert_int_eq(hf_row_int8(hf_result_row(res, 1), 0, 0), 2);
	ck_assert_str_eq(hf_row_text(hf_result_row(res, 1), 1), "Bob");
	hf_result_unref(res);
	t_sql_gives("select string_agg(name, ' ') from person", "Cid");
	t_store_close(&st);
}
END_TEST

/* --- what is read --- */

/* † peewee-async: test_raw_query, test_tuples, test_dicts: structs, by places, by names, through
 * one session. */
START_TEST(test_dicts)
{
	static const char sql[] = "select name, id from person order by id";
	struct t_store st = three();
	hf_result *res = NULL;
	hf_error *why = NULL;
	hf_rows *rows;
	int id, name;

	t_verb(st.s, hf_select_sql(st.s, named, &rows, sql));
	ck_assert_uint_eq(hf_rows_count(rows), 3);
	ck_assert_int_eq(HF_ROWS(named, rows)[2].id, 3);
	ck_assert_str_eq(HF_ROWS(named, rows)[2].name, "Cid");
	fetched(hf_session_fetch(st.s, &res, &why, sql), why);
	id = hf_result_column(res, "id");
	name = hf_result_column(res, "name");
	ck_assert_int_eq(id, 1);
	ck_assert_int_eq(name, 0);
	ck_assert_int_eq(hf_result_column(res, "age"), -1);
	for (size_t i = 0; i < 3; i++) {
		hf_row row = hf_result_row(res, i);

		ck_assert_str_eq(hf_row_text(row, 0), HF_ROWS(named, rows)[i].name);
		ck_assert_str_eq(hf_row_text(row, name), HF_ROWS(named, rows)[i].name);
		ck_assert_int_eq(hf_row_int8(row, 1, 0), HF_ROWS(named, rows)[i].id);
		ck_assert_int_eq(hf_row_int8(row, id, 0), HF_ROWS(named, rows)[i].id);
	}
	hf_result_unref(res);
	hf_rows_unref(rows);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_aio_scalar: a value, a tuple of values, one with names, and none. */
START_TEST(test_aio_scalar)
{
	struct t_store st = three();
	static const char sql[] = "select max(id) as highest, min(name) as first from person";
	hf_result *res = NULL;
	hf_error *why = NULL;
	int32_t highest;
	hf_int4_opt age;

	t_verb(st.s, hf_scalar(st.s, person, &highest, HF_MAX(person, id), HF_ALL));
	ck_assert_int_eq(highest, 3);
	fetched(hf_session_fetch(st.s, &res, &why, sql), why);
	ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 0, 0), 3);
	ck_assert_str_eq(hf_row_text(hf_result_row(res, 0), 1), "Ann");
	ck_assert_int_eq(
		hf_row_int8(hf_result_row(res, 0), hf_result_column(res, "highest"), 0), 3);
	ck_assert_str_eq(hf_row_text(hf_result_row(res, 0), hf_result_column(res, "first")), "Ann");
	hf_result_unref(res);
	t_verb(st.s, hf_scalar(st.s, person, &age, HF_COL(person, age),
			     HF_WHERE(HF_EQ(person, name, "Zoe"))));
	ck_assert(!age.has);
	t_store_close(&st);
}
END_TEST

/* --- what was read, told --- */

/* The names of the columns that were read, with a comma behind each. */
static void names_read(const hf_rows *rows, const char *expected)
{
	const hf_table *t = hf_rows_table(rows);
	char text[200] = "";

	for (size_t i = 0; i < t->n_columns; i++)
		if (hf_rows_have(rows, t->columns[i].offset + 1)) {
			strcat(text, t->columns[i].name);
			strcat(text, ",");
		}
	ck_assert_str_eq(text, expected);
}

/* † pyramid_sqlassist: test__loaded_columns_as_list: the names, those of a part, the pairs. */
START_TEST(test__loaded_columns_as_list)
{
	struct t_store st = three();
	hf_rows *rows;
	char *text;

	t_verb(st.s, hf_select(st.s, person, &rows, HF_WHERE(HF_EQ(person, id, 2))));
	names_read(rows, "id,name,mood,age,");
	text = hf_row_dump(&person_table, HF_ROWS(person, rows), false);
	ck_assert_str_eq(text, "person(id=2, name='Bob', mood='ok', age=20)");
	free(text);
	hf_rows_unref(rows);
	t_verb(st.s, hf_select(st.s, person, &rows, HF_ONLY(HF_COL(person, age)),
			     HF_WHERE(HF_EQ(person, id, 2))));
	names_read(rows, "id,age,");
	hf_rows_unref(rows);
	t_store_close(&st);
}
END_TEST

/* † pyramid_sqlassist: test__loaded_columns_as_dict, all: what is missing is read when it is asked
 * for, by a verb; nothing else reads it. */
START_TEST(test__loaded_columns_as_dict)
{
	struct t_store st = three();
	struct person *whole;
	hf_rows *rows;
	uint64_t before;
	char *text;

	t_verb(st.s, hf_select(st.s, person, &rows, HF_ONLY(HF_COL(person, age)),
			     HF_WHERE(HF_EQ(person, id, 2))));
	before = t_stats(st.pool).statements;
	text = hf_rows_json(rows, true);
	ck_assert_str_eq(text, "[{\"id\":2,\"age\":20}]");
	free(text);
	ck_assert_ptr_null(HF_ROWS(person, rows)->name);
	ck_assert_uint_eq(t_stats(st.pool).statements, before);
	t_verb(st.s, hf_get(st.s, person, &whole, HF_EQ(person, id, HF_ROWS(person, rows)->id)));
	text = hf_row_json(&person_table, whole, true);
	ck_assert_str_eq(text, "{\"id\":2,\"name\":\"Bob\",\"mood\":\"ok\",\"age\":20}");
	free(text);
	hf_rows_unref(rows);
	t_store_close(&st);
}
END_TEST

/* A password is there where it is asked for, and nowhere else. */
struct account {
	int32_t id;
	const char *name, *password, *note;
};
static const hf_column account_columns[] = {
	HF_COLUMN(account, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(account, name, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(account, password, TEXT, NULLABLE, HF_HIDDEN),
	HF_COLUMN(account, note, TEXT, NULLABLE, HF_PLAIN),
};
HF_TABLE(account, .name = "account");

/* † pulsar, legacy: test_to_dict, test_create_instance: hidden members are left out, and what is
 * empty, which is null here: a form has to tell it from what it does not know. */
START_TEST(test_to_dict)
{
	struct account a = { .id = 1, .name = "Ann", .password = "canary" };
	char *text = hf_row_json(&account_table, &a, false);

	ck_assert_str_eq(text, "{\"id\":1,\"name\":\"Ann\",\"note\":null}");
	free(text);
	text = hf_row_json(&account_table, &a, true);
	ck_assert_str_eq(text, "{\"id\":1,\"name\":\"Ann\",\"password\":\"canary\",\"note\":null}");
	free(text);
}
END_TEST

T_MAIN("shapes", { "H1 H14 an inserted row is in its struct", test_insert__return_model, 0 },
	{ "H11 how many were inserted", test_insert__as_row_count, 0 },
	{ "H12 H14 what is skipped is not taken for new",
		test_insert_on_conflict_ignore__return_model, 0 },
	{ "H14 an update gives some members, or another struct", test_update__returning_namedtuples,
		0 },
	{ "H14 a delete gives objects of names and values", test_delete__return_dicts, 0 },
	{ "H14 H18 a delete gives rows by their places", test_delete__return_tuples, 0 },
	{ "H18 one statement as structs, by places and by names", test_dicts, 0 },
	{ "H20 one value, several, and none", test_aio_scalar, 0 },
	{ "G30 G31 the names that were read, and their values", test__loaded_columns_as_list, 0 },
	{ "G30 G31 all of it, where a verb reads it", test__loaded_columns_as_dict, 0 },
	{ "G30 what is hidden is left out", test_to_dict, 0 })
