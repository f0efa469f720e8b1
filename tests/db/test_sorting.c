/* SPDX-License-Identifier: MIT */
/* Orders of what is read as text and is none: the server sorts it by what it is. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

/* As text 10 stands before 9, and "happy" before "sad". */
struct card {
	int32_t id;
	const char *name;
	const char *number;
	enum mood mood;
	int64_t xmin;
};
static const hf_column card_columns[] = {
	HF_COLUMN(card, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(card, name, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(card, number, RAW("oid"), NOT_NULL, HF_PLAIN),
	HF_COLUMN(card, mood, ENUM(mood), NOT_NULL, HF_PLAIN),
	HF_COLUMN(card, xmin, INT8, NOT_NULL, HF_XMIN),
};
HF_TABLE(card, .name = "card");

/* a is 9 and happy, b 10 and sad, c 100 and ok. */
static struct t_store with_cards(void)
{
	struct t_store st = t_store_open();
	struct card c[] = { { .name = "a", .number = "9", .mood = MOOD_HAPPY },
		{ .name = "b", .number = "10", .mood = MOOD_SAD },
		{ .name = "c", .number = "100", .mood = MOOD_OK } };

	free(t_psql("set client_min_messages to warning; drop table if exists card"));
	t_verb(st.s, hf_table_create(st.s, &card_table, 0));
	for (int i = 0; i < 3; i++) /* a version each */
		t_verb(st.s, hf_insert(st.s, card, &c[i]));
	return st;
}

#define gives(st, names, ...) gives_at(__LINE__, (st), (names), HF__CLAUSES(__VA_ARGS__))
static void gives_at(int line, struct t_store *st, const char *want, const hf_clause *clauses)
{
	char got[40] = "";
	hf_rows *rows = NULL;

	t_verb_at(__FILE__, line, st->s, hf_select_at(HF_HERE, st->s, &card_table, &rows, clauses));
	for (size_t i = 0; i < hf_rows_count(rows); i++)
		strcat(got, HF_ROWS(card, rows)[i].name);
	hf_rows_unref(rows);
	if (strcmp(got, want) != 0)
		ck_abort_msg("line %d: \"%s\", not \"%s\"", line, got, want);
}

#define BY_MOOD   HF_ORDER(HF_ASC(card, mood))
#define BY_NUMBER HF_ORDER(HF_ASC(card, number))
#define ALL       HF_UNION(HF_ALL)

START_TEST(test_select)
{
	struct t_store st = with_cards();

	gives(&st, "bca", BY_MOOD);
	gives(&st, "acb", HF_ORDER(HF_DESC(card, mood)));
	gives(&st, "abc", BY_NUMBER);
	gives(&st, "bca", HF_ORDER(HF_ASC_OF(HF_COL(card, mood))));
	gives(&st, "cba", HF_ORDER(HF_DESC(card, xmin)));
	t_store_close(&st);
}
END_TEST

START_TEST(test_distinct)
{
	struct t_store st = with_cards();
	struct card *first;
	int64_t n;

	gives(&st, "bca", HF_DISTINCT, BY_MOOD);
	gives(&st, "bc", HF_DISTINCT, BY_MOOD, HF_LIMIT(2));
	gives(&st, "abc", HF_DISTINCT, BY_NUMBER);
	gives(&st, "bca", HF_DISTINCT_ON(HF_COL(card, mood)), BY_MOOD);
	t_verb(st.s, hf_first(st.s, card, &first, HF_DISTINCT, HF_ORDER(HF_DESC(card, number))));
	ck_assert_str_eq(first->name, "c");
	t_verb(st.s, hf_count(st.s, card, &n, HF_DISTINCT, BY_MOOD, HF_LIMIT(2)));
	ck_assert_int_eq(n, 2);
	t_store_close(&st);
}
END_TEST

START_TEST(test_compound)
{
	struct t_store st = with_cards();

	gives(&st, "bca", HF_WHERE(HF_EQ(card, name, "a")), ALL, BY_MOOD);
	gives(&st, "abc", HF_WHERE(HF_EQ(card, name, "a")), ALL, BY_NUMBER);
	gives(&st, "cba", HF_WHERE(HF_EQ(card, name, "a")), ALL, HF_ORDER(HF_DESC(card, xmin)));
	t_store_close(&st);
}
END_TEST

T_MAIN("sorting", { "G20 H35 sorted by what it is, and not by its text", test_select, 0 },
	{ "G20 H16 distinct rows", test_distinct, 0 },
	{ "G20 H17 compound selects", test_compound, 0 })
