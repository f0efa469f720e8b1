/* SPDX-License-Identifier: MIT */
/* Bulk loading and unloading by COPY, in constant memory, in the binary format where every column's
 * type has one here, else as text. */
#ifndef HOLDFAST_COPY_H
#define HOLDFAST_COPY_H

#include <holdfast/conn.h>

HF__BEGIN

typedef struct hf_copy hf_copy; /* a COPY under way; valid until the function that it was given to
				   returns */

/* Gives the rows, one hf_copy_row each, on the worker's thread; returns HF_OK when there are no
 * more. Anything else ends the COPY: nothing is kept, and that is its outcome (HF_E_USER where it
 * is HF_PENDING). It may not use the interaction's connection. */
typedef hf_status hf_copy_fn(hf_copy *copy, void *arg);

/* One row: a value per column, in their order. Values are converted to the columns' types and
 * checked, the pointed-to ones are copied. HF_E_TYPE: one does not fit; its column and its type are
 * named, and the value unless it is text. A text goes into a column of another type if it is what
 * the server would write for one. HF_E_MISUSE: a number of values that does not match, another
 * thread than the function's, or its return. Blocks while the server is busy with what was sent
 * before. What the server refuses, a cancel, and the end of the time are told by one of the next
 * calls. After a failure every further row fails alike, and so does the COPY. */
HF_CHECK hf_status hf_copy_row_v(hf_copy *copy, const hf_value *values, size_t n);

/* Why a row failed, lent until the function returns; NULL: none did, or this is not its thread. */
HF_API const hf_error *hf_copy_error(hf_copy *copy);

/* Loads rows: `target` is a table with its columns as in SQL, "item(subject, done)", or a table
 * alone for all its columns but generated ones. It is SQL text: never made of what others wrote.
 * In the interaction's transaction, which opens with it; in a .manual job without one the COPY is
 * one by itself. *rows (may be NULL) receives how many there were. One trip more than the COPY
 * itself, to learn the columns. Limits and cancels are as for hf_conn_query, and as there the
 * failure of a COPY fails the interaction. */
HF_CHECK hf_status hf_conn_copy_in_at(const hf_site *site, hf_conn *c, int64_t *rows,
	const char *target, hf_copy_fn *fn, void *arg);

/* Unloads: `source` is a table (with columns, or alone), or a query in parentheses; rows go to fn
 * as those of a streamed query do (hf_row_scan), on the worker's thread. A row is lent until fn
 * returns: a reference to its result does not keep it. */
HF_CHECK hf_status hf_conn_copy_out_at(const hf_site *site, hf_conn *c, int64_t *rows,
	const char *source, hf_row_fn *fn, void *arg);

/* The same as jobs of their own, each one transaction. The future's result counts the rows
 * (hf_result_affected). free_arg (may be NULL) runs once, after the last use of arg. */
HF_OWNED hf_future *hf_copy_in_at(const hf_site *site, hf_pool *p, const char *target,
	hf_copy_fn *fn, void *arg, hf_free_fn *free_arg);
HF_OWNED hf_future *hf_copy_out_at(const hf_site *site, hf_pool *p, const char *source,
	hf_row_fn *fn, void *arg, hf_free_fn *free_arg);

HF__END

#ifndef __cplusplus
/* hf_copy_row(copy, 1, "text", true): up to 32 values, as for hf_query. */
#define hf_copy_row(copy, ...)                                                                     \
	hf_copy_row_v((copy), (const hf_value[]){ HF__EACH(__VA_ARGS__) }, HF__COUNT(__VA_ARGS__))

#define hf_conn_copy_in(conn, rows, target, fn, arg)                                               \
	hf_conn_copy_in_at(HF_HERE, (conn), (rows), (target), (fn), (arg))
#define hf_conn_copy_out(conn, rows, source, fn, arg)                                              \
	hf_conn_copy_out_at(HF_HERE, (conn), (rows), (source), (fn), (arg))
#define hf_copy_in(pool, target, fn, arg, free_arg)                                                \
	hf_copy_in_at(HF_HERE, (pool), (target), (fn), (arg), (free_arg))
#define hf_copy_out(pool, source, fn, arg, free_arg)                                               \
	hf_copy_out_at(HF_HERE, (pool), (source), (fn), (arg), (free_arg))
#endif

#endif
