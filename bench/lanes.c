/* SPDX-License-Identifier: MIT */
/* A thread per connection. */
#include "lanes.h"

#include <pthread.h>
#include <string.h>

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

void bench_each(struct bench_lane *l, void (*one)(struct bench_lane *l))
{
	for (long i = 0; i < l->n; i++) {
		int64_t since_ns = bench_now_ns();

		one(l);
		bench_lane_lap(l, i, since_ns);
	}
}

static const struct bench_client *at_work;

static void body(struct bench_lane *l)
{
	const char *w = l->b->workload;

	bench_each(l, strcmp(w, "update") == 0 ? at_work->update
		      : strcmp(w, "tx") == 0   ? at_work->tx
					       : at_work->point);
}

void bench_client(struct bench *b, const struct bench_client *client)
{
	if (strcmp(b->workload, "load") == 0)
		client->load(b);
	else if (strcmp(b->workload, "insert") == 0)
		client->insert(b);
	else {
		b->flight = b->conns;
		at_work = client;
		bench_lanes(b, &client->door, body);
	}
	bench_print(b);
}
