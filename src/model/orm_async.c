/* SPDX-License-Identifier: MIT */
/* The verbs as futures. Those of one statement whose result says all go through a session that
 * sends what the verb has put together and does not wait; the others are errands. */
#include "model/errand.h"
#include "model/verb.h"

#include "engine/scope.h"
#include "pool/pool.h"

#include "base/mem.h"
#include "value/error.h"

#include <holdfast/orm_async.h>

#include <string.h>

/* --- plain queries --- */

hf_future *hf_select_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const hf_clause *clauses)
{
	hf_session s = hf__session_sending(p);
	hf_rows *later;

	return hf__session_sent(site, &s, hf_select_at(site, &s, t, &later, clauses));
}

hf_future *hf_select_sql_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	const char *sql, const hf_value *args, size_t n)
{
	hf_session s = hf__session_sending(p);
	hf_rows *later;

	return hf__session_sent(site, &s, hf_select_sql_at(site, &s, t, &later, sql, args, n));
}

hf_future *hf_select_as_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	const hf_table *into, const hf_term *picks, const hf_clause *clauses)
{
	hf_session s = hf__session_sending(p);
	hf_rows *later;

	return hf__session_sent(
		site, &s, hf_select_as_at(site, &s, t, into, &later, picks, clauses));
}

hf_future *hf_scalar_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	hf_term expression, const hf_clause *clauses)
{
	hf_session s = hf__session_sending(p);
	int64_t later;

	return hf__session_sent(
		site, &s, hf_scalar_at(site, &s, t, HF_TO(&later), expression, clauses));
}

hf_future *hf_count_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const hf_clause *clauses)
{
	hf_session s = hf__session_sending(p);
	int64_t later;

	return hf__session_sent(site, &s, hf_count_at(site, &s, t, &later, clauses));
}

hf_future *hf_exists_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const hf_clause *clauses)
{
	hf_session s = hf__session_sending(p);
	bool later;

	return hf__session_sent(site, &s, hf_exists_at(site, &s, t, &later, clauses));
}

hf_future *hf_update_where_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	bool returning, const hf_term *sets, const hf_clause *clauses)
{
	hf_session s = hf__session_sending(p);
	hf_rows *later;

	return hf__session_sent(site, &s,
		hf_update_where_at(site, &s, t, NULL, returning ? &later : NULL, sets, clauses));
}

hf_future *hf_delete_where_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	bool returning, const hf_clause *clauses)
{
	hf_session s = hf__session_sending(p);
	hf_rows *later;

	return hf__session_sent(site, &s,
		hf_delete_where_at(site, &s, t, NULL, returning ? &later : NULL, clauses));
}

/* --- errands: rows --- */

static void hand_over(hf__errand *e, int64_t count)
{
	e->out = e->given.rows;
	e->n_out = e->given.n;
	e->count = count;
}

static hf_status insert(hf__errand *e, hf_session *s)
{
	hand_over(e, 1);
	return hf_insert_at(&e->site, s, e->t, e->given.rows);
}

/* As if hf_new had made it, and nobody had touched those columns, but all the others. */
static hf_error *make_fresh(const hf__errand *e, hf_session *s)
{
	size_t size = e->p->table.row_size;
	const unsigned char *row = e->given.rows;
	unsigned char *image = hf_session_alloc(s, size);
	hf_error *why = hf__plan_may_leave(e->p, e->given.list);

	if (why)
		return why;
	if (!image || !hf__session_freshen(s, row, image))
		return hf__error_nomem();
	for (size_t i = 0; i < size; i++)
		image[i] = (unsigned char)~row[i];
	for (const uint32_t *c = e->given.list; c && *c; c++) {
		const hf_column *column = &e->p->columns[hf__plan_column(e->p, *c)];

		memcpy(image + column->offset, row + column->offset, hf__member_size(column));
	}
	return NULL;
}

static hf_status insert_default(hf__errand *e, hf_session *s)
{
	hf_error *why = make_fresh(e, s);

	return why ? hf__session_told(s, why) : insert(e, s);
}

static hf_status update(hf__errand *e, hf_session *s)
{
	hand_over(e, 1);
	return hf_update_at(&e->site, s, e->t, e->given.rows, e->given.list);
}

/* The row is as it was: it goes to nobody but back. */
static hf_status leave(hf__errand *e, hf_session *s)
{
	(void)s;
	hand_over(e, 0);
	return HF_OK;
}

static hf_status save(hf__errand *e, hf_session *s)
{
	bool created = false;
	hf_status st = hf_save_only_at(&e->site, s, e->t, e->given.rows, e->given.list, &created);

	hand_over(e, created);
	return st;
}

static hf_status delete_row(hf__errand *e, hf_session *s)
{
	e->count = 1;
	return hf_delete_at(&e->site, s, e->t, e->given.rows);
}

static hf_status insert_many(hf__errand *e, hf_session *s)
{
	hand_over(e, (int64_t)e->given.n);
	return hf_insert_many_default_at(
		&e->site, s, e->t, e->given.rows, e->given.n, e->given.list);
}

static hf_status update_many(hf__errand *e, hf_session *s)
{
	hand_over(e, 0);
	return hf_update_many_at(
		&e->site, s, e->t, e->given.rows, e->given.n, e->given.list, &e->count);
}

static hf_status upsert_many(hf__errand *e, hf_session *s)
{
	hand_over(e, 0);
	return hf_upsert_many_at(&e->site, s, e->t, e->given.rows, e->given.n, e->given.list,
		e->given.update, &e->count);
}

static hf_status upsert(hf__errand *e, hf_session *s)
{
	bool created = false;
	hf_status st = hf_upsert_at(
		&e->site, s, e->t, e->given.rows, e->given.list, e->given.update, &created);

	hand_over(e, created);
	return st;
}

static hf_status delete_deep(hf__errand *e, hf_session *s)
{
	e->count = 1;
	return hf_delete_deep_at(
		&e->site, s, e->t, e->given.rows, e->given.among, e->given.nullable);
}

hf_future *hf_insert_async_at(const hf_site *site, hf_pool *p, const hf_table *t, const void *row)
{
	return hf__errand_send(
		site, p, t, &(hf__given){ .run = insert, .rows = (void *)(uintptr_t)row, .n = 1 });
}

hf_future *hf_insert_default_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	const void *row, const uint32_t *columns)
{
	return hf__errand_send(site, p, t,
		&(hf__given){ .run = insert_default,
			.rows = (void *)(uintptr_t)row,
			.n = 1,
			.list = columns });
}

hf_future *hf_update_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const void *row, const uint32_t *only)
{
	return hf__errand_send(site, p, t,
		&(hf__given){
			.run = update, .rows = (void *)(uintptr_t)row, .n = 1, .list = only });
}

/* What differs is looked for in the caller's rows: in copies all that they point to lies elsewhere.
 */
hf_future *hf_update_changed_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const void *row, const void *before)
{
	hf_error *e;
	uint32_t *list = hf__changed_columns(t, row, before, &e);
	hf_future *f;

	if (!list)
		return hf__job_refuse(p, e, site, NULL, NULL);
	f = *list ? hf_update_async_at(site, p, t, row, list)
		  : hf__errand_send(site, p, t,
			    &(hf__given){ .run = leave,
				    .reads = true,
				    .rows = (void *)(uintptr_t)row,
				    .n = 1 });
	hf__free(list);
	return f;
}

hf_future *hf_save_async_at(const hf_site *site, hf_pool *p, const hf_table *t, const void *row)
{
	return hf_save_only_async_at(site, p, t, row, NULL);
}

hf_future *hf_save_only_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const void *row, const uint32_t *only)
{
	return hf__errand_send(site, p, t,
		&(hf__given){ .run = save, .rows = (void *)(uintptr_t)row, .n = 1, .list = only });
}

hf_future *hf_delete_async_at(const hf_site *site, hf_pool *p, const hf_table *t, const void *row)
{
	return hf__errand_send(site, p, t,
		&(hf__given){ .run = delete_row, .rows = (void *)(uintptr_t)row, .n = 1 });
}

hf_future *hf_insert_many_default_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	const void *rows, size_t n, const uint32_t *columns)
{
	return hf__errand_send(site, p, t,
		&(hf__given){ .run = insert_many,
			.rows = (void *)(uintptr_t)rows,
			.n = n,
			.list = columns });
}

hf_future *hf_insert_many_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const void *rows, size_t n)
{
	return hf_insert_many_default_async_at(site, p, t, rows, n, NULL);
}

hf_future *hf_update_many_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	const void *rows, size_t n, const uint32_t *only)
{
	return hf__errand_send(site, p, t,
		&(hf__given){ .run = update_many,
			.rows = (void *)(uintptr_t)rows,
			.n = n,
			.list = only });
}

hf_future *hf_upsert_many_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	const void *rows, size_t n, const uint32_t *conflict, const uint32_t *update)
{
	return hf__errand_send(site, p, t,
		&(hf__given){ .run = upsert_many,
			.rows = (void *)(uintptr_t)rows,
			.n = n,
			.list = conflict,
			.update = update });
}

hf_future *hf_upsert_async_at(const hf_site *site, hf_pool *p, const hf_table *t, const void *row,
	const uint32_t *conflict, const uint32_t *update)
{
	return hf__errand_send(site, p, t,
		&(hf__given){ .run = upsert,
			.rows = (void *)(uintptr_t)row,
			.n = 1,
			.list = conflict,
			.update = update });
}

hf_future *hf_delete_deep_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	const void *row, const hf_table *const *among, bool nullable)
{
	return hf__errand_send(site, p, t,
		&(hf__given){ .run = delete_deep,
			.rows = (void *)(uintptr_t)row,
			.n = 1,
			.among = among,
			.nullable = nullable });
}

/* --- errands: conditions --- */

typedef hf_status get_fn(const hf_site *site, hf_session *s, const hf_table *t, void *out,
	const hf_term *conditions);

static hf_status get_by(hf__errand *e, hf_session *s, get_fn *fn)
{
	hf_status st = fn(&e->site, s, e->t, &e->out, e->given.terms);

	e->n_out = st == HF_OK && e->out;
	e->count = (int64_t)e->n_out;
	return st;
}

static hf_status get(hf__errand *e, hf_session *s)
{
	return get_by(e, s, hf_get_at);
}

static hf_status get_or_null(hf__errand *e, hf_session *s)
{
	return get_by(e, s, hf_get_or_null_at);
}

static hf_status one(hf__errand *e, hf_session *s)
{
	return get_by(e, s, hf_one_at);
}

hf_future *hf_get_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const hf_term *conditions)
{
	return hf__errand_send(
		site, p, t, &(hf__given){ .run = get, .reads = true, .terms = conditions });
}

hf_future *hf_get_or_null_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const hf_term *conditions)
{
	return hf__errand_send(
		site, p, t, &(hf__given){ .run = get_or_null, .reads = true, .terms = conditions });
}

hf_future *hf_one_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const hf_term *conditions)
{
	return hf__errand_send(
		site, p, t, &(hf__given){ .run = one, .reads = true, .terms = conditions });
}

static hf_status get_or_create(hf__errand *e, hf_session *s)
{
	bool created = false;
	hf_status st = hf_get_or_create_at(
		&e->site, s, e->t, &e->out, &created, e->given.rows, e->given.terms);

	e->n_out = st == HF_OK;
	e->count = created;
	return st;
}

hf_future *hf_get_or_create_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const void *row, const hf_term *by)
{
	return hf__errand_send(site, p, t,
		&(hf__given){ .run = get_or_create,
			.rows = (void *)(uintptr_t)row,
			.n = 1,
			.terms = by });
}
