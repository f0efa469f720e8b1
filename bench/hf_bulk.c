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
	const char *sql = bench_load_sql(b);
	hf_error *why;

	bench_begin(b);
	l.rows = bench_alloc((size_t)b->ops * sizeof *l.rows);
	if (hf_await(hf_query_with(p, HF_QUERY_OPTS(.on_row = take_row, .arg = &l), sql), &why) !=
		HF_OK)
		bench_hf_die("load", why);
	bench_sum(b, l.rows, l.n);
	bench_end(b);
}

void bench_load_copy(struct bench *b, hf_pool *p)
{
	struct loading l = { .max = b->ops };
	char source[sizeof BENCH_LOAD + 32];
	hf_error *why;

	snprintf(source, sizeof source, "(%s)", bench_load_sql(b));
	bench_begin(b);
	l.rows = bench_alloc((size_t)b->ops * sizeof *l.rows);
	if (hf_await(hf_copy_out(p, source, take_row, &l, NULL), &why) != HF_OK)
		bench_hf_die("load", why);
	bench_sum(b, l.rows, l.n);
	bench_end(b);
}

static hf_status give_rows(hf_copy *copy, void *arg)
{
	hf_status st = HF_OK;

	for (long i = 0; i < *(long *)arg && st == HF_OK; i++) {
		struct bench_item it;
		hf_timestamptz created;
		hf_float8_opt score;

		bench_item(&it, i);
		created.us = it.created_us;
		score = (hf_float8_opt){ it.has_score, it.score };
		st = hf_copy_row(copy, it.subject, it.done, created, score);
	}
	return st;
}

void bench_insert_copy(struct bench *b, hf_pool *p)
{
	hf_error *why;

	bench_begin(b);
	if (hf_await(hf_copy_in(p, BENCH_ITEMS, give_rows, &b->ops, NULL), &why) != HF_OK)
		bench_hf_die("insert", why);
	bench_end(b);
}
