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

char *hf_pool_describe(hf_pool *p)
{
	static const char *const states[] = { "open", "closing", "closed" };
	hf_pool_stats s = { .struct_size = sizeof s };
	hf__strbuf b = HF__STRBUF_INIT;

	if (!p)
		return NULL;
	hf_pool_get_stats(p, &s);
	hf__strbuf_printf(&b,
		"pool \"%s\": %s, %u connections (%u busy, %u idle, %u of the busy held by "
		"transactions), "
		"%u connecting, %u to %u allowed, %u queued (most ever %u, for at most %d ms), "
		"%llu submitted, %llu "
		"completed, "
		"%llu failed, %llu rejected, %llu connects, %llu failed connects, %llu discards, "
		"%u parked (at most %u, %llu ever), %llu resumed, %llu expired, the oldest "
		"transaction %u ms, %llu retries, %llu lost outcomes resolved, %llu unknown",
		p->name, states[hf_pool_get_state(p)], s.conns, s.busy, s.idle, s.pinned,
		s.connecting, s.min_conns, s.max_conns, s.queued, s.queued_peak, p->opts.acquire_ms,
		(unsigned long long)s.submitted, (unsigned long long)s.completed,
		(unsigned long long)s.failed, (unsigned long long)s.rejected,
		(unsigned long long)s.connects, (unsigned long long)s.connect_failures,
		(unsigned long long)s.discards, s.parked, s.max_parked, (unsigned long long)s.parks,
		(unsigned long long)s.resumes, (unsigned long long)s.expired, s.oldest_txn_ms,
		(unsigned long long)s.retries, (unsigned long long)s.outcomes_resolved,
		(unsigned long long)s.outcomes_unknown);
	return hf__strbuf_take(&b);
}
