/* SPDX-License-Identifier: MIT */
/* A statement that is being put together: its text, and the values that travel with it. What goes
 * wrong is remembered, and asked for once, at the end. Values are not copied: what they point to
 * must last until the statement has been handed over. */
#ifndef HF_MODEL_STATEMENT_H
#define HF_MODEL_STATEMENT_H

#include "model/plan.h"

#include "base/arena.h"

typedef struct hf__statement {
	hf__strbuf text;
	hf_value *args;
	size_t n, cap;
	hf_error *error; /* the first */
	hf__arena arena; /* of patterns */
} hf__statement;

#define HF__STATEMENT_INIT                                                                         \
	{                                                                                          \
		.text = HF__STRBUF_INIT, .arena = HF__ARENA_INIT                                   \
	}

void hf__statement_finish(hf__statement *s);

/* Why it cannot be sent, which is then the caller's; NULL: it can. */
hf_error *hf__statement_error(hf__statement *s);

void hf__statement_fail(hf__statement *s, hf_error *e); /* keeps the first */

void hf__put(hf__statement *s, const char *sql);
void hf__put_arg(hf__statement *s, hf_value v); /* "$7" */

/* A value for a column, which settles what an enum's number means. */
void hf__put_value(hf__statement *s, const hf_column *c, const hf_value *v);

/* The member's value. */
void hf__put_member(hf__statement *s, const hf_column *c, const void *row);

/* where.c: "a = $1 AND b < $2", of a list ended by HF_OP_END; "TRUE" for none. */
void hf__put_conditions(hf__statement *s, const hf__plan *p, const hf_term *terms);

/* Everything that a SELECT has behind its FROM. */
void hf__put_clauses(hf__statement *s, const hf__plan *p, const hf_clause *clauses);

/* " WHERE …", of an UPDATE or a DELETE: no other clause is possible. */
void hf__put_where(hf__statement *s, const hf__plan *p, const hf_clause *clauses);

/* " SET a = $1, b = b + $2" of a list. */
void hf__put_sets(hf__statement *s, const hf__plan *p, const hf_term *sets);

/* find.c: what has been collected. */
void hf__put_find_conditions(hf__statement *s, const hf__plan *p, const hf_find *f);
void hf__put_find_rest(hf__statement *s, const hf__plan *p, const hf_find *f);

#endif
