/* SPDX-License-Identifier: MIT */
/* A description made ready for use: checked, in this library's own layout, with the texts of its
 * statements. Made once for each table, kept by the description, never freed or changed. */
#ifndef HF_MODEL_PLAN_H
#define HF_MODEL_PLAN_H

#include <holdfast/rows.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/strbuf.h"

/* What stands beside a table at the server, in the order in which it is made: a domain's default
 * may ask a sequence. */
typedef enum hf__object_kind {
	HF__ENUM,
	HF__SEQUENCE,
	HF__DOMAIN,
} hf__object_kind;

typedef struct hf__object {
	hf__object_kind kind;
	const void *what;    /* its hf_labels, hf_sequence, hf_domain */
	char *name, *schema; /* quoted, the name with its schema; NULL: it says none */
} hf__object;

typedef struct hf__plan {
	hf_table table;     /* a copy; its columns are those below */
	bool is_model;      /* it has a struct */
	hf_column *columns; /* copies; sql_type is there for all, an enum's quoted */
	size_t n;
	char *schema;        /* quoted; NULL: none */
	char *name;          /* quoted, with its schema */
	char **quoted;       /* the columns' names */
	char **made;         /* an enum's quoted type, or nextval of a sequence; or NULL */
	bool *takes_default; /* the columns whose default is their domain's */
	size_t key[HF_MAX_KEY], n_key; /* positions in columns */
	const hf_column *version;      /* NULL: none */
	char *list;                    /* of a SELECT or RETURNING: all columns, as they are read */
	hf__object *objects;           /* of its columns, and .sequences; one may come twice */
	size_t n_objects;
} hf__plan;

/* Made if it is not there yet. NULL: *e tells what is wrong with the description. */
const hf__plan *hf__plan_of(const hf_table *t, hf_error **e);

/* objects.c: the name ("schema.name" or "name"), quoted. NULL, or what is wrong with it. */
hf_error *hf__put_object_name(hf__strbuf *b, hf__object_kind kind, const char *name);

/* "enum", "sequence", "domain". */
const char *hf__object_word(hf__object_kind kind);

/* Fills in p->objects, of a description that was checked. False: no memory. */
bool hf__plan_add_objects(hf__plan *p);

/* check.c: what is wrong with it, or NULL. The plan has table, columns and key. */
hf_error *hf__plan_check(const hf__plan *p);

/* HF_E_MISUSE that begins with the model; the same of a name that is missing or too long, or NULL.
 */
hf_error *hf__plan_wrong(const hf__plan *p, const char *fmt, ...) HF_PRINTF(2);
hf_error *hf__plan_check_name(const hf__plan *p, const char *what, const char *name);

/* check_objects.c: what is wrong with a column's enum, domain and sequence; with .sequences. */
hf_error *hf__plan_check_objects(const hf__plan *p, const hf_column *c);
hf_error *hf__plan_check_sequences(const hf__plan *p);

/* check_keys.c: what is wrong with its foreign keys, seen from the other side: they refer to
 * columns of other types, or to what is no key there. */
hf_error *hf__plan_check_keys(const hf__plan *p);

/* Those of a list that ends with 0, of HF_MAX_KEY at most. Answers how many. */
size_t hf__plan_columns(const hf__plan *p, const uint32_t *list, size_t *out);

/* Whether the column is in a list (offset and 1, ended by 0); NULL is an empty one. */
bool hf__is_listed(const hf_column *c, const uint32_t *list);

/* The position of the column at offset `c` - 1; p->n: none. */
size_t hf__plan_column(const hf__plan *p, uint32_t c);

/* What an INSERT is to leave to the server's defaults: NULL, or why one of the list (ended by 0;
 * NULL: none) cannot be left: it has no default, or the program's own. */
hf_error *hf__plan_may_leave(const hf__plan *p, const uint32_t *list);

/* member.c: bytes of an item in an array of this hf_type. */
size_t hf__item_size(int type);

/* Bytes and alignment of the member that holds such a column. */
size_t hf__member_size(const hf_column *c);
size_t hf__member_align(const hf_column *c);

/* Its value in a row; an enum's is its label. HF_E_TYPE, and the story in *e: no label. What it
 * points to is the row's. */
hf_status hf__member_value(const hf_column *c, const void *row, hf_value *out, hf_error **e);

/* The same for those that are not values before they have been written as text, which needs memory:
 * an array of enums, a type with a codec. All others may be asked as well. */
hf_status hf__member_sent(
	const hf_column *c, const void *row, hf__arena *arena, hf_value *out, hf_error **e);

/* Whether two values of one column are one, by their texts; *e: there is no memory to tell. */
bool hf__values_same(const hf_value *a, const hf_value *b, hf_error **e);

/* Whether it is what a zeroed struct has: 0, NULL, false. */
bool hf__member_is_unset(const hf_column *c, const void *row);

/* input.c: sets the member to the column's default, where that is a constant: a number, true or
 * false, a text or an enum's label in quotes. What it points to is the session's. */
void hf__default_into(hf_session *s, const hf__plan *p, const hf_column *c, void *row);

/* A value of a condition, as this column's: an enum's number becomes its label, an array of them an
 * array of labels, in text. */
hf_status hf__column_value(
	const hf_column *c, const hf_value *in, hf__arena *arena, hf_value *out, hf_error **e);

/* Of a type that the server knows as an enum, and not of ENUM_INT4. */
static inline bool hf__is_enum(const hf_column *c)
{
	return c->labels && c->as_text;
}

static inline bool hf__is_domain_of_enum(const hf_column *c)
{
	return c->domain && hf__is_enum(c) && !(c->type & HF_T_ARRAY);
}

static inline bool hf__is_integer(const hf_column *c)
{
	return !c->labels && (c->type == HF_T_INT2 || c->type == HF_T_INT4 || c->type == HF_T_INT8);
}

/* Left to the server where it is 0. */
static inline bool hf__counts_up(const hf_column *c)
{
	return c->serial || c->identity || c->sequence;
}

/* Whether such a member points to what it holds, as NULL pointers or arrays without items do; with
 * a codec nobody knows. */
static inline bool hf__points(const hf_column *c)
{
	return (c->type & HF_T_ARRAY) || c->type == HF_T_TEXT || c->type == HF_T_BYTEA ||
	       c->type == HF_T_NUMERIC || c->type == HF_T_JSON;
}

/* The label of an enum's value; NULL: it has none, and *e tells. */
const char *hf__label_of(const hf_column *c, int v, hf_error **e);

/* The value of a label; -1: none. */
int hf__label_value(const hf_labels *l, const char *label);

/* codec.c: the type has a codec, or is an array of enums. */
bool hf__column_is_made(const hf_column *c);
hf_status hf__made_value(
	const hf_column *c, const void *member, hf__arena *arena, hf_value *out, hf_error **e);
/* An array as a text that no type was said of, so that the server reads it as the column's. */
hf_status hf__list_value(const hf_column *c, int tag, const void *array, hf__arena *arena,
	hf_value *out, hf_error **e);
hf_status hf__labels_value(const hf_column *c, const hf_int4_array *values, hf__arena *arena,
	hf_value *out, hf_error **e);
/* Makes what the member points to its own. */
hf_error *hf__made_copy(const hf_column *c, void *member, hf__arena *arena);
hf_error *hf__made_read(const hf_column *c, hf_row row, int at, void *member);

/* rows.c: columns `from` … of the result's row, in the order of `which` (positions; NULL: all),
 * into the struct. What it points to is lent by the result. */
hf_error *hf__row_into(
	const hf__plan *p, hf_row row, size_t from, const size_t *which, size_t n, void *out);

/* All rows of a result; `partial`: columns that may not be NULL may be missing. */
hf_error *hf__rows_make(const hf_table *t, const hf_result *res, bool partial, hf_rows **out);

/* A row was read, and is whole. */
static inline void hf__row_loaded(const hf__plan *p, void *row)
{
	if (p->table.events && p->table.events->on_load)
		p->table.events->on_load(row, p->table.events->arg);
}

/* strip.c: whether a list of texts is none of the column's type before it is cast, and the cast:
 * "::mood[]". */
bool hf__needs_list_type(const hf_column *c);
void hf__put_list_type(hf__strbuf *b, const hf_column *c);

/* What a column's expression has behind it where it is read: "::text", or nothing. */
const char *hf__read_cast(const hf_column *c);

/* How a column is read in a SELECT or RETURNING: "name" or "name"::text. */
void hf__put_read(hf__strbuf *b, const hf__plan *p, size_t column);

#endif
