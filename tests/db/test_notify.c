/* SPDX-License-Identifier: MIT */
/* hf_notify: alone, in a transaction, in an interaction; delivered with the commit or not at all.
 */
#include "listening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void hears_nothing(hf_listener *l)
{
	const hf_notice *n;

	ck_assert_int_eq(hf_listener_next(l, 30, &n), HF_PENDING);
}

START_TEST(test_commit_delivers)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	hf_txn *t = hf_txn_begin(p, NULL);

	t_listen(l, "orders");
	t_done(hf_txn_notify(t, "orders", "in the transaction"));
	hears_nothing(l);
	t_done(hf_txn_commit(t));
	ck_assert_str_eq(t_notice(l)->payload, "in the transaction");
	hf_txn_unref(t);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

START_TEST(test_rollback_delivers_nothing)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	hf_txn *t = hf_txn_begin(p, NULL);

	t_test_values(1);
	t_listen(l, "orders");
	t_done(hf_txn_query(t, "insert into test_values (val1) values (1)"));
	t_done(hf_txn_notify(t, "orders", "never"));
	t_done(hf_txn_rollback(t));
	hf_txn_unref(t);
	t_notify(p, "orders", "the first to arrive");
	ck_assert_str_eq(t_notice(l)->payload, "the first to arrive");
	hears_nothing(l);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

static hf_status notify_inside(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = hf_conn_notify(c, "orders", "inside");

	return st == HF_OK && arg ? hf_fail(reply, "changed my mind") : st;
}

START_TEST(test_interaction)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);

	t_listen(l, "orders");
	t_done(hf_run(p, notify_inside, NULL, NULL));
	ck_assert_str_eq(t_notice(l)->payload, "inside");
	t_failed(hf_run(p, notify_inside, p, NULL), HF_E_USER);
	hears_nothing(l);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

static hf_status notify_too_much(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	ck_assert_int_eq(hf_conn_notify(c, "orders", arg), HF_E_TOO_LARGE);
	return HF_OK; /* it counts as failed all the same */
}

/* What was refused is part of the transaction: it is not committed without it. */
START_TEST(test_refused_in_transaction)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	hf_txn *t = hf_txn_begin(p, NULL);
	char payload[HF_PAYLOAD_BYTES + 2];

	memset(payload, 'x', sizeof payload - 1);
	payload[sizeof payload - 1] = '\0';
	t_listen(l, "orders");
	t_done(hf_txn_notify(t, "orders", "fits"));
	t_failed(hf_txn_notify(t, "orders", payload), HF_E_TOO_LARGE);
	t_failed(hf_txn_commit(t), HF_E_TXN_ENDED);
	hf_txn_unref(t);
	t_failed(hf_run(p, notify_too_much, payload, NULL), HF_E_TOO_LARGE);
	hears_nothing(l);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* The server tells once what one transaction says twice. */
START_TEST(test_doubles)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);

	t_listen(l, "orders");
	t_done(hf_script(p, "notify orders, 'a'; notify orders, 'b'; notify orders, 'a'"));
	ck_assert_str_eq(t_notice(l)->payload, "a");
	ck_assert_str_eq(t_notice(l)->payload, "b");
	hears_nothing(l);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* A reader may speak and listen: neither writes. */
START_TEST(test_read_only_pool)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.read_only = true));
	hf_listener *l = hf_listen(p, NULL);

	t_listen(l, "orders");
	t_notify(p, "orders", "from a reader");
	ck_assert_str_eq(t_notice(l)->payload, "from a reader");
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

static hf_status wait_for_go(hf_conn *c, void *arg, hf_reply *reply)
{
	_Atomic bool *go = arg;

	(void)c;
	(void)reply;
	while (!*go)
		t_sleep_ms(1);
	return HF_OK;
}

/* Queries of a read-only pool that wait together share a transaction: one that fails must not take
 * a notice with it. */
START_TEST(test_read_only_neighbours)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.read_only = true, .max_conns = 1));
	hf_listener *l = hf_listen(p, NULL);
	_Atomic bool go = false;
	hf_future *busy, *told[2], *bad[2];

	t_listen(l, "orders");
	busy = hf_run(p, wait_for_go, (void *)(uintptr_t)&go, NULL);
	t_wait_busy(p, 1);
	for (int i = 0; i < 2; i++) {
		told[i] = hf_notify(p, "orders", i == 0 ? "first" : "second");
		bad[i] = hf_query(p, "select 1 / $1::int", 0);
	}
	go = true;
	t_done(busy);
	for (int i = 0; i < 2; i++) {
		t_done(told[i]);
		t_failed(bad[i], HF_E_SQL);
	}
	ck_assert_str_eq(t_notice(l)->payload, "first");
	ck_assert_str_eq(t_notice(l)->payload, "second");
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

T_MAIN("notify", { "E13 a COMMIT delivers", test_commit_delivers, 0 },
	{ "E13 a ROLLBACK delivers nothing", test_rollback_delivers_nothing, 0 },
	{ "E13 an interaction delivers when it is committed", test_interaction, 0 },
	{ "E13 what was refused is not left out of a commit", test_refused_in_transaction, 0 },
	{ "E13 doubles of one transaction are told once", test_doubles, 0 },
	{ "E1 a read-only pool notifies and listens", test_read_only_pool, 0 },
	{ "E13 a notice among reads that fail is delivered", test_read_only_neighbours, 0 })
