/* SPDX-License-Identifier: MIT */
/* Plain queries among work of every other kind, in one queue of one connection: everything takes
 * effect in the order in which it was submitted, and has its own result. */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The table steps (n int, what text) is written by every step, in order of its key. */
static void steps_table(void)
{
	free(t_psql("set client_min_messages to warning; drop table if exists steps;"
		    "create table steps (at serial primary key, n int, what text)"));
}

static int64_t int_at(const hf_result *res, size_t row)
{
	return hf_row_int8(hf_result_row(res, row), 0, -1);
}

enum kind {
	PLAIN,
	READ,
	UTILITY,
	VACUUM,
	SCRIPT,
	INTERACTION,
	MANUAL,
	TRANSACT,
	COPY,
	STREAM,
	TIMED,
	ISOLATED,
	READ_ONLY,
	BAD,
	N_KINDS
};

struct step {
	enum kind kind;
	int n, streamed;
	hf_future *f;
};

static hf_status insert_step(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct step *s = arg;
	const hf_result *res;
	hf_status st;

	if (s->kind == MANUAL && (st = hf_conn_begin(c)) != HF_OK)
		return st;
	st = hf_conn_query(c, &res,
		"insert into steps (n, what) values ($1, 'interaction') returning n", s->n);
	if (st == HF_OK)
		hf_reply_result(reply, res);
	return st == HF_OK && s->kind == MANUAL ? hf_conn_commit(c) : st;
}

static hf_status keep_row(hf_row row, void *arg)
{
	*(int *)arg = (int)hf_row_int8(row, 0, -1);
	return HF_OK;
}

/* A read sees all that was submitted before it, as a query of its own connection would. */
static const char before_me[] = "select $1::int + 0 * count(*) from steps having "
				"coalesce(max(n), -1) < $1::int";

static hf_future *submit(hf_pool *p, struct step *s)
{
	static const char insert[] = "insert into steps (n, what) values ($1, $2) returning n";
	char text[120];

	switch (s->kind) {
	case PLAIN:
		return hf_query(p, insert, s->n, "plain");
	case READ:
		return hf_query(p, before_me, s->n);
	case UTILITY:
		snprintf(text, sizeof text,
			"do $$ begin insert into steps (n, what) values (%d, 'do'); end $$", s->n);
		return hf_query_at(HF_HERE, p, text, NULL, 0);
	case VACUUM:
		return hf_query(p, "vacuum steps");
	case SCRIPT:
		return hf_script(p,
			"set work_mem = '1MB'; insert into steps (n, what) "
			"values ($1, 'script') returning n",
			s->n);
	case INTERACTION:
	case MANUAL:
		return hf_submit(
			p, HF_JOB(.fn = insert_step, .arg = s, .manual = s->kind == MANUAL));
	case TRANSACT:
		return hf_transact(p, NULL, HF_JOB(.fn = insert_step, .arg = s));
	case COPY:
		return hf_query(p, "copy steps (n, what) from stdin");
	case STREAM:
		return hf_query_with(
			p, HF_QUERY_OPTS(.on_row = keep_row, .arg = &s->streamed), before_me, s->n);
	case TIMED:
		return hf_query_with(p, HF_QUERY_OPTS(.timeout_ms = 60000), insert, s->n, "timed");
	case ISOLATED:
		return hf_query_with(p, HF_QUERY_OPTS(.isolation = HF_ISO_REPEATABLE_READ), insert,
			s->n, "isolated");
	case READ_ONLY:
		return hf_query_with(p, HF_QUERY_OPTS(.read_only = true), before_me, s->n);
	case BAD:
		return hf_query(
			p, "insert into steps (n) select $1 / ($2::int - $2::int)", s->n, s->n);
	case N_KINDS:
		break;
	}
	return NULL;
}

static bool leaves_a_step(enum kind k)
{
	return k != READ && k != VACUUM && k != COPY && k != STREAM && k != READ_ONLY && k != BAD;
}

static void check(struct step *s)
{
	const hf_result *res;

	if (s->kind == BAD) {
		t_sqlstate(s->f, "22012");
		return;
	}
	if (s->kind == COPY) {
		t_failed(s->f, HF_E_MISUSE);
		return;
	}
	res = t_ok(s->f);
	if (s->kind == STREAM)
		ck_assert_int_eq(s->streamed, s->n);
	else if (s->kind != UTILITY && s->kind != VACUUM)
		ck_assert_int_eq(int_at(res, 0), s->n);
	hf_future_unref(s->f);
}

static void run_round(hf_pool *p, struct step *s, int n)
{
	struct t_dam dam;
	char sql[200];
	int steps = 0;

	t_dam_shut(&dam, p);
	for (int i = 0; i < n; i++)
		s[i].f = submit(p, &s[i]);
	t_dam_open(&dam);
	for (int i = 0; i < n; i++) {
		check(&s[i]);
		steps += leaves_a_step(s[i].kind);
	}
	ck_assert_int_eq(t_psql_int("select count(*) from steps"), steps);
	snprintf(sql, sizeof sql,
		"select count(*) from (select n < lag(n) over (order by at) as "
		"late from steps) s where late");
	ck_assert_int_eq(t_psql_int(sql), 0);
	t_done(hf_query(p, "truncate steps"));
}

/* Every kind behind and before every other, with three plain queries on each side. */
static void each_pair(int depth)
{
	hf_pool *p;

	steps_table();
	p = t_pipe_pool(depth);
	for (int a = 0; a < N_KINDS; a++) {
		struct step s[7 * N_KINDS];
		int n = 0;

		memset(s, 0, sizeof s);
		for (int b = 0; b < N_KINDS; b++)
			for (int i = 0; i < 7; i++, n++) {
				s[n].n = n;
				s[n].kind = i == 2 ? (enum kind)a : i == 4 ? (enum kind)b : PLAIN;
			}
		run_round(p, s, n);
	}
	t_expect_together(p, depth, 500);
	t_expect_sane(p);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}

T_BOTH_WAYS(each_pair)

/* Any order. A fixed seed: what fails, fails again. */
static void any_order(int depth)
{
	hf_pool *p;
	uint32_t seed = 12345;

	steps_table();
	p = t_pipe_pool(depth);
	for (int again = 0; again < 40; again++) {
		struct step s[60];

		memset(s, 0, sizeof s);
		for (int i = 0; i < 60; i++) {
			seed = seed * 1664525 + 1013904223;
			s[i].n = i;
			s[i].kind =
				(seed >> 16) % 3 == 0 ? (enum kind)((seed >> 20) % N_KINDS) : PLAIN;
		}
		run_round(p, s, 60);
	}
	t_expect_together(p, depth, 1000);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(any_order)

/* --- what runs in no transaction -----------------------------------------------------------------
 */

static const char *const apart[] = { "vacuum steps", "create database beside",
	"vacuum (analyze) steps", "create index concurrently steps_n on steps (n)",
	"reindex index concurrently steps_n", "drop index concurrently steps_n",
	"drop database beside" };

/* None of them shares one with its neighbours, of which some fail: all of the others stand. */
static void outside_transactions(int depth)
{
	enum { EACH = 7 };
	hf_future *f[T_COUNT(apart)][EACH];
	hf_pool *p;

	steps_table();
	free(t_psql("drop database if exists beside"));
	p = t_pipe_pool(depth);
	for (int again = 0; again < 3; again++) {
		struct t_dam dam;

		t_dam_shut(&dam, p);
		for (size_t k = 0; k < T_COUNT(apart); k++)
			for (int i = 0; i < EACH; i++) {
				struct step s = { i == again * 3 ? BAD : PLAIN, i, 0, NULL };

				f[k][i] = i == EACH / 2 ? hf_query_at(HF_HERE, p, apart[k], NULL, 0)
							: submit(p, &s);
			}
		t_dam_open(&dam);
		for (size_t k = 0; k < T_COUNT(apart); k++)
			for (int i = 0; i < EACH; i++) {
				if (i == EACH / 2)
					t_done(f[k][i]);
				else if (i == again * 3)
					t_sqlstate(f[k][i], "22012");
				else
					ck_assert_int_eq(t_int(f[k][i]), i);
			}
		ck_assert_int_eq(t_psql_int("select count(*) from steps"),
			(int)T_COUNT(apart) * (EACH - 1 - (again != 1)));
		t_done(hf_query(p, "truncate steps"));
	}
	t_expect_together(p, depth, 3 * T_COUNT(apart));
	t_expect_sane(p);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}

T_BOTH_WAYS(outside_transactions)

/* --- open transactions ---------------------------------------------------------------------------
 */

/* A held transaction has the one connection: what is queued waits until it has ended, and sees what
 * it did. Its own statements are never mixed with theirs. */
static void beside_transactions(int depth)
{
	hf_pool *p;
	hf_future *f[20];

	steps_table();
	p = t_pipe_pool(depth);
	for (int again = 0; again < 20; again++) {
		hf_txn *t = hf_txn_begin(p, NULL);
		bool keep = again % 2;

		t_done(hf_txn_query(t, "insert into steps (n) values ($1)", -1));
		for (int i = 0; i < 20; i++)
			f[i] = hf_query(p,
				"with w as (insert into steps (n) values ($1)) "
				"select count(*) from steps where n = -1",
				i);
		t_done(hf_txn_query(t, "insert into steps (n) values ($1)", -1));
		ck_assert_uint_eq(t_stats(p).queued, 20);
		t_done(keep ? hf_txn_commit(t) : hf_txn_rollback(t));
		hf_txn_unref(t);
		for (int i = 0; i < 20; i++)
			ck_assert_int_eq(t_int(f[i]), keep ? 2 : 0);
		ck_assert_int_eq(t_psql_int("select count(*) from steps"), keep ? 22 : 20);
		t_done(hf_query(p, "truncate steps"));
	}
	t_expect_together(p, depth, 300);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(beside_transactions)

/* What a script leaves in the session is gone before the next query, wherever that waited. */
static void clean_behind_scripts(int depth)
{
	hf_pool *p = t_pipe_pool(depth);
	hf_future *f[60];
	struct t_dam dam;

	t_dam_shut(&dam, p);
	for (int i = 0; i < 60; i++) {
		if (i % 6 == 3)
			f[i] = hf_script(p, "set work_mem = '77MB'; set search_path = nowhere");
		else if (i % 12 == 5)
			f[i] = hf_query(p, "set role pg_monitor");
		else
			f[i] = hf_query(p,
				"select count(*) from (values (current_setting('work_mem')), "
				"(current_setting('search_path')), (current_user::text)) v (s) "
				"where s in ('77MB', 'nowhere', 'pg_monitor')");
	}
	t_dam_open(&dam);
	for (int i = 0; i < 60; i++) {
		if (i % 6 == 3 || i % 12 == 5)
			t_done(f[i]);
		else
			ck_assert_int_eq(t_int(f[i]), 0);
	}
	t_expect_together(p, depth, 20);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(clean_behind_scripts)

T_MAIN("pipeline_mixed", { "each kind of work beside each other", each_pair_together, 60 },
	{ "each kind of work beside each other, one by one", each_pair_alone, 60 },
	{ "work of every kind in any order", any_order_together, 60 },
	{ "work of every kind in any order, one by one", any_order_alone, 60 },
	{ "VACUUM and CREATE DATABASE among queued queries (rule-68)",
		outside_transactions_together, 60 },
	{ "VACUUM and CREATE DATABASE among queued queries, one by one", outside_transactions_alone,
		60 },
	{ "a queue beside a held transaction", beside_transactions_together, 0 },
	{ "a queue beside a held transaction, one by one", beside_transactions_alone, 0 },
	{ "a session is clean behind a script in the queue", clean_behind_scripts_together, 0 },
	{ "a session is clean behind a script, one by one", clean_behind_scripts_alone, 0 })
