/* SPDX-License-Identifier: MIT */
/* A verb that runs on a worker: all that it was given, copied, and what comes of it.
 *
 * An errand is the argument of an interaction and, when that went well, the value of its future;
 * rows that are handed over hold it as well, as they point into its memory. Two threads have it one
 * after the other: the future's lock lies between them. */
#ifndef HF_MODEL_ERRAND_H
#define HF_MODEL_ERRAND_H

#include "model/plan.h"

#include "base/ref.h"

#include <holdfast/scope.h>

typedef struct hf__errand hf__errand;

/* What a verb takes. Until it is copied it points to what the caller has. */
typedef struct hf__given {
	hf_status (*run)(hf__errand *e, hf_session *s);
	bool reads; /* one statement, which needs no transaction */
	void *rows; /* n structs, one behind the other */
	size_t n;
	const hf_term *terms;
	const uint32_t *list, *update;
	const hf_table *const *among;
	bool nullable;
} hf__given;

struct hf__errand {
	hf__ref refs;
	hf_site site;
	const hf_table *t;
	const hf__plan *p;
	hf__given given;
	hf_find *copies; /* the memory of what was given */
	hf_session *s;   /* that of what was read */
	void *out;       /* n_out structs */
	size_t n_out;
	void *stale; /* the row that it met instead; NULL: none */
	int64_t count;
};

/* Sends it; `rows` of what is given are not written to. Never NULL. */
hf_future *hf__errand_send(const hf_site *site, hf_pool *p, const hf_table *t, const hf__given *g);

/* What a future has for its value if it is an errand's, also of one that has failed with
 * HF_E_STALE: lent by the future. */
hf__errand *hf__errand_of(hf_future *f);

void *hf__errand_ref(hf__errand *e);
void hf__errand_unref(void *e);

/* find.c: a collection as the memory of copies. False: there was none for one of them. */
hf_value hf__find_keep(hf_find *f, const hf_value *v);
void *hf__find_keep_bytes(hf_find *f, const void *data, size_t n);
hf__arena *hf__find_arena(hf_find *f);
const hf_term *hf__find_conditions(const hf_find *f); /* ended by HF_OP_END */
bool hf__find_kept_all(const hf_find *f);

#endif
