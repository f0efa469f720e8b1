/* SPDX-License-Identifier: MIT */
/* Cancelling a member of a batch: it ends soon, its neighbours do not notice, and nothing is run
 * twice. Moments are counts of what has ended, never times. */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 8

/* Ends within 10 s; CANCELED, with nothing written, or its result, when it was too late. A write
 * that was already on its way may say that it is not known. */
static bool was_canceled(hf_future *f, int id, const int *seen)
{
	hf_status st = hf_future_get_for(f, 10000 * t_slow(), NULL);
	bool maybe = hf_error_is(hf_future_error(f), HF_MAYBE_COMMITTED);

	if (st != HF_OK && st != HF_E_CANCELED)
		ck_abort_msg("the cancelled one ends in %s: %s", hf_status_name(st),
			hf_error_message(hf_future_error(f)));
	ck_assert_int_le(seen[id], 1);
	if (!maybe)
		ck_assert_int_eq(seen[id], st == HF_OK);
	hf_future_unref(f);
	return st == HF_E_CANCELED;
}

static bool is_ready(void *f)
{
	return hf_future_ready(f);
}

static void spin(int n)
{
	for (volatile int i = 0; i < n; i++)
		;
}

/* Cancels the victim when `after` (-1: nothing; N: the victim's own begin is not waited for) has
 * ended, and checks everybody. */
static int cancel_round(hf_pool *p, int victim, int after, int delay)
{
	hf_future *f[N];
	struct t_dam dam;
	int seen[N], canceled;

	t_dam_shut(&dam, p);
	for (int i = 0; i < N; i++)
		f[i] = hf_query(p,
			"with w as (insert into ledger values ($1) returning id) "
			"select id from w, pg_sleep(0.001)",
			i);
	t_dam_open(&dam);
	if (after >= 0)
		ck_assert(t_wait_until(is_ready, f[after], 10000));
	spin(delay);
	hf_future_cancel(f[victim]);
	for (int i = 0; i < N; i++)
		if (hf_future_wait_for(f[i], 10000 * t_slow()) != HF_OK)
			ck_abort_msg(
				"%d does not end: %d was cancelled after %d", i, victim, after);
	/* Behind everything that the connection has been asked for. */
	t_done(hf_query(p, "select 1"));
	t_ledger_read(seen, N);
	canceled = was_canceled(f[victim], victim, seen);
	for (int i = 0; i < N; i++) {
		if (i == victim)
			continue;
		ck_assert_int_eq(t_int(f[i]), i);
		ck_assert_int_eq(seen[i], 1);
	}
	t_done(hf_query(p, "truncate ledger"));
	return canceled;
}

/* The first, a middle one and the last, at every moment: 200 rounds and more. */
static void at_every_moment(int depth)
{
	static const int victims[] = { 0, N / 2, N - 1 };
	hf_pool *p;
	int rounds = 0, canceled = 0;

	t_ledger_new();
	p = t_pipe_pool(depth);
	for (size_t v = 0; v < T_COUNT(victims); v++)
		for (int after = -1; after < N - 1; after++)
			for (int k = 0; k < 9; k++, rounds++)
				canceled += cancel_round(p, victims[v], after, k * 4000);
	printf("# %d of %d were cancelled, the others had ended\n", canceled, rounds);
	ck_assert_int_gt(canceled, rounds / 10);
	ck_assert_int_lt(canceled, rounds);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_together(p, depth, 1000);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(at_every_moment)

/* --- behind one that does not end ----------------------------------------------------------------
 */

/* The first member waits for a lock. Those behind it that are cancelled end all the same; the
 * others wait, and have their results when the lock is free. */
static void behind_a_slow_one(int depth)
{
	hf_pool *p;

	t_ledger_new();
	p = t_pipe_pool(depth);
	for (int again = 0; again < 10; again++) {
		hf_future *f[N];
		struct t_lock lock;
		struct t_dam dam;
		int seen[N];

		t_lock_take(&lock, 3);
		t_dam_shut(&dam, p);
		for (int i = 0; i < N; i++)
			f[i] = i ? hf_query(p, "insert into ledger values ($1) returning id", i)
				 : hf_query(p, "select 0 from pg_advisory_xact_lock(3)");
		t_dam_open(&dam);
		t_wait_blocked(1);
		for (int i = 2; i < N; i += 3) {
			hf_status st = hf_future_cancel(f[i]);

			ck_assert(st == HF_OK || st == HF_PENDING);
			ck_assert_int_eq(hf_future_wait_for(f[i], 5000 * t_slow()), HF_OK);
			ck_assert_int_eq(hf_future_get(f[i], NULL), HF_E_CANCELED);
		}
		for (int i = 0; i < N; i++)
			ck_assert_int_eq(hf_future_ready(f[i]), i % 3 == 2);
		t_lock_drop(&lock);
		for (int i = 0; i < N; i++)
			ck_assert_int_eq(hf_future_wait_for(f[i], 10000 * t_slow()), HF_OK);
		t_done(hf_query(p, "select 1"));
		t_ledger_read(seen, N);
		for (int i = 0; i < N; i++) {
			if (i % 3 == 2) {
				ck_assert(was_canceled(f[i], i, seen));
				continue;
			}
			ck_assert_int_eq(t_int(f[i]), i);
			ck_assert_int_eq(seen[i], i > 0);
		}
		t_done(hf_query(p, "truncate ledger"));
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_together(p, depth, 50);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(behind_a_slow_one)

/* Who is told at once is ready before his connection is free, and his write is done later. */
static void ready_before_free(int depth)
{
	hf_pool *p;

	t_ledger_new();
	p = t_pipe_pool(depth);
	for (int again = 0; again < 5; again++) {
		hf_future *f[2], *late;
		struct t_lock lock;
		struct t_dam dam;
		char sql[80];
		int seen[N];

		snprintf(sql, sizeof sql, "select %d from pg_advisory_xact_lock(3)", again);
		t_lock_take(&lock, 3);
		t_dam_shut(&dam, p);
		f[0] = hf_query(p, sql);
		f[1] = hf_query(p, "insert into ledger values ($1) returning id", again);
		t_dam_open(&dam);
		t_wait_blocked(1);
		ck_assert_int_eq(hf_future_cancel(f[1]), depth > 1 ? HF_PENDING : HF_OK);
		ck_assert_int_eq(
			hf_error_is(t_fails(f[1], HF_E_CANCELED), HF_MAYBE_COMMITTED), depth > 1);
		hf_future_unref(f[1]);
		ck_assert_uint_eq(t_stats(p).busy, 1);
		late = hf_query_with(p, HF_QUERY_OPTS(.acquire_ms = 1), "select 1");
		t_failed(late, HF_E_BUSY);
		t_lock_drop(&lock);
		ck_assert_int_eq(t_int(f[0]), again);
		t_wait_idle(p, 1);
		t_ledger_read(seen, N);
		for (int i = 0; i < N; i++)
			ck_assert_int_eq(seen[i], depth > 1 && i <= again);
	}
	t_expect_together(p, depth, 10);
	t_close(p);
}

T_BOTH_WAYS(ready_before_free)

/* The slow one itself, in front of a batch, in its middle and at its end: it ends while its lock is
 * still held, and what waited behind it goes on. */
static void the_slow_one(int depth)
{
	hf_pool *p;

	t_ledger_new();
	p = t_pipe_pool(depth);
	for (int slow = 0; slow < N; slow++) {
		hf_future *f[N];
		struct t_lock lock;
		struct t_dam dam;
		int seen[N];

		t_lock_take(&lock, 3);
		t_dam_shut(&dam, p);
		for (int i = 0; i < N; i++)
			f[i] = hf_query(p,
				"with w as (insert into ledger values ($1) returning id) select id "
				"from w where $2 = 0 or pg_advisory_xact_lock($2) is not null",
				i, i == slow ? 3 : 0);
		t_dam_open(&dam);
		t_wait_blocked(1);
		ck_assert_int_eq(hf_future_cancel(f[slow]), HF_PENDING);
		ck_assert_int_eq(hf_future_wait_for(f[slow], 5000 * t_slow()), HF_OK);
		t_lock_drop(&lock);
		for (int i = 0; i < N; i++)
			if (i != slow)
				ck_assert_int_eq(t_int(f[i]), i);
		t_ledger_read(seen, N);
		ck_assert(was_canceled(f[slow], slow, seen));
		for (int i = 0; i < N; i++)
			ck_assert_int_eq(seen[i], i != slow);
		t_done(hf_query(p, "truncate ledger"));
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_together(p, depth, 50);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(the_slow_one)

/* --- everybody -----------------------------------------------------------------------------------
 */

/* All of a batch, from the front or from the back, some of them twice. */
static void all_of_them(int depth)
{
	hf_pool *p;
	int canceled = 0;

	t_ledger_new();
	p = t_pipe_pool(depth);
	for (int again = 0; again < 50; again++) {
		hf_future *f[N];
		struct t_dam dam;
		int seen[N];

		t_dam_shut(&dam, p);
		for (int i = 0; i < N; i++)
			f[i] = hf_query(p, "insert into ledger values ($1) returning id", i);
		t_dam_open(&dam);
		spin(again * 2000);
		for (int i = 0; i < N; i++)
			hf_future_cancel(f[again % 2 ? i : N - 1 - i]);
		for (int i = 0; i < N; i += 2)
			hf_future_cancel(f[i]);
		for (int i = 0; i < N; i++)
			ck_assert_int_eq(hf_future_wait_for(f[i], 10000 * t_slow()), HF_OK);
		t_done(hf_query(p, "select 1"));
		t_ledger_read(seen, N);
		for (int i = 0; i < N; i++)
			canceled += was_canceled(f[i], i, seen);
		t_done(hf_query(p, "truncate ledger"));
	}
	ck_assert_int_gt(canceled, 0);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(all_of_them)

T_MAIN("pipeline_cancel",
	{ "a cancelled member ends alone, at every moment", at_every_moment_together, 60 },
	{ "a cancelled query ends alone, one by one", at_every_moment_alone, 60 },
	{ "one that travels behind a slow one is cancelled", behind_a_slow_one_together, 60 },
	{ "one that waits behind a slow one is cancelled", behind_a_slow_one_alone, 60 },
	{ "who is told at once is ready before his connection is free", ready_before_free_together,
		0 },
	{ "who waits is cancelled for good", ready_before_free_alone, 0 },
	{ "the slow one is cancelled, and the batch goes on", the_slow_one_together, 60 },
	{ "the slow one is cancelled, and the queue goes on", the_slow_one_alone, 60 },
	{ "a whole batch is cancelled", all_of_them_together, 0 },
	{ "a whole queue is cancelled", all_of_them_alone, 0 })
