/* SPDX-License-Identifier: MIT */
/* Channels and subscriptions: what is wanted, what the server has confirmed, and who waits for
 * that. */
#include "listen/group.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "value/error.h"

#include <string.h>

/* --- promises --- */

static void promise_destroy(hf_future *f)
{
	hf__promise *p = hf_container_of(f, hf__promise, future);

	hf__callbacks_unref(p->calls);
	hf__free(p);
}

/* No cancel: it answers HF_E_BUSY. The thread that keeps it is none that a user's code could hold
 * up, so waiting for it is no deadlock anywhere. */
static const hf__future_ops promise_ops = { .destroy = promise_destroy };

hf__promise *hf__promise_new(hf__group *g, const hf_site *site)
{
	hf__promise *p = hf__calloc(sizeof *p);

	if (!p)
		return NULL;
	p->calls = hf__callbacks_ref(g->pool->callbacks);
	if (site)
		p->site = *site;
	hf__future_init(&p->future, &promise_ops, p->calls);
	return p;
}

void hf__promise_keep_all(hf__promise_ring *kept)
{
	while (!APR_RING_EMPTY(kept, hf__promise, link)) {
		hf__promise *p = APR_RING_FIRST(kept);

		APR_RING_REMOVE(p, link);
		if (p->error)
			hf__future_fail(&p->future, hf__error_at(p->error, 0, NULL, &p->site));
		else
			hf__future_complete(&p->future, (hf__outcome){ .status = HF_OK });
		hf_future_unref(&p->future);
	}
}

/* --- channels --- */

void hf__channel_put(hf__channel *c)
{
	if (c && hf__ref_put(&c->refs))
		hf__free(c);
}

/* FNV-1a. */
static size_t bucket_of(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h % HF__BUCKETS;
}

hf__channel *hf__channel_find_locked(hf__group *g, const char *name)
{
	hf__channel *c = g->buckets[bucket_of(name)];

	while (c && strcmp(c->name, name) != 0)
		c = c->chain;
	return c;
}

hf__channel *hf__channel_get_locked(hf__group *g, const char *name)
{
	hf__channel *c = hf__channel_find_locked(g, name), **bucket;

	if (c)
		return c;
	c = hf__calloc(sizeof *c);
	if (!c)
		return NULL;
	hf__ref_init(&c->refs);
	memcpy(c->name, name, strlen(name) + 1);
	APR_RING_INIT(&c->subs, hf__sub, of_channel);
	APR_RING_INIT(&c->leaving, hf__promise, link);
	bucket = &g->buckets[bucket_of(name)];
	c->chain = *bucket;
	*bucket = c;
	c->in_table = true;
	APR_RING_INSERT_TAIL(&g->channels, c, hf__channel, all);
	return c;
}

static void remove_locked(hf__group *g, hf__channel *c)
{
	hf__channel **at = &g->buckets[bucket_of(c->name)];

	while (*at != c)
		at = &(*at)->chain;
	*at = c->chain;
	APR_RING_REMOVE(c, all);
	if (c->is_todo)
		APR_RING_REMOVE(c, todo);
	c->is_todo = c->in_table = false;
	hf__channel_put(c);
}

static bool wanted(const hf__channel *c)
{
	return !APR_RING_EMPTY(&c->subs, hf__sub, of_channel);
}

void hf__channel_settle_locked(hf__group *g, hf__channel *c, hf__promise_ring *kept)
{
	if (c->busy || !c->in_table)
		return;
	if (wanted(c) != c->listening && g->up && !c->is_todo) {
		c->is_todo = true;
		APR_RING_INSERT_TAIL(&g->todo, c, hf__channel, todo);
		hf__wake_signal(&g->wake);
	}
	if (wanted(c) || !c->listening)
		APR_RING_CONCAT(kept, &c->leaving, hf__promise, link);
	if (!wanted(c) && !c->listening)
		remove_locked(g, c);
}

void hf__channel_set_listening(hf__group *g, hf__channel *c, bool listening)
{
	g->n_listening += (unsigned)listening - (unsigned)c->listening;
	c->listening = listening;
}

void hf__channel_confirm_locked(hf__channel *c, hf__promise_ring *kept)
{
	hf__sub *s;

	APR_RING_FOREACH (s, &c->subs, hf__sub, of_channel) {
		s->confirmed = true;
		APR_RING_CONCAT(kept, &s->promises, hf__promise, link);
	}
}

void hf__channel_refuse_locked(
	hf__group *g, hf__channel *c, const hf_error *why, hf__promise_ring *kept)
{
	hf__sub *s, *next;

	APR_RING_FOREACH_SAFE (s, next, &c->subs, hf__sub, of_channel)
		if (!s->confirmed)
			hf__sub_drop_locked(g, s, hf_error_ref(why), kept);
}

/* --- subscriptions --- */

hf__sub *hf__sub_new_locked(hf_listener *l, hf__channel *c)
{
	hf__sub *s = hf__calloc(sizeof *s);

	if (!s)
		return NULL;
	hf__ref_init(&s->refs);
	hf__ref_get(&c->refs);
	s->channel = c;
	s->listener = l;
	APR_RING_INIT(&s->promises, hf__promise, link);
	APR_RING_INSERT_TAIL(&c->subs, s, hf__sub, of_channel);
	APR_RING_INSERT_TAIL(&l->subs, s, hf__sub, of_listener);
	return s;
}

void hf__sub_drop_locked(hf__group *g, hf__sub *s, hf_error *why, hf__promise_ring *kept)
{
	hf__mailbox *mail = &s->listener->mail;
	hf__promise *p;

	APR_RING_REMOVE(s, of_channel);
	APR_RING_REMOVE(s, of_listener);
	s->listener = NULL;
	hf__mailbox_forget(mail, s);
	APR_RING_FOREACH (p, &s->promises, hf__promise, link)
		p->error = hf_error_ref(why);
	APR_RING_CONCAT(kept, &s->promises, hf__promise, link);
	hf_error_unref(why);
	hf__channel_settle_locked(g, s->channel, kept);
	hf__sub_put(s);
}

/* --- at the server --- */

/* What is to be done next; it is busy then, and has a reference. */
static hf__channel *take_todo(hf__group *g, bool *listen)
{
	hf__channel *c = NULL;

	hf__lock(&g->lock);
	while (!c && !APR_RING_EMPTY(&g->todo, hf__channel, todo)) {
		c = APR_RING_FIRST(&g->todo);
		APR_RING_REMOVE(c, todo);
		c->is_todo = false;
		if (wanted(c) == c->listening)
			c = NULL; /* somebody has thought better of it */
	}
	if (c) {
		c->busy = true;
		*listen = !c->listening;
		hf__ref_get(&c->refs);
	}
	hf__unlock(&g->lock);
	return c;
}

static hf_error *say(hf__group *g, const char *verb, const char *name)
{
	hf__guard guard = { HF__NEVER, HF__NEVER, hf__group_ask, g, NULL };
	hf__strbuf sql = HF__STRBUF_INIT;
	hf_error *e = NULL;

	hf__strbuf_printf(&sql, "%s ", verb);
	if (hf__ident(&sql, name, "channel", &e) == HF_OK)
		e = hf__link_command(&g->link, hf__strbuf_text(&sql), &guard);
	hf__strbuf_finish(&sql);
	return e;
}

static void said_locked(
	hf__group *g, hf__channel *c, bool listen, hf_error *e, hf__promise_ring *kept)
{
	c->busy = false;
	if (!e)
		hf__channel_set_listening(g, c, listen);
	if (!e && listen)
		hf__channel_confirm_locked(c, kept);
	if (e && listen && !g->link.broken)
		hf__channel_refuse_locked(g, c, e, kept);
	hf__channel_settle_locked(g, c, kept);
}

bool hf__group_work(hf__group *g)
{
	bool listen;
	hf__channel *c = take_todo(g, &listen);
	hf__promise_ring kept;
	hf_error *e;

	if (!c)
		return false;
	APR_RING_INIT(&kept, hf__promise, link);
	e = say(g, listen ? "LISTEN" : "UNLISTEN", c->name);
	if (!e)
		g->heard_at = hf__now();
	else if (!listen)
		g->link.broken = true; /* it says that nothing can be said */
	hf__lock(&g->lock);
	said_locked(g, c, listen, e, &kept);
	hf__unlock(&g->lock);
	hf__group_count(g, 0, 0, 0);
	if (e)
		hf__logf(&g->pool->log, HF__LOG_WARN, "listening: %s \"%s\": %s",
			listen ? "LISTEN" : "UNLISTEN", c->name, hf_error_message(e));
	hf_error_unref(e);
	hf__promise_keep_all(&kept);
	hf__channel_put(c);
	return true;
}
