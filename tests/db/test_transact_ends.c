/* SPDX-License-Identifier: MIT */
/* Interactions that are run again, and what puts an end to that: the deadline, a cancel, the pool's
 * end, a connection that is lost, no memory. */
#include "fixture.h"

#include "base/clock.h"
#include "base/mem.h"
#include "pool/pool.h"
#include "value/error.h"

#include <holdfast/txn.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hf_pool *pool;
static atomic_int bodies, freed;

static void setup(void)
{
	free(t_psql("set client_min_messages to warning; drop table if exists kept;"
		    "create table kept (attempt int)"));
	pool = t_pool(HF_POOL_OPTS(.max_conns = 1));
}

static void count_free(void *arg)
{
	(void)arg;
	atomic_fetch_add(&freed, 1);
}

static int kept(void)
{
	return (int)t_psql_int("select count(*) from kept");
}

static hf_status put(hf_conn *c)
{
	return hf_conn_query(c, NULL, "insert into kept values ($1)", hf_conn_attempt(c));
}

/* Never succeeds, and could be run again each time. */
static hf_status always(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st;

	(void)arg;
	(void)reply;
	atomic_fetch_add(&bodies, 1);
	st = put(c);
	return st == HF_OK ? hf_conn_query(c, NULL,
				     "do $$ begin raise exception 'made up' "
				     "using errcode = '40001'; end $$")
			   : st;
}

static hf_future *for_ever(const hf_retry *r)
{
	return hf_transact(pool, r, HF_JOB(.fn = always, .arg = &bodies, .free_arg = count_free));
}

static bool went_well(void *arg)
{
	(void)arg;
	return atomic_load(&bodies) >= 4;
}

/* --- time --- */

/* It strikes between two attempts, and the last error is told, or within one, which then ran out of
 * time; both say how many there were. */
START_TEST(test_deadline)
{
	int64_t began = hf_now_ns();
	const hf_error *why;
	char said[80];
	hf_future *f;

	setup();
	f = for_ever(HF_RETRY(.attempts = 100000, .deadline_ms = 300));
	ck_assert_int_eq(hf_future_wait_for(f, 10000 * t_slow()), HF_OK);
	why = hf_future_error(f);
	ck_assert(hf_error_status(why) == HF_E_SQL || hf_error_status(why) == HF_E_TIMEOUT);
	ck_assert_int_lt(t_ms_since(began), 5000 * t_slow());
	ck_assert_int_gt(atomic_load(&bodies), 1);
	snprintf(said, sizeof said, "(after %d attempts)", atomic_load(&bodies));
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), said));
	ck_assert(hf_error_is(why, HF_RETRYABLE) || hf_error_status(why) == HF_E_TIMEOUT);
	ck_assert_uint_eq(t_stats(pool).retries, (unsigned)atomic_load(&bodies) - 1);
	ck_assert_int_eq(atomic_load(&freed), 1);
	hf_future_unref(f);
	ck_assert_int_eq(kept(), 0);
	t_close(pool);
}
END_TEST

/* Three attempts by default: two pauses of at most 10 and 20 ms, and not a moment of silence more.
 */
START_TEST(test_pauses)
{
	int64_t began;

	setup();
	t_wait_idle(pool, 1);
	began = hf_now_ns();
	t_failed(for_ever(NULL), HF_E_SQL);
	ck_assert_int_eq(atomic_load(&bodies), 3);
	ck_assert_int_lt(t_ms_since(began), (10 + 20 + 500) * t_slow());
	t_close(pool);
}
END_TEST

static hf_status slow(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	atomic_fetch_add(&bodies, 1);
	return hf_conn_query(c, NULL, "select pg_sleep(20)");
}

/* The deadline also ends an attempt, and timeout_ms each of them. */
START_TEST(test_limits_of_attempts)
{
	int64_t began = hf_now_ns();

	setup();
	t_failed(hf_transact(pool, HF_RETRY(.deadline_ms = 200), HF_JOB(.fn = slow)), HF_E_TIMEOUT);
	t_failed(hf_transact(pool, NULL, HF_JOB(.fn = slow, .timeout_ms = 200)), HF_E_TIMEOUT);
	ck_assert_int_eq(atomic_load(&bodies), 2);
	ck_assert_int_lt(t_ms_since(began), 5000 * t_slow());
	t_close(pool);
}
END_TEST

/* --- asked to stop --- */

START_TEST(test_canceled)
{
	const hf_error *why;
	hf_future *f;

	setup();
	f = for_ever(HF_RETRY(.attempts = 100000, .deadline_ms = HF_FOREVER));
	ck_assert(t_wait_until(went_well, NULL, 10000));
	ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
	why = t_fails(f, HF_E_CANCELED);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "ancel"));
	ck_assert_int_eq(atomic_load(&freed), 1);
	hf_future_unref(f);
	ck_assert_int_eq(kept(), 0);
	ck_assert_int_eq(t_int(hf_query(pool, "select 42")), 42);
	t_close(pool);
}
END_TEST

START_TEST(test_terminated)
{
	int64_t began;
	hf_future *f;

	setup();
	f = for_ever(HF_RETRY(.attempts = 100000, .deadline_ms = HF_FOREVER));
	ck_assert(t_wait_until(went_well, NULL, 10000));
	began = hf_now_ns();
	ck_assert_int_eq(hf_pool_terminate(pool), HF_OK);
	ck_assert_int_lt(t_ms_since(began), 5000 * t_slow());
	t_failed(f, HF_E_CLOSED);
	ck_assert_int_eq(atomic_load(&freed), 1);
	ck_assert_int_eq(kept(), 0);
	hf_pool_unref(pool);
}
END_TEST

/* --- the connection is lost --- */

static int pids[8], freed_before;

static hf_status loses(hf_conn *c, void *arg, hf_reply *reply)
{
	int n = hf_conn_attempt(c), times = *(int *)arg;
	char sql[64];

	(void)reply;
	atomic_fetch_add(&bodies, 1);
	ck_assert_int_eq(atomic_load(&freed), freed_before); /* the argument is still there */
	pids[n] = hf_conn_backend_pid(c);
	if (put(c) != HF_OK)
		return HF_E_USER;
	if (n <= times) {
		snprintf(sql, sizeof sql, "select pg_terminate_backend(%d, 5000)", pids[n]);
		free(t_psql(sql));
	}
	return put(c);
}

/* Without a COMMIT it is surely undone, and told so; run again only where the caller allows it, on
 * another connection. */
START_TEST(test_link_lost)
{
	int once = 1, twice = 2, always_lost = 100;
	hf_retry again = *HF_RETRY(.idempotent = true);
	hf_future *f;

	setup();
	f = hf_transact(pool, NULL, HF_JOB(.fn = loses, .arg = &once, .free_arg = count_free));
	ck_assert(hf_error_is(t_fails(f, HF_E_CONN_LOST), HF_RETRYABLE));
	ck_assert(!hf_error_is(hf_future_error(f), HF_MAYBE_COMMITTED));
	hf_future_unref(f);
	ck_assert_int_eq(atomic_load(&bodies), 1);
	ck_assert_int_eq(atomic_load(&freed), 1);
	ck_assert_int_eq(kept(), 0);

	freed_before = 1;
	t_done(hf_transact(
		pool, &again, HF_JOB(.fn = loses, .arg = &twice, .free_arg = count_free)));
	ck_assert_int_eq(atomic_load(&bodies), 4);
	ck_assert_int_eq(atomic_load(&freed), 2);
	ck_assert(pids[1] != pids[2] && pids[2] != pids[3]);
	ck_assert_int_eq(t_psql_int("select sum(attempt) from kept"), 6);
	ck_assert_uint_eq(t_stats(pool).retries, 2);

	freed_before = 2;
	f = hf_transact(
		pool, &again, HF_JOB(.fn = loses, .arg = &always_lost, .free_arg = count_free));
	ck_assert(hf_error_is(t_fails(f, HF_E_CONN_LOST), HF_RETRYABLE));
	ck_assert_ptr_nonnull(strstr(hf_error_message(hf_future_error(f)), "(after 3 attempts)"));
	hf_future_unref(f);
	ck_assert_int_eq(atomic_load(&freed), 3);
	ck_assert_int_eq(kept(), 2);
	t_close(pool);
}
END_TEST

/* Its session is killed; then it ends in its own words, after a statement or without one. */
static hf_status own_reason(hf_conn *c, void *arg, hf_reply *reply)
{
	char sql[64];

	atomic_fetch_add(&bodies, 1);
	if (hf_conn_attempt(c) == 2)
		return put(c);
	snprintf(sql, sizeof sql, "select pg_terminate_backend(%d, 5000)", hf_conn_backend_pid(c));
	free(t_psql(sql));
	if (arg)
		ck_assert_int_eq(put(c), HF_E_CONN_LOST);
	return hf_fail(reply, "no deal");
}

/* Who has given up for a reason of his own has given up; who has met the loss of the connection has
 * not, whatever he says. */
START_TEST(test_own_reason)
{
	setup();
	t_failed(hf_transact(pool, HF_RETRY(.idempotent = true), HF_JOB(.fn = own_reason)),
		HF_E_USER);
	ck_assert_int_eq(atomic_load(&bodies), 1);
	t_done(hf_transact(
		pool, HF_RETRY(.idempotent = true), HF_JOB(.fn = own_reason, .arg = &bodies)));
	ck_assert_int_eq(atomic_load(&bodies), 3);
	ck_assert_int_eq(kept(), 1);
	t_close(pool);
}
END_TEST

static hf_status block(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return hf_conn_query(c, NULL, "select pg_sleep(20)");
}

/* A job that waits for its second attempt, and never gets it: what had become of the first one is
 * not forgotten. The first is made up here. */
static hf_future *waits_again(bool unknown)
{
	hf__job *j = hf__job_new(pool, HF__JOB_FN, NULL, NULL);

	ck_assert_ptr_null(hf__job_set_fn(j, HF_JOB(.fn = always, .free_arg = count_free)));
	j->more->retry = (hf__retry){ .attempts = 3,
		.attempt = 1,
		.unknown = unknown,
		.idempotent = true,
		.until = HF__NEVER,
		.last = hf__error_fmt(HF_E_CONN_LOST,
			HF_CONNECTION | (unknown ? HF_MAYBE_COMMITTED : HF_RETRYABLE), "lost") };
	j->more->acquire_ms = unknown ? 60000 : 100;
	return hf__job_submit(j);
}

START_TEST(test_never_again)
{
	hf_future *busy, *f, *late;
	const hf_error *why;

	setup();
	busy = hf_run(pool, block, NULL, NULL);
	t_wait_busy(pool, 1);
	f = waits_again(true);
	ck_assert_int_eq(hf_future_cancel(f), HF_OK);
	why = t_fails(f, HF_E_CANCELED);
	ck_assert(hf_error_is(why, HF_MAYBE_COMMITTED));
	ck_assert(!hf_error_is(why, HF_RETRYABLE));
	ck_assert_str_eq(hf_error_message(why),
		"cancelled before it started; attempt 1 had ended with: lost");
	hf_future_unref(f);
	late = waits_again(false);
	ck_assert(hf_error_is(t_fails(late, HF_E_BUSY), HF_RETRYABLE));
	ck_assert(!hf_error_is(hf_future_error(late), HF_MAYBE_COMMITTED));
	hf_future_unref(late);
	f = waits_again(true);
	ck_assert_int_eq(hf_pool_terminate(pool), HF_OK);
	why = t_fails(f, HF_E_CLOSED);
	ck_assert(hf_error_is(why, HF_MAYBE_COMMITTED));
	ck_assert(!hf_error_is(why, HF_RETRYABLE));
	hf_future_unref(f);
	t_failed(busy, HF_E_CLOSED);
	ck_assert_int_eq(atomic_load(&freed), 3);
	ck_assert_int_eq(atomic_load(&bodies), 0);
	hf_pool_unref(pool);
}
END_TEST

/* One that may have been committed, and one after it that failed for good: the doubt stays. */
START_TEST(test_doubt_stays)
{
	const hf_error *why;
	hf_future *f;

	setup();
	f = waits_again(true);
	why = t_fails(f, HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(why), "40001");
	ck_assert_str_eq(hf_error_message(why), "made up (after 3 attempts)");
	ck_assert(hf_error_is(why, HF_MAYBE_COMMITTED));
	ck_assert(!hf_error_is(why, HF_RETRYABLE));
	ck_assert_int_eq(atomic_load(&bodies), 2);
	hf_future_unref(f);
	t_close(pool);
}
END_TEST

/* --- no memory --- */

static hf_status innermost(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = put(c);

	(void)arg;
	hf_reply_value(reply, NULL, NULL);
	return st == HF_OK ? hf_conn_on_commit(c, count_free, NULL, count_free) : st;
}

static hf_status tries_twice(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = hf_conn_atomic(c, HF_NEST_SAVEPOINT, innermost, arg, reply);

	if (st == HF_OK)
		st = hf_conn_atomic(c, HF_NEST_JOIN, innermost, arg, reply);
	if (st == HF_OK && arg && hf_conn_attempt(c) < 2)
		st = hf_conn_query(
			c, NULL, "do $$ begin raise exception using errcode = '40001'; end $$");
	return st;
}

static hf_future *sweep_transact(void)
{
	return hf_transact(pool, NULL,
		HF_JOB(.fn = tries_twice, .arg = &bodies, .free_arg = count_free, .label = "x"));
}

static hf_status in_pieces(hf_conn *c, void *arg, hf_reply *reply)
{
	return hf_conn_atomic(c, HF_NEST_REFUSE, tries_twice, arg, reply);
}

static hf_future *sweep_atomic(void)
{
	return hf_submit(pool, HF_JOB(.fn = in_pieces, .free_arg = count_free, .manual = true));
}

/* Each allocation fails in turn. The work is done whole or not at all, its hooks run with it or not
 * at all, everything is freed once, and the connection is free again. */
static void sweep(hf_future *(*submit)(void), int whole)
{
	long n, failed = 0, succeeded = 0;
	bool reached = true;

	t_wait_idle(pool, 1);
	for (n = 0; reached; n++) {
		hf_future *f;
		hf_status st;

		ck_assert_int_lt(n, 600);
		free(t_psql("truncate kept"));
		atomic_store(&freed, 0);
		hf__mem_fail(n, 1);
		f = submit();
		st = hf_future_get_for(f, 5000 * t_slow(), NULL);
		reached = hf__mem_seen() > n;
		hf__mem_fail(0, 0);
		ck_assert_int_ne(st, HF_PENDING);
		ck_assert_int_eq(kept(), st == HF_OK ? whole : 0);
		/* its argument, and each hook that was given; those that ran count twice */
		ck_assert_int_ge(atomic_load(&freed), st == HF_OK ? 1 + 2 * whole : 1);
		failed += st != HF_OK;
		succeeded += st == HF_OK;
		hf_future_unref(f);
		t_wait_idle(pool, 1);
	}
	ck_assert_int_gt(succeeded, 0);
	ck_assert_int_gt(failed, 2);
}

START_TEST(test_no_memory_for_transact)
{
	setup();
	sweep(sweep_transact, 2);
	t_close(pool);
	t_wait_backends(0);
}
END_TEST

START_TEST(test_no_memory_for_atomic)
{
	setup();
	sweep(sweep_atomic, 2);
	t_close(pool);
	t_wait_backends(0);
}
END_TEST

T_MAIN("transact_ends", { "D26 the deadline over all attempts", test_deadline, 0 },
	{ "D26 three attempts, short pauses", test_pauses, 0 },
	{ "D26 limits of one attempt", test_limits_of_attempts, 0 },
	{ "D26 a cancel ends the attempts", test_canceled, 0 },
	{ "D26 a pool that is torn down ends the attempts", test_terminated, 0 },
	{ "D26 api-T14 a lost connection is another attempt only on request", test_link_lost, 0 },
	{ "D26 the function's own reason ends the attempts", test_own_reason, 0 },
	{ "D26 an attempt that never comes leaves the doubt of the last", test_never_again, 0 },
	{ "D26 a doubt is not taken away by a later attempt", test_doubt_stays, 0 },
	{ "D26 no allocation failure does half of it", test_no_memory_for_transact, 60 },
	{ "D13 no allocation failure does half of a piece", test_no_memory_for_atomic, 60 })
