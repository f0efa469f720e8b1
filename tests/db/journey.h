/* SPDX-License-Identifier: MIT */
/* Commands of a transaction that are there all at once: a function of the transaction keeps its
 * worker while they queue up, so that it finds all of them. */
#ifndef HF_TESTS_JOURNEY_H
#define HF_TESTS_JOURNEY_H

#include "pipeline.h"

#include <holdfast/listen.h>
#include <holdfast/txn.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define N      10
#define WARM   5 /* a text is prepared at its third use, and known from then on */
#define INSERT "insert into marks values ($1)"
#define LOCK   "select pg_advisory_xact_lock($1)"
#define WIDE   "select length(repeat('x', $1)), repeat('x', $1)"

struct journey {
	hf_txn *t;
	sem_t open, entered;
	hf_future *gate, *f[N], *end;
};

static inline void await(sem_t *s)
{
	while (sem_wait(s) != 0 && errno == EINTR)
		;
}

static inline hf_status stand(hf_conn *c, void *arg, hf_reply *reply)
{
	struct journey *j = arg;

	(void)c;
	(void)reply;
	sem_post(&j->entered);
	await(&j->open);
	return HF_OK;
}

/* Its BEGIN is done, and what is submitted from now on waits. */
static inline void gather(struct journey *j, hf_pool *p)
{
	memset(j, 0, sizeof *j);
	ck_assert_int_eq(sem_init(&j->open, 0, 0), 0);
	ck_assert_int_eq(sem_init(&j->entered, 0, 0), 0);
	j->t = hf_txn_begin(p, NULL);
	t_done(hf_txn_query(j->t, "select 1"));
	j->gate = hf_txn_run(j->t, HF_JOB(.fn = stand, .arg = j));
	await(&j->entered);
}

static inline void depart(struct journey *j)
{
	sem_post(&j->open);
	t_done(j->gate);
}

static inline void arrive(struct journey *j)
{
	hf_txn_unref(j->t);
	sem_destroy(&j->open);
	sem_destroy(&j->entered);
}

static inline hf_status pass(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)arg;
	(void)reply;
	return HF_OK;
}

/* Its worker serves it, which alone takes the time of statements. */
static inline hf_txn *served(hf_pool *p)
{
	hf_txn *t = hf_txn_begin(p, NULL);

	t_done(hf_txn_run(t, HF_JOB(.fn = pass)));
	return t;
}

static inline void make_table(void)
{
	free(t_psql("set client_min_messages to warning; drop table if exists marks;"
		    "create table marks (n int unique); insert into marks values (-1)"));
}

static inline long long marks(void)
{
	return t_psql_int("select count(*) from marks where n >= 0");
}

typedef hf_future *one_fn(hf_txn *t, const char *what, int n);

static inline hf_future *one_int(hf_txn *t, const char *sql, int n)
{
	return hf_txn_query(t, sql, n);
}

static inline hf_future *one_notice(hf_txn *t, const char *channel, int n)
{
	(void)n;
	return hf_txn_notify(t, channel, NULL);
}

/* One that took long once, be it for the machine's sake, counts as slow for its next 100 runs. */
static inline void learn(hf_txn *t, one_fn *one, const char *what, int from)
{
	for (int good = 0, wanted = WARM; good < wanted; good++) {
		int64_t began = hf_now_ns();

		t_done(one(t, what, from--));
		if (t_ms_since(began) < 4)
			continue;
		good = -1;
		wanted = 120;
	}
}

/* The connection has come to know the texts, and nothing is left of that. */
static inline void warm_up(hf_pool *p)
{
	hf_txn *t = served(p);

	learn(t, one_int, INSERT, -100);
	learn(t, one_int, LOCK, -100);
	learn(t, one_int, WIDE, 100000 / 2);
	learn(t, one_notice, "marks", 0);
	t_done(hf_txn_rollback(t));
	hf_txn_unref(t);
}

static inline hf_pool *pool_with(const hf_pool_opts *opts)
{
	hf_pool *p = t_pool(opts);

	make_table();
	warm_up(p);
	return p;
}

static inline hf_pool *pool_of_one(void)
{
	return pool_with(HF_POOL_OPTS(.max_conns = 1, .strict = true));
}

#endif
