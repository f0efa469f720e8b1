/* SPDX-License-Identifier: MIT */
/* Results, made from those of libpq, and errors. */
#ifndef HF_PQ_RESULT_H
#define HF_PQ_RESULT_H

#include "value/codec.h"

#include <holdfast/result.h>

#include <libpq-fe.h>

/* An empty result, to be filled once its rows are there: made before a statement is sent, so that
 * what was committed can be told without memory. NULL: no memory. */
hf_result *hf__result_alloc(void);
hf_result *hf__result_fill(
	hf_result *r, PGresult *pg, char *notices, const char *tag); /* answers r */

/* Copies what a filled result holds, if that is little, so that libpq's own can be released here
 * and now. `described` is where the statement keeps its description between its runs, a result
 * without rows, NULL so far; it is made if there is none, and made anew if it is of other columns.
 * NULL: there is no such place, as the statement is not kept. */
void hf__result_pack(hf_result *r, hf_result **described);

/* Takes over `pg` and `notices` (hf__alloc'ed text or NULL), also on failure: NULL, no memory. */
hf_result *hf__result_new(PGresult *pg, char *notices);

/* Rows of a stream: one object shows them after each other. show takes over `pg` and answers `r`,
 * or a new one where that is NULL; NULL: no memory. hide lets go of what was shown and answers `r`,
 * or NULL when somebody keeps it: then it is theirs with its rows. */
hf_result *hf__result_show(hf_result *r, PGresult *pg);
hf_result *hf__result_hide(hf_result *r);

/* A result with the columns of `described` and one row or none, the cells of which are given, and
 * lent, by someone else: a row of a COPY. What is read from a row (arrays, texts) lives until the
 * next is set. NULL: no memory. */
hf_result *hf__result_view(const hf_result *described);
void hf__result_view_row(hf_result *view, const hf__cell *cells); /* NULL: none */

/* The table that column `col` is from, or 0. */
uint32_t hf__result_table(const hf_result *r, int col);

/* Makes `last` the result of a script whose earlier results are `earlier` (n of them, in order),
 * with the script's notices (or NULL). Both are taken over in either case. False: no memory; `last`
 * is still the caller's. */
bool hf__result_chain(hf_result *last, hf_result **earlier, size_t n, char *notices);

/* The column's format: 0 text, 1 binary. For tests: nobody else can tell. */
int hf__result_format(const hf_result *r, int col);

/* The story of an error result, with its SQLSTATE. `query` is its SQL text. `as` is the status to
 * report; HF_OK: as the SQLSTATE says. `placed`: its position counts in `query`. Does not
 * take `pg`. */
hf_error *hf__error_from_pg(const PGresult *pg, const char *query, hf_status as, bool placed);

/* Whether the connection is of no use after this error result. */
bool hf__error_ends_session(const PGresult *pg);

/* Memory that lives as long as the result; any thread. NULL: none. */
void *hf__result_room(void *result, size_t n);

/* A column of a result, and where its cells go in each of many structs. */
typedef struct hf__landing {
	int col;
	int type; /* an hf_type, with its flags */
	size_t offset;
	bool nullable; /* NULL leaves it as it is: 0 */
} hf__landing;

/* Reads the rows from *row on, n cells of each, into structs that stand one behind the other,
 * zeroed. False: the cell of to[*at] in row *row could not be read, and nothing is to be relied
 * upon. */
bool hf__result_land(const hf_result *r, const hf__landing *to, size_t n, void *structs,
	size_t stride, size_t *row, size_t *at);

/* One cell, by its place: as hf_row_read. */
hf_status hf__result_read(hf_row row, int col, hf_dest to, hf_error **out_error);

#endif
