/* SPDX-License-Identifier: MIT */
/* COPY: sending and receiving its stream.
 *
 * Note "stopped by the server". While a COPY IN is sent, libpq keeps what the server says in its
 * buffer, but for notices. A server that has failed reads on and drops everything, so nothing
 * blocks and nothing tells; but for its notices it has nothing else to say, so what comes and is no
 * notice is its error (or its end). An error that lies in the socket's queue is known for what it
 * is. What libpq has read is not to be seen, and half a notice looks like an error for a moment,
 * hence the second look. Behind TLS what comes may be none of that, and servers before 14 tell of
 * changed settings at any time: there an error is seen at the end.
 *
 * Note "the second Sync". libpq sends one Sync with the statement and one with the end of the data;
 * the server drops the first when it reads data. Where it can fail before it reads any, it answers
 * both. In binary format it reads the header before it does anything else; in text format a trigger
 * may come first, hence the simple protocol there, which knows no Sync.
 *
 * Sign five of "poison" (wire.c). PQputCopyData and PQputCopyEnd send by themselves, and what they
 * lose no flush behind them tells of: it has nothing left to send. And PQconsumeInput sends what is
 * left and then hides in its reading how that went, so it is not left anything. */
#include "pq/copy.h"

#include "base/clock.h"
#include "pq/wire.h"
#include "value/error.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define PIECE          65536
#define SECOND_LOOK_MS 200
#define CHECK_EVERY    256 /* messages */

static hf__link *link_of(const hf__copy *k)
{
	return k->trip->l;
}

static hf_error *lost(const hf__copy *k)
{
	return hf__link_lost(link_of(k), k->trip->run->sql);
}

hf_error *hf__copy_check(hf__copy *k)
{
	hf__link *l = link_of(k);
	const hf__guard *g = &k->trip->run->guard;

	l->asked = g->ask ? g->ask(g->arg) : HF__ASK_NONE;
	if (l->asked == HF__ASK_ABORT)
		return lost(k);
	if (l->asked == HF__ASK_CANCEL)
		return hf__error_fmt(HF_E_CANCELED, 0, "the COPY was cancelled");
	if (hf__now() < g->cancel_at)
		return NULL;
	l->late = true;
	return hf__error_fmt(HF_E_TIMEOUT, 0, "the COPY ran out of time");
}

/* --- in --- */

static bool can_read(hf__link *l, int ms)
{
	struct pollfd p = { l->sock, POLLIN, 0 };

	return poll(&p, 1, ms) > 0;
}

/* What has come is no notice, as far as libpq can tell: see the note. */
static bool is_final(hf__link *l)
{
	return PQserverVersion(l->pg) >= 140000 && !PQsslInUse(l->pg) && !PQgssEncInUse(l->pg);
}

/* Whether an error stands among the messages that libpq has not read yet: 'E', its length, and the
 * severity, with which each error begins. If the first is the rest of one that libpq has the
 * beginning of, this finds nothing. */
static bool says_error(const hf__link *l)
{
	unsigned char m[4096];
	ssize_t n = recv(l->sock, m, sizeof m, MSG_PEEK | MSG_DONTWAIT);
	size_t left = n > 0 ? (size_t)n : 0, at = 0, size;

	for (; left >= 6; at += size, left -= size) {
		size = 1 + ((size_t)m[at + 1] << 24 | (size_t)m[at + 2] << 16 |
				   (size_t)m[at + 3] << 8 | m[at + 4]);
		if (m[at] == 'E' && m[at + 5] == 'S' && size < PIECE)
			return true;
		if (size < 5 || size > left)
			return false;
	}
	return false;
}

/* A flush that would block has read as well. */
static bool consume(hf__link *l)
{
	int more = hf__link_push(l);

	return more > 0 || (more == 0 && PQconsumeInput(l->pg));
}

/* Reads what has come. False: the server has failed, or is gone. */
static bool listen_to(hf__link *l)
{
	for (int ms = 0;; ms = SECOND_LOOK_MS) {
		unsigned told = l->n_notices;

		if (!can_read(l, ms))
			return ms == 0;
		if (is_final(l) && says_error(l))
			return false;
		if (!consume(l))
			return false;
		(void)PQisBusy(l->pg); /* has notices delivered */
		if (l->n_notices != told || !is_final(l))
			return true;
	}
}

/* Waits until libpq has nothing left to send. False: stop. */
static bool drain(hf__copy *k)
{
	hf__link *l = link_of(k);

	for (;;) {
		int more = hf__link_push(l);

		if (more <= 0)
			return more == 0;
		if (!hf__link_sleep(l, true, &k->trip->run->guard) || !listen_to(l))
			return false;
	}
}

/* What is left is sent first, whatever the server says meanwhile: of two sends in one call of libpq
 * the second may hide how the first went. */
static void put_end(hf__copy *k, const char *why)
{
	hf__link *l = link_of(k);

	while (!l->broken && hf__link_push(l) > 0)
		(void)hf__link_sleep(l, true, &k->trip->run->guard);
	if (l->broken)
		return;
	errno = 0;
	if (PQputCopyEnd(l->pg, why) == 1)
		l->broken = hf__link_refused(l);
	else
		l->broken = PQstatus(l->pg) != CONNECTION_BAD;
}

static hf_error *verdict(const hf__copy *k)
{
	return k->trip->error ? hf_error_ref(k->trip->error) : lost(k);
}

/* The server has failed, or the connection: why. */
static hf_error *stopped(hf__copy *k)
{
	hf__trip *t = k->trip;

	k->over = true;
	put_end(k, "stopped");
	while (hf__trip_read_one(t, k->began)) {
		PQclear(t->main);
		t->main = NULL;
	}
	if (!t->error && !t->l->broken)
		t->error = hf__error_fmt(HF_E_CONN_LOST, 0, "the COPY ended before its rows did");
	return verdict(k);
}

/* What libpq says of it: 1 done, 0 no memory, since its buffer was empty, -1 the server's last
 * words are to be read, if there are any. -1 and broken: some of it was thrown away. */
static int put_piece(hf__link *l, const char *data, size_t n)
{
	int st;

	errno = 0;
	st = PQputCopyData(l->pg, data, (int)n);
	if (st <= 0)
		return st;
	l->broken |= hf__link_refused(l);
	return l->broken || hf__link_push(l) < 0 ? -1 : 1;
}

hf_error *hf__copy_send(hf__copy *k, const char *data, size_t n)
{
	hf__link *l = link_of(k);
	hf_error *e = k->over ? verdict(k) : hf__copy_check(k);
	size_t piece;

	for (; !e && n > 0; data += piece, n -= piece) {
		int st;

		piece = n < PIECE ? n : PIECE;
		if (!drain(k) || !listen_to(l))
			return stopped(k);
		st = put_piece(l, data, piece);
		if (st == 0)
			return hf__error_nomem();
		if (st < 0)
			return stopped(k);
	}
	return e;
}

static void serve_in(hf__copy *k)
{
	hf__trip *t = k->trip;
	hf_error *e = k->rows(k);

	if (!t->error)
		t->error = e;
	else
		hf_error_unref(e);
	if (!k->over)
		put_end(k, t->error ? "stopped" : NULL);
}

/* --- out --- */

/* What was found out about a row is what counts; the server is told to stop, and the rest is read
 * and dropped. */
static void stop_server(hf__copy *k, hf_error *e)
{
	hf__trip *t = k->trip;

	if (!e)
		return;
	if (!t->error)
		t->error = hf_error_ref(e);
	hf_error_unref(e);
	hf__link_stop(t->l);
}

/* The next message, waited for; NULL: there are no more, or the link is broken. */
static char *next_message(hf__copy *k, int *n)
{
	hf__link *l = link_of(k);
	char *data = NULL;
	bool ended = false;
	int more;

	while (!l->broken) {
		*n = PQgetCopyData(l->pg, &data, 1);
		if (*n > 0)
			return data;
		if (*n == -1)
			return NULL;
		l->broken |= *n < -1 || ended;
		if (l->broken)
			return NULL;
		more = hf__link_push(l);
		ended = more < 0 ||
			(hf__link_sleep(l, more > 0, &k->trip->run->guard) && !consume(l));
	}
	return NULL;
}

static void serve_out(hf__copy *k)
{
	hf__trip *t = k->trip;
	int n, unchecked = 0;
	char *data;

	while ((data = next_message(k, &n)) != NULL) {
		if (!t->error)
			stop_server(k, k->message(k, data, (size_t)n));
		PQfreemem(data);
		if (++unchecked % CHECK_EVERY == 0 && !t->error)
			stop_server(k, hf__copy_check(k));
	}
}

void hf__copy_serve(hf__trip *t, int64_t began)
{
	hf__copy *k = t->run->copy;

	k->trip = t;
	k->began = began;
	k->over = false;
	if (k->in)
		serve_in(k);
	else
		serve_out(k);
}
