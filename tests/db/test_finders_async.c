/* SPDX-License-Identifier: MIT */
/* The finders and the verbs on tables, as futures: they give what their twins give. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* AAAAA is 1, aaaaa 2, BBBBB 3, ccccc 4; who is happy is 7 years old. */
static struct t_store with_people(void)
{
	struct t_store st = t_store_open();
	struct person p[] = { { .name = "AAAAA", .age = HF_SOME(1) },
		{ .name = "aaaaa", .mood = MOOD_HAPPY, .age = HF_SOME(7) },
		{ .name = "BBBBB", .age = HF_SOME(3) },
		{ .name = "ccccc", .mood = MOOD_HAPPY, .age = HF_SOME(7) } };

	t_verb(st.s, hf_insert_many(st.s, person, p, 4));
	return st;
}

/* Fails unless the future gives these, as "1,2,"; sorted where they come in no order. */
static void gives(hf_future *f, bool sorted, const char *ids)
{
	hf_rows *rows = NULL;
	hf_error *why = NULL;
	hf_status st = hf_await_rows(f, person, &rows, &why);
	int32_t last = 0;
	char text[100] = "";

	if (st != HF_OK)
		ck_abort_msg("%s: %s", hf_status_name(st), hf_error_message(why));
	for (size_t n = 0; n < hf_rows_count(rows); n++) {
		const struct person *p = HF_ROWS(person, rows);
		size_t next = n;

		for (size_t i = 0; sorted && i < hf_rows_count(rows); i++)
			if (p[i].id > last && (p[next].id <= last || p[i].id < p[next].id))
				next = i;
		last = p[next].id;
		snprintf(text + strlen(text), sizeof text - strlen(text), "%d,", (int)last);
	}
	hf_rows_unref(rows);
	ck_assert_str_eq(text, ids);
}

static int64_t number(hf_future *f)
{
	int64_t n = -1;
	hf_error *why = NULL;
	hf_status st = hf_await_count(f, &n, &why);

	if (st != HF_OK)
		ck_abort_msg("%s: %s", hf_status_name(st), hf_error_message(why));
	return n;
}

static void fails(hf_future *f, hf_status st, const char *says)
{
	hf_rows *rows = NULL;
	hf_error *why = NULL;

	ck_assert_int_eq(hf_await_rows(f, person, &rows, &why), st);
	ck_assert_ptr_null(rows);
	if (!strstr(hf_error_message(why), says))
		ck_abort_msg("\"%s\" does not say \"%s\"", hf_error_message(why), says);
	hf_error_unref(why);
}

/* † pyramid_sqlassist: test__get__by__id. */
START_TEST(test__get__by__id)
{
	struct t_store st = with_people();
	int32_t some[] = { 1, 3, 99 };
	hf_future *f = hf_by_ids_async(st.pool, person, &HF_ARRAY(int4, some, 3));

	some[0] = 4; /* it was copied */
	gives(f, true, "1,3,");
	gives(hf_by_id_async(st.pool, person, 2), false, "2,");
	gives(hf_by_id_async(st.pool, person, 99), false, "");
	gives(hf_by_id_of_async(st.pool, person, age, 3), false, "3,");
	some[0] = 7;
	gives(hf_by_ids_of_async(st.pool, person, age, &HF_ARRAY(int4, some, 1)), true, "2,4,");
	fails(hf_by_id_async(st.pool, line, 1), HF_E_MISUSE, "no column \"id\"");
	fails(hf_by_ids_async(st.pool, line, &HF_ARRAY(int4, some, 1)), HF_E_MISUSE,
		"no column \"id\"");
	fails(hf_by_id_async(NULL, person, 1), HF_E_MISUSE, "pool");
	t_store_close(&st);
}
END_TEST

/* † pyramid_sqlassist: test__get__by__column__lower, …__similar, …__exact_then_ilike. */
START_TEST(test__get__by__column)
{
	struct t_store st = with_people();
	char text[] = "aAaAa";
	hf_future *two = hf_by_text_async(st.pool, person, name, text),
		  *both = hf_all_by_text_async(st.pool, person, name, text, 0, -1),
		  *begin = hf_similar_async(st.pool, person, name, text, false, 0, -1),
		  *either = hf_exact_first_async(st.pool, person, name, text);

	memset(text, '?', sizeof text - 1); /* it was copied */
	fails(two, HF_E_MANY_ROWS, "more than one");
	gives(both, false, "1,2,");
	gives(begin, true, "1,2,");
	gives(either, false, "1,");
	gives(hf_by_text_async(st.pool, person, name, "bbbbb"), false, "3,");
	gives(hf_by_text_async(st.pool, person, name, "nobody"), false, "");
	gives(hf_all_by_text_async(st.pool, person, name, "aaaaa", 1, 5), false, "2,");
	gives(hf_similar_async(st.pool, person, name, "bB", true, 0, -1), false, "3,");
	gives(hf_similar_async(st.pool, person, name, "a%", false, 0, -1), false, "");
	gives(hf_exact_first_async(st.pool, person, name, "aaaaa"), false, "2,");
	gives(hf_exact_first_async(st.pool, person, name, "CCCCC"), false, "4,");
	gives(hf_exact_first_async(st.pool, person, name, "a%"), false, "");
	t_store_close(&st);
}
END_TEST

/* † pyramid_sqlassist: test__get__range. */
START_TEST(test__get__range)
{
	struct t_store st = with_people();
	hf_find *f = hf_find_new(&person_table);
	char *sql = NULL;

	gives(hf_range_async(st.pool, person, NULL), false, "1,2,3,4,");
	gives(hf_range_async(st.pool, person, HF_RANGE(.limit = 2, .order = "id desc")), false,
		"4,3,");
	gives(hf_range_async(st.pool, person, HF_RANGE(.offset = 2, .limit = 1)), false, "3,");
	hf_find_and(f, HF_EQ(person, mood, MOOD_HAPPY));
	gives(hf_range_async(st.pool, person, HF_RANGE(.where = f, .order = "name desc")), false,
		"4,2,");
	hf_find_unref(f);
	gives(hf_range_async(st.pool, person, HF_RANGE(.limit = 1, .sql = &sql)), false, "1,");
	ck_assert_ptr_nonnull(strstr(sql, "FROM \"person\""));
	free(sql);
	fails(hf_range_async(st.pool, person, HF_RANGE(.order = "id sideways")), HF_E_MISUSE,
		"\"sideways\" is no direction");
	t_store_close(&st);
}
END_TEST

/* --- tables --- */

/* † peewee-async: test_create_drop_tables, test_aio_create_table, test_aio_table_exists,
 * test_aio_sequence_exists, test_aio_truncate_table: all of them are coroutines there. */
START_TEST(test_create_drop_tables)
{
	struct t_store st = t_store_open();

	t_failed(hf_models_create_async(st.models, st.pool, 0), HF_E_SQL);
	t_done(hf_models_create_async(st.models, st.pool, HF_IF_MISSING));
	ck_assert_int_eq(number(hf_table_exists_async(st.pool, &task_table)), 1);
	ck_assert_int_eq(number(hf_relation_exists_async(st.pool, NULL, "task")), 1);
	ck_assert_int_eq(number(hf_relation_exists_async(st.pool, "elsewhere", "task")), 0);
	ck_assert_int_eq(number(hf_sequence_exists_async(st.pool, NULL, "task_id_seq")), 1);
	t_done(hf_models_drop_async(st.models, st.pool, 0));
	ck_assert_int_eq(number(hf_table_exists_async(st.pool, &task_table)), 0);
	ck_assert_int_eq(number(hf_sequence_exists_async(st.pool, NULL, "task_id_seq")), 0);
	t_failed(hf_models_drop_async(st.models, st.pool, 0), HF_E_SQL);
	t_done(hf_models_drop_async(st.models, st.pool, HF_IF_THERE));
	t_done(hf_models_create_async(st.models, st.pool, HF_DROP_FIRST));
	ck_assert_int_eq(number(hf_count_async(st.pool, task, HF_ALL)), 0);
	t_store_close(&st);
}
END_TEST

START_TEST(test_one_table)
{
	struct t_store st = with_people();
	struct person p = { .name = "Zoe" };

	t_done(hf_table_truncate_async(
		st.pool, &person_table, HF_DEPENDENTS | HF_RESTART_IDENTITY));
	ck_assert_int_eq(number(hf_count_async(st.pool, person, HF_ALL)), 0);
	t_verb(st.s, hf_insert(st.s, person, &p));
	ck_assert_int_eq(p.id, 1);
	t_failed(hf_table_truncate_async(st.pool, &person_table, 0), HF_E_SQL);
	t_done(hf_table_drop_async(st.pool, &line_table, 0));
	ck_assert_int_eq(number(hf_table_exists_async(st.pool, &line_table)), 0);
	t_failed(hf_table_drop_async(st.pool, &line_table, 0), HF_E_SQL);
	t_done(hf_table_create_async(st.pool, &line_table, 0));
	t_failed(hf_table_create_async(st.pool, &line_table, 0), HF_E_SQL);
	t_failed(hf_models_create_async(NULL, st.pool, 0), HF_E_MISUSE);
	t_failed(hf_table_create_async(NULL, &line_table, 0), HF_E_MISUSE);
	t_failed(hf_relation_exists_async(st.pool, NULL, ""), HF_E_MISUSE);
	t_store_close(&st);
}
END_TEST

/* A registry that nobody else holds lives until it was made; what fails half way is not there. */
START_TEST(test_all_or_nothing)
{
	struct t_store st = t_store_open();
	hf_future *f;

	t_done(hf_models_drop_async(st.models, st.pool, 0));
	free(t_psql("create table task (x int)"));
	t_failed(hf_models_create_async(st.models, st.pool, 0), HF_E_SQL);
	ck_assert_int_eq(number(hf_table_exists_async(st.pool, &person_table)), 0);
	ck_assert_int_eq(t_psql_int("select count(*) from pg_type where typname = 'mood'"), 0);
	free(t_psql("drop table task"));
	f = hf_models_create_async(st.models, st.pool, 0);
	st.models = hf_models_unref(st.models);
	t_done(f);
	ck_assert_int_eq(number(hf_table_exists_async(st.pool, &person_table)), 1);
	t_store_close(&st);
}
END_TEST

T_MAIN("finders_async",
	{ "H33 futures by an id, by several, by another column", test__get__by__id, 0 },
	{ "H33 H36 futures by a text", test__get__by__column, 0 },
	{ "H33 H35 futures of ranges", test__get__range, 0 },
	{ "G11 G17 futures of tables made, dropped and asked for", test_create_drop_tables, 0 },
	{ "G11 G16 futures of one table", test_one_table, 0 },
	{ "G11 a future makes all tables or none", test_all_or_nothing, 0 })
