/* SPDX-License-Identifier: MIT */
/* Columns of many structs as parameters: strip.c. */
#ifndef HF_MODEL_STRIP_H
#define HF_MODEL_STRIP_H

#include "model/verb.h"

/* Structs that stand one behind the other, and those of their columns that travel. */
typedef struct hf__many {
	char *rows;
	size_t n;
	size_t *column, n_columns;
	const uint32_t *left; /* the server's, ended by 0; NULL: only what counts up */
} hf__many;

/* What they are read from in a FROM: "unnest($1, $2) WITH ORDINALITY AS hf_given (c0, c1, n)". A
 * value that cannot be sent is the statement's error. */
void hf__put_given(hf__verb *v, const hf__many *m);

/* The i-th of the columns that travel, as the table's type: "(hf_given.c1::mood[])[1]". */
void hf__put_given_column(hf__verb *v, const hf__many *m, size_t i);

#endif
