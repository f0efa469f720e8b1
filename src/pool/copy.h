/* SPDX-License-Identifier: MIT */
/* One COPY as it was asked for. */
#ifndef HF_POOL_COPY_H
#define HF_POOL_COPY_H

#include <holdfast/copy.h>

typedef struct hf__copy_spec {
	const char *what;  /* the table, or the query */
	hf_copy_fn *rows;  /* into the server; NULL: */
	hf_row_fn *on_row; /* out of it */
	void *arg;
	const bool *as_text; /* in: by column, see hf__copy_shape_as_text; NULL: none */
} hf__copy_spec;

/* NULL, or what is wrong with it: no text, no function. */
hf_error *hf__copy_spec_check(const hf__copy_spec *s);

/* Runs it with all that belongs to it, as hf__conn_execute does a statement. *out: its result,
 * yours to unref; it has no rows, only its tag. */
hf_error *hf__conn_copy(hf_conn *c, const hf__copy_spec *s, const hf_site *site, hf_result **out);

#endif
