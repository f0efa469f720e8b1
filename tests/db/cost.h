/* SPDX-License-Identifier: MIT */
/* What an operation costs beside doing the same by hand: counts, and time in rounds that alternate.
 * A program that uses this counts every send of libpq's. All calls fail the running case, and say
 * why, when they cannot do what they promise. */
#ifndef HF_TESTS_COST_H
#define HF_TESTS_COST_H

#include "fixture.h"

#include <libpq-fe.h>

#define T_ROUNDS 31

/* One way to do it. `run` does n operations. */
struct t_way {
	const char *name;
	void (*run)(void *arg, int n);
	void *arg;
	/* Filled in: by round, per operation. Sleeps are how often threads of this process gave up
	 * a CPU by themselves; how often they lost it to others is the machine's affair. */
	double us[T_ROUNDS], sleeps[T_ROUNDS];
	long sends; /* in all rounds */
};

/* T_ROUNDS rounds, in each of them n operations each way; every other round begins with the last
 * way. Prints a line for each. */
void t_compare(struct t_way *ways, int n_ways, int n);

/* Sends of libpq's by this process so far. */
long t_sends(void);

double t_median(const double *of_rounds);

/* The least: what it takes when nobody else takes the CPU meanwhile, as some round of many is left
 * in peace even on a machine that is busy with other things. A median is not. */
double t_best(const double *of_rounds);

/* The read that is measured, of the table lookups, and the table made anew with rows 1 to 1000. */
#define T_LOOKUP "select id, note from lookups where id = $1"
void t_lookups(void);
void t_expect_lookup(const hf_result *res, int id);

/* A connection by plain libpq to t_dsn(), with T_LOOKUP prepared as "q". */
PGconn *t_direct(void);
void t_direct_expect(const PGresult *r, int id);

/* Transactions of this session, or of the only connection of `p`, so far, with the one that asks.
 * No other session counts in it. */
long long t_direct_transactions(PGconn *c);
long long t_pool_transactions(hf_pool *p);

#endif
