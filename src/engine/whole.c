/* SPDX-License-Identifier: MIT */
/* Several statements as one transaction, whatever carries the session. */
#include "engine/scope.h"

#include "pool/worker.h"
#include "value/error.h"

/* On a transaction of its own, in place of what carries the session. */
static void begin_on(const hf_site *site, hf_session *s, hf__whole *w, hf_pool *p, bool read_only)
{
	w->txn = hf_txn_begin_at(site, p, HF_TXN_OPTS(.read_only = read_only));
	w->pool = p;
	w->carrier = s->carrier;
	s->carrier = HF__ON_TXN;
	s->on.txn = w->txn;
}

static hf_error *begin_in_scope(const hf_site *site, hf_session *s, hf__whole *w)
{
	hf_error *e = NULL;
	hf_pool *p = hf__session_alone(s, &e);

	if (p)
		begin_on(site, s, w, p, s->mode == HF_MODE_READ);
	return e;
}

static hf_error *conn_error(hf_conn *c, hf_status st)
{
	if (st == HF_OK)
		return NULL;
	return hf_conn_error(c) ? hf_error_ref(hf_conn_error(c))
				: hf__error_fmt(st, 0, "the connection is not this thread's now");
}

static hf_error *begin_on_conn(hf_session *s, hf__whole *w)
{
	hf_status st;

	if (!hf__conn_alone(s->on.conn))
		return NULL;
	st = hf_conn_begin(s->on.conn);
	if (st == HF_OK)
		w->conn = s->on.conn;
	return conn_error(s->on.conn, st);
}

hf_error *hf__whole_begin(const hf_site *site, hf_session *s, hf__whole *w)
{
	if (!s || w->txn || w->conn)
		return NULL;
	switch (s->carrier) {
	case HF__ON_POOL:
		begin_on(site, s, w, s->on.pool, false);
		return NULL;
	case HF__ON_SCOPE:
		return begin_in_scope(site, s, w);
	case HF__ON_CONN:
		return begin_on_conn(s, w);
	case HF__ON_TXN:
	case HF__ON_FUTURE:
		break;
	}
	return NULL;
}

static hf_error *end_txn(const hf_site *site, hf_session *s, hf__whole *w, bool keep)
{
	hf_error *e = NULL;
	hf_future *end = keep ? hf_txn_commit_at(site, w->txn) : hf_txn_rollback_at(site, w->txn);
	hf_status st = hf_await(end, &e);

	s->carrier = w->carrier;
	s->on.pool = w->pool;
	w->txn = hf_txn_unref(w->txn);
	return st == HF_OK ? NULL : e;
}

hf_error *hf__whole_end(const hf_site *site, hf_session *s, hf__whole *w, bool keep)
{
	hf_conn *c = w->conn;

	if (w->txn)
		return end_txn(site, s, w, keep);
	w->conn = NULL;
	return c ? conn_error(c, keep ? hf_conn_commit(c) : hf_conn_rollback(c)) : NULL;
}
