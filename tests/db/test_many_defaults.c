/* SPDX-License-Identifier: MIT */
/* Many rows, of which some columns are left to the server. */
#include "models.h"

#include <holdfast/orm_async.h>

#include <stdlib.h>

static void fill(struct task *t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		t[i] = (struct task){ .subject = i % 2 ? "odd" : "even", .done = true };
}

/* `created` is the server's time, and not 1970; `done` is as it stands. */
START_TEST(test_left)
{
	struct t_store st = t_store_open();
	struct task t[3];

	fill(t, 3);
	t_verb(st.s, hf_insert_many_default(st.s, task, t, 3, HF_C(task, created)));
	t_sql_gives(
		"select count(*) from task where created > now() - interval '1 minute' and done",
		"3");
	ck_assert_int_eq(t[2].id, 3);
	ck_assert_int_gt(t[2].created.us, 1700000000000000);
	ck_assert(t[2].done);
	fill(t, 3);
	t_verb(st.s,
		hf_insert_many_default(st.s, task, t, 3, HF_C(task, created), HF_C(task, done)));
	ck_assert(!t[0].done); /* read back */
	t_sql_gives("select count(*) from task where not done", "3");
	fill(t, 3);
	t_verb(st.s, hf_insert_many(st.s, task, t, 3)); /* as they stand */
	t_sql_gives("select count(*) from task where created = 'epoch'", "3");
	t_store_close(&st);
}
END_TEST

/* What is not sent is not checked, and what has no default is not left out. */
START_TEST(test_refused)
{
	struct t_store st = t_store_open();
	struct person p[2] = { { .name = "Ann", .mood = (enum mood)77 },
		{ .name = "Ben", .mood = (enum mood)78 } };
	struct task t[2];

	ck_assert_int_eq(hf_insert_many(st.s, person, p, 2), HF_E_TYPE);
	t_verb(st.s, hf_insert_many_default(st.s, person, p, 2, HF_C(person, mood)));
	ck_assert_int_eq(p[1].mood, MOOD_OK);
	fill(t, 2);
	ck_assert_int_eq(
		hf_insert_many_default(st.s, task, t, 2, HF_C(task, subject)), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(hf_session_error(st.s)),
		"model task: \"subject\" has no default at the server");
	ck_assert_int_eq(hf_insert_many_default(st.s, task, t, 2, 4711), HF_E_MISUSE);
	t[1].subject = NULL;
	ck_assert_int_eq(hf_insert_many_default(st.s, task, t, 2, HF_C(task, created)), HF_E_NULL);
	ck_assert_str_eq(hf_error_message(hf_session_error(st.s)),
		"row 2: model task: subject: a value is needed");
	t_verb(st.s, hf_insert_many_default(st.s, task, t, 0, HF_C(task, created)));
	t_sql_gives("select count(*) from task", "0");
	t_store_close(&st);
}
END_TEST

/* The program's default comes before the server's, with many rows as with one. */
struct memo {
	int32_t id;
	const char *text;
};
static hf_status set_text(void *member, void *row)
{
	(void)row;
	*(const char **)member = "the program's";
	return HF_OK;
}
static const hf_column memo_columns[] = {
	HF_COLUMN(memo, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(memo, text, TEXT, NOT_NULL, .default_sql = "'the server''s'",
		.on_insert = set_text),
};
HF_TABLE(memo, .name = "memo");

START_TEST(test_on_insert)
{
	static const char why[] = "model memo: \"text\" has an on_insert, and is not the server's";
	struct t_store st = t_store_open();
	struct memo m = { .text = "mine" };
	hf_future *f;

	t_verb(st.s, hf_table_create(st.s, &memo_table, HF_DROP_FIRST));
	ck_assert_int_eq(hf_insert_many_default(st.s, memo, &m, 1, HF_C(memo, text)), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(hf_session_error(st.s)), why);
	f = hf_insert_default_async(st.pool, memo, &m, HF_C(memo, text));
	ck_assert_str_eq(hf_error_message(t_fails(f, HF_E_MISUSE)), why);
	hf_future_unref(f);
	t_sql_gives("select count(*) from memo", "0");
	t_verb(st.s, hf_table_drop(st.s, &memo_table, 0));
	t_store_close(&st);
}
END_TEST

START_TEST(test_future)
{
	struct t_store st = t_store_open();
	struct task t[2];
	hf_rows *rows = NULL;

	fill(t, 2);
	ck_assert_int_eq(hf_await_rows(hf_insert_many_default_async(st.pool, task, t, 2,
					       HF_C(task, created), HF_C(task, done)),
				 task, &rows, NULL),
		HF_OK);
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	ck_assert_int_gt(HF_ROWS(task, rows)[1].created.us, 1700000000000000);
	ck_assert(!HF_ROWS(task, rows)[1].done);
	ck_assert_int_eq(t[1].created.us, 0); /* the caller's is as it was */
	hf_rows_unref(rows);
	t_failed(hf_insert_many_default_async(st.pool, task, t, 2, HF_C(task, subject)),
		HF_E_MISUSE);
	t_store_close(&st);
}
END_TEST

T_MAIN("many_defaults", { "H11 columns of many rows are left to the server", test_left, 0 },
	{ "H11 what is left out is not checked, and has a default", test_refused, 0 },
	{ "H11 a column with an on_insert is not left to the server", test_on_insert, 0 },
	{ "H11 as a future", test_future, 0 })
