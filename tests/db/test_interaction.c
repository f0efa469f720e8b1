/* SPDX-License-Identifier: MIT */
/* Interactions: functions on a worker, what they may use, and what they answer. */
#include "interaction.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static atomic_int frees;

static void count_free(void *arg)
{
	(void)arg;
	atomic_fetch_add(&frees, 1);
}

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

T_MAIN("interaction", { "C9 a function's result is the future's", test_select_ip_interaction, 0 },
	{ "C9 many results at once, gone with the interaction", test_handles, 0 },
	{ "C15 a dry run of a function is refused", test_dry_run_of_function, 0 },
	{ "C17 what cannot run is told at once", test_unrunnable, 0 },
	{ "C19 a failing function rolls back and frees its connection", test_failing_function, 0 },
	{ "C9 functions nest in one transaction", test_nested, 0 },
	{ "C19 free functions run once, however it ends", test_frees, 0 },
	{ "C9 values are replied, replaced and taken", test_replies, 0 })
