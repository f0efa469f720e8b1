/* SPDX-License-Identifier: MIT */
/* What the compiler cannot see of a description. */
#include "model/plan.h"

#include "base/attr.h"
#include "base/mem.h"
#include "value/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 63

hf_error *hf__plan_wrong(const hf__plan *p, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return hf__error_fmt(HF_E_MISUSE, 0, "model %s: %s",
		p->table.model ? p->table.model : "without a name", text);
}

hf_error *hf__plan_check_name(const hf__plan *p, const char *what, const char *name)
{
	size_t n = name ? strlen(name) : 0;

	if (n == 0)
		return hf__plan_wrong(p, "a %s has no name", what);
	if (n > NAME_BYTES)
		return hf__plan_wrong(p, "%s \"%.70s\" has %zu bytes, and PostgreSQL keeps %d",
			what, name, n, NAME_BYTES);
	return NULL;
}

/* --- one column --- */

static hf_error *check_sources(const hf__plan *p, const hf_column *c)
{
	int n = (c->default_sql != NULL) + (c->generated_sql != NULL) + c->serial + c->identity +
		(c->sequence != NULL);

	if (n > 1)
		return hf__plan_wrong(p,
			"column \"%s\" gets its value from more than one of a default, a sequence, "
			"an identity and a generated expression",
			c->name);
	if (hf__counts_up(c) && !hf__is_integer(c))
		return hf__plan_wrong(
			p, "column \"%s\" counts up, and is no INT2, INT4 or INT8", c->name);
	if ((hf__counts_up(c) || c->key) && c->nullable)
		return hf__plan_wrong(
			p, "column \"%s\" is of the key, or counts up, and may be NULL", c->name);
	if (c->always && !c->identity)
		return hf__plan_wrong(p, "column \"%s\" is ALWAYS, and no identity", c->name);
	if (c->generated_sql && (c->on_insert || c->on_update))
		return hf__plan_wrong(p, "column \"%s\" is generated, and never written", c->name);
	return NULL;
}

static hf_error *check_version(const hf__plan *p, const hf_column *c)
{
	if (!c->version)
		return NULL;
	if (!hf__is_integer(c) || c->nullable || c->key)
		return hf__plan_wrong(p,
			"column \"%s\" is a version: an INT4 or INT8, NOT_NULL, of no key",
			c->name);
	if (c->system && (c->type != HF_T_INT8 || strcmp(c->name, "xmin") != 0))
		return hf__plan_wrong(
			p, "column \"%s\" is the server's: INT8, and called \"xmin\"", c->name);
	for (const hf_column *other = p->columns; other < c; other++)
		if (other->version)
			return hf__plan_wrong(p, "columns \"%s\" and \"%s\" are both versions",
				other->name, c->name);
	return NULL;
}

static hf_error *check_column(const hf__plan *p, size_t i)
{
	const hf_column *c = &p->columns[i];
	hf_error *e = hf__plan_check_name(p, "column", c->name);

	if (e)
		return e;
	if (c->codec && (!c->codec->sql_type || !c->codec->read || !c->codec->write))
		return hf__plan_wrong(
			p, "the codec of column \"%s\" was not made by HF_CODEC", c->name);
	if (!c->member || (!c->labels && !c->sql_type) || hf__member_size(c) == 0)
		return hf__plan_wrong(p, "column \"%s\" was not made by HF_COLUMN", c->name);
	if (c->offset + hf__member_size(c) > p->table.row_size)
		return hf__plan_wrong(p, "member %s lies outside of the struct", c->member);
	for (size_t k = 0; k < i; k++) {
		if (strcmp(p->columns[k].name, c->name) == 0)
			return hf__plan_wrong(p, "two columns are called \"%s\"", c->name);
		if (p->columns[k].offset == c->offset)
			return hf__plan_wrong(p, "columns \"%s\" and \"%s\" are one member",
				p->columns[k].name, c->name);
	}
	e = hf__plan_check_objects(p, c);
	if (!e)
		e = check_version(p, c);
	return e ? e : check_sources(p, c);
}

/* A row has one number that counts up: a second one is a mistake. */
static hf_error *check_counters(const hf__plan *p)
{
	const hf_column *first = NULL;

	for (size_t i = 0; i < p->n; i++) {
		const hf_column *c = &p->columns[i];

		if (!(c->key && hf__counts_up(c)))
			continue;
		if (first)
			return hf__plan_wrong(p,
				"columns \"%s\" and \"%s\" are both keys that count up",
				first->name, c->name);
		first = c;
	}
	return NULL;
}

static hf_error *check_key_size(const hf__plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->columns[i].key;
	return n <= HF_MAX_KEY
		       ? NULL
		       : hf__plan_wrong(p, "%zu columns are its key: %d at most", n, HF_MAX_KEY);
}

/* --- holes --- */

struct span {
	size_t from, to, align;
};

static int by_place(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

static bool is_transient(const hf__plan *p, size_t from, size_t to)
{
	for (size_t i = 0; i < p->table.n_transient; i++) {
		size_t at = p->table.transient[i] - 1;

		if (at >= from && at < to)
			return true;
	}
	return false;
}

/* Of the struct, as far as its columns tell; of what they do not tell nothing can be said. */
static size_t align_of(const hf__plan *p)
{
	size_t most = p->table.n_transient ? sizeof(void *) : 1;

	for (size_t i = 0; i < p->n; i++) {
		size_t align = hf__member_align(&p->columns[i]);

		most = align > most ? align : most;
	}
	return most;
}

/* A member without a column leaves room that no alignment explains. Small ones in front of a large
 * one may hide in its padding. */
static hf_error *check_holes(const hf__plan *p)
{
	struct span *s = hf__alloc((p->n + 1) * sizeof *s);
	size_t end = 0;
	hf_error *e = NULL;

	if (!s)
		return hf__error_nomem();
	for (size_t i = 0; i < p->n; i++) {
		s[i].from = p->columns[i].offset;
		s[i].to = s[i].from + hf__member_size(&p->columns[i]);
		s[i].align = hf__member_align(&p->columns[i]);
	}
	s[p->n] = (struct span){ p->table.row_size, p->table.row_size, align_of(p) };
	qsort(s, p->n, sizeof *s, by_place);
	for (size_t i = 0; i <= p->n && !e; i++) {
		if (s[i].from >= end + s[i].align && !is_transient(p, end, s[i].from))
			e = hf__plan_wrong(p,
				"%zu bytes from offset %zu on belong to no column: add one, or "
				"name the member in .transient",
				s[i].from - end, end);
		end = s[i].to;
	}
	hf__free(s);
	return e;
}

/* --- keys, indexes, constraints --- */

static size_t length_of(const uint32_t *list)
{
	size_t n = 0;

	while (n < HF_MAX_KEY && list[n])
		n++;
	return n;
}

static hf_error *check_members(const hf__plan *p, const char *what, const uint32_t *list)
{
	for (size_t i = 0; i < length_of(list); i++)
		if (hf__plan_column(p, list[i]) == p->n)
			return hf__plan_wrong(p,
				"%s names a member at offset %u, which has no column", what,
				list[i] - 1);
	return NULL;
}

static hf_error *check_foreign_key(const hf__plan *p, const hf_foreign_key *k)
{
	size_t n = length_of(k->here);
	hf_error *e = k->name ? hf__plan_check_name(p, "foreign key", k->name) : NULL;

	if (e)
		return e;
	if (!k->table || n == 0 || length_of(k->there) != n)
		return hf__plan_wrong(p, "a foreign key was not made by HF_FOREIGN_KEY");
	for (size_t i = 0; i < n; i++) {
		size_t at = hf__plan_column(p, k->here[i]);
		const hf_column *c = at < p->n ? &p->columns[at] : NULL;

		if (!c)
			return hf__plan_wrong(p,
				"a foreign key names a member at offset %u, which has no column",
				k->here[i] - 1);
		if (!c->nullable && (k->on_delete == HF_SET_NULL || k->on_update == HF_SET_NULL))
			return hf__plan_wrong(
				p, "column \"%s\" would be set to NULL, and is NOT_NULL", c->name);
	}
	return k->deferred && !k->deferrable
		       ? hf__plan_wrong(p, "a foreign key is .deferred, and not .deferrable")
		       : NULL;
}

static hf_error *check_exclusion(const hf__plan *p, const hf_index *x)
{
	size_t columns = length_of(x->column), n = 0;

	while (n < HF_MAX_KEY && x->with[n] && *x->with[n])
		n++;
	if (!x->exclude)
		return n == 0 ? NULL
			      : hf__plan_wrong(p, "an index is .with operators, and not .exclude");
	if (x->unique)
		return hf__plan_wrong(p, "an index is .exclude and .unique");
	if (x->sql ? n > 0 : n != columns)
		return hf__plan_wrong(p,
			"an exclusion has %zu columns and %zu operators: one for each column, none "
			"with .sql",
			columns, n);
	return NULL;
}

static hf_error *check_index(const hf__plan *p, const hf_index *x)
{
	hf_error *e = x->name ? hf__plan_check_name(p, "index", x->name)
			      : check_members(p, "an index", x->column);

	if (e)
		return e;
	if (x->sql ? (length_of(x->column) > 0 && !x->exclude) || !x->name
		   : length_of(x->column) == 0)
		return hf__plan_wrong(p,
			"an index has columns, or an expression in .sql and a name, and not both");
	e = x->name ? check_members(p, "an index", x->column) : NULL;
	if (!e && x->method)
		e = hf__plan_check_name(p, "method", x->method);
	return e ? e : check_exclusion(p, x);
}

static hf_error *check_lists(const hf__plan *p)
{
	const hf_table *t = &p->table;
	hf_error *e = NULL;

	for (size_t i = 0; i < t->n_foreign_keys && !e; i++)
		e = check_foreign_key(p, &t->foreign_keys[i]);
	for (size_t i = 0; i < t->n_indexes && !e; i++)
		e = check_index(p, &t->indexes[i]);
	for (size_t i = 0; i < t->n_constraints && !e; i++) {
		e = hf__plan_check_name(p, "constraint", t->constraints[i].name);
		if (!e)
			e = check_members(p, "a constraint", t->constraints[i].column);
		if (!e && !t->constraints[i].check)
			e = hf__plan_wrong(
				p, "constraint \"%s\" has no expression", t->constraints[i].name);
	}
	return e;
}

/* One %s, and no other conversion: the text is a format of the user's. */
static bool has_one_name(const char *sql)
{
	int n = 0;

	for (const char *at = strchr(sql, '%'); at; at = strchr(at + 2, '%')) {
		if (at[1] != 's' && at[1] != '%')
			return false;
		n += at[1] == 's';
	}
	return n == 1;
}

static hf_error *check_view(const hf__plan *p)
{
	const hf_table *t = &p->table;

	if (t->drop_sql && !t->create_sql)
		return hf__plan_wrong(p, "it is dropped by SQL of its own, and not created so");
	if ((t->create_sql && !has_one_name(t->create_sql)) ||
		(t->drop_sql && !has_one_name(t->drop_sql)))
		return hf__plan_wrong(
			p, "its SQL has %%s once, for its name, and %%%% for a percent sign");
	return NULL;
}

hf_error *hf__plan_check(const hf__plan *p)
{
	hf_error *e = hf__plan_check_name(p, "table", p->table.name);

	if (!e && p->table.schema)
		e = hf__plan_check_name(p, "schema", p->table.schema);
	if (!e && p->n == 0 && !p->table.create_sql)
		e = hf__plan_wrong(p, "it has no columns");
	for (size_t i = 0; i < p->n && !e; i++)
		e = check_column(p, i);
	if (!e)
		e = hf__plan_check_sequences(p);
	if (!e)
		e = check_key_size(p);
	if (!e)
		e = check_counters(p);
	if (!e)
		e = check_holes(p);
	if (!e)
		e = check_lists(p);
	return e ? e : check_view(p);
}
