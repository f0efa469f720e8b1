/* SPDX-License-Identifier: MIT */
/* What peewee-async's and pulsar-odm's tests ask of single rows and of many. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

/* A key that the program makes. */
struct thing {
	hf_uuid id;
	const char *name;
};
static const hf_column thing_columns[] = {
	HF_COLUMN(thing, id, UUID, NOT_NULL, HF_PK),
	HF_COLUMN(thing, name, TEXT, NOT_NULL, HF_PLAIN),
};
HF_TABLE(thing, .name = "thing");

static struct t_store three(void)
{
	struct t_store st = t_store_open();
	struct person p[] = { { .name = "Ann", .mood = MOOD_OK, .age = HF_SOME(1) },
		{ .name = "Bob", .mood = MOOD_OK, .age = HF_SOME(2) }, { .name = "Cid" } };

	t_verb(st.s, hf_insert_many(st.s, person, p, 3));
	return st;
}

/* † peewee-async: test_insert__uuid_pk, test_create_uuid_obj, test_get_obj_by_uuid; pulsar-odm:
 * test_create_task. */
START_TEST(test_create_uuid_obj)
{
	struct t_store st = t_store_open();
	struct thing a = { .id = { { 1, 2, 3, [15] = 16 } }, .name = "hammer" }, *b;
	hf_uuid id = a.id;

	free(t_psql("set client_min_messages to warning; drop table if exists thing;"
		    "create table thing (id uuid primary key, name text not null)"));
	t_verb(st.s, hf_insert(st.s, thing, &a));
	ck_assert_mem_eq(&a.id, &id, sizeof id);
	t_verb(st.s, hf_get(st.s, thing, &b, HF_EQ(thing, id, id)));
	ck_assert_str_eq(b->name, "hammer");
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_aio_save: 1 row, id set; test_update_obj. */
START_TEST(test_aio_save)
{
	struct t_store st = t_store_open();
	struct person p = { .name = "Ann", .mood = MOOD_OK };
	bool created = false;

	t_verb(st.s, hf_save(st.s, person, &p, &created));
	ck_assert(created);
	ck_assert_int_gt(p.id, 0);
	p.name = "Anna";
	t_verb(st.s, hf_save(st.s, person, &p, &created));
	ck_assert(!created);
	t_sql_gives("select string_agg(name, ' ') from person", "Anna");
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_aio_save__force_insert: an update, then a duplicate that is an error of
 * integrity. Nothing to write is refused; who has vanished is told. */
START_TEST(test_aio_save__force_insert)
{
	struct t_store st = t_store_open();
	struct person p = { .name = "Ann", .mood = MOOD_OK };
	const hf_error *e;

	t_verb(st.s, hf_insert(st.s, person, &p));
	t_verb(st.s, hf_update(st.s, person, &p));
	ck_assert_int_eq(hf_insert(st.s, person, &p), HF_E_SQL);
	e = hf_session_error(st.s);
	ck_assert_str_eq(hf_error_sqlstate(e), "23505");
	ck_assert(hf_error_is(e, HF_INTEGRITY));
	ck_assert_int_eq(
		hf_update_at(HF_HERE, st.s, &person_table, &p, (uint32_t[]){ 0 }), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(hf_session_error(st.s)),
		"model person: there is nothing to be written");
	t_verb(st.s, hf_delete_where(st.s, person, NULL, HF_ALL));
	ck_assert_int_eq(hf_save(st.s, person, &p, NULL), HF_E_NO_ROWS);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_aio_get: two are found, one is missing; test_get_obj_by_id;
 * test_aio_get_or_none; legacy test_not_found, test_query_errors. The story has the SQL. */
START_TEST(test_aio_get)
{
	struct t_store st = three();
	struct person *p, *q;

	t_verb(st.s, hf_get(st.s, person, &p, HF_EQ(person, name, "Ann")));
	t_verb(st.s, hf_get(st.s, person, &q, HF_EQ(person, id, p->id + 1)));
	ck_assert_str_eq(q->name, "Bob");
	ck_assert_int_eq(hf_get(st.s, person, &p, HF_EQ(person, name, "Zoe")), HF_E_NO_ROWS);
	ck_assert_ptr_nonnull(strstr(
		hf_error_field(hf_session_error(st.s), HF_ERR_QUERY), "WHERE \"name\" = $1"));
	ck_assert_str_eq(hf_error_field(hf_session_error(st.s), HF_ERR_DETAIL), "$1 = 'Zoe'");
	ck_assert_str_eq(p->name, "Ann"); /* untouched */
	t_verb(st.s, hf_get_or_null(st.s, person, &p, HF_EQ(person, name, "Zoe")));
	ck_assert_ptr_null(p);
	t_store_close(&st);
}
END_TEST

START_TEST(test_two_match)
{
	struct t_store st = three();
	struct person *p;

	t_verb(st.s, hf_get(st.s, person, &p, HF_EQ(person, mood, MOOD_OK)));
	ck_assert_int_eq(p->mood, MOOD_OK);
	ck_assert_int_eq(hf_one(st.s, person, &p, HF_EQ(person, mood, MOOD_OK)), HF_E_MANY_ROWS);
	t_verb(st.s, hf_one(st.s, person, &p, HF_EQ(person, mood, MOOD_SAD)));
	ck_assert_str_eq(p->name, "Cid");
	ck_assert_int_eq(hf_one(st.s, person, &p, HF_EQ(person, mood, MOOD_HAPPY)), HF_E_NO_ROWS);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_aio_delete_instance; test_delete_obj: then there is none. */
START_TEST(test_aio_delete_instance)
{
	struct t_store st = three();
	struct person *p;
	bool there;

	t_verb(st.s, hf_get(st.s, person, &p, HF_EQ(person, name, "Bob")));
	t_verb(st.s, hf_delete(st.s, person, p));
	t_verb(st.s, hf_exists(st.s, person, &there, HF_WHERE(HF_EQ(person, name, "Bob"))));
	ck_assert(!there);
	ck_assert_int_eq(hf_delete(st.s, person, p), HF_E_NO_ROWS);
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 2);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_update__count (3), test_update__field_updated, test_delete__count (2),
 * test_delete__by_condition: one remains. */
START_TEST(test_update__count)
{
	struct t_store st = three();
	int64_t n;

	t_verb(st.s, hf_update_where(
			     st.s, person, &n, HF_SETS(HF_SET(person, mood, MOOD_HAPPY)), HF_ALL));
	ck_assert_int_eq(n, 3);
	t_sql_gives("select string_agg(distinct mood::text, ' ') from person", "happy");
	t_verb(st.s, hf_delete_where(st.s, person, &n, HF_WHERE(HF_NOT_NULL(person, age))));
	ck_assert_int_eq(n, 2);
	t_sql_gives("select string_agg(name, ' ') from person", "Cid");
	t_verb(st.s, hf_update_where(st.s, person, &n, HF_SETS(HF_SET_TO_NULL(person, age)),
			     HF_WHERE(HF_EQ(person, name, "nobody"))));
	ck_assert_int_eq(n, 0);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_update__returning_model, test_delete__return_model. */
START_TEST(test_update__returning_model)
{
	struct t_store st = three();
	hf_rows *rows;
	int64_t n;

	t_verb(st.s,
		hf_update_returning(st.s, person, &n, &rows, HF_SETS(HF_INCREASE(person, age, 10)),
			HF_WHERE(HF_EQ(person, name, "Bob"))));
	ck_assert_int_eq(n, 1);
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	ck_assert_int_eq(HF_ROWS(person, rows)->age.v, 12);
	ck_assert_int_eq(HF_ROWS(person, rows)->mood, MOOD_OK);
	hf_rows_unref(rows);
	t_verb(st.s, hf_delete_returning(st.s, person, &n, &rows, HF_ALL));
	ck_assert_int_eq(n, 3);
	ck_assert_uint_eq(hf_rows_count(rows), 3);
	hf_rows_unref(rows);
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 0);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_select_many_objects, test_indexing_result,
 * test_multiple_iterate_over_result: those that are expected, result[1], and as often as one likes.
 * They outlive the session. */
START_TEST(test_indexing_result)
{
	struct t_store st = three();
	hf_rows *rows;
	char names[2][40] = { "", "" };

	t_verb(st.s, hf_select(st.s, person, &rows, HF_ORDER(HF_ASC(person, id))));
	t_store_close(&st);
	ck_assert_str_eq(HF_ROWS(person, rows)[1].name, "Bob");
	for (int turn = 0; turn < 2; turn++)
		for (size_t i = 0; i < hf_rows_count(rows); i++)
			strcat(names[turn], HF_ROWS(person, rows)[i].name);
	ck_assert_str_eq(names[0], "AnnBobCid");
	ck_assert_str_eq(names[1], "AnnBobCid");
	ck_assert_ptr_null(HF_ROWS(task, rows)); /* not theirs */
	hf_rows_unref(rows);
}
END_TEST

/* † peewee-async: test_raw_select, test_raw_query: models, and the plain result. */
START_TEST(test_raw_query)
{
	struct t_store st = three();
	hf_rows *rows;
	hf_result *res;
	hf_error *why;

	t_verb(st.s, hf_select_sql(st.s, person, &rows,
			     "select 1 as other, mood::text, name, id from person where name < $1 "
			     "order by id desc",
			     "C"));
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	ck_assert_str_eq(HF_ROWS(person, rows)[0].name, "Bob");
	ck_assert(!HF_ROWS(person, rows)[0].age.has);
	hf_rows_unref(rows);
	ck_assert_int_eq(hf_select_sql(st.s, person, &rows, "select id, mood::text from person"),
		HF_E_MISUSE);
	ck_assert_int_eq(
		hf_fetch(st.pool, &res, &why, "select name, id from person order by id"), HF_OK);
	ck_assert_str_eq(hf_row_text(hf_result_row(res, 1), 0), "Bob");
	hf_result_unref(res);
	t_store_close(&st);
}
END_TEST

T_MAIN("verbs", { "H1 a key that the program makes is kept", test_create_uuid_obj, 0 },
	{ "H1 H2 saved twice is inserted and updated", test_aio_save, 0 },
	{ "H1 H2 a forced insert is an error of integrity", test_aio_save__force_insert, 0 },
	{ "H4 H6 found, not found, or null", test_aio_get, 0 },
	{ "H5 two match: the first, or an error", test_two_match, 0 },
	{ "H9 deleted, and then none", test_aio_delete_instance, 0 },
	{ "H13 three are updated, two deleted, one remains", test_update__count, 0 },
	{ "H14 what was changed and deleted comes back", test_update__returning_model, 0 },
	{ "H19 rows have an index, and are gone through twice", test_indexing_result, 0 },
	{ "H18 SQL of one's own as structs and as a result", test_raw_query, 0 })
