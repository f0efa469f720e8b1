/* SPDX-License-Identifier: MIT */
/* Many rows: found, counted, changed by a condition. */
#include "models.h"

#include <string.h>

static struct t_store three_people(void)
{
	struct t_store st = t_store_open();
	struct person p[] = { { .name = "50%", .mood = MOOD_OK, .age = HF_SOME(10) },
		{ .name = "50 cent", .mood = MOOD_SAD, .age = HF_SOME(20) },
		{ .name = "Ann_a", .mood = MOOD_HAPPY } };

	t_verb(st.s, hf_insert_many(st.s, person, p, 3));
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(p[i].id, p[0].id + i);
	return st;
}

/* The names that are found, in order, with a comma behind each. */
#define finds(st, names, ...) finds_those((st), (names), HF__CLAUSES(__VA_ARGS__))
static void finds_those(struct t_store *st, const char *names, const hf_clause *clauses)
{
	char text[200] = "";
	hf_rows *rows;

	t_verb(st->s, hf_select_at(HF_HERE, st->s, &person_table, &rows, clauses));
	for (size_t i = 0; i < hf_rows_count(rows); i++) {
		strcat(text, HF_ROWS(person, rows)[i].name);
		strcat(text, ",");
	}
	hf_rows_unref(rows);
	ck_assert_str_eq(text, names);
}

#define BY_ID HF_ORDER(HF_ASC(person, id))

START_TEST(test_conditions)
{
	struct t_store st = three_people();
	int32_t ages[] = { 10, 30 };

	finds(&st, "50%,50 cent,Ann_a,", BY_ID);
	finds(&st, "50 cent,", HF_WHERE(HF_GT(person, age, 10)), BY_ID);
	finds(&st, "Ann_a,", HF_WHERE(HF_IS_NULL(person, age)), BY_ID);
	finds(&st, "50 cent,", HF_WHERE(HF_EQ(person, mood, MOOD_SAD)));
	finds(&st, "50%,", HF_WHERE(HF_ANY(person, age, &HF_ARRAY(int4, ages, 2))));
	finds(&st, "50 cent,Ann_a,",
		HF_WHERE(HF_OR(HF_EQ(person, age, 20), HF_NOT(HF_NOT_NULL(person, age)))), BY_ID);
	finds(&st, "50 cent,", HF_WHERE(HF_SQL_TERM("length(name) > $1 and age < $2", 3, 25)));
	finds(&st, "50 cent,", HF_WHERE(HF_IF(false, HF_EQ(person, age, 20))),
		HF_ORDER(HF_DESC(person, id)), HF_LIMIT(1), HF_OFFSET(1));
	t_store_close(&st);
}
END_TEST

/* † pyramid_sqlassist leaves % and _ as they are; here what is looked for means itself. */
START_TEST(test_like)
{
	struct t_store st = three_people();

	finds(&st, "50%,", HF_WHERE(HF_HAS(person, name, "50%")));
	finds(&st, "50%,50 cent,", HF_WHERE(HF_LIKE(person, name, "50%")), BY_ID);
	finds(&st, "Ann_a,", HF_WHERE(HF_IBEGINS(person, name, "ann_")));
	finds(&st, "", HF_WHERE(HF_IBEGINS(person, name, "an_")));
	finds(&st, "Ann_a,", HF_WHERE(HF_IEQ(person, name, "ANN_A")));
	t_store_close(&st);
}
END_TEST

/* The numbers of † test_count_query are those of test_aggregates.c. */
START_TEST(test_counts)
{
	struct t_store st = three_people();
	struct person *p;
	int64_t n;
	bool there;

	t_verb(st.s, hf_count(st.s, person, &n, HF_ALL));
	ck_assert_int_eq(n, 3);
	t_verb(st.s, hf_count(st.s, person, &n, HF_LIMIT(2)));
	ck_assert_int_eq(n, 2);
	t_verb(st.s, hf_exists(st.s, person, &there, HF_WHERE(HF_EQ(person, age, 99))));
	ck_assert(!there);
	t_verb(st.s, hf_first(st.s, person, &p, BY_ID));
	ck_assert_str_eq(p->name, "50%");
	t_verb(st.s, hf_first(st.s, person, &p, HF_WHERE(HF_EQ(person, age, 99))));
	ck_assert_ptr_null(p);
	t_store_close(&st);
}
END_TEST

START_TEST(test_by_condition)
{
	struct t_store st = three_people();
	hf_rows *rows;
	int64_t n;

	t_verb(st.s, hf_update_where(st.s, person, &n,
			     HF_SETS(HF_SET(person, mood, MOOD_HAPPY), HF_INCREASE(person, age, 1)),
			     HF_WHERE(HF_NOT_NULL(person, age))));
	ck_assert_int_eq(n, 2);
	t_verb(st.s, hf_delete_where_at(HF_HERE, st.s, &person_table, &n, &rows,
			     HF__CLAUSES(HF_WHERE(HF_EQ(person, age, 11)))));
	ck_assert_int_eq(n, 1);
	ck_assert_str_eq(HF_ROWS(person, rows)->name, "50%");
	ck_assert_int_eq(HF_ROWS(person, rows)->mood, MOOD_HAPPY);
	hf_rows_unref(rows);
	/* no clause at all is no way to mean everything */
	ck_assert_int_eq(hf_delete_where_at(HF_HERE, st.s, &person_table, &n, NULL,
				 &(hf_clause){ .kind = HF_CLAUSE_END }),
		HF_E_MISUSE);
	t_verb(st.s, hf_delete_where(st.s, person, &n, HF_ALL));
	ck_assert_int_eq(n, 2);
	t_store_close(&st);
}
END_TEST

/* † pulsar, legacy: test_query: what is made of a copy leaves the first as it was. */
START_TEST(test_collected)
{
	struct t_store st = three_people();
	hf_find *f = hf_find_new(&person_table), *g;
	hf_error *why;
	char name[] = "Ann_a";

	hf_find_and(f, HF_EQ(person, name, name));
	g = hf_find_copy(f);
	name[0] = 'X'; /* it was copied */
	hf_find_and(g, HF_IS_NULL(person, mood));
	finds(&st, "Ann_a,", HF_MATCHING(f));
	finds(&st, "", HF_MATCHING(g));
	hf_find_unref(f);
	hf_find_unref(g);

	f = hf_find_new(&person_table);
	ck_assert_int_eq(hf_find_order_by(f, "age desc, name", true, NULL), HF_OK);
	ck_assert_int_eq(hf_find_order_by(f, "age sideways", true, &why), HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "\"sideways\" is no direction"));
	hf_error_unref(why);
	ck_assert_int_eq(hf_find_order_by(f, "age; drop table person", true, &why), HF_E_MISUSE);
	hf_error_unref(why);
	finds(&st, "Ann_a,50 cent,50%,", HF_MATCHING(f));
	hf_find_unref(f);
	t_store_close(&st);
}
END_TEST

START_TEST(test_wrong_table)
{
	struct t_store st = three_people();
	hf_rows *rows;

	ck_assert_int_eq(
		hf_select(st.s, person, &rows, HF_WHERE(HF_EQ(task, done, true))), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(hf_session_error(st.s)),
		"a condition on task in a statement on person");
	t_store_close(&st);
}
END_TEST

/* Its parameters are its own, and never another condition's. */
START_TEST(test_no_such_parameter)
{
	struct t_store st = three_people();
	hf_rows *rows;
	hf_status got = hf_select(
		st.s, person, &rows, HF_WHERE(HF_SQL_TERM("age < $2", 25), HF_EQ(person, age, 10)));

	ck_assert_int_eq(got, HF_E_MISUSE);
	ck_assert_str_eq(
		hf_error_message(hf_session_error(st.s)), "\"age < $2\" has $2, and 1 values");
	ck_assert_int_eq(
		hf_select(st.s, person, &rows, HF_WHERE(HF_SQL_TERM("age < $0", 25))), HF_E_MISUSE);
	finds(&st, "50%,", HF_WHERE(HF_SQL_TERM("age < $1 or age < $1 or name = '$2'", 15)));
	t_store_close(&st);
}
END_TEST

T_MAIN("find", { "H16 H37 conditions, orders, limits", test_conditions, 0 },
	{ "H34 what is looked for means itself", test_like, 0 },
	{ "H20 counts, existence, the first", test_counts, 0 },
	{ "H11 H13 H14 rows are changed and deleted by a condition", test_by_condition, 0 },
	{ "H35 H38 H40 conditions are collected, and orders read from a text", test_collected, 0 },
	{ "a condition belongs to its table", test_wrong_table, 0 },
	{ "H37 an expression's parameters are its own", test_no_such_parameter, 0 })
