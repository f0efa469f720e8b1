/* SPDX-License-Identifier: MIT */
/* The rows of a COPY: from values to the binary stream (or lines of text), and from either to
 * cells. No I/O; the readers take any bytes at all. */
#ifndef HF_VALUE_COPY_ROW_H
#define HF_VALUE_COPY_ROW_H

#include "value/codec.h"
#include "value/type.h"

/* How a value fits a column. */
typedef enum hf__fit {
	HF__FIT,
	HF__FIT_KIND,  /* no such value goes there */
	HF__FIT_RANGE, /* too large, too small, not an integer, … */
	HF__FIT_FORM,  /* a text that is not in the column's format */
	HF__FIT_UTF8,  /* a text that is not UTF-8 */
	HF__FIT_LARGE, /* 1 GB or more */
	HF__FIT_NOMEM
} hf__fit;

/* Where encoded values go. */
typedef struct hf__put {
	hf__strbuf *to;
	hf__strbuf *scratch;  /* for what is made on the way */
	const hf__type *type; /* of the column, or of its items */
} hf__put;

/* Appends the length and the bytes of one value that is not NULL. */
typedef hf__fit hf__put_fn(hf__put *p, const hf_value *v);

typedef struct hf__copy_column {
	const char *name; /* lent */
	uint32_t oid;
	const hf__type *type; /* its own, or its items'; NULL: only its text is known */
	hf__put_fn *put;      /* NULL: only its text is known */
} hf__copy_column;

/* The columns of one COPY. */
typedef struct hf__copy_shape {
	int n;
	bool binary;
	hf__copy_column *columns;
	hf__strbuf scratch, text;
} hf__copy_shape;

/* The columns of `described`, which lends their names; binary where all types have a binary format
 * here. False: no memory. finish accepts one that is zeroed. */
bool hf__copy_shape_init(hf__copy_shape *s, const hf_result *described);
void hf__copy_shape_finish(hf__copy_shape *s);

/* The values of column i are texts, which the server shall read by the type's own input: it knows
 * more of them than the encoders here. The whole COPY is text then, but for a column of texts. */
void hf__copy_shape_as_text(hf__copy_shape *s, int i);

/* What stands before, and after, the rows. */
void hf__copy_put_header(const hf__copy_shape *s, hf__strbuf *to);
void hf__copy_put_trailer(const hf__copy_shape *s, hf__strbuf *to);

/* Appends one row. NULL, or the story: HF_E_MISUSE (the number of values, an unset one), HF_E_TYPE,
 * HF_E_TOO_LARGE, HF_E_NOMEM; then part of the row may have been appended. */
hf_error *hf__copy_put_row(hf__copy_shape *s, hf__strbuf *to, const hf_value *values, size_t n);

/* copy_value.c: the encoder of a type; arrays: of its items' type. NULL: there is none. */
hf__put_fn *hf__put_fn_of(const hf__type *t);
hf__fit hf__put_wire_array(hf__put *p, const hf_value *v);

/* --- copy_read.c: out of the stream --- */

typedef enum hf__tuple {
	HF__TUPLE,
	HF__TUPLE_MORE, /* nothing is left of this message */
	HF__TUPLE_END,  /* the trailer */
	HF__TUPLE_BAD
} hf__tuple;

/* One message of the stream. data[n] must be writable, as everything before it. */
typedef struct hf__copy_reader {
	char *at, *end;
	char *lent; /* where a NUL stands in for `saved` */
	char saved;
} hf__copy_reader;

void hf__copy_read(hf__copy_reader *r, char *data, size_t n);

/* Skips the header of a binary stream. False: there is none. */
bool hf__copy_read_header(hf__copy_reader *r);

/* The next row's cells (data and len of n cells), each with a NUL behind it, valid until the next
 * call. */
hf__tuple hf__copy_read_tuple(hf__copy_reader *r, hf__cell *cells, int n);
hf__tuple hf__copy_read_line(hf__copy_reader *r, hf__cell *cells, int n);

#endif
