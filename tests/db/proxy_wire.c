/* SPDX-License-Identifier: MIT */
/* The proxy's reading of the protocol: where requests and answers begin, and what may pass. */
#include "proxy_wire.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CODE_CANCEL 80877102
#define HEADER      5 /* type and length of a message */

/* --- bytes --- */

void t__put(struct bytes *b, const void *data, size_t n)
{
	if (b->len + n > b->cap) {
		b->cap = (b->len + n) * 2;
		b->data = realloc(b->data, b->cap);
		if (!b->data)
			abort();
	}
	if (n > 0)
		memcpy(b->data + b->len, data, n);
	b->len += n;
}

void t__drop(struct bytes *b, size_t n)
{
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

/* The first n bytes that were waiting may go out. */
void t__pass(struct way *w, size_t n)
{
	if (n == 0)
		return;
	t__put(&w->out, w->in.data, n);
	t__drop(&w->in, n);
}

static uint32_t number_at(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The length of the whole message at `at`; 0 when it has not arrived in full. */
static size_t message_at(const struct bytes *b, size_t at)
{
	size_t n;

	if (b->len < at + HEADER)
		return 0;
	n = 1 + (size_t)number_at(b->data + at + 1);
	return b->len - at >= n ? n : 0;
}

static bool holds(const unsigned char *data, size_t n, const char *what)
{
	size_t len = strlen(what);

	for (size_t i = 0; i + len <= n; i++)
		if (memcmp(data + i, what, len) == 0)
			return true;
	return false;
}

/* --- what was armed --- */

/* Everything that may pass has been put out: now the link stops, or dies when that has been sent.
 */
static void stop_link(struct link *k, struct plan *p)
{
	bool cut = k->act == T_CUT_REQUEST || k->act == T_CUT_ANSWER;

	k->stage = RUNNING;
	if (cut)
		k->dying = true;
	else
		k->held = k->act != T_MEASURE;
	if (!cut && !k->held)
		p->done = true;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The request that was waited for is there: `whole` bytes, `k->flushed` of them sent before. */
static void act_on_request(struct link *k, struct plan *p, size_t whole)
{
	size_t n = p->n > k->flushed ? p->n - k->flushed : 0;

	k->act = p->act;
	k->n = p->n;
	k->before = k->waiting;
	k->measured = 0;
	p->seen = (struct t_exchange){ k->flushed + whole, k->executed, 0 };
	if (k->act == T_CUT_REQUEST || k->act == T_HOLD_REQUEST) {
		t__pass(&k->request, least(n, whole));
		k->request.rest = whole - least(n, whole);
		stop_link(k, p);
		return;
	}
	t__pass(&k->request, whole);
	k->waiting++;
	k->stage = k->before > 0 ? BEFORE_ANSWER : ANSWER;
}

static void act_on_answer(struct link *k, struct plan *p)
{
	p->seen.answer = k->measured;
	if (k->act != T_MEASURE) {
		t__pass(&k->answer, least(k->n, k->measured));
		k->answer.rest = k->measured - least(k->n, k->measured);
	}
	stop_link(k, p);
}

void t__go_on(struct link *k)
{
	k->held = k->told = false;
	k->waiting += k->act == T_HOLD_REQUEST;
	t__pass(&k->request, k->request.rest);
	t__pass(&k->answer, k->answer.rest);
	k->request.rest = k->answer.rest = 0;
}

/* --- from the client --- */

static void end_group(struct link *k, struct plan *p, bool answered)
{
	size_t whole = k->group;
	bool triggered = k->triggered;

	k->group = 0;
	k->triggered = false;
	if (triggered)
		act_on_request(k, p, whole);
	else {
		t__pass(&k->request, whole);
		k->waiting += answered;
	}
	k->flushed = k->executed = 0;
}

static void take_message(struct link *k, struct plan *p, size_t n)
{
	const unsigned char *m = k->request.in.data + k->group;
	unsigned char type = m[0];

	if (p->armed && strchr("QFPBDECSH", type) && holds(m + HEADER, n - HEADER, p->trigger)) {
		k->triggered = true;
		p->armed = false;
	}
	k->group += n;
	if (type == 'E' || type == 'Q' || type == 'F')
		k->executed = k->flushed + k->group;
	if (type == 'Q' || type == 'S' || type == 'F')
		end_group(k, p, true);
	else if (!strchr("PBDECH", type))
		end_group(k, p, false);
	else if (type == 'H' && !k->triggered) {
		t__pass(&k->request, k->group);
		k->flushed += k->group;
		k->group = 0;
	}
}

/* The startup packet has no type. */
static bool take_startup(struct link *k, struct plan *p)
{
	const struct bytes *b = &k->request.in;

	if (b->len < 8 || b->len < number_at(b->data))
		return false;
	k->started = true;
	k->raw = number_at(b->data + 4) == CODE_CANCEL;
	p->accepted += !k->raw;
	k->waiting = 1;
	t__pass(&k->request, number_at(b->data));
	return true;
}

void t__judge_request(struct link *k, struct plan *p)
{
	size_t n;

	if (!k->started && !take_startup(k, p))
		return;
	if (k->raw)
		t__pass(&k->request, k->request.in.len);
	while (!k->held && !k->dying && (n = message_at(&k->request.in, k->group)) > 0)
		take_message(k, p, n);
}

/* --- from the server --- */

/* The first message, of n bytes. Those of an answer that is to be cut or held stay until all are
 * there; `at` is where the next one begins. */
static size_t take_answer(struct link *k, struct plan *p, size_t at, size_t n)
{
	bool ready = k->answer.in.data[at] == 'Z';

	k->waiting -= ready;
	if (k->stage == ANSWER) {
		k->measured += n;
		if (k->act == T_MEASURE)
			t__pass(&k->answer, n);
		else
			at += n;
		if (ready)
			act_on_answer(k, p);
		return k->stage == ANSWER ? at : 0;
	}
	t__pass(&k->answer, n);
	if (k->stage == BEFORE_ANSWER && ready && --k->before == 0)
		k->stage = ANSWER;
	return 0;
}

void t__judge_answer(struct link *k, struct plan *p)
{
	size_t at, n;

	if (k->raw)
		t__pass(&k->answer, k->answer.in.len);
	at = k->stage == ANSWER && k->act != T_MEASURE ? k->measured : 0;
	while (!k->held && !k->dying && (n = message_at(&k->answer.in, at)) > 0)
		at = take_answer(k, p, at, n);
}
