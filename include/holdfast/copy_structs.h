/* SPDX-License-Identifier: MIT */
/* Models loaded and unloaded by COPY, in constant memory: structs to and from a table.
 *
 *     static hf_status next(const void **row, void *arg)     // the next one, or NULL
 *     {
 *             struct reader *r = arg;
 *             *row = read_line(r) ? &r->item : NULL;
 *             return HF_OK;
 *     }
 *     ...
 *     f = hf_copy_structs_in(pool, item, next, reader, NULL);
 *
 * What copy.h says of COPY holds here: its limits and cancels, its format, the thread. No events
 * and no checks of the model run: the server checks. */
#ifndef HOLDFAST_COPY_STRUCTS_H
#define HOLDFAST_COPY_STRUCTS_H

#include <holdfast/copy.h>
#include <holdfast/model.h>

HF__BEGIN

/* Gives the next row, on the worker's thread: a struct that is lent until the next call, or NULL
 * behind the last. Anything but HF_OK ends the COPY: nothing is kept, and that is its outcome. It
 * may not use the interaction's connection. */
typedef hf_status hf_give_fn(const void **row, void *arg);

/* Takes a row, on the worker's thread: the struct, and what it points to, is lent until it returns.
 * Anything but HF_OK ends the COPY, and is its outcome. */
typedef hf_status hf_take_fn(void *row, void *arg);

/* Loads what `give` gives: every column as it stands in the struct, a default or not, but generated
 * ones, and those that count up and are 0. The first row decides for those:
 * HF_E_MISUSE for a later one that differs, and, before anything is sent, where no column is left.
 * HF_E_TYPE: a value does not fit its column; the story names the column, and the number of the
 * row. *rows (may be NULL) receives how many there were. For the rest as hf_conn_copy_in. */
HF_CHECK hf_status hf_conn_copy_structs_in_at(const hf_site *site, hf_conn *c, const hf_table *t,
	int64_t *rows, hf_give_fn *give, void *arg);

/* Unloads the whole table, in no order. */
HF_CHECK hf_status hf_conn_copy_structs_out_at(const hf_site *site, hf_conn *c, const hf_table *t,
	int64_t *rows, hf_take_fn *take, void *arg);

/* The same as jobs of their own, each one transaction. The future's result counts the rows
 * (hf_result_affected). free_arg (may be NULL) runs once, after the last use of arg. */
HF_OWNED hf_future *hf_copy_structs_in_at(const hf_site *site, hf_pool *p, const hf_table *t,
	hf_give_fn *give, void *arg, hf_free_fn *free_arg);
HF_OWNED hf_future *hf_copy_structs_out_at(const hf_site *site, hf_pool *p, const hf_table *t,
	hf_take_fn *take, void *arg, hf_free_fn *free_arg);

HF__END

#ifndef __cplusplus
#define hf_conn_copy_structs_in(conn, T, rows, give, arg)                                          \
	hf_conn_copy_structs_in_at(HF_HERE, (conn), &T##_table, (rows), (give), (arg))
#define hf_conn_copy_structs_out(conn, T, rows, take, arg)                                         \
	hf_conn_copy_structs_out_at(HF_HERE, (conn), &T##_table, (rows), (take), (arg))
#define hf_copy_structs_in(pool, T, give, arg, free_arg)                                           \
	hf_copy_structs_in_at(HF_HERE, (pool), &T##_table, (give), (arg), (free_arg))
#define hf_copy_structs_out(pool, T, take, arg, free_arg)                                          \
	hf_copy_structs_out_at(HF_HERE, (pool), &T##_table, (take), (arg), (free_arg))
#endif

#endif
