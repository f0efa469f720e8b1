/* SPDX-License-Identifier: MIT */
/* One plain query: its count, its parameters, its columns, and that it is a transaction. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_affected)
{
	static const struct {
		const char *sql, *tag;
		int64_t affected;
		size_t rows;
	} uses[] = {
		{ "insert into t values (1, 'one')", "INSERT 0 1", 1, 0 },
		{ "insert into t values (2, 'two'), (3, 'three')", "INSERT 0 2", 2, 0 },
		{ "update t set name = 'x' where id > 1", "UPDATE 2", 2, 0 },
		{ "update t set name = 'x' where id > 99", "UPDATE 0", 0, 0 },
		{ "select * from t", "SELECT 3", 3, 3 },
		{ "insert into t values (4, 'four') returning id", "INSERT 0 1", 1, 1 },
		{ "delete from t where id = 4", "DELETE 1", 1, 0 },
		{ "create index on t (name)", "CREATE INDEX", 0, 0 },
	};
	hf_pool *p = t_pool(NULL);

	t_done(hf_query(p, "drop table if exists t"));
	t_done(hf_query(p, "create table t (id int primary key, name text)"));
	for (size_t i = 0; i < T_COUNT(uses); i++) {
		hf_future *f = hf_query(p, uses[i].sql);
		const hf_result *res = t_ok(f);

		ck_assert_ptr_nonnull(res);
		ck_assert_str_eq(hf_result_tag(res), uses[i].tag);
		ck_assert_int_eq(hf_result_affected(res), uses[i].affected);
		ck_assert_uint_eq(hf_result_rows(res), uses[i].rows);
		hf_future_unref(f);
	}
	t_close(p);
}
END_TEST

START_TEST(test_no_rows)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *f;
	const hf_result *res;

	t_test_values(10);
	f = hf_query(p, "delete from test_values where id = $1", 7);
	res = t_ok(f);
	ck_assert_uint_eq(hf_result_rows(res), 0);
	ck_assert_int_eq(hf_result_columns(res), 0);
	ck_assert_int_eq(hf_result_affected(res), 1);
	hf_future_unref(f);
	ck_assert_int_eq(t_psql_int("select count(*) from test_values where id = 7"), 0);
	ck_assert_int_eq(t_psql_int("select count(*) from test_values"), 9);
	f = hf_query(p, "  -- nothing but a comment\n");
	ck_assert_uint_eq(hf_result_rows(t_ok(f)), 0);
	hf_future_unref(f);
	t_close(p);
}
END_TEST

START_TEST(test_commits)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 4));
	char sql[80];

	t_test_values(0);
	for (int i = 1; i <= 100; i++) {
		t_done(hf_query(p, "insert into test_values (val1) values ($1)", i));
		snprintf(sql, sizeof sql, "select count(*) from test_values where val1 = %d", i);
		if (i % 10 == 0)
			ck_assert_int_eq(t_psql_int(sql), 1);
		/* Whichever connection the next query runs on sees it. */
		ck_assert_int_eq(t_int(hf_query(p, "select count(*) from test_values")), i);
	}
	/* A statement that fails leaves nothing, and no transaction open. */
	t_failed(hf_query(p, "insert into test_values (val1) select 1 / (3 - i) "
			     "from generate_series(1, 3) i"),
		HF_E_SQL);
	ck_assert_int_eq(t_psql_int("select count(*) from test_values"), 100);
	ck_assert_int_eq(t_psql_int("select count(*) from pg_stat_activity where state like "
				    "'idle in transaction%'"),
		0);
	t_close(p);
}
END_TEST

START_TEST(test_begin_is_refused)
{
	static const char *const refused[] = { "begin", "COMMIT", "/* x */ rollback",
		"start transaction", "savepoint a", "copy test_values from stdin",
		"copy test_values to stdout" };
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	t_test_values(1);
	for (size_t i = 0; i < T_COUNT(refused); i++) {
		hf_future *f = hf_query_at(HF_HERE, p, refused[i], NULL, 0);
		const hf_error *e = t_fails(f, HF_E_MISUSE);

		ck_assert_str_ne(hf_error_message(e), "");
		ck_assert_str_eq(hf_error_field(e, HF_ERR_QUERY), refused[i]);
		hf_future_unref(f);
	}
	ck_assert_uint_eq(t_stats(p).submitted, 0);
	t_close(p);
}
END_TEST

START_TEST(test_parameters)
{
	static const unsigned char bytes[] = { 0, 1, '\'', '\\', 0xff };
	static const int32_t numbers[] = { 3, 1, 2 };
	hf_pool *p = t_pool(NULL);
	hf_future *f = hf_query(p,
		"select $1::int8, $2::text, $3::bytea, $4::int4[], $5::text is null, $6::float8, "
		"$7::bool, $8::int2, $1 = 42, array_length($4, 1)",
		42, "it's \\ 100% $1 :x ?", hf_blob(bytes, sizeof bytes),
		&HF_ARRAY(int4, numbers, 3), (const char *)NULL, 0.1, true, (short)-7);
	const hf_result *res = t_ok(f);
	int64_t big;
	const char *text;
	hf_bytes blob;
	hf_int4_array array;
	bool was_null, yes, same;
	double tenth;
	short two;
	hf_status st = hf_row_scan(hf_result_row(res, 0), HF_TO(&big), HF_TO(&text), HF_TO(&blob),
		HF_TO(&array), HF_TO(&was_null), HF_TO(&tenth), HF_TO(&yes), HF_TO(&two),
		HF_TO(&same));

	ck_assert_int_eq(st, HF_OK);
	ck_assert_int_eq(big, 42);
	ck_assert_str_eq(text, "it's \\ 100% $1 :x ?");
	ck_assert_mem_eq(blob.data, bytes, sizeof bytes);
	ck_assert_uint_eq(blob.len, sizeof bytes);
	ck_assert_uint_eq(array.n, 3);
	ck_assert_mem_eq(array.v, numbers, sizeof numbers);
	ck_assert(was_null && yes && same);
	ck_assert_double_eq(tenth, 0.1);
	ck_assert_int_eq(two, -7);
	ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 9, -1), 3);
	hf_future_unref(f);
	t_close(p);
}
END_TEST

/* No parameters: not a byte is touched, so what other interfaces would replace is legal. */
START_TEST(test_untouched)
{
	hf_pool *p = t_pool(NULL);

	ck_assert_int_eq(t_int(hf_query(p, "select count(*) from (values ('abc'), ('ba'), ('a%')) "
					   "v (s) where s LIKE 'a%'")),
		2);
	ck_assert_int_eq(t_int(hf_query(p, "select 17 % 5")), 2);
	ck_assert_int_eq(t_int(hf_query(p, "select length('$1 %s %(a)s :name ? {}')")), 22);
	ck_assert_int_eq(t_int(hf_query(p, "select ('{\"a\": 1}'::jsonb ? 'a')::int")), 1);
	t_close(p);
}
END_TEST

/* A wrong number of arguments is told by the server, and costs no connection. */
START_TEST(test_wrong_arguments)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int pid = (int)t_int(hf_query(p, "select pg_backend_pid()"));

	t_failed(hf_query(p, "select $1::int"), HF_E_SQL);
	t_failed(hf_query(p, "select $1::int, $2::int", 1), HF_E_SQL);
	t_failed(hf_query(p, "select 1", 1), HF_E_SQL);
	t_failed(hf_query(p, "select $1::int", "no number"), HF_E_SQL);
	t_failed(hf_query_at(HF_HERE, p, "select $1", NULL, 1), HF_E_MISUSE);
	ck_assert_int_eq(t_int(hf_query(p, "select pg_backend_pid()")), pid);
	t_close(p);
}
END_TEST

START_TEST(test_duplicate_names)
{
	hf_pool *p = t_pool(NULL);
	hf_future *f = hf_query(p, "SELECT 1 a, 2 a, 3 AS \"B\", 4 b");
	const hf_result *res = t_ok(f);
	hf_row row = hf_result_row(res, 0);
	int v[4], named;
	hf_status st = hf_row_scan(row, HF_TO(&v[0]), HF_TO(&v[1]), HF_TO(&v[2]), HF_TO(&v[3]));

	ck_assert_int_eq(hf_result_columns(res), 4);
	ck_assert_int_eq(st, HF_OK);
	ck_assert(v[0] == 1 && v[1] == 2 && v[2] == 3 && v[3] == 4);
	ck_assert_str_eq(hf_result_column_name(res, 0), "a");
	ck_assert_str_eq(hf_result_column_name(res, 1), "a");
	ck_assert_ptr_null(hf_result_column_name(res, 4));
	ck_assert_ptr_null(hf_result_column_name(res, -1));
	ck_assert_int_eq(hf_result_column(res, "a"), 0);
	ck_assert_int_eq(hf_result_column(res, "B"), 2);
	ck_assert_int_eq(hf_result_column(res, "b"), 3);
	ck_assert_int_eq(hf_result_column(res, "A"), -1);
	ck_assert_int_eq(hf_row_read(row, "a", HF_TO(&named), NULL), HF_OK);
	ck_assert_int_eq(named, 1);
	ck_assert_int_eq(hf_row_read(row, "B", HF_TO(&named), NULL), HF_OK);
	ck_assert_int_eq(named, 3);
	ck_assert_int_eq(hf_row_read(row, "c", HF_TO(&named), NULL), HF_E_MISUSE);
	hf_future_unref(f);
	t_close(p);
}
END_TEST

/* The twin of gDBPool's test_select_ip_query: 9 submissions of a random mix on a pool of 16. */
START_TEST(test_select_ip_query)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 16, .max_conns = 16));
	int64_t began;
	hf_future *f[9];
	int kind[9];
	long long total, part;

	t_test_values(1000000);
	total = t_psql_int("select sum(val1::int8) from test_values");
	part = t_psql_int("select sum(val2::int8) from test_values where id < 20000");
	srand(20);
	began = hf_now_ns();
	for (int i = 0; i < 9; i++) {
		kind[i] = i < 3 ? i : rand() % 3;
		if (kind[i] == 0)
			f[i] = hf_query(
				p, "select sum(val2::int8) from test_values where id < $1", 20000);
		else if (kind[i] == 1)
			f[i] = hf_query(p, "select pg_sleep(0.5)");
		else
			f[i] = hf_query(p, "select sum(val1::int8) from test_values");
	}
	for (int i = 0; i < 9; i++) {
		const hf_result *res = t_ok(f[i]);

		ck_assert_uint_eq(hf_result_rows(res), 1);
		if (kind[i] != 1)
			ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 0, -1),
				kind[i] == 0 ? part : total);
		hf_future_unref(f[i]);
	}
	ck_assert_int_lt(t_ms_since(began), 10000 * t_slow());
	t_close(p);
}
END_TEST

/* The table of a text that is prepared by now changes its shape: outside a transaction nobody
 * notices. */
START_TEST(test_changed_table)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	t_test_values(3);
	for (int round = 1; round <= 3; round++) {
		char sql[100];

		for (int use = 0; use < 5; use++) {
			hf_future *f = hf_query(p, "select * from test_values where id = $1", 2);

			ck_assert_int_eq(hf_result_columns(t_ok(f)), 2 + round);
			hf_future_unref(f);
		}
		/* The one with the new shape; the old one is not left behind at the server. */
		ck_assert_int_eq(t_int(hf_query(p, "select count(*) from pg_prepared_statements "
						   "where statement like 'select * from test%'")),
			1);
		snprintf(
			sql, sizeof sql, "alter table test_values add more%d int default 7", round);
		free(t_psql(sql));
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	ck_assert_uint_eq(t_stats(p).failed, 0);
	t_close(p);
}
END_TEST

static hf_status discard_all(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return hf_conn_query(c, NULL, "DISCARD ALL");
}

START_TEST(test_discard_all)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	for (int round = 0; round < 4; round++) {
		for (int use = 0; use < 5; use++)
			ck_assert_int_eq(t_int(hf_query(p, "select 40 + $1::int", 2)), 42);
		ck_assert_int_ge(
			t_int(hf_query(p, "select count(*) from pg_prepared_statements")), 1);
		t_done(hf_submit(p, HF_JOB(.fn = discard_all, .manual = true)));
		if (round % 2)
			t_done(hf_query(p, "deallocate all"));
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

static long resident_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, pages;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%ld %ld", &size, &pages), 2);
	fclose(f);
	return pages * 4;
}

/* Texts that are all different: what is remembered of them has a limit, here and at the server. */
START_TEST(test_distinct_statements)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_statements = 16));
	long before = 0;

	for (int i = 0; i < 5000; i++) {
		char sql[2100];

		snprintf(sql, sizeof sql, "select %d /*%2000d*/", i, i);
		for (int use = 0; use < (i % 50 == 0 ? 4 : 1); use++)
			ck_assert_int_eq(t_int(hf_query_at(HF_HERE, p, sql, NULL, 0)), i);
		if (i == 500)
			before = resident_kb();
	}
	/* 4,500 texts of 2 KB are 9 MB. */
	if (t_slow() == 1)
		ck_assert_int_lt(resident_kb() - before, 2048);
	ck_assert_int_le(t_int(hf_query(p, "select count(*) from pg_prepared_statements")), 16);
	t_close(p);
}
END_TEST

/* Short ones by the hundred thousand, many under way at a time (rule-65). */
START_TEST(test_many_statements)
{
	enum { ALL = 100000, WINDOW = 64 };
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *f[WINDOW] = { NULL };
	int n = ALL / t_slow();
	long before = 0, grown;
	char sql[60];

	for (int i = 0; i < n + WINDOW; i++) {
		hf_future **slot = &f[i % WINDOW];

		if (*slot)
			ck_assert_int_eq(t_int(*slot), i - WINDOW);
		snprintf(sql, sizeof sql, "select %d", i);
		*slot = i < n ? hf_query_at(HF_HERE, p, sql, NULL, 0) : NULL;
		if (i == n / 10)
			before = resident_kb();
	}
	grown = resident_kb() - before;
	printf("# %d texts, the last nine tenths of them: %ld kB\n", n, grown);
	if (t_slow() == 1)
		ck_assert_int_lt(grown, 2048);
	ck_assert_int_le(t_int(hf_query(p, "select count(*) from pg_prepared_statements")), 256);
	t_close(p);
}
END_TEST

T_MAIN("query", { "C5 a statement tells its tag and its count", test_affected, 0 },
	{ "C6 a statement without rows succeeds and is committed", test_no_rows, 0 },
	{ "C7 each query is a transaction, over when its future is ready", test_commits, 0 },
	{ "C7 transaction control in a query is refused", test_begin_is_refused, 0 },
	{ "C10 parameters of every kind arrive as they are", test_parameters, 0 },
	{ "C10 a text without parameters is sent untouched", test_untouched, 0 },
	{ "C10 a wrong number of arguments is an error", test_wrong_arguments, 0 },
	{ "C13 columns of one name are reachable by index", test_duplicate_names, 0 },
	{ "C21 9 mixed queries on 16 connections within 10 s", test_select_ip_query, 60 },
	{ "C7 a prepared text survives a changed table", test_changed_table, 0 },
	{ "C7 prepared texts survive DISCARD ALL", test_discard_all, 0 },
	{ "C7 5,000 distinct statements leave no trace", test_distinct_statements, 60 },
	{ "C7 100,000 short statements leave no trace (rule-65)", test_many_statements, 60 })
