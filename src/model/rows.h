/* SPDX-License-Identifier: MIT */
/* The inside of rows that were read. */
#ifndef HF_MODEL_ROWS_H
#define HF_MODEL_ROWS_H

#include "model/plan.h"

#include "base/ref.h"

#include <stdalign.h>
#include <stdint.h>

struct hf_rows {
	hf__ref refs;
	const hf_table *table;
	size_t n;
	bool *loaded;   /* by column: it was in the statement; lies behind the rows */
	hf_result *res; /* a reference; NULL: what they point to is behind them */
	alignas(max_align_t) char row[];
};

#endif
