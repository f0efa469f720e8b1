/* SPDX-License-Identifier: MIT */
/* What stands beside the tables that need it: enums, sequences and domains. */
#include "model/ddl.h"

#include "base/attr.h"
#include "base/mem.h"
#include "value/codec.h"
#include "value/error.h"
#include "value/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *hf__object_word(hf__object_kind kind)
{
	static const char *const words[] = {
		[HF__ENUM] = "enum", [HF__SEQUENCE] = "sequence", [HF__DOMAIN] = "domain"
	};

	return words[kind];
}

/* --- names --- */

static hf_error *put_schema(hf__strbuf *b, hf__object_kind kind, const char *name)
{
	const char *dot = strchr(name, '.');
	char schema[65], what[24]; /* what is cut is still too long */
	hf_error *e = NULL;

	if (!dot)
		return NULL;
	snprintf(schema, sizeof schema, "%.*s", (int)(dot - name), name);
	snprintf(what, sizeof what, "%s's schema", hf__object_word(kind));
	(void)hf__ident(b, schema, what, &e);
	return e;
}

hf_error *hf__put_object_name(hf__strbuf *b, hf__object_kind kind, const char *name)
{
	const char *dot = strchr(name, '.');
	hf_error *e = put_schema(b, kind, name);

	if (!e && dot)
		hf__strbuf_putc(b, '.');
	if (!e)
		(void)hf__ident(b, dot ? dot + 1 : name, hf__object_word(kind), &e);
	return e;
}

/* Of one whose name was checked. */
static void put_name(hf__strbuf *b, hf__object_kind kind, const char *name)
{
	hf_error_unref(hf__put_object_name(b, kind, name));
}

/* --- those of a table --- */

/* False: no memory. */
static bool add(hf__plan *p, hf__object_kind kind, const void *what, const char *name)
{
	hf__strbuf whole = HF__STRBUF_INIT, schema = HF__STRBUF_INIT;
	hf__object *o = &p->objects[p->n_objects++];

	put_name(&whole, kind, name);
	hf_error_unref(put_schema(&schema, kind, name));
	*o = (hf__object){ .kind = kind, .what = what, .name = hf__strbuf_take(&whole) };
	if (!strchr(name, '.')) {
		hf__strbuf_finish(&schema);
		return o->name != NULL;
	}
	o->schema = hf__strbuf_take(&schema);
	return o->name && o->schema;
}

/* A view's are those of its tables. */
static bool add_of_column(hf__plan *p, const hf_column *c)
{
	if (p->table.create_sql)
		return true;
	return (!hf__is_enum(c) || add(p, HF__ENUM, c->labels, c->labels->sql_type)) &&
	       (!c->sequence || add(p, HF__SEQUENCE, c->sequence, c->sequence->name)) &&
	       (!c->domain || add(p, HF__DOMAIN, c->domain, c->domain->name));
}

bool hf__plan_add_objects(hf__plan *p)
{
	const hf_table *t = &p->table;

	p->objects = hf__calloc((3 * p->n + t->n_sequences + 1) * sizeof *p->objects);
	if (!p->objects)
		return false;
	for (size_t i = 0; i < p->n; i++)
		if (!add_of_column(p, &p->columns[i]))
			return false;
	for (size_t i = 0; i < t->n_sequences; i++)
		if (!add(p, HF__SEQUENCE, t->sequences[i], t->sequences[i]->name))
			return false;
	return true;
}

/* --- CREATE --- */

static void put_enum(hf__strbuf *b, const hf__object *o)
{
	const hf_labels *l = o->what;
	const char *between = "";

	hf__strbuf_printf(b, "CREATE TYPE %s AS ENUM (", o->name);
	for (int i = 0; i < l->n; i++) {
		if (!l->label[i])
			continue;
		hf__strbuf_puts(b, between);
		hf__put_quoted(b, l->label[i], strlen(l->label[i]));
		between = ", ";
	}
	hf__strbuf_putc(b, ')');
}

static void put_number(hf__strbuf *b, const char *words, hf_int8_opt n)
{
	if (n.has)
		hf__strbuf_printf(b, " %s %" PRId64, words, n.v);
}

static void put_sequence(hf__strbuf *b, const hf__object *o)
{
	const hf_sequence *q = o->what;

	hf__strbuf_printf(b, "CREATE SEQUENCE %s", o->name);
	if (q->sql_type)
		hf__strbuf_printf(b, " AS %s", q->sql_type);
	put_number(b, "INCREMENT BY", (hf_int8_opt){ q->increment != 0, q->increment });
	put_number(b, "MINVALUE", q->min);
	put_number(b, "MAXVALUE", q->max);
	put_number(b, "START WITH", q->start);
	hf__strbuf_puts(b, q->cycle ? " CYCLE" : "");
}

static void put_base_type(hf__strbuf *b, const hf_domain *d)
{
	if (d->codec) {
		hf__strbuf_puts(b, d->codec->sql_type);
	} else if (d->labels && d->as_text) {
		put_name(b, HF__ENUM, d->labels->sql_type);
		hf__strbuf_puts(b, d->type & HF_T_ARRAY ? "[]" : "");
	} else {
		hf__strbuf_puts(b, d->sql_type);
	}
}

static void put_domain(hf__strbuf *b, const hf__object *o)
{
	const hf_domain *d = o->what;

	hf__strbuf_printf(b, "CREATE DOMAIN %s AS ", o->name);
	put_base_type(b, d);
	if (d->collation) {
		hf__strbuf_puts(b, " COLLATE ");
		hf__put_ident(b, d->collation);
	}
	if (d->default_sql)
		hf__strbuf_printf(b, " DEFAULT %s", d->default_sql);
	if (d->not_null)
		hf__strbuf_puts(b, " NOT NULL");
	if (d->check_name) {
		hf__strbuf_puts(b, " CONSTRAINT ");
		hf__put_ident(b, d->check_name);
	}
	if (d->check)
		hf__strbuf_printf(b, " CHECK (%s)", d->check);
}

void hf__put_create_object(hf__strbuf *b, const hf__object *o, bool if_missing)
{
	static void (*const put[])(hf__strbuf * b, const hf__object *o) = {
		[HF__ENUM] = put_enum, [HF__SEQUENCE] = put_sequence, [HF__DOMAIN] = put_domain
	};
	hf__strbuf statement = HF__STRBUF_INIT;

	put[o->kind](&statement, o);
	hf__put_if_missing(b, &statement, if_missing);
}

/* --- DROP --- */

void hf__put_drop_object(hf__strbuf *b, const hf__object *o, bool if_there, bool dependents)
{
	static const char *const kinds[] = {
		[HF__ENUM] = "TYPE", [HF__SEQUENCE] = "SEQUENCE", [HF__DOMAIN] = "DOMAIN"
	};

	hf__strbuf_printf(b, "DROP %s %s%s%s", kinds[o->kind], if_there ? "IF EXISTS " : "",
		o->name, dependents ? " CASCADE" : "");
}

void hf__put_drop_unused_object(hf__strbuf *b, const hf__object *o)
{
	hf__strbuf statement = HF__STRBUF_INIT;

	hf__put_drop_object(&statement, o, true, false);
	hf__put_forgiving(b, &statement, "dependent_objects_still_exist");
}
