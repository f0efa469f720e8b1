/* SPDX-License-Identifier: MIT */
/* A thread that waits for its own plain query runs it itself, on the connection of an idle worker.
 *
 * A hand-over to a worker and back costs two wake-ups of sleeping threads, which is more than the
 * query. So the worker is lent: it leaves the idle ring and, should it wake up, sleeps again until
 * it is given back. Everything of it belongs to the borrower meanwhile, its link included; what the
 * borrower cannot leave clean (a lost link, a session to be reset) it leaves to the worker.
 *
 * Only what needs no code of the user's on the way is run so, and only where nothing else waits
 * for a connection. */
#include "pool/pool.h"

#include "base/clock.h"
#include "value/error.h"

/* Not one whose server would have to be asked first whether it is still there. */
static bool lendable_locked(const hf__worker *w, int64_t now)
{
	const hf_pool *p = w->pool;
	int ping_idle_ms = p->opts.ping_idle_ms;

	return w->asleep && !hf__worker_doubts_locked(w, now) &&
	       (ping_idle_ms < 0 || now < hf__after(w->idle_since, ping_idle_ms));
}

static hf__worker *lend_locked(hf_pool *p, hf__job *j, int64_t now)
{
	hf__worker *w;

	if (atomic_load(&p->n_idle) == 0)
		return NULL;
	APR_RING_FOREACH (w, &p->idle, hf__worker, idle)
		if (lendable_locked(w, now))
			break;
	if (w == APR_RING_SENTINEL(&p->idle, hf__worker, idle))
		return NULL;
	hf__worker_take_locked(w, j, now);
	w->lent = true;
	p->stats.borrowed++;
	return w;
}

hf__worker *hf__borrow_locked(hf_pool *p, hf__job *j, int64_t now)
{
	return hf__batch_fits(j) && !j->more->free_arg ? lend_locked(p, j, now) : NULL;
}

hf__worker *hf__borrow_serve_locked(hf_pool *p, hf__job *j, int64_t now)
{
	hf__worker *w = lend_locked(p, j, now);

	if (w)
		hf__pool_watch_locked(p, hf__deadline(HF__LENT_MS));
	return w;
}

/* A pool that closes waits for this, as it does for the threads of its workers. */
static void complete_shared(hf_pool *p, hf__job *j)
{
	hf__completion c;

	hf__completion_init(&c);
	hf__completion_add(&c, &j->future, j->outcome);
	hf__completion_run(&c);
	if (atomic_fetch_sub(&p->n_completing, 1) == 1 && atomic_load(&p->draining)) {
		hf__lock(&p->lock);
		hf__cond_broadcast(&p->changed);
		hf__unlock(&p->lock);
	}
	hf_future_unref(&j->future); /* and with it, perhaps, the pool */
}

/* The worker is idle before the future is ready, as after any job. */
static void give_back(hf__worker *w, hf__job *j)
{
	hf_pool *p = w->pool;
	int64_t answered = w->link.used_at;
	int64_t now = answered > j->started_at ? answered : hf__now();

	hf__worker_before_done(w, &j, 1);
	hf__lock(&p->lock);
	hf__worker_count_locked(w, &j, 1, now);
	hf__worker_give_back_locked(w, now);
	if (!j->fetched)
		atomic_fetch_add(&p->n_completing, 1);
	hf__unlock(&p->lock);
	if (j->fetched) /* and so nobody else's */
		hf__job_complete_own(j);
	else
		complete_shared(p, j);
}

bool hf__borrow_fit(hf__worker *w, hf__job *j)
{
	if (j->started_at < hf__after(w->link.used_at, HF__FRESH_MS) || hf__link_alive(&w->link))
		return true;
	hf__worker_put_back(w, j);
	return false;
}

void hf__borrow_end(hf__worker *w, hf__job *j)
{
	bool left_open;

	hf__conn_leave(&w->conn, &left_open);
	j->outcome = (hf__outcome){ .status = HF_OK };
	give_back(w, j);
}

void hf__borrow_run(hf__worker *w, hf__job *j)
{
	hf_conn *outer = hf__conn_in_use();

	if (!hf__borrow_fit(w, j))
		return;
	hf__worker_run(w, j);
	hf__conn_use(outer);
	give_back(w, j);
}

void hf__borrow_finish(hf__worker *w, hf__job *j)
{
	hf_conn *outer = hf__conn_in_use();

	hf__worker_receive(w, j);
	hf__conn_use(outer);
	give_back(w, j);
}

void hf__borrow_help(hf_future *f)
{
	hf__job *j = hf__job_of(f);
	hf_pool *p = j->pool;
	hf__worker *w = NULL;

	if (atomic_load_explicit(&p->n_idle, memory_order_relaxed) == 0)
		return;
	hf__lock(&p->lock);
	if (j->state == HF__JOB_QUEUED && hf__queue_first(&p->queue) == j)
		w = hf__borrow_locked(p, j, hf__now());
	if (w)
		hf__queue_remove(&p->queue, j);
	hf__unlock(&p->lock);
	if (w)
		hf__borrow_run(w, j);
}
