/* SPDX-License-Identifier: MIT */
/* The queue before the workers: order, lanes, deadlines. */
#include "helpers.h"

#include "base/clock.h"
#include "pool/queue.h"

#include <string.h>

static hf__job_more more[16];
static int n_jobs;

static hf__job job(int64_t acquire_by, bool own, bool urgent)
{
	hf__job j;

	memset(&j, 0, sizeof j);
	j.more = &more[n_jobs++];
	j.acquire_by = acquire_by;
	j.has_own_acquire = own;
	j.urgent = urgent;
	return j;
}

static void push(hf__queue *q, hf__job *j)
{
	j->more->job = j;
	hf__queue_push(q, j);
}

START_TEST(test_order)
{
	hf__job a = job(10, false, false), b = job(10, false, false), u = job(10, false, true);
	hf__queue q;

	hf__queue_init(&q);
	push(&q, &a);
	push(&q, &b);
	push(&q, &u);
	ck_assert_int_eq(q.n, 3);
	ck_assert_ptr_eq(hf__queue_pop(&q), &u);
	ck_assert_ptr_eq(hf__queue_pop(&q), &a);
	hf__queue_push_front(&q, &a);
	ck_assert_ptr_eq(hf__queue_pop(&q), &a);
	ck_assert_ptr_eq(hf__queue_pop(&q), &b);
	ck_assert_ptr_null(hf__queue_pop(&q));
	ck_assert_int_eq(q.peak, 3);
}
END_TEST

START_TEST(test_deadlines)
{
	hf__job a = job(100, false, false), b = job(50, true, false), c = job(70, true, true),
		d = job(60, true, false);
	int64_t next;
	hf__queue q;

	hf__queue_init(&q);
	ck_assert_ptr_null(hf__queue_expire(&q, 1000, &next));
	ck_assert_int_eq(next, HF__NEVER);
	push(&q, &a);
	push(&q, &b);
	push(&q, &c);
	push(&q, &d);
	ck_assert_ptr_null(hf__queue_expire(&q, 40, &next));
	ck_assert_int_eq(next, 50);
	ck_assert_ptr_eq(hf__queue_expire(&q, 65, &next), &b);
	ck_assert_ptr_eq(hf__queue_expire(&q, 65, &next), &d);
	ck_assert_ptr_null(hf__queue_expire(&q, 65, &next));
	ck_assert_int_eq(next, 70);
	hf__queue_remove(&q, &c);
	ck_assert_ptr_eq(hf__queue_expire(&q, 100, &next), &a);
	ck_assert_int_eq(q.n, 0);
}
END_TEST

T_MAIN("queue", { "first in, first out, the urgent before", test_order, 0 },
	{ "each job by its own deadline", test_deadlines, 0 })
