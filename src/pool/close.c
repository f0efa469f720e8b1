/* SPDX-License-Identifier: MIT */
/* Closing a pool: drain, cancel, close the connections, join every thread, all within one deadline.
 */
#include "pool/pool.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/thread.h"
#include "value/error.h"

#define CANCEL_PHASE_MS 1000 /* between cancelling and closing the connections */
#define ABORT_PHASE_MS  5000 /* and then for interactions to come back */

static void poke_all_locked(hf_pool *p)
{
	hf__worker *w;

	APR_RING_FOREACH (w, &p->workers, hf__worker, all)
		hf__worker_poke_locked(w);
	hf__cond_broadcast(&p->changed);
	hf__pool_poke_locked(p);
}

/* Waits until `n` is zero. */
static bool await_zero_locked(hf_pool *p, const int *n, int64_t deadline)
{
	while (*n > 0)
		if (!hf__cond_wait_until(&p->changed, &p->lock, deadline) && *n > 0)
			return false;
	return true;
}

/* What is left has no job: it connects, or runs its on_connect hook. */
static bool end_workers_locked(hf_pool *p, int64_t deadline)
{
	p->terminating = true;
	poke_all_locked(p);
	if (await_zero_locked(p, &p->n_workers, hf__deadline(CANCEL_PHASE_MS)))
		return true;
	p->aborting = true;
	poke_all_locked(p);
	return await_zero_locked(p, &p->n_workers, deadline);
}

static bool drain_locked(hf_pool *p, int64_t deadline)
{
	while (p->queue.n > 0 || p->n_busy > 0)
		if (!hf__cond_wait_until(&p->changed, &p->lock, deadline))
			return p->queue.n == 0 && p->n_busy == 0;
	return true;
}

/* Until what borrowers have run is known to those who wait. They are at it, and wait for nothing.
 */
static bool await_completions_locked(hf_pool *p, int64_t deadline)
{
	while (atomic_load(&p->n_completing) > 0)
		if (!hf__cond_wait_until(&p->changed, &p->lock, deadline))
			return atomic_load(&p->n_completing) == 0;
	return true;
}

hf_error *hf__pool_closed_early(const hf_pool *p)
{
	return hf__error_fmt(
		HF_E_CLOSED, HF_RETRYABLE, "pool \"%s\" was closed before this could run", p->name);
}

/* The lock is released for a while: what waited is failed. */
static void cancel_everything_locked(hf_pool *p)
{
	p->terminating = true;
	hf__unlock(&p->lock);
	hf__pool_fail_queue(p, hf__pool_closed_early(p));
	hf__lock(&p->lock);
	poke_all_locked(p);
	if (await_zero_locked(p, &p->n_busy, hf__deadline(CANCEL_PHASE_MS)))
		return;
	p->aborting = true;
	poke_all_locked(p);
}

/* Before the callback thread and the canceler, which it uses. */
static bool end_attached(hf_pool *p, int64_t deadline)
{
	hf__attached *a;

	hf__lock(&p->lock);
	a = p->attached;
	hf__unlock(&p->lock);
	if (!a)
		return true;
	if (!a->end(a, deadline))
		return false;
	hf__lock(&p->lock);
	p->attached = NULL;
	hf__unlock(&p->lock);
	a->let_go(a);
	return true;
}

/* After every worker has ended. */
static void stop_threads(hf_pool *p)
{
	hf__lock(&p->lock);
	p->house_stop = true;
	hf__pool_poke_locked(p);
	hf__unlock(&p->lock);
	if (p->house_runs)
		pthread_join(p->house, NULL);
	p->house_runs = false;
	hf__canceler_close(p->canceler, hf__deadline(ABORT_PHASE_MS));
	p->canceler = NULL;
	if (p->callbacks)
		hf__callbacks_stop(p->callbacks, hf__deadline(ABORT_PHASE_MS));
}

/* Only one thread closes; others wait for it. True: this one. */
static bool become_closer_locked(hf_pool *p, int64_t deadline)
{
	while (p->closer_at_work)
		if (!hf__cond_wait_until(&p->changed, &p->lock, deadline))
			return false;
	if (p->state == HF_POOL_CLOSED)
		return false;
	p->closer_at_work = true;
	p->state = HF_POOL_CLOSING;
	atomic_store(&p->draining, true);
	return true;
}

static hf_status close_pool(hf_pool *p, int ms)
{
	int64_t deadline = hf__deadline(ms),
		last = ms < 0 ? HF__NEVER : hf__after(deadline, 2 * ABORT_PHASE_MS);
	bool drained, ended;

	hf__lock(&p->lock);
	if (!become_closer_locked(p, last)) {
		hf_status st = p->state == HF_POOL_CLOSED ? HF_OK : HF_PENDING;

		hf__unlock(&p->lock);
		return st;
	}
	poke_all_locked(p);
	drained = drain_locked(p, deadline);
	last = hf__deadline(ABORT_PHASE_MS);
	if (!drained)
		cancel_everything_locked(p);
	ended = end_workers_locked(p, last) && await_completions_locked(p, last);
	hf__unlock(&p->lock);
	ended = ended && end_attached(p, last);
	if (ended)
		stop_threads(p);
	hf__lock(&p->lock);
	p->closer_at_work = false;
	if (ended)
		p->state = HF_POOL_CLOSED;
	hf__cond_broadcast(&p->changed);
	hf__unlock(&p->lock);
	if (ended)
		hf__logf(&p->log, HF__LOG_INFO, "closed");
	return ended ? HF_OK : HF_PENDING;
}

void hf__pool_stop_intake(hf_pool *p)
{
	if (p->forks != hf__fork_count())
		return;
	hf__lock(&p->lock);
	if (p->state == HF_POOL_OPEN) {
		p->state = HF_POOL_CLOSING;
		poke_all_locked(p);
	}
	hf__unlock(&p->lock);
}

static hf_status check_close(const hf_pool *p)
{
	if (!p)
		return HF_E_MISUSE;
	if (p->forks != hf__fork_count())
		return HF_E_FORKED;
	return hf__thread_role(p) == HF__ROLE_NONE ? HF_OK : HF_E_DEADLOCK;
}

hf_status hf_pool_close(hf_pool *p, int ms)
{
	hf_status st = check_close(p);

	return st != HF_OK ? st : close_pool(p, ms == 0 ? p->opts.shutdown_ms : ms);
}

hf_status hf_pool_terminate(hf_pool *p)
{
	hf_status st = check_close(p);

	return st != HF_OK ? st : close_pool(p, 0);
}
