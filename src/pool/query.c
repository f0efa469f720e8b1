/* SPDX-License-Identifier: MIT */
/* Submitting: queries, scripts, dry runs and interactions as jobs. */
#include "pool/pool.h"

#include "base/clock.h"
#include "base/mem.h"
#include "value/error.h"
#include "value/opts.h"

static void set_acquire(hf__job *j, int acquire_ms)
{
	if (acquire_ms == 0)
		return;
	j->has_own_acquire = true;
	j->acquire_by = hf__deadline(acquire_ms);
}

/* Fails a job that was made and will not be submitted. */
static hf_future *fail_job(hf__job *j, hf_error *e)
{
	hf_future *f = &j->future;

	j->state = HF__JOB_DONE;
	hf__job_fail(j, hf__error_at(e, 0, j->sql, &j->site));
	return f;
}

static hf_error *check_plain(const hf__job *j)
{
	if ((unsigned)j->isolation > HF_ISO_SERIALIZABLE)
		return hf__error_fmt(HF_E_MISUSE, 0, "isolation %d is unknown", (int)j->isolation);
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

static void set_query_opts(hf__job *j, const hf_query_opts *o)
{
	j->arg = o->arg;
	j->free_arg = o->free_arg;
	j->on_row = o->on_row;
	j->timeout_ms = o->timeout_ms;
	j->urgent = o->urgent;
	j->isolation = o->isolation;
	j->read_only = o->read_only;
	set_acquire(j, o->acquire_ms);
}

hf_future *hf_query_with_at(const hf_site *site, hf_pool *p, const hf_query_opts *opts,
	const char *sql, const hf_value *args, size_t n)
{
	hf_query_opts o;
	hf_error *e = NULL;
	hf__job *j;

	hf__opts_copy(&o, sizeof o, opts, "HF_QUERY_OPTS", &e);
	if (!e)
		e = hf__pool_refusal(p);
	if (e)
		return hf__job_refuse(p, e, site, o.free_arg, o.arg);
	j = hf__job_new(p, HF__JOB_QUERY, site, o.label);
	if (!j)
		return hf__job_refuse(p, hf__error_nomem(), site, o.free_arg, o.arg);
	set_query_opts(j, &o);
	e = hf__job_set_query(j, sql, args, n);
	if (!e)
		e = check_plain(j);
	return e ? fail_job(j, e) : hf__job_submit(j);
}

hf_future *hf_query_at(
	const hf_site *site, hf_pool *p, const char *sql, const hf_value *args, size_t n)
{
	return hf_query_with_at(site, p, NULL, sql, args, n);
}

hf_future *hf_script_at(
	const hf_site *site, hf_pool *p, const char *sql, const hf_value *args, size_t n)
{
	hf_error *e = hf__pool_refusal(p);
	hf__job *j = e ? NULL : hf__job_new(p, HF__JOB_SCRIPT, site, NULL);

	if (!j)
		return hf__job_refuse(p, e ? e : hf__error_nomem(), site, NULL, NULL);
	e = hf__job_set_script(j, sql, args, n);
	if (!e && hf__sql_two_phase(sql))
		e = hf__error_fmt(HF_E_MISUSE, 0,
			"a script prepares no transactions: use hf_global, or a .manual job");
	return e ? fail_job(j, e) : hf__job_submit(j);
}

/* Rendering needs no server, so the future is ready at once. */
hf_future *hf_dry_run_at(
	const hf_site *site, hf_pool *p, const char *sql, const hf_value *args, size_t n)
{
	hf_error *e = hf__pool_refusal(p);
	hf__job *j = e ? NULL : hf__job_new(p, HF__JOB_SCRIPT, site, NULL);
	hf_future *f;
	char *text;

	if (!j)
		return hf__job_refuse(p, e ? e : hf__error_nomem(), site, NULL, NULL);
	e = hf__job_set_script(j, sql, args, n);
	if (e)
		return fail_job(j, e);
	f = &j->future;
	j->state = HF__JOB_DONE;
	text = j->text;
	j->text = NULL;
	hf__job_complete(
		j, (hf__outcome){ .status = HF_OK, .value = text, .free_value = hf__free });
	return f;
}

hf_future *hf_submit_at(const hf_site *site, hf_pool *p, const hf_job *job)
{
	hf_job o;
	hf_error *e = NULL;
	hf__job *j;

	hf__opts_copy(&o, sizeof o, job, "HF_JOB", &e);
	if (!e)
		e = hf__pool_refusal(p);
	if (e)
		return hf__job_refuse(p, e, site, o.free_arg, o.arg);
	j = hf__job_new(p, HF__JOB_FN, site, o.label);
	if (!j)
		return hf__job_refuse(p, hf__error_nomem(), site, o.free_arg, o.arg);
	e = hf__job_set_fn(j, &o);
	set_acquire(j, o.acquire_ms);
	return e ? fail_job(j, e) : hf__job_submit(j);
}
