/* SPDX-License-Identifier: MIT */
/* orm_insert and orm_select: structs in and out of a table, through a model. */
#include "hf.h"
#include "item.h"

#include <string.h>

static struct item *make_items(long n)
{
	struct item *items = bench_alloc((size_t)n * sizeof *items);
	struct bench_texts texts = { 0 };

	for (long i = 0; i < n; i++) {
		struct bench_item it;

		bench_item(&it, i);
		items[i].subject = bench_keep(&texts, it.subject, strlen(it.subject));
		items[i].done = it.done;
		items[i].created.us = it.created_us;
		items[i].score = (hf_float8_opt){ it.has_score, it.score };
	}
	return items;
}

static void must(hf_session *s, hf_status st, const char *what)
{
	if (st != HF_OK)
		bench_hf_die(what, hf_session_error(s));
}

static void insert_items(struct bench *b, hf_pool *p)
{
	struct item *items;
	hf_session *s;
	hf_error *why;
	hf_txn *t;

	bench_begin(b);
	items = make_items(b->ops);
	t = hf_txn_begin(p, NULL);
	s = hf_session_on_txn(t);
	must(s, hf_insert_many(s, item, items, (size_t)b->ops), "orm_insert");
	if (hf_await(hf_txn_commit(t), &why) != HF_OK)
		bench_hf_die("commit", why);
	bench_end(b);
	for (long i = 0; i < b->ops; i++)
		b->check += items[i].id;
	b->has_check = true;
	hf_session_unref(s);
	hf_txn_unref(t);
}

static void select_items(struct bench *b, hf_pool *p)
{
	hf_session *s = hf_session_on_pool(p);
	const struct item *items;
	hf_rows *rows;

	bench_begin(b);
	must(s, hf_select(s, item, &rows, HF_ORDER(HF_ASC(item, id))), "orm_select");
	if (hf_rows_count(rows) != (size_t)b->ops)
		bench_die("orm_select: %zu rows instead of %ld", hf_rows_count(rows), b->ops);
	items = HF_ROWS(item, rows);
	for (long i = 0; i < b->ops; i++)
		b->check += items[i].id + items[i].done;
	bench_end(b);
	b->has_check = true;
	hf_rows_unref(rows);
	hf_session_unref(s);
}

int bench_orm(const char *peer, const char *workload)
{
	bool reads = strcmp(workload, "orm_select") == 0;
	struct bench b;
	hf_pool *p;

	if (!reads && strcmp(workload, "orm_insert") != 0)
		return BENCH_SKIP;
	bench_init_alone(&b, peer, workload, 20000);
	if (reads)
		b.ops = 100000; /* they are in the table, whatever PEERS_SCALE says */
	b.version = hf_version();
	b.conns = b.flight = 1;
	p = bench_pool(&b, "options='-c synchronous_commit=off'", (hf_pool_opts){ 0 });
	(reads ? select_items : insert_items)(&b, p);
	bench_pool_end(p);
	bench_print(&b);
	return 0;
}
