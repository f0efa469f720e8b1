/* SPDX-License-Identifier: MIT */
/* What an operation costs beside doing the same by hand. */
#include "cost.h"

#include <endian.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INT4_OID 23

static atomic_long sends;

/* libpq finds this before the C library's. */
__attribute__((visibility("default"))) ssize_t send(int fd, const void *data, size_t n, int flags)
{
	atomic_fetch_add(&sends, 1);
	return syscall(SYS_sendto, fd, data, n, flags, NULL, 0);
}

long t_sends(void)
{
	return atomic_load(&sends);
}

static long n_sleeps(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_nvcsw;
}

static void one_round(struct t_way *w, int round, int n)
{
	long before = n_sleeps(), sent = atomic_load(&sends);
	int64_t began = hf_now_ns();

	w->run(w->arg, n);
	w->us[round] = (double)(hf_now_ns() - began) / 1000 / n;
	w->sleeps[round] = (double)(n_sleeps() - before) / n;
	w->sends += atomic_load(&sends) - sent;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double t_median(const double *of_rounds)
{
	double sorted[T_ROUNDS];

	for (int i = 0; i < T_ROUNDS; i++)
		sorted[i] = of_rounds[i];
	qsort(sorted, T_ROUNDS, sizeof *sorted, by_value);
	return sorted[T_ROUNDS / 2];
}

double t_best(const double *of_rounds)
{
	double best = of_rounds[0];

	for (int i = 1; i < T_ROUNDS; i++)
		best = of_rounds[i] < best ? of_rounds[i] : best;
	return best;
}

void t_compare(struct t_way *ways, int n_ways, int n)
{
	for (int r = 0; r < T_ROUNDS; r++)
		for (int k = 0; k < n_ways; k++)
			one_round(&ways[r % 2 ? n_ways - 1 - k : k], r, n);
	for (int k = 0; k < n_ways; k++)
		printf("# %s: %.1f us (best %.1f), %.3f sleeps, %.3f sends an operation\n",
			ways[k].name, t_median(ways[k].us), t_best(ways[k].us),
			t_median(ways[k].sleeps), (double)ways[k].sends / n / T_ROUNDS);
	fflush(stdout);
}

void t_lookups(void)
{
	free(t_psql("set client_min_messages to warning; drop table if exists lookups;"
		    "create table lookups (id int primary key, note text);"
		    "insert into lookups select i, 'note ' || i from generate_series(1, 1000) i;"
		    "analyze lookups"));
}

void t_expect_lookup(const hf_result *res, int id)
{
	if (hf_row_int8(hf_result_row(res, 0), 0, -1) != id)
		ck_abort_msg("not the row of %d", id);
}

PGconn *t_direct(void)
{
	static const Oid type = INT4_OID;
	PGconn *c = PQconnectdb(t_dsn());
	PGresult *r = PQprepare(c, "q", T_LOOKUP, 1, &type);

	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		ck_abort_msg("prepare: %s", PQerrorMessage(c));
	PQclear(r);
	return c;
}

void t_direct_expect(const PGresult *r, int id)
{
	uint32_t v = htobe32((uint32_t)id);

	if (PQntuples(r) != 1 || memcmp(PQgetvalue(r, 0, 0), &v, sizeof v) != 0)
		ck_abort_msg("libpq: not the row of %d: %s", id, PQresultErrorMessage(r));
}

/* Each transaction of a session has the next number of its own, whether it writes or not. */
#define OWN_NUMBER                                                                                 \
	"select split_part(virtualtransaction, '/', 2)::int8 from pg_locks "                       \
	"where pid = pg_backend_pid() limit 1"

long long t_direct_transactions(PGconn *c)
{
	PGresult *r = PQexec(c, OWN_NUMBER);
	long long n;

	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		ck_abort_msg("transactions: %s", PQerrorMessage(c));
	n = atoll(PQgetvalue(r, 0, 0));
	PQclear(r);
	return n;
}

long long t_pool_transactions(hf_pool *p)
{
	return t_int(hf_query(p, OWN_NUMBER));
}
