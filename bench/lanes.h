/* SPDX-License-Identifier: MIT */
/* A thread per connection, as blocking clients are written. */
#ifndef BENCH_LANES_H
#define BENCH_LANES_H

#include "bench.h"

/* How a connection begins and ends. open dies rather than fail. */
struct bench_door {
	void *(*open)(void);
	void (*close)(void *conn);
};

struct bench_lane {
	struct bench *b;
	void *conn;
	uint64_t seed;
	long first, n; /* operations first to first + n - 1; first is -1 during the warm-up */
	void (*body)(struct bench_lane *l);
};

/* Runs `body` on b->conns threads with a connection each: for its share of the warm-up, and then,
 * between bench_begin and bench_end, for its share of b->ops. */
void bench_lanes(
	struct bench *b, const struct bench_door *door, void (*body)(struct bench_lane *l));

/* A body of l->n operations, one after the other, each timed. */
void bench_each(struct bench_lane *l, void (*one)(struct bench_lane *l));

/* A client that has a thread per connection. load and insert fill b by themselves; the others are
 * one operation each. */
struct bench_client {
	struct bench_door door;
	void (*point)(struct bench_lane *l), (*update)(struct bench_lane *l);
	void (*tx)(struct bench_lane *l);
	void (*load)(struct bench *b), (*insert)(struct bench *b);
};

/* Runs the workload of b, and prints its line. */
void bench_client(struct bench *b, const struct bench_client *client);

/* Operation k of a lane's n, under way since `since_ns`, has its result. */
void bench_lane_lap(const struct bench_lane *l, long k, int64_t since_ns);

#endif
