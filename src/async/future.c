/* SPDX-License-Identifier: MIT */
/* One future: its life, its completion, its outcome.
 *
 * Locks: f->lock (HF__L_FUTURE) is held for a few lines at a time, and nothing is called under it.
 * `ready` is stored under the lock and read without: once it is true, the outcome is immutable and
 * read without the lock too, but for the value, which hf_future_take_value moves out.
 *
 * Nothing here allocates but on_ready (which prepares its call, so that completing need not) and
 * hf__future_failed. */
#include "async/future.h"

#include "async/wait.h"
#include "base/attr.h"
#include "base/fork.h"
#include "base/mem.h"
#include "base/thread.h"
#include "value/error.h"

/* Ready for ever: none of its other members is used, its lock least of all. */
static hf_future no_memory = { .ready = true, .outcome = { .status = HF_E_NOMEM } };

hf_future *hf__future_nomem(void)
{
	return &no_memory;
}

bool hf__future_forked(const hf_future *f)
{
	return f != &no_memory && f->forks != hf__fork_count();
}

bool hf__future_stuck(const hf_future *f)
{
	return f->stuck ? f->stuck(f) : hf__thread_role(f->domain) != HF__ROLE_NONE;
}

static void free_block(hf_future *f)
{
	hf__free(f);
}

void hf__future_init(hf_future *f, const void *domain, hf__callbacks *calls_to)
{
	hf__ref_init(&f->refs);
	hf__ref_get(&f->refs);
	atomic_init(&f->ready, false);
	f->forks = hf__fork_count();
	f->domain = domain;
	f->calls_to = hf__callbacks_ref(calls_to);
	f->cancel = NULL;
	f->destroy = free_block;
	f->stuck = NULL;
	hf__mutex_init(&f->lock, HF__L_FUTURE);
	f->outcome = (hf__outcome){ .status = HF_OK };
	f->waiters = NULL;
	APR_RING_INIT(&f->watches, hf__watch, link);
	APR_RING_INIT(&f->calls, hf__call, link);
}

static void release(hf__outcome *o)
{
	hf_error_unref(o->error);
	hf_result_unref(o->result);
	if (o->value && o->free_value)
		o->free_value(o->value);
}

void hf__future_finish(hf_future *f)
{
	hf_assert(!f->waiters && APR_RING_EMPTY(&f->watches, hf__watch, link));
	hf_assert(APR_RING_EMPTY(&f->calls, hf__call, link));
	release(&f->outcome);
	hf__mutex_finish(&f->lock);
	f->calls_to = hf__callbacks_unref(f->calls_to);
}

static void run_watches(hf_future *f, struct hf__watch_ring *watches)
{
	while (!APR_RING_EMPTY(watches, hf__watch, link)) {
		hf__watch *w = APR_RING_FIRST(watches);

		APR_RING_REMOVE(w, link);
		w->ready(w, f);
	}
}

static void queue_calls(struct hf__call_ring *calls)
{
	while (!APR_RING_EMPTY(calls, hf__call, link)) {
		hf__call *call = APR_RING_FIRST(calls);

		APR_RING_REMOVE(call, link);
		hf__callbacks_queue(call);
	}
}

bool hf__future_complete(hf_future *f, hf__outcome outcome)
{
	struct hf__watch_ring watches;
	struct hf__call_ring calls;
	hf__waiter *waiters;

	hf_assert((outcome.status == HF_OK) == (outcome.error == NULL));
	APR_RING_INIT(&watches, hf__watch, link);
	APR_RING_INIT(&calls, hf__call, link);
	hf__lock(&f->lock);
	if (hf_future_ready(f)) {
		hf__unlock(&f->lock);
		release(&outcome);
		return false;
	}
	f->outcome = outcome;
	atomic_store_explicit(&f->ready, true, memory_order_release);
	waiters = f->waiters;
	f->waiters = NULL;
	APR_RING_CONCAT(&watches, &f->watches, hf__watch, link);
	APR_RING_CONCAT(&calls, &f->calls, hf__call, link);
	hf__unlock(&f->lock);

	hf__waiters_wake(waiters);
	run_watches(f, &watches);
	queue_calls(&calls);
	return true;
}

bool hf__future_fail(hf_future *f, hf_error *e)
{
	return hf__future_complete(f, (hf__outcome){ .status = hf_error_status(e), .error = e });
}

void hf__watch_init(hf__watch *w, void (*ready)(hf__watch *w, hf_future *f))
{
	APR_RING_ELEM_INIT(w, link);
	w->ready = ready;
}

void hf__future_watch(hf_future *f, hf__watch *w)
{
	bool pending = false;

	if (!hf_future_ready(f)) {
		hf__lock(&f->lock);
		pending = !hf_future_ready(f);
		if (pending)
			APR_RING_INSERT_TAIL(&f->watches, w, hf__watch, link);
		hf__unlock(&f->lock);
	}
	if (!pending)
		w->ready(w, f);
}

bool hf__future_unwatch(hf_future *f, hf__watch *w)
{
	bool mine = false;

	if (hf_future_ready(f))
		return false;
	hf__lock(&f->lock);
	if (!hf_future_ready(f) && APR_RING_NEXT(w, link) != w) {
		APR_RING_REMOVE(w, link);
		APR_RING_ELEM_INIT(w, link);
		mine = true;
	}
	hf__unlock(&f->lock);
	return mine;
}

hf_future *hf__future_failed(hf__callbacks *calls_to, hf_error *e)
{
	hf_future *f = hf__alloc(sizeof *f);

	if (!f) {
		hf_error_unref(e);
		return &no_memory;
	}
	hf__fork_watch();
	hf__future_init(f, NULL, calls_to);
	hf__future_fail(f, e);
	hf_future_unref(f);
	return f;
}

hf_future *hf_future_ref(hf_future *f)
{
	if (f && f != &no_memory && !hf__future_forked(f))
		hf__ref_get(&f->refs);
	return f;
}

hf_future *hf_future_unref(hf_future *f)
{
	if (!f || f == &no_memory || hf__future_forked(f) || !hf__ref_put(&f->refs))
		return NULL;
	hf__future_finish(f);
	f->destroy(f);
	return NULL;
}

bool hf_future_ready(const hf_future *f)
{
	return f && atomic_load_explicit(&f->ready, memory_order_acquire);
}

/* Ready, and ours to look at. */
static bool readable(const hf_future *f)
{
	return f && !hf__future_forked(f) && hf_future_ready(f);
}

hf_status hf_future_get(hf_future *f, const hf_result **out)
{
	return hf_future_get_for(f, HF_FOREVER, out);
}

hf_status hf_future_get_for(hf_future *f, int ms, const hf_result **out)
{
	hf_status st = hf_future_wait_for(f, ms);

	if (st != HF_OK)
		return st;
	if (out)
		*out = f->outcome.result;
	return f->outcome.status;
}

hf_result *hf_future_take(hf_future *f)
{
	const hf_result *res;

	return hf_future_get(f, &res) == HF_OK && res ? hf_result_ref(res) : NULL;
}

static void *value_of(hf_future *f, bool take)
{
	void *value;

	if (f == &no_memory || !readable(f))
		return NULL;
	hf__lock(&f->lock);
	value = f->outcome.value;
	if (take)
		f->outcome.value = NULL;
	hf__unlock(&f->lock);
	return value;
}

void *hf_future_value(hf_future *f)
{
	return value_of(f, false);
}

void *hf_future_take_value(hf_future *f)
{
	return value_of(f, true);
}

const hf_error *hf_future_error(hf_future *f)
{
	if (f == &no_memory)
		return hf__error_nomem();
	if (f && hf__future_forked(f))
		return hf__error_forked();
	return readable(f) ? f->outcome.error : NULL;
}

/* Why the wait for `f` could not end; NULL when it did: the error is then the future's. */
static hf_error *wait_error(hf_status st)
{
	if (st == HF_OK)
		return NULL;
	if (st == HF_E_FORKED)
		return hf__error_forked();
	if (st == HF_E_MISUSE)
		return hf__error_fmt(st, 0, "hf_await: the future is NULL");
	return hf__error_fmt(st, 0,
		"hf_await: this thread works for the pool that owns the future, so waiting for it "
		"here could never end");
}

hf_status hf_await(hf_future *f, hf_error **out_error)
{
	hf_status st = hf_future_wait(f);
	hf_error *e = st == HF_OK ? hf_error_ref(hf_future_error(f)) : wait_error(st);

	if (st == HF_OK)
		st = f->outcome.status;
	hf_future_unref(f);
	hf__error_give(e, out_error);
	return st;
}

hf_status hf_future_cancel(hf_future *f)
{
	if (!f)
		return HF_E_MISUSE;
	if (hf__future_forked(f))
		return HF_E_FORKED;
	if (hf_future_ready(f) || !f->cancel)
		return HF_E_BUSY;
	return f->cancel(f);
}

/* Gives the call to the future, or queues it when the future is ready already. */
static void place(hf_future *f, hf__call *call)
{
	bool pending = false;

	if (!hf_future_ready(f)) {
		hf__lock(&f->lock);
		pending = !hf_future_ready(f);
		if (pending)
			APR_RING_INSERT_TAIL(&f->calls, call, hf__call, link);
		hf__unlock(&f->lock);
	}
	if (!pending)
		hf__callbacks_queue(call);
}

static hf_status prepare(hf_future *f, hf_ready_fn *fn, hf__call **out)
{
	hf__call *call;

	if (!f || !fn)
		return HF_E_MISUSE;
	if (hf__future_forked(f))
		return HF_E_FORKED;
	call = hf__alloc(sizeof *call);
	if (!call)
		return HF_E_NOMEM;
	call->to = hf__callbacks_expect(f->calls_to);
	if (!call->to) {
		hf__free(call);
		return HF_E_NOMEM;
	}
	*out = call;
	return HF_OK;
}

hf_status hf_future_on_ready(hf_future *f, hf_ready_fn *fn, void *arg, hf_free_fn *free_arg)
{
	hf__call *call = NULL;
	hf_status st = prepare(f, fn, &call);

	if (st != HF_OK) {
		if (free_arg)
			free_arg(arg);
		return st;
	}
	call->future = hf_future_ref(f);
	call->fn = fn;
	call->arg = arg;
	call->free_arg = free_arg;
	place(f, call);
	return HF_OK;
}
