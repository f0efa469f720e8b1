/* SPDX-License-Identifier: MIT */
/* fork(): the child is refused, and the parent's sessions are none the worse for it. */
#include "helpers.h"

#include <holdfast.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static long long backend(hf_pool *p)
{
	const hf_result *res;
	hf_future *f = hf_query(p, "select pg_backend_pid()");
	long long pid = hf_future_get_for(f, 10000, &res) == HF_OK
				? hf_row_int8(hf_result_row(res, 0), 0, -1)
				: -1;

	hf_future_unref(f);
	return pid;
}

/* What a child sees of its parent's pool, future and transaction; 0 when all is refused. */
static int refused_everywhere(hf_pool *p, hf_future *pending, hf_txn *txn)
{
	hf_future *f = hf_query(p, "select 1");
	hf_error *why = NULL;

	if (hf_await(f, &why) != HF_E_FORKED || hf_error_status(why) != HF_E_FORKED)
		return 1;
	if (hf_future_wait_for(pending, 1000) != HF_E_FORKED)
		return 2;
	if (hf_await(hf_txn_query(txn, "select 1"), NULL) != HF_E_FORKED)
		return 3;
	if (hf_pool_close(p, 100) != HF_E_FORKED || hf_pool_resize(p, 1, 2) != HF_E_FORKED)
		return 4;
	if (hf_pool_unref(p) || hf_future_unref(pending) || hf_txn_unref(txn))
		return 5;
	return 0;
}

START_TEST(test_child_is_refused)
{
	hf_pool *p;
	hf_future *pending;
	hf_txn *txn;
	long long before;
	int status;
	pid_t child;

	ck_assert_int_eq(hf_pool_open(t_dsn(), HF_POOL_OPTS(.max_conns = 3), &p, NULL), HF_OK);
	txn = hf_txn_begin(p, NULL);
	ck_assert_int_eq(hf_await(hf_txn_query(txn, "create table kept(a int)"), NULL), HF_OK);
	before = backend(p);
	pending = hf_query(p, "select pg_sleep(1)");
	child = fork();
	if (child == 0)
		_exit(refused_everywhere(p, pending, txn));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert_int_eq(hf_future_get(pending, NULL), HF_OK);
	hf_future_unref(pending);
	ck_assert_int_eq(backend(p), before);
	ck_assert_int_eq(hf_await(hf_txn_commit(txn), NULL), HF_OK);
	hf_txn_unref(txn);
	ck_assert_int_eq(t_psql_int("select count(*) from kept"), 0);
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	hf_pool_unref(p);
}
END_TEST

/* Its own threads after a fork are more than the thread sanitizer takes. */
static void skip_under_tsan(void)
{
#ifdef __SANITIZE_THREAD__
	t_skip("the thread sanitizer starts no threads after fork");
#endif
}

START_TEST(test_child_opens_its_own)
{
	hf_pool *p, *own;
	int status;
	pid_t child;

	skip_under_tsan();
	ck_assert_int_eq(hf_pool_open(t_dsn(), NULL, &p, NULL), HF_OK);
	ck_assert_int_gt(backend(p), 0);
	child = fork();
	if (child == 0) {
		if (hf_pool_open(t_dsn(), NULL, &own, NULL) != HF_OK || backend(own) <= 0)
			_exit(1);
		_exit(hf_pool_close(own, 0) == HF_OK ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert_int_gt(backend(p), 0);
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	hf_pool_unref(p);
}
END_TEST

/* A child that lives on must not keep its parent's session, and the locks in it, alive. */
START_TEST(test_child_keeps_no_session)
{
	int pipe_to_parent[2];
	long long pid = 0;
	pid_t parent, child;
	int status;

	ck_assert_int_eq(pipe(pipe_to_parent), 0);
	parent = fork();
	if (parent == 0) {
		hf_pool *p;

		if (hf_pool_open(t_dsn(), NULL, &p, NULL) != HF_OK)
			_exit(1);
		pid = backend(p);
		child = fork();
		if (child == 0) {
			t_sleep_ms(8000);
			_exit(0);
		}
		if (write(pipe_to_parent[1], &pid, sizeof pid) != (ssize_t)sizeof pid)
			_exit(2);
		_exit(0);
	}
	ck_assert_int_eq(read(pipe_to_parent[0], &pid, sizeof pid), (ssize_t)sizeof pid);
	ck_assert_int_eq(waitpid(parent, &status, 0), parent);
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	for (int i = 0; i < 50; i++) {
		char sql[96];

		snprintf(sql, sizeof sql, "select count(*) from pg_stat_activity where pid = %lld",
			pid);
		if (t_psql_int(sql) == 0)
			return;
		t_sleep_ms(20);
	}
	ck_abort_msg("the session of a dead parent is still there after a second");
}
END_TEST

T_MAIN("fork",
	{ "promise-H21 a child is refused, and its parent unharmed", test_child_is_refused, 0 },
	{ "promise-H21 a child opens a pool of its own", test_child_opens_its_own, 0 },
	{ "promise-H21 a child keeps no session of its parent alive", test_child_keeps_no_session,
		0 })
