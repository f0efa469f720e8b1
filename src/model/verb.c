/* SPDX-License-Identifier: MIT */
#include "model/verb.h"

#include "model/validate.h"

#include "value/error.h"

bool hf__verb_begin(hf__verb *v, const hf_site *site, hf_session *s, const hf_table *t)
{
	hf_error *e;

	*v = (hf__verb){ .site = site, .s = s, .st = HF__STATEMENT_INIT };
	v->p = hf__plan_of(t, &e);
	if (e)
		hf__statement_fail(&v->st, e);
	return v->p != NULL;
}

bool hf__verb_run(hf__verb *v)
{
	hf_error *e = hf__statement_error(&v->st);

	v->res = hf_result_unref(v->res);
	if (!e) {
		e = hf__session_execute(v->site, v->s, v->many, &v->res,
			hf__strbuf_text(&v->st.text), v->st.args, v->st.n);
		if (e)
			hf__statement_fail(&v->st, hf__error_with_members(v->p, e));
	} else {
		hf_error_unref(e);
	}
	return !v->st.error;
}

void hf__verb_again(hf__verb *v)
{
	if (v->st.text.failed)
		hf__statement_fail(&v->st, hf__error_nomem());
	hf__strbuf_clear(&v->st.text);
	v->st.n = 0;
	v->st.hidden = v->st.paths = 0;
}

bool hf__verb_whole(hf__verb *v)
{
	hf_error *e = hf__whole_begin(v->site, v->s, &v->whole);

	if (e)
		hf__statement_fail(&v->st, e);
	return !e;
}

hf_status hf__verb_end(hf__verb *v)
{
	hf_error *e;
	hf_status st;

	e = hf__whole_end(v->site, v->s, &v->whole, !v->st.error && !v->st.text.failed);
	if (e)
		hf__statement_fail(&v->st, e);
	e = hf__statement_error(&v->st);
	hf_result_unref(v->res);
	hf__statement_finish(&v->st);
	st = hf__session_told(v->s, e ? hf__error_at(e, 0, NULL, v->site) : NULL);
	if (v->stale) {
		v->s->stale = v->stale;
		v->s->stale_of = v->p;
	}
	return st;
}

void *hf__verb_row(hf__verb *v, size_t i)
{
	void *row = hf_session_alloc(v->s, v->p->table.row_size);
	hf_error *e = row ? hf__row_into(v->p, hf_result_row(v->res, i), 0, NULL, v->p->n, row)
			  : hf__error_nomem();

	if (!e && !hf__session_keep(v->s, hf_result_ref(v->res)))
		e = hf__error_nomem();
	if (!e) {
		hf__row_loaded(v->p, row);
		return row;
	}
	hf__statement_fail(&v->st, e);
	return NULL;
}

bool hf__verb_rows(hf__verb *v, const hf_table *t, bool partial, hf_rows **out)
{
	hf_error *e = hf__rows_make(t, v->res, partial, out);

	if (e)
		hf__statement_fail(&v->st, e);
	return !e;
}

void hf__put_select(hf__verb *v)
{
	hf__put(&v->st, "SELECT ");
	hf__put(&v->st, v->p->list);
	hf__put(&v->st, " FROM ");
	hf__put(&v->st, v->p->name);
}

int hf__positions(hf__verb *v, const uint32_t *list, size_t *out, size_t max)
{
	size_t n = 0;

	for (; list[n]; n++) {
		size_t i = hf__plan_column(v->p, list[n]);

		if (i < v->p->n && n < max) {
			out[n] = i;
			continue;
		}
		hf__statement_fail(&v->st,
			hf__error_fmt(HF_E_MISUSE, 0,
				"model %s: a list names a member that has no column, or too many",
				v->p->table.model));
		return -1;
	}
	return (int)n;
}
