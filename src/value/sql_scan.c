/* SPDX-License-Identifier: MIT */
/* SQL's tokens. */
#include "value/sql_scan.h"

#include <string.h>
#include <strings.h>

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

bool hf__scan_joins(char c)
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
		while (hf__scan_joins(*tag))
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

	while (hf__scan_joins(*s) || (*s == '$' && !digits))
		s++;
	return s;
}

static hf__token dollar(hf__scan *sc)
{
	const char *end = skip_dollars(sc->at);

	if (end) {
		sc->at = end;
		return HF__TOKEN_STRING;
	}
	sc->at++;
	if (!is_digit(*sc->at))
		return HF__TOKEN_OTHER;
	while (is_digit(*sc->at))
		sc->at++;
	return HF__TOKEN_PARAM;
}

hf__token hf__scan_next(hf__scan *sc)
{
	const char *s = sc->from = sc->at;

	if (!*s)
		return HF__TOKEN_END;
	if (is_space(*s)) {
		while (is_space(*sc->at))
			sc->at++;
		return HF__TOKEN_SPACE;
	}
	if ((s[0] == '-' && s[1] == '-') || (s[0] == '/' && s[1] == '*')) {
		sc->at = *s == '-' ? skip_line(s) : skip_comment(s);
		return HF__TOKEN_SPACE;
	}
	if ((*s == 'e' || *s == 'E') && s[1] == '\'') {
		sc->at = skip_escaped(s + 1);
		return HF__TOKEN_STRING;
	}
	if (hf__scan_joins(*s)) {
		sc->at = skip_word(s);
		return HF__TOKEN_WORD;
	}
	if (*s == '\'' || *s == '"') {
		sc->at = skip_quoted(s);
		return *s == '"' ? HF__TOKEN_QUOTED : HF__TOKEN_STRING;
	}
	if (*s == '$')
		return dollar(sc);
	sc->at++;
	return HF__TOKEN_OTHER;
}

hf__token hf__scan_solid(hf__scan *sc)
{
	hf__token t;

	do
		t = hf__scan_next(sc);
	while (t == HF__TOKEN_SPACE);
	return t;
}

bool hf__scan_is(const hf__scan *sc, const char *word)
{
	size_t n = (size_t)(sc->at - sc->from);

	return n == strlen(word) && strncasecmp(sc->from, word, n) == 0;
}
