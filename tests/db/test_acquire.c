/* SPDX-License-Identifier: MIT */
/* Getting a connection: how long one waits, in which order, what one hears in vain, and whose it
 * is. */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must_say(const hf_error *e, const char *text)
{
	if (!strstr(hf_error_message(e), text))
		ck_abort_msg("\"%s\" is not in \"%s\"", text, hf_error_message(e));
}

/* Nothing is held, and `conns` connections are there. */
static void nothing_acquired(hf_pool *p, unsigned conns)
{
	hf_pool_stats s = t_stats(p);

	ck_assert_uint_eq(s.conns, conns);
	ck_assert_uint_eq(s.idle, conns);
	ck_assert_uint_eq(s.busy, 0);
	ck_assert_uint_eq(s.pinned, 0);
	ck_assert_uint_eq(s.queued, 0);
}

/* A query that holds a connection until it is cancelled. */
static hf_future *hold(hf_pool *p, const char *label)
{
	hf_future *f = hf_query_with(p, HF_QUERY_OPTS(.label = label), "select pg_sleep(60)");

	t_wait_busy(p, 1);
	return f;
}

static void release(hf_future *holder)
{
	ck_assert_int_eq(hf_future_cancel(holder), HF_PENDING);
	t_failed(holder, HF_E_CANCELED);
}

/* --- B5 ------------------------------------------------------------------------------------------
 */

/* The story tells how long it waited: no less than it was told to. */
static void must_have_waited(const hf_error *e, long long ms)
{
	const char *told = strstr(hf_error_message(e), "within ");

	ck_assert_ptr_nonnull(told);
	ck_assert_int_ge(strtoll(told + strlen("within "), NULL, 10), ms);
}

static void waits_in_vain(hf_pool *p, int acquire_ms, const char *holder)
{
	int64_t began = hf_now_ns();
	hf_future *f = hf_query_with(p, HF_QUERY_OPTS(.acquire_ms = acquire_ms), "select 1");
	const hf_error *e = t_fails(f, HF_E_BUSY);
	long long ms = t_ms_since(began);

	ck_assert_int_ge(ms, 100);
	ck_assert_int_le(ms, 100 + 100 * t_slow());
	ck_assert(hf_error_is(e, HF_RETRYABLE));
	must_say(e, "no connection came free within ");
	must_have_waited(e, 100);
	must_say(e, "1 of 1 busy");
	must_say(e, holder);
	must_say(e, "test_acquire.c:");
	must_say(e, "), for "); /* its age */
	ck_assert_ptr_nonnull(strstr(hf_error_field(e, HF_ERR_SITE), "test_acquire.c:"));
	hf_future_unref(f);
}

START_TEST(test_acquire_timeout)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));
	hf_future *holder = hold(p, "the holder");

	waits_in_vain(p, 100, "\"the holder\"");
	release(holder);
	t_done(hf_query_with(p, HF_QUERY_OPTS(.acquire_ms = 10000), "select 1"));
	nothing_acquired(p, 1);
	t_close(p);
}
END_TEST

START_TEST(test_acquire_default)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .acquire_ms = 100, .strict = true));
	hf_future *holder = hold(p, "the holder"), *patient;

	patient = hf_query_with(p, HF_QUERY_OPTS(.acquire_ms = HF_FOREVER), "select 1");
	for (int i = 0; i < 3; i++)
		waits_in_vain(p, 0, "\"the holder\"");
	ck_assert(!hf_future_ready(patient));
	release(holder);
	t_done(patient);
	nothing_acquired(p, 1);
	t_close(p);
}
END_TEST

/* Encoding a long argument takes its time; the wait begins behind it. */
START_TEST(test_acquire_after_encoding)
{
	const size_t n = 64u << 20;
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));
	hf_future *holder = hold(p, "the holder"), *f;
	char *text = malloc(n + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', n);
	text[n] = '\0';
	f = hf_query_with(p, HF_QUERY_OPTS(.acquire_ms = 20), "select length($1::text)", text);
	must_have_waited(t_fails(f, HF_E_BUSY), 20);
	hf_future_unref(f);
	free(text);
	release(holder);
	t_close(p);
}
END_TEST

/* The one whose time is up leaves; those before and behind it stay, in their order. */
START_TEST(test_fair)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	hf_future *holder, *f[20], *brief;

	free(t_psql("create sequence turn"));
	holder = hold(p, NULL);
	for (int i = 0; i < 10; i++)
		f[i] = hf_query(p, "select nextval('turn')");
	brief = hf_query_with(p, HF_QUERY_OPTS(.acquire_ms = 20), "select nextval('turn')");
	for (int i = 10; i < 20; i++)
		f[i] = hf_query(p, "select nextval('turn')");
	t_failed(brief, HF_E_BUSY);
	release(holder);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(t_int(f[i]), i + 1);
	nothing_acquired(p, 1);
	t_close(p);
}
END_TEST

/* --- B7, B8 --------------------------------------------------------------------------------------
 */

#define WAITERS 20

static void all_fail(hf_pool *p, const char *sqlstate)
{
	hf_future *f[WAITERS];

	for (int i = 0; i < WAITERS; i++)
		f[i] = hf_query(p, "select 1");
	for (int i = 0; i < WAITERS; i++) {
		const hf_error *e = t_fails(f[i], HF_E_CONNECT);

		ck_assert_str_eq(hf_error_sqlstate(e), sqlstate);
		ck_assert(hf_error_is(e, HF_CONNECTION));
		hf_future_unref(f[i]);
	}
}

/* An attempt with the wrong password may still be under way when the right one is set. */
static bool is_ready(void *pool)
{
	return hf_pool_ready(pool, 0, NULL) == HF_OK;
}

/* Twin of the seed's tests of its issues 24 and 105. */
START_TEST(test_wrong_password)
{
	char dsn[512];
	hf_pool *p;

	t_need_pgctl();
	free(t_psql("alter role needs_password password 'right'"));
	snprintf(dsn, sizeof dsn, "%s user=needs_password password=other", t_dsn());
	p = t_pool_on(dsn, HF_POOL_OPTS(.max_conns = 2));
	all_fail(p, "28P01");
	free(t_psql("alter role needs_password password 'other'"));
	ck_assert(t_wait_until(is_ready, p, 20000));
	t_done(hf_query(p, "select 1"));
	nothing_acquired(p, t_stats(p).conns);
	t_close(p);
}
END_TEST

/* promise-H13: logins that fail are few, or an account is locked: nobody waits for the next. */
START_TEST(test_login_rate)
{
	char dsn[512];
	hf_pool *p;
	int64_t began = hf_now_ns();
	long failed = 0;

	t_need_pgctl();
	free(t_psql("alter role needs_password password 'right'"));
	snprintf(dsn, sizeof dsn, "%s user=needs_password password=other", t_dsn());
	p = t_pool_on(dsn, HF_POOL_OPTS(.min_conns = 4, .max_conns = 8));
	for (; t_ms_since(began) < 6000; failed++) {
		t_failed(hf_query(p, "select 1"), HF_E_CONNECT);
		t_sleep_ms(10);
	}
	/* Pauses of at least 25, 50, ... 3200 ms: the ninth would come after 6.3 s. Two workers may
	 * make the first attempt together. */
	ck_assert_uint_le(t_stats(p).connect_failures, 9);
	ck_assert_int_gt(failed, 50);
	t_close(p);
}
END_TEST

/* The seed fails fast on bad settings and retries network errors; here, a pool that was up waits
 * for its server, as long as acquire_ms allows. */
START_TEST(test_server_stopped)
{
	hf_pool *p;
	hf_future *f;

	t_need_pgctl();
	p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2, .strict = true));
	ck_assert(t_pgctl("stop fast"));
	for (int i = 0; i < 3; i++) {
		f = hf_query_with(p, HF_QUERY_OPTS(.acquire_ms = 100), "select 1");
		must_say(t_fails(f, HF_E_CONNECT), "no connection within 1");
		must_have_waited(hf_future_error(f), 100);
		must_say(hf_future_error(f), "cannot connect");
		ck_assert(hf_error_is(hf_future_error(f), HF_RETRYABLE));
		hf_future_unref(f);
	}
	f = hf_query(p, "select 42");
	ck_assert(t_pgctl("start"));
	ck_assert_int_eq(t_int(f), 42);
	ck_assert_int_eq(t_int(hf_query(p, "select 43")), 43);
	t_wait_idle(p, 2);
	nothing_acquired(p, 2);
	t_close(p);
}
END_TEST

START_TEST(test_never_up)
{
	hf_pool *p;

	t_need_pgctl();
	ck_assert(t_pgctl("stop fast"));
	p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	all_fail(p, "");
	ck_assert(t_pgctl("start"));
	ck_assert_int_eq(hf_pool_ready(p, 10000, NULL), HF_OK);
	ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	t_close(p);
}
END_TEST

/* --- B19, B27 ------------------------------------------------------------------------------------
 */

struct foreign {
	hf_pool *other;
	hf_conn *kept;
	hf_status st, on_thread;
	char why[200];
	int pid, inner_pid;
	bool ran;
};

static hf_status must_not_run(hf_conn *c, void *arg, hf_reply *r)
{
	struct foreign *x = arg;

	(void)c;
	(void)r;
	x->ran = true;
	return HF_OK;
}

static void *use_elsewhere(void *arg)
{
	struct foreign *x = arg;

	x->on_thread = hf_conn_query(x->kept, NULL, "select 1");
	return NULL;
}

static hf_status return_to_other(hf_conn *c, void *arg, hf_reply *r)
{
	struct foreign *x = arg;
	pthread_t t;

	x->kept = c;
	x->st = hf_conn_run(c, x->other, must_not_run, x, r);
	snprintf(x->why, sizeof x->why, "%s", hf_error_message(hf_conn_error(c)));
	if (pthread_create(&t, NULL, use_elsewhere, x) != 0)
		return HF_E_NOMEM;
	pthread_join(t, NULL);
	return hf_conn_query(c, NULL, "select 1");
}

/* Twin of the seed's tests of foreign and double returns. */
START_TEST(test_foreign_connection)
{
	hf_pool *a = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2, .strict = true));
	hf_pool *b = t_pool(
		HF_POOL_OPTS(.name = "the other", .min_conns = 2, .max_conns = 2, .strict = true));
	struct foreign x = { .other = b };

	t_done(hf_run(a, return_to_other, &x, NULL));
	ck_assert_int_eq(x.st, HF_E_MISUSE);
	ck_assert(!x.ran);
	ck_assert_ptr_nonnull(strstr(x.why, "not to pool \"the other\""));
	ck_assert_int_eq(x.on_thread, HF_E_MISUSE);
	/* Its interaction has returned: whatever is asked of the handle is refused. */
	ck_assert_int_eq(hf_conn_query(x.kept, NULL, "select 1"), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_run(x.kept, a, must_not_run, &x, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_begin(x.kept), HF_E_MISUSE);
	ck_assert_int_eq(hf_conn_rollback(x.kept), HF_E_MISUSE);
	ck_assert_ptr_null(hf_conn_pool(x.kept));
	ck_assert_int_eq(hf_conn_backend_pid(x.kept), 0);
	hf_conn_discard(x.kept);
	ck_assert(!x.ran);
	nothing_acquired(a, 2);
	nothing_acquired(b, 2);
	for (int i = 0; i < 4; i++) {
		t_done(hf_query(a, "select 1"));
		t_done(hf_query(b, "select 1"));
	}
	ck_assert_uint_eq(t_stats(a).discards + t_stats(b).discards, 0);
	t_close(a);
	t_close(b);
}
END_TEST

static hf_status inner(hf_conn *c, void *arg, hf_reply *r)
{
	struct foreign *x = arg;
	const hf_result *res;
	hf_status st = hf_conn_query(c, &res, "select pg_backend_pid(), v from seen");

	(void)r;
	if (st != HF_OK)
		return st;
	x->inner_pid = (int)hf_row_int8(hf_result_row(res, 0), 0, 0);
	x->ran = hf_row_int8(hf_result_row(res, 0), 1, 0) == 7;
	return c == x->kept ? HF_OK : HF_E_MISUSE;
}

static hf_status outer(hf_conn *c, void *arg, hf_reply *r)
{
	struct foreign *x = arg;
	hf_status st = hf_conn_query(c, NULL, "insert into seen values (7)");

	x->kept = c;
	x->pid = hf_conn_backend_pid(c);
	if (st == HF_OK)
		st = hf_conn_run(c, x->other, inner, x, r);
	return st == HF_OK ? hf_conn_run(c, NULL, inner, x, r) : st;
}

/* Twin of the seed's test of nested checkouts, `connection_1 is connection_2`. */
START_TEST(test_nested_connection)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));
	struct foreign x = { .other = p };

	free(t_psql("create table seen (v int)"));
	t_done(hf_run(p, outer, &x, NULL));
	ck_assert_int_ne(x.pid, 0);
	ck_assert_int_eq(x.inner_pid, x.pid);
	ck_assert(x.ran); /* it saw what its caller had not committed yet */
	nothing_acquired(p, 1);
	t_close(p);
}
END_TEST

static hf_status get_inside(hf_conn *c, void *arg, hf_reply *r)
{
	struct foreign *x = arg;
	hf_future *f = hf_query(x->other, "select 1");

	(void)c;
	(void)r;
	x->st = hf_future_get(f, NULL);
	hf_future_unref(f);
	return HF_OK;
}

/* Who forgets to nest gets an error, not a deadlock. */
START_TEST(test_not_nested)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));
	struct foreign x = { .other = p };

	t_done(hf_run(p, get_inside, &x, NULL));
	ck_assert_int_eq(x.st, HF_E_DEADLOCK);
	t_wait_idle(p, 1);
	nothing_acquired(p, 1);
	t_close(p);
}
END_TEST

/* --- B22 -----------------------------------------------------------------------------------------
 */

static void must_describe(hf_pool *p, const char *what)
{
	char *text = hf_pool_describe(p);

	ck_assert_ptr_nonnull(text);
	if (!strstr(text, what))
		ck_abort_msg("\"%s\" is not in \"%s\"", what, text);
	free(text);
}

static hf_status throw_away(hf_conn *c, void *arg, hf_reply *r)
{
	(void)arg;
	(void)r;
	hf_conn_discard(c);
	return HF_OK;
}

START_TEST(test_introspection)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 3, .max_conns = 3, .strict = true));
	hf_pool_stats s = t_stats(p);
	hf_future *f[5];
	hf_txn *t;

	nothing_acquired(p, 3); /* idle is the size at once */
	ck_assert_uint_eq(s.connects, 3);
	ck_assert_uint_eq(s.submitted, 0);
	t = hf_txn_begin(p, NULL);
	t_done(hf_txn_query(t, "select 1"));
	s = t_stats(p);
	ck_assert_uint_eq(s.pinned, 1);
	ck_assert_uint_eq(s.busy, 1);
	for (int i = 0; i < 5; i++) {
		f[i] = hf_query(p, "select pg_sleep(0.3)");
		if (i < 2)
			t_wait_busy(p, (uint32_t)i + 2);
	}
	s = t_stats(p);
	ck_assert_uint_eq(s.conns, 3);
	ck_assert_uint_eq(s.idle, 0);
	ck_assert_uint_eq(s.queued, 3);
	must_describe(p, "3 connections (3 busy, 0 idle, 1 of the busy held by transactions)");
	must_describe(p, "3 queued");
	for (int i = 0; i < 5; i++)
		t_done(f[i]);
	t_done(hf_txn_rollback(t));
	hf_txn_unref(t);
	t_wait_idle(p, 3);
	nothing_acquired(p, 3);
	t_done(hf_run(p, throw_away, NULL, NULL));
	t_wait_idle(p, 3);
	s = t_stats(p);
	ck_assert_uint_eq(s.connects, 4);
	ck_assert_uint_eq(s.discards, 1);
	ck_assert_uint_ge(s.queued_peak, 3);
	ck_assert_uint_le(s.queued_peak, 5);
	must_describe(p, ": open, 3 connections (0 busy, 3 idle");
	t_close(p);
}
END_TEST

T_MAIN("acquire", { "B5 a pool of 1 busy: an error within 100 to 200 ms", test_acquire_timeout, 0 },
	{ "promise-H24 the wait for a connection begins when the arguments are encoded",
		test_acquire_after_encoding, 0 },
	{ "B5 promise-H24 the pool's acquire_ms holds where none is given", test_acquire_default,
		0 },
	{ "B5 waiters are served in their order", test_fair, 0 },
	{ "B7 a wrong password reaches twenty waiters, the right one works", test_wrong_password,
		40 },
	{ "B7 promise-H13 wrong passwords are tried seldom", test_login_rate, 40 },
	{ "B8 a server that stopped and started again", test_server_stopped, 60 },
	{ "B8 a server that was not there at first", test_never_up, 60 },
	{ "B19 a connection of another pool, or given back, is refused", test_foreign_connection,
		0 },
	{ "B27 a nested use has the same connection", test_nested_connection, 0 },
	{ "B27 without nesting there is an error, not a deadlock", test_not_nested, 0 },
	{ "B22 what a pool says of itself", test_introspection, 0 })
