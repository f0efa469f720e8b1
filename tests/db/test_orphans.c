/* SPDX-License-Identifier: MIT */
/* Prepared transactions that nobody ended: found, ended by anybody, and not made by accident. */
#include "engines.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const hf_pool_opts one_conn = {
	.struct_size = sizeof one_conn, .max_conns = 1, .two_phase = true
};

/* Threads after a fork are more than the thread sanitizer takes. */
static void skip_under_tsan(void)
{
#ifdef __SANITIZE_THREAD__
	t_skip("the thread sanitizer starts no threads after fork");
#endif
}

/* --- a process that dies in between ------------------------------------------------------------*/

/* The child: its COMMIT PREPARED wait at the gate, for longer than it lives. */
static void begin_and_hang(int id)
{
	struct t_engines e = { .two_phase = true };

	e.shop = t_pool_on(t_dsn(), &one_conn);
	e.bank = t_pool_on(t_bank_dsn(), &one_conn);
	e.g = hf_global_new(HF_GLOBAL_OPTS(.label = "killed", .two_phase = true));
	e.at_shop = hf_global_begin(e.g, e.shop, NULL);
	e.at_bank = hf_global_begin(e.g, e.bank, NULL);
	t_done(t_add(e.at_shop, id));
	t_done(t_add(e.at_bank, id));
	t_gate_wait(e.shop);
	t_gate_wait(e.bank);
	_exit(hf_global_commit(e.g, NULL) == HF_OK ? 1 : 2);
}

static void die_in_between(int id)
{
	int status;
	pid_t child;

	t_gate_close();
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		begin_and_hang(id);
	t_wait_prepared(2);
	ck_assert_int_eq(kill(child, SIGKILL), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status));
	t_gate_open();
}

/* The gid of the only prepared transaction here, which must be branch `n` of 2. */
static void find_orphan(hf_pool *p, int n, char *gid, size_t size, char *global)
{
	hf_future *f = hf_prepared_list(p);
	const hf_result *res = t_ok(f);
	hf_row row = hf_result_row(res, 0);

	ck_assert_uint_eq(hf_result_rows(res), 1);
	snprintf(gid, size, "%s", hf_row_text(row, 0));
	snprintf(global, size, "%s", hf_row_text(row, 1));
	ck_assert_int_eq(strncmp(gid, "hf:killed:", 10), 0);
	ck_assert_int_eq(hf_row_int8(row, 2, -1), n);
	ck_assert_int_eq(hf_row_int8(row, 3, -1), 2);
	hf_future_unref(f);
}

/* Nobody else can insert the same row meanwhile. */
static void locks_are_held(hf_pool *p, int id)
{
	hf_future *f = hf_script(
		p, "set local lock_timeout = '50ms'; insert into part values ($1, 'other')", id);

	ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "55P03");
	hf_future_unref(f);
}

/* Killed when both are prepared: another process finds both, and ends them, one way or the other.
 */
START_TEST(test_killed_in_between)
{
	hf_pool *shop, *bank;
	char at_shop[200], at_bank[200], global[2][200];

	skip_under_tsan();
	t_engines();
	for (int commit = 0; commit < 2; commit++) {
		die_in_between(commit + 1);
		ck_assert_int_eq(t_prepared(), 2);
		ck_assert_int_eq(t_parts(), 0);
		shop = t_pool_on(t_dsn(), &one_conn);
		bank = t_pool_on(t_bank_dsn(), &one_conn);
		find_orphan(shop, 1, at_shop, sizeof at_shop, global[0]);
		locks_are_held(shop, commit + 1);
		find_orphan(bank, 2, at_bank, sizeof at_bank, global[1]);
		ck_assert_str_eq(global[0], global[1]);
		t_done(commit ? hf_prepared_commit(shop, at_shop)
			      : hf_prepared_rollback(shop, at_shop));
		t_done(commit ? hf_prepared_commit(bank, at_bank)
			      : hf_prepared_rollback(bank, at_bank));
		ck_assert_int_eq(t_prepared(), 0);
		ck_assert_int_eq(t_parts(), commit ? 101 : 0);
		t_close(shop);
		t_close(bank);
	}
}
END_TEST

/* --- ending one by its name --------------------------------------------------------------------*/

struct work {
	const char *sql[4];
};

static hf_status do_work(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct work *w = arg;
	hf_status st = HF_OK;

	(void)reply;
	for (int i = 0; i < 4 && w->sql[i] && st == HF_OK; i++)
		st = hf_conn_query(c, NULL, w->sql[i]);
	return st;
}

static hf_future *manual(hf_pool *p, const struct work *w)
{
	return hf_submit(p, HF_JOB(.fn = do_work, .arg = (void *)(uintptr_t)w, .manual = true));
}

/* A name of somebody else's, with everything that quoting must get right. */
START_TEST(test_foreign_names)
{
	static const char *const gids[] = { "it's \\odd\" $1 hf:a:b:1:2", "'; drop table part --",
		"\\'", "hf:x:0123:1:2" };
	hf_pool *p;

	t_engines();
	p = t_pool_on(t_dsn(), &one_conn);
	for (size_t i = 0; i < T_COUNT(gids); i++) {
		struct work w = { { "begin", "insert into part values (5, 'x')", NULL } };
		hf_future *f = hf_dry_run(p, "prepare transaction $1", gids[i]);
		const hf_result *res;

		t_ok(f);
		w.sql[2] = hf_future_value(f);
		t_done(manual(p, &w));
		hf_future_unref(f);
		f = hf_prepared_list(p);
		res = t_ok(f);
		ck_assert_uint_eq(hf_result_rows(res), 1);
		ck_assert_str_eq(hf_row_text(hf_result_row(res, 0), 0), gids[i]);
		for (int col = 1; col < 4; col++)
			ck_assert(hf_row_is_null(hf_result_row(res, 0), col));
		hf_future_unref(f);
		t_done(hf_prepared_rollback(p, gids[i]));
		ck_assert_int_eq(t_prepared(), 0);
	}
	ck_assert_int_eq(t_parts(), 0);
	t_close(p);
}
END_TEST

START_TEST(test_errors)
{
	hf_pool *plain = t_pool(NULL), *p = t_pool_on(t_dsn(), &one_conn);
	hf_future *f = hf_prepared_commit(p, "hf:none:1:1");

	ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "42704");
	ck_assert(!hf_error_is(hf_future_error(f), HF_MAYBE_COMMITTED));
	hf_future_unref(f);
	f = hf_prepared_rollback(p, "");
	t_fails(f, HF_E_SQL);
	hf_future_unref(f);
	t_failed(hf_prepared_rollback(p, NULL), HF_E_MISUSE);
	t_failed(hf_prepared_commit(p, "\xff"), HF_E_MISUSE);
	t_failed(hf_prepared_commit(plain, "x"), HF_E_MISUSE);
	t_failed(hf_prepared_commit(NULL, "x"), HF_E_MISUSE);
	t_failed(hf_prepared_list(NULL), HF_E_MISUSE);
	t_done(hf_prepared_list(plain)); /* looking is free */
	ck_assert_uint_eq(t_stats(p).discards, 0);
	t_close(plain);
	t_close(p);
}
END_TEST

/* --- not by accident ---------------------------------------------------------------------------*/

static hf_status script(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	return hf_conn_script(c, NULL, arg);
}

/* No way leads to PREPARE TRANSACTION and its kin but a .manual job of a pool that allows it. */
START_TEST(test_refused_in_texts)
{
	static char texts[][60] = { "prepare transaction 'x'", " /* a */ PREPARE\n TRANSACTION 'x'",
		"commit prepared 'x'", "; Rollback Prepared 'x'",
		"select 1; begin; prepare transaction 'x'" };
	hf_pool *pools[2];

	pools[0] = t_pool(NULL);
	pools[1] = t_pool_on(t_dsn(), &one_conn);
	for (size_t i = 0; i < T_COUNT(texts); i++) {
		for (int two = 0; two < 2; two++) {
			hf_pool *p = pools[two];
			struct work w = { { texts[i] } };

			if (i < 4) {
				hf_txn *t = hf_txn_begin(p, NULL);

				t_failed(hf_txn_query(t, texts[i]), HF_E_MISUSE);
				hf_txn_unref(t);
				t_failed(hf_query(p, texts[i]), HF_E_MISUSE);
				t_failed(hf_run(p, do_work, &w, NULL), HF_E_MISUSE);
			}
			t_failed(hf_script(p, texts[i]), HF_E_MISUSE);
			t_failed(hf_run(p, script, texts[i], NULL), HF_E_MISUSE);
			if (two == 0)
				t_failed(hf_submit(p, HF_JOB(.fn = script, .arg = texts[i],
							      .manual = true)),
					HF_E_MISUSE);
		}
	}
	/* What only looks like it is none. */
	t_done(hf_script(pools[0], "select 'prepare transaction'; prepare \"transaction\" as"
				   " select 1; deallocate \"transaction\""));
	t_close(pools[0]);
	t_close(pools[1]);
}
END_TEST

T_MAIN("orphans",
	{ "D28 a process is killed between: both are found and ended", test_killed_in_between, 60 },
	{ "D28 a prepared transaction of any name can be ended", test_foreign_names, 0 },
	{ "D28 what cannot be ended says why", test_errors, 0 },
	{ "D28 rule-81 two-phase commands are refused in texts", test_refused_in_texts, 0 })
