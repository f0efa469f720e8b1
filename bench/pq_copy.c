/* SPDX-License-Identifier: MIT */
/* COPY BINARY by hand: the format is of "Binary Format" in PostgreSQL's page on COPY. */
#include "pq.h"

#include <endian.h>
#include <string.h>

#define CHUNK         65536
#define PG_EPOCH_US   (INT64_C(946684800) * 1000000) /* 2000-01-01 from 1970 */
#define MOST_OF_A_ROW 256

static char *put2(char *p, int v)
{
	uint16_t n = htobe16((uint16_t)v);

	memcpy(p, &n, sizeof n);
	return p + sizeof n;
}

static char *put4(char *p, int v)
{
	uint32_t n = htobe32((uint32_t)v);

	memcpy(p, &n, sizeof n);
	return p + sizeof n;
}

static char *put8(char *p, const void *v)
{
	uint64_t n;

	memcpy(&n, v, sizeof n);
	n = htobe64(n);
	memcpy(p, &n, sizeof n);
	return p + sizeof n;
}

static char *put_item(char *p, const struct bench_item *it)
{
	int64_t created = it->created_us - PG_EPOCH_US;
	size_t n = strlen(it->subject);

	p = put2(p, 4);
	p = put4(p, (int)n);
	memcpy(p, it->subject, n);
	p += n;
	p = put4(p, 1);
	*p++ = it->done;
	p = put4(p, 8);
	p = put8(p, &created);
	if (!it->has_score)
		return put4(p, -1);
	p = put4(p, 8);
	return put8(p, &it->score);
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
	put(c, buf, put2(p, -1));
	if (PQputCopyEnd(c, NULL) != 1)
		bench_pq_die(c, "copy end");
	while ((r = PQgetResult(c))) {
		if (PQresultStatus(r) != PGRES_COMMAND_OK)
			bench_pq_die(c, "copy end");
		PQclear(r);
	}
}
