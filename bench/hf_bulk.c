/* SPDX-License-Identifier: MIT */
/* load and insert: many rows, out of a callback and into one. */
#include "hf.h"

#include <stdio.h>
#include <string.h>

struct loading {
	struct bench_loaded *rows;
	long n, max;
	struct bench_texts texts;
};

static hf_status take_row(hf_row row, void *arg)
{
	struct loading *l = arg;
	struct bench_loaded *a = &l->rows[l->n];
	const char *filler;
	hf_status st;

	if (l->n == l->max)
		return HF_E_USER;
	st = hf_row_scan(row, HF_TO(&a->aid), HF_TO(&a->bid), HF_TO(&a->abalance), HF_TO(&filler));
	if (st != HF_OK)
		return st;
	a->filler = bench_keep(&l->texts, filler, strlen(filler));
	l->n++;
	return HF_OK;
}

void bench_load_query(struct bench *b, hf_pool *p)
{
	struct loading l = { .max = b->ops };
	char sql[sizeof BENCH_LOAD + 24];
	hf_error *why;

	snprintf(sql, sizeof sql, BENCH_LOAD "%ld", b->ops);
	bench_begin(b);
	l.rows = bench_alloc((size_t)b->ops * sizeof *l.rows);
	if (hf_await(hf_query_with(p, HF_QUERY_OPTS(.on_row = take_row, .arg = &l), sql), &why) !=
		HF_OK)
		bench_hf_die("load", why);
	bench_sum(b, l.rows, l.n);
	bench_end(b);
}
