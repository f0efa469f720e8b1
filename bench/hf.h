/* SPDX-License-Identifier: MIT */
/* What the benchmark programs on holdfast share. Public names of the library only. */
#ifndef BENCH_HF_H
#define BENCH_HF_H

#include "bench.h"

#include <holdfast.h>
#include <pthread.h>

/* A pool of b->conns connections, all of them up, to the server that PGHOST and its kin name; `dsn`
 * and `opts` say what else it is to be. */
hf_pool *bench_pool(const struct bench *b, const char *dsn, hf_pool_opts opts);
void bench_pool_end(hf_pool *p);

void bench_hf_die(const char *what, const hf_error *why) __attribute__((noreturn));

/* The one row of a result, as a record. */
void bench_take_account(const hf_result *res, int aid);

/* One statement under way. */
struct bench_op {
	hf_future *f;
	int64_t since_ns;
	long i; /* its number; -1 during the warm-up */
	int aid;
};

/* Warms up, and then runs b->ops of `submit`, up to b->flight at a time, from this thread: waits
 * for the oldest, takes every one that is ready, and submits as many again. `take` (may be NULL:
 * only its status counts) is given each result. */
typedef hf_future *bench_submit_fn(hf_pool *p, uint64_t *seed, int aid);
typedef void bench_take_fn(const hf_result *res, int aid);
void bench_flight(struct bench *b, hf_pool *p, bench_submit_fn *submit, bench_take_fn *take);

/* The same without warm-up and laps; b->flight counts alone. Any thread. */
void bench_fly(struct bench *b, hf_pool *p, bench_submit_fn *submit, bench_take_fn *take, long ops);

/* Keeps `conns` connections of a pool busy while the gate is closed, so that what is submitted
 * meanwhile waits. */
struct bench_gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;    /* guarded by lock */
	int standing; /* guarded by lock */
	int conns;
	hf_future *fs[BENCH_CONNS];
};

void bench_gate_close(struct bench_gate *g, hf_pool *p, int conns);
void bench_gate_open(struct bench_gate *g);

/* The workloads that fill files of their own. */
void bench_tx(struct bench *b, hf_pool *p);
void bench_load_query(struct bench *b, hf_pool *p);

/* notify, all of it; `at_once`: one statement for the hundred of a transaction. */
int bench_notify(const char *peer, bool at_once);
int bench_delivery(const char *peer); /* and deliver */

/* orm_insert and orm_select, all of them; BENCH_SKIP: the workload is neither. */
int bench_orm(const char *peer, const char *workload);

void bench_load_copy(struct bench *b, hf_pool *p);
void bench_insert_copy(struct bench *b, hf_pool *p);

#endif
