/* SPDX-License-Identifier: MIT */
/* What a thread that waits for a transaction's command, and gives up again and again, must not keep
 * from being done; and what it must not do in its wait. */
#include "fixture.h"
#include "silent.h"

#include <holdfast/txn.h>

#include <stdlib.h>
#include <string.h>

#define MOST_MS 10000

/* Gives up before the worker loses its patience (20 ms). */
static void wait_shortly(hf_future *f)
{
	int64_t began = hf_now_ns();

	while (hf_future_wait_for(f, 15) == HF_PENDING)
		ck_assert_int_lt(t_ms_since(began), MOST_MS);
}

/* The rest of a text that the socket did not take at once is sent, though nobody waits for long. */
START_TEST(test_large_argument)
{
	size_t n = 1 << 20;
	char *text = malloc(n + 1);
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));

	memset(text, 'x', n);
	text[n] = '\0';
	for (int i = 0; i < 5; i++) {
		hf_txn *t;
		hf_future *f;

		t_wait_idle(p, 1);
		t = hf_txn_begin(p, NULL);
		f = hf_txn_query(t, "select length($1)", (const char *)text);
		wait_shortly(f);
		ck_assert_int_eq(t_int(f), (long long)n);
		hf_txn_unref(t);
	}
	ck_assert_uint_ge(t_stats(p).borrowed, 5);
	free(text);
	t_close(p);
}
END_TEST

/* A limit is kept by the client where the server says nothing. */
START_TEST(test_silent_server)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *f;
	hf_txn *t;
	int pid;

	t_need_pgctl();
	pid = (int)t_int(hf_query(p, "select pg_backend_pid()"));
	t_wait_idle(p, 1);
	t = hf_txn_begin(p, HF_TXN_OPTS(.timeout_ms = 300));
	f = hf_txn_query(t, "select pg_sleep(60)");
	t_freeze(pid);
	wait_shortly(f);
	ck_assert_int_eq(hf_future_get(f, NULL), HF_E_TIMEOUT);
	hf_future_unref(f);
	hf_txn_unref(t);
	t_thaw(pid);
	t_close(p);
}
END_TEST

#define SLOW_WHEN_MANY "select *, pg_sleep(case when id > 1 then 3 else 0 end) from test_values"

/* A statement whose prepared plan is out of date is run again, which takes its time: not in a wait
 * that has a limit. */
START_TEST(test_stale_plan)
{
	int64_t began;
	hf_pool *p;
	hf_future *f;
	hf_txn *t;

	t_test_values(1);
	p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	for (int i = 0; i < 5; i++)
		t_done(hf_query(p, SLOW_WHEN_MANY));
	free(t_psql("alter table test_values add column more int;"
		    "insert into test_values (val1, val2) values (1, 1)"));
	t_wait_idle(p, 1);
	t = hf_txn_begin(p, NULL);
	f = hf_txn_query(t, SLOW_WHEN_MANY);
	began = hf_now_ns();
	ck_assert_int_eq(hf_future_wait_for(f, 50), HF_PENDING);
	ck_assert_int_lt(t_ms_since(began), 2000);
	ck_assert_int_eq(hf_future_wait(f), HF_OK);
	ck_assert_int_eq(hf_future_get(f, NULL), HF_OK);
	hf_future_unref(f);
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

/* A COMMIT that travels along has stall_ms from when its statement has ended. */
START_TEST(test_slow_commit)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .stall_ms = 1000));
	hf_txn *t;

	free(t_psql(
		"set client_min_messages to warning;"
		"drop table if exists unhurried; create table unhurried (id int, pad text);"
		"insert into unhurried select i, repeat('x', 1000) from generate_series(1, 30) i;"
		"create or replace function nap() returns trigger language plpgsql as "
		"$$begin if new.id = 1 then perform pg_sleep(0.3); end if; return null; end$$;"
		"create constraint trigger nap after update on unhurried "
		"deferrable initially deferred for each row execute function nap()"));
	t = hf_txn_begin(p, HF_TXN_OPTS(.outcome = HF_OUTCOME_FAST));
	t_done(hf_txn_query_with(t, HF_QUERY_OPTS(.then = HF_THEN_COMMIT),
		"update unhurried set id = id where pg_sleep(0.05) is not null returning pad"));
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_COMMITTED);
	hf_txn_unref(t);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

T_MAIN("txn_waits", { "short waits send all of a large argument", test_large_argument, 60 },
	{ "short waits keep a limit that a silent server does not", test_silent_server, 60 },
	{ "a wait with a limit runs nothing again", test_stale_plan, 0 },
	{ "a COMMIT has its time from the end of its statement", test_slow_commit, 0 })
