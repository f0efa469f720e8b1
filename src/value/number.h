/* SPDX-License-Identifier: MIT */
/* Numbers as text, whatever the process's locale: integers, floats, and exact decimals. */
#ifndef HF_VALUE_NUMBER_H
#define HF_VALUE_NUMBER_H

#include "value/type.h"

/* number.c. Strict: no white space, no overflow, nothing behind the number. */
hf__got hf__int_parse(const char *s, size_t n, int64_t *out);
hf__got hf__uint_parse(const char *s, size_t n, uint64_t *out);

/* Appended in decimal digits. */
void hf__int_text(hf__strbuf *b, int64_t x);
void hf__uint_text(hf__strbuf *b, uint64_t x);
void hf__digits_text(hf__strbuf *b, uint64_t x, int width); /* zeros in front; width <= 20 */

/* As the server writes them. s[n] must be NUL. An overflow is HF__GOT_RANGE. */
hf__got hf__float8_parse(const char *s, size_t n, double *out);
hf__got hf__float4_parse(const char *s, size_t n, float *out);

/* The shortest text that reads back as the same number, laid out as the server does. (1e+23, half
 * way between two numbers, is taken for short here; the server writes 9.999999999999999e+22.) */
void hf__float8_text(hf__strbuf *b, double x);
void hf__float4_text(hf__strbuf *b, float x);

/* numeric.c. Digits with a point and an exponent: what SQL takes without quotes. */
bool hf__decimal_valid(const char *s, size_t n);

/* The same, or NaN, Infinity, -Infinity, inf in any case of letters. */
bool hf__numeric_valid(const char *s, size_t n);

/* A decimal taken apart: which of its digits count, and what the first of them is worth. Zeros at
 * both ends do not count, but for the scale; of 0 none does, and its power means nothing. */
typedef struct hf__decimal {
	const char *digits; /* with a point behind the first `whole` of them, if there are more */
	size_t whole, from, to;
	long power; /* of ten, of digit `from`; far beyond numeric's range it is not exact */
	long scale;
	bool negative;
} hf__decimal;

/* Of what hf__decimal_valid took; a digit, and 0 behind the last. */
void hf__decimal_read(hf__decimal *d, const char *s, size_t n);
int hf__decimal_digit(const hf__decimal *d, size_t i);

/* numeric's binary format as the server's text. */
hf__got hf__numeric_wire(hf__strbuf *b, const char *data, size_t n);

/* A number's text in numeric's binary format, appended: digits and scale as the server would keep
 * them. */
hf__got hf__numeric_put_wire(hf__strbuf *b, const char *s, size_t n);

/* HF__GOT_BAD: it is not an integer. */
hf__got hf__numeric_int(const char *s, size_t n, int64_t *out);

#endif
