/* SPDX-License-Identifier: MIT */
/* What a pool of workers with futures can reach at best: the same trips to the server and the same
 * hand-overs between threads as holdfast, and nothing else. No limits, deadlines, cancelling,
 * errors, types or reconnects, and every result lands where it has been waiting to land.
 *
 * FLOOR_FAST, in bench/floor-fast: point as on a read-only pool, one Sync per batch. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "pq.h"

/* ping and tx: a statement or a part of a transaction goes to one worker and comes back. */
void floor_ping(struct bench *b);
void floor_tx(struct bench *b);

/* point and update: one thread submits to a queue, workers take shares of it into pipelines. */
void floor_flight(struct bench *b);

#endif
