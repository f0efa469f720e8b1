/* SPDX-License-Identifier: MIT */
/* A worker's life: take jobs, run them, end. Its link is looked after in connect.c.
 *
 * Lock rule. Everything of a worker but its link and its conn is guarded by pool->lock. The link is
 * touched by this thread only, without the lock; while the worker is lent (borrow.c, relay.c,
 * txn/drive.c), by whom it is lent to.
 *
 * Note "free before ready". A job's future is completed after the worker has entered the idle ring
 * (or holds its next job), so that whoever sees the result finds the connection free. Not so the
 * members of a batch, whose connection goes on with the others, and those of them that were
 * cancelled behind another: their answers are still to come. */
#include "pool/pool.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "value/error.h"

#include <stdio.h>

/* --- waking --- */

bool hf__worker_wanted_locked(const hf_pool *p)
{
	return p->queue.n > 0 && p->n_idle == 0 && p->n_workers == p->n_up &&
	       p->n_workers < p->max_conns;
}

void hf__worker_wake_one_locked(hf_pool *p)
{
	hf__worker *w;

	if (p->queue.n == 0)
		return;
	if (hf__worker_wanted_locked(p))
		hf__pool_poke_locked(p);
	if (p->queue.n == 1 && p->failures > 0)
		hf__cond_broadcast(&p->changed);
	if (p->waking)
		return;
	/* One that is idle but still awake looks at the queue before it sleeps; it may be busy with
	 * what belongs to its last job for a while, so it is not counted on. */
	APR_RING_FOREACH (w, &p->idle, hf__worker, idle)
		if (w->asleep)
			break;
	if (w == APR_RING_SENTINEL(&p->idle, hf__worker, idle)) {
		hf__relay_summon_all_locked(p);
		return;
	}
	w->woken = p->waking = true;
	p->stats.wakeups++;
	hf__cond_signal(&w->cond);
}

void hf__worker_poke_locked(hf__worker *w)
{
	hf__cond_signal(&w->cond);
	hf__wake_signal(&w->wake);
}

void hf__worker_recheck_locked(hf_pool *p)
{
	hf__worker *w;

	hf__cond_broadcast(&p->changed);
	if (p->queue.n > 0 || p->n_connecting == 0)
		return;
	APR_RING_FOREACH (w, &p->workers, hf__worker, all)
		if (!w->up)
			hf__worker_poke_locked(w);
}

hf__ask hf__worker_ask(void *worker)
{
	hf__worker *w = worker;
	hf_pool *p = w->pool;
	hf__job *j = w->conn.job;
	hf__ask ask = HF__ASK_NONE;

	if (atomic_load(&p->aborting))
		ask = HF__ASK_ABORT;
	else if (atomic_load(&p->terminating))
		ask = HF__ASK_CANCEL;
	if (ask == HF__ASK_NONE && j && atomic_load(&j->cancel_asked))
		ask = HF__ASK_CANCEL;
	return ask;
}

/* --- jobs --- */

static void enter_idle_locked(hf__worker *w)
{
	hf_pool *p = w->pool;

	if (w->is_idle)
		return;
	w->is_idle = true;
	APR_RING_INSERT_HEAD(&p->idle, w, hf__worker, idle);
	p->n_idle++;
	hf__cond_broadcast(&p->changed);
}

static void leave_idle_locked(hf__worker *w)
{
	if (!w->is_idle)
		return;
	w->is_idle = false;
	APR_RING_REMOVE(w, idle);
	w->pool->n_idle--;
}

void hf__worker_take_locked(hf__worker *w, hf__job *j, int64_t now)
{
	hf_pool *p = w->pool;

	leave_idle_locked(w);
	j->state = HF__JOB_RUNNING;
	j->started_at = now;
	j->worker = w;
	w->job = j;
	w->pinned = j->kind == HF__JOB_SERVE;
	p->n_pinned += w->pinned;
	p->n_busy++;
	hf__worker_hold_locked(w);
}

static hf__job *take_locked(hf__worker *w)
{
	hf_pool *p = w->pool;
	hf__job *j = hf__queue_pop(&p->queue);

	if (!j)
		return NULL;
	hf__worker_take_locked(w, j, hf__now());
	hf__batch_take_locked(w, j);
	hf__worker_wake_one_locked(p);
	return j;
}

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

static int64_t idle_until_locked(const hf__worker *w)
{
	const hf_pool *p = w->pool;
	int64_t t = w->expires_at;
	int64_t idle = p->opts.idle_ms < 0 ? HF__NEVER : hf__after(w->idle_since, p->opts.idle_ms);

	return hf__pool_staying_locked(p) > p->min_conns && idle < t ? idle : t;
}

static void answer_wake_locked(hf__worker *w)
{
	if (!w->woken)
		return;
	w->woken = w->pool->waking = false;
	w->pool->stats.futile_wakeups += w->pool->queue.n == 0;
}

/* It may have been woken for another job than its borrower's. Where nobody else can take that, it
 * is summoned itself. */
static void rest_locked(hf__worker *w)
{
	hf__worker_wake_one_locked(w->pool);
	if (w->summoned)
		return;
	w->resting = true;
	hf__cond_wait(&w->cond, &w->pool->lock);
	w->resting = false;
}

/* The next job, or NULL: look after the link, or end. Sleeps while there is none. */
static hf__job *next_job(hf__worker *w)
{
	hf_pool *p = w->pool;
	hf__job *j = NULL;
	bool in_time;

	hf__lock(&p->lock);
	for (;;) {
		answer_wake_locked(w);
		if (w->lent && w->summoned) {
			w->lent = w->summoned = false;
			w->resumes = true;
			j = w->job;
			break;
		}
		if (w->lent) {
			rest_locked(w);
			continue;
		}
		if (!w->up || hf__worker_must_end_locked(w) ||
			hf__worker_doubts_locked(w, hf__now()))
			break;
		j = take_locked(w);
		if (j)
			break;
		enter_idle_locked(w);
		w->asleep = true;
		in_time = hf__cond_wait_until(&w->cond, &p->lock, idle_until_locked(w));
		w->asleep = false;
		if (!in_time && !w->lent && hf__pool_staying_locked(p) > p->min_conns &&
			p->opts.idle_ms >= 0 && p->queue.n == 0 &&
			hf__now() >= hf__after(w->idle_since, p->opts.idle_ms))
			hf__worker_retire_locked(w);
	}
	if (!j)
		leave_idle_locked(w);
	hf__worker_wake_one_locked(p);
	hf__unlock(&p->lock);
	return j;
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

void hf__worker_summon_locked(hf__worker *w)
{
	w->summoned = true;
	w->pool->stats.wakeups++;
	hf__cond_signal(&w->cond);
}

void hf__worker_summon(hf__worker *w)
{
	hf__lock(&w->pool->lock);
	hf__worker_summon_locked(w);
	hf__unlock(&w->pool->lock);
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
		enter_idle_locked(w);
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
		next = take_locked(w);
		if (!next)
			enter_idle_locked(w);
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

static hf__job *run_job(hf__worker *w, hf__job *j)
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

/* --- the thread --- */

static void end_worker(hf__worker *w)
{
	hf_pool *p = w->pool;

	hf__link_close(&w->link);
	hf__conn_finish(&w->conn);
	hf__batch_free(w->batch);
	hf__lock(&p->lock);
	hf_assert(!w->is_idle);
	hf__worker_down_locked(w);
	answer_wake_locked(w);
	APR_RING_REMOVE(w, all);
	APR_RING_INSERT_TAIL(&p->ended, w, hf__worker, all);
	hf__tally_add_to(&w->tally, &p->stats);
	p->n_workers--;
	p->n_retiring -= w->retire;
	hf__worker_wake_one_locked(p);
	hf__pool_poke_locked(p);
	hf__cond_broadcast(&p->changed);
	hf__unlock(&p->lock);
}

static void *worker_run(void *arg)
{
	hf__worker *w = arg;
	hf__job *j;

	hf__thread_serve(w->pool, HF__ROLE_WORKER);
	/* What is idle stays in the ring until next_job takes it out: the link is looked after
	 * outside it. */
	while (hf__worker_ensure_link(w))
		while ((j = next_job(w)) != NULL)
			while (j)
				j = run_job(w, j);
	end_worker(w);
	return NULL;
}

bool hf__worker_start_locked(hf_pool *p)
{
	hf__worker *w = hf__calloc(sizeof *w);
	hf__link_config cfg = { .canceler = p->canceler,
		.log = &p->log,
		.max_result = p->opts.max_result,
		.stall_ms = p->opts.stall_ms,
		.statement_ms = p->opts.statement_ms > 0 ? p->opts.statement_ms : 0,
		.max_statements = p->opts.max_statements,
		.read_only = p->opts.read_only };
	char name[16];

	if (!w)
		return false;
	if (!hf__wake_init(&w->wake)) {
		hf__free(w);
		return false;
	}
	w->pool = p;
	w->number = ++p->n_started;
	hf__cond_init(&w->cond);
	hf__mutex_init(&w->held_lock, HF__L_LEAF);
	APR_RING_ELEM_INIT(w, idle);
	cfg.wake = &w->wake;
	hf__link_init(&w->link, &cfg);
	hf__conn_init(&w->conn, w);
	APR_RING_INSERT_TAIL(&p->workers, w, hf__worker, all);
	p->n_workers++;
	snprintf(name, sizeof name, "%.9s-%d", p->name, w->number);
	if (hf__thread_start(&w->thread, name, worker_run, w))
		return true;
	APR_RING_REMOVE(w, all);
	p->n_workers--;
	hf__mutex_finish(&w->held_lock);
	hf__cond_finish(&w->cond);
	hf__wake_finish(&w->wake);
	hf__free(w);
	return false;
}
