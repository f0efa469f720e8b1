/* SPDX-License-Identifier: MIT */
/* Verbs on tables: structs in, SQL out.
 *
 *     struct task *t = hf_new(s, task);
 *     t->subject = "fix the roof";
 *     st = hf_insert(s, task, t);                     // t->id is there now
 *     st = hf_get(s, task, &t, HF_EQ(task, id, 42));
 *     t->done = true;
 *     st = hf_update(s, task, t);
 *
 * A verb takes a session first: what carries its statements, and the memory of single rows.
 *
 *   hf_session_on_conn   in an interaction, and in its transaction
 *   hf_session_on_txn    in a transaction that is held
 *   hf_session_on_pool   each statement by itself; what takes several has a transaction of its own
 *   hf_reader(scope) …   in the transaction, or the mode, of the scope's engine
 *
 * It answers a status; the story is hf_session_error's until the session's next verb. It blocks
 * until the server has answered; its limits are those of what carries it. On a thread that works
 * for the pool, all but hf_session_on_conn answer HF_E_DEADLOCK. A session is used by one thread at
 * a time. Its twin with _async takes a pool, does not block, and gives a future.
 *
 * A verb that fails writes nothing to what it was to answer in (`out`, `created`). A row that it
 * was given may have by then what the server had made of it, an id or a version that are undone.
 *
 * Nothing but a verb talks to the server: no member is loaded by being looked at, and nothing is
 * written that was not handed to a verb. */
#ifndef HOLDFAST_ORM_H
#define HOLDFAST_ORM_H

#include <holdfast/rows.h>
#include <holdfast/scope.h>

HF__BEGIN

/* --- one row ---
 *
 * A row that a verb gives is the session's: it lives until hf_session_clear or the session's end. A
 * row that is handed to a verb stays the caller's, with what it points to; but where the server has
 * made something else of a text, an array and the like, or a text was not sent, the member points
 * into the session's memory then. */

/* A new row: zeroed, with on_insert's values and those that are constants in the column's default.
 * A column with a default is left out of the INSERT while it holds what it was given here: the
 * server fills it in. NULL, and hf_session_error tells: no memory, a description with mistakes, an
 * on_insert that refused. */
HF_API void *hf_new_at(hf_session *s, const hf_table *t);

/* Sets a member from text, as people type it and forms send it: true and false as t, yes, on, 1 and
 * the like; integers with or without commas; an enum's label in any case; a timestamptz without a
 * zone is UTC; all else as PostgreSQL writes it. NULL is NULL. What it points to is the session's.
 * HF_E_TYPE, HF_E_MISUSE: no such member; the story names it. No I/O. */
HF_CHECK hf_status hf_set_text_at(
	hf_session *s, const hf_table *t, void *row, const char *member, const char *text);

/* Inserts it. Rows that are not from hf_new are written in full, but for columns that count up
 * (HF_SERIAL, HF_IDENTITY, HF_NEXTVAL) and are 0, and generated ones. What the server filled in is
 * read back into the row. HF_E_NO_ROWS: a trigger kept it out of the table. */
HF_CHECK hf_status hf_insert_at(const hf_site *site, hf_session *s, const hf_table *t, void *row);

/* Updates the row of its key: all columns, or those of `only` (ended by 0) and those with an
 * on_update. What a trigger or a generated column made of it is read back. HF_E_NO_ROWS: it is not
 * there any more. HF_E_MISUSE: a table without a key; a key, a generated column or nothing at all
 * in `only`. */
HF_CHECK hf_status hf_update_at(
	const hf_site *site, hf_session *s, const hf_table *t, void *row, const uint32_t *only);

/* Updates what differs from `before`, a copy of the struct as it was read: these columns, those
 * with an on_update, and no more. Where nothing does, nothing is sent: HF_OK, and *changed (may be
 * NULL) is false. What a member points to is compared where it lies elsewhere than before: a text
 * that was changed in place, in a buffer of yours, is not seen. An array, or a type of your own,
 * counts as changed when it lies elsewhere. HF_E_MISUSE: `before` has another key. Otherwise as
 * hf_update_only. */
HF_CHECK hf_status hf_update_changed_at(const hf_site *site, hf_session *s, const hf_table *t,
	void *row, const void *before, bool *changed);

/* Of a table with an HF_ROW_VERSION or HF_XMIN column, hf_update, hf_save, hf_delete and
 * hf_delete_deep answer HF_E_STALE, and change nothing, where the row is not the one any more that
 * was read; this is the row as it is now: the session's, until its next verb. NULL: the last verb
 * met none. What changes rows by a condition, and hf_upsert, count the version up and ask nothing.
 */
HF_API void *hf_stale_at(const hf_session *s, const hf_table *t);

/* hf_insert for a row whose key is unset (0, NULL), else hf_update, and where there is no such row
 * HF_E_NO_ROWS. A key of several columns is unset where all are, or one that counts up, or a text
 * and its kin. *created (may be NULL) tells which. */
HF_CHECK hf_status hf_save_at(
	const hf_site *site, hf_session *s, const hf_table *t, void *row, bool *created);

/* The same, but a row that is there is updated in the columns of `only` alone, as by
 * hf_update_only; a new one is inserted as a whole. */
HF_CHECK hf_status hf_save_only_at(const hf_site *site, hf_session *s, const hf_table *t, void *row,
	const uint32_t *only, bool *created);

/* Inserts it, or, where another has the same values in `conflict` (columns of a key or a unique
 * index, ended by 0), updates that one: the columns of `update` (HF_REST: all but those and the
 * key), or none where it is NULL. *created (may be NULL) tells which. The row then holds what is in
 * the table. For the events before it, it is created. What is left out of the INSERT of a row from
 * hf_new is its default for the update, too: HF_REST sets it in the row that is there. Of
 * partitioned tables and of views the server does not tell what it did: with `update`, `created`
 * must be NULL there (0A000, 42703). */
HF_CHECK hf_status hf_upsert_at(const hf_site *site, hf_session *s, const hf_table *t, void *row,
	const uint32_t *conflict, const uint32_t *update, bool *created);

/* Deletes the row of its key. HF_E_NO_ROWS: it was not there. `deep`: and what refers to it, to any
 * depth, in one statement, so that all of it happens or nothing: rows of tables in `among` (ended
 * by NULL) with a foreign key to it; where the key may be NULL it is set to NULL, unless `nullable`
 * says that those go as well. Where a trigger or a policy keeps the row (HF_E_NO_ROWS), all the
 * rest stays as well. Whoever changes the row at the same time is waited for, so that the role
 * needs the right to UPDATE it, too; what refers to it and is changed at the same time may make the
 * server refuse it (23503). Events are called for the row itself only. */
HF_CHECK hf_status hf_delete_at(const hf_site *site, hf_session *s, const hf_table *t, void *row);
HF_CHECK hf_status hf_delete_deep_at(const hf_site *site, hf_session *s, const hf_table *t,
	void *row, const hf_table *const *among, bool nullable);

/* The row for which all conditions hold. get: HF_E_NO_ROWS (with HF_ERR_QUERY, and the parameters
 * in HF_ERR_DETAIL: long ones cut, those of hidden columns as "?") where there is none, and any one
 * of several. one: HF_E_MANY_ROWS for several. or_null: HF_OK and NULL where there is none. */
HF_CHECK hf_status hf_get_at(const hf_site *site, hf_session *s, const hf_table *t, void *out,
	const hf_term *conditions);
HF_CHECK hf_status hf_get_or_null_at(const hf_site *site, hf_session *s, const hf_table *t,
	void *out, const hf_term *conditions);
HF_CHECK hf_status hf_one_at(const hf_site *site, hf_session *s, const hf_table *t, void *out,
	const hf_term *conditions);

/* The row with these values (HF_EQ terms only, none NULL), or a new one of `row`, which must have
 * them: free of races, in a transaction and outside of one. *created (may be NULL) tells which.
 * What was created is `row` itself, with what the server filled in. Without the unique index that
 * makes it so the server refuses it (42P10). */
HF_CHECK hf_status hf_get_or_create_at(const hf_site *site, hf_session *s, const hf_table *t,
	void *out, bool *created, void *row, const hf_term *by);

/* --- many --- */

/* The rows; HF_OK with none. `out` receives an hf_rows of the caller's. first: at most one, into
 * the session's memory, or NULL. */
HF_CHECK hf_status hf_select_at(const hf_site *site, hf_session *s, const hf_table *t,
	hf_rows **out, const hf_clause *clauses);
HF_CHECK hf_status hf_first_at(
	const hf_site *site, hf_session *s, const hf_table *t, void *out, const hf_clause *clauses);

/* How many there are (with a limit: of those); whether there is one. */
HF_CHECK hf_status hf_count_at(const hf_site *site, hf_session *s, const hf_table *t, int64_t *out,
	const hf_clause *clauses);
HF_CHECK hf_status hf_exists_at(
	const hf_site *site, hf_session *s, const hf_table *t, bool *out, const hf_clause *clauses);

/* Expressions as members of another struct, which a description tells about: groups, joined tables.
 * As hf_rows_from. */
HF_CHECK hf_status hf_select_as_at(const hf_site *site, hf_session *s, const hf_table *t,
	const hf_table *into, hf_rows **out, const hf_term *picks, const hf_clause *clauses);

/* The value of one expression: of all rows, or of the first one. No row is NULL. Texts and the like
 * are the session's. HF_E_TYPE, HF_E_NULL: as hf_row_read. */
HF_CHECK hf_status hf_scalar_at(const hf_site *site, hf_session *s, const hf_table *t, hf_dest out,
	hf_term expression, const hf_clause *clauses);

/* Inserts `n` structs that stand one behind the other, in one statement of one text, whatever n:
 * an array for each column. They are written in full, as rows made by hand, and checked as single
 * rows are; the story tells which row, from 1. Events are not called. What the server fills in is
 * read back into them. */
HF_CHECK hf_status hf_insert_many_at(
	const hf_site *site, hf_session *s, const hf_table *t, void *rows, size_t n);
/* hf_insert_many, but these columns (ended by 0) get their defaults from the server, in all rows.
 * HF_E_MISUSE: one has none, or an on_insert. */
HF_CHECK hf_status hf_insert_many_default_at(const hf_site *site, hf_session *s, const hf_table *t,
	void *rows, size_t n, const uint32_t *columns);

/* hf_upsert for n structs in one statement. *changed (may be NULL) is how many were inserted or
 * updated. They are not read back, and no two may be the same by `conflict` (21000). */
HF_CHECK hf_status hf_upsert_many_at(const hf_site *site, hf_session *s, const hf_table *t,
	void *rows, size_t n, const uint32_t *conflict, const uint32_t *update, int64_t *changed);

/* Updates n structs by their keys in one statement: the columns of `only`, or all (NULL). *changed
 * (may be NULL) is how many there were, and, of a table with a version, were as they had been read.
 * They are not read back; of two with one key either may win, and no events are called. */
HF_CHECK hf_status hf_update_many_at(const hf_site *site, hf_session *s, const hf_table *t,
	void *rows, size_t n, const uint32_t *only, int64_t *changed);

/* By a condition. There is no leaving it out: HF_ALL says that all are meant. *changed (may be
 * NULL) is how many; `out` (may be NULL) receives them as they are now, or, deleted, as they were.
 */
HF_CHECK hf_status hf_update_where_at(const hf_site *site, hf_session *s, const hf_table *t,
	int64_t *changed, hf_rows **out, const hf_term *sets, const hf_clause *clauses);
HF_CHECK hf_status hf_delete_where_at(const hf_site *site, hf_session *s, const hf_table *t,
	int64_t *changed, hf_rows **out, const hf_clause *clauses);

/* SQL of the caller's, into structs: see hf_rows_from. */
HF_CHECK hf_status hf_select_sql_at(const hf_site *site, hf_session *s, const hf_table *t,
	hf_rows **out, const char *sql, const hf_value *args, size_t n);

HF__END

#ifndef __cplusplus

/* `p` as a pointer to struct T: another does not compile. */
#define HF__ROW(T, p)     _Generic((p), struct T * : (p))
#define HF__GIVEN(T, p)   _Generic((p), struct T * : (p), const struct T * : (p))
#define HF__ROW_OUT(T, p) ((void *)_Generic((p), struct T * * : (p)))

/* Lists of columns: HF_COLUMNS(HF_C(task, id), HF_C(task, no)); HF_REST: see hf_upsert_at. */
#define HF_COLUMNS(...) ((const uint32_t[]){ __VA_ARGS__, 0 })
#define HF__REST        UINT32_MAX
#define HF_REST         HF_COLUMNS(HF__REST)

/* clang-format off */
#define hf_new(s, T) ((struct T *)hf_new_at((s), &T##_table))
#define hf_set_text(s, T, row, member, text) \
	hf_set_text_at((s), &T##_table, HF__ROW(T, row), (member), (text))
#define hf_insert(s, T, row) hf_insert_at(HF_HERE, (s), &T##_table, HF__ROW(T, row))
#define hf_update(s, T, row) hf_update_at(HF_HERE, (s), &T##_table, HF__ROW(T, row), NULL)
/* hf_update_only(s, task, t, HF_C(task, done), HF_C(task, note)) */
#define hf_update_only(s, T, row, ...) \
	hf_update_at(HF_HERE, (s), &T##_table, HF__ROW(T, row), (const uint32_t[]){ __VA_ARGS__, 0 })
/* struct task was = *t; t->done = true; hf_update_changed(s, task, t, &was, NULL) */
#define hf_update_changed(s, T, row, before, changed) \
	hf_update_changed_at(HF_HERE, (s), &T##_table, HF__ROW(T, row), HF__GIVEN(T, before), (changed))
#define hf_stale(s, T) ((struct T *)hf_stale_at((s), &T##_table))
#define hf_save(s, T, row, created) hf_save_at(HF_HERE, (s), &T##_table, HF__ROW(T, row), (created))
/* hf_save_only(s, task, t, &created, HF_C(task, done)) */
#define hf_save_only(s, T, row, created, ...) \
	hf_save_only_at(HF_HERE, (s), &T##_table, HF__ROW(T, row), HF_COLUMNS(__VA_ARGS__), (created))
/* hf_upsert(s, person, p, HF_COLUMNS(HF_C(person, name)), HF_REST, &created) */
#define hf_upsert(s, T, row, conflict, update, created) \
	hf_upsert_at(HF_HERE, (s), &T##_table, HF__ROW(T, row), (conflict), (update), (created))
#define hf_delete(s, T, row) hf_delete_at(HF_HERE, (s), &T##_table, HF__ROW(T, row))
/* static const hf_table *const shop[] = { &task_table, &note_table, NULL };
 * hf_delete_deep(s, person, p, shop, false) */
#define hf_delete_deep(s, T, row, among, nullable) \
	hf_delete_deep_at(HF_HERE, (s), &T##_table, HF__ROW(T, row), (among), (nullable))
#define hf_get(s, T, out, ...) hf_get_at(HF_HERE, (s), &T##_table, HF__ROW_OUT(T, out), HF__TERMS(__VA_ARGS__))
#define hf_get_or_null(s, T, out, ...) \
	hf_get_or_null_at(HF_HERE, (s), &T##_table, HF__ROW_OUT(T, out), HF__TERMS(__VA_ARGS__))
#define hf_one(s, T, out, ...) hf_one_at(HF_HERE, (s), &T##_table, HF__ROW_OUT(T, out), HF__TERMS(__VA_ARGS__))
#define hf_get_or_create(s, T, out, created, row, ...) \
	hf_get_or_create_at(HF_HERE, (s), &T##_table, HF__ROW_OUT(T, out), (created), HF__ROW(T, row), HF__TERMS(__VA_ARGS__))
#define hf_select(s, T, out, ...) hf_select_at(HF_HERE, (s), &T##_table, (out), HF__CLAUSES(__VA_ARGS__))
/* hf_select_as(s, task, by_owner, &rows, HF_PICKS(HF_PICK(by_owner, n, HF_COUNT_ROWS)), HF_ALL) */
#define HF_PICKS(...) HF__TERMS(__VA_ARGS__)
#define hf_select_as(s, T, U, out, picks, ...) \
	hf_select_as_at(HF_HERE, (s), &T##_table, &U##_table, (out), picks, HF__CLAUSES(__VA_ARGS__))
/* hf_scalar(s, task, &highest, HF_MAX(task, id), HF_ALL) */
#define hf_scalar(s, T, out, expression, ...) \
	hf_scalar_at(HF_HERE, (s), &T##_table, HF_TO(out), expression, HF__CLAUSES(__VA_ARGS__))
#define hf_first(s, T, out, ...) hf_first_at(HF_HERE, (s), &T##_table, HF__ROW_OUT(T, out), HF__CLAUSES(__VA_ARGS__))
#define hf_count(s, T, out, ...) hf_count_at(HF_HERE, (s), &T##_table, (out), HF__CLAUSES(__VA_ARGS__))
#define hf_exists(s, T, out, ...) hf_exists_at(HF_HERE, (s), &T##_table, (out), HF__CLAUSES(__VA_ARGS__))
#define hf_insert_many(s, T, rows, n) hf_insert_many_at(HF_HERE, (s), &T##_table, HF__ROW(T, rows), (n))
/* hf_insert_many_default(s, task, tasks, n, HF_C(task, created), HF_C(task, done)) */
#define hf_insert_many_default(s, T, rows, n, ...) \
	hf_insert_many_default_at(HF_HERE, (s), &T##_table, HF__ROW(T, rows), (n), (const uint32_t[]){ __VA_ARGS__, 0 })
#define hf_upsert_many(s, T, rows, n, conflict, update, changed) \
	hf_upsert_many_at(HF_HERE, (s), &T##_table, HF__ROW(T, rows), (n), (conflict), (update), (changed))
#define hf_update_many(s, T, rows, n, only, changed) \
	hf_update_many_at(HF_HERE, (s), &T##_table, HF__ROW(T, rows), (n), (only), (changed))
/* hf_update_where(s, task, &n, HF_SETS(HF_SET(task, done, true)), HF_WHERE(…)) */
#define HF_SETS(...) HF__TERMS(__VA_ARGS__)
#define hf_update_where(s, T, changed, sets, ...) \
	hf_update_where_at(HF_HERE, (s), &T##_table, (changed), NULL, sets, HF__CLAUSES(__VA_ARGS__))
#define hf_delete_where(s, T, changed, ...) \
	hf_delete_where_at(HF_HERE, (s), &T##_table, (changed), NULL, HF__CLAUSES(__VA_ARGS__))
/* The same, and the rows: hf_delete_returning(s, task, &n, &rows, HF_WHERE(…)) */
#define hf_update_returning(s, T, changed, out, sets, ...) \
	hf_update_where_at(HF_HERE, (s), &T##_table, (changed), (out), sets, HF__CLAUSES(__VA_ARGS__))
#define hf_delete_returning(s, T, changed, out, ...) \
	hf_delete_where_at(HF_HERE, (s), &T##_table, (changed), (out), HF__CLAUSES(__VA_ARGS__))
#define hf_select_sql(s, T, out, ...) hf_select_sql_at(HF_HERE, (s), &T##_table, (out), HF__SQL(__VA_ARGS__))
/* clang-format on */

#endif

#endif
