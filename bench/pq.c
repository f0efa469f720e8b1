/* SPDX-License-Identifier: MIT */
/* What the benchmark programs on plain libpq share. */
#include "pq.h"

#include <endian.h>
#include <poll.h>
#include <string.h>

#define INT4_OID 23

static const struct {
	const char *name, *sql;
	int n;
} statements[] = {
	{ "point", BENCH_POINT, 1 },
	{ "update", BENCH_UPDATE, 2 },
	{ "lock", BENCH_LOCK, 1 },
	{ "set", BENCH_SET, 2 },
	{ "begin", "BEGIN", 0 },
	{ "commit", "COMMIT", 0 },
	{ "xid", "SELECT pg_current_xact_id_if_assigned()", 0 },
	{ "only", "SELECT set_config('transaction_read_only','on',true)", 0 },
};

void bench_pq_die(PGconn *c, const char *what)
{
	bench_die("%s: %s", what, c ? PQerrorMessage(c) : "failed");
}

void bench_simple(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);

	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		bench_pq_die(c, sql);
	PQclear(r);
}

PGconn *bench_connect(void)
{
	static const Oid ints[2] = { INT4_OID, INT4_OID };
	PGconn *c = PQconnectdb("options='-c synchronous_commit=off'");

	if (PQstatus(c) != CONNECTION_OK)
		bench_pq_die(c, "connect");
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
		PGresult *r =
			PQprepare(c, statements[i].name, statements[i].sql, statements[i].n, ints);

		if (PQresultStatus(r) != PGRES_COMMAND_OK)
			bench_pq_die(c, statements[i].name);
		PQclear(r);
	}
	return c;
}

void bench_send(PGconn *c, const char *name, int n, int a, int b)
{
	static const int lengths[2] = { 4, 4 }, formats[2] = { 1, 1 };
	uint32_t v[2] = { htobe32((uint32_t)a), htobe32((uint32_t)b) };
	const char *values[2] = { (const char *)&v[0], (const char *)&v[1] };

	if (!PQsendQueryPrepared(c, name, n, values, lengths, formats, 1))
		bench_pq_die(c, name);
}

/* Before libpq 17 every Sync is a send of its own. */
void bench_sync(PGconn *c)
{
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
	if (!PQsendPipelineSync(c))
#else
	if (!PQpipelineSync(c))
#endif
		bench_pq_die(c, "sync");
}

void bench_pipeline_mode(PGconn *c)
{
	if (PQsetnonblocking(c, 1) != 0 || !PQenterPipelineMode(c))
		bench_pq_die(c, "pipeline mode");
}

void bench_wait_input(PGconn *c)
{
	struct pollfd p = { .fd = PQsocket(c), .events = POLLIN };
	int unsent = PQflush(c);

	if (unsent < 0)
		bench_pq_die(c, "flush");
	if (unsent)
		p.events = POLLIN | POLLOUT;
	if (poll(&p, 1, -1) < 0)
		bench_die("poll");
	if ((p.revents & ~POLLOUT) && !PQconsumeInput(c))
		bench_pq_die(c, "read");
}

PGresult *bench_expect(PGconn *c, ExecStatusType want)
{
	PGresult *r;

	do {
		while (PQisBusy(c))
			bench_wait_input(c);
		r = PQgetResult(c);
	} while (!r); /* the end of one statement's results */
	if (PQresultStatus(r) != want)
		bench_pq_die(c, "statement");
	return r;
}

int bench_int4(const PGresult *r, int row, int col)
{
	uint32_t v;

	memcpy(&v, PQgetvalue(r, row, col), sizeof v);
	return (int)be32toh(v);
}

void bench_pq_account(const PGresult *r, int aid)
{
	struct bench_account a;
	size_t n;

	if (PQntuples(r) != 1)
		bench_die("%d rows", PQntuples(r));
	a.aid = bench_int4(r, 0, 0);
	a.bid = bench_int4(r, 0, 1);
	a.abalance = bench_int4(r, 0, 2);
	n = (size_t)PQgetlength(r, 0, 3);
	memcpy(a.filler, PQgetvalue(r, 0, 3), n < sizeof a.filler ? n + 1 : sizeof a.filler);
	if (a.aid != aid)
		bench_die("wrong row: %d instead of %d", a.aid, aid);
}

static void *open_blocking(void)
{
	return bench_connect();
}

static void *open_pipelining(void)
{
	PGconn *c = bench_connect();

	bench_pipeline_mode(c);
	return c;
}

static void finish(void *c)
{
	PQfinish(c);
}

const struct bench_door bench_blocking = { open_blocking, finish };
const struct bench_door bench_pipelining = { open_pipelining, finish };
