/* SPDX-License-Identifier: MIT */
/* What the program wants to hear of single rows, and to have checked before they are sent. */
#include "model/verb.h"

#include "value/error.h"

#include <string.h>

/* --- checks --- */

/* Characters of UTF-8: bytes that begin one. */
static int32_t characters(const char *s)
{
	int32_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static hf_error *refused(const hf__plan *p, const hf_column *c, hf_status st, const char *why)
{
	return hf__error_new(&(hf__error_spec){ .status = st,
		.message = why,
		.field[HF_ERR_TABLE] = p->table.name,
		.field[HF_ERR_COLUMN] = c->name });
}

/* Text without a value is never left to the server: NULL there is what a forgotten member is. */
static hf_error *check_member(const hf__plan *p, const hf_column *c, void *row)
{
	hf_error *e = NULL;
	hf_value v;
	hf_status st = hf__member_value(c, row, &v, &e);

	if (st != HF_OK)
		return e;
	if (v.type == HF_T_NULL && !c->nullable && !c->default_sql && !c->generated_sql)
		return refused(p, c, HF_E_NULL, "a value is needed");
	if (v.type == HF_T_TEXT && c->length > 0 && !c->as_text && characters(v.as.s) > c->length)
		return refused(p, c, HF_E_TYPE, "the text is longer than its column");
	st = c->check ? c->check((char *)row + c->offset, row) : HF_OK;
	return st == HF_OK ? NULL : refused(p, c, st, "the model's check refused it");
}

/* The first that is wrong. */
static hf_error *check_row(const hf__plan *p, void *row)
{
	hf_error *first = NULL;

	for (size_t i = 0; i < p->n && !first; i++)
		first = check_member(p, &p->columns[i], row);
	return first;
}

/* --- around the verbs --- */

static bool allow(hf__verb *v, hf_status st, const char *what)
{
	if (st == HF_OK)
		return true;
	hf__statement_fail(&v->st,
		hf__error_fmt(st, 0, "model %s: %s refused the row", v->p->table.model, what));
	return false;
}

bool hf__verb_may_save(hf__verb *v, void *row, bool creates)
{
	const hf_events *on = v->p->table.events;
	hf_error *e;

	if (!row) {
		hf__statement_fail(&v->st, hf__error_fmt(HF_E_MISUSE, 0,
						   "model %s: the row is NULL", v->p->table.model));
		return false;
	}
	if (on && (on->before_save || on->after_save))
		hf__verb_whole(v);
	if (on && on->before_save &&
		!allow(v, on->before_save(v->s, row, creates, on->arg), "before_save"))
		return false;
	e = check_row(v->p, row);
	if (e)
		hf__statement_fail(&v->st, e);
	return !e;
}

void hf__verb_saved(hf__verb *v, void *row, bool created)
{
	const hf_events *on = v->p->table.events;

	if (!v->st.error && on && on->after_save)
		(void)allow(v, on->after_save(v->s, row, created, on->arg), "after_save");
}

bool hf__verb_may_delete(hf__verb *v, void *row)
{
	const hf_events *on = v->p->table.events;

	if (on && (on->before_delete || on->after_delete))
		hf__verb_whole(v);
	return !on || !on->before_delete ||
	       allow(v, on->before_delete(v->s, row, on->arg), "before_delete");
}

void hf__verb_deleted(hf__verb *v, void *row)
{
	const hf_events *on = v->p->table.events;

	if (!v->st.error && on && on->after_delete)
		(void)allow(v, on->after_delete(v->s, row, on->arg), "after_delete");
}
