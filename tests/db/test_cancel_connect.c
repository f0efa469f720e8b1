/* SPDX-License-Identifier: MIT */
/* Cancelling while there is no connection yet, or one in doubt: the server accepts and says
 * nothing. */
#include "fixture.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct blackhole {
	char dir[32], path[64], dsn[128];
	int fd;
};

static void blackhole_open(struct blackhole *b)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(b->dir, sizeof b->dir, "/tmp/hfhole.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(b->dir));
	snprintf(b->path, sizeof b->path, "%s/.s.PGSQL.5432", b->dir);
	snprintf(b->dsn, sizeof b->dsn, "host=%s port=5432 user=holdfast dbname=holdfast", b->dir);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", b->path);
	b->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(b->fd, 0);
	ck_assert_int_eq(bind(b->fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(b->fd, 16), 0);
}

static void blackhole_await(const struct blackhole *b)
{
	struct pollfd p = { b->fd, POLLIN, 0 };

	ck_assert_int_eq(poll(&p, 1, 10000 * t_slow()), 1);
}

/* From now on the name leads to the real server; who has connected before goes on waiting. */
static void blackhole_become_real(const struct blackhole *b)
{
	PQconninfoOption *all = PQconninfoParse(t_dsn(), NULL);
	char target[256] = "";

	ck_assert_ptr_nonnull(all);
	for (PQconninfoOption *o = all; o->keyword; o++)
		if (strcmp(o->keyword, "host") == 0 && o->val)
			snprintf(target, sizeof target, "%s/.s.PGSQL.5432", o->val);
	PQconninfoFree(all);
	ck_assert_int_eq(unlink(b->path), 0);
	ck_assert_int_eq(symlink(target, b->path), 0);
}

static void blackhole_close(const struct blackhole *b)
{
	close(b->fd);
	unlink(b->path);
	rmdir(b->dir);
}

static bool none_connecting(void *pool)
{
	hf_pool_stats s = t_stats(pool);

	return s.connecting == 0 && s.conns == 0;
}

START_TEST(test_cancel_while_connecting)
{
	struct blackhole b;
	int64_t began;
	hf_future *f;
	hf_pool *p;

	t_need_pgctl();
	blackhole_open(&b);
	p = t_pool_on(b.dsn, HF_POOL_OPTS(.min_conns = 1, .max_conns = 1, .connect_ms = 1000));
	f = hf_query(p, "select pg_sleep(60)");
	blackhole_await(&b);
	began = hf_now_ns();
	ck_assert_int_eq(hf_future_cancel(f), HF_OK);
	t_failed(f, HF_E_CANCELED);
	ck_assert_int_lt(t_ms_since(began), 500 * t_slow());
	blackhole_become_real(&b);
	t_wait_idle(p, 1);
	ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	t_close(p);
	blackhole_close(&b);
}
END_TEST

/* Nobody else wants the connection, so the attempt itself is called off. */
START_TEST(test_cancel_ends_attempt)
{
	struct blackhole b;
	int64_t began;
	hf_future *f;
	hf_pool *p;

	t_need_pgctl();
	blackhole_open(&b);
	p = t_pool_on(b.dsn,
		HF_POOL_OPTS(.min_conns = HF_NONE, .max_conns = 2, .connect_ms = 15000 * t_slow()));
	f = hf_query(p, "select pg_sleep(60)");
	blackhole_await(&b);
	began = hf_now_ns();
	ck_assert_int_eq(hf_future_cancel(f), HF_OK);
	t_failed(f, HF_E_CANCELED);
	ck_assert(t_wait_until(none_connecting, p, 1000));
	ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
	blackhole_become_real(&b);
	ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	t_wait_idle(p, 1);
	t_close(p);
	blackhole_close(&b);
}
END_TEST

/* The connection that it got is in doubt and its server silent: neither the probe nor the connect
 * that follows may let it go on waiting. */
START_TEST(test_cancel_while_probing)
{
	hf_status canceled, waited;
	hf_future *f;
	hf_pool *p;
	int pid;

	t_need_pgctl();
	p = t_pool(HF_POOL_OPTS(.max_conns = 1, .ping_idle_ms = 1, .ping_ms = 500));
	pid = (int)t_int(hf_query(p, "select pg_backend_pid()"));
	t_sleep_ms(5);
	ck_assert(t_pgctl("stopcont STOP"));
	ck_assert(t_pgctl("stopcont STOP %d", pid));
	f = hf_query(p, "select 1");
	t_wait_busy(p, 1);
	canceled = hf_future_cancel(f);
	waited = hf_future_wait_for(f, 3000 * t_slow());
	ck_assert(t_pgctl("stopcont CONT %d", pid));
	ck_assert(t_pgctl("stopcont CONT"));
	ck_assert_int_eq(canceled, HF_PENDING);
	ck_assert_int_eq(waited, HF_OK);
	t_failed(f, HF_E_CANCELED);
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

START_TEST(test_terminate_while_connecting)
{
	struct blackhole b;
	int64_t began;
	hf_future *f;
	hf_pool *p;

	t_need_pgctl();
	blackhole_open(&b);
	p = t_pool_on(b.dsn, HF_POOL_OPTS(.min_conns = 4, .max_conns = 4, .connect_ms = 15000));
	f = hf_query(p, "select 1");
	blackhole_await(&b);
	began = hf_now_ns();
	ck_assert_int_eq(hf_pool_terminate(p), HF_OK);
	ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
	t_failed(f, HF_E_CLOSED);
	hf_pool_unref(p);
	blackhole_close(&b);
}
END_TEST

T_MAIN("cancel_connect",
	{ "A19 what waits for a connection that hangs is cancelled", test_cancel_while_connecting,
		0 },
	{ "A19 an attempt that nobody wants any more is called off", test_cancel_ends_attempt, 0 },
	{ "A19 what waits for a probe of its connection is cancelled", test_cancel_while_probing,
		0 },
	{ "A19 a pool whose attempts hang terminates", test_terminate_while_connecting, 0 })
