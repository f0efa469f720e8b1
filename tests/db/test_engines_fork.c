/* SPDX-License-Identifier: MIT */
/* A registry in a server that forks: each child gives it new pools, and the parent notices nothing.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
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

static void open_two(hf_engines *e)
{
	static const char *const names[] = { "reader", "writer" };

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
			hf_engines_open(e, names[i], t_dsn(),
				HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.max_conns = 1)), NULL),
			HF_OK);
}

/* Its own threads after a fork are more than the thread sanitizer takes. */
static void skip_under_tsan(void)
{
#ifdef __SANITIZE_THREAD__
	t_skip("the thread sanitizer starts no threads after fork");
#endif
}

/* All connections are there and idle: no thread of a pool does anything. */
static void at_rest(hf_engines *e)
{
	hf_pool *r = hf_engines_get(e, "reader", NULL), *w = hf_engines_get(e, "writer", NULL);

	t_wait_idle(r, 1);
	t_wait_idle(w, 1);
	hf_pool_unref(r);
	hf_pool_unref(w);
}

/* One request: a read, and a row that is committed. False: not both; it says why. */
static bool serve(hf_engines *e, const char *who)
{
	hf_error *why = NULL;
	hf_scope *s = hf_scope_new(e, NULL);
	bool ok = hf_session_fetch(hf_reader(s), NULL, &why, "select 42") == HF_OK &&
		  hf_session_fetch(hf_writer(s), NULL, &why, "insert into hit values ($1)", who) ==
			  HF_OK &&
		  hf_scope_commit(s, &why) == HF_OK;

	if (!ok)
		fprintf(stderr, "%s: %s\n", who, hf_error_message(why));
	hf_error_unref(why);
	hf_scope_unref(s);
	return ok;
}

#define REQUESTS 20

/* In a child, before it has pools of its own. */
static bool says_forked(hf_scope *s, bool is_own)
{
	hf_error *why = NULL;
	bool ok = s && hf_session_fetch(hf_writer(s), NULL, &why, "select 1") == HF_E_FORKED &&
		  strstr(hf_error_message(why), "hf_engines_reopen") &&
		  hf_scope_commit(s, NULL) == HF_E_FORKED &&
		  hf_scope_end(s) == (is_own ? HF_OK : HF_E_FORKED);

	hf_error_unref(why);
	return ok;
}

static bool has_none(hf_engines *e)
{
	char *names = hf_engines_names(e);
	bool ok = names && strcmp(names, "") == 0;

	free(names);
	return ok;
}

/* In a child: 0, or the step that went wrong. */
static int serve_as_child(hf_engines *e, hf_scope *of_parent)
{
	hf_scope *early = hf_scope_new(e, NULL);
	hf_error *why;

	if (!says_forked(of_parent, false) || !says_forked(hf_thread_scope(e), false) ||
		!says_forked(early, true) || !has_none(e))
		return 1;
	hf_scope_unref(early);
	if (hf_engines_reopen(e, "nope", &why) != HF_E_MISUSE ||
		!strstr(hf_error_message(why), "there are reader, writer"))
		return 3;
	hf_error_unref(why);
	if (hf_engines_reopen(e, "!all", NULL) != HF_OK)
		return 4;
	for (int i = 0; i < REQUESTS; i++)
		if (!serve(e, "child"))
			return 5;
	if (hf_engines_close(e, 0) != HF_OK)
		return 6;
	hf_engines_unref(e);
	return 0;
}

/* The parent's threads, while it forks. */
struct load {
	hf_engines *e;
	pthread_rwlock_t rest; /* held for reading while one serves */
	atomic_bool stop;
	atomic_int served, failed;
};

static void *serve_on(void *arg)
{
	struct load *l = arg;

	while (!atomic_load(&l->stop)) {
		pthread_rwlock_rdlock(&l->rest);
		atomic_fetch_add(serve(l->e, "parent") ? &l->served : &l->failed, 1);
		pthread_rwlock_unlock(&l->rest);
	}
	return NULL;
}

/* malloc may be in use by other threads at a fork, but not where it is the address sanitizer's: it
 * may be locked in the child for ever then. There the others rest. */
static pid_t fork_beside(struct load *l)
{
	pid_t child;

#ifdef __SANITIZE_ADDRESS__
	pthread_rwlock_wrlock(&l->rest);
	at_rest(l->e);
#endif
	child = fork();
#ifdef __SANITIZE_ADDRESS__
	if (child)
		pthread_rwlock_unlock(&l->rest);
#else
	(void)l;
#endif
	return child;
}

#define THREADS 4

/* Forks them one after the other, each when the threads have served some more. */
static void fork_all(struct load *l, hf_scope *s, pid_t children[CHILDREN])
{
	for (int i = 0; i < CHILDREN; i++) {
		int seen = atomic_load(&l->served);
		int64_t from = hf_now_ns();

		while (atomic_load(&l->served) == seen && t_ms_since(from) < 10000 * t_slow())
			t_sleep_ms(1);
		ck_assert_int_gt(atomic_load(&l->served), seen);
		children[i] = fork_beside(l);
		ck_assert_int_ge(children[i], 0);
		if (children[i] == 0)
			_exit(serve_as_child(l->e, s));
	}
}

static uint64_t connects(hf_engines *e)
{
	hf_pool *r = hf_engines_get(e, "reader", NULL), *w = hf_engines_get(e, "writer", NULL);
	uint64_t n = t_stats(r).connects + t_stats(w).connects;

	ck_assert_uint_eq(t_stats(r).discards + t_stats(w).discards, 0);
	hf_pool_unref(r);
	hf_pool_unref(w);
	return n;
}

/* ‡ as uwsgi does: fork N workers, each reinit(all), all query. The parent has them forked while
 * its own threads serve: none of its connections is lost, and no request. */
START_TEST(test_prefork)
{
	struct load l = { .e = hf_engines_new(),
		.rest = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP };
	pthread_t threads[THREADS];
	pid_t children[CHILDREN];
	long long before[2];
	hf_scope *s;
	int status;

	skip_under_tsan();
	free(t_psql("set client_min_messages to warning; drop table if exists hit;"
		    "create table hit (who text)"));
	open_two(l.e);
	before[0] = pid_at(l.e, "reader");
	before[1] = pid_at(l.e, "writer");
	s = hf_scope_new(l.e, NULL);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, serve_on, &l), 0);
	fork_all(&l, s, children);
	for (int i = 0; i < CHILDREN; i++) {
		ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child %d: %#x", i,
			(unsigned)status);
	}
	atomic_store(&l.stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(atomic_load(&l.failed), 0);
	ck_assert_int_eq(
		t_psql_int("select count(*) from hit where who = 'child'"), CHILDREN * REQUESTS);
	ck_assert_int_eq(t_psql_int("select count(*) from hit where who = 'parent'"),
		atomic_load(&l.served));
	ck_assert_uint_eq(connects(l.e), 2);
	ck_assert_int_eq(pid_at(l.e, "reader"), before[0]);
	ck_assert_int_eq(pid_at(l.e, "writer"), before[1]);
	hf_scope_unref(s);
	ck_assert_int_eq(hf_engines_close(l.e, 0), HF_OK);
	hf_engines_unref(l.e);
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

/* In a child: one engine is opened again and the other is not; one of hf_engines_add is gone, with
 * its role. 0, or the step that went wrong. */
static int reopen_one(hf_engines *e)
{
	hf_scope *s;
	char *names;

	if (hf_engines_reopen(e, "writer", NULL) != HF_OK)
		return 1;
	names = hf_engines_names(e);
	if (strcmp(names, "reader, writer") != 0)
		return 2;
	free(names);
	s = hf_scope_new(e, NULL);
	if (hf_session_fetch(hf_writer(s), NULL, NULL, "select 1") != HF_OK)
		return 3;
	if (hf_session_fetch(hf_reader(s), NULL, NULL, "select 1") != HF_E_FORKED)
		return 4;
	if (hf_session_fetch(hf_scope_session(s, "report"), NULL, NULL, "select 1") != HF_E_MISUSE)
		return 5;
	hf_scope_unref(s);
	return hf_engines_close(e, 0) == HF_OK ? 0 : 6;
}

START_TEST(test_child_reopens_one)
{
	hf_engines *e = hf_engines_new();
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	int status;
	pid_t child;

	skip_under_tsan();
	open_two(e);
	ck_assert_int_eq(hf_engines_add(e, "mine", p, NULL, NULL), HF_OK);
	ck_assert_int_eq(hf_engines_assign(e, "report", "mine", NULL), HF_OK);
	at_rest(e);
	t_wait_idle(p, 1);
	child = fork();
	if (child == 0)
		_exit(reopen_one(e));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_gt(pid_at(e, "report"), 0);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
	t_close(p);
}
END_TEST

T_MAIN("engines_fork",
	{ "F6 B31 promise-H21 eight children reopen all engines under load", test_prefork, 60 },
	{ "F6 B31 a child reopens one engine of several", test_child_reopens_one, 0 },
	{ "F6 reopening one engine, or all", test_reopen, 0 })
