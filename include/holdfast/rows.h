/* SPDX-License-Identifier: MIT */
/* Rows that were read: an array of structs, in one block with what they point to.
 *
 *     struct task *tasks = HF_ROWS(task, rows);
 *     for (size_t i = 0; i < hf_rows_count(rows); i++)
 *             puts(tasks[i].subject);
 *     hf_rows_unref(rows);
 *
 * They live as long as their hf_rows, whatever becomes of the session and the connection that they
 * came from. The structs may be changed: they are the caller's. Used by one thread at a time, and
 * by several once nobody writes to them. */
#ifndef HOLDFAST_ROWS_H
#define HOLDFAST_ROWS_H

#include <holdfast/find.h>
#include <holdfast/future.h>

HF__BEGIN

typedef struct hf_rows hf_rows;

/* All accept NULL: no rows. */
HF_API size_t hf_rows_count(const hf_rows *r);
HF_API const hf_table *hf_rows_table(const hf_rows *r);

/* The first of them; NULL where there is none, and for rows of another table than `t`. */
HF_API void *hf_rows_of(hf_rows *r, const hf_table *t);

/* Whether a column was in the statement: a member that was not read is 0 and tells nothing.
 * `column` is HF_C(task, done). */
HF_API bool hf_rows_have(const hf_rows *r, uint32_t column);

/* A further reference, and the release of one. */
HF_OWNED hf_rows *hf_rows_ref(hf_rows *r);
HF_API hf_rows *hf_rows_unref(hf_rows *r);

/* The rows of a statement of your own, as structs of `t`: its columns are found by their names, in
 * any order; others are passed over. Members whose column is not there are left zero, which for
 * those that may be NULL is NULL. HF_E_MISUSE: a column that may not be NULL is missing, or one is
 * there twice; HF_E_TYPE, HF_E_NULL: as hf_row_read, and the message has table, column and row;
 * HF_E_NOMEM. `res` is kept as long as the rows are. No I/O. */
HF_CHECK hf_status hf_rows_from(
	const hf_table *t, const hf_result *res, hf_rows **out, hf_error **out_error);

/* The same of a future: waits, reads the rows, and lets the future go. Blocks as hf_await. */
HF_CHECK hf_status hf_await_rows_of(
	hf_future *f, const hf_table *t, hf_rows **out, hf_error **out_error);

/* What is in a row, for logs and forms: yours to free(). NULL: no memory, no row. `hidden`: hidden
 * columns as well. json: an object with the column names as keys; what JSON has no numbers for
 * (NaN) is a string, as are times and bytes; json and jsonb stand there as they are. dump:
 * "task(id=7, subject='fix the roof', note=NULL)", on one line. A value that the server
 * would not take (an enum's without a label, text that is no UTF-8) is null there, and "?" here. */
HF_OWNED char *hf_row_json(const hf_table *t, const void *row, bool hidden);
HF_OWNED char *hf_row_dump(const hf_table *t, const void *row, bool hidden);

/* An array of such objects, with the columns that were read: see hf_rows_have. */
HF_OWNED char *hf_rows_json(const hf_rows *r, bool hidden);

HF__END

#ifndef __cplusplus
#define HF_ROWS(T, rows)               ((struct T *)hf_rows_of((rows), &T##_table))
#define hf_await_rows(f, T, rows, why) hf_await_rows_of((f), &T##_table, (rows), (why))
#endif

#endif
