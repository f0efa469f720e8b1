/* SPDX-License-Identifier: MIT */
/* Batches that happen for sure. */
#include "pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hf_pool *t_pipe_pool(int depth)
{
	hf_pool *p = t_pool(
		HF_POOL_OPTS(.max_conns = 1, .max_pipeline = depth, .max_queue = HF_FOREVER));

	t_wait_idle(p, 1);
	return p;
}

hf_pool *t_group_pool(void)
{
	hf_pool *p =
		t_pool(HF_POOL_OPTS(.max_conns = 1, .max_queue = HF_FOREVER, .read_only = true));

	t_wait_idle(p, 1);
	return p;
}

hf_pool *t_pool_at(const char *level, const hf_pool_opts *opts)
{
	char dsn[512];
	size_t n = (size_t)snprintf(
		dsn, sizeof dsn, "%s options='-c default_transaction_isolation=", t_dsn());
	hf_pool *p;

	for (; *level; level++)
		n += (size_t)snprintf(
			dsn + n, sizeof dsn - n, "%s%c", *level == ' ' ? "\\\\" : "", *level);
	snprintf(dsn + n, sizeof dsn - n, "'");
	p = t_pool_on(dsn, opts);
	t_wait_idle(p, 1);
	return p;
}

/* --- the dam --- */

static void await(sem_t *s)
{
	while (sem_wait(s) != 0 && errno == EINTR)
		;
}

static hf_status stand_in_dam(hf_conn *c, void *arg, hf_reply *reply)
{
	struct t_dam *g = arg;

	(void)c;
	(void)reply;
	sem_post(&g->entered);
	await(&g->open);
	return HF_OK;
}

void t_dam_shut(struct t_dam *g, hf_pool *p)
{
	ck_assert_int_eq(sem_init(&g->open, 0, 0), 0);
	ck_assert_int_eq(sem_init(&g->entered, 0, 0), 0);
	g->f = hf_submit(p, HF_JOB(.fn = stand_in_dam, .arg = g, .manual = true));
	await(&g->entered);
}

void t_dam_open(struct t_dam *g)
{
	sem_post(&g->open);
	t_done(g->f);
	sem_destroy(&g->open);
	sem_destroy(&g->entered);
}

void t_dam_burst(struct t_dam *g)
{
	sem_post(&g->open);
	ck_assert_int_eq(hf_future_wait_for(g->f, 10000 * t_slow()), HF_OK);
	hf_future_unref(g->f);
	sem_destroy(&g->open);
	sem_destroy(&g->entered);
}

void t_expect_together(hf_pool *p, int depth, unsigned expected)
{
	uint64_t n = t_stats(p).pipelined;

	if (depth == 1)
		ck_assert_uint_eq(n, 0);
	else if (T_PIPELINING && n < expected / 2)
		ck_abort_msg("%llu queries travelled with others, and not %u",
			(unsigned long long)n, expected);
}

/* --- the ledger --- */

void t_ledger_new(void)
{
	free(t_psql("set client_min_messages to warning; drop table if exists ledger;"
		    "create table ledger (id int)"));
}

void t_ledger_read(int *times, int n)
{
	char *all = t_psql("select string_agg(id::text, ',') from ledger"), *s = all, *end;

	memset(times, 0, (size_t)n * sizeof *times);
	while (s && *s) {
		long id = strtol(s, &end, 10);

		if (end == s || id < 0 || id >= n)
			ck_abort_msg("%.20s stands in the ledger", s);
		times[id]++;
		s = *end == ',' ? end + 1 : end;
	}
	free(all);
}

enum t_claim t_claim_of(hf_future *f, int id, bool reads, bool limited)
{
	const hf_result *res = NULL;
	hf_status st = hf_future_get_for(f, 30000 * t_slow(), &res);
	const hf_error *e = hf_future_error(f);
	bool undone = hf_error_is(e, HF_RETRYABLE), maybe = hf_error_is(e, HF_MAYBE_COMMITTED);

	if (st == HF_OK) {
		ck_assert_uint_eq(hf_result_rows(res), 1);
		ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 0, -1), id);
		return T_WRITTEN;
	}
	if ((st != HF_E_CONN_LOST && !(limited && st == HF_E_TIMEOUT)) || undone == maybe ||
		(reads && maybe))
		ck_abort_msg("%d: %s, traits %d%d: %s", id, hf_status_name(st), undone, maybe,
			hf_error_message(e));
	return undone ? T_NOT_WRITTEN : T_UNKNOWN;
}

/* --- a lock --- */

static hf_status hold_lock(hf_conn *c, void *arg, hf_reply *reply)
{
	struct t_lock *l = arg;
	hf_status st = hf_conn_query(c, NULL, "select pg_advisory_xact_lock($1)", l->key);

	(void)reply;
	sem_post(&l->taken);
	await(&l->drop);
	return st;
}

void t_lock_take(struct t_lock *l, int key)
{
	ck_assert_int_eq(sem_init(&l->drop, 0, 0), 0);
	ck_assert_int_eq(sem_init(&l->taken, 0, 0), 0);
	l->key = key;
	l->pool = t_pool(HF_POOL_OPTS(.name = "lock", .max_conns = 1));
	l->f = hf_run(l->pool, hold_lock, l, NULL);
	await(&l->taken);
}

void t_lock_drop(struct t_lock *l)
{
	sem_post(&l->drop);
	t_done(l->f);
	t_close(l->pool);
	sem_destroy(&l->drop);
	sem_destroy(&l->taken);
}

static bool blocked(void *arg)
{
	const int *n = arg;

	return t_psql_int("select count(*) from pg_locks where locktype = 'advisory' and "
			  "not granted") == *n;
}

void t_wait_blocked(int n)
{
	if (!t_wait_until(blocked, &n, 10000))
		ck_abort_msg("%d sessions do not come to wait for a lock", n);
}

static bool sleeping(void *arg)
{
	const bool *wanted = arg;
	char sql[160];

	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where application_name = '%s' "
		"and wait_event = 'PgSleep'",
		t_name());
	return (t_psql_int(sql) > 0) == *wanted;
}

void t_wait_asleep(void)
{
	if (!t_wait_until(sleeping, &(bool){ true }, 10000))
		ck_abort_msg("no session comes to sleep");
}

void t_wait_awake(void)
{
	if (!t_wait_until(sleeping, &(bool){ false }, 10000))
		ck_abort_msg("a session goes on sleeping");
}

/* --- what becomes of one --- */

void t_sqlstate_at(const char *file, int line, hf_future *f, const char *state)
{
	const hf_error *e = t_fails_at(file, line, f, HF_E_SQL);

	if (strcmp(hf_error_sqlstate(e), state) != 0)
		ck_abort_msg("%s:%d: %s instead of %s: %s", file, line, hf_error_sqlstate(e), state,
			hf_error_message(e));
	hf_future_unref(f);
}

void t_expect_sane(hf_pool *p)
{
	char sql[160];

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(t_int(hf_query(p, "select 40 + $1::int", i)), 40 + i);
	t_wait_idle(p, 1);
	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where application_name = '%s' "
		"and state like 'idle in transaction%%'",
		t_name());
	ck_assert_int_eq(t_psql_int(sql), 0);
}
