/* SPDX-License-Identifier: MIT */
/* hf_result around a PGresult, and errors made from one. */
#ifndef HF_PQ_RESULT_H
#define HF_PQ_RESULT_H

#include "value/codec.h"

#include <holdfast/result.h>

#include <libpq-fe.h>

/* Where small results go when they are released: the link's own thread frees what libpq has
 * allocated for them there. Freed by another thread it costs more than the query's own work.
 *
 * A reference each for the link and for every result that is out. What has come back waits for the
 * link's next use, HF__HOME_ROOM results of HF__HOME_BYTES at most. */
typedef struct hf__home hf__home;

enum { HF__HOME_ROOM = 256, HF__HOME_BYTES = 4096 };

hf__home *hf__home_new(void);     /* NULL: no memory */
void hf__home_tidy(hf__home *h);  /* frees what has come back; the link's thread */
void hf__home_leave(hf__home *h); /* the link's reference; accepts NULL */

/* Gives a filled result a home, if it is small. The link's thread. `h` may be NULL. */
void hf__result_settle(hf_result *r, hf__home *h);

/* An empty result, to be filled once its rows are there: made before a statement is sent, so that
 * what was committed can be told without memory. NULL: no memory. */
hf_result *hf__result_alloc(void);
hf_result *hf__result_fill(
	hf_result *r, PGresult *pg, char *notices, const char *tag); /* answers r */

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

#endif
