/* SPDX-License-Identifier: MIT */
/* A transaction's number means something in one life of a server only: what is told after a crash,
 * and what a role without rights is told. */
#include "commit_fate.h"

#include <libpq-fe.h>

static bool server_answers(void *arg)
{
	bool up = PQping(t_dsn()) == PQPING_OK;

	(void)arg;
	return up;
}

static void await_server(void)
{
	ck_assert(t_wait_until(server_answers, NULL, 20000));
}

static char *life(void)
{
	return t_psql("select pg_stat_get_bgwriter_stat_reset_time()::text");
}

/* One session dies a violent death, and takes all others along. */
static void crash_a_session(void)
{
	PGconn *victim = PQconnectdb(t_dsn());
	char command[80];

	ck_assert_int_eq(PQstatus(victim), CONNECTION_OK);
	snprintf(command, sizeof command, "kill -KILL %d", PQbackendPID(victim));
	ck_assert_int_eq(system(command), 0);
	while (PQconsumeInput(victim) && PQstatus(victim) == CONNECTION_OK)
		t_sleep_ms(2);
	PQfinish(victim);
	await_server();
}

/* What the rest relies on. */
START_TEST(test_lives)
{
	char *first = life(), *second, *third, *fourth;

	t_need_pgctl();
	ck_assert(t_pgctl("restart fast"));
	second = life();
	ck_assert_str_eq(first, second);
	ck_assert(t_pgctl("restart immediate"));
	third = life();
	ck_assert_str_ne(second, third);
	crash_a_session();
	fourth = life();
	ck_assert_str_ne(third, fourth);
	free(first);
	free(second);
	free(third);
	free(fourth);
}
END_TEST

static void crash(int how)
{
	if (how == 0)
		ck_assert(t_pgctl("restart immediate"));
	else
		crash_a_session();
	await_server();
}

static hf_pool *setup(const hf_pool_opts *opts)
{
	t_need_pgctl();
	fresh_table();
	return t_pool_on(t_proxy_dsn(), opts);
}

/* The number that the server calls committed may be another's. */
START_TEST(test_crash)
{
	hf_pool *p = setup(WITH_PROXY(.outcome_ms = 20000 * t_slow()));
	hf_future *f;
	hf_txn *t;

	for (int how = 0; how < 2; how++) {
		f = commit_into(p, 10 + how, T_HOLD_ANSWER, &t);
		crash(how);
		t_proxy_cut(T_BOTH);
		unknown(f, t, "crashed");
		ck_assert_int_eq(fates(10 + how), 1);
		/* That it calls aborted, or does not know, was not ours committed. */
		f = commit_into(p, 20 + how, T_HOLD_REQUEST, &t);
		crash(how);
		t_proxy_cut(T_BOTH);
		rolled_back(f, t);
		ck_assert_int_eq(fates(20 + how), 0);
	}
	t_wait_idle(p, 1);
	t_close(p);
}
END_TEST

/* A clean restart is no crash. */
START_TEST(test_restart)
{
	hf_pool *p = setup(WITH_PROXY(.outcome_ms = 20000 * t_slow()));
	hf_future *f;
	hf_txn *t;

	f = commit_into(p, 1, T_HOLD_ANSWER, &t);
	ck_assert(t_pgctl("restart fast"));
	t_proxy_cut(T_BOTH);
	committed(f, t);
	ck_assert_int_eq(fates(1), 1);
	t_close(p);
}
END_TEST

START_TEST(test_crash_with_table)
{
	hf_pool *p;
	hf_future *f;
	hf_txn *t;

	t_need_pgctl();
	free(t_psql("set client_min_messages to warning; drop table if exists \"Out\""));
	p = setup(WITH_PROXY(.outcome_ms = 20000 * t_slow(), .outcome_table = "public.Out"));
	t_done(hf_outcome_setup(p));
	t_done(hf_outcome_setup(p));
	for (int how = 0; how < 2; how++) {
		f = commit_into(p, 10 + how, T_HOLD_ANSWER, &t);
		crash(how);
		t_proxy_cut(T_BOTH);
		committed(f, t);
		ck_assert_int_eq(fates(10 + how), 1);
		f = commit_into(p, 20 + how, T_HOLD_REQUEST, &t);
		crash(how);
		t_proxy_cut(T_BOTH);
		rolled_back(f, t);
		ck_assert_int_eq(fates(20 + how), 0);
	}
	ck_assert_int_eq(t_psql_int("select count(*) from \"Out\""), 2);
	t_close(p);
}
END_TEST

/* --- roles --- */

static hf_pool *pool_of(const char *more, const hf_pool_opts *opts)
{
	char dsn[700];

	snprintf(dsn, sizeof dsn, "%s %s", t_proxy_dsn(), more);
	return t_pool_on(dsn, opts);
}

static void make_role(void)
{
	free(t_psql("do $$ begin create role nobody_special login; "
		    "exception when duplicate_object then null; end $$"));
}

START_TEST(test_ordinary_role)
{
	hf_pool *p;
	hf_future *f;
	hf_txn *t;

	fresh_table();
	make_role();
	free(t_psql("grant insert on fates to nobody_special"));
	p = pool_of("user=nobody_special", WITH_PROXY(.outcome_ms = 60000 * t_slow()));
	f = commit_into(p, 1, T_HOLD_ANSWER, &t);
	t_proxy_cut(T_CLIENT);
	committed(f, t);
	ck_assert_int_eq(fates(1), 1);
	f = commit_into(p, 2, T_HOLD_REQUEST, &t); /* its old session must be ended */
	t_proxy_cut(T_CLIENT);
	rolled_back(f, t);
	ck_assert_int_eq(fates(2), 0);
	t_close(p);
}
END_TEST

/* Without the right to ask which server this is, nothing can be told later; all else works. */
START_TEST(test_no_control)
{
	char dsn[400];
	hf_pool *p;
	hf_future *f;
	hf_txn *t;

	make_role();
	free(t_psql("drop database if exists no_control with (force)"));
	free(t_psql("create database no_control"));
	snprintf(dsn, sizeof dsn, "%s dbname=no_control", t_dsn());
	p = t_pool_on(dsn, NULL);
	t_done(hf_script(p, "revoke execute on function pg_control_system() from public;"
			    "create table fates (id int); grant all on fates to nobody_special"));
	t_close(p);
	p = pool_of("dbname=no_control user=nobody_special", WITH_PROXY(.outcome_ms = 20000));
	t = wrote(p, 1);
	committed(hf_txn_commit(t), t);
	f = commit_into(p, 2, T_HOLD_ANSWER, &t);
	t_proxy_cut(T_BOTH);
	unknown(f, t, "did not say which it is");
	ck_assert_int_eq(t_int(hf_query(p, "select count(*) from fates")), 2);
	t_close(p);
}
END_TEST

T_MAIN("outcome_life",
	{ "promise-H5 a crash begins a new life, a restart does not", test_lives, 40 },
	{ "K2 promise-H5 after a crash nothing is believed that may be another's", test_crash, 60 },
	{ "K2 promise-H5 a restart changes nothing", test_restart, 40 },
	{ "K2 promise-H6 after a crash the outcome table tells", test_crash_with_table, 60 },
	{ "K2 promise-H5 a role without rights is told", test_ordinary_role, 0 },
	{ "K2 promise-H5 a server that does not say which it is leaves it unknown", test_no_control,
		0 })
