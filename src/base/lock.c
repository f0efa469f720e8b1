/* SPDX-License-Identifier: MIT */
/* Mutexes that know their level, and conditions on the monotonic clock. */
#include "base/lock.h"

#include "base/attr.h"
#include "base/clock.h"

#include <errno.h>

#ifdef HF_DEBUG
/* How many locks of each level this thread holds. */
static _Thread_local unsigned held[HF__L_MAX];

static void note_taken(const hf__mutex *m)
{
	for (int level = m->level; level < HF__L_MAX; level++)
		hf_assert(held[level] == 0 && "locks are taken in rising level");
	held[m->level]++;
}

static void note_released(const hf__mutex *m)
{
	hf_assert(held[m->level] == 1 && "a lock is released by the thread that took it");
	held[m->level]--;
}
#else
static void note_taken(const hf__mutex *m)
{
	(void)m;
}

static void note_released(const hf__mutex *m)
{
	(void)m;
}
#endif

void hf__mutex_init(hf__mutex *m, int level)
{
	pthread_mutex_init(&m->m, NULL);
	m->level = level;
}

void hf__mutex_finish(hf__mutex *m)
{
	pthread_mutex_destroy(&m->m);
}

void hf__lock(hf__mutex *m)
{
	note_taken(m);
	pthread_mutex_lock(&m->m);
}

void hf__unlock(hf__mutex *m)
{
	note_released(m);
	pthread_mutex_unlock(&m->m);
}

void hf__cond_init(hf__cond *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->c, &attr);
	pthread_condattr_destroy(&attr);
}

void hf__cond_finish(hf__cond *c)
{
	pthread_cond_destroy(&c->c);
}

void hf__cond_wait(hf__cond *c, hf__mutex *m)
{
	pthread_cond_wait(&c->c, &m->m);
}

bool hf__cond_wait_until(hf__cond *c, hf__mutex *m, int64_t deadline)
{
	struct timespec ts;

	if (deadline == HF__NEVER) {
		pthread_cond_wait(&c->c, &m->m);
		return true;
	}
	ts = hf__timespec(deadline);
	return pthread_cond_timedwait(&c->c, &m->m, &ts) != ETIMEDOUT;
}

void hf__cond_signal(hf__cond *c)
{
	pthread_cond_signal(&c->c);
}

void hf__cond_broadcast(hf__cond *c)
{
	pthread_cond_broadcast(&c->c);
}
