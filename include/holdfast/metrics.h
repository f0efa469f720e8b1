/* SPDX-License-Identifier: MIT */
/* The statistics of a pool, or of every engine of a registry, taken together and put into words:
 * for people, for Prometheus, and (json.h) as JSON.
 *
 *     hf_snapshot *s = hf_engines_snapshot(engines, &why);
 *     char *page = hf_snapshot_prometheus(s);
 *     ...
 *     free(page);
 *     hf_snapshot_unref(s);
 *
 * Taking one costs a short lock per pool and waits for nothing else. Of names it has those of
 * engines and of pools, and nothing of their connection strings. */
#ifndef HOLDFAST_METRICS_H
#define HOLDFAST_METRICS_H

#include <holdfast/engine.h>

HF__BEGIN

typedef struct hf_snapshot hf_snapshot;

/* One engine in a snapshot. Read it where it is lent: later versions have more members. */
typedef struct hf_engine_stats {
	const char *name; /* of the engine; in hf_pool_snapshot the pool's */
	const char *pool; /* the pool's; several pools may have the same */
	/* An engine before it in the snapshot that has the same pool, and so the same numbers;
	 * NULL: there is none. Leave it out of sums. */
	const char *same_as;
	hf_mode mode; /* HF_MODE_BY_NAME in hf_pool_snapshot: it has none */
	bool is_default;
	hf_pool_state state;
	const hf_pool_stats *stats;
} hf_engine_stats;

/* The state of each engine, in the order in which they came. Each pool's numbers belong to one
 * instant; the pools are visited one after the other. Engines that are replaced meanwhile are there
 * with their old pool or the new one. Of a new pool all counters begin anew: see .age_ms. NULL:
 * *out_error (may be NULL) says why (HF_E_MISUSE: NULL; HF_E_FORKED, HF_E_NOMEM). Any thread. */
HF_OWNED hf_snapshot *hf_engines_snapshot(hf_engines *e, hf_error **out_error);

/* The same of one pool, which may be closed, alone. */
HF_OWNED hf_snapshot *hf_pool_snapshot(hf_pool *p, hf_error **out_error);

/* A further reference, and the release of one. A snapshot does not change, and needs nothing of
 * what it was taken of. */
HF_OWNED hf_snapshot *hf_snapshot_ref(hf_snapshot *s);
HF_API hf_snapshot *hf_snapshot_unref(hf_snapshot *s);

/* How many engines there are, and the i-th; NULL beyond the last. */
HF_API size_t hf_snapshot_count(const hf_snapshot *s);
HF_API const hf_engine_stats *hf_snapshot_at(const hf_snapshot *s, size_t i);

/* A table for people: what the connections do, what was done, how long it took. Yours to free()
 * with the C library; NULL without memory, or for NULL. */
HF_OWNED char *hf_snapshot_text(const hf_snapshot *s);

/* The text format of Prometheus, version 0.0.4, to be served as
 * "text/plain; version=0.0.4; charset=utf-8". Every name begins with "holdfast_", every sample has
 * the label engine. holdfast_engine_info tells of each its pool and mode, and same_as: an engine
 * that shares the pool of another has that, holdfast_engine_open, and no numbers. A histogram has
 * one bucket for each doubling from 16.384 us to 549.8 s, whose bounds are exact. Times are
 * seconds. Yours to free() with the C library; NULL without memory, or for NULL. */
HF_OWNED char *hf_snapshot_prometheus(const hf_snapshot *s);

/* --- one by one, for other formats --- */

typedef enum hf_metric_kind {
	HF_METRIC_GAUGE,
	HF_METRIC_COUNTER,
	HF_METRIC_HISTOGRAM
} hf_metric_kind;

/* A member of hf_pool_stats. */
typedef struct hf_metric {
	const char *name; /* the member's: "queued", "oldest_wait_ms" */
	const char *help; /* half a sentence: "jobs that wait for a connection" */
	hf_metric_kind kind;
} hf_metric;

/* The i-th of all, in the order of hf_pool_stats but gauges first; NULL beyond the last. Lent for
 * ever. */
HF_API const hf_metric *hf_metric_at(size_t i);

/* The value of that one: of a gauge or a counter, and of a histogram its count. 0 where `s` has no
 * such member (struct_size), or there is no such metric. */
HF_API uint64_t hf_metric_value(const hf_pool_stats *s, size_t i);

/* The histogram; lent by `s`. NULL where it is none. */
HF_API const hf_histogram *hf_metric_histogram(const hf_pool_stats *s, size_t i);

HF__END

#endif
