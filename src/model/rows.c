/* SPDX-License-Identifier: MIT */
/* Results as structs. Texts, bytes and arrays stay where the result has them; so a reference to it
 * is kept with the rows. */
#include "model/errand.h"

#include "pq/result.h"

#include "base/attr.h"
#include "base/mem.h"
#include "base/ref.h"
#include "value/error.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

struct hf_rows {
	hf__ref refs;
	const hf_table *table;
	size_t n;
	hf_result *res; /* a reference to what they point to; NULL: that is the owner's */
	void *owner;
	hf_free_fn *let_go; /* of owner; NULL: there is none */
	alignas(max_align_t) char row[];
};

/* --- one row --- */

static hf_error *in_row(const hf__plan *p, const hf_column *c, hf_row row, hf_error *e)
{
	hf_error *told =
		hf__error_fmt(hf_error_status(e), 0, "table %s, row %zu, column \"%s\": %s",
			p->name, row.n + 1, c->name, hf_error_message(e));

	hf_error_unref(e);
	return told;
}

static hf_error *unknown_label(const hf_column *c, const char *label)
{
	return hf__error_fmt(HF_E_TYPE, 0,
		"enum %s has a label here that the program does not know: "
		"\"%.63s\"",
		c->labels->sql_type, label);
}

static hf_error *read_enum(const hf_column *c, hf_row row, int at, void *member)
{
	const char *label = hf_row_text(row, at);

	if (!label && c->nullable) {
		*(hf_enum_opt *)member = (hf_enum_opt){ false, 0 };
		return NULL;
	}
	if (!label)
		return hf__error_fmt(HF_E_NULL, 0, "it is NULL, and NOT_NULL in the model");
	for (int v = 0; v < c->labels->n; v++) {
		if (!c->labels->label[v] || strcmp(c->labels->label[v], label) != 0)
			continue;
		if (c->nullable)
			*(hf_enum_opt *)member = (hf_enum_opt){ true, v };
		else
			*(int *)member = v;
		return NULL;
	}
	return unknown_label(c, label);
}

static bool points(const hf_column *c)
{
	return (c->type & HF_T_ARRAY) || c->type == HF_T_TEXT || c->type == HF_T_BYTEA ||
	       c->type == HF_T_NUMERIC || c->type == HF_T_JSON;
}

static hf_error *read_member(const hf_column *c, hf_row row, int at, void *member)
{
	hf_dest to = { (int)c->type | (c->nullable && !points(c) ? HF_T_OPT : 0), member };
	hf_error *e = NULL;

	if (points(c) && !c->nullable && hf_row_is_null(row, at))
		return hf__error_fmt(HF_E_NULL, 0, "it is NULL, and NOT_NULL in the model");
	(void)hf__result_read(row, at, to, &e);
	return e;
}

hf_error *hf__row_into(
	const hf__plan *p, hf_row row, size_t from, const size_t *which, size_t n, void *out)
{
	for (size_t i = 0; i < n; i++) {
		const hf_column *c = &p->columns[which ? which[i] : i];
		void *member = (char *)out + c->offset;
		int at = (int)(from + i);
		hf_error *e =
			c->labels ? read_enum(c, row, at, member) : read_member(c, row, at, member);

		if (e)
			return in_row(p, c, row, e);
	}
	return NULL;
}

/* --- many --- */

static hf_rows *rows_new(const hf_table *t, size_t n, size_t size)
{
	hf_rows *r = n < (SIZE_MAX - sizeof *r) / size ? hf__calloc(sizeof *r + n * size) : NULL;

	if (!r)
		return NULL;
	hf__ref_init(&r->refs);
	r->table = t;
	r->n = n;
	return r;
}

hf_rows *hf__rows_of_structs(
	const hf_table *t, const void *structs, size_t n, void *owner, hf_free_fn *let_go)
{
	hf_rows *r = rows_new(t, n, t->row_size);

	if (!r) {
		let_go(owner);
		return NULL;
	}
	if (n > 0)
		memcpy(r->row, structs, n * t->row_size);
	r->owner = owner;
	r->let_go = let_go;
	return r;
}

/* Where the columns of a result go: which[i] for the i-th, p->n for one that is passed over. */
static hf_error *match(const hf__plan *p, const hf_result *res, size_t *which, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *name = hf_result_column_name(res, (int)i);

		which[i] = 0;
		while (which[i] < p->n && strcmp(p->columns[which[i]].name, name) != 0)
			which[i]++;
	}
	for (size_t c = 0; c < p->n; c++) {
		size_t i = 0;

		while (i < n && which[i] != c)
			i++;
		if (i == n && !p->columns[c].nullable)
			return hf__error_fmt(HF_E_MISUSE, 0,
				"table %s: the statement has no column \"%s\", which may not be "
				"NULL",
				p->name, p->columns[c].name);
	}
	return NULL;
}

static hf_error *fill(const hf__plan *p, hf_rows *r, const size_t *which, size_t n)
{
	for (size_t i = 0; i < r->n; i++) {
		void *out = r->row + i * p->table.row_size;

		for (size_t k = 0; k < n; k++) {
			hf_error *e = which[k] < p->n ? hf__row_into(p, hf_result_row(r->res, i), k,
								&which[k], 1, out)
						      : NULL;

			if (e)
				return e;
		}
	}
	return NULL;
}

hf_status hf_rows_from(const hf_table *t, const hf_result *res, hf_rows **out, hf_error **out_error)
{
	hf_error *e;
	const hf__plan *p = hf__plan_of(t, &e);
	size_t n = (size_t)hf_result_columns(res);
	size_t *which = p ? hf__alloc((n + 1) * sizeof *which) : NULL;
	hf_rows *r = which ? rows_new(t, hf_result_rows(res), p->table.row_size) : NULL;

	if (!e && !r)
		e = hf__error_nomem();
	if (!e)
		r->res = hf_result_ref(res);
	if (!e)
		e = match(p, res, which, n);
	if (!e)
		e = fill(p, r, which, n);
	hf__free(which);
	if (e)
		hf_rows_unref(r);
	else
		*out = r;
	return hf__error_give(e, out_error);
}

size_t hf_rows_count(const hf_rows *r)
{
	return r ? r->n : 0;
}

const hf_table *hf_rows_table(const hf_rows *r)
{
	return r ? r->table : NULL;
}

void *hf_rows_of(hf_rows *r, const hf_table *t)
{
	return r && r->n > 0 && r->table == t ? r->row : NULL;
}

hf_rows *hf_rows_ref(hf_rows *r)
{
	if (r)
		hf__ref_get(&r->refs);
	return r;
}

hf_rows *hf_rows_unref(hf_rows *r)
{
	if (!r || !hf__ref_put(&r->refs))
		return NULL;
	hf_result_unref(r->res);
	if (r->let_go)
		r->let_go(r->owner);
	hf__free(r);
	return NULL;
}
