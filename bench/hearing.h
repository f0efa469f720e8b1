/* SPDX-License-Identifier: MIT */
/* deliver: one notice at a time, from its call to whoever hears of it on another thread. */
#ifndef BENCH_HEARING_H
#define BENCH_HEARING_H

#include "bench.h"

#include <pthread.h>

#define BENCH_CHANNEL   "peer_channel"
#define BENCH_DELIVERED 5000

struct bench_hearing {
	pthread_mutex_t lock;
	pthread_cond_t heard;
	long n;           /* guarded by lock, as since_ns */
	int64_t since_ns; /* when the one under way was sent */
};

/* Sends each with `send` once the one before it was heard. */
static inline void bench_deliver(
	struct bench *b, struct bench_hearing *h, void (*send)(void *arg), void *arg)
{
	bench_laps(b);
	bench_begin(b);
	for (long i = 0; i < b->ops; i++) {
		pthread_mutex_lock(&h->lock);
		h->since_ns = bench_now_ns();
		pthread_mutex_unlock(&h->lock);
		send(arg);
		pthread_mutex_lock(&h->lock);
		while (h->n <= i)
			pthread_cond_wait(&h->heard, &h->lock);
		pthread_mutex_unlock(&h->lock);
	}
	bench_end(b);
}

/* On the thread that hears. */
static inline void bench_heard(struct bench *b, struct bench_hearing *h)
{
	pthread_mutex_lock(&h->lock);
	bench_lap(b, h->n++, h->since_ns);
	pthread_cond_signal(&h->heard);
	pthread_mutex_unlock(&h->lock);
}

#endif
