/* SPDX-License-Identifier: MIT */
/* Looking at a pool. */
#include "pool/pool.h"

#include "base/fork.h"

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

void hf__pool_count_end_locked(hf_pool *p, hf_status st)
{
	p->stats.completed++;
	if (st == HF_E_CANCELED)
		p->stats.canceled++;
	else if (st != HF_OK)
		p->stats.failed++;
}

static uint32_t gauge(int n)
{
	return n > 0 ? (uint32_t)n : 0;
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
		s.conns = gauge(p->n_up);
		s.idle = gauge(p->n_idle);
		s.busy = gauge(p->n_busy);
		s.connecting = gauge(p->n_workers - p->n_up);
		s.pinned = gauge(p->n_pinned);
		s.queued = gauge(p->queue.n);
		s.queued_peak = gauge(p->queue.peak);
		s.min_conns = gauge(p->min_conns);
		s.max_conns = gauge(p->max_conns);
		s.parked = gauge(p->parking.n);
		s.max_parked = gauge(hf__pool_max_parked(&p->opts, p->max_conns));
		s.oldest_txn_ms = hf__pool_oldest_txn_ms_locked(p);
		hf__unlock(&p->lock);
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
