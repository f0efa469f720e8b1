/* SPDX-License-Identifier: MIT */
/* Jobs on a worker: run, ended, put back. Lock rule: worker.c.
 *
 * Note "free before ready". A job's future is completed after the worker has entered the idle ring
 * (or holds its next job), so that whoever sees the result finds the connection free. Not so the
 * members of a batch, whose connection goes on with the others, and those of them that were
 * cancelled behind another: their answers are still to come. */
#include "pool/pool.h"

#include "base/clock.h"
#include "value/error.h"

static void untake_locked(hf__worker *w)
{
	hf_pool *p = w->pool;

	w->job = NULL;
	p->n_pinned -= w->pinned;
	w->pinned = false;
	p->n_busy--;
	if (p->n_busy == 0)
		hf__cond_broadcast(&p->changed);
}

/* Never run: why, or NULL: it waits for another connection. */
static hf_error *unwanted(const hf_pool *p, hf__job *j)
{
	if (p->terminating)
		return hf__error_at(hf__pool_closed_early(p), 0, j->sql, &j->site);
	return atomic_load(&j->cancel_asked) ? hf__job_canceled_early(j) : NULL;
}

/* Back to the head of the queue, unless nobody wants it run any more: then why, and the caller
 * fails it. */
static hf_error *requeue_locked(hf_pool *p, hf__job *j)
{
	hf_error *e = unwanted(p, j);

	j->worker = NULL;
	if (e) {
		j->state = HF__JOB_DONE;
		hf__pool_count_end_locked(p, j, hf_error_status(e));
		hf__worker_recheck_locked(p);
	} else {
		j->state = HF__JOB_QUEUED;
		hf__queue_push_front(&p->queue, j);
		hf__pool_poke_locked(p);
		hf__worker_wake_one_locked(p);
	}
	return e;
}

void hf__worker_put_back_unsent(hf__worker *w, int keep)
{
	hf_pool *p = w->pool;
	hf_error *e;
	hf__job *j;

	while ((j = hf__batch_give_back(w, keep)) != NULL) {
		hf__lock(&p->lock);
		if (w->job == j) /* another's from now on */
			w->job = NULL;
		e = requeue_locked(p, j);
		hf__unlock(&p->lock);
		if (e)
			hf__job_fail(j, e);
	}
}

/* Its connection was not fit. */
static void put_back(hf__worker *w, hf__job *j)
{
	hf_pool *p = w->pool;
	bool batch = hf__batch_waits(w);
	hf_error *e = NULL;

	hf__lock(&p->lock);
	untake_locked(w);
	if (!batch)
		e = requeue_locked(p, j);
	hf__unlock(&p->lock);
	if (e)
		hf__job_fail(j, e);
	hf__worker_put_back_unsent(w, 0);
}

void hf__worker_explain_termination(hf__worker *w, hf__outcome *o)
{
	hf_pool *p = w->pool;
	hf_error *e;

	if (!atomic_load(&p->terminating) ||
		(o->status != HF_E_CANCELED && o->status != HF_E_CONN_LOST))
		return;
	e = hf__error_fmt(HF_E_CLOSED,
		hf_error_is(o->error, HF_MAYBE_COMMITTED) ? HF_MAYBE_COMMITTED
		: hf_error_is(o->error, HF_COMMITTED)     ? HF_COMMITTED
							  : 0,
		"pool \"%s\" was closed while this ran", p->name);
	hf_error_unref(o->error);
	o->error = e;
	o->status = hf_error_status(e);
}

static void set_limits(hf__job *j)
{
	j->run_until = j->timeout_ms > 0 && j->kind != HF__JOB_SERVE
			       ? hf__after(j->started_at, j->timeout_ms)
			       : HF__NEVER;
}

void hf__worker_enter_lent(hf__worker *w, hf__job *j)
{
	hf_conn *outer = hf__conn_in_use();

	set_limits(j);
	hf__conn_enter(&w->conn, j);
	hf__conn_use(outer);
}

bool hf__worker_send(hf__worker *w, hf__job *j)
{
	set_limits(j);
	hf__conn_enter(&w->conn, j);
	return hf__conn_send(&w->conn, j, true);
}

/* What was entered. */
static void run_entered(hf__worker *w, hf__job *j)
{
	bool left_open;

	j->outcome = hf__conn_run_job(&w->conn, j);
	hf__conn_leave(&w->conn, &left_open);
	if (j->more->retry.elsewhere)
		return;
	if (left_open && j->outcome.status == HF_OK && j->kind != HF__JOB_FN) {
		hf_result_unref(j->outcome.result);
		j->outcome = (hf__outcome){ .status = HF_E_MISUSE,
			.error = hf__error_fmt(HF_E_MISUSE, 0,
				"it left a transaction open: what it had not committed was rolled "
				"back") };
	}
}

void hf__worker_receive(hf__worker *w, hf__job *j)
{
	hf__conn_use(&w->conn);
	run_entered(w, j);
}

void hf__worker_run(hf__worker *w, hf__job *j)
{
	set_limits(j);
	hf__conn_enter(&w->conn, j);
	run_entered(w, j);
}

/* A broken link is the worker's own thread's to close, and a session that is to be reset its to
 * reset: that runs the user's hook. */
void hf__worker_give_back_locked(hf__worker *w, int64_t now)
{
	hf_pool *p = w->pool;

	untake_locked(w);
	w->lent = false;
	w->idle_since = now;
	w->suspect |= w->link.broken || w->link.dirty;
	if (hf__worker_stays_locked(w, now))
		hf__worker_enter_idle_locked(w);
	else
		hf__cond_signal(&w->cond);
	if (w->resting)
		hf__cond_signal(&w->cond);
	hf__worker_wake_one_locked(p);
}

void hf__worker_put_back(hf__worker *w, hf__job *j)
{
	hf_pool *p = w->pool;
	hf_error *e;

	hf__lock(&p->lock);
	hf__worker_give_back_locked(w, hf__now());
	e = requeue_locked(p, j);
	hf__unlock(&p->lock);
	if (e)
		hf__job_fail(j, e);
}

void hf__worker_before_done(hf__worker *w, hf__job **jobs, int n)
{
	for (int i = 0; i < n; i++) {
		hf__job_free_arg(jobs[i]);
		hf__worker_explain_termination(w, &jobs[i]->outcome);
	}
}

void hf__worker_count_locked(hf__worker *w, hf__job **jobs, int n, int64_t now)
{
	for (int i = 0; i < n; i++) {
		hf__job *j = jobs[i];

		j->state = HF__JOB_DONE;
		j->worker = NULL;
		hf__pool_count_end_locked(w->pool, j, j->outcome.status);
		hf__pool_count_run_locked(w->pool, j, now);
	}
}

/* The worker is free (or has its next job, which is returned) before the futures are ready. */
static hf__job *finish(hf__worker *w, hf__job **jobs, int n)
{
	hf_pool *p = w->pool;
	bool usable = !w->link.broken;
	int64_t now = hf__now();
	hf__job *next = NULL;

	hf__worker_before_done(w, jobs, n);
	hf__lock(&p->lock);
	hf__worker_count_locked(w, jobs, n, now);
	untake_locked(w);
	w->idle_since = now;
	if (usable && hf__worker_stays_locked(w, now)) {
		next = hf__worker_take_next_locked(w);
		if (!next)
			hf__worker_enter_idle_locked(w);
	}
	hf__unlock(&p->lock);
	if (!usable)
		hf__worker_drop_link(w, hf__link_gone(&w->link),
			w->conn.discard ? "the interaction asked for it"
			: w->link.fatal[0]
				? w->link.fatal
				: "it broke, or its session could not be trusted any more");
	hf__job_complete_many(jobs, (size_t)n);
	return next;
}

/* Its connection was lost and it is to be run again: it waits for another as if it were new. */
static void try_elsewhere(hf__worker *w, hf__job *j)
{
	int64_t in_time;

	hf__worker_drop_link(w, hf__link_gone(&w->link), "it broke under a job that is run again");
	in_time = hf__deadline(w->pool->opts.acquire_ms);
	j->acquire_by = in_time < j->more->retry.until ? in_time : j->more->retry.until;
	j->has_own_acquire = true;
	put_back(w, j);
}

static hf__job *run_batch(hf__worker *w, hf__job *first)
{
	hf__job *jobs[HF__MAX_PIPELINE];
	bool left_open;
	int n;

	first->run_until = HF__NEVER;
	hf__conn_enter(&w->conn, first);
	n = hf__batch_run(w, jobs);
	w->conn.job = n > 0 ? jobs[n - 1] : NULL;
	hf__conn_leave(&w->conn, &left_open);
	hf__worker_put_back_unsent(w, 0);
	return finish(w, jobs, n);
}

/* What others have begun while it was lent. */
static hf__job *resume_job(hf__worker *w, hf__job *j)
{
	w->resumes = false;
	hf__worker_receive(w, j);
	return finish(w, &j, 1);
}

hf__job *hf__worker_serve(hf__worker *w, hf__job *j)
{
	if (w->resumes)
		return resume_job(w, j);
	if (!hf__worker_link_fit(w)) {
		put_back(w, j);
		return NULL;
	}
	if (hf__batch_waits(w))
		return run_batch(w, j);
	hf__worker_run(w, j);
	if (j->more->retry.elsewhere) {
		try_elsewhere(w, j);
		return NULL;
	}
	return finish(w, &j, 1);
}
