/* SPDX-License-Identifier: MIT */
/* libzdb WORKLOAD: its pool, a thread per connection. A connection forgets its prepared statements
 * when it goes back to the pool, so ping, which acquires and releases around each query, prepares
 * every time. */
#include "lanes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zdb.h>

#define POINT "SELECT aid,bid,abalance,filler FROM pgbench_accounts WHERE aid=?"

struct client {
	Connection_T c;
	PreparedStatement_T point, update, lock, set;
};

static ConnectionPool_T pool;

static void *acquire(void)
{
	struct client *z = bench_alloc(sizeof *z);

	z->c = ConnectionPool_getConnection(pool);
	if (!z->c)
		bench_die("libzdb has no connection");
	Connection_execute(z->c, "SET synchronous_commit=off");
	z->point = Connection_prepareStatement(z->c, POINT);
	z->update = Connection_prepareStatement(
		z->c, "UPDATE pgbench_accounts SET abalance=abalance+?::int WHERE aid=?");
	z->lock = Connection_prepareStatement(
		z->c, "SELECT abalance FROM pgbench_accounts WHERE aid=? FOR UPDATE");
	z->set = Connection_prepareStatement(
		z->c, "UPDATE pgbench_accounts SET abalance=? WHERE aid=?");
	return z;
}

static void release(void *conn)
{
	struct client *z = conn;

	Connection_close(z->c);
	free(z);
}

static void *acquire_nothing(void)
{
	return NULL;
}

static void release_nothing(void *conn)
{
	(void)conn;
}

static void select_one(PreparedStatement_T p, int aid)
{
	struct bench_account a;
	ResultSet_T r;

	PreparedStatement_setInt(p, 1, aid);
	r = PreparedStatement_executeQuery(p);
	if (!ResultSet_next(r))
		bench_die("no row");
	a.aid = ResultSet_getInt(r, 1);
	a.bid = ResultSet_getInt(r, 2);
	a.abalance = ResultSet_getInt(r, 3);
	snprintf(a.filler, sizeof a.filler, "%s", ResultSet_getString(r, 4));
	if (a.aid != aid)
		bench_die("wrong row: %d instead of %d", a.aid, aid);
}

static void ping(struct bench_lane *l)
{
	Connection_T c = ConnectionPool_getConnection(pool);

	if (!c)
		bench_die("libzdb has no connection");
	select_one(Connection_prepareStatement(c, POINT), bench_aid(&l->seed));
	Connection_close(c);
}

static void point(struct bench_lane *l)
{
	struct client *z = l->conn;

	select_one(z->point, bench_aid(&l->seed));
}

static void update(struct bench_lane *l)
{
	struct client *z = l->conn;

	PreparedStatement_setInt(z->update, 1, bench_delta(&l->seed));
	PreparedStatement_setInt(z->update, 2, bench_aid(&l->seed));
	PreparedStatement_execute(z->update);
}

static void tx(struct bench_lane *l)
{
	struct client *z = l->conn;
	int aid = bench_aid(&l->seed);
	ResultSet_T r;

	Connection_beginTransaction(z->c);
	PreparedStatement_setInt(z->lock, 1, aid);
	r = PreparedStatement_executeQuery(z->lock);
	if (!ResultSet_next(r))
		bench_die("no row");
	PreparedStatement_setInt(z->set, 1, ResultSet_getInt(r, 1) + bench_delta(&l->seed));
	PreparedStatement_setInt(z->set, 2, aid);
	PreparedStatement_execute(z->set);
	Connection_commit(z->c);
}

static void load(struct bench *b)
{
	struct bench_texts texts = { 0 };
	struct bench_loaded *rows;
	Connection_T c = ConnectionPool_getConnection(pool);
	ResultSet_T r;
	long n = 0;

	bench_begin(b);
	rows = bench_alloc((size_t)b->ops * sizeof *rows);
	r = Connection_executeQuery(c, "%s", bench_load_sql(b));
	for (; n < b->ops && ResultSet_next(r); n++) {
		const char *filler = ResultSet_getString(r, 4);

		rows[n].aid = ResultSet_getInt(r, 1);
		rows[n].bid = ResultSet_getInt(r, 2);
		rows[n].abalance = ResultSet_getInt(r, 3);
		rows[n].filler = bench_keep(&texts, filler, strlen(filler));
	}
	bench_sum(b, rows, n);
	bench_end(b);
	Connection_close(c);
}

/* libzdb has no COPY: a prepared INSERT per row, all in one transaction. */
static void insert(struct bench *b)
{
	Connection_T c = ConnectionPool_getConnection(pool);
	PreparedStatement_T p = Connection_prepareStatement(
		c, "INSERT INTO peer_item(subject,done,created,score) VALUES (?,?,?,?)");

	bench_begin(b);
	Connection_beginTransaction(c);
	for (long i = 0; i < b->ops; i++) {
		struct bench_item it;
		struct bench_item_text t;

		bench_item(&it, i);
		bench_item_text(&t, &it);
		PreparedStatement_setString(p, 1, it.subject);
		PreparedStatement_setString(p, 2, t.done);
		PreparedStatement_setTimestamp(p, 3, it.created_us / 1000000);
		PreparedStatement_setString(p, 4, t.score);
		PreparedStatement_execute(p);
	}
	Connection_commit(c);
	bench_end(b);
	Connection_close(c);
}

static const char *env(const char *name, const char *otherwise)
{
	const char *s = getenv(name);

	return s && *s ? s : otherwise;
}

/* Its URLs need a password, and a host beside the socket's directory. */
static void open_pool(const struct bench *b)
{
	char url[512];

	snprintf(url, sizeof url,
		"postgresql://localhost:%s/%s?user=%s&password=none&unix-socket=%s",
		env("PGPORT", "5432"), env("PGDATABASE", "bench"), env("PGUSER", "root"),
		env("PGHOST", "/var/run/postgresql"));
	pool = ConnectionPool_new(URL_new(url));
	ConnectionPool_setInitialConnections(pool, b->conns);
	ConnectionPool_setMaxConnections(pool, b->conns);
	ConnectionPool_start(pool);
}

int main(int argc, char **argv)
{
	struct bench_client client = { .door = { acquire, release },
		.point = point,
		.update = update,
		.tx = tx,
		.load = load,
		.insert = insert };
	struct bench b;

	if (!bench_init(&b, "libzdb", argc, argv))
		return BENCH_SKIP;
	b.version = ConnectionPool_version();
	setenv("PGTZ", "UTC", 1);
	open_pool(&b);
	if (strcmp(b.workload, "ping") == 0) {
		client.door = (struct bench_door){ acquire_nothing, release_nothing };
		client.point = ping;
	}
	bench_client(&b, &client);
	return 0;
}
