/* SPDX-License-Identifier: MIT */
/* A steady load: threads that run one query after the other on a pool until told to stop. */
#ifndef HF_TESTS_LOAD_H
#define HF_TESTS_LOAD_H

#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define T_LOAD_MOST 16

struct t_load {
	hf_pool *pool;
	const char *sql; /* without parameters, with rows */
	int threads;
	pthread_t thread[T_LOAD_MOST];
	atomic_bool stop;
	/* How the queries ended. hung: not within 20 s. */
	atomic_long ok, failed, hung;
	atomic_long by_status[HF_E_PARK_LIMIT + 1];
};

/* Fills in `l` and starts. */
void t_load_start(struct t_load *l, hf_pool *p, int threads, const char *sql);

/* Fails unless `n` more queries go well within 10 s. */
void t_load_await(struct t_load *l, long n);

/* Joins every thread; fails when a query hung. */
void t_load_stop(struct t_load *l);

#endif
