/* SPDX-License-Identifier: MIT */
/* Descriptions of whatever tables a database has, made at run time: hf_table is plain data. And
 * random rows of them. */
#ifndef HF_TESTS_CATALOG_H
#define HF_TESTS_CATALOG_H

#include "fixture.h"

#include <holdfast/schema.h>

/* What a random value must heed, beyond the column's description. */
struct t_trait {
	const char *type;   /* below domains: "int4", "_text" */
	const char *labels; /* of an enum, with a comma behind each; NULL: it is none */
	int64_t since_us;   /* of a partition's column: where it begins; 0: none */
	size_t size, align; /* of the C type; where it may be NULL, of what stands behind .has */
	size_t whole;       /* of the member */
};

struct t_table {
	hf_table t;
	hf_plan plan;
	hf_column *columns; /* t.columns */
	struct t_trait *traits;
	bool has_key;
};

/* All tables that are not the system's. Never freed: descriptions are for good. */
struct t_table *t_catalog(hf_pool *p, size_t *n);

/* A zeroed row. */
void *t_row_new(hf_session *s, const struct t_table *t);

/* Fills in what may be written; with `keep_key` the key stays. Texts are the session's. `seed` goes
 * on. */
void t_row_random(hf_session *s, const struct t_table *t, void *row, bool keep_key, uint64_t *seed);

/* The column in which two rows differ; NULL: none. */
const hf_column *t_row_differs(const struct t_table *t, const void *a, const void *b);

/* The member as a value. */
hf_value t_member(const struct t_table *t, size_t column, const void *row);

#endif
