/* SPDX-License-Identifier: MIT */
/* A worker that was woken for a job, which another takes, and lent before it looks. */
#include "pipeline.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define ROUNDS 20

enum { OFF, ARMED, HELD, RELEASED };

static _Atomic int stage;

/* A sleeping worker that is woken while the stage is ARMED does not get on before it is RELEASED:
 * as if it had lost its CPU on the way. */
static void hold(pthread_mutex_t *m)
{
	int armed = ARMED;

	if (!atomic_compare_exchange_strong(&stage, &armed, HELD))
		return;
	pthread_mutex_unlock(m);
	while (atomic_load(&stage) != RELEASED)
		sched_yield();
	pthread_mutex_lock(m);
	atomic_store(&stage, OFF);
}

/* The library's, in this program. */
int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *ts)
{
	static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
	int rc;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	rc = real(c, m, ts);
	hold(m);
	return rc;
}

static bool stands_at(void *want)
{
	return atomic_load(&stage) == *(int *)want;
}

static void reach(int want)
{
	ck_assert(t_wait_until(stands_at, &want, 10000));
}

static void free_nothing(void *arg)
{
	(void)arg;
}

struct gate {
	sem_t entered, open;
};

static hf_status stand(hf_conn *c, void *arg, hf_reply *reply)
{
	struct gate *g = arg;

	(void)c;
	(void)reply;
	sem_post(&g->entered);
	while (sem_wait(&g->open) != 0)
		;
	return HF_OK;
}

/* It finds itself lent, and something queued that nobody else can take: the query left on it comes
 * first. In some round all of it happens before the query is summoned for its age. */
START_TEST(test_lent_on_waking)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2));
	struct t_dam dam;
	struct gate g;

	sem_init(&g.entered, 0, 0);
	sem_init(&g.open, 0, 0);
	for (int round = 0; round < ROUNDS; round++) {
		hf_future *standing, *left, *queued;

		t_wait_idle(p, 2);
		t_dam_shut(&dam, p);
		atomic_store(&stage, ARMED);
		standing = hf_submit(p, HF_JOB(.fn = stand, .arg = &g));
		reach(HELD);
		t_dam_open(&dam);
		while (sem_wait(&g.entered) != 0)
			;
		left = hf_query(p, "select $1::int", round);
		queued = hf_query_with(
			p, HF_QUERY_OPTS(.free_arg = free_nothing), "select $1::int", -round);
		atomic_store(&stage, RELEASED);
		ck_assert_int_eq(t_int(queued), -round);
		ck_assert_int_eq(t_int(left), round);
		sem_post(&g.open);
		t_done(standing);
	}
	t_close(p);
	sem_destroy(&g.entered);
	sem_destroy(&g.open);
}
END_TEST

T_MAIN("relay_woken",
	{ "K5 who is lent on waking up serves its borrower", test_lent_on_waking, 60 })
