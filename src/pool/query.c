/* SPDX-License-Identifier: MIT */
/* Submitting: queries, scripts, dry runs and interactions as jobs. */
#include "pool/pool.h"

#include "base/mem.h"
#include "base/thread.h"
#include "value/blocking.h"
#include "value/error.h"
#include "value/opts.h"

/* A job to fill in, unless *e tells already, or tells then, why there is none. */
static hf__job *new_job(
	hf_pool *p, hf__job_kind kind, const hf_site *site, const char *label, hf_error **e)
{
	hf__job *j = NULL;

	if (!*e)
		*e = hf__pool_refusal(p);
	if (!*e && !(j = hf__job_new(p, kind, site, label)))
		*e = hf__error_nomem();
	return j;
}

/* A way to submit. */
typedef hf_future *enter_fn(hf__job *j);

/* `e` is why not, or NULL. */
static hf_future *submit(hf__job *j, hf_error *e)
{
	return e ? hf__job_reject(j, e) : hf__job_submit(j);
}

static hf_error *check_plain(const hf__job *j)
{
	if ((unsigned)j->more->isolation > HF_ISO_SERIALIZABLE)
		return hf__error_fmt(
			HF_E_MISUSE, 0, "isolation %d is unknown", (int)j->more->isolation);
	if ((unsigned)j->more->outcome_wanted > HF_OUTCOME_RESOLVED)
		return hf__error_fmt(
			HF_E_MISUSE, 0, "outcome %d is unknown", (int)j->more->outcome_wanted);
	if (j->more->then != HF_THEN_GO_ON)
		return hf__error_fmt(HF_E_MISUSE, 0,
			".then belongs to a part of a transaction "
			"(hf_txn_query_with); a plain query ends by itself");
	switch (j->sql_kind) {
	case HF__SQL_TXN:
		return hf__error_fmt(HF_E_MISUSE, 0,
			"transaction control in a plain query: each is a transaction of "
			"its own; use hf_txn_begin or an interaction");
	case HF__SQL_COPY:
		return hf__error_fmt(
			HF_E_MISUSE, 0, "COPY through the client is not possible in a query");
	case HF__SQL_EMPTY:
	case HF__SQL_PLAIN:
	case HF__SQL_READ:
	case HF__SQL_UTILITY:
		break;
	}
	return NULL;
}

/* Whether they ask for nothing that hf__job_more is for. */
static bool is_plain(const hf_query_opts *o)
{
	return !o->label && !o->acquire_ms && !o->arg && !o->free_arg && !o->on_row &&
	       o->isolation == HF_ISO_DEFAULT && o->outcome == HF_OUTCOME_DEFAULT &&
	       o->then == HF_THEN_GO_ON;
}

static void set_query_opts(hf__job *j, const hf_query_opts *o)
{
	j->timeout_ms = o->timeout_ms;
	j->urgent = o->urgent;
	j->read_only = o->read_only;
	j->many = o->many_rows;
	if (is_plain(o))
		return;
	j->more->acquire_ms = o->acquire_ms;
	j->more->arg = o->arg;
	j->more->free_arg = o->free_arg;
	j->more->on_row = o->on_row;
	j->more->isolation = o->isolation;
	j->more->outcome_wanted = o->outcome;
	j->more->then = o->then;
}

static hf__job *new_query(hf_pool *p, const hf_site *site, const hf_query_opts *o, const char *sql,
	size_t n, hf_error **e)
{
	hf__job *j;

	if (*e || !is_plain(o))
		return new_job(p, HF__JOB_QUERY, site, o->label, e);
	*e = hf__pool_refusal(p);
	j = *e ? NULL : hf__job_new_plain(p, site, sql, n);
	if (!j && !*e)
		*e = hf__error_nomem();
	return j;
}

static hf_future *query(enter_fn *enter, const hf_site *site, hf_pool *p, const hf_query_opts *opts,
	const char *sql, const hf_value *args, size_t n)
{
	hf_query_opts o;
	hf_error *e = NULL;
	hf__job *j;

	hf__opts_copy(&o, sizeof o, opts, "HF_QUERY_OPTS", &e);
	j = new_query(p, site, &o, sql, n, &e);
	if (!j)
		return hf__job_refuse(p, e, site, o.free_arg, o.arg);
	set_query_opts(j, &o);
	e = hf__job_set_query(j, sql, args, n);
	if (!e)
		e = check_plain(j);
	return e ? hf__job_reject(j, e) : enter(j);
}

hf_future *hf_query_with_at(const hf_site *site, hf_pool *p, const hf_query_opts *opts,
	const char *sql, const hf_value *args, size_t n)
{
	return query(hf__job_submit, site, p, opts, sql, args, n);
}

hf_future *hf_query_at(
	const hf_site *site, hf_pool *p, const char *sql, const hf_value *args, size_t n)
{
	return hf_query_with_at(site, p, NULL, sql, args, n);
}

/* What nobody can wait for is not to run either. */
static hf_future *fetch(hf__job *j)
{
	const hf_pool *p = j->pool;

	j->fetched = true;
	if (!hf__may_block("hf_fetch"))
		return hf__job_reject(j, hf__error_blocking("hf_fetch"));
	if (hf__thread_role(p) == HF__ROLE_NONE)
		return hf__job_submit_or_run(j);
	return hf__job_reject(j,
		hf__error_fmt(HF_E_DEADLOCK, 0,
			"hf_fetch: this thread works for pool \"%s\", so waiting for it here could "
			"never end",
			p->name));
}

hf_status hf_fetch_with_at(const hf_site *site, hf_pool *p, const hf_query_opts *opts,
	hf_result **out, hf_error **out_error, const char *sql, const hf_value *args, size_t n)
{
	hf_future *f = query(fetch, site, p, opts, sql, args, n);
	hf_blocking was = hf__blocking_lift();
	hf_status st;

	if (out)
		*out = NULL;
	st = hf__future_end(f, out, out_error);
	hf_thread_blocking(was);
	return st;
}

hf_status hf_fetch_at(const hf_site *site, hf_pool *p, hf_result **out, hf_error **out_error,
	const char *sql, const hf_value *args, size_t n)
{
	return hf_fetch_with_at(site, p, NULL, out, out_error, sql, args, n);
}

hf_future *hf_script_at(
	const hf_site *site, hf_pool *p, const char *sql, const hf_value *args, size_t n)
{
	hf_error *e = NULL;
	hf__job *j = new_job(p, HF__JOB_SCRIPT, site, NULL, &e);

	if (!j)
		return hf__job_refuse(p, e, site, NULL, NULL);
	e = hf__job_set_script(j, sql, args, n);
	if (!e && hf__sql_two_phase(sql))
		e = hf__error_fmt(HF_E_MISUSE, 0,
			"a script prepares no transactions: use hf_global, or a .manual job");
	return submit(j, e);
}

/* Rendering needs no server, so the future is ready at once. */
hf_future *hf_dry_run_at(
	const hf_site *site, hf_pool *p, const char *sql, const hf_value *args, size_t n)
{
	hf_error *e = NULL;
	hf__job *j = new_job(p, HF__JOB_SCRIPT, site, NULL, &e);
	hf_future *f;
	char *text;

	if (!j)
		return hf__job_refuse(p, e, site, NULL, NULL);
	e = hf__job_set_script(j, sql, args, n);
	if (e)
		return hf__job_reject(j, e);
	f = &j->future;
	j->state = HF__JOB_DONE;
	text = j->more->text;
	j->more->text = NULL;
	hf__job_complete(
		j, (hf__outcome){ .status = HF_OK, .value = text, .free_value = hf__free });
	return f;
}

static hf_error *check_part(const hf_job *o)
{
	if (o->then != HF_THEN_GO_ON || o->nested)
		return hf__error_fmt(HF_E_MISUSE, 0,
			".then and .nested belong to a part of a transaction (hf_txn_run)");
	return NULL;
}

hf_future *hf_submit_at(const hf_site *site, hf_pool *p, const hf_job *job)
{
	hf_job o;
	hf_error *e = NULL;
	hf__job *j;

	hf__opts_copy(&o, sizeof o, job, "HF_JOB", &e);
	j = new_job(p, HF__JOB_FN, site, o.label, &e);
	if (!j)
		return hf__job_refuse(p, e, site, o.free_arg, o.arg);
	e = hf__job_set_fn(j, &o);
	return submit(j, e ? e : check_part(&o));
}
