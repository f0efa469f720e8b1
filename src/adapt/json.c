/* SPDX-License-Identifier: MIT */
/* Snapshots as JSON, by jansson. It knows holdfast by its public headers only, as it is a library
 * of its own.
 *
 * jansson's functions take a NULL for a value that could not be made, free what they cannot use,
 * and say so: every answer is looked at, so that nothing is missing from what is given out. */
#include <holdfast/json.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static bool put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

static bool push(json_t *array, json_t *value)
{
	return json_array_append_new(array, value) == 0;
}

static json_t *number(uint64_t n)
{
	return json_integer(n < INT64_MAX ? (json_int_t)n : INT64_MAX);
}

static json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

/* What was made, or NULL where it is not all there. */
static json_t *whole(json_t *made, bool ok)
{
	if (ok)
		return made;
	json_decref(made);
	return NULL;
}

static json_t *bucket(const hf_histogram *h, size_t i)
{
	int64_t bound = hf_histogram_bound(i);
	json_t *pair = json_array();
	bool ok = pair && push(pair, bound < INT64_MAX ? json_integer(bound) : json_null());

	return whole(pair, ok && push(pair, number(h->bucket[i])));
}

static json_t *buckets(const hf_histogram *h)
{
	json_t *all = json_array();
	bool ok = all != NULL;

	for (size_t i = 0; ok && i < HF_HISTOGRAM_BUCKETS; i++)
		if (h->bucket[i] > 0)
			ok = push(all, bucket(h, i));
	return whole(all, ok);
}

static json_t *histogram(const hf_histogram *h)
{
	json_t *o = json_object();
	bool ok = o && put(o, "count", number(h->count)) && put(o, "sum_ns", number(h->sum_ns)) &&
		  put(o, "p50_ns", json_integer(hf_histogram_quantile(h, 0.5))) &&
		  put(o, "p95_ns", json_integer(hf_histogram_quantile(h, 0.95))) &&
		  put(o, "p99_ns", json_integer(hf_histogram_quantile(h, 0.99))) &&
		  put(o, "buckets", buckets(h));

	return whole(o, ok);
}

static json_t *metric(const hf_pool_stats *s, size_t i)
{
	const hf_histogram *h = hf_metric_histogram(s, i);

	return h ? histogram(h) : number(hf_metric_value(s, i));
}

/* All of a kind. */
static json_t *metrics(const hf_pool_stats *s, hf_metric_kind kind)
{
	const hf_metric *m;
	json_t *o = json_object();
	bool ok = o != NULL;

	for (size_t i = 0; ok && (m = hf_metric_at(i)) != NULL; i++)
		if (m->kind == kind)
			ok = put(o, m->name, metric(s, i));
	return whole(o, ok);
}

static const char *mode_name(hf_mode mode)
{
	switch (mode) {
	case HF_MODE_TXN:
		return "txn";
	case HF_MODE_AUTOCOMMIT:
		return "autocommit";
	case HF_MODE_READ:
		return "read";
	case HF_MODE_SNAPSHOT:
		return "snapshot";
	case HF_MODE_BY_NAME:
		break;
	}
	return NULL;
}

static const char *state_name(hf_pool_state state)
{
	switch (state) {
	case HF_POOL_OPEN:
		return "open";
	case HF_POOL_CLOSING:
		return "closing";
	case HF_POOL_CLOSED:
		break;
	}
	return "closed";
}

static json_t *engine(const hf_engine_stats *e)
{
	json_t *o = json_object();
	bool ok = o && put(o, "name", json_string(e->name)) &&
		  put(o, "pool", json_string(e->pool)) &&
		  put(o, "same_as", text_or_null(e->same_as)) &&
		  put(o, "mode", text_or_null(mode_name(e->mode))) &&
		  put(o, "default", json_boolean(e->is_default)) &&
		  put(o, "state", json_string(state_name(e->state))) &&
		  put(o, "gauges", metrics(e->stats, HF_METRIC_GAUGE)) &&
		  put(o, "counters", metrics(e->stats, HF_METRIC_COUNTER)) &&
		  put(o, "histograms", metrics(e->stats, HF_METRIC_HISTOGRAM));

	return whole(o, ok);
}

static json_t *engines(const hf_snapshot *s)
{
	const hf_engine_stats *e;
	json_t *all = json_array();
	bool ok = all != NULL;

	for (size_t i = 0; ok && (e = hf_snapshot_at(s, i)) != NULL; i++)
		ok = push(all, engine(e));
	return whole(all, ok);
}

/* Not json_dumps: where its text cannot grow any more, it leaves out what does not fit. */
static char *dump(const json_t *root)
{
	size_t n = root ? json_dumpb(root, NULL, 0, 0) : 0;
	char *text = n > 0 ? malloc(n + 1) : NULL;

	if (!text)
		return NULL;
	if (json_dumpb(root, text, n, 0) != n) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

char *hf_snapshot_json(const hf_snapshot *s)
{
	json_t *root;
	char *text;

	if (!s)
		return NULL;
	root = json_object();
	root = whole(root, root && put(root, "engines", engines(s)));
	text = dump(root);
	json_decref(root);
	return text;
}
