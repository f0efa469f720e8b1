/* SPDX-License-Identifier: MIT */
/* Finders: conditions that are asked for every day. */
#include "model/verb.h"

#include "value/error.h"
#include "value/opts.h"

#include <holdfast/finders.h>

#include <stdlib.h>
#include <string.h>

/* --- by an id --- */

uint32_t hf__id_column(const hf_table *t, hf_error **e)
{
	const hf__plan *p = hf__plan_of(t, e);
	size_t at = 0;

	if (!p)
		return 0;
	while (at < p->n && strcmp(p->columns[at].name, "id") != 0)
		at++;
	if (at < p->n)
		return p->columns[at].offset + 1;
	if (p->n_key == 1)
		return p->columns[p->key[0]].offset + 1;
	*e = hf__error_fmt(HF_E_MISUSE, 0,
		"model %s has no column \"id\", and its key has %zu columns: say which one it is",
		p->table.model, p->n_key);
	return 0;
}

hf_status hf_by_id_at(const hf_site *site, hf_session *s, const hf_table *t, void *out,
	uint32_t column, hf_value id)
{
	hf_error *e = NULL;
	hf_term is[2] = { { .op = HF_OP_EQ, .table = t, .column = column, .value = id },
		{ .op = HF_OP_END } };

	if (!column)
		is[0].column = hf__id_column(t, &e);
	return e ? hf__session_told(s, e) : hf_get_or_null_at(site, s, t, out, is);
}

hf_status hf_by_ids_at(const hf_site *site, hf_session *s, const hf_table *t, hf_rows **out,
	uint32_t column, hf_value ids)
{
	hf_error *e = NULL;
	hf_term is[2] = { { .op = HF_OP_ANY, .table = t, .column = column, .value = ids },
		{ .op = HF_OP_END } };
	const hf_clause where[2] = { { .kind = HF_CLAUSE_WHERE, .terms = is },
		{ .kind = HF_CLAUSE_END } };

	if (!column)
		is[0].column = hf__id_column(t, &e);
	return e ? hf__session_told(s, e) : hf_select_at(site, s, t, out, where);
}

/* --- by a text --- */

static hf_term compare(const hf_table *t, uint32_t column, hf_op op, const char *text)
{
	return (hf_term){ .op = op, .table = t, .column = column, .value = hf_v_text(text) };
}

/* Those where the condition holds, in this order (ended by HF_OP_END). */
static hf_status select_where(const hf_site *site, hf_session *s, const hf_table *t, hf_rows **out,
	hf_term condition, const hf_term *order, int64_t offset, int64_t limit)
{
	const hf_term where[2] = { condition, { .op = HF_OP_END } };
	const hf_clause clauses[5] = { { .kind = HF_CLAUSE_WHERE, .terms = where },
		{ .kind = HF_CLAUSE_ORDER, .terms = order },
		{ .kind = HF_CLAUSE_LIMIT, .n = limit }, { .kind = HF_CLAUSE_OFFSET, .n = offset },
		{ .kind = HF_CLAUSE_END } };

	return hf_select_at(site, s, t, out, clauses);
}

hf_status hf_by_text_at(const hf_site *site, hf_session *s, const hf_table *t, void *out,
	uint32_t column, const char *text)
{
	const hf_term is[2] = { compare(t, column, HF_OP_IEQ, text), { .op = HF_OP_END } };
	hf_status st = hf_one_at(site, s, t, out, is);

	if (st != HF_E_NO_ROWS)
		return st;
	*(void **)out = NULL;
	return hf__session_told(s, NULL);
}

/* The places of an order by the key; HF_MAX_KEY and an end. */
static void order_by_key(const hf_table *t, hf_op op, hf_term *order)
{
	hf_error *e = NULL;
	const hf__plan *p = hf__plan_of(t, &e);
	size_t n = 0;

	for (; p && n < p->n_key; n++)
		order[n] = (hf_term){
			.op = op, .table = t, .column = p->columns[p->key[n]].offset + 1
		};
	order[n] = (hf_term){ .op = HF_OP_END };
	hf_error_unref(e); /* the verb finds it, too */
}

hf_status hf_all_by_text_at(const hf_site *site, hf_session *s, const hf_table *t, hf_rows **out,
	uint32_t column, const char *text, int64_t offset, int64_t limit)
{
	hf_term by_key[HF_MAX_KEY + 1];

	order_by_key(t, HF_OP_ASC, by_key);
	return select_where(
		site, s, t, out, compare(t, column, HF_OP_IEQ, text), by_key, offset, limit);
}

hf_status hf_similar_at(const hf_site *site, hf_session *s, const hf_table *t, hf_rows **out,
	uint32_t column, const char *text, bool anywhere, int64_t offset, int64_t limit)
{
	hf_term order[HF_MAX_KEY + 2] = { { .op = HF_OP_ASC, .table = t, .column = column } };

	order_by_key(t, HF_OP_ASC, order + 1);
	return select_where(site, s, t, out,
		compare(t, column, anywhere ? HF_OP_IHAS : HF_OP_IBEGINS, text), order, offset,
		limit);
}

static hf_status first_by_text(const hf_site *site, hf_session *s, const hf_table *t, void *out,
	uint32_t column, hf_op op, const char *text)
{
	const hf_term where[2] = { compare(t, column, op, text), { .op = HF_OP_END } };
	hf_term by_key[HF_MAX_KEY + 1];
	const hf_clause clauses[4] = { { .kind = HF_CLAUSE_WHERE, .terms = where },
		{ .kind = HF_CLAUSE_ORDER, .terms = by_key }, { .kind = HF_CLAUSE_LIMIT, .n = 1 },
		{ .kind = HF_CLAUSE_END } };

	order_by_key(t, HF_OP_ASC, by_key);
	return hf_first_at(site, s, t, out, clauses);
}

hf_status hf_exact_first_at(const hf_site *site, hf_session *s, const hf_table *t, void *out,
	uint32_t column, const char *text)
{
	hf_status st = first_by_text(site, s, t, out, column, HF_OP_EQ, text);

	if (st != HF_OK || *(void **)out)
		return st;
	return first_by_text(site, s, t, out, column, HF_OP_IEQ, text);
}

/* --- a range --- */

static hf_find *range_of(const hf_table *t, const hf_range_opts *o, hf_error **e)
{
	hf_find *f = o->where ? hf_find_copy(o->where) : hf_find_new(t);
	hf_term by_key[HF_MAX_KEY + 1];

	if (o->order && hf_find_order_by(f, o->order, o->any_case, e) != HF_OK)
		return f;
	order_by_key(t, HF_OP_ASC, by_key);
	for (const hf_term *k = by_key; k->op != HF_OP_END; k++)
		hf_find_order(f, *k);
	hf_find_offset(f, o->offset);
	if (o->limit > 0)
		hf_find_limit(f, o->limit);
	return f;
}

/* Its rows, unless they come later; and its text, for whoever asked. */
static void run_range(hf__verb *v, const hf_table *t, hf_rows **out, char **sql)
{
	bool there = hf__verb_run(v), sent = v->s && v->s->sent;
	char *text = NULL;

	if (!there && !sent)
		return;
	if (sql && !(text = strdup(hf__strbuf_text(&v->st.text))))
		hf__statement_fail(&v->st, hf__error_nomem());
	else if (there && !hf__verb_rows(v, t, false, out))
		free(text);
	else if (sql)
		*sql = text;
}

static void select_range(hf__verb *v, const hf_table *t, hf_rows **out, const hf_range_opts *o)
{
	hf_error *e = NULL;
	hf_find *f = range_of(t, o, &e);
	const hf_clause found[2] = { { .kind = HF_CLAUSE_FIND, .find = f },
		{ .kind = HF_CLAUSE_END } };
	hf__query q = { .clauses = found };

	if (e)
		hf__statement_fail(&v->st, e);
	hf__put_query(&v->st, v->p, &q);
	run_range(v, t, out, o->sql);
	hf_find_unref(f);
}

hf_status hf_range_at(const hf_site *site, hf_session *s, const hf_table *t, hf_rows **out,
	const hf_range_opts *opts)
{
	hf_range_opts o = { 0 };
	hf_error *e = NULL;
	hf__verb v;

	hf__opts_copy(&o, sizeof o, opts, "HF_RANGE", &e);
	if (o.sql)
		*o.sql = NULL;
	if (e)
		return hf__session_told(s, e);
	if (hf__verb_begin(&v, site, s, t))
		select_range(&v, t, out, &o);
	return hf__verb_end(&v);
}
