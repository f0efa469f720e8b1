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
	hf_result *res; /* a reference to what they point to; NULL: that is the owner's */
	void *owner;
	hf_free_fn *let_go; /* of owner; NULL: there is none */
	alignas(max_align_t) char row[];
};

/* Rows that are there already, n structs, copied; what they point to lives as long as `owner`,
 * which is let go of with the rows (and at once where there is no memory: NULL). */
hf_rows *hf__rows_of_structs(const hf__plan *p, const hf_table *t, const void *structs, size_t n,
	void *owner, hf_free_fn *let_go);

#endif
