/* SPDX-License-Identifier: MIT */
/* A thread per connection. */
#include "lanes.h"

#include <pthread.h>

static pthread_barrier_t ready, go, done;

static void *run_lane(void *arg)
{
	struct bench_lane *l = arg;
	long first = l->first, n = l->n;

	l->first = -1;
	l->n = l->b->warmup / l->b->conns;
	l->body(l);
	l->first = first;
	l->n = n;
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&go);
	l->body(l);
	pthread_barrier_wait(&done);
	return NULL;
}

void bench_lanes(struct bench *b, const struct bench_door *door, void (*body)(struct bench_lane *l))
{
	struct bench_lane lanes[BENCH_CONNS];
	pthread_t threads[BENCH_CONNS];
	unsigned n = (unsigned)b->conns;

	bench_laps(b);
	pthread_barrier_init(&ready, NULL, n + 1);
	pthread_barrier_init(&go, NULL, n + 1);
	pthread_barrier_init(&done, NULL, n + 1);
	for (unsigned i = 0; i < n; i++) {
		struct bench_lane *l = &lanes[i];

		*l = (struct bench_lane){ .b = b, .conn = door->open(), .seed = bench_seed(i) };
		l->first = b->ops * i / n;
		l->n = b->ops * (i + 1) / n - l->first;
		l->body = body;
		if (pthread_create(&threads[i], NULL, run_lane, l) != 0)
			bench_die("no thread");
	}
	pthread_barrier_wait(&ready);
	bench_begin(b);
	pthread_barrier_wait(&go);
	pthread_barrier_wait(&done);
	bench_end(b);
	for (unsigned i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		door->close(lanes[i].conn);
	}
}

void bench_lane_lap(const struct bench_lane *l, long k, int64_t since_ns)
{
	if (l->first >= 0)
		bench_lap(l->b, l->first + k, since_ns);
}
