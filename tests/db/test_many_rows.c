/* SPDX-License-Identifier: MIT */
/* Where many rows are to come they come in binary at once, and not only when their text was
 * prepared: nothing else is different. */
#include "models.h"
#include "pipeline.h"

#include "model/rows.h"
#include "pq/result.h"

#include <stdio.h>
#include <string.h>

/* A text that the connection has not seen, and the format of its result. */
static const char *fresh(void)
{
	static char sql[80];
	static int n;

	snprintf(sql, sizeof sql, "select g as col%d from generate_series(1, 10) g", n++);
	return sql;
}

static int format_of(hf_future *f)
{
	hf_result *res;
	int format;

	t_ok(f);
	res = hf_future_take(f);
	format = hf__result_format(res, 0);
	ck_assert_uint_eq(hf_result_rows(res), 10);
	ck_assert_str_eq(hf_row_text(hf_result_row(res, 9), 0), "10");
	hf_result_unref(res);
	hf_future_unref(f);
	return format;
}

static int fetched_format(hf_pool *p, bool many)
{
	hf_result *res;
	hf_error *e;
	int format;

	ck_assert_int_eq(
		hf_fetch_with(p, HF_QUERY_OPTS(.many_rows = many), &res, &e, fresh()), HF_OK);
	format = hf__result_format(res, 0);
	ck_assert_str_eq(hf_row_text(hf_result_row(res, 9), 0), "10");
	hf_result_unref(res);
	return format;
}

START_TEST(test_pool)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(fetched_format(p, false), 0);
		ck_assert_int_eq(fetched_format(p, true), 1);
	}
	/* Nobody may be there to wait for the answer. */
	(void)format_of(hf_query_with(p, HF_QUERY_OPTS(.many_rows = true), fresh()));
	t_close(p);
}
END_TEST

/* As the first of a transaction, with BEGIN, and later. */
START_TEST(test_txn)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_txn *t = hf_txn_begin(p, NULL);

	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(
			format_of(hf_txn_query_with(t, HF_QUERY_OPTS(.many_rows = true), fresh())),
			1);
		ck_assert_int_eq(format_of(hf_txn_query(t, fresh())), 0);
	}
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

static int rows_format(hf_session *s, int64_t limit)
{
	hf_rows *rows;
	int format;

	if (limit)
		t_verb(s,
			hf_select(s, person, &rows, HF_ORDER(HF_ASC(person, id)), HF_LIMIT(limit)));
	else
		t_verb(s, hf_select(s, person, &rows, HF_ORDER(HF_ASC(person, id))));
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	ck_assert_str_eq(HF_ROWS(person, rows)[1].name, "Bob");
	format = hf__result_format(rows->res, 0);
	hf_rows_unref(rows);
	return format;
}

static hf_status in_interaction(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_session *s = hf_session_on_conn(c);

	(void)reply;
	*(int *)arg = rows_format(s, 0);
	hf_session_unref(s);
	return HF_OK;
}

START_TEST(test_select)
{
	struct t_store st = t_store_open();
	struct person p[] = { { .name = "Ann", .mood = MOOD_OK }, { .name = "Bob" } };
	int format = -1;
	hf_session *s;
	hf_pool *other;
	hf_txn *t;

	t_verb(st.s, hf_insert_many(st.s, person, p, 2));
	other = t_pool(HF_POOL_OPTS(.max_conns = 1));
	s = hf_session_on_pool(other);
	ck_assert_int_eq(rows_format(s, 10), 0);
	ck_assert_int_eq(rows_format(s, 0), 1);
	hf_session_unref(s);
	t_close(other);
	other = t_pool(HF_POOL_OPTS(.max_conns = 1));
	t = hf_txn_begin(other, NULL);
	s = hf_session_on_txn(t);
	ck_assert_int_eq(rows_format(s, 0), 1);
	hf_session_unref(s);
	t_done(hf_txn_rollback(t));
	hf_txn_unref(t);
	t_close(other);
	other = t_pool(HF_POOL_OPTS(.max_conns = 1));
	t_done(hf_submit(other, HF_JOB(.fn = in_interaction, .arg = &format)));
	ck_assert_int_eq(format, 1);
	t_close(other);
	t_store_close(&st);
}
END_TEST

/* What fails, fails alike whether it was asked for first or not. */
START_TEST(test_failures)
{
	static const struct {
		const char *sql, *state;
		int position;
	} bad[] = { { "select from where", "42601", 13 }, { "select 1, nix", "42703", 11 },
		{ "select 1 / $1::int", "22012", 0 }, { "select 'x'::int + $1", "22P02", 8 } };
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_result *res;
	hf_error *e;

	for (int i = 0; i < 5; i++)
		for (size_t j = 0; j < T_COUNT(bad); j++) {
			ck_assert_int_eq(hf_fetch_with(p, HF_QUERY_OPTS(.many_rows = true), &res,
						 &e, bad[j].sql, "0"),
				HF_E_SQL);
			ck_assert_str_eq(hf_error_sqlstate(e), bad[j].state);
			ck_assert_int_eq(hf_error_position(e), bad[j].position);
			ck_assert_ptr_null(res);
			hf_error_unref(e);
			ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
		}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

/* There it would be asked for every time, and never travel with others. */
START_TEST(test_nothing_prepared)
{
	hf_pool *p = t_pool(
		HF_POOL_OPTS(.max_conns = 1, .max_statements = HF_NONE, .max_queue = HF_FOREVER));
	struct t_dam dam;
	hf_future *f[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(fetched_format(p, true), 0);
	t_wait_idle(p, 1);
	t_dam_shut(&dam, p);
	for (size_t i = 0; i < T_COUNT(f); i++)
		f[i] = hf_query_with(p, HF_QUERY_OPTS(.many_rows = true), fresh());
	t_dam_open(&dam);
	for (size_t i = 0; i < T_COUNT(f); i++)
		ck_assert_int_eq(format_of(f[i]), 0);
	ck_assert_uint_eq(t_stats(p).pipelined, T_COUNT(f));
	t_close(p);
}
END_TEST

/* Known columns are all it takes to travel with others: this one is not quick. */
START_TEST(test_prepared)
{
	static const char slow[] = "select g from generate_series(1, 10) g, pg_sleep(0.02)";
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_queue = HF_FOREVER));
	struct t_dam dam;
	hf_future *first, *f;

	for (int i = 0; i < 6; i++) /* nobody may be there to wait for the answer */
		(void)format_of(hf_query_with(p, HF_QUERY_OPTS(.many_rows = true), slow));
	ck_assert_uint_eq(t_stats(p).pipelined, 0);
	t_wait_idle(p, 1);
	t_dam_shut(&dam, p);
	first = hf_query(p, "select 1");
	f = hf_query_with(p, HF_QUERY_OPTS(.many_rows = true), slow);
	t_dam_open(&dam);
	ck_assert_int_eq(t_int(first), 1);
	ck_assert_int_eq(format_of(f), 1);
	ck_assert_uint_eq(t_stats(p).pipelined, 2);
	t_close(p);
}
END_TEST

/* Behind a quick one, where all else would travel. */
START_TEST(test_txn_queue)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_queue = HF_FOREVER));

	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(t_int(hf_query(p, "select 7")), 7);
	for (int i = 0; i < 5; i++) {
		hf_future *f[8];
		struct t_dam dam;
		hf_txn *t;

		t_dam_shut(&dam, p);
		t = hf_txn_begin(p, NULL);
		for (size_t k = 0; k < T_COUNT(f); k++)
			f[k] = k % 4 == 3 ? hf_txn_query_with(
						    t, HF_QUERY_OPTS(.many_rows = true), fresh())
					  : hf_txn_query(t, "select 7");
		t_dam_open(&dam);
		for (size_t k = 0; k < T_COUNT(f); k++)
			if (k % 4 == 3)
				ck_assert_int_eq(format_of(f[k]), 1);
			else
				ck_assert_int_eq(t_int(f[k]), 7);
		t_done(hf_txn_commit(t));
		hf_txn_unref(t);
	}
	t_close(p);
}
END_TEST

T_MAIN("many_rows", { "J4 many rows come in binary at once", test_pool, 0 },
	{ "J4 many rows in a transaction", test_txn, 0 },
	{ "J4 H37 a select without a limit, on each carrier", test_select, 0 },
	{ "J4 what fails, fails alike", test_failures, 0 },
	{ "J4 many rows where nothing is prepared are as any", test_nothing_prepared, 0 },
	{ "J4 many rows that are known travel with others", test_prepared, 0 },
	{ "J4 many rows among a transaction's commands", test_txn_queue, 0 })
