/* SPDX-License-Identifier: MIT */
/* Commands that were submitted without waiting for each other, and are sent so. */
#include "txn/txn.h"

#include "base/clock.h"
#include "pool/train.h"

static bool may_go_locked(const hf_txn *t)
{
	return !t->lost && !t->lent && hf__now() < t->life_until;
}

/* Several notices in a row are better told together. */
static bool tell_together_locked(const hf_conn *c, hf_txn *t, hf__job *j)
{
	const hf__job *next = APR_RING_NEXT(j, link);

	return next != APR_RING_SENTINEL(&t->commands, hf__job, link) &&
	       hf__txn_tells_together(c, j, next);
}

/* The first commands of the queue, as far as they fit; how many. */
static int look_locked(hf_conn *c, hf_txn *t, hf__job **jobs, int room, size_t bytes)
{
	hf__job *j;
	int n = 0;

	APR_RING_FOREACH (j, &t->commands, hf__job, link) {
		if (n == room || tell_together_locked(c, t, j) || j->more->verb != HF__TXN_RUN ||
			!hf__train_fits(j) || j->sql_bytes > bytes ||
			(n > 0 && !hf__train_is_quick(c, jobs[n - 1])))
			break;
		bytes -= j->sql_bytes;
		jobs[n++] = j;
	}
	return n > 1 || hf__train_first(c) ? n : 0;
}

static int take_locked(hf_conn *c, hf_txn *t, hf__job **jobs, int room, size_t bytes)
{
	int n = may_go_locked(t) ? look_locked(c, t, jobs, room, bytes) : 0;

	for (int i = 0; i < n; i++) {
		APR_RING_REMOVE(jobs[i], link);
		jobs[i]->state = HF__JOB_RUNNING;
		jobs[i]->worker = c->worker;
	}
	if (n > 0 && !t->running)
		t->running = jobs[0];
	c->rests = APR_RING_EMPTY(&t->commands, hf__job, link);
	return n;
}

static void put_back_locked(hf_txn *t, hf__job *j)
{
	j->state = HF__JOB_QUEUED;
	j->worker = NULL;
	APR_RING_INSERT_HEAD(&t->commands, j, hf__job, link);
}

static int send_all(hf_conn *c, const hf_txn *t, hf__job **jobs, int n)
{
	hf__job *outer = c->job;
	int sent = 0;

	for (bool goes_on = true; goes_on && sent < n; sent += goes_on) {
		hf__txn_set_clock(c, t, jobs[sent]);
		goes_on = hf__train_send(c, jobs[sent], sent == n - 1);
	}
	c->job = outer;
	c->run_until = HF__NEVER;
	if (sent > 0)
		hf__train_close(c);
	return sent;
}

void hf__txn_send_ahead(hf_conn *c, hf_txn *t)
{
	hf__job *jobs[HF__MAX_PIPELINE];
	size_t bytes = 0;
	int room = hf__train_room(c, &bytes), n, sent;

	if (room == 0)
		return;
	hf__lock(&t->lock);
	n = take_locked(c, t, jobs, room, bytes);
	hf__unlock(&t->lock);
	sent = n > 0 ? send_all(c, t, jobs, n) : 0;
	if (sent == n)
		return;
	hf__lock(&t->lock);
	for (int i = n - 1; i >= sent; i--)
		put_back_locked(t, jobs[i]);
	t->running = hf__train_first(c);
	hf__unlock(&t->lock);
}

void hf__txn_call_back(hf_conn *c, hf_txn *t)
{
	hf__job *j;

	while ((j = hf__train_drop_last(c)) != NULL) {
		hf__lock(&t->lock);
		put_back_locked(t, j);
		t->running = NULL;
		hf__unlock(&t->lock);
	}
}
