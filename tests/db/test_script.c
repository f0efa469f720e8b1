/* SPDX-License-Identifier: MIT */
/* Scripts: several statements and their parameters in one text; rows made by rules; and the text
 * that would be sent. */
#include "fixture.h"

#include <holdfast/txn.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the seed's listeners write: an insert, and a pause. */
START_TEST(test_insert_and_sleep)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int64_t began;
	hf_future *f;
	const hf_result *res, *first;

	t_test_values(0);
	began = hf_now_ns();
	f = hf_script(p, "INSERT INTO test_values (val1, val2) VALUES ($1,$2); SELECT pg_sleep($3)",
		42, -7, 0.3);
	res = t_ok(f);
	ck_assert_int_ge(t_ms_since(began), 300);
	ck_assert_uint_eq(hf_result_count(res), 2);
	first = hf_result_at(res, 0);
	ck_assert_str_eq(hf_result_tag(first), "INSERT 0 1");
	ck_assert_int_eq(hf_result_affected(first), 1);
	ck_assert_ptr_eq(hf_result_at(res, 1), res);
	ck_assert_str_eq(hf_result_tag(res), "SELECT 1");
	ck_assert_ptr_null(hf_result_at(res, 2));
	ck_assert_int_eq(
		t_psql_int("select count(*) from test_values where val1 = 42 and val2 = -7"), 1);
	hf_future_unref(f);
	t_close(p);
}
END_TEST

START_TEST(test_all_results)
{
	hf_pool *p = t_pool(NULL);
	hf_future *f = hf_script(p,
		"select $1::int; select 1 where false; select 'a;b', $2; ; select "
		"generate_series(1, "
		"$1)",
		3, "x;y'--");
	hf_result *res = hf_result_ref(t_ok(f));

	hf_future_unref(f);
	ck_assert_uint_eq(hf_result_count(res), 4);
	ck_assert_int_eq(hf_row_int8(hf_result_row(hf_result_at(res, 0), 0), 0, -1), 3);
	ck_assert_uint_eq(hf_result_rows(hf_result_at(res, 1)), 0);
	ck_assert_str_eq(hf_row_text(hf_result_row(hf_result_at(res, 2), 0), 0), "a;b");
	ck_assert_str_eq(hf_row_text(hf_result_row(hf_result_at(res, 2), 0), 1), "x;y'--");
	ck_assert_uint_eq(hf_result_rows(hf_result_at(res, 3)), 3);
	hf_result_unref(res);
	t_close(p);
}
END_TEST

/* One implicit transaction: nothing of it stays when one statement fails. */
START_TEST(test_all_or_nothing)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *f;

	t_test_values(0);
	f = hf_script(p,
		"insert into test_values (val1) values ($1); select 1 / $2; "
		"insert into test_values (val1) values ($1)",
		1, 0);
	ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "22012");
	hf_future_unref(f);
	ck_assert_int_eq(t_psql_int("select count(*) from test_values"), 0);
	/* An open transaction is no result to be proud of. */
	t_failed(hf_script(p, "begin; insert into test_values (val1) values ($1)", 1), HF_E_MISUSE);
	ck_assert_int_eq(t_psql_int("select count(*) from test_values"), 0);
	t_failed(hf_script(p, "select $1", 1, 2), HF_E_MISUSE);
	t_failed(hf_script(p, "select $2", 1), HF_E_MISUSE);
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	t_close(p);
}
END_TEST

/* --- rules ---------------------------------------------------------------------------------------
 */

static void make_rule(void)
{
	t_test_values(10);
	free(t_psql("update test_values set val2 = 1000 where id = 5;"
		    "create rule tell_update as on update to test_values do "
		    "select 'updated' as what, new.id as id"));
}

/* Both protocols: the extended one gives the count, the simple one the rule's rows as well. */
START_TEST(test_rule_rows)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *f;
	const hf_result *res;

	make_rule();
	for (int i = 0; i < 5; i++) {
		f = hf_query(p, "update test_values set val2 = val2 + $1 where id = 5", 1);
		res = t_ok(f);
		ck_assert_str_eq(hf_result_tag(res), "UPDATE 1");
		ck_assert_int_eq(hf_result_affected(res), 1);
		ck_assert_uint_eq(hf_result_rows(res), 0);
		hf_future_unref(f);
		f = hf_script(p, "update test_values set val2 = val2 + $1 where id = 5", 1);
		res = t_ok(f);
		ck_assert_int_eq(hf_result_affected(res), 1);
		ck_assert_uint_eq(hf_result_rows(res), 1);
		ck_assert_str_eq(hf_row_text(hf_result_row(res, 0), 0), "updated");
		ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 1, -1), 5);
		hf_future_unref(f);
	}
	ck_assert_int_eq(t_psql_int("select val2 from test_values where id = 5"), 1010);
	f = hf_script(p, "update test_values set val2 = 0 where id > 7; select 1");
	ck_assert_str_eq(hf_result_tag(hf_result_at(t_ok(f), 0)), "UPDATE 3");
	ck_assert_uint_eq(hf_result_rows(hf_result_at(t_ok(f), 0)), 3);
	hf_future_unref(f);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

static hf_status second_part(hf_conn *c, void *arg, hf_reply *reply)
{
	const bool *simple = arg;
	const hf_result *res;
	hf_status st;

	(void)reply;
	if (*simple)
		st = hf_conn_script(
			c, &res, "update test_values set val2 = val2 + $1 where id = $2", 100, 5);
	else
		st = hf_conn_query(
			c, &res, "update test_values set val2 = val2 + $1 where id = $2", 100, 5);
	if (st != HF_OK)
		return st;
	return hf_result_affected(res) == 1 && hf_result_rows(res) == (*simple ? 1 : 0) ? HF_OK
											: HF_E_USER;
}

/* The twin of gDBPool's test_partial_run, on a table with a rule as in its schema: the second part
 * updates through either protocol. */
START_TEST(test_partial_run)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	make_rule();
	for (int simple = 0; simple < 2; simple++) {
		bool how = simple != 0;
		hf_txn *t = hf_txn_begin(p, NULL);

		ck_assert_int_eq(t_int(hf_txn_query(t,
					 "SELECT val2 FROM test_values WHERE id=$1 FOR UPDATE", 5)),
			1000 + simple * 100);
		t_done(hf_txn_run(t, HF_JOB(.fn = second_part, .arg = &how)));
		t_done(hf_txn_commit(t));
		hf_txn_unref(t);
		ck_assert_int_eq(t_psql_int("select val2 from test_values where id = 5"),
			1100 + simple * 100);
	}
	t_close(p);
}
END_TEST

/* --- dry run -------------------------------------------------------------------------------------
 */

static void check_text(int line, hf_future *f, const char *text)
{
	const char *got;

	t_ok(f);
	got = hf_future_value(f);
	ck_assert_ptr_nonnull(got);
	if (strcmp(got, text) != 0)
		ck_abort_msg("line %d: \"%s\" instead of \"%s\"", line, got, text);
	hf_future_unref(f);
}

#define CHECK_TEXT(f, text) check_text(__LINE__, (f), (text))

START_TEST(test_dry_run)
{
	static const unsigned char bytes[] = { 0, 0xff };
	static const int32_t numbers[] = { 1, -2 };
	static const char *const words[] = { "a", "b\"c", NULL };
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = HF_NONE));

	CHECK_TEXT(hf_dry_run(p, "SELECT * FROM test_values WHERE id = $1;", 123),
		"SELECT * FROM test_values WHERE id = 123;");
	CHECK_TEXT(hf_dry_run(p, "select 'untouched % $1'"), "select 'untouched % $1'");
	CHECK_TEXT(hf_dry_run(p, "select $1, $2, $1", 1, "it's"), "select 1, 'it''s', 1");
	CHECK_TEXT(hf_dry_run(p, "select 3 -$1", -5), "select 3 -(-5)");
	CHECK_TEXT(hf_dry_run(p, "select $1::int2", -5), "select (-5)::int2");
	CHECK_TEXT(hf_dry_run(p, "select $1", (const char *)NULL), "select NULL");
	CHECK_TEXT(hf_dry_run(p, "select $1 and $2", (bool)true, (bool)false),
		"select true and false");
	CHECK_TEXT(hf_dry_run(p, "select $1", "back\\slash"), "select E'back\\\\slash'");
	CHECK_TEXT(hf_dry_run(p, "select $1", hf_blob(bytes, 2)), "select E'\\\\x00ff'::bytea");
	CHECK_TEXT(
		hf_dry_run(p, "select $1", &HF_ARRAY(int4, numbers, 2)), "select '{1,-2}'::int4[]");
	CHECK_TEXT(hf_dry_run(p, "select $1",
			   &((hf_text_array){ .has = true,
				   .ndim = 1,
				   .dim = { 3 },
				   .lower = { 1 },
				   .n = 3,
				   .v = words,
				   .null = (const bool[]){ false, false, true } })),
		"select E'{a,\"b\\\\\"c\",NULL}'::text[]");
	CHECK_TEXT(hf_dry_run(p, "select $1", (hf_timestamptz){ 1000000000LL * 1000000 + 5 }),
		"select '2001-09-09 01:46:40.000005+00'::timestamptz");
	CHECK_TEXT(hf_dry_run(p, "select $1", (hf_date){ 0 }), "select '1970-01-01'::date");
	CHECK_TEXT(hf_dry_run(p, "select $1", (hf_numeric){ "-0.10" }), "select -0.10");
	CHECK_TEXT(hf_dry_run(p, "select \"$1\", '$1', $$ $1 $$, $1 -- $1\n/* $1 */", 7),
		"select \"$1\", '$1', $$ $1 $$, 7 -- $1\n/* $1 */");
	/* No connection was needed for any of it. */
	ck_assert_uint_eq(t_stats(p).connects, 0);
	ck_assert_uint_eq(t_stats(p).submitted, 0);
	t_close(p);
}
END_TEST

START_TEST(test_dry_run_runs_nothing)
{
	hf_pool *p = t_pool(NULL);
	hf_future *f;

	t_test_values(5);
	f = hf_dry_run(p, "insert into test_values (val1) values ($1)", 1);
	ck_assert_str_eq((const char *)(t_ok(f), hf_future_value(f)),
		"insert into test_values (val1) values (1)");
	hf_future_unref(f);
	f = hf_dry_run(p, "delete from test_values where id > $1", 0);
	t_ok(f);
	hf_future_unref(f);
	f = hf_dry_run(p, "select nextval('test_values_id_seq')");
	t_ok(f);
	hf_future_unref(f);
	ck_assert_int_eq(t_psql_int("select count(*) from test_values"), 5);
	ck_assert_int_eq(t_psql_int("select last_value from test_values_id_seq"), 5);
	t_failed(hf_dry_run(p, "select $2", 1), HF_E_MISUSE);
	t_failed(hf_dry_run_at(HF_HERE, p, NULL, NULL, 0), HF_E_MISUSE);
	t_failed(hf_dry_run(NULL, "select 1"), HF_E_MISUSE);
	t_close(p);
}
END_TEST

/* Strings that mean harm arrive as themselves: in the text, and in what the server makes of it. */
START_TEST(test_injection)
{
	static const char *const harm[] = { "'; drop table test_values; --",
		"\\'; drop table test_values; --", "\\", "''", "'", "\\\\'", "E'\\''", "$1",
		"$$x$$", "/*", "*/ --", "\n\r\t", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "", "a\\",
		"'||(select version())||'", "U&'\\0041'" };
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	t_test_values(3);
	for (int standard = 0; standard < 2; standard++) {
		for (size_t i = 0; i < T_COUNT(harm); i++) {
			hf_future *dry = hf_dry_run(p, "select $1 as s, length($1), $1", harm[i]);
			char *back, *text;
			size_t n;
			hf_future *f;

			t_ok(dry);
			text = hf_future_value(dry);
			n = strlen(text) + 80;
			back = malloc(n);
			ck_assert_ptr_nonnull(back);
			snprintf(back, n, "set standard_conforming_strings = %s; %s",
				standard ? "on" : "off", text);
			/* The rendered text by another road, whatever the session's setting is. */
			f = hf_script_at(HF_HERE, p, back, NULL, 0);
			ck_assert_str_eq(hf_row_text(hf_result_row(t_ok(f), 0), 0), harm[i]);
			ck_assert_str_eq(hf_row_text(hf_result_row(t_ok(f), 0), 2), harm[i]);
			hf_future_unref(f);
			hf_future_unref(dry);
			free(back);
		}
	}
	ck_assert_int_eq(t_psql_int("select count(*) from test_values"), 3);
	t_close(p);
}
END_TEST

T_MAIN("script",
	{ "C11 insert and sleep with parameters in one submission", test_insert_and_sleep, 0 },
	{ "C11 all results of a script are reachable", test_all_results, 0 },
	{ "C11 a script is stored as a whole or not at all", test_all_or_nothing, 0 },
	{ "C12 rows made by rules, in both protocols", test_rule_rows, 0 },
	{ "C12 a partial transaction on a table with a rule", test_partial_run, 0 },
	{ "C14 the exact text of a dry run", test_dry_run, 0 },
	{ "C14 a dry run runs nothing", test_dry_run_runs_nothing, 0 },
	{ "C14 harmful strings stay strings", test_injection, 0 })
