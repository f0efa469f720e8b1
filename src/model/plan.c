/* SPDX-License-Identifier: MIT */
/* Descriptions made ready. A plan is published by one compare-and-swap: of two threads that make
 * the same, one throws its own away. */
#include "model/plan.h"

#include "base/attr.h"
#include "base/mem.h"
#include "value/codec.h"
#include "value/error.h"

#include <string.h>

static void plan_free(hf__plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; p->quoted && i < p->n; i++)
		hf__free(p->quoted[i]);
	hf__free(p->quoted);
	hf__free(p->columns);
	hf__free(p->name);
	hf__free(p->schema);
	hf__free(p->list);
	hf__free(p);
}

size_t hf__plan_column(const hf__plan *p, uint32_t c)
{
	size_t i = 0;

	while (i < p->n && p->columns[i].offset + 1 != c)
		i++;
	return i;
}

size_t hf__plan_columns(const hf__plan *p, const uint32_t *list, size_t *out)
{
	size_t n = 0;

	for (; n < HF_MAX_KEY && list[n]; n++)
		out[n] = hf__plan_column(p, list[n]);
	return n;
}

/* In this library's layout: what an older header did not know is 0. */
static bool copy_columns(hf__plan *p)
{
	size_t size =
		p->table.column_size < sizeof(hf_column) ? p->table.column_size : sizeof(hf_column);

	p->n = p->table.n_columns;
	p->columns = hf__calloc((p->n + 1) * sizeof *p->columns);
	p->quoted = hf__calloc((p->n + 1) * sizeof *p->quoted);
	if (!p->columns || !p->quoted)
		return false;
	for (size_t i = 0; i < p->n; i++)
		memcpy(&p->columns[i], (const char *)p->table.columns + i * p->table.column_size,
			size);
	p->table.columns = p->columns;
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

void hf__put_read(hf__strbuf *b, const hf__plan *p, size_t column)
{
	hf__strbuf_puts(b, p->quoted[column]);
	if (!p->columns[column].as_text)
		return;
	hf__strbuf_puts(b, "::text AS ");
	hf__strbuf_puts(b, p->quoted[column]);
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

static bool make_texts(hf__plan *p)
{
	p->name = quote(p->table.schema, p->table.name);
	p->schema = p->table.schema ? quote(NULL, p->table.schema) : NULL;
	if (p->table.schema && !p->schema)
		return false;
	for (size_t i = 0; i < p->n; i++)
		if (!(p->quoted[i] = quote(NULL, p->columns[i].name)))
			return false;
	return p->name && (p->list = list_of(p)) != NULL;
}

static hf__plan *make(const hf_table *t, hf_error **e)
{
	size_t size = t->struct_size < sizeof *t ? t->struct_size : sizeof *t;
	hf__plan *p = hf__calloc(sizeof *p);

	if (p) {
		memcpy(&p->table, t, size);
		if (!p->table.name)
			p->table.name = p->table.model;
	}
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

	(void)hf__plan_of(t, &e);
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
