/* SPDX-License-Identifier: MIT */
/* The way of a job into its pool: to the queue, to whom it is lent, or refused. */
#include "pool/pool.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/thread.h"
#include "value/error.h"

/* The server has refused us for good a moment ago, and will not be asked again yet: waiting for
 * that would only delay the same answer. */
static bool hopeless_locked(const hf_pool *p)
{
	return p->n_up == 0 && p->n_connecting == 0 && p->connect_error &&
	       hf__sqlstate_permanent(hf_error_sqlstate(p->connect_error)) &&
	       hf__now() < p->retry_at;
}

/* A hook may submit: what the interaction did is committed. */
hf_error *hf__job_kept_inside(const hf_pool *p, const hf__worker *by)
{
	const hf_conn *c = hf__conn_in_use();

	if (!c || c->worker->pool != p || c->worker == by || !c->job || !c->job->more->no_submit ||
		c->in_row)
		return NULL;
	return hf__error_fmt(HF_E_MISUSE, 0,
		"submitted from within an interaction with .no_submit: it would run on "
		"another connection, and not see what this one has not committed");
}

static hf_error *refusal_locked(hf_pool *p)
{
	hf_error *e = hf__job_kept_inside(p, NULL);

	if (e)
		return e;
	if (p->state != HF_POOL_OPEN)
		return hf__error_fmt(HF_E_CLOSED, 0, "pool \"%s\" is %s", p->name,
			p->state == HF_POOL_CLOSED ? "closed" : "closing");
	if (p->queue.n >= p->opts.max_queue)
		return hf__error_fmt(HF_E_BUSY, HF_RETRYABLE,
			"pool \"%s\": the queue is full (max_queue %d; %d of %d connections busy)",
			p->name, p->opts.max_queue, p->n_busy, p->max_conns);
	if (hopeless_locked(p))
		return hf_error_ref(p->connect_error);
	return NULL;
}

static void set_acquire_by(hf__job *j)
{
	j->submitted_at = hf__now();
	j->has_own_acquire = j->more->acquire_ms != 0;
	j->acquire_by = hf__after(j->submitted_at,
		j->has_own_acquire ? j->more->acquire_ms : j->pool->opts.acquire_ms);
}

static void queue_locked(hf__job *j)
{
	hf_pool *p = j->pool;

	hf__queue_push(&p->queue, j);
	hf__worker_wake_one_locked(p);
	hf__pool_watch_locked(p, j->acquire_by);
}

/* With a worker that `borrow` finds, it is not queued: the caller runs it. */
static hf__worker *enter(hf__job *j, hf__worker *(*borrow)(hf_pool *p, hf__job *j, int64_t now))
{
	hf_pool *p = j->pool;
	hf__worker *w = NULL;
	hf_error *e;

	set_acquire_by(j);
	hf__lock(&p->lock);
	e = refusal_locked(p);
	p->stats.rejected += e != NULL;
	p->stats.submitted += e == NULL;
	if (e)
		j->state = HF__JOB_DONE;
	else if (!borrow || p->queue.n > 0 || !(w = borrow(p, j, j->submitted_at)))
		queue_locked(j);
	hf__unlock(&p->lock);
	if (e)
		hf__job_fail(j, hf__error_at(e, 0, j->sql, &j->site));
	return w;
}

hf_future *hf__job_submit(hf__job *j)
{
	hf_future *f = &j->future;
	bool may_wait = hf__thread_role(j->pool) == HF__ROLE_NONE;
	hf__worker *w = enter(j, may_wait ? hf__relay_lend_locked : NULL);

	if (w)
		hf__relay_send(w, j);
	return f;
}

hf_future *hf__job_submit_or_run(hf__job *j)
{
	hf_future *f = &j->future;
	hf__worker *w = enter(j, hf__borrow_locked);

	if (w)
		hf__borrow_run(w, j);
	return f;
}

hf__worker *hf__job_submit_lent(hf__job *j)
{
	hf__worker *w = enter(j, hf__borrow_serve_locked);

	return w && hf__borrow_fit(w, j) ? w : NULL;
}

hf_future *hf__job_reject(hf__job *j, hf_error *e)
{
	hf_future *f = &j->future;

	j->state = HF__JOB_DONE;
	hf__job_fail(j, hf__error_at(e, 0, j->sql, &j->site));
	return f;
}

hf_future *hf__job_refuse(
	hf_pool *p, hf_error *e, const hf_site *site, hf_free_fn *free_arg, void *arg)
{
	bool mine = p && p->forks == hf__fork_count();

	if (free_arg)
		free_arg(arg);
	return hf__future_failed(mine ? p->callbacks : NULL, hf__error_at(e, 0, NULL, site));
}
