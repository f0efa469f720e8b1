/* SPDX-License-Identifier: MIT */
/* From the socket into the mailboxes, and from there to the users. */
#include "listen/group.h"

#include "base/attr.h"
#include "base/clock.h"
#include "pq/notify.h"

#include <string.h>

#define BATCH 256 /* notices under one lock */
#define SERVE 64  /* before other callbacks have their turn */

/* --- in --- */

struct batch {
	hf__group *g;
	int n;
	hf__note *note[BATCH]; /* NULL: there was no memory for it */
	char name[BATCH][HF_CHANNEL_BYTES + 1];
};

static void collect(const char *channel, const char *payload, int pid, void *arg)
{
	struct batch *b = arg;

	b->note[b->n] = hf__note_new(payload, pid);
	hf__copy_text(b->name[b->n], sizeof b->name[b->n], channel);
	b->n++;
}

static void touch_locked(hf__group *g, hf_listener *l)
{
	if (l->is_roused)
		return;
	l->is_roused = true;
	APR_RING_INSERT_TAIL(&g->roused, l, hf_listener, roused);
}

/* How many were dropped. */
static unsigned hand_out_locked(hf__group *g, hf__channel *c, hf__note *n)
{
	unsigned dropped = 0;
	hf__sub *s;

	APR_RING_FOREACH (s, &c->subs, hf__sub, of_channel) {
		if (!s->confirmed)
			continue;
		dropped += !hf__mailbox_put(&s->listener->mail, s, n);
		touch_locked(g, s->listener);
	}
	return dropped;
}

static unsigned hand_out_batch(struct batch *b)
{
	hf__channel *c = NULL;
	unsigned dropped = 0;

	hf__lock(&b->g->lock);
	for (int i = 0; i < b->n; i++) {
		if (!c || strcmp(c->name, b->name[i]) != 0)
			c = hf__channel_find_locked(b->g, b->name[i]);
		if (c)
			dropped += hand_out_locked(b->g, c, b->note[i]);
	}
	hf__group_rouse_locked(b->g);
	hf__unlock(&b->g->lock);
	return dropped;
}

void hf__group_read(hf__group *g)
{
	struct batch b;

	b.g = g;
	do {
		unsigned dropped;

		b.n = 0;
		if (hf__link_notified(&g->link, BATCH, collect, &b) == 0)
			return;
		g->heard_at = hf__now();
		dropped = hand_out_batch(&b);
		hf__group_count(g, (unsigned)b.n, dropped, 0);
		for (int i = 0; i < b.n; i++)
			hf__note_put(b.note[i]);
	} while (b.n == BATCH);
}

void hf__channel_gap_locked(hf__group *g, hf__channel *c, hf__note *gap, int64_t from_ns)
{
	hf__sub *s;

	APR_RING_FOREACH (s, &c->subs, hf__sub, of_channel) {
		if (!s->confirmed)
			continue;
		hf__mailbox_put_gap(&s->listener->mail, s, gap, from_ns);
		touch_locked(g, s->listener);
	}
}

/* --- telling the listeners --- */

static void rouse_locked(hf_listener *l)
{
	if (l->opts.inbox) {
		hf__inbox_post(&l->source);
	} else if (!l->opts.on_notice) {
		hf__cond_broadcast(&l->cond);
	} else if (!l->scheduled && l->announced) {
		l->scheduled = true;
		hf__listener_get(l);
		hf__callbacks_queue(&l->call);
	}
}

void hf__group_rouse_locked(hf__group *g)
{
	while (!APR_RING_EMPTY(&g->roused, hf_listener, roused)) {
		hf_listener *l = APR_RING_FIRST(&g->roused);

		APR_RING_REMOVE(l, roused);
		l->is_roused = false;
		rouse_locked(l);
	}
}

/* --- out --- */

void hf__taken_decode(hf_listener *l, hf__taken *t)
{
	const hf_listen_opts *o = &l->opts;

	if (!o->decode || t->view.gap)
		return;
	if (o->decode(t->view.payload, &t->view.decoded, o->decode_arg) == HF_OK)
		return;
	t->view.malformed = true;
	t->view.decoded = NULL;
}

void hf__taken_finish(hf_listener *l, hf__taken *t)
{
	if (t->view.decoded && l->opts.free_decoded)
		l->opts.free_decoded(t->view.decoded);
	hf__note_put(t->note);
	hf__sub_put(t->sub);
	*t = (hf__taken){ 0 };
}

static bool is_over_locked(const hf_listener *l)
{
	return l->stopped || l->group->ended;
}

/* The lock is released while the callback runs. */
static void call_back_locked(hf_listener *l, hf__taken *t)
{
	hf__unlock(&l->group->lock);
	hf__taken_decode(l, t);
	l->opts.on_notice(&t->view, l->opts.arg);
	hf__taken_finish(l, t);
	hf__lock(&l->group->lock);
}

/* Who stopped it from inside could not wait for the callback to end. */
static void free_arg_locked(hf_listener *l)
{
	l->arg_freed = true;
	if (!l->opts.free_arg)
		return;
	hf__unlock(&l->group->lock);
	l->opts.free_arg(l->opts.arg);
	hf__lock(&l->group->lock);
}

/* On the callback thread. */
bool hf__listener_serve(hf__call *call)
{
	hf_listener *l = hf_container_of(call, hf_listener, call);
	hf__group *g = l->group;
	hf__taken t;
	bool announced;

	hf__lock(&g->lock);
	l->running = true;
	l->runner = pthread_self();
	for (int n = 0; n < SERVE && !is_over_locked(l) && hf__mailbox_take(&l->mail, &t); n++)
		call_back_locked(l, &t);
	if (l->stopped_inside && !l->arg_freed)
		free_arg_locked(l);
	l->running = false;
	hf__cond_broadcast(&l->cond);
	l->scheduled = !is_over_locked(l) && !hf__mailbox_empty(&l->mail);
	if (l->scheduled)
		hf__callbacks_queue(call);
	else if (is_over_locked(l))
		l->announced = false;
	announced = l->announced;
	if (l->scheduled)
		hf__listener_get(l);
	hf__unlock(&g->lock);
	hf__listener_put(l);
	return announced;
}

static bool source_take(hf__source *s, hf_event *out)
{
	hf_listener *l = hf_container_of(s, hf_listener, source);
	bool got;

	hf__lock(&l->group->lock);
	got = !l->stopped && hf__mailbox_take(&l->mail, &l->lent);
	if (got && !hf__mailbox_empty(&l->mail))
		hf__inbox_post(s);
	hf__unlock(&l->group->lock);
	if (!got)
		return false;
	hf__taken_decode(l, &l->lent);
	out->notice = &l->lent.view;
	out->tag = l->opts.tag;
	return true;
}

static void source_release(hf__source *s)
{
	hf_listener *l = hf_container_of(s, hf_listener, source);

	hf__taken_finish(l, &l->lent);
}

static void source_hold(hf__source *s)
{
	hf__listener_get(hf_container_of(s, hf_listener, source));
}

static void source_let_go(hf__source *s)
{
	hf__listener_put(hf_container_of(s, hf_listener, source));
}

const hf__source_ops hf__listener_source = {
	.take = source_take,
	.release = source_release,
	.hold = source_hold,
	.let_go = source_let_go,
};
