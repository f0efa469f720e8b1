/* SPDX-License-Identifier: MIT */
/* The callback thread.
 *
 * Locks: cb->lock (HF__L_LEAF) guards everything but what never changes. No callback, no free
 * function and no unref of a future runs under it. A thread is started under it: the new thread
 * takes the lock first, so it sees its own handle and cannot end before it is joinable or detached.
 *
 * `owed` counts calls announced and not yet run. The thread exists while owed > 0; a pool's thread
 * also idles at 0 until it is stopped, the common one ends at 0. The thread holds a reference, so
 * that the last future may go away inside a callback. */
#include "async/callbacks.h"

#include "async/future.h"
#include "base/attr.h"
#include "base/fork.h"
#include "base/mem.h"
#include "base/thread.h"

#include <stdio.h>

struct hf__callbacks {
	hf__ref refs;
	unsigned forks;
	bool is_common;
	hf__callbacks *older; /* the common one of before a fork, so that it is not a leak */
	const void *domain;
	char name[16];
	hf__mutex lock;
	hf__cond work;  /* the thread waits: for a call, or to be stopped */
	hf__cond quiet; /* a stopping thread waits: for what is queued to have run */

	/* guarded by lock */
	APR_RING_HEAD(hf__queued_ring, hf__call) queue;
	size_t owed;
	pthread_t thread;
	bool running;   /* there is a thread */
	bool joinable;  /* somebody still has to join or detach it */
	bool idle;      /* the thread sleeps */
	bool stopped;   /* nothing more is accepted */
	bool abandoned; /* the pool may be gone: the thread no longer serves its domain */
};

static hf__callbacks *_Atomic common;

static bool forked(const hf__callbacks *cb)
{
	return cb->forks != hf__fork_count();
}

static hf__callbacks *make(const char *name, const void *domain, bool is_common)
{
	hf__callbacks *cb = hf__calloc(sizeof *cb);

	if (!cb)
		return NULL;
	hf__fork_watch();
	hf__ref_init(&cb->refs);
	cb->forks = hf__fork_count();
	cb->is_common = is_common;
	cb->domain = domain;
	snprintf(cb->name, sizeof cb->name, "%s", name);
	hf__mutex_init(&cb->lock, HF__L_LEAF);
	hf__cond_init(&cb->work);
	hf__cond_init(&cb->quiet);
	APR_RING_INIT(&cb->queue, hf__call, link);
	return cb;
}

hf__callbacks *hf__callbacks_new(const char *name, const void *domain)
{
	return make(name, domain, false);
}

hf__callbacks *hf__callbacks_ref(hf__callbacks *cb)
{
	if (cb)
		hf__ref_get(&cb->refs);
	return cb;
}

hf__callbacks *hf__callbacks_unref(hf__callbacks *cb)
{
	if (!cb || forked(cb) || !hf__ref_put(&cb->refs))
		return NULL;
	hf_assert(!cb->running && !cb->joinable && "stopped before the last unref");
	hf__cond_finish(&cb->quiet);
	hf__cond_finish(&cb->work);
	hf__mutex_finish(&cb->lock);
	hf__free(cb);
	return NULL;
}

/* A child of fork makes its own: the parent's has a lock in an unknown state, and no thread. */
hf__callbacks *hf__callbacks_common(void)
{
	hf__callbacks *cb = atomic_load(&common), *mine;

	if (cb && !forked(cb))
		return cb;
	mine = make("hf-callbacks", NULL, true);
	if (mine)
		mine->older = cb;
	if (!mine || atomic_compare_exchange_strong(&common, &cb, mine))
		return mine;
	hf__callbacks_unref(mine);
	return cb;
}

/* Whether it stays announced. */
static bool run(hf__call *call)
{
	if (call->serve)
		return call->serve(call);
	call->fn(call->future, call->arg);
	if (call->free_arg)
		call->free_arg(call->arg);
	hf_future_unref(call->future);
	hf__free(call);
	return false;
}

/* Waits for the next call; NULL when the thread is no longer needed. */
static hf__call *next_locked(hf__callbacks *cb)
{
	hf__call *call;

	while (APR_RING_EMPTY(&cb->queue, hf__call, link)) {
		if (cb->owed == 0 && (cb->stopped || cb->is_common))
			return NULL;
		cb->idle = true;
		if (cb->stopped)
			hf__cond_broadcast(&cb->quiet);
		hf__cond_wait(&cb->work, &cb->lock);
		cb->idle = false;
	}
	call = APR_RING_FIRST(&cb->queue);
	APR_RING_REMOVE(call, link);
	if (cb->abandoned)
		hf__thread_serve(NULL, HF__ROLE_CALLBACKS);
	return call;
}

static void *serve(void *arg)
{
	hf__callbacks *cb = arg;

	hf__thread_serve(cb->domain, HF__ROLE_CALLBACKS);
	hf__lock(&cb->lock);
	for (hf__call *call; (call = next_locked(cb));) {
		bool again;

		hf__unlock(&cb->lock);
		again = run(call);
		hf__lock(&cb->lock);
		if (!again)
			cb->owed--;
	}
	cb->running = false;
	hf__cond_broadcast(&cb->quiet);
	hf__unlock(&cb->lock);
	hf__callbacks_unref(cb);
	return NULL;
}

static bool start_locked(hf__callbacks *cb)
{
	if (cb->running)
		return true;
	hf__callbacks_ref(cb);
	if (!hf__thread_start(&cb->thread, cb->name, serve, cb)) {
		hf__callbacks_unref(cb);
		return false;
	}
	cb->running = true;
	cb->joinable = !cb->is_common;
	if (cb->is_common)
		pthread_detach(cb->thread);
	return true;
}

/* HF_E_CLOSED: it is stopped, the common one must do it. */
static hf_status announce(hf__callbacks *cb)
{
	hf_status st = HF_OK;

	hf__lock(&cb->lock);
	if (cb->stopped)
		st = HF_E_CLOSED;
	else if (!start_locked(cb))
		st = HF_E_NOMEM;
	else
		cb->owed++;
	hf__unlock(&cb->lock);
	return st;
}

hf__callbacks *hf__callbacks_expect(hf__callbacks *cb)
{
	hf_status st = cb && !forked(cb) ? announce(cb) : HF_E_CLOSED;

	if (st == HF_E_CLOSED) {
		cb = hf__callbacks_common();
		st = cb ? announce(cb) : HF_E_NOMEM;
	}
	return st == HF_OK ? cb : NULL;
}

void hf__callbacks_queue(hf__call *call)
{
	hf__callbacks *cb = call->to;

	hf__lock(&cb->lock);
	hf_assert(cb->running && cb->owed > 0 && "announced with hf__callbacks_expect");
	APR_RING_INSERT_TAIL(&cb->queue, call, hf__call, link);
	if (cb->idle)
		hf__cond_signal(&cb->work);
	hf__unlock(&cb->lock);
}

void hf__callbacks_forget(hf__callbacks *cb)
{
	hf__lock(&cb->lock);
	hf_assert(cb->running && cb->owed > 0 && "announced with hf__callbacks_expect");
	if (--cb->owed == 0 && cb->idle)
		hf__cond_signal(&cb->work);
	hf__unlock(&cb->lock);
}

/* Nothing queued, nothing running; the thread has ended, or stays for calls of other pools only. */
static bool is_quiet_locked(const hf__callbacks *cb)
{
	if (!cb->running)
		return true;
	return cb->owed > 0 && cb->idle && APR_RING_EMPTY(&cb->queue, hf__call, link);
}

static bool wait_quiet_locked(hf__callbacks *cb, int64_t deadline)
{
	bool in_time = true;

	if (cb->running && pthread_equal(cb->thread, pthread_self())) {
		hf__thread_serve(NULL, HF__ROLE_CALLBACKS);
		return false;
	}
	while (!is_quiet_locked(cb) && in_time)
		in_time = hf__cond_wait_until(&cb->quiet, &cb->lock, deadline);
	return is_quiet_locked(cb);
}

bool hf__callbacks_stop(hf__callbacks *cb, int64_t deadline)
{
	bool quiet, join;

	if (!cb || forked(cb))
		return true;
	hf__lock(&cb->lock);
	cb->stopped = true;
	hf__cond_signal(&cb->work);
	quiet = wait_quiet_locked(cb, deadline);
	join = cb->joinable && !cb->running;
	if (cb->joinable && cb->running) {
		pthread_detach(cb->thread);
		cb->abandoned = true;
	}
	cb->joinable = false;
	hf__unlock(&cb->lock);
	if (join)
		pthread_join(cb->thread, NULL);
	return quiet;
}

void hf__callbacks_resume(hf__callbacks *cb)
{
	hf__lock(&cb->lock);
	cb->stopped = false;
	hf__unlock(&cb->lock);
}
