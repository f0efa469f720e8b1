/* SPDX-License-Identifier: MIT */
/* Snapshots without a server: the list of members is complete, what is given out is well formed,
 * and no memory, no registry and no engines are told. */
#include "check_main.h"

#include "base/histogram.h"
#include "base/mem.h"
#include "engine/snapshot.h"

#include <holdfast.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOWHERE "host=/nonexistent dbname=x password=canary-7f3a"

static const hf_pool_opts lazy = { .struct_size = sizeof lazy, .min_conns = HF_NONE };

static hf_pool *pool_named(const char *name)
{
	hf_pool_opts o = lazy;
	hf_pool *p = NULL;

	o.name = name;
	ck_assert_int_eq(hf_pool_open(NOWHERE, &o, &p, NULL), HF_OK);
	return p;
}

static void end_pool(hf_pool *p)
{
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	hf_pool_unref(p);
}

/* reader and writer of their own, and another name for the writer's pool. */
static hf_engines *three(void)
{
	hf_engines *e = hf_engines_new();
	hf_pool *p;

	ck_assert_int_eq(
		hf_engines_open(e, "reader", NOWHERE, HF_ENGINE_OPTS(.pool = &lazy), NULL), HF_OK);
	ck_assert_int_eq(hf_engines_open(e, "writer", NOWHERE,
				 HF_ENGINE_OPTS(.pool = &lazy, .is_default = true), NULL),
		HF_OK);
	p = hf_engines_get(e, "writer", NULL);
	ck_assert_int_eq(hf_engines_add(e, "logger", p, NULL, NULL), HF_OK);
	hf_pool_unref(p);
	return e;
}

static void end_engines(hf_engines *e)
{
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}

/* --- the list --- */

/* Byte by byte: each belongs to one member, or is what the compiler put between two. */
START_TEST(test_complete)
{
	static unsigned char owned[sizeof(hf_pool_stats)];
	const hf__metric_row *r;
	size_t free_bytes = 0;

	memset(owned, 1, sizeof(size_t)); /* struct_size */
	for (size_t i = 0; (r = hf__metric_row_at(i)) != NULL; i++) {
		ck_assert(r->size == 4 || r->size == 8 || r->size == sizeof(hf_histogram));
		for (size_t k = r->at; k < r->at + r->size; k++)
			ck_assert_msg(owned[k]++ == 0, "%s is there twice", r->shown.name);
	}
	for (size_t k = 0; k < sizeof owned; k++) {
		free_bytes = owned[k] ? 0 : free_bytes + 1;
		ck_assert_msg(free_bytes < 8 && (owned[k] || k % 8 >= 4),
			"a member at byte %zu of hf_pool_stats is not in src/engine/metrics.c", k);
	}
	ck_assert_ptr_null(hf_metric_at(SIZE_MAX));
}
END_TEST

/* Of an older caller's struct nothing is read that it has not got. */
START_TEST(test_older_struct)
{
	hf_pool_stats s;
	const hf_metric *m;

	memset(&s, 0x11, sizeof s);
	s.struct_size = offsetof(hf_pool_stats, active);
	for (size_t i = 0; (m = hf_metric_at(i)) != NULL; i++) {
		uint64_t v = hf_metric_value(&s, i);

		ck_assert_ptr_null(hf_metric_histogram(&s, i));
		ck_assert_msg(v == 0 || v == 0x11111111 || v == 0x1111111111111111, "%s", m->name);
		ck_assert_int_eq(v != 0, hf__metric_row_at(i)->at < s.struct_size);
	}
	ck_assert_uint_eq(hf_metric_value(NULL, 0), 0);
}
END_TEST

/* --- Prometheus --- */

struct page {
	char family[100], type[20];
	char seen[200][100]; /* families */
	size_t n;
	unsigned long long last; /* bucket */
	char last_of[200];
	long samples;
};

/* "# HELP family …" and then "# TYPE family type", each once. */
static void read_comment(struct page *g, const char *line)
{
	char family[100], type[20];

	if (sscanf(line, "# HELP %99s", family) == 1) {
		for (size_t i = 0; i < g->n; i++)
			ck_assert_str_ne(g->seen[i], family);
		ck_assert_uint_lt(g->n, T_COUNT(g->seen));
		snprintf(g->seen[g->n++], sizeof g->seen[0], "%s", family);
		return;
	}
	ck_assert_int_eq(sscanf(line, "# TYPE %99s %19s", family, type), 2);
	ck_assert_str_eq(family, g->seen[g->n - 1]);
	ck_assert_str_eq(strstr(family, "_total") ? "counter" : type, type);
	ck_assert(strcmp(type, "counter") != 0 || strstr(family, "_total"));
	snprintf(g->family, sizeof g->family, "%s", family);
	snprintf(g->type, sizeof g->type, "%s", type);
}

/* Of one engine and one family buckets only rise, and the count is the last of them. */
static void read_bucket(struct page *g, const char *line, const char *value)
{
	unsigned long long v = strtoull(value, NULL, 10);
	bool is_count = strstr(line, "_count{") != NULL;

	if (!is_count && !strstr(line, "_bucket{"))
		return;
	if (strstr(line, "le=\"0.000016384\""))
		g->last = 0;
	ck_assert_uint_ge(v, g->last);
	if (is_count)
		ck_assert_uint_eq(v, g->last);
	g->last = v;
}

static void read_line(struct page *g, const char *line)
{
	size_t n = strlen(g->family);
	const char *value = strrchr(line, ' ');
	char *end;

	if (line[0] == '#') {
		read_comment(g, line);
		return;
	}
	ck_assert_msg(strncmp(line, g->family, n) == 0 && strncmp(line, "holdfast_", 9) == 0,
		"in %s: %s", g->family, line);
	ck_assert(strcmp(g->type, "histogram") == 0 || line[n] == '{');
	ck_assert_msg(strstr(line, "{engine=\"") && value, "%s", line);
	(void)strtod(value, &end);
	ck_assert_str_eq(end, "");
	if (strcmp(g->type, "histogram") == 0)
		read_bucket(g, line, value + 1);
	g->samples++;
}

static struct page read_page(const char *text)
{
	static struct page g;
	char *mine = strdup(text), *next = mine, *line;

	memset(&g, 0, sizeof g);
	ck_assert_uint_gt(strlen(text), 0);
	ck_assert_int_eq(text[strlen(text) - 1], '\n');
	while ((line = strsep(&next, "\n")) != NULL && next)
		read_line(&g, line);
	free(mine);
	return g;
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part)) {
		fputs(text, stderr); /* too long for check */
		ck_abort_msg("\"%s\" is not there", part);
	}
}

static void has_not(const char *text, const char *part)
{
	if (strstr(text, part)) {
		fputs(text, stderr);
		ck_abort_msg("\"%s\" is there", part);
	}
}

START_TEST(test_prometheus)
{
	hf_engines *e = three();
	hf_snapshot *s = hf_engines_snapshot(e, NULL);
	char *text = hf_snapshot_prometheus(s);
	struct page g = read_page(text);

	ck_assert_int_gt(g.samples, 2 * 120);
	has(text, "holdfast_engine_info{engine=\"reader\",pool=\"reader\",mode=\"read\","
		  "default=\"false\",same_as=\"\"} 1\n");
	has(text, "holdfast_engine_info{engine=\"logger\",pool=\"writer\",mode=\"autocommit\","
		  "default=\"false\",same_as=\"writer\"} 1\n");
	has(text, "holdfast_engine_open{engine=\"writer\"} 1\n");
	has(text, "holdfast_connections{engine=\"reader\"} 0\n");
	has(text, "holdfast_jobs_completed_total{engine=\"writer\",kind=\"query\"} 0\n");
	has(text, "holdfast_query_seconds_bucket{engine=\"writer\",le=\"549.755813888\"} 0\n");
	has_not(text, "holdfast_connections{engine=\"logger\"}");
	has_not(text, "canary");
	free(text);
	hf_snapshot_unref(s);
	end_engines(e);
}
END_TEST

/* The numbers of a snapshot of our own making, to the last digit. */
START_TEST(test_prometheus_numbers)
{
	hf_pool *p = pool_named("a\"b\\c\nd\xff");
	hf_snapshot *s = hf_pool_snapshot(p, NULL);
	hf_pool_stats *m = &s->entry[0].stats;
	char *text;

	hf__histogram_add(&m->query, 16384);
	hf__histogram_add(&m->query, 16385);
	hf__histogram_add(&m->query, 600000000000);
	hf__histogram_total(&m->query);
	m->oldest_wait_ms = 1250;
	m->statements = UINT64_MAX;
	text = hf_snapshot_prometheus(s);
	read_page(text);
#define E "{engine=\"a\\\"b\\\\c\\nd?\""
	has(text, "holdfast_query_seconds_bucket" E ",le=\"0.000016384\"} 1\n");
	has(text, "holdfast_query_seconds_bucket" E ",le=\"0.000032768\"} 2\n");
	has(text, "holdfast_query_seconds_bucket" E ",le=\"549.755813888\"} 2\n");
	has(text, "holdfast_query_seconds_bucket" E ",le=\"+Inf\"} 3\n");
	has(text, "holdfast_query_seconds_sum" E "} 600.000032769\n");
	has(text, "holdfast_query_seconds_count" E "} 3\n");
	has(text, "holdfast_oldest_wait_seconds" E "} 1.25\n");
	has(text, "holdfast_statements_total" E "} 18446744073709551615\n");
	free(text);
	hf_snapshot_unref(s);
	end_pool(p);
}
END_TEST

/* --- for people --- */

START_TEST(test_text)
{
	hf_engines *e = three();
	hf_snapshot *s = hf_engines_snapshot(e, NULL);
	hf_pool_stats *m = &s->entry[1].stats;
	char *text;

	for (int i = 0; i < 100; i++)
		hf__histogram_add(&m->wait, i < 98 ? 2000 : 3000000);
	hf__histogram_total(&m->wait);
	m->oldest_wait_ms = 61000;
	text = hf_snapshot_text(s);
	has(text, "engine   mode        pool                state  conns  of  idle  busy");
	has(text, "reader   read        reader              open       0   8     0     0");
	has(text, "writer*  txn         writer              open       0   8");
	has(text, "logger   autocommit  writer (as writer)  open       0   8");
	has(text, "61.0 s");
	has(text, "1.79 us  1.79 us  3.01 ms");
	has_not(text, "canary");
	has_not(text, " \n");
	free(text);
	hf_snapshot_unref(s);
	end_engines(e);
}
END_TEST

/* --- what is not there --- */

START_TEST(test_nothing)
{
	hf_engines *e = hf_engines_new();
	hf_snapshot *s = hf_engines_snapshot(e, NULL);
	hf_error *why;
	char *text;

	ck_assert_uint_eq(hf_snapshot_count(s), 0);
	ck_assert_ptr_null(hf_snapshot_at(s, 0));
	text = hf_snapshot_text(s);
	ck_assert_str_eq(text, "no engines\n");
	free(text);
	text = hf_snapshot_prometheus(s);
	ck_assert_str_eq(text, "# no engines\n");
	free(text);
	ck_assert_ptr_eq(hf_snapshot_ref(s), s);
	ck_assert_ptr_null(hf_snapshot_unref(s));
	ck_assert_ptr_null(hf_snapshot_unref(s));
	hf_engines_unref(e);
	ck_assert_ptr_null(hf_engines_snapshot(NULL, &why));
	ck_assert_int_eq(hf_error_status(why), HF_E_MISUSE);
	hf_error_unref(why);
	ck_assert_ptr_null(hf_pool_snapshot(NULL, &why));
	ck_assert_int_eq(hf_error_status(why), HF_E_MISUSE);
	hf_error_unref(why);
	ck_assert_ptr_null(hf_snapshot_text(NULL));
	ck_assert_ptr_null(hf_snapshot_prometheus(NULL));
	ck_assert_uint_eq(hf_snapshot_count(NULL), 0);
	ck_assert_ptr_null(hf_snapshot_ref(NULL));
	ck_assert_ptr_null(hf_snapshot_unref(NULL));
}
END_TEST

/* A closed pool still tells what it did. */
START_TEST(test_closed)
{
	hf_pool *p = pool_named("shop");
	hf_snapshot *s;

	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	s = hf_pool_snapshot(p, NULL);
	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(hf_snapshot_at(s, 0)->state, HF_POOL_CLOSED);
	ck_assert_str_eq(hf_snapshot_at(s, 0)->name, "shop");
	ck_assert_int_eq(hf_snapshot_at(s, 0)->mode, HF_MODE_BY_NAME);
	hf_pool_unref(p);
	ck_assert_str_eq(hf_snapshot_at(s, 0)->pool, "shop");
	hf_snapshot_unref(s);
}
END_TEST

/* Each allocation fails in turn. */
START_TEST(test_no_memory)
{
	hf_engines *e = three();
	long n = 0, done = 0;

	for (; !done; n++) {
		hf_error *why = NULL;
		hf_snapshot *s;
		char *text, *page;

		ck_assert_int_lt(n, 1000);
		hf__mem_fail(n, 1);
		s = hf_engines_snapshot(e, &why);
		text = hf_snapshot_text(s);
		page = hf_snapshot_prometheus(s);
		done = s && text && page;
		ck_assert_int_eq(hf_error_status(why), s ? HF_OK : HF_E_NOMEM);
		free(text);
		free(page);
		hf_snapshot_unref(s);
		hf_error_unref(why);
	}
	hf__mem_fail(0, 0);
	ck_assert_int_gt(n, 8);
	end_engines(e);
}
END_TEST

START_TEST(test_forked)
{
	static hf_engines *e; /* so that valgrind finds them in the child */
	static hf_pool *p;
	hf_error *why = NULL;
	int status;
	pid_t child;

	e = three();
	p = pool_named("shop");
	child = fork();
	if (child == 0) {
		if (hf_engines_snapshot(e, &why) || hf_error_status(why) != HF_E_FORKED)
			_exit(1);
		if (hf_pool_snapshot(p, &why) || hf_error_status(why) != HF_E_FORKED)
			_exit(2);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	end_pool(p);
	end_engines(e);
}
END_TEST

T_MAIN("metrics", { "J13 every member of the statistics is in the list", test_complete, 0 },
	{ "J13 of an older caller's struct no more is read", test_older_struct, 0 },
	{ "J13 Prometheus: three engines, each pool once", test_prometheus, 0 },
	{ "J13 Prometheus: exact bounds, sums and escapes", test_prometheus_numbers, 0 },
	{ "J13 a table for people", test_text, 0 },
	{ "J13 a registry without engines, and none at all", test_nothing, 0 },
	{ "J13 a closed pool tells what it did", test_closed, 0 },
	{ "J13 each allocation fails in turn", test_no_memory, 0 },
	{ "J13 a child of a fork is told so", test_forked, 0 })
