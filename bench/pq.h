/* SPDX-License-Identifier: MIT */
/* What the benchmark programs on plain libpq share. */
#ifndef BENCH_PQ_H
#define BENCH_PQ_H

#include "bench.h"
#include "lanes.h"

#include <libpq-fe.h>

/* A connection to the server that PGHOST and its kin name, synchronous_commit off, with the
 * statements prepared: point, update, lock, set, begin, commit; xid and only, which are what
 * holdfast adds to a transaction and to its fast lane. */
PGconn *bench_connect(void);

/* For bench_lanes: connections as they come, and in pipeline mode. */
extern const struct bench_door bench_blocking, bench_pipelining;

void bench_pq_die(PGconn *c, const char *what) __attribute__((noreturn));
void bench_simple(PGconn *c, const char *sql);

/* Sends one prepared statement with n ints (0 to 2) as binary, results in binary too. */
void bench_send(PGconn *c, const char *name, int n, int a, int b);
void bench_sync(PGconn *c);
void bench_pipeline_mode(PGconn *c);

/* Waits for input, writing meanwhile what is to be written. */
void bench_wait_input(PGconn *c);

/* The next result in pipeline mode, which must be of that kind. */
PGresult *bench_expect(PGconn *c, ExecStatusType want);

int bench_int4(const PGresult *r, int row, int col);
void bench_pq_account(const PGresult *r, int aid);

/* COPY BINARY of the rows of the insert workload, to their end. */
void bench_copy_items(PGconn *c, long n);

/* Outside a pipeline: the n rows of a query by a cursor, with two FETCHes under way, so that the
 * server scans while this thread decodes. `take` gets some rows, of which the first is number `at`.
 */
void bench_stream(PGconn *c, const char *sql, long n,
	void (*take)(const PGresult *r, long at, void *arg), void *arg);

/* orm_insert and orm_select with structs by hand. How the rows go in: one INSERT after the other;
 * many under way; or an array for each column, a thousand rows at a time. */
enum bench_way { BENCH_BLOCKING, BENCH_PIPELINED, BENCH_ARRAYS };

void bench_orm_insert(struct bench *b, enum bench_way way);
void bench_orm_select(struct bench *b, enum bench_way way);

/* notify: transactions of 100 notices, each a statement, until a listener has heard all. */
void bench_notices(struct bench *b, enum bench_way way);

/* The three above, and prints; false: the workload is none of them, or is not made that way. */
bool bench_pq_rest(const char *peer, const char *workload, enum bench_way way);

#endif
