/* SPDX-License-Identifier: MIT */
/* Snapshots while work goes on, connections are lost, pools are resized, and engines are replaced:
 * what counts never falls, and adds up in the end. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLERS 2

struct sampler {
	pthread_t thread;
	hf_engines *e;
	atomic_bool *stop;
	atomic_long taken;
	char fell[300]; /* the first counter that did; "" */
	/* Pools come and go, and their counters begin anew: all the engines there ever were may be
	 * there, or fewer of them, but `least`. */
	bool young;
	size_t least;
};

static void compare_histogram(
	struct sampler *m, const char *name, const hf_histogram *was, const hf_histogram *is)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < HF_HISTOGRAM_BUCKETS; i++) {
		sum += is->bucket[i];
		if (is->bucket[i] < was->bucket[i])
			snprintf(m->fell, sizeof m->fell, "%s, bucket %zu", name, i);
	}
	if (is->sum_ns < was->sum_ns || sum != is->count)
		snprintf(m->fell, sizeof m->fell, "%s: sum or count", name);
}

/* Within one snapshot. */
static void check_sums(struct sampler *m, const hf_pool_stats *s)
{
	if (s->completed > s->submitted ||
		s->queries + s->scripts + s->interactions + s->transactions != s->completed ||
		s->failed + s->canceled > s->completed || s->wait.count > s->completed ||
		s->query.count + s->hold.count != s->wait.count ||
		s->statement_failures > s->statements || s->idle + s->busy > s->conns ||
		s->active + s->idle_in_txn > s->conns)
		snprintf(m->fell, sizeof m->fell, "the numbers do not add up");
}

static void compare(struct sampler *m, const hf_pool_stats *was, const hf_pool_stats *is)
{
	const hf_metric *x;

	check_sums(m, is);
	for (size_t i = 0; (x = hf_metric_at(i)) != NULL && !m->young; i++) {
		if (x->kind == HF_METRIC_GAUGE)
			continue;
		if (hf_metric_value(is, i) < hf_metric_value(was, i))
			snprintf(m->fell, sizeof m->fell, "%s: %llu, was %llu", x->name,
				(unsigned long long)hf_metric_value(is, i),
				(unsigned long long)hf_metric_value(was, i));
		if (x->kind == HF_METRIC_HISTOGRAM)
			compare_histogram(m, x->name, hf_metric_histogram(was, i),
				hf_metric_histogram(is, i));
	}
}

static const hf_pool_stats *stats_at(const hf_snapshot *s, size_t i)
{
	return i < hf_snapshot_count(s) ? hf_snapshot_at(s, i)->stats : NULL;
}

static void *sample(void *arg)
{
	struct sampler *m = arg;
	hf_snapshot *before = hf_engines_snapshot(m->e, NULL);

	while (!atomic_load(m->stop) && !m->fell[0]) {
		hf_snapshot *s = hf_engines_snapshot(m->e, NULL);

		if (hf_snapshot_count(s) < m->least || hf_snapshot_count(s) > 3)
			snprintf(m->fell, sizeof m->fell, "%zu engines", hf_snapshot_count(s));
		for (size_t i = 0; i < hf_snapshot_count(s) && !m->fell[0]; i++)
			compare(m, stats_at(before, i), stats_at(s, i));
		if (atomic_fetch_add(&m->taken, 1) % 16 == 0)
			free(hf_snapshot_prometheus(s));
		hf_snapshot_unref(before);
		before = s;
	}
	hf_snapshot_unref(before);
	return NULL;
}

/* Of a registry that has at least so many of its three engines. */
static void start_sampling(
	struct sampler *m, hf_engines *e, atomic_bool *stop, bool young, size_t least)
{
	memset(m, 0, SAMPLERS * sizeof *m);
	for (int i = 0; i < SAMPLERS; i++) {
		m[i].e = e;
		m[i].stop = stop;
		m[i].young = young;
		m[i].least = least;
		ck_assert_int_eq(pthread_create(&m[i].thread, NULL, sample, &m[i]), 0);
	}
}

static void end_sampling(struct sampler *m, atomic_bool *stop)
{
	atomic_store(stop, true);
	for (int i = 0; i < SAMPLERS; i++) {
		pthread_join(m[i].thread, NULL);
		ck_assert_msg(m[i].fell[0] == '\0', "%s", m[i].fell);
		ck_assert_int_gt(atomic_load(&m[i].taken), 10);
	}
}

static void open_three(hf_engines *e)
{
	static const char *const names[] = { "reader", "writer", "logger" };
	hf_error *why;

	for (size_t i = 0; i < T_COUNT(names); i++)
		if (hf_engines_open(e, names[i], t_dsn(),
			    HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.name = t_name(), .max_conns = 4)),
			    &why) != HF_OK)
			ck_abort_msg("%s", hf_error_message(why));
}

static void kill_sessions(void)
{
	char sql[200];

	snprintf(sql, sizeof sql,
		"select count(pg_terminate_backend(pid)) from pg_stat_activity "
		"where application_name = '%s'",
		t_name());
	free(t_psql(sql));
}

/* One transaction, which may be lost. */
static void transact(hf_pool *p, bool commit)
{
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_future *f;

	hf_future_unref(hf_txn_query(t, "select 1"));
	hf_future_unref(hf_txn_query(t, "select 2"));
	f = commit ? hf_txn_commit(t) : hf_txn_rollback(t);
	ck_assert_int_ne(hf_future_get_for(f, 10000 * t_slow(), NULL), HF_PENDING);
	hf_future_unref(f);
	hf_txn_unref(t);
}

START_TEST(test_monotonic)
{
	hf_engines *e = hf_engines_new();
	struct sampler m[SAMPLERS];
	struct t_load l;
	atomic_bool stop = false;
	hf_pool_stats s;
	hf_pool *p;

	open_three(e);
	p = hf_engines_get(e, "writer", NULL);
	start_sampling(m, e, &stop, false, 3);
	t_load_start(&l, p, 4, "select 1");
	for (int i = 0; i < 10; i++) {
		t_load_await(&l, 200);
		kill_sessions();
		ck_assert_int_eq(hf_pool_resize(p, 1, 1 + i % 4), HF_OK);
		transact(p, i % 2 != 0);
	}
	t_load_stop(&l);
	end_sampling(m, &stop);
	t_wait_idle(p, t_stats(p).conns);
	s = t_stats(p);
	ck_assert_uint_eq(s.completed, s.submitted);
	ck_assert_uint_eq(s.queries, (uint64_t)(l.ok + l.failed));
	ck_assert_uint_eq(s.transactions, 10);
	ck_assert_uint_ge(s.statements, (uint64_t)l.ok);
	ck_assert_uint_ge(s.wait.count, (uint64_t)l.ok);
	ck_assert_uint_ge(s.reconnects, 1);
	hf_pool_unref(p);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}
END_TEST

/* Each engine in turn gets a new pool, is assigned, and named anew, while snapshots are taken:
 * there are always three. */
START_TEST(test_replaced)
{
	static const char *const names[] = { "reader", "writer", "logger" };
	hf_engines *e = hf_engines_new();
	struct sampler m[SAMPLERS];
	atomic_bool stop = false;
	hf_pool *p;

	open_three(e);
	start_sampling(m, e, &stop, true, 3);
	for (int i = 0; i < 12; i++) {
		p = hf_engines_get(e, names[i % 3], NULL);
		for (int k = 0; k < 20; k++)
			hf_future_unref(hf_query(p, "select $1::int", k));
		ck_assert_int_eq(hf_engines_open(e, names[i % 3], t_dsn(),
					 HF_ENGINE_OPTS(.replace = true,
						 .pool = HF_POOL_OPTS(.name = t_name())),
					 NULL),
			HF_OK);
		ck_assert_int_eq(hf_engines_assign(e, "job", names[i % 3], NULL), HF_OK);
		ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_CLOSED);
		ck_assert_uint_eq(t_stats(p).completed, 20);
		hf_pool_unref(p);
	}
	end_sampling(m, &stop);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}
END_TEST

/* The registry is emptied and filled again, with work in its pools; and a pool is closed and opened
 * again, which keeps its counters. */
START_TEST(test_closing)
{
	hf_engines *e = hf_engines_new();
	struct sampler m[SAMPLERS];
	atomic_bool stop = false;
	uint64_t done = 0;
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2));

	start_sampling(m, e, &stop, true, 0);
	for (int i = 0; i < 6; i++) {
		hf_pool *writer;

		open_three(e);
		writer = hf_engines_get(e, "writer", NULL);
		for (int k = 0; k < 20; k++) {
			hf_future_unref(hf_query(writer, "select $1::int", k));
			hf_future_unref(hf_query(p, "select $1::int", k));
		}
		hf_pool_unref(writer);
		ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
		ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
		ck_assert_uint_eq(t_stats(p).queries, done += 20);
		ck_assert_uint_eq(t_stats(p).statements, done);
		ck_assert_uint_eq(t_stats(p).wait.count, done);
		ck_assert_int_eq(hf_pool_reopen(p, NULL), HF_OK);
	}
	end_sampling(m, &stop);
	t_close(p);
	hf_engines_unref(e);
}
END_TEST

T_MAIN("metrics_load", { "J13 counters are monotonic under load and losses", test_monotonic, 60 },
	{ "J13 snapshots while engines are replaced", test_replaced, 60 },
	{ "J13 snapshots while pools are closed and opened", test_closing, 60 })
