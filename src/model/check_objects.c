/* SPDX-License-Identifier: MIT */
/* What the compiler cannot see of enums, domains and sequences. */
#include "model/plan.h"

#include "base/attr.h"
#include "value/error.h"

#include <string.h>

/* `of`: the column in front of the story; NULL: none. */
static hf_error *check_name(
	const hf__plan *p, const hf_column *of, hf__object_kind kind, const char *name)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *e = hf__put_object_name(&b, kind, name ? name : ""), *told;

	hf__strbuf_finish(&b);
	if (!e || hf_error_status(e) == HF_E_NOMEM)
		return e;
	told = of ? hf__plan_wrong(p, "column \"%s\": %s", of->name, hf_error_message(e))
		  : hf__plan_wrong(p, "%s", hf_error_message(e));
	hf_error_unref(e);
	return told;
}

/* --- enums --- */

static hf_error *check_labels(const hf__plan *p, const hf_column *c)
{
	const hf_labels *l = c->labels;
	hf_error *e;

	if (!l->sql_type || !*l->sql_type || l->n <= 0)
		return hf__plan_wrong(
			p, "the enum of column \"%s\" has no name, or no labels", c->name);
	if (hf__is_enum(c) && (e = check_name(p, c, HF__ENUM, l->sql_type)))
		return e;
	for (int i = 0; i < l->n; i++)
		for (int k = 0; l->label[i] && k < i; k++)
			if (l->label[k] && strcmp(l->label[i], l->label[k]) == 0)
				return hf__plan_wrong(p, "enum %s has the label \"%s\" twice",
					l->sql_type, l->label[i]);
	return NULL;
}

/* --- domains --- */

static const char *type_name(
	const char *sql_type, const hf_labels *labels, const hf_codec *codec, bool as_text)
{
	return codec ? codec->sql_type : labels && as_text ? labels->sql_type : sql_type;
}

static bool same_type(const hf_column *c, const hf_domain *d)
{
	const char *a = type_name(c->sql_type, c->labels, c->codec, c->as_text);
	const char *b = type_name(d->sql_type, d->labels, d->codec, d->as_text);

	return c->type == d->type && c->as_text == d->as_text && c->labels == d->labels &&
	       c->codec == d->codec && a && b && strcmp(a, b) == 0;
}

static bool is_of_type(const hf_domain *d)
{
	const char *type = type_name(d->sql_type, d->labels, d->codec, d->as_text);

	return type && *type;
}

static hf_error *check_domain(const hf__plan *p, const hf_column *c)
{
	const hf_domain *d = c->domain;
	hf_error *e;

	if (d->struct_size < sizeof *d)
		return hf__plan_wrong(
			p, "the domain of column \"%s\" was not made by HF_DOMAIN", c->name);
	e = check_name(p, c, HF__DOMAIN, d->name);
	if (!e && d->collation)
		e = hf__plan_check_name(p, "collation", d->collation);
	if (e)
		return e;
	if (!is_of_type(d))
		return hf__plan_wrong(p, "domain %s is over no type", d->name);
	if (!same_type(c, d))
		return hf__plan_wrong(p, "column \"%s\" is %s, and its domain %s is over %s",
			c->name, type_name(c->sql_type, c->labels, c->codec, c->as_text), d->name,
			type_name(d->sql_type, d->labels, d->codec, d->as_text));
	if (c->serial || c->identity)
		return hf__plan_wrong(
			p, "column \"%s\" counts up by itself, and cannot be of a domain", c->name);
	if (c->key && hf__is_domain_of_enum(c))
		return hf__plan_wrong(p,
			"column \"%s\" is of the key and of a domain over an enum, which "
			"PostgreSQL "
			"cannot compare",
			c->name);
	if (d->not_null && c->nullable)
		return hf__plan_wrong(p, "column \"%s\" may be NULL, and its domain %s may not",
			c->name, d->name);
	if (d->check_name && !d->check)
		return hf__plan_wrong(
			p, "domain %s has a name for its check, and no check", d->name);
	return d->check_name ? hf__plan_check_name(p, "check", d->check_name) : NULL;
}

/* --- sequences --- */

/* What the server would find out as well, but for names. */
static hf_error *check_sequence(const hf__plan *p, const hf_column *of, const hf_sequence *q)
{
	hf_error *e;

	if (!q || q->struct_size < sizeof *q)
		return of ? hf__plan_wrong(p,
				    "the sequence of column \"%s\" was not made by HF_SEQUENCE",
				    of->name)
			  : hf__plan_wrong(p, "a sequence was not made by HF_SEQUENCE");
	e = check_name(p, of, HF__SEQUENCE, q->name);
	if (e)
		return e;
	if (q->min.has && q->max.has && q->min.v >= q->max.v)
		return hf__plan_wrong(p, "sequence %s: .min is not less than .max", q->name);
	if (q->start.has &&
		((q->min.has && q->start.v < q->min.v) || (q->max.has && q->start.v > q->max.v)))
		return hf__plan_wrong(
			p, "sequence %s: .start is not between .min and .max", q->name);
	return NULL;
}

hf_error *hf__plan_check_objects(const hf__plan *p, const hf_column *c)
{
	hf_error *e = c->labels ? check_labels(p, c) : NULL;

	if (!e && c->collation)
		e = hf__plan_check_name(p, "collation", c->collation);
	if (!e && c->domain)
		e = check_domain(p, c);
	return !e && c->sequence ? check_sequence(p, c, c->sequence) : e;
}

hf_error *hf__plan_check_sequences(const hf__plan *p)
{
	hf_error *e = NULL;

	if (p->table.n_sequences > 0 && !p->table.sequences)
		return hf__plan_wrong(p, "there are .n_sequences, and no .sequences");
	for (size_t i = 0; i < p->table.n_sequences && !e; i++)
		e = check_sequence(p, NULL, p->table.sequences[i]);
	return e;
}
