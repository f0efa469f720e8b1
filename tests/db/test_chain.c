/* SPDX-License-Identifier: MIT */
/* Committing or rolling back, and going on with the same handle. */
#include "fixture.h"

#include <holdfast/txn.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSERT "insert into chain (n) values ($1)"

static hf_pool *setup(void)
{
	free(t_psql("set client_min_messages to warning; drop table if exists chain;"
		    "create table chain (n int unique deferrable initially deferred)"));
	return t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));
}

static long long stored(int n)
{
	char sql[80];

	snprintf(sql, sizeof sql, "select count(*) from chain where n = %d", n);
	return t_psql_int(sql);
}

static void must_say(hf_future *f, const char *what)
{
	const hf_error *e = t_fails(f, HF_E_TXN_ENDED);

	if (!strstr(hf_error_message(e), what))
		ck_abort_msg("\"%s\" is not in \"%s\"", what, hf_error_message(e));
	hf_future_unref(f);
}

/* D22's own scenario: insert, commit and go on, insert, roll back: the first row only. */
START_TEST(test_commit_chain)
{
	hf_pool *p = setup();
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_future *other;
	int pid;

	t_done(hf_txn_query(t, INSERT, 1));
	pid = (int)t_int(hf_txn_query(t, "select pg_backend_pid()"));
	other = hf_query(p, "select 1");
	t_done(hf_txn_commit_chain(t));
	ck_assert_int_eq(stored(1), 1);
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_OPEN);
	t_done(hf_txn_query(t, INSERT, 2));
	ck_assert_int_eq(stored(2), 0);
	/* Nobody else had the connection in between. */
	ck_assert_int_eq(t_int(hf_txn_query(t, "select pg_backend_pid()")), pid);
	ck_assert(!hf_future_ready(other));
	ck_assert_uint_eq(t_stats(p).pinned, 1);
	t_done(hf_txn_rollback(t));
	t_done(other);
	ck_assert_int_eq(stored(1), 1);
	ck_assert_int_eq(stored(2), 0);
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_ROLLED_BACK);
	must_say(hf_txn_commit_chain(t), "was rolled back");
	hf_txn_unref(t);
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

START_TEST(test_rollback_chain)
{
	hf_pool *p = setup();
	hf_txn *t = hf_txn_begin(p, NULL);

	t_done(hf_txn_query(t, INSERT, 1));
	t_done(hf_txn_rollback_chain(t));
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_OPEN);
	t_done(hf_txn_query(t, INSERT, 2));
	/* It takes the poison away as well. */
	t_failed(hf_txn_query(t, "select 1 / 0"), HF_E_SQL);
	t_failed(hf_txn_query(t, INSERT, 3), HF_E_SQL);
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_FAILED);
	t_done(hf_txn_rollback_chain(t));
	t_done(hf_txn_query(t, INSERT, 4));
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	for (int i = 1; i <= 4; i++)
		ck_assert_int_eq(stored(i), i == 4);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

/* Submitted at once, a hundred links, committed and not by turns: each is its own transaction. */
START_TEST(test_long_chain)
{
	hf_pool *p = setup();
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_future *f[200];

	for (int i = 0; i < 100; i++) {
		f[2 * i] = hf_txn_query(t, INSERT, i);
		f[2 * i + 1] = i % 2 ? hf_txn_rollback_chain(t) : hf_txn_commit_chain(t);
	}
	for (int i = 0; i < 200; i++)
		t_done(f[i]);
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(stored(i), i % 2 == 0);
	ck_assert_int_eq(t_psql_int("select count(distinct xmin::text) from chain"), 50);
	t_close(p);
}
END_TEST

static void must_be(hf_txn *t, const char *setting, const char *value)
{
	hf_future *f = hf_txn_query(t, "select current_setting($1)", setting);

	ck_assert_str_eq(hf_row_text(hf_result_row(t_ok(f), 0), 0), value);
	hf_future_unref(f);
}

/* A new transaction of the same kind. */
START_TEST(test_same_kind)
{
	hf_pool *p = setup();
	hf_txn *t =
		hf_txn_begin(p, HF_TXN_OPTS(.isolation = HF_ISO_SERIALIZABLE, .read_only = true));

	for (int i = 0; i < 3; i++) {
		must_be(t, "transaction_isolation", "serializable");
		must_be(t, "transaction_read_only", "on");
		t_done(i == 0 ? hf_txn_commit_chain(t) : hf_txn_rollback_chain(t));
	}
	t_failed(hf_txn_query(t, INSERT, 1), HF_E_SQL);
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

/* A commit that fails, at the server or before it, ends the handle; its work is undone. */
START_TEST(test_failed_chain)
{
	hf_pool *p = setup();

	for (int i = 0; i < 2; i++) {
		hf_txn *t = hf_txn_begin(p, NULL);
		hf_future *f;

		t_done(hf_txn_query(t, INSERT, 7));
		if (i == 0) {
			t_done(hf_txn_query(t, INSERT, 7)); /* COMMIT will find out */
			f = hf_txn_commit_chain(t);
			ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "23505");
			hf_future_unref(f);
		} else {
			t_failed(hf_txn_query(t, "select 1 / 0"), HF_E_SQL);
			must_say(hf_txn_commit_chain(t), "division by zero");
		}
		ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_ROLLED_BACK);
		must_say(hf_txn_query(t, INSERT, 8), "was rolled back");
		must_say(hf_txn_commit(t), "was rolled back");
		hf_txn_unref(t);
		t_wait_idle(p, 1);
		ck_assert_int_eq(stored(7) + stored(8), 0);
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

T_MAIN("chain",
	{ "D22 insert, commit, insert, roll back: the first row only", test_commit_chain, 0 },
	{ "D22 rolling back and going on", test_rollback_chain, 0 },
	{ "D22 a hundred transactions through one handle", test_long_chain, 0 },
	{ "D22 the next transaction is of the same kind", test_same_kind, 0 },
	{ "D22 a commit that fails ends the chain", test_failed_chain, 0 })
