/* SPDX-License-Identifier: MIT */
/* Values as text, for parameters, literals and array items alike. */
#ifndef HF_VALUE_TEXT_H
#define HF_VALUE_TEXT_H

#include "value/type.h"

/* PostgreSQL's text format, appended; nothing for SQL NULL. NULL, or why the value has none: a
 * static text without a subject ("text is not valid UTF-8"). */
const char *hf__put_text(hf__strbuf *b, const hf_value *v);

/* array.c: the same for {…}. */
const char *hf__put_array(hf__strbuf *b, int tag, const void *array);

/* array.c: one item, quoted if need be. */
void hf__put_item(hf__strbuf *b, const char *s, size_t n);

/* NULL itself, and pointers that are NULL. */
bool hf__value_is_null(const hf_value *v);

/* The type that the server shall take a parameter for; 0: it infers. Of arrays it is the array's.
 */
uint32_t hf__param_type(const hf_value *v);

/* literal.c: 'it''s', E'a\\b'. */
void hf__put_quoted(hf__strbuf *b, const char *s, size_t n);

/* The largest value that the server takes: 1 GB less one byte, with its header. */
#define HF__VALUE_MAX 0x3ffffff0

#endif
