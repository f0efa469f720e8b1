/* SPDX-License-Identifier: MIT */
/* libpq-pipeline WORKLOAD: pipelining by hand. A thread per connection, binary, up to 64 statements
 * under way on each, with a Sync each: every one is a transaction of its own. load streams a
 * cursor, insert is COPY BINARY. */
#include "pq.h"

#include <stdio.h>
#include <string.h>

#define WINDOW 64
#define REFILL 32
#define FETCH  5000

struct sent {
	int aid;
	int64_t since_ns;
};

static void send_one(struct bench_lane *l, bool update, struct sent *s)
{
	s->aid = bench_aid(&l->seed);
	s->since_ns = bench_now_ns();
	if (update)
		bench_send(l->conn, "update", 2, bench_delta(&l->seed), s->aid);
	else
		bench_send(l->conn, "point", 1, s->aid, 0);
	bench_sync(l->conn);
}

static void take_one(struct bench_lane *l, bool update, const struct sent *s, long i)
{
	PGresult *r = bench_expect(l->conn, update ? PGRES_COMMAND_OK : PGRES_TUPLES_OK);

	if (!update)
		bench_pq_account(r, s->aid);
	PQclear(r);
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

		for (; sent < l->n && sent - taken < window; sent++)
			send_one(l, update, &ring[sent % WINDOW]);
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

static void fetch(PGconn *c)
{
	bench_send(c, "fetch", 0, 0, 0);
	bench_sync(c);
}

static long take_rows(const PGresult *r, struct bench_loaded *rows, struct bench_texts *texts)
{
	int n = PQntuples(r);

	for (int i = 0; i < n; i++) {
		rows[i].aid = bench_int4(r, i, 0);
		rows[i].bid = bench_int4(r, i, 1);
		rows[i].abalance = bench_int4(r, i, 2);
		rows[i].filler =
			bench_keep(texts, PQgetvalue(r, i, 3), (size_t)PQgetlength(r, i, 3));
	}
	return n;
}

/* Two FETCHes under way, so that the server scans while this thread decodes. */
static void load(struct bench *b)
{
	struct bench_texts texts = { 0 };
	struct bench_loaded *rows;
	PGconn *c = bench_connect();
	char sql[sizeof BENCH_LOAD + 64];
	long n = 0, asked = 0;

	bench_begin(b);
	rows = bench_alloc((size_t)b->ops * sizeof *rows);
	bench_simple(c, "BEGIN");
	snprintf(sql, sizeof sql, "DECLARE rows NO SCROLL CURSOR FOR %s", bench_load_sql(b));
	bench_simple(c, sql);
	snprintf(sql, sizeof sql, "FETCH %d FROM rows", FETCH);
	PQclear(PQprepare(c, "fetch", sql, 0, NULL));
	bench_pipeline_mode(c);
	fetch(c);
	asked += FETCH;
	while (n < b->ops) {
		PGresult *r;

		if (asked < b->ops)
			fetch(c);
		asked += FETCH;
		r = bench_expect(c, PGRES_TUPLES_OK);
		PQclear(bench_expect(c, PGRES_PIPELINE_SYNC));
		n += take_rows(r, rows + n, &texts);
		PQclear(r);
	}
	bench_sum(b, rows, n);
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

int main(int argc, char **argv)
{
	struct bench b;

	if (!bench_init(&b, "libpq-pipeline", argc, argv))
		return BENCH_SKIP;
	b.version = "libpq";
	if (strcmp(b.workload, "load") == 0)
		load(&b);
	else if (strcmp(b.workload, "insert") == 0)
		insert(&b);
	else
		bench_lanes(&b, &bench_pipelining, body);
	bench_print(&b);
	return 0;
}
