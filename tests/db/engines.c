/* SPDX-License-Identifier: MIT */
/* Two databases of one server. */
#include "engines.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE                                                                                      \
	"set client_min_messages to warning; drop table if exists part;"                           \
	"create table part (id int primary key, what text)"

const char *t_bank_dsn(void)
{
	static char dsn[1024];

	if (strstr(t_dsn(), "://"))
		t_skip("a second database needs a connection string of keys and values");
	snprintf(dsn, sizeof dsn, "%s dbname=holdfast_bank", t_dsn());
	return dsn;
}

/* The first column of the first row, or "". */
static void at_bank(const char *sql, char *out, size_t n)
{
	PGconn *conn = PQconnectdb(t_bank_dsn());
	PGresult *res = PQexec(conn, sql);

	if (PQresultStatus(res) != PGRES_TUPLES_OK && PQresultStatus(res) != PGRES_COMMAND_OK)
		ck_abort_msg("at the bank: %s: %s", sql, PQerrorMessage(conn));
	snprintf(out, n, "%s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
	PQclear(res);
	PQfinish(conn);
}

long long t_bank_int(const char *sql)
{
	char text[64], *end;
	long long n;

	at_bank(sql, text, sizeof text);
	n = strtoll(text, &end, 10);
	if (!text[0] || *end)
		ck_abort_msg("at the bank: %s: \"%s\" is no integer", sql, text);
	return n;
}

void t_engines(void)
{
	char text[64];

	if (t_psql_int("select count(*) from pg_database where datname = 'holdfast_bank'") == 0)
		free(t_psql("create database holdfast_bank"));
	free(t_psql(TABLE));
	at_bank(TABLE, text, sizeof text);
}

int t_parts(void)
{
	return (int)(t_psql_int("select count(*) from part") * 100 +
		     t_bank_int("select count(*) from part"));
}

int t_prepared(void)
{
	return (int)t_psql_int("select count(*) from pg_prepared_xacts");
}

static void begin(struct t_engines *e)
{
	e->g = hf_global_new(HF_GLOBAL_OPTS(.label = "order", .two_phase = e->two_phase));
	ck_assert_ptr_nonnull(e->g);
	e->at_shop = hf_global_begin(e->g, e->shop, HF_TXN_OPTS(.label = "goods"));
	e->at_bank = hf_global_begin(e->g, e->bank, HF_TXN_OPTS(.label = "money"));
}

struct t_engines t_engines_open(const hf_pool_opts *opts)
{
	hf_pool_opts o = opts ? *opts : *HF_POOL_OPTS(.max_conns = 2);
	struct t_engines e = { .two_phase = o.two_phase };

	t_engines();
	o.name = "shop";
	e.shop = t_pool(&o);
	o.name = "bank";
	e.bank = t_pool_on(t_bank_dsn(), &o);
	begin(&e);
	return e;
}

void t_engines_again(struct t_engines *e)
{
	hf_global_free(e->g);
	begin(e);
}

void t_engines_close(struct t_engines *e)
{
	e->g = hf_global_free(e->g);
	t_wait_idle(e->shop, t_stats(e->shop).conns);
	t_wait_idle(e->bank, t_stats(e->bank).conns);
	t_close(e->shop);
	t_close(e->bank);
}

hf_future *t_add(hf_txn *t, int id)
{
	return hf_txn_query(t, "insert into part values ($1, 'new')", id);
}

void t_global_works(hf_global *g)
{
	hf_error *why = NULL;

	if (hf_global_commit(g, &why) != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
	ck_assert_ptr_null(why);
}

hf_error *t_global_fails(hf_global *g, hf_status st)
{
	hf_error *why = NULL;
	hf_status got = hf_global_commit(g, &why);

	if (got != st)
		ck_abort_msg("%s instead of %s: %s", hf_status_name(got), hf_status_name(st),
			hf_error_message(why));
	ck_assert_int_eq(hf_error_status(why), st);
	return why;
}

void t_says(const hf_error *e, const char *text)
{
	if (!strstr(hf_error_message(e), text))
		ck_abort_msg("\"%s\" does not say \"%s\"", hf_error_message(e), text);
}

#define GATE "4711"

static PGconn *keeper[2];

void t_gate_close(void)
{
	keeper[0] = PQconnectdb(t_dsn());
	keeper[1] = PQconnectdb(t_bank_dsn());
	for (int i = 0; i < 2; i++) {
		PQclear(PQexec(keeper[i], "select pg_advisory_lock(" GATE ")"));
		ck_assert_int_eq(PQstatus(keeper[i]), CONNECTION_OK);
	}
}

void t_gate_open(void)
{
	for (int i = 0; i < 2; i++) {
		PQfinish(keeper[i]);
		keeper[i] = NULL;
	}
}

void t_gate_wait(hf_pool *p)
{
	hf_future_unref(hf_query_with(
		p, HF_QUERY_OPTS(.urgent = true), "select pg_advisory_xact_lock(" GATE ")"));
}

static bool so_many_prepared(void *arg)
{
	const int *n = arg;

	return t_prepared() == *n;
}

void t_wait_prepared(int n)
{
	if (!t_wait_until(so_many_prepared, &n, 10000))
		ck_abort_msg("%d transactions are prepared instead of %d", t_prepared(), n);
}

void t_engines_fill(struct t_engines *e, int id)
{
	t_done(t_add(e->at_shop, id));
	t_done(t_add(e->at_bank, id));
	t_gate_wait(e->shop);
	t_gate_wait(e->bank);
}

static void *commit_run(void *arg)
{
	struct t_commit *c = arg;

	c->st = hf_global_commit(c->g, &c->why);
	return NULL;
}

void t_commit_start(struct t_commit *c, hf_global *g)
{
	*c = (struct t_commit){ .g = g };
	ck_assert_int_eq(pthread_create(&c->thread, NULL, commit_run, c), 0);
}

void t_commit_end(struct t_commit *c, hf_status st)
{
	pthread_join(c->thread, NULL);
	if (c->st != st)
		ck_abort_msg("%s instead of %s: %s", hf_status_name(c->st), hf_status_name(st),
			hf_error_message(c->why));
}

static bool waits_for_standby(PGconn *conn)
{
	char sql[120];

	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where wait_event = 'SyncRep' and pid = %d",
		PQbackendPID(conn));
	return t_psql_int(sql) == 1;
}

static void ignore(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

/* A reload takes its time to be heard of everywhere: until a commit of our own is seen waiting. */
static bool is_demanded(void *arg)
{
	PGconn *conn = PQconnectdb(t_bank_dsn());
	char sql[80];
	bool waits = false;

	(void)arg;
	PQsetNoticeProcessor(conn, ignore, NULL);
	ck_assert_int_eq(PQsendQuery(conn, "create temp table probe ()"), 1);
	while (!waits && PQconsumeInput(conn) && PQisBusy(conn))
		waits = waits_for_standby(conn);
	snprintf(sql, sizeof sql, "select count(pg_cancel_backend(%d))", PQbackendPID(conn));
	while (PQisBusy(conn)) {
		free(t_psql(sql));
		PQconsumeInput(conn);
	}
	PQfinish(conn);
	return waits;
}

void t_standby_demand(bool on)
{
	free(t_psql(on ? "alter system set synchronous_standby_names = 'nobody'"
		       : "alter system reset synchronous_standby_names"));
	free(t_psql("select pg_reload_conf()"));
	if (on)
		ck_assert(t_wait_until(is_demanded, NULL, 10000));
}

#define WAITING "from pg_stat_activity where wait_event = 'SyncRep' and datname = 'holdfast'"

static bool one_waits(void *arg)
{
	(void)arg;
	return t_psql_int("select count(*) " WAITING) == 1;
}

static bool is_gone(void *pid)
{
	char sql[100];

	snprintf(sql, sizeof sql, "select count(*) from pg_stat_activity where pid = %lld",
		*(long long *)pid);
	return t_psql_int(sql) == 0;
}

void t_standby_await(void)
{
	ck_assert(t_wait_until(one_waits, NULL, 10000));
}

void t_standby_lose_answer(void)
{
	long long pid;

	t_standby_await();
	pid = t_psql_int("select pid " WAITING);
	ck_assert_int_eq(t_psql_int("select count(pg_terminate_backend(pid)) " WAITING), 1);
	ck_assert(t_wait_until(is_gone, &pid, 10000));
	t_standby_demand(false);
}

struct t_engines t_engines_open_synced(hf_pool_opts o)
{
	struct t_engines e;
	char dsn[1100];

	o.max_conns = 1;
	t_standby_demand(false); /* a case that failed may have left it */
	e = t_engines_open(&o);

	e.g = hf_global_free(e.g);
	t_close(e.bank);
	snprintf(dsn, sizeof dsn, "%s options='-c synchronous_commit=local'", t_bank_dsn());
	o.name = "bank";
	e.bank = t_pool_on(dsn, &o);
	t_engines_again(&e);
	return e;
}
