/* SPDX-License-Identifier: MIT */
/* The fast lane: what the server itself holds read-only shares one Sync where it travels together.
 * What fails takes no other with it, and no setting opens a way to write. */
#include "pipeline.h"

#include "pq/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 20

/* So many queries shared a Sync; with a depth of 1, none did. */
static void expect_shared(hf_pool *p, int depth, unsigned at_least)
{
	uint64_t n = t_stats(p).fast_lane;

	if (depth == T_ALONE)
		ck_assert_uint_eq(n, 0);
	else if (T_PIPELINING)
		ck_assert_uint_ge(n, at_least);
}

static hf_pool *reader(int depth)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_pipeline = depth,
		.max_queue = HF_FOREVER, .read_only = true));

	t_wait_idle(p, 1);
	return p;
}

/* --- one that fails ------------------------------------------------------------------------------
 */

static const struct bad {
	const char *sql, *state;
} kinds[] = {
	{ "selekt $1::int", "42601" },
	{ "select 1 / ($1::int - $1::int)", "22012" },
	{ "select no_such_column + $1::int from ledger", "42703" },
	{ "insert into ledger values ($1) returning id", "25006" },
	{ "with w as (delete from ledger where id <> $1 returning id) select id from w", "25006" },
	{ "select nextval('counter') + $1", "25006" },
};

static void tables(void)
{
	t_ledger_new();
	free(t_psql("set client_min_messages to warning; insert into ledger values (0);"
		    "drop sequence if exists counter; create sequence counter"));
}

/* `marked`: the pool is an ordinary one, and each query says itself that it only reads. */
static hf_future *ask(hf_pool *p, bool marked, const char *sql, int i)
{
	return hf_query_with_at(HF_HERE, p, HF_QUERY_OPTS(.read_only = marked), sql,
		(const hf_value[]){ HF_V(i) }, 1);
}

static void failing_round(hf_pool *p, bool marked, int n, int bad, const struct bad *kind)
{
	hf_future *f[N];
	struct t_dam dam;

	t_dam_shut(&dam, p);
	for (int i = 0; i < n; i++)
		f[i] = ask(p, marked,
			i == bad ? kind->sql : "select $1::int + 100 * count(*)::int from ledger",
			i);
	t_dam_open(&dam);
	for (int i = 0; i < n; i++) {
		if (i == bad)
			t_sqlstate(f[i], kind->state);
		else
			ck_assert_int_eq(t_int(f[i]), 100 + i);
	}
}

static void failing_rounds(hf_pool *p, int depth, bool marked)
{
	unsigned queries = 0;

	for (int n = 1; n <= N; n++)
		for (int bad = 0; bad < n; bad++)
			for (int k = 0; k < (int)T_COUNT(kinds); k++) {
				if (n > 3 && n < N && k != (n + bad) % (int)T_COUNT(kinds))
					continue;
				failing_round(p, marked, n, bad, &kinds[k]);
				queries += (unsigned)n;
			}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	ck_assert_int_eq(t_psql_int("select count(*) from ledger"), 1);
	t_expect_together(p, depth, queries / 2);
	expect_shared(p, depth, queries / 2);
	t_expect_sane(p);
	t_close(p);
}

static void failing_in_reader(int depth)
{
	tables();
	failing_rounds(reader(depth), depth, false);
}

T_BOTH_WAYS(failing_in_reader)

static void failing_when_marked(int depth)
{
	tables();
	failing_rounds(t_pipe_pool(depth), depth, true);
}

T_BOTH_WAYS(failing_when_marked)

/* Of what was skipped behind one that failed nothing is learnt: not its columns either, which are
 * still unknown where its first use by name failed, after which it would never come in binary. */
START_TEST(test_skipped)
{
	static const char sql[] = "select 100 / $1::int";
	hf_pool *p = t_group_pool();
	hf_future *bad, *f;
	struct t_dam dam;

	for (int use = 1; use < 3; use++)
		ck_assert_int_eq(t_int(hf_query(p, sql, 4)), 25);
	t_sqlstate(hf_query(p, sql, 0), "22012");
	t_dam_shut(&dam, p);
	bad = hf_query(p, "select 1 / ($1::int - $1::int)", 1);
	f = hf_query(p, sql, 5);
	t_dam_open(&dam);
	t_sqlstate(bad, "22012");
	ck_assert_int_eq(t_int(f), 20);
	ck_assert_uint_ge(t_stats(p).fast_lane, 2);
	ck_assert_int_eq(t_int(hf_query(p, sql, 2)), 50);
	f = hf_query(p, sql, 10);
	ck_assert_int_eq(hf__result_format(t_ok(f), 0), 1);
	hf_future_unref(f);
	t_close(p);
}
END_TEST

/* --- one transaction -----------------------------------------------------------------------------
 */

/* now() goes on from batch to batch; within one it is the same, when they share a transaction. */
static void same_now(int depth)
{
	hf_pool *p;
	char *last = NULL;

	tables();
	p = reader(depth);
	for (int again = 0; again < 5; again++) {
		hf_future *f[N];
		struct t_dam dam;
		char *first = NULL;

		t_dam_shut(&dam, p);
		for (int i = 0; i < N; i++)
			f[i] = hf_query(p,
				"select (extract(epoch from now()) * 1000000)::int8::text, "
				"now() <= clock_timestamp()");
		t_dam_open(&dam);
		for (int i = 0; i < N; i++) {
			hf_row row = hf_result_row(t_ok(f[i]), 0);

			if (!first)
				first = strdup(hf_row_text(row, 0));
			ck_assert_ptr_nonnull(first);
			if (T_PIPELINING && depth > 1)
				ck_assert_str_eq(hf_row_text(row, 0), first);
			ck_assert(hf_row_bool(row, 1, false));
			hf_future_unref(f[i]);
		}
		if (last)
			ck_assert_str_ne(first, last);
		free(last);
		last = first;
	}
	free(last);
	expect_shared(p, depth, 5 * N - 5);
	t_close(p);
}

T_BOTH_WAYS(same_now)

/* --- no way out ----------------------------------------------------------------------------------
 */

static const char *const ways_out[] = {
	"select set_config('default_transaction_read_only', 'off', false)",
	"select set_config('transaction_read_only', 'off', false)",
	"select set_config('transaction_read_only', 'off', true)",
	"select set_config('default_transaction_read_only', 'off', false), "
	"set_config('transaction_read_only', 'off', false)",
	"with a as materialized (select set_config('transaction_read_only', 'off', true) as s) "
	"select s from a",
	"select f() from (values (1)) v",
	"set default_transaction_read_only = off",
	"set transaction_read_only = off",
	"set session characteristics as transaction read write",
	"reset default_transaction_read_only",
	"set transaction read write",
	"discard all",
	"reset all",
	"do $$ begin perform set_config('default_transaction_read_only', 'off', false); end $$",
};

/* A write beside it, before and behind, in the same batch and in the next: never. */
static void way_out(hf_pool *p, bool marked, const char *sql)
{
	for (int again = 0; again < 3; again++) {
		hf_future *f[9];
		struct t_dam dam;

		t_dam_shut(&dam, p);
		for (int i = 0; i < 9; i++) {
			const char *what = "select count(*)::int from ledger";

			if (i % 3 == 1)
				what = sql;
			if (i % 3 == 2)
				what = "insert into ledger values (1)";
			f[i] = hf_query_with_at(
				HF_HERE, p, HF_QUERY_OPTS(.read_only = marked), what, NULL, 0);
		}
		t_dam_open(&dam);
		for (int i = 0; i < 9; i++) {
			hf_status st = hf_future_get_for(f[i], 10000 * t_slow(), NULL);

			if (i % 3 == 2 &&
				(st != HF_E_SQL || strcmp(hf_error_sqlstate(hf_future_error(f[i])),
							   "25006") != 0))
				ck_abort_msg("behind \"%s\" a write ends in %s: %s", sql,
					hf_status_name(st),
					hf_error_message(hf_future_error(f[i])));
			if (i % 3 == 0 && st != HF_OK)
				ck_abort_msg("beside \"%s\" read %d ends in %s: %s", sql, i,
					hf_status_name(st),
					hf_error_message(hf_future_error(f[i])));
			hf_future_unref(f[i]);
		}
	}
	ck_assert_int_eq(t_psql_int("select count(*) from ledger"), 1);
}

static void no_way_out(int depth)
{
	hf_pool *p, *q;

	tables();
	free(t_psql("create or replace function f() returns int language plpgsql as $$ begin"
		    " perform set_config('transaction_read_only', 'off', true);"
		    " insert into ledger values (2); return 1; end $$"));
	p = reader(depth);
	q = t_pipe_pool(depth);
	for (size_t i = 0; i < T_COUNT(ways_out); i++) {
		way_out(p, false, ways_out[i]);
		way_out(q, true, ways_out[i]);
	}
	t_close(p);
	t_expect_sane(q);
	t_done(hf_query(q, "insert into ledger values (1)"));
	t_close(q);
}

T_BOTH_WAYS(no_way_out)

/* --- beside writes -------------------------------------------------------------------------------
 */

/* In an ordinary pool reads that are marked stand between writes: they see those before them, and
 * none of the writes is refused for their sake. */
static void beside_writes(int depth)
{
	hf_pool *p;

	t_ledger_new();
	p = t_pipe_pool(depth);
	for (int again = 0; again < 30; again++) {
		hf_future *f[60];
		struct t_dam dam;
		int seen[60], writes = 0;

		t_dam_shut(&dam, p);
		for (int i = 0; i < 60; i++) {
			/* Runs of reads and of writes, longer and shorter. */
			bool write = (i + again) % (2 + again % 7) == 0;

			f[i] = write ? hf_query(p, "insert into ledger values ($1) returning id", i)
				     : ask(p, true, "select count(*)::int + 0 * $1 from ledger", i);
		}
		t_dam_open(&dam);
		for (int i = 0; i < 60; i++) {
			bool write = (i + again) % (2 + again % 7) == 0;

			ck_assert_int_eq(t_int(f[i]), write ? i : writes);
			writes += write;
		}
		t_ledger_read(seen, 60);
		for (int i = 0; i < 60; i++)
			ck_assert_int_eq(seen[i], (i + again) % (2 + again % 7) == 0);
		t_done(hf_query(p, "truncate ledger"));
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_together(p, depth, 1000);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(beside_writes)

/* A read with a deadline, one that is cancelled, one at SERIALIZABLE, a streamed one: each alone.
 */
static hf_status count_row(hf_row row, void *arg)
{
	(void)row;
	++*(int *)arg;
	return HF_OK;
}

static void special_readers(int depth)
{
	hf_pool *p = reader(depth);

	for (int at = 0; at < N; at++) {
		hf_future *f[N];
		struct t_dam dam;
		int rows = 0;

		t_dam_shut(&dam, p);
		for (int i = 0; i < N; i++) {
			if (i == at)
				f[i] = hf_query_with(
					p, HF_QUERY_OPTS(.timeout_ms = 50), "select pg_sleep(10)");
			else if (i == (at + 7) % N)
				f[i] = hf_query_with(p,
					HF_QUERY_OPTS(.isolation = HF_ISO_SERIALIZABLE),
					"select (current_setting('transaction_isolation') = "
					"'serializable')::int * $1",
					i);
			else if (i == (at + 13) % N)
				f[i] = hf_query_with(p,
					HF_QUERY_OPTS(.on_row = count_row, .arg = &rows),
					"select generate_series(1, 100)");
			else
				f[i] = hf_query(p, "select $1::int", i);
		}
		t_dam_open(&dam);
		for (int i = 0; i < N; i++) {
			if (i == at)
				t_failed(f[i], HF_E_TIMEOUT);
			else if (i == (at + 13) % N)
				t_done(f[i]);
			else
				ck_assert_int_eq(t_int(f[i]), i);
		}
		ck_assert_int_eq(rows, 100);
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	expect_shared(p, depth, N);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(special_readers)

T_MAIN("fast_lane",
	{ "each position of a failing read in a read-only pool", failing_in_reader_together, 60 },
	{ "a failing read in a read-only pool, one by one", failing_in_reader_alone, 60 },
	{ "each position of a failing read beside marked ones", failing_when_marked_together, 60 },
	{ "a failing read beside marked ones, one by one", failing_when_marked_alone, 60 },
	{ "nothing is learnt of what was skipped", test_skipped, 0 },
	{ "now() is the same for a whole batch", same_now_together, 0 },
	{ "now() is each query's own, one by one", same_now_alone, 0 },
	{ "no setting opens a way to write", no_way_out_together, 60 },
	{ "no setting opens a way to write, one by one", no_way_out_alone, 60 },
	{ "marked reads beside writes", beside_writes_together, 60 },
	{ "marked reads beside writes, one by one", beside_writes_alone, 60 },
	{ "reads with wishes of their own", special_readers_together, 60 },
	{ "reads with wishes of their own, one by one", special_readers_alone, 60 })
