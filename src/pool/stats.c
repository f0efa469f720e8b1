/* SPDX-License-Identifier: MIT */
/* Looking at a pool. */
#include "pool/pool.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/histogram.h"

#include <stdlib.h>
#include <string.h>

/* The state is read in signal-free, lock-taking code only; a const pool is still locked. */
hf_pool_state hf_pool_get_state(const hf_pool *p)
{
	hf_pool *mine = (hf_pool *)(uintptr_t)p;
	hf_pool_state s;

	if (!p || p->forks != hf__fork_count())
		return HF_POOL_CLOSED;
	hf__lock(&mine->lock);
	s = p->state;
	hf__unlock(&mine->lock);
	return s;
}

/* --- counting --- */

static void count_kind(hf_pool_stats *s, hf__job_kind kind)
{
	switch (kind) {
	case HF__JOB_QUERY:
		s->queries++;
		break;
	case HF__JOB_SCRIPT:
		s->scripts++;
		break;
	case HF__JOB_FN:
		s->interactions++;
		break;
	case HF__JOB_SERVE:
		s->transactions++;
		break;
	}
}

static void count_failure(hf_pool_stats *s, hf_status st)
{
	s->failed++;
	s->run_timeouts += st == HF_E_TIMEOUT;
	s->conn_losses += st == HF_E_CONN_LOST;
}

void hf__pool_count_end_locked(hf_pool *p, const hf__job *j, hf_status st)
{
	hf_pool_stats *s = &p->stats;

	s->completed++;
	count_kind(s, j->kind);
	if (st == HF_E_CANCELED)
		s->canceled++;
	else if (st != HF_OK)
		count_failure(s, st);
}

/* With instants that were taken anyway. */
void hf__pool_count_run_locked(hf_pool *p, const hf__job *j, int64_t now)
{
	hf_pool_stats *s = &p->stats;
	bool query = j->kind == HF__JOB_QUERY || j->kind == HF__JOB_SCRIPT;

	hf__histogram_add(&s->wait, j->started_at - j->submitted_at);
	hf__histogram_add(query ? &s->query : &s->hold, now - j->started_at);
}

static uint64_t read_tally(_Atomic uint64_t *n)
{
	return atomic_load_explicit(n, memory_order_acquire);
}

void hf__tally_add_to(hf__tally *t, hf_pool_stats *s)
{
	/* In this order: there are never more failures than statements. */
	s->statement_failures += read_tally(&t->failures);
	s->statements += read_tally(&t->statements);
	s->commits += read_tally(&t->commits);
	s->rollbacks += read_tally(&t->rollbacks);
}

/* --- looking --- */

static uint32_t gauge(int64_t n)
{
	return n > 0 ? (uint32_t)(n < UINT32_MAX ? n : UINT32_MAX) : 0;
}

/* What each worker knows of itself. */
static void add_workers_locked(hf_pool *p, hf_pool_stats *s)
{
	hf__worker *w;

	APR_RING_FOREACH (w, &p->workers, hf__worker, all) {
		int shown = atomic_load_explicit(&w->link.shown, memory_order_relaxed);

		s->active += w->up && shown == HF__SHOWN_ACTIVE;
		s->idle_in_txn += w->up && shown == HF__SHOWN_IN_TXN;
		hf__tally_add_to(&w->tally, s);
	}
}

/* 0: nothing waits; at least 1 otherwise. Each lane is in the order in which its jobs came. */
static int64_t oldest_wait_locked(const hf_pool *p, int64_t now)
{
	const hf__queue *q = &p->queue;
	int64_t since = HF__NEVER, ms;

	if (!APR_RING_EMPTY(&q->urgent, hf__job, link))
		since = APR_RING_FIRST(&q->urgent)->submitted_at;
	if (!APR_RING_EMPTY(&q->plain, hf__job, link) &&
		APR_RING_FIRST(&q->plain)->submitted_at < since)
		since = APR_RING_FIRST(&q->plain)->submitted_at;
	if (since == HF__NEVER)
		return 0;
	ms = (now - since) / HF__MS;
	return ms < 1 ? 1 : ms;
}

static void fill_gauges_locked(hf_pool *p, hf_pool_stats *s)
{
	int64_t now = hf__now();

	s->conns = gauge(p->n_up);
	s->idle = gauge(p->n_idle);
	/* A job may have lost its connection and not have been put back yet. */
	s->busy = gauge(p->n_busy < p->n_up - p->n_idle ? p->n_busy : p->n_up - p->n_idle);
	s->connecting = gauge(p->n_workers - p->n_up);
	s->pinned = gauge(p->n_pinned);
	s->queued = gauge(p->queue.n);
	s->queued_peak = gauge(p->queue.peak);
	s->min_conns = gauge(p->min_conns);
	s->max_conns = gauge(p->max_conns);
	s->parked = gauge(p->parking.n);
	s->max_parked = gauge(hf__pool_max_parked(&p->opts, p->max_conns));
	s->oldest_txn_ms = hf__pool_oldest_txn_ms_locked(p);
	s->oldest_wait_ms = gauge(oldest_wait_locked(p, now));
	s->age_ms = (uint64_t)((now - p->opened_at) / HF__MS);
}

/* What follows from the rest. */
static void sum_up(hf_pool_stats *s)
{
	hf__histogram_total(&s->wait);
	hf__histogram_total(&s->query);
	hf__histogram_total(&s->hold);
	s->queue_ns = s->wait.sum_ns;
	s->run_ns = s->query.sum_ns + s->hold.sum_ns;
}

void hf_pool_get_stats(hf_pool *p, hf_pool_stats *out)
{
	hf_pool_stats s = { 0 };
	size_t size = out ? out->struct_size : 0;

	if (size < sizeof size)
		return;
	if (p && p->forks == hf__fork_count()) {
		hf__lock(&p->lock);
		s = p->stats;
		fill_gauges_locked(p, &s);
		add_workers_locked(p, &s);
		hf__unlock(&p->lock);
		sum_up(&s);
	}
	s.struct_size = size;
	memcpy(out, &s, size < sizeof s ? size : sizeof s);
	if (size > sizeof s)
		memset((char *)out + sizeof s, 0, size - sizeof s);
}

#define LLU(x) ((unsigned long long)(x))

static void describe_now(hf__strbuf *b, const hf_pool *p, const hf_pool_stats *s)
{
	static const char *const states[] = { "open", "closing", "closed" };

	hf__strbuf_printf(b,
		"pool \"%s\": %s, %u connections (%u busy, %u idle, %u of the busy held by "
		"transactions), %u connecting, %u to %u allowed, "
		"%u queued (most ever %u, for at most %d ms)",
		p->name, states[hf_pool_get_state(p)], s->conns, s->busy, s->idle, s->pinned,
		s->connecting, s->min_conns, s->max_conns, s->queued, s->queued_peak,
		p->opts.acquire_ms);
}

static void describe_work(hf__strbuf *b, const hf_pool_stats *s)
{
	hf__strbuf_printf(b,
		", %llu submitted, %llu completed, %llu failed, %llu canceled, %llu rejected, "
		"%llu pipelined, %llu in the fast lane, %llu borrowed",
		LLU(s->submitted), LLU(s->completed), LLU(s->failed), LLU(s->canceled),
		LLU(s->rejected), LLU(s->pipelined), LLU(s->fast_lane), LLU(s->borrowed));
}

static void describe_rest(hf__strbuf *b, const hf_pool_stats *s)
{
	hf__strbuf_printf(b,
		", %llu connects, %llu failed connects, %llu discards, "
		"%u parked (at most %u, %llu ever), %llu resumed, %llu expired, the oldest "
		"transaction %u ms, %llu retries, %llu lost outcomes resolved, %llu unknown",
		LLU(s->connects), LLU(s->connect_failures), LLU(s->discards), s->parked,
		s->max_parked, LLU(s->parks), LLU(s->resumes), LLU(s->expired), s->oldest_txn_ms,
		LLU(s->retries), LLU(s->outcomes_resolved), LLU(s->outcomes_unknown));
}

char *hf_pool_describe(hf_pool *p)
{
	hf_pool_stats s = { .struct_size = sizeof s };
	hf__strbuf b = HF__STRBUF_INIT;

	if (!p)
		return NULL;
	hf_pool_get_stats(p, &s);
	describe_now(&b, p, &s);
	describe_work(&b, &s);
	describe_rest(&b, &s);
	return hf__strbuf_take(&b);
}
