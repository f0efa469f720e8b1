/* SPDX-License-Identifier: MIT */
/* What waits for one listener. */
#include "listen/mailbox.h"

#include "base/clock.h"
#include "base/mem.h"
#include "listen/group.h"

#include <string.h>

#define FIRST_ROOM 16

static hf__note *note_new(size_t size)
{
	hf__note *n = hf__alloc(sizeof *n + size);

	if (n) {
		*n = (hf__note){ 0 };
		hf__ref_init(&n->refs);
	}
	return n;
}

hf__note *hf__note_new(const char *payload, int pid)
{
	size_t size = strlen(payload) + 1;
	hf__note *n = note_new(size);

	if (n) {
		n->pid = pid;
		memcpy(n->payload, payload, size);
	}
	return n;
}

hf__note *hf__note_gap(int64_t from_ns, int64_t to_ns)
{
	hf__note *n = note_new(1);

	if (n) {
		n->gap = true;
		n->from_ns = from_ns;
		n->to_ns = to_ns;
		n->payload[0] = '\0';
	}
	return n;
}

void hf__note_put(hf__note *n)
{
	if (n && hf__ref_put(&n->refs))
		hf__free(n);
}

void hf__sub_put(hf__sub *s)
{
	if (!s || !hf__ref_put(&s->refs))
		return;
	hf__channel_put(s->channel);
	hf__free(s);
}

/* --- the queue --- */

void hf__mailbox_init(hf__mailbox *m, size_t max)
{
	*m = (hf__mailbox){ .max = max };
	APR_RING_INIT(&m->gaps, hf__sub, gaps);
}

static hf__item *item_at(const hf__mailbox *m, uint64_t number)
{
	return &m->items[number & (m->room - 1)];
}

static void item_put(hf__item *i)
{
	hf__note_put(i->note);
	hf__sub_put(i->sub);
}

void hf__mailbox_finish(hf__mailbox *m)
{
	while (m->head < m->tail)
		item_put(item_at(m, m->head++));
	while (!APR_RING_EMPTY(&m->gaps, hf__sub, gaps))
		hf__mailbox_forget(m, APR_RING_FIRST(&m->gaps));
	hf__free(m->items);
	m->items = NULL;
	m->room = 0;
}

static bool grow(hf__mailbox *m)
{
	size_t room = m->room ? m->room * 2 : FIRST_ROOM;
	hf__item *items = hf__alloc(room * sizeof *items);

	if (!items)
		return false;
	for (uint64_t i = m->head; i < m->tail; i++)
		items[i & (room - 1)] = *item_at(m, i);
	hf__free(m->items);
	m->items = items;
	m->room = room;
	return true;
}

static bool has_room(hf__mailbox *m)
{
	size_t n = (size_t)(m->tail - m->head);

	return n < m->max && (n < m->room || grow(m));
}

static void append(hf__mailbox *m, hf__sub *s, hf__note *n)
{
	hf__ref_get(&n->refs);
	hf__ref_get(&s->refs);
	*item_at(m, m->tail++) = (hf__item){ n, s };
}

static void begin_gap(hf__mailbox *m, hf__sub *s, int64_t from_ns)
{
	s->gap = true;
	s->gap_at = m->tail;
	s->gap_from = from_ns;
	s->gap_dropped = 0;
	hf__ref_get(&s->refs);
	APR_RING_INSERT_TAIL(&m->gaps, s, hf__sub, gaps);
}

bool hf__mailbox_put(hf__mailbox *m, hf__sub *s, hf__note *n)
{
	if (!s->gap && n && has_room(m)) {
		append(m, s, n);
		return true;
	}
	if (!s->gap)
		begin_gap(m, s, hf__now());
	s->gap_dropped++;
	return false;
}

void hf__mailbox_put_gap(hf__mailbox *m, hf__sub *s, hf__note *n, int64_t from_ns)
{
	if (s->gap)
		s->gap_from = from_ns < s->gap_from ? from_ns : s->gap_from;
	else if (n && has_room(m))
		append(m, s, n);
	else
		begin_gap(m, s, from_ns);
}

void hf__mailbox_forget(hf__mailbox *m, hf__sub *s)
{
	(void)m;
	if (!s->gap)
		return;
	s->gap = false;
	APR_RING_REMOVE(s, gaps);
	hf__sub_put(s);
}

/* The reference that the list had goes with it. */
static void take_gap(hf__sub *s, hf__taken *out)
{
	APR_RING_REMOVE(s, gaps);
	s->gap = false;
	*out = (hf__taken){ .sub = s };
	out->view = (hf_notice){ .channel = s->channel->name,
		.payload = "",
		.gap = true,
		.from_ns = s->gap_from,
		.to_ns = hf__now(),
		.dropped = s->gap_dropped };
}

static void take_item(const hf__item *i, hf__taken *out)
{
	const hf__note *n = i->note;

	*out = (hf__taken){ .note = i->note, .sub = i->sub };
	out->view = (hf_notice){ .channel = i->sub->channel->name,
		.payload = n->payload,
		.pid = n->pid,
		.gap = n->gap,
		.from_ns = n->from_ns,
		.to_ns = n->to_ns };
}

bool hf__mailbox_take(hf__mailbox *m, hf__taken *out)
{
	for (;;) {
		hf__item *i;

		if (!APR_RING_EMPTY(&m->gaps, hf__sub, gaps) &&
			APR_RING_FIRST(&m->gaps)->gap_at <= m->head) {
			take_gap(APR_RING_FIRST(&m->gaps), out);
			return true;
		}
		if (m->head == m->tail)
			return false;
		i = item_at(m, m->head++);
		if (i->sub->listener) {
			take_item(i, out);
			return true;
		}
		item_put(i);
	}
}

bool hf__mailbox_empty(const hf__mailbox *m)
{
	return m->head == m->tail && APR_RING_EMPTY(&m->gaps, hf__sub, gaps);
}
