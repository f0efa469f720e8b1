/* SPDX-License-Identifier: MIT */
/* In which format a result is asked for: binary where nobody can tell the difference.
 *
 * Binary values are read faster, but what is shown of them (hf_row_text) must be the text that the
 * server would have sent, and that depends on settings. It reports three of them with every change;
 * extra_float_digits and bytea_output it does not: it is asked for them, once in the life of a
 * session and again after anything that may have SET them. */
#ifndef HF_PQ_FORMAT_H
#define HF_PQ_FORMAT_H

#include "pq/link.h"

/* What is known of a statement's columns, as a set. 0: nothing. */
enum {
	HF__FORMAT_KNOWN = 1,
	HF__FORMAT_TEXT = 2,      /* one has no binary format that we know, or there are none */
	HF__FORMAT_ISO = 4,       /* binary only with DateStyle ISO */
	HF__FORMAT_UTC = 8,       /* … with this TimeZone */
	HF__FORMAT_POSTGRES = 16, /* … with this IntervalStyle */
	HF__FORMAT_USUAL = 32     /* … with floats in full and bytea in hex */
};

/* From a result of the statement, or its description. */
unsigned hf__format_learn(const PGresult *pg);

/* Whether the statement may be asked for binary results in the session as it is. */
bool hf__format_binary(const hf__link *l, unsigned learned);

/* Whether that depends on settings that are not known; the question, and its answer. */
bool hf__format_must_ask(const hf__link *l, unsigned learned);
extern const char hf__format_question[];
void hf__format_told(hf__link *l, const PGresult *pg);

#endif
