/* SPDX-License-Identifier: MIT */
/* The server commits at the Sync: what it says there belongs to the query before it, and nobody has
 * heard of success until then. */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 20

static void sql(const char *text)
{
	free(t_psql(text));
}

/* A row of `strict` is judged when its transaction commits: an even id is refused there, and 1000
 * waits for advisory lock 7 first. */
static void strict_table(void)
{
	t_ledger_new();
	sql("set client_min_messages to warning;"
	    "drop table if exists strict cascade;"
	    "create table strict (id int unique deferrable initially deferred);"
	    "create or replace function judge() returns trigger language plpgsql as $$ begin"
	    " if new.id = 1000 then perform pg_advisory_lock_shared(7);"
	    "  perform pg_advisory_unlock_shared(7); end if;"
	    " if new.id % 2 = 0 then raise exception 'id % is even', new.id; end if;"
	    " return null; end $$;"
	    "create constraint trigger judge after insert on strict deferrable initially deferred"
	    " for each row execute function judge()");
}

/* --- refused at the Sync -------------------------------------------------------------------------
 */

/* What member i of a batch does, by the position of those that are refused. */
static hf_future *submit(hf_pool *p, int i, bool even, bool twice)
{
	if (twice)
		return hf_query(p, "insert into strict values (1) returning id");
	if (even)
		return hf_query(p, "insert into strict values ($1) returning id", 2 * i + 2);
	return hf_query(p,
		"with w as (insert into strict values ($1) returning id) "
		"insert into ledger select $2::int from w returning id",
		2 * i + 101, i);
}

static void refused_at_sync(int depth)
{
	hf_pool *p;
	hf_future *f[N];
	int seen[N];
	struct t_dam dam;

	strict_table();
	p = t_pipe_pool(depth);
	t_done(hf_query(p, "insert into strict values (1)"));
	for (int first = 0; first < N; first++) {
		t_dam_shut(&dam, p);
		for (int i = 0; i < N; i++)
			f[i] = submit(p, i, (i + first) % 5 == 0, (i + first) % 7 == 0);
		t_dam_open(&dam);
		for (int i = 0; i < N; i++) {
			if ((i + first) % 7 == 0)
				t_sqlstate(f[i], "23505");
			else if ((i + first) % 5 == 0)
				t_sqlstate(f[i], "P0001");
			else
				ck_assert_int_eq(t_int(f[i]), i);
		}
		t_ledger_read(seen, N);
		for (int i = 0; i < N; i++)
			ck_assert_int_eq(seen[i], (i + first) % 7 != 0 && (i + first) % 5 != 0);
		t_done(hf_query(p, "truncate ledger"));
		t_done(hf_query(p, "delete from strict where id > 1"));
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_together(p, depth, N * N / 2); /* what was slow once travels alone */
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(refused_at_sync)

/* --- not before its own Sync ---------------------------------------------------------------------
 */

static bool all_ready(void *arg)
{
	hf_future **f = arg;

	for (int i = 0; i < 5; i++)
		if (!hf_future_ready(f[i]))
			return false;
	return true;
}

/* Member 5 has its result, and waits in its commit: those before it are done, and it is not. It is
 * then refused, or goes well. */
static void success_waits(int depth)
{
	hf_pool *p;
	hf_future *f[10];
	struct t_dam dam;
	struct t_lock lock;
	char sql[80];

	strict_table();
	p = t_pipe_pool(depth);
	for (int again = 0; again < 5; again++) {
		t_lock_take(&lock, 7);
		/* One that has waited for the lock is slow: the next round has another text. */
		snprintf(sql, sizeof sql, "insert into strict values ($1) returning id -- %d",
			again);
		t_dam_shut(&dam, p);
		for (int i = 0; i < 10; i++)
			f[i] = hf_query(p, sql, i == 5 ? 1000 : 1001 + 2 * (again * 10 + i));
		t_dam_open(&dam);
		t_wait_blocked(1);
		ck_assert(t_wait_until(all_ready, f, 10000));
		for (int i = 5; i < 10; i++)
			ck_assert(!hf_future_ready(f[i]));
		ck_assert_int_eq(t_psql_int("select count(*) from strict"), 9 * again + 5);
		t_lock_drop(&lock);
		for (int i = 0; i < 10; i++) {
			if (i == 5)
				t_sqlstate(f[i], "P0001");
			else
				t_done(f[i]);
		}
		ck_assert_int_eq(t_psql_int("select count(*) from strict"), 9 * again + 9);
	}
	t_expect_together(p, depth, 40);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(success_waits)

/* --- a serialization failure ---------------------------------------------------------------------
 */

/* Write skew: each of two reads what the other writes. The member's own statement is through, and
 * it waits in its commit, when the other one commits. */
static void skewed_round(hf_pool *p, hf_pool *q, int bad)
{
	hf_future *f[N];
	hf_txn *other = hf_txn_begin(q, HF_TXN_OPTS(.isolation = HF_ISO_SERIALIZABLE));
	struct t_lock lock;
	struct t_dam dam;
	int seen[N];

	t_lock_take(&lock, 7);
	t_done(hf_txn_query(other, "insert into skew select 2, sum(v) from skew where class = 1"));
	t_dam_shut(&dam, p);
	for (int i = 0; i < N; i++)
		f[i] = i == bad ? hf_query(p, "with w as (insert into skew select 1, sum(v) "
					      "from skew where class = 2 returning v) "
					      "insert into strict select 1000 from w")
				: hf_query(p, "insert into ledger values ($1) returning id", i);
	t_dam_open(&dam);
	t_wait_blocked(1);
	t_done(hf_txn_commit(other));
	hf_txn_unref(other);
	t_lock_drop(&lock);
	for (int i = 0; i < N; i++) {
		if (i == bad)
			t_sqlstate(f[i], "40001");
		else
			ck_assert_int_eq(t_int(f[i]), i);
	}
	t_ledger_read(seen, N);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(seen[i], i != bad);
	t_done(hf_query(p, "truncate ledger"));
}

static void skewed(int depth)
{
	hf_pool *p, *q;

	strict_table();
	/* The row 1000 waits, and is not refused for being even. */
	sql("create or replace function judge() returns trigger language plpgsql as $$ begin"
	    " perform pg_advisory_lock_shared(7); perform pg_advisory_unlock_shared(7);"
	    " return null; end $$; set client_min_messages to warning;"
	    "drop table if exists skew;"
	    "create table skew (class int, v int); insert into skew values (1, 10), (2, 20)");
	p = t_pool_at("serializable",
		HF_POOL_OPTS(.max_conns = 1, .max_pipeline = depth, .max_queue = HF_FOREVER));
	q = t_pool(HF_POOL_OPTS(.name = "other", .max_conns = 1));
	for (int bad = 0; bad < N; bad += 3)
		skewed_round(p, q, bad);
	ck_assert_int_eq(t_psql_int("select count(*) from strict"), 0);
	ck_assert_int_eq(t_psql_int("select count(*) from skew where class = 1"), 1);
	t_expect_together(p, depth, 7 * (N - 1));
	t_expect_sane(p);
	t_close(q);
	t_close(p);
}

T_BOTH_WAYS(skewed)

T_MAIN("pipeline_commit",
	{ "what is refused at its Sync fails alone (promise-H7, rule-51)", refused_at_sync_together,
		0 },
	{ "what is refused at its commit, one by one", refused_at_sync_alone, 0 },
	{ "success is told after its own Sync (rule-51)", success_waits_together, 0 },
	{ "success is told after the commit, one by one", success_waits_alone, 0 },
	{ "a serialization failure at the Sync is its query's alone", skewed_together, 60 },
	{ "a serialization failure at the commit, one by one", skewed_alone, 60 })
