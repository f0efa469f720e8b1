/* SPDX-License-Identifier: MIT */
/* Commands of a transaction that are submitted without waiting for each other travel together, and
 * nobody can tell but by the sends. */
#include "cost.h"
#include "journey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 100

/* --- order --------------------------------------------------------------------------------------
 */

#define NEXT "update counter set n = case when n = $1 then n + 1 end returning n"

/* Answers how many sends it took. */
static long count_up(hf_pool *p)
{
	struct journey j;
	hf_future *f[MANY];
	long before;

	free(t_psql("update counter set n = 0"));
	gather(&j, p);
	for (int i = 0; i < MANY; i++)
		f[i] = hf_txn_query(j.t, NEXT, i);
	j.end = hf_txn_commit(j.t);
	before = t_sends();
	depart(&j);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(t_int(f[i]), i + 1);
	t_done(j.end);
	before = t_sends() - before;
	arrive(&j);
	ck_assert_int_eq(t_psql_int("select n from counter"), MANY);
	return before;
}

static long best_of(int depth, int rounds)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_pipeline = depth));
	long best = 0;

	for (int i = 0; i < rounds; i++) {
		long sends = count_up(p);

		best = i == 0 || sends < best ? sends : best;
	}
	t_close(p);
	return best;
}

START_TEST(test_order)
{
	long together, alone;

	free(t_psql("set client_min_messages to warning; drop table if exists counter;"
		    "create table counter as select 0 as n"));
	together = best_of(32, 5);
	alone = best_of(1, 2);
	printf("# %d commands: %ld sends, one by one %ld\n", MANY, together, alone);
	ck_assert_int_ge(alone, MANY);
	ck_assert_int_le(together, 12);
}
END_TEST

/* --- a bad one ----------------------------------------------------------------------------------
 */

static void submit_inserts(struct journey *j, int bad)
{
	for (int i = 0; i < N; i++)
		j->f[i] = hf_txn_query(j->t, INSERT, i == bad ? -1 : i);
}

/* Those before it went well, and it and those behind it tell the same. */
static void expect_bad(struct journey *j, int bad)
{
	const char *why = NULL;

	for (int i = 0; i < N; i++) {
		if (i < bad) {
			t_ok(j->f[i]);
			continue;
		}
		t_fails(j->f[i], HF_E_SQL);
		ck_assert_str_eq(hf_error_sqlstate(hf_future_error(j->f[i])), "23505");
		if (!why)
			why = hf_error_message(hf_future_error(j->f[i]));
		ck_assert_str_eq(hf_error_message(hf_future_error(j->f[i])), why);
	}
	for (int i = 0; i < N; i++)
		hf_future_unref(j->f[i]);
}

START_TEST(test_bad_command)
{
	hf_pool *p = pool_of_one();
	struct journey j;

	for (int bad = 0; bad < N; bad++) {
		gather(&j, p);
		submit_inserts(&j, bad);
		depart(&j);
		expect_bad(&j, bad);
		ck_assert_int_eq(hf_txn_get_state(j.t), HF_TXN_FAILED);
		t_failed(hf_txn_commit(j.t), HF_E_TXN_ENDED);
		arrive(&j);
		ck_assert_int_eq(marks(), 0);
	}
	t_expect_sane(p);
	t_close(p);
}
END_TEST

/* What is behind hf_txn_rollback_to in the queue is not touched by what is before it. */
START_TEST(test_savepoint)
{
	hf_pool *p = pool_of_one();
	struct journey j;

	for (int bad = 0; bad < N; bad++) {
		hf_future *after[5];

		gather(&j, p);
		after[0] = hf_txn_query(j.t, INSERT, 100);
		after[1] = hf_txn_savepoint(j.t, "s");
		submit_inserts(&j, bad);
		after[2] = hf_txn_rollback_to(j.t, "s");
		after[3] = hf_txn_query(j.t, INSERT, 101);
		after[4] = hf_txn_query(j.t, INSERT, 102);
		j.end = hf_txn_rollback(j.t);
		if (bad == N - 1) {
			hf_future_cancel(j.end);
			hf_future_unref(j.end);
			j.end = hf_txn_commit(j.t);
		}
		depart(&j);
		expect_bad(&j, bad);
		for (int i = 0; i < 5; i++)
			t_done(after[i]);
		t_done(j.end);
		arrive(&j);
		ck_assert_int_eq(marks(), bad == N - 1 ? 3 : 0);
	}
	t_close(p);
}
END_TEST

/* --- COMMIT behind ------------------------------------------------------------------------------
 */

static void end_with(struct journey *j, bool then)
{
	if (then)
		j->end =
			hf_txn_query_with(j->t, HF_QUERY_OPTS(.then = HF_THEN_COMMIT), INSERT, 200);
	else
		j->end = hf_txn_commit(j->t);
}

START_TEST(test_commit)
{
	hf_pool *p = pool_of_one();
	struct journey j;

	for (int bad = -1; bad < N; bad++) {
		for (int then = 0; then < 2; then++) {
			free(t_psql("delete from marks where n >= 0"));
			gather(&j, p);
			submit_inserts(&j, bad);
			end_with(&j, then);
			depart(&j);
			expect_bad(&j, bad < 0 ? N : bad);
			if (bad < 0)
				t_done(j.end);
			else
				t_failed(j.end, then ? HF_E_SQL : HF_E_TXN_ENDED);
			arrive(&j);
			ck_assert_int_eq(marks(), bad < 0 ? N + then : 0);
		}
	}
	t_close(p);
}
END_TEST

/* A command that only fails here: the server would have committed. It does not notice what it can
 * send at once; of a longer one it hears before it is done. */
START_TEST(test_too_large)
{
	hf_pool *p = pool_with(HF_POOL_OPTS(.max_conns = 1, .max_result = 100000));
	struct journey j;

	for (int round = 0; round < 8; round++) {
		bool then = round % 2 == 1;

		gather(&j, p);
		for (int i = 0; i < N; i++)
			j.f[i] = i == 4 ? hf_txn_query(j.t, WIDE, round < 2 ? 1000000 : 101000)
					: hf_txn_query(j.t, INSERT, i);
		end_with(&j, then);
		depart(&j);
		for (int i = 0; i < 4; i++)
			t_done(j.f[i]);
		for (int i = 4; i < N; i++)
			t_failed(j.f[i], HF_E_TOO_LARGE);
		t_failed(j.end, then ? HF_E_TOO_LARGE : HF_E_TXN_ENDED);
		arrive(&j);
		ck_assert_int_eq(marks(), 0);
	}
	t_close(p);
}
END_TEST

T_MAIN("txn_pipeline", { "J1 a hundred commands in order, in few sends", test_order, 60 },
	{ "J1 D5 a bad command at every position of ten", test_bad_command, 60 },
	{ "J1 D15 a bad command at every position, and back to a savepoint", test_savepoint, 60 },
	{ "J1 D4 COMMIT behind ten commands, a bad one at every position", test_commit, 60 },
	{ "J1 D4 COMMIT behind a command that only fails here", test_too_large, 60 })
