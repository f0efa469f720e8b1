/* SPDX-License-Identifier: MIT */
/* What the verbs share: a statement on a table, from its text to the session's error. */
#ifndef HF_MODEL_VERB_H
#define HF_MODEL_VERB_H

#include <holdfast/orm.h>

#include "engine/scope.h"
#include "model/statement.h"

typedef struct hf__verb {
	const hf_site *site;
	hf_session *s;
	const hf__plan *p; /* NULL: why not is the statement's error */
	hf__statement st;
	hf_result *res;       /* of the last run; NULL: none */
	const uint32_t *only; /* the columns that are written; NULL: all */
	bool inserted;        /* what is read back are the columns that were not written */
	bool touches;    /* it may be an UPDATE: on_update is called, before the row is checked */
	bool many;       /* rows may come, see hf_query_opts */
	void *stale;     /* the row as it is, where it is not the one that was read */
	hf__whole whole; /* see hf__verb_whole */
	char *scratch;   /* a row, see hf__read_back; NULL: not needed yet */
	bool lent;       /* a row of the caller's points into the result */
} hf__verb;

/* True: there is a plan. In any case hf__verb_end is to be called. */
bool hf__verb_begin(hf__verb *v, const hf_site *site, hf_session *s, const hf_table *t);

/* Sends what has been put together and waits. True: v->res is there. */
bool hf__verb_run(hf__verb *v);

/* Begins a further statement; the result of the last stays until that is run. */
void hf__verb_again(hf__verb *v);

/* From here on the verb is one transaction, whatever carries it: so that handlers see its work, and
 * undo it. Where there is one anyway nothing happens. False: the error tells. */
bool hf__verb_whole(hf__verb *v);

/* Lets go of all, and tells the session. */
hf_status hf__verb_end(hf__verb *v);

/* The result's row i as a struct in the session's memory, with the result behind it; NULL: the
 * statement's error tells. Takes v->res. */
void *hf__verb_row(hf__verb *v, size_t i);

/* All of the result, as rows of the caller's; `partial`: some of their columns. */
bool hf__verb_rows(hf__verb *v, const hf_table *t, bool partial, hf_rows **out);

/* "SELECT the columns FROM the table". */
void hf__put_select(hf__verb *v);

/* A list of columns (offset and 1, ended by 0), as positions; -1 and an error: one is none. */
int hf__positions(hf__verb *v, const uint32_t *list, size_t *out, size_t max);

/* insert.c: "INSERT INTO t (a, b) VALUES ($1, $2)"; left_out tells, by column, what the server is
 * to fill in. */
void hf__put_insert(hf__verb *v, const void *row, bool *left_out);

/* Whether the last run has inserted n rows; false: the error tells that a trigger kept some out. */
bool hf__has_inserted(hf__verb *v, size_t n);

/* update.c: " WHERE a = $1 AND b = $2", of the row's key. */
void hf__put_key(hf__verb *v, const void *row);

/* The same, and " AND version = $3", where the table has one. */
void hf__put_key_as_read(hf__verb *v, const void *row);

/* ", version = person.version + 1", in an UPDATE of `of`; nothing where the server sees to it. */
void hf__put_next_version(hf__verb *v, const char *of);

/* Whether an UPDATE may write it. */
bool hf__is_written(const hf_column *c);

/* Whether an UPDATE may be of these columns (NULL: all that it may write); false: the error tells.
 * Whether a column is one of them: those that have an on_update always are. */
bool hf__may_write(hf__verb *v, const uint32_t *only);
bool hf__is_chosen(const hf_column *c, const uint32_t *only);

/* What on_update makes of the row; false: one of them refused it. */
bool hf__touch(hf__verb *v, void *row);

/* There was no row to be changed: HF_E_NO_ROWS, or HF_E_STALE, and then the session has it. */
void hf__missed(hf__verb *v, const void *row);

/* read_back.c: n columns of a row of the result (positions; NULL: all) into the caller's, where
 * what it points to stays if it reads the same. False: the error tells, and the row is as it was.
 * Behind the last of them hf__keep_lent keeps the result as long as the session's rows, if need be.
 */
bool hf__read_back(hf__verb *v, size_t result_row, const size_t *which, size_t n, void *row);
void hf__keep_lent(hf__verb *v);

/* All columns, with which the first row of the result begins. */
void hf__read_all_back(hf__verb *v, void *row);

/* upsert.c: " ON CONFLICT (a) DO UPDATE SET b = EXCLUDED.b", or DO NOTHING where `update` is NULL.
 * `left_out`: of each column, whether the INSERT does without it. */
bool hf__put_on_conflict(
	hf__verb *v, const uint32_t *conflict, const uint32_t *update, const bool *left_out);

/* events.c: whether a row was given; false: the error tells. */
bool hf__there_is(hf__verb *v, const void *row);

/* changed.c: the columns in which the row differs from what it was, ended by 0: to be freed. NULL,
 * and *e tells why. */
uint32_t *hf__changed_columns(const hf_table *t, const void *row, const void *before, hf_error **e);

/* finders.c: the column called "id", else the key, as an offset and 1; 0 and an error: there is no
 * such. */
uint32_t hf__id_column(const hf_table *t, hf_error **e);

/* events.c: before and after; the former also check the row. */
bool hf__verb_may_save(hf__verb *v, void *row, bool creates);
void hf__verb_saved(hf__verb *v, void *row, bool created);
bool hf__verb_may_delete(hf__verb *v, void *row);
void hf__verb_deleted(hf__verb *v, void *row);

#endif
