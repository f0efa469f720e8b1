/* SPDX-License-Identifier: MIT */
/* For tests of futures: a producer without a pool, and results without a server. Included once per
 * program. */
#ifndef TESTS_PROMISE_H
#define TESTS_PROMISE_H

#include "async/future.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "value/error.h"

#include <stdlib.h>

struct hf_result {
	hf__ref refs;
};

static atomic_long results_alive;

static inline hf_result *result_new(void)
{
	hf_result *r = malloc(sizeof *r);

	if (!r)
		abort();
	hf__ref_init(&r->refs);
	atomic_fetch_add(&results_alive, 1);
	return r;
}

hf_result *hf_result_ref(const hf_result *r)
{
	hf_result *mine = (hf_result *)(uintptr_t)r;

	if (mine)
		hf__ref_get(&mine->refs);
	return mine;
}

hf_result *hf_result_unref(hf_result *r)
{
	if (r && hf__ref_put(&r->refs)) {
		atomic_fetch_sub(&results_alive, 1);
		free(r);
	}
	return NULL;
}

static atomic_long promises_alive;

struct promise {
	hf_future future;
	hf__future_ops ops;
	const void *domain; /* who serves it cannot wait for it */
};

static inline void promise_destroy(hf_future *f)
{
	hf__callbacks_unref(f->calls_to);
	atomic_fetch_sub(&promises_alive, 1);
	free(f);
}

static inline bool promise_stuck(const hf_future *f)
{
	return hf__thread_role(((const struct promise *)(const void *)f)->domain) != HF__ROLE_NONE;
}

/* A pending future with both its references. */
static inline hf_future *promise_of(const void *domain, hf__callbacks *calls_to)
{
	struct promise *p = malloc(sizeof *p);

	if (!p)
		abort();
	p->ops = (hf__future_ops){ .destroy = promise_destroy, .stuck = promise_stuck };
	p->domain = domain;
	hf__future_init(&p->future, &p->ops, hf__callbacks_ref(calls_to));
	atomic_fetch_add(&promises_alive, 1);
	return &p->future;
}

/* What answers hf_future_cancel; before anybody may call that. */
static inline void promise_cancels_with(hf_future *f, hf_status (*cancel)(hf_future *f))
{
	hf_container_of(f, struct promise, future)->ops.cancel = cancel;
}

static inline hf_future *promise(void)
{
	return promise_of(NULL, NULL);
}

/* Ends well (with or without a result) or badly, and lets go of the producer's reference. */
static inline bool resolve_with(hf_future *f, hf_result *r)
{
	bool counted = hf__future_complete(f, (hf__outcome){ .status = HF_OK, .result = r });

	hf_future_unref(f);
	return counted;
}

static inline bool resolve(hf_future *f)
{
	return resolve_with(f, NULL);
}

static inline bool reject(hf_future *f, hf_status st)
{
	bool counted = hf__future_fail(f, hf__error_fmt(st, 0, "rejected"));

	hf_future_unref(f);
	return counted;
}

static inline void sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* Until *n reaches `want`; false after ten seconds. */
static inline bool reaches(atomic_long *n, long want)
{
	for (int64_t end = hf__deadline(10000); atomic_load(n) != want; sleep_ms(1))
		if (hf__now() > end)
			return false;
	return true;
}

/* What callbacks and free functions have done. */
static atomic_long ran, freed;

static inline void count_run(hf_future *f, void *arg)
{
	(void)f;
	(void)arg;
	atomic_fetch_add(&ran, 1);
}

static inline void count_free(void *arg)
{
	(void)arg;
	atomic_fetch_add(&freed, 1);
}

/* Lets the common callback thread end, so that leak checkers do not meet its stack. */
static inline void settle(void)
{
	sleep_ms(20);
}

/* For start(). */
static inline void *resolve_later(void *f)
{
	sleep_ms(20);
	resolve(f);
	return NULL;
}

/* The same: answers the future when it is ready. */
static inline void *wait_for_ever(void *f)
{
	return hf_future_wait(f) == HF_OK ? f : NULL;
}

static inline pthread_t start(void *(*run)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, run, arg) != 0)
		abort();
	return t;
}

#endif
