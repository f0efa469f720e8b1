/* SPDX-License-Identifier: MIT */
/* What the server has made of a row, back in the struct that it came from.
 *
 * The struct is the caller's, and so is what it points to: that stays as it is where it reads the
 * same, so that it does not hang on the session's memory, and a session that only writes keeps
 * nothing. */
#include "model/verb.h"

#include "value/error.h"

#include <string.h>

static bool lends(const hf_column *c)
{
	return hf__points(c) || c->codec;
}

/* What was not sent may point to what is long gone. */
static bool was_sent(const hf__verb *v, const hf_column *c)
{
	if (v->inserted || c->generated_sql)
		return false;
	return !v->only || c->key || hf__is_chosen(c, v->only);
}

/* Without memory: no. */
static bool reads_same(hf__verb *v, const hf_column *c, const void *row)
{
	hf_value old, now;
	hf_error *e = NULL;
	bool same = hf__member_sent(c, row, &v->st.arena, &old, &e) == HF_OK &&
		    hf__member_sent(c, v->scratch, &v->st.arena, &now, &e) == HF_OK &&
		    hf__values_same(&old, &now, &e);

	hf_error_unref(e);
	return same;
}

static void take(hf__verb *v, const hf_column *c, void *row)
{
	if (lends(c) && was_sent(v, c) && reads_same(v, c, row))
		return;
	v->lent |= lends(c);
	memcpy((char *)row + c->offset, v->scratch + c->offset, hf__member_size(c));
}

static bool make_scratch(hf__verb *v)
{
	size_t size = v->p->table.row_size;

	if (!v->scratch && (v->scratch = hf__arena_alloc(&v->st.arena, size)))
		memset(v->scratch, 0, size);
	if (!v->scratch)
		hf__statement_fail(&v->st, hf__error_nomem());
	return v->scratch != NULL;
}

bool hf__read_back(hf__verb *v, size_t result_row, const size_t *which, size_t n, void *row)
{
	hf_error *e;

	if (!make_scratch(v))
		return false;
	e = hf__row_into(v->p, hf_result_row(v->res, result_row), 0, which, n, v->scratch);
	if (e) {
		hf__statement_fail(&v->st, e);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		take(v, &v->p->columns[which ? which[i] : i], row);
	return true;
}

void hf__keep_lent(hf__verb *v)
{
	if (v->lent && !hf__session_keep(v->s, hf_result_ref(v->res)))
		hf__statement_fail(&v->st, hf__error_nomem());
}

void hf__read_all_back(hf__verb *v, void *row)
{
	(void)hf__read_back(v, 0, NULL, v->p->n, row);
	hf__keep_lent(v);
}
