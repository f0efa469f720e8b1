/* SPDX-License-Identifier: MIT */
/* memory [SECTION...]: what holdfast's things weigh, and what an operation allocates. Sections:
 * future connection parked operation million flat; all of them by default. The server is that of
 * HOLDFAST_TEST_DSN or of libpq's environment. MEMORY_OPS: operations of `flat` [10000000].
 *
 * See mallocs.h for how allocations are told apart. RSS is the process's resident memory. */
#include "hf_sections.h"
#include "mallocs.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FUTURES 100000
#define CONNS   20
#define PARKED  12
#define OPS     50000
#define MILLION 1000000

/* Short SQL with two parameters; each answer says whose it is. */
#define SHORT "select $1::int4, $2::text"

static struct mallocs before[MALLOCS_N];

static hf_future *ask(hf_pool *p, uint64_t *seed, int id)
{
	(void)seed;
	return hf_query(p, SHORT, id, "short");
}

static void header(const char *what)
{
	printf("\n%s\n\n  %-34s %10s %10s %10s %10s %10s\n", what, "", mallocs_name[0],
		mallocs_name[1], mallocs_name[2], mallocs_name[3], "RSS");
}

/* A line of bytes per thing: what was allocated since `before`, and how RSS grew. */
static void bytes_each(const char *what, long n, long rss_kb)
{
	struct mallocs d[MALLOCS_N];

	mallocs_since(before, d);
	printf("  %-34s", what);
	for (int w = 0; w < MALLOCS_N; w++)
		printf(" %10.0f", (double)d[w].bytes / (double)n);
	printf(" %10.0f\n", (double)rss_kb * 1024 / (double)n);
	fflush(stdout);
}

/* --- future --- */

static void queued(hf_pool *p, hf_future **fs, long n)
{
	struct bench_gate gate;
	long rss;

	bench_gate_close(&gate, p, 1);
	mallocs_now(before);
	rss = bench_rss_kb();
	for (long i = 0; i < n; i++)
		fs[i] = hf_query(p, SHORT, (int)i, "short");
	bytes_each("a queued query", n, bench_rss_kb() - rss);
	bench_gate_open(&gate);
	for (long i = 0; i < n; i++) {
		const hf_result *res;

		if (hf_future_get(fs[i], &res) != HF_OK)
			bench_hf_die("query", hf_future_error(fs[i]));
		bench_take_id(res, (int)i);
	}
	bytes_each("the same with its result", n, bench_rss_kb() - rss);
	for (long i = 0; i < n; i++)
		fs[i] = hf_future_unref(fs[i]);
	bytes_each("left when all are gone", n, bench_rss_kb() - rss);
}

static void section_future(void)
{
	hf_future **fs = bench_alloc(FUTURES * sizeof(hf_future *));
	hf_pool *p = bench_open(1, (hf_pool_opts){ 0 });

	memset(fs, 1, FUTURES * sizeof(hf_future *));
	header("bytes per future, of 100,000; short SQL, 2 parameters (\"" SHORT "\")");
	queued(p, fs, FUTURES);
	bench_pool_end(p);
	free(fs);
}

/* --- connection --- */

static void section_connection(void)
{
	hf_pool *p;
	long rss;

	header("bytes per idle connection, of 20; with its thread");
	mallocs_now(before);
	rss = bench_rss_kb();
	p = bench_open(CONNS, (hf_pool_opts){ 0 });
	bytes_each("as opened", CONNS, bench_rss_kb() - rss);
	bench_fly(&(struct bench){ .flight = BENCH_FLIGHT }, p, ask, bench_take_id, 1000L * CONNS);
	bytes_each("after 1,000 queries each", CONNS, bench_rss_kb() - rss);
	bench_pool_end(p);
	bytes_each("left when it is closed", CONNS, bench_rss_kb() - rss);
}

/* --- parked --- */

static void park(hf_pool *p, hf_token *tokens)
{
	for (int i = 0; i < PARKED; i++) {
		hf_txn *t = hf_txn_begin(p, NULL);
		hf_error *why;

		if (hf_await(hf_txn_query(t, SHORT, i, "short"), &why) != HF_OK ||
			hf_txn_park(&t, 0, &tokens[i], &why) != HF_OK)
			bench_hf_die("park", why);
	}
}

static void resume(hf_pool *p, const hf_token *tokens)
{
	for (int i = 0; i < PARKED; i++) {
		hf_txn *t;
		hf_error *why;

		if (hf_txn_resume(p, tokens[i].text, &t, &why) != HF_OK ||
			hf_await(hf_txn_commit(t), &why) != HF_OK)
			bench_hf_die("resume", why);
		hf_txn_unref(t);
	}
}

static void section_parked(void)
{
	hf_pool *p = bench_open(CONNS, (hf_pool_opts){ .max_parked = PARKED });
	hf_token tokens[PARKED];
	long rss;

	park(p, tokens);
	resume(p, tokens);
	header("bytes per parked transaction, of 12; beyond its connection");
	mallocs_now(before);
	rss = bench_rss_kb();
	park(p, tokens);
	bytes_each("parked", PARKED, bench_rss_kb() - rss);
	resume(p, tokens);
	bytes_each("left when they are committed", PARKED, bench_rss_kb() - rss);
	bench_pool_end(p);
}

/* --- operation --- */

static void by_futures(hf_pool *p, long n)
{
	bench_fly(&(struct bench){ .flight = BENCH_FLIGHT }, p, ask, bench_take_id, n);
}

static void one_by_one(hf_pool *p, long n)
{
	bench_fly(&(struct bench){ .flight = 1 }, p, ask, bench_take_id, n);
}

static void by_fetch(hf_pool *p, long n)
{
	for (long i = 0; i < n; i++) {
		hf_result *res;
		hf_error *why;

		if (hf_fetch(p, &res, &why, SHORT, (int)i, "short") != HF_OK)
			bench_hf_die("fetch", why);
		bench_take_id(res, (int)i);
		hf_result_unref(res);
	}
}

static void by_txn(hf_pool *p, long n)
{
	for (long i = 0; i < n; i++) {
		hf_txn *t = hf_txn_begin(p, NULL);
		hf_error *why;

		if (hf_await(hf_txn_query(t, SHORT, (int)i, "short"), &why) != HF_OK ||
			hf_await(hf_txn_commit(t), &why) != HF_OK)
			bench_hf_die("transaction", why);
		hf_txn_unref(t);
	}
}

static hf_status in_interaction(hf_conn *c, void *arg, hf_reply *reply)
{
	const hf_result *res;

	(void)reply;
	return hf_conn_query(c, &res, SHORT, *(int *)arg, "short");
}

static void by_interaction(hf_pool *p, long n)
{
	int id = 1;

	for (long i = 0; i < n; i++)
		if (hf_await(hf_run(p, in_interaction, &id, NULL), NULL) != HF_OK)
			bench_die("interaction failed");
}

static hf_status count_row(hf_row row, void *arg)
{
	(void)row;
	++*(long *)arg;
	return HF_OK;
}

static void by_rows(hf_pool *p, long n)
{
	long got = 0;
	hf_error *why;

	if (hf_await(hf_query_with(p, HF_QUERY_OPTS(.on_row = count_row, .arg = &got),
			     "select i, i::text from generate_series(1, $1::int) i", (int)n),
		    &why) != HF_OK)
		bench_hf_die("stream", why);
	if (got != n)
		bench_die("%ld rows instead of %ld", got, n);
}

static void section_operation(void)
{
	static const struct {
		const char *name;
		void (*run)(hf_pool *p, long n);
	} kinds[] = {
		{ "query, 256 under way", by_futures },
		{ "query, submit, then get", one_by_one },
		{ "hf_fetch", by_fetch },
		{ "transaction: query, commit", by_txn },
		{ "interaction of one query", by_interaction },
		{ "row of a streamed query", by_rows },
	};
	hf_pool *p = bench_open(BENCH_CONNS, (hf_pool_opts){ 0 });

	printf("\nallocations per operation in the steady state, of 50,000 after as many\n\n"
	       "  %-34s %10s %10s %10s %10s\n",
		"", mallocs_name[0], mallocs_name[1], mallocs_name[2], mallocs_name[3]);
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		struct mallocs d[MALLOCS_N];

		kinds[k].run(p, OPS);
		mallocs_now(before);
		kinds[k].run(p, OPS);
		mallocs_since(before, d);
		printf("  %-34s", kinds[k].name);
		for (int w = 0; w < MALLOCS_N; w++)
			printf(" %10.4f", (double)d[w].calls / OPS);
		printf("\n");
		fflush(stdout);
	}
	bench_pool_end(p);
}

/* --- million --- */

static void section_million(void)
{
	hf_future **fs = bench_alloc(MILLION * sizeof(hf_future *));
	hf_pool *p = bench_open(1, (hf_pool_opts){ 0 });
	struct bench_gate gate;
	int64_t t0, t1, t2;
	long rss;

	memset(fs, 1, MILLION * sizeof(hf_future *));
	bench_gate_close(&gate, p, 1);
	rss = bench_rss_kb();
	t0 = bench_now_ns();
	for (int i = 0; i < MILLION; i++)
		fs[i] = hf_query(p, SHORT, i, "short");
	t1 = bench_now_ns();
	printf("\n1,000,000 queued futures: %.0f ns to submit each, %.0f MB, %.0f bytes each\n",
		(double)(t1 - t0) / MILLION, (double)(bench_rss_kb() - rss) / 1024,
		(double)(bench_rss_kb() - rss) * 1024 / MILLION);
	bench_gate_open(&gate);
	t1 = bench_now_ns();
	for (int i = 0; i < MILLION; i++) {
		bench_finish_id(fs[i], i);
		fs[i] = NULL;
	}
	t2 = bench_now_ns();
	printf("  all answered, each by its own answer, in %.1f s; RSS afterwards %.0f MB more\n",
		(double)(t2 - t1) / 1e9, (double)(bench_rss_kb() - rss) / 1024);
	bench_pool_end(p);
	free(fs);
}

/* --- flat --- */

#define TENTHS 10 /* lines */
#define STEPS  20 /* of the bar, for each */

static void section_flat(void)
{
	const char *s = getenv("MEMORY_OPS");
	long ops = s ? strtol(s, NULL, 10) : 10000000, done = 0, base = 0;
	hf_pool *p = bench_open(BENCH_CONNS, (hf_pool_opts){ 0 });
	int64_t began;

	printf("\nRSS over %ld operations, 256 under way\n\n  %14s %10s %10s\n", ops, "operations",
		"RSS kB", "growth kB");
	by_futures(p, OPS);
	malloc_trim(0);
	began = bench_now_ns();
	for (int step = 0; step <= TENTHS * STEPS; step++) {
		long until = ops / (TENTHS * STEPS) * step, rss;

		bench_progress("RSS", step, TENTHS * STEPS);
		by_futures(p, until - done);
		done = until;
		if (step % STEPS)
			continue;
		bench_progress("", 0, 0);
		rss = bench_rss_kb();
		if (step == 0)
			base = rss;
		printf("  %14ld %10ld %10ld\n", done, rss, rss - base);
		fflush(stdout);
	}
	printf("  in %.1f s\n", (double)(bench_now_ns() - began) / 1e9);
	bench_pool_end(p);
}

static const struct bench_section sections[] = {
	{ "future", section_future },
	{ "connection", section_connection },
	{ "parked", section_parked },
	{ "operation", section_operation },
	{ "million", section_million },
	{ "flat", section_flat },
};

/* In a process of its own: what one section leaves in the allocator is not the next one's gain. */
static void run_apart(void (*run)(void))
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		run();
		fflush(stdout);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		bench_die("no process for a section");
	if (status != 0)
		exit(1);
}

int main(int argc, char **argv)
{
	mallocs_init();
	printf("holdfast %s. Bytes as the allocator rounds them, by who called malloc or free; "
	       "\"apr\" is\n"
	       "holdfast's use of APR, \"others\" the C library on anybody's behalf. RSS includes "
	       "stacks.\n",
		hf_version());
	if (!mallocs_work())
		printf("Allocations are not counted in this build: all such figures are 0.\n");
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
		if (bench_wanted(sections[i].name, argc, argv))
			run_apart(sections[i].run);
	return 0;
}
