/* SPDX-License-Identifier: MIT */
/* tx: BEGIN with SELECT … FOR UPDATE, UPDATE with COMMIT, through hf_txn handles, b->flight of them
 * at a time from one thread. */
#include "hf.h"

struct seat {
	hf_txn *t;
	hf_future *f;
	int64_t since_ns;
	long i;
	int aid;
	bool ending; /* f is of the UPDATE */
};

struct desk {
	struct bench *b;
	hf_pool *p;
	uint64_t seed;
	struct seat seats[BENCH_CONNS];
	hf_future *fs[BENCH_CONNS];
	long next, left; /* to begin; to end */
};

static void begin(struct desk *d, struct seat *s, bool timed)
{
	s->t = NULL;
	if (d->next == 0)
		return;
	d->next--;
	s->i = timed ? d->next : -1;
	s->aid = bench_aid(&d->seed);
	s->ending = false;
	s->since_ns = bench_now_ns();
	s->t = hf_txn_begin(d->p, NULL);
	s->f = hf_txn_query(s->t, BENCH_LOCK, s->aid);
}

static void update(struct desk *d, struct seat *s)
{
	const hf_result *res;
	hf_future *f;
	int balance;

	if (hf_future_get(s->f, &res) != HF_OK ||
		hf_row_scan(hf_result_row(res, 0), HF_TO(&balance)) != HF_OK)
		bench_hf_die("lock", hf_future_error(s->f));
	f = hf_txn_query_with(s->t, HF_QUERY_OPTS(.then = HF_THEN_COMMIT), BENCH_SET,
		balance + bench_delta(&d->seed), s->aid);
	hf_future_unref(s->f);
	s->f = f;
	s->ending = true;
}

static void end(struct desk *d, struct seat *s, bool timed)
{
	hf_error *why;

	if (hf_await(s->f, &why) != HF_OK)
		bench_hf_die("update and commit", why);
	bench_lap(d->b, s->i, s->since_ns);
	hf_txn_unref(s->t);
	d->left--;
	begin(d, s, timed);
}

static void run(struct desk *d, long n, bool timed)
{
	d->next = d->left = n;
	for (int k = 0; k < BENCH_CONNS; k++)
		begin(d, &d->seats[k], timed);
	while (d->left > 0) {
		size_t open = 0, i;

		for (int k = 0; k < BENCH_CONNS; k++)
			if (d->seats[k].t)
				d->fs[open++] = d->seats[k].f;
		if (hf_wait_any(d->fs, open, HF_FOREVER, &i) != HF_OK)
			bench_die("the wait failed");
		for (int k = 0; k < BENCH_CONNS; k++) {
			struct seat *s = &d->seats[k];

			if (!s->t || !hf_future_ready(s->f))
				continue;
			if (s->ending)
				end(d, s, timed);
			else
				update(d, s);
		}
	}
}

void bench_tx(struct bench *b, hf_pool *p)
{
	struct desk d = { .b = b, .p = p, .seed = bench_seed(0) };

	bench_laps(b);
	run(&d, b->warmup, false);
	bench_begin(b);
	run(&d, b->ops, true);
	bench_end(b);
}
