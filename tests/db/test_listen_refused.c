/* SPDX-License-Identifier: MIT */
/* Where listening is not possible: it says so, and leaves nothing behind. */
#include "listening.h"

#include "base/mem.h"
#include "base/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(test_misuse)
{
	hf_pool *p = t_pool(NULL);
	hf_inbox *box = hf_inbox_new();
	struct t_heard heard = { 0 };
	hf_listener *l;
	const hf_notice *n;

	l = hf_listen(
		NULL, HF_LISTEN_OPTS(.on_notice = t_hear, .arg = &heard, .free_arg = t_heard_free));
	ck_assert_int_eq(heard.freed, 1);
	t_failed(hf_listener_add(l, "x"), HF_E_MISUSE);
	t_failed(hf_listener_drop(l, "x"), HF_E_MISUSE);
	ck_assert_int_eq(hf_listener_stop(l), HF_OK);
	ck_assert_ptr_null(hf_listener_unref(l));
	ck_assert_int_eq(heard.freed, 1);
	l = hf_listen(p, HF_LISTEN_OPTS(.on_notice = t_hear, .inbox = box));
	t_failed(hf_listener_add(l, "x"), HF_E_MISUSE);
	hf_listener_unref(l);
	l = hf_listen(p, HF_LISTEN_OPTS(.max_waiting = -1));
	t_failed(hf_listener_add(l, "x"), HF_E_MISUSE);
	ck_assert_int_eq(hf_listener_next(l, 0, &n), HF_E_MISUSE);
	hf_listener_unref(l);
	t_failed(hf_listener_add(NULL, "x"), HF_E_MISUSE);
	ck_assert_int_eq(hf_listener_next(NULL, 0, &n), HF_E_MISUSE);
	ck_assert_int_eq(hf_listener_stop(NULL), HF_E_MISUSE);
	ck_assert_ptr_null(hf_listener_unref(NULL));
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	l = hf_listen(p, NULL);
	t_failed(hf_listener_add(l, "x"), HF_E_CLOSED);
	hf_listener_unref(l);
	t_close(p);
	hf_inbox_unref(box);
}
END_TEST

/* The first attempt of a pool that has never listened decides; later ones are waited for. */
START_TEST(test_no_server)
{
	hf_pool *p = t_pool_on("host=/nowhere", HF_POOL_OPTS(.min_conns = HF_NONE));
	hf_listener *l = hf_listen(p, NULL);

	for (int i = 0; i < 2; i++) {
		t_failed(hf_listener_add(l, "x"), HF_E_CONNECT);
		t_unlisten(l, "x");
	}
	ck_assert_uint_eq(t_stats(p).listening, 0);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

START_TEST(test_no_database)
{
	char dsn[1000];
	hf_pool *p;
	hf_listener *l;
	hf_future *f;

	snprintf(dsn, sizeof dsn, "%s dbname=none_such", t_dsn());
	p = t_pool_on(dsn, HF_POOL_OPTS(.min_conns = HF_NONE));
	l = hf_listen(p, NULL);
	f = hf_listener_add(l, "x");
	ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_CONNECT)), "3D000");
	hf_future_unref(f);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* A hot standby takes no LISTEN. */
START_TEST(test_standby)
{
	hf_pool *p = t_pool_on(t_standby_dsn(), NULL);
	hf_listener *l = hf_listen(p, NULL);
	hf_future *f = hf_listener_add(l, "x");

	ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "25006");
	hf_future_unref(f);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* Listeners of before a close are done; new ones work after a reopen. */
START_TEST(test_reopen)
{
	hf_pool *p = t_pool(NULL);
	struct t_heard heard = { 0 };
	hf_listener *old = hf_listen(p, HF_LISTEN_OPTS(.on_notice = t_hear, .arg = &heard,
						.free_arg = t_heard_free)),
		    *waiting = hf_listen(p, NULL), *l;
	const hf_notice *n;

	t_listen(old, "x");
	t_listen(waiting, "x");
	t_notify(p, "x", "1");
	t_wait_heard(&heard, 1);
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	ck_assert_str_eq(t_notice(waiting)->payload, "1");
	ck_assert_int_eq(hf_listener_next(waiting, HF_FOREVER, &n), HF_E_CLOSED);
	ck_assert_int_eq(hf_pool_reopen(p, NULL), HF_OK);
	t_failed(hf_listener_add(old, "y"), HF_E_CLOSED);
	l = hf_listen(p, NULL);
	t_listen(l, "x");
	t_notify(p, "x", "2");
	ck_assert_str_eq(t_notice(l)->payload, "2");
	ck_assert_int_eq(heard.n, 1);
	ck_assert_int_eq(heard.freed, 0);
	hf_listener_unref(old);
	ck_assert_int_eq(heard.freed, 1);
	hf_listener_unref(waiting);
	t_close(p);
	hf_listener_unref(l); /* after its pool */
}
END_TEST

/* Each allocation on the way fails once: what is asked for works or says so, and nothing leaks. */
START_TEST(test_no_memory)
{
	hf_pool *p = t_pool(NULL);
	int worked = 0;

	t_done(hf_query(p, "select 1"));
	for (long n = 0; n < 60; n++) {
		struct t_heard heard = { 0 };
		hf_listener *l;
		hf_future *f;
		hf_status st;

		hf__mem_fail(n, 1);
		l = hf_listen(p, HF_LISTEN_OPTS(.on_notice = t_hear, .arg = &heard,
					 .free_arg = t_heard_free));
		f = hf_listener_add(l, "x");
		st = hf_future_get_for(f, 10000 * t_slow(), NULL);
		hf__mem_fail(0, 0);
		ck_assert(st == HF_OK || st == HF_E_NOMEM || st == HF_E_CONNECT ||
			  st == HF_E_CONN_LOST);
		worked += st == HF_OK;
		hf_future_unref(f);
		hf_listener_unref(l);
		ck_assert_int_eq(heard.freed, 1);
	}
	ck_assert_int_gt(worked, 20);
	t_close(p);
}
END_TEST

/* As other languages may call it, whose lines mean nothing here. */
START_TEST(test_no_site)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen_at(NULL, p, NULL);

	t_done(hf_listener_add_at(NULL, l, "x"));
	t_done(hf_notify_at(NULL, p, "x", "heard"));
	ck_assert_str_eq(t_notice(l)->payload, "heard");
	t_done(hf_listener_drop_at(NULL, l, "x"));
	hf_listener_stop(l);
	t_failed(hf_listener_add_at(NULL, l, "x"), HF_E_CANCELED);
	t_failed(hf_notify_at(NULL, p, "", NULL), HF_E_MISUSE);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

START_TEST(test_no_thread)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);

	t_wait_idle(p, 1);
	hf__thread_fail(1);
	t_failed(hf_listener_add(l, "x"), HF_E_NOMEM);
	t_listen(l, "x");
	t_notify(p, "x", "heard");
	ck_assert_str_eq(t_notice(l)->payload, "heard");
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

START_TEST(test_fork)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	int status;
	pid_t pid;

	t_listen(l, "x");
	pid = fork();
	if (pid == 0) {
		const hf_notice *n;
		hf_future *f = hf_listener_add(l, "y");
		bool ok = hf_future_get(f, NULL) == HF_E_FORKED;

		ok = ok && hf_listener_next(l, 0, &n) == HF_E_FORKED;
		ok = ok && hf_listener_stop(l) == HF_E_FORKED;
		hf_future_unref(f);
		hf_listener_unref(l);
		_exit(ok ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	t_notify(p, "x", "still heard");
	ck_assert_str_eq(t_notice(l)->payload, "still heard");
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

T_MAIN("listen_refused", { "E1 what makes no sense is refused", test_misuse, 0 },
	{ "E11 without a server at first, the future says so", test_no_server, 0 },
	{ "E11 without the database, the future says so", test_no_database, 0 },
	{ "E11 a standby's refusal is told", test_standby, 60 },
	{ "E8 a pool that is opened again listens again", test_reopen, 0 },
	{ "E1 without memory it works or says so", test_no_memory, 0 },
	{ "E1 a caller without a line of code can listen", test_no_site, 0 },
	{ "E1 without a thread it says so", test_no_thread, 0 },
	{ "E1 a child of fork has no listeners", test_fork, 0 })
