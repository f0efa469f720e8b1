/* SPDX-License-Identifier: MIT */
/* Sessions: statements in the mode of their engine. */
#include "engine/scope.h"

#include "base/fork.h"
#include "base/thread.h"
#include "pool/pool.h"
#include "txn/global.h"
#include "value/blocking.h"
#include "value/error.h"
#include "value/opts.h"

#include <string.h>

static hf_session without_scope = { .none = HF_E_MISUSE };
static hf_session of_the_parent = { .none = HF_E_FORKED };

hf_session *hf__session_none(hf_status why)
{
	return why == HF_E_FORKED ? &of_the_parent : &without_scope;
}

static hf_error *refusal(const hf_session *s)
{
	hf_error *e;

	if (!s)
		return hf__error_fmt(HF_E_MISUSE, 0, "the session is NULL");
	if (s->none == HF_E_FORKED)
		return hf__error_forked();
	e = hf__scope_refusal(s->scope);
	return e || s->none == HF_OK ? e : hf__error_nomem();
}

/* --- its engine --- */

/* NULL, or why it has none. */
static hf_error *look_up(hf_session *s)
{
	hf_error *e = refusal(s);

	if (e || s->engine)
		return e;
	if (strcmp(s->name, "!any") == 0)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"scope \"%s\": no session is available, since its preferences are empty",
			s->scope->label);
	return hf__engines_find(s->scope->engines, s->name, &s->engine, &s->mode);
}

static bool has_txn(const hf_session *s)
{
	return s->mode == HF_MODE_TXN || s->mode == HF_MODE_SNAPSHOT;
}

/* A branch of the scope's global transaction. Without memory for that one it is a transaction whose
 * commands all say so. */
static hf_txn *begin(const hf_site *site, hf_session *s)
{
	hf_txn_opts o = s->scope->txn;

	if (s->mode == HF_MODE_SNAPSHOT) {
		o.read_only = true;
		if (o.isolation != HF_ISO_SERIALIZABLE)
			o.isolation = HF_ISO_REPEATABLE_READ;
	}
	if (!hf__scope_global(s->scope))
		return NULL;
	return hf__global_begin(site, s->scope->global, s->engine->pool, &o, s->engine->name);
}

/* What was refused would be missing from a commit. */
static hf_error *lose(hf_session *s, hf_error *e)
{
	if (s && s->scope)
		hf__scope_lose(s->scope, e);
	return e;
}

/* Another name of the same engine may have begun it. */
static hf_txn *begun(const hf_session *s)
{
	hf_session *each;

	APR_RING_FOREACH (each, &s->scope->sessions, hf_session, link)
		if (each->txn && each->engine == s->engine && each->mode == s->mode)
			return each->txn;
	return NULL;
}

bool hf__session_in_txn(hf_session *s)
{
	hf_error *e = look_up(s);
	bool in = !e && has_txn(s) && begun(s);

	hf_error_unref(e);
	return in;
}

hf_pool *hf__session_alone(hf_session *s, hf_error **e)
{
	*e = look_up(s);
	if (*e || has_txn(s))
		return NULL;
	s->status = HF_SESSION_START;
	return s->engine->pool;
}

/* Before a statement. */
static hf_error *start(const hf_site *site, hf_session *s)
{
	hf_error *e = look_up(s);

	if (e)
		return lose(s, e);
	if (has_txn(s) && (e = hf__scope_failure(s->scope)))
		return e;
	if (has_txn(s) && !s->txn)
		s->txn = begun(s);
	if (has_txn(s) && !s->txn && !(s->txn = begin(site, s)))
		return lose(s, hf__error_nomem());
	s->status = HF_SESSION_START;
	return NULL;
}

/* --- statements --- */

/* The options with what the mode adds, in *room if need be. Those that are made wrong stay as they
 * are: whoever takes them says so. */
static const hf_query_opts *settle(
	const hf_session *s, const hf_query_opts *opts, hf_query_opts *room)
{
	hf_error *e = NULL;

	if (s->mode != HF_MODE_READ)
		return opts;
	if (hf__opts_copy(room, sizeof *room, opts, "HF_QUERY_OPTS", &e) == HF_OK) {
		room->read_only = true;
		return room;
	}
	hf_error_unref(e);
	return opts;
}

static bool is_carried(const hf_session *s)
{
	return s && s->carrier != HF__ON_SCOPE;
}

void hf__session_drop_opts(const hf_query_opts *opts)
{
	hf_query_opts o;
	hf_error *e = NULL;

	hf__opts_copy(&o, sizeof o, opts, "HF_QUERY_OPTS", &e);
	hf_error_unref(e);
	if (o.free_arg)
		o.free_arg(o.arg);
}

hf_future *hf_session_query_at(const hf_site *site, hf_session *s, const hf_query_opts *opts,
	const char *sql, const hf_value *args, size_t n)
{
	hf_error *e;
	hf_query_opts room;

	if (is_carried(s))
		return hf__carried_query(site, s, opts, sql, args, n);
	e = start(site, s);
	if (e) {
		hf__session_drop_opts(opts);
		return hf__job_refuse(NULL, e, site, NULL, NULL);
	}
	if (has_txn(s))
		return hf_txn_query_with_at(site, s->txn, opts, sql, args, n);
	return hf_query_with_at(site, s->engine->pool, settle(s, opts, &room), sql, args, n);
}

/* Waits for a command of a transaction. */
static hf_status fetch_in_txn(hf_future *f, hf_result **out, hf_error **out_error)
{
	hf_result *res = hf_future_take(f);
	hf_status st = hf_await(f, out_error);

	if (out)
		*out = res;
	else
		hf_result_unref(res);
	return st;
}

/* What nobody can wait for is not to run either, as with hf_fetch. */
static hf_error *start_to_wait(const hf_site *site, hf_session *s)
{
	hf_error *e = look_up(s);
	bool stuck = !e && has_txn(s) && hf__thread_role(s->engine->pool) != HF__ROLE_NONE;

	hf_error_unref(e);
	if (!stuck && !e && has_txn(s) && hf__blocking_forbidden())
		return hf__error_blocking("hf_session_fetch");
	if (!stuck)
		return start(site, s);
	return hf__error_fmt(HF_E_DEADLOCK, 0,
		"hf_session_fetch: this thread works for the pool of engine \"%s\", so waiting for "
		"it "
		"here could never end",
		s->engine->name);
}

static hf_status fetch_carried(const hf_site *site, hf_session *s, const hf_query_opts *opts,
	hf_result **out, hf_error **out_error, const char *sql, const hf_value *args, size_t n)
{
	hf_result *res;
	hf_error *e = hf__carried_fetch(site, s, opts, &res, sql, args, n);

	if (out)
		*out = res;
	else
		hf_result_unref(res);
	return hf__error_give(e ? hf__error_at(e, 0, NULL, site) : NULL, out_error);
}

hf_status hf_session_fetch_at(const hf_site *site, hf_session *s, const hf_query_opts *opts,
	hf_result **out, hf_error **out_error, const char *sql, const hf_value *args, size_t n)
{
	hf_error *e;
	hf_query_opts room;

	if (is_carried(s))
		return fetch_carried(site, s, opts, out, out_error, sql, args, n);
	e = start_to_wait(site, s);
	if (e) {
		hf__session_drop_opts(opts);
		if (out)
			*out = NULL;
		return hf__error_give(hf__error_at(e, 0, NULL, site), out_error);
	}
	if (has_txn(s))
		return fetch_in_txn(
			hf_txn_query_with_at(site, s->txn, opts, sql, args, n), out, out_error);
	return hf_fetch_with_at(
		site, s->engine->pool, settle(s, opts, &room), out, out_error, sql, args, n);
}

hf_future *hf_session_run_at(const hf_site *site, hf_session *s, const hf_job *job)
{
	hf_error *bad = NULL, *e;
	hf_job j;

	if (is_carried(s))
		return hf__carried_run(site, s, job);
	e = start(site, s);
	if (!e && has_txn(s))
		return hf_txn_run_at(site, s->txn, job);
	hf__opts_copy(&j, sizeof j, job, "HF_JOB", &bad);
	if (e) {
		hf_error_unref(bad);
		return hf__job_refuse(NULL, e, site, j.free_arg, j.arg);
	}
	if (bad) {
		hf_error_unref(bad);
		return hf_submit_at(site, s->engine->pool, job); /* which says so */
	}
	j.read_only |= s->mode == HF_MODE_READ;
	return hf_submit_at(site, s->engine->pool, &j);
}

/* --- what it tells --- */

hf_txn *hf_session_txn_at(const hf_site *site, hf_session *s)
{
	hf_error *e;

	if (is_carried(s))
		return s->carrier == HF__ON_TXN ? s->on.txn : NULL;
	e = look_up(s);
	if (!e && has_txn(s))
		e = start(site, s);
	else if (!e)
		return NULL;
	if (!e)
		return s->txn;
	hf_error_unref(e);
	return NULL;
}

hf_pool *hf_session_pool(hf_session *s)
{
	hf_error *e;

	if (is_carried(s))
		return hf__carried_pool(s);
	e = look_up(s);
	if (!e)
		return s->engine->pool;
	hf_error_unref(e);
	return NULL;
}

hf_scope *hf_session_scope(const hf_session *s)
{
	return s ? s->scope : NULL;
}

const char *hf_session_engine(const hf_session *s)
{
	return s ? s->name : "";
}

hf_session_status hf_session_status_of(const hf_session *s)
{
	return s ? s->status : HF_SESSION_INIT;
}
