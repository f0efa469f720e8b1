/* SPDX-License-Identifier: MIT */
/* The end of a two-phase commit where it takes long, comes too late, or got lost half-way. */
#include "commit_fate.h"
#include "engines.h"

static const hf_pool_opts one_conn = {
	.struct_size = sizeof one_conn, .max_conns = 1, .two_phase = true
};

/* --- a limit meant for statements --------------------------------------------------------------*/

static hf_status prepare_x(hf_conn *c, void *arg, hf_reply *reply)
{
	static const char *const texts[] = { "begin", "insert into part values (1, 'x')",
		"prepare transaction 'x'" };
	hf_status st = HF_OK;

	(void)arg;
	(void)reply;
	for (size_t i = 0; i < T_COUNT(texts) && st == HF_OK; i++)
		st = hf_conn_query(c, NULL, texts[i]);
	return st;
}

/* The standby it waits for is long in coming. Stopped by statement_ms, it would be committed here
 * alone, and only a warning would tell. */
START_TEST(test_no_statement_limit)
{
	hf_pool_opts o = one_conn;
	hf_future *f;
	hf_pool *p;

	t_need_pgctl();
	t_standby_demand(false);
	t_engines();
	o.statement_ms = 300;
	o.log = keep_warnings;
	o.log_level = HF_LOG_WARN;
	p = t_pool(&o);
	t_done(hf_submit(p, HF_JOB(.fn = prepare_x, .manual = true)));
	t_standby_demand(true);
	f = hf_prepared_commit(p, "x");
	t_standby_await();
	ck_assert_int_eq(hf_future_get_for(f, 1000, NULL), HF_PENDING);
	t_standby_await();
	t_standby_demand(false);
	t_done(f);
	ck_assert_str_eq(warnings, "");
	ck_assert_int_eq(t_prepared(), 0);
	ck_assert_int_eq(t_parts(), 100);
	/* The limit is that of statements again. */
	t_failed(hf_query(p, "select pg_sleep(10)"), HF_E_TIMEOUT);
	t_close(p);
}
END_TEST

/* --- a command that comes too late -------------------------------------------------------------*/

static void too_late(hf_txn *t, const char *why)
{
	hf_future *late[] = { t_add(t, 9), hf_txn_savepoint(t, "s"), hf_txn_rollback(t) };

	for (size_t i = 0; i < T_COUNT(late); i++) {
		t_says(t_fails(late[i], HF_E_TXN_ENDED), why);
		hf_future_unref(late[i]);
	}
}

static void come_too_late(hf_pool_opts o)
{
	struct t_engines e;
	struct t_commit c;

	t_need_pgctl();
	e = t_engines_open_synced(o);
	t_done(t_add(e.at_shop, 1));
	t_done(t_add(e.at_bank, 1));
	t_standby_demand(true);
	t_commit_start(&c, e.g);
	t_standby_await();
	too_late(e.at_shop, "is being ended by its global transaction");
	if (!o.two_phase) /* in two phases it may be prepared by now */
		too_late(e.at_bank, "is being ended by its global transaction");
	t_standby_demand(false);
	t_commit_end(&c, HF_OK);
	ck_assert_int_eq(hf_txn_get_state(e.at_shop), HF_TXN_COMMITTED);
	ck_assert_ptr_null(hf_txn_error(e.at_shop));
	too_late(e.at_shop, "committed");
	too_late(e.at_bank, "committed");
	ck_assert_int_eq(t_parts(), 101);
	ck_assert_int_eq(t_psql_int("select count(*) from part where id = 9"), 0);
	ck_assert_int_eq(t_bank_int("select count(*) from part where id = 9"), 0);
	t_engines_close(&e);
}

START_TEST(test_late_command)
{
	come_too_late((hf_pool_opts){ .struct_size = sizeof(hf_pool_opts) });
}
END_TEST

START_TEST(test_late_command_prepared)
{
	come_too_late(one_conn);
}
END_TEST

/* --- a PREPARE that never came -----------------------------------------------------------------*/

/* The shop is reached through the proxy. */
static struct t_engines open_by_proxy(void)
{
	struct t_engines e = t_engines_open(&one_conn);
	hf_pool_opts o = one_conn;

	e.g = hf_global_free(e.g);
	t_wait_idle(e.shop, t_stats(e.shop).conns);
	t_close(e.shop);
	o.name = "shop";
	e.shop = t_pool_on(t_proxy_dsn(), &o);
	t_engines_again(&e);
	return e;
}

/* Its session knows nothing of the loss: left alone it would keep its locks for ever. */
START_TEST(test_half_open_prepare)
{
	struct t_engines e;
	struct t_commit c;
	int64_t since;

	t_standby_demand(false);
	e = open_by_proxy();
	t_done(t_add(e.at_shop, 1));
	t_done(t_add(e.at_bank, 1));
	t_proxy_arm(T_HOLD_REQUEST, "PREPARE TRANSACTION", 0);
	t_commit_start(&c, e.g);
	t_proxy_await();
	t_wait_prepared(1);
	ck_assert_int_eq(t_psql_int("select count(*) from pg_stat_activity where "
				    "state = 'idle in transaction'"),
		1);
	since = hf_now_ns();
	t_proxy_cut(T_CLIENT);
	t_commit_end(&c, HF_E_CONN_LOST);
	ck_assert_int_lt(t_ms_since(since), 5000 * t_slow()); /* outcome_ms is 30,000 */
	ck_assert(hf_error_is(c.why, HF_RETRYABLE) && !hf_error_is(c.why, HF_MAYBE_COMMITTED));
	t_says(c.why, "was rolled back: branch 1 of 2 (pool \"shop\")");
	hf_error_unref(c.why);
	ck_assert_int_eq(hf_txn_get_state(e.at_shop), HF_TXN_ROLLED_BACK);
	ck_assert(!hf_error_is(hf_txn_error(e.at_shop), HF_MAYBE_COMMITTED));
	t_says(hf_txn_error(e.at_shop), "was rolled back");
	too_late(e.at_shop, "was rolled back");
	too_late(e.at_bank, "was rolled back");
	ck_assert_int_eq(t_prepared(), 0);
	ck_assert_int_eq(t_parts(), 0);
	free(t_psql("set lock_timeout = '2s'; insert into part values (1, 'free again')"));
	ck_assert_int_eq(t_parts(), 100);
	t_engines_close(&e);
}
END_TEST

T_MAIN("two_phase_end",
	{ "D28 rule-74 statement_ms does not stop COMMIT PREPARED", test_no_statement_limit, 60 },
	{ "D27 a command for a branch that is being committed is refused", test_late_command, 0 },
	{ "D28 a command for a branch that is being prepared is refused",
		test_late_command_prepared, 0 },
	{ "D28 promise-H5 the session of a PREPARE that never came is ended",
		test_half_open_prepare, 0 })
