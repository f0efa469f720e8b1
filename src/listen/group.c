/* SPDX-License-Identifier: MIT */
/* A group's life and its thread. */
#include "listen/group.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "value/error.h"

/* --- memory --- */

static hf__group *group_of(hf__attached *a)
{
	return hf_container_of(a, hf__group, attached);
}

void hf__group_put(hf__group *g)
{
	if (!g || !hf__ref_put(&g->refs))
		return;
	hf__wake_finish(&g->wake);
	hf__cond_finish(&g->ended_cond);
	hf__mutex_finish(&g->lock);
	hf__pool_put(g->pool);
	hf__free(g);
}

static void let_go(hf__attached *a)
{
	hf__group_put(group_of(a));
}

static hf__link_config link_config(hf__group *g)
{
	const hf_pool_opts *o = &g->pool->opts;

	return (hf__link_config){ .wake = &g->wake,
		.canceler = g->pool->canceler,
		.log = &g->pool->log,
		.max_result = o->max_result,
		.stall_ms = o->stall_ms };
}

static bool end_group(hf__attached *a, int64_t deadline);

static hf__group *group_new(hf_pool *p)
{
	hf__group *g = hf__calloc(sizeof *g);
	hf__link_config cfg;

	if (!g)
		return NULL;
	if (!hf__wake_init(&g->wake)) {
		hf__free(g);
		return NULL;
	}
	g->attached = (hf__attached){ end_group, let_go };
	hf__ref_init(&g->refs);
	g->pool = hf__pool_ref(p);
	g->dsn = p->listen_dsn.n > 0 ? &p->listen_dsn : &p->dsn;
	hf__mutex_init(&g->lock, HF__L_LISTEN);
	hf__cond_init(&g->ended_cond);
	APR_RING_INIT(&g->channels, hf__channel, all);
	APR_RING_INIT(&g->todo, hf__channel, todo);
	APR_RING_INIT(&g->listeners, hf_listener, all);
	APR_RING_INIT(&g->roused, hf_listener, roused);
	cfg = link_config(g);
	hf__link_init(&g->link, &cfg);
	return g;
}

/* The one that the pool has, or `mine` if it has none. NULL: it is not open. */
static hf__group *attach(hf_pool *p, hf__group *mine)
{
	hf__group *g = NULL;

	hf__lock(&p->lock);
	if (p->state == HF_POOL_OPEN) {
		if (!p->attached && mine) {
			p->attached = &mine->attached;
			hf__ref_get(&mine->refs);
		}
		g = p->attached ? group_of(p->attached) : NULL;
		if (g)
			hf__ref_get(&g->refs);
	}
	hf__unlock(&p->lock);
	return g;
}

/* A pool that is opened again has another canceler, and so another group. */
hf__group *hf__group_of(hf_pool *p, hf_error **why)
{
	hf__group *g = attach(p, NULL), *mine;

	if (g)
		return g;
	if (hf_pool_get_state(p) != HF_POOL_OPEN) {
		*why = hf__error_fmt(HF_E_CLOSED, 0, "pool \"%s\" is not open", p->name);
		return NULL;
	}
	mine = group_new(p);
	if (!mine) {
		*why = hf__error_nomem();
		return NULL;
	}
	g = attach(p, mine);
	hf__group_put(mine);
	if (!g)
		*why = hf__error_fmt(HF_E_CLOSED, 0, "pool \"%s\" is not open", p->name);
	return g;
}

/* --- the thread --- */

static bool is_wanted_locked(const hf__group *g)
{
	return !g->ended && !APR_RING_EMPTY(&g->channels, hf__channel, all);
}

bool hf__group_wanted(hf__group *g)
{
	bool wanted;

	hf__lock(&g->lock);
	wanted = is_wanted_locked(g);
	hf__unlock(&g->lock);
	return wanted;
}

hf__ask hf__group_ask(void *group)
{
	return hf__group_wanted(group) ? HF__ASK_NONE : HF__ASK_ABORT;
}

void hf__group_count(hf__group *g, unsigned notices, unsigned dropped, unsigned losses)
{
	hf_pool *p = g->pool;

	hf__lock(&p->lock);
	p->stats.listening = g->n_listening;
	p->stats.notices += notices;
	p->stats.notices_dropped += dropped;
	p->stats.listen_losses += losses;
	hf__unlock(&p->lock);
}

/* After a silence the server is asked for life: one that is gone without a word would never be
 * missed. */
static void rest(hf__group *g)
{
	const hf_pool_opts *o = &g->pool->opts;
	hf__guard guard = { HF__NEVER, HF__NEVER, hf__group_ask, g, NULL };
	int64_t ask_at = o->ping_idle_ms < 0 ? HF__NEVER : hf__after(g->heard_at, o->ping_idle_ms);

	if (hf__now() >= ask_at) {
		hf_error_unref(hf__link_ping(&g->link, o->ping_ms, &guard));
		if (!g->link.broken)
			g->heard_at = hf__now();
	} else {
		hf__link_rest(&g->link, ask_at);
	}
}

/* Until the link is lost, or nobody wants it. */
static void serve(hf__group *g)
{
	while (hf__group_wanted(g)) {
		hf__group_read(g);
		if (!hf__group_work(g))
			rest(g);
		if (!g->link.broken)
			continue;
		hf__group_read(g);
		if (hf__group_wanted(g))
			hf__group_lost(
				g, g->link.fatal[0] ? g->link.fatal : "the server does not answer");
		return;
	}
}

/* Nobody wants it. False: somebody does again. */
static bool may_end(hf__group *g)
{
	bool end;

	hf__lock(&g->lock);
	g->up = false;
	end = !is_wanted_locked(g);
	if (end) {
		g->running = false;
		hf__cond_broadcast(&g->ended_cond);
	}
	hf__unlock(&g->lock);
	return end;
}

static void *run(void *arg)
{
	hf__group *g = arg;

	hf__thread_serve(g->pool, HF__ROLE_HOUSE);
	do {
		while (hf__group_connect(g))
			serve(g);
		hf__link_close(&g->link);
		g->lost_from = 0;
	} while (!may_end(g));
	return NULL;
}

bool hf__group_start_locked(hf__group *g)
{
	if (g->running)
		return true;
	if (g->joinable)
		pthread_join(g->thread, NULL);
	g->joinable = false;
	if (!hf__thread_start(&g->thread, "hf-listen", run, g))
		return false;
	g->running = g->joinable = true;
	return true;
}

/* --- the end --- */

static void cut_off_locked(hf__group *g, hf__promise_ring *kept)
{
	hf__channel *c, *next;
	hf_listener *l;
	hf_error *why = hf__error_fmt(
		HF_E_CLOSED, 0, "pool \"%s\" was closed before it listened", g->pool->name);

	APR_RING_FOREACH_SAFE (c, next, &g->channels, hf__channel, all) {
		hf__ref_get(&c->refs);
		c->busy = c->listening = false;
		hf__channel_refuse_locked(g, c, why, kept);
		hf__channel_settle_locked(g, c, kept);
		hf__channel_put(c);
	}
	hf_error_unref(why);
	APR_RING_FOREACH (l, &g->listeners, hf_listener, all) {
		hf__listener_unannounce_locked(l);
		hf__cond_broadcast(&l->cond);
	}
}

static bool end_group(hf__attached *a, int64_t deadline)
{
	hf__group *g = group_of(a);
	hf__promise_ring kept;
	bool in_time = true;

	APR_RING_INIT(&kept, hf__promise, link);
	hf__lock(&g->lock);
	g->ended = true;
	hf__wake_signal(&g->wake);
	while (g->running && in_time)
		in_time = hf__cond_wait_until(&g->ended_cond, &g->lock, deadline);
	if (g->running) {
		hf__unlock(&g->lock);
		return false;
	}
	if (g->joinable)
		pthread_join(g->thread, NULL);
	g->joinable = false;
	cut_off_locked(g, &kept);
	hf__unlock(&g->lock);
	hf__promise_keep_all(&kept);
	g->n_listening = 0;
	hf__group_count(g, 0, 0, 0);
	return true;
}
