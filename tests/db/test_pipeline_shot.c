/* SPDX-License-Identifier: MIT */
/* A cancel request may hit a neighbour of whom it was meant for: but only one that was under way
 * when it was sent. Whoever is stopped later was stopped by somebody else, and is told. */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST (T_DEPTH + T_DEPTH / 4) /* is sent when half of a batch has come back */
#define N     (2 * T_DEPTH)
#define WAITS                                                                                      \
	"/* %d */ with w as (insert into ledger values ($1) returning id) "                        \
	"select id from w, pg_advisory_xact_lock(%d)"

/* A text that is new is not known to be slow, so that others go out behind it. */
static hf_future *wait_for_lock(hf_pool *p, int round, int id, int key)
{
	char sql[200];

	snprintf(sql, sizeof sql, WAITS, round, key);
	return hf_query(p, sql, id);
}

/* The head of a batch of 32 is cancelled by its caller; the half that comes back makes room for
 * those behind. One of them waits for a lock, and is cancelled by an administrator, once. */
static void other_is_stopped(int depth)
{
	hf_pool *p;

	t_ledger_new();
	p = t_pipe_pool(depth);
	for (int round = 0; round < 10; round++) {
		struct t_lock head, later;
		struct t_dam dam;
		hf_future *f[N];
		int seen[N];

		t_lock_take(&head, 3);
		t_lock_take(&later, 4);
		t_dam_shut(&dam, p);
		for (int i = 0; i < N; i++)
			f[i] = i == 0 || i == FIRST
				       ? wait_for_lock(p, round, i, i ? 4 : 3)
				       : hf_query(p, "insert into ledger values ($1) returning id",
						 i);
		t_dam_open(&dam);
		t_wait_blocked(1);
		ck_assert_int_eq(hf_future_cancel(f[0]), HF_PENDING);
		t_failed(f[0], HF_E_CANCELED);
		t_wait_blocked(1); /* FIRST: what is in front of it is done */
		ck_assert_int_eq(t_psql_int("select count(pg_cancel_backend(pid)) from pg_locks "
					    "where locktype = 'advisory' and not granted"),
			1);
		/* Sent again it would wait once more, as its lock is held still. */
		ck_assert_str_eq(hf_error_sqlstate(t_fails(f[FIRST], HF_E_CANCELED)), "57014");
		hf_future_unref(f[FIRST]);
		t_lock_drop(&head);
		t_lock_drop(&later);
		for (int i = 1; i < N; i++)
			if (i != FIRST)
				ck_assert_int_eq(t_int(f[i]), i);
		t_ledger_read(seen, N);
		for (int i = 0; i < N; i++)
			ck_assert_int_eq(seen[i], i != 0 && i != FIRST);
		t_done(hf_query(p, "truncate ledger"));
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_together(p, depth, 10 * T_DEPTH);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(other_is_stopped)

T_MAIN("pipeline_shot",
	{ "who is stopped by another after a cancel is told", other_is_stopped_together, 60 },
	{ "who is stopped by another is told, one by one", other_is_stopped_alone, 60 })
