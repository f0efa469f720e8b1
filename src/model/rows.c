/* SPDX-License-Identifier: MIT */
/* Results as structs. Texts, bytes and arrays stay where the result has them; so a reference to it
 * is kept with the rows. */
#include "model/rows.h"

#include "pq/result.h"

#include "base/attr.h"
#include "base/mem.h"
#include "value/error.h"

#include <stdio.h>
#include <string.h>

/* --- one member --- */

/* What is wrong, without the name of the column, which a reader of cells may have put first. */
static const char *reason(const hf_column *c, const hf_error *e)
{
	const char *message = hf_error_message(e);
	char front[80];
	int n = snprintf(front, sizeof front, "column \"%.60s\": ", c->name);

	return strncmp(message, front, (size_t)n) == 0 ? message + n : message;
}

static hf_error *in_row(const hf__plan *p, const hf_column *c, hf_row row, hf_error *e)
{
	hf_error *told = hf__error_fmt(hf_error_status(e), 0,
		"table %s, row %zu, column \"%s\": %s", p->name, row.n + 1, c->name, reason(c, e));

	hf_error_unref(e);
	return told;
}

static hf_error *is_null(void)
{
	return hf__error_fmt(HF_E_NULL, 0, "it is NULL, and NOT_NULL in the model");
}

int hf__label_value(const hf_labels *l, const char *label)
{
	for (int v = 0; v < l->n; v++)
		if (l->label[v] && strcmp(l->label[v], label) == 0)
			return v;
	return -1;
}

/* A label's value, or the number of ENUM_INT4; -1: the program does not know it. */
static int enum_value(const hf_column *c, hf_row row, int at, const char *label)
{
	int64_t v;

	if (c->as_text)
		return hf__label_value(c->labels, label);
	v = hf_row_int8(row, at, -1);
	return v >= 0 && v < c->labels->n && c->labels->label[v] ? (int)v : -1;
}

static hf_error *unknown_value(const hf_column *c, hf_row row, int at)
{
	const char *text = hf_row_text(row, at);

	return text ? hf__error_fmt(HF_E_TYPE, 0,
			      "enum %s has a %s here that the program does not know: \"%.63s\"",
			      c->labels->sql_type, c->as_text ? "label" : "number", text)
		    : hf__error_nomem();
}

static hf_error *set_enum(const hf_column *c, hf_row row, int at, void *member)
{
	const char *label = c->as_text ? hf_row_text(row, at) : "";
	int v = label ? enum_value(c, row, at, label) : 0;

	if (!label)
		return hf__error_nomem();
	if (v < 0)
		return unknown_value(c, row, at);
	if (c->nullable)
		*(hf_enum_opt *)member = (hf_enum_opt){ true, v };
	else
		*(int *)member = v;
	return NULL;
}

static hf_error *read_enum(const hf_column *c, hf_row row, int at, void *member)
{
	if (!hf_row_is_null(row, at))
		return set_enum(c, row, at, member);
	if (!c->nullable)
		return is_null();
	*(hf_enum_opt *)member = (hf_enum_opt){ false, 0 };
	return NULL;
}

static int dest_type(const hf_column *c)
{
	return (int)c->type | (c->nullable && !hf__points(c) ? HF_T_OPT : 0);
}

static hf_error *read_member(const hf_column *c, hf_row row, int at, void *member)
{
	hf_error *e = NULL;

	if (hf__column_is_made(c))
		return hf__made_read(c, row, at, member);
	if (c->labels)
		return read_enum(c, row, at, member);
	if (hf__points(c) && !c->nullable && hf_row_is_null(row, at))
		return is_null();
	(void)hf__result_read(row, at, (hf_dest){ dest_type(c), member }, &e);
	return e;
}

hf_error *hf__row_into(
	const hf__plan *p, hf_row row, size_t from, const size_t *which, size_t n, void *out)
{
	for (size_t i = 0; i < n; i++) {
		const hf_column *c = &p->columns[which ? which[i] : i];
		hf_error *e = read_member(c, row, (int)(from + i), (char *)out + c->offset);

		if (e)
			return in_row(p, c, row, e);
	}
	return NULL;
}

/* --- many rows --- */

/* Where the columns of a result go. */
struct map {
	size_t *which; /* by the result's columns: the table's; p->n: it is passed over */
	hf__landing *land;
	size_t n, n_land;
};

static void map_finish(struct map *m)
{
	hf__free(m->which);
	hf__free(m->land);
}

static bool map_init(struct map *m, const hf_result *res)
{
	m->n = (size_t)hf_result_columns(res);
	m->n_land = 0;
	m->which = hf__alloc((m->n + 1) * sizeof *m->which);
	m->land = hf__alloc((m->n + 1) * sizeof *m->land);
	return m->which && m->land;
}

/* Of its own result a table has the columns in its own order: so that is tried first. */
static size_t find_column(const hf__plan *p, const char *name, size_t guess)
{
	size_t c = 0;

	if (guess < p->n && strcmp(p->columns[guess].name, name) == 0)
		return guess;
	while (c < p->n && strcmp(p->columns[c].name, name) != 0)
		c++;
	return c;
}

/* Whether one of the first n result columns is that column. */
static bool is_among(const struct map *m, size_t n, size_t column)
{
	for (size_t i = 0; i < n; i++)
		if (m->which[i] == column)
			return true;
	return false;
}

static bool is_mapped(const struct map *m, size_t column)
{
	return (column < m->n && m->which[column] == column) || is_among(m, m->n, column);
}

static hf_error *match(const hf__plan *p, const hf_result *res, bool partial, struct map *m)
{
	bool in_order = true;

	for (size_t i = 0; i < m->n; i++) {
		const hf_column *c;

		m->which[i] = find_column(p, hf_result_column_name(res, (int)i), i);
		c = &p->columns[m->which[i]];
		in_order &= m->which[i] == i;
		if (!in_order && m->which[i] < p->n && is_among(m, i, m->which[i]))
			return hf__error_fmt(HF_E_MISUSE, 0,
				"table %s: the statement has two columns \"%s\"", p->name, c->name);
		if (m->which[i] < p->n && !c->labels && !c->codec)
			m->land[m->n_land++] = (hf__landing){ .col = (int)i,
				.type = dest_type(c),
				.offset = c->offset,
				.nullable = c->nullable };
	}
	for (size_t c = 0; c < p->n && !partial; c++)
		if (!p->columns[c].nullable && !is_mapped(m, c))
			return hf__error_fmt(HF_E_MISUSE, 0,
				"table %s: the statement has no column \"%s\", which may not be "
				"NULL",
				p->name, p->columns[c].name);
	return NULL;
}

/* What libholdfast reads natively, all rows at once. */
static hf_error *land(const hf__plan *p, hf_rows *r, const struct map *m)
{
	size_t row = 0, at, stride = p->table.row_size;
	hf_error *e;

	if (hf__result_land(r->res, m->land, m->n_land, r->row, stride, &row, &at))
		return NULL;
	e = hf__row_into(p, hf_result_row(r->res, row), (size_t)m->land[at].col,
		&m->which[m->land[at].col], 1, r->row + row * stride); /* again, for the story */
	return e ? e : hf__error_nomem();
}

/* The others, one column after the other. */
static hf_error *read_column(const hf__plan *p, hf_rows *r, size_t col, size_t column)
{
	hf_error *e = NULL;

	for (size_t i = 0; i < r->n && !e; i++)
		e = hf__row_into(p, hf_result_row(r->res, i), col, &column, 1,
			r->row + i * p->table.row_size);
	return e;
}

static hf_error *fill(const hf__plan *p, hf_rows *r, const struct map *m)
{
	hf_error *e = land(p, r, m);

	for (size_t i = 0; i < m->n && !e; i++) {
		size_t column = m->which[i];

		if (column == p->n)
			continue;
		r->loaded[column] = true;
		if (p->columns[column].labels || p->columns[column].codec)
			e = read_column(p, r, i, column);
	}
	for (size_t i = 0; i < r->n && !e; i++)
		hf__row_loaded(p, r->row + i * p->table.row_size);
	return e;
}

static hf_rows *rows_new(const hf__plan *p, const hf_table *t, size_t n)
{
	size_t size = p->table.row_size, most;
	hf_rows *r;

	most = size ? (SIZE_MAX - sizeof *r - p->n) / size : n;
	r = n <= most ? hf__calloc(sizeof *r + n * size + p->n) : NULL;
	if (!r)
		return NULL;
	hf__ref_init(&r->refs);
	r->table = t;
	r->n = n;
	r->loaded = (bool *)(r->row + n * size);
	return r;
}

hf_rows *hf__rows_of_structs(const hf__plan *p, const hf_table *t, const void *structs, size_t n,
	void *owner, hf_free_fn *let_go)
{
	hf_rows *r = rows_new(p, t, n);

	if (!r) {
		let_go(owner);
		return NULL;
	}
	if (n > 0)
		memcpy(r->row, structs, n * p->table.row_size);
	memset(r->loaded, true, p->n);
	r->owner = owner;
	r->let_go = let_go;
	return r;
}

hf_error *hf__rows_make(const hf_table *t, const hf_result *res, bool partial, hf_rows **out)
{
	hf_error *e;
	const hf__plan *p = hf__plan_of(t, &e);
	struct map m = { NULL, NULL, 0, 0 };
	hf_rows *r = NULL;

	if (!e && (!map_init(&m, res) || !(r = rows_new(p, t, hf_result_rows(res)))))
		e = hf__error_nomem();
	if (!e)
		r->res = hf_result_ref(res);
	if (!e)
		e = match(p, res, partial, &m);
	if (!e)
		e = fill(p, r, &m);
	map_finish(&m);
	if (e)
		r = hf_rows_unref(r);
	if (!e)
		*out = r;
	return e;
}

hf_status hf_rows_from(const hf_table *t, const hf_result *res, hf_rows **out, hf_error **out_error)
{
	return hf__error_give(hf__rows_make(t, res, false, out), out_error);
}

/* --- what is told of them --- */

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

bool hf_rows_have(const hf_rows *r, uint32_t column)
{
	hf_error *e;
	const hf__plan *p = r ? hf__plan_of(r->table, &e) : NULL;
	size_t i = p ? hf__plan_column(p, column) : 0;

	return p && i < p->n && r->loaded[i];
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
