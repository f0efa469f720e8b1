/* SPDX-License-Identifier: MIT */
/* A scanner for SQL's outermost layer, after the server's own scan.l, with
 * standard_conforming_strings on. */
#include "value/sql.h"

#include "base/attr.h"
#include "base/mem.h"
#include "value/codec.h"
#include "value/error.h"

#include <string.h>
#include <strings.h>

enum token {
	END,
	SPACE, /* white space or a comment */
	WORD,  /* a key word or a plain identifier; digits and what hangs on them */
	STRING,
	QUOTED, /* "identifier" */
	PARAM,  /* $1 */
	OTHER,  /* one character */
};

struct scan {
	const char *at;   /* behind the token */
	const char *from; /* its first character */
};

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
	return is_word_start(c) || is_digit(c);
}

/* --- each skips what begins at s, to the end of the text if it does not end --- */

static const char *skip_line(const char *s)
{
	return s + strcspn(s, "\r\n");
}

static const char *skip_comment(const char *s)
{
	size_t depth = 1;

	for (s += 2; *s && depth > 0; s++) {
		if (s[0] == '/' && s[1] == '*') {
			depth++;
			s++;
		} else if (s[0] == '*' && s[1] == '/') {
			depth--;
			s++;
		}
	}
	return s;
}

/* A doubled quote ends one string and begins the next: for finding the end it is all the same. */
static const char *skip_quoted(const char *s)
{
	const char *end = strchr(s + 1, *s);

	return end ? end + 1 : s + strlen(s);
}

/* Where an E'' string goes on after its closing quote: behind white space with a line break in it.
 * NULL: it does not. */
static const char *continued(const char *s)
{
	bool broken = false;

	for (;;) {
		if (s[0] == '-' && s[1] == '-') {
			s = skip_line(s);
		} else if (is_space(*s)) {
			broken |= *s == '\n' || *s == '\r';
			s++;
		} else {
			return broken && *s == '\'' ? s : NULL;
		}
	}
}

static const char *skip_escaped(const char *s)
{
	const char *more = s;

	do {
		s = more + 1;
		while (*s && (*s != '\'' || s[1] == '\'')) {
			bool pair = (*s == '\\' || *s == '\'') && s[1];

			s += pair ? 2 : 1;
		}
		if (!*s)
			return s;
		more = continued(++s);
	} while (more);
	return s;
}

/* $tag$ … $tag$; NULL: no such thing begins here. */
static const char *skip_dollars(const char *s)
{
	const char *tag = s + 1, *close;
	size_t n;

	if (is_word_start(*tag))
		while (is_word(*tag))
			tag++;
	if (*tag != '$')
		return NULL;
	n = (size_t)(tag - s) + 1;
	for (close = strchr(s + n, '$'); close; close = strchr(close + 1, '$'))
		if (strncmp(close, s, n) == 0)
			return close + n;
	return s + n + strlen(s + n);
}

static const char *skip_word(const char *s)
{
	bool digits = is_digit(*s);

	while (is_word(*s) || (*s == '$' && !digits))
		s++;
	return s;
}

static enum token dollar(struct scan *sc)
{
	const char *end = skip_dollars(sc->at);

	if (end) {
		sc->at = end;
		return STRING;
	}
	sc->at++;
	if (!is_digit(*sc->at))
		return OTHER;
	while (is_digit(*sc->at))
		sc->at++;
	return PARAM;
}

static enum token next(struct scan *sc)
{
	const char *s = sc->from = sc->at;

	if (!*s)
		return END;
	if (is_space(*s)) {
		while (is_space(*sc->at))
			sc->at++;
		return SPACE;
	}
	if ((s[0] == '-' && s[1] == '-') || (s[0] == '/' && s[1] == '*')) {
		sc->at = *s == '-' ? skip_line(s) : skip_comment(s);
		return SPACE;
	}
	if ((*s == 'e' || *s == 'E') && s[1] == '\'') {
		sc->at = skip_escaped(s + 1);
		return STRING;
	}
	if (is_word(*s)) {
		sc->at = skip_word(s);
		return WORD;
	}
	if (*s == '\'' || *s == '"') {
		sc->at = skip_quoted(s);
		return *s == '"' ? QUOTED : STRING;
	}
	if (*s == '$')
		return dollar(sc);
	sc->at++;
	return OTHER;
}

/* --- what kind --- */

static enum token next_solid(struct scan *sc)
{
	enum token t;

	do
		t = next(sc);
	while (t == SPACE);
	return t;
}

static bool is(const struct scan *sc, const char *word)
{
	size_t n = (size_t)(sc->at - sc->from);

	return n == strlen(word) && strncasecmp(sc->from, word, n) == 0;
}

static bool among(const struct scan *sc, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is(sc, words[i]))
			return true;
	return false;
}

/* After COPY: the first FROM or TO outside parentheses, and what comes behind it. */
static hf__sql_kind classify_copy(struct scan sc)
{
	enum token t;
	long depth = 0;

	for (t = next_solid(&sc); t != END; t = next_solid(&sc)) {
		if (t == OTHER && *sc.from == '(')
			depth++;
		else if (t == OTHER && *sc.from == ')')
			depth--;
		else if (t == WORD && depth == 0 && (is(&sc, "from") || is(&sc, "to")))
			break;
	}
	if (t == END)
		return HF__SQL_COPY;
	t = next_solid(&sc);
	return t == STRING || (t == WORD && is(&sc, "program")) ? HF__SQL_UTILITY : HF__SQL_COPY;
}

static hf__sql_kind classify_word(struct scan *sc)
{
	static const char *const reads[] = { "select", "values", "table", "show" };
	static const char *const writes[] = { "insert", "update", "delete", "merge", "with" };
	static const char *const transactions[] = { "begin", "start", "commit", "end", "rollback",
		"abort", "savepoint", "release" };

	if (among(sc, reads, hf_countof(reads)))
		return HF__SQL_READ;
	if (among(sc, writes, hf_countof(writes)))
		return HF__SQL_PLAIN;
	if (among(sc, transactions, hf_countof(transactions)))
		return HF__SQL_TXN;
	if (is(sc, "copy"))
		return classify_copy(*sc);
	if (is(sc, "prepare") && next_solid(sc) == WORD && is(sc, "transaction"))
		return HF__SQL_TXN;
	return HF__SQL_UTILITY;
}

hf__sql_kind hf__sql_classify(const char *sql)
{
	struct scan sc = { sql, sql };
	bool nothing = true;
	enum token t;

	for (;;) {
		t = next_solid(&sc);
		if (t != OTHER || (*sc.from != ';' && *sc.from != '('))
			break;
		nothing &= *sc.from == ';';
	}
	if (t == END)
		return nothing ? HF__SQL_EMPTY : HF__SQL_UTILITY;
	return t == WORD ? classify_word(&sc) : HF__SQL_UTILITY;
}

/* Behind BEGIN ATOMIC: up to its END, with every CASE … END in between. */
static void skip_atomic(struct scan *sc)
{
	long depth = 1;
	enum token t;

	while (depth > 0 && (t = next_solid(sc)) != END)
		if (t == WORD)
			depth += is(sc, "case") ? 1 : is(sc, "end") ? -1 : 0;
}

/* Moves behind the next semicolon. False: there is none. */
static bool next_statement(struct scan *sc)
{
	enum token t;

	while ((t = next_solid(sc)) != END) {
		if (t == OTHER && *sc->from == ';')
			return true;
		if (t == WORD && is(sc, "begin")) {
			struct scan ahead = *sc;

			if (next_solid(&ahead) == WORD && is(&ahead, "atomic")) {
				*sc = ahead;
				skip_atomic(sc);
			}
		}
	}
	return false;
}

/* Eight bytes at a time: a text is hashed once per query. The multiplier is the golden ratio's. */
uint32_t hf__sql_hash(const char *sql, size_t n)
{
	const uint64_t by = 0x9e3779b97f4a7c15;
	uint64_t h = n * by, x;

	for (; n > 0; sql += sizeof x, n -= sizeof x) {
		x = 0;
		if (n < sizeof x) {
			memcpy(&x, sql, n);
			n = sizeof x;
		} else {
			memcpy(&x, sql, sizeof x);
		}
		h = (h ^ x) * by;
		h ^= h >> 32;
	}
	return (uint32_t)h;
}

bool hf__sql_has_semicolon(const char *sql)
{
	struct scan sc = { sql, sql };

	return next_statement(&sc);
}

const char *hf__sql_parenthesis(const char *sql)
{
	struct scan sc = { sql, sql };
	enum token t;

	while ((t = next_solid(&sc)) != END)
		if (t == OTHER && *sc.from == '(')
			return sc.from;
	return NULL;
}

bool hf__sql_controls_txn(const char *sql)
{
	struct scan sc = { sql, sql };

	do {
		if (hf__sql_classify(sc.at) == HF__SQL_TXN)
			return true;
	} while (next_statement(&sc));
	return false;
}

static bool begins_two_phase(struct scan sc)
{
	const char *second = NULL;

	while (next_solid(&sc) == OTHER && *sc.from == ';')
		;
	if (is(&sc, "prepare"))
		second = "transaction";
	else if (is(&sc, "commit") || is(&sc, "rollback"))
		second = "prepared";
	return second && next_solid(&sc) == WORD && is(&sc, second);
}

bool hf__sql_two_phase(const char *sql)
{
	struct scan sc = { sql, sql };

	do {
		if (begins_two_phase(sc))
			return true;
	} while (next_statement(&sc));
	return false;
}

/* --- what a text leaves behind --- */

/* A function that sets something, or takes a lock, for longer than its statement. */
static bool mentions(const char *s, size_t n)
{
	static const char set[] = "set_config", lock[] = "_advisory_";
	const char *end = s + n;

	for (const char *p = s; (p = memchr(p, '_', (size_t)(end - p))) != NULL; p++) {
		if (p - s >= 3 && end - p >= 7 && strncasecmp(p - 3, set, sizeof set - 1) == 0)
			return true;
		if (end - p >= 10 && strncasecmp(p, lock, sizeof lock - 1) == 0)
			return true;
	}
	return false;
}

bool hf__sql_outlasts(const char *sql, size_t n)
{
	return mentions(sql, n);
}

/* Behind set_config: it is not called, its third argument is `true`, or it has `is_local => true`.
 */
static bool is_local(struct scan sc)
{
	bool local = false, named = false, yes = false;
	int depth = 1, arg = 0, n = 0;
	enum token t;

	if (next_solid(&sc) != OTHER || *sc.from != '(')
		return true;
	while (depth > 0 && (t = next_solid(&sc)) != END) {
		char c = t == OTHER ? *sc.from : '\0';

		if (depth == 1 && (c == ',' || c == ')')) {
			local |= yes && n == (named ? 4 : 1) && (named || arg == 2);
			arg++;
			n = 0;
		} else {
			named = n == 0 ? t == WORD && is(&sc, "is_local") : named;
			yes = depth == 1 && t == WORD && is(&sc, "true");
			n++;
		}
		depth += c == '(' ? 1 : c == ')' ? -1 : 0;
	}
	return local && depth == 0;
}

static bool begins(const char *s, size_t n, const char *with)
{
	return n >= strlen(with) && strncasecmp(s, with, strlen(with)) == 0;
}

/* Whether a name, quoted or not, is a function's that changes the session. */
static bool changes_session(const struct scan *sc, bool quoted)
{
	const char *name = sc->from + quoted;
	size_t n = (size_t)(sc->at - sc->from) - (quoted ? 2 : 0);

	if (n == 10 && begins(name, n, "set_config"))
		return !is_local(*sc);
	return begins(name, n, "pg_advisory_lock") || begins(name, n, "pg_try_advisory_lock");
}

bool hf__sql_changes_session(const char *sql)
{
	struct scan sc = { sql, sql };
	enum token t;

	if (!mentions(sql, strlen(sql)))
		return false;
	while ((t = next_solid(&sc)) != END) {
		if ((t == WORD || t == QUOTED) && changes_session(&sc, t == QUOTED))
			return true;
		/* It may be run by a function. */
		if (t == STRING && mentions(sc.from, (size_t)(sc.at - sc.from)))
			return true;
	}
	return false;
}

/* --- rendering --- */

/* What a text is rendered with, and which arguments it has used. */
struct render {
	hf__strbuf *out;
	const hf_value *args;
	size_t n;
	bool *used;
};

/* The n of $n; 0: there is no such argument. */
static size_t param_number(const struct scan *sc, size_t most)
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

	if (before && (is_word(before) || one_of(before, "$'\".&")))
		return true;
	if (is_word(*after) || one_of(*after, "$'\"."))
		return true;
	if (!minus)
		return false;
	if (one_of(before, "+-*/<>=~!@#%^&|`?"))
		return true;
	after += strspn(after, " \t\n\r\f\v");
	return after[0] == ':' && after[1] == ':';
}

static hf_status put_param(
	struct render *r, const char *sql, const struct scan *sc, hf_error **out_error)
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
	struct scan sc = { sql, sql };
	enum token t;

	for (t = next(&sc); t != END; t = next(&sc)) {
		hf_status st = HF_OK;

		if (t == PARAM)
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
