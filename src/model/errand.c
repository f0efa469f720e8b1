/* SPDX-License-Identifier: MIT */
#include "model/errand.h"

#include "engine/scope.h"
#include "pool/pool.h"

#include "base/mem.h"
#include "value/error.h"

#include <holdfast/orm.h>

#include <string.h>

/* --- life --- */

void *hf__errand_ref(hf__errand *e)
{
	hf__ref_get(&e->refs);
	return e;
}

void hf__errand_unref(void *arg)
{
	hf__errand *e = arg;

	if (!e || !hf__ref_put(&e->refs))
		return;
	hf_session_unref(e->s);
	hf_find_unref(e->copies);
	hf__free(e);
}

/* --- what is given --- */

/* What a member points to, as a value; an array of enums is one of ints. */
static hf_value pointed(const hf_column *c, const void *row, const void *at)
{
	hf_error *e = NULL;
	hf_value v;

	if (c->type & HF_T_ARRAY)
		return hf__v_array(((const hf_int4_array *)at)->has,
			c->labels ? HF_T_INT4 : c->type & ~HF_T_ARRAY, at);
	return hf__member_value(c, row, &v, &e) == HF_OK ? v : hf_v_null();
}

/* The member gets what it points to for its own. What is not sent may point to what is gone. */
static hf_error *own_member(hf_find *f, const hf_column *c, void *row)
{
	void *at = (char *)row + c->offset;
	hf_value v;

	if (c->generated_sql) {
		memset(at, 0, hf__member_size(c));
		return NULL;
	}
	if (c->codec)
		return hf__made_copy(c, at, hf__find_arena(f));
	v = hf__points(c) ? pointed(c, row, at) : hf_v_null();
	if (v.type == HF_T_NULL)
		return NULL;
	v = hf__find_keep(f, &v);
	if ((v.type & HF_T_ARRAY) && v.as.array)
		memcpy(at, v.as.array, sizeof(hf_int4_array)); /* of one layout, all */
	else if (v.type == HF_T_BYTEA)
		*(hf_bytes *)at = v.as.bytes;
	else if (!(v.type & HF_T_ARRAY))
		*(const char **)at = v.as.s;
	return NULL;
}

static hf_error *copy_rows(hf__errand *e, const void *rows, size_t n)
{
	size_t size = e->p->table.row_size;
	char *copy = hf__find_keep_bytes(e->copies, rows, n * size);
	hf_error *why = NULL;

	for (size_t i = 0; copy && i < n; i++)
		for (size_t c = 0; c < e->p->n && !why; c++)
			why = own_member(e->copies, &e->p->columns[c], copy + i * size);
	e->given.rows = copy;
	return why;
}

static const uint32_t *copy_list(hf_find *f, const uint32_t *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return hf__find_keep_bytes(f, list, (n + 1) * sizeof *list);
}

static const hf_table *const *copy_tables(hf_find *f, const hf_table *const *tables)
{
	size_t n = 0;

	while (tables && tables[n])
		n++;
	return hf__find_keep_bytes(f, tables, (n + 1) * sizeof *tables);
}

static hf_error *take(hf__errand *e, const hf__given *g)
{
	hf_error *why;

	e->given = *g;
	e->copies = hf_find_new(e->t);
	if (!e->copies)
		return hf__error_nomem();
	if (g->n > 0 && !g->rows)
		return hf__error_fmt(
			HF_E_MISUSE, 0, "model %s: the row is NULL", e->p->table.model);
	if (g->n > SIZE_MAX / e->p->table.row_size)
		return hf__error_nomem();
	if (g->n > 0 && (why = copy_rows(e, g->rows, g->n)))
		return why;
	for (const hf_term *t = g->terms; t && t->op != HF_OP_END; t++)
		hf_find_and(e->copies, *t);
	if (g->terms)
		e->given.terms = hf__find_conditions(e->copies);
	e->given.list = copy_list(e->copies, g->list);
	e->given.update = copy_list(e->copies, g->update);
	e->given.among = copy_tables(e->copies, g->among);
	return hf__find_kept_all(e->copies) ? NULL : hf__error_nomem();
}

/* --- on a worker --- */

static hf_status run(hf_conn *c, void *arg, hf_reply *reply)
{
	hf__errand *e = arg;
	hf_status st;

	e->s = hf_session_on_conn(c);
	if (!e->s)
		return hf__reply_fail(reply, hf__error_nomem());
	st = e->given.run(e, e->s);
	e->s->on.conn = NULL; /* only its memory is wanted from now on */
	e->stale = hf_stale_at(e->s, e->t);
	if (st == HF_OK || e->stale)
		hf_reply_value(reply, hf__errand_ref(e), hf__errand_unref);
	if (st == HF_OK)
		return HF_OK;
	if (e->stale)
		hf__reply_keep(reply);
	return hf__reply_fail(reply, hf_error_ref(hf_session_error(e->s)));
}

hf_future *hf__errand_send(const hf_site *site, hf_pool *p, const hf_table *t, const hf__given *g)
{
	hf_error *why;
	const hf__plan *plan = hf__plan_of(t, &why);
	hf__errand *e = plan ? hf__calloc(sizeof *e) : NULL;

	if (!e)
		return hf__job_refuse(p, why ? why : hf__error_nomem(), site, NULL, NULL);
	hf__ref_init(&e->refs);
	e->site = site ? *site : (hf_site){ NULL, 0 };
	e->t = t;
	e->p = plan;
	why = take(e, g);
	if (why)
		return hf__job_refuse(p, why, site, hf__errand_unref, e);
	return hf_submit_at(site, p,
		HF_JOB(.fn = run, .arg = e, .free_arg = hf__errand_unref,
			.label = plan->table.model, .manual = g->reads));
}

hf__errand *hf__errand_of(hf_future *f)
{
	return hf__future_value_of(f, hf__errand_unref);
}
