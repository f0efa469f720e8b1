/* SPDX-License-Identifier: MIT */
/* Hand-overs to one worker and back.
 *
 * Each worker has a place for one command, under a lock of its own. `out` counts the commands that
 * came back and were not yet looked at; the submitting thread sleeps on it. */
#include "floor.h"

#include <pthread.h>
#include <stdatomic.h>

enum what { NOTHING, POINT, LOCK, SET, END };

struct hand {
	PGconn *c;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t given;
	enum what what; /* guarded by lock */
	int aid, value;
	PGresult *res;
	_Atomic bool back; /* res, of `doing`, is there */
	enum what doing;
	int64_t since_ns;
	long i;
};

static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;
static bool sleeping; /* guarded by out_lock */

static void give(struct hand *h, enum what what)
{
	h->doing = what;
	pthread_mutex_lock(&h->lock);
	h->what = what;
	pthread_mutex_unlock(&h->lock);
	pthread_cond_signal(&h->given);
}

static enum what next_command(struct hand *h)
{
	enum what what;

	pthread_mutex_lock(&h->lock);
	while (h->what == NOTHING)
		pthread_cond_wait(&h->given, &h->lock);
	what = h->what;
	h->what = NOTHING;
	pthread_mutex_unlock(&h->lock);
	return what;
}

static void give_back(struct hand *h)
{
	bool wake;

	atomic_store_explicit(&h->back, true, memory_order_release);
	pthread_mutex_lock(&out_lock);
	wake = sleeping;
	sleeping = false;
	pthread_mutex_unlock(&out_lock);
	if (wake)
		pthread_cond_signal(&came);
}

static bool any_back(struct hand *hands, int n)
{
	for (int i = 0; i < n; i++)
		if (atomic_load_explicit(&hands[i].back, memory_order_acquire))
			return true;
	return false;
}

static void wait_back(struct hand *hands, int n)
{
	if (any_back(hands, n))
		return;
	pthread_mutex_lock(&out_lock);
	while (!any_back(hands, n)) {
		sleeping = true;
		pthread_cond_wait(&came, &out_lock);
	}
	sleeping = false;
	pthread_mutex_unlock(&out_lock);
}

/* BEGIN, the lock and the transaction's number in one trip; the update and COMMIT in another. */
static void lock(struct hand *h)
{
	bench_send(h->c, "begin", 0, 0, 0);
	bench_send(h->c, "lock", 1, h->aid, 0);
	bench_send(h->c, "xid", 0, 0, 0);
	bench_sync(h->c);
	PQclear(bench_expect(h->c, PGRES_COMMAND_OK));
	h->res = bench_expect(h->c, PGRES_TUPLES_OK);
	PQclear(bench_expect(h->c, PGRES_TUPLES_OK));
	PQclear(bench_expect(h->c, PGRES_PIPELINE_SYNC));
}

static void set(struct hand *h)
{
	bench_send(h->c, "set", 2, h->value, h->aid);
	bench_send(h->c, "commit", 0, 0, 0);
	bench_sync(h->c);
	h->res = bench_expect(h->c, PGRES_COMMAND_OK);
	PQclear(bench_expect(h->c, PGRES_COMMAND_OK));
	PQclear(bench_expect(h->c, PGRES_PIPELINE_SYNC));
}

static void point(struct hand *h)
{
	bench_send(h->c, "point", 1, h->aid, 0);
	bench_sync(h->c);
	h->res = bench_expect(h->c, PGRES_TUPLES_OK);
	PQclear(bench_expect(h->c, PGRES_PIPELINE_SYNC));
}

static void *work(void *arg)
{
	struct hand *h = arg;

	for (;;) {
		switch (next_command(h)) {
		case NOTHING:
		case END:
			return NULL;
		case POINT:
			point(h);
			break;
		case LOCK:
			lock(h);
			break;
		case SET:
			set(h);
			break;
		}
		give_back(h);
	}
}

static void start(struct hand *h)
{
	*h = (struct hand){ .c = bench_connect() };
	bench_pipeline_mode(h->c);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->given, NULL);
	if (pthread_create(&h->thread, NULL, work, h) != 0)
		bench_die("no thread");
}

static void stop(struct hand *h)
{
	give(h, END);
	pthread_join(h->thread, NULL);
	PQfinish(h->c);
}

static PGresult *take(struct hand *h)
{
	PGresult *r = h->res;

	atomic_store_explicit(&h->back, false, memory_order_relaxed);
	h->res = NULL;
	return r;
}

static void pings(struct bench *b, struct hand *h, uint64_t *seed, long n, bool timed)
{
	for (long i = 0; i < n; i++) {
		int64_t since_ns = bench_now_ns();
		PGresult *r;

		h->aid = bench_aid(seed);
		give(h, POINT);
		wait_back(h, 1);
		r = take(h);
		bench_pq_account(r, h->aid);
		PQclear(r);
		bench_lap(b, timed ? i : -1, since_ns);
	}
}

void floor_ping(struct bench *b)
{
	uint64_t seed = bench_seed(0);
	struct hand h;

	start(&h);
	bench_laps(b);
	pings(b, &h, &seed, b->warmup, false);
	bench_begin(b);
	pings(b, &h, &seed, b->ops, true);
	bench_end(b);
	stop(&h);
}

/* True: the hand has begun a transaction, false: there is none left to begin. */
static bool begin(struct hand *h, uint64_t *seed, long *next)
{
	if (*next == 0)
		return false;
	h->i = --*next;
	h->aid = bench_aid(seed);
	h->since_ns = bench_now_ns();
	give(h, LOCK);
	return true;
}

static void go_on(struct bench *b, struct hand *h, uint64_t *seed, bool timed)
{
	PGresult *r = take(h);

	if (h->doing == LOCK) {
		h->value = bench_int4(r, 0, 0) + bench_delta(seed);
		give(h, SET);
	} else {
		h->doing = NOTHING;
		bench_lap(b, timed ? h->i : -1, h->since_ns);
	}
	PQclear(r);
}

static void transactions(struct bench *b, struct hand *hands, uint64_t *seed, long n, bool timed)
{
	long next = n;
	int open = 0;

	for (int k = 0; k < b->conns; k++)
		open += begin(&hands[k], seed, &next);
	while (open > 0) {
		wait_back(hands, b->conns);
		for (int k = 0; k < b->conns; k++) {
			struct hand *h = &hands[k];

			if (!atomic_load_explicit(&h->back, memory_order_acquire))
				continue;
			go_on(b, h, seed, timed);
			if (h->doing == NOTHING && !begin(h, seed, &next))
				open--;
		}
	}
}

void floor_tx(struct bench *b)
{
	struct hand hands[BENCH_CONNS];
	uint64_t seed = bench_seed(0);

	for (int k = 0; k < b->conns; k++)
		start(&hands[k]);
	bench_laps(b);
	transactions(b, hands, &seed, b->warmup, false);
	bench_begin(b);
	transactions(b, hands, &seed, b->ops, true);
	bench_end(b);
	for (int k = 0; k < b->conns; k++)
		stop(&hands[k]);
}
