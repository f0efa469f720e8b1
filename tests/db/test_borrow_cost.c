/* SPDX-License-Identifier: MIT */
/* What a lone query costs, by hf_fetch and by submitting and getting, beside a direct call of
 * libpq's: counts that hold on any machine, and time with a wide margin. How near the two really
 * come is told by docs/performance.md. */
#include "cost.h"

#include <endian.h>
#include <stdio.h>

#define N 100 /* operations of a round */

/* The best of the rounds may take so many times what libpq's takes, and some more. hf_fetch
 * takes 1.1 to 1.5 times as long, two hand-overs 1.5 to 2.2 times; but where the server runs on
 * another CPU than its client, which the kernel decides for each session, a query takes 90 us in
 * place of 10. It is to show what no count does, such as waiting in steps of milliseconds. A
 * sanitizer slows the library, and not libpq. */
#define MARGIN    (4.0 * t_slow())
#define MARGIN_US 300

static void by_libpq(void *c, int n)
{
	static const int length = 4, format = 1;

	for (int i = 1; i <= n; i++) {
		uint32_t v = htobe32((uint32_t)i);
		const char *value = (const char *)&v;
		PGresult *r = PQexecPrepared(c, "q", 1, &value, &length, &format, 1);

		t_direct_expect(r, i);
		PQclear(r);
	}
}

static void by_fetch(void *p, int n)
{
	for (int i = 1; i <= n; i++) {
		hf_result *res;
		hf_error *why;

		if (hf_fetch(p, &res, &why, T_LOOKUP, i) != HF_OK)
			ck_abort_msg("hf_fetch: %s", hf_error_message(why));
		t_expect_lookup(res, i);
		hf_result_unref(res);
	}
}

static void by_future(void *p, int n)
{
	for (int i = 1; i <= n; i++) {
		hf_future *f = hf_query(p, T_LOOKUP, i);
		const hf_result *res;

		if (hf_future_get(f, &res) != HF_OK)
			ck_abort_msg("hf_query: %s", hf_error_message(hf_future_error(f)));
		t_expect_lookup(res, i);
		hf_future_unref(f);
	}
}

/* Until the only worker sleeps, and so can be lent; the statement is prepared then. */
static hf_pool *quiet_pool(void)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1));
	uint64_t borrowed = 0;

	t_wait_idle(p, 1);
	for (int i = 0; i < 1000 && borrowed < 20; i++) {
		uint64_t before = t_stats(p).borrowed;

		by_fetch(p, 1);
		borrowed = t_stats(p).borrowed > before ? borrowed + 1 : 0;
	}
	ck_assert_uint_eq(borrowed, 20);
	return p;
}

static void compare(hf_pool *p, const char *name, void (*run)(void *pool, int n), double sleeps)
{
	PGconn *c = t_direct();
	struct t_way ways[] = { { .name = "libpq", .run = by_libpq, .arg = c },
		{ .name = name, .run = run, .arg = p } };

	by_libpq(c, N);
	t_compare(ways, 2, N);
	ck_assert_int_eq(ways[1].sends, ways[0].sends);
	ck_assert_double_le(t_median(ways[1].sleeps), sleeps);
	ck_assert_double_le(t_best(ways[1].us), MARGIN * t_best(ways[0].us) + MARGIN_US);
	PQfinish(c);
}

/* The calling thread runs all of it, and nobody is woken: it sleeps once per query, as in libpq,
 * or less, where the server on another CPU answers before anybody has gone to sleep. Where a worker
 * is handed the query, there are three sleeps at the least; that may be so for one in a hundred,
 * should the worker have been awake for reasons of its own. */
START_TEST(test_fetch_cost)
{
	hf_pool_stats was, is;
	uint64_t handed_over;
	hf_pool *p;

	t_lookups();
	p = quiet_pool();
	was = t_stats(p);
	compare(p, "hf_fetch", by_fetch, 1.1);
	is = t_stats(p);
	handed_over = N * T_ROUNDS - (is.borrowed - was.borrowed);
	ck_assert_uint_le(handed_over, N * T_ROUNDS / 100);
	ck_assert_uint_le(is.wakeups - was.wakeups, handed_over);
	t_close(p);
}
END_TEST

/* Submitting wakes a worker, since nobody knows yet that the caller will wait; it may be faster
 * than he is. Then there are two hand-overs: he sleeps, and it sleeps for the next query and for
 * the answer. On two CPUs they also meet at the pool's lock, once in a query. */
START_TEST(test_future_cost)
{
	hf_pool_stats was, is;
	hf_pool *p;

	t_lookups();
	p = quiet_pool();
	was = t_stats(p);
	compare(p, "submit, then get", by_future, 5);
	is = t_stats(p);
	printf("# of %d, %llu by the caller himself\n", N * T_ROUNDS,
		(unsigned long long)(is.borrowed - was.borrowed));
	ck_assert_uint_le(is.wakeups - was.wakeups, N * T_ROUNDS);
	t_close(p);
}
END_TEST

T_MAIN("borrow_cost",
	{ "K5 hf_fetch: one sleep and one send, as a direct call has", test_fetch_cost, 0 },
	{ "K5 submit, then get: one send, and two hand-overs at the most", test_future_cost, 0 })
