/* SPDX-License-Identifier: MIT */
/* What carries the statements of a session, and what its single rows live in.
 *
 * A row that was read points into its result. So the results of single rows are kept, in a list in
 * the session's own memory, until all of it is forgotten. */
#include "engine/scope.h"

#include "base/mem.h"
#include "base/thread.h"
#include "pool/pool.h"
#include "txn/txn.h"
#include "value/blocking.h"
#include "value/error.h"
#include "value/opts.h"

#include <string.h>

struct hf__kept_row {
	struct hf__kept_row *next;
	hf_result *res;
};

/* A row that hf_new has made, and what it was then. */
struct hf__fresh {
	struct hf__fresh *next; /* of its bucket */
	const void *row, *image;
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
	/* A scope's, which a verb may have on a transaction for a while, is the scope's. */
	if (!s || s->scope || s->carrier == HF__ON_SCOPE)
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

/* Neither does the interaction's transaction have options, nor its connection another moment. */
static hf_error *conn_refusal(const hf_query_opts *o)
{
	if (!o->label && !o->timeout_ms && !o->acquire_ms && !o->urgent && !o->read_only &&
		o->isolation == HF_ISO_DEFAULT && o->outcome == HF_OUTCOME_DEFAULT &&
		o->then == HF_THEN_GO_ON)
		return NULL;
	return hf__error_fmt(HF_E_MISUSE, 0,
		"in an interaction a statement has no options but .on_row and .many_rows: it is "
		"that one's job which has them");
}

static hf_error *run_on_conn(const hf_site *site, hf_conn *c, const hf_query_opts *o,
	hf_result **out, const char *sql, const hf_value *args, size_t n)
{
	const hf_result *lent = NULL;
	hf_error *e = conn_refusal(o);
	hf_status st;

	if (e)
		return e;
	st = o->on_row ? hf_conn_each_at(site, c, o->on_row, o->arg, sql, args, n)
		       : hf__conn_query(site, c, o->many_rows, &lent, sql, args, n);
	if (st == HF_OK) {
		*out = hf_result_ref(lent);
		return NULL;
	}
	e = hf_error_ref(hf_conn_error(c));
	return e ? e
		 : hf__error_fmt(st, 0, "the session's connection is not this thread's to use now");
}

static hf_error *on_conn(const hf_site *site, hf_conn *c, const hf_query_opts *opts,
	hf_result **out, const char *sql, const hf_value *args, size_t n)
{
	hf_query_opts o;
	hf_error *e = NULL;

	hf__opts_copy(&o, sizeof o, opts, "HF_QUERY_OPTS", &e);
	if (!e)
		e = run_on_conn(site, c, &o, out, sql, args, n);
	if (o.free_arg)
		o.free_arg(o.arg);
	return e;
}

/* What nobody can wait for is not to run, as with hf_fetch. */
static hf_error *on_txn(const hf_site *site, hf_txn *t, const hf_query_opts *opts, hf_result **out,
	const char *sql, const hf_value *args, size_t n)
{
	hf_future *f;
	hf_error *e;

	if (hf__thread_role(t->pool) != HF__ROLE_NONE) {
		hf__session_drop_opts(opts);
		return hf__error_fmt(HF_E_DEADLOCK, 0,
			"this thread works for the pool of the session's transaction, so waiting "
			"for it here could never end");
	}
	if (hf__blocking_forbidden()) {
		hf__session_drop_opts(opts);
		return hf__error_blocking("hf_session_fetch");
	}
	f = hf_txn_query_with_at(site, t, opts, sql, args, n);
	*out = hf_future_take(f);
	return hf_await(f, &e) == HF_OK ? NULL : e;
}

hf_error *hf__carried_fetch(const hf_site *site, hf_session *s, const hf_query_opts *opts,
	hf_result **out, const char *sql, const hf_value *args, size_t n)
{
	hf_error *e;

	*out = NULL;
	switch (s->carrier) {
	case HF__ON_CONN:
		return on_conn(site, s->on.conn, opts, out, sql, args, n);
	case HF__ON_TXN:
		return on_txn(site, s->on.txn, opts, out, sql, args, n);
	case HF__ON_POOL:
		return hf_fetch_with_at(site, s->on.pool, opts, out, &e, sql, args, n) == HF_OK
			       ? NULL
			       : e;
	case HF__ON_FUTURE:
		return send_only(site, s, sql, args, n);
	case HF__ON_SCOPE:
		break;
	}
	return hf_session_fetch_at(site, s, opts, out, &e, sql, args, n) == HF_OK ? NULL : e;
}

static hf_error *no_futures(void)
{
	return hf__error_fmt(HF_E_MISUSE, 0,
		"in an interaction there are no futures: its statements run one by one");
}

hf_future *hf__carried_query(const hf_site *site, hf_session *s, const hf_query_opts *opts,
	const char *sql, const hf_value *args, size_t n)
{
	if (s->carrier == HF__ON_TXN)
		return hf_txn_query_with_at(site, s->on.txn, opts, sql, args, n);
	if (s->carrier == HF__ON_POOL)
		return hf_query_with_at(site, s->on.pool, opts, sql, args, n);
	hf__session_drop_opts(opts);
	return hf__job_refuse(NULL, no_futures(), site, NULL, NULL);
}

hf_future *hf__carried_run(const hf_site *site, hf_session *s, const hf_job *job)
{
	hf_error *bad = NULL;
	hf_job j;

	if (s->carrier == HF__ON_TXN)
		return hf_txn_run_at(site, s->on.txn, job);
	if (s->carrier == HF__ON_POOL)
		return hf_submit_at(site, s->on.pool, job);
	hf__opts_copy(&j, sizeof j, job, "HF_JOB", &bad);
	hf_error_unref(bad);
	return hf__job_refuse(NULL, no_futures(), site, j.free_arg, j.arg);
}

hf_pool *hf__carried_pool(const hf_session *s)
{
	switch (s->carrier) {
	case HF__ON_CONN:
		return hf_conn_pool(s->on.conn);
	case HF__ON_TXN:
		return s->on.txn->pool;
	case HF__ON_POOL:
	case HF__ON_FUTURE:
		return s->on.pool;
	case HF__ON_SCOPE:
		break;
	}
	return NULL;
}

hf_error *hf__session_execute(const hf_site *site, hf_session *s, bool many_rows, hf_result **out,
	const char *sql, const hf_value *args, size_t n)
{
	const hf_query_opts o = { .struct_size = sizeof o, .many_rows = true };

	*out = NULL;
	if (!s)
		return hf__error_fmt(HF_E_MISUSE, 0, "the session is NULL");
	return hf__carried_fetch(site, s, many_rows ? &o : NULL, out, sql, args, n);
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

/* --- new rows --- */

/* Of a table whose size is a power of two. */
static size_t bucket_of(const void *row, size_t room)
{
	return (size_t)(((uintptr_t)row >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (room - 1);
}

static void put_fresh(struct hf__fresh **table, size_t room, struct hf__fresh *f)
{
	struct hf__fresh **bucket = &table[bucket_of(f->row, room)];

	f->next = *bucket;
	*bucket = f;
}

/* The old one goes with the session's memory. */
static bool grow_fresh(hf_session *s)
{
	size_t room = s->fresh_room ? s->fresh_room * 4 : 16;
	struct hf__fresh **table = hf_session_alloc(s, room * sizeof(struct hf__fresh *)), *next;

	if (!table)
		return false;
	for (size_t i = 0; i < s->fresh_room; i++)
		for (struct hf__fresh *f = s->fresh[i]; f; f = next) {
			next = f->next;
			put_fresh(table, room, f);
		}
	s->fresh = table;
	s->fresh_room = room;
	return true;
}

bool hf__session_freshen(hf_session *s, const void *row, const void *image)
{
	struct hf__fresh *f = hf_session_alloc(s, sizeof *f);

	if (!f || (s->n_fresh == s->fresh_room && !grow_fresh(s)))
		return false;
	*f = (struct hf__fresh){ .row = row, .image = image };
	put_fresh(s->fresh, s->fresh_room, f);
	s->n_fresh++;
	return true;
}

const void *hf__session_image(const hf_session *s, const void *row)
{
	const struct hf__fresh *f =
		s && s->fresh_room ? s->fresh[bucket_of(row, s->fresh_room)] : NULL;

	while (f && f->row != row)
		f = f->next;
	return f ? f->image : NULL;
}

static void drop_kept(hf_session *s)
{
	for (struct hf__kept_row *k = s->kept; k; k = k->next)
		hf_result_unref(k->res);
	s->kept = NULL;
	s->fresh = NULL;
	s->n_fresh = s->fresh_room = 0;
	s->stale = NULL;
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
		s->stale = NULL;
	} else {
		hf_error_unref(e);
	}
	return st;
}

const hf_error *hf_session_error(const hf_session *s)
{
	return s ? s->error : NULL;
}
