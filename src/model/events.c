/* SPDX-License-Identifier: MIT */
/* What the program wants to hear of single rows, and to have checked before they are sent. */
#include "model/validate.h"
#include "model/verb.h"

#include "value/error.h"

#include <string.h>

static bool allow(hf__verb *v, hf_status st, const char *what)
{
	if (st == HF_OK)
		return true;
	hf__statement_fail(&v->st,
		hf__error_fmt(st, 0, "model %s: %s refused the row", v->p->table.model, what));
	return false;
}

bool hf__there_is(hf__verb *v, const void *row)
{
	if (!row)
		hf__statement_fail(&v->st, hf__error_fmt(HF_E_MISUSE, 0,
						   "model %s: the row is NULL", v->p->table.model));
	return row != NULL;
}

bool hf__verb_may_save(hf__verb *v, void *row, bool creates)
{
	const hf_events *on = v->p->table.events;
	hf_error *e;

	if (!hf__there_is(v, row))
		return false;
	if (on && (on->before_save || on->after_save) && !hf__verb_whole(v))
		return false;
	if (on && on->before_save &&
		!allow(v, on->before_save(v->s, row, creates, on->arg), "before_save"))
		return false;
	if (v->touches && !hf__touch(v, row))
		return false;
	e = hf__row_check(v->p, row, v->only);
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

	if (!hf__there_is(v, row))
		return false;
	if (on && (on->before_delete || on->after_delete) && !hf__verb_whole(v))
		return false;
	return !on || !on->before_delete ||
	       allow(v, on->before_delete(v->s, row, on->arg), "before_delete");
}

void hf__verb_deleted(hf__verb *v, void *row)
{
	const hf_events *on = v->p->table.events;

	if (!v->st.error && on && on->after_delete)
		(void)allow(v, on->after_delete(v->s, row, on->arg), "after_delete");
}
