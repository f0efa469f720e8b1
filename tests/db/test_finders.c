/* SPDX-License-Identifier: MIT */
/* The finders: the twins of pyramid_sqlassist's UtilityObject tests, on their data: AAAAA, aaaaa,
 * BBBBB and ccccc, in this order, with a status each. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct thing {
	int32_t id;
	const char *name;
	int32_t status;
	int32_t alternate;
};

/* The key is called otherwise; a key of two. */
struct other {
	int32_t number;
	const char *name;
};

extern const hf_table thing_table, other_table;

static const hf_column thing_columns[] = {
	HF_COLUMN(thing, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(thing, name, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(thing, status, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(thing, alternate, INT4, NOT_NULL, HF_PLAIN),
};
HF_TABLE(thing, .schema = NULL);

static const hf_column other_columns[] = {
	HF_COLUMN(other, number, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(other, name, TEXT, NOT_NULL, HF_PLAIN),
};
HF_TABLE(other, .schema = NULL);

struct shop {
	hf_pool *pool;
	hf_session *s;
};

static struct shop open_shop(void)
{
	struct shop shop = { .pool = t_pool(HF_POOL_OPTS(.max_conns = 1)) };

	shop.s = hf_session_on_pool(shop.pool);
	free(t_psql("set client_min_messages to warning; drop table if exists thing, other, line;"
		    "create table thing (id serial primary key, name text not null,"
		    " status int not null, alternate int not null);"
		    "create table other (number int primary key, name text not null);"
		    "create table line (order_id int, no int2, price numeric(12,2) not null,"
		    " primary key (order_id, no));"
		    "insert into other values (7, 'seven'), (8, 'eight');"
		    "insert into thing (name, status, alternate) values"
		    " ('AAAAA', 1, 101), ('aaaaa', 3, 102), ('BBBBB', 1, 103), ('ccccc', 3, 104)"));
	return shop;
}

static void close_shop(struct shop *shop)
{
	hf_session_unref(shop->s);
	t_close(shop->pool);
}

/* The ids, as "1,2,". Lets go of the rows. */
static void ids(hf_rows *rows, const char *expected)
{
	char is[100] = "";

	for (size_t i = 0; i < hf_rows_count(rows); i++)
		snprintf(
			is + strlen(is), sizeof is - strlen(is), "%d,", HF_ROWS(thing, rows)[i].id);
	ck_assert_str_eq(is, expected);
	hf_rows_unref(rows);
}

/* Also when they are in no order. */
static int compare_things(const void *a, const void *b)
{
	return ((const struct thing *)a)->id - ((const struct thing *)b)->id;
}

static void sorted_ids(hf_rows *rows, const char *expected)
{
	if (hf_rows_count(rows) > 1)
		qsort(HF_ROWS(thing, rows), hf_rows_count(rows), sizeof(struct thing),
			compare_things);
	ids(rows, expected);
}

/* † test__get__by__id: by id, by ids, by another column, ids of it. */
START_TEST(test__get__by__id)
{
	struct shop shop = open_shop();
	int32_t some[] = { 1, 3, 99 }, alternates[] = { 102, 104 };
	struct thing *t;
	struct other *o;
	struct line *l;
	hf_rows *rows;

	t_verb(shop.s, hf_by_id(shop.s, thing, &t, 2));
	ck_assert_str_eq(t->name, "aaaaa");
	t_verb(shop.s, hf_by_id(shop.s, thing, &t, 99));
	ck_assert_ptr_null(t);
	t_verb(shop.s, hf_by_ids(shop.s, thing, &rows, &HF_ARRAY(int4, some, 3)));
	sorted_ids(rows, "1,3,");
	t_verb(shop.s, hf_by_id_of(shop.s, thing, &t, alternate, 103));
	ck_assert_int_eq(t->id, 3);
	t_verb(shop.s,
		hf_by_ids_of(shop.s, thing, &rows, alternate, &HF_ARRAY(int4, alternates, 2)));
	sorted_ids(rows, "2,4,");
	t_verb(shop.s, hf_by_id(shop.s, other, &o, 8)); /* no "id": its key */
	ck_assert_str_eq(o->name, "eight");
	ck_assert_int_eq(hf_by_id(shop.s, line, &l, 1), HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(
		hf_error_message(hf_session_error(shop.s)), "no column \"id\", and its key has 2"));
	close_shop(&shop);
}
END_TEST

/* † test__get__by__column__lower: two are an error, or both in the order of their ids. */
START_TEST(test__get__by__column__lower)
{
	struct shop shop = open_shop();
	struct thing *t;
	hf_rows *rows;

	ck_assert_int_eq(hf_by_text(shop.s, thing, &t, name, "aAaAa"), HF_E_MANY_ROWS);
	t_verb(shop.s, hf_all_by_text(shop.s, thing, &rows, name, "aAaAa", 0, -1));
	ids(rows, "1,2,");
	t_verb(shop.s, hf_all_by_text(shop.s, thing, &rows, name, "aAaAa", 1, 5));
	ids(rows, "2,");
	t_verb(shop.s, hf_by_text(shop.s, thing, &t, name, "bbbbb"));
	ck_assert_int_eq(t->id, 3);
	t_verb(shop.s, hf_by_text(shop.s, thing, &t, name, "nobody"));
	ck_assert_ptr_null(t);
	ck_assert_ptr_null(hf_session_error(shop.s));
	t_verb(shop.s, hf_all_by_text(shop.s, thing, &rows, name, "nobody", 0, -1));
	ids(rows, "");
	close_shop(&shop);
}
END_TEST

/* † test__get__by__column__similar: by the column, ascending. */
START_TEST(test__get__by__column__similar)
{
	struct shop shop = open_shop();
	hf_rows *rows;

	t_verb(shop.s, hf_similar(shop.s, thing, &rows, name, "AaA", false, 0, -1));
	sorted_ids(rows, "1,2,");
	t_verb(shop.s, hf_similar(shop.s, thing, &rows, name, "b", false, 0, -1));
	ids(rows, "3,");
	t_verb(shop.s, hf_similar(shop.s, thing, &rows, name, "aa", true, 0, -1));
	sorted_ids(rows, "1,2,");
	t_verb(shop.s, hf_similar(shop.s, thing, &rows, name, "c", true, 0, -1));
	ids(rows, "4,");
	free(t_psql("update thing set name = 'aaaaa' where id = 1"));
	t_verb(shop.s, hf_similar(shop.s, thing, &rows, name, "AA", false, 0, 1));
	ids(rows, "1,"); /* equals by the key */
	free(t_psql("update thing set name = 'aab' where id = 1"));
	t_verb(shop.s, hf_similar(shop.s, thing, &rows, name, "AA", false, 0, 1));
	ids(rows, "2,");
	t_verb(shop.s, hf_similar(shop.s, thing, &rows, name, "AA", false, 1, 5));
	ids(rows, "1,");
	close_shop(&shop);
}
END_TEST

/* † test__get__by__column__exact_then_ilike: AAAAA is 1, aaaaa is 2, bbbbb is 3. */
START_TEST(test__get__by__column__exact_then_ilike)
{
	static const struct {
		const char *text;
		int32_t id;
	} given[] = { { "AAAAA", 1 }, { "aaaaa", 2 }, { "BBBBB", 3 }, { "bbbbb", 3 },
		{ "aaaAA", 1 }, { "a%", 0 } };
	struct shop shop = open_shop();
	struct thing *t;

	for (size_t i = 0; i < HF_COUNT(given); i++) {
		t_verb(shop.s, hf_exact_first(shop.s, thing, &t, name, given[i].text));
		ck_assert_int_eq(t ? t->id : 0, given[i].id);
	}
	close_shop(&shop);
}
END_TEST

static void has_range(struct shop *shop, const hf_range_opts *o, const char *expected)
{
	hf_rows *rows;

	t_verb(shop->s, hf_range(shop->s, thing, &rows, o));
	ids(rows, expected);
}

/* † test__get__range: its seven assertions, and what it refuses. */
START_TEST(test__get__range)
{
	struct shop shop = open_shop();
	hf_find *f = hf_find_new(&thing_table);
	hf_rows *rows;
	char *sql;

	free(t_psql(
		"update thing set name = name where id = 1")); /* it lies behind the others now */
	has_range(&shop, NULL, "1,2,3,4,");
	has_range(&shop, HF_RANGE(.limit = 2), "1,2,");
	has_range(&shop, HF_RANGE(.limit = 2, .order = "id desc"), "4,3,");
	has_range(&shop, HF_RANGE(.offset = 2, .limit = 2), "3,4,");
	has_range(&shop, HF_RANGE(.offset = 2, .limit = 2, .order = "id desc"), "2,1,");
	has_range(&shop, HF_RANGE(.limit = 2, .order = "status, id"), "1,3,");
	has_range(&shop, HF_RANGE(.limit = 2, .order = "name, id", .any_case = true), "1,2,");
	has_range(&shop, HF_RANGE(.order = "status desc, id"), "2,4,1,3,");

	has_range(&shop, HF_RANGE(.order = "status"), "1,3,2,4,"); /* equals by the key */
	has_range(&shop, HF_RANGE(.order = "status desc", .offset = 1, .limit = 2), "4,1,");

	hf_find_and(f, HF_EQ(thing, status, 3));
	has_range(&shop, HF_RANGE(.where = f, .order = "name desc"), "4,2,");
	has_range(&shop, HF_RANGE(.where = f), "2,4,");
	hf_find_unref(f);

	t_verb(shop.s, hf_range(shop.s, thing, &rows, HF_RANGE(.order = "status", .sql = &sql)));
	ck_assert_ptr_nonnull(strstr(sql, "ORDER BY \"thing\".\"status\""));
	free(sql);
	hf_rows_unref(rows);
	ck_assert_int_eq(
		hf_range(shop.s, thing, &rows, HF_RANGE(.order = "id sideways")), HF_E_MISUSE);
	ck_assert_ptr_nonnull(
		strstr(hf_error_message(hf_session_error(shop.s)), "\"sideways\" is no direction"));
	ck_assert_int_eq(hf_range(shop.s, thing, &rows, HF_RANGE(.order = "id; drop table thing")),
		HF_E_MISUSE);
	ck_assert_int_eq(hf_range(shop.s, thing, &rows, HF_RANGE(.order = "nothing", .sql = &sql)),
		HF_E_MISUSE);
	ck_assert_ptr_null(sql);
	ck_assert_int_eq(
		hf_range(shop.s, thing, &rows, &(hf_range_opts){ .limit = 1 }), HF_E_MISUSE);
	close_shop(&shop);
}
END_TEST

/* What is looked for means itself, from the finder to the server; a pattern is one where it is
 * called so. */
START_TEST(test_like_safety)
{
	static const char *const names[] = { "50%", "50 cent", "a_b", "axb", "back\\slash",
		"back/slash", "100%_\\" };
	struct shop shop = open_shop();
	struct thing *t;
	hf_rows *rows;

	free(t_psql("truncate thing restart identity"));
	for (size_t i = 0; i < HF_COUNT(names); i++) {
		struct thing new = { .name = names[i], .status = 1, .alternate = (int32_t)i };

		t_verb(shop.s, hf_insert(shop.s, thing, &new));
	}
	t_verb(shop.s, hf_similar(shop.s, thing, &rows, name, "50%", false, 0, -1));
	ids(rows, "1,");
	t_verb(shop.s, hf_similar(shop.s, thing, &rows, name, "%", true, 0, -1));
	sorted_ids(rows, "1,7,");
	t_verb(shop.s, hf_similar(shop.s, thing, &rows, name, "_", true, 0, -1));
	sorted_ids(rows, "3,7,");
	t_verb(shop.s, hf_similar(shop.s, thing, &rows, name, "\\", true, 0, -1));
	sorted_ids(rows, "5,7,");
	t_verb(shop.s, hf_similar(shop.s, thing, &rows, name, "", true, 0, -1));
	ck_assert_uint_eq(hf_rows_count(rows), HF_COUNT(names));
	hf_rows_unref(rows);
	t_verb(shop.s, hf_exact_first(shop.s, thing, &t, name, "A_B"));
	ck_assert_int_eq(t->id, 3);
	t_verb(shop.s, hf_by_text(shop.s, thing, &t, name, "5_%"));
	ck_assert_ptr_null(t);
	t_verb(shop.s, hf_select(shop.s, thing, &rows, HF_WHERE(HF_LIKE(thing, name, "50%"))));
	sorted_ids(rows, "1,2,");
	t_verb(shop.s, hf_select(shop.s, thing, &rows, HF_WHERE(HF_ILIKE(thing, name, "A_B"))));
	sorted_ids(rows, "3,4,");
	close_shop(&shop);
}
END_TEST

/* † test__pyramid_request: from the session, back to the request. */
START_TEST(test__pyramid_request)
{
	struct shop shop = open_shop();
	hf_engines *e = hf_engines_new();
	int request = 42;
	struct thing *t;
	hf_scope *s;

	ck_assert_int_eq(hf_engines_add(e, "reader", shop.pool, NULL, NULL), HF_OK);
	s = hf_scope_new(e, HF_SCOPE_OPTS(.user = &request));
	t_verb(hf_reader(s), hf_by_id(hf_reader(s), thing, &t, 1));
	ck_assert_str_eq(t->name, "AAAAA");
	ck_assert_ptr_eq(hf_scope_user(hf_session_scope(hf_reader(s))), &request);
	ck_assert_ptr_null(hf_session_scope(shop.s));
	hf_scope_unref(s);
	hf_engines_unref(e);
	close_shop(&shop);
}
END_TEST

T_MAIN("finders", { "H33 by an id, by several, by another column", test__get__by__id, 0 },
	{ "H33 H36 by a text in any case: one, or an error", test__get__by__column__lower, 0 },
	{ "H33 what begins so, and what has it in it", test__get__by__column__similar, 0 },
	{ "H33 the exact one, else one in another case", test__get__by__column__exact_then_ilike,
		0 },
	{ "H33 H35 ranges in orders that are given as text", test__get__range, 0 },
	{ "H34 a text that is looked for means itself", test_like_safety, 0 },
	{ "H33 a session leads back to its request", test__pyramid_request, 0 })
