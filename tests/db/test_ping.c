/* SPDX-License-Identifier: MIT */
/* Whether the server answers, in time. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Waits for it, which takes no longer than `ms` and what a busy machine adds. */
static hf_error *ping_fails(hf_future *f, int ms, hf_status want)
{
	int64_t began = hf_now_ns();
	hf_error *why = NULL;
	hf_status st = hf_await(f, &why);

	ck_assert_msg(st == want, "%s instead of %s: %s", hf_status_name(st), hf_status_name(want),
		hf_error_message(why));
	ck_assert_int_lt(t_ms_since(began), ms + 1500 * t_slow());
	return why;
}

static void says(hf_error *why, const char *text)
{
	ck_assert_msg(strstr(hf_error_message(why), text), "\"%s\" does not say \"%s\"",
		hf_error_message(why), text);
}

/* The host of t_dsn(), as far as the first blank. */
static const char *host(void)
{
	static char name[200];

	if (sscanf(t_dsn(), "host=%199s", name) != 1)
		t_skip("the connection string does not begin with a host");
	return name;
}

/* † The twin of pulsar's test_ping: a future, which is true. */
START_TEST(test_ping)
{
	hf_pool *p = t_pool(NULL);
	hf_engines *e = hf_engines_new();
	hf_error *why = NULL;
	hf_future *f = hf_ping(p, 5000);

	t_ok(f);
	hf_future_unref(f);
	t_done(hf_ping(p, 0));
	t_done(hf_ping(p, HF_FOREVER));
	ck_assert_int_eq(
		hf_engines_add(e, "main", p, HF_ENGINE_OPTS(.is_default = true), &why), HF_OK);
	t_done(hf_engines_ping(e, "main", 5000));
	t_done(hf_engines_ping(e, "writer", 5000));
	t_done(hf_engines_ping(e, NULL, 0));
	t_failed(hf_engines_ping(e, "nobody", 0), HF_E_MISUSE);
	t_failed(hf_ping(NULL, 0), HF_E_MISUSE);
	t_failed(hf_ping(p, -2), HF_E_MISUSE);
	/* It changes nothing of the session, and is no transaction. */
	ck_assert_uint_eq(t_stats(p).resets, 0);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	t_failed(hf_ping(p, 0), HF_E_CLOSED);
	hf_pool_unref(p);
}
END_TEST

/* Down: before the pool ever had a connection, and after. */
START_TEST(test_down)
{
	hf_pool *p = t_pool_on("host=127.0.0.1 port=1 dbname=x", NULL), *late;
	hf_error *why;

	why = ping_fails(hf_ping(p, 3000), 3000, HF_E_CONNECT);
	says(why, "127.0.0.1");
	says(why, "port=1 ");
	hf_error_unref(why);
	t_close(p);

	t_need_pgctl();
	late = t_pool(HF_POOL_OPTS(.max_conns = 2));
	t_done(hf_ping(late, 5000));
	ck_assert(t_pgctl("stop immediate"));
	why = ping_fails(hf_ping(late, 1000), 1000, HF_E_CONNECT);
	says(why, host());
	says(why, "5432");
	hf_error_unref(why);
	ck_assert(t_pgctl("start"));
	t_done(hf_ping(late, HF_FOREVER));
	t_close(late);
}
END_TEST

/* A server that is there and says nothing: its session is frozen, and so is whoever makes new ones.
 */
START_TEST(test_frozen)
{
	hf_pool *p;
	hf_error *why;
	int pid;

	t_need_pgctl();
	p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	pid = (int)t_int(hf_query(p, "select pg_backend_pid()"));
	ck_assert(t_pgctl("stopcont STOP %d", pid));
	ck_assert(t_pgctl("stopcont STOP"));
	why = ping_fails(hf_ping(p, 700), 700, HF_E_CONN_LOST);
	says(why, host());
	says(why, "port 5432");
	says(why, "700 ms");
	hf_error_unref(why);
	why = ping_fails(hf_ping(p, 700), 700, HF_E_CONNECT);
	says(why, host());
	says(why, "5432");
	hf_error_unref(why);
	ck_assert(t_pgctl("stopcont CONT"));
	ck_assert(t_pgctl("stopcont CONT %d", pid));
	t_done(hf_ping(p, HF_FOREVER));
	t_close(p);
}
END_TEST

/* What was silent is probed by the pool itself, in its own time. */
START_TEST(test_frozen_after_silence)
{
	hf_pool *p;
	hf_error *why;
	int pid;

	t_need_pgctl();
	p = t_pool(HF_POOL_OPTS(.max_conns = 1, .ping_idle_ms = 1, .ping_ms = 600));
	pid = (int)t_int(hf_query(p, "select pg_backend_pid()"));
	ck_assert(t_pgctl("stopcont STOP %d", pid));
	ck_assert(t_pgctl("stopcont STOP"));
	why = ping_fails(hf_ping(p, 300), 600, HF_E_CONNECT);
	says(why, host());
	says(why, "5432");
	hf_error_unref(why);
	ck_assert(t_pgctl("stopcont CONT"));
	ck_assert(t_pgctl("stopcont CONT %d", pid));
	t_done(hf_ping(p, HF_FOREVER));
	t_close(p);
}
END_TEST

static hf_status hold(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return hf_conn_query(c, NULL, "select pg_sleep(60)");
}

/* Nothing is known of the server while all connections are at work; but what waits waits longer. */
START_TEST(test_busy)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *f = hf_run(p, hold, NULL, NULL), *next, *ping;
	hf_error *why;

	t_wait_busy(p, 1);
	why = ping_fails(hf_ping(p, 300), 300, HF_E_BUSY);
	says(why, "test_ping.c");
	hf_error_unref(why);
	next = hf_run(p, hold, NULL, NULL);
	ping = hf_ping(p, HF_FOREVER);
	hf_future_cancel(f);
	t_done(ping);
	ck_assert(!hf_future_ready(next));
	hf_future_cancel(next);
	t_failed(next, HF_E_CANCELED);
	t_failed(f, HF_E_CANCELED);
	t_close(p);
}
END_TEST

T_MAIN("ping", { "F39 the server answers, of a pool and of an engine", test_ping, 0 },
	{ "F39 a server that is down is told with its host and port", test_down, 30 },
	{ "F39 a server that is frozen is given its time and no more", test_frozen, 30 },
	{ "F39 a frozen server whose connection was silent", test_frozen_after_silence, 30 },
	{ "F39 a pool that is busy knows nothing of the server", test_busy, 0 })
