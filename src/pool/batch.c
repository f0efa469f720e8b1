/* SPDX-License-Identifier: MIT */
/* Plain queries that travel together over one link: what is sent, and what comes back. */
#include "pool/batch_inside.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "value/error.h"

#include <stdio.h>
#include <string.h>

/* Nothing is sent behind a statement that has been under way for so long. */
#define SLOW_HEAD_MS 5

struct hf__flight *hf__batch_at(const hf__batch *b, int i)
{
	int at = b->first + i; /* both less than room */

	return &b->flight[at < b->room ? at : at - b->room];
}

bool hf__batch_fits(const hf__job *j)
{
	return j->kind == HF__JOB_QUERY && !j->more->on_row &&
	       j->more->isolation == HF_ISO_DEFAULT &&
	       j->more->outcome_wanted != HF_OUTCOME_RESOLVED &&
	       (j->sql_kind == HF__SQL_PLAIN || j->sql_kind == HF__SQL_READ);
}

/* --- taking --- */

void hf__batch_free(hf__batch *b)
{
	if (!b)
		return;
	hf__free(b->flight);
	hf__free(b->next);
	hf__free(b->held);
	hf__free(b->done);
	hf__free(b);
}

static hf__batch *new_batch(hf__worker *w)
{
	hf__batch *b = hf__calloc(sizeof *b);
	size_t cap = (size_t)w->pool->opts.max_pipeline;

	if (!b)
		return NULL;
	b->w = w;
	b->cap = (int)cap;
	b->room = b->cap + 3; /* an opening, a closing, and another */
	b->flight = hf__calloc((size_t)b->room * sizeof *b->flight);
	b->next = hf__calloc(cap * sizeof *b->next);
	b->held = hf__calloc(cap * sizeof(hf__job *));
	b->done = hf__calloc(cap * sizeof(hf__job *));
	if (b->flight && b->next && b->held && b->done)
		return b;
	hf__batch_free(b);
	return NULL;
}

void hf__batch_widen(hf__batch *b)
{
	size_t room = 3 * (size_t)b->cap;
	struct hf__flight *larger = hf__calloc(room * sizeof *larger);

	hf_assert(b->n == 0);
	b->tight = false;
	if (!larger)
		return;
	hf__free(b->flight);
	b->flight = larger;
	b->room = (int)room;
}

static void add_next(hf__batch *b, hf__job *j)
{
	b->next[b->n_next++] = (struct hf__next){ .job = j };
}

/* What this worker may take beyond `has` and leave as much to those that are as free as it is, or
 * may be started for what is left. */
static int share_locked(const hf__batch *b, int has)
{
	const hf_pool *p = b->w->pool;
	int takers = (p->failures > 0 ? p->n_up : p->max_conns) - p->n_pinned;
	int room = b->cap - b->n_jobs - b->n_next - b->n_held - b->n_done;
	int share = takers > 1 ? (p->queue.n + has + takers - 1) / takers - has : p->queue.n;

	return share < room ? share : room;
}

/* Whether the worker's connection may have to ask what its columns are: see hf_query_opts. */
static bool asks_first(const hf__worker *w, const hf__job *j)
{
	return j->many && w->link.cfg.max_statements > 0 &&
	       !hf__stmt_cache_knows_columns(&w->link.stmts, j->sql, j->sql_hash, j->params);
}

static void take_share_locked(hf__batch *b, int has, int64_t now)
{
	hf__queue *q = &b->w->pool->queue;
	hf__job *j;

	for (int share = share_locked(b, has); share > 0 && (j = hf__queue_first(q)) != NULL;
		share--) {
		if (!hf__batch_fits(j) || asks_first(b->w, j))
			return;
		hf__queue_remove(q, j);
		j->state = HF__JOB_RUNNING;
		j->started_at = now;
		j->worker = b->w;
		add_next(b, j);
	}
}

bool hf__batch_take_locked(hf__worker *w, hf__job *first)
{
	hf__batch *b = w->batch;

	if (w->pool->opts.max_pipeline < 2 || !hf__batch_fits(first) || asks_first(w, first))
		return false;
	if (!b && !(b = w->batch = new_batch(w)))
		return false;
	b->total = b->counted = b->shared = b->shared_counted = 0;
	b->closed = b->answered = b->backlog = false;
	b->shot_at = b->n_gathered = 0;
	b->gathered_at = first->started_at;
	add_next(b, first);
	take_share_locked(b, 1, first->started_at);
	return true;
}

bool hf__batch_waits(const hf__worker *w)
{
	return w->batch && w->batch->n_next > 0;
}

hf__job *hf__batch_give_back(hf__worker *w, int keep)
{
	hf__batch *b = w->batch;

	if (!b || b->n_next <= keep)
		return NULL;
	b->n_next--;
	if (b->n_again > b->n_next)
		b->n_again = b->n_next;
	if (b->next[b->n_next].stale[0]) /* nobody will drop it any more */
		w->link.foreign_stmts = true;
	return b->next[b->n_next].job;
}

void hf__batch_again(hf__batch *b, hf__job *j, const char *stale)
{
	struct hf__next *at = b->next + b->n_again;

	memmove(at + 1, at, (size_t)(b->n_next - b->n_again) * sizeof *at);
	*at = (struct hf__next){ .job = j, .again = true };
	snprintf(at->stale, sizeof at->stale, "%s", stale);
	b->n_again++;
	b->n_next++;
}

void hf__batch_fail(hf__batch *b, hf__job *j, hf_error *e)
{
	j->outcome = (hf__outcome){ .status = hf_error_status(e), .error = e };
	b->done[b->n_done++] = j;
}

/* --- while it waits --- */

static bool slow_head(const hf__batch *b)
{
	const hf__link *l = &b->w->link;
	const hf__trip *t = &hf__batch_at(b, 0)->trip;
	int64_t since = t->sent_at > l->used_at ? t->sent_at : l->used_at;

	return hf__now() > hf__after(since, SLOW_HEAD_MS);
}

/* The job that was sent first and has no outcome yet; else one whose caller was told already but
 * whose answer is awaited; NULL: there is none. */
static hf__job *oldest(const hf__batch *b)
{
	hf__job *detached = NULL;

	if (b->n_held > 0)
		return b->held[0];
	for (int i = 0; i < b->n; i++) {
		const struct hf__flight *f = hf__batch_at(b, i);

		if (f->role == MEMBER && !f->detached)
			return f->job;
		if (f->role == MEMBER && !detached)
			detached = f->job;
	}
	return b->n_next > 0 ? b->next[0].job : detached;
}

static void count_locked(hf__batch *b)
{
	hf_pool_stats *s = &b->w->pool->stats;

	s->fast_lane += (uint64_t)(b->shared - b->shared_counted);
	b->shared_counted = b->shared;
	if (b->total < 2)
		return;
	s->pipelined += (uint64_t)(b->total - b->counted);
	b->counted = b->total;
}

/* Nothing goes out behind what has not shown yet that it is not slow, nor into a session that is to
 * be cleaned first. */
static bool takes_more(const hf__batch *b)
{
	const hf__link *l = &b->w->link;

	return b->answered && !b->closed && b->n_jobs <= b->cap / 2 && !l->broken && !l->dirty &&
	       !hf__link_escaped_read_only(l) && !slow_head(b);
}

void hf__batch_turn_over(hf__batch *b)
{
	hf__worker *w = b->w;
	hf_pool *p = w->pool;
	bool more = takes_more(b);
	hf__job *jobs[HF__MAX_PIPELINE], *under_way = oldest(b);
	int n = b->n_done;
	int64_t now;

	b->answered = false;
	if (n == 0 || !under_way)
		return;
	now = hf__now();
	memcpy(jobs, b->done, (size_t)n * sizeof(hf__job *));
	b->n_done = 0;
	hf__worker_before_done(w, jobs, n);
	hf__lock(&p->lock);
	if (w->job != under_way) {
		w->job = under_way;
		hf__worker_hold_locked(w);
	}
	hf__worker_count_locked(w, jobs, n, now);
	count_locked(b);
	if (more && hf__worker_stays_locked(w, now))
		take_share_locked(b, 0, now);
	b->backlog = p->queue.n >= b->cap;
	hf__worker_wake_one_locked(p);
	hf__unlock(&p->lock);
	hf__job_complete_many(jobs, (size_t)n);
	hf__batch_send(b);
}

int hf__batch_run(hf__worker *w, hf__job **jobs)
{
	hf__batch *b = w->batch;
	int n;

	for (hf__batch_send(b); b->n > 0; hf__batch_send(b))
		hf__batch_end_first(b);
	hf__lock(&w->pool->lock);
	count_locked(b);
	hf__unlock(&w->pool->lock);
	n = b->n_done;
	memcpy(jobs, b->done, (size_t)n * sizeof *jobs);
	b->n_done = 0;
	return n;
}
