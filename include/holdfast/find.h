/* SPDX-License-Identifier: MIT */
/* Conditions, orders and the like: what a statement on a table is made of.
 *
 *     hf_select(s, task, &rows,
 *             HF_WHERE(HF_EQ(task, done, false), HF_GE(task, created, since)),
 *             HF_ORDER(HF_DESC(task, created), HF_ASC(task, id)),
 *             HF_LIMIT(20));
 *
 * The member decides the type of the value beside it, so that a time is not compared with an int.
 * All of these are values without an owner, made on the stack: whoever takes them copies them
 * before the call returns. Nothing but names from descriptions and the texts of HF_SQL_TERM gets
 * into a statement; values travel as parameters. */
#ifndef HOLDFAST_FIND_H
#define HOLDFAST_FIND_H

#include <holdfast/model.h>

HF__BEGIN

typedef enum hf_op {
	HF_OP_END, /* ends a list */
	HF_OP_EQ,
	HF_OP_NE,
	HF_OP_LT,
	HF_OP_LE,
	HF_OP_GT,
	HF_OP_GE,
	HF_OP_LIKE,  /* a pattern of the caller's: % and _ count */
	HF_OP_ILIKE, /* the same, whatever the case */
	HF_OP_HAS,   /* the text stands in it, whatever is in the text */
	HF_OP_IHAS,
	HF_OP_BEGINS,
	HF_OP_IBEGINS,
	HF_OP_ENDS,
	HF_OP_IENDS,
	HF_OP_IEQ, /* lower(column) = lower(value) */
	HF_OP_ANY, /* = ANY(array) */
	HF_OP_NULL,
	HF_OP_NOT_NULL,
	HF_OP_IN_SELECT, /* IN (SELECT column of another table WHERE …) */
	HF_OP_AND,
	HF_OP_OR,
	HF_OP_NOT,
	HF_OP_SQL,  /* an expression of the caller's */
	HF_OP_NONE, /* HF_IF whose condition is false: as if it were not there */
	HF_OP_ASC,
	HF_OP_DESC,
	HF_OP_IASC, /* by lower(column) */
	HF_OP_IDESC,
	HF_OP_SET,
	HF_OP_ADD,     /* SET column = column + value */
	HF_OP_SET_SQL, /* SET column = an expression of the caller's */
	HF_OP_COUNT,
	HF_OP_SUM,
	HF_OP_MIN,
	HF_OP_MAX,
	HF_OP_AVG,
	HF_OP_COLUMN,
	HF_OP_COUNT_ROWS,
	HF_OP_COUNT_DISTINCT,
	HF_OP_PICK,     /* an expression, as a member of another struct */
	HF_OP_ON,       /* column = another table's column */
	HF_OP_JSON_GET, /* the text at a path of a JSON column */
	HF_OP_JSON_HAS, /* whether there is anything at the path */
} hf_op;

/* A condition, a place in an order, an assignment or an expression. Made by the macros below. */
typedef struct hf_term {
	hf_op op;
	const hf_table *table;
	uint32_t column; /* offset of the member, and 1; 0: none */
	hf_value value;
	/* Of AND, OR, NOT, IN_SELECT: ended by one of HF_OP_END. Of PICK, and of a comparison or an
	 * order without a column: the expression. */
	const struct hf_term *terms;
	const hf_table *other; /* of IN_SELECT and ON */
	uint32_t other_column;
	const char *sql;      /* with $1 … for its args */
	const hf_value *args; /* of a JSON path: its keys and numbers */
	size_t n_args;
} hf_term;

typedef enum hf_clause_kind {
	HF_CLAUSE_END,
	HF_CLAUSE_ALL,
	HF_CLAUSE_WHERE,
	HF_CLAUSE_ORDER,
	HF_CLAUSE_LIMIT,
	HF_CLAUSE_OFFSET,
	HF_CLAUSE_DISTINCT,
	HF_CLAUSE_GROUP,
	HF_CLAUSE_HAVING,
	HF_CLAUSE_ONLY, /* so many columns and no more, with the key */
	HF_CLAUSE_LOCK,
	HF_CLAUSE_FIND, /* what an hf_find has collected */
	HF_CLAUSE_JOIN,
	HF_CLAUSE_LEFT_JOIN,
	HF_CLAUSE_UNION, /* with what the clauses in it select */
	HF_CLAUSE_UNION_ALL,
	HF_CLAUSE_INTERSECT,
	HF_CLAUSE_EXCEPT,
} hf_clause_kind;

typedef enum hf_lock {
	HF_FOR_UPDATE = 1,
	HF_FOR_NO_KEY_UPDATE = 2,
	HF_FOR_SHARE = 3,
	HF_FOR_KEY_SHARE = 4,
	HF_SKIP_LOCKED = 8, /* or-ed to one of them */
	HF_NOWAIT = 16,
} hf_lock;

typedef struct hf_find hf_find;

typedef struct hf_clause {
	hf_clause_kind kind;
	const hf_term *terms;
	int64_t n;
	const hf_find *find;
	const struct hf_clause *clauses; /* ended by one of HF_CLAUSE_END */
} hf_clause;

/* Conditions that are put together as the program runs. A value of its own: one that is not changed
 * any more may be used from several threads at once, and hf_find_copy goes on from it without
 * changing it. What is added is copied. All accept NULL and then do nothing, so that one without
 * memory shows itself once, as HF_E_NOMEM of the verb that takes it. */
HF_OWNED hf_find *hf_find_new(const hf_table *t);
HF_OWNED hf_find *hf_find_copy(const hf_find *f);
HF_API hf_find *hf_find_unref(hf_find *f);

/* One more condition that must hold; one more place in the order; the limit and the offset, of
 * which the last counts (HF_FOREVER: none). A term of another table is told by the verb. */
HF_API void hf_find_and(hf_find *f, hf_term condition);
HF_API void hf_find_order(hf_find *f, hf_term place);
HF_API void hf_find_limit(hf_find *f, int64_t n);
HF_API void hf_find_offset(hf_find *f, int64_t n);

/* The order by a text of others, "name, created desc": members or columns of the table, each with a
 * direction or without. HF_E_MISUSE, and nothing is changed, for anything else, and for what is
 * HF_HIDDEN: it names the word. */
HF_CHECK hf_status hf_find_order_by(
	hf_find *f, const char *text, bool ignore_case, hf_error **out_error);

HF__END

#ifndef __cplusplus

/* The value for a member, of the type that it has: an int does not pass for a time. */
/* clang-format off */
/* An int, so that a pointer is told. */
static inline hf_value hf__v_bool(int x) { return hf_v_bool(x != 0); }
static inline hf_value hf__v_i2(int16_t x) { return hf_v_int8(x); }
static inline hf_value hf__v_i4(int32_t x) { return hf_v_int8(x); }
static inline hf_value hf__v_i8(int64_t x) { return hf_v_int8(x); }
static inline hf_value hf__v_enum(unsigned x) { return hf_v_int8((long long)x); }
#define HF__VALUE(T, m, x) _Generic(HF__MEMBER(T, m), \
	bool: hf__v_bool, hf_bool_opt: hf__v_bool, \
	short: hf__v_i2, hf_int2_opt: hf__v_i2, \
	int: hf__v_i4, hf_int4_opt: hf__v_i4, \
	unsigned: hf__v_enum, hf_enum_opt: hf__v_enum, \
	long: hf__v_i8, long long: hf__v_i8, hf_int8_opt: hf__v_i8, \
	float: hf_v_float4, hf_float4_opt: hf_v_float4, \
	double: hf_v_float8, hf_float8_opt: hf_v_float8, \
	const char *: hf_v_text, \
	hf_bytes: hf_v_bytes, hf_numeric: hf_v_numeric, hf_json: hf_v_json, \
	hf_timestamptz: hf_v_timestamptz, hf_timestamptz_opt: hf_v_timestamptz, \
	hf_timestamp: hf_v_timestamp, hf_timestamp_opt: hf_v_timestamp, \
	hf_date: hf_v_date, hf_date_opt: hf_v_date, \
	hf_time_of_day: hf_v_time_of_day, hf_time_of_day_opt: hf_v_time_of_day, \
	hf_timetz: hf_v_timetz, hf_timetz_opt: hf_v_timetz, \
	hf_interval: hf_v_interval, hf_interval_opt: hf_v_interval, \
	hf_uuid: hf_v_uuid, hf_uuid_opt: hf_v_uuid, \
	hf_inet: hf_v_inet, hf_inet_opt: hf_v_inet, \
	hf_mac: hf_v_mac, hf_mac_opt: hf_v_mac, \
	hf_lsn: hf_v_lsn, hf_lsn_opt: hf_v_lsn)(x)

#define HF__TERM(T, m, o) .op = (o), .table = &T##_table, .column = HF_C(T, m)
#define HF__COMPARE(T, m, o, x) ((hf_term){ HF__TERM(T, m, o), .value = HF__VALUE(T, m, x) })
#define HF__TEXT(T, m, o, x) ((hf_term){ HF__TERM(T, m, o), \
	.value = hf_v_text((x) + HF__ASSERT(HF__IS(T, m, const char *), \
		"holdfast: this needs a text column, " #T "." #m " is none")) })

/* With a pointer that is NULL (of a text, of bytes) HF_EQ is IS NULL, and HF_NE is IS NOT NULL. An
 * int64_t for an INT4 column is cut by C, as for any function that takes an int32_t: -Wconversion
 * tells. */
#define HF_EQ(T, m, x) HF__COMPARE(T, m, HF_OP_EQ, x)
#define HF_NE(T, m, x) HF__COMPARE(T, m, HF_OP_NE, x)
#define HF_LT(T, m, x) HF__COMPARE(T, m, HF_OP_LT, x)
#define HF_LE(T, m, x) HF__COMPARE(T, m, HF_OP_LE, x)
#define HF_GT(T, m, x) HF__COMPARE(T, m, HF_OP_GT, x)
#define HF_GE(T, m, x) HF__COMPARE(T, m, HF_OP_GE, x)
#define HF_BETWEEN(T, m, low, high) HF_AND(HF_GE(T, m, low), HF_LE(T, m, high))
#define HF_IS_NULL(T, m)  ((hf_term){ HF__TERM(T, m, HF_OP_NULL) })
#define HF_NOT_NULL(T, m) ((hf_term){ HF__TERM(T, m, HF_OP_NOT_NULL) })

/* Text. LIKE takes a pattern; the others take the text itself, whose % and _ mean themselves. */
#define HF_LIKE(T, m, pattern)  HF__TEXT(T, m, HF_OP_LIKE, pattern)
#define HF_ILIKE(T, m, pattern) HF__TEXT(T, m, HF_OP_ILIKE, pattern)
#define HF_HAS(T, m, text)      HF__TEXT(T, m, HF_OP_HAS, text)
#define HF_IHAS(T, m, text)     HF__TEXT(T, m, HF_OP_IHAS, text)
#define HF_BEGINS(T, m, text)   HF__TEXT(T, m, HF_OP_BEGINS, text)
#define HF_IBEGINS(T, m, text)  HF__TEXT(T, m, HF_OP_IBEGINS, text)
#define HF_ENDS(T, m, text)     HF__TEXT(T, m, HF_OP_ENDS, text)
#define HF_IENDS(T, m, text)    HF__TEXT(T, m, HF_OP_IENDS, text)
#define HF_IEQ(T, m, text)      HF__TEXT(T, m, HF_OP_IEQ, text)

/* HF_ANY(task, id, &HF_ARRAY(int4, ids, n)): one text and one plan for any number. */
#define HF_ANY(T, m, array) ((hf_term){ HF__TERM(T, m, HF_OP_ANY), .value = HF__ARRAY_FOR(T, m, array) })
#define HF__ARRAY_FOR(T, m, array) _Generic(HF__MEMBER(T, m), \
	bool: hf_v_bool_array, hf_bool_opt: hf_v_bool_array, \
	short: hf_v_int2_array, hf_int2_opt: hf_v_int2_array, \
	int: hf_v_int4_array, hf_int4_opt: hf_v_int4_array, \
	unsigned: hf_v_int4_array, hf_enum_opt: hf_v_int4_array, \
	long: hf_v_int8_array, long long: hf_v_int8_array, hf_int8_opt: hf_v_int8_array, \
	float: hf_v_float4_array, hf_float4_opt: hf_v_float4_array, \
	double: hf_v_float8_array, hf_float8_opt: hf_v_float8_array, \
	hf_numeric: hf_v_numeric_array, const char *: hf_v_text_array, \
	hf_timestamptz: hf_v_timestamptz_array, hf_timestamptz_opt: hf_v_timestamptz_array, \
	hf_timestamp: hf_v_timestamp_array, hf_timestamp_opt: hf_v_timestamp_array, \
	hf_date: hf_v_date_array, hf_date_opt: hf_v_date_array, \
	hf_uuid: hf_v_uuid_array, hf_uuid_opt: hf_v_uuid_array, \
	hf_bytes: hf_v_bytes_array, hf_json: hf_v_json_array, \
	hf_time_of_day: hf_v_time_of_day_array, hf_time_of_day_opt: hf_v_time_of_day_array, \
	hf_timetz: hf_v_timetz_array, hf_timetz_opt: hf_v_timetz_array, \
	hf_interval: hf_v_interval_array, hf_interval_opt: hf_v_interval_array, \
	hf_inet: hf_v_inet_array, hf_inet_opt: hf_v_inet_array, \
	hf_mac: hf_v_mac_array, hf_mac_opt: hf_v_mac_array)(array)

/* HF_IN_SELECT(task, owner_id, person, id, HF_EQ(person, name, "Ann")) */
#define HF_IN_SELECT(T, m, U, um, ...) ((hf_term){ .op = HF_OP_IN_SELECT, \
	.table = &T##_table, .column = HF__C_AS(T, m, U, um), \
	.other = &U##_table, .other_column = HF_C(U, um), .terms = HF__TERMS(__VA_ARGS__) })

#define HF__TERMS(...) (const hf_term[]){ __VA_ARGS__, { .op = HF_OP_END } }
#define HF_AND(...) ((hf_term){ .op = HF_OP_AND, .terms = HF__TERMS(__VA_ARGS__) })
#define HF_OR(...)  ((hf_term){ .op = HF_OP_OR, .terms = HF__TERMS(__VA_ARGS__) })
#define HF_NOT(x)   ((hf_term){ .op = HF_OP_NOT, .terms = HF__TERMS(x) })

/* The term where the condition holds; else nothing. The value is computed in both cases. */
#define HF_IF(condition, term) ((condition) ? (term) : (hf_term){ .op = HF_OP_NONE })

/* HF_SQL_TERM("length(subject) > $1", 20): an expression as it is, never made of what others wrote;
 * HF_E_MISUSE, when it is sent, for a parameter without a value. */
#define HF_SQL_TERM(...) hf__sql_term(HF__SQL(__VA_ARGS__))
static inline hf_term hf__sql_term(const char *sql, const hf_value *args, size_t n)
{
	hf_term t = { .op = HF_OP_SQL, .sql = sql, .args = args, .n_args = n };

	return t;
}

#define HF_ASC(T, m)   ((hf_term){ HF__TERM(T, m, HF_OP_ASC) })
#define HF_DESC(T, m)  ((hf_term){ HF__TERM(T, m, HF_OP_DESC) })
#define HF_IASC(T, m)  ((hf_term){ HF__TERM(T, m, HF_OP_IASC) })
#define HF_IDESC(T, m) ((hf_term){ HF__TERM(T, m, HF_OP_IDESC) })

/* Assignments, for hf_update_where. */
#define HF_SET(T, m, x)      HF__COMPARE(T, m, HF_OP_SET, x)
#define HF_SET_TO_NULL(T, m) ((hf_term){ HF__TERM(T, m, HF_OP_SET), .value = hf_v_null() })
#define HF_INCREASE(T, m, x) ((hf_term){ HF__SUMMED(T, m, HF_OP_ADD), .value = HF__VALUE(T, m, x) })
/* Numbers and intervals are added up, and nothing else. */
#define HF__SUMMED(T, m, o) .op = (o), .table = &T##_table, \
	.column = HF_C(T, m) + (uint32_t)HF__ASSERT(HF__KIND(T, m) <= HF__SPAN, \
		"holdfast: " #T "." #m " is no number: it cannot be added up")
/* HF_SET_SQL(task, note, "upper(subject) || $1", "!"): an expression as it is. */
#define HF_SET_SQL(T, m, ...) hf__set_sql(&T##_table, HF_C(T, m), HF__SQL(__VA_ARGS__))
static inline hf_term hf__set_sql(
	const hf_table *t, uint32_t column, const char *sql, const hf_value *args, size_t n)
{
	hf_term set = { .op = HF_OP_SET_SQL, .table = t, .column = column, .sql = sql, .args = args, .n_args = n };

	return set;
}

/* Expressions: for hf_scalar, HF_PICK, HF_GROUP, HF_DISTINCT_ON; HF_SQL_TERM is one, and those of
 * JSON below are. */
#define HF_COL(T, m)            ((hf_term){ HF__TERM(T, m, HF_OP_COLUMN) })
#define HF_COUNT_ROWS           ((hf_term){ .op = HF_OP_COUNT_ROWS })
#define HF_COUNT_OF(T, m)       ((hf_term){ HF__TERM(T, m, HF_OP_COUNT) })
#define HF_COUNT_DISTINCT(T, m) ((hf_term){ HF__TERM(T, m, HF_OP_COUNT_DISTINCT) })
#define HF_SUM(T, m)            ((hf_term){ HF__SUMMED(T, m, HF_OP_SUM) })
#define HF_MIN(T, m)            ((hf_term){ HF__TERM(T, m, HF_OP_MIN) })
#define HF_MAX(T, m)            ((hf_term){ HF__TERM(T, m, HF_OP_MAX) })
#define HF_AVG(T, m)            ((hf_term){ HF__SUMMED(T, m, HF_OP_AVG) })

/* HF_JSON_GET(task, info, "address", "city"), HF_JSON_GET(task, info, "tags", 0): what stands at a
 * path of a JSON or JSONB column, as text (a string without its quotes, anything else as the server
 * writes it). A path is made of keys and of numbers; a number, as one or as a text, is a place in an
 * array, from 0 or, below 0, from its end. SQL NULL: there is nothing there, or JSON's null. It is
 * text, and compared with text alone, HF_E_MISUSE else: "9" is more than "18" then, and
 * HF_SQL_TERM("(info->>'age')::int > $1", 18) is what compares numbers.
 *
 * HF_JSON_HAS(task, info, "address", "city"): a condition, whether there is anything at the path;
 * JSON's null is something. Never NULL itself, of a column that is NULL false.
 *
 * Paths travel as parameters; one that comes again is the same parameter, if it was among the first
 * 64 values of the statement: beyond them what is grouped by a path cannot be picked by it. On a column that is no JSON they do not compile. */
#define HF_JSON_GET(T, m, ...) HF__JSON(T, m, HF_OP_JSON_GET, __VA_ARGS__)
#define HF_JSON_HAS(T, m, ...) HF__JSON(T, m, HF_OP_JSON_HAS, __VA_ARGS__)
#define HF__JSON(T, m, o, ...) ((hf_term){ .op = (o), .table = &T##_table, \
	.column = HF_C(T, m) + (uint32_t)HF__ASSERT(HF__IS(T, m, hf_json), \
		"holdfast: a path needs a JSON column, " #T "." #m " is none"), \
	.args = (const hf_value[]){ HF__EACH(__VA_ARGS__) }, .n_args = HF__COUNT(__VA_ARGS__) })

/* HF_THAT(HF_SUM(line, price), HF_OP_GT, 100): a condition on an expression, for HF_HAVING and
 * HF_WHERE, with any of HF_OP_EQ … HF_OP_ANY, as the terms of these names have them:
 * HF_THAT(HF_JSON_GET(task, info, "city"), HF_OP_IBEGINS, "par"). HF_ASC_OF, HF_DESC_OF: an order by
 * one. */
#define HF_THAT(expression, o, x) ((hf_term){ .op = (o), .terms = HF__TERMS(expression), .value = HF_V(x) })
#define HF_IS_NULL_OF(expression)  ((hf_term){ .op = HF_OP_NULL, .terms = HF__TERMS(expression) })
#define HF_NOT_NULL_OF(expression) ((hf_term){ .op = HF_OP_NOT_NULL, .terms = HF__TERMS(expression) })
#define HF_ASC_OF(expression)     ((hf_term){ .op = HF_OP_ASC, .terms = HF__TERMS(expression) })
#define HF_DESC_OF(expression)    ((hf_term){ .op = HF_OP_DESC, .terms = HF__TERMS(expression) })

/* HF_PICK(by_owner, n, HF_COUNT_ROWS): for hf_select_as. */
#define HF_PICK(U, m, expression) ((hf_term){ HF__TERM(U, m, HF_OP_PICK), .terms = HF__TERMS(expression) })

#define HF_ALL           ((hf_clause){ .kind = HF_CLAUSE_ALL })
#define HF_WHERE(...)    ((hf_clause){ .kind = HF_CLAUSE_WHERE, .terms = HF__TERMS(__VA_ARGS__) })
#define HF_ORDER(...)    ((hf_clause){ .kind = HF_CLAUSE_ORDER, .terms = HF__TERMS(__VA_ARGS__) })
/* Below 0 (HF_FOREVER) there is no limit, and no offset. */
#define HF_LIMIT(count)  ((hf_clause){ .kind = HF_CLAUSE_LIMIT, .n = (count) })
#define HF_OFFSET(count) ((hf_clause){ .kind = HF_CLAUSE_OFFSET, .n = (count) })
/* Until the transaction ends: a session whose verbs stand alone, as on a pool, holds no lock. */
#define HF_LOCK(how)     ((hf_clause){ .kind = HF_CLAUSE_LOCK, .n = (how) })
/* HF_ONLY(HF_COL(task, subject)): these columns and the key are read; the other members are 0,
 * and hf_update would write that: hf_update_only. */
#define HF_ONLY(...)     ((hf_clause){ .kind = HF_CLAUSE_ONLY, .terms = HF__TERMS(__VA_ARGS__) })
#define HF_MATCHING(f)   ((hf_clause){ .kind = HF_CLAUSE_FIND, .find = (f) })
/* Of hf_select_as and hf_scalar the server refuses distinct rows by an order that is not among what
 * is picked, and an enum's is none that was picked as its label (42P10): HF_GROUP takes both. */
#define HF_DISTINCT      ((hf_clause){ .kind = HF_CLAUSE_DISTINCT })
#define HF_DISTINCT_ON(...) ((hf_clause){ .kind = HF_CLAUSE_DISTINCT, .terms = HF__TERMS(__VA_ARGS__) })
#define HF_GROUP(...)    ((hf_clause){ .kind = HF_CLAUSE_GROUP, .terms = HF__TERMS(__VA_ARGS__) })
#define HF_HAVING(...)   ((hf_clause){ .kind = HF_CLAUSE_HAVING, .terms = HF__TERMS(__VA_ARGS__) })

/* HF_JOIN(task, owner_id, person, id): conditions, orders and expressions may be the other table's
 * then. HF_JOIN_ON(HF_ON(…), HF_ON(…)): by several columns. A table joins in once. */
#define HF_ON(T, m, U, um) ((hf_term){ .op = HF_OP_ON, .table = &T##_table, .column = HF__C_AS(T, m, U, um), .other = &U##_table, .other_column = HF_C(U, um) })
#define HF_JOIN_ON(...)      ((hf_clause){ .kind = HF_CLAUSE_JOIN, .terms = HF__TERMS(__VA_ARGS__) })
#define HF_LEFT_JOIN_ON(...) ((hf_clause){ .kind = HF_CLAUSE_LEFT_JOIN, .terms = HF__TERMS(__VA_ARGS__) })
#define HF_JOIN(T, m, U, um)      HF_JOIN_ON(HF_ON(T, m, U, um))
#define HF_LEFT_JOIN(T, m, U, um) HF_LEFT_JOIN_ON(HF_ON(T, m, U, um))

/* HF_UNION(HF_WHERE(…)): with the rows that these clauses select of the same table; chained from
 * left to right. Orders and limits that stand beside them are those of the whole. */
#define HF_UNION(...)     HF__SET(HF_CLAUSE_UNION, __VA_ARGS__)
#define HF_UNION_ALL(...) HF__SET(HF_CLAUSE_UNION_ALL, __VA_ARGS__)
#define HF_INTERSECT(...) HF__SET(HF_CLAUSE_INTERSECT, __VA_ARGS__)
#define HF_EXCEPT(...)    HF__SET(HF_CLAUSE_EXCEPT, __VA_ARGS__)
#define HF__SET(how, ...) ((hf_clause){ .kind = (how), .clauses = HF__CLAUSES(__VA_ARGS__) })

#define HF__CLAUSES(...) (const hf_clause[]){ __VA_ARGS__, { .kind = HF_CLAUSE_END } }
/* clang-format on */

#endif

#endif
