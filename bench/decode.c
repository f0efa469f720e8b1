/* SPDX-License-Identifier: MIT */
/* decode WAY [ROUNDS]: the answer to one SELECT of 100,000 rows, again and again, into structs.
 *
 *   hand    as one writes it with libpq: PQgetvalue, field by field, from the binary format; texts
 *           are lent by the PGresult
 *   copy    the same, with a strdup of each text, so that the PGresult can go
 *   models  hf_rows_from, of a binary result
 *   text    hf_rows_from, of a result in text: the first of a statement is
 *   all     each in turn, ten times, and the medians, side by side
 *
 * Prints ns a row. On a machine that is busy count instead: the difference of two runs of
 *
 *   valgrind --tool=callgrind bench/decode models 1     and 2 */
#include "hf.h"
#include "item.h"

#include <endian.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS  100000
#define TURNS 10
#define SQL                                                                                        \
	"select i as id, ('subject of item number ' || i)::varchar(250) as subject, i % 2 = 1 as " \
	"done, to_timestamp(1700000000 + i) as created, case when i % 10 > 0 then i * "            \
	"0.5::float8 "                                                                             \
	"end as score from generate_series(0::int8, 99999) i"
#define PG_EPOCH_US (INT64_C(946684800) * 1000000) /* 2000-01-01 from 1970 */

/* The answer, as libpq and as holdfast have it. */
struct answer {
	PGresult *r;
	hf_result *text, *binary;
};

static int64_t get8(const char *p)
{
	uint64_t n;

	memcpy(&n, p, sizeof n);
	return (int64_t)be64toh(n);
}

static double get_double(const char *p)
{
	int64_t n = get8(p);
	double d;

	memcpy(&d, &n, sizeof d);
	return d;
}

static long long sum_of(const struct item *items, size_t n)
{
	long long sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += items[i].id + items[i].done + items[i].created.us % 1000 +
		       (long long)(items[i].score.has ? items[i].score.v : -1) +
		       (unsigned char)items[i].subject[23];
	return sum;
}

static struct item *take_items(const PGresult *r)
{
	struct item *items = bench_alloc(ROWS * sizeof *items);

	for (int i = 0; i < ROWS; i++) {
		struct item *it = &items[i];

		it->id = get8(PQgetvalue(r, i, 0));
		it->subject = PQgetvalue(r, i, 1);
		it->done = *PQgetvalue(r, i, 2) != 0;
		it->created.us = get8(PQgetvalue(r, i, 3)) + PG_EPOCH_US;
		it->score.has = !PQgetisnull(r, i, 4);
		if (it->score.has)
			it->score.v = get_double(PQgetvalue(r, i, 4));
	}
	return items;
}

static long long by_hand(const struct answer *a)
{
	struct item *items = take_items(a->r);
	long long sum = sum_of(items, ROWS);

	free(items);
	return sum;
}

static long long by_copy(const struct answer *a)
{
	struct item *items = take_items(a->r);
	long long sum;

	for (int i = 0; i < ROWS; i++)
		if (!(items[i].subject = strdup(items[i].subject)))
			bench_die("no memory");
	sum = sum_of(items, ROWS);
	for (int i = 0; i < ROWS; i++)
		free((char *)(uintptr_t)items[i].subject);
	free(items);
	return sum;
}

static long long by_rows(const hf_result *res)
{
	long long sum;
	hf_rows *rows;
	hf_error *why;

	if (hf_rows_from(&item_table, res, &rows, &why) != HF_OK)
		bench_hf_die("hf_rows_from", why);
	sum = sum_of(HF_ROWS(item, rows), hf_rows_count(rows));
	hf_rows_unref(rows);
	return sum;
}

static long long by_models(const struct answer *a)
{
	return by_rows(a->binary);
}

static long long by_text(const struct answer *a)
{
	return by_rows(a->text);
}

static const struct way {
	const char *name;
	long long (*run)(const struct answer *a);
} ways[] = { { "hand", by_hand }, { "copy", by_copy }, { "models", by_models },
	{ "text", by_text } };
#define WAYS (int)(sizeof ways / sizeof *ways)

static double ns_a_row(const struct way *w, const struct answer *a, int rounds)
{
	static long long expected;
	int64_t since_ns = bench_now_ns();

	for (int i = 0; i < rounds; i++) {
		long long sum = w->run(a);

		if (expected && sum != expected)
			bench_die("%s: sum %lld instead of %lld", w->name, sum, expected);
		expected = sum;
	}
	return (double)(bench_now_ns() - since_ns) / rounds / ROWS;
}

static int ascending(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

static void side_by_side(const struct answer *a)
{
	double ns[WAYS][TURNS];

	for (int k = 0; k < TURNS; k++)
		for (int i = 0; i < WAYS; i++)
			ns[i][k] = ns_a_row(&ways[i], a, 5);
	for (int i = 0; i < WAYS; i++)
		qsort(ns[i], TURNS, sizeof ns[i][0], ascending);
	for (int i = 0; i < WAYS; i++)
		printf("%-7s %6.1f ns a row, %.2f of by hand\n", ways[i].name, ns[i][TURNS / 2],
			ns[i][TURNS / 2] / ns[0][TURNS / 2]);
}

static hf_result *fetch(hf_pool *p)
{
	hf_result *res;
	hf_error *why;

	if (hf_fetch(p, &res, &why, SQL) != HF_OK)
		bench_hf_die("fetch", why);
	return res;
}

/* A statement's first result is text; once its types are known the next ones are binary. */
static struct answer ask(hf_pool *p, const char *dsn)
{
	PGconn *c = PQconnectdb(dsn);
	struct answer a = { .r = PQexecParams(c, SQL, 0, NULL, NULL, NULL, NULL, 1) };

	if (PQresultStatus(a.r) != PGRES_TUPLES_OK || PQntuples(a.r) != ROWS)
		bench_die("%s", PQerrorMessage(c));
	PQfinish(c);
	a.text = fetch(p);
	for (int i = 0; i < 5; i++) {
		hf_result_unref(a.binary);
		a.binary = fetch(p);
	}
	return a;
}

int main(int argc, char **argv)
{
	struct bench b = { .conns = 1 };
	const char *way = argc > 1 ? argv[1] : "all", *at = getenv("HOLDFAST_TEST_DSN");
	char dsn[1000];
	struct answer a;
	hf_pool *p;

	snprintf(dsn, sizeof dsn, "%s options='-c TimeZone=UTC'", at ? at : "");
	p = bench_pool(&b, dsn, (hf_pool_opts){ 0 });
	a = ask(p, dsn);
	if (strcmp(way, "all") == 0)
		side_by_side(&a);
	for (int i = 0; i < WAYS; i++)
		if (strcmp(way, ways[i].name) == 0)
			printf("%.1f ns a row\n",
				ns_a_row(&ways[i], &a, argc > 2 ? atoi(argv[2]) : 10));
	PQclear(a.r);
	hf_result_unref(a.text);
	hf_result_unref(a.binary);
	bench_pool_end(p);
	return 0;
}
