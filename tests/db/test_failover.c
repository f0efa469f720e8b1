/* SPDX-License-Identifier: MIT */
/* The COMMIT's answer is lost together with the server, and another takes over. The primary is
 * reached through the proxy, its standby directly, both by one pool. */
#include "commit_fate.h"
#include "engines.h"

#include <libpq-fe.h>

#define NO_TABLE   NULL
#define WITH_TABLE "outcomes"

static const char *standby;

/* What the standby says, as an integer; -1: nothing. */
static long long ask_standby(const char *sql)
{
	PGconn *conn = PQconnectdb(standby);
	PGresult *res = PQexec(conn, sql);
	long long n = PQntuples(res) == 1 ? strtoll(PQgetvalue(res, 0, 0), NULL, 10) : -1;

	PQclear(res);
	PQfinish(conn);
	return n;
}

static bool has_row(void *arg)
{
	char sql[80];

	snprintf(sql, sizeof sql, "select count(*) from fates where id = %d", *(const int *)arg);
	return ask_standby(sql) == 1;
}

static bool streams_no_more(void *arg)
{
	(void)arg;
	return t_psql_int("select count(*) from pg_stat_replication") == 0;
}

static bool has_table(void *arg)
{
	(void)arg;
	return ask_standby("select count(*) from outcomes") == 0;
}

static void stop_replication(void)
{
	ask_standby("alter system set primary_conninfo = ''");
	ask_standby("select pg_reload_conf()::int");
	ck_assert(t_wait_until(streams_no_more, NULL, 10000));
}

static const char *dsn_of_both(void)
{
	static char dsn[1000];
	const char *proxy = t_proxy_dsn(), *dir = strstr(t_dsn(), "host=") + 5, *at = proxy;

	for (const char *next = proxy; (next = strstr(next, "host=")) != NULL; next++)
		at = next + 5;
	snprintf(dsn, sizeof dsn,
		"%s host=%.*s,%.*s port=5432,5433 target_session_attrs=read-write", proxy,
		(int)strcspn(at, " "), at, (int)strcspn(dir, " "), dir);
	return dsn;
}

static hf_pool *pool_on_both(const char *table, int outcome_ms)
{
	return t_pool_on(
		dsn_of_both(), WITH_PROXY(.outcome_ms = outcome_ms, .outcome_table = table));
}

static hf_pool *setup(const char *table)
{
	hf_pool *p;

	t_need_pgctl();
	fresh_table();
	free(t_psql("set client_min_messages to warning; drop table if exists outcomes"));
	standby = t_standby_dsn();
	p = pool_on_both(table, 30000 * t_slow());
	if (table) {
		t_done(hf_outcome_setup(p));
		ck_assert(t_wait_until(has_table, NULL, 10000));
	}
	return p;
}

/* The primary is not to be reached any more, and the standby takes over. */
static void fail_over(void)
{
	t_proxy_refuse(true);
	t_proxy_cut(T_BOTH);
	ck_assert(t_pgctl("promote"));
}

/* The row must be where the pool goes on, or not be there. */
static void tear_down(hf_pool *p, int id, bool there)
{
	ck_assert_int_eq(t_int(hf_query(p, "select count(*) from fates where id = $1", id)), there);
	ck_assert_int_eq(fates(id), 1);
	t_close(p);
	ck_assert(t_pgctl("standby-stop"));
}

START_TEST(test_replicated)
{
	hf_pool *p = setup(WITH_TABLE);
	int id = 1;
	hf_txn *t;
	hf_future *f = commit_into(p, id, T_HOLD_ANSWER, &t);

	ck_assert(t_wait_until(has_row, &id, 10000));
	fail_over();
	committed(f, t);
	tear_down(p, id, true);
}
END_TEST

START_TEST(test_not_replicated)
{
	hf_pool *p = setup(WITH_TABLE);
	int id = 2;
	hf_future *f;
	hf_txn *t = wrote(p, id);

	stop_replication();
	t_proxy_arm(T_HOLD_ANSWER, "COMMIT", 0);
	f = hf_txn_commit(t);
	t_proxy_await();
	fail_over();
	rolled_back(f, t);
	tear_down(p, id, false);
}
END_TEST

START_TEST(test_without_table)
{
	hf_pool *p = setup(NO_TABLE);
	int id = 3;
	hf_txn *t;
	hf_future *f = commit_into(p, id, T_HOLD_ANSWER, &t);

	ck_assert(t_wait_until(has_row, &id, 10000));
	fail_over();
	unknown(f, t, "another server has taken over");
	tear_down(p, id, true);
}
END_TEST

static bool commit_waits(void *arg)
{
	(void)arg;
	return ask_standby("select count(*) from pg_stat_activity where wait_event = 'SyncRep'") ==
	       1;
}

/* The new primary is lost during a COMMIT, which it has written down; the old one, back again,
 * knows nothing of it. */
START_TEST(test_left_behind)
{
	hf_pool *p = setup(WITH_TABLE);
	hf_future *f;
	hf_txn *t;

	t_close(p);
	ck_assert(t_pgctl("promote"));
	ask_standby("alter system set synchronous_standby_names = 'nope'");
	ask_standby("select pg_reload_conf()::int");
	t_proxy_refuse(true);
	p = pool_on_both(WITH_TABLE, 2000);
	t = wrote(p, 4);
	/* The server takes note of its setting a moment later; then the tried row waits as well. */
	do {
		PGconn *conn = PQconnectdb(standby);

		ck_assert_int_eq(PQsendQuery(conn, "insert into fates values (-1)"), 1);
		while (PQconsumeInput(conn) && PQisBusy(conn) && !commit_waits(NULL))
			t_sleep_ms(2);
		PQfinish(conn);
	} while (!commit_waits(NULL));
	ask_standby("select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity "
		    "where wait_event = 'SyncRep'");
	f = hf_txn_commit(t);
	ck_assert(t_wait_until(commit_waits, NULL, 10000));
	t_proxy_refuse(false);
	ck_assert(t_pgctl("standby-stop"));
	unknown(f, t, "left behind");
	t_close(p);
}
END_TEST

/* Whether the standby says that of the transaction. */
static bool standby_says(const char *xid, const char *status)
{
	char sql[120];

	snprintf(sql, sizeof sql, "select (pg_xact_status('%s') = '%s')::int", xid, status);
	return ask_standby(sql) == 1;
}

/* Its lock would stop the next case. */
static void end_at_old_primary(void)
{
	hf_pool *p = t_pool(WITH_PROXY(.two_phase = true));
	char *gid = t_psql("select gid from pg_prepared_xacts");

	t_done(hf_prepared_rollback(p, gid));
	free(gid);
	t_close(p);
}

/* The new primary never heard of the prepared transaction, and has given its number to another,
 * which was committed there. */
START_TEST(test_prepared_not_replicated)
{
	hf_global *g = hf_global_new(HF_GLOBAL_OPTS(.label = "over", .two_phase = true));
	char *xid;
	struct t_commit c;
	hf_future *f;
	hf_pool *p;
	hf_txn *t;

	t_need_pgctl();
	fresh_table();
	standby = t_standby_dsn();
	p = t_pool_on(dsn_of_both(), WITH_PROXY(.two_phase = true));
	t_done(hf_query(p, "select 1"));
	stop_replication();
	t = hf_global_begin(g, p, NULL);
	f = hf_txn_query(t, "insert into fates values (5) returning pg_current_xact_id()::text");
	xid = strdup(hf_row_text(hf_result_row(t_ok(f), 0), 0));
	hf_future_unref(f);
	t_proxy_arm(T_HOLD_REQUEST, "COMMIT PREPARED", 0);
	t_commit_start(&c, g);
	t_proxy_await();
	ck_assert_int_eq(t_prepared(), 1);
	ck_assert(t_pgctl("promote"));
	for (int i = 0; i < 50; i++)
		ask_standby("insert into fates values (-1) returning id");
	ck_assert(standby_says(xid, "committed"));
	t_proxy_refuse(true);
	t_proxy_cut(T_BOTH);
	t_commit_end(&c, HF_E_CONN_LOST);
	ck_assert(hf_error_is(c.why, HF_MAYBE_COMMITTED) && !hf_error_is(c.why, HF_RETRYABLE));
	hf_error_unref(c.why);
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_UNKNOWN);
	ck_assert(hf_error_is(hf_txn_error(t), HF_MAYBE_COMMITTED));
	ck_assert_int_eq(t_int(hf_query(p, "select count(*) from fates where id = 5")), 0);
	ck_assert_int_eq(t_prepared(), 1);
	hf_global_free(g);
	t_close(p);
	ck_assert(t_pgctl("standby-stop"));
	end_at_old_primary();
	free(xid);
}
END_TEST

START_TEST(test_prune)
{
	hf_pool *p;
	hf_future *f;
	hf_txn *t;

	fresh_table();
	free(t_psql("set client_min_messages to warning; drop table if exists outcomes"));
	p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	t_failed(hf_outcome_prune(p, 60), HF_E_MISUSE);
	t_close(p);
	p = t_pool(HF_POOL_OPTS(.max_conns = 1, .outcome_table = WITH_TABLE));
	t_done(hf_outcome_setup(p));
	for (int id = 0; id < 3; id++) {
		t = wrote(p, id);
		committed(hf_txn_commit(t), t);
	}
	/* Who writes nothing, and who does not want to know, leaves nothing. */
	t = hf_txn_begin(p, NULL);
	t_done(hf_txn_query(t, "select 1"));
	committed(hf_txn_commit(t), t);
	t = hf_txn_begin(p, HF_TXN_OPTS(.outcome = HF_OUTCOME_FAST));
	t_done(hf_txn_query(t, "insert into fates values (4)"));
	committed(hf_txn_commit(t), t);
	ck_assert_int_eq(t_psql_int("select count(*) from outcomes"), 3);
	free(t_psql("update outcomes set made_at = made_at - interval '1 hour' "
		    "where id in (select id from outcomes limit 2)"));
	f = hf_outcome_prune(p, 600);
	ck_assert_int_eq(hf_result_affected(t_ok(f)), 2);
	hf_future_unref(f);
	ck_assert_int_eq(t_psql_int("select count(*) from outcomes"), 1);
	t_close(p);
}
END_TEST

/* The age of a row counts from the COMMIT: that may still be asked after, however long the
 * transaction took. */
START_TEST(test_prune_after_long)
{
	hf_pool *p;
	hf_future *f;
	hf_txn *t;

	fresh_table();
	free(t_psql("set client_min_messages to warning; drop table if exists outcomes"));
	p = t_pool(HF_POOL_OPTS(.max_conns = 1, .outcome_table = WITH_TABLE));
	t_done(hf_outcome_setup(p));
	t = wrote(p, 6);
	t_done(hf_txn_query(t, "select pg_sleep(3)"));
	committed(hf_txn_commit(t), t);
	f = hf_outcome_prune(p, 2);
	ck_assert_int_eq(hf_result_affected(t_ok(f)), 0);
	hf_future_unref(f);
	ck_assert_int_eq(t_psql_int("select count(*) from outcomes"), 1);
	t_failed(hf_outcome_prune(p, -1), HF_E_MISUSE);
	ck_assert_int_eq(t_psql_int("select count(*) from outcomes"), 1);
	t_close(p);
}
END_TEST

T_MAIN("failover",
	{ "promise-H6 rule-71 what was replicated is committed after a failover", test_replicated,
		60 },
	{ "promise-H6 rule-71 what was not replicated is rolled back by a failover",
		test_not_replicated, 60 },
	{ "promise-H5 fact-M12 without an outcome table a failover leaves it unknown",
		test_without_table, 60 },
	{ "promise-H5 promise-H6 a server that was left behind tells nothing", test_left_behind,
		60 },
	{ "promise-H6 the outcome table is pruned", test_prune, 0 },
	{ "promise-H6 a row is as old as its COMMIT", test_prune_after_long, 0 },
	{ "promise-H5 D28 a prepared transaction lost in a failover stays unknown",
		test_prepared_not_replicated, 60 })
