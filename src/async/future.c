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
	return f != &no_memory && f->ops->stuck && f->ops->stuck(f);
}

void hf__future_init(hf_future *f, const hf__future_ops *ops, hf__callbacks *calls_to)
{
	atomic_init(&f->refs.n, 2);
	f->forks = hf__fork_count();
	f->ops = ops;
	f->calls_to = calls_to;
	hf__mutex_init(&f->lock, HF__L_FUTURE);
	f->outcome = (hf__outcome){ .status = HF_OK };
	f->waiters = NULL;
	f->watches = NULL;
	f->calls = NULL;
	atomic_init(&f->ready, false);
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
	hf_assert(!f->waiters && !f->watches && !f->calls);
	release(&f->outcome);
	hf__mutex_finish(&f->lock);
}

/* --- completing --- */

void hf__completion_init(hf__completion *c)
{
	c->waiters = NULL;
	APR_RING_INIT(&c->watches, hf__watch, link);
	APR_RING_INIT(&c->calls, hf__call, link);
}

/* What the future has of them, behind those that were gathered before. */
static void gather_locked(hf__completion *c, hf_future *f)
{
	hf__watch *watch = f->watches ? APR_RING_PREV(f->watches, link) : NULL;
	hf__call *call = f->calls ? APR_RING_PREV(f->calls, link) : NULL;

	if (f->waiters)
		hf__waiters_move(&c->waiters, &f->waiters);
	if (watch)
		APR_RING_SPLICE_TAIL(&c->watches, f->watches, watch, hf__watch, link);
	if (call)
		APR_RING_SPLICE_TAIL(&c->calls, f->calls, call, hf__call, link);
	f->watches = NULL;
	f->calls = NULL;
}

bool hf__completion_add(hf__completion *c, hf_future *f, hf__outcome outcome)
{
	bool first;

	hf_assert((outcome.status == HF_OK) == (outcome.error == NULL));
	hf__lock(&f->lock);
	first = !hf_future_ready(f);
	if (first) {
		f->outcome = outcome;
		atomic_store_explicit(&f->ready, true, memory_order_release);
		gather_locked(c, f);
	}
	hf__unlock(&f->lock);
	if (!first)
		release(&outcome);
	return first;
}

static void run_watches(struct hf__watch_ring *watches)
{
	while (!APR_RING_EMPTY(watches, hf__watch, link)) {
		hf__watch *w = APR_RING_FIRST(watches);

		APR_RING_REMOVE(w, link);
		w->ready(w, w->future);
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

void hf__completion_run(hf__completion *c)
{
	hf__waiters_wake(c->waiters);
	c->waiters = NULL;
	run_watches(&c->watches);
	queue_calls(&c->calls);
}

bool hf__future_complete(hf_future *f, hf__outcome outcome)
{
	hf__completion c;
	bool first;

	hf__completion_init(&c);
	first = hf__completion_add(&c, f, outcome);
	hf__completion_run(&c);
	return first;
}

void hf__future_complete_own(hf_future *f, hf__outcome outcome)
{
	hf_assert((outcome.status == HF_OK) == (outcome.error == NULL));
	f->outcome = outcome;
	atomic_store_explicit(&f->ready, true, memory_order_release);
}

bool hf__future_fail(hf_future *f, hf_error *e)
{
	return hf__future_complete(f, (hf__outcome){ .status = hf_error_status(e), .error = e });
}

/* --- watches: a ring of those of one future, without a head --- */

void hf__watch_init(hf__watch *w, void (*ready)(hf__watch *w, hf_future *f))
{
	w->future = NULL;
	w->ready = ready;
}

static void link_watch_locked(hf_future *f, hf__watch *w)
{
	w->future = f;
	APR_RING_ELEM_INIT(w, link);
	if (f->watches)
		APR_RING_INSERT_BEFORE(f->watches, w, link);
	else
		f->watches = w;
}

static void unlink_watch_locked(hf_future *f, hf__watch *w)
{
	hf__watch *next = APR_RING_NEXT(w, link);

	if (f->watches == w)
		f->watches = next == w ? NULL : next;
	APR_RING_REMOVE(w, link);
}

/* Before whoever wants to hear of it is linked: after that, `f` may be gone. */
static void attend(hf_future *f)
{
	if (f->ops->attend)
		f->ops->attend(f);
}

void hf__future_watch(hf_future *f, hf__watch *w)
{
	bool pending = false;

	if (!hf_future_ready(f)) {
		attend(f);
		hf__lock(&f->lock);
		pending = !hf_future_ready(f);
		if (pending)
			link_watch_locked(f, w);
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
	if (!hf_future_ready(f) && w->future == f) {
		unlink_watch_locked(f, w);
		w->future = NULL;
		mine = true;
	}
	hf__unlock(&f->lock);
	return mine;
}

/* --- a future that has failed from the start --- */

static void free_failed(hf_future *f)
{
	hf__callbacks_unref(f->calls_to);
	hf__free(f);
}

static const hf__future_ops failed_ops = { .destroy = free_failed };

hf_future *hf__future_failed(hf__callbacks *calls_to, hf_error *e)
{
	hf_future *f = hf__alloc(sizeof *f);

	if (!f) {
		hf_error_unref(e);
		return &no_memory;
	}
	hf__fork_watch();
	hf__future_init(f, &failed_ops, hf__callbacks_ref(calls_to));
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
	f->ops->destroy(f);
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

void *hf__future_value_of(hf_future *f, hf_free_fn *free_value)
{
	return readable(f) && f->outcome.free_value == free_value ? value_of(f, false) : NULL;
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
static hf_error *wait_error(const hf_future *f, hf_status st)
{
	if (st == HF_OK)
		return NULL;
	if (st == HF_E_FORKED)
		return hf__error_forked();
	if (f && st == HF_E_MISUSE)
		return hf__error_blocking("hf_await");
	if (st == HF_E_MISUSE)
		return hf__error_fmt(st, 0, "hf_await: the future is NULL");
	return hf__error_fmt(st, 0,
		"hf_await: this thread works for the pool that owns the future, so waiting for it "
		"here could never end");
}

hf_status hf__future_end(hf_future *f, hf_result **out, hf_error **out_error)
{
	hf_status st = hf_future_wait(f);
	hf_error *e = st == HF_OK ? hf_error_ref(hf_future_error(f)) : wait_error(f, st);

	if (st == HF_OK) {
		st = f->outcome.status;
		if (out && st == HF_OK)
			*out = hf_result_ref(f->outcome.result);
	}
	hf_future_unref(f);
	hf__error_give(e, out_error);
	return st;
}

hf_status hf_await(hf_future *f, hf_error **out_error)
{
	return hf__future_end(f, NULL, out_error);
}

hf_status hf_future_cancel(hf_future *f)
{
	if (!f)
		return HF_E_MISUSE;
	if (hf__future_forked(f))
		return HF_E_FORKED;
	if (hf_future_ready(f) || !f->ops->cancel)
		return HF_E_BUSY;
	return f->ops->cancel(f);
}

static void link_call_locked(hf_future *f, hf__call *call)
{
	APR_RING_ELEM_INIT(call, link);
	if (f->calls)
		APR_RING_INSERT_BEFORE(f->calls, call, link);
	else
		f->calls = call;
}

/* Gives the call to the future, or queues it when the future is ready already. */
static void place(hf_future *f, hf__call *call)
{
	bool pending = false;

	if (!hf_future_ready(f)) {
		attend(f);
		hf__lock(&f->lock);
		pending = !hf_future_ready(f);
		if (pending)
			link_call_locked(f, call);
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
	call->serve = NULL;
	call->fn = fn;
	call->arg = arg;
	call->free_arg = free_arg;
	place(f, call);
	return HF_OK;
}
