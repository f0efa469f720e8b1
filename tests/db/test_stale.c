/* SPDX-License-Identifier: MIT */
/* Rows that were changed by another since they were read. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

/* With a column of its own, and without a change of the table. */
struct page {
	int32_t id;
	const char *text;
	int32_t version;
};
static const hf_column page_columns[] = {
	HF_COLUMN(page, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(page, text, TEXT, NOT_NULL, HF_UNIQUE),
	HF_COLUMN(page, version, INT4, NOT_NULL, HF_ROW_VERSION),
};
HF_TABLE(page, .name = "page");

struct plain {
	int32_t id;
	const char *text;
	int64_t xmin;
};
static const hf_column plain_columns[] = {
	HF_COLUMN(plain, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(plain, text, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(plain, xmin, INT8, NOT_NULL, HF_XMIN),
};
HF_TABLE(plain, .name = "plain");

static struct t_store open_store(void)
{
	struct t_store st = t_store_open();

	free(t_psql("set client_min_messages to warning; drop table if exists page, plain"));
	t_verb(st.s, hf_table_create(st.s, &page_table, 0));
	t_verb(st.s, hf_table_create(st.s, &plain_table, 0));
	return st;
}

static void told(hf_session *s, const char *why)
{
	ck_assert_str_eq(hf_error_message(hf_session_error(s)), why);
}

START_TEST(test_version)
{
	struct t_store st = open_store();
	struct page mine = { .text = "a" }, theirs, *now;

	t_verb(st.s, hf_insert(st.s, page, &mine));
	theirs = mine;
	theirs.text = "theirs";
	t_verb(st.s, hf_update(st.s, page, &theirs));
	ck_assert_int_eq(theirs.version, 1);
	mine.text = "mine";
	ck_assert_int_eq(hf_update(st.s, page, &mine), HF_E_STALE);
	told(st.s, "model page: the row was changed by another: its \"version\" is 1, and it was "
		   "read with 0");
	now = hf_stale(st.s, page);
	ck_assert_ptr_nonnull(now);
	ck_assert_str_eq(now->text, "theirs");
	ck_assert_int_eq(now->version, 1);
	ck_assert_ptr_null(hf_stale(st.s, plain)); /* another table's */
	ck_assert_str_eq(mine.text, "mine");

	now->text = "merged";
	t_verb(st.s, hf_update(st.s, page, now));
	ck_assert_ptr_null(hf_stale(st.s, page));
	t_sql_gives("select text || version from page", "merged2");
	t_store_close(&st);
}
END_TEST

/* By the server's own number: any UPDATE is noticed, also of a program that knows of none. */
START_TEST(test_xmin)
{
	struct t_store st = open_store();
	struct plain a = { .text = "a" }, *b;

	t_verb(st.s, hf_insert(st.s, plain, &a));
	ck_assert_int_gt(a.xmin, 0);
	t_verb(st.s, hf_get(st.s, plain, &b, HF_EQ(plain, id, a.id)));
	ck_assert_int_eq(b->xmin, a.xmin);
	a.text = "once";
	t_verb(st.s, hf_update(st.s, plain, &a));
	a.text = "twice";
	t_verb(st.s, hf_update(st.s, plain, &a)); /* with the number that it was given */
	ck_assert_int_eq(hf_update(st.s, plain, b), HF_E_STALE);
	ck_assert_str_eq(hf_stale(st.s, plain)->text, "twice");
	free(t_psql("update plain set text = 'by hand'"));
	ck_assert_int_eq(hf_save(st.s, plain, &a, NULL), HF_E_STALE);
	ck_assert_str_eq(hf_stale(st.s, plain)->text, "by hand");
	t_store_close(&st);
}
END_TEST

START_TEST(test_delete)
{
	struct t_store st = open_store();
	struct page p = { .text = "a" }, q;

	t_verb(st.s, hf_insert(st.s, page, &p));
	q = p;
	t_verb(st.s, hf_update(st.s, page, &q));
	ck_assert_int_eq(hf_delete(st.s, page, &p), HF_E_STALE);
	ck_assert_int_eq(hf_delete_deep(st.s, page, &p, NULL, true), HF_E_STALE);
	ck_assert_int_eq(hf_stale(st.s, page)->version, 1);
	t_verb(st.s, hf_delete(st.s, page, &q));
	ck_assert_int_eq(hf_update(st.s, page, &q), HF_E_NO_ROWS); /* gone is not stale */
	ck_assert_ptr_null(hf_stale(st.s, page));
	t_store_close(&st);
}
END_TEST

/* What a trigger keeps as it is is not stale. */
START_TEST(test_kept)
{
	struct t_store st = open_store();
	struct page p = { .text = "a" };

	t_verb(st.s, hf_insert(st.s, page, &p));
	free(t_psql("create or replace function nothing() returns trigger language plpgsql as "
		    "$$begin return null; end$$;"
		    "create trigger t before update or delete on page for each row execute "
		    "function nothing()"));
	ck_assert_int_eq(hf_update(st.s, page, &p), HF_E_NO_ROWS);
	told(st.s, "model page: the row is there, as it was read, and the server has left it "
		   "alone: a trigger "
		   "or a policy does not let it be changed");
	ck_assert_ptr_null(hf_stale(st.s, page));
	ck_assert_int_eq(hf_delete(st.s, page, &p), HF_E_NO_ROWS);
	t_store_close(&st);
}
END_TEST

/* Of many only those that are as they were read; conditions and upserts count it up. */
START_TEST(test_many)
{
	struct t_store st = open_store();
	struct page p[] = { { .text = "a" }, { .text = "b" }, { .text = "c" } };
	struct plain x[] = { { .text = "a" }, { .text = "b" } };
	int64_t n;

	t_verb(st.s, hf_insert_many(st.s, page, p, 3));
	t_verb(st.s, hf_update_where(st.s, page, &n, HF_SETS(HF_SET(page, text, "B")),
			     HF_WHERE(HF_EQ(page, text, "b"))));
	t_verb(st.s, hf_upsert(st.s, page, &p[2], HF_COLUMNS(HF_C(page, text)),
			     HF_COLUMNS(HF_C(page, text)), NULL));
	ck_assert_int_eq(p[2].version, 1);
	for (int i = 0; i < 3; i++)
		p[i].text = i == 0 ? "x" : i == 1 ? "y" : "z";
	t_verb(st.s, hf_update_many(st.s, page, p, 3, NULL, &n));
	ck_assert_int_eq(n, 2);
	t_sql_gives("select string_agg(text || version, ' ' order by id) from page", "x1 B1 z2");

	t_verb(st.s, hf_insert_many(st.s, plain, x, 2));
	ck_assert_int_eq(x[1].xmin, x[0].xmin);
	free(t_psql("update plain set text = 'by hand' where text = 'a'"));
	x[0].text = x[1].text = "mine";
	t_verb(st.s, hf_update_many(st.s, plain, x, 2, NULL, &n));
	ck_assert_int_eq(n, 1);
	t_sql_gives("select string_agg(text, ' ' order by id) from plain", "by hand mine");
	t_store_close(&st);
}
END_TEST

/* Two transactions: the second waits for the first, and is then told. */
START_TEST(test_two_transactions)
{
	struct t_store st = open_store();
	struct page p = { .text = "a" }, q;
	hf_txn *a = hf_txn_begin(st.pool, NULL), *b = hf_txn_begin(st.pool, NULL);
	hf_session *sa = hf_session_on_txn(a), *sb = hf_session_on_txn(b);
	hf_future *committed;

	t_verb(st.s, hf_insert(st.s, page, &p));
	q = p;
	t_done(hf_txn_query(b, "select 1"));
	t_verb(sa, hf_update(sa, page, &p));
	committed = hf_txn_query(a, "select pg_sleep(0.2)");
	hf_future_unref(committed);
	committed = hf_txn_commit(a);
	ck_assert_int_eq(hf_update(sb, page, &q), HF_E_STALE);
	t_done(committed);
	q = *hf_stale(sb, page);
	t_verb(sb, hf_update(sb, page, &q)); /* in the same transaction */
	t_done(hf_txn_commit(b));
	t_sql_gives("select version from page", "2");
	hf_session_unref(sa);
	hf_session_unref(sb);
	hf_txn_unref(a);
	hf_txn_unref(b);
	t_store_close(&st);
}
END_TEST

/* By futures the row comes as well, and lives as long as anybody wants it. */
START_TEST(test_future)
{
	struct t_store st = open_store();
	struct page mine = { .text = "mine" }, theirs;
	hf_rows *rows = NULL, *none = NULL;
	hf_error *why = NULL;

	t_verb(st.s, hf_insert(st.s, page, &mine));
	theirs = mine;
	theirs.text = "theirs";
	ck_assert_int_eq(
		hf_await_stale(hf_update_async(st.pool, page, &theirs), page, &rows, &why), HF_OK);
	ck_assert_str_eq(HF_ROWS(page, rows)->text, "theirs");
	ck_assert_int_eq(HF_ROWS(page, rows)->version, 1);
	hf_rows_unref(rows);
	ck_assert_int_eq(hf_await_rows(hf_update_async(st.pool, page, &mine), page, &none, &why),
		HF_E_STALE);
	ck_assert_ptr_null(none);
	hf_error_unref(why);
	ck_assert_int_eq(
		hf_await_count(hf_update_async(st.pool, page, &mine), NULL, NULL), HF_E_STALE);
	t_failed(hf_save_async(st.pool, page, &mine), HF_E_STALE);
	ck_assert_int_eq(hf_await_stale(hf_delete_deep_async(st.pool, page, &mine, NULL, true),
				 page, &rows, NULL),
		HF_E_STALE);
	hf_rows_unref(rows);
	ck_assert_int_eq(hf_await_stale(hf_delete_async(st.pool, page, &mine), page, &rows, &why),
		HF_E_STALE);
	ck_assert_str_eq(hf_error_message(why), "model page: the row was changed by another: its "
						"\"version\" is 1, and it was read with 0");
	hf_error_unref(why);
	t_sql_gives("select text || version from page", "theirs1");
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	mine = *HF_ROWS(page, rows);
	mine.text = "merged";
	t_done(hf_update_async(st.pool, page, &mine));
	free(t_psql("delete from page"));
	ck_assert_int_eq(hf_await_stale(hf_update_async(st.pool, page, &mine), page, &none, NULL),
		HF_E_NO_ROWS);
	ck_assert_ptr_null(none);
	t_store_close(&st);
	ck_assert_str_eq(HF_ROWS(page, rows)->text, "theirs");
	hf_rows_unref(rows);
}
END_TEST

/* What cannot be a version. */
struct no_version {
	int32_t id;
	const char *version;
};
static const hf_column no_version_columns[] = {
	HF_COLUMN(no_version, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(no_version, version, TEXT, NOT_NULL, HF_ROW_VERSION),
};
HF_TABLE(no_version, .name = "no_version");

START_TEST(test_description)
{
	hf_error *why = NULL;

	ck_assert_int_eq(hf_table_check(&no_version_table, &why), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(why),
		"model no_version: column \"version\" is a version: "
		"an INT4 or INT8, NOT_NULL, of no key");
	hf_error_unref(why);
	ck_assert_int_eq(hf_table_check(&plain_table, NULL), HF_OK);
}
END_TEST

T_MAIN("stale", { "J8 a stale update is refused with the row", test_version, 0 },
	{ "J8 by xmin, without a change of the table", test_xmin, 0 },
	{ "J8 a stale delete is refused as well", test_delete, 0 },
	{ "J8 what a trigger keeps is not stale", test_kept, 0 },
	{ "J8 of many only those that are as they were", test_many, 0 },
	{ "J8 two transactions at once", test_two_transactions, 0 },
	{ "J8 a future that meets a stale row gives it", test_future, 0 },
	{ "J8 what cannot be a version", test_description, 0 })
