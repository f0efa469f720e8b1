/* SPDX-License-Identifier: MIT */
/* The inside of a snapshot, and of the list of what hf_pool_stats has. */
#ifndef HF_ENGINE_SNAPSHOT_H
#define HF_ENGINE_SNAPSHOT_H

#include "base/ref.h"
#include "base/strbuf.h"

#include <holdfast/metrics.h>

typedef struct hf__entry {
	hf_engine_stats shown; /* its pointers lead to what follows */
	hf_pool_stats stats;
	char *name, *pool_name;
	const hf_pool *pool; /* for comparing only */
} hf__entry;

struct hf_snapshot {
	hf__ref refs;
	size_t n;
	hf__entry entry[];
};

/* A member of hf_pool_stats. */
typedef struct hf__metric_row {
	hf_metric shown;
	size_t at, size; /* in the struct */
	/* Its name for Prometheus, but for "holdfast_"; neighbours may share one, and have a label
	 * of their own then. NULL: another says the same. */
	const char *family;
	const char *label;       /* kind="query" */
	const char *family_help; /* of a shared one; else help is */
	int64_t per_second;      /* 1: a number; 1000: ms; 1000000000: ns */
} hf__metric_row;

/* NULL beyond the last. */
const hf__metric_row *hf__metric_row_at(size_t i);

/* mode and state in a word; "" for HF_MODE_BY_NAME. */
const char *hf__shown_mode(hf_mode mode);
const char *hf__shown_state(hf_pool_state state);

#endif
