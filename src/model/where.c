/* SPDX-License-Identifier: MIT */
/* Conditions and expressions, as SQL. */
#include "model/statement.h"

#include "value/error.h"
#include "value/sql_scan.h"

#include <stdlib.h>
#include <string.h>

static void put_condition(hf__statement *s, const hf__plan *p, const hf_term *t);

/* --- columns --- */

/* A column, and the table of the statement that has it. */
struct place {
	const hf__plan *p;
	const hf_column *c; /* NULL: there is none, and the statement's error tells */
};

static const hf__plan *plan_in(const hf__statement *s, const hf__plan *p, const hf_table *t)
{
	if (t && t->plan == p->table.plan)
		return p;
	for (size_t i = 0; t && i < s->n_joined; i++)
		if (s->joined[i]->table.plan == t->plan)
			return s->joined[i];
	return NULL;
}

static struct place place_of(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	const hf__plan *in = plan_in(s, p, t->table);
	size_t i = in ? hf__plan_column(in, t->column) : 0;

	if (in && i < in->n)
		return (struct place){ in, &in->columns[i] };
	if (t->table && !in)
		hf__statement_fail(
			s, hf__error_fmt(HF_E_MISUSE, 0, "a condition on %s in a statement on %s",
				   t->table->model, p->table.model));
	else
		hf__statement_fail(
			s, hf__error_fmt(HF_E_MISUSE, 0,
				   "model %s: a condition on a member that has no column",
				   p->table.model));
	return (struct place){ p, NULL };
}

/* With a join a name alone might be either table's. */
static bool needs_table(const hf__statement *s)
{
	return s->names == HF__NAMES_SORTED || (s->names == HF__NAMES_PLAIN && s->n_joined > 0);
}

static void put_name(hf__statement *s, struct place at)
{
	if (needs_table(s)) {
		hf__put(s, at.p->name);
		hf__put(s, ".");
	}
	hf__put(s, at.p->quoted[at.c - at.p->columns]);
	if (s->names == HF__NAMES_SORTED && at.c->system)
		hf__put(s, hf__read_cast(at.c)); /* what it is has no order */
	if (s->names == HF__NAMES_READ && at.c->as_text)
		hf__strbuf_printf(&s->text, "::%s", at.c->sql_type);
}

/* As it is compared: the server has no operators for a domain over an enum. */
static void put_operand(hf__statement *s, struct place at)
{
	put_name(s, at);
	if (hf__is_domain_of_enum(at.c))
		hf__strbuf_printf(&s->text, "::%s", at.c->sql_type);
}

void hf__put_column(hf__statement *s, const hf__plan *p, size_t column)
{
	put_name(s, (struct place){ p, &p->columns[column] });
}

/* --- expressions --- */

/* Another's would be a value of another condition. */
static void put_param(hf__statement *s, const hf_term *t, size_t base, const char *param)
{
	unsigned long i = strtoul(param + 1, NULL, 10);

	if (i >= 1 && i <= t->n_args)
		hf__strbuf_printf(&s->text, "$%zu", base + i);
	else
		hf__statement_fail(
			s, hf__error_fmt(HF_E_MISUSE, 0, "\"%.200s\" has $%lu, and %zu values",
				   t->sql, i, t->n_args));
}

/* The parameters of an expression of the user's count from 1, and go on with ours. */
static void put_sql(hf__statement *s, const hf_term *t)
{
	hf__scan sc = { t->sql, t->sql };
	size_t base = s->n;

	for (size_t i = 0; i < t->n_args; i++)
		hf__add_arg(s, t->args[i]);
	hf__put(s, "(");
	for (hf__token k = hf__scan_next(&sc); k != HF__TOKEN_END; k = hf__scan_next(&sc)) {
		if (k == HF__TOKEN_PARAM)
			put_param(s, t, base, sc.from);
		else
			hf__strbuf_add(&s->text, sc.from, (size_t)(sc.at - sc.from));
	}
	hf__put(s, ")");
}

static const char *function(hf_op op)
{
	switch ((int)op) {
	case HF_OP_COLUMN:
		return "(";
	case HF_OP_COUNT:
		return "count(";
	case HF_OP_COUNT_DISTINCT:
		return "count(DISTINCT ";
	case HF_OP_SUM:
		return "sum(";
	case HF_OP_MIN:
		return "min(";
	case HF_OP_MAX:
		return "max(";
	case HF_OP_AVG:
		return "avg(";
	default:
		return NULL;
	}
}

const hf_column *hf__put_expression(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	struct place at;

	if (t->op == HF_OP_COUNT_ROWS) {
		hf__put(s, "count(*)");
		return NULL;
	}
	if (t->op == HF_OP_SQL) {
		put_sql(s, t);
		return NULL;
	}
	if (!function(t->op)) {
		hf__statement_fail(s, hf__error_fmt(HF_E_MISUSE, 0,
					      "model %s: a condition, an order or an assignment "
					      "where an expression belongs",
					      p->table.model));
		return NULL;
	}
	at = place_of(s, p, t);
	if (!at.c)
		return NULL;
	if (t->op != HF_OP_COLUMN)
		hf__put(s, function(t->op));
	if (t->op == HF_OP_MIN || t->op == HF_OP_MAX)
		put_operand(s, at);
	else
		put_name(s, at);
	if (t->op != HF_OP_COLUMN)
		hf__put(s, ")");
	return t->op == HF_OP_COLUMN || t->op == HF_OP_MIN || t->op == HF_OP_MAX ? at.c : NULL;
}

/* --- comparisons --- */

static const char *sign(hf_op op)
{
	switch ((int)op) {
	case HF_OP_EQ:
		return " = ";
	case HF_OP_NE:
		return " <> ";
	case HF_OP_LT:
		return " < ";
	case HF_OP_LE:
		return " <= ";
	case HF_OP_GT:
		return " > ";
	default:
		return " >= ";
	}
}

static bool is_comparison(hf_op op)
{
	return op >= HF_OP_EQ && op <= HF_OP_GE;
}

/* With NULL on the right side "=" would never hold, and "<>" neither. */
static bool put_null(hf__statement *s, const hf_term *t)
{
	bool is = t->value.type == HF_T_NULL && (t->op == HF_OP_EQ || t->op == HF_OP_NE);

	if (is)
		hf__put(s, t->op == HF_OP_EQ ? " IS NULL" : " IS NOT NULL");
	return is;
}

static void put_comparison(hf__statement *s, struct place at, const hf_term *t)
{
	put_operand(s, at);
	if (put_null(s, t))
		return;
	hf__put(s, sign(t->op));
	hf__put_value(s, at.c, &t->value);
}

static void put_expression_compared(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	const hf_column *c = hf__put_expression(s, p, t->terms);

	if (put_null(s, t))
		return;
	hf__put(s, sign(t->op));
	if (c)
		hf__put_value(s, c, &t->value);
	else
		hf__put_arg(s, t->value);
}

/* The text itself as a pattern: what means something in one is escaped. */
static const char *pattern(hf__statement *s, const char *text, bool open_front, bool open_end)
{
	char *to = hf__arena_alloc(&s->arena, 2 * strlen(text) + 3), *at = to;

	if (!to) {
		hf__statement_fail(s, hf__error_nomem());
		return "";
	}
	if (open_front)
		*at++ = '%';
	for (; *text; text++) {
		if (*text == '%' || *text == '_' || *text == '\\')
			*at++ = '\\';
		*at++ = *text;
	}
	if (open_end)
		*at++ = '%';
	*at = '\0';
	return to;
}

static void put_like(hf__statement *s, struct place at, const hf_term *t)
{
	static const struct {
		bool any_case, as_is, front, end;
	} kind[] = { [HF_OP_LIKE] = { false, true, false, false },
		[HF_OP_ILIKE] = { true, true, false, false },
		[HF_OP_HAS] = { false, false, true, true },
		[HF_OP_IHAS] = { true, false, true, true },
		[HF_OP_BEGINS] = { false, false, false, true },
		[HF_OP_IBEGINS] = { true, false, false, true },
		[HF_OP_ENDS] = { false, false, true, false },
		[HF_OP_IENDS] = { true, false, true, false } };
	const char *text = t->value.type == HF_T_TEXT ? t->value.as.s : NULL;

	put_name(s, at);
	hf__put(s, kind[t->op].any_case ? " ILIKE " : " LIKE ");
	if (text && !kind[t->op].as_is)
		text = pattern(s, text, kind[t->op].front, kind[t->op].end);
	hf__put_arg_of(s, at.c, hf_v_text(text));
}

static void put_same_letters(hf__statement *s, struct place at, const hf_term *t)
{
	hf__put(s, "lower(");
	put_name(s, at);
	hf__put(s, ") = lower(");
	hf__put_arg_of(s, at.c, t->value);
	hf__put(s, ")");
}

/* Inside, the outer statement's joins are not to be seen. */
static void put_in_select(hf__statement *s, struct place at, const hf_term *t)
{
	hf_error *e;
	const hf__plan *other = hf__plan_of(t->other, &e);
	size_t i = other ? hf__plan_column(other, t->other_column) : 0, joined;

	if (e || i == other->n) {
		hf__statement_fail(
			s, e ? e
			     : hf__error_fmt(HF_E_MISUSE, 0,
				       "model %s: a sub-query of a member that has no column",
				       other->table.model));
		return;
	}
	put_name(s, at);
	joined = s->n_joined;
	s->n_joined = 0;
	hf__strbuf_printf(&s->text, " IN (SELECT %s FROM %s WHERE ", other->quoted[i], other->name);
	hf__put_conditions(s, other, t->terms);
	hf__put(s, ")");
	s->n_joined = joined;
}

static void put_of_column(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	struct place at = place_of(s, p, t);

	if (!at.c)
		return;
	if (is_comparison(t->op)) {
		put_comparison(s, at, t);
		return;
	}
	switch ((int)t->op) {
	case HF_OP_IEQ:
		put_same_letters(s, at, t);
		return;
	case HF_OP_ANY:
		put_operand(s, at);
		hf__put(s, " = ANY(");
		hf__put_value(s, at.c, &t->value);
		if (hf__needs_list_type(at.c))
			hf__put_list_type(&s->text, at.c);
		hf__put(s, ")");
		return;
	case HF_OP_NULL:
	case HF_OP_NOT_NULL:
		put_name(s, at);
		hf__put(s, t->op == HF_OP_NULL ? " IS NULL" : " IS NOT NULL");
		return;
	case HF_OP_IN_SELECT:
		put_in_select(s, at, t);
		return;
	default:
		put_like(s, at, t);
	}
}

/* --- what is made of conditions --- */

static size_t put_joined(
	hf__statement *s, const hf__plan *p, const hf_term *terms, const char *between)
{
	size_t n = 0;

	for (const hf_term *t = terms; t->op != HF_OP_END; t++) {
		if (t->op == HF_OP_NONE)
			continue;
		if (n++ > 0)
			hf__put(s, between);
		put_condition(s, p, t);
	}
	return n;
}

bool hf__terms_restrict(const hf_term *t)
{
	for (; t && t->op != HF_OP_END; t++) {
		bool holds_others = t->op == HF_OP_AND || t->op == HF_OP_OR || t->op == HF_OP_NOT;

		if (t->op != HF_OP_NONE && (!holds_others || hf__terms_restrict(t->terms)))
			return true;
	}
	return false;
}

static void put_condition(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	switch ((int)t->op) {
	case HF_OP_AND:
	case HF_OP_OR:
		hf__put(s, "(");
		if (put_joined(s, p, t->terms, t->op == HF_OP_AND ? " AND " : " OR ") == 0)
			hf__put(s, t->op == HF_OP_AND ? "TRUE" : "FALSE");
		hf__put(s, ")");
		return;
	case HF_OP_NOT:
		hf__put(s, hf__terms_restrict(t->terms) ? "NOT (" : "(");
		hf__put_conditions(s, p, t->terms);
		hf__put(s, ")");
		return;
	case HF_OP_SQL:
		put_sql(s, t);
		return;
	default:
		if (is_comparison(t->op) && t->terms)
			put_expression_compared(s, p, t);
		else if (t->op > HF_OP_END && t->op < HF_OP_AND)
			put_of_column(s, p, t);
		else
			hf__statement_fail(s, hf__error_fmt(HF_E_MISUSE, 0,
						      "model %s: an order, an assignment or an "
						      "aggregate where a condition belongs",
						      p->table.model));
	}
}

void hf__put_conditions(hf__statement *s, const hf__plan *p, const hf_term *terms)
{
	if (put_joined(s, p, terms, " AND ") == 0)
		hf__put(s, "TRUE");
}

/* --- orders and assignments --- */

static bool any_case(hf_op op)
{
	return op == HF_OP_IASC || op == HF_OP_IDESC;
}

void hf__put_order(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	struct place at = { p, NULL };

	if (t->op < HF_OP_ASC || t->op > HF_OP_IDESC) {
		hf__statement_fail(s,
			hf__error_fmt(HF_E_MISUSE, 0,
				"model %s: something else where an order belongs", p->table.model));
		return;
	}
	if (!t->terms)
		at = place_of(s, p, t);
	if (!t->terms && !at.c)
		return;
	hf__put(s, any_case(t->op) ? "lower(" : "");
	if (t->terms)
		(void)hf__put_expression(s, p, t->terms);
	else
		put_name(s, at);
	hf__put(s, any_case(t->op) ? ")" : "");
	hf__put(s, t->op == HF_OP_DESC || t->op == HF_OP_IDESC ? " DESC" : "");
}

static void put_set(hf__statement *s, struct place at, const hf_term *t)
{
	put_name(s, at);
	hf__put(s, " = ");
	switch ((int)t->op) {
	case HF_OP_SET_SQL:
		put_sql(s, t);
		return;
	case HF_OP_ADD:
		put_name(s, at);
		hf__put(s, " + ");
		break;
	default:
		break;
	}
	hf__put_value(s, at.c, &t->value);
}

void hf__put_sets(hf__statement *s, const hf__plan *p, const hf_term *sets)
{
	size_t n = 0;

	for (const hf_term *t = sets; t->op != HF_OP_END; t++) {
		struct place at = { p, NULL };

		if (t->op == HF_OP_NONE)
			continue;
		if (t->op >= HF_OP_SET && t->op <= HF_OP_SET_SQL)
			at = place_of(s, p, t);
		else
			hf__statement_fail(
				s, hf__error_fmt(HF_E_MISUSE, 0,
					   "model %s: something else where an assignment belongs",
					   p->table.model));
		if (!at.c)
			return;
		hf__put(s, n++ ? ", " : " SET ");
		put_set(s, at, t);
	}
	if (n == 0)
		hf__statement_fail(s, hf__error_fmt(HF_E_MISUSE, 0,
					      "model %s: nothing is to be set", p->table.model));
}
