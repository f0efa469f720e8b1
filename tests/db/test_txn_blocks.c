/* SPDX-License-Identifier: MIT */
/* Transactions as units: all of it or nothing, several at once, failed until rolled back. */
#include "fixture.h"

#include <holdfast/txn.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hf_pool *pool_of(int conns)
{
	return t_pool(HF_POOL_OPTS(.min_conns = conns, .max_conns = conns, .strict = true));
}

static void make_table(void)
{
	free(t_psql("set client_min_messages to warning; drop table if exists testmodel;"
		    "create table testmodel (id serial primary key, name text unique)"));
}

static long long stored(const char *name)
{
	char sql[120];

	snprintf(sql, sizeof sql, "select count(*) from testmodel where name like '%s'", name);
	return t_psql_int(sql);
}

/* --- D20 -----------------------------------------------------------------------------------------
 */

struct unit {
	hf_pool *pool;
	pthread_barrier_t *together;
	const char *name;
	bool fails; /* its nested block */
	int pid;
};

static hf_status insert_nested(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct unit *u = arg;
	char name[40];
	hf_status st;

	(void)reply;
	snprintf(name, sizeof name, "%s nested", u->name);
	st = hf_conn_query(c, NULL, "insert into testmodel (name) values ($1)", name);
	if (st == HF_OK && u->fails)
		st = hf_conn_query(c, NULL, "insert into testmodel (name) values ($1)", name);
	return st;
}

/* One level by a job of its own, the next by hand. */
static void nest(hf_txn *t, struct unit *u)
{
	hf_future *f;

	t_done(hf_txn_savepoint(t, "block"));
	f = hf_txn_run(t, HF_JOB(.fn = insert_nested, .arg = u));
	if (!u->fails) {
		t_done(f);
		t_done(hf_txn_release(t, "block"));
		return;
	}
	ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "23505");
	hf_future_unref(f);
	t_done(hf_txn_rollback_to(t, "block"));
}

static void *run_unit(void *arg)
{
	struct unit *u = arg;
	hf_txn *t = hf_txn_begin(u->pool, NULL);

	u->pid = (int)t_int(hf_txn_query(t, "select pg_backend_pid()"));
	t_done(hf_txn_query(t, "insert into testmodel (name) values ($1)", u->name));
	pthread_barrier_wait(u->together); /* all three are open here */
	nest(t, u);
	/* None sees what the others have not committed. */
	ck_assert_int_eq(
		t_int(hf_txn_query(t, "select count(*) from testmodel")), u->fails ? 1 : 2);
	pthread_barrier_wait(u->together);
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	return NULL;
}

/* The twin of peewee-async's test of that name: two with a nested block that succeeds, one whose
 * nested block fails. */
START_TEST(test_several_transactions)
{
	static const char *const names[] = { "FOO", "BAR", "BAZ" };
	hf_pool *p;
	pthread_barrier_t together;
	pthread_t threads[3];
	struct unit u[3];

	make_table();
	p = pool_of(4);
	pthread_barrier_init(&together, NULL, 3);
	for (int i = 0; i < 3; i++) {
		u[i] = (struct unit){ p, &together, names[i], i == 2, 0 };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run_unit, &u[i]), 0);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&together);
	ck_assert_int_ne(u[0].pid, u[1].pid);
	ck_assert_int_ne(u[0].pid, u[2].pid);
	ck_assert_int_ne(u[1].pid, u[2].pid);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(stored(names[i]), 1);
	ck_assert_int_eq(stored("%nested"), 2);
	ck_assert_int_eq(stored("BAZ nested"), 0);
	t_wait_idle(p, 4);
	t_close(p);
}
END_TEST

/* --- D24 -----------------------------------------------------------------------------------------
 */

#define ID "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"

struct task {
	char id[40], subject[20], type[10];
	bool fails;
};

static hf_status create_task(hf_conn *c, void *arg, hf_reply *reply)
{
	struct task *k = arg;
	const hf_result *res;
	hf_status st = hf_conn_query(c, &res,
		"insert into tasks (id, subject, type) values ($1, $2, $3) returning id", ID,
		k->subject, k->type);

	if (st != HF_OK)
		return st;
	snprintf(k->id, sizeof k->id, "%s", hf_row_text(hf_result_row(res, 0), 0));
	st = hf_conn_query(c, NULL, "insert into history (task, what) values ($1, 'created')", ID);
	if (st == HF_OK && k->fails)
		return hf_fail(reply, "changed my mind");
	return st;
}

/* The twin of pulsar-odm's test of that name: a task with a UUID and an enum is created in a unit,
 * and readable when the unit is over; one that fails leaves nothing. */
START_TEST(test_create_task)
{
	struct task k = { .subject = "my task", .type = "work", .fails = true };
	const hf_result *res;
	hf_pool *p;
	hf_future *f;

	free(t_psql("set client_min_messages to warning; drop table if exists history, tasks;"
		    "drop type if exists task_type; create type task_type as enum ('work', 'play');"
		    "create table tasks (id uuid primary key, subject text, type task_type);"
		    "create table history (task uuid references tasks, what text)"));
	p = pool_of(1);
	t_failed(hf_run(p, create_task, &k, NULL), HF_E_USER);
	t_wait_idle(p, 1);
	ck_assert_int_eq(t_psql_int("select count(*) from tasks"), 0);
	ck_assert_int_eq(t_psql_int("select count(*) from history"), 0);
	k.fails = false;
	t_done(hf_run(p, create_task, &k, NULL));
	ck_assert_str_eq(k.id, ID);
	ck_assert_uint_eq(t_stats(p).idle, 1);
	/* It has committed, and once. */
	ck_assert_int_eq(t_psql_int("select count(distinct x) from (select xmin::text as x from "
				    "tasks union all select xmin::text from history) s"),
		1);
	f = hf_query(p, "select id, subject, type from tasks where id = $1", k.id);
	res = t_ok(f);
	ck_assert_uint_eq(hf_result_rows(res), 1);
	ck_assert_str_eq(hf_row_text(hf_result_row(res, 0), 0), k.id);
	ck_assert_str_eq(hf_row_text(hf_result_row(res, 0), 1), k.subject);
	ck_assert_str_eq(hf_row_text(hf_result_row(res, 0), 2), k.type);
	hf_future_unref(f);
	ck_assert_int_eq(t_psql_int("select count(*) from pg_stat_activity where state like "
				    "'idle in transaction%'"),
		0);
	t_close(p);
}
END_TEST

/* --- D32 -----------------------------------------------------------------------------------------
 */

static hf_status insert_unlucky(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return hf_conn_query(c, NULL, "insert into testmodel (name) values ('unlucky')");
}

/* Fails with the duplicate key that was the first error, and not with 25P02. */
static void must_repeat(hf_future *f)
{
	const hf_error *e = t_fails(f, HF_E_SQL);

	ck_assert_str_eq(hf_error_sqlstate(e), "23505");
	hf_future_unref(f);
}

/* The twin of zope.sqlalchemy's test of that name: a failed transaction answers every call with
 * what failed it, until it is rolled back. */
START_TEST(testFailedJoin)
{
	hf_pool *p;
	hf_txn *t;
	hf_token token;
	hf_error *why = NULL;

	make_table();
	p = pool_of(1);
	t = hf_txn_begin(p, NULL);
	t_done(hf_txn_query(t, "insert into testmodel (name) values ('one')"));
	must_repeat(hf_txn_query(t, "insert into testmodel (name) values ('one')"));
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_FAILED);
		must_repeat(hf_txn_query(t, "select 1"));
		must_repeat(hf_txn_query_with(t, HF_QUERY_OPTS(.label = "x"), "select 1"));
		must_repeat(hf_txn_run(t, HF_JOB(.fn = insert_unlucky)));
		must_repeat(hf_txn_savepoint(t, "s"));
		must_repeat(hf_txn_release(t, "s"));
		ck_assert_int_eq(hf_txn_park(&t, 0, &token, &why), HF_E_TXN_ENDED);
		ck_assert_ptr_nonnull(strstr(hf_error_message(why), "duplicate key"));
		why = hf_error_unref(why);
	}
	ck_assert_str_eq(hf_error_sqlstate(hf_txn_error(t)), "23505");
	t_done(hf_txn_rollback_chain(t));
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_OPEN);
	t_done(hf_txn_query(t, "insert into testmodel (name) values ('two')"));
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	ck_assert_int_eq(stored("one") + stored("unlucky"), 0);
	ck_assert_int_eq(stored("two"), 1);
	t_wait_idle(p, 1);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

T_MAIN("txn_blocks",
	{ "D20 three parallel transactions with nested blocks", test_several_transactions, 0 },
	{ "D24 a unit commits once, or leaves nothing", test_create_task, 0 },
	{ "D32 a failed transaction stays failed until it is rolled back", testFailedJoin, 0 })
