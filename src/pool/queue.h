/* SPDX-License-Identifier: MIT */
/* The queue before the workers: bounded, two lanes, each first in first out, with deadlines.
 * Guarded by its pool's lock. */
#ifndef HF_POOL_QUEUE_H
#define HF_POOL_QUEUE_H

#include "pool/job.h"

APR_RING_HEAD(hf__job_ring, hf__job);
APR_RING_HEAD(hf__timed_ring, hf__job_more);

typedef struct hf__queue {
	struct hf__job_ring urgent, plain;
	/* Jobs whose acquire_ms is not the pool's, by deadline. The others need no list of their
	 * own: in each lane, they are in the order of their deadlines already. */
	struct hf__timed_ring timed;
	int n, peak;
} hf__queue;

void hf__queue_init(hf__queue *q);
void hf__queue_push(hf__queue *q, hf__job *j);
void hf__queue_push_front(hf__queue *q, hf__job *j); /* one that was taken and could not be run */
hf__job *hf__queue_pop(hf__queue *q);                /* NULL when empty */
hf__job *hf__queue_first(const hf__queue *q);        /* what pop would take */
void hf__queue_remove(hf__queue *q, hf__job *j);

/* Takes one job whose deadline has passed, or NULL; then *next is the earliest one left, or
 * HF__NEVER. */
hf__job *hf__queue_expire(hf__queue *q, int64_t now, int64_t *next);

#endif
