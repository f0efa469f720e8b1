/* SPDX-License-Identifier: MIT */
/* libpq-sync WORKLOAD: plain libpq as most write it, a thread per connection and blocking calls,
 * text parameters and results. */
#include "hearing.h"
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

static void load(struct bench *b)
{
	struct bench_texts texts = { 0 };
	struct bench_loaded *rows;
	PGconn *c = bench_connect();
	const char *sql = bench_load_sql(b);
	PGresult *r;
	int n;

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
		struct bench_item it;
		struct bench_item_text t;
		PGresult *r;

		bench_item(&it, i);
		bench_item_text(&t, &it);
		r = PQexecPrepared(c, "item", 4,
			(const char *const[]){ it.subject, t.done, t.created, t.score }, NULL, NULL,
			0);
		if (PQresultStatus(r) != PGRES_COMMAND_OK)
			bench_pq_die(c, "insert");
		PQclear(r);
	}
	bench_simple(c, "COMMIT");
	bench_end(b);
	PQfinish(c);
}

/* --- deliver --- */

struct delivery {
	struct bench b;
	struct bench_hearing h;
	PGconn *listening;
};

static void *hear_all(void *arg)
{
	struct delivery *d = arg;
	PGnotify *n;

	for (long i = 0; i < d->b.ops;) {
		bench_wait_input(d->listening);
		if (!PQconsumeInput(d->listening))
			bench_pq_die(d->listening, "listen");
		while ((n = PQnotifies(d->listening)) != NULL) {
			PQfreemem(n);
			bench_heard(&d->b, &d->h);
			i++;
		}
	}
	return NULL;
}

static void notify_one(void *c)
{
	PGresult *r = PQexecPrepared(
		c, "notify", 2, (const char *const[]){ BENCH_CHANNEL, "one" }, NULL, NULL, 0);

	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		bench_pq_die(c, "notify");
	PQclear(r);
}

static int deliver(void)
{
	static struct delivery d = { .h = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0,
					     0 } };
	PGconn *c = bench_connect();
	pthread_t th;

	bench_init_alone(&d.b, "libpq-sync", "deliver", BENCH_DELIVERED);
	d.b.version = "libpq";
	d.b.conns = 2;
	d.b.flight = 1;
	PQclear(PQprepare(c, "notify", "SELECT pg_notify($1, $2)", 2, NULL));
	d.listening = bench_connect();
	bench_simple(d.listening, "LISTEN " BENCH_CHANNEL);
	if (pthread_create(&th, NULL, hear_all, &d) != 0)
		bench_die("no thread");
	bench_deliver(&d.b, &d.h, notify_one, c);
	pthread_join(th, NULL);
	PQfinish(c);
	PQfinish(d.listening);
	bench_print(&d.b);
	return 0;
}

int main(int argc, char **argv)
{
	const struct bench_client client = { .door = bench_blocking,
		.point = point,
		.update = update,
		.tx = tx,
		.load = load,
		.insert = insert };
	struct bench b;

	if (argc > 1 && strcmp(argv[1], "deliver") == 0)
		return deliver();
	if (argc > 1 && bench_pq_rest("libpq-sync", argv[1], BENCH_BLOCKING))
		return 0;
	if (!bench_init(&b, "libpq-sync", argc, argv))
		return BENCH_SKIP;
	b.version = "libpq";
	bench_client(&b, &client);
	return 0;
}
