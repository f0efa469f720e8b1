/* SPDX-License-Identifier: MIT */
/* Updates of what differs from a copy of the row, and of nothing else. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

struct sheet {
	int32_t id;
	const char *text;
	hf_int4_opt number;
	hf_numeric price;
	hf_bytes data;
	hf_int4_array list;
	enum mood mood;
	const char *touched; /* whenever it is written */
	int32_t version;
};

static hf_status touch(void *member, void *row)
{
	(void)row;
	*(const char **)member = "touched";
	return HF_OK;
}

static const hf_column sheet_columns[] = {
	HF_COLUMN(sheet, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(sheet, text, TEXT, NULLABLE, HF_PLAIN),
	HF_COLUMN(sheet, number, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(sheet, price, NUMERIC, NULLABLE, HF_PLAIN),
	HF_COLUMN(sheet, data, BYTEA, NULLABLE, HF_PLAIN),
	HF_COLUMN(sheet, list, ARRAY(INT4), NULLABLE, HF_PLAIN),
	HF_COLUMN(sheet, mood, ENUM(mood), NOT_NULL, HF_PLAIN),
	HF_COLUMN(sheet, touched, TEXT, NULLABLE, .on_update = touch),
	HF_COLUMN(sheet, version, INT4, NOT_NULL, HF_ROW_VERSION),
};
extern const hf_table sheet_table;
HF_TABLE(sheet, .name = "sheet");

/* A trigger writes down which columns an UPDATE names, in the order of the table. */
static struct t_store with_sheet(struct sheet *one)
{
	struct t_store st = t_store_open();
	static const int32_t list[] = { 1, 2 };

	t_verb(st.s, hf_table_create(st.s, &sheet_table, HF_DROP_FIRST));
	free(t_psql("set client_min_messages to warning; drop table if exists written;"
		    "create table written (columns text);"
		    "create or replace function note() returns trigger language plpgsql as $$"
		    " begin insert into written select tg_argv[0]; return null; end $$;"));
	for (const char *const *c = (const char *const[]){ "text", "number", "price", "data",
		     "list", "mood", "touched", NULL };
		*c; c++) {
		char sql[200];

		strcpy(sql, "create trigger on_");
		strcat(sql, *c);
		strcat(sql, " after update of ");
		strcat(sql, *c);
		strcat(sql, " on sheet for each row execute function note('");
		strcat(sql, *c);
		strcat(sql, "')");
		free(t_psql(sql));
	}
	*one = (struct sheet){ .text = "one",
		.number = HF_SOME(7),
		.price = { "1.50" },
		.data = { "\1\0\2", 3 },
		.list = HF_ARRAY(int4, list, 2) };
	t_verb(st.s, hf_insert(st.s, sheet, one));
	return st;
}

/* Fails unless these columns were written since it was last asked, by their names. */
static void wrote(const char *columns)
{
	char *is = t_psql("with w as (delete from written returning columns)"
			  "select coalesce(string_agg(columns, ' ' order by columns), '') from w");

	ck_assert_str_eq(is, columns);
	free(is);
}

#define CHANGED(row, was, changed)                                                                 \
	t_verb(st.s, hf_update_changed(st.s, sheet, (row), (was), (changed)))

START_TEST(test_what_differs)
{
	struct sheet one, was;
	struct t_store st = with_sheet(&one);
	uint64_t before;
	bool changed = true;

	was = one;
	before = t_stats(st.pool).statements;
	CHANGED(&one, &was, &changed);
	ck_assert(!changed);
	ck_assert_uint_eq(t_stats(st.pool).statements, before);
	one.text = "two";
	CHANGED(&one, &was, &changed);
	ck_assert(changed);
	wrote("text touched");
	ck_assert_str_eq(one.touched, "touched");
	ck_assert_int_eq(one.version, 1);
	was = one;
	one.number = (hf_int4_opt){ .has = false };
	one.mood = MOOD_HAPPY;
	CHANGED(&one, &was, NULL);
	wrote("mood number touched");
	t_sql_gives("select concat_ws(' ', text, number, price, mood, version) from sheet",
		"two 1.50 happy 2");
	t_store_close(&st);
}
END_TEST

/* The same content elsewhere is no change; that of arrays is not looked at. */
START_TEST(test_same_content)
{
	struct sheet one, was;
	struct t_store st = with_sheet(&one);
	char text[] = "one", price[] = "1.50", data[] = "\1\0\2";
	int32_t list[] = { 1, 2 };
	bool changed = true;

	was = one;
	one.text = text;
	one.price.s = price;
	one.data.data = data;
	memset(&one.number, 0x55, sizeof one.number); /* and what lies between its members */
	one.number.has = true;
	one.number.v = 7;
	CHANGED(&one, &was, &changed);
	ck_assert(!changed);
	data[1] = 1;
	CHANGED(&one, &was, &changed);
	wrote("data touched");
	was = one;
	one.list = HF_ARRAY(int4, list, 2);
	CHANGED(&one, &was, &changed);
	ck_assert(changed);
	wrote("list touched");
	was = one;
	one.text = NULL;
	CHANGED(&one, &was, &changed);
	wrote("text touched");
	t_store_close(&st);
}
END_TEST

START_TEST(test_refused)
{
	struct sheet one, was;
	struct t_store st = with_sheet(&one);

	was = one;
	was.id++;
	ck_assert_int_eq(hf_update_changed(st.s, sheet, &one, &was, NULL), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(hf_session_error(st.s)),
		"model sheet: the row before has another \"id\"");
	was = one;
	one.mood = (enum mood)9;
	ck_assert_int_eq(hf_update_changed(st.s, sheet, &one, &was, NULL), HF_E_TYPE);
	one.mood = MOOD_OK;
	free(t_psql("update sheet set version = 5"));
	ck_assert_int_eq(hf_update_changed(st.s, sheet, &one, &was, NULL), HF_E_STALE);
	ck_assert_int_eq(hf_stale(st.s, sheet)->version, 5);
	free(t_psql("delete from sheet"));
	ck_assert_int_eq(hf_update_changed(st.s, sheet, &one, &was, NULL), HF_E_NO_ROWS);
	ck_assert_int_eq(
		hf_update_changed_at(HF_HERE, st.s, &sheet_table, &one, NULL, NULL), HF_E_MISUSE);
	t_store_close(&st);
}
END_TEST

/* By a future: compared when it is asked for, by what the caller's rows point to. */
START_TEST(test_future)
{
	struct sheet one, was;
	struct t_store st = with_sheet(&one);
	char text[] = "two";
	hf_rows *rows = NULL;
	int64_t n = -1;
	hf_future *f;

	was = one;
	ck_assert_int_eq(
		hf_await_count(hf_update_changed_async(st.pool, sheet, &one, &was), &n, NULL),
		HF_OK);
	ck_assert_int_eq(n, 0);
	one.text = text;
	f = hf_update_changed_async(st.pool, sheet, &one, &was);
	memset(text, '?', sizeof text - 1);
	one = was;
	ck_assert_int_eq(hf_await_count(hf_future_ref(f), &n, NULL), HF_OK);
	ck_assert_int_eq(n, 1);
	ck_assert_int_eq(hf_await_rows(f, sheet, &rows, NULL), HF_OK);
	ck_assert_str_eq(HF_ROWS(sheet, rows)->text, "two");
	ck_assert_int_eq(HF_ROWS(sheet, rows)->version, 1);
	hf_rows_unref(rows);
	wrote("text touched");
	was.id++;
	t_failed(hf_update_changed_async(st.pool, sheet, &one, &was), HF_E_MISUSE);
	t_failed(hf_update_changed_async_at(HF_HERE, st.pool, &sheet_table, NULL, NULL),
		HF_E_MISUSE);
	t_store_close(&st);
}
END_TEST

T_MAIN("update_changed", { "H2 what differs is written, and nothing else", test_what_differs, 0 },
	{ "H2 the same content elsewhere is no change", test_same_content, 0 },
	{ "H2 J8 what cannot be compared, is stale or gone", test_refused, 0 },
	{ "H2 a future of what differs", test_future, 0 })
