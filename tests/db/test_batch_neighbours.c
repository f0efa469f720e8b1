/* SPDX-License-Identifier: MIT */
/* What one query of a batch must not do to another: stop it, hold its result back, show it a
 * setting. */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In microseconds, when it began; it ends 3 s later. */
#define SLOW "select (extract(epoch from clock_timestamp()) * 1000000)::bigint, pg_sleep(3)"
#define NOW  "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"

/* --- the cancel of one in a group --- */

/* It has not been stopped and begun anew for its neighbour's sake. */
static void began_before(hf_future *f, long long moment)
{
	ck_assert_int_lt(t_int(f), moment);
}

/* Cancelled; its answer may have been there already. */
static void may_have_ended(hf_future *f)
{
	ck_assert_int_eq(hf_future_wait_for(f, 5000 * t_slow()), HF_OK);
	if (hf_future_get(f, NULL) != HF_OK)
		t_fails(f, HF_E_CANCELED);
	hf_future_unref(f);
}

/* Two of a group, one of them slow; the other is cancelled while the slow one runs. */
static void cancel_the_quick_one(bool slow_first)
{
	hf_pool *p = t_group_pool();
	hf_future *quick, *slow = NULL;
	struct t_dam dam;
	long long moment;

	t_dam_shut(&dam, p);
	if (slow_first)
		slow = hf_query(p, SLOW);
	quick = hf_query(p, "select 1");
	if (!slow_first)
		slow = hf_query(p, SLOW);
	t_dam_open(&dam);
	t_wait_asleep();
	moment = t_psql_int(NOW);
	hf_future_cancel(quick);
	began_before(slow, moment);
	may_have_ended(quick);
	ck_assert_uint_ge(t_stats(p).fast_lane, 2);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_sane(p);
	t_close(p);
}

/* The slow one is cancelled; the other has its result. */
static void cancel_the_slow_one(bool slow_first)
{
	hf_pool *p = t_group_pool();
	hf_future *quick, *slow = NULL;
	struct t_dam dam;

	t_dam_shut(&dam, p);
	if (slow_first)
		slow = hf_query(p, SLOW);
	quick = hf_query(p, "select 1");
	if (!slow_first)
		slow = hf_query(p, SLOW);
	t_dam_open(&dam);
	t_wait_asleep();
	hf_future_cancel(slow);
	t_failed(slow, HF_E_CANCELED);
	ck_assert_int_eq(t_int(quick), 1);
	ck_assert_uint_ge(t_stats(p).fast_lane, 2);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_sane(p);
	t_close(p);
}

START_TEST(test_quick_one)
{
	cancel_the_quick_one(false);
	cancel_the_quick_one(true);
}
END_TEST

START_TEST(test_slow_one)
{
	cancel_the_slow_one(false);
	cancel_the_slow_one(true);
}
END_TEST

/* Nobody is left who wants anything of the group: it is stopped. */
START_TEST(test_both)
{
	hf_pool *p = t_group_pool();
	hf_future *f[2];
	struct t_dam dam;

	t_dam_shut(&dam, p);
	f[0] = hf_query(p, "select 1");
	f[1] = hf_query(p, "select pg_sleep(600)");
	t_dam_open(&dam);
	t_wait_asleep();
	hf_future_cancel(f[0]);
	hf_future_cancel(f[1]);
	t_failed(f[1], HF_E_CANCELED);
	may_have_ended(f[0]);
	t_wait_awake();
	ck_assert_uint_ge(t_stats(p).fast_lane, 2);
	t_expect_sane(p);
	t_close(p);
}
END_TEST

/* --- behind others, each with a Sync of its own --- */

/* The first waits for a lock, the second, which would sleep, is cancelled. When the lock is free
 * the first one's result is there, whatever the server does then. */
START_TEST(test_held_back)
{
	hf_pool *p = t_pipe_pool(T_DEPTH);
	hf_future *f[2];
	struct t_lock lock;
	struct t_dam dam;
	char sql[160];

	snprintf(sql, sizeof sql, "select pg_sleep(%d)", 20 * t_slow());
	t_lock_take(&lock, 3);
	t_dam_shut(&dam, p);
	f[0] = hf_query(p, "select 7 from pg_advisory_xact_lock(3)");
	f[1] = hf_query(p, sql);
	t_dam_open(&dam);
	t_wait_blocked(1);
	hf_future_cancel(f[1]);
	t_failed(f[1], HF_E_CANCELED);
	ck_assert_int_eq(hf_future_ready(f[0]), false);
	t_lock_drop(&lock);
	if (hf_future_wait_for(f[0], 8000 * t_slow()) != HF_OK)
		ck_abort_msg("a result is held back behind a query that was cancelled");
	ck_assert_int_eq(t_int(f[0]), 7);
	t_expect_together(p, T_DEPTH, 2);
	snprintf(sql, sizeof sql,
		"select pg_cancel_backend(pid) from pg_stat_activity where "
		"application_name = '%s' and wait_event = 'PgSleep'",
		t_name());
	free(t_psql(sql));
	t_expect_sane(p);
	t_close(p);
}
END_TEST

/* A SELECT may write through a function: cancelled behind another it says that it may have. */
START_TEST(test_writing_function)
{
	hf_pool *p;
	int written = 0;

	t_ledger_new();
	free(t_psql("create or replace function put(int) returns int language sql as "
		    "'insert into ledger values ($1) returning id'"));
	p = t_pipe_pool(T_DEPTH);
	for (int i = 0; i < 10; i++) {
		hf_future *f[2];
		struct t_lock lock;
		struct t_dam dam;
		bool maybe;
		char sql[2][60];

		/* New ones, which are not known to be slow. */
		snprintf(sql[0], sizeof sql[0], "select %d from pg_advisory_xact_lock(3)", i);
		snprintf(sql[1], sizeof sql[1], "select put(%d)", i);
		t_lock_take(&lock, 3);
		t_dam_shut(&dam, p);
		f[0] = hf_query(p, sql[0]);
		f[1] = hf_query(p, sql[1]);
		t_dam_open(&dam);
		t_wait_blocked(1);
		hf_future_cancel(f[1]);
		maybe = hf_error_is(t_fails(f[1], HF_E_CANCELED), HF_MAYBE_COMMITTED);
		hf_future_unref(f[1]);
		t_lock_drop(&lock);
		ck_assert_int_eq(t_int(f[0]), i);
		t_done(hf_query(p, "select 1"));
		if (t_psql_int("select count(*) from ledger") > 0) {
			written++;
			ck_assert_msg(maybe, "a row is there that was told undone");
		}
		t_done(hf_query(p, "truncate ledger"));
	}
	printf("# %d of 10 had written\n", written);
	ck_assert_int_gt(written, 0);
	t_expect_together(p, T_DEPTH, 20);
	t_close(p);
}
END_TEST

/* --- too large --- */

static void behind_too_large(bool read_only)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_result = 100000,
		.max_queue = HF_FOREVER, .read_only = read_only));
	hf_future *f[3];
	struct t_dam dam;

	t_wait_idle(p, 1);
	t_dam_shut(&dam, p);
	f[0] = hf_query(p, "select repeat('x', 200000000)");
	f[1] = hf_query(p, "select 1");
	f[2] = hf_query(p, "select 2");
	t_dam_open(&dam);
	ck_assert(!hf_error_is(t_fails(f[0], HF_E_TOO_LARGE), HF_RETRYABLE));
	ck_assert_int_eq(hf_error_is(hf_future_error(f[0]), HF_MAYBE_COMMITTED), !read_only);
	hf_future_unref(f[0]);
	for (int i = 1; i < 3; i++) {
		ck_assert_int_eq(hf_future_wait_for(f[i], 10000 * t_slow()), HF_OK);
		if (hf_future_get(f[i], NULL) != HF_OK)
			t_fails(f[i], HF_E_CONN_LOST);
		hf_future_unref(f[i]);
	}
	t_expect_together(p, T_DEPTH, 3);
	t_expect_sane(p);
	t_close(p);
}

/* Those behind it have their results, or lose them with the connection; nobody cancelled them. */
START_TEST(test_too_large)
{
	behind_too_large(false);
	behind_too_large(true);
}
END_TEST

/* --- settings --- */

/* What one sets for its transaction is not seen by those that travel with it, before or behind. */
START_TEST(test_settings)
{
	static const char *const sets[] = {
		"with u as (select set_config('app.x', '42', true)) select * from u",
		"select set_config('app.x', '42', true)",
		"select \"set_config\"('app.x', '42', true)",
		"select pg_catalog.SET_CONFIG('app.x', '42', true)",
	};
	hf_pool *p = t_group_pool();

	for (size_t k = 0; k < T_COUNT(sets); k++) {
		hf_future *f[5];
		struct t_dam dam;

		t_dam_shut(&dam, p);
		for (int i = 0; i < 5; i++)
			f[i] = hf_query(p, i == 1 ? sets[k]
						  : "select coalesce(nullif(current_setting("
						    "'app.x', true), ''), '0')::int");
		t_dam_open(&dam);
		for (int i = 0; i < 5; i++)
			if (i != 1)
				ck_assert_int_eq(t_int(f[i]), 0);
		ck_assert_str_eq(hf_row_text(hf_result_row(t_ok(f[1]), 0), 0), "42");
		hf_future_unref(f[1]);
	}
	ck_assert_uint_ge(t_stats(p).fast_lane, 3);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

/* What one leaves in the session is gone before the next runs, whether it was sent with others or
 * not. */
static void leaves_session(hf_pool *p)
{
	static const char *const leaves[] = {
		"select set_config('app.x', '42', false)",
		"select set_config('app.x', '42', length('4') = 2)",
		"select '42' from (select pg_advisory_lock(3)) s",
	};

	for (size_t k = 0; k < T_COUNT(leaves); k++)
		for (int at = 0; at < 5; at++) {
			uint64_t resets = t_stats(p).resets;
			hf_future *f[5];
			struct t_dam dam;

			t_dam_shut(&dam, p);
			for (int i = 0; i < 5; i++)
				f[i] = hf_query(
					p, i == at ? leaves[k]
						   : "select (coalesce(current_setting("
						     "'app.x', true), '') <> '')::int + count(*) "
						     "from pg_locks where locktype = "
						     "'advisory'");
			t_dam_open(&dam);
			for (int i = 0; i < 5; i++)
				if (i != at)
					ck_assert_int_eq(t_int(f[i]), 0);
			t_done(f[at]);
			t_wait_idle(p, 1);
			ck_assert_uint_eq(t_stats(p).resets, resets + 1);
		}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_together(p, T_DEPTH, 15);
	t_close(p);
}

START_TEST(test_session)
{
	leaves_session(t_pipe_pool(T_DEPTH));
	leaves_session(t_group_pool());
}
END_TEST

/* A lock for the transaction is let go of before its neighbours run. */
START_TEST(test_locks)
{
	hf_pool *p = t_group_pool();
	hf_future *f[5];
	struct t_dam dam;

	t_dam_shut(&dam, p);
	for (int i = 0; i < 5; i++)
		f[i] = hf_query(p, i == 1 ? "select 0 from (select pg_advisory_xact_lock(3)) s"
					  : "select count(*) from pg_locks where locktype = "
					    "'advisory'");
	t_dam_open(&dam);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(t_int(f[i]), 0);
	t_expect_together(p, T_DEPTH, 5);
	t_close(p);
}
END_TEST

/* What a function sets for its transaction cannot be seen in the text, and stays for those who
 * share its Sync; but not behind a query that has a Sync of its own, in each of the ways to ask for
 * one. */
START_TEST(test_hidden_settings)
{
	static const hf_query_opts shares = { .struct_size = sizeof shares, .read_only = true };
	static const struct {
		bool reader;
		hf_query_opts opts;
	} ways[] = {
		{ false, { .struct_size = sizeof shares } },
		{ true, { .struct_size = sizeof shares, .timeout_ms = 60000 } },
		{ true, { .struct_size = sizeof shares, .isolation = HF_ISO_READ_COMMITTED } },
	};

	free(t_psql("create or replace function hides() returns int language plpgsql as $$ begin"
		    " set local \"app.x\" = 7; perform set_config('app.y', '8', true);"
		    " return 42; end $$"));
	for (size_t k = 0; k < T_COUNT(ways); k++) {
		hf_pool *p = ways[k].reader ? t_group_pool() : t_pipe_pool(T_DEPTH);

		for (int at = 0; at < 5; at++) {
			hf_future *f[5];
			struct t_dam dam;

			t_dam_shut(&dam, p);
			for (int i = 0; i < 5; i++)
				f[i] = i == at ? hf_query_with(p, &ways[k].opts, "select hides()")
					       : hf_query_with(p, &shares,
							 "select (coalesce(current_setting('app.x',"
							 " true), '') || coalesce(current_setting("
							 "'app.y', true), '') <> '')::int");
			t_dam_open(&dam);
			for (int i = 0; i < 5; i++)
				ck_assert_int_eq(t_int(f[i]), i == at ? 42 : 0);
		}
		ck_assert_uint_ge(t_stats(p).fast_lane, 20);
		t_close(p);
	}
}
END_TEST

T_MAIN("batch_neighbours",
	{ "the cancel of a member does not stop its group's slow one", test_quick_one, 60 },
	{ "the cancel of the slow one leaves its group its results", test_slow_one, 60 },
	{ "a group that nobody waits for is stopped", test_both, 60 },
	{ "a result is not held back behind a cancelled query", test_held_back, 60 },
	{ "a function that writes, cancelled behind another, is not told undone",
		test_writing_function, 60 },
	{ "nobody is cancelled behind a result that is too large", test_too_large, 60 },
	{ "one caller's setting is not seen by another", test_settings, 0 },
	{ "nor what one leaves in the session", test_session, 0 },
	{ "nor is one caller's lock held by another", test_locks, 0 },
	{ "nor a setting that a function hides, with a Sync of its own", test_hidden_settings, 0 })
