/* SPDX-License-Identifier: MIT */
/* Names that need quotes, in a schema, through every verb; and columns that change with each
 * UPDATE. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

/* "od""d"."or der" and its lines, in Turkish, with a space, a quote and a key word. */
struct order {
	int32_t id;
	const char *text;
	int32_t version;
	int32_t touched;
};

static hf_status touch(void *member, void *row)
{
	(void)row;
	++*(int32_t *)member;
	return HF_OK;
}

static const hf_column order_columns[] = {
	HF_COLUMN_AS(order, id, "select", INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN_AS(order, text, "b\xc4\xb1g\xc4\xb1n \"t\"", TEXT, NOT_NULL, HF_UNIQUE),
	HF_COLUMN_AS(order, version, "N", INT4, NOT_NULL, HF_ROW_VERSION),
	HF_COLUMN_AS(order, touched, "hf_row", INT4, NOT_NULL, .on_update = touch),
};
extern const hf_table order_table, part_table;
HF_TABLE(order, .schema = "od\"d", .name = "or der");

struct part {
	int32_t order_id;
	hf_int4_opt other;
	int32_t n;
};
static const hf_column part_columns[] = {
	HF_COLUMN_AS(part, order_id, "from", INT4, NOT_NULL, HF_PK),
	HF_COLUMN_AS(part, other, "c1", INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN_AS(part, n, "at", INT4, NOT_NULL, HF_PK),
};
static const hf_foreign_key part_keys[] = {
	HF_FOREIGN_KEY(part, order_id, order, id, .name = NULL),
	HF_FOREIGN_KEY(part, other, order, id, .name = NULL),
};
HF_TABLE(part, .schema = "od\"d", .name = "hf_doomed", .foreign_keys = part_keys,
	.n_foreign_keys = 2);

static const hf_table *const both[] = { &part_table, &order_table, NULL };

static hf_session *open_store(hf_pool *p)
{
	hf_session *s = hf_session_on_pool(p);
	hf_models *m = hf_models_new(NULL);
	hf_error *why;

	free(t_psql(
		"set client_min_messages to warning; drop schema if exists \"od\"\"d\" cascade"));
	if (hf_models_add(m, both, NULL, &why) != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
	t_verb(s, hf_models_create(m, s, 0));
	hf_models_unref(m);
	return s;
}

START_TEST(test_every_verb)
{
	hf_pool *p = t_pool(NULL);
	hf_session *s = open_store(p);
	struct order o[] = { { .text = "a" }, { .text = "b" } }, *got;
	struct part parts[] = { { 0, { false, 0 }, 1 }, { 0, { false, 0 }, 2 } };
	const uint32_t *by = HF_COLUMNS(HF_C(order, text));
	hf_rows *rows;
	int64_t n;
	bool yes;

	t_verb(s, hf_insert_many(s, order, o, 2));
	parts[0].order_id = o[0].id;
	parts[1].order_id = o[1].id;
	parts[1].other = (hf_int4_opt)HF_SOME(o[0].id);
	t_verb(s, hf_insert(s, part, &parts[0]));
	t_verb(s, hf_insert(s, part, &parts[1]));
	t_verb(s, hf_update_many(s, order, o, 2, NULL, &n));
	ck_assert_int_eq(n, 2);
	t_verb(s, hf_upsert(s, order, &o[0], by, HF_REST, &yes));
	ck_assert(!yes);
	ck_assert_int_eq(o[0].version, 2);
	t_verb(s, hf_upsert_many(s, part, parts, 2, HF_COLUMNS(HF_C(part, order_id), HF_C(part, n)),
			  HF_REST, &n));
	ck_assert_int_eq(n, 2);
	t_verb(s, hf_get_or_create(s, order, &got, &yes, &o[1], HF_EQ(order, text, "b")));
	ck_assert(!yes);
	t_verb(s, hf_update(s, order, got));
	t_verb(s, hf_select(s, part, &rows, HF_JOIN(part, order_id, order, id),
			  HF_WHERE(HF_IHAS(order, text, "B"), HF_GT(part, n, 0)),
			  HF_ORDER(HF_IASC(order, text)), HF_LOCK(HF_FOR_UPDATE)));
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	hf_rows_unref(rows);
	t_verb(s, hf_count(s, order, &n,
			  HF_WHERE(HF_IN_SELECT(order, id, part, order_id, HF_EQ(part, n, 2)))));
	ck_assert_int_eq(n, 1);
	t_verb(s, hf_select(s, order, &rows, HF_ONLY(HF_COL(order, text)),
			  HF_UNION(HF_ONLY(HF_COL(order, text)), HF_LIMIT(1)),
			  HF_ORDER(HF_DESC(order, text))));
	ck_assert_str_eq(HF_ROWS(order, rows)->text, "b");
	hf_rows_unref(rows);
	t_verb(s, hf_get(s, order, &got, HF_EQ(order, text, "a")));
	t_verb(s, hf_delete_deep(s, order, got, both, false));
	t_verb(s, hf_select(s, part, &rows, HF_ALL));
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	ck_assert(!HF_ROWS(part, rows)->other.has);
	hf_rows_unref(rows);
	t_verb(s, hf_update_where(s, order, &n, HF_SETS(HF_SET(order, text, "z")), HF_ALL));
	t_verb(s, hf_delete_where(s, part, &n, HF_ALL));
	t_verb(s, hf_first(s, order, &got, HF_ALL));
	t_verb(s, hf_delete(s, order, got));
	hf_session_unref(s);
	t_close(p);
}
END_TEST

/* Whatever else is written, on_update's columns are. */
START_TEST(test_on_update)
{
	hf_pool *p = t_pool(NULL);
	hf_session *s = open_store(p);
	struct order o = { .text = "a" };
	const uint32_t *text = HF_COLUMNS(HF_C(order, text));

	t_verb(s, hf_insert(s, order, &o));
	ck_assert_int_eq(o.touched, 0);
	t_verb(s, hf_update(s, order, &o));
	ck_assert_int_eq(o.touched, 1);
	t_verb(s, hf_update_only(s, order, &o, HF_C(order, text)));
	ck_assert_int_eq(o.touched, 2);
	t_verb(s, hf_upsert(s, order, &o, text, text, NULL));
	ck_assert_int_eq(o.touched, 3);
	t_verb(s, hf_update_many(s, order, &o, 1, text, NULL));
	t_sql_gives("select hf_row from \"od\"\"d\".\"or der\"", "4");
	o.id = 0;
	t_verb(s, hf_upsert_many(s, order, &o, 1, text, HF_REST, NULL));
	t_sql_gives("select hf_row || ' ' || \"N\" from \"od\"\"d\".\"or der\"", "5 5");
	hf_session_unref(s);
	t_close(p);
}
END_TEST

T_MAIN("odd_names", { "H40 names that need quotes, through every verb", test_every_verb, 0 },
	{ "H2 H15 columns that change with each update", test_on_update, 0 })
