/* SPDX-License-Identifier: MIT */
/* COPY BINARY by hand: the format is of "Binary Format" in PostgreSQL's page on COPY. */
#include "pq.h"
#include "pq_binary.h"

#include <string.h>

#define CHUNK         65536
#define MOST_OF_A_ROW 256

static char *put_item(char *p, const struct bench_item *it)
{
	int64_t created = it->created_us - BENCH_PG_EPOCH_US;
	size_t n = strlen(it->subject);

	p = bench_put2(p, 4);
	p = bench_put4(p, (int)n);
	memcpy(p, it->subject, n);
	p += n;
	p = bench_put4(p, 1);
	*p++ = it->done;
	p = bench_put4(p, 8);
	p = bench_put8(p, &created);
	if (!it->has_score)
		return bench_put4(p, -1);
	p = bench_put4(p, 8);
	return bench_put8(p, &it->score);
}

static void put(PGconn *c, const char *buf, const char *end)
{
	if (PQputCopyData(c, buf, (int)(end - buf)) != 1)
		bench_pq_die(c, "copy");
}

void bench_copy_items(PGconn *c, long n)
{
	static const char head[19] = "PGCOPY\n\377\r\n";
	char buf[CHUNK + MOST_OF_A_ROW], *p = buf;
	PGresult *r = PQexec(c, BENCH_COPY " (FORMAT binary)");

	if (PQresultStatus(r) != PGRES_COPY_IN)
		bench_pq_die(c, "copy");
	PQclear(r);
	memcpy(p, head, sizeof head);
	p += sizeof head;
	for (long i = 0; i < n; i++) {
		struct bench_item it;

		bench_item(&it, i);
		p = put_item(p, &it);
		if (p - buf < CHUNK)
			continue;
		put(c, buf, p);
		p = buf;
	}
	put(c, buf, bench_put2(p, -1));
	if (PQputCopyEnd(c, NULL) != 1)
		bench_pq_die(c, "copy end");
	while ((r = PQgetResult(c))) {
		if (PQresultStatus(r) != PGRES_COMMAND_OK)
			bench_pq_die(c, "copy end");
		PQclear(r);
	}
}
