/* SPDX-License-Identifier: MIT */
/* What the programs that measure section by section share. */
#ifndef BENCH_HF_SECTIONS_H
#define BENCH_HF_SECTIONS_H

#include "hf.h"

struct bench_section {
	const char *name;
	void (*run)(void);
};

/* Whether a section is among the arguments; all are where there are none. */
bool bench_wanted(const char *name, int argc, char **argv);

/* A pool of that many connections on the server of HOLDFAST_TEST_DSN, or of libpq's environment,
 * whose queue has no limit. */
hf_pool *bench_open(int conns, hf_pool_opts opts);

/* The first column of an answer is the number that was asked for; a bench_take_fn. */
void bench_take_id(const hf_result *res, int id);

/* Waits for a future, takes its answer so, and lets go of it. */
void bench_finish_id(hf_future *f, int id);

/* On a terminal a bar of how much is done, written over by the next; nothing elsewhere. `done` of 0
 * takes it away. */
void bench_progress(const char *what, long done, long all);

#endif
