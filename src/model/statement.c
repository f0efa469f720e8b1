/* SPDX-License-Identifier: MIT */
#include "model/statement.h"

#include "base/mem.h"
#include "value/codec.h"
#include "value/error.h"

void hf__statement_finish(hf__statement *s)
{
	hf__strbuf_finish(&s->text);
	hf__free(s->args);
	hf_error_unref(s->error);
	hf__arena_finish(&s->arena);
	*s = (hf__statement)HF__STATEMENT_INIT;
}

void hf__statement_fail(hf__statement *s, hf_error *e)
{
	if (s->error)
		hf_error_unref(e);
	else
		s->error = e;
}

hf_error *hf__statement_error(hf__statement *s)
{
	if (s->text.failed)
		hf__statement_fail(s, hf__error_nomem());
	return hf_error_ref(s->error);
}

void hf__put(hf__statement *s, const char *sql)
{
	hf__strbuf_puts(&s->text, sql);
}

static bool room(hf__statement *s)
{
	size_t cap = s->cap ? s->cap * 2 : 16;
	hf_value *args;

	if (s->n < s->cap)
		return true;
	args = hf__realloc(s->args, cap * sizeof *args);
	if (!args) {
		hf__statement_fail(s, hf__error_nomem());
		return false;
	}
	s->args = args;
	s->cap = cap;
	return true;
}

void hf__add_arg(hf__statement *s, hf_value v)
{
	if (room(s))
		s->args[s->n++] = v;
}

void hf__put_arg(hf__statement *s, hf_value v)
{
	hf__add_arg(s, v);
	hf__strbuf_printf(&s->text, "$%zu", s->n);
}

void hf__put_arg_of(hf__statement *s, const hf_column *c, hf_value v)
{
	if (c->hidden && s->n < 64)
		s->hidden |= UINT64_C(1) << s->n;
	hf__put_arg(s, v);
}

void hf__put_value(hf__statement *s, const hf_column *c, const hf_value *v)
{
	hf_value settled;
	hf_error *e = NULL;

	if (hf__column_value(c, v, &s->arena, &settled, &e) == HF_OK)
		hf__put_arg_of(s, c, settled);
	else
		hf__statement_fail(s, e);
}

void hf__put_member(hf__statement *s, const hf_column *c, const void *row)
{
	hf_value v;
	hf_error *e = NULL;

	if (hf__member_sent(c, row, &s->arena, &v, &e) == HF_OK)
		hf__put_arg_of(s, c, v);
	else
		hf__statement_fail(s, e);
}

/* --- what is told of it --- */

enum { TOLD = 400, TOLD_OF_ONE = 100 }; /* bytes */

/* Not in the middle of a character. */
static void cut(hf__strbuf *b, size_t n)
{
	while (n > 0 && ((unsigned char)b->s[n] & 0xc0) == 0x80)
		n--;
	b->s[b->n = n] = '\0';
	hf__strbuf_puts(b, "...");
}

static void tell_arg(const hf__statement *s, size_t i, hf__strbuf *b)
{
	size_t was = b->n;

	if (i >= 64 || (s->hidden >> i & 1) || hf__value_literal(b, &s->args[i], NULL) != HF_OK)
		hf__strbuf_puts(b, "?");
	if (b->n - was > TOLD_OF_ONE && !b->failed)
		cut(b, was + TOLD_OF_ONE);
}

void hf__tell_args(const hf__statement *s, hf__strbuf *b)
{
	for (size_t i = 0; i < s->n && b->n < TOLD; i++) {
		hf__strbuf_printf(b, "%s$%zu = ", i ? ", " : "", i + 1);
		tell_arg(s, i, b);
	}
}
