/* SPDX-License-Identifier: MIT */
/* What a transaction's handle stands for: its pool, its connection, its order, its end. */
#include "fixture.h"

#include <holdfast/txn.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADD "update test_values set val2 = val2 + $1 where id = 1"

static hf_pool *pool_of(int conns)
{
	return t_pool(HF_POOL_OPTS(.min_conns = conns, .max_conns = conns, .strict = true));
}

static void one_row(void)
{
	t_test_values(1);
	free(t_psql("update test_values set val2 = 1000"));
}

static long long value(void)
{
	return t_psql_int("select val2 from test_values where id = 1");
}

static bool lock_is_free(void *arg)
{
	(void)arg;
	return t_psql_int("select count(*) from (select 1 from test_values where id = 1 "
			  "for update skip locked) s") == 1;
}

/* --- D6 ------------------------------------------------------------------------------------------
 */

/* A reference that is dropped gives the lock back long before the idle limit would. */
START_TEST(test_dropped)
{
	hf_pool *p;
	hf_txn *t, *second;
	int64_t dropped;
	int pid;

	one_row();
	p = pool_of(1);
	t = hf_txn_begin(p, HF_TXN_OPTS(.idle_ms = 30000));
	pid = (int)t_int(hf_txn_query(t, "select pg_backend_pid()"));
	t_done(hf_txn_query(t, ADD, 1));
	second = hf_txn_ref(t);
	hf_txn_unref(t);
	ck_assert(!lock_is_free(NULL)); /* somebody still has it */
	t_done(hf_txn_query(second, ADD, 1));
	dropped = hf_now_ns();
	hf_txn_unref(second);
	ck_assert(t_wait_until(lock_is_free, NULL, 5000));
	ck_assert_int_lt(t_ms_since(dropped), 5000 * t_slow());
	ck_assert_int_eq(value(), 1000);
	/* The connection goes on. */
	ck_assert_int_eq(t_int(hf_query(p, "select pg_backend_pid()")), pid);
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

/* --- D7 ------------------------------------------------------------------------------------------
 */

#define IS_B "select (current_setting('application_name') = 'b')::int"

/* The connection of pool B goes back to B, however the transaction ends, and A does not hear of it.
 */
START_TEST(test_own_pool)
{
	hf_pool *a, *b;

	one_row();
	a = pool_of(2);
	b = t_pool(HF_POOL_OPTS(.name = "b", .min_conns = 2, .max_conns = 2, .strict = true));
	for (int end = 0; end < 3; end++) {
		hf_txn *t = hf_txn_begin(b, NULL);

		t_done(hf_txn_query(t, ADD, 1));
		ck_assert_int_eq(t_int(hf_txn_query(t, IS_B)), 1);
		ck_assert_uint_eq(t_stats(a).idle, 2);
		ck_assert_uint_eq(t_stats(b).idle, 1);
		if (end < 2)
			t_done(end == 0 ? hf_txn_commit(t) : hf_txn_rollback(t));
		hf_txn_unref(t);
		t_wait_idle(b, 2);
		t_wait_idle(a, 2);
	}
	ck_assert_uint_eq(t_stats(a).submitted, 0);
	ck_assert_uint_eq(t_stats(a).connects, 2);
	ck_assert_uint_eq(t_stats(b).connects, 2);
	ck_assert_int_eq(value(), 1001);
	t_close(a);
	t_close(b);
}
END_TEST

/* --- D8 ------------------------------------------------------------------------------------------
 */

static hf_status look_away(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)arg;
	(void)reply;
	return HF_OK;
}

/* A first part that uses neither its connection, nor an argument, nor the reply. */
START_TEST(test_indifferent_part)
{
	hf_pool *p;
	hf_txn *t;
	int pid;

	one_row();
	p = pool_of(2);
	t = hf_txn_begin(p, NULL);
	t_done(hf_txn_run(t, HF_JOB(.fn = look_away)));
	ck_assert_uint_eq(t_stats(p).pinned, 1);
	pid = (int)t_int(hf_txn_query(t, "select pg_backend_pid()"));
	t_done(hf_txn_query(t, ADD, 5));
	t_done(hf_txn_run(t, HF_JOB(.fn = look_away)));
	ck_assert_int_eq(t_int(hf_txn_query(t, "select pg_backend_pid()")), pid);
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	ck_assert_int_eq(value(), 1005);
	t_wait_idle(p, 2);
	t_close(p);
}
END_TEST

/* --- D9 ------------------------------------------------------------------------------------------
 */

#define STATEMENTS 1000

struct submitter {
	hf_txn *txn;
	pthread_barrier_t *start;
	int number;
};

static void *submit_many(void *arg)
{
	struct submitter *s = arg;
	hf_future **f = calloc(STATEMENTS, sizeof(hf_future *));

	ck_assert_ptr_nonnull(f);
	pthread_barrier_wait(s->start);
	for (int i = 0; i < STATEMENTS; i++)
		f[i] = hf_txn_query(
			s->txn, "insert into said (who, n) values ($1, $2)", s->number, i);
	for (int i = 0; i < STATEMENTS; i++)
		t_done(f[i]);
	free(f);
	return NULL;
}

/* Two threads submit 1,000 statements each on one handle: all run, one at a time, those of a thread
 * in its order, and those of both in between each other. */
START_TEST(test_two_threads)
{
	hf_pool *p;
	struct submitter s[2];
	pthread_t threads[2];
	pthread_barrier_t start;
	hf_txn *t;

	free(t_psql("set client_min_messages to warning; drop table if exists said;"
		    "create table said (at serial, who int, n int)"));
	p = pool_of(2);
	t = hf_txn_begin(p, NULL);
	pthread_barrier_init(&start, NULL, 2);
	for (int i = 0; i < 2; i++) {
		s[i] = (struct submitter){ t, &start, i };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, submit_many, &s[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	ck_assert_int_eq(t_psql_int("select count(*) from said"), 2 * STATEMENTS);
	ck_assert_int_eq(t_psql_int("select count(*) from (select n, row_number() over "
				    "(partition by who order by at) - 1 as place from said) s "
				    "where n <> place"),
		0);
	ck_assert_int_eq(t_psql_int("select count(distinct xmin::text) from said"), 1);
	ck_assert_uint_eq(t_stats(p).discards, 0);
	t_wait_idle(p, 2);
	t_close(p);
}
END_TEST

/* --- D10 -----------------------------------------------------------------------------------------
 */

static atomic_int ran, freed;

static hf_status must_not_run(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)arg;
	(void)reply;
	atomic_fetch_add(&ran, 1);
	return HF_OK;
}

static void count_freed(void *arg)
{
	(void)arg;
	atomic_fetch_add(&freed, 1);
}

static void must_say(hf_future *f, const char *what)
{
	const hf_error *e = t_fails(f, HF_E_TXN_ENDED);

	if (!strstr(hf_error_message(e), what))
		ck_abort_msg("\"%s\" is not in \"%s\"", what, hf_error_message(e));
	hf_future_unref(f);
}

static void all_must_say(hf_txn *t, const char *what)
{
	hf_token token;
	hf_error *why = NULL;

	atomic_store(&freed, 0);
	must_say(hf_txn_commit(t), what);
	must_say(hf_txn_run(t, HF_JOB(.fn = must_not_run, .free_arg = count_freed)), what);
	must_say(hf_txn_query(t, ADD, 1), what);
	must_say(hf_txn_savepoint(t, "s"), what);
	must_say(hf_txn_release(t, "s"), what);
	must_say(hf_txn_rollback_to(t, "s"), what);
	must_say(hf_txn_commit_chain(t), what);
	must_say(hf_txn_rollback(t), what);
	ck_assert_int_eq(hf_txn_park(&t, 0, &token, &why), HF_E_TXN_ENDED);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), what));
	ck_assert_ptr_nonnull(t);
	hf_error_unref(why);
	ck_assert_int_eq(atomic_load(&ran), 0);
	ck_assert_int_eq(atomic_load(&freed), 1);
}

/* Whatever is asked of a handle that has ended says what became of it, and does nothing. */
START_TEST(test_after_the_end)
{
	hf_pool *p;

	one_row();
	p = pool_of(1);
	for (int commit = 0; commit < 2; commit++) {
		hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.label = "over"));
		const char *what = commit ? "was committed" : "was rolled back";

		t_done(hf_txn_query(t, ADD, 1));
		t_done(commit ? hf_txn_commit(t) : hf_txn_rollback(t));
		ck_assert_int_eq(
			hf_txn_get_state(t), commit ? HF_TXN_COMMITTED : HF_TXN_ROLLED_BACK);
		all_must_say(t, what);
		all_must_say(t, "\"over\"");
		ck_assert_int_eq(
			hf_txn_get_state(t), commit ? HF_TXN_COMMITTED : HF_TXN_ROLLED_BACK);
		hf_txn_unref(t);
		ck_assert_int_eq(value(), 1000 + commit);
	}
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

/* What is queued behind the end is refused as well, without having been sent. */
START_TEST(test_behind_the_end)
{
	hf_pool *p;
	hf_future *first, *end, *late[3];
	hf_txn *t;

	one_row();
	p = pool_of(1);
	t = hf_txn_begin(p, NULL);
	first = hf_txn_query(t, ADD, 1);
	end = hf_txn_commit(t);
	late[0] = hf_txn_query(t, ADD, 10);
	late[1] = hf_txn_run(t, HF_JOB(.fn = must_not_run));
	late[2] = hf_txn_commit(t);
	t_done(first);
	t_done(end);
	for (int i = 0; i < 3; i++)
		must_say(late[i], "was committed");
	hf_txn_unref(t);
	ck_assert_int_eq(value(), 1001);
	ck_assert_int_eq(atomic_load(&ran), 0);
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

/* The only connection is somebody else's for as long as this one lives. */
START_TEST(test_rolled_back_in_the_queue)
{
	hf_pool *p = pool_of(1);
	hf_txn *holder = hf_txn_begin(p, NULL), *t;
	hf_future *f;

	t_done(hf_txn_query(holder, "select 1"));
	t = hf_txn_begin(p, HF_TXN_OPTS(.label = "never", .acquire_ms = HF_FOREVER));
	ck_assert_uint_eq(t_stats(p).queued, 1);
	f = hf_txn_query(t, "select 1");
	ck_assert_int_eq(hf_future_cancel(f), HF_OK);
	hf_future_unref(f);
	t_done(hf_txn_rollback(t));
	ck_assert_uint_eq(t_stats(p).queued, 0);
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_ROLLED_BACK);
	ck_assert_ptr_null(hf_txn_error(t));
	all_must_say(t, "\"never\"");
	hf_txn_unref(t);

	/* What somebody still waits for is run first. */
	t = hf_txn_begin(p, NULL);
	f = hf_txn_query(t, "select 7");
	hf_future_unref(hf_txn_rollback(t));
	ck_assert_uint_eq(t_stats(p).queued, 1);
	t_done(hf_txn_commit(holder));
	ck_assert_int_eq(t_int(f), 7);
	hf_txn_unref(t);
	hf_txn_unref(holder);
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

/* The connection comes at the same moment. */
START_TEST(test_rolled_back_as_it_begins)
{
	hf_pool *p = pool_of(2);

	for (int i = 0; i < 500; i++) {
		hf_future *f[2] = { hf_query(p, "select 1"), hf_query(p, "select 2") };
		hf_txn *t = hf_txn_begin(p, NULL);

		if (i % 2)
			t_done(f[0]);
		t_done(hf_txn_rollback(t));
		hf_txn_unref(t);
		if (i % 2 == 0)
			t_done(f[0]);
		t_done(f[1]);
	}
	t_wait_idle(p, 2);
	ck_assert_uint_eq(t_stats(p).pinned, 0);
	ck_assert_uint_eq(t_stats(p).failed, 0);
	t_close(p);
}
END_TEST

T_MAIN("txn_handle", { "D6 a dropped handle gives the lock back at once", test_dropped, 0 },
	{ "D7 a connection returns to its own pool", test_own_pool, 0 },
	{ "D8 a first part that ignores its connection", test_indifferent_part, 0 },
	{ "D9 two threads submit 1,000 statements each on one handle", test_two_threads, 0 },
	{ "D10 after its end a handle says what became of it", test_after_the_end, 0 },
	{ "D10 what is queued behind the end is refused", test_behind_the_end, 0 },
	{ "a rollback of what has not begun waits for no connection", test_rolled_back_in_the_queue,
		0 },
	{ "a rollback while the connection comes", test_rolled_back_as_it_begins, 0 })
