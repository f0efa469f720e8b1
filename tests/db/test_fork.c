/* SPDX-License-Identifier: MIT */
/* fork(): the child is refused, and the parent's sessions are none the worse for it. What each call
 * answers in a child stands in test_fork_calls. */
#include "fixture.h"

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

	long long before;

	skip_under_tsan();
	ck_assert_int_eq(hf_pool_open(t_dsn(), HF_POOL_OPTS(.max_conns = 1), &p, NULL), HF_OK);
	before = backend(p);
	ck_assert_int_gt(before, 0);
	child = fork();
	if (child == 0) {
		if (hf_pool_open(t_dsn(), NULL, &own, NULL) != HF_OK || backend(own) <= 0)
			_exit(1);
		_exit(hf_pool_close(own, 0) == HF_OK ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert_int_eq(backend(p), before);
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

#define QUERIES   100000 /* fewer where all is slow */
#define UNDER_WAY 256
#define CHILDREN  8

/* Those of the parent are refused; and as malloc may have been in use by another thread, which only
 * glibc's own sees to, nothing else is asked of a child under the address sanitizer. */
static int child_beside_batches(hf_future *const *fs)
{
	hf_pool *own = NULL;

	for (int i = 0; i < UNDER_WAY; i++)
		if (hf_future_wait(fs[i]) != HF_E_FORKED || hf_future_unref(fs[i]))
			return 1;
#ifndef __SANITIZE_ADDRESS__
	if (hf_pool_open(t_dsn(), HF_POOL_OPTS(.max_conns = 1), &own, NULL) != HF_OK)
		return 2;
	for (int i = 0; i < 10; i++)
		if (backend(own) <= 0)
			return 3;
	return hf_pool_close(own, 0) == HF_OK ? 0 : 4;
#else
	(void)own;
	return 0;
#endif
}

static pid_t fork_beside(hf_future *const *fs, int *unready)
{
	pid_t child;

	for (int i = 0; i < UNDER_WAY; i++)
		*unready += !hf_future_ready(fs[i]);
	child = fork();
	if (child == 0)
		_exit(child_beside_batches(fs));
	ck_assert_int_gt(child, 0);
	return child;
}

static hf_future *numbered(hf_pool *p, int number)
{
	return hf_query(p, "insert into ledger values ($1) returning number", number);
}

/* Each answer is its own, and each row is there once. */
START_TEST(test_fork_under_load)
{
	int n = QUERIES / t_slow(), unready = 0, forked = 0, status;
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 4, .max_conns = 4, .max_queue = HF_FOREVER));
	hf_future *fs[UNDER_WAY];
	pid_t children[CHILDREN];

	skip_under_tsan();
	free(t_psql("set client_min_messages to warning; drop table if exists ledger;"
		    "create table ledger (number int)"));
	t_wait_idle(p, 4);
	for (int i = 0; i < n + UNDER_WAY; i++) {
		if (i >= UNDER_WAY)
			ck_assert_int_eq(t_int(fs[i % UNDER_WAY]), i - UNDER_WAY);
		if (i < n)
			fs[i % UNDER_WAY] = numbered(p, i);
		if (forked < CHILDREN && i == (2 * forked + 1) * n / (2 * CHILDREN))
			children[forked++] = fork_beside(fs, &unready);
	}
	for (int i = 0; i < CHILDREN; i++) {
		ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child %d: %#x", i,
			(unsigned)status);
	}
	ck_assert_int_gt(unready, 0);
	ck_assert_uint_gt(t_stats(p).pipelined, 0);
	ck_assert_uint_eq(t_stats(p).connects, 4);
	ck_assert_uint_eq(t_stats(p).discards, 0);
	ck_assert_int_eq(t_psql_int("select count(*) from ledger"), n);
	ck_assert_int_eq(t_psql_int("select count(distinct number) from ledger"), n);
	t_close(p);
}
END_TEST

T_MAIN("fork",
	{ "B31 promise-H21 a child is refused, and its parent unharmed", test_child_is_refused, 0 },
	{ "B31 promise-H21 a child opens a pool of its own", test_child_opens_its_own, 0 },
	{ "B31 promise-H21 a child keeps no session of its parent alive",
		test_child_keeps_no_session, 0 },
	{ "B31 promise-H21 eight forks during 100,000 queries, in batches", test_fork_under_load,
		120 })
