/* SPDX-License-Identifier: MIT */
/* "Finish with this part": .then, for functions and for statements. */
#include "fixture.h"

#include <holdfast/txn.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCK "select val2 from test_values where id = 1 for update"
#define SET  "update test_values set val2 = $1 where id = 1"

static atomic_int let_go;

static void hear(hf_log_level level, const char *message, void *arg)
{
	(void)level;
	(void)arg;
	if (strstr(message, "was let go of"))
		atomic_fetch_add(&let_go, 1);
}

static hf_pool *setup(int conns)
{
	t_test_values(1);
	free(t_psql("update test_values set val2 = 1000"));
	return t_pool(HF_POOL_OPTS(.max_conns = conns, .strict = true, .log = hear,
		.log_level = HF_LOG_INFO));
}

static long long value(void)
{
	return t_psql_int("select val2 from test_values where id = 1");
}

static bool lock_is_free(void)
{
	return t_psql_int("select count(*) from (select 1 from test_values where id = 1 "
			  "for update skip locked) s") == 1;
}

struct part {
	int value;
	hf_status then;
};

static hf_status set_value(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct part *k = arg;
	hf_status st = hf_conn_query(c, NULL, SET, k->value);

	return st == HF_OK && k->then == HF_E_USER ? hf_fail(reply, "not like this") : st;
}

/* Part 2, which is to be the last, as a function or as a statement. */
static hf_future *last_part(hf_txn *t, bool fn, struct part *k, hf_then then)
{
	if (fn)
		return hf_txn_run(t, HF_JOB(.fn = set_value, .arg = k, .then = then));
	return hf_txn_query_with(t, HF_QUERY_OPTS(.then = then), SET, k->value);
}

static void must_have_ended(hf_txn *t, const char *how)
{
	hf_future *f = hf_txn_query(t, "select 1");

	ck_assert_ptr_nonnull(strstr(hf_error_message(t_fails(f, HF_E_TXN_ENDED)), how));
	hf_future_unref(f);
	t_failed(hf_txn_commit(t), HF_E_TXN_ENDED);
}

/* D4's own scenario: part 2 and commit: visible; part 2 and rollback: the lock is gone and the
 * value is the old one. Each when the future of the part is ready. */
START_TEST(test_finish_with_part)
{
	hf_pool *p = setup(1);

	for (int i = 0; i < 4; i++) {
		bool commit = i < 2, fn = i % 2 == 0;
		struct part k = { 7000 + i, HF_OK };
		hf_txn *t = hf_txn_begin(p, NULL);
		long long before = value();

		t_done(hf_txn_query(t, LOCK));
		ck_assert(!lock_is_free());
		t_done(last_part(t, fn, &k, commit ? HF_THEN_COMMIT : HF_THEN_ROLLBACK));
		ck_assert(lock_is_free());
		ck_assert_int_eq(value(), commit ? 7000 + i : before);
		ck_assert_uint_eq(t_stats(p).idle, 1);
		ck_assert_int_eq(
			hf_txn_get_state(t), commit ? HF_TXN_COMMITTED : HF_TXN_ROLLED_BACK);
		must_have_ended(t, commit ? "was committed" : "was rolled back");
		hf_txn_unref(t);
	}
	t_wait_idle(p, 1);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	ck_assert_int_eq(atomic_load(&let_go), 0);
	t_close(p);
}
END_TEST

/* A part that gives rows gives them, though COMMIT came with it or after it. */
START_TEST(test_result_of_last_part)
{
	hf_pool *p = setup(1);

	for (int i = 0; i < 2; i++) {
		hf_txn *t = hf_txn_begin(p, NULL);

		t_done(hf_txn_query(t, SET, 50 + i));
		ck_assert_int_eq(
			t_int(hf_txn_query_with(t,
				HF_QUERY_OPTS(.then = i == 0 ? HF_THEN_COMMIT : HF_THEN_ROLLBACK),
				"update test_values set val2 = val2 + 1 where id = 1 "
				"returning val2")),
			51 + i);
		hf_txn_unref(t);
		ck_assert_int_eq(value(), 51);
	}
	t_close(p);
}
END_TEST

/* A part that fails is not committed: the handle has failed, and its lock stays, until it is rolled
 * back, or back to a savepoint; from there it goes on as any other. */
START_TEST(test_failed_part)
{
	hf_pool *p = setup(2);

	for (int i = 0; i < 2; i++) {
		struct part k = { 1, HF_E_USER };
		hf_txn *t = hf_txn_begin(p, NULL);
		hf_token token;

		t_done(hf_txn_query(t, LOCK));
		t_done(hf_txn_query(t, SET, 2000 + i));
		t_done(hf_txn_savepoint(t, "s"));
		if (i == 0)
			t_failed(last_part(t, true, &k, HF_THEN_COMMIT), HF_E_USER);
		else
			t_failed(hf_txn_query_with(
					 t, HF_QUERY_OPTS(.then = HF_THEN_COMMIT), "select 1 / 0"),
				HF_E_SQL);
		ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_FAILED);
		ck_assert(!lock_is_free());
		t_done(hf_txn_rollback_to(t, "s"));
		ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_OPEN);
		ck_assert_int_eq(hf_txn_park(&t, 0, &token, NULL), HF_OK);
		ck_assert_int_eq(hf_txn_resume(p, token.text, &t, NULL), HF_OK);
		t_done(hf_txn_commit(t));
		hf_txn_unref(t);
		ck_assert_int_eq(value(), 2000 + i);
	}
	t_close(p);
}
END_TEST

/* Letting go of what such a part left open is told, as always. */
START_TEST(test_failed_part_let_go)
{
	hf_pool *p = setup(1);
	struct part k = { 1, HF_E_USER };
	hf_txn *t = hf_txn_begin(p, NULL);

	t_failed(last_part(t, true, &k, HF_THEN_COMMIT), HF_E_USER);
	hf_txn_unref(t);
	t_wait_idle(p, 1);
	ck_assert_int_eq(atomic_load(&let_go), 1);
	ck_assert_int_eq(value(), 1000);
	t_close(p);
}
END_TEST

T_MAIN("txn_then", { "D4 a last part commits or rolls back", test_finish_with_part, 0 },
	{ "D4 a last part gives its rows", test_result_of_last_part, 0 },
	{ "D4 D5 a last part that fails leaves a failed handle", test_failed_part, 0 },
	{ "D4 letting go after a last part that failed is logged", test_failed_part_let_go, 0 })
