/* SPDX-License-Identifier: MIT */
/* libpq-sync WORKLOAD: plain libpq as most write it, a thread per connection and blocking calls,
 * text parameters and results. */
#include "pq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static PGresult *run(PGconn *c, const char *name, int n, int a, int b, ExecStatusType want)
{
	char texts[2][16];
	const char *values[2] = { texts[0], texts[1] };
	PGresult *r;

	snprintf(texts[0], sizeof texts[0], "%d", a);
	snprintf(texts[1], sizeof texts[1], "%d", b);
	r = PQexecPrepared(c, name, n, values, NULL, NULL, 0);
	if (PQresultStatus(r) != want)
		bench_pq_die(c, name);
	return r;
}

static int number(const PGresult *r, int row, int col)
{
	return (int)strtol(PQgetvalue(r, row, col), NULL, 10);
}

static void point(struct bench_lane *l)
{
	int aid = bench_aid(&l->seed);
	PGresult *r = run(l->conn, "point", 1, aid, 0, PGRES_TUPLES_OK);
	struct bench_account a;

	a.aid = number(r, 0, 0);
	a.bid = number(r, 0, 1);
	a.abalance = number(r, 0, 2);
	snprintf(a.filler, sizeof a.filler, "%s", PQgetvalue(r, 0, 3));
	PQclear(r);
	if (a.aid != aid)
		bench_die("wrong row: %d instead of %d", a.aid, aid);
}

static void update(struct bench_lane *l)
{
	int delta = bench_delta(&l->seed);

	PQclear(run(l->conn, "update", 2, delta, bench_aid(&l->seed), PGRES_COMMAND_OK));
}

static void tx(struct bench_lane *l)
{
	int aid = bench_aid(&l->seed), balance;
	PGresult *r;

	bench_simple(l->conn, "BEGIN");
	r = run(l->conn, "lock", 1, aid, 0, PGRES_TUPLES_OK);
	balance = number(r, 0, 0);
	PQclear(r);
	PQclear(run(l->conn, "set", 2, balance + bench_delta(&l->seed), aid, PGRES_COMMAND_OK));
	bench_simple(l->conn, "COMMIT");
}

static void body(struct bench_lane *l)
{
	void (*one)(struct bench_lane *) = strcmp(l->b->workload, "update") == 0 ? update
					   : strcmp(l->b->workload, "tx") == 0   ? tx
										 : point;

	for (long i = 0; i < l->n; i++) {
		int64_t since_ns = bench_now_ns();

		one(l);
		bench_lane_lap(l, i, since_ns);
	}
}

static void load(struct bench *b)
{
	struct bench_texts texts = { 0 };
	struct bench_loaded *rows;
	PGconn *c = bench_connect();
	char sql[sizeof BENCH_LOAD + 24];
	PGresult *r;
	int n;

	snprintf(sql, sizeof sql, BENCH_LOAD "%ld", b->ops);
	bench_begin(b);
	r = PQexec(c, sql);
	n = PQntuples(r);
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		bench_pq_die(c, "load");
	rows = bench_alloc((size_t)n * sizeof *rows);
	for (int i = 0; i < n; i++) {
		rows[i].aid = number(r, i, 0);
		rows[i].bid = number(r, i, 1);
		rows[i].abalance = number(r, i, 2);
		rows[i].filler =
			bench_keep(&texts, PQgetvalue(r, i, 3), (size_t)PQgetlength(r, i, 3));
	}
	PQclear(r);
	bench_sum(b, rows, n);
	bench_end(b);
	PQfinish(c);
}

/* A prepared INSERT per row, all in one transaction. */
static void insert(struct bench *b)
{
	PGconn *c = bench_connect();

	PQclear(PQprepare(c, "item",
		"INSERT INTO peer_item(subject,done,created,score)"
		" VALUES ($1,$2,to_timestamp($3),$4)",
		4, NULL));
	bench_begin(b);
	bench_simple(c, "BEGIN");
	for (long i = 0; i < b->ops; i++) {
		char created[24], score[32];
		struct bench_item it;
		PGresult *r;

		bench_item(&it, i);
		snprintf(created, sizeof created, "%lld", (long long)it.created_us / 1000000);
		snprintf(score, sizeof score, "%.17g", it.score);
		r = PQexecPrepared(c, "item", 4,
			(const char *const[]){ it.subject, it.done ? "t" : "f", created,
				it.has_score ? score : NULL },
			NULL, NULL, 0);
		if (PQresultStatus(r) != PGRES_COMMAND_OK)
			bench_pq_die(c, "insert");
		PQclear(r);
	}
	bench_simple(c, "COMMIT");
	bench_end(b);
	PQfinish(c);
}

int main(int argc, char **argv)
{
	struct bench b;

	if (!bench_init(&b, "libpq-sync", argc, argv))
		return BENCH_SKIP;
	b.version = "libpq";
	if (strcmp(b.workload, "load") == 0)
		load(&b);
	else if (strcmp(b.workload, "insert") == 0)
		insert(&b);
	else {
		b.flight = b.conns;
		bench_lanes(&b, &bench_blocking, body);
	}
	bench_print(&b);
	return 0;
}
