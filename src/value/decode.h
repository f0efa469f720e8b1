/* SPDX-License-Identifier: MIT */
/* What the parts of the decoder share. */
#ifndef HF_VALUE_DECODE_H
#define HF_VALUE_DECODE_H

#include "value/type.h"

/* Where lent memory comes from, and where the story of a failure goes. */
typedef struct hf__sink {
	hf__lend_fn *lend;
	void *owner;
	char *why;
	size_t why_size;
} hf__sink;

void *hf__lend(const hf__sink *k, size_t n);
hf_status hf__refuse(const hf__sink *k, hf_status st, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A copy of the text, lent and with a NUL behind it; NULL without memory. */
char *hf__lend_copy(const hf__sink *k, const char *s, size_t n);

/* native.c: a cell's value as its type has it in C: integers as HF_T_INT8 or HF_T_UINT8, texts
 * where they lie. `s` has a NUL at s[n] in text format; texts have it in binary format as well. */
hf_status hf__native_text(
	const hf__type *t, const char *s, size_t n, hf_value *v, const hf__sink *k);
hf_status hf__native_binary(
	const hf__type *t, const char *s, size_t n, hf_value *v, const hf__sink *k);

/* native.c: a binary cell as the server's text, appended. NULL, or what is wrong. */
hf__got hf__native_print(hf__strbuf *b, const hf__type *t, const char *s, size_t n);

/* decode.c: one cell or array item that is not NULL, into a plain destination. */
hf_status hf__decode_scalar(
	const hf__type *t, const hf__cell *cell, int tag, void *ptr, const hf__sink *k);

/* quick.c: the commonest pairs of a column and a destination, and values that fit. False: none of
 * them; nothing was written, and hf__decode finds out what is to be done, or the words for it. */
bool hf__decode_quick(const hf__cell *cell, hf_dest to);

/* items.c */
hf_status hf__decode_array(
	const hf__type *item, const hf__cell *cell, int tag, void *ptr, const hf__sink *k);

/* items.c: a binary array as the server's text, appended. */
hf__got hf__array_print(hf__strbuf *b, const hf__type *item, const char *s, size_t n);

/* array.c: what stands around the items of an array. The dimensions in front, "[0:1]=", "" for the
 * usual; how many braces open before, and close after, item i. */
void hf__put_bounds(hf__strbuf *b, int ndim, const int32_t *dim, const int32_t *lower);
void hf__put_open(hf__strbuf *b, int ndim, const int32_t *dim, size_t i);
void hf__put_close(hf__strbuf *b, int ndim, const int32_t *dim, size_t i);

/* array.c: whether the dimensions are positive and multiply to n. */
bool hf__dims_valid(int ndim, const int32_t *dim, const int32_t *lower, size_t n);

#endif
