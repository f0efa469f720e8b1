/* SPDX-License-Identifier: MIT */
/* Transactions as objects: parts from anywhere on one connection, row locks between them, and their
 * ends. */
#include "fixture.h"

#include <holdfast/txn.h>

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 20000
#define KEY  20000

static long long value_of_row(void)
{
	return t_psql_int("select val2 from test_values where id = 20000");
}

static hf_pool *setup(int conns)
{
	t_test_values(ROWS);
	free(t_psql("update test_values set val2 = 1000 where id = 20000"));
	return t_pool(HF_POOL_OPTS(.min_conns = conns, .max_conns = conns));
}

/* --- a competitor --------------------------------------------------------------------------------
 */

/* A session of its own that adds 100 to the row, and waits for the lock as long as it must. */
struct competitor {
	pthread_t thread;
	const char *settings;
	int pid;
	int64_t began, ended;
	atomic_bool started, done;
	bool ok;
	char sqlstate[6];
};

static void *compete(void *arg)
{
	struct competitor *k = arg;
	PGconn *conn = PQconnectdb(t_dsn());
	PGresult *res = PQexec(conn, k->settings);

	PQclear(res);
	k->pid = PQbackendPID(conn);
	k->began = hf_now_ns();
	atomic_store(&k->started, true);
	res = PQexec(conn, "UPDATE test_values SET val2=val2+100 WHERE id=20000");
	k->ended = hf_now_ns();
	k->ok = PQresultStatus(res) == PGRES_COMMAND_OK;
	if (!k->ok)
		snprintf(k->sqlstate, sizeof k->sqlstate, "%s",
			PQresultErrorField(res, PG_DIAG_SQLSTATE));
	PQclear(res);
	PQfinish(conn);
	atomic_store(&k->done, true);
	return NULL;
}

static bool waits_for_lock(void *arg)
{
	const struct competitor *k = arg;
	char sql[200];

	if (!atomic_load(&k->started))
		return false;
	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity a join pg_locks l using (pid) "
		"where pid = %d and wait_event_type = 'Lock' and not granted",
		k->pid);
	return t_psql_int(sql) > 0;
}

static void start(struct competitor *k, const char *settings)
{
	memset(k, 0, sizeof *k);
	k->settings = settings;
	ck_assert_int_eq(pthread_create(&k->thread, NULL, compete, k), 0);
}

/* --- what gDBPool's users do ---------------------------------------------------------------------
 */

struct update {
	int pk, val2;
};

static hf_status update_val2(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct update *u = arg;
	const hf_result *res;
	hf_status st = hf_conn_query(
		c, &res, "UPDATE test_values SET val2 = $1 WHERE id = $2", u->val2, u->pk);

	if (st == HF_OK && hf_result_affected(res) != 1)
		return hf_fail(reply, "row %d is gone", u->pk);
	return st;
}

static hf_future *lock_row(hf_txn *t)
{
	return hf_txn_query(t, "SELECT id, val1, val2 FROM test_values WHERE id=20000 FOR UPDATE");
}

/* The twin of gDBPool's test_partial_run, whose second session was a person at psql: part 1 locks
 * the row, a competitor waits for 5 s, part 2 updates with its arguments and commits, and the
 * competitor's addition comes on top. */
START_TEST(test_partial_run)
{
	hf_pool *p = setup(1);
	struct competitor k;
	struct update u = { KEY, 0 };
	int64_t until;
	hf_future *f;
	hf_txn *t = hf_txn_begin(p, NULL);
	const hf_result *res;

	f = lock_row(t);
	res = t_ok(f);
	ck_assert_uint_eq(hf_result_rows(res), 1);
	u.val2 = (int)hf_row_int8(hf_result_row(res, 0), 2, -1) + 100;
	ck_assert_int_eq(u.val2, 1100);
	hf_future_unref(f);
	ck_assert_uint_eq(t_stats(p).pinned, 1);
	start(&k, "select 1");
	ck_assert(t_wait_until(waits_for_lock, &k, 10000));
	/* Held for 5 s, however often one looks. */
	for (until = k.began + 5100000000; hf_now_ns() < until; t_sleep_ms(100))
		ck_assert(!atomic_load(&k.done));
	ck_assert(waits_for_lock(&k));
	t_done(hf_txn_run(t, HF_JOB(.fn = update_val2, .arg = &u)));
	ck_assert(!atomic_load(&k.done));
	t_done(hf_txn_commit(t));
	ck_assert_uint_eq(t_stats(p).pinned, 0);
	pthread_join(k.thread, NULL);
	ck_assert(k.ok);
	ck_assert_int_ge((k.ended - k.began) / 1000000, 5000);
	ck_assert_int_eq(value_of_row(), 1200);
	hf_txn_unref(t);
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

START_TEST(test_lock_timeout)
{
	hf_pool *p = setup(1);
	struct competitor k;
	hf_txn *t = hf_txn_begin(p, NULL);

	t_done(lock_row(t));
	start(&k, "set lock_timeout = '200ms'");
	pthread_join(k.thread, NULL);
	ck_assert(!k.ok);
	ck_assert_str_eq(k.sqlstate, "55P03");
	t_done(hf_txn_query(t, "update test_values set val2 = val2 + 1 where id = $1", KEY));
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	ck_assert_int_eq(value_of_row(), 1001);
	t_close(p);
}
END_TEST

/* --- parts from anywhere -------------------------------------------------------------------------
 */

struct part {
	hf_txn *txn;
	int number, pid;
};

static hf_status note_pid(hf_conn *c, void *arg, hf_reply *reply)
{
	struct part *p = arg;

	(void)reply;
	p->pid = hf_conn_backend_pid(c);
	return hf_conn_query(
		c, NULL, "update test_values set val2 = val2 * 2 + $1 where id = 20000", p->number);
}

static void *submit_part(void *arg)
{
	struct part *p = arg;

	t_done(hf_txn_run(p->txn, HF_JOB(.fn = note_pid, .arg = p)));
	hf_txn_unref(p->txn);
	return NULL;
}

/* 5 threads, one after the other: 5 parts on one backend, though there are 4 to choose from. */
START_TEST(test_five_threads)
{
	hf_pool *p = setup(4);
	struct part parts[5];
	pthread_t threads[5];
	long long expected = 1000;
	hf_txn *t = hf_txn_begin(p, NULL);
	int pid = (int)t_int(hf_txn_query(t, "select pg_backend_pid()"));

	for (int i = 0; i < 5; i++) {
		parts[i] = (struct part){ hf_txn_ref(t), i, 0 };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, submit_part, &parts[i]), 0);
		pthread_join(threads[i], NULL);
		/* Others work meanwhile, elsewhere. */
		ck_assert_int_ne(t_int(hf_query(p, "select pg_backend_pid()")), pid);
		expected = expected * 2 + i;
	}
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(parts[i].pid, pid);
	ck_assert_int_eq(value_of_row(), 1000);
	t_done(hf_txn_commit(t));
	ck_assert_int_eq(value_of_row(), expected);
	hf_txn_unref(t);
	t_wait_idle(p, 4);
	t_close(p);
}
END_TEST

static atomic_int inside, most_inside;

static hf_status alone(hf_conn *c, void *arg, hf_reply *reply)
{
	struct part *p = arg;
	int n = atomic_fetch_add(&inside, 1) + 1;
	hf_status st;

	if (n > atomic_load(&most_inside))
		atomic_store(&most_inside, n);
	st = note_pid(c, p, reply);
	atomic_fetch_sub(&inside, 1);
	return st;
}

static void *submit_alone(void *arg)
{
	struct part *p = arg;

	for (int i = 0; i < 20; i++)
		t_done(hf_txn_run(p->txn, HF_JOB(.fn = alone, .arg = p)));
	hf_txn_unref(p->txn);
	return NULL;
}

/* All 5 threads at once: one part at a time. */
START_TEST(test_serialised)
{
	hf_pool *p = setup(4);
	struct part parts[5];
	pthread_t threads[5];
	hf_txn *t = hf_txn_begin(p, NULL);

	t_done(hf_txn_query(t, "update test_values set val2 = 0 where id = 20000"));
	for (int i = 0; i < 5; i++) {
		parts[i] = (struct part){ hf_txn_ref(t), 0, 0 };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, submit_alone, &parts[i]), 0);
	}
	for (int i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(atomic_load(&most_inside), 1);
	for (int i = 1; i < 5; i++)
		ck_assert_int_eq(parts[i].pid, parts[0].pid);
	t_done(hf_txn_commit(t));
	ck_assert_int_eq(value_of_row(), 0);
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

/* What was submitted runs in that order, without waiting in between. */
START_TEST(test_order)
{
	hf_pool *p = setup(2);
	hf_future *f[100], *end;
	hf_txn *t = hf_txn_begin(p, NULL);

	for (int i = 0; i < 100; i++)
		f[i] = hf_txn_query(t,
			"update test_values set val2 = case when val2 = 1000 + $1 then val2 + 1 "
			"end "
			"where id = 20000 returning val2",
			i);
	end = hf_txn_commit(t);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(t_int(f[i]), 1001 + i);
	t_done(end);
	ck_assert_int_eq(value_of_row(), 1100);
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

/* --- ends ----------------------------------------------------------------------------------------
 */

static bool lock_is_free(void *arg)
{
	(void)arg;
	return t_psql_int("select count(*) from (select 1 from test_values where id = 20000 "
			  "for update skip locked) s") == 1;
}

START_TEST(test_finish)
{
	hf_pool *p = setup(1);
	struct update u = { KEY, 0 };

	for (int commit = 0; commit < 2; commit++) {
		hf_txn *t = hf_txn_begin(p, NULL);
		hf_future *end, *after;
		const hf_error *e;

		u.val2 = 7000 + commit;
		t_done(lock_row(t));
		ck_assert(!lock_is_free(NULL));
		t_done(hf_txn_run(t, HF_JOB(.fn = update_val2, .arg = &u)));
		ck_assert_int_eq(value_of_row(), 1000);
		end = commit ? hf_txn_commit(t) : hf_txn_rollback(t);
		t_done(end);
		ck_assert(lock_is_free(NULL));
		ck_assert_int_eq(value_of_row(), commit ? 7001 : 1000);
		ck_assert_uint_eq(t_stats(p).idle, 1);
		/* It has ended, and says how. */
		after = lock_row(t);
		e = t_fails(after, HF_E_TXN_ENDED);
		ck_assert_ptr_nonnull(
			strstr(hf_error_message(e), commit ? "committed" : "rolled back"));
		hf_future_unref(after);
		t_failed(hf_txn_commit(t), HF_E_TXN_ENDED);
		t_failed(hf_txn_rollback(t), HF_E_TXN_ENDED);
		ck_assert_ptr_null(hf_txn_error(t));
		hf_txn_unref(t);
	}
	t_close(p);
}
END_TEST

/* A transaction without a statement commits, too, and takes nothing with it. */
START_TEST(test_empty)
{
	hf_pool *p = setup(1);

	for (int commit = 0; commit < 2; commit++) {
		hf_txn *t = hf_txn_begin(p, NULL);

		t_done(commit ? hf_txn_commit(t) : hf_txn_rollback(t));
		hf_txn_unref(t);
	}
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

START_TEST(test_error_in_part)
{
	hf_pool *p = setup(1);
	hf_txn *t = hf_txn_begin(p, NULL);
	struct update u = { KEY, 5 };
	hf_future *f;
	const hf_error *e;

	t_done(lock_row(t));
	f = hf_txn_query(t, "UPDAET test_values SET val2 = 1");
	ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "42601");
	hf_future_unref(f);
	/* What follows fails with the first error; the handle and the lock stay. */
	for (int i = 0; i < 3; i++) {
		f = i == 0   ? hf_txn_query(t, "select 1")
		    : i == 1 ? hf_txn_run(t, HF_JOB(.fn = update_val2, .arg = &u))
			     : hf_txn_savepoint(t, "s");
		e = t_fails(f, HF_E_SQL);
		ck_assert_str_eq(hf_error_sqlstate(e), "42601");
		ck_assert_ptr_nonnull(strstr(hf_error_message(e), "UPDAET"));
		hf_future_unref(f);
	}
	ck_assert_str_eq(hf_error_sqlstate(hf_txn_error(t)), "42601");
	ck_assert_uint_eq(t_stats(p).pinned, 1);
	t_done(hf_txn_rollback(t));
	ck_assert(lock_is_free(NULL));
	ck_assert_int_eq(value_of_row(), 1000);
	hf_txn_unref(t);
	t_wait_idle(p, 1);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

static hf_status just_fail(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)arg;
	return hf_fail(reply, "the customer left");
}

START_TEST(test_commit_after_error)
{
	hf_pool *p = setup(1);

	for (int i = 0; i < 2; i++) {
		hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.label = "doomed"));
		hf_future *f;

		t_done(hf_txn_query(t, "update test_values set val2 = 1 where id = 20000"));
		if (i == 0)
			t_failed(hf_txn_query(t, "select 1 / 0"), HF_E_SQL);
		else
			t_failed(hf_txn_run(t, HF_JOB(.fn = just_fail)), HF_E_USER);
		f = hf_txn_commit(t);
		ck_assert_ptr_nonnull(strstr(hf_error_message(t_fails(f, HF_E_TXN_ENDED)),
			i == 0 ? "division by zero" : "the customer left"));
		ck_assert_ptr_nonnull(strstr(hf_error_message(hf_future_error(f)), "doomed"));
		hf_future_unref(f);
		ck_assert(lock_is_free(NULL));
		ck_assert_int_eq(value_of_row(), 1000);
		hf_txn_unref(t);
	}
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

START_TEST(test_savepoint)
{
	hf_pool *p = setup(1);
	hf_txn *t = hf_txn_begin(p, NULL);

	t_done(hf_txn_query(t, "update test_values set val2 = val2 + 1 where id = 20000"));
	t_done(hf_txn_savepoint(t, "Before \"it\""));
	t_done(hf_txn_query(t, "update test_values set val2 = val2 + 10 where id = 20000"));
	t_failed(hf_txn_query(t, "select 1 / 0"), HF_E_SQL);
	t_failed(hf_txn_query(t, "select 1"), HF_E_SQL);
	t_done(hf_txn_rollback_to(t, "Before \"it\""));
	t_done(hf_txn_query(t, "update test_values set val2 = val2 + 100 where id = 20000"));
	t_done(hf_txn_commit(t));
	ck_assert_int_eq(value_of_row(), 1101);
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

/* Letting go of it is a rollback, in each of its states. */
START_TEST(test_let_go)
{
	hf_pool *p = setup(1);

	for (int state = 0; state < 4; state++) {
		hf_txn *t = hf_txn_begin(p, NULL);
		hf_future *f = NULL;

		if (state > 0)
			t_done(hf_txn_query(t, "update test_values set val2 = 1 where id = 20000"));
		if (state == 2)
			t_failed(hf_txn_query(t, "select 1 / 0"), HF_E_SQL);
		if (state == 3)
			f = hf_txn_query(t, "update test_values set val2 = 2 where id = 20000");
		ck_assert_ptr_null(hf_txn_unref(t));
		if (f)
			t_done(f); /* what was submitted still runs */
		ck_assert(t_wait_until(lock_is_free, NULL, 5000));
		t_wait_idle(p, 1);
		ck_assert_int_eq(value_of_row(), 1000);
	}
	t_close(p);
}
END_TEST

T_MAIN("txn", { "D1 D2 a row stays locked between two parts", test_partial_run, 60 },
	{ "D2 a competitor with a lock_timeout gets 55P03", test_lock_timeout, 0 },
	{ "D3 5 parts from 5 threads on one backend", test_five_threads, 0 },
	{ "D3 parts submitted at once run one at a time", test_serialised, 0 },
	{ "D1 D3 parts run in the order of submission", test_order, 0 },
	{ "D4 commit stores, rollback restores, both free the lock", test_finish, 0 },
	{ "D4 a transaction without a statement ends well", test_empty, 0 },
	{ "D5 a syntax error leaves a failed handle", test_error_in_part, 0 },
	{ "D5 committing a failed transaction rolls it back", test_commit_after_error, 0 },
	{ "D5 a savepoint revives a failed transaction", test_savepoint, 0 },
	{ "D4 letting go of a transaction rolls it back", test_let_go, 0 })
