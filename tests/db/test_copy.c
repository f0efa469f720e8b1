/* SPDX-License-Identifier: MIT */
/* COPY in constant memory, and among other work. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MILLION 1000000

#ifdef __SANITIZE_ADDRESS__
/* Freed memory is kept back for a while; not so long that it looks like growth. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64";
}
#endif

static long resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, pages;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%ld %ld", &size, &pages), 2);
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

/* --- a million --- */

struct flow {
	long rows, first, most;
	int64_t sum;
};

static void note_memory(struct flow *f)
{
	long now;

	if (++f->rows % 50000)
		return;
	now = resident_bytes();
	if (f->first == 0)
		f->first = now;
	if (now > f->most)
		f->most = now;
}

/* Valgrind and its like have a memory of their own. */
static void check_memory(const struct flow *f)
{
	if (!getenv("HOLDFAST_TEST_WRAPPER"))
		ck_assert_int_lt(f->most - f->first, 16 << 20);
}

static hf_status put_million(hf_copy *copy, void *arg)
{
	struct flow *f = arg;
	char text[40];

	for (int i = 1; i <= MILLION; i++) {
		hf_float8_opt half = { i % 10 != 0, i * 0.5 };
		hf_status st;

		snprintf(text, sizeof text, "row number %d", i);
		st = hf_copy_row(copy, i, text, half,
			((hf_timestamptz){ (1700000000 + (int64_t)i) * 1000000 }));
		if (st != HF_OK)
			return st;
		note_memory(f);
	}
	return HF_OK;
}

static hf_status take_million(hf_row row, void *arg)
{
	struct flow *f = arg;
	int32_t i;
	const char *text;
	hf_float8_opt half;
	hf_timestamptz t;
	hf_status st = hf_row_scan(row, HF_TO(&i), HF_TO(&text), HF_TO(&half), HF_TO(&t));

	if (st != HF_OK)
		return st;
	f->sum += i + (int64_t)strlen(text) + (half.has ? (int64_t)half.v : -1) + t.us / 1000000;
	note_memory(f);
	return HF_OK;
}

/* The rows that a COPY has counted. */
static int64_t counted(hf_future *f)
{
	int64_t rows = hf_result_affected(t_ok(f));

	hf_future_unref(f);
	return rows;
}

START_TEST(test_million)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	struct flow in = { 0 }, out = { 0 };

	t_done(hf_script(p,
		"drop table if exists copy_in, copy_given;"
		"create unlogged table copy_in (i int, t text, h float8, at timestamptz);"
		"create unlogged table copy_given as select i, 'row number ' || i as t,"
		" case when i % 10 <> 0 then i * 0.5::float8 end as h,"
		" to_timestamp(1700000000 + i) as at from generate_series(1, 1000000) i"));
	ck_assert_int_eq(counted(hf_copy_in(p, "copy_in", put_million, &in, NULL)), MILLION);
	ck_assert_int_eq(in.rows, MILLION);
	check_memory(&in);
	ck_assert_int_eq(
		t_int(hf_query(p, "select count(*) from copy_in a full join copy_given b using (i)"
				  " where (a.t, a.at) is distinct from (b.t, b.at)"
				  " or a.h is distinct from b.h")),
		0);
	ck_assert_int_eq(counted(hf_copy_out(p, "copy_in", take_million, &out, NULL)), MILLION);
	ck_assert_int_eq(out.rows, MILLION);
	check_memory(&out);
	ck_assert_int_eq(out.sum,
		t_int(hf_query(p, "select sum(i + length(t) + coalesce(trunc(h), -1)::int8"
				  " + extract(epoch from at)::int8)::int8 from copy_given")));
	t_close(p);
}
END_TEST

/* --- among other work --- */

static hf_status put_two(hf_copy *copy, void *arg)
{
	int base = *(int *)arg;
	hf_status st = hf_copy_row(copy, base, "one");

	return st == HF_OK ? hf_copy_row(copy, base + 1, (const char *)NULL) : st;
}

static hf_status count(hf_row row, void *arg)
{
	(void)row;
	++*(int *)arg;
	return HF_OK;
}

static void make_pair(hf_pool *p)
{
	t_done(hf_script(p, "drop table if exists pair; create table pair (id int primary key, "
			    "name varchar(5), twice int generated always as (id * 2) stored)"));
}

static hf_status mixed(hf_conn *c, void *arg, hf_reply *reply)
{
	int base = 10, seen = 0;
	int64_t rows = -1;
	const hf_result *res;

	(void)arg;
	(void)reply;
	ck_assert_int_eq(hf_conn_query(c, NULL, "insert into pair(id) values (1)"), HF_OK);
	/* a table alone: its generated columns are none that can be given */
	ck_assert_int_eq(hf_conn_copy_in(c, &rows, "pair", put_two, &base), HF_OK);
	ck_assert_int_eq(rows, 2);
	ck_assert_int_eq(hf_conn_savepoint(c, "here"), HF_OK);
	base = 11; /* is there */
	ck_assert_int_eq(hf_conn_copy_in(c, &rows, "pair(id, name)", put_two, &base), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_conn_error(c)), "23505");
	ck_assert_int_eq(rows, 0);
	ck_assert_int_eq(hf_conn_copy_out(c, NULL, "pair", count, &seen), HF_E_SQL);
	ck_assert_int_eq(seen, 0);
	ck_assert_int_eq(hf_conn_rollback_to(c, "here"), HF_OK);
	ck_assert_int_eq(hf_conn_copy_out(c, &rows, "pair", count, &seen), HF_OK);
	ck_assert_int_eq(seen, 3);
	ck_assert_int_eq(rows, 3);
	ck_assert_int_eq(hf_conn_query(c, &res, "select sum(twice)::int from pair"), HF_OK);
	ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 0, 0), 44);
	return HF_OK;
}

START_TEST(test_inside_interaction)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	make_pair(p);
	t_done(hf_run(p, mixed, NULL, NULL));
	ck_assert_int_eq(t_int(hf_query(p, "select count(*) from pair")), 3);
	ck_assert_uint_eq(t_stats(p).resets, 1); /* of the script: COPY leaves a clean session */
	t_close(p);
}
END_TEST

static hf_status by_hand(hf_conn *c, void *arg, hf_reply *reply)
{
	int base = 20, seen = 0;

	(void)arg;
	(void)reply;
	/* each by itself */
	ck_assert_int_eq(hf_conn_copy_in(c, NULL, "pair (id, name)", put_two, &base), HF_OK);
	ck_assert_int_eq(hf_conn_copy_in(c, NULL, "pair (id, name)", put_two, &base), HF_E_SQL);
	ck_assert_int_eq(hf_conn_copy_out(c, NULL, "pair", count, &seen), HF_OK);
	ck_assert_int_eq(seen, 2);
	ck_assert_int_eq(hf_conn_begin(c), HF_OK);
	base = 30;
	ck_assert_int_eq(hf_conn_copy_in(c, NULL, "pair (id, name)", put_two, &base), HF_OK);
	ck_assert_int_eq(hf_conn_rollback(c), HF_OK);
	return HF_OK;
}

static hf_status by_hand_read_only(hf_conn *c, void *arg, hf_reply *reply)
{
	int base = 40, seen = 0;

	(void)arg;
	(void)reply;
	ck_assert_int_eq(hf_conn_copy_out(c, NULL, "pair", count, &seen), HF_OK);
	ck_assert_int_eq(seen, 2);
	ck_assert_int_eq(hf_conn_copy_in(c, NULL, "pair (id, name)", put_two, &base), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_conn_error(c)), "25006");
	ck_assert_int_eq(hf_conn_copy_out(c, NULL, "(delete from pair returning 1)", count, &seen),
		HF_E_SQL);
	ck_assert_int_eq(hf_conn_query(c, NULL, "select 1"), HF_OK);
	return HF_OK;
}

START_TEST(test_manual)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	make_pair(p);
	t_done(hf_submit(p, HF_JOB(.fn = by_hand, .manual = true)));
	ck_assert_int_eq(t_int(hf_query(p, "select sum(id)::int from pair")), 41);
	t_done(hf_submit(p, HF_JOB(.fn = by_hand_read_only, .manual = true, .read_only = true)));
	t_close(p);
}
END_TEST

static hf_status out_and_in(hf_conn *c, void *arg, hf_reply *reply)
{
	int seen = 0;
	hf_status st = hf_conn_copy_out(c, NULL, "pair", count, &seen);

	(void)reply;
	return st == HF_OK ? hf_conn_copy_in(c, NULL, "pair", put_two, arg) : st;
}

static hf_status only_out(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	return hf_conn_copy_out(c, NULL, "pair", count, arg);
}

/* A transaction that rests behind a COPY holds no snapshot, which would stop every vacuum. */
START_TEST(test_inside_transaction)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int base = 50, seen = 0;
	hf_txn *t;
	char sql[200];

	make_pair(p);
	t = hf_txn_begin(p, NULL);
	t_done(hf_txn_run(t, HF_JOB(.fn = only_out, .arg = &seen)));
	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where application_name = '%s'"
		" and state = 'idle in transaction' and backend_xmin is null",
		t_name());
	ck_assert_int_eq(t_psql_int(sql), 1);
	t_done(hf_txn_run(t, HF_JOB(.fn = out_and_in, .arg = &base)));
	ck_assert_int_eq(t_psql_int(sql), 1);
	ck_assert_int_eq(t_psql_int("select count(*) from pair"), 0);
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	ck_assert_int_eq(t_int(hf_query(p, "select count(*) from pair")), 2);
	t_close(p);
}
END_TEST

static hf_status put_odd(hf_copy *copy, void *arg)
{
	hf_status st = hf_copy_row(copy, "1.50", 7);

	(void)arg;
	return st == HF_OK ? hf_copy_row(copy, (const char *)NULL, 8) : st;
}

START_TEST(test_sources)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int n = 0;

	make_pair(p);
	t_done(hf_script(p, "drop table if exists \"odd (;) name\"; "
			    "create table \"odd (;) name\" (\"a\"\"(b\" int, m money)"));
	t_done(hf_query(p, "insert into pair(id) values (1), (2), (3)"));
	t_done(hf_copy_out(p, " ( select 1 from pair -- all of them ;\n ) ", count, &n, NULL));
	ck_assert_int_eq(n, 3);
	t_done(hf_copy_out(p, "(delete from pair where id > 1 returning id)", count, &n, NULL));
	ck_assert_int_eq(n, 5);
	ck_assert_int_eq(t_int(hf_query(p, "select count(*) from pair")), 1);
	t_done(hf_copy_out(p, "(select 1 where false)", count, &n, NULL));
	ck_assert_int_eq(n, 5);
	t_done(hf_copy_in(p, "\"odd (;) name\" (m, \"a\"\"(b\")", put_odd, NULL, NULL));
	t_done(hf_copy_out(p, "\"odd (;) name\" -- text", count, &n, NULL));
	ck_assert_int_eq(n, 7);
	t_close(p);
}
END_TEST

T_MAIN("copy", { "bulk-J3 a million rows each way in constant memory", test_million, 120 },
	{ "bulk-J3 a COPY among the statements of an interaction", test_inside_interaction, 0 },
	{ "bulk-J3 a COPY in a part of a transaction", test_inside_transaction, 0 },
	{ "bulk-J3 a COPY in a job by hand", test_manual, 0 },
	{ "bulk-J3 tables and queries in every guise", test_sources, 0 })
