/* SPDX-License-Identifier: MIT */
/* Many values in one statement that are not of the column's type before the server has read them.
 */
#include "models.h"

#include <stdlib.h>
#include <string.h>

/* A key that is padded with blanks; what no array of C's travels as. */
struct parcel {
	const char *code;
	const char *zone;   /* a domain over varchar(3) */
	const char *letter; /* nchar(3) */
	const char *box;    /* whose arrays are written with another comma */
	const char *pair;   /* of two columns */
	const char *number;
	enum mood mood;
};
static const hf_column parcel_columns[] = {
	HF_COLUMN(parcel, code, CHARACTER(5), NOT_NULL, HF_PK),
	HF_COLUMN(parcel, zone, RAW("short"), NULLABLE, HF_PLAIN),
	HF_COLUMN(parcel, letter, RAW("nchar(3)"), NULLABLE, HF_PLAIN),
	HF_COLUMN(parcel, box, RAW("box"), NULLABLE, HF_PLAIN),
	HF_COLUMN(parcel, pair, RAW("pair"), NULLABLE, HF_PLAIN),
	HF_COLUMN(parcel, number, RAW("oid"), NULLABLE, HF_PLAIN),
	HF_COLUMN(parcel, mood, ENUM_INT4(mood), NOT_NULL, HF_PLAIN),
};
HF_TABLE(parcel, .name = "parcel");

static struct t_store open_parcels(void)
{
	struct t_store st = t_store_open();

	free(t_psql("set client_min_messages to warning; drop table if exists parcel;"
		    "drop domain if exists short; drop type if exists pair;"
		    "create domain short as varchar(3); create type pair as (a int, b text)"));
	t_verb(st.s, hf_table_create(st.s, &parcel_table, 0));
	return st;
}

START_TEST(test_round_trip)
{
	struct t_store st = open_parcels();
	struct parcel p[] = { { .code = "a",
				      .zone = "x\"y",
				      .letter = "abc",
				      .box = "(1,1),(0,0)",
				      .pair = "(1,\"a b\")",
				      .number = "9",
				      .mood = MOOD_HAPPY },
		{ .code = "b", .zone = "" }, { .code = "c", .zone = "a,b", .pair = "(,NULL)" } };
	hf_rows *rows;
	const struct parcel *got;

	t_verb(st.s, hf_insert_many(st.s, parcel, p, 3));
	t_verb(st.s, hf_select(st.s, parcel, &rows, HF_ORDER(HF_ASC(parcel, code))));
	got = HF_ROWS(parcel, rows);
	ck_assert_str_eq(got[0].code, "a    ");
	ck_assert_str_eq(got[0].zone, "x\"y");
	ck_assert_str_eq(got[0].letter, "abc");
	ck_assert_str_eq(got[0].box, "(1,1),(0,0)");
	ck_assert_str_eq(got[0].pair, "(1,\"a b\")");
	ck_assert_str_eq(got[0].number, "9");
	ck_assert_int_eq(got[0].mood, MOOD_HAPPY);
	ck_assert_str_eq(got[1].zone, "");
	ck_assert(!got[1].letter && !got[1].box && !got[1].pair && !got[1].number);
	ck_assert_str_eq(got[2].zone, "a,b");
	ck_assert_str_eq(got[2].pair, "(,NULL)");
	hf_rows_unref(rows);
	t_store_close(&st);
}
END_TEST

static void too_long(hf_session *s, struct parcel *p)
{
	ck_assert_int_eq(hf_insert_many(s, parcel, p, 1), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(s)), "22001");
}

START_TEST(test_never_cut)
{
	struct t_store st = open_parcels();

	too_long(st.s, &(struct parcel){ .code = "a", .zone = "abcd" });
	too_long(st.s, &(struct parcel){ .code = "a", .letter = "abcd" });
	ck_assert_int_eq(t_psql_int("select count(*) from parcel"), 0);
	t_store_close(&st);
}
END_TEST

/* A key comes back with its blanks, and is the same with them and without. */
START_TEST(test_padded_key)
{
	static const char *const codes[] = { "b    ", "c" };
	struct t_store st = open_parcels();
	struct parcel p[] = { { .code = "a" }, { .code = "b" }, { .code = "c" } };
	hf_rows *rows;
	int64_t n;

	t_verb(st.s, hf_insert_many(st.s, parcel, p, 3));
	t_verb(st.s, hf_select(st.s, parcel, &rows,
			     HF_WHERE(HF_ANY(parcel, code, &HF_ARRAY(text, codes, 2)))));
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	HF_ROWS(parcel, rows)[0].letter = HF_ROWS(parcel, rows)[1].letter = "new";
	t_verb(st.s, hf_update_many(st.s, parcel, HF_ROWS(parcel, rows), 2, NULL, &n));
	ck_assert_int_eq(n, 2);
	ck_assert_int_eq(t_psql_int("select count(*) from parcel where letter = 'new'"), 2);
	hf_rows_unref(rows);
	t_store_close(&st);
}
END_TEST

/* One of a list, in columns that are no texts: a number, an enum kept as one. */
START_TEST(test_any)
{
	static const char *const numbers[] = { "9", "10" };
	static const int32_t moods[] = { MOOD_OK, MOOD_HAPPY };
	struct t_store st = open_parcels();
	struct parcel p[] = { { .code = "a", .number = "9", .mood = MOOD_OK },
		{ .code = "b", .number = "10" }, { .code = "c", .number = "11", .mood = MOOD_OK } };
	int64_t n;

	t_verb(st.s, hf_insert_many(st.s, parcel, p, 3));
	t_verb(st.s, hf_count(st.s, parcel, &n,
			     HF_WHERE(HF_ANY(parcel, number, &HF_ARRAY(text, numbers, 2)))));
	ck_assert_int_eq(n, 2);
	t_verb(st.s, hf_count(st.s, parcel, &n,
			     HF_WHERE(HF_ANY(parcel, mood, &HF_ARRAY(int4, moods, 2)))));
	ck_assert_int_eq(n, 2);
	t_store_close(&st);
}
END_TEST

T_MAIN("many_types", { "H11 what is no array in C travels whole", test_round_trip, 0 },
	{ "H11 what is too long is refused, and not cut", test_never_cut, 0 },
	{ "H15 H37 a key that is padded with blanks", test_padded_key, 0 },
	{ "H37 G20 one of a list, in columns that are no texts", test_any, 0 })
