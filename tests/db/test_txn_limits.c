/* SPDX-License-Identifier: MIT */
/* Many open transactions: what others are told that find no connection, and what is counted. */
#include "fixture.h"
#include "golden.h"

#include <holdfast/txn.h>

static hf_pool *pool_of(int conns)
{
	return t_pool(HF_POOL_OPTS(.name = "golden", .min_conns = conns, .max_conns = conns,
		.strict = true));
}

static hf_status run_five(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return hf_conn_query(c, NULL, "select 5");
}

/* promise-H24. Size 4 and 4 open transactions: the 5th run is told who is in its way. */
/* The 5th run, which finds nothing. `parked` is how many of the 4 are. */
static void must_find_none(hf_pool *p, int eldest, int parked)
{
	int64_t began = hf_now_ns();
	hf_future *f = hf_submit(p, HF_JOB(.fn = run_five, .acquire_ms = 300));

	ck_assert_golden(hf_error_message(t_fails(f, HF_E_BUSY)),
		"pool \"golden\": no connection came free within N ms (4 of 4 busy, 4 of them held "
		"by transactions, %d of those parked, 0 connecting, 0 more waiting; longest busy: "
		"transaction \"eldest\" (test_txn_limits.c:%d), for N ms)",
		parked, eldest);
	ck_assert(hf_error_is(hf_future_error(f), HF_RETRYABLE));
	ck_assert_int_ge(t_ms_since(began), 300);
	ck_assert_int_lt(t_ms_since(began), 300 + 1000 * t_slow());
	hf_future_unref(f);
}

/* promise-H24. Size 4 and 4 open transactions: the 5th run is told who is in its way. */
START_TEST(test_all_held)
{
	hf_pool *p = pool_of(4);
	hf_token token;
	hf_txn *t[4];
	int eldest = __LINE__ + 3;

	for (int i = 0; i < 4; i++) {
		t[i] = hf_txn_begin(p, HF_TXN_OPTS(.label = i == 0 ? "eldest" : "other"));
		t_done(hf_txn_query(t[i], "select 1"));
	}
	ck_assert_uint_eq(t_stats(p).pinned, 4);
	must_find_none(p, eldest, 0);
	ck_assert_int_eq(hf_txn_park(&t[1], 0, &token, NULL), HF_OK);
	must_find_none(p, eldest, 1);
	ck_assert_int_eq(hf_txn_resume(p, token.text, &t[1], NULL), HF_OK);
	/* It was no fault of theirs. */
	for (int i = 0; i < 4; i++) {
		t_done(hf_txn_commit(t[i]));
		t_done(hf_run(p, run_five, NULL, NULL));
		hf_txn_unref(t[i]);
	}
	t_wait_idle(p, 4);
	t_close(p);
}
END_TEST

static bool older_than_50(void *arg)
{
	return t_stats(arg).oldest_txn_ms >= 50;
}

START_TEST(test_gauges)
{
	hf_pool *p = pool_of(8);
	hf_token token;
	hf_txn *t;
	char *text;

	ck_assert_uint_eq(t_stats(p).oldest_txn_ms, 0);
	ck_assert_uint_eq(t_stats(p).parked, 0);
	ck_assert_uint_eq(t_stats(p).max_parked, 6);
	ck_assert_int_eq(hf_pool_resize(p, 1, 4), HF_OK);
	ck_assert_uint_eq(t_stats(p).max_parked, 3);
	t = hf_txn_begin(p, NULL);
	t_done(hf_txn_query(t, "select 1"));
	ck_assert_uint_ge(t_stats(p).oldest_txn_ms, 1);
	ck_assert(t_wait_until(older_than_50, p, 5000));
	ck_assert_int_eq(hf_txn_park(&t, 0, &token, NULL), HF_OK);
	ck_assert_uint_eq(t_stats(p).parked, 1);
	ck_assert_uint_eq(t_stats(p).pinned, 1);
	text = hf_pool_describe(p);
	ck_assert_ptr_nonnull(strstr(text, ", 1 parked (at most 3, 1 ever), 0 resumed, 0 expired"));
	ck_assert_int_ge(number_after(text, "the oldest transaction "), 50);
	free(text);
	ck_assert_int_eq(hf_txn_resume(p, token.text, &t, NULL), HF_OK);
	ck_assert_uint_eq(t_stats(p).parked, 0);
	ck_assert_uint_eq(t_stats(p).resumes, 1);
	t_done(hf_txn_commit(t));
	ck_assert_uint_eq(t_stats(p).oldest_txn_ms, 0);
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

T_MAIN("txn_limits", { "D11 promise-H24 4 of 4 held: the 5th run is told so", test_all_held, 0 },
	{ "D11 gauges of parked and old transactions", test_gauges, 0 })
