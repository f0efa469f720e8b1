/* SPDX-License-Identifier: MIT */
/* hf_fetch: submit and get in one call, on whatever thread. */
#include "pipeline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long long fetch_int(hf_pool *p, const char *sql)
{
	hf_result *res = NULL;
	hf_error *why = NULL;
	long long n;

	if (hf_fetch_at(HF_HERE, p, &res, &why, sql, NULL, 0) != HF_OK)
		ck_abort_msg("%s: %s", sql, hf_error_message(why));
	ck_assert_ptr_null(why);
	ck_assert_uint_eq(hf_result_rows(res), 1);
	n = hf_row_int8(hf_result_row(res, 0), 0, -1);
	hf_result_unref(res);
	return n;
}

/* --- one at a time -------------------------------------------------------------------------------
 */

START_TEST(test_result)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	hf_result *res, *kept;
	hf_pool_stats s;
	hf_status st;

	t_test_values(0);
	for (int i = 0; i < 10; i++) {
		st = hf_fetch(p, &res, NULL,
			"insert into test_values (val1) values ($1) returning id, val1, $2::text",
			i, "word");
		ck_assert_int_eq(st, HF_OK);
		ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 1, -1), i);
		ck_assert_str_eq(hf_row_text(hf_result_row(res, 0), 2), "word");
		ck_assert_str_eq(hf_result_tag(res), "INSERT 0 1");
		hf_result_unref(res);
		/* Committed when it returns. */
		ck_assert_int_eq(t_psql_int("select count(*) from test_values"), i + 1);
	}
	ck_assert_int_eq(hf_fetch(p, NULL, NULL, "delete from test_values"), HF_OK);
	ck_assert_int_eq(hf_fetch_with(p, NULL, &kept, NULL, "select 1 where false"), HF_OK);
	ck_assert_uint_eq(hf_result_rows(kept), 0);
	ck_assert_int_eq(hf_result_columns(kept), 1);
	s = t_stats(p);
	ck_assert_uint_eq(s.submitted, 12);
	ck_assert_uint_eq(s.completed, 12);
	ck_assert_uint_eq(s.failed, 0);
	if (T_PIPELINING)
		ck_assert_uint_gt(s.borrowed, 0);
	t_wait_idle(p, s.conns);
	t_close(p);
	/* The result is the caller's, whatever became of the pool. */
	ck_assert_str_eq(hf_result_tag(kept), "SELECT 0");
	hf_result_unref(kept);
}
END_TEST

static void expect_error(hf_pool *p, hf_status st, const char *state, const char *sql)
{
	hf_result *res = (hf_result *)&st;
	hf_error *why = NULL;
	int line = __LINE__ + 2;
	char site[200];
	hf_status got = hf_fetch_at(HF_HERE, p, &res, &why, sql, NULL, 0);

	ck_assert_str_eq(hf_status_name(got), hf_status_name(st));
	ck_assert_ptr_null(res);
	ck_assert_int_eq(hf_error_status(why), st);
	ck_assert_str_eq(hf_error_sqlstate(why), state);
	ck_assert_str_eq(hf_error_field(why, HF_ERR_QUERY), sql);
	snprintf(site, sizeof site, "test_fetch.c:%d", line);
	ck_assert_ptr_nonnull(hf_error_field(why, HF_ERR_SITE));
	if (!strstr(hf_error_field(why, HF_ERR_SITE), site))
		ck_abort_msg("%s instead of %s", hf_error_field(why, HF_ERR_SITE), site);
	hf_error_unref(why);
	/* Nobody has to want the story. */
	ck_assert_int_eq(hf_fetch_at(HF_HERE, p, NULL, NULL, sql, NULL, 0), st);
}

START_TEST(test_error)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_error *why = NULL;
	hf_result *res;

	for (int i = 0; i < 4; i++) {
		expect_error(p, HF_E_SQL, "42601", "selekt 1");
		expect_error(p, HF_E_SQL, "22012", "select 1 / 0");
		expect_error(p, HF_E_SQL, "42P01", "select * from no_such_table");
		expect_error(p, HF_E_MISUSE, "", "begin");
		expect_error(p, HF_E_MISUSE, "", "copy test_values to stdout");
	}
	ck_assert_int_eq(hf_fetch(p, &res, &why, "select $1::int", "no number"), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(why), "22P02");
	hf_error_unref(why);
	ck_assert_int_eq(hf_fetch(NULL, &res, &why, "select 1"), HF_E_MISUSE);
	ck_assert_ptr_null(res);
	ck_assert_ptr_nonnull(why);
	hf_error_unref(why);
	ck_assert_int_eq(fetch_int(p, "select 42"), 42);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_sane(p);
	t_close(p);
}
END_TEST

START_TEST(test_limits)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_error *why;
	hf_result *res;
	struct t_dam dam;
	int64_t began;

	t_wait_idle(p, 1);
	for (int i = 0; i < 3; i++) {
		began = hf_now_ns();
		ck_assert_int_eq(hf_fetch_with(p, HF_QUERY_OPTS(.timeout_ms = 100), &res, &why,
					 "select pg_sleep(10)"),
			HF_E_TIMEOUT);
		ck_assert_int_ge(t_ms_since(began), 100);
		ck_assert_int_lt(t_ms_since(began), 2000 * t_slow());
		ck_assert_ptr_null(res);
		ck_assert_str_eq(hf_error_sqlstate(why), "57014");
		hf_error_unref(why);
		ck_assert_int_eq(fetch_int(p, "select 1 from pg_sleep(0.2)"), 1);
		ck_assert_int_eq(
			fetch_int(p, "select current_setting('statement_timeout')::int"), 0);
	}
	/* Nobody is idle: it waits in the queue, and not for ever. */
	t_dam_shut(&dam, p);
	began = hf_now_ns();
	ck_assert_int_eq(hf_fetch_with(p, HF_QUERY_OPTS(.acquire_ms = 100), &res, &why, "select 1"),
		HF_E_BUSY);
	ck_assert_int_ge(t_ms_since(began), 100);
	ck_assert_int_lt(t_ms_since(began), 2000 * t_slow());
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), " ms"));
	hf_error_unref(why);
	t_dam_open(&dam);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_sane(p);
	t_close(p);
}
END_TEST

/* Every other wish is that of hf_query_with. */
static hf_status add_row(hf_row row, void *arg)
{
	*(int64_t *)arg += hf_row_int8(row, 0, 0);
	return HF_OK;
}

static void freed(void *arg)
{
	++((int64_t *)arg)[1];
}

START_TEST(test_wishes)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int64_t sum[2] = { 0, 0 };
	hf_error *why;
	hf_result *res;

	ck_assert_int_eq(
		hf_fetch_with(p, HF_QUERY_OPTS(.on_row = add_row, .arg = sum, .free_arg = freed),
			NULL, NULL, "select generate_series(1, 1000)"),
		HF_OK);
	ck_assert_int_eq(sum[0], 500500);
	ck_assert_int_eq(sum[1], 1);
	ck_assert_int_eq(hf_fetch_with(p, HF_QUERY_OPTS(.read_only = true), &res, &why,
				 "create table not_made (id int)"),
		HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(why), "25006");
	hf_error_unref(why);
	ck_assert_int_eq(hf_fetch_with(p, HF_QUERY_OPTS(.isolation = HF_ISO_SERIALIZABLE), &res,
				 &why, "show transaction_isolation"),
		HF_OK);
	ck_assert_str_eq(hf_row_text(hf_result_row(res, 0), 0), "serializable");
	hf_result_unref(res);
	/* What touches the session leaves it clean. */
	ck_assert_int_eq(hf_fetch(p, NULL, NULL, "set search_path = nowhere"), HF_OK);
	ck_assert_int_eq(
		fetch_int(p, "select (current_setting('search_path') = 'nowhere')::int"), 0);
	t_expect_sane(p);
	t_close(p);
}
END_TEST

/* Prepared from the third use on, as other queries are. */
START_TEST(test_prepared)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	static const char count[] = "select count(*) from pg_prepared_statements "
				    "where statement like '%canary%' and statement !~ 'prepared'";

	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(fetch_int(p, "select 7 as canary"), 7);
	ck_assert_int_eq(fetch_int(p, count), 1);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(t_int(hf_query(p, "select 7 as canary")), 7);
	ck_assert_int_eq(fetch_int(p, count), 1);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

/* --- where it must not be called -----------------------------------------------------------------
 */

struct inside {
	hf_pool *own, *other;
	hf_status own_st, other_st;
	atomic_bool called;
};

static void fetch_inside(struct inside *in)
{
	hf_error *why = NULL;
	hf_result *res = NULL;

	in->own_st = hf_fetch(in->own, &res, &why, "select 1");
	hf_error_unref(why);
	in->other_st = hf_fetch(in->other, &res, &why, "select 2");
	hf_result_unref(res);
	hf_error_unref(why);
}

static hf_status in_interaction(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)reply;
	fetch_inside(arg);
	return HF_OK;
}

static hf_status in_row(hf_row row, void *arg)
{
	(void)row;
	fetch_inside(arg);
	return HF_OK;
}

static void in_callback(hf_future *f, void *arg)
{
	struct inside *in = arg;

	(void)f;
	fetch_inside(in);
	atomic_store(&in->called, true);
}

static bool was_called(void *arg)
{
	return atomic_load(&((struct inside *)arg)->called);
}

/* Also where another connection of the pool is idle. */
START_TEST(test_own_thread)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 3, .max_conns = 3));
	struct inside in = { p, t_pool(HF_POOL_OPTS(.name = "other")), HF_OK, HF_OK, false };
	hf_future *f;

	t_wait_idle(p, 3);
	t_done(hf_run(p, in_interaction, &in, NULL));
	ck_assert_int_eq(in.own_st, HF_E_DEADLOCK);
	ck_assert_int_eq(in.other_st, HF_OK);
	in.own_st = in.other_st = HF_PENDING;
	t_done(hf_query_with(p, HF_QUERY_OPTS(.on_row = in_row, .arg = &in), "select 1"));
	ck_assert_int_eq(in.own_st, HF_E_DEADLOCK);
	ck_assert_int_eq(in.other_st, HF_OK);
	in.own_st = in.other_st = HF_PENDING;
	f = hf_query(p, "select 1");
	ck_assert_int_eq(hf_future_on_ready(f, in_callback, &in, NULL), HF_OK);
	ck_assert(t_wait_until(was_called, &in, 10000));
	ck_assert_int_eq(in.own_st, HF_E_DEADLOCK);
	ck_assert_int_eq(in.other_st, HF_OK);
	t_done(f);
	t_wait_idle(p, 3);
	t_close(p);
	t_close(in.other);
}
END_TEST

START_TEST(test_closed)
{
	hf_pool *p = t_pool(NULL);
	hf_result *res = NULL;
	hf_error *why = NULL;

	ck_assert_int_eq(fetch_int(p, "select 1"), 1);
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	ck_assert_int_eq(hf_fetch(p, &res, &why, "select 1"), HF_E_CLOSED);
	ck_assert_ptr_null(res);
	ck_assert_int_eq(hf_error_status(why), HF_E_CLOSED);
	hf_error_unref(why);
	ck_assert_int_eq(hf_pool_reopen(p, NULL), HF_OK);
	ck_assert_int_eq(fetch_int(p, "select 2"), 2);
	t_close(p);
}
END_TEST

/* From its third use on the text is prepared, and goes outside pipeline mode: what the COMMIT at
 * its Sync refuses comes behind a result that was well. */
START_TEST(test_refused_at_the_end)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_error *why;

	free(t_psql("set client_min_messages to warning; drop table if exists late;"
		    "create table late (id int unique deferrable initially deferred);"
		    "insert into late values (1)"));
	for (int i = 0; i < 10; i++) {
		hf_status st = hf_fetch(p, NULL, &why, "insert into late values ($1)", 1);

		ck_assert_int_eq(st, HF_E_SQL);
		ck_assert_str_eq(hf_error_sqlstate(why), "23505");
		hf_error_unref(why);
		st = hf_fetch(p, NULL, NULL, "insert into late values ($1)", i + 2);
		ck_assert_int_eq(st, HF_OK);
	}
	ck_assert_int_eq(t_psql_int("select count(*) from late"), 11);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

T_MAIN("fetch",
	{ "what is refused at the end of a prepared query is an error", test_refused_at_the_end,
		0 },
	{ "a fetch gives its result, which is the caller's", test_result, 0 },
	{ "a fetch that fails tells why and where", test_error, 0 },
	{ "the limits of a fetch", test_limits, 0 }, { "the wishes of a fetch", test_wishes, 0 },
	{ "a fetched text is prepared like any other", test_prepared, 0 },
	{ "a fetch on a thread of the pool is a deadlock", test_own_thread, 0 },
	{ "a fetch from a closed pool", test_closed, 0 })
