/* SPDX-License-Identifier: MIT */
/* A statement that is being put together: its text, and the values that travel with it. What goes
 * wrong is remembered, and asked for once, at the end. Values are not copied: what they point to
 * must last until the statement has been handed over. */
#ifndef HF_MODEL_STATEMENT_H
#define HF_MODEL_STATEMENT_H

#include "model/plan.h"

#include "base/arena.h"

enum { HF__JOINS = 8 };

/* How columns are named where they stand. */
typedef enum hf__names {
	HF__NAMES_PLAIN,  /* alone, but with their table where there are several */
	HF__NAMES_SORTED, /* with their table: alone they would be what is read, an enum's text */
	HF__NAMES_READ, /* around a SELECT: as it has them, which are brought back to their types */
} hf__names;

typedef struct hf__statement {
	hf__strbuf text;
	hf_value *args;
	size_t n, cap;
	uint64_t hidden;                   /* of the first 64 args: they are of HF_HIDDEN columns */
	uint64_t paths;                    /* of the first 64 args: they are paths into JSON */
	hf_error *error;                   /* the first */
	hf__arena arena;                   /* of patterns */
	const hf__plan *joined[HF__JOINS]; /* the further tables of the SELECT that is being put */
	size_t n_joined;
	hf__names names;
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
void hf__add_arg(hf__statement *s, hf_value v); /* the value alone */

/* The same, and that it is a value of this column's. */
void hf__put_arg_of(hf__statement *s, const hf_column *c, hf_value v);

/* "$1 = 'Ann', $2 = 7", for the operator: cut where they are long, and "?" for those of hidden
 * columns. */
void hf__tell_args(const hf__statement *s, hf__strbuf *b);

/* A value for a column, which settles what an enum's number means. */
void hf__put_value(hf__statement *s, const hf_column *c, const hf_value *v);

/* The member's value. */
void hf__put_member(hf__statement *s, const hf_column *c, const void *row);

/* A column, and the table of the statement that has it. */
typedef struct hf__place {
	const hf__plan *p;
	const hf_column *c; /* NULL: there is none, and the statement's error tells */
} hf__place;

/* expression.c: whose column the term names, and its name as it stands there. */
hf__place hf__place_of(hf__statement *s, const hf__plan *p, const hf_term *t);
void hf__put_name(hf__statement *s, hf__place at);

/* As it is compared: the server has no operators for a domain over an enum. */
void hf__put_operand(hf__statement *s, hf__place at);

/* The same for a name that stands there already. */
void hf__put_operand_cast(hf__statement *s, const hf_column *c);

/* The user's SQL, with its values. */
void hf__put_sql(hf__statement *s, const hf_term *t);

/* where.c: "a = $1 AND b < $2", of a list ended by HF_OP_END; "TRUE" for none. */
void hf__put_conditions(hf__statement *s, const hf__plan *p, const hf_term *terms);

/* expression.c: "count(a)", of an aggregate, a column, SQL of the user's or a path. Answers the
 * column whose values it has, where it has a column's. */
const hf_column *hf__put_expression(hf__statement *s, const hf__plan *p, const hf_term *t);

/* A column's name, with its table's where there are several. */
void hf__put_column(hf__statement *s, const hf__plan *p, size_t column);

/* "a DESC" */
void hf__put_order(hf__statement *s, const hf__plan *p, const hf_term *t);

/* " SET a = $1, b = b + $2" of a list. */
void hf__put_sets(hf__statement *s, const hf__plan *p, const hf_term *sets);

/* query.c: a whole SELECT. */
typedef struct hf__query {
	enum {
		HF__READS_ROWS,    /* the table's columns, or those of ONLY */
		HF__READS_PICKS,   /* `picks`, as members of `into` */
		HF__READS_SCALAR,  /* the first of `picks` */
		HF__READS_NOTHING, /* to be counted */
	} reads;
	const hf_term *picks;
	const hf__plan *into;
	const hf_clause *clauses;
	bool one; /* at most one row */
} hf__query;
void hf__put_query(hf__statement *s, const hf__plan *p, const hf__query *q);

/* The table's columns as they are read, or those of ONLY; whether there is an ONLY. */
void hf__put_list(hf__statement *s, const hf__plan *p, const hf_clause *clauses);
bool hf__is_partial(const hf_clause *clauses);

/* Whether there is no LIMIT to the rows, of the list or of an hf_find in it. */
bool hf__is_open(const hf_clause *clauses);

/* " WHERE …", of an UPDATE or a DELETE, with which no clause but ONLY may stand. */
void hf__put_where(hf__statement *s, const hf__plan *p, const hf_clause *clauses);

/* where.c: whether a condition is left, and not all have fallen away. */
bool hf__terms_restrict(const hf_term *t);

/* find.c: what has been collected, as clauses; false: it cannot be used, and the error tells. */
enum { HF__FIND_CLAUSES = 4 };
bool hf__find_clauses(
	hf__statement *s, const hf__plan *p, const hf_find *f, hf_clause *out, size_t *n);

/* find.c: < 0: it has none. */
int64_t hf__find_limit(const hf_find *f);

#endif
