/* SPDX-License-Identifier: MIT */
/* growth [SECTION...]: how the cost of an operation grows. Sections: queue threads connections
 * borrowing size; all of them by default. The server is that of HOLDFAST_TEST_DSN or of libpq's
 * environment.
 *
 * CPU is that of this process, the server's not included; of a submission, that of its thread. Wall
 * time contains the server's work. */
#include "growth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define SHORT   "select $1::int4"
#define MOST    1000000
#define FLOW    100000
#define THREADS 64

static hf_future *ask(hf_pool *p, uint64_t *seed, int id)
{
	(void)seed;
	return hf_query(p, SHORT, id);
}

hf_pool_stats growth_stats(hf_pool *p)
{
	hf_pool_stats st = { .struct_size = sizeof st };

	hf_pool_get_stats(p, &st);
	return st;
}

double growth_each(uint64_t now, uint64_t before, long n)
{
	return (double)(now - before) / (double)n;
}

/* --- queue --- */

struct filled {
	double submit_ns, wall_us, cpu_us;
};

/* Of this thread: what else the machine does is not in it. */
static int64_t thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* One round: `n` submitted while nothing is taken from the queue, and then all of them answered. */
static void fill_and_drain(hf_pool *p, hf_future **fs, int n, struct filled *sum)
{
	struct bench b = { 0 };
	struct bench_gate gate;
	int64_t t0;

	bench_gate_close(&gate, p, BENCH_CONNS);
	bench_begin(&b);
	t0 = thread_cpu_ns();
	for (int i = 0; i < n; i++)
		fs[i] = hf_query(p, SHORT, i);
	sum->submit_ns += (double)(thread_cpu_ns() - t0);
	bench_gate_open(&gate);
	for (int i = 0; i < n; i++)
		bench_finish_id(fs[i], i);
	bench_end(&b);
	sum->wall_us += (double)b.took_ns / 1e3;
	sum->cpu_us += (double)b.cpu_ns / 1e3;
}

static void section_queue(void)
{
	hf_future **fs = bench_alloc(MOST * sizeof(hf_future *));
	hf_pool *p = bench_open(BENCH_CONNS, (hf_pool_opts){ 0 });

	printf("\nlength of the queue: filled while its 4 connections are held, then drained\n\n"
	       "  %10s %12s %12s %12s\n",
		"queued", "submit ns", "wall us/op", "CPU us/op");
	bench_fly(&(struct bench){ .flight = BENCH_FLIGHT }, p, ask, bench_take_id, FLOW);
	for (int n = 1; n <= MOST; n *= 10) {
		struct filled sum = { 0 };
		int rounds = n < FLOW ? FLOW / n : 1;

		if (rounds > 2000)
			rounds = 2000;
		for (int r = 0; r < rounds; r++)
			fill_and_drain(p, fs, n, &sum);
		printf("  %10d %12.0f %12.2f %12.2f\n", n, sum.submit_ns / n / rounds,
			sum.wall_us / n / rounds, sum.cpu_us / n / rounds);
		fflush(stdout);
	}
	bench_pool_end(p);
	free(fs);
}

/* --- threads --- */

struct submitter {
	pthread_t thread;
	hf_pool *p;
	long n;
	int flight;
};

static void *fly_alone(void *arg)
{
	struct submitter *s = arg;

	bench_fly(&(struct bench){ .flight = s->flight }, s->p, ask, bench_take_id, s->n);
	return NULL;
}

/* FLOW operations from n threads, BENCH_FLIGHT under way in all. */
static void fly_together(hf_pool *p, int n, struct bench *b)
{
	struct submitter s[THREADS];

	bench_begin(b);
	for (int i = 0; i < n; i++) {
		s[i] = (struct submitter){ .p = p, .n = FLOW / n, .flight = BENCH_FLIGHT / n };
		if (pthread_create(&s[i].thread, NULL, fly_alone, &s[i]) != 0)
			bench_die("no thread");
	}
	for (int i = 0; i < n; i++)
		pthread_join(s[i].thread, NULL);
	bench_end(b);
}

static void section_threads(void)
{
	hf_pool *p = bench_open(BENCH_CONNS, (hf_pool_opts){ 0 });

	printf("\nsubmitting threads: 100,000 queries, 256 under way in all, 4 connections\n\n"
	       "  %10s %12s %12s %12s %12s %12s\n",
		"threads", "wall us/op", "CPU us/op", "wake-ups/op", "futile/op", "switches/op");
	fly_together(p, 1, &(struct bench){ 0 });
	for (int n = 1; n <= THREADS; n *= 2) {
		struct bench b = { 0 };
		hf_pool_stats was = growth_stats(p), is;
		struct rusage u0, u1;

		getrusage(RUSAGE_SELF, &u0);
		fly_together(p, n, &b);
		getrusage(RUSAGE_SELF, &u1);
		is = growth_stats(p);
		printf("  %10d %12.2f %12.2f %12.4f %12.4f %12.4f\n", n,
			(double)b.took_ns / 1e3 / FLOW, (double)b.cpu_ns / 1e3 / FLOW,
			growth_each(is.wakeups, was.wakeups, FLOW),
			growth_each(is.futile_wakeups, was.futile_wakeups, FLOW),
			(double)(u1.ru_nvcsw - u0.ru_nvcsw) / FLOW);
		fflush(stdout);
	}
	bench_pool_end(p);
}

/* --- connections --- */

static void section_connections(void)
{
	printf("\nconnections: 100,000 queries from one thread, 256 under way\n\n"
	       "  %10s %12s %12s %12s\n",
		"conns", "wall us/op", "CPU us/op", "travelling");
	for (int n = 1; n <= 64; n *= 2) {
		hf_pool *p = bench_open(n, (hf_pool_opts){ 0 });
		struct bench b = { .flight = BENCH_FLIGHT };
		hf_pool_stats was, is;

		bench_fly(&b, p, ask, bench_take_id, FLOW / 10);
		was = growth_stats(p);
		bench_begin(&b);
		bench_fly(&b, p, ask, bench_take_id, FLOW);
		bench_end(&b);
		is = growth_stats(p);
		printf("  %10d %12.2f %12.2f %11.0f%%\n", n, (double)b.took_ns / 1e3 / FLOW,
			(double)b.cpu_ns / 1e3 / FLOW,
			100 * growth_each(is.pipelined, was.pipelined, FLOW));
		fflush(stdout);
		bench_pool_end(p);
	}
}

/* --- size --- */

static long scan_rows(const hf_result *res)
{
	long bytes = 0;

	HF_FOREACH_ROW (row, res) {
		const char *text;
		int i;

		if (hf_row_scan(row, HF_TO(&i), HF_TO(&text)) != HF_OK)
			bench_die("the row does not fit");
		bytes += (long)strlen(text) + 4;
	}
	return bytes;
}

static void one_size(hf_pool *p, int rows, int width)
{
	int rounds = 2000000 / (rows * (50 + width / 4)) + 1;
	struct bench b = { 0 };
	long bytes = 0;

	if (rounds > 2000)
		rounds = 2000;
	for (int r = -1; r < rounds; r++) { /* one to prepare the statement */
		hf_result *res;
		hf_error *why;

		if (r == 0)
			bench_begin(&b);
		if (hf_fetch(p, &res, &why,
			    "select i, repeat('x', $2) from generate_series(1, $1) i", rows,
			    width) != HF_OK)
			bench_hf_die("fetch", why);
		bytes = scan_rows(res);
		hf_result_unref(res);
	}
	bench_end(&b);
	printf("  %10d %10d %14.1f %14.3f %14.3f %12.3f\n", rows, width,
		(double)b.took_ns / 1e3 / rounds, (double)b.took_ns / 1e3 / rounds / rows,
		(double)b.cpu_ns / 1e3 / rounds / rows, (double)b.cpu_ns / rounds / (double)bytes);
	fflush(stdout);
}

static void section_size(void)
{
	hf_pool *p = bench_open(1, (hf_pool_opts){ 0 });

	printf("\nsize of the result: an integer and a text of `width` bytes a row, each read\n\n"
	       "  %10s %10s %14s %14s %14s %12s\n",
		"rows", "width", "wall us/query", "wall us/row", "CPU us/row", "CPU ns/byte");
	for (int rows = 1; rows <= MOST; rows *= 10)
		one_size(p, rows, 10);
	for (int width = 100; width <= 10000000; width *= 10)
		one_size(p, 1, width);
	bench_pool_end(p);
}

static const struct bench_section sections[] = {
	{ "queue", section_queue },
	{ "threads", section_threads },
	{ "connections", section_connections },
	{ "borrowing", growth_borrowing },
	{ "size", section_size },
};

int main(int argc, char **argv)
{
	printf("holdfast %s. CPU is this process's; wall time contains the server's work.\n",
		hf_version());
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
		if (bench_wanted(sections[i].name, argc, argv))
			sections[i].run();
	return 0;
}
