/* SPDX-License-Identifier: MIT */
/* notify: one listener with a callback, and one connection that sends transactions of 100 notices,
 * one transaction ahead. As 100 commands, or as one statement that has them in an array. */
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

typedef char payloads[TOGETHER][40];

static hf_future *send_each(hf_pool *p, payloads *all, long n)
{
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_future *end;

	for (long i = 0; i < n; i++)
		hf_future_unref(hf_txn_notify(t, CHANNEL, (*all)[i]));
	end = hf_txn_commit(t); /* fails, if one of them has */
	hf_txn_unref(t);
	return end;
}

static hf_future *send_at_once(hf_pool *p, payloads *all, long n)
{
	char array[TOGETHER * 34 + 2];
	size_t at = 0;

	for (long i = 0; i < n; i++)
		at += (size_t)snprintf(
			array + at, sizeof array - at, "%c%s", i == 0 ? '{' : ',', (*all)[i]);
	snprintf(array + at, sizeof array - at, "}");
	return hf_query(p, "select pg_notify('" CHANNEL "', x) from unnest($1::text[]) x", array);
}

typedef hf_future *send_fn(hf_pool *p, payloads *all, long n);

static void finish(hf_future *f)
{
	hf_error *why;

	if (f && hf_await(f, &why) != HF_OK)
		bench_hf_die("notify", why);
}

static void send_all(hf_pool *p, send_fn *send, long n)
{
	hf_future *under_way[AHEAD] = { NULL };
	payloads all;
	long k = 0;

	for (long sent = 0; sent < n; k++) {
		long m = n - sent < TOGETHER ? n - sent : TOGETHER;

		finish(under_way[k % AHEAD]);
		for (long i = 0; i < m; i++)
			snprintf(all[i], sizeof all[i], "%032ld", sent + i);
		under_way[k % AHEAD] = send(p, &all, m);
		sent += m;
	}
	for (long i = 0; i < AHEAD; i++)
		finish(under_way[(k + i) % AHEAD]);
}

static void run(struct bench *b, hf_pool *p, send_fn *send)
{
	struct hall h = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, b->ops, 0, false };
	hf_listener *l =
		hf_listen(p, HF_LISTEN_OPTS(.on_notice = hear, .arg = &h, .max_waiting = 1000000));
	hf_error *why;

	if (hf_await(hf_listener_add(l, CHANNEL), &why) != HF_OK)
		bench_hf_die("listen", why);
	bench_begin(b);
	send_all(p, send, b->ops);
	pthread_mutex_lock(&h.lock);
	while (!h.over)
		pthread_cond_wait(&h.done, &h.lock);
	pthread_mutex_unlock(&h.lock);
	bench_end(b);
	b->conns++; /* the one that listens */
	hf_listener_unref(l);
}

/* 200 under way at most: two transactions. */
int bench_notify(const char *peer, bool at_once)
{
	struct bench b;
	hf_pool *p;

	bench_init_alone(&b, peer, "notify", 20000);
	b.version = hf_version();
	b.conns = 1;
	b.flight = AHEAD * TOGETHER;
	p = bench_pool(&b, "", (hf_pool_opts){ 0 });
	run(&b, p, at_once ? send_at_once : send_each);
	bench_pool_end(p);
	bench_print(&b);
	return 0;
}
