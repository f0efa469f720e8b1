/* SPDX-License-Identifier: MIT */
/* Rows into structs and out of them by hand, on plain libpq. */
#include "pq.h"
#include "pq_binary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FETCH  5000
#define WINDOW 64 /* INSERTs under way, */
#define REFILL 32 /* so many with each Sync */
#define ROWS   1000
#define ROOM   (ROWS * 64) /* of an array: the texts are short */

#define BOOL_OID        16
#define INT8_OID        20
#define FLOAT8_OID      701
#define VARCHAR_OID     1043
#define TIMESTAMPTZ_OID 1184

#define INSERT_ONE "INSERT INTO " BENCH_ITEMS " VALUES ($1,$2,$3,$4) RETURNING id"
#define INSERT_MANY                                                                                \
	"INSERT INTO " BENCH_ITEMS " SELECT * FROM unnest"                                         \
	"($1::varchar[],$2::bool[],$3::timestamptz[],$4::float8[]) RETURNING id"
#define SELECT_ALL "SELECT id,subject,done,created,score FROM peer_item ORDER BY id"

struct item {
	int64_t id, created_us;
	const char *subject;
	double score;
	bool done, has_score;
};

struct items {
	struct item *v;
	long n;
	struct bench_texts texts;
};

/* --- a cursor --- */

static void fetch(PGconn *c)
{
	bench_send(c, "fetch", 0, 0, 0);
	bench_sync(c);
}

void bench_stream(PGconn *c, const char *sql, long n,
	void (*take)(const PGresult *r, long at, void *arg), void *arg)
{
	char text[256];
	long at = 0, asked = FETCH;

	bench_simple(c, "BEGIN");
	snprintf(text, sizeof text, "DECLARE rows NO SCROLL CURSOR FOR %s", sql);
	bench_simple(c, text);
	snprintf(text, sizeof text, "FETCH %d FROM rows", FETCH);
	PQclear(PQprepare(c, "fetch", text, 0, NULL));
	bench_pipeline_mode(c);
	for (fetch(c); at < n; asked += FETCH) {
		PGresult *r;

		if (asked < n)
			fetch(c);
		r = bench_expect(c, PGRES_TUPLES_OK);
		PQclear(bench_expect(c, PGRES_PIPELINE_SYNC));
		if (PQntuples(r) == 0 || at + PQntuples(r) > n)
			bench_die("%ld rows and %d instead of %ld", at, PQntuples(r), n);
		take(r, at, arg);
		at += PQntuples(r);
		PQclear(r);
	}
}

/* --- out of the table --- */

static double float8(const char *p)
{
	int64_t bits = bench_int8(p);
	double v;

	memcpy(&v, &bits, sizeof v);
	return v;
}

static void take_items(const PGresult *r, long at, void *arg)
{
	struct items *all = arg;

	for (int i = 0; i < PQntuples(r); i++)
		all->v[at + i] = (struct item){
			.id = bench_int8(PQgetvalue(r, i, 0)),
			.subject = bench_keep(
				&all->texts, PQgetvalue(r, i, 1), (size_t)PQgetlength(r, i, 1)),
			.done = *PQgetvalue(r, i, 2) != 0,
			.created_us = bench_int8(PQgetvalue(r, i, 3)) + BENCH_PG_EPOCH_US,
			.has_score = !PQgetisnull(r, i, 4),
			.score = PQgetisnull(r, i, 4) ? 0 : float8(PQgetvalue(r, i, 4)),
		};
}

/* Times are asked for as numbers: nobody would read them from text by hand. */
static void select_blocking(PGconn *c, struct items *all)
{
	PGresult *r =
		PQexec(c, "SELECT id,subject,done,(extract(epoch from created)*1000000)::int8,"
			  "score FROM peer_item ORDER BY id");

	if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != all->n)
		bench_pq_die(c, "orm_select");
	for (int i = 0; i < PQntuples(r); i++)
		all->v[i] = (struct item){
			.id = strtoll(PQgetvalue(r, i, 0), NULL, 10),
			.subject = bench_keep(
				&all->texts, PQgetvalue(r, i, 1), (size_t)PQgetlength(r, i, 1)),
			.done = *PQgetvalue(r, i, 2) == 't',
			.created_us = strtoll(PQgetvalue(r, i, 3), NULL, 10),
			.has_score = !PQgetisnull(r, i, 4),
			.score = strtod(PQgetvalue(r, i, 4), NULL),
		};
	PQclear(r);
}

void bench_orm_select(struct bench *b, enum bench_way way)
{
	PGconn *c = bench_connect();
	struct items all = { .n = b->ops };

	bench_begin(b);
	all.v = bench_alloc((size_t)all.n * sizeof *all.v);
	if (way == BENCH_BLOCKING)
		select_blocking(c, &all);
	else
		bench_stream(c, SELECT_ALL, all.n, take_items, &all);
	for (long i = 0; i < all.n; i++)
		b->check += all.v[i].id + all.v[i].done;
	bench_end(b);
	PQfinish(c);
}

/* --- into the table --- */

static void make_items(struct items *all)
{
	all->v = bench_alloc((size_t)all->n * sizeof *all->v);
	for (long i = 0; i < all->n; i++) {
		struct bench_item it;

		bench_item(&it, i);
		all->v[i] = (struct item){ .created_us = it.created_us,
			.subject = bench_keep(&all->texts, it.subject, strlen(it.subject)),
			.done = it.done,
			.has_score = it.has_score,
			.score = it.score };
	}
}

static void insert_blocking(PGconn *c, struct items *all)
{
	for (long i = 0; i < all->n; i++) {
		struct bench_item it;
		struct bench_item_text t;
		PGresult *r;

		bench_item(&it, i);
		bench_item_text(&t, &it);
		r = PQexecPrepared(c, "item", 4,
			(const char *const[]){ all->v[i].subject, t.done, t.created, t.score },
			NULL, NULL, 0);
		if (PQresultStatus(r) != PGRES_TUPLES_OK)
			bench_pq_die(c, "orm_insert");
		all->v[i].id = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
		PQclear(r);
	}
}

static void send_item(PGconn *c, const struct item *it)
{
	static const int formats[4] = { 1, 1, 1, 1 };
	int64_t created_us = it->created_us - BENCH_PG_EPOCH_US;
	char done = it->done, created[8], score[8];
	const char *values[4] = { it->subject, &done, created, it->has_score ? score : NULL };
	const int lengths[4] = { (int)strlen(it->subject), 1, 8, 8 };

	bench_put8(created, &created_us);
	bench_put8(score, &it->score);
	if (!PQsendQueryPrepared(c, "item", 4, values, lengths, formats, 1))
		bench_pq_die(c, "orm_insert");
}

static void insert_pipelined(PGconn *c, struct items *all)
{
	long sent = 0;

	for (long taken = 0; taken < all->n; taken++) {
		PGresult *r;

		for (; sent < all->n && sent - taken <= WINDOW - REFILL; sent += REFILL) {
			for (long i = sent; i < sent + REFILL && i < all->n; i++)
				send_item(c, &all->v[i]);
			bench_sync(c);
		}
		r = bench_expect(c, PGRES_TUPLES_OK);
		all->v[taken].id = bench_int8(PQgetvalue(r, 0, 0));
		PQclear(r);
		if ((taken + 1) % REFILL == 0 || taken + 1 == all->n)
			PQclear(bench_expect(c, PGRES_PIPELINE_SYNC));
	}
}

/* One dimension, from 1 to n. */
static char *put_head(char *p, int type, long n, bool nulls)
{
	p = bench_put4(p, 1);
	p = bench_put4(p, nulls);
	p = bench_put4(p, type);
	p = bench_put4(p, (int)n);
	return bench_put4(p, 1);
}

static char *put_eight(char *p, const void *v)
{
	return bench_put8(bench_put4(p, 8), v);
}

static void put_columns(char *const end[4], char *at[4], const struct item *v, long n)
{
	for (long i = 0; i < n; i++) {
		int64_t created_us = v[i].created_us - BENCH_PG_EPOCH_US;
		size_t len = strlen(v[i].subject);

		if ((size_t)(end[0] - at[0]) < len + 4)
			bench_die("a subject is too long");
		at[0] = bench_put4(at[0], (int)len);
		memcpy(at[0], v[i].subject, len);
		at[0] += len;
		at[1] = bench_put4(at[1], 1);
		*at[1]++ = v[i].done;
		at[2] = put_eight(at[2], &created_us);
		at[3] = v[i].has_score ? put_eight(at[3], &v[i].score) : bench_put4(at[3], -1);
	}
}

static void send_arrays(PGconn *c, const struct item *v, long n)
{
	static const int types[4] = { VARCHAR_OID, BOOL_OID, TIMESTAMPTZ_OID, FLOAT8_OID };
	static const int formats[4] = { 1, 1, 1, 1 };
	static char room[4][ROOM];
	char *at[4], *end[4];
	int lengths[4];

	for (int k = 0; k < 4; k++) {
		at[k] = put_head(room[k], types[k], n, k == 3);
		end[k] = room[k] + ROOM;
	}
	put_columns(end, at, v, n);
	for (int k = 0; k < 4; k++)
		lengths[k] = (int)(at[k] - room[k]);
	if (!PQsendQueryPrepared(c, "items", 4,
		    (const char *const[]){ room[0], room[1], room[2], room[3] }, lengths, formats,
		    1))
		bench_pq_die(c, "orm_insert");
	bench_sync(c);
}

/* Two statements under way: the server writes one while the next is made. */
static void insert_arrays(PGconn *c, struct items *all)
{
	long sent = 0;

	for (long taken = 0; taken < all->n; taken += ROWS) {
		PGresult *r;

		for (; sent < all->n && sent - taken < 2 * ROWS; sent += ROWS)
			send_arrays(c, all->v + sent, all->n - sent < ROWS ? all->n - sent : ROWS);
		r = bench_expect(c, PGRES_TUPLES_OK);
		for (int i = 0; i < PQntuples(r); i++)
			all->v[taken + i].id = bench_int8(PQgetvalue(r, i, 0));
		PQclear(r);
		PQclear(bench_expect(c, PGRES_PIPELINE_SYNC));
	}
}

static void prepare(PGconn *c, enum bench_way way)
{
	static const Oid types[4] = { VARCHAR_OID, BOOL_OID, TIMESTAMPTZ_OID, FLOAT8_OID };

	if (way == BENCH_BLOCKING)
		PQclear(PQprepare(c, "item",
			"INSERT INTO " BENCH_ITEMS " VALUES ($1,$2,to_timestamp($3),$4)"
			" RETURNING id",
			0, NULL));
	else if (way == BENCH_PIPELINED)
		PQclear(PQprepare(c, "item", INSERT_ONE, 4, types));
	else
		PQclear(PQprepare(c, "items", INSERT_MANY, 0, NULL));
}

void bench_orm_insert(struct bench *b, enum bench_way way)
{
	PGconn *c = bench_connect();
	struct items all = { .n = b->ops };

	prepare(c, way);
	bench_begin(b);
	make_items(&all);
	bench_simple(c, "BEGIN");
	if (way != BENCH_BLOCKING)
		bench_pipeline_mode(c);
	if (way == BENCH_BLOCKING)
		insert_blocking(c, &all);
	else if (way == BENCH_PIPELINED)
		insert_pipelined(c, &all);
	else
		insert_arrays(c, &all);
	if (way != BENCH_BLOCKING && (!PQexitPipelineMode(c) || PQsetnonblocking(c, 0) != 0))
		bench_pq_die(c, "pipeline mode");
	bench_simple(c, "COMMIT");
	bench_end(b);
	for (long i = 0; i < all.n; i++)
		b->check += all.v[i].id;
	PQfinish(c);
}
