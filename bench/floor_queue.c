/* SPDX-License-Identifier: MIT */
/* A queue, workers with pipelines, and completion flags.
 *
 * `lock` guards the queue and who sleeps. A worker takes a share of what is queued and goes back
 * for more when half of its pipeline has come home; at most one wake-up of a worker is under way,
 * and the woken one wakes the next. Results are published in bursts, just before the worker would
 * wait. The submitting thread sleeps for one operation only, the oldest, and is woken for no other.
 */
#include "floor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#ifndef FLOOR_FAST
#define FLOOR_FAST 0
#endif

#define PIPELINE 64
#define LOW      32

struct op {
	struct op *next;
	int aid, delta;
	long i;
	int64_t since_ns;
	PGresult *res;
	_Atomic bool done;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static struct op *head, **tail = &head; /* guarded by lock, as are the next four */
static int queued, sleeping;
static bool waking, closing;

static pthread_mutex_t wait_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static struct op *_Atomic waited;

struct worker {
	pthread_t thread;
	PGconn *c;
	const char *name;
	int n_args;
	struct op *ring[PIPELINE];
	/* How many were sent, have their result, are behind their Sync, were published. */
	unsigned sent, answered, synced, published;
	bool skip; /* the next result is of the statement that opens a batch */
};

/* --- worker --- */

/* Wakes one sleeping worker if there is work for it and none is being woken. */
static void wake_one_locked(void)
{
	if (!queued || !sleeping || waking)
		return;
	waking = true;
	pthread_cond_signal(&work);
}

static void sleep_locked(void)
{
	while (!queued && !closing) {
		sleeping++;
		pthread_cond_wait(&work, &lock);
		sleeping--;
		waking = false;
	}
}

/* Takes a fair share into `ops`, at most `room`; waits for work if `idle`. */
static int take_share(struct op **ops, int room, bool idle)
{
	int n, share;

	pthread_mutex_lock(&lock);
	if (idle)
		sleep_locked();
	share = (queued + BENCH_CONNS - 1) / BENCH_CONNS;
	if (share < LOW)
		share = LOW;
	for (n = 0; n < room && n < share && head; n++) {
		ops[n] = head;
		head = head->next;
		queued--;
	}
	if (!head)
		tail = &head;
	wake_one_locked();
	pthread_mutex_unlock(&lock);
	return n;
}

static void send_share(struct worker *w, struct op **ops, int n)
{
	if (FLOOR_FAST && n > 0) {
		bench_send(w->c, "only", 0, 0, 0);
		w->skip = true;
	}
	for (int k = 0; k < n; k++) {
		struct op *op = ops[k];

		w->ring[w->sent++ % PIPELINE] = op;
		if (w->n_args == 1)
			bench_send(w->c, w->name, 1, op->aid, 0);
		else
			bench_send(w->c, w->name, 2, op->delta, op->aid);
		if (!FLOOR_FAST || k == n - 1)
			bench_sync(w->c);
	}
}

static void receive_one(struct worker *w, PGresult *r)
{
	ExecStatusType st = PQresultStatus(r);

	if (st == PGRES_PIPELINE_SYNC)
		w->synced = w->answered;
	else if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK)
		bench_pq_die(w->c, "statement");
	else if (!w->skip) {
		w->ring[w->answered++ % PIPELINE]->res = r;
		return;
	} else
		w->skip = false;
	PQclear(r);
}

/* Takes what can be had without waiting. */
static void receive(struct worker *w)
{
	while (w->synced != w->sent && !PQisBusy(w->c)) {
		PGresult *r = PQgetResult(w->c);

		if (r) /* else: the end of one statement's results */
			receive_one(w, r);
	}
}

/* Of two threads that pass, the second sees what the first has stored before. */
static void pass_turnstile(void)
{
	static atomic_int turnstile;

	atomic_fetch_add_explicit(&turnstile, 0, memory_order_acq_rel);
}

static void publish(struct worker *w)
{
	struct op *op;
	bool hit = false;

	if (w->published == w->synced)
		return;
	for (; w->published != w->synced; w->published++)
		atomic_store_explicit(
			&w->ring[w->published % PIPELINE]->done, true, memory_order_release);
	pass_turnstile();
	op = atomic_load_explicit(&waited, memory_order_relaxed);
	if (!op)
		return;
	pthread_mutex_lock(&wait_lock);
	op = atomic_load_explicit(&waited, memory_order_relaxed);
	hit = op && atomic_load_explicit(&op->done, memory_order_relaxed);
	if (hit)
		atomic_store_explicit(&waited, NULL, memory_order_relaxed);
	pthread_mutex_unlock(&wait_lock);
	if (hit)
		pthread_cond_signal(&arrived);
}

static void *run_worker(void *arg)
{
	struct worker *w = arg;
	struct op *ops[PIPELINE];

	for (;;) {
		int under_way = (int)(w->sent - w->synced);

		if (under_way <= (FLOOR_FAST ? 0 : LOW)) {
			int n = take_share(ops, PIPELINE - under_way, under_way == 0);

			if (n == 0 && under_way == 0)
				return NULL;
			send_share(w, ops, n);
		}
		receive(w);
		publish(w);
		if (w->synced != w->sent)
			bench_wait_input(w->c);
	}
}

/* --- the submitting thread --- */

static void submit(struct op *op)
{
	op->next = NULL;
	atomic_store_explicit(&op->done, false, memory_order_relaxed);
	pthread_mutex_lock(&lock);
	*tail = op;
	tail = &op->next;
	queued++;
	wake_one_locked();
	pthread_mutex_unlock(&lock);
}

static bool is_done(struct op *op)
{
	return atomic_load_explicit(&op->done, memory_order_acquire);
}

static void wait_for(struct op *op)
{
	if (is_done(op))
		return;
	pthread_mutex_lock(&wait_lock);
	atomic_store_explicit(&waited, op, memory_order_relaxed);
	pass_turnstile();
	while (!is_done(op))
		pthread_cond_wait(&arrived, &wait_lock);
	atomic_store_explicit(&waited, NULL, memory_order_relaxed);
	pthread_mutex_unlock(&wait_lock);
}

static void finish(struct bench *b, struct op *op, bool rows)
{
	if (rows)
		bench_pq_account(op->res, op->aid);
	PQclear(op->res);
	bench_lap(b, op->i, op->since_ns);
}

/* Takes all that are done; those that are not move to the front, in their order. */
static int harvest(struct bench *b, struct op **ops, int n, bool rows)
{
	int kept = 0;

	for (int k = 0; k < n; k++) {
		struct op *op = ops[k];

		if (is_done(op)) {
			finish(b, op, rows);
			continue;
		}
		ops[k] = ops[kept];
		ops[kept++] = op;
	}
	return kept;
}

static void fly(struct bench *b, struct op **ops, uint64_t *seed, long n, bool timed)
{
	bool rows = strcmp(b->workload, "point") == 0;
	int under_way = 0;
	long i = 0;

	while (i < n || under_way > 0) {
		for (; i < n && under_way < b->flight; i++) {
			struct op *op = ops[under_way++];

			op->i = timed ? i : -1;
			op->aid = bench_aid(seed);
			op->delta = bench_delta(seed);
			op->since_ns = bench_now_ns();
			submit(op);
		}
		wait_for(ops[0]);
		under_way = harvest(b, ops, under_way, rows);
	}
}

void floor_flight(struct bench *b)
{
	static struct op all[BENCH_FLIGHT];
	static struct worker workers[BENCH_CONNS];
	struct op *ops[BENCH_FLIGHT];
	uint64_t seed = bench_seed(0);
	bool is_point = strcmp(b->workload, "point") == 0;

	for (int k = 0; k < b->flight; k++)
		ops[k] = &all[k];
	for (int k = 0; k < b->conns; k++) {
		struct worker *w = &workers[k];

		w->c = bench_connect();
		w->name = b->workload;
		w->n_args = is_point ? 1 : 2;
		bench_pipeline_mode(w->c);
		if (pthread_create(&w->thread, NULL, run_worker, w) != 0)
			bench_die("no thread");
	}
	bench_laps(b);
	fly(b, ops, &seed, b->warmup, false);
	bench_begin(b);
	fly(b, ops, &seed, b->ops, true);
	bench_end(b);
	pthread_mutex_lock(&lock);
	closing = true;
	pthread_mutex_unlock(&lock);
	pthread_cond_broadcast(&work);
	for (int k = 0; k < b->conns; k++) {
		pthread_join(workers[k].thread, NULL);
		PQfinish(workers[k].c);
	}
}
