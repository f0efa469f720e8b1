/* SPDX-License-Identifier: MIT */
/* The inside of a result: what result.c (its life) and result_read.c (its rows) share. */
#ifndef HF_PQ_RESULT_INSIDE_H
#define HF_PQ_RESULT_INSIDE_H

#include "base/ref.h"
#include "pq/result.h"

#include <stdatomic.h>

struct hf__lent;

struct hf_result {
	hf__ref refs;
	int n_columns;
	size_t n_rows;
	PGresult *pg;          /* its columns, and its rows where there are no cells */
	hf_result *described;  /* pg is that one's; NULL: it is our own, or NULL */
	const hf__cell *cells; /* row after row; NULL: in pg */
	char *notices;
	hf_result **earlier; /* of a script: the results before this one */
	size_t n_earlier;
	_Atomic(struct hf__lent *) lent;
	char *room; /* for what is lent; the first room_used bytes are taken */
	size_t room_size;
	atomic_size_t room_used;
	char tag[64]; /* libpq keeps no more of it */
	_Alignas(max_align_t) char block[];
};

/* The rest of its block. */
#define HF__RESULT_BYTES ((size_t)1016)
#define HF__RESULT_ROOM  (HF__RESULT_BYTES - offsetof(hf_result, block))

#endif
