/* SPDX-License-Identifier: MIT */
/* apr-dbd WORKLOAD: APR's database layer with its driver for PostgreSQL, a thread per connection.
 * Exits with BENCH_SKIP where the driver is not installed, and says so. */
#include "lanes.h"

#include <apr_dbd.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <apu_version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct client {
	apr_pool_t *pool, *scratch;
	apr_dbd_t *db;
	apr_dbd_prepared_t *point, *update, *lock, *set;
};

static const apr_dbd_driver_t *driver;

static void check(struct client *a, int rv, const char *what)
{
	if (rv != 0)
		bench_die("%s: %s", what, a->db ? apr_dbd_error(driver, a->db, rv) : "failed");
}

static apr_dbd_prepared_t *prepare(struct client *a, const char *sql, const char *name)
{
	apr_dbd_prepared_t *p = NULL;

	check(a, apr_dbd_prepare(driver, a->pool, a->db, sql, name, &p), name);
	return p;
}

/* An empty conninfo is refused; what it does not say, libpq takes from the environment. */
static void *acquire(void)
{
	struct client *a = bench_alloc(sizeof *a);
	int n;

	apr_pool_create(&a->pool, NULL);
	apr_pool_create(&a->scratch, a->pool);
	check(a, apr_dbd_open(driver, a->pool, "application_name=apr-dbd", &a->db), "open");
	check(a, apr_dbd_query(driver, a->db, &n, "SET synchronous_commit=off"), "set");
	a->point = prepare(
		a, "SELECT aid,bid,abalance,filler FROM pgbench_accounts WHERE aid=%d", "point");
	a->update = prepare(
		a, "UPDATE pgbench_accounts SET abalance=abalance+%d WHERE aid=%d", "update");
	a->lock =
		prepare(a, "SELECT abalance FROM pgbench_accounts WHERE aid=%d FOR UPDATE", "lock");
	a->set = prepare(a, "UPDATE pgbench_accounts SET abalance=%d WHERE aid=%d", "set");
	return a;
}

static void release(void *conn)
{
	struct client *a = conn;

	apr_dbd_close(driver, a->db);
	apr_pool_destroy(a->pool);
	free(a);
}

static int number(apr_dbd_row_t *row, int col)
{
	return (int)strtol(apr_dbd_get_entry(driver, row, col), NULL, 10);
}

static apr_dbd_row_t *one_row(struct client *a, apr_dbd_prepared_t *p, int aid)
{
	apr_dbd_results_t *res = NULL;
	apr_dbd_row_t *row = NULL;

	check(a, apr_dbd_pvbselect(driver, a->scratch, a->db, &res, p, 1, &aid), "select");
	check(a, apr_dbd_get_row(driver, a->scratch, res, &row, 1), "row");
	return row;
}

/* A lane's client, with nothing left of its last operation. */
static struct client *fresh(struct bench_lane *l)
{
	struct client *a = l->conn;

	apr_pool_clear(a->scratch);
	return a;
}

static void set_ints(struct client *a, apr_dbd_prepared_t *p, int x, int y)
{
	int n;

	check(a, apr_dbd_pvbquery(driver, a->scratch, a->db, &n, p, &x, &y), "update");
}

static void point(struct bench_lane *l)
{
	struct client *a = fresh(l);
	int aid = bench_aid(&l->seed);
	apr_dbd_row_t *row = one_row(a, a->point, aid);
	struct bench_account acc;

	acc.aid = number(row, 0);
	acc.bid = number(row, 1);
	acc.abalance = number(row, 2);
	apr_cpystrn(acc.filler, apr_dbd_get_entry(driver, row, 3), sizeof acc.filler);
	if (acc.aid != aid)
		bench_die("wrong row: %d instead of %d", acc.aid, aid);
}

static void update(struct bench_lane *l)
{
	struct client *a = fresh(l);
	int delta = bench_delta(&l->seed);

	set_ints(a, a->update, delta, bench_aid(&l->seed));
}

static void tx(struct bench_lane *l)
{
	struct client *a = fresh(l);
	apr_dbd_transaction_t *t = NULL;
	int aid = bench_aid(&l->seed);

	check(a, apr_dbd_transaction_start(driver, a->scratch, a->db, &t), "begin");
	set_ints(a, a->set, number(one_row(a, a->lock, aid), 0) + bench_delta(&l->seed), aid);
	check(a, apr_dbd_transaction_end(driver, a->scratch, t), "commit");
}

static void load(struct bench *b)
{
	struct bench_texts texts = { 0 };
	struct bench_loaded *rows;
	struct client *a = acquire();
	const char *sql = bench_load_sql(b);
	apr_dbd_results_t *res = NULL;
	apr_dbd_row_t *row = NULL;
	long n = 0;

	bench_begin(b);
	rows = bench_alloc((size_t)b->ops * sizeof *rows);
	check(a, apr_dbd_select(driver, a->scratch, a->db, &res, sql, 1), "load");
	for (; n < b->ops; n++) {
		const char *filler;

		if (apr_dbd_get_row(driver, a->scratch, res, &row, (int)n + 1) != 0)
			break;
		filler = apr_dbd_get_entry(driver, row, 3);
		rows[n].aid = number(row, 0);
		rows[n].bid = number(row, 1);
		rows[n].abalance = number(row, 2);
		rows[n].filler = bench_keep(&texts, filler, strlen(filler));
	}
	bench_sum(b, rows, n);
	bench_end(b);
	release(a);
}

/* No COPY in it: a prepared INSERT per row, all in one transaction. */
static void insert(struct bench *b)
{
	struct client *a = acquire();
	apr_dbd_transaction_t *x = NULL;
	apr_dbd_prepared_t *p = prepare(a,
		"INSERT INTO peer_item(subject,done,created,score)"
		" VALUES (%s,%s::bool,to_timestamp(%s::float8),%s::float8)",
		"item");

	bench_begin(b);
	check(a, apr_dbd_transaction_start(driver, a->pool, a->db, &x), "begin");
	for (long i = 0; i < b->ops; i++) {
		struct bench_item it;
		struct bench_item_text t;
		int n;

		bench_item(&it, i);
		bench_item_text(&t, &it);
		check(a,
			apr_dbd_pvquery(driver, a->scratch, a->db, &n, p, it.subject, t.done,
				t.created, t.score),
			"insert");
		apr_pool_clear(a->scratch);
	}
	check(a, apr_dbd_transaction_end(driver, a->pool, x), "commit");
	bench_end(b);
	release(a);
}

static bool have_driver(void)
{
	apr_pool_t *pool;

	apr_initialize();
	apr_pool_create(&pool, NULL);
	if (apr_dbd_init(pool) == APR_SUCCESS &&
		apr_dbd_get_driver(pool, "pgsql", &driver) == APR_SUCCESS)
		return true;
	fprintf(stderr, "apr-util's driver for PostgreSQL is missing:"
			" apt-get install libaprutil1-dbd-pgsql\n");
	return false;
}

int main(int argc, char **argv)
{
	static const struct bench_client client = { .door = { acquire, release },
		.point = point,
		.update = update,
		.tx = tx,
		.load = load,
		.insert = insert };
	struct bench b;

	if (!bench_init(&b, "apr-dbd", argc, argv) || !have_driver())
		return BENCH_SKIP;
	b.version = APU_VERSION_STRING;
	bench_client(&b, &client);
	return 0;
}
