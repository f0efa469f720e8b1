/* SPDX-License-Identifier: MIT */
/* A registry in a server that forks: each child gives it new pools, and the parent notices nothing.
 */
#include "fixture.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 8

static long long pid_at(hf_engines *e, const char *name)
{
	hf_scope *s = hf_scope_new(e, NULL);
	long long pid =
		t_int(hf_session_query(hf_scope_session(s, name), "select pg_backend_pid()"));

	hf_scope_unref(s);
	return pid;
}

/* In a child: 0, or the step that went wrong. */
static int use_as_child(hf_engines *e, hf_scope *of_parent)
{
	hf_result *res = NULL;
	hf_scope *s;
	int n;

	if (hf_scope_new(e, NULL) || hf_scope_end(of_parent) != HF_E_FORKED)
		return 1;
	if (hf_session_fetch(hf_writer(of_parent), NULL, NULL, "select 1") != HF_E_FORKED)
		return 2;
	if (hf_engines_reopen(e, "!all", NULL) != HF_OK)
		return 3;
	s = hf_scope_new(e, NULL);
	for (n = 0; n < 20; n++) {
		if (hf_session_fetch(hf_reader(s), &res, NULL, "select 42") != HF_OK)
			return 4;
		hf_result_unref(res);
		if (hf_session_fetch(hf_writer(s), NULL, NULL, "select 1") != HF_OK ||
			hf_scope_commit(s, NULL) != HF_OK)
			return 5;
	}
	hf_scope_unref(s);
	if (hf_engines_close(e, 0) != HF_OK)
		return 6;
	hf_engines_unref(e);
	return 0;
}

/* ‡ as uwsgi does: fork N workers, each reinit(all), all query. */
START_TEST(test_prefork)
{
	static const char *const names[] = { "reader", "writer" };
	hf_engines *e = hf_engines_new();
	pid_t children[CHILDREN];
	long long before[2];
	hf_scope *s;
	int status;

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(
			hf_engines_open(e, names[i], t_dsn(),
				HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.max_conns = 1)), NULL),
			HF_OK);
		before[i] = pid_at(e, names[i]);
	}
	s = hf_scope_new(e, NULL);
	for (int i = 0; i < CHILDREN; i++) {
		children[i] = fork();
		ck_assert_int_ge(children[i], 0);
		if (children[i] == 0)
			_exit(use_as_child(e, s));
		ck_assert_int_eq(pid_at(e, "reader"), before[0]);
	}
	for (int i = 0; i < CHILDREN; i++) {
		ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child %d: %#x", i,
			(unsigned)status);
	}
	ck_assert_int_eq(pid_at(e, "reader"), before[0]);
	ck_assert_int_eq(pid_at(e, "writer"), before[1]);
	hf_scope_unref(s);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}
END_TEST

/* Without a fork: one is given a new pool, or all are. */
START_TEST(test_reopen)
{
	hf_engines *e = hf_engines_new();
	long long reader, writer;

	ck_assert_int_eq(hf_engines_open(e, "reader", t_dsn(), NULL, NULL), HF_OK);
	ck_assert_int_eq(hf_engines_open(e, "writer", t_dsn(), NULL, NULL), HF_OK);
	reader = pid_at(e, "reader");
	writer = pid_at(e, "writer");
	ck_assert_int_eq(hf_engines_reopen(e, "reader", NULL), HF_OK);
	ck_assert_int_ne(pid_at(e, "reader"), reader);
	ck_assert_int_eq(pid_at(e, "writer"), writer);
	ck_assert_int_eq(hf_engines_reopen(e, NULL, NULL), HF_OK);
	ck_assert_int_ne(pid_at(e, "writer"), writer);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}
END_TEST

T_MAIN("engines_fork", { "F6 B31 promise-H21 eight children reopen all engines", test_prefork, 0 },
	{ "F6 reopening one engine, or all", test_reopen, 0 })
