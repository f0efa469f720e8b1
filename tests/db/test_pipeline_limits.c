/* SPDX-License-Identifier: MIT */
/* Limits of time and of memory where queries travel together. */
#include "pipeline.h"
#include "proxy.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 20

#ifdef __SANITIZE_ADDRESS__
/* Freed memory is kept back for a while; not so long that it looks like growth. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64";
}
#endif

/* --- deadlines -----------------------------------------------------------------------------------
 */

static void late(hf_future *f, int64_t began, int ms)
{
	const hf_error *e = t_fails(f, HF_E_TIMEOUT);
	long long took = t_ms_since(began);

	ck_assert_str_eq(hf_error_sqlstate(e), "57014");
	ck_assert(!hf_error_is(e, HF_CONNECTION));
	ck_assert_int_ge(took, ms);
	ck_assert_int_lt(took, 3000 * t_slow());
	hf_future_unref(f);
}

/* The neighbours have no limit of time, write, and are answered. */
static hf_future *neighbour(hf_pool *p, int i)
{
	return hf_query(p,
		"with w as (insert into ledger values ($1) returning id) "
		"select id + current_setting('statement_timeout')::int from w",
		i);
}

static void one_deadline(int depth)
{
	hf_pool *p;

	t_ledger_new();
	p = t_pipe_pool(depth);
	for (int bad = 0; bad < N; bad++) {
		hf_future *f[N];
		struct t_dam dam;
		int seen[N];
		int64_t began;

		t_dam_shut(&dam, p);
		for (int i = 0; i < N; i++)
			f[i] = i == bad ? hf_query_with(p, HF_QUERY_OPTS(.timeout_ms = 100),
						  "select pg_sleep(10)")
					: neighbour(p, i);
		began = hf_now_ns();
		t_dam_open(&dam);
		late(f[bad], began, 100);
		for (int i = 0; i < N; i++)
			if (i != bad)
				ck_assert_int_eq(t_int(f[i]), i);
		t_ledger_read(seen, N);
		for (int i = 0; i < N; i++)
			ck_assert_int_eq(seen[i], i != bad);
		t_done(hf_query(p, "truncate ledger"));
	}
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_together(p, depth, N * (N - 1));
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(one_deadline)

/* Every member has a limit of its own, none has that of another, and a limit counts from the
 * beginning of its own run: what travels behind a slow one has lost nothing. */
static void many_deadlines(int depth)
{
	hf_pool *p = t_pipe_pool(depth);

	for (int again = 0; again < 2; again++) {
		hf_future *f[N];
		struct t_dam dam;

		t_dam_shut(&dam, p);
		for (int i = 0; i < N; i++) {
			if (i == 0)
				f[i] = hf_query(p, "select 0 from pg_sleep(1.2)");
			else if (i % 5 == 0)
				f[i] = hf_query_with(
					p, HF_QUERY_OPTS(.timeout_ms = 50), "select pg_sleep(10)");
			else
				f[i] = hf_query_with(p, HF_QUERY_OPTS(.timeout_ms = 300 + i),
					"select setting::int from pg_settings "
					"where name = 'statement_timeout'");
		}
		t_dam_open(&dam);
		for (int i = 0; i < N; i++) {
			if (i == 0)
				t_done(f[i]);
			else if (i % 5 == 0)
				t_failed(f[i], HF_E_TIMEOUT);
			else
				ck_assert_int_eq(t_int(f[i]), 300 + i);
		}
	}
	ck_assert_int_eq(t_int(hf_query(p, "select current_setting('statement_timeout')::int")), 0);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_together(p, depth, N);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(many_deadlines)

/* --- a few slow ones (rule-55) -------------------------------------------------------------------
 */

#define CALLERS 8
#define EACH    400
#define SLOW    100 /* one in so many */

struct load {
	hf_pool *pool;
	bool same_text;
	atomic_int number, n;
	int64_t us[CALLERS * EACH];
};

static hf_future *slow_one(const struct load *l)
{
	if (l->same_text)
		return hf_query(l->pool, "select 0 from pg_sleep($1::float8)", 0.2);
	return hf_query(l->pool, "select /* slow */ 0 from pg_sleep(0.2)");
}

static void *call(void *arg)
{
	struct load *l = arg;

	for (int i = 0; i < EACH; i++) {
		bool slow = atomic_fetch_add(&l->number, 1) % SLOW == SLOW / 2;
		int64_t began = hf_now_ns();
		hf_future *f =
			slow ? slow_one(l)
			     : hf_query(l->pool, "select 0 from pg_sleep($1::float8)", 0.001);

		if (hf_future_get_for(f, 20000 * t_slow(), NULL) != HF_OK)
			return l;
		hf_future_unref(f);
		if (!slow)
			l->us[atomic_fetch_add(&l->n, 1)] = (hf_now_ns() - began) / 1000;
	}
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The 99th percentile of the fast ones, in microseconds. */
static int64_t p99(int depth, bool same_text)
{
	static struct load l;
	pthread_t t[CALLERS];
	void *wrong;
	int n;

	memset(&l, 0, sizeof l);
	l.same_text = same_text;
	l.pool = t_pool(HF_POOL_OPTS(.min_conns = 4, .max_conns = 4, .max_pipeline = depth));
	t_wait_idle(l.pool, 4);
	for (int i = 0; i < CALLERS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, call, &l), 0);
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(t[i], &wrong);
		ck_assert_ptr_null(wrong);
	}
	n = atomic_load(&l.n);
	qsort(l.us, (size_t)n, sizeof *l.us, by_size);
	printf("# depth %d, slow ones %s: p50 %lld us, p90 %lld, p99 %lld, worst %lld; "
	       "%llu travelled together\n",
		depth, same_text ? "by parameter" : "by text", (long long)l.us[n / 2],
		(long long)l.us[n * 9 / 10], (long long)l.us[n * 99 / 100], (long long)l.us[n - 1],
		(unsigned long long)t_stats(l.pool).pipelined);
	fflush(stdout);
	t_close(l.pool);
	return l.us[n * 99 / 100];
}

START_TEST(test_slow_ones)
{
	for (int same_text = 0; same_text < 2; same_text++) {
		bool delayed = true;

		/* A machine that is busy with other things delays one way or the other at times. */
		for (int i = 0; i < 3 && delayed; i++) {
			int64_t alone = p99(T_ALONE, same_text);
			int64_t together = p99(T_DEPTH, same_text);

			delayed = together > 2 * alone + 20000 * t_slow();
		}
		ck_assert(!delayed);
	}
}
END_TEST

/* --- memory (rule-54) ----------------------------------------------------------------------------
 */

#define TOTAL  (10000 / t_slow())
#define WINDOW 256
#define WIDE   65536

/* The most that was ever resident, in MiB. */
static long peak_mib(void)
{
	char line[200];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "r");

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof line, f))
		sscanf(line, "VmHWM: %ld", &kib);
	fclose(f);
	ck_assert_int_gt(kib, 0);
	return kib / 1024;
}

static hf_future *submit_wide(hf_pool *p, char *text, int i)
{
	memset(text, 'a' + i % 26, WIDE);
	return hf_query(p, "select $1::int, $2::text", i, (const char *)text);
}

static void check_wide(hf_future *f, int i)
{
	hf_row row = hf_result_row(t_ok(f), 0);
	const char *text = hf_row_text(row, 1);

	ck_assert_int_eq(hf_row_int8(row, 0, -1), i);
	ck_assert_uint_eq(strlen(text), WIDE);
	ck_assert(text[0] == 'a' + i % 26 && text[WIDE - 1] == 'a' + i % 26);
	hf_future_unref(f);
}

/* Both directions are full all the time. What waits is bounded by the caller: the rest must be. */
static void wide_parameters(int depth)
{
	static hf_future *f[WINDOW];
	static char text[WIDE + 1];
	hf_pool *p = t_pipe_pool(depth);
	long before = peak_mib(), grown;
	struct t_dam dam;

	t_dam_shut(&dam, p);
	for (int i = 0; i < WINDOW; i++)
		f[i] = submit_wide(p, text, i);
	t_dam_open(&dam);
	for (int i = 0; i < TOTAL; i++) {
		check_wide(f[i % WINDOW], i);
		if (i + WINDOW < TOTAL)
			f[i % WINDOW] = submit_wide(p, text, i + WINDOW);
	}
	grown = peak_mib() - before;
	printf("# %d queries with %d bytes each way, %d at a time: %ld MiB\n", TOTAL, WIDE, WINDOW,
		grown);
#ifndef __SANITIZE_THREAD__
	/* The parameters of 256 that wait, or the results of as many: 16 MiB; and their copies. */
	ck_assert_int_lt(grown, 96);
#endif
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_expect_together(p, depth, WINDOW / 2);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(wide_parameters)

/* --- a peer that stops reading (rule-54) ---------------------------------------------------------
 */

static hf_future *submit_held(hf_pool *p, char *text, int i)
{
	memset(text, 'a' + i % 26, WIDE);
	return hf_query(p, "select $1::int, $2::text /* held */", i, (const char *)text);
}

/* Answers how many of them were lost. */
static int check_held(hf_future **f, bool for_good)
{
	int lost = 0;

	for (int i = 0; i < WINDOW; i++) {
		hf_status st = hf_future_wait_for(f[i], 20000 * t_slow());

		ck_assert_int_eq(st, HF_OK);
		st = hf_future_get(f[i], NULL);
		if (st == HF_OK) {
			check_wide(f[i], i);
			continue;
		}
		if (!for_good || (st != HF_E_CONN_LOST && st != HF_E_TIMEOUT))
			ck_abort_msg("member %d: %s: %s", i, hf_status_name(st),
				hf_error_message(hf_future_error(f[i])));
		hf_future_unref(f[i]);
		lost++;
	}
	return lost;
}

/* From the sixth on nothing is taken, for a while or for good, however much waits to be sent. */
static void stopped_peer(int depth, bool for_good)
{
	static hf_future *f[WINDOW];
	static char text[WIDE + 1];
	hf_pool *p = t_pool_on(t_proxy_dsn(),
		HF_POOL_OPTS(.max_conns = 1, .max_pipeline = depth, .max_queue = HF_FOREVER,
			.statement_ms = for_good ? 1000 * t_slow() : 0));
	struct t_dam dam;
	long before, grown;
	int lost;

	t_wait_idle(p, 1);
	before = peak_mib();
	t_dam_shut(&dam, p);
	t_proxy_arm(T_HOLD_REQUEST, "held", 0);
	for (int i = 0; i < WINDOW; i++)
		f[i] = i == 5 ? submit_held(p, text, i) : submit_wide(p, text, i);
	t_dam_open(&dam);
	t_proxy_await();
	t_sleep_ms(200); /* all buffers are full by then, or will be */
	if (!for_good)
		t_proxy_go_on();
	lost = check_held(f, for_good);
	grown = peak_mib() - before;
	printf("# %d queries with %d bytes each way, of which %d were lost: %ld MiB\n", WINDOW,
		WIDE, lost, grown);
#ifndef __SANITIZE_THREAD__
	ck_assert_int_lt(grown, 96);
#endif
	ck_assert_int_le(lost, depth);
	ck_assert_int_eq(lost > 0, for_good);
	ck_assert_uint_eq(t_stats(p).connects, 1 + for_good);
	t_expect_sane(p);
	t_close(p);
	t_proxy_kill_all();
}

static void stopped_for_a_while(int depth)
{
	stopped_peer(depth, false);
}

static void stopped_for_good(int depth)
{
	stopped_peer(depth, true);
}

T_BOTH_WAYS(stopped_for_a_while)
T_BOTH_WAYS(stopped_for_good)

T_MAIN("pipeline_limits",
	{ "K3 100 ms on pg_sleep(10) at each position of a batch", one_deadline_together, 60 },
	{ "100 ms on pg_sleep(10), one by one", one_deadline_alone, 60 },
	{ "each member of a batch has its own limit", many_deadlines_together, 60 },
	{ "each query has its own limit, one by one", many_deadlines_alone, 60 },
	{ "one slow query in a hundred does not delay the others (rule-55)", test_slow_ones, 240 },
	{ "10,000 queries with 64 kB parameters in bounded memory (rule-54)",
		wide_parameters_together, 120 },
	{ "10,000 queries with 64 kB parameters, one by one", wide_parameters_alone, 120 },
	{ "a peer stops reading for a while (rule-54)", stopped_for_a_while_together, 60 },
	{ "a peer stops reading for a while, one by one", stopped_for_a_while_alone, 60 },
	{ "a peer stops reading for good (rule-54)", stopped_for_good_together, 60 },
	{ "a peer stops reading for good, one by one", stopped_for_good_alone, 60 })
