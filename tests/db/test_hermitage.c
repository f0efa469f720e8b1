/* SPDX-License-Identifier: MIT */
/* The anomalies of Hermitage (Martin Kleppmann's tests of isolation levels) through transaction
 * handles: each at the weakest level where PostgreSQL prevents it and at the strongest where it
 * happens. A script of steps is played twice: by one thread that has futures outstanding on several
 * handles, and by one thread per transaction. */
#include "fixture.h"
#include "hermitage.h"

#include <holdfast/txn.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MS 10000

/* --- playing a step --- */

struct play {
	const struct script *script;
	bool guarded; /* played at the level that prevents the anomaly */
	hf_pool *pool;
	hf_txn *txns[MAX_TXNS + 1];
	int pids[MAX_TXNS + 1];
	hf_future *blocked[MAX_TXNS + 1];
	pthread_mutex_t lock;
	pthread_cond_t turned;
	size_t turn; /* the step to be played; guarded by lock */
};

static const char *expected_of(const struct play *p, const struct step *s)
{
	return p->guarded && s->protected_gives ? s->protected_gives : s->gives;
}

static void name_rows(const hf_result *res, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < hf_result_rows(res); i++)
		len += (size_t)snprintf(text + len, size - len, "%s%s=%s", i > 0 ? " " : "",
			hf_row_text(hf_result_row(res, i), 0),
			hf_row_text(hf_result_row(res, i), 1));
}

/* What has come of it, in the words of the scripts. Lets go of the future. */
static void name_outcome(hf_future *f, char *text, size_t size)
{
	const hf_result *res = NULL;
	hf_status st = hf_future_get_for(f, LIMIT_MS * t_slow(), &res);
	const hf_error *e = hf_future_error(f);

	if (st == HF_E_SQL) {
		snprintf(text, size, "%s", hf_error_sqlstate(e));
		ck_assert(hf_error_is(e, HF_RETRYABLE));
	} else if (st != HF_OK)
		snprintf(text, size, "%s", hf_status_name(st));
	else if (!res || strcmp(hf_result_tag(res), "COMMIT") == 0)
		snprintf(text, size, OK);
	else if (hf_result_columns(res) == 0)
		snprintf(text, size, "#%lld", (long long)hf_result_affected(res));
	else
		name_rows(res, text, size);
	hf_future_unref(f);
}

static bool waits_for_lock(void *arg)
{
	const int *pid = arg;
	char sql[128];

	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where pid = %d and wait_event_type = 'Lock'",
		*pid);
	return t_psql_int(sql) == 1;
}

static hf_future *submit(struct play *p, const struct step *s)
{
	if (s->txn == 0)
		return hf_query(p->pool, s->sql);
	if (strcmp(s->sql, COMMIT) == 0)
		return hf_txn_commit(p->txns[s->txn]);
	if (strcmp(s->sql, "rollback") == 0)
		return hf_txn_rollback(p->txns[s->txn]);
	return hf_txn_query(p->txns[s->txn], s->sql);
}

static void play_step(struct play *p, size_t i)
{
	const struct step *s = &p->script->steps[i];
	const char *expected = expected_of(p, s);
	hf_future **blocked = &p->blocked[s->txn], *f = *blocked;
	char got[128];

	if (strcmp(s->sql, AWOKEN) != 0)
		f = submit(p, s);
	*blocked = NULL;
	if (strcmp(expected, BLOCKS) == 0) {
		if (!t_wait_until(waits_for_lock, &p->pids[s->txn], LIMIT_MS) || hf_future_ready(f))
			ck_abort_msg("step %zu, \"%s\", does not block", i, s->sql);
		*blocked = f;
		return;
	}
	name_outcome(f, got, sizeof got);
	if (strcmp(got, expected) != 0)
		ck_abort_msg(
			"step %zu, \"%s\": \"%s\" instead of \"%s\"", i, s->sql, got, expected);
}

static hf_status note_pid(hf_conn *c, void *arg, hf_reply *reply)
{
	int *pid = arg;

	(void)reply;
	*pid = hf_conn_backend_pid(c);
	return HF_OK;
}

/* Begins it without a snapshot: no statement is sent. */
static void begin(struct play *p, int txn)
{
	hf_isolation level = p->guarded ? p->script->prevented : p->script->happens;

	p->txns[txn] = hf_txn_begin(p->pool, HF_TXN_OPTS(.isolation = level));
	t_done(hf_txn_run(p->txns[txn], HF_JOB(.fn = note_pid, .arg = &p->pids[txn])));
	ck_assert_int_gt(p->pids[txn], 0);
}

/* --- the two ways to play --- */

static void one(struct play *p)
{
	for (int txn = 1; txn <= MAX_TXNS; txn++)
		begin(p, txn);
	for (size_t i = 0; p->script->steps[i].sql; i++)
		play_step(p, i);
}

static void await_turn(struct play *p, size_t i)
{
	pthread_mutex_lock(&p->lock);
	while (p->turn != i)
		pthread_cond_wait(&p->turned, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

static void end_turn(struct play *p)
{
	pthread_mutex_lock(&p->lock);
	p->turn++;
	pthread_cond_broadcast(&p->turned);
	pthread_mutex_unlock(&p->lock);
}

struct actor {
	struct play *play;
	int txn;
	pthread_t thread;
};

/* A thread whose statement is blocked waits for it, while the others go on. */
static void *act(void *arg)
{
	const struct actor *a = arg;
	struct play *p = a->play;

	if (a->txn > 0)
		begin(p, a->txn);
	for (size_t i = 0; p->script->steps[i].sql; i++) {
		if (p->script->steps[i].txn != a->txn)
			continue;
		await_turn(p, i);
		play_step(p, i);
		end_turn(p);
		if (p->blocked[a->txn])
			ck_assert_int_eq(
				hf_future_wait_for(p->blocked[a->txn], LIMIT_MS * t_slow()), HF_OK);
	}
	return NULL;
}

static void many(struct play *p)
{
	struct actor actors[MAX_TXNS + 1];

	for (int i = 0; i <= MAX_TXNS; i++) {
		actors[i] = (struct actor){ .play = p, .txn = i };
		ck_assert_int_eq(pthread_create(&actors[i].thread, NULL, act, &actors[i]), 0);
	}
	for (int i = 0; i <= MAX_TXNS; i++)
		pthread_join(actors[i].thread, NULL);
}

static void play_all(const struct script *s, bool guarded, void (*way)(struct play *))
{
	struct play p = { .script = s,
		.guarded = guarded,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.turned = PTHREAD_COND_INITIALIZER };

	free(t_psql("set client_min_messages to warning; drop table if exists test;"
		    "create table test (id int primary key, value int);"
		    "insert into test values (1, 10), (2, 20)"));
	p.pool = t_pool(HF_POOL_OPTS(.min_conns = MAX_TXNS + 1, .max_conns = MAX_TXNS + 1));
	way(&p);
	for (int txn = 1; txn <= MAX_TXNS; txn++)
		hf_txn_unref(p.txns[txn]);
	t_wait_idle(p.pool, MAX_TXNS + 1);
	ck_assert_uint_eq(t_stats(p.pool).connects, MAX_TXNS + 1);
	t_close(p.pool);
}

/* --- the cases --- */

enum { happens, prevented };

#define CASE(script, level, way)                                                                   \
	START_TEST(test_##script##_##level##_##way)                                                \
	{                                                                                          \
		play_all(&script, level == prevented, way);                                        \
	}                                                                                          \
	END_TEST
#define CASES(script, level) CASE(script, level, one) CASE(script, level, many)

CASES(g0, prevented)
CASES(g1a, prevented)
CASES(g1b, prevented)
CASES(g1c, prevented)
CASES(otv, prevented)
CASES(pmp_read, happens)
CASES(pmp_read, prevented)
CASES(pmp_write, happens)
CASES(pmp_write, prevented)
CASES(p4, happens)
CASES(p4, prevented)
CASES(g_single, happens)
CASES(g_single, prevented)
CASES(g_single_dependencies, happens)
CASES(g_single_dependencies, prevented)
CASES(g_single_write_1, happens)
CASES(g_single_write_1, prevented)
CASES(g_single_write_2, happens)
CASES(g_single_write_2, prevented)
CASES(g2_item, happens)
CASES(g2_item, prevented)
CASES(g2, happens)
CASES(g2, prevented)
CASES(g2_two_edges, happens)
CASES(g2_two_edges, prevented)

#define PAIR(script, level, text)                                                                  \
	{ "promise-Hermitage " text ", one thread", test_##script##_##level##_one, 0 },            \
	{                                                                                          \
		"promise-Hermitage " text ", many threads", test_##script##_##level##_many, 0      \
	}

T_MAIN("hermitage", PAIR(g0, prevented, "G0 is prevented at read committed"),
	PAIR(g1a, prevented, "G1a is prevented at read committed"),
	PAIR(g1b, prevented, "G1b is prevented at read committed"),
	PAIR(g1c, prevented, "G1c is prevented at read committed"),
	PAIR(otv, prevented, "OTV is prevented at read committed"),
	PAIR(pmp_read, happens, "PMP happens at read committed"),
	PAIR(pmp_read, prevented, "PMP is prevented at repeatable read"),
	PAIR(pmp_write, happens, "PMP with a write happens at read committed"),
	PAIR(pmp_write, prevented, "PMP with a write is prevented at repeatable read"),
	PAIR(p4, happens, "P4 happens at read committed"),
	PAIR(p4, prevented, "P4 is prevented at repeatable read"),
	PAIR(g_single, happens, "G-single happens at read committed"),
	PAIR(g_single, prevented, "G-single is prevented at repeatable read"),
	PAIR(g_single_dependencies, happens,
		"G-single with dependencies happens at read committed"),
	PAIR(g_single_dependencies, prevented,
		"G-single with dependencies is prevented at repeatable read"),
	PAIR(g_single_write_1, happens, "G-single with a late write happens at read committed"),
	PAIR(g_single_write_1, prevented,
		"G-single with a late write is prevented at repeatable read"),
	PAIR(g_single_write_2, happens, "G-single with a blocked write happens at read committed"),
	PAIR(g_single_write_2, prevented,
		"G-single with a blocked write is prevented at repeatable read"),
	PAIR(g2_item, happens, "G2-item happens at repeatable read"),
	PAIR(g2_item, prevented, "G2-item is prevented at serializable"),
	PAIR(g2, happens, "G2 happens at repeatable read"),
	PAIR(g2, prevented, "G2 is prevented at serializable"),
	PAIR(g2_two_edges, happens, "G2 with two edges happens at repeatable read"),
	PAIR(g2_two_edges, prevented, "G2 with two edges is prevented at serializable"))
