/* SPDX-License-Identifier: MIT */
/* Between C values and PostgreSQL's text and binary formats. No I/O; every decoder takes any bytes
 * at all and answers a status. */
#ifndef HF_VALUE_CODEC_H
#define HF_VALUE_CODEC_H

#include "base/strbuf.h"

#include <holdfast/result.h>

/* --- parameters --- */

/* The parameters of one statement in the form that libpq takes, in one block of memory with the
 * copies of all values. Scalars are text with type 0, so that the server infers; bytea (17), uuid
 * (2950) and the time types carry their oid, and so do arrays; bytea, uuid and arrays are binary,
 * but for an array with a value that has no binary form, and those of json, inet and mac: they are
 * text, and their type is for the server to tell. */
typedef struct hf__params {
	int n;
	uint32_t *types;
	const char **values; /* NULL: SQL NULL */
	int *lengths;
	int *formats; /* 0 text, 1 binary */
} hf__params;

/* *out is yours to hf__free. HF_E_MISUSE: more than 65535, an unset value, text that is not UTF-8,
 * an array whose dimensions do not multiply to n. HF_E_TOO_LARGE: a value of 1 GB. HF_E_NOMEM. n =
 * 0 gives NULL. The message names the parameter as $1. */
hf_status hf__params_new(const hf_value *args, size_t n, hf__params **out, hf_error **out_error);

/* The same in `room`, of `size` bytes and aligned for hf__params, if they fit: *out is then `room`,
 * and not to be freed. */
hf_status hf__params_make(void *room, size_t size, const hf_value *args, size_t n, hf__params **out,
	hf_error **out_error);

/* The bytes of n parameters (at most 65535) without their values. */
size_t hf__params_size(size_t n);

/* One value in PostgreSQL's text format, appended; SQL NULL and binary types included (bytea as
 * \x…). HF_E_MISUSE: it has none (an unset value, invalid UTF-8). */
hf_status hf__value_text(hf__strbuf *b, const hf_value *v, hf_error **out_error);

/* One value as an SQL literal: 123, 'it''s', E'a\\b', NULL, true, E'\\x00ff'::bytea,
 * '{1,2}'::int4[], '2024-01-01 …+00'::timestamptz. Safe whatever standard_conforming_strings is,
 * given client_encoding UTF8. Types are named where a parameter's would be, so that the server
 * infers the rest alike. */
hf_status hf__value_literal(hf__strbuf *b, const hf_value *v, hf_error **out_error);

/* --- columns --- */

/* One cell of a result. */
typedef struct hf__cell {
	uint32_t type;    /* the column's type oid */
	int format;       /* 0 text, 1 binary */
	const char *data; /* NULL: SQL NULL; NUL-terminated, as libpq keeps it */
	int len;
} hf__cell;

/* Memory that lives as long as the result that the cell is in, aligned for any type: for arrays,
 * bytes from text, and text made from binary. NULL: none. */
typedef void *hf__lend_fn(void *owner, size_t n);

/* Reads a cell into a destination: rules and statuses as hf_row_read in result.h. `why` receives a
 * message without the column's name ("value 70000 is out of range for int2") on failure. */
hf_status hf__decode(const hf__cell *cell, hf_dest to, hf__lend_fn *lend, void *owner, char *why,
	size_t why_size);

/* Reads the bytes of a cell that is not NULL into a destination. False: they do not fit; nothing
 * was written, and hf__decode tells why. */
typedef bool hf__quick_fn(const char *data, int len, void *to);

/* quick.c: for all cells of a column, into such destinations (without flags); NULL: there is none,
 * and hf__decode does it. */
hf__quick_fn *hf__quick_for(uint32_t type, int format, int dest);

/* Whether hf__decode knows the binary format of this column type. */
bool hf__has_binary(uint32_t type);

/* The cell's text as the server writes it: the bytes themselves for text format and for text types,
 * else made and lent. NULL: SQL NULL, no memory, or a binary type that it does not know. */
const char *hf__cell_text(const hf__cell *cell, hf__lend_fn *lend, void *owner);

/* The bytes of a cell: a bytea's content (decoded from text if need be, and lent), else its text.
 */
hf_bytes hf__cell_bytes(const hf__cell *cell, hf__lend_fn *lend, void *owner);

/* Well-formed UTF-8 without NUL, n bytes. */
bool hf__utf8_valid(const char *s, size_t n);

/* "name" for SQL: double-quoted, inner quotes doubled. HF_E_MISUSE: empty, over 63 bytes, not
 * UTF-8. `what` names it in the message ("savepoint"). */
hf_status hf__ident(hf__strbuf *b, const char *name, const char *what, hf_error **out_error);

#endif
