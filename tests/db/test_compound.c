/* SPDX-License-Identifier: MIT */
/* Selects of selects: union, union all, intersect, except. */
#include "models.h"

#include <string.h>

static struct t_store six_people(void)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
	struct t_store st = t_store_open();
	struct person p[6];

	for (int i = 0; i < 6; i++)
		p[i] = (struct person){
			.name = names[i], .mood = (enum mood)(i % 3), .age = HF_SOME(i + 1)
		};
	t_verb(st.s, hf_insert_many(st.s, person, p, 6));
	return st;
}

#define gives(st, names, ...) gives_at(__LINE__, (st), (names), HF__CLAUSES(__VA_ARGS__))
static void gives_at(int line, struct t_store *st, const char *want, const hf_clause *clauses)
{
	char got[40] = "";
	hf_rows *rows = NULL;

	t_verb_at(
		__FILE__, line, st->s, hf_select_at(HF_HERE, st->s, &person_table, &rows, clauses));
	for (size_t i = 0; i < hf_rows_count(rows); i++)
		strcat(got, HF_ROWS(person, rows)[i].name);
	hf_rows_unref(rows);
	if (strcmp(got, want) != 0)
		ck_abort_msg("line %d: \"%s\", not \"%s\"", line, got, want);
}

#define UP_TO(n)  HF_WHERE(HF_LE(person, age, n))
#define FROM(n)   HF_WHERE(HF_GE(person, age, n))
#define BY_NAME   HF_ORDER(HF_ASC(person, name))
#define BACKWARDS HF_ORDER(HF_DESC(person, name))

/* † peewee-async: test_union_all. */
START_TEST(test_union_all)
{
	struct t_store st = six_people();

	gives(&st, "abbc", UP_TO(2), HF_UNION_ALL(HF_WHERE(HF_BETWEEN(person, age, 2, 3))),
		BY_NAME);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_union. */
START_TEST(test_union)
{
	struct t_store st = six_people();

	gives(&st, "abc", UP_TO(2), HF_UNION(HF_WHERE(HF_BETWEEN(person, age, 2, 3))), BY_NAME);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_intersect. */
START_TEST(test_intersect)
{
	struct t_store st = six_people();

	gives(&st, "cd", UP_TO(4), HF_INTERSECT(FROM(3)), BY_NAME);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_except. */
START_TEST(test_except)
{
	struct t_store st = six_people();

	gives(&st, "ab", UP_TO(4), HF_EXCEPT(FROM(3)), BY_NAME);
	t_store_close(&st);
}
END_TEST

/* From left to right, whatever SQL's own precedence; inside of one another as they stand. */
START_TEST(test_chained)
{
	struct t_store st = six_people();

	/* (a b | e f) & b-e is "be"; SQL alone would read a b | (e f & b-e), which is "abe" */
	gives(&st, "be", UP_TO(2), HF_UNION(FROM(5)),
		HF_INTERSECT(HF_WHERE(HF_BETWEEN(person, age, 2, 5))), BY_NAME);
	gives(&st, "abe", UP_TO(2),
		HF_UNION(FROM(5), HF_INTERSECT(HF_WHERE(HF_BETWEEN(person, age, 2, 5)))), BY_NAME);
	gives(&st, "f", UP_TO(5), HF_UNION(FROM(2)), HF_EXCEPT(UP_TO(3)), HF_EXCEPT(UP_TO(5)));
	t_store_close(&st);
}
END_TEST

/* Orders, limits and counts are those of the whole; a part may have its own. */
START_TEST(test_whole)
{
	struct t_store st = six_people();
	hf_find *f = hf_find_new(&person_table);
	struct person *p;
	int64_t n;
	bool there;

	gives(&st, "fe", UP_TO(2), HF_UNION(FROM(5)), BACKWARDS, HF_LIMIT(2));
	gives(&st, "af", UP_TO(1), HF_UNION(BACKWARDS, HF_LIMIT(1)), BY_NAME);
	gives(&st, "da", HF_WHERE(HF_EQ(person, mood, MOOD_SAD)), HF_UNION(UP_TO(1)),
		HF_ORDER(HF_IDESC(person, name)));
	hf_find_and(f, HF_EQ(person, age, 6));
	gives(&st, "af", UP_TO(1), HF_UNION(HF_MATCHING(f)), BY_NAME);
	hf_find_unref(f);
	t_verb(st.s, hf_count(st.s, person, &n, UP_TO(2), HF_UNION_ALL(UP_TO(3))));
	ck_assert_int_eq(n, 5);
	t_verb(st.s, hf_count(st.s, person, &n, UP_TO(2), HF_UNION(UP_TO(3))));
	ck_assert_int_eq(n, 3);
	t_verb(st.s, hf_exists(st.s, person, &there, UP_TO(2), HF_INTERSECT(FROM(3))));
	ck_assert(!there);
	t_verb(st.s, hf_first(st.s, person, &p, UP_TO(2), HF_UNION(FROM(5)), BACKWARDS));
	ck_assert_str_eq(p->name, "f");
	ck_assert_int_eq(p->mood, MOOD_HAPPY);
	t_store_close(&st);
}
END_TEST

T_MAIN("compound", { "H17 union all", test_union_all, 0 }, { "H17 union", test_union, 0 },
	{ "H17 intersect", test_intersect, 0 }, { "H17 except", test_except, 0 },
	{ "H17 chained, and inside of one another", test_chained, 0 },
	{ "H17 H20 orders, limits and counts of the whole", test_whole, 0 })
