/* SPDX-License-Identifier: MIT */
/* Prepared statements in batches: tables change under them, they cannot be prepared, somebody
 * throws them all away, or there are too many; a query outside of a transaction notices nothing. */
#include "pipeline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- ALTER TABLE under load ----------------------------------------------------------------------
 */

#define CALLERS 8
#define CHANGES 150

struct load {
	hf_pool *pool;
	int batch;
	atomic_bool stop;
	atomic_long n;
	char wrong[400]; /* written by one thread at most */
	atomic_bool failed;
};

static void complain(struct load *l, hf_future *f, int want)
{
	if (!atomic_exchange(&l->failed, true))
		snprintf(l->wrong, sizeof l->wrong, "row %d: %s %s", want,
			hf_error_sqlstate(hf_future_error(f)),
			hf_error_message(hf_future_error(f)));
}

/* So many at a time, each asking for another row. */
static void *call(void *arg)
{
	struct load *l = arg;
	hf_future *f[16];
	const hf_result *res;
	int id[16], next = 0;

	while (!atomic_load(&l->stop)) {
		for (int i = 0; i < l->batch; i++) {
			id[i] = next++ % 100 + 1;
			f[i] = hf_query(l->pool,
				i % 2 ? "select * from altered where id = $1"
				      : "select a.*, 7 from altered a where id = $1",
				id[i]);
		}
		for (int i = 0; i < l->batch; i++) {
			if (hf_future_get_for(f[i], 20000 * t_slow(), &res) != HF_OK ||
				hf_result_rows(res) != 1 ||
				hf_row_int8(hf_result_row(res, 0), 0, -1) != id[i])
				complain(l, f[i], id[i]);
			hf_future_unref(f[i]);
			atomic_fetch_add(&l->n, 1);
		}
	}
	return NULL;
}

static bool has_moved(void *arg)
{
	struct load *l = ((void **)arg)[0];
	long *until = ((void **)arg)[1];

	return atomic_load(&l->n) >= *until || atomic_load(&l->failed);
}

/* Each change meets statements that have been used since the one before it. */
static void change(struct load *l, hf_pool *ddl, int i)
{
	static const char *const changes[] = {
		"alter table altered add column extra int default 5",
		"alter table altered alter column extra type text",
		"alter table altered alter column b type bigint",
		"alter table altered drop column extra",
		"alter table altered alter column b type int",
		"alter table altered rename column b to c",
		"alter table altered rename column c to b",
	};
	long until = atomic_load(&l->n) + 40;
	void *both[] = { l, &until };

	t_done(hf_query_at(HF_HERE, ddl, changes[(size_t)i % T_COUNT(changes)], NULL, 0));
	ck_assert(t_wait_until(has_moved, both, 10000));
}

static void alter_under_load(int depth, int batch)
{
	static struct load l;
	hf_pool *ddl = t_pool(HF_POOL_OPTS(.name = "ddl", .max_conns = 1));
	pthread_t t[CALLERS];

	free(t_psql("set client_min_messages to warning; drop table if exists altered;"
		    "create table altered (id int primary key, b int);"
		    "insert into altered select i, i from generate_series(1, 100) i"));
	l.batch = batch;
	l.pool = t_pool(HF_POOL_OPTS(.min_conns = 4, .max_conns = 4, .max_pipeline = depth));
	t_wait_idle(l.pool, 4);
	for (int i = 0; i < CALLERS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, call, &l), 0);
	for (int i = 0; i < CHANGES && !atomic_load(&l.failed); i++)
		change(&l, ddl, i);
	atomic_store(&l.stop, true);
	for (int i = 0; i < CALLERS; i++)
		pthread_join(t[i], NULL);
	if (atomic_load(&l.failed))
		ck_abort_msg("after %ld queries %s", atomic_load(&l.n), l.wrong);
	printf("# %d changes, %ld queries, %llu of them together\n", CHANGES, atomic_load(&l.n),
		(unsigned long long)t_stats(l.pool).pipelined);
	/* Not at the price of connections. */
	ck_assert_uint_eq(t_stats(l.pool).connects, 4);
	ck_assert_uint_eq(t_stats(l.pool).failed, 0);
	t_expect_together(l.pool, depth, batch > 1 ? CHANGES : 0);
	t_close(l.pool);
	t_close(ddl);
}

START_TEST(test_alter)
{
	alter_under_load(T_DEPTH, 1);
}
END_TEST

START_TEST(test_alter_in_batches)
{
	alter_under_load(T_DEPTH, 16);
}
END_TEST

START_TEST(test_alter_alone)
{
	alter_under_load(T_ALONE, 16);
}
END_TEST

/* The same without luck: prepared by one batch, changed, and used by the next, at each position. */
static void changed_between_batches(int depth)
{
	hf_pool *p;

	free(t_psql("set client_min_messages to warning; drop table if exists altered, other;"
		    "create table altered (id int); create table other (id int);"
		    "insert into altered values (1); insert into other values (2)"));
	p = t_pipe_pool(depth);
	for (int stale = 0; stale < 12; stale++) {
		hf_future *f[12];

		for (int again = 0; again < 5; again++) {
			struct t_dam dam;

			t_dam_shut(&dam, p);
			for (int i = 0; i < 12; i++)
				f[i] = hf_query(p, i == stale || i == (stale + 3) % 12
							   ? "select * from altered"
							   : "select * from other");
			t_dam_open(&dam);
			for (int i = 0; i < 12; i++) {
				const hf_result *res = t_ok(f[i]);
				bool of_altered = i == stale || i == (stale + 3) % 12;

				ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 0, -1),
					of_altered ? 1 : 2);
				ck_assert_int_eq(
					hf_result_columns(res), of_altered && again == 4 ? 2 : 1);
				hf_future_unref(f[i]);
			}
			if (again == 3)
				free(t_psql("alter table altered add column b int"));
		}
		free(t_psql("alter table altered drop column b"));
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_together(p, depth, 12 * 11 * 4);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(changed_between_batches)

/* --- what cannot be prepared (rule-62) -----------------------------------------------------------
 */

static void bad_round(hf_pool *p, bool exists)
{
	hf_future *f[40];
	struct t_dam dam;

	t_dam_shut(&dam, p);
	for (int i = 0; i < 40; i++)
		f[i] = i % 3 == 1 ? hf_query(p, "select id + $1::int from not_there", i)
				  : hf_query(p, "select $1::int * 2", i);
	t_dam_open(&dam);
	for (int i = 0; i < 40; i++) {
		if (i % 3 != 1)
			ck_assert_int_eq(t_int(f[i]), 2 * i);
		else if (exists)
			ck_assert_int_eq(t_int(f[i]), 1000 + i);
		else
			t_sqlstate(f[i], "42P01");
	}
}

/* The same bad text many times, before and after it becomes a good one, and again. */
static void cannot_be_prepared(int depth)
{
	hf_pool *p;

	free(t_psql("set client_min_messages to warning; drop table if exists not_there"));
	p = t_pipe_pool(depth);
	for (int again = 0; again < 5; again++) {
		for (int i = 0; i < 3; i++)
			bad_round(p, false);
		free(t_psql(
			"create table not_there (id int); insert into not_there values (1000)"));
		for (int i = 0; i < 3; i++)
			bad_round(p, true);
		free(t_psql("drop table not_there"));
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_together(p, depth, 1000);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(cannot_be_prepared)

/* --- all thrown away -----------------------------------------------------------------------------
 */

/* Between batches, and in the midst of one. */
static void thrown_away(int depth)
{
	static const char *const ways[] = { "discard all", "deallocate all", "discard plans",
		"deallocate prepare all", "/* x */ discard all" };
	hf_pool *p = t_pipe_pool(depth);

	for (int again = 0; again < 15; again++) {
		const char *way = ways[(size_t)again % T_COUNT(ways)];
		hf_future *f[40];
		struct t_dam dam;

		t_dam_shut(&dam, p);
		for (int i = 0; i < 40; i++) {
			if (i == 20 && again % 2)
				f[i] = hf_query_at(HF_HERE, p, way, NULL, 0);
			else
				f[i] = hf_query(
					p, i % 2 ? "select $1::int + 1" : "select $1::int + 2", i);
		}
		t_dam_open(&dam);
		for (int i = 0; i < 40; i++) {
			if (i == 20 && again % 2)
				t_done(f[i]);
			else
				ck_assert_int_eq(t_int(f[i]), i + (i % 2 ? 1 : 2));
		}
		t_done(hf_query_at(HF_HERE, p, way, NULL, 0));
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	ck_assert_uint_eq(t_stats(p).failed, 0);
	t_expect_together(p, depth, 500);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(thrown_away)

/* --- too many ------------------------------------------------------------------------------------
 */

/* A batch of more texts than may be kept, each several times over. */
static void too_many(int depth)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_pipeline = depth,
		.max_queue = HF_FOREVER, .max_statements = 4));
	char sql[80];
	hf_future *f[60];

	t_wait_idle(p, 1);
	for (int again = 0; again < 10; again++) {
		struct t_dam dam;

		t_dam_shut(&dam, p);
		for (int i = 0; i < 60; i++) {
			/* Three in a row, then mixed. */
			int text = again % 2 ? i / 3 : i * 7 % 20;

			snprintf(sql, sizeof sql, "select $1::int + %d", 100 * text);
			f[i] = hf_query_at(HF_HERE, p, sql, (const hf_value[]){ HF_V(i) }, 1);
		}
		t_dam_open(&dam);
		for (int i = 0; i < 60; i++)
			ck_assert_int_eq(t_int(f[i]), i + 100 * (again % 2 ? i / 3 : i * 7 % 20));
		ck_assert_int_le(
			t_int(hf_query(p, "select count(*) from pg_prepared_statements")), 5);
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	ck_assert_uint_eq(t_stats(p).failed, 0);
	t_expect_together(p, depth, 400);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(too_many)

T_MAIN("pipeline_statements", { "J2 ALTER TABLE in a loop under load", test_alter, 60 },
	{ "J2 ALTER TABLE in a loop under a load of batches", test_alter_in_batches, 60 },
	{ "J2 ALTER TABLE in a loop, one query at a time", test_alter_alone, 60 },
	{ "a table changes between batches", changed_between_batches_together, 0 },
	{ "a table changes between queries", changed_between_batches_alone, 0 },
	{ "what cannot be prepared, many times in a batch (rule-62)", cannot_be_prepared_together,
		0 },
	{ "what cannot be prepared, one by one", cannot_be_prepared_alone, 0 },
	{ "DISCARD ALL in the midst of a batch (rule-64)", thrown_away_together, 0 },
	{ "DISCARD ALL, one by one", thrown_away_alone, 0 },
	{ "more texts in a batch than are kept", too_many_together, 0 },
	{ "more texts than are kept, one by one", too_many_alone, 0 })
