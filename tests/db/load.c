/* SPDX-License-Identifier: MIT */
/* A steady load: threads that run one query after the other on a pool until told to stop. */
#include "load.h"

#include <string.h>

#define HUNG_MS 20000

static void *run(void *arg)
{
	struct t_load *l = arg;

	while (!atomic_load(&l->stop)) {
		hf_future *f = hf_query(l->pool, l->sql);
		hf_status st = hf_future_get_for(f, HUNG_MS * t_slow(), NULL);

		if (st == HF_PENDING)
			atomic_fetch_add(&l->hung, 1);
		else
			atomic_fetch_add(st == HF_OK ? &l->ok : &l->failed, 1);
		atomic_fetch_add(&l->by_status[st], 1);
		hf_future_unref(f);
		if (st != HF_OK)
			t_sleep_ms(1); /* a closed door answers at once */
	}
	return NULL;
}

void t_load_start(struct t_load *l, hf_pool *p, int threads, const char *sql)
{
	memset(l, 0, sizeof *l);
	l->pool = p;
	l->sql = sql;
	l->threads = threads;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&l->thread[i], NULL, run, l) != 0)
			ck_abort_msg("a thread of the load does not start");
}

struct goal {
	struct t_load *load;
	long ok;
};

static bool reached(void *arg)
{
	const struct goal *g = arg;

	return atomic_load(&g->load->ok) >= g->ok;
}

void t_load_await(struct t_load *l, long n)
{
	struct goal g = { l, atomic_load(&l->ok) + n };

	if (!t_wait_until(reached, &g, 10000))
		ck_abort_msg("the load does not get on: %ld of %ld went well, %ld failed",
			atomic_load(&l->ok), g.ok, atomic_load(&l->failed));
}

void t_load_stop(struct t_load *l)
{
	atomic_store(&l->stop, true);
	for (int i = 0; i < l->threads; i++)
		pthread_join(l->thread[i], NULL);
	if (atomic_load(&l->hung) > 0)
		ck_abort_msg("%ld queries hung", atomic_load(&l->hung));
}
