/* SPDX-License-Identifier: MIT */
/* Snapshots as JSON: read back by jansson, every number is what the snapshot has. */
#include "check_main.h"

#include "base/histogram.h"
#include "engine/snapshot.h"

#include <holdfast.h>
#include <holdfast/json.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define NOWHERE "host=/nonexistent dbname=x password=canary-7f3a"

static const hf_pool_opts lazy = { .struct_size = sizeof lazy, .min_conns = HF_NONE };

static hf_engines *registry(void)
{
	hf_engines *e = hf_engines_new();
	hf_pool_opts odd = lazy;
	hf_pool *p;

	odd.name = "a\"b\\c\nd\xff é";
	ck_assert_int_eq(hf_engines_open(e, "writer", NOWHERE,
				 HF_ENGINE_OPTS(.pool = &odd, .is_default = true), NULL),
		HF_OK);
	ck_assert_int_eq(
		hf_engines_open(e, "reader", NOWHERE, HF_ENGINE_OPTS(.pool = &lazy), NULL), HF_OK);
	p = hf_engines_get(e, "writer", NULL);
	ck_assert_int_eq(hf_engines_add(e, "logger", p, NULL, NULL), HF_OK);
	hf_pool_unref(p);
	return e;
}

/* Every number is another. */
static void number_all(hf_pool_stats *s)
{
	const hf__metric_row *r;

	for (size_t i = 0; (r = hf__metric_row_at(i)) != NULL; i++) {
		uint64_t wide = 1000000007 * (i + 1);
		uint32_t narrow = (uint32_t)(100003 * (i + 1));

		if (r->size == sizeof wide)
			memcpy((char *)s + r->at, &wide, sizeof wide);
		else if (r->size == sizeof narrow)
			memcpy((char *)s + r->at, &narrow, sizeof narrow);
	}
	for (int i = 0; i < 1000; i++)
		hf__histogram_add(&s->query, i < 990 ? 5000 : 700000000000);
	hf__histogram_total(&s->query);
}

static const json_t *group(const json_t *engine, const char *name)
{
	const json_t *g = json_object_get(engine, name);

	ck_assert(json_is_object(g));
	return g;
}

static size_t expect_numbers(const json_t *engine, const hf_pool_stats *s, hf_metric_kind kind)
{
	static const char *const groups[] = { "gauges", "counters", "histograms" };
	const json_t *g = group(engine, groups[kind]);
	const hf_metric *m;
	size_t n = 0;

	for (size_t i = 0; (m = hf_metric_at(i)) != NULL; i++) {
		const json_t *v = json_object_get(g, m->name);

		if (m->kind != kind)
			continue;
		if (kind == HF_METRIC_HISTOGRAM)
			v = json_object_get(v, "count");
		ck_assert_msg(json_is_integer(v), "%s", m->name);
		ck_assert_uint_eq((uint64_t)json_integer_value(v), hf_metric_value(s, i));
		n++;
	}
	ck_assert_uint_eq(json_object_size(g), n);
	return n;
}

static void expect_text(const json_t *o, const char *key, const char *want)
{
	const json_t *v = json_object_get(o, key);

	if (!want)
		ck_assert(json_is_null(v));
	else
		ck_assert_str_eq(json_string_value(v), want);
}

START_TEST(test_read_back)
{
	hf_engines *e = registry();
	hf_snapshot *s = hf_engines_snapshot(e, NULL);
	const json_t *all, *w;
	char *text;
	json_t *root;

	number_all(&s->entry[0].stats);
	text = hf_snapshot_json(s);
	ck_assert_ptr_null(strchr(text, '\n'));
	ck_assert_ptr_null(strstr(text, "canary"));
	root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(root);
	all = json_object_get(root, "engines");
	ck_assert_uint_eq(json_array_size(all), 3);
	w = json_array_get(all, 0);
	expect_text(w, "name", "writer");
	expect_text(w, "pool", "a\"b\\c\nd? ??");
	expect_text(w, "mode", "txn");
	expect_text(w, "state", "open");
	expect_text(w, "same_as", NULL);
	ck_assert(json_is_true(json_object_get(w, "default")));
	expect_text(json_array_get(all, 1), "mode", "read");
	expect_text(json_array_get(all, 2), "same_as", "writer");
	for (size_t i = 0; i < 3; i++) {
		const hf_pool_stats *stats = hf_snapshot_at(s, i)->stats;
		const json_t *o = json_array_get(all, i);

		ck_assert_uint_gt(expect_numbers(o, stats, HF_METRIC_GAUGE), 10);
		ck_assert_uint_gt(expect_numbers(o, stats, HF_METRIC_COUNTER), 20);
		ck_assert_uint_eq(expect_numbers(o, stats, HF_METRIC_HISTOGRAM), 3);
	}
	json_decref(root);
	free(text);
	hf_snapshot_unref(s);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}
END_TEST

START_TEST(test_histogram)
{
	hf_engines *e = registry();
	hf_snapshot *s = hf_engines_snapshot(e, NULL);
	char *text;

	number_all(&s->entry[1].stats);
	text = hf_snapshot_json(s);
	ck_assert_msg(
		strstr(text,
			"\"query\": {\"count\": 1000, \"sum_ns\": 7000004950000, \"p50_ns\": 4864, "
			"\"p95_ns\": 4864, \"p99_ns\": 4864, "
			"\"buckets\": [[5120, 990], [null, 10]]}"),
		"%s", text);
	free(text);
	hf_snapshot_unref(s);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}
END_TEST

static long fail_at, asked, lent;

static void *counted_malloc(size_t n)
{
	void *p = asked++ == fail_at ? NULL : malloc(n);

	lent += p != NULL;
	return p;
}

static void counted_free(void *p)
{
	lent -= p != NULL;
	free(p);
}

/* Each of jansson's allocations fails in turn: all of it, or nothing; and nothing is left behind.
 */
START_TEST(test_no_memory)
{
	hf_engines *e = registry();
	hf_snapshot *s = hf_engines_snapshot(e, NULL);
	char *whole = hf_snapshot_json(s), *text = NULL;

	json_set_alloc_funcs(counted_malloc, counted_free);
	for (fail_at = 0; !text; fail_at++) {
		ck_assert_int_lt(fail_at, 10000);
		asked = 0;
		text = hf_snapshot_json(s);
		ck_assert_int_eq(lent, 0);
	}
	ck_assert_str_eq(text, whole);
	ck_assert_int_gt(fail_at, 100);
	ck_assert_ptr_null(hf_snapshot_json(NULL));
	json_set_alloc_funcs(malloc, free);
	free(text);
	free(whole);
	hf_snapshot_unref(s);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}
END_TEST

T_MAIN("json", { "J13 JSON: every number, read back", test_read_back, 0 },
	{ "J13 JSON: a histogram has what it counted", test_histogram, 0 },
	{ "J13 JSON: each allocation fails in turn", test_no_memory, 0 })
