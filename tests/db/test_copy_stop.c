/* SPDX-License-Identifier: MIT */
/* COPY that is stopped: cancelled, out of time, its server process killed, its pool closed. */
#include "copy_feed.h"

START_TEST(test_cancel)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	atomic_int in = 0, out = 0;
	hf_future *f;
	int64_t began;

	make_target(p);
	f = hf_copy_in(p, "target", endless, &in, NULL);
	ck_assert(t_wait_until(rows_given, &in, 10000));
	began = hf_now_ns();
	ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
	t_failed(f, HF_E_CANCELED);
	ck_assert_int_lt(t_ms_since(began), 3000 * t_slow());
	ck_assert_int_eq(kept(p), 0);
	f = hf_copy_out(p, T_MANY, count, &out, NULL);
	ck_assert(t_wait_until(rows_given, &out, 10000));
	began = hf_now_ns();
	ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
	t_failed(f, HF_E_CANCELED);
	ck_assert_int_lt(t_ms_since(began), 3000 * t_slow());
	check_usable(p, 1);
	t_close(p);
}
END_TEST

/* The server is busy with a row, and takes nothing. */
START_TEST(test_cancel_blocked)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	atomic_int in = 0;
	hf_future *f;

	make_target(p);
	t_done(hf_script(p,
		"create or replace function sleepy() returns trigger language plpgsql as"
		" $$begin perform pg_sleep(60); return new; end$$;"
		"create trigger t before insert on target for each row"
		" execute function sleepy()"));
	f = hf_copy_in(p, "target", endless, &in, NULL);
	ck_assert(t_wait_until(rows_given, &in, 10000));
	ck_assert_int_eq(hf_future_wait_for(f, 100), HF_PENDING);
	ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
	t_failed(f, HF_E_CANCELED);
	ck_assert_uint_le(t_stats(p).connects, 2);
	t_close(p);
}
END_TEST

static hf_status copy_endless(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	return hf_conn_copy_in(c, NULL, "target", endless, arg);
}

static hf_status copy_many(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	return hf_conn_copy_out(c, NULL, T_MANY, count, arg);
}

START_TEST(test_timeout)
{
	static hf_fn *const fns[] = { copy_endless, copy_many };
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	atomic_int n = 0;

	make_target(p);
	for (int i = 0; i < 4; i++) {
		int64_t began = hf_now_ns();

		t_failed(hf_submit(p, HF_JOB(.fn = fns[i / 2], .arg = &n, .timeout_ms = 300,
					      .manual = i % 2)),
			HF_E_TIMEOUT);
		ck_assert_int_ge(t_ms_since(began), 290);
		ck_assert_int_lt(t_ms_since(began), 3000 * t_slow());
		ck_assert_int_eq(kept(p), 0);
	}
	check_usable(p, 1);
	t_close(p);
}
END_TEST

static void kill_all(hf_copy *copy, struct feed *f)
{
	char sql[200];

	(void)copy;
	(void)f;
	snprintf(sql, sizeof sql,
		"select count(pg_terminate_backend(pid)) from pg_stat_activity"
		" where application_name = '%s'",
		t_name());
	ck_assert_int_gt(t_psql_int(sql), 0);
}

struct kill {
	atomic_int rows;
};

static hf_status kill_at_1000(hf_row row, void *arg)
{
	struct kill *k = arg;

	(void)row;
	if (atomic_fetch_add(&k->rows, 1) == 1000)
		kill_all(NULL, NULL);
	return HF_OK;
}

START_TEST(test_killed)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	struct feed f = { .n = 100000000, .at = 50000, .act = kill_all };
	struct kill k = { 0 };
	hf_future *done;
	const hf_error *e;

	make_target(p);
	done = hf_copy_in(p, "target", feed, &f, NULL);
	e = t_fails(done, HF_E_CONN_LOST);
	ck_assert(hf_error_is(e, HF_RETRYABLE));
	ck_assert(!hf_error_is(e, HF_MAYBE_COMMITTED));
	ck_assert_int_lt(atomic_load(&f.rows), 50000000);
	hf_future_unref(done);
	ck_assert_int_eq(kept(p), 0);
	t_failed(hf_copy_out(p, T_MANY, kill_at_1000, &k, NULL), HF_E_CONN_LOST);
	ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	t_close(p);
}
END_TEST

START_TEST(test_pool_closed)
{
	for (int i = 0; i < 2; i++) {
		hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
		atomic_int n = 0;
		hf_future *f;
		int64_t began;

		make_target(p);
		f = i ? hf_copy_out(p, T_MANY, count, &n, NULL)
		      : hf_copy_in(p, "target", endless, &n, NULL);
		ck_assert(t_wait_until(rows_given, &n, 10000));
		began = hf_now_ns();
		ck_assert_int_eq(hf_pool_close(p, 100), HF_OK);
		ck_assert_int_lt(t_ms_since(began), 5000 * t_slow());
		t_failed(f, HF_E_CLOSED);
		hf_pool_unref(p);
	}
	ck_assert_int_eq(t_psql_int("select count(*) from target"), 0);
}
END_TEST

T_MAIN("copy_stop", { "bulk-J3 cancelled", test_cancel, 0 },
	{ "bulk-J3 cancelled while the server takes nothing", test_cancel_blocked, 0 },
	{ "bulk-J3 out of time", test_timeout, 0 },
	{ "bulk-J3 its server process is killed", test_killed, 60 },
	{ "bulk-J3 its pool is closed", test_pool_closed, 40 })
