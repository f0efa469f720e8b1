/* SPDX-License-Identifier: MIT */
/* A text with its arguments written into it. */
#include "value/sql.h"

#include "base/mem.h"
#include "value/codec.h"
#include "value/error.h"
#include "value/sql_scan.h"

#include <string.h>

/* What a text is rendered with, and which arguments it has used. */
struct render {
	hf__strbuf *out;
	const hf_value *args;
	size_t n;
	bool *used;
};

/* The n of $n; 0: there is no such argument. */
static size_t param_number(const hf__scan *sc, size_t most)
{
	size_t x = 0;

	for (const char *s = sc->from + 1; s < sc->at; s++) {
		x = x * 10 + (size_t)(*s - '0');
		if (x > most)
			return 0;
	}
	return x;
}

static bool one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

/* Whether a literal would run together with its neighbours: `a -$1` and -5, `$1::int2` and -5, or
 * anything next to a letter or a quote. */
static bool needs_parentheses(char before, const char *literal, const char *after)
{
	bool minus = *literal == '-';

	if (before && (hf__scan_joins(before) || one_of(before, "$'\".&")))
		return true;
	if (hf__scan_joins(*after) || one_of(*after, "$'\"."))
		return true;
	if (!minus)
		return false;
	if (one_of(before, "+-*/<>=~!@#%^&|`?"))
		return true;
	after += strspn(after, " \t\n\r\f\v");
	return after[0] == ':' && after[1] == ':';
}

static hf_status put_param(
	struct render *r, const char *sql, const hf__scan *sc, hf_error **out_error)
{
	size_t i = param_number(sc, r->n), digits = (size_t)(sc->at - sc->from);
	hf__strbuf literal = HF__STRBUF_INIT;
	hf_error *why = NULL;
	bool brackets;
	hf_status st;

	if (i == 0)
		return hf__error_give(
			hf__error_fmt(HF_E_MISUSE, 0, "%.*s has no argument: there are %zu",
				(int)(digits < 12 ? digits : 12), sc->from, r->n),
			out_error);
	r->used[i - 1] = true;
	st = hf__value_literal(&literal, &r->args[i - 1], &why);
	if (st == HF_OK) {
		const char *text = hf__strbuf_text(&literal);

		brackets = needs_parentheses(sc->from > sql ? sc->from[-1] : '\0', text, sc->at);
		hf__strbuf_puts(r->out, brackets ? "(" : "");
		hf__strbuf_add(r->out, text, literal.n);
		hf__strbuf_puts(r->out, brackets ? ")" : "");
	} else if (st == HF_E_MISUSE) {
		st = hf__error_give(
			hf__error_fmt(st, 0, "$%zu: %s", i, hf_error_message(why)), out_error);
		hf_error_unref(why);
	} else {
		st = hf__error_give(why, out_error);
	}
	hf__strbuf_finish(&literal);
	return st;
}

static hf_status put_sql(struct render *r, const char *sql, hf_error **out_error)
{
	hf__scan sc = { sql, sql };
	hf__token t;

	for (t = hf__scan_next(&sc); t != HF__TOKEN_END; t = hf__scan_next(&sc)) {
		hf_status st = HF_OK;

		if (t == HF__TOKEN_PARAM)
			st = put_param(r, sql, &sc, out_error);
		else
			hf__strbuf_add(r->out, sc.from, (size_t)(sc.at - sc.from));
		if (st != HF_OK)
			return st;
	}
	for (size_t i = 0; i < r->n; i++)
		if (!r->used[i])
			return hf__error_give(
				hf__error_fmt(HF_E_MISUSE, 0,
					"argument %zu is not used: there is no $%zu", i + 1, i + 1),
				out_error);
	return r->out->failed ? hf__error_give(hf__error_nomem(), out_error) : HF_OK;
}

hf_status hf__sql_render(
	hf__strbuf *b, const char *sql, const hf_value *args, size_t n, hf_error **out_error)
{
	struct render r = { b, args, n, NULL };
	hf_status st;

	if (n == 0) {
		hf__strbuf_puts(b, sql);
		return b->failed ? hf__error_give(hf__error_nomem(), out_error) : HF_OK;
	}
	r.used = hf__calloc(n);
	if (!r.used)
		return hf__error_give(hf__error_nomem(), out_error);
	st = put_sql(&r, sql, out_error);
	hf__free(r.used);
	return st;
}
