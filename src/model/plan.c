/* SPDX-License-Identifier: MIT */
/* Descriptions made ready. A plan is published by one compare-and-swap: of two threads that make
 * the same, one throws its own away. */
#include "model/plan.h"

#include "base/attr.h"
#include "base/mem.h"
#include "value/codec.h"
#include "value/error.h"
#include "value/text.h"

#include <stdio.h>
#include <string.h>

#define MAX_BASES 8

static void plan_free(hf__plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; p->quoted && i < p->n; i++)
		hf__free(p->quoted[i]);
	for (size_t i = 0; p->made && i < p->n; i++)
		hf__free(p->made[i]);
	hf__free(p->quoted);
	hf__free(p->made);
	hf__free(p->takes_default);
	hf__free(p->columns);
	hf__free(p->name);
	hf__free(p->schema);
	hf__free(p->list);
	for (size_t i = 0; i < p->n_objects; i++) {
		hf__free(p->objects[i].name);
		hf__free(p->objects[i].schema);
	}
	hf__free(p->objects);
	hf__free(p);
}

bool hf__is_listed(const hf_column *c, const uint32_t *list)
{
	while (list && *list && *list != c->offset + 1)
		list++;
	return list && *list;
}

size_t hf__plan_column(const hf__plan *p, uint32_t c)
{
	size_t i = 0;

	while (i < p->n && p->columns[i].offset + 1 != c)
		i++;
	return i;
}

hf_error *hf__plan_may_leave(const hf__plan *p, const uint32_t *list)
{
	for (; list && *list; list++) {
		size_t i = hf__plan_column(p, *list);
		const hf_column *c = i < p->n ? &p->columns[i] : NULL;

		if (!c || !c->default_sql || c->on_insert)
			return hf__error_fmt(HF_E_MISUSE, 0, "model %s: \"%s\" %s", p->table.model,
				c ? c->name : "(no column)",
				c && c->on_insert ? "has an on_insert, and is not the server's"
						  : "has no default at the server");
	}
	return NULL;
}

size_t hf__plan_columns(const hf__plan *p, const uint32_t *list, size_t *out)
{
	size_t n = 0;

	for (; n < HF_MAX_KEY && list[n]; n++)
		out[n] = hf__plan_column(p, list[n]);
	return n;
}

/* What fills in a column that nothing else does: its domain. */
static bool take_default(hf_column *c)
{
	bool takes = c->domain && !c->default_sql && !c->generated_sql && !hf__counts_up(c);

	if (takes)
		c->default_sql = c->domain->default_sql;
	return takes;
}

/* In this library's layout: what an older header did not know is 0. */
static bool copy_columns(hf__plan *p)
{
	size_t size =
		p->table.column_size < sizeof(hf_column) ? p->table.column_size : sizeof(hf_column);

	p->n = p->table.n_columns;
	p->columns = hf__calloc((p->n + 1) * sizeof *p->columns);
	p->quoted = hf__calloc((p->n + 1) * sizeof *p->quoted);
	p->made = hf__calloc((p->n + 1) * sizeof *p->made);
	p->takes_default = hf__calloc((p->n + 1) * sizeof *p->takes_default);
	if (!p->columns || !p->quoted || !p->made || !p->takes_default)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		memcpy(&p->columns[i], (const char *)p->table.columns + i * p->table.column_size,
			size);
		if (p->columns[i].codec)
			p->columns[i].sql_type = p->columns[i].codec->sql_type;
		p->takes_default[i] = take_default(&p->columns[i]);
	}
	p->table.columns = p->columns;
	for (size_t i = 0; i < p->n; i++)
		if (p->columns[i].version)
			p->version = &p->columns[i];
	for (size_t i = 0; i < p->n && p->n_key < HF_MAX_KEY; i++)
		if (p->columns[i].key)
			p->key[p->n_key++] = i;
	return true;
}

static char *quote(const char *schema, const char *name)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *e = NULL;

	if (schema && hf__ident(&b, schema, "schema", &e) == HF_OK)
		hf__strbuf_putc(&b, '.');
	if (!e)
		(void)hf__ident(&b, name, "name", &e);
	if (!e)
		return hf__strbuf_take(&b);
	hf_error_unref(e);
	hf__strbuf_finish(&b);
	return NULL;
}

const char *hf__read_cast(const hf_column *c)
{
	if (c->system)
		return "::text::bigint"; /* an xid has no other way */
	if (!c->as_text)
		return "";
	return c->type & HF_T_ARRAY ? "::text[]" : "::text";
}

void hf__put_read(hf__strbuf *b, const hf__plan *p, size_t column)
{
	const char *cast = hf__read_cast(&p->columns[column]);

	hf__strbuf_puts(b, p->quoted[column]);
	if (*cast)
		hf__strbuf_printf(b, "%s AS %s", cast, p->quoted[column]);
}

static char *list_of(const hf__plan *p)
{
	hf__strbuf b = HF__STRBUF_INIT;

	for (size_t i = 0; i < p->n; i++) {
		if (i > 0)
			hf__strbuf_puts(&b, ", ");
		hf__put_read(&b, p, i);
	}
	return hf__strbuf_take(&b);
}

/* An enum's type, or that of its array; its name was checked. */
static bool name_enum(hf__plan *p, size_t i)
{
	hf_column *c = &p->columns[i];
	hf__strbuf b = HF__STRBUF_INIT;

	hf_error_unref(hf__put_object_name(&b, HF__ENUM, c->labels->sql_type));
	hf__strbuf_puts(&b, c->type & HF_T_ARRAY ? "[]" : "");
	c->sql_type = p->made[i] = hf__strbuf_take(&b);
	return c->sql_type != NULL;
}

static bool name_sequence(hf__plan *p, size_t i)
{
	hf_column *c = &p->columns[i];
	hf__strbuf name = HF__STRBUF_INIT, b = HF__STRBUF_INIT;

	hf_error_unref(hf__put_object_name(&name, HF__SEQUENCE, c->sequence->name));
	hf__strbuf_puts(&b, "nextval(");
	hf__put_quoted(&b, hf__strbuf_text(&name), name.n);
	hf__strbuf_putc(&b, ')');
	b.failed |= name.failed;
	hf__strbuf_finish(&name);
	c->default_sql = p->made[i] = hf__strbuf_take(&b);
	return c->default_sql != NULL;
}

static bool make_texts(hf__plan *p)
{
	p->name = quote(p->table.schema, p->table.name);
	p->schema = p->table.schema ? quote(NULL, p->table.schema) : NULL;
	if (p->table.schema && !p->schema)
		return false;
	for (size_t i = 0; i < p->n; i++)
		if (!(p->quoted[i] = quote(NULL, p->columns[i].name)) ||
			(hf__is_enum(&p->columns[i]) && !name_enum(p, i)) ||
			(p->columns[i].sequence && !name_sequence(p, i)))
			return false;
	return p->name && (p->list = list_of(p)) != NULL && hf__plan_add_objects(p);
}

/* What a description does not say, its base does, and that one's. */
static void inherit(hf_table *t)
{
	const hf_table *base = t->base;

	for (int depth = 0; base && depth < MAX_BASES; depth++, base = base->base) {
		t->schema = t->schema ? t->schema : base->schema;
		t->label = t->label ? t->label : base->label;
		t->events = t->events ? t->events : base->events;
	}
}

static void copy_table(hf__plan *p, const hf_table *t)
{
	memcpy(&p->table, t, t->struct_size < sizeof *t ? t->struct_size : sizeof *t);
	p->is_model = t->model != NULL;
	if (!p->table.name)
		p->table.name = p->table.model;
	if (!p->table.model)
		p->table.model = p->table.name;
	inherit(&p->table);
}

static hf__plan *make(const hf_table *t, hf_error **e)
{
	hf__plan *p = hf__calloc(sizeof *p);

	if (p)
		copy_table(p, t);
	if (!p || !copy_columns(p))
		*e = hf__error_nomem();
	else
		*e = hf__plan_check(p);
	if (!*e && !make_texts(p))
		*e = hf__error_nomem();
	if (!*e)
		return p;
	plan_free(p);
	return NULL;
}

static hf_error *not_made(const hf_table *t)
{
	if (!t)
		return hf__error_fmt(HF_E_MISUSE, 0, "the table is NULL");
	if (t->struct_size == 0 || t->column_size == 0 || !t->plan)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"the description of table \"%s\" was not made by HF_TABLE",
			t->name ? t->name : "");
	return NULL;
}

const hf__plan *hf__plan_of(const hf_table *t, hf_error **e)
{
	void *there, *none = NULL;
	hf__plan *p;

	*e = not_made(t);
	if (*e)
		return NULL;
	there = __atomic_load_n(&t->plan->made, __ATOMIC_ACQUIRE);
	if (there)
		return there;
	p = make(t, e);
	if (!p)
		return NULL;
	if (__atomic_compare_exchange_n(
		    &t->plan->made, &none, p, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return p;
	plan_free(p);
	return none;
}

hf_status hf_table_check(const hf_table *t, hf_error **out_error)
{
	hf_error *e;
	const hf__plan *p = hf__plan_of(t, &e);

	if (p)
		e = hf__plan_check_keys(p);
	return hf__error_give(e, out_error);
}

static const hf_column *find(const hf_table *t, const char *name, bool member)
{
	hf_error *e;
	const hf__plan *p = hf__plan_of(t, &e);

	hf_error_unref(e);
	for (size_t i = 0; p && name && i < p->n; i++)
		if (strcmp(member ? p->columns[i].member : p->columns[i].name, name) == 0)
			return &p->columns[i];
	return NULL;
}

const hf_column *hf_table_column(const hf_table *t, const char *name)
{
	return find(t, name, false);
}

const hf_column *hf_table_member(const hf_table *t, const char *member)
{
	return find(t, member, true);
}
