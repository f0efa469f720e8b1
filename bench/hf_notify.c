/* SPDX-License-Identifier: MIT */
/* notify: one listener with a callback, and one connection that sends transactions of 100 notices,
 * one transaction ahead. */
#include "hf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL  "peer_channel"
#define TOGETHER 100
#define AHEAD    2 /* transactions */

struct hall {
	pthread_mutex_t lock;
	pthread_cond_t done;
	long wanted, next; /* guarded by lock once the listener listens */
	bool over;
};

static void hear(const hf_notice *n, void *arg)
{
	struct hall *h = arg;

	if (n->gap || atol(n->payload) != h->next)
		bench_die("notice %ld is missing", h->next);
	if (++h->next < h->wanted)
		return;
	pthread_mutex_lock(&h->lock);
	h->over = true;
	pthread_cond_signal(&h->done);
	pthread_mutex_unlock(&h->lock);
}

/* One text for `n` of them, "select pg_notify('peer_channel',$1);select …". */
static const char *text(long n)
{
	static char sql[TOGETHER * 48];
	size_t at = 0;

	for (long i = 1; i <= n; i++)
		at += (size_t)snprintf(
			sql + at, sizeof sql - at, "select pg_notify('" CHANNEL "',$%ld);", i);
	return sql;
}

static hf_future *send_some(hf_pool *p, long first, long n)
{
	char payload[TOGETHER][40];
	hf_value args[TOGETHER];

	for (long i = 0; i < n; i++) {
		snprintf(payload[i], sizeof payload[i], "%032ld", first + i);
		args[i] = hf_v_text(payload[i]);
	}
	return hf_script_at(HF_HERE, p, text(n), args, (size_t)n);
}

static void finish(hf_future *f)
{
	hf_error *why;

	if (f && hf_await(f, &why) != HF_OK)
		bench_hf_die("notify", why);
}

static void send_all(hf_pool *p, long n)
{
	hf_future *under_way[AHEAD] = { NULL };
	long k = 0;

	for (long sent = 0; sent < n; k++) {
		long m = n - sent < TOGETHER ? n - sent : TOGETHER;

		finish(under_way[k % AHEAD]);
		under_way[k % AHEAD] = send_some(p, sent, m);
		sent += m;
	}
	for (long i = 0; i < AHEAD; i++)
		finish(under_way[(k + i) % AHEAD]);
}

void bench_notify(struct bench *b, hf_pool *p)
{
	struct hall h = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, b->ops, 0, false };
	hf_listener *l =
		hf_listen(p, HF_LISTEN_OPTS(.on_notice = hear, .arg = &h, .max_waiting = 1000000));
	hf_error *why;

	if (hf_await(hf_listener_add(l, CHANNEL), &why) != HF_OK)
		bench_hf_die("listen", why);
	bench_begin(b);
	send_all(p, b->ops);
	pthread_mutex_lock(&h.lock);
	while (!h.over)
		pthread_cond_wait(&h.done, &h.lock);
	pthread_mutex_unlock(&h.lock);
	bench_end(b);
	b->conns++; /* the one that listens */
	hf_listener_unref(l);
}
