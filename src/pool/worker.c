/* SPDX-License-Identifier: MIT */
/* A worker's life: take jobs, have them run (serve.c), end. Its link is looked after in connect.c.
 *
 * Lock rule. Everything of a worker but its link and its conn is guarded by pool->lock. The link is
 * touched by this thread only, without the lock; while the worker is lent (borrow.c, relay.c,
 * txn/drive.c), by whom it is lent to. */
#include "pool/pool.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

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

/* --- taking --- */

void hf__worker_enter_idle_locked(hf__worker *w)
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

hf__job *hf__worker_take_next_locked(hf__worker *w)
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
		j = hf__worker_take_next_locked(w);
		if (j)
			break;
		hf__worker_enter_idle_locked(w);
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
				j = hf__worker_serve(w, j);
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
