/* SPDX-License-Identifier: MIT */
/* Cancelling what runs on a server: see the header for the rules.
 *
 * cr->lock (HF__L_LEAF) guards the queue, the counts and the state of every cancel. A thread takes
 * a cancel off the queue, calls libpq without the lock, and then marks it settled. When all threads
 * have been in one call for longer than STUCK_MS, another is started: one server that hangs must
 * not hold up the others. */
#include "pq/cancel.h"

#include "base/clock.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/thread.h"

#include "base/ring.h"
#include <poll.h>

#define STUCK_MS    1000
#define MAX_THREADS 8
#define LINGER_MS   2000

struct hf__cancel {
	APR_RING_ENTRY(hf__cancel) link;
	hf__canceler *cr;        /* a reference */
	bool in_flight, dropped; /* guarded by cr->lock */
	bool fired;              /* since it was settled; of the thread that uses the link */
#ifdef LIBPQ_HAS_ASYNC_CANCEL
	PGcancelConn *pg;
#else
	PGcancel *pg;
#endif
};

struct hf__canceler {
	hf__ref refs;
	hf__mutex lock;
	hf__cond work, settled;
	/* guarded by lock */
	APR_RING_HEAD(cancel_ring, hf__cancel) queue;
	int threads, busy;
	int64_t progress_at; /* when a call last began or ended */
	bool closing;
};

hf__canceler *hf__canceler_new(void)
{
	hf__canceler *cr = hf__calloc(sizeof *cr);

	if (!cr)
		return NULL;
	hf__ref_init(&cr->refs);
	hf__mutex_init(&cr->lock, HF__L_LEAF);
	hf__cond_init(&cr->work);
	hf__cond_init(&cr->settled);
	APR_RING_INIT(&cr->queue, hf__cancel, link);
	return cr;
}

static void canceler_unref(hf__canceler *cr)
{
	if (!hf__ref_put(&cr->refs))
		return;
	hf__cond_finish(&cr->work);
	hf__cond_finish(&cr->settled);
	hf__mutex_finish(&cr->lock);
	hf__free(cr);
}

static void cancel_destroy(hf__cancel *c)
{
	hf__canceler *cr = c->cr;

#ifdef LIBPQ_HAS_ASYNC_CANCEL
	PQcancelFinish(c->pg);
#else
	PQfreeCancel(c->pg);
#endif
	hf__free(c);
	canceler_unref(cr);
}

/* Blocks on the network. Whether it reached the server is not asked: the statement's end tells. */
static void send_request(hf__cancel *c)
{
#ifdef LIBPQ_HAS_ASYNC_CANCEL
	int64_t deadline = hf__deadline(10000);
	PostgresPollingStatusType st;

	PQcancelReset(c->pg);
	st = PQcancelStart(c->pg) ? PGRES_POLLING_WRITING : PGRES_POLLING_FAILED;
	while (st == PGRES_POLLING_READING || st == PGRES_POLLING_WRITING) {
		struct pollfd p = { PQcancelSocket(c->pg),
			st == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0 };

		if (poll(&p, 1, hf__ms_left(deadline, 10000)) == 0)
			break;
		st = PQcancelPoll(c->pg);
	}
	PQcancelReset(c->pg);
#else
	char message[256];

	PQcancel(c->pg, message, sizeof message);
#endif
}

/* The lock is held, and taken again before it returns. */
static void run_one_locked(hf__canceler *cr)
{
	hf__cancel *c = APR_RING_FIRST(&cr->queue);
	bool dropped;

	APR_RING_REMOVE(c, link);
	cr->busy++;
	cr->progress_at = hf__now();
	hf__unlock(&cr->lock);
	send_request(c);
	hf__lock(&cr->lock);
	cr->busy--;
	cr->progress_at = hf__now();
	c->in_flight = false;
	dropped = c->dropped;
	hf__cond_broadcast(&cr->settled);
	if (!dropped)
		return;
	hf__unlock(&cr->lock);
	cancel_destroy(c);
	hf__lock(&cr->lock);
}

static void *canceler_run(void *arg)
{
	hf__canceler *cr = arg;
	bool timed_out = false;

	hf__lock(&cr->lock);
	for (;;) {
		if (!APR_RING_EMPTY(&cr->queue, hf__cancel, link)) {
			run_one_locked(cr);
			continue;
		}
		if (cr->closing || timed_out)
			break;
		timed_out = !hf__cond_wait_until(&cr->work, &cr->lock, hf__deadline(LINGER_MS));
	}
	cr->threads--;
	hf__cond_broadcast(&cr->settled);
	hf__unlock(&cr->lock);
	canceler_unref(cr);
	return NULL;
}

/* A thread that hangs in libpq cannot be joined, so none is: each holds a reference. */
static bool start_thread_locked(hf__canceler *cr)
{
	pthread_t t;

	hf__ref_get(&cr->refs);
	if (!hf__thread_start(&t, "hf-cancel", canceler_run, cr)) {
		canceler_unref(cr);
		return false;
	}
	pthread_detach(t);
	cr->threads++;
	return true;
}

static bool someone_will_run_locked(hf__canceler *cr)
{
	if (cr->threads > cr->busy)
		return true;
	if (cr->threads > 0 && hf__now() < hf__after(cr->progress_at, STUCK_MS))
		return true;
	if (cr->threads >= MAX_THREADS)
		return true;
	return start_thread_locked(cr) || cr->threads > 0;
}

hf__cancel *hf__cancel_new(hf__canceler *cr, PGconn *pg)
{
	hf__cancel *c = hf__calloc(sizeof *c);

	if (!c)
		return NULL;
#ifdef LIBPQ_HAS_ASYNC_CANCEL
	c->pg = PQcancelCreate(pg);
#else
	c->pg = PQgetCancel(pg);
#endif
	if (!c->pg) {
		hf__free(c);
		return NULL;
	}
	APR_RING_ELEM_INIT(c, link);
	c->cr = cr;
	hf__ref_get(&cr->refs);
	return c;
}

void hf__cancel_free(hf__cancel *c)
{
	bool in_flight;

	if (!c)
		return;
	hf__lock(&c->cr->lock);
	in_flight = c->in_flight;
	c->dropped = true;
	hf__unlock(&c->cr->lock);
	if (!in_flight)
		cancel_destroy(c);
}

bool hf__cancel_fire(hf__cancel *c)
{
	hf__canceler *cr = c->cr;
	bool fired;

	c->fired = true;
	hf__lock(&cr->lock);
	fired = !c->in_flight && someone_will_run_locked(cr);
	if (fired) {
		c->in_flight = true;
		APR_RING_INSERT_TAIL(&cr->queue, c, hf__cancel, link);
		hf__cond_signal(&cr->work);
	}
	hf__unlock(&cr->lock);
	return fired;
}

bool hf__cancel_settle(hf__cancel *c, int64_t deadline)
{
	bool settled;

	if (!c->fired)
		return true;
	hf__lock(&c->cr->lock);
	while (c->in_flight && hf__cond_wait_until(&c->cr->settled, &c->cr->lock, deadline))
		;
	settled = !c->in_flight;
	c->fired = !settled;
	hf__unlock(&c->cr->lock);
	return settled;
}

void hf__canceler_close(hf__canceler *cr, int64_t deadline)
{
	if (!cr)
		return;
	hf__lock(&cr->lock);
	cr->closing = true;
	hf__cond_broadcast(&cr->work);
	while (cr->threads > 0 && hf__cond_wait_until(&cr->settled, &cr->lock, deadline))
		;
	hf__unlock(&cr->lock);
	canceler_unref(cr);
}
