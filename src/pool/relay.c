/* SPDX-License-Identifier: MIT */
/* A plain query that is sent by the thread that submits it, and read by the one that waits for it.
 *
 * Where a connection is idle and nothing waits for one, its worker is lent (borrow.c), and the
 * statement is at the server when its submission returns. Then it is *left*: nobody is at it, and
 * whoever waits for the future takes it up and reads the answer. No thread is woken for it.
 *
 * What is left and not taken up is its worker's, which is summoned: when somebody wants to hear of
 * it without waiting, or cancels it; when anything is queued, so that connections which become free
 * are seen to be; by the housekeeper after HF__LENT_MS.
 *
 * Lock rule. `left` is guarded by pool->lock. Who sets it has let go of the connection, and who
 * clears it has claimed it: to read, or for the worker, in summoning it. */
#include "pool/pool.h"

#include "base/clock.h"
#include "base/thread.h"

/* A longer text may have to wait for the server to read it. */
#define MAX_BYTES ((uint32_t)8 << 10)

hf__worker *hf__relay_lend_locked(hf_pool *p, hf__job *j, int64_t now)
{
	return j->sql_bytes <= MAX_BYTES ? hf__borrow_locked(p, j, now) : NULL;
}

/* --- leaving, and taking up --- */

static void leave_locked(hf__worker *w)
{
	hf_pool *p = w->pool;

	w->left = p->left_lately = true;
	p->n_left++;
	if (p->queue.n > 0 || atomic_load(&w->job->cancel_asked))
		hf__relay_summon_locked(w);
	else
		hf__pool_watch_locked(p, hf__after(w->job->started_at, HF__LENT_MS));
}

static void unmark_locked(hf__worker *w)
{
	w->left = false;
	w->pool->n_left--;
}

void hf__relay_summon_locked(hf__worker *w)
{
	if (!w->left)
		return;
	unmark_locked(w);
	hf__worker_summon_locked(w);
}

void hf__relay_summon_all_locked(hf_pool *p)
{
	hf__worker *w;

	if (p->n_left == 0)
		return;
	APR_RING_FOREACH (w, &p->workers, hf__worker, all)
		hf__relay_summon_locked(w);
}

/* While queries are sent so, it looks once in a while, rather than being woken for the next. */
int64_t hf__relay_look_locked(hf_pool *p, int64_t now)
{
	bool open = p->state == HF_POOL_OPEN;
	int64_t next = p->left_lately ? hf__after(now, HF__LENT_MS) : HF__NEVER, due;
	hf__worker *w;

	p->left_lately = false;
	if (p->n_left == 0)
		return next;
	APR_RING_FOREACH (w, &p->workers, hf__worker, all) {
		if (!w->left)
			continue;
		due = hf__after(w->job->started_at, HF__LENT_MS);
		if (!open || due <= now)
			hf__relay_summon_locked(w);
		else if (due < next)
			next = due;
	}
	return next;
}

/* --- those who submit --- */

/* What could not be sent, as it is not to run any more or for want of memory, its worker says. */
void hf__relay_send(hf__worker *w, hf__job *j)
{
	hf_pool *p = w->pool;
	hf_conn *outer = hf__conn_in_use();
	bool sent;

	if (!hf__borrow_fit(w, j))
		return;
	sent = hf__worker_send(w, j);
	hf__conn_use(outer);
	hf__lock(&p->lock);
	if (sent)
		leave_locked(w);
	else
		hf__worker_summon_locked(w);
	hf__unlock(&p->lock);
}

/* --- those who wait --- */

/* Its worker, if nobody is at it. */
static hf__worker *left_locked(const hf__job *j)
{
	hf__worker *w = j->state == HF__JOB_RUNNING ? j->worker : NULL;

	return w && w->left && w->job == j ? w : NULL;
}

static hf__worker *claim(hf_future *f)
{
	hf__job *j = hf__job_of(f);
	hf__worker *w;

	hf__lock(&j->pool->lock);
	w = left_locked(j);
	if (w)
		unmark_locked(w);
	hf__unlock(&j->pool->lock);
	return w;
}

void hf__relay_help(hf_future *f)
{
	hf__worker *w = claim(f);

	if (w)
		hf__borrow_finish(w, hf__job_of(f));
	else
		hf__borrow_help(f);
}

void hf__relay_attend(hf_future *f)
{
	hf__job *j = hf__job_of(f);
	hf__worker *w;

	hf__lock(&j->pool->lock);
	w = left_locked(j);
	if (w)
		hf__relay_summon_locked(w);
	hf__unlock(&j->pool->lock);
}

int hf__relay_watch(hf_future *f)
{
	hf__job *j = hf__job_of(f);
	hf__worker *w;
	int fd = -1;

	hf__lock(&j->pool->lock);
	w = left_locked(j);
	if (w)
		fd = hf__link_plain_socket(&w->link);
	if (fd >= 0)
		hf__trip_attend(&w->conn.alone.trip);
	if (w && fd < 0)
		hf__relay_summon_locked(w);
	hf__unlock(&j->pool->lock);
	return fd;
}

bool hf__relay_advance(hf_future *f)
{
	hf__worker *w = claim(f);
	hf__sent *s = w ? &w->conn.alone : NULL;
	hf__answer answer;

	if (!w)
		return false;
	answer = hf__trip_advance(&s->trip);
	if (answer == HF__ANSWER_ALL && !s->run.stale_plan) {
		hf__borrow_finish(w, hf__job_of(f));
		return false;
	}
	hf__lock(&w->pool->lock);
	if (answer == HF__ANSWER_PART)
		leave_locked(w);
	else
		hf__worker_summon_locked(w);
	hf__unlock(&w->pool->lock);
	return answer == HF__ANSWER_PART;
}

/* Nobody counts who watches. */
void hf__relay_unwatch(hf_future *f)
{
	(void)f;
}
