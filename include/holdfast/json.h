/* SPDX-License-Identifier: MIT */
/* A snapshot as JSON. Not part of holdfast.h, and in a library of its own (-lholdfast-json), which
 * needs jansson. */
#ifndef HOLDFAST_JSON_H
#define HOLDFAST_JSON_H

#include <holdfast/metrics.h>

HF__BEGIN

/* One object, on one line:
 *
 *     {"engines": [{"name": "writer", "pool": "shop", "same_as": null, "mode": "txn",
 *       "default": true, "state": "open",
 *       "gauges": {"conns": 4, ...}, "counters": {"submitted": 1200, ...},
 *       "histograms": {"wait": {"count": 1200, "sum_ns": 4680000, "p50_ns": 2304, "p95_ns": 8704,
 *         "p99_ns": 8704, "buckets": [[2560, 900], [9216, 300]]}, ...}}]}
 *
 * The keys of numbers are the names of hf_pool_stats. All numbers are whole. Buckets are those that
 * counted something: the bound in ns (null: there is none) and how many (not cumulated). mode is
 * null where there is none. Yours to free() with the C library; NULL without memory, or for NULL.
 */
HF_OWNED char *hf_snapshot_json(const hf_snapshot *s);

HF__END

#endif
