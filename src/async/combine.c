/* SPDX-License-Identifier: MIT */
/* Futures of futures: hf_when_all and hf_when_any.
 *
 * A combination is one block: a future, and a watch per input. It holds a reference to each input
 * until it is destroyed, and each watch that is set holds one to the combination: given back when
 * the watch has run, or by whoever removes it. So a combination outlives its watches, and letting
 * go of it early changes nothing for its inputs.
 *
 * Locks: none of its own. A watch runs on the thread that completes its input, with no lock held;
 * it may run inline while the combination is being made, and on several threads at once. For "all",
 * the last to count down completes; for "any", the first completion wins (hf__future_complete
 * decides) and the winner removes the other watches. The maker does so as well, for the watches
 * that it set after the winner had looked. */
#include "async/future.h"

#include "base/attr.h"
#include "base/fork.h"
#include "base/mem.h"
#include "value/error.h"

struct input {
	hf__watch watch;
	struct combination *owner;
	hf_future *future; /* a reference */
};

struct combination {
	hf_future future;
	atomic_size_t left; /* inputs that are not ready */
	size_t n;
	struct input in[];
};

static struct combination *of_future(hf_future *f)
{
	return hf_container_of(f, struct combination, future);
}

static struct combination *of_watch(hf__watch *w)
{
	return hf_container_of(w, struct input, watch)->owner;
}

/* Of the first input, by index, that failed; HF_OK without a result when all went well. */
static hf__outcome outcome_of_all(const struct combination *c)
{
	hf__outcome o = { .status = HF_OK };

	for (size_t i = 0; i < c->n && o.status == HF_OK; i++) {
		o.status = c->in[i].future->outcome.status;
		o.error = hf_error_ref(hf_future_error(c->in[i].future));
	}
	return o;
}

/* The value, if any, stays with the input: it can be taken only once. */
static hf__outcome outcome_of_one(hf_future *f)
{
	hf_result *res = f->outcome.result;

	return (hf__outcome){ .status = f->outcome.status,
		.error = hf_error_ref(hf_future_error(f)),
		.result = res ? hf_result_ref(res) : NULL };
}

static void all_ready(hf__watch *w, hf_future *f)
{
	struct combination *c = of_watch(w);

	(void)f;
	if (atomic_fetch_sub_explicit(&c->left, 1, memory_order_acq_rel) == 1)
		hf__future_complete(&c->future, outcome_of_all(c));
	hf_future_unref(&c->future);
}

static void remove_watches(struct combination *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (hf__future_unwatch(c->in[i].future, &c->in[i].watch))
			hf_future_unref(&c->future);
}

static void any_ready(hf__watch *w, hf_future *f)
{
	struct combination *c = of_watch(w);

	if (hf__future_complete(&c->future, outcome_of_one(f)))
		remove_watches(c);
	hf_future_unref(&c->future);
}

/* Cancels every input. HF_OK only if nothing of it runs on and the combination says so too. */
static hf_status cancel(hf_future *f)
{
	struct combination *c = of_future(f);
	bool pending = false, stopped = false;

	for (size_t i = 0; i < c->n; i++) {
		hf_status st = hf_future_cancel(c->in[i].future);

		pending |= st == HF_PENDING;
		stopped |= st == HF_OK;
	}
	if (pending)
		return HF_PENDING;
	if (hf_future_ready(f))
		return f->outcome.status == HF_E_CANCELED ? HF_OK : HF_E_BUSY;
	return stopped ? HF_PENDING : HF_E_BUSY;
}

static bool stuck(const hf_future *f)
{
	const struct combination *c = (const void *)f; /* its first member */

	for (size_t i = 0; i < c->n; i++)
		if (!hf_future_ready(c->in[i].future) && hf__future_stuck(c->in[i].future))
			return true;
	return false;
}

static void destroy(hf_future *f)
{
	struct combination *c = of_future(f);

	for (size_t i = 0; i < c->n; i++)
		hf_future_unref(c->in[i].future);
	hf__free(c);
}

static const hf__future_ops ops = { .cancel = cancel, .destroy = destroy, .stuck = stuck };

/* Whose thread runs its callbacks: that of the first input that has one, which keeps it alive. */
static hf__callbacks *calls_of(hf_future *const *fs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fs[i]->calls_to)
			return fs[i]->calls_to;
	return NULL;
}

static struct combination *make(
	hf_future *const *fs, size_t n, void (*ready)(hf__watch *w, hf_future *f))
{
	struct combination *c = NULL;

	if (n <= (SIZE_MAX - sizeof *c) / sizeof c->in[0])
		c = hf__alloc(sizeof *c + n * sizeof c->in[0]);
	if (!c)
		return NULL;
	hf__fork_watch();
	hf__future_init(&c->future, &ops, calls_of(fs, n));
	atomic_init(&c->left, n);
	c->n = n;
	for (size_t i = 0; i < n; i++) {
		hf__watch_init(&c->in[i].watch, ready);
		c->in[i].owner = c;
		c->in[i].future = hf_future_ref(fs[i]);
	}
	return c;
}

static hf_error *refusal(const char *call, hf_future *const *fs, size_t n)
{
	if (!fs && n > 0)
		return hf__error_fmt(HF_E_MISUSE, 0, "%s: the list of futures is NULL", call);
	for (size_t i = 0; i < n; i++) {
		if (!fs[i])
			return hf__error_fmt(
				HF_E_MISUSE, 0, "%s: future %zu of %zu is NULL", call, i, n);
		if (hf__future_forked(fs[i]))
			return hf__error_forked();
	}
	return NULL;
}

/* Sets the watches, until the combination is ready: one reference for each. */
static void watch_inputs(struct combination *c)
{
	for (size_t i = 0; i < c->n && !hf_future_ready(&c->future); i++) {
		hf__ref_get(&c->future.refs);
		hf__future_watch(c->in[i].future, &c->in[i].watch);
	}
}

hf_future *hf_when_all(hf_future *const *fs, size_t n)
{
	hf_error *e = refusal("hf_when_all", fs, n);
	struct combination *c;

	if (e)
		return hf__future_failed(NULL, e);
	c = make(fs, n, all_ready);
	if (!c)
		return hf__future_nomem();
	if (n == 0)
		hf__future_complete(&c->future, (hf__outcome){ .status = HF_OK });
	watch_inputs(c);
	hf_future_unref(&c->future);
	return &c->future;
}

hf_future *hf_when_any(hf_future *const *fs, size_t n)
{
	hf_error *e = refusal("hf_when_any", fs, n);
	struct combination *c;

	if (!e && n == 0)
		e = hf__error_fmt(HF_E_MISUSE, 0, "hf_when_any: no futures to wait for");
	if (e)
		return hf__future_failed(NULL, e);
	c = make(fs, n, any_ready);
	if (!c)
		return hf__future_nomem();
	watch_inputs(c);
	if (hf_future_ready(&c->future))
		remove_watches(c);
	hf_future_unref(&c->future);
	return &c->future;
}
