/* SPDX-License-Identifier: MIT */
/* Interactions that are run again when the server gave them up: the call. The attempts are the
 * worker's (pool/retry.c). */
#include "pool/pool.h"

#include "value/error.h"
#include "value/opts.h"

#include <holdfast/txn.h>

#define ATTEMPTS    3
#define DEADLINE_MS 30000

static hf_error *check(const hf_job *o, const hf_retry *r)
{
	if (o->manual || o->then != HF_THEN_GO_ON || o->nested)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"hf_transact begins and ends its transaction itself: no .manual, no .then, "
			"no .nested");
	if (r->attempts < 0)
		return hf__error_fmt(HF_E_MISUSE, 0, "attempts %d: at least 1", r->attempts);
	if (r->deadline_ms < HF_FOREVER)
		return hf__error_fmt(HF_E_MISUSE, 0, "deadline_ms %d: milliseconds, or HF_FOREVER",
			r->deadline_ms);
	return NULL;
}

/* One attempt cannot have longer than all of them. */
static void set_retry(hf__job *j, const hf_retry *r)
{
	j->more->retry.attempts = r->attempts ? r->attempts : ATTEMPTS;
	j->more->retry.deadline_ms = r->deadline_ms ? r->deadline_ms : DEADLINE_MS;
	j->more->retry.idempotent = r->idempotent;
	if (j->more->retry.deadline_ms > 0 &&
		(j->timeout_ms <= 0 || j->timeout_ms > j->more->retry.deadline_ms))
		j->timeout_ms = j->more->retry.deadline_ms;
}

hf_future *hf_transact_at(const hf_site *site, hf_pool *p, const hf_retry *retry, const hf_job *job)
{
	hf_job o;
	hf_retry r;
	hf_error *e = NULL;
	hf__job *j;

	hf__opts_copy(&o, sizeof o, job, "HF_JOB", &e);
	if (!e)
		hf__opts_copy(&r, sizeof r, retry, "HF_RETRY", &e);
	if (!e)
		e = hf__pool_refusal(p);
	if (e)
		return hf__job_refuse(p, e, site, o.free_arg, o.arg);
	j = hf__job_new(p, HF__JOB_FN, site, o.label);
	if (!j)
		return hf__job_refuse(p, hf__error_nomem(), site, o.free_arg, o.arg);
	e = hf__job_set_fn(j, &o);
	if (!e)
		e = check(&o, &r);
	if (e)
		return hf__job_reject(j, e);
	set_retry(j, &r);
	j->more->acquire_ms = o.acquire_ms;
	return hf__job_submit(j);
}
