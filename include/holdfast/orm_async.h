/* SPDX-License-Identifier: MIT */
/* The verbs of orm.h, finders.h and schema.h as futures: on a pool, without waiting.
 *
 *     hf_future *f = hf_select_async(pool, task, HF_WHERE(HF_EQ(task, done, false)));
 *     hf_future *g = hf_insert_async(pool, person, &ann);
 *     ...
 *     st = hf_await_rows(f, task, &tasks, &why);
 *     st = hf_await_rows(g, person, &people, &why);
 *     printf("%d\n", HF_ROWS(person, people)->id);
 *
 * None returns NULL, and whatever goes wrong is told by the future, with the status that the verb
 * would have answered. Everything that is handed in is copied before the call returns: conditions,
 * lists, and rows with what their columns point to. So a row is the caller's again at once, and is
 * never written to; what the verb would have read back into it is in the rows that the future
 * gives. It counts as made by hand (see hf_insert): it is written in full, whatever hf_new put into
 * it, but for the columns that hf_insert_default_async and hf_insert_many_default_async are told.
 *
 * Selects and what changes rows by a condition are plain queries, which travel together with others
 * (see pool.h), and whoever waits turns their results into structs. Other verbs are interactions:
 * they run as hf_session_on_conn does, events on a thread of the pool; those that write, in a
 * transaction, which is committed when the future is ready.
 *
 * What they hand over: hf_await_rows gives the rows, hf_await_count how many. To ask for both, take
 * a reference to the future before. Any thread. */
#ifndef HOLDFAST_ORM_ASYNC_H
#define HOLDFAST_ORM_ASYNC_H

#include <holdfast/finders.h>
#include <holdfast/schema.h>

HF__BEGIN

/* --- plain queries --- */

/* The rows, for hf_await_rows. */
HF_OWNED hf_future *hf_select_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const hf_clause *clauses);
HF_OWNED hf_future *hf_select_sql_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	const char *sql, const hf_value *args, size_t n);

/* The rows, structs of `into`. */
HF_OWNED hf_future *hf_select_as_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	const hf_table *into, const hf_term *picks, const hf_clause *clauses);

/* One value, in the first column of the only row of the future's result. */
HF_OWNED hf_future *hf_scalar_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	hf_term expression, const hf_clause *clauses);

/* One number (of exists: 0 or 1), for hf_await_count. */
HF_OWNED hf_future *hf_count_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const hf_clause *clauses);
HF_OWNED hf_future *hf_exists_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const hf_clause *clauses);

/* The number of rows that were changed; `returning`: and the rows. */
HF_OWNED hf_future *hf_update_where_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	bool returning, const hf_term *sets, const hf_clause *clauses);
HF_OWNED hf_future *hf_delete_where_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	bool returning, const hf_clause *clauses);

/* --- interactions ---
 *
 * Each gives the row, or the rows, as the verb leaves them; the deletes give none, and
 * get_or_null none where there is none. Their count is that of the rows that were written, and of
 * those that answer *created, 1 where they have created one. */
HF_OWNED hf_future *hf_insert_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const void *row);
/* hf_insert_async, but these columns (ended by 0) get their defaults from the server. HF_E_MISUSE:
 * one has none, or an on_insert. */
HF_OWNED hf_future *hf_insert_default_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	const void *row, const uint32_t *columns);
HF_OWNED hf_future *hf_update_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const void *row, const uint32_t *only);
/* What differs is looked for before it returns. The count is 0 where nothing does, and the row is
 * then the one that was handed in; nothing is sent, but a connection is waited for all the same. */
HF_OWNED hf_future *hf_update_changed_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const void *row, const void *before);
HF_OWNED hf_future *hf_save_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const void *row);
HF_OWNED hf_future *hf_save_only_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const void *row, const uint32_t *only);
HF_OWNED hf_future *hf_upsert_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	const void *row, const uint32_t *conflict, const uint32_t *update);
HF_OWNED hf_future *hf_delete_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const void *row);
HF_OWNED hf_future *hf_delete_deep_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	const void *row, const hf_table *const *among, bool nullable);
HF_OWNED hf_future *hf_get_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const hf_term *conditions);
HF_OWNED hf_future *hf_get_or_null_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const hf_term *conditions);
HF_OWNED hf_future *hf_one_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const hf_term *conditions);
HF_OWNED hf_future *hf_get_or_create_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const void *row, const hf_term *by);
HF_OWNED hf_future *hf_insert_many_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const void *rows, size_t n);
HF_OWNED hf_future *hf_insert_many_default_async_at(const hf_site *site, hf_pool *p,
	const hf_table *t, const void *rows, size_t n, const uint32_t *columns);
HF_OWNED hf_future *hf_upsert_many_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	const void *rows, size_t n, const uint32_t *conflict, const uint32_t *update);
HF_OWNED hf_future *hf_update_many_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	const void *rows, size_t n, const uint32_t *only);

/* --- finders: see finders.h ---
 *
 * The rows, for hf_await_rows; by_id, by_text and exact_first give one row or none, and
 * HF_E_MANY_ROWS as the finders do. */
HF_OWNED hf_future *hf_by_id_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, uint32_t column, hf_value id);
HF_OWNED hf_future *hf_by_ids_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, uint32_t column, hf_value ids);
HF_OWNED hf_future *hf_by_text_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, uint32_t column, const char *text);
HF_OWNED hf_future *hf_all_by_text_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	uint32_t column, const char *text, int64_t offset, int64_t limit);
HF_OWNED hf_future *hf_similar_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	uint32_t column, const char *text, bool anywhere, int64_t offset, int64_t limit);
HF_OWNED hf_future *hf_exact_first_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, uint32_t column, const char *text);
HF_OWNED hf_future *hf_range_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const hf_range_opts *opts);

/* --- tables: see schema.h ---
 *
 * For hf_await. A registry and a table are made and dropped in one transaction; the registry is
 * kept until then, and is what it is when that begins. */
HF_OWNED hf_future *hf_models_create_async(hf_models *m, hf_pool *p, int flags);
HF_OWNED hf_future *hf_models_drop_async(hf_models *m, hf_pool *p, int flags);
HF_OWNED hf_future *hf_table_create_async(hf_pool *p, const hf_table *t, int flags);
HF_OWNED hf_future *hf_table_drop_async(hf_pool *p, const hf_table *t, int flags);
HF_OWNED hf_future *hf_table_truncate_async(hf_pool *p, const hf_table *t, int flags);

/* 0 or 1, for hf_await_count. */
HF_OWNED hf_future *hf_table_exists_async(hf_pool *p, const hf_table *t);
HF_OWNED hf_future *hf_relation_exists_async(hf_pool *p, const char *schema, const char *name);
HF_OWNED hf_future *hf_sequence_exists_async(hf_pool *p, const char *schema, const char *name);

/* --- what they hand over --- */

/* As hf_await_rows, for a select with HF_ONLY: what is not in it stays zero (see hf_rows_have). */
HF_CHECK hf_status hf_await_part_of(
	hf_future *f, const hf_table *t, hf_rows **out, hf_error **out_error);

/* As hf_await_rows, for updates and deletes of a table with a version: where the answer is
 * HF_E_STALE *out is the row as it is now (see hf_stale), else NULL or what hf_await_rows gives. */
HF_CHECK hf_status hf_await_stale_of(
	hf_future *f, const hf_table *t, hf_rows **out, hf_error **out_error);

/* Waits, gives the number, and lets the future go. Of a statement of your own: the integer in the
 * first column of its only row, else how many rows it has changed. Blocks as hf_await. */
HF_CHECK hf_status hf_await_count(hf_future *f, int64_t *out, hf_error **out_error);

HF__END

#ifndef __cplusplus

/* clang-format off */
#define hf_select_async(p, T, ...) hf_select_async_at(HF_HERE, (p), &T##_table, HF__CLAUSES(__VA_ARGS__))
#define hf_first_async(p, T, ...) \
	hf_select_async_at(HF_HERE, (p), &T##_table, HF__CLAUSES(__VA_ARGS__, HF_LIMIT(1)))
#define hf_select_sql_async(p, T, ...) hf_select_sql_async_at(HF_HERE, (p), &T##_table, HF__SQL(__VA_ARGS__))
#define hf_count_async(p, T, ...) hf_count_async_at(HF_HERE, (p), &T##_table, HF__CLAUSES(__VA_ARGS__))
#define hf_exists_async(p, T, ...) hf_exists_async_at(HF_HERE, (p), &T##_table, HF__CLAUSES(__VA_ARGS__))
#define hf_update_where_async(p, T, sets, ...) \
	hf_update_where_async_at(HF_HERE, (p), &T##_table, false, sets, HF__CLAUSES(__VA_ARGS__))
#define hf_update_returning_async(p, T, sets, ...) \
	hf_update_where_async_at(HF_HERE, (p), &T##_table, true, sets, HF__CLAUSES(__VA_ARGS__))
#define hf_delete_returning_async(p, T, ...) \
	hf_delete_where_async_at(HF_HERE, (p), &T##_table, true, HF__CLAUSES(__VA_ARGS__))
#define hf_select_as_async(p, T, U, picks, ...) \
	hf_select_as_async_at(HF_HERE, (p), &T##_table, &U##_table, picks, HF__CLAUSES(__VA_ARGS__))
#define hf_scalar_async(p, T, expression, ...) \
	hf_scalar_async_at(HF_HERE, (p), &T##_table, (expression), HF__CLAUSES(__VA_ARGS__))
#define hf_upsert_many_async(p, T, rows, n, conflict, update) \
	hf_upsert_many_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, rows), (n), (conflict), (update))
#define hf_await_part(f, T, rows, why) hf_await_part_of((f), &T##_table, (rows), (why))
#define hf_await_stale(f, T, rows, why) hf_await_stale_of((f), &T##_table, (rows), (why))
#define hf_delete_where_async(p, T, ...) \
	hf_delete_where_async_at(HF_HERE, (p), &T##_table, false, HF__CLAUSES(__VA_ARGS__))
#define hf_insert_async(p, T, row) hf_insert_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, row))
/* hf_insert_default_async(pool, task, &t, HF_C(task, created), HF_C(task, done)) */
#define hf_insert_default_async(p, T, row, ...) \
	hf_insert_default_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, row), (const uint32_t[]){ __VA_ARGS__, 0 })
#define hf_update_async(p, T, row) hf_update_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, row), NULL)
#define hf_update_only_async(p, T, row, ...) \
	hf_update_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, row), (const uint32_t[]){ __VA_ARGS__, 0 })
#define hf_update_changed_async(p, T, row, before) \
	hf_update_changed_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, row), HF__GIVEN(T, before))
#define hf_save_async(p, T, row) hf_save_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, row))
#define hf_save_only_async(p, T, row, ...) \
	hf_save_only_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, row), HF_COLUMNS(__VA_ARGS__))
#define hf_upsert_async(p, T, row, conflict, update) \
	hf_upsert_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, row), (conflict), (update))
#define hf_delete_async(p, T, row) hf_delete_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, row))
#define hf_delete_deep_async(p, T, row, among, nullable) \
	hf_delete_deep_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, row), (among), (nullable))
#define hf_get_async(p, T, ...) hf_get_async_at(HF_HERE, (p), &T##_table, HF__TERMS(__VA_ARGS__))
#define hf_get_or_null_async(p, T, ...) \
	hf_get_or_null_async_at(HF_HERE, (p), &T##_table, HF__TERMS(__VA_ARGS__))
#define hf_one_async(p, T, ...) hf_one_async_at(HF_HERE, (p), &T##_table, HF__TERMS(__VA_ARGS__))
#define hf_get_or_create_async(p, T, row, ...) \
	hf_get_or_create_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, row), HF__TERMS(__VA_ARGS__))
#define hf_insert_many_async(p, T, rows, n) \
	hf_insert_many_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, rows), (n))
#define hf_insert_many_default_async(p, T, rows, n, ...) \
	hf_insert_many_default_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, rows), (n), (const uint32_t[]){ __VA_ARGS__, 0 })
#define hf_by_id_async(p, T, id) hf_by_id_async_at(HF_HERE, (p), &T##_table, 0, HF_V(id))
#define hf_by_id_of_async(p, T, m, id) \
	hf_by_id_async_at(HF_HERE, (p), &T##_table, HF_C(T, m), HF__VALUE(T, m, id))
#define hf_by_ids_async(p, T, ids) hf_by_ids_async_at(HF_HERE, (p), &T##_table, 0, HF_V(ids))
#define hf_by_ids_of_async(p, T, m, ids) hf_by_ids_async_at(HF_HERE, (p), &T##_table, HF_C(T, m), HF_V(ids))
#define hf_by_text_async(p, T, m, text) \
	hf_by_text_async_at(HF_HERE, (p), &T##_table, HF__TEXT_C(T, m), (text))
#define hf_all_by_text_async(p, T, m, text, offset, limit) \
	hf_all_by_text_async_at(HF_HERE, (p), &T##_table, HF__TEXT_C(T, m), (text), (offset), (limit))
#define hf_similar_async(p, T, m, text, anywhere, offset, limit) \
	hf_similar_async_at(HF_HERE, (p), &T##_table, HF__TEXT_C(T, m), (text), (anywhere), (offset), (limit))
#define hf_exact_first_async(p, T, m, text) \
	hf_exact_first_async_at(HF_HERE, (p), &T##_table, HF__TEXT_C(T, m), (text))
#define hf_range_async(p, T, opts) hf_range_async_at(HF_HERE, (p), &T##_table, (opts))
#define hf_update_many_async(p, T, rows, n, only) \
	hf_update_many_async_at(HF_HERE, (p), &T##_table, HF__GIVEN(T, rows), (n), (only))
/* clang-format on */

#endif

#endif
