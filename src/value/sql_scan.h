/* SPDX-License-Identifier: MIT */
/* A scanner for SQL's outermost layer, after the server's own scan.l, with
 * standard_conforming_strings on. Whatever does not end, ends with the text. */
#ifndef HF_VALUE_SQL_SCAN_H
#define HF_VALUE_SQL_SCAN_H

#include <stdbool.h>

typedef enum hf__token {
	HF__TOKEN_END,
	HF__TOKEN_SPACE, /* white space or a comment */
	HF__TOKEN_WORD,  /* a key word or a plain identifier; digits and what hangs on them */
	HF__TOKEN_STRING,
	HF__TOKEN_QUOTED, /* "identifier" */
	HF__TOKEN_PARAM,  /* $1 */
	HF__TOKEN_OTHER,  /* one character */
} hf__token;

/* Begins with both at the text. */
typedef struct hf__scan {
	const char *at;   /* behind the token */
	const char *from; /* its first character */
} hf__scan;

hf__token hf__scan_next(hf__scan *sc);
hf__token hf__scan_solid(hf__scan *sc); /* the next that is no SPACE */

/* Whether the token is this word, in any case. */
bool hf__scan_is(const hf__scan *sc, const char *word);

/* Whether a character may stand inside a word, and so would run together with one. */
bool hf__scan_joins(char c);

#endif
