/* SPDX-License-Identifier: MIT */
/* Rows as JSON, and as a line for logs. By hand: the library needs nothing else for it. */
#include "model/rows.h"

#include "base/arena.h"
#include "base/mem.h"
#include "value/decode.h"
#include "value/error.h"
#include "value/text.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- JSON --- */

static void put_string(hf__strbuf *b, const char *s)
{
	hf__strbuf_putc(b, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			hf__strbuf_printf(b, "\\%c", c);
		else if (c == '\n')
			hf__strbuf_puts(b, "\\n");
		else if (c < 0x20 || c == 0x7f)
			hf__strbuf_printf(b, "\\u%04x", c);
		else
			hf__strbuf_putc(b, *s);
	}
	hf__strbuf_putc(b, '"');
}

static const char *digits(const char *s)
{
	while (isdigit((unsigned char)*s))
		s++;
	return s;
}

/* As JSON has numbers: NaN is none, and neither are "1." and "007". */
static bool is_number(const char *s)
{
	const char *from = s += *s == '-';

	s = digits(s);
	if (s == from || (*from == '0' && s > from + 1))
		return false;
	if (*s == '.') {
		from = ++s;
		s = digits(s);
		if (s == from)
			return false;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		from = s += *s == '+' || *s == '-';
		s = digits(s);
		if (s == from)
			return false;
	}
	return *s == '\0';
}

static void put_json_array(hf__strbuf *b, int item, const void *array);

static void put_number(hf__strbuf *b, const char *text)
{
	if (is_number(text))
		hf__strbuf_puts(b, text);
	else
		put_string(b, text);
}

/* As the server would have it; null for what it would not take. */
static void put_text_of(hf__strbuf *b, const hf_value *v, void (*put)(hf__strbuf *, const char *))
{
	hf__strbuf text = HF__STRBUF_INIT;

	if (hf__put_text(&text, v))
		hf__strbuf_puts(b, "null");
	else
		put(b, hf__strbuf_text(&text));
	b->failed |= text.failed;
	hf__strbuf_finish(&text);
}

static void put_json(hf__strbuf *b, const hf_value *v)
{
	if (v->type & HF_T_ARRAY) {
		put_json_array(b, (int)v->type & ~HF_T_ARRAY, v->as.array);
		return;
	}
	switch ((int)v->type) {
	case HF_T_NULL:
		hf__strbuf_puts(b, "null");
		return;
	case HF_T_BOOL:
		hf__strbuf_puts(b, v->as.b ? "true" : "false");
		return;
	case HF_T_JSON:
		hf__strbuf_puts(b, v->as.s);
		return;
	case HF_T_NUMERIC:
		put_number(b, v->as.s);
		return;
	case HF_T_INT8:
	case HF_T_FLOAT4:
	case HF_T_FLOAT8:
		put_text_of(b, v, put_number);
		return;
	default:
		put_text_of(b, v, put_string);
	}
}

static void put_times(hf__strbuf *b, char c, size_t n)
{
	while (n-- > 0)
		hf__strbuf_putc(b, c);
}

/* How many dimensions begin (or, for i + 1, end) with item i. */
static size_t edges(const hf__any_array *a, size_t i)
{
	size_t n = 0, block = 1;

	for (int d = a->ndim; d-- > 0; n++) {
		block *= (size_t)a->dim[d];
		if (i % block != 0)
			break;
	}
	return n;
}

static void put_json_array(hf__strbuf *b, int item, const void *array)
{
	const hf__any_array *a = array;

	if (a->n == 0)
		hf__strbuf_puts(b, "[]");
	for (size_t i = 0; i < a->n; i++) {
		hf_value v = a->null && a->null[i] ? hf_v_null() : hf__item(item, a->v, i);

		hf__strbuf_puts(b, i ? "," : "");
		put_times(b, '[', edges(a, i));
		put_json(b, &v);
		put_times(b, ']', edges(a, i + 1));
	}
}

/* --- a row --- */

static hf_error *labels_of(
	const hf_column *c, const hf_int4_array *a, hf__arena *arena, hf_value *v)
{
	hf_text_array *texts = hf__arena_alloc(arena, sizeof *texts);
	const char **label = hf__arena_alloc(arena, (a->n + 1) * sizeof *label);
	hf_error *e = NULL;

	if (!texts || !label)
		return hf__error_nomem();
	memcpy(texts, a, sizeof *texts); /* all arrays have one layout */
	texts->v = label;
	for (size_t i = 0; i < a->n && !e; i++)
		label[i] = a->null && a->null[i] ? NULL : hf__label_of(c, a->v[i], &e);
	*v = hf_v_text_array(texts);
	return e;
}

/* An enum's label, a codec's text. False: there is none, as no label stands behind the number; or
 * no memory, of which `b` is told. */
static bool value_of(
	hf__strbuf *b, const hf_column *c, const void *row, hf__arena *arena, hf_value *v)
{
	hf_error *e = NULL;

	if (c->labels && (c->type & HF_T_ARRAY))
		e = labels_of(c, (const void *)((const char *)row + c->offset), arena, v);
	else if (hf__member_sent(c, row, arena, v, &e) == HF_OK && c->labels &&
		 v->type == HF_T_INT8)
		*v = hf_v_text(hf__label_of(c, (int)v->as.i, &e));
	b->failed |= hf_error_status(e) == HF_E_NOMEM;
	hf_error_unref(e);
	return !e;
}

static void put_row_json(hf__strbuf *b, const hf__plan *p, const void *row, const bool *loaded,
	bool hidden, hf__arena *arena)
{
	const char *between = "{";

	for (size_t i = 0; i < p->n; i++) {
		const hf_column *c = &p->columns[i];
		hf_value v = hf_v_null();

		if ((c->hidden && !hidden) || (loaded && !loaded[i]))
			continue;
		hf__strbuf_puts(b, between);
		put_string(b, c->name);
		hf__strbuf_putc(b, ':');
		if (!value_of(b, c, row, arena, &v))
			v = hf_v_null();
		put_json(b, &v);
		between = ",";
	}
	hf__strbuf_puts(b, *between == '{' ? "{}" : "}");
}

/* For free(), which is not always that of hf__free. */
static char *give(hf__strbuf *b)
{
	char *text = b->failed ? NULL : malloc(b->n + 1);

	if (text)
		memcpy(text, hf__strbuf_text(b), b->n + 1);
	hf__strbuf_finish(b);
	return text;
}

/* NULL: the description is wrong, or there is no row. */
static const hf__plan *plan_for(const hf_table *t, const void *row)
{
	hf_error *e;
	const hf__plan *p = hf__plan_of(t, &e);

	hf_error_unref(e);
	return row ? p : NULL;
}

char *hf_row_json(const hf_table *t, const void *row, bool hidden)
{
	const hf__plan *p = plan_for(t, row);
	hf__strbuf b = HF__STRBUF_INIT;
	hf__arena arena = HF__ARENA_INIT;

	if (!p)
		return NULL;
	put_row_json(&b, p, row, NULL, hidden, &arena);
	hf__arena_finish(&arena);
	return give(&b);
}

char *hf_rows_json(const hf_rows *r, bool hidden)
{
	const hf__plan *p = r ? plan_for(r->table, r) : NULL;
	hf__strbuf b = HF__STRBUF_INIT;
	hf__arena arena = HF__ARENA_INIT;

	hf__strbuf_putc(&b, '[');
	for (size_t i = 0; p && i < r->n; i++) {
		hf__strbuf_puts(&b, i ? "," : "");
		put_row_json(&b, p, r->row + i * p->table.row_size, r->loaded, hidden, &arena);
		hf__arena_clear(&arena);
	}
	hf__strbuf_putc(&b, ']');
	hf__arena_finish(&arena);
	return give(&b);
}

/* --- a line --- */

static void put_quoted(hf__strbuf *b, const char *s)
{
	hf__strbuf_putc(b, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			hf__strbuf_puts(b, "''");
		else if ((unsigned char)*s < 0x20)
			hf__strbuf_putc(b, ' '); /* one line */
		else
			hf__strbuf_putc(b, *s);
	}
	hf__strbuf_putc(b, '\'');
}

static bool is_bare(const hf_value *v)
{
	return v->type == HF_T_BOOL || v->type == HF_T_INT8 || v->type == HF_T_FLOAT4 ||
	       v->type == HF_T_FLOAT8 || v->type == HF_T_NUMERIC;
}

static void put_dumped(hf__strbuf *b, const hf_value *v)
{
	hf__strbuf text = HF__STRBUF_INIT;

	if (v->type == HF_T_NULL)
		hf__strbuf_puts(b, "NULL");
	else if (hf__put_text(&text, v))
		hf__strbuf_puts(b, "?");
	else if (is_bare(v))
		hf__strbuf_puts(b, hf__strbuf_text(&text));
	else
		put_quoted(b, hf__strbuf_text(&text));
	b->failed |= text.failed;
	hf__strbuf_finish(&text);
}

char *hf_row_dump(const hf_table *t, const void *row, bool hidden)
{
	const hf__plan *p = plan_for(t, row);
	hf__strbuf b = HF__STRBUF_INIT;
	hf__arena arena = HF__ARENA_INIT;
	const char *between = "(";

	if (!p)
		return NULL;
	hf__strbuf_puts(&b, p->table.model);
	for (size_t i = 0; i < p->n; i++) {
		const hf_column *c = &p->columns[i];
		hf_value v = hf_v_null();

		if (c->hidden && !hidden)
			continue;
		hf__strbuf_printf(&b, "%s%s=", between, c->name);
		if (value_of(&b, c, row, &arena, &v))
			put_dumped(&b, &v);
		else
			hf__strbuf_puts(&b, "?");
		between = ", ";
	}
	hf__strbuf_puts(&b, *between == '(' ? "()" : ")");
	hf__arena_finish(&arena);
	return give(&b);
}
