/* SPDX-License-Identifier: MIT */
/* Listeners: what a user holds. */
#include "listen/group.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/mem.h"
#include "value/error.h"
#include "value/opts.h"

#include <string.h>

#define MAX_WAITING 10000

/* What hf_listen answers where no memory is left to say so, and in a child of fork. */
static hf_listener no_memory = { .is_static = true };

/* --- memory --- */

void hf__listener_get(hf_listener *l)
{
	hf__ref_get(&l->refs);
}

static void detach(hf_listener *l)
{
	hf__group *g = l->group;

	hf__lock(&g->lock);
	APR_RING_REMOVE(l, all);
	hf__unlock(&g->lock);
	hf__group_put(g);
}

void hf__listener_put(hf_listener *l)
{
	if (!hf__ref_put(&l->refs))
		return;
	hf__taken_finish(l, &l->lent);
	hf__mailbox_finish(&l->mail);
	if (l->source.box)
		hf__source_finish(&l->source);
	if (l->group)
		detach(l);
	hf__cond_finish(&l->cond);
	hf_error_unref(l->refusal);
	hf__free(l);
}

static bool forked(const hf_listener *l)
{
	return l->forks != hf__fork_count();
}

hf_listener *hf_listener_ref(hf_listener *l)
{
	if (l && !l->is_static && !forked(l)) {
		hf__ref_get(&l->users);
		hf__listener_get(l);
	}
	return l;
}

/* --- making --- */

static hf_error *check_opts(hf_pool *p, const hf_listen_opts *o)
{
	hf_error *e = hf__pool_refusal(p);

	if (e)
		return e;
	if (o->on_notice && o->inbox)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"a listener delivers to .on_notice or into .inbox, not both");
	if (o->max_waiting < 0)
		return hf__error_fmt(
			HF_E_MISUSE, 0, "max_waiting (%d) is negative", o->max_waiting);
	return NULL;
}

/* Where its notices go. */
static hf_error *set_target(hf_listener *l, hf_pool *p)
{
	hf_listen_opts *o = &l->opts;

	if (o->inbox && !hf__source_init(&l->source, o->inbox, &hf__listener_source))
		return hf__error_forked();
	if (!o->on_notice)
		return NULL;
	l->call.serve = hf__listener_serve;
	l->call.to = hf__callbacks_expect(p->callbacks);
	l->announced = l->call.to != NULL;
	return l->announced ? NULL : hf__error_nomem();
}

static hf_error *join_group(hf_listener *l, hf_pool *p)
{
	hf_error *why = NULL;
	bool ended;

	l->group = hf__group_of(p, &why);
	if (!l->group)
		return why;
	why = set_target(l, p);
	hf__lock(&l->group->lock);
	APR_RING_INSERT_TAIL(&l->group->listeners, l, hf_listener, all);
	ended = l->group->ended;
	if (ended)
		hf__listener_unannounce_locked(l);
	hf__unlock(&l->group->lock);
	return why;
}

static hf_listener *listener_new(void)
{
	hf_listener *l = hf__calloc(sizeof *l);

	if (!l)
		return NULL;
	hf__fork_watch();
	l->forks = hf__fork_count();
	hf__ref_init(&l->refs);
	hf__ref_init(&l->users);
	hf__cond_init(&l->cond);
	APR_RING_INIT(&l->subs, hf__sub, of_listener);
	return l;
}

static void refuse(hf_listener *l, hf_error *e)
{
	l->refusal = e;
	l->arg_freed = true;
	if (l->opts.free_arg)
		l->opts.free_arg(l->opts.arg);
}

hf_listener *hf_listen_at(const hf_site *site, hf_pool *p, const hf_listen_opts *opts)
{
	hf_listener *l = listener_new();
	hf_listen_opts o;
	hf_error *e = NULL;

	hf__opts_copy(&o, sizeof o, opts, "HF_LISTEN_OPTS", &e);
	if (!l) {
		hf_error_unref(e);
		if (o.free_arg)
			o.free_arg(o.arg);
		return &no_memory;
	}
	l->opts = o;
	hf__mailbox_init(&l->mail, o.max_waiting ? (size_t)o.max_waiting : MAX_WAITING);
	if (!e)
		e = check_opts(p, &o);
	if (!e)
		e = join_group(l, p);
	if (e)
		refuse(l, hf__error_at(e, 0, NULL, site));
	return l;
}

/* --- channels --- */

static hf_error *check(const hf_listener *l, const char *channel)
{
	if (!l)
		return hf__error_fmt(HF_E_MISUSE, 0, "the listener is NULL");
	if (l->is_static)
		return hf__error_nomem();
	if (forked(l))
		return hf__error_forked();
	return l->refusal ? hf_error_ref(l->refusal) : hf__check_channel(channel);
}

/* Why nothing can be listened to any more. */
static hf_error *over_locked(const hf_listener *l)
{
	if (l->stopped)
		return hf__error_fmt(HF_E_CANCELED, 0, "the listener was stopped");
	if (l->group->ended)
		return hf__error_fmt(
			HF_E_CLOSED, 0, "pool \"%s\" was closed", l->group->pool->name);
	return NULL;
}

static hf__sub *find_sub(hf_listener *l, const hf__channel *c)
{
	hf__sub *s;

	if (c)
		APR_RING_FOREACH (s, &l->subs, hf__sub, of_listener)
			if (s->channel == c)
				return s;
	return NULL;
}

/* NULL: no memory. */
static hf__sub *get_sub_locked(hf_listener *l, hf__channel *c)
{
	hf__sub *s = find_sub(l, c);

	if (s)
		return s;
	s = hf__sub_new_locked(l, c);
	if (s && c->listening && !c->busy)
		s->confirmed = true;
	return s;
}

/* Consumes the promise. */
static void add_locked(hf_listener *l, const char *name, hf__promise *p, hf__promise_ring *kept)
{
	hf__group *g = l->group;
	hf__channel *c;
	hf__sub *s = NULL;

	p->error = over_locked(l);
	if (p->error) {
		APR_RING_INSERT_TAIL(kept, p, hf__promise, link);
		return;
	}
	c = hf__channel_get_locked(g, name);
	if (c)
		s = get_sub_locked(l, c);
	if (!s)
		p->error = hf__error_nomem();
	if (!s || s->confirmed)
		APR_RING_INSERT_TAIL(kept, p, hf__promise, link);
	else
		APR_RING_INSERT_TAIL(&s->promises, p, hf__promise, link);
	if (s && !hf__group_start_locked(g))
		hf__sub_drop_locked(g, s,
			hf__error_fmt(HF_E_NOMEM, HF_RETRYABLE, "no thread could be started"),
			kept);
	else if (c)
		hf__channel_settle_locked(g, c, kept);
}

static void drop_locked(hf_listener *l, const char *name, hf__promise *p, hf__promise_ring *kept)
{
	hf__group *g = l->group;
	hf__channel *c = hf__channel_find_locked(g, name);
	hf__sub *s = find_sub(l, c);

	if (!s) {
		APR_RING_INSERT_TAIL(kept, p, hf__promise, link);
		return;
	}
	APR_RING_INSERT_TAIL(&c->leaving, p, hf__promise, link);
	hf__sub_drop_locked(g, s,
		hf__error_fmt(HF_E_CANCELED, 0,
			"channel \"%s\" was dropped before the server had "
			"confirmed it",
			name),
		kept);
}

typedef void change_fn(hf_listener *l, const char *name, hf__promise *p, hf__promise_ring *kept);

static hf_future *change(change_fn *how, const hf_site *site, hf_listener *l, const char *name)
{
	hf_error *e = check(l, name);
	hf__promise_ring kept;
	hf__promise *p;

	if (e)
		return hf__future_failed(NULL,
			hf_error_status(e) == HF_E_NOMEM ? e : hf__error_at(e, 0, NULL, site));
	p = hf__promise_new(l->group, site);
	if (!p)
		return hf__future_nomem();
	APR_RING_INIT(&kept, hf__promise, link);
	hf__lock(&l->group->lock);
	how(l, name, p, &kept);
	hf__unlock(&l->group->lock);
	hf__promise_keep_all(&kept);
	return &p->future;
}

hf_future *hf_listener_add_at(const hf_site *site, hf_listener *l, const char *channel)
{
	return change(add_locked, site, l, channel);
}

hf_future *hf_listener_drop_at(const hf_site *site, hf_listener *l, const char *channel)
{
	return change(drop_locked, site, l, channel);
}

/* --- taking --- */

static hf_status check_next(const hf_listener *l, const hf_notice *const *out)
{
	if (!l || !out)
		return HF_E_MISUSE;
	if (l->is_static)
		return HF_E_NOMEM;
	if (forked(l))
		return HF_E_FORKED;
	if (l->refusal)
		return hf_error_status(l->refusal);
	return l->opts.on_notice || l->opts.inbox ? HF_E_MISUSE : HF_OK;
}

static hf_status take_locked(hf_listener *l, int64_t deadline)
{
	for (;;) {
		if (l->stopped)
			return HF_E_CLOSED;
		if (hf__mailbox_take(&l->mail, &l->lent))
			return HF_OK;
		if (l->group->ended)
			return HF_E_CLOSED;
		if (hf__now() >= deadline)
			return HF_PENDING;
		hf__cond_wait_until(&l->cond, &l->group->lock, deadline);
	}
}

hf_status hf_listener_next(hf_listener *l, int ms, const hf_notice **out)
{
	int64_t deadline = hf__deadline(ms);
	hf_status st = check_next(l, out);

	if (st != HF_OK)
		return st;
	hf__taken_finish(l, &l->lent);
	hf__lock(&l->group->lock);
	st = take_locked(l, deadline);
	hf__unlock(&l->group->lock);
	if (st != HF_OK)
		return st;
	hf__taken_decode(l, &l->lent);
	*out = &l->lent.view;
	return HF_OK;
}

/* --- the end --- */

void hf__listener_unannounce_locked(hf_listener *l)
{
	if (!l->announced || l->scheduled)
		return;
	l->announced = false;
	hf__callbacks_forget(l->call.to);
}

/* What waits goes into `rest`. */
static void stop_locked(hf_listener *l, hf__mailbox *rest, hf__promise_ring *kept)
{
	l->stopped = true;
	while (!APR_RING_EMPTY(&l->subs, hf__sub, of_listener))
		hf__sub_drop_locked(l->group, APR_RING_FIRST(&l->subs),
			hf__error_fmt(HF_E_CANCELED, 0,
				"the listener was stopped before the server had confirmed it"),
			kept);
	rest->items = l->mail.items;
	rest->room = l->mail.room;
	rest->head = l->mail.head;
	rest->tail = l->mail.tail;
	hf__mailbox_init(&l->mail, l->mail.max);
	hf__cond_broadcast(&l->cond);
	hf__listener_unannounce_locked(l);
}

/* Until no callback runs; then the argument is freed, unless a callback of its own stops it. */
static void await_callback_locked(hf_listener *l)
{
	if (l->running && pthread_equal(l->runner, pthread_self())) {
		l->stopped_inside = true;
		return;
	}
	while (l->running)
		hf__cond_wait(&l->cond, &l->group->lock);
	if (l->arg_freed)
		return;
	l->arg_freed = l->running = true;
	l->runner = pthread_self();
	hf__unlock(&l->group->lock);
	if (l->opts.free_arg)
		l->opts.free_arg(l->opts.arg);
	hf__lock(&l->group->lock);
	l->running = false;
	hf__cond_broadcast(&l->cond);
}

static void stop(hf_listener *l)
{
	hf__promise_ring kept;
	hf__mailbox rest;

	APR_RING_INIT(&kept, hf__promise, link);
	hf__mailbox_init(&rest, 0);
	hf__lock(&l->group->lock);
	stop_locked(l, &rest, &kept);
	hf__unlock(&l->group->lock);
	hf__mailbox_finish(&rest);
	hf__promise_keep_all(&kept);
	if (l->source.box)
		hf__inbox_withdraw(&l->source);
	hf__lock(&l->group->lock);
	await_callback_locked(l);
	hf__unlock(&l->group->lock);
}

hf_status hf_listener_stop(hf_listener *l)
{
	if (!l)
		return HF_E_MISUSE;
	if (l->is_static)
		return HF_OK;
	if (forked(l))
		return HF_E_FORKED;
	if (l->group)
		stop(l);
	return HF_OK;
}

hf_listener *hf_listener_unref(hf_listener *l)
{
	if (!l || l->is_static || forked(l))
		return NULL;
	if (hf__ref_put(&l->users))
		hf_listener_stop(l);
	hf__listener_put(l);
	return NULL;
}
