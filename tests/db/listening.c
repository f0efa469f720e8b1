/* SPDX-License-Identifier: MIT */
/* What tests of listening share. */
#include "listening.h"

#include <stdio.h>
#include <stdlib.h>

#define LIMIT_MS 10000

void t_listen(hf_listener *l, const char *channel)
{
	t_done(hf_listener_add(l, channel));
}

void t_unlisten(hf_listener *l, const char *channel)
{
	t_done(hf_listener_drop(l, channel));
}

const hf_notice *t_any_notice(hf_listener *l)
{
	const hf_notice *n = NULL;
	hf_status st = hf_listener_next(l, LIMIT_MS * t_slow(), &n);

	if (st != HF_OK)
		ck_abort_msg("no notice came: %s", hf_status_name(st));
	return n;
}

const hf_notice *t_notice(hf_listener *l)
{
	const hf_notice *n = t_any_notice(l);

	if (n->gap)
		ck_abort_msg("a gap on \"%s\" instead of a notice", n->channel);
	return n;
}

void t_notify(hf_pool *p, const char *channel, const char *payload)
{
	t_done(hf_notify(p, channel, payload));
}

#define LISTENING "from pg_stat_activity where application_name = '%s' and query ~ '^(UN)?LISTEN '"

int t_listening_pid(void)
{
	char sql[200];

	snprintf(sql, sizeof sql, "select coalesce(max(pid), 0) " LISTENING, t_name());
	return (int)t_psql_int(sql);
}

static bool is_gone(void *arg)
{
	char sql[120];

	snprintf(sql, sizeof sql, "select count(*) from pg_stat_activity where pid = %d",
		*(int *)arg);
	return t_psql_int(sql) == 0;
}

void t_kill_listening(void)
{
	char sql[120];
	int pid = t_listening_pid();

	if (!pid)
		ck_abort_msg("nobody listens");
	snprintf(sql, sizeof sql, "select pg_terminate_backend(%d)::int", pid);
	ck_assert_int_eq(t_psql_int(sql), 1);
	ck_assert(t_wait_until(is_gone, &pid, LIMIT_MS));
}

void t_hear(const hf_notice *n, void *heard)
{
	struct t_heard *h = heard;

	snprintf(h->last, sizeof h->last, "%s", n->payload);
	if (n->gap)
		h->gaps++;
	else
		h->n++;
}

void t_heard_free(void *heard)
{
	((struct t_heard *)heard)->freed++;
}

struct wanted {
	struct t_heard *h;
	int n;
};

static bool has_heard(void *arg)
{
	const struct wanted *w = arg;

	return w->h->n >= w->n;
}

void t_wait_heard(struct t_heard *h, int n)
{
	struct wanted w = { h, n };

	if (!t_wait_until(has_heard, &w, LIMIT_MS))
		ck_abort_msg("%d notices instead of %d", (int)h->n, n);
}
