/* SPDX-License-Identifier: MIT */
/* The queue before the workers. */
#include "pool/queue.h"

#include "base/clock.h"

void hf__queue_init(hf__queue *q)
{
	APR_RING_INIT(&q->urgent, hf__job, link);
	APR_RING_INIT(&q->plain, hf__job, link);
	APR_RING_INIT(&q->timed, hf__job_more, timed);
	q->n = q->peak = 0;
}

static struct hf__job_ring *lane(hf__queue *q, const hf__job *j)
{
	return j->urgent ? &q->urgent : &q->plain;
}

static void count_in(hf__queue *q)
{
	if (++q->n > q->peak)
		q->peak = q->n;
}

/* Sorted from the tail: a later job mostly has the later deadline. */
static void add_timed(hf__queue *q, hf__job *j)
{
	const hf__job_more *end = APR_RING_SENTINEL(&q->timed, hf__job_more, timed);
	hf__job_more *at = APR_RING_LAST(&q->timed), *m = j->more;

	while (at != end && at->job->acquire_by > j->acquire_by)
		at = APR_RING_PREV(at, timed);
	if (at == end)
		APR_RING_INSERT_HEAD(&q->timed, m, hf__job_more, timed);
	else
		APR_RING_INSERT_AFTER(at, m, timed);
}

void hf__queue_push(hf__queue *q, hf__job *j)
{
	APR_RING_INSERT_TAIL(lane(q, j), j, hf__job, link);
	if (j->has_own_acquire)
		add_timed(q, j);
	count_in(q);
}

void hf__queue_push_front(hf__queue *q, hf__job *j)
{
	APR_RING_INSERT_HEAD(lane(q, j), j, hf__job, link);
	if (j->has_own_acquire)
		add_timed(q, j);
	count_in(q);
}

void hf__queue_remove(hf__queue *q, hf__job *j)
{
	APR_RING_REMOVE(j, link);
	if (j->has_own_acquire)
		APR_RING_REMOVE(j->more, timed);
	q->n--;
}

hf__job *hf__queue_first(const hf__queue *q)
{
	const struct hf__job_ring *from =
		APR_RING_EMPTY(&q->urgent, hf__job, link) ? &q->plain : &q->urgent;

	return APR_RING_EMPTY(from, hf__job, link) ? NULL : APR_RING_FIRST(from);
}

hf__job *hf__queue_pop(hf__queue *q)
{
	hf__job *j = hf__queue_first(q);

	if (j)
		hf__queue_remove(q, j);
	return j;
}

/* The first job of a lane that goes by the pool's acquire_ms has the earliest deadline of its kind.
 */
static hf__job *first_by_pool(struct hf__job_ring *ring)
{
	hf__job *j;

	APR_RING_FOREACH (j, ring, hf__job, link)
		if (!j->has_own_acquire)
			return j;
	return NULL;
}

static hf__job *earlier(hf__job *a, hf__job *b)
{
	if (!a || !b)
		return a ? a : b;
	return b->acquire_by < a->acquire_by ? b : a;
}

static hf__job *first_timed(const hf__queue *q)
{
	return APR_RING_EMPTY(&q->timed, hf__job_more, timed) ? NULL
							      : APR_RING_FIRST(&q->timed)->job;
}

hf__job *hf__queue_expire(hf__queue *q, int64_t now, int64_t *next)
{
	hf__job *j = first_timed(q);

	j = earlier(j, first_by_pool(&q->urgent));
	j = earlier(j, first_by_pool(&q->plain));
	*next = j ? j->acquire_by : HF__NEVER;
	if (!j || j->acquire_by > now)
		return NULL;
	hf__queue_remove(q, j);
	return j;
}
