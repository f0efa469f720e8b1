/* SPDX-License-Identifier: MIT */
/* Values of many rows: scalars, counts, groups. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

/* What a group of lines comes to. */
struct bill {
	int32_t order_id;
	int64_t lines;
	hf_numeric total;
	hf_int2_opt highest;
};
static const hf_column bill_columns[] = {
	HF_COLUMN(bill, order_id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(bill, lines, INT8, NOT_NULL, HF_PLAIN),
	HF_COLUMN(bill, total, NUMERIC, NOT_NULL, HF_PLAIN),
	HF_COLUMN(bill, highest, INT2, NULLABLE, HF_PLAIN),
};
HF_TABLE(bill, .name = "bill");

static struct t_store with_lines(void)
{
	struct t_store st = t_store_open();
	struct line l[] = { { 1, 1, { "10.00" } }, { 1, 2, { "2.50" } }, { 2, 1, { "7.00" } },
		{ 3, 1, { "1.00" } }, { 3, 2, { "1.00" } } };

	t_verb(st.s, hf_insert_many(st.s, line, l, 5));
	return st;
}

#define PER_ORDER                                                                                  \
	HF_PICKS(HF_PICK(bill, order_id, HF_COL(line, order_id)),                                  \
		HF_PICK(bill, lines, HF_COUNT_ROWS), HF_PICK(bill, total, HF_SUM(line, price)),    \
		HF_PICK(bill, highest, HF_MAX(line, no)))
#define BY_ORDER HF_GROUP(HF_COL(line, order_id))

START_TEST(test_group)
{
	struct t_store st = with_lines();
	const struct bill *b;
	hf_rows *rows;
	int64_t n;

	t_verb(st.s, hf_select_as(st.s, line, bill, &rows, PER_ORDER, BY_ORDER,
			     HF_ORDER(HF_ASC(line, order_id))));
	ck_assert_uint_eq(hf_rows_count(rows), 3);
	b = HF_ROWS(bill, rows);
	ck_assert_int_eq(b[0].order_id, 1);
	ck_assert_int_eq(b[0].lines, 2);
	ck_assert_str_eq(b[0].total.s, "12.50");
	ck_assert_int_eq(b[2].highest.v, 2);
	hf_rows_unref(rows);
	t_verb(st.s, hf_count(st.s, line, &n, BY_ORDER));
	ck_assert_int_eq(n, 3);
	t_store_close(&st);
}
END_TEST

START_TEST(test_having)
{
	struct t_store st = with_lines();
	hf_rows *rows;

	t_verb(st.s, hf_select_as(st.s, line, bill, &rows, PER_ORDER, BY_ORDER,
			     HF_WHERE(HF_GT(line, order_id, 0)),
			     HF_HAVING(HF_THAT(HF_COUNT_ROWS, HF_OP_EQ, 2),
				     HF_OR(HF_THAT(HF_SUM(line, price), HF_OP_LT, 5),
					     HF_THAT(HF_MAX(line, no), HF_OP_GT, 5))),
			     HF_ORDER(HF_DESC_OF(HF_SUM(line, price)))));
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	ck_assert_int_eq(HF_ROWS(bill, rows)->order_id, 3);
	hf_rows_unref(rows);
	t_verb(st.s, hf_select_as(st.s, line, bill, &rows, PER_ORDER, BY_ORDER,
			     HF_ORDER(HF_DESC_OF(HF_SUM(line, price))), HF_LIMIT(2)));
	ck_assert_int_eq(HF_ROWS(bill, rows)[0].order_id, 1);
	ck_assert_int_eq(HF_ROWS(bill, rows)[1].order_id, 2);
	hf_rows_unref(rows);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_aio_scalar: a value, of a type of its own, and none; test_scalar_query. */
START_TEST(test_aio_scalar)
{
	struct t_store st = with_lines();
	struct person p = { .name = "Ann", .mood = MOOD_HAPPY };
	int64_t n;
	hf_int4_opt highest;
	hf_numeric sum, average;
	const char *text;

	t_verb(st.s, hf_scalar(st.s, line, &highest, HF_MAX(line, order_id), HF_ALL));
	ck_assert(highest.has && highest.v == 3);
	t_verb(st.s, hf_scalar(st.s, line, &sum, HF_SUM(line, price),
			     HF_WHERE(HF_EQ(line, order_id, 1))));
	ck_assert_str_eq(sum.s, "12.50");
	t_verb(st.s, hf_scalar(st.s, line, &average, HF_AVG(line, price),
			     HF_WHERE(HF_EQ(line, order_id, 3))));
	ck_assert_double_eq(atof(average.s), 1.0);
	t_verb(st.s, hf_scalar(st.s, line, &n, HF_COUNT_DISTINCT(line, order_id), HF_ALL));
	ck_assert_int_eq(n, 3);
	t_verb(st.s, hf_scalar(st.s, person, &highest, HF_COL(person, age), HF_ALL));
	ck_assert(!highest.has); /* of no row at all */
	ck_assert_int_eq(hf_scalar(st.s, person, &n, HF_COL(person, id), HF_ALL), HF_E_NULL);
	t_verb(st.s, hf_insert(st.s, person, &p));
	t_verb(st.s, hf_scalar(st.s, person, &text, HF_COL(person, mood), HF_ALL));
	ck_assert_str_eq(text, "happy");
	t_verb(st.s, hf_scalar(st.s, person, &text, HF_SQL_TERM("upper(name) || $1", "!"), HF_ALL));
	ck_assert_str_eq(text, "ANN!");
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_count_query: of 5 with limit 3 there are 3; test_count_query_clear_limit: 5;
 * test_count_query_with_limit: 1. Pulsar, legacy: test_count. */
START_TEST(test_count_query)
{
	struct t_store st = with_lines();
	hf_find *f = hf_find_new(&line_table);
	int64_t n;

	t_verb(st.s, hf_count(st.s, line, &n, HF_LIMIT(3)));
	ck_assert_int_eq(n, 3);
	t_verb(st.s, hf_count(st.s, line, &n, HF_LIMIT(1)));
	ck_assert_int_eq(n, 1);
	hf_find_limit(f, 3);
	t_verb(st.s, hf_count(st.s, line, &n, HF_MATCHING(f)));
	ck_assert_int_eq(n, 3);
	hf_find_limit(f, HF_FOREVER);
	t_verb(st.s, hf_count(st.s, line, &n, HF_MATCHING(f)));
	ck_assert_int_eq(n, 5);
	t_verb(st.s, hf_count(st.s, line, &n, HF_LIMIT(3), HF_LIMIT(HF_FOREVER)));
	ck_assert_int_eq(n, 5);
	hf_find_unref(f);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_aio_exists. */
START_TEST(test_aio_exists)
{
	struct t_store st = with_lines();
	bool there;

	t_verb(st.s, hf_exists(st.s, line, &there, HF_WHERE(HF_EQ(line, order_id, 3))));
	ck_assert(there);
	t_verb(st.s, hf_exists(st.s, line, &there, HF_WHERE(HF_EQ(line, order_id, 4))));
	ck_assert(!there);
	t_verb(st.s, hf_exists(st.s, line, &there, BY_ORDER,
			     HF_HAVING(HF_THAT(HF_COUNT_ROWS, HF_OP_GT, 2))));
	ck_assert(!there);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_aio_first, test_aio_peek: the first 1, 2, and 5 of 3. */
START_TEST(test_aio_first)
{
	struct t_store st = t_store_open();
	struct person p[] = { { .name = "Ann" }, { .name = "Bob" }, { .name = "Cid" } }, *first;
	hf_rows *rows;

	t_verb(st.s, hf_insert_many(st.s, person, p, 3));
	t_verb(st.s, hf_first(st.s, person, &first, HF_ORDER(HF_DESC(person, id))));
	ck_assert_str_eq(first->name, "Cid");
	t_verb(st.s, hf_first(st.s, person, &first, HF_ORDER(HF_ASC(person, id)), HF_LIMIT(5),
			     HF_OFFSET(1), HF_ONLY(HF_COL(person, name))));
	ck_assert_str_eq(first->name, "Bob");
	t_verb(st.s, hf_first(st.s, person, &first, HF_LIMIT(0)));
	ck_assert_ptr_null(first);
	for (int n = 1; n <= 5; n += n == 2 ? 3 : 1) {
		t_verb(st.s,
			hf_select(st.s, person, &rows, HF_ORDER(HF_ASC(person, id)), HF_LIMIT(n)));
		ck_assert_uint_eq(hf_rows_count(rows), n < 3 ? (size_t)n : 3);
		ck_assert_str_eq(HF_ROWS(person, rows)->name, "Ann");
		hf_rows_unref(rows);
	}
	t_store_close(&st);
}
END_TEST

START_TEST(test_refused)
{
	struct t_store st = with_lines();
	hf_rows *rows;
	int64_t n;

	ck_assert_int_eq(hf_select_as(st.s, line, bill, &rows,
				 HF_PICKS(HF_PICK(bill, lines, HF_COUNT_ROWS)), HF_ALL),
		HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(hf_session_error(st.s)),
		"no column \"order_id\", which may not be NULL"));
	ck_assert_int_eq(hf_select_as(st.s, line, bill, &rows,
				 HF_PICKS(HF_PICK(line, no, HF_COUNT_ROWS)), HF_ALL),
		HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(hf_session_error(st.s)),
		"model bill: a pick names one of its members");
	ck_assert_int_eq(hf_scalar(st.s, line, &n, HF_EQ(line, no, 1), HF_ALL), HF_E_MISUSE);
	ck_assert_int_eq(hf_count(st.s, line, &n, HF_WHERE(HF_THAT(HF_COUNT_ROWS, HF_OP_SQL, 1))),
		HF_E_MISUSE);
	t_store_close(&st);
}
END_TEST

T_MAIN("aggregates", { "H16 groups as structs", test_group, 0 },
	{ "H16 groups of which something holds, in an order", test_having, 0 },
	{ "H20 a value, or none", test_aio_scalar, 0 },
	{ "H20 5 with limit 3 are 3, without it 5", test_count_query, 0 },
	{ "H20 whether there is one", test_aio_exists, 0 },
	{ "H20 the first 1, 2, and 5 of 3", test_aio_first, 0 },
	{ "what cannot be a value says why", test_refused, 0 })
