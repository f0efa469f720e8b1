/* SPDX-License-Identifier: MIT */
/* What the adapter to APR does without a server: statuses, times, NULL, and the order of releases
 * among cleanups that are not ours. */
#include "check_main.h"

#include <holdfast.h>
#include <holdfast/apr.h>

#include <apr_general.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static apr_pool_t *root(void)
{
	static apr_pool_t *p;

	if (!p) {
		apr_initialize();
		ck_assert_int_eq(apr_pool_create(&p, NULL), APR_SUCCESS);
	}
	return p;
}

/* A pool that no server is behind. */
static hf_pool *nowhere(void)
{
	hf_pool *p;

	ck_assert_int_eq(
		hf_pool_open("host=/nonexistent", HF_POOL_OPTS(.min_conns = HF_NONE), &p, NULL),
		HF_OK);
	return p;
}

/* --- statuses and times --- */

START_TEST(test_statuses)
{
	static const struct {
		hf_status st;
		apr_status_t apr;
	} each[] = { { HF_OK, APR_SUCCESS }, { HF_PENDING, APR_INCOMPLETE },
		{ HF_E_MISUSE, APR_EINVAL }, { HF_E_NOMEM, APR_ENOMEM }, { HF_E_CLOSED, APR_EOF },
		{ HF_E_BUSY, APR_EAGAIN }, { HF_E_TIMEOUT, APR_TIMEUP },
		{ HF_E_CANCELED, ECANCELED }, { HF_E_DEADLOCK, EDEADLK },
		{ HF_E_CONNECT, APR_ECONNREFUSED }, { HF_E_CONN_LOST, APR_ECONNRESET },
		{ HF_E_SQL, APR_EGENERAL }, { HF_E_NO_ROWS, APR_NOTFOUND },
		{ HF_E_TYPE, APR_EGENERAL }, { HF_E_NULL, APR_EGENERAL },
		{ HF_E_TXN_ENDED, APR_EGENERAL }, { HF_E_USER, APR_EGENERAL },
		{ HF_E_FORKED, APR_INCHILD }, { HF_E_TOO_LARGE, APR_ENOSPC },
		{ HF_E_PARK_LIMIT, APR_EAGAIN }, { HF_E_MANY_ROWS, APR_EGENERAL },
		{ HF_E_STALE, APR_EGENERAL } };

	for (size_t i = 0; i < T_COUNT(each); i++) {
		ck_assert_int_eq((int)each[i].st, (int)i); /* none is left out */
		ck_assert_int_eq(hf_apr_status(each[i].st), each[i].apr);
	}
	ck_assert_str_eq(hf_status_name((hf_status)T_COUNT(each)), "HF_?");
	ck_assert_int_eq(hf_apr_status((hf_status)T_COUNT(each)), APR_EGENERAL);
}
END_TEST

START_TEST(test_time)
{
	hf_value v = hf_v_apr_time(apr_time_make(1700000000, 123456));

	ck_assert_int_eq(v.type, HF_T_TIMESTAMPTZ);
	ck_assert_int_eq(v.as.timestamptz.us, 1700000000123456);
	v = HF_V(hf_v_apr_time(0));
	ck_assert_int_eq(v.type, HF_T_TIMESTAMPTZ);
	ck_assert_int_eq(v.as.timestamptz.us, 0);
}
END_TEST

/* --- NULL --- */

/* Nothing for nothing, and no trace in the pool. */
START_TEST(test_null_objects)
{
	apr_pool_t *p;

	ck_assert_int_eq(apr_pool_create(&p, root()), APR_SUCCESS);
	ck_assert_ptr_null(hf_apr_own_future(NULL, p));
	ck_assert_ptr_null(hf_apr_bind_future(NULL, p));
	ck_assert_ptr_null(hf_apr_own_result(NULL, p));
	ck_assert_ptr_null(hf_apr_own_error(NULL, p));
	ck_assert_ptr_null(hf_apr_own_rows(NULL, p));
	ck_assert_ptr_null(hf_apr_own_txn(NULL, p));
	ck_assert_ptr_null(hf_apr_scope(NULL, NULL, p));
	ck_assert_ptr_null(hf_apr_own_listener(NULL, p));
	ck_assert_ptr_null(hf_apr_own_pool(NULL, p));
	ck_assert_ptr_null(hf_apr_own_engines(NULL, p));
	apr_pool_destroy(p);
}
END_TEST

static void count(void *n)
{
	++*(int *)n;
}

static hf_status never(hf_conn *conn, void *arg, hf_reply *reply)
{
	(void)conn;
	(void)arg;
	(void)reply;
	return HF_OK;
}

/* Without a pool there is no life to be tied to: it ends at once. */
START_TEST(test_null_pool)
{
	hf_pool *pool = nowhere();
	hf_engines *e = hf_engines_new();
	int freed = 0;

	ck_assert_ptr_null(hf_apr_own_error(hf_error_make(HF_E_USER, "gone"), NULL));
	ck_assert_ptr_null(hf_apr_scope(e, NULL, NULL));
	ck_assert_ptr_null(hf_apr_own_engines(hf_engines_ref(e), NULL));
	hf_engines_unref(e);
	ck_assert_ptr_null(hf_apr_own_pool(hf_pool_ref(pool), NULL));
	ck_assert_int_eq(hf_pool_get_state(pool), HF_POOL_CLOSED);
	ck_assert_ptr_null(hf_apr_bind_future(
		hf_submit(pool, HF_JOB(.fn = never, .arg = &freed, .free_arg = count)), NULL));
	ck_assert_int_eq(freed, 1);
	hf_pool_unref(pool);
}
END_TEST

/* --- order --- */

static char trace[64];

static apr_status_t note(void *name)
{
	strcat(trace, name);
	return APR_SUCCESS;
}

/* 'E' while the pool of holdfast is open, 'e' when it is closed. */
static apr_status_t note_pool(void *pool)
{
	strcat(trace, hf_pool_get_state(pool) == HF_POOL_OPEN ? "E" : "e");
	return APR_SUCCESS;
}

static apr_pool_t *two_pools(apr_pool_t **sub)
{
	apr_pool_t *p;

	trace[0] = 0;
	ck_assert_int_eq(apr_pool_create(&p, root()), APR_SUCCESS);
	ck_assert_int_eq(apr_pool_create(sub, p), APR_SUCCESS);
	return p;
}

/* Closed before the sub-pools go, whose memory its workers may be using; cleanups of others come
 * last, whenever they were registered. */
START_TEST(test_before_sub_pools)
{
	hf_pool *pool = nowhere();
	apr_pool_t *sub, *p = two_pools(&sub);

	apr_pool_cleanup_register(p, pool, note_pool, apr_pool_cleanup_null);
	apr_pool_cleanup_register(sub, pool, note_pool, apr_pool_cleanup_null);
	ck_assert_ptr_eq(hf_apr_own_pool(hf_pool_ref(pool), p), pool);
	apr_pool_cleanup_register(p, "c", note, apr_pool_cleanup_null);
	apr_pool_cleanup_register(sub, "s", note, apr_pool_cleanup_null);
	apr_pool_pre_cleanup_register(sub, "b", note);
	ck_assert_int_eq(hf_pool_get_state(pool), HF_POOL_OPEN);
	apr_pool_destroy(p);
	ck_assert_str_eq(trace, "bsece");
	hf_pool_unref(pool);
}
END_TEST

/* Among pre-cleanups the last is the first. */
START_TEST(test_reverse_order)
{
	hf_pool *pool = nowhere();
	apr_pool_t *sub, *p = two_pools(&sub);

	apr_pool_pre_cleanup_register(p, pool, note_pool); /* 4: closed */
	apr_pool_pre_cleanup_register(p, "3", note);
	hf_apr_own_pool(hf_pool_ref(pool), p);
	apr_pool_pre_cleanup_register(p, pool, note_pool); /* 2: open still */
	apr_pool_pre_cleanup_register(p, "1", note);
	apr_pool_destroy(p);
	ck_assert_str_eq(trace, "1E3e");
	hf_pool_unref(pool);
}
END_TEST

/* --- by hand --- */

START_TEST(test_run_early)
{
	hf_pool *pool = nowhere();
	apr_pool_t *sub, *p = two_pools(&sub);

	hf_apr_own_pool(hf_pool_ref(pool), p);
	ck_assert_int_eq(apr_pool_cleanup_run(p, pool, hf_apr_close_pool), APR_SUCCESS);
	ck_assert_int_eq(hf_pool_get_state(pool), HF_POOL_CLOSED);
	ck_assert_int_eq(hf_pool_reopen(pool, NULL), HF_OK);
	apr_pool_clear(p); /* not again */
	ck_assert_int_eq(hf_pool_get_state(pool), HF_POOL_OPEN);

	hf_apr_own_pool(pool, p);
	apr_pool_cleanup_kill(p, pool, hf_apr_close_pool);
	apr_pool_destroy(p); /* never: it is ours */
	ck_assert_int_eq(hf_pool_get_state(pool), HF_POOL_OPEN);
	ck_assert_int_eq(hf_pool_close(pool, 0), HF_OK);
	hf_pool_unref(pool);
}
END_TEST

/* Two references in one pool are two releases; each run takes one away. */
START_TEST(test_twice)
{
	hf_error *e = hf_error_make(HF_E_USER, "once is enough");
	apr_pool_t *sub, *p = two_pools(&sub);

	for (int i = 0; i < 3; i++)
		hf_apr_own_error(hf_error_ref(e), p);
	ck_assert_int_eq(apr_pool_cleanup_run(p, e, hf_apr_drop_error), APR_SUCCESS);
	apr_pool_cleanup_kill(p, e, hf_apr_drop_error);
	hf_error_unref(e); /* the one that was given back */
	apr_pool_destroy(p);
	ck_assert_str_eq(hf_error_message(e), "once is enough");
	hf_error_unref(e);
}
END_TEST

/* What is closed, ended or stopped before is closed all the same. */
START_TEST(test_ended_before)
{
	hf_engines *e = hf_engines_new();
	hf_pool *pool = nowhere();
	apr_pool_t *sub, *p = two_pools(&sub);
	hf_scope *s;

	hf_apr_own_engines(e, p);
	hf_apr_own_pool(pool, p);
	s = hf_apr_scope(e, HF_SCOPE_OPTS(.label = "early", .user = trace), sub);
	ck_assert_str_eq(hf_scope_label(s), "early");
	ck_assert_ptr_eq(hf_scope_user(s), trace);
	ck_assert_int_eq(hf_scope_end(s), HF_OK);
	ck_assert_int_eq(hf_scope_end(s), HF_OK);
	ck_assert_int_eq(hf_pool_close(pool, 0), HF_OK);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	ck_assert_int_eq(apr_pool_cleanup_run(sub, s, hf_apr_end_scope), APR_SUCCESS);
	apr_pool_destroy(p);
}
END_TEST

/* clang-format off */
T_MAIN("apr",
	{ "statuses have their nearest in APR", test_statuses, 0 },
	{ "an apr_time_t is a timestamptz", test_time, 0 },
	{ "nothing is tied for NULL", test_null_objects, 0 },
	{ "without an APR pool the end comes at once", test_null_pool, 0 },
	{ "F12 releases run before sub-pools and other cleanups", test_before_sub_pools, 0 },
	{ "F12 releases run in reverse order of registration", test_reverse_order, 0 },
	{ "F13 a release that was run or taken back by hand does not run again", test_run_early, 0 },
	{ "F13 each reference is released once", test_twice, 0 },
	{ "F13 what has ended before may be released", test_ended_before, 0 })
/* clang-format on */
