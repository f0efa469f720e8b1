/* SPDX-License-Identifier: MIT */
/* What a snapshot says beside what the server says, and beside what was done: states, kinds, ends,
 * times. Three engines in a registry. */
#include "pipeline.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENGINES 3

static const char *const names[ENGINES] = { "reader", "writer", "logger" };

static void open_engine(hf_engines *e, int i, const char *dsn)
{
	char pool[64];
	hf_error *why;
	hf_status st;

	snprintf(pool, sizeof pool, "%s-%s", t_name(), names[i]);
	st = hf_engines_open(e, names[i], dsn,
		HF_ENGINE_OPTS(.is_default = i == 1,
			.pool = HF_POOL_OPTS(.name = pool, .min_conns = 2 + 2 * i,
				.max_conns = 2 + 2 * i)),
		&why);
	ck_assert_msg(st == HF_OK, "%s", hf_error_message(why));
}

static hf_engines *three(const char *dsn)
{
	hf_engines *e = hf_engines_new();

	for (int i = 0; i < ENGINES; i++)
		open_engine(e, i, dsn);
	return e;
}

static void end_engines(hf_engines *e)
{
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}

static hf_pool *pool_of(hf_engines *e, const char *name)
{
	hf_pool *p = hf_engines_get(e, name, NULL);

	hf_pool_unref(p); /* the registry has it */
	return p;
}

static hf_snapshot *snapshot(hf_engines *e)
{
	hf_snapshot *s = hf_engines_snapshot(e, NULL);

	ck_assert_uint_eq(hf_snapshot_count(s), ENGINES);
	for (size_t i = 0; i < ENGINES; i++)
		ck_assert_str_eq(hf_snapshot_at(s, i)->name, names[i]);
	return s;
}

/* --- beside pg_stat_activity --- */

struct seen {
	unsigned conns, active, in_txn;
};

static long long sessions(const char *pool, const char *state)
{
	char sql[300];

	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where application_name = '%s' "
		"and state like '%s'",
		pool, state);
	return t_psql_int(sql);
}

struct wanted {
	hf_engines *e;
	struct seen at[ENGINES];
	char story[1000];
};

/* The server and the snapshot agree, and on what is wanted. */
static bool agree(void *arg)
{
	struct wanted *w = arg;
	hf_snapshot *s = snapshot(w->e);
	bool all = true;
	size_t n = 0;

	for (size_t i = 0; i < ENGINES; i++) {
		const hf_engine_stats *x = hf_snapshot_at(s, i);
		const struct seen *want = &w->at[i];
		long long conns = sessions(x->pool, "%"), active = sessions(x->pool, "active"),
			  in_txn = sessions(x->pool, "idle in transaction%");

		n += (size_t)snprintf(w->story + n, sizeof w->story - n,
			"%s: %u %u %u, server %lld %lld %lld, wanted %u %u %u\n", x->name,
			x->stats->conns, x->stats->active, x->stats->idle_in_txn, conns, active,
			in_txn, want->conns, want->active, want->in_txn);
		all &= x->stats->conns == want->conns && conns == want->conns &&
		       x->stats->active == want->active && active == want->active &&
		       x->stats->idle_in_txn == want->in_txn && in_txn == want->in_txn;
	}
	hf_snapshot_unref(s);
	return all;
}

static void expect_states(struct wanted *w)
{
	if (!t_wait_until(agree, w, 10000))
		ck_abort_msg("they do not agree:\n%s", w->story);
}

static hf_status hold(hf_conn *c, void *gate, hf_reply *reply)
{
	const hf_result *res;

	(void)reply;
	if (hf_conn_query(c, &res, "select 1") != HF_OK)
		return HF_E_USER;
	while (sem_wait(gate) != 0)
		;
	return HF_OK;
}

START_TEST(test_states)
{
	struct wanted w = { three(t_dsn()), { { 2, 0, 0 }, { 4, 0, 0 }, { 6, 0, 0 } }, "" };
	hf_pool *writer = pool_of(w.e, "writer"), *logger = pool_of(w.e, "logger");
	hf_txn *idle, *failed, *fresh;
	hf_future *sleeper, *inside, *f;
	sem_t gate;

	sem_init(&gate, 0, 0);
	expect_states(&w);
	/* One that runs, one between two statements, one that has failed, one that has not begun.
	 */
	sleeper = hf_query(logger, "select pg_sleep(60)");
	idle = hf_txn_begin(logger, NULL);
	t_done(hf_txn_query(idle, "select 1"));
	failed = hf_txn_begin(logger, NULL);
	t_failed(hf_txn_query(failed, "select 1 / 0"), HF_E_SQL);
	fresh = hf_txn_begin(logger, NULL);
	inside = hf_run(writer, hold, &gate, NULL);
	w.at[1] = (struct seen){ 4, 0, 1 };
	w.at[2] = (struct seen){ 6, 1, 2 };
	expect_states(&w);
	ck_assert_uint_eq(t_stats(logger).pinned, 3);
	f = hf_txn_query(idle, "select pg_sleep(60)");
	w.at[2] = (struct seen){ 6, 2, 1 };
	expect_states(&w);
	ck_assert_int_eq(hf_future_cancel(sleeper), HF_PENDING);
	ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
	t_failed(sleeper, HF_E_CANCELED);
	t_failed(f, HF_E_CANCELED);
	sem_post(&gate);
	t_done(inside);
	hf_txn_unref(idle);
	hf_txn_unref(failed);
	hf_txn_unref(fresh);
	w.at[1] = (struct seen){ 4, 0, 0 };
	w.at[2] = (struct seen){ 6, 0, 0 };
	expect_states(&w);
	end_engines(w.e);
}
END_TEST

/* --- beside what was done --- */

static hf_status two_statements(hf_conn *c, void *second, hf_reply *reply)
{
	const hf_result *res;

	(void)reply;
	if (hf_conn_query(c, &res, "select 1") != HF_OK)
		return HF_E_USER;
	return hf_conn_query(c, &res, second);
}

static void run_kinds(hf_pool *p)
{
	static char good[] = "select 2", bad[] = "select 1 / 0";
	hf_txn *t;

	for (int i = 0; i < 5; i++)
		t_done(hf_query(p, "select $1::int", i));
	ck_assert_int_eq(hf_fetch(p, NULL, NULL, "select 1 / 0"), HF_E_SQL);
	t_done(hf_script(p, "select 1; select 2"));
	t_done(hf_run(p, two_statements, good, NULL));
	t_failed(hf_run(p, two_statements, bad, NULL), HF_E_SQL);
	for (int i = 0; i < 2; i++) {
		t = hf_txn_begin(p, NULL);
		t_done(hf_txn_query(t, "select 1"));
		t_done(i ? hf_txn_commit(t) : hf_txn_rollback(t));
		hf_txn_unref(t);
	}
}

/* By kind, exactly: a script is one statement, holdfast's own are none. */
START_TEST(test_kinds)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2));
	hf_pool_stats s;

	run_kinds(p);
	t_wait_idle(p, 2);
	s = t_stats(p);
	ck_assert_uint_eq(s.queries, 6);
	ck_assert_uint_eq(s.scripts, 1);
	ck_assert_uint_eq(s.interactions, 2);
	ck_assert_uint_eq(s.transactions, 2);
	ck_assert_uint_eq(s.completed, 11);
	ck_assert_uint_eq(s.failed, 2);
	ck_assert_uint_eq(s.statements, 6 + 1 + 4 + 2);
	ck_assert_uint_eq(s.statement_failures, 2);
	ck_assert_uint_eq(s.commits, 2);
	ck_assert_uint_eq(s.rollbacks, 2);
	ck_assert_uint_eq(s.wait.count, 11);
	ck_assert_uint_eq(s.query.count, 7);
	ck_assert_uint_eq(s.hold.count, 4);
	ck_assert_uint_eq(s.wait.sum_ns, s.queue_ns);
	ck_assert_uint_eq(s.query.sum_ns + s.hold.sum_ns, s.run_ns);
	/* The sessions end, and what they did is still counted. */
	ck_assert_int_eq(hf_pool_resize(p, 1, 1), HF_OK);
	t_wait_idle(p, 1);
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	ck_assert_uint_eq(t_stats(p).statements, s.statements);
	ck_assert_uint_eq(t_stats(p).commits, s.commits);
	hf_pool_unref(p);
}
END_TEST

/* Each kind of failure on its own: too long in the queue, too long at the server, lost. */
START_TEST(test_failures)
{
	hf_pool *p = t_pipe_pool(T_DEPTH);
	struct t_dam dam;
	hf_pool_stats s;
	hf_future *f, *last;

	t_dam_shut(&dam, p);
	f = hf_query_with(p, HF_QUERY_OPTS(.acquire_ms = 60), "select 1");
	last = hf_query(p, "select 1");
	ck_assert_uint_ge(t_stats(p).oldest_wait_ms, 1); /* from the first moment */
	while (t_stats(p).oldest_wait_ms < 30)
		t_sleep_ms(1);
	t_failed(f, HF_E_BUSY);
	ck_assert_uint_ge(t_stats(p).oldest_wait_ms, 30);
	t_dam_open(&dam);
	t_done(last);
	ck_assert_uint_eq(t_stats(p).oldest_wait_ms, 0);
	t_failed(hf_query_with(p, HF_QUERY_OPTS(.timeout_ms = 20), "select pg_sleep(60)"),
		HF_E_TIMEOUT);
	t_failed(hf_query(p, "select pg_terminate_backend(pg_backend_pid())"), HF_E_CONN_LOST);
	t_wait_idle(p, 1);
	s = t_stats(p);
	ck_assert_uint_eq(s.failed, 3);
	ck_assert_uint_eq(s.wait_timeouts, 1);
	ck_assert_uint_eq(s.run_timeouts, 1);
	ck_assert_uint_eq(s.conn_losses, 1);
	ck_assert_uint_eq(s.reconnects, 1);
	/* What never ran has no times. */
	ck_assert_uint_eq(s.wait.count, s.completed - 1);
	t_close(p);
}
END_TEST

/* --- times --- */

#define MS INT64_C(1000000)

/* Twenty of 50 ms and one of 400 ms, one after the other: each waits for those before it. */
START_TEST(test_times)
{
	hf_pool *p = t_pipe_pool(1);
	hf_future *f[21];
	hf_pool_stats was = t_stats(p), s;

	for (int i = 0; i < 21; i++)
		f[i] = hf_query(p, "select pg_sleep($1::int / 1000.0)", i < 20 ? 50 : 400);
	for (int i = 0; i < 21; i++)
		t_done(f[i]);
	s = t_stats(p);
	hf_histogram_subtract(&s.query, &was.query);
	hf_histogram_subtract(&s.wait, &was.wait);
	ck_assert_uint_eq(s.query.count, 21);
	ck_assert_int_ge(hf_histogram_quantile(&s.query, 0.5), 50 * MS * 15 / 16);
	ck_assert_int_le(hf_histogram_quantile(&s.query, 0.5), 300 * MS * t_slow());
	ck_assert_int_ge(hf_histogram_quantile(&s.query, 0.99), 400 * MS * 15 / 16);
	ck_assert_uint_ge(s.query.sum_ns, (uint64_t)(1400 * MS));
	ck_assert_int_le(hf_histogram_quantile(&s.wait, 0), 300 * MS * t_slow());
	ck_assert_int_ge(hf_histogram_quantile(&s.wait, 1), 1000 * MS * 15 / 16);
	t_close(p);
}
END_TEST

/* --- the outside --- */

static void to_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* Prometheus' own tool has nothing to say about it. Without the id of J13, which is proven by hand
 * where the tool is not installed. */
START_TEST(test_promtool)
{
	char path[] = "/tmp/hf-metrics-XXXXXX", command[200], said[2000] = "";
	hf_engines *e;
	hf_snapshot *s;
	FILE *tool;
	char *text;

	if (system("command -v promtool >/dev/null") != 0)
		t_skip("promtool (Debian: prometheus) is not installed");
	e = three(t_dsn());
	run_kinds(pool_of(e, "writer"));
	s = snapshot(e);
	text = hf_snapshot_prometheus(s);
	close(mkstemp(path));
	to_file(path, text);
	snprintf(command, sizeof command, "promtool check metrics <%s 2>&1", path);
	tool = popen(command, "r");
	ck_assert_ptr_nonnull(tool);
	said[fread(said, 1, sizeof said - 1, tool)] = '\0';
	ck_assert_msg(pclose(tool) == 0 && said[0] == '\0', "%s", said);
	unlink(path);
	free(text);
	hf_snapshot_unref(s);
	end_engines(e);
}
END_TEST

static void secretless(char *text)
{
	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_null(strstr(text, "secret"));
	ck_assert_ptr_null(strstr(text, "needs_password"));
	free(text);
}

START_TEST(test_secrets)
{
	char dsn[500];
	hf_snapshot *s;
	hf_engines *e;

	t_need_pgctl();
	snprintf(dsn, sizeof dsn, "%s user=needs_password password=secret", t_dsn());
	e = three(dsn);
	t_done(hf_query(pool_of(e, "writer"), "select 1"));
	s = snapshot(e);
	secretless(hf_snapshot_text(s));
	secretless(hf_snapshot_prometheus(s));
	secretless(hf_pool_describe(pool_of(e, "writer")));
	hf_snapshot_unref(s);
	end_engines(e);
}
END_TEST

T_MAIN("metrics",
	{ "J13 a registry of three engines: states as pg_stat_activity has them", test_states, 60 },
	{ "J13 what was done is counted by kind", test_kinds, 0 },
	{ "J13 failures are counted by what they failed of", test_failures, 0 },
	{ "J13 histograms: how long queries ran and waited", test_times, 0 },
	{ "Prometheus: promtool finds nothing to say", test_promtool, 0 },
	{ "J13 promise-H25 no password in any form of a snapshot", test_secrets, 0 })
