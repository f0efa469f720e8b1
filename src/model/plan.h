/* SPDX-License-Identifier: MIT */
/* A description made ready for use: checked, in this library's own layout, with the texts of its
 * statements. Made once for each table, kept by the description, never freed or changed. */
#ifndef HF_MODEL_PLAN_H
#define HF_MODEL_PLAN_H

#include <holdfast/rows.h>

#include "base/strbuf.h"

typedef struct hf__plan {
	hf_table table;     /* a copy; its columns are those below */
	hf_column *columns; /* copies */
	size_t n;
	char *schema;                  /* quoted; NULL: none */
	char *name;                    /* quoted, with its schema */
	char **quoted;                 /* the columns' names */
	size_t key[HF_MAX_KEY], n_key; /* positions in columns */
	char *list;                    /* of a SELECT or RETURNING: all columns, as they are read */
} hf__plan;

/* Made if it is not there yet. NULL: *e tells what is wrong with the description. */
const hf__plan *hf__plan_of(const hf_table *t, hf_error **e);

/* check.c: what is wrong with it, or NULL. The plan has table, columns and key. */
hf_error *hf__plan_check(const hf__plan *p);

/* Those of a list that ends with 0, of HF_MAX_KEY at most. Answers how many. */
size_t hf__plan_columns(const hf__plan *p, const uint32_t *list, size_t *out);

/* The position of the column at offset `c` - 1; p->n: none. */
size_t hf__plan_column(const hf__plan *p, uint32_t c);

/* member.c: bytes and alignment of the member that holds such a column. */
size_t hf__member_size(const hf_column *c);
size_t hf__member_align(const hf_column *c);

/* Its value in a row; an enum's is its label. HF_E_TYPE, and the story in *e: no label. What it
 * points to is the row's. */
hf_status hf__member_value(const hf_column *c, const void *row, hf_value *out, hf_error **e);

/* Whether it is what a zeroed struct has: 0, NULL, false. */
bool hf__member_is_unset(const hf_column *c, const void *row);

/* A value of a condition, as this column's: an enum's number becomes its label. */
hf_status hf__column_value(const hf_column *c, const hf_value *in, hf_value *out, hf_error **e);

/* rows.c: columns `from` … of the result's row, in the order of `which` (positions; NULL: all),
 * into the struct. What it points to is lent by the result. */
hf_error *hf__row_into(
	const hf__plan *p, hf_row row, size_t from, const size_t *which, size_t n, void *out);

/* How a column is read in a SELECT or RETURNING: "name" or "name"::text. */
void hf__put_read(hf__strbuf *b, const hf__plan *p, size_t column);

#endif
