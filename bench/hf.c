/* SPDX-License-Identifier: MIT */
/* What the benchmark programs on holdfast share. */
#include "hf.h"

#include <string.h>

void bench_hf_die(const char *what, const hf_error *why)
{
	bench_die("%s: %s", what, why ? hf_error_message(why) : "failed");
}

hf_pool *bench_pool(const struct bench *b, const char *dsn, hf_pool_opts opts)
{
	hf_pool *p = NULL;
	hf_error *why;

	opts.struct_size = sizeof opts;
	opts.min_conns = opts.max_conns = b->conns;
	if (hf_pool_open(dsn, &opts, &p, &why) != HF_OK)
		bench_hf_die("hf_pool_open", why);
	if (hf_pool_ready(p, 10000, &why) != HF_OK)
		bench_hf_die("hf_pool_ready", why);
	return p;
}

void bench_pool_end(hf_pool *p)
{
	hf_pool_close(p, 0);
	hf_pool_unref(p);
}

void bench_take_account(const hf_result *res, int aid)
{
	struct bench_account a;
	const char *filler;
	size_t n;

	if (hf_row_scan(hf_result_row(res, 0), HF_TO(&a.aid), HF_TO(&a.bid), HF_TO(&a.abalance),
		    HF_TO(&filler)) != HF_OK)
		bench_die("the row does not fit");
	n = strlen(filler);
	memcpy(a.filler, filler, n < sizeof a.filler ? n + 1 : sizeof a.filler);
	if (a.aid != aid)
		bench_die("wrong row: %d instead of %d", a.aid, aid);
}

struct flight {
	struct bench *b;
	hf_pool *p;
	bench_submit_fn *submit;
	bench_take_fn *take;
	uint64_t seed;
	struct bench_op ops[BENCH_FLIGHT]; /* the oldest first */
	int n;
};

static void submit_one(struct flight *fl, long i)
{
	struct bench_op *op = &fl->ops[fl->n++];

	op->aid = bench_aid(&fl->seed);
	op->i = i;
	op->since_ns = bench_now_ns();
	op->f = fl->submit(fl->p, &fl->seed, op->aid);
}

static void finish(struct flight *fl, struct bench_op *op)
{
	const hf_result *res;

	if (hf_future_get(op->f, &res) != HF_OK)
		bench_hf_die("statement", hf_future_error(op->f));
	if (fl->take)
		fl->take(res, op->aid);
	bench_lap(fl->b, op->i, op->since_ns);
	hf_future_unref(op->f);
}

/* Takes all that are ready and closes the gaps. */
static void harvest(struct flight *fl)
{
	int kept = 0;

	for (int k = 0; k < fl->n; k++) {
		if (k == 0 || hf_future_ready(fl->ops[k].f))
			finish(fl, &fl->ops[k]);
		else
			fl->ops[kept++] = fl->ops[k];
	}
	fl->n = kept;
}

static void fly(struct flight *fl, long ops, bool timed)
{
	long i = 0;

	while (i < ops || fl->n > 0) {
		while (i < ops && fl->n < fl->b->flight) {
			submit_one(fl, timed ? i : -1);
			i++;
		}
		if (hf_future_wait(fl->ops[0].f) != HF_OK)
			bench_die("the wait failed");
		harvest(fl);
	}
}

void bench_fly(struct bench *b, hf_pool *p, bench_submit_fn *submit, bench_take_fn *take, long ops)
{
	struct flight fl = { .b = b, .p = p, .submit = submit, .take = take };

	fl.seed = bench_seed((unsigned)(uintptr_t)&fl >> 12); /* one per thread */
	fly(&fl, ops, false);
}

void bench_flight(struct bench *b, hf_pool *p, bench_submit_fn *submit, bench_take_fn *take)
{
	struct flight fl = { .b = b, .p = p, .submit = submit, .take = take };

	fl.seed = bench_seed(0);
	bench_laps(b);
	fly(&fl, b->warmup, false);
	bench_begin(b);
	fly(&fl, b->ops, true);
	bench_end(b);
}

/* --- a gate --- */

static hf_status stand(hf_conn *c, void *arg, hf_reply *reply)
{
	struct bench_gate *g = arg;

	(void)c;
	(void)reply;
	pthread_mutex_lock(&g->lock);
	g->standing++;
	pthread_cond_broadcast(&g->changed);
	while (!g->open)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
	return HF_OK;
}

void bench_gate_close(struct bench_gate *g, hf_pool *p, int conns)
{
	*g = (struct bench_gate){ .conns = conns };
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
	for (int i = 0; i < conns; i++)
		g->fs[i] = hf_run(p, stand, g, NULL);
	pthread_mutex_lock(&g->lock);
	while (g->standing < conns)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

void bench_gate_open(struct bench_gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->open = true;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
	for (int i = 0; i < g->conns; i++)
		if (hf_await(g->fs[i], NULL) != HF_OK)
			bench_die("a gate failed");
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
}
