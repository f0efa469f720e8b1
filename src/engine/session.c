/* SPDX-License-Identifier: MIT */
/* Sessions: statements in the mode of their engine. */
#include "engine/scope.h"

#include "base/fork.h"
#include "pool/pool.h"
#include "value/error.h"
#include "value/opts.h"

#include <string.h>

static hf_session without_scope = { .none = HF_E_MISUSE };
static hf_session without_memory = { .none = HF_E_NOMEM };
static hf_session of_the_parent = { .none = HF_E_FORKED };

hf_session *hf__session_none(hf_status why)
{
	return why == HF_E_MISUSE   ? &without_scope
	       : why == HF_E_FORKED ? &of_the_parent
				    : &without_memory;
}

static hf_error *refusal(const hf_session *s)
{
	if (!s)
		return hf__error_fmt(HF_E_MISUSE, 0, "the session is NULL");
	if (!s->scope && s->none == HF_E_NOMEM)
		return hf__error_nomem();
	if (!s->scope && s->none == HF_E_FORKED)
		return hf__error_forked();
	return hf__scope_refusal(s->scope);
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
	return hf_global_begin_at(site, s->scope->global, s->engine->pool, &o);
}

/* Before a statement. */
static hf_error *start(const hf_site *site, hf_session *s)
{
	hf_error *e = look_up(s);

	if (!e && has_txn(s) && !s->txn && !(s->txn = begin(site, s)))
		e = hf__error_nomem();
	if (!e)
		s->status = HF_SESSION_START;
	return e;
}

/* --- statements --- */

/* *o with what the mode adds. NULL, or why not; the callback's argument is known either way. */
static hf_error *settle(
	const hf_site *site, hf_session *s, const hf_query_opts *opts, hf_query_opts *o)
{
	hf_error *e = NULL;

	if (hf__opts_copy(o, sizeof *o, opts, "HF_QUERY_OPTS", &e) == HF_OK)
		e = start(site, s);
	if (!e && s->mode == HF_MODE_READ)
		o->read_only = true;
	return e;
}

hf_future *hf_session_query_at(const hf_site *site, hf_session *s, const hf_query_opts *opts,
	const char *sql, const hf_value *args, size_t n)
{
	hf_query_opts o;
	hf_error *e = settle(site, s, opts, &o);

	if (e)
		return hf__job_refuse(NULL, e, site, o.free_arg, o.arg);
	if (has_txn(s))
		return hf_txn_query_with_at(site, s->txn, &o, sql, args, n);
	return hf_query_with_at(site, s->engine->pool, &o, sql, args, n);
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

hf_status hf_session_fetch_at(const hf_site *site, hf_session *s, const hf_query_opts *opts,
	hf_result **out, hf_error **out_error, const char *sql, const hf_value *args, size_t n)
{
	hf_query_opts o;
	hf_error *e = settle(site, s, opts, &o);

	if (e) {
		if (out)
			*out = NULL;
		if (o.free_arg)
			o.free_arg(o.arg);
		return hf__error_give(hf__error_at(e, 0, NULL, site), out_error);
	}
	if (has_txn(s))
		return fetch_in_txn(
			hf_txn_query_with_at(site, s->txn, &o, sql, args, n), out, out_error);
	return hf_fetch_with_at(site, s->engine->pool, &o, out, out_error, sql, args, n);
}

hf_future *hf_session_run_at(const hf_site *site, hf_session *s, const hf_job *job)
{
	hf_error *e = NULL;
	hf_job j;

	if (hf__opts_copy(&j, sizeof j, job, "HF_JOB", &e) == HF_OK)
		e = start(site, s);
	if (e)
		return hf__job_refuse(NULL, e, site, j.free_arg, j.arg);
	if (has_txn(s))
		return hf_txn_run_at(site, s->txn, &j);
	j.read_only |= s->mode == HF_MODE_READ;
	return hf_submit_at(site, s->engine->pool, &j);
}

/* --- what it tells --- */

hf_txn *hf_session_txn(hf_session *s)
{
	hf_error *e = look_up(s);

	if (!e && has_txn(s))
		e = start(HF_HERE, s);
	else if (!e)
		return NULL;
	if (!e)
		return s->txn;
	hf_error_unref(e);
	return NULL;
}

hf_pool *hf_session_pool(hf_session *s)
{
	hf_error *e = look_up(s);

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
