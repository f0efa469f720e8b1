/* SPDX-License-Identifier: MIT */
/* Interactions: functions on a worker, the transaction around them, and what they answer. */
#include "fixture.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One pool of one connection, an empty test_values, and how often things ran. */
static hf_pool *pool;
static atomic_int calls, frees;

static void setup(const hf_pool_opts *opts)
{
	t_test_values(0);
	pool = t_pool(opts ? opts : HF_POOL_OPTS(.max_conns = 1));
}

static long long stored(void)
{
	return t_psql_int("select count(*) from test_values");
}

static void count_free(void *arg)
{
	(void)arg;
	atomic_fetch_add(&frees, 1);
}

static hf_status insert_then(hf_conn *c, void *arg, hf_reply *reply)
{
	const hf_status *then = arg;

	(void)reply;
	atomic_fetch_add(&calls, 1);
	if (hf_conn_query(c, NULL, "insert into test_values (val1) values ($1)", 1) != HF_OK)
		return HF_E_SQL;
	return *then;
}

START_TEST(test_commit_policy)
{
	hf_status then = HF_OK;

	setup(NULL);
	t_done(hf_run(pool, insert_then, &then, NULL));
	ck_assert_int_eq(stored(), 1);
	for (then = HF_PENDING; then <= HF_E_PARK_LIMIT; then++) {
		hf_future *f = hf_run(pool, insert_then, &then, NULL);

		ck_assert_str_ne(
			hf_error_message(t_fails(f, then == HF_PENDING ? HF_E_USER : then)), "");
		hf_future_unref(f);
	}
	ck_assert_int_eq(stored(), 1);
	ck_assert_uint_eq(t_stats(pool).discards, 0);
	t_close(pool);
}
END_TEST

static char warning[400];

static void keep_warning(hf_log_level level, const char *message, void *arg)
{
	(void)arg;
	if (level == HF_LOG_WARN)
		snprintf(warning, sizeof warning, "%s", message);
}

static hf_status manual(hf_conn *c, void *arg, hf_reply *reply)
{
	const char *how = arg;
	hf_status st = hf_conn_begin(c);

	(void)reply;
	if (st == HF_OK)
		st = hf_conn_query(c, NULL, "insert into test_values (val1) values (2)");
	if (st == HF_OK && strcmp(how, "commit") == 0)
		st = hf_conn_commit(c);
	if (st == HF_OK && strcmp(how, "rollback") == 0)
		st = hf_conn_rollback(c);
	return st;
}

START_TEST(test_manual)
{
	char commit[] = "commit", rollback[] = "rollback", forget[] = "forget";

	setup(HF_POOL_OPTS(.max_conns = 1, .log = keep_warning, .log_level = HF_LOG_WARN));
	t_done(hf_submit(pool, HF_JOB(.fn = manual, .arg = commit, .manual = true)));
	ck_assert_int_eq(stored(), 1);
	t_done(hf_submit(pool, HF_JOB(.fn = manual, .arg = rollback, .manual = true)));
	ck_assert_int_eq(stored(), 1);
	ck_assert_str_eq(warning, "");
	t_done(hf_submit(
		pool, HF_JOB(.fn = manual, .arg = forget, .manual = true, .label = "forgetful")));
	ck_assert_int_eq(stored(), 1);
	ck_assert_ptr_nonnull(strstr(warning, "left a transaction open"));
	ck_assert_ptr_nonnull(strstr(warning, "forgetful"));
	/* Without the flag the calls are refused. */
	t_failed(hf_run(pool, manual, commit, NULL), HF_E_MISUSE);
	ck_assert_int_eq(stored(), 1);
	t_close(pool);
}
END_TEST

/* Its statements commit one by one when it opens no transaction. */
static hf_status manual_plain(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = hf_conn_query(c, NULL, "insert into test_values (val1) values (3)");

	(void)arg;
	return st == HF_OK ? hf_fail(reply, "changed my mind") : st;
}

START_TEST(test_manual_statements)
{
	setup(NULL);
	t_failed(hf_submit(pool, HF_JOB(.fn = manual_plain, .manual = true)), HF_E_USER);
	ck_assert_int_eq(stored(), 1);
	t_failed(hf_submit(pool, HF_JOB(.fn = manual_plain)), HF_E_USER);
	ck_assert_int_eq(stored(), 1);
	t_close(pool);
}
END_TEST

/* The twin of gDBPool's test_select_ip_interaction: the function reads for itself, and its result
 * is the future's. */
static hf_status select_ip(hf_conn *c, void *arg, hf_reply *reply)
{
	const int *upto = arg;
	const hf_result *res;
	hf_status st = hf_conn_query(c, &res,
		"select count(*), sum(val1::int8) from test_values "
		"where id <= $1",
		*upto);

	if (st == HF_OK)
		hf_reply_result(reply, res);
	return st;
}

START_TEST(test_select_ip_interaction)
{
	int upto = 600;
	hf_future *f;
	hf_row row;

	t_test_values(1000);
	pool = t_pool(NULL);
	f = hf_run(pool, select_ip, &upto, NULL);
	row = hf_result_row(t_ok(f), 0);
	ck_assert_int_eq(hf_row_int8(row, 0, -1), 600);
	ck_assert_int_eq(hf_row_int8(row, 1, -1),
		t_psql_int("select sum(val1::int8) from test_values where id <= 600"));
	hf_future_unref(f);
	t_close(pool);
}
END_TEST

struct memo {
	hf_conn *conn;
	hf_result *kept;
	int pid;
};

static hf_status many_handles(hf_conn *c, void *arg, hf_reply *reply)
{
	struct memo *m = arg;
	const hf_result *res[200];

	(void)reply;
	m->conn = c;
	m->pid = hf_conn_backend_pid(c);
	for (int i = 0; i < 200; i++) {
		char *scratch = hf_conn_alloc(c, 10000);

		if (!scratch || (uintptr_t)scratch % _Alignof(max_align_t) != 0)
			return HF_E_NOMEM;
		memset(scratch, i, 10000);
		if (hf_conn_query(c, &res[i], "select $1::int, repeat('x', 1000)", i) != HF_OK)
			return HF_E_SQL;
	}
	/* All are still there: each statement has a result of its own. */
	for (int i = 0; i < 200; i++)
		if (hf_row_int8(hf_result_row(res[i], 0), 0, -1) != i)
			return HF_E_TYPE;
	m->kept = hf_result_ref(res[123]);
	return hf_conn_pool(c) == pool ? HF_OK : HF_E_MISUSE;
}

START_TEST(test_handles)
{
	struct memo m = { NULL, NULL, 0 };

	setup(NULL);
	t_done(hf_run(pool, many_handles, &m, NULL));
	ck_assert_int_gt(m.pid, 0);
	ck_assert_int_eq(hf_row_int8(hf_result_row(m.kept, 0), 0, -1), 123);
	hf_result_unref(m.kept);
	/* The handle ended with its interaction. */
	ck_assert_int_eq(hf_conn_query(m.conn, NULL, "select 1"), HF_E_MISUSE);
	ck_assert_ptr_null(hf_conn_alloc(m.conn, 1));
	ck_assert_ptr_null(hf_conn_pool(m.conn));
	ck_assert_int_eq(hf_conn_backend_pid(m.conn), 0);
	t_close(pool);
}
END_TEST

START_TEST(test_dry_run_of_function)
{
	hf_status then = HF_OK;
	hf_future *f;

	setup(NULL);
	f = hf_submit(pool,
		HF_JOB(.fn = insert_then, .arg = &then, .free_arg = count_free, .dry_run = true));
	ck_assert(hf_future_ready(f));
	ck_assert_ptr_nonnull(strstr(hf_error_message(t_fails(f, HF_E_MISUSE)), "dry run"));
	hf_future_unref(f);
	ck_assert_int_eq(atomic_load(&calls), 0);
	ck_assert_int_eq(atomic_load(&frees), 1);
	ck_assert_int_eq(stored(), 0);
	t_close(pool);
}
END_TEST

/* What cannot run is told at once: its future is ready when the call returns. */
START_TEST(test_unrunnable)
{
	hf_status then = HF_OK;
	hf_job bad_size = { .struct_size = 3, .fn = insert_then };
	hf_future *f[7];

	setup(NULL);
	f[0] = hf_run(pool, NULL, NULL, count_free);
	f[1] = hf_submit(pool, NULL);
	f[2] = hf_run(NULL, insert_then, &then, count_free);
	f[3] = hf_submit(pool, &bad_size);
	f[4] = hf_query_at(HF_HERE, pool, NULL, NULL, 0);
	f[5] = hf_query(NULL, "select 1");
	f[6] = hf_submit(pool, HF_JOB(.fn = insert_then, .arg = &then,
				       .isolation = (hf_isolation)77, .free_arg = count_free));
	for (size_t i = 0; i < T_COUNT(f); i++) {
		ck_assert_msg(hf_future_ready(f[i]), "%zu is not ready", i);
		ck_assert_str_ne(hf_error_message(t_fails(f[i], HF_E_MISUSE)), "no error");
		hf_future_unref(f[i]);
	}
	ck_assert_int_eq(atomic_load(&frees), 3);
	ck_assert_int_eq(atomic_load(&calls), 0);
	ck_assert_uint_eq(t_stats(pool).submitted, 0);
	t_close(pool);
}
END_TEST

static hf_status fail_after_insert(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	if (hf_conn_query(c, NULL, "insert into test_values (val1) values (9)") != HF_OK)
		return HF_E_SQL;
	hf_reply_value(reply, strdup("never seen"), free);
	return hf_fail(reply, "account %d is closed", 17);
}

START_TEST(test_failing_function)
{
	hf_status then = HF_OK;

	setup(NULL);
	for (int i = 0; i < 20; i++) {
		hf_future *f = hf_run(pool, fail_after_insert, NULL, count_free);
		const hf_error *e = t_fails(f, HF_E_USER);

		/* The connection is back: nobody waits for it. */
		ck_assert_uint_eq(t_stats(pool).busy, 0);
		ck_assert_uint_eq(t_stats(pool).idle, 1);
		ck_assert_str_eq(hf_error_message(e), "account 17 is closed");
		ck_assert_str_eq(hf_error_sqlstate(e), "");
		ck_assert_ptr_nonnull(
			strstr(hf_error_field(e, HF_ERR_SITE), "test_interaction.c:"));
		ck_assert_ptr_null(hf_future_value(f));
		hf_future_unref(f);
		t_done(hf_run(pool, insert_then, &then, NULL));
	}
	ck_assert_int_eq(stored(), 20);
	ck_assert_int_eq(t_psql_int("select count(*) from test_values where val1 = 9"), 0);
	ck_assert_int_eq(atomic_load(&frees), 20);
	ck_assert_uint_eq(t_stats(pool).connects, 1);
	t_close(pool);
}
END_TEST

/* Swallows the error of a statement, goes on, and claims that all is well. */
static hf_status swallow(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status *later = arg;

	(void)reply;
	if (hf_conn_query(c, NULL, "insert into test_values (val1) values (4)") != HF_OK)
		return HF_E_USER;
	if (hf_conn_query(c, NULL, "select 1 / 0") != HF_E_SQL)
		return HF_E_USER;
	later[0] = hf_conn_query(c, NULL, "insert into test_values (val1) values (5)");
	if (strcmp(hf_error_sqlstate(hf_conn_error(c)), "22012") != 0)
		return HF_E_USER;
	later[1] = hf_conn_savepoint(c, "late");
	return HF_OK;
}

START_TEST(test_swallowed_error)
{
	hf_status later[2] = { HF_OK, HF_OK };
	const hf_error *e;
	hf_future *f;

	setup(NULL);
	f = hf_run(pool, swallow, later, NULL);
	e = t_fails(f, HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(e), "22012");
	ck_assert_str_eq(hf_error_field(e, HF_ERR_QUERY), "select 1 / 0");
	ck_assert_int_eq(later[0], HF_E_SQL);
	ck_assert_int_eq(later[1], HF_E_SQL);
	hf_future_unref(f);
	ck_assert_int_eq(stored(), 0);
	t_close(pool);
}
END_TEST

static hf_status savepoints(hf_conn *c, void *arg, hf_reply *reply)
{
	const char *nasty = "a \"b\"; drop table test_values; --";

	(void)arg;
	(void)reply;
	if (hf_conn_query(c, NULL, "insert into test_values (val1) values (1)") != HF_OK ||
		hf_conn_savepoint(c, nasty) != HF_OK ||
		hf_conn_query(c, NULL, "insert into test_values (val1) values (2)") != HF_OK)
		return HF_E_USER;
	if (hf_conn_query(c, NULL, "select 1 / 0") != HF_E_SQL ||
		hf_conn_query(c, NULL, "select 1") != HF_E_SQL)
		return HF_E_USER;
	if (hf_conn_rollback_to(c, nasty) != HF_OK ||
		hf_conn_query(c, NULL, "insert into test_values (val1) values (3)") != HF_OK ||
		hf_conn_rollback_to(c, nasty) != HF_OK || /* it stays */
		hf_conn_query(c, NULL, "insert into test_values (val1) values (4)") != HF_OK ||
		hf_conn_release(c, nasty) != HF_OK)
		return HF_E_USER;
	return HF_OK;
}

/* A name that no savepoint can have fails the interaction, though the server never saw it. */
static hf_status bad_savepoint(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	if (hf_conn_query(c, NULL, "insert into test_values (val1) values (9)") != HF_OK)
		return HF_E_USER;
	return hf_conn_savepoint(c, arg) == HF_E_MISUSE ? HF_OK : HF_E_USER;
}

static hf_status unknown_savepoint(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return hf_conn_release(c, "nobody");
}

START_TEST(test_savepoints)
{
	char long_name[65], empty[] = "";
	hf_future *f;
	char *left;

	setup(NULL);
	t_done(hf_run(pool, savepoints, NULL, NULL));
	left = t_psql("select string_agg(val1::text, ',' order by id) from test_values");
	ck_assert_str_eq(left, "1,4");
	free(left);
	f = hf_run(pool, unknown_savepoint, NULL, NULL);
	ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "3B001");
	hf_future_unref(f);
	memset(long_name, 'x', 64);
	long_name[64] = '\0';
	t_failed(hf_run(pool, bad_savepoint, NULL, NULL), HF_E_MISUSE);
	t_failed(hf_run(pool, bad_savepoint, empty, NULL), HF_E_MISUSE);
	t_failed(hf_run(pool, bad_savepoint, long_name, NULL), HF_E_MISUSE);
	ck_assert_int_eq(stored(), 2);
	t_close(pool);
}
END_TEST

/* It returns HF_OK all the same. */
static hf_status refused_text(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	if (hf_conn_query(c, NULL, "insert into test_values (val1) values (1)") != HF_OK ||
		hf_conn_query_at(HF_HERE, c, NULL, arg, NULL, 0) != HF_E_MISUSE)
		return HF_E_USER;
	return HF_OK;
}

static hf_status refused_script(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	if (hf_conn_query(c, NULL, "insert into test_values (val1) values (1)") != HF_OK ||
		hf_conn_script_at(HF_HERE, c, NULL, arg, NULL, 0) != HF_E_MISUSE)
		return HF_E_USER;
	return HF_OK;
}

START_TEST(test_control_is_refused)
{
	static const char *const texts[] = { "commit", "ROLLBACK", " begin", "end", "abort",
		"savepoint x", "rollback to x", "copy test_values from stdin" };
	static const char *const scripts[] = { "select 1; commit; select 2", "; /* ; */ end",
		"select ';'; ROLLBACK" };

	setup(NULL);
	for (size_t i = 0; i < T_COUNT(texts); i++)
		t_failed(hf_run(pool, refused_text, strdup(texts[i]), free), HF_E_MISUSE);
	for (size_t i = 0; i < T_COUNT(scripts); i++)
		t_failed(hf_run(pool, refused_script, strdup(scripts[i]), free), HF_E_MISUSE);
	ck_assert_int_eq(stored(), 0);
	t_close(pool);
}
END_TEST

static hf_status outer(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = hf_conn_run(c, pool, insert_then, arg, reply);

	if (st == HF_OK)
		st = hf_conn_run(c, NULL, insert_then, arg, reply);
	return st;
}

START_TEST(test_nested)
{
	hf_status then = HF_OK;

	setup(NULL);
	t_done(hf_run(pool, outer, &then, NULL));
	ck_assert_int_eq(stored(), 2);
	then = HF_E_NO_ROWS;
	t_failed(hf_run(pool, outer, &then, NULL), HF_E_NO_ROWS);
	ck_assert_int_eq(stored(), 2);
	t_close(pool);
}
END_TEST

/* Free functions run once, however the work ends: well, badly, cancelled, refused, at close. */
START_TEST(test_frees)
{
	hf_status then = HF_OK;
	hf_future *busy, *queued[10];

	setup(NULL);
	t_done(hf_run(pool, insert_then, &then, count_free));
	ck_assert_int_eq(atomic_load(&frees), 1);
	t_failed(hf_run(pool, fail_after_insert, NULL, count_free), HF_E_USER);
	ck_assert_int_eq(atomic_load(&frees), 2);
	busy = hf_query(pool, "select pg_sleep(60)");
	t_wait_busy(pool, 1);
	for (int i = 0; i < 10; i++)
		queued[i] = hf_run(pool, insert_then, &then, count_free);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(hf_future_cancel(queued[i]), HF_OK);
	ck_assert_int_eq(atomic_load(&frees), 7);
	ck_assert_int_eq(hf_pool_terminate(pool), HF_OK);
	for (int i = 0; i < 10; i++)
		t_failed(queued[i], i < 5 ? HF_E_CANCELED : HF_E_CLOSED);
	t_failed(busy, HF_E_CLOSED);
	ck_assert_int_eq(atomic_load(&frees), 12);
	t_failed(hf_run(pool, insert_then, &then, count_free), HF_E_CLOSED);
	ck_assert_int_eq(atomic_load(&frees), 13);
	ck_assert_int_eq(atomic_load(&calls), 1);
	hf_pool_unref(pool);
}
END_TEST

static hf_status reply_twice(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)arg;
	hf_reply_value(reply, &calls, count_free);
	hf_reply_value(reply, &frees, count_free);
	return HF_OK;
}

static bool freed_two(void *arg)
{
	(void)arg;
	return atomic_load(&frees) == 2;
}

START_TEST(test_replies)
{
	hf_future *f;

	setup(NULL);
	f = hf_run(pool, reply_twice, NULL, NULL);
	t_ok(f);
	ck_assert_ptr_eq(hf_future_value(f), &frees);
	ck_assert_int_eq(atomic_load(&frees), 1);
	hf_future_unref(f); /* its worker may be the last to let go of it */
	ck_assert(t_wait_until(freed_two, NULL, 10000));
	f = hf_run(pool, reply_twice, NULL, NULL);
	t_ok(f);
	ck_assert_ptr_eq(hf_future_take_value(f), &frees);
	ck_assert_ptr_null(hf_future_value(f));
	hf_future_unref(f);
	ck_assert_int_eq(atomic_load(&frees), 3);
	t_close(pool);
}
END_TEST

T_MAIN("interaction", { "C8 OK commits, anything else rolls back", test_commit_policy, 0 },
	{ "C8 .manual leaves the ends to the function, and warns", test_manual, 0 },
	{ "C8 .manual without a transaction commits each statement", test_manual_statements, 0 },
	{ "C9 a function's result is the future's", test_select_ip_interaction, 0 },
	{ "C9 many results at once, gone with the interaction", test_handles, 0 },
	{ "C15 a dry run of a function is refused", test_dry_run_of_function, 0 },
	{ "C17 what cannot run is told at once", test_unrunnable, 0 },
	{ "C19 a failing function rolls back and frees its connection", test_failing_function, 0 },
	{ "C8 C19 a swallowed error fails the interaction", test_swallowed_error, 0 },
	{ "C8 savepoints undo a part", test_savepoints, 0 },
	{ "C8 transaction control as text is refused", test_control_is_refused, 0 },
	{ "C9 functions nest in one transaction", test_nested, 0 },
	{ "C19 free functions run once, however it ends", test_frees, 0 },
	{ "C9 values are replied, replaced and taken", test_replies, 0 })
