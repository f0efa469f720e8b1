/* SPDX-License-Identifier: MIT */
/* Rows that nobody wants any more, and a cancel that gets lost: the server is asked again, and
 * where it goes on all the same its connection is closed. */
#include "copy_feed.h"

#include <dlfcn.h>
#include <libpq-fe.h>
#include <limits.h>

static atomic_int to_lose; /* so many requests do not arrive */

static bool is_lost(void)
{
	return atomic_fetch_sub(&to_lose, 1) > 0;
}

/* In libpq's place. */
#ifdef LIBPQ_HAS_ASYNC_CANCEL
__attribute__((visibility("default"))) int PQcancelStart(PGcancelConn *conn)
{
	static int (*real)(PGcancelConn *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "PQcancelStart");
	return is_lost() ? 0 : real(conn);
}
#else
__attribute__((visibility("default"))) int PQcancel(PGcancel *cancel, char *why, int n)
{
	static int (*real)(PGcancel *, char *, int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "PQcancel");
	return is_lost() ? 0 : real(cancel, why, n);
}
#endif

static hf_status refuse(hf_row row, void *arg)
{
	(void)row;
	atomic_fetch_add((atomic_int *)arg, 1);
	return HF_E_USER;
}

static hf_future *stream(hf_pool *p, void *arg)
{
	return hf_query_with(
		p, HF_QUERY_OPTS(.on_row = refuse, .arg = arg), "select * from " T_MANY " t");
}

static hf_future *copy(hf_pool *p, void *arg)
{
	return hf_copy_out(p, T_MANY, refuse, arg, NULL);
}

/* Nothing else ends it, for hours. How many connections were needed, with one for the next query.
 */
static int stop_it(hf_future *(*begin)(hf_pool *p, void *arg), int lose)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	atomic_int rows = 0;
	hf_future *f;
	int connects;

	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	atomic_store(&to_lose, lose);
	f = begin(p, &rows);
	ck_assert_int_eq(hf_future_wait_for(f, 10000 * t_slow()), HF_OK);
	ck_assert_int_eq(hf_error_status(hf_future_error(f)), HF_E_USER);
	hf_future_unref(f);
	ck_assert_int_lt(atomic_load(&to_lose), lose);
	ck_assert_int_eq(atomic_load(&rows), 1);
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	connects = (int)t_stats(p).connects;
	t_wait_backends(1);
	t_close(p);
	return connects;
}

/* The server has 1.4 s for the second; one that is busy may miss that, but not each time. */
static void stop_again(hf_future *(*begin)(hf_pool *p, void *arg))
{
	for (int i = 0; i < 5; i++)
		if (stop_it(begin, 1) == 1)
			return;
	ck_abort_msg("the connection was given up five times in a row");
}

START_TEST(test_again)
{
	stop_again(stream);
	stop_again(copy);
}
END_TEST

START_TEST(test_never)
{
	ck_assert_int_eq(stop_it(stream, INT_MAX), 2);
	ck_assert_int_eq(stop_it(copy, INT_MAX), 2);
}
END_TEST

T_MAIN("cancel_lost", { "a cancel that gets lost is sent again", test_again, 60 },
	{ "a server that cannot be stopped loses its connection", test_never, 60 })
