/* SPDX-License-Identifier: MIT */
/* COPY that fails: by the server, its function, its caller, without memory. Nothing of it is kept,
 * and why is told. */
#include "copy_feed.h"

#include "base/mem.h"

#include <pthread.h>
#include <string.h>

/* --- the server --- */

START_TEST(test_unique_violation)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	struct feed f = { .n = 5000000 };
	hf_future *done;
	const hf_error *e;

	make_target(p);
	t_done(hf_script(p, "alter table target add primary key (id);"
			    "insert into target values (500000, 'there')"));
	done = hf_copy_in(p, "target", feed, &f, NULL);
	ck_assert_int_eq(hf_future_wait_for(done, 60000 * t_slow()), HF_OK);
	e = t_fails(done, HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(e), "23505");
	ck_assert(hf_error_is(e, HF_INTEGRITY));
	ck_assert_str_eq(hf_error_field(e, HF_ERR_CONSTRAINT), "target_pkey");
	ck_assert_str_eq(hf_error_field(e, HF_ERR_CONTEXT), "COPY target, line 500000");
	ck_assert_str_eq(hf_error_field(e, HF_ERR_QUERY), "COPY target FROM STDIN (FORMAT binary)");
	ck_assert_ptr_nonnull(strstr(hf_error_field(e, HF_ERR_SITE), "test_copy_errors.c"));
	hf_future_unref(done);
	/* It was told soon, and not when all five million were sent. */
	ck_assert_int_eq(f.refused, HF_E_SQL);
	ck_assert_str_eq(f.sqlstate, "23505");
	ck_assert_int_lt(atomic_load(&f.rows), 2000000);
	ck_assert_int_eq(kept(p), 1);
	check_usable(p, 1);
	t_close(p);
}
END_TEST

START_TEST(test_server_refuses)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	struct feed f = { .n = 10 };
	atomic_int n = 0;
	hf_future *done;

	make_target(p);
	t_done(hf_script(p, "alter table target alter t set not null, add extra int not null"));
	done = hf_copy_in(p, "target(id, t)", feed, &f, NULL);
	ck_assert_str_eq(hf_error_sqlstate(t_fails(done, HF_E_SQL)), "23502");
	hf_future_unref(done);
	done = hf_copy_in(p, "no_such_table", feed, &f, NULL);
	ck_assert_str_eq(hf_error_sqlstate(t_fails(done, HF_E_SQL)), "42P01");
	hf_future_unref(done);
	done = hf_copy_out(p, "(select 1/(id-5) from generate_series(1,9) id)", count, &n, NULL);
	ck_assert_str_eq(hf_error_sqlstate(t_fails(done, HF_E_SQL)), "22012");
	hf_future_unref(done);
	ck_assert_int_le(atomic_load(&n), 4);
	t_failed(hf_copy_out(p, "(select 1", count, &n, NULL), HF_E_SQL);
	t_failed(hf_copy_out(p, "(select 1) x", count, &n, NULL), HF_E_SQL);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

/* One statement, whatever the text tries; in text format as well. */
START_TEST(test_one_statement)
{
	static const char *const tries[] = { "target; drop table target; --", "target; select 1",
		"target (id, t); drop table target; select (1)",
		"target (id, t) from stdin; drop table target; --", "target from '/dev/null' --",
		"moody; drop table target; --", "moody (m) from stdin; drop table target; --" };
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	struct feed f = { .n = 1 };
	atomic_int n = 0;

	make_target(p);
	t_done(hf_script(p, "drop table if exists moody; drop type if exists mood cascade;"
			    "create type mood as enum ('a'); create table moody (m mood)"));
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		t_failed(hf_copy_in(p, tries[i], feed, &f, NULL), HF_E_SQL);
		t_failed(hf_copy_out(p, tries[i], count, &n, NULL), HF_E_SQL);
	}
	t_failed(hf_copy_out(p, "(select 1); drop table target; select (2)", count, &n, NULL),
		HF_E_SQL);
	ck_assert_int_eq(kept(p), 0);
	ck_assert_int_eq(atomic_load(&n), 0);
	t_close(p);
}
END_TEST

static hf_status feed_text(hf_copy *copy, void *arg)
{
	hf_status st = HF_OK;

	(void)arg;
	for (int i = 0; i < 10 && st == HF_OK; i++)
		st = hf_copy_row(copy, "a");
	return st;
}

/* The server fails before it reads any row, and answers once. */
START_TEST(test_fails_before_it_reads)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	t_done(hf_script(p, "drop table if exists early; drop type if exists mood cascade;"
			    "create type mood as enum ('a'); create table early (m mood);"
			    "create or replace function early() returns trigger language plpgsql as"
			    " $$begin raise exception 'too early'; end$$;"
			    "create trigger t before insert on early execute function early()"));
	for (int i = 0; i < 20; i++) {
		t_failed(hf_copy_in(p, "early", feed_text, NULL, NULL), HF_E_SQL);
		ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	}
	t_done(hf_query(p, "alter table early alter m type text"));
	for (int i = 0; i < 20; i++) {
		t_failed(hf_copy_in(p, "early", feed_text, NULL, NULL), HF_E_SQL);
		ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

static hf_status feed_moods(hf_copy *copy, void *arg)
{
	hf_status st = HF_OK;

	for (int i = 1; i <= 1000000 && st == HF_OK; i++) {
		st = hf_copy_row(copy, i == 1000 ? "b" : "a");
		atomic_store((atomic_int *)arg, i);
	}
	return st;
}

/* It is told in the midst of the rows, and at once: nobody waits for what the server may say
 * besides its error. In text format, and in binary. */
START_TEST(test_told_at_once)
{
	static const char *const columns[] = { "m mood", "m text check (m = 'a')" };

	for (size_t k = 0; k < T_COUNT(columns); k++) {
		hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
		int64_t began;
		char sql[200];

		snprintf(sql, sizeof sql,
			"drop table if exists moody; drop type if exists mood cascade;"
			"create type mood as enum ('a'); create table moody (%s)",
			columns[k]);
		t_done(hf_script(p, sql));
		began = hf_now_ns();
		for (int i = 0; i < 20; i++) {
			atomic_int rows = 0;

			t_failed(hf_copy_in(p, "moody", feed_moods, &rows, NULL), HF_E_SQL);
			ck_assert_int_lt(atomic_load(&rows), 1000000);
		}
		printf("# 20 failed in %lld ms\n", t_ms_since(began));
		ck_assert_int_lt(t_ms_since(began), 10000 * t_slow());
		ck_assert_uint_eq(t_stats(p).connects, 1);
		t_close(p);
	}
}
END_TEST

/* Notices are none of the server's last words. */
START_TEST(test_notices)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	struct feed f = { .n = 20000 };

	make_target(p);
	t_done(hf_script(p,
		"create or replace function chatty() returns trigger language plpgsql as"
		" $$begin raise notice '%', repeat('x', 300); return new; end$$;"
		"create trigger t before insert on target for each row"
		" execute function chatty()"));
	t_done(hf_copy_in(p, "target", feed, &f, NULL));
	ck_assert_int_eq(kept(p), 20000);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

/* --- its function --- */

static void wrong_value(hf_copy *copy, struct feed *f)
{
	(void)f;
	ck_assert_int_eq(give(copy, 2147483648), HF_E_TYPE);
	ck_assert_str_eq(hf_error_message(hf_copy_error(copy)),
		"column \"id\" (int4): value 2147483648 is out of range");
}

static void wrong_number(hf_copy *copy, struct feed *f)
{
	(void)f;
	ck_assert_ptr_null(hf_copy_error(copy));
	ck_assert_int_eq(hf_copy_row(copy, 1), HF_E_MISUSE);
}

START_TEST(test_function_fails)
{
	static const struct feed how[] = {
		{ .n = 100000, .at = 50000, .then = HF_E_USER, .refused = HF_E_USER },
		{ .n = 100000, .at = 1, .then = HF_E_NO_ROWS, .refused = HF_E_NO_ROWS },
		{ .n = 100000, .at = 50000, .then = HF_PENDING, .refused = HF_E_USER },
		{ .n = 100000, .at = 50000, .act = wrong_value, .refused = HF_E_TYPE },
		{ .n = 100000, .at = 50000, .act = wrong_number, .refused = HF_E_MISUSE },
		/* a row that failed fails the COPY, whatever is answered in the end */
		{ .n = 5, .at = 5, .act = wrong_value, .then = HF_E_USER, .refused = HF_E_USER },
	};
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	make_target(p);
	for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
		struct feed f = how[i];
		hf_status expected = f.refused;

		t_failed(hf_copy_in(p, "target", feed, &f, NULL), expected);
		ck_assert_int_eq(kept(p), 0);
	}
	check_usable(p, 1);
	t_close(p);
}
END_TEST

static hf_status ignores(hf_copy *copy, void *arg)
{
	hf_status st;

	(void)arg;
	ck_assert_int_eq(give(copy, 1), HF_OK);
	st = hf_copy_row(copy, "x", "b");
	ck_assert_int_eq(st, HF_E_TYPE);
	ck_assert_int_eq(give(copy, 2), HF_E_TYPE);
	return HF_OK;
}

static hf_status stop_at_ten(hf_row row, void *arg)
{
	(void)row;
	return atomic_fetch_add((atomic_int *)arg, 1) == 9 ? HF_E_USER : HF_OK;
}

START_TEST(test_stopped)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	atomic_int n = 0;
	int64_t began;

	make_target(p);
	t_failed(hf_copy_in(p, "target", ignores, NULL, NULL), HF_E_TYPE);
	ck_assert_int_eq(kept(p), 0);
	began = hf_now_ns();
	t_failed(hf_copy_out(p, T_MANY, stop_at_ten, &n, NULL), HF_E_USER);
	ck_assert_int_lt(t_ms_since(began), 5000 * t_slow());
	ck_assert_int_eq(atomic_load(&n), 10);
	check_usable(p, 1);
	t_close(p);
}
END_TEST

/* --- who may use what --- */

static void *use_elsewhere(void *copy)
{
	hf_status st = hf_copy_row((hf_copy *)copy, 1, "row");

	ck_assert_ptr_null(hf_copy_error((hf_copy *)copy));
	return (void *)(intptr_t)st;
}

static void misuse(hf_copy *copy, struct feed *f)
{
	pthread_t th;
	void *st;

	ck_assert_int_eq(hf_conn_query(f->conn, NULL, "select 1"), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_copy_in(f->conn, NULL, "target", feed, f), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_savepoint(f->conn, "x"), HF_E_MISUSE);
	ck_assert_int_eq(give(NULL, 1), HF_E_MISUSE);
	ck_assert_int_eq(pthread_create(&th, NULL, use_elsewhere, copy), 0);
	ck_assert_int_eq(pthread_join(th, &st), 0);
	ck_assert_int_eq((intptr_t)st, HF_E_MISUSE);
}

static hf_status misuse_row(hf_row row, void *arg)
{
	struct feed *f = arg;

	(void)row;
	ck_assert_int_eq(hf_conn_query(f->conn, NULL, "select 1"), HF_E_MISUSE);
	return HF_OK;
}

static hf_copy *escaped;

static void keep(hf_copy *copy, struct feed *f)
{
	(void)f;
	escaped = copy;
}

static hf_status misuses(hf_conn *c, void *arg, hf_reply *reply)
{
	struct feed f = { .n = 2, .at = 2, .act = misuse, .conn = c };

	(void)arg;
	(void)reply;
	ck_assert_int_eq(hf_conn_copy_in(c, NULL, "target", feed, &f), HF_OK);
	ck_assert_int_eq(hf_conn_copy_out(c, NULL, "target", misuse_row, &f), HF_OK);
	f.act = keep;
	ck_assert_int_eq(hf_conn_copy_in(c, NULL, "target", feed, &f), HF_OK);
	ck_assert_int_eq(give(escaped, 1), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_savepoint(c, "x"), HF_OK);
	ck_assert_int_eq(hf_conn_copy_in(c, NULL, " \n", feed, &f), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_query(c, NULL, "select 1"), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_rollback_to(c, "x"), HF_OK);
	return HF_OK;
}

static atomic_int frees;

static void count_free(void *arg)
{
	(void)arg;
	atomic_fetch_add(&frees, 1);
}

START_TEST(test_misuse)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	struct feed f = { .n = 1 };

	make_target(p);
	t_done(hf_run(p, misuses, NULL, NULL));
	ck_assert_int_eq(kept(p), 4);
	t_failed(hf_copy_in(p, NULL, feed, &f, count_free), HF_E_MISUSE);
	t_failed(hf_copy_in(p, "", feed, &f, count_free), HF_E_MISUSE);
	t_failed(hf_copy_in(p, "target", NULL, &f, count_free), HF_E_MISUSE);
	t_failed(hf_copy_out(p, "target", NULL, &f, count_free), HF_E_MISUSE);
	t_failed(hf_copy_out(p, "\xff", count, &f, count_free), HF_E_MISUSE);
	t_failed(hf_copy_in(NULL, "target", feed, &f, count_free), HF_E_MISUSE);
	ck_assert_int_eq(atomic_load(&frees), 6);
	t_done(hf_copy_in(p, "target", feed, &f, count_free));
	ck_assert_int_eq(atomic_load(&frees), 7);
	t_close(p);
	t_failed(hf_copy_in(p = t_pool(NULL), "nowhere", feed, &f, count_free), HF_E_SQL);
	ck_assert_int_eq(atomic_load(&frees), 8);
	t_close(p);
}
END_TEST

/* --- no memory --- */

static void sweep(hf_pool *p, bool out)
{
	long n, failed = 0;
	bool reached = true;

	for (n = 0; reached; n++) {
		struct feed rows = { .n = 5000 };
		atomic_int seen = 0;
		hf_future *f;
		hf_status st;
		bool ready;

		ck_assert_int_lt(n, 400);
		hf__mem_fail(n, 1);
		f = out ? hf_copy_out(p, "target", count, &seen, NULL)
			: hf_copy_in(p, "target", feed, &rows, NULL);
		ready = f && hf_future_wait_for(f, 5000 * t_slow()) == HF_OK;
		reached = hf__mem_seen() > n;
		hf__mem_fail(0, 0);
		ck_assert_msg(ready, "not ready with allocation %ld failed", n);
		st = hf_future_get(f, NULL);
		ck_assert_msg(st == HF_OK || st == HF_E_NOMEM, "allocation %ld: %s", n,
			hf_error_message(hf_future_error(f)));
		failed += st != HF_OK;
		hf_future_unref(f);
		t_wait_idle(p, 1);
		ck_assert_int_eq(kept(p), st == HF_OK || out ? 5000 : 0);
		if (!out && st == HF_OK && reached)
			t_done(hf_query(p, "delete from target"));
	}
	ck_assert_int_gt(failed, 4);
}

START_TEST(test_no_memory)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	make_target(p);
	t_wait_idle(p, 1);
	sweep(p, false);
	sweep(p, true);
	t_close(p);
}
END_TEST

T_MAIN("copy_errors",
	{ "bulk-J3 a unique violation in row 500,000 stops it", test_unique_violation, 120 },
	{ "bulk-J3 what the server refuses", test_server_refuses, 0 },
	{ "bulk-J3 the text is one statement", test_one_statement, 0 },
	{ "bulk-J3 a server that fails before it reads", test_fails_before_it_reads, 0 },
	{ "bulk-J3 a server that fails in the midst is heard at once", test_told_at_once, 60 },
	{ "bulk-J3 a server that has much to say", test_notices, 0 },
	{ "bulk-J3 a function that fails leaves nothing", test_function_fails, 0 },
	{ "bulk-J3 a failed row, a stopped reader", test_stopped, 0 },
	{ "bulk-J3 handles at the wrong time and place", test_misuse, 0 },
	{ "bulk-J3 without memory", test_no_memory, 60 })
