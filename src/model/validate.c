/* SPDX-License-Identifier: MIT */
/* Rows before they are sent, and members behind errors: what a form wants to know. */
#include "model/validate.h"

#include "value/codec.h"
#include "value/error.h"
#include "value/number.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* --- one member --- */

/* Characters of UTF-8: bytes that begin one. */
static int32_t characters(const char *s)
{
	int32_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* Digits in front of the point, leading zeros left out; numeric(p, s) has room for p - s. */
static int32_t whole_digits(const char *s)
{
	int32_t n = 0;

	s += *s == '-' || *s == '+';
	while (*s == '0')
		s++;
	for (; isdigit((unsigned char)*s); s++)
		n++;
	return *s == 'e' || *s == 'E' ? 0 : n; /* the server will tell */
}

static hf_status check_text(const hf_column *c, const char *s, const char **why)
{
	size_t n = strlen(s);

	if (!hf__utf8_valid(s, n))
		*why = "the text is not valid UTF-8";
	else if (c->length > 0 && !c->as_text && n > (size_t)c->length && characters(s) > c->length)
		*why = "the text is longer than its column";
	return *why ? HF_E_TYPE : HF_OK;
}

/* NULL where the server would fill it in: not written, or a default that the row leaves alone. */
static bool may_be_null(const hf_column *c)
{
	return c->nullable || c->default_sql || c->generated_sql;
}

/* numeric(3, 5) has room for nothing in front of the point. */
static int32_t whole_room(const hf_column *c)
{
	return c->length > c->scale ? c->length - c->scale : 0;
}

static hf_status check_numeric(const hf_column *c, const char *s, const char **why)
{
	if (!hf__numeric_valid(s, strlen(s)))
		*why = "the text is no number";
	else if (c->length > 0 && whole_digits(s) > whole_room(c))
		*why = "the number has more digits than its column";
	return *why ? HF_E_TYPE : HF_OK;
}

static hf_status check_value(const hf_column *c, const hf_value *v, const char **why)
{
	switch ((int)v->type) {
	case HF_T_NULL:
		if (may_be_null(c))
			return HF_OK;
		*why = "a value is needed";
		return HF_E_NULL;
	case HF_T_TEXT:
		return check_text(c, v->as.s, why);
	case HF_T_NUMERIC:
		return check_numeric(c, v->as.s, why);
	default:
		return HF_OK;
	}
}

/* A label that does not exist, a codec that cannot write. */
static hf_status check_sent(const hf_column *c, const void *row, hf_value *v, const char **why)
{
	hf__arena arena = HF__ARENA_INIT;
	hf_error *e = NULL;
	hf_status st = hf__member_sent(c, row, &arena, v, &e);

	if (st != HF_OK)
		*why = c->codec ? "its codec cannot write it"
				: "the number is no value of its enum";
	else if (hf__column_is_made(c) && v->type != HF_T_NULL)
		*v = hf_v_bool(true); /* the text goes with the arena */
	hf_error_unref(e);
	hf__arena_finish(&arena);
	return st;
}

static hf_status check_member(const hf_column *c, void *row, const char **why)
{
	hf_value v = hf_v_null();
	hf_status st = check_sent(c, row, &v, why);

	if (st == HF_OK)
		st = check_value(c, &v, why);
	if (st != HF_OK || !c->check)
		return st;
	st = c->check((char *)row + c->offset, row);
	if (st != HF_OK)
		*why = "the model's check refused it";
	return st;
}

/* --- a row --- */

/* What on_update sets is always written. */
static bool is_in(const uint32_t *only, const hf_column *c)
{
	return !only || c->on_update || hf__is_listed(c, only);
}

/* A number, a time: any is taken. */
static bool takes_all(const hf_column *c)
{
	return !c->check && !c->labels && !c->codec && !hf__points(c);
}

static size_t failures(
	const hf__plan *p, void *row, const uint32_t *only, hf_failure *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		const char *why = NULL;
		const hf_column *c = &p->columns[i];
		hf_status st = HF_OK;

		if (!c->generated_sql && !takes_all(c) && is_in(only, c))
			st = check_member(c, row, &why);
		if (st == HF_OK)
			continue;
		if (n < max)
			out[n] = (hf_failure){ c, st, why };
		n++;
	}
	return n;
}

size_t hf_row_failures(const hf_table *t, void *row, hf_failure *out, size_t max)
{
	hf_error *e;
	const hf__plan *p = hf__plan_of(t, &e);

	hf_error_unref(e);
	return p && row ? failures(p, row, NULL, out, max) : 0;
}

#define TOLD 16 /* by one error */

/* What is too long for a column of that length is told with it: "(character varying(20))". */
static void tell_failure(hf__strbuf *b, const hf_failure *f)
{
	hf__strbuf_printf(b, "%s: %s", f->column->member, f->why);
	if (f->status == HF_E_TYPE && f->column->length > 0 && f->column->sql_type)
		hf__strbuf_printf(b, " (%s)", f->column->sql_type);
}

hf_error *hf__row_check(const hf__plan *p, void *row, const uint32_t *only)
{
	hf_failure f[TOLD];
	size_t n = failures(p, row, only, f, TOLD);
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *e;

	if (n == 0)
		return NULL;
	hf__strbuf_printf(&b, "model %s: ", p->table.model);
	for (size_t i = 0; i < n && i < TOLD; i++) {
		hf__strbuf_puts(&b, i ? "; " : "");
		tell_failure(&b, &f[i]);
	}
	if (n > TOLD)
		hf__strbuf_printf(&b, "; and %zu more", n - TOLD);
	e = hf__error_new(&(hf__error_spec){ .status = f[0].status,
		.message = hf__strbuf_text(&b),
		.field[HF_ERR_TABLE] = p->table.name,
		.field[HF_ERR_COLUMN] = f[0].column->name });
	hf__strbuf_finish(&b);
	return e;
}

/* --- constraints --- */

static bool blame(const hf__plan *p, const uint32_t *list, const hf_column **out, size_t *n)
{
	size_t at[HF_MAX_KEY];

	*n = hf__plan_columns(p, list, at);
	for (size_t i = 0; i < *n; i++)
		out[i] = &p->columns[at[i]];
	return true;
}

static bool blame_index(const hf__plan *p, const hf__naming *names, const char *name,
	const hf_column **out, size_t *n)
{
	char made[64];

	for (size_t i = 0; i < p->table.n_indexes; i++) {
		hf__index_name(made, names, p, &p->table.indexes[i]);
		if (strcmp(made, name) == 0)
			return blame(p, p->table.indexes[i].column, out, n);
	}
	return false;
}

static bool blame_foreign_key(const hf__plan *p, const hf__naming *names, const char *name,
	const hf_column **out, size_t *n)
{
	char made[64];

	for (size_t i = 0; i < p->table.n_foreign_keys; i++) {
		hf__foreign_key_name(made, names, p, &p->table.foreign_keys[i]);
		if (strcmp(made, name) == 0)
			return blame(p, p->table.foreign_keys[i].here, out, n);
	}
	return false;
}

static bool blame_column(const hf__plan *p, const hf__naming *names, const char *name,
	const hf_column **out, size_t *n)
{
	char made[64];

	for (size_t i = 0; i < p->n; i++) {
		if (!p->columns[i].unique)
			continue;
		hf__name(made, names->unique, p, &i, 1, NULL);
		if (strcmp(made, name) != 0)
			continue;
		out[0] = &p->columns[i];
		*n = 1;
		return true;
	}
	hf__name(made, names->key, p, p->key, p->n_key, NULL);
	if (p->n_key == 0 || strcmp(made, name) != 0)
		return false;
	for (*n = 0; *n < p->n_key; ++*n)
		out[*n] = &p->columns[p->key[*n]];
	return true;
}

static bool blame_check(const hf__plan *p, const hf__naming *names, const char *name,
	const hf_column **out, size_t *n)
{
	char made[64];

	for (size_t i = 0; i < p->table.n_constraints; i++) {
		hf__check_name(made, names, p, &p->table.constraints[i]);
		if (strcmp(made, name) == 0)
			return blame(p, p->table.constraints[i].column, out, n);
	}
	return false;
}

/* Whether "email" is the end of "shop.email", and shop its schema. */
static bool is_domain(const hf_domain *d, const char *schema, const char *name)
{
	const char *dot = strchr(d->name, '.');
	size_t n = dot ? (size_t)(dot - d->name) : 0;

	if (strcmp(dot ? dot + 1 : d->name, name) != 0)
		return false;
	return !dot || (schema && strlen(schema) == n && strncmp(schema, d->name, n) == 0);
}

/* Whether it is of the statement itself: where a parameter did not become a value of its type, in
 * any language one line with its number, "… $1 = '…'". What a trigger has done has a context of
 * other lines. */
static bool is_of_statement(const char *context)
{
	const char *number = context ? strchr(context, '$') : NULL;

	return !context ||
	       (!strchr(context, '\n') && number && number[1] >= '1' && number[1] <= '9');
}

/* A domain's check names the domain and no table. Of two columns of a domain nobody can tell which
 * it is. */
static size_t of_domain(const hf__plan *p, const hf_error *e, const hf_column **out)
{
	const char *name = hf_error_field(e, HF_ERR_DATATYPE);
	size_t n = 0;

	if (!name || hf_error_field(e, HF_ERR_TABLE) ||
		!is_of_statement(hf_error_field(e, HF_ERR_CONTEXT)))
		return 0;
	for (size_t i = 0; i < p->n; i++)
		if (p->columns[i].domain &&
			is_domain(p->columns[i].domain, hf_error_field(e, HF_ERR_SCHEMA), name)) {
			out[0] = &p->columns[i];
			n++;
		}
	return n == 1;
}

/* Of another table, that of a trigger say, nothing is known. */
static bool is_of(const hf__plan *p, const hf_error *e)
{
	const char *table = hf_error_field(e, HF_ERR_TABLE);

	return table && strcmp(table, p->table.name) == 0;
}

static size_t columns_of(const hf__plan *p, const hf__naming *names, const hf_error *e,
	const hf_column *out[HF_MAX_KEY])
{
	const char *column = hf_error_field(e, HF_ERR_COLUMN);
	const char *name = hf_error_field(e, HF_ERR_CONSTRAINT);
	size_t n = 0;

	if (!is_of(p, e))
		return of_domain(p, e, out);
	for (size_t i = 0; column && i < p->n; i++)
		if (strcmp(p->columns[i].name, column) == 0) {
			out[0] = &p->columns[i];
			return 1;
		}
	if (!name)
		return 0;
	if (blame_column(p, names, name, out, &n) || blame_index(p, names, name, out, &n) ||
		blame_foreign_key(p, names, name, out, &n) || blame_check(p, names, name, out, &n))
		return n;
	return 0;
}

size_t hf_error_columns(const hf_error *e, const hf_table *t, const hf_naming *naming,
	const hf_column *out[HF_MAX_KEY])
{
	hf_error *wrong;
	const hf__plan *p = hf__plan_of(t, &wrong);
	hf__naming names = hf__naming_default;

	hf_error_unref(wrong);
	if (!p || !e)
		return 0;
	if (naming)
		hf__naming_take(&names, naming);
	return columns_of(p, &names, e, out);
}

/* A missing value in a partition is told with that one's name, and in a view's table with its. What
 * a trigger has done elsewhere has a context, which a statement on p does not. */
static size_t null_in_part(const hf__plan *p, const hf_error *e, const hf_column *out[1])
{
	const char *column = hf_error_field(e, HF_ERR_COLUMN);

	if (strcmp(hf_error_sqlstate(e), "23502") != 0 || !column ||
		hf_error_field(e, HF_ERR_CONTEXT))
		return 0;
	for (size_t i = 0; i < p->n; i++)
		if (!p->columns[i].nullable && strcmp(p->columns[i].name, column) == 0) {
			out[0] = &p->columns[i];
			return 1;
		}
	return 0;
}

hf_error *hf__error_with_members(const hf__plan *p, hf_error *e)
{
	const hf_column *c[HF_MAX_KEY];
	bool is_own = hf_error_status(e) == HF_E_SQL && hf_error_is(e, HF_INTEGRITY);
	size_t n = is_own ? columns_of(p, &hf__naming_default, e, c) : 0;
	char names[200] = "";

	if (n == 0 && is_own)
		n = null_in_part(p, e, c);
	if (n == 0)
		return e;
	for (size_t i = 0, at = 0; i < n && at < sizeof names; i++)
		at += (size_t)snprintf(
			names + at, sizeof names - at, "%s%s", i ? ", " : "", c[i]->member);
	return hf__error_amend(e, 0, 0, "%s.%s: %s", p->table.model, names, hf_error_message(e));
}
