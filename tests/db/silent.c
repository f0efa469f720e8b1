/* SPDX-License-Identifier: MIT */
/* Servers that take what is sent to them and say nothing. */
#include "silent.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void t_hole_open(struct t_hole *h)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(h->dir, sizeof h->dir, "/tmp/hfhole.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(h->dir));
	snprintf(h->path, sizeof h->path, "%s/.s.PGSQL.5432", h->dir);
	snprintf(h->dsn, sizeof h->dsn, "host=%s port=5432 user=holdfast dbname=holdfast", h->dir);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", h->path);
	h->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(h->fd, 0);
	ck_assert_int_eq(bind(h->fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(h->fd, 16), 0);
}

void t_hole_await(const struct t_hole *h)
{
	struct pollfd p = { h->fd, POLLIN, 0 };

	ck_assert_int_eq(poll(&p, 1, 10000 * t_slow()), 1);
}

void t_hole_become_real(const struct t_hole *h)
{
	PQconninfoOption *all = PQconninfoParse(t_dsn(), NULL);
	char target[256] = "";

	ck_assert_ptr_nonnull(all);
	for (PQconninfoOption *o = all; o->keyword; o++)
		if (strcmp(o->keyword, "host") == 0 && o->val)
			snprintf(target, sizeof target, "%s/.s.PGSQL.5432", o->val);
	PQconninfoFree(all);
	ck_assert_int_eq(unlink(h->path), 0);
	ck_assert_int_eq(symlink(target, h->path), 0);
}

void t_hole_close(const struct t_hole *h)
{
	close(h->fd);
	unlink(h->path);
	rmdir(h->dir);
}

void t_freeze(int pid)
{
	ck_assert(t_pgctl("stopcont STOP"));
	ck_assert(t_pgctl("stopcont STOP %d", pid));
}

void t_thaw(int pid)
{
	ck_assert(t_pgctl("stopcont CONT %d", pid));
	ck_assert(t_pgctl("stopcont CONT"));
}

hf_future *t_probed_in_vain(hf_pool *p, int *pid)
{
	hf_future *f;

	*pid = (int)t_int(hf_query(p, "select pg_backend_pid()"));
	t_sleep_ms(5); /* beyond ping_idle_ms */
	t_freeze(*pid);
	f = hf_query(p, "select 1");
	t_wait_busy(p, 1);
	return f;
}
