/* SPDX-License-Identifier: MIT */
/* peer_item of the insert workloads as a model. */
#ifndef BENCH_ITEM_H
#define BENCH_ITEM_H

#include <holdfast.h>

struct item {
	int64_t id;
	const char *subject;
	bool done;
	hf_timestamptz created;
	hf_float8_opt score;
};

extern const hf_table item_table;

#endif
