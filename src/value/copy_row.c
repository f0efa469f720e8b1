/* SPDX-License-Identifier: MIT */
/* Rows of a COPY, from values. Where some column's type has no binary format here the whole COPY is
 * text; values of the types that are known go through their binary format even then, so that they
 * are converted and checked alike. */
#include "value/copy_row.h"

#include "base/attr.h"
#include "base/mem.h"
#include "value/decode.h"
#include "value/error.h"
#include "value/text.h"

#include <stdio.h>
#include <string.h>

static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; /* and the NUL at its end */

static void init_column(hf__copy_column *col, const hf_result *described, int i)
{
	uint32_t oid = hf_result_column_type(described, i);

	col->name = hf_result_column_name(described, i);
	col->oid = oid;
	if (!hf__has_binary(oid))
		return;
	col->type = hf__type_of(oid);
	col->put = hf__put_fn_of(col->type);
	if (col->type)
		return;
	col->type = hf__type_of_items(oid);
	col->put = hf__put_wire_array;
}

bool hf__copy_shape_init(hf__copy_shape *s, const hf_result *described)
{
	int n = hf_result_columns(described);

	*s = (hf__copy_shape){ .n = n, .binary = true };
	s->columns = hf__calloc((size_t)n * sizeof *s->columns + 1);
	for (int i = 0; s->columns && i < n; i++) {
		init_column(&s->columns[i], described, i);
		s->binary &= s->columns[i].put != NULL;
	}
	return s->columns != NULL;
}

void hf__copy_shape_as_text(hf__copy_shape *s, int i)
{
	hf__copy_column *col = &s->columns[i];
	const hf__type *t = hf__type_of(col->oid);

	if (col->put && t && (t->tag == HF_T_TEXT || t->tag == HF_T_JSON))
		return;
	col->put = NULL;
	s->binary = false;
}

void hf__copy_shape_finish(hf__copy_shape *s)
{
	hf__free(s->columns);
	hf__strbuf_finish(&s->scratch);
	hf__strbuf_finish(&s->text);
	s->columns = NULL;
}

void hf__copy_put_header(const hf__copy_shape *s, hf__strbuf *to)
{
	if (s->binary)
		hf__strbuf_add(to, header, sizeof header);
}

void hf__copy_put_trailer(const hf__copy_shape *s, hf__strbuf *to)
{
	if (s->binary)
		hf__strbuf_add(to, "\377\377", 2);
}

/* --- what is wrong --- */

/* The value where it may be shown: numbers and times, but no text that somebody wrote. */
static void show_value(hf__strbuf *b, const hf_value *v)
{
	switch ((int)v->type & ~HF_T_ARRAY) {
	case HF_T_TEXT:
	case HF_T_JSON:
	case HF_T_BYTEA:
		return;
	default:
		break;
	}
	if ((int)v->type & HF_T_ARRAY || hf__put_text(b, v) || b->failed)
		hf__strbuf_clear(b);
}

static const char *value_name(const hf_value *v, char *buf, size_t size)
{
	return (int)v->type == HF_T_UINT8 ? "unsigned integer"
					  : hf__shape_name((int)v->type, buf, size);
}

static void say_misfit(hf__strbuf *b, const hf_value *v, hf__fit fit)
{
	hf__strbuf shown = HF__STRBUF_INIT;
	char buf[32];
	const char *name = value_name(v, buf, sizeof buf);

	switch (fit) {
	case HF__FIT_RANGE:
		show_value(&shown, v);
		hf__strbuf_printf(b, ": value %.40s%sis out of range", hf__strbuf_text(&shown),
			shown.n ? " " : "");
		hf__strbuf_finish(&shown);
		return;
	case HF__FIT_FORM:
		hf__strbuf_printf(b, ": the %s given is malformed for it", name);
		return;
	case HF__FIT_UTF8:
		hf__strbuf_puts(b, ": the text is not valid UTF-8");
		return;
	case HF__FIT_LARGE:
		hf__strbuf_puts(b, ": the value has 1 GB or more");
		return;
	case HF__FIT:
	case HF__FIT_KIND:
	case HF__FIT_NOMEM:
		break;
	}
	hf__strbuf_printf(b, " takes no value of type %s", name);
}

static hf_error *misfit(const hf__copy_column *col, const hf_value *v, hf__fit fit)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *e;

	if (fit == HF__FIT_NOMEM)
		return hf__error_nomem();
	hf__strbuf_printf(&b, "column \"%s\" (%s%s)", col->name, col->type ? col->type->name : "?",
		col->type && !hf__type_of(col->oid) ? "[]" : "");
	say_misfit(&b, v, fit);
	e = b.failed ? hf__error_nomem()
		     : hf__error_fmt(fit == HF__FIT_LARGE ? HF_E_TOO_LARGE : HF_E_TYPE, 0, "%s",
			       hf__strbuf_text(&b));
	hf__strbuf_finish(&b);
	return e;
}

/* --- text --- */

static void put_escaped(hf__strbuf *b, const char *s, size_t n)
{
	static const char from[] = "\b\f\n\r\t\v\\", to[] = "bfnrtv\\";
	size_t done = 0;

	for (size_t i = 0; i < n; i++) {
		const char *p = s[i] ? strchr(from, s[i]) : NULL;

		if (!p)
			continue;
		hf__strbuf_add(b, s + done, i - done);
		hf__strbuf_putc(b, '\\');
		hf__strbuf_putc(b, to[p - from]);
		done = i + 1;
	}
	hf__strbuf_add(b, s + done, n - done);
}

/* A value of a type that is known here, as the server would write it. */
static hf__fit print_known(hf__copy_shape *s, const hf__copy_column *col, const hf_value *v)
{
	hf__strbuf wire = HF__STRBUF_INIT;
	hf__put p = { &wire, &s->scratch, col->type };
	hf__fit fit = col->put(&p, v);
	hf__got got = HF__GOT;

	if (fit == HF__FIT && wire.failed)
		fit = HF__FIT_NOMEM;
	if (fit == HF__FIT)
		got = hf__type_of(col->oid)
			      ? hf__native_print(&s->text, col->type, wire.s + 4, wire.n - 4)
			      : hf__array_print(&s->text, col->type, wire.s + 4, wire.n - 4);
	hf__strbuf_finish(&wire);
	return got == HF__GOT ? fit : HF__FIT_FORM;
}

static hf_error *put_line_value(
	hf__copy_shape *s, hf__strbuf *to, const hf__copy_column *col, const hf_value *v)
{
	hf__fit fit = HF__FIT;
	const char *why = NULL;

	hf__strbuf_clear(&s->text);
	if (col->put)
		fit = print_known(s, col, v);
	else
		why = hf__put_text(&s->text, v);
	if (why)
		return hf__error_fmt(HF_E_TYPE, 0, "column \"%s\": %s", col->name, why);
	if (fit == HF__FIT && s->text.failed)
		fit = HF__FIT_NOMEM;
	if (fit == HF__FIT && s->text.n > HF__VALUE_MAX)
		fit = HF__FIT_LARGE;
	if (fit != HF__FIT)
		return misfit(col, v, fit);
	put_escaped(to, hf__strbuf_text(&s->text), s->text.n);
	return NULL;
}

static hf_error *put_line(hf__copy_shape *s, hf__strbuf *to, const hf_value *values)
{
	hf_error *e = NULL;

	for (int i = 0; i < s->n && !e; i++) {
		if (i > 0)
			hf__strbuf_putc(to, '\t');
		if (hf__value_is_null(&values[i]))
			hf__strbuf_puts(to, "\\N");
		else
			e = put_line_value(s, to, &s->columns[i], &values[i]);
	}
	hf__strbuf_putc(to, '\n');
	return e;
}

/* --- binary --- */

static hf_error *put_tuple(hf__copy_shape *s, hf__strbuf *to, const hf_value *values)
{
	const char count[2] = { (char)(s->n >> 8), (char)s->n };
	hf__put p = { to, &s->scratch, NULL };

	hf__strbuf_add(to, count, sizeof count);
	for (int i = 0; i < s->n; i++) {
		const hf__copy_column *col = &s->columns[i];
		hf__fit fit;

		if (hf__value_is_null(&values[i])) {
			hf__strbuf_add(to, "\377\377\377\377", 4);
			continue;
		}
		p.type = col->type;
		fit = col->put(&p, &values[i]);
		if (hf_unlikely(fit != HF__FIT))
			return misfit(col, &values[i], fit);
	}
	return NULL;
}

hf_error *hf__copy_put_row(hf__copy_shape *s, hf__strbuf *to, const hf_value *values, size_t n)
{
	hf_error *e;

	if (n != (size_t)s->n)
		return hf__error_fmt(HF_E_MISUSE, 0, "a row of %zu values for %d columns", n, s->n);
	for (size_t i = 0; i < n; i++)
		if (values[i].type == HF_T_NONE)
			return hf__error_fmt(HF_E_MISUSE, 0, "column \"%s\": the value is not set",
				s->columns[i].name);
	e = s->binary ? put_tuple(s, to, values) : put_line(s, to, values);
	return !e && to->failed ? hf__error_nomem() : e;
}
