/* SPDX-License-Identifier: MIT */
/* Many rows as one statement: an array for each column, so that the text is the same whatever their
 * number. What has no array type here travels as text and is cast; so do arrays, which unnest would
 * take apart. */
#include "model/strip.h"

#include "base/attr.h"
#include "base/mem.h"
#include "value/error.h"
#include "value/text.h"
#include "value/type.h"

#include <string.h>
#include <strings.h>

/* One column of all rows. */
struct strip {
	hf_text_array array; /* all arrays have one layout */
	bool *null;
	int type; /* of the items */
};

/* Nothing that counts is cast to these but a text. */
static bool is_xid(const hf_column *c)
{
	return strcmp(c->sql_type, "xid") == 0 || strcmp(c->sql_type, "xid8") == 0;
}

static bool travels_natively(const hf_column *c)
{
	switch ((int)c->type) {
	case HF_T_BOOL:
	case HF_T_INT2:
	case HF_T_INT4:
	case HF_T_INT8:
	case HF_T_FLOAT4:
	case HF_T_FLOAT8:
	case HF_T_NUMERIC:
	case HF_T_TEXT:
	case HF_T_TIMESTAMPTZ:
	case HF_T_TIMESTAMP:
	case HF_T_DATE:
	case HF_T_UUID:
	case HF_T_BYTEA:
	case HF_T_TIME:
	case HF_T_TIMETZ:
	case HF_T_INTERVAL:
	case HF_T_LSN:
		return !c->as_text && !c->labels && !c->codec && !is_xid(c);
	default:
		return false;
	}
}

/* --- types --- */

static bool is_word(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && strncasecmp(s, word, n) == 0;
}

/* What means one character where no length is said. */
static bool is_character(const char *s, size_t n)
{
	static const char *const words[] = { "char", "character", "nchar", "national char",
		"national character" };

	for (size_t i = 0; i < hf_countof(words); i++)
		if (is_word(s, n, words[i]))
			return true;
	return false;
}

/* The type without its length: an explicit cast to varchar(3) would cut what is too long, and the
 * column is to refuse it. Where no length means 1, the type that has none. */
static void put_open_type(hf__strbuf *b, const char *type)
{
	size_t n = strcspn(type, "([");
	const char *rest = type[n] == '(' ? type + n + strcspn(type + n, ")") : type + n;

	if (strchr(type, '"')) { /* a name of the user's */
		hf__strbuf_puts(b, type);
		return;
	}
	rest += *rest == ')';
	while (n > 0 && type[n - 1] == ' ')
		n--;
	if (is_character(type, n))
		hf__strbuf_puts(b, "bpchar");
	else if (is_word(type, n, "bit"))
		hf__strbuf_puts(b, "bit varying");
	else
		hf__strbuf_add(b, type, n);
	hf__strbuf_puts(b, rest);
}

/* Of arrays there are no arrays. */
static bool is_array(const hf_column *c)
{
	return (c->type & HF_T_ARRAY) || strchr(c->sql_type, '[') ||
	       strcasestr(c->sql_type, " array");
}

/* Travels as text: each item as an array of one, "{…}", which the server reads by the type's own
 * input. That refuses what a cast of the text itself would cut. */
static bool is_boxed(const hf_column *c)
{
	return !travels_natively(c) && !is_array(c);
}

/* Text, which compares with blanks at its end where such a column has none. */
static bool is_padded(const hf_column *c)
{
	return c->type == HF_T_TEXT && is_character(c->sql_type, strcspn(c->sql_type, "("));
}

bool hf__needs_list_type(const hf_column *c)
{
	return is_boxed(c) || is_padded(c) ||
	       (!is_array(c) && !hf__shape_of((int)c->type)->has_array);
}

void hf__put_list_type(hf__strbuf *b, const hf_column *c)
{
	hf__strbuf_puts(b, "::");
	put_open_type(b, c->sql_type);
	hf__strbuf_puts(b, "[]");
}

/* --- values --- */

static const char *put_item(hf__strbuf *b, const hf_column *c, const hf_value *value)
{
	hf__strbuf text = HF__STRBUF_INIT;
	const char *why;

	if (!is_boxed(c))
		return hf__put_text(b, value);
	why = hf__put_text(&text, value);
	hf__strbuf_putc(b, '{');
	hf__put_item(b, hf__strbuf_text(&text), text.n);
	hf__strbuf_putc(b, '}');
	b->failed |= text.failed;
	hf__strbuf_finish(&text);
	return why;
}

static bool store_text(hf__verb *v, const hf_column *c, const hf_value *value, const char **item)
{
	hf__strbuf b = HF__STRBUF_INIT;
	const char *why = put_item(&b, c, value);
	char *text = why || b.failed ? NULL : hf__arena_alloc(&v->st.arena, b.n + 1);

	if (text)
		memcpy(text, hf__strbuf_text(&b), b.n + 1);
	else
		hf__statement_fail(
			&v->st, why ? hf__error_fmt(HF_E_TYPE, 0, "column \"%s\": %s", c->name, why)
				    : hf__error_nomem());
	hf__strbuf_finish(&b);
	*item = text;
	return text != NULL;
}

/* Members that are items of an array as they are, behind their `has` if they have one. */
static void gather(const hf__plan *p, const hf_column *c, struct strip *s, const char *rows)
{
	size_t size = hf__item_size(s->type), n = s->array.n;
	size_t v = c->nullable ? hf__shape_of(s->type)->opt : 0;
	char *items = (char *)(uintptr_t)s->array.v;

	for (size_t i = 0; i < n; i++) {
		const char *at = rows + i * p->table.row_size + c->offset;

		s->null[i] = v && !*(const bool *)at;
		memcpy(items + i * size, at + v, size);
	}
}

/* The others, each as its text. */
static bool write_out(hf__verb *v, const hf_column *c, struct strip *s, const char *rows)
{
	const char **items = (const char **)(uintptr_t)s->array.v;

	for (size_t i = 0; i < s->array.n; i++) {
		const char *row = rows + i * v->p->table.row_size;
		hf_error *e = NULL;
		hf_value value;

		if (hf__member_sent(c, row, &v->st.arena, &value, &e) != HF_OK) {
			hf__statement_fail(&v->st, e);
			return false;
		}
		s->null[i] = value.type == HF_T_NULL;
		items[i] = NULL;
		if (!s->null[i] && !store_text(v, c, &value, &items[i]))
			return false;
	}
	return true;
}

/* NULL: no memory, or a value that cannot be sent. */
static struct strip *strip_new(hf__verb *v, const hf_column *c, const void *rows, size_t n)
{
	struct strip *s = hf__arena_alloc(&v->st.arena, sizeof *s);
	int type = travels_natively(c) ? (int)c->type : HF_T_TEXT;
	void *items = s ? hf__arena_alloc(&v->st.arena, n * hf__item_size(type)) : NULL;
	bool *null = items ? hf__arena_alloc(&v->st.arena, n * sizeof *null) : NULL;

	if (!null) {
		hf__statement_fail(&v->st, hf__error_nomem());
		return NULL;
	}
	*s = (struct strip){ .type = type, .null = null };
	s->array = (hf_text_array){ .has = true,
		.ndim = 1,
		.dim = { (int32_t)n },
		.lower = { 1 },
		.n = n,
		.v = items,
		.null = null };
	if (!travels_natively(c))
		return write_out(v, c, s, rows) ? s : NULL;
	gather(v->p, c, s, rows);
	return s;
}

/* --- SQL --- */

static void put_array(hf__verb *v, const hf_column *c, const hf__many *m)
{
	struct strip *s = strip_new(v, c, m->rows, m->n);

	if (s)
		hf__put_arg(&v->st, hf__v_array(true, s->type, &s->array));
}

void hf__put_given(hf__verb *v, const hf__many *m)
{
	if (m->n_columns == 0) { /* all of it is the server's */
		hf__put(&v->st, "generate_series(1, ");
		hf__put_arg(&v->st, hf_v_int8((long long)m->n));
		hf__put(&v->st, ") AS hf_given (n)");
		return;
	}
	for (size_t i = 0; i < m->n_columns && !v->st.error; i++) {
		hf__put(&v->st, i ? ", " : "unnest(");
		put_array(v, &v->p->columns[m->column[i]], m);
	}
	hf__put(&v->st, ") WITH ORDINALITY AS hf_given (");
	for (size_t i = 0; i < m->n_columns; i++)
		hf__strbuf_printf(&v->st.text, "c%zu, ", i);
	hf__put(&v->st, "n)");
}

void hf__put_given_column(hf__verb *v, const hf__many *m, size_t i)
{
	const hf_column *c = &v->p->columns[m->column[i]];

	hf__strbuf_printf(&v->st.text, "%shf_given.c%zu", is_boxed(c) ? "(" : "", i);
	if (travels_natively(c) && !is_padded(c))
		return;
	hf__put(&v->st, "::");
	put_open_type(&v->st.text, c->sql_type);
	hf__put(&v->st, is_boxed(c) ? "[])[1]" : "");
}
