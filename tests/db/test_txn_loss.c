/* SPDX-License-Identifier: MIT */
/* A connection that is lost inside a transaction: nothing goes on elsewhere, and nothing stays
 * behind. */
#include "fixture.h"
#include "proxy.h"

#include <holdfast/txn.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSERT "insert into marks (n) values ($1)"

static void make_table(void)
{
	free(t_psql("set client_min_messages to warning; drop table if exists marks;"
		    "create table marks (n int unique)"));
}

static long long marks(void)
{
	return t_psql_int("select count(*) from marks");
}

/* --- D17 -----------------------------------------------------------------------------------------
 */

/* What an interaction or a transaction does: its work fails with a duplicate, or not. */
struct work {
	bool fails;
};

static hf_status insert(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct work *w = arg;
	hf_status st = hf_conn_query(c, NULL, INSERT, 1);

	(void)reply;
	if (st == HF_OK && w->fails)
		st = hf_conn_query(c, NULL, INSERT, 1);
	return st;
}

/* The error of the first thing that went wrong, or NULL; yours. */
static hf_error *by_interaction(hf_pool *p, struct work *w)
{
	hf_future *f = hf_run(p, insert, w, NULL);
	hf_error *e;

	ck_assert_int_ne(hf_future_get_for(f, 10000 * t_slow(), NULL), HF_PENDING);
	e = hf_error_ref(hf_future_error(f));
	hf_future_unref(f);
	return e;
}

static void keep_first(hf_error **first, hf_future *f)
{
	ck_assert_int_ne(hf_future_get_for(f, 10000 * t_slow(), NULL), HF_PENDING);
	if (!*first)
		*first = hf_error_ref(hf_future_error(f));
	hf_future_unref(f);
}

static hf_error *by_handle(hf_pool *p, struct work *w)
{
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_error *first = NULL;

	keep_first(&first, hf_txn_query(t, INSERT, 1));
	if (w->fails) {
		keep_first(&first, hf_txn_query(t, INSERT, 1));
		t_done(hf_txn_rollback(t)); /* lost or not: it is what was asked for */
	} else {
		keep_first(&first, hf_txn_commit(t));
	}
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_ROLLED_BACK);
	t_failed(hf_txn_query(t, INSERT, 2), HF_E_TXN_ENDED);
	hf_txn_unref(t);
	return first;
}

static void must_be_clean(hf_pool *p, unsigned discards)
{
	hf_pool_stats s;

	t_wait_idle(p, 1);
	s = t_stats(p);
	ck_assert_uint_eq(s.pinned, 0);
	ck_assert_uint_eq(s.discards, discards);
	ck_assert_int_eq(marks(), 0);
	ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
}

/* The link breaks where `command` would go out, both ways: the error is told, nothing is stored,
 * the connection is replaced, and the pool is whole. */
static void lose_at(const char *command, bool fails, const char *sqlstate)
{
	hf_pool *p;

	make_table();
	p = t_pool_on(t_proxy_dsn(), HF_POOL_OPTS(.max_conns = 1, .strict = true));
	for (int way = 0; way < 2; way++) {
		struct work w = { fails };
		hf_error *e;

		t_proxy_arm(T_CUT_REQUEST, command, 0);
		e = way == 0 ? by_interaction(p, &w) : by_handle(p, &w);
		t_proxy_await();
		ck_assert_ptr_nonnull(e);
		ck_assert_str_eq(hf_error_sqlstate(e), sqlstate);
		ck_assert(*sqlstate || hf_error_is(e, HF_CONNECTION));
		ck_assert(!hf_error_is(e, HF_MAYBE_COMMITTED));
		ck_assert(*sqlstate || hf_error_is(e, HF_RETRYABLE));
		hf_error_unref(e);
		must_be_clean(p, (unsigned)way + 1);
	}
	t_close(p);
}

/* The twins of peewee-async's tests of those names; "2 methods" are an interaction and a handle. */
START_TEST(test_transaction_error_on_begin)
{
	lose_at("BEGIN", false, "");
}
END_TEST

START_TEST(test_transaction_error_on_commit)
{
	lose_at("COMMIT", false, "");
}
END_TEST

/* "After a constraint violation": which is what the caller is told, whatever came after it. */
START_TEST(test_transaction_error_on_rollback)
{
	lose_at("ROLLBACK", true, "23505");
}
END_TEST

/* The server says no to COMMIT: the session is known to be clean, and stays. */
START_TEST(test_refused_commit)
{
	hf_pool *p;

	free(t_psql("set client_min_messages to warning; drop table if exists marks;"
		    "create table marks (n int unique deferrable initially deferred)"));
	p = t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));
	for (int way = 0; way < 2; way++) {
		struct work w = { true };
		hf_txn *t = NULL;
		hf_future *f;

		if (way == 0) {
			f = hf_run(p, insert, &w, NULL);
		} else {
			t = hf_txn_begin(p, NULL);
			t_done(hf_txn_run(t, HF_JOB(.fn = insert, .arg = &w)));
			f = hf_txn_commit(t);
		}
		ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "23505");
		hf_future_unref(f);
		hf_txn_unref(t);
		must_be_clean(p, 0);
	}
	t_close(p);
}
END_TEST

/* --- D18 -----------------------------------------------------------------------------------------
 */

static void kill_backend(int pid)
{
	char sql[100];

	snprintf(sql, sizeof sql, "select pg_terminate_backend(%d, 10000)::int", pid);
	ck_assert_int_eq(t_psql_int(sql), 1);
}

enum breaking { NOT, KILLED, REOPENED, WAYS };

static void break_it(hf_pool *p, enum breaking how, int pid)
{
	switch (how) {
	case KILLED:
		kill_backend(pid);
		break;
	case REOPENED:
		ck_assert_int_eq(hf_pool_terminate(p), HF_OK);
		ck_assert_int_eq(hf_pool_reopen(p, NULL), HF_OK);
		break;
	case NOT:
	case WAYS:
		break;
	}
}

static hf_status outcome(hf_future *f)
{
	hf_status st = hf_future_get_for(f, 10000 * t_slow(), NULL);

	ck_assert_int_ne(st, HF_PENDING);
	hf_future_unref(f);
	return st;
}

/* The twin of peewee-async's test of that name (its spelling): 0 rows or 2, never 1. */
START_TEST(test_acid_when_connetion_has_been_broken)
{
	for (enum breaking how = NOT; how < WAYS; how++) {
		hf_pool *p;
		hf_txn *t;
		int pid;

		make_table();
		p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2, .strict = true));
		t = hf_txn_begin(p, NULL);
		pid = (int)t_int(hf_txn_query(t, "select pg_backend_pid()"));
		t_done(hf_txn_query(t, INSERT, 1));
		break_it(p, how, pid);
		ck_assert_int_eq(outcome(hf_txn_query(t, INSERT, 2)) == HF_OK, how == NOT);
		ck_assert_int_eq(outcome(hf_txn_query(t, "select 1")) == HF_OK, how == NOT);
		ck_assert_int_eq(outcome(hf_txn_commit(t)), how == NOT      ? HF_OK
							    : how == KILLED ? HF_E_TXN_ENDED
									    : HF_E_CLOSED);
		ck_assert_int_eq(
			hf_txn_get_state(t), how == NOT ? HF_TXN_COMMITTED : HF_TXN_ROLLED_BACK);
		hf_txn_unref(t);
		ck_assert_int_eq(marks(), how == NOT ? 2 : 0);
		t_wait_idle(p, 2);
		t_done(hf_query(p, INSERT, 9)); /* the pool goes on */
		t_close(p);
	}
}
END_TEST

/* The same in an interaction that takes no notice of what its calls answer. */
struct stubborn {
	atomic_int pid;
	atomic_bool go_on;
	hf_status st[2];
};

static hf_status insert_twice(hf_conn *c, void *arg, hf_reply *reply)
{
	struct stubborn *s = arg;

	(void)reply;
	s->st[0] = hf_conn_query(c, NULL, INSERT, 1);
	atomic_store(&s->pid, hf_conn_backend_pid(c));
	while (!atomic_load(&s->go_on) && !hf_conn_canceled(c))
		t_sleep_ms(1);
	s->st[1] = hf_conn_query(c, NULL, INSERT, 2);
	return HF_OK;
}

static bool has_begun(void *arg)
{
	return atomic_load(&((struct stubborn *)arg)->pid) != 0;
}

START_TEST(test_broken_interaction)
{
	for (enum breaking how = NOT; how < WAYS; how++) {
		struct stubborn s = { .st = { HF_PENDING, HF_PENDING } };
		hf_pool *p;
		hf_future *f;

		make_table();
		p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2, .strict = true));
		f = hf_run(p, insert_twice, &s, NULL);
		ck_assert(t_wait_until(has_begun, &s, 10000));
		break_it(p, how, atomic_load(&s.pid));
		atomic_store(&s.go_on, true);
		ck_assert_int_eq(outcome(f) == HF_OK, how == NOT);
		ck_assert_int_eq(s.st[0], HF_OK);
		ck_assert_int_eq(s.st[1] == HF_OK, how == NOT);
		ck_assert_int_eq(marks(), how == NOT ? 2 : 0);
		t_wait_idle(p, 2);
		t_close(p);
	}
}
END_TEST

T_MAIN("txn_loss",
	{ "D17 the link breaks at BEGIN, both ways", test_transaction_error_on_begin, 0 },
	{ "D17 the link breaks at COMMIT, both ways", test_transaction_error_on_commit, 40 },
	{ "D17 the link breaks at ROLLBACK, both ways", test_transaction_error_on_rollback, 0 },
	{ "D17 the server refuses a COMMIT: the connection stays", test_refused_commit, 0 },
	{ "D18 a broken connection: 0 rows or 2, never 1", test_acid_when_connetion_has_been_broken,
		40 },
	{ "D18 the same in an interaction", test_broken_interaction, 40 })
