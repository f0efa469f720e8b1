/* SPDX-License-Identifier: MIT */
/* What carries the statements of a session, and what its single rows live in.
 *
 * A row that was read points into its result. So the results of single rows are kept, in a list in
 * the session's own memory, until all of it is forgotten. */
#include "engine/scope.h"

#include "base/mem.h"
#include "pool/pool.h"
#include "value/error.h"

#include <string.h>

struct hf__kept_row {
	struct hf__kept_row *next;
	hf_result *res;
};

static hf_session *session_on(hf__carrier carrier, bool there)
{
	hf_session *s = there ? hf__calloc(sizeof *s) : NULL;

	if (s)
		s->carrier = carrier;
	return s;
}

hf_session *hf_session_on_conn(hf_conn *c)
{
	hf_session *s = session_on(HF__ON_CONN, c != NULL);

	if (s)
		s->on.conn = c;
	return s;
}

hf_session *hf_session_on_txn(hf_txn *t)
{
	hf_session *s = session_on(HF__ON_TXN, t != NULL);

	if (s)
		s->on.txn = t;
	return s;
}

hf_session *hf_session_on_pool(hf_pool *p)
{
	hf_session *s = session_on(HF__ON_POOL, p != NULL);

	if (s)
		s->on.pool = p;
	return s;
}

hf_session *hf_session_unref(hf_session *s)
{
	if (!s || s->carrier == HF__ON_SCOPE)
		return NULL;
	hf__session_forget(s);
	hf__free(s);
	return NULL;
}

/* --- sent, and not waited for --- */

hf_session hf__session_sending(hf_pool *p)
{
	return (hf_session){ .carrier = HF__ON_FUTURE, .on.pool = p };
}

/* The verb ends without a result, and nobody looks at why. */
static hf_error *send_only(
	const hf_site *site, hf_session *s, const char *sql, const hf_value *args, size_t n)
{
	hf_future_unref(s->sent);
	s->sent = hf_query_at(site, s->on.pool, sql, args, n);
	return hf__error_nomem();
}

hf_future *hf__session_sent(const hf_site *site, hf_session *s, hf_status st)
{
	hf_future *f = s->sent;

	if (!f)
		f = hf__job_refuse(s->on.pool,
			s->error ? hf_error_ref(s->error)
				 : hf__error_fmt(st, 0, "there is nothing to be sent"),
			site, NULL, NULL);
	hf__session_forget(s);
	return f;
}

/* --- statements --- */

static hf_error *on_conn(const hf_site *site, hf_session *s, hf_result **out, const char *sql,
	const hf_value *args, size_t n)
{
	const hf_result *lent = NULL;

	if (hf_conn_query_at(site, s->on.conn, &lent, sql, args, n) != HF_OK)
		return hf_error_ref(hf_conn_error(s->on.conn));
	*out = hf_result_ref(lent);
	return NULL;
}

static hf_error *on_txn(const hf_site *site, hf_session *s, hf_result **out, const char *sql,
	const hf_value *args, size_t n)
{
	hf_future *f = hf_txn_query_at(site, s->on.txn, sql, args, n);
	hf_error *e;

	*out = hf_future_take(f);
	return hf_await(f, &e) == HF_OK ? NULL : e;
}

hf_error *hf__session_execute(const hf_site *site, hf_session *s, hf_result **out, const char *sql,
	const hf_value *args, size_t n)
{
	hf_error *e;

	*out = NULL;
	if (!s)
		return hf__error_fmt(HF_E_MISUSE, 0, "the session is NULL");
	switch (s->carrier) {
	case HF__ON_CONN:
		return on_conn(site, s, out, sql, args, n);
	case HF__ON_TXN:
		return on_txn(site, s, out, sql, args, n);
	case HF__ON_POOL:
		return hf_fetch_at(site, s->on.pool, out, &e, sql, args, n) == HF_OK ? NULL : e;
	case HF__ON_FUTURE:
		return send_only(site, s, sql, args, n);
	case HF__ON_SCOPE:
		break;
	}
	return hf_session_fetch_at(site, s, NULL, out, &e, sql, args, n) == HF_OK ? NULL : e;
}

/* --- memory --- */

/* Not one of the static ones, which all threads share. */
static bool has_memory(const hf_session *s)
{
	return s && (s->carrier != HF__ON_SCOPE || s->scope);
}

void *hf_session_alloc(hf_session *s, size_t n)
{
	void *room = has_memory(s) ? hf__arena_alloc(&s->memory, n > 0 ? n : 1) : NULL;

	return room ? memset(room, 0, n) : NULL;
}

char *hf_session_text(hf_session *s, const char *text)
{
	size_t n = text ? strlen(text) + 1 : 0;
	char *copy = text ? hf_session_alloc(s, n) : NULL;

	return copy ? memcpy(copy, text, n) : NULL;
}

bool hf__session_keep(hf_session *s, hf_result *res)
{
	struct hf__kept_row *k = hf_session_alloc(s, sizeof *k);

	if (!k) {
		hf_result_unref(res);
		return false;
	}
	k->res = res;
	k->next = s->kept;
	s->kept = k;
	return true;
}

static void drop_kept(hf_session *s)
{
	for (struct hf__kept_row *k = s->kept; k; k = k->next)
		hf_result_unref(k->res);
	s->kept = NULL;
	s->fresh = NULL;
}

void hf_session_clear(hf_session *s)
{
	if (!has_memory(s))
		return;
	drop_kept(s);
	hf__arena_clear(&s->memory);
}

void hf__session_forget(hf_session *s)
{
	drop_kept(s);
	hf__arena_finish(&s->memory);
	s->error = hf_error_unref(s->error);
}

hf_status hf__session_told(hf_session *s, hf_error *e)
{
	hf_status st = e ? hf_error_status(e) : HF_OK;

	if (has_memory(s)) {
		hf_error_unref(s->error);
		s->error = e;
	} else {
		hf_error_unref(e);
	}
	return st;
}

const hf_error *hf_session_error(const hf_session *s)
{
	return s ? s->error : NULL;
}
