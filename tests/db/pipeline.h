/* SPDX-License-Identifier: MIT */
/* Batches that happen for sure: a pool of one connection is kept busy while queries queue up, and
 * finds all of them when it is let go. All calls fail the running case, and say why, when they
 * cannot do what they promise. */
#ifndef HF_TESTS_PIPELINE_H
#define HF_TESTS_PIPELINE_H

#include "fixture.h"

#include <semaphore.h>

/* Whether t_expect_together asserts. */
#define T_PIPELINING 1

#define T_ALONE 1  /* .max_pipeline of the cases that compare */
#define T_DEPTH 32 /* and of those that pipeline */

/* T_BOTH_WAYS(body): the cases body_together and body_alone, from a function of a depth. */
#define T_BOTH_WAYS(body)                                                                          \
	START_TEST(body##_together)                                                                \
	{                                                                                          \
		body(T_DEPTH);                                                                     \
	}                                                                                          \
	END_TEST                                                                                   \
	START_TEST(body##_alone)                                                                   \
	{                                                                                          \
		body(T_ALONE);                                                                     \
	}                                                                                          \
	END_TEST

/* A pool of one connection, which is there and idle; a queue without a limit. */
hf_pool *t_pipe_pool(int depth);

/* The same, at an isolation level, and with `opts`. */
hf_pool *t_pool_at(const char *level, const hf_pool_opts *opts);

/* Keeps a connection busy, from the return of shut until open. */
struct t_dam {
	sem_t open, entered;
	hf_future *f;
};
void t_dam_shut(struct t_dam *g, hf_pool *p);
void t_dam_open(struct t_dam *g);

/* The same where the job that stands in it may fail, for want of memory. */
void t_dam_burst(struct t_dam *g);

/* A read-only pool of one connection, which is there and idle: what travels together shares one
 * Sync. */
hf_pool *t_group_pool(void);

/* Fails unless at least so many queries of `p` have travelled with others; with `depth` 1, unless
 * none has. Half of `expected` will do: on a machine that is busy with other things a quick
 * statement may look like one that is to run apart. */
void t_expect_together(hf_pool *p, int depth, unsigned expected);

/* The table ledger (id int), empty and without a constraint: what was done twice shows. */
void t_ledger_new(void);

/* How often each of 0 … n - 1 stands in it; fails when anything else does. */
void t_ledger_read(int *times, int n);

/* What is said of one that writes `id` into a table, or only reads it, and answers with it: that it
 * is done, surely undone, or may be either. Fails where that contradicts itself, is said of one
 * that reads, or it ended otherwise than by the loss of its link (or, if `limited`, by its limit).
 */
enum t_claim { T_WRITTEN, T_NOT_WRITTEN, T_UNKNOWN };
enum t_claim t_claim_of(hf_future *f, int id, bool reads, bool limited);

/* An advisory lock, held by a session of its own. */
struct t_lock {
	hf_pool *pool;
	hf_future *f;
	sem_t drop, taken;
	int key;
};
void t_lock_take(struct t_lock *l, int key);
void t_lock_drop(struct t_lock *l);

/* Waits until `n` sessions wait for advisory locks. */
void t_wait_blocked(int n);

/* Waits until a session of this case's pools is in pg_sleep, and until none is. */
void t_wait_asleep(void);
void t_wait_awake(void);

/* The SQLSTATE of a future that fails with HF_E_SQL is that one. Lets go of it. */
#define t_sqlstate(f, state) t_sqlstate_at(__FILE__, __LINE__, (f), (state))
void t_sqlstate_at(const char *file, int line, hf_future *f, const char *state);

/* The pool's connection is as good as new: it answers, and has no transaction open. */
void t_expect_sane(hf_pool *p);

#endif
