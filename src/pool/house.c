/* SPDX-License-Identifier: MIT */
/* The housekeeper: one thread a pool for everything that is nobody's job. Never talks to a server.
 *
 * It looks after what was lent to other threads, too, and summons the workers of what nobody
 * touches.
 *
 * It sleeps in epoll on the sockets of the workers (for a server that hangs up, nothing else), on
 * its own wake descriptor, and until the next deadline of a queued job, or of a report that a
 * connection is held for long. */
#include "pool/pool.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "value/error.h"

#include <errno.h>
#include <sys/epoll.h>

#define EVENTS     64
#define RESTART_MS 100 /* after a thread could not be started */
#define LENT       64

/* What a worker would serve if it were not lent, kept alive while it is looked at. */
struct held {
	const struct hf__lent_ops *ops;
	void *it;
};

void hf__pool_poke_locked(hf_pool *p)
{
	if (p->house_poked)
		return;
	p->house_poked = true;
	hf__wake_signal(&p->house_wake);
}

void hf__pool_watch_locked(hf_pool *p, int64_t deadline)
{
	if (deadline >= p->house_until)
		return;
	p->house_until = deadline;
	hf__pool_poke_locked(p);
}

/* --- jobs that wait too long
 * ----------------------------------------------------------------------- */

/* Takes one job whose time in the queue is up, with why; *next is when to look again. */
static hf__job *take_expired(hf_pool *p, int64_t *next, hf_error **why)
{
	int64_t now = hf__now();
	hf__job *j;

	hf__lock(&p->lock);
	j = hf__queue_expire(&p->queue, now, next);
	if (j) {
		j->state = HF__JOB_DONE;
		*why = hf__pool_no_connection_locked(p, (now - j->submitted_at) / HF__MS);
		hf__pool_count_end_locked(p, j, hf_error_status(*why));
		p->stats.wait_timeouts++;
		hf__worker_recheck_locked(p);
	}
	hf__unlock(&p->lock);
	return j;
}

/* When to look again, if `next` is the earliest instant at which something is due. */
static int64_t watch_until(hf_pool *p, int64_t next)
{
	hf__lock(&p->lock);
	if (next < p->house_until)
		p->house_until = next;
	next = p->house_until;
	hf__unlock(&p->lock);
	return next;
}

/* Until when nothing in the queue expires. */
static int64_t expire_jobs(hf_pool *p)
{
	int64_t next;
	hf_error *why;
	hf__job *j;

	while ((j = take_expired(p, &next, &why)) != NULL)
		hf__job_fail(j, hf__error_at(why, 0, j->sql, &j->site));
	return next;
}

void hf__pool_fail_queue(hf_pool *p, hf_error *e)
{
	struct hf__job_ring all;
	hf__job *j;

	APR_RING_INIT(&all, hf__job, link);
	hf__lock(&p->lock);
	while ((j = hf__queue_pop(&p->queue)) != NULL) {
		j->state = HF__JOB_DONE;
		hf__pool_count_end_locked(p, j, hf_error_status(e));
		APR_RING_INSERT_TAIL(&all, j, hf__job, link);
	}
	hf__cond_broadcast(&p->changed);
	hf__unlock(&p->lock);
	while (!APR_RING_EMPTY(&all, hf__job, link)) {
		j = APR_RING_FIRST(&all);
		APR_RING_REMOVE(j, link);
		hf__job_fail(j, hf__error_at(hf_error_ref(e), 0, j->sql, &j->site));
	}
	hf_error_unref(e);
}

/* --- what is lent
 * -------------------------------------------------------------------------------------- */

static bool is_lent(const hf__worker *w)
{
	return w->lent && !w->summoned && w->job && w->job->more->lent_ops;
}

/* Up to LENT of the jobs of workers after number `*after` that others run; each held. */
static int hold_lent(hf_pool *p, int *after, struct held *out, bool *closing)
{
	hf__worker *w;
	int n = 0;

	hf__lock(&p->lock);
	*closing = p->state != HF_POOL_OPEN;
	APR_RING_FOREACH (w, &p->workers, hf__worker, all) {
		if (n == LENT)
			break;
		if (w->number <= *after || !is_lent(w))
			continue;
		*after = w->number;
		out[n].ops = w->job->more->lent_ops;
		out[n].it = out[n].ops->hold(w->job);
		n++;
	}
	hf__unlock(&p->lock);
	return n;
}

/* Gives to the workers what nobody else looks after. Returns when to look again. */
static int64_t look_after_lent(hf_pool *p)
{
	struct held held[LENT];
	int64_t next, now = hf__now();
	bool closing;
	int after = 0, n;

	hf__lock(&p->lock);
	next = hf__relay_look_locked(p, now);
	hf__unlock(&p->lock);
	do {
		n = hold_lent(p, &after, held, &closing);
		for (int i = 0; i < n; i++) {
			int64_t due = held[i].ops->look(held[i].it, now, closing);

			next = due < next ? due : next;
		}
	} while (n == LENT);
	return next;
}

/* --- workers
 * --------------------------------------------------------------------------------------- */

static bool more_wanted_locked(const hf_pool *p)
{
	if (p->state != HF_POOL_OPEN && p->queue.n == 0)
		return false;
	return (p->n_workers < p->min_conns && p->n_workers < p->max_conns) ||
	       hf__worker_wanted_locked(p);
}

/* Starts what is wanted. Returns when to try again, after a failure. */
static int64_t start_workers(hf_pool *p)
{
	bool ok = true, stranded;

	hf__lock(&p->lock);
	while (ok && more_wanted_locked(p))
		ok = hf__worker_start_locked(p);
	stranded = !ok && p->n_workers == 0;
	hf__unlock(&p->lock);
	if (!ok)
		hf__logf(&p->log, HF__LOG_ERROR, "a worker thread could not be started");
	if (stranded)
		hf__pool_fail_queue(
			p, hf__error_fmt(HF_E_NOMEM, HF_RETRYABLE,
				   "pool \"%s\": no worker thread could be started", p->name));
	return ok ? HF__NEVER : hf__deadline(RESTART_MS);
}

static hf__worker *take_ended(hf_pool *p)
{
	hf__worker *w = NULL;

	hf__lock(&p->lock);
	if (!APR_RING_EMPTY(&p->ended, hf__worker, all)) {
		w = APR_RING_FIRST(&p->ended);
		APR_RING_REMOVE(w, all);
	}
	hf__unlock(&p->lock);
	return w;
}

static void join_ended(hf_pool *p)
{
	hf__worker *w;

	while ((w = take_ended(p)) != NULL) {
		pthread_join(w->thread, NULL);
		hf__mutex_finish(&w->held_lock);
		hf__cond_finish(&w->cond);
		hf__wake_finish(&w->wake);
		hf__free(w);
	}
}

/* A server hung up on this worker: it looks for itself, now if it is idle. It may have ended
 * meanwhile. */
static void suspect(hf_pool *p, uint64_t number)
{
	hf__worker *w;

	hf__lock(&p->lock);
	APR_RING_FOREACH (w, &p->workers, hf__worker, all)
		if ((uint64_t)w->number == number) {
			w->suspect = true;
			hf__cond_signal(&w->cond);
		}
	hf__unlock(&p->lock);
}

static void sleep_until(hf_pool *p, int64_t deadline)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(p->epoll, ev, EVENTS, hf__ms_left(deadline, 60000));

	for (int i = 0; i < n; i++) {
		if (ev[i].data.u64)
			suspect(p, ev[i].data.u64);
		else
			hf__wake_clear(&p->house_wake);
	}
}

/* Before looking around: what is asked for from now on wakes again. */
static void hear_pokes(hf_pool *p)
{
	hf__lock(&p->lock);
	p->house_poked = false;
	if (p->house_until <= hf__now())
		p->house_until = HF__NEVER;
	hf__unlock(&p->lock);
}

static bool stop_wanted(hf_pool *p)
{
	bool stop;

	hf__lock(&p->lock);
	stop = p->house_stop && APR_RING_EMPTY(&p->ended, hf__worker, all) && p->n_workers == 0;
	hf__unlock(&p->lock);
	return stop;
}

void *hf__house_run(void *arg)
{
	hf_pool *p = arg;

	hf__thread_serve(p, HF__ROLE_HOUSE);
	for (;;) {
		int64_t again, next, overdue, lent;

		hear_pokes(p);
		again = start_workers(p);
		next = expire_jobs(p);
		overdue = hf__pool_report_holders(p);
		lent = look_after_lent(p);
		next = overdue < next ? overdue : next;
		next = watch_until(p, lent < next ? lent : next);
		join_ended(p);
		if (stop_wanted(p))
			break;
		sleep_until(p, again < next ? again : next);
	}
	return NULL;
}
