/* SPDX-License-Identifier: MIT */
/* What the programs of bench/ share. */
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const struct {
	const char *name;
	long ops, warmup;
	int conns, flight;
} workloads[] = {
	{ "ping", 20000, 1000, 1, 1 },
	{ "point", 200000, 4000, BENCH_CONNS, BENCH_FLIGHT },
	{ "update", 40000, 4000, BENCH_CONNS, BENCH_FLIGHT },
	{ "tx", 10000, 400, BENCH_CONNS, BENCH_CONNS },
	{ "load", 500000, 0, 1, 1 },
	{ "insert", 200000, 0, 1, 1 },
};

static uint64_t accounts = 1000000;

void bench_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void *bench_alloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p)
		bench_die("no memory for %zu bytes", n);
	return p;
}

int64_t bench_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t cpu_now_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return ((int64_t)u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000 +
	       ((int64_t)u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

uint64_t bench_seed(unsigned stream)
{
	return (uint64_t)bench_now_ns() ^ (uint64_t)getpid() << 40 ^ (uint64_t)stream << 56;
}

/* splitmix64: any seed will do, and each of its steps is a number. */
static uint32_t chance(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)(z >> 32);
}

int bench_aid(uint64_t *seed)
{
	return 1 + (int)((uint64_t)chance(seed) * accounts >> 32);
}

int bench_delta(uint64_t *seed)
{
	return (int)((uint64_t)chance(seed) * 10001 >> 32) - 5000;
}

static long scaled(long ops)
{
	const char *s = getenv("PEERS_SCALE");
	double n = (double)ops * (s && *s ? strtod(s, NULL) : 1);

	return n < 1 ? 1 : (long)n;
}

static void count_accounts(void)
{
	const char *s = getenv("BENCH_ACCOUNTS");
	unsigned long n = s ? strtoul(s, NULL, 10) : 0;

	if (n > 0 && n <= INT32_MAX)
		accounts = n;
}

bool bench_init(struct bench *b, const char *peer, int argc, char **argv)
{
	count_accounts();
	*b = (struct bench){ .peer = peer, .workload = argc > 1 ? argv[1] : "" };
	for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
		if (strcmp(b->workload, workloads[i].name) != 0)
			continue;
		b->ops = scaled(workloads[i].ops);
		b->warmup = workloads[i].warmup;
		b->conns = workloads[i].conns;
		b->flight = workloads[i].flight;
		return true;
	}
	return false;
}

void bench_init_alone(struct bench *b, const char *peer, const char *workload, long ops)
{
	*b = (struct bench){ .peer = peer, .workload = workload, .ops = scaled(ops) };
}

void bench_begin(struct bench *b)
{
	b->cpu_ns = cpu_now_ns();
	b->began_ns = bench_now_ns();
}

void bench_end(struct bench *b)
{
	b->took_ns = bench_now_ns() - b->began_ns;
	b->cpu_ns = cpu_now_ns() - b->cpu_ns;
}

void bench_laps(struct bench *b)
{
	b->lap_ns = bench_alloc((size_t)b->ops * sizeof *b->lap_ns);
}

void bench_lap(struct bench *b, long i, int64_t since_ns)
{
	int64_t ns;

	if (i < 0 || !b->lap_ns)
		return;
	ns = bench_now_ns() - since_ns;
	b->lap_ns[i] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

const char *bench_keep(struct bench_texts *t, const char *s, size_t n)
{
	char *p;

	if (t->left < n + 1) {
		t->left = n + 1 > (size_t)1 << 20 ? n + 1 : (size_t)1 << 20;
		t->next = malloc(t->left);
		if (!t->next)
			bench_die("no memory");
	}
	p = t->next;
	memcpy(p, s, n);
	p[n] = '\0';
	t->next += n + 1;
	t->left -= n + 1;
	return p;
}

void bench_sum(struct bench *b, const struct bench_loaded *rows, long n)
{
	if (n != b->ops)
		bench_die("%ld rows instead of %ld", n, b->ops);
	for (long i = 0; i < n; i++)
		b->check += (long long)rows[i].aid + rows[i].abalance;
	b->has_check = true;
}

void bench_item(struct bench_item *it, long i)
{
	snprintf(it->subject, sizeof it->subject, "subject of item number %ld", i);
	it->done = i % 2 == 1;
	it->created_us = (1700000000 + (int64_t)i) * 1000000;
	it->has_score = i % 10 != 0;
	it->score = (double)i * 0.5;
}

void bench_item_text(struct bench_item_text *t, const struct bench_item *it)
{
	t->done = it->done ? "t" : "f";
	snprintf(t->created, sizeof t->created, "%lld", (long long)it->created_us / 1000000);
	snprintf(t->digits, sizeof t->digits, "%.17g", it->score);
	t->score = it->has_score ? t->digits : NULL;
}

const char *bench_load_sql(const struct bench *b)
{
	static char sql[sizeof BENCH_LOAD + 24];

	snprintf(sql, sizeof sql, BENCH_LOAD "%ld", b->ops);
	return sql;
}

/* A line of /proc/self/status in kB. Not ru_maxrss, which begins at what the process was before
 * its exec. */
static long status_kb(const char *key)
{
	FILE *f = fopen("/proc/self/status", "r");
	size_t n = strlen(key);
	char line[128];
	long kb = 0;

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, key, n) == 0)
			kb = strtol(line + n, NULL, 10);
	if (f)
		fclose(f);
	return kb;
}

long bench_rss_kb(void)
{
	return status_kb("VmRSS:");
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print_laps(struct bench *b)
{
	if (!b->lap_ns) {
		printf("\"p50_us\":null,\"p99_us\":null,");
		return;
	}
	qsort(b->lap_ns, (size_t)b->ops, sizeof *b->lap_ns, by_value);
	printf("\"p50_us\":%.1f,\"p99_us\":%.1f,", (double)b->lap_ns[b->ops / 2] / 1e3,
		(double)b->lap_ns[b->ops * 99 / 100] / 1e3);
}

void bench_print(struct bench *b)
{
	double s = (double)b->took_ns / 1e9;

	printf("{\"peer\":\"%s\",\"version\":\"%s\",\"workload\":\"%s\",\"connections\":%d,"
	       "\"in_flight\":%d,\"ops\":%ld,\"seconds\":%.6f,\"rate\":%.1f,",
		b->peer, b->version, b->workload, b->conns, b->flight, b->ops, s,
		(double)b->ops / s);
	print_laps(b);
	if (b->has_check)
		printf("\"check\":%lld,", b->check);
	printf("\"warmup\":%ld,\"cpu_s\":%.4f,\"max_rss_kb\":%ld}\n", b->warmup,
		(double)b->cpu_ns / 1e9, status_kb("VmHWM:"));
}
