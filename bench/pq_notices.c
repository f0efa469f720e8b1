/* SPDX-License-Identifier: MIT */
/* notify on plain libpq: a connection that sends from a thread of its own, and one that listens;
 * and which program has which of the workloads that have no lanes. */
#include "hearing.h"
#include "pq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOGETHER 100 /* notices in a transaction */

struct sender {
	PGconn *c;
	long n;
	enum bench_way way;
};

static void notice(PGconn *c, long i, bool waits)
{
	char payload[40];
	const char *const values[1] = { payload };
	PGresult *r;

	snprintf(payload, sizeof payload, "%032ld", i);
	if (!waits) {
		if (!PQsendQueryPrepared(c, "notify", 1, values, NULL, NULL, 0))
			bench_pq_die(c, "notify");
		return;
	}
	r = PQexecPrepared(c, "notify", 1, values, NULL, NULL, 0);
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		bench_pq_die(c, "notify");
	PQclear(r);
}

static long share(const struct sender *s, long at)
{
	return s->n - at < TOGETHER ? s->n - at : TOGETHER;
}

static void send_blocking(const struct sender *s)
{
	for (long at = 0; at < s->n; at += TOGETHER) {
		bench_simple(s->c, "BEGIN");
		for (long i = 0; i < share(s, at); i++)
			notice(s->c, at + i, true);
		bench_simple(s->c, "COMMIT");
	}
}

static void send_together(const struct sender *s, long at)
{
	bench_send(s->c, "begin", 0, 0, 0);
	for (long i = 0; i < share(s, at); i++)
		notice(s->c, at + i, false);
	bench_send(s->c, "commit", 0, 0, 0);
	bench_sync(s->c);
}

static void take_together(const struct sender *s, long at)
{
	PQclear(bench_expect(s->c, PGRES_COMMAND_OK));
	for (long i = 0; i < share(s, at); i++)
		PQclear(bench_expect(s->c, PGRES_TUPLES_OK));
	PQclear(bench_expect(s->c, PGRES_COMMAND_OK));
	PQclear(bench_expect(s->c, PGRES_PIPELINE_SYNC));
}

/* One transaction ahead. */
static void send_pipelined(const struct sender *s)
{
	long sent = 0;

	bench_pipeline_mode(s->c);
	for (long taken = 0; taken < s->n; taken += TOGETHER) {
		for (; sent < s->n && sent - taken < 2 * TOGETHER; sent += TOGETHER)
			send_together(s, sent);
		take_together(s, taken);
	}
}

static void *send_all(void *arg)
{
	const struct sender *s = arg;

	(s->way == BENCH_BLOCKING ? send_blocking : send_pipelined)(s);
	return NULL;
}

static void hear_all(PGconn *c, long n)
{
	PGnotify *got;

	for (long i = 0; i < n;) {
		bench_wait_input(c);
		if (!PQconsumeInput(c))
			bench_pq_die(c, "listen");
		for (; (got = PQnotifies(c)) != NULL; i++) {
			if (atol(got->extra) != i)
				bench_die("notice %ld is missing", i);
			PQfreemem(got);
		}
	}
}

void bench_notices(struct bench *b, enum bench_way way)
{
	struct sender s = { bench_connect(), b->ops, way };
	PGconn *listening = bench_connect();
	pthread_t th;

	b->conns = 2;
	b->flight = way == BENCH_BLOCKING ? 1 : 2 * TOGETHER;
	PQclear(PQprepare(s.c, "notify", "SELECT pg_notify('" BENCH_CHANNEL "', $1)", 1, NULL));
	bench_simple(listening, "LISTEN " BENCH_CHANNEL);
	bench_begin(b);
	if (pthread_create(&th, NULL, send_all, &s) != 0)
		bench_die("no thread");
	hear_all(listening, b->ops);
	bench_end(b);
	pthread_join(th, NULL);
	PQfinish(s.c);
	PQfinish(listening);
}

bool bench_pq_rest(const char *peer, const char *workload, enum bench_way way)
{
	static const struct {
		const char *name;
		void (*run)(struct bench *b, enum bench_way way);
		long ops;
	} all[] = {
		{ "orm_insert", bench_orm_insert, 20000 },
		{ "orm_select", bench_orm_select, 100000 },
		{ "notify", bench_notices, 20000 },
	};
	struct bench b;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (strcmp(workload, all[i].name) != 0 ||
			(way == BENCH_ARRAYS && all[i].run != bench_orm_insert))
			continue;
		bench_init_alone(&b, peer, workload, all[i].ops);
		if (all[i].run == bench_orm_select)
			b.ops = all[i].ops; /* they are in the table, whatever PEERS_SCALE says */
		b.version = "libpq";
		b.conns = b.flight = 1;
		b.has_check = all[i].run != bench_notices;
		all[i].run(&b, way);
		bench_print(&b);
		return true;
	}
	return false;
}
