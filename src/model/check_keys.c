/* SPDX-License-Identifier: MIT */
/* Foreign keys, seen from the table that they refer to. Apart from the other checks: a table is
 * made ready without those it refers to, which may refer to it. */
#include "model/plan.h"

#include "value/error.h"

#include <string.h>

/* Whether the lists are of the same columns, in any order. */
static bool same(const size_t *a, size_t n_a, const size_t *b, size_t n_b)
{
	size_t k;

	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++) {
		for (k = 0; k < n_b && b[k] != a[i]; k++)
			;
		if (k == n_b)
			return false;
	}
	return true;
}

static bool is_key(const hf__plan *p, const size_t *columns, size_t n)
{
	size_t at[HF_MAX_KEY];

	if (same(p->key, p->n_key, columns, n) || (n == 1 && p->columns[columns[0]].unique))
		return true;
	for (size_t i = 0; i < p->table.n_indexes; i++) {
		const hf_index *x = &p->table.indexes[i];

		if (x->unique && !x->where && !x->sql &&
			same(at, hf__plan_columns(p, x->column, at), columns, n))
			return true;
	}
	return false;
}

static bool is_number(const hf_column *c)
{
	return c->type == HF_T_INT2 || c->type == HF_T_INT4 || c->type == HF_T_INT8 ||
	       c->type == HF_T_NUMERIC;
}

static bool comparable(const hf_column *a, const hf_column *b)
{
	if (a->labels || b->labels || a->codec || b->codec || a->as_text || b->as_text)
		return strcmp(a->sql_type, b->sql_type) == 0;
	return a->type == b->type || (is_number(a) && is_number(b));
}

static hf_error *check(const hf__plan *p, const hf_foreign_key *k)
{
	hf_error *e;
	const hf__plan *to = hf__plan_of(k->table, &e);
	size_t here[HF_MAX_KEY], there[HF_MAX_KEY], n;

	if (!to)
		return e;
	n = hf__plan_columns(p, k->here, here);
	hf__plan_columns(to, k->there, there);
	for (size_t i = 0; i < n; i++) {
		if (there[i] == to->n)
			return hf__error_fmt(HF_E_MISUSE, 0,
				"model %s: a foreign key to a member of %s that has no column",
				p->table.model, to->table.model);
		if (!comparable(&p->columns[here[i]], &to->columns[there[i]]))
			return hf__error_fmt(HF_E_MISUSE, 0,
				"model %s: column \"%s\" is %s and refers to %s.\"%s\", which is "
				"%s",
				p->table.model, p->columns[here[i]].name,
				p->columns[here[i]].sql_type, to->table.model,
				to->columns[there[i]].name, to->columns[there[i]].sql_type);
	}
	if (is_key(to, there, n))
		return NULL;
	return hf__error_fmt(HF_E_MISUSE, 0,
		"model %s: a foreign key to %s.\"%s\"%s, which is neither the key there nor unique",
		p->table.model, to->table.model, to->columns[there[0]].name,
		n > 1 ? " and others" : "");
}

hf_error *hf__plan_check_keys(const hf__plan *p)
{
	hf_error *e = NULL;

	for (size_t i = 0; i < p->table.n_foreign_keys && !e; i++)
		e = check(p, &p->table.foreign_keys[i]);
	return e;
}
