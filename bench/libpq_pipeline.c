/* SPDX-License-Identifier: MIT */
/* libpq-pipeline WORKLOAD: pipelining by hand. A thread per connection, binary, up to 64 statements
 * under way on each, with a Sync each: every one is a transaction of its own. load streams a
 * cursor, insert is COPY BINARY.
 *
 * libpq-batch WORKLOAD: the same with one Sync, and one transaction, for 32 lookups; rows go in as
 * an array for each column. */
#include "pq.h"

#include <string.h>

#ifndef LIBPQ_BATCH
#define LIBPQ_BATCH 0
#endif

#define WINDOW 64
#define REFILL 32

struct sent {
	int aid;
	int64_t since_ns;
};

struct loading {
	struct bench_loaded *rows;
	struct bench_texts texts;
};

/* Whether a Sync follows the k-th of n. */
static bool synced(long k, long n)
{
	return !LIBPQ_BATCH || k % REFILL == 0 || k == n;
}

static void send_one(struct bench_lane *l, bool update, struct sent *s)
{
	s->aid = bench_aid(&l->seed);
	s->since_ns = bench_now_ns();
	if (update)
		bench_send(l->conn, "update", 2, bench_delta(&l->seed), s->aid);
	else
		bench_send(l->conn, "point", 1, s->aid, 0);
}

static void take_one(struct bench_lane *l, bool update, const struct sent *s, long i)
{
	PGresult *r = bench_expect(l->conn, update ? PGRES_COMMAND_OK : PGRES_TUPLES_OK);

	if (!update)
		bench_pq_account(r, s->aid);
	PQclear(r);
	if (synced(i + 1, l->n))
		PQclear(bench_expect(l->conn, PGRES_PIPELINE_SYNC));
	bench_lane_lap(l, i, s->since_ns);
}

static void flight(struct bench_lane *l)
{
	bool update = strcmp(l->b->workload, "update") == 0;
	long sent = 0, taken = 0, window = l->b->flight == 1 ? 1 : WINDOW;
	struct sent ring[WINDOW];

	while (taken < l->n) {
		long stop = taken + REFILL < l->n ? taken + REFILL : l->n;

		for (; sent < l->n && sent - taken < window; sent++) {
			send_one(l, update, &ring[sent % WINDOW]);
			if (synced(sent + 1, l->n))
				bench_sync(l->conn);
		}
		if (window == 1)
			stop = taken + 1;
		for (; taken < stop; taken++)
			take_one(l, update, &ring[taken % WINDOW], taken);
	}
}

static void tx(struct bench_lane *l)
{
	int aid = bench_aid(&l->seed), balance;
	PGresult *r;

	bench_send(l->conn, "begin", 0, 0, 0);
	bench_send(l->conn, "lock", 1, aid, 0);
	bench_sync(l->conn);
	PQclear(bench_expect(l->conn, PGRES_COMMAND_OK));
	r = bench_expect(l->conn, PGRES_TUPLES_OK);
	balance = bench_int4(r, 0, 0);
	PQclear(r);
	PQclear(bench_expect(l->conn, PGRES_PIPELINE_SYNC));
	bench_send(l->conn, "set", 2, balance + bench_delta(&l->seed), aid);
	bench_send(l->conn, "commit", 0, 0, 0);
	bench_sync(l->conn);
	PQclear(bench_expect(l->conn, PGRES_COMMAND_OK));
	PQclear(bench_expect(l->conn, PGRES_COMMAND_OK));
	PQclear(bench_expect(l->conn, PGRES_PIPELINE_SYNC));
}

static void body(struct bench_lane *l)
{
	if (strcmp(l->b->workload, "tx") == 0)
		bench_each(l, tx);
	else
		flight(l);
}

static void take_rows(const PGresult *r, long at, void *arg)
{
	struct loading *l = arg;
	int n = PQntuples(r);

	for (int i = 0; i < n; i++) {
		struct bench_loaded *row = &l->rows[at + i];

		row->aid = bench_int4(r, i, 0);
		row->bid = bench_int4(r, i, 1);
		row->abalance = bench_int4(r, i, 2);
		row->filler =
			bench_keep(&l->texts, PQgetvalue(r, i, 3), (size_t)PQgetlength(r, i, 3));
	}
}

static void load(struct bench *b)
{
	struct loading l = { .texts = { 0 } };
	PGconn *c = bench_connect();

	bench_begin(b);
	l.rows = bench_alloc((size_t)b->ops * sizeof *l.rows);
	bench_stream(c, bench_load_sql(b), b->ops, take_rows, &l);
	bench_sum(b, l.rows, b->ops);
	bench_end(b);
	PQfinish(c);
}

static void insert(struct bench *b)
{
	PGconn *c = bench_connect();

	bench_begin(b);
	bench_copy_items(c, b->ops);
	bench_end(b);
	PQfinish(c);
}

static void run(struct bench *b)
{
	if (strcmp(b->workload, "load") == 0)
		load(b);
	else if (strcmp(b->workload, "insert") == 0)
		insert(b);
	else
		bench_lanes(b, &bench_pipelining, body);
}

int main(int argc, char **argv)
{
	const char *peer = LIBPQ_BATCH ? "libpq-batch" : "libpq-pipeline";
	struct bench b;

	if (argc > 1 && bench_pq_rest(peer, argv[1], LIBPQ_BATCH ? BENCH_ARRAYS : BENCH_PIPELINED))
		return 0;
	if (!bench_init(&b, peer, argc, argv) || (LIBPQ_BATCH && strcmp(b.workload, "point") != 0))
		return BENCH_SKIP;
	b.version = "libpq";
	run(&b);
	bench_print(&b);
	return 0;
}
