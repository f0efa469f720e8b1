/* SPDX-License-Identifier: MIT */
/* Conditions, orders and assignments, as SQL. */
#include "model/statement.h"

#include "value/error.h"

#include <string.h>

static void put_condition(hf__statement *s, const hf__plan *p, const hf_term *t);

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

/* What a condition is about: a column, or an expression. */
struct subject {
	const hf_column *c;      /* whose values it has; NULL: nobody's */
	const hf_column *hidden; /* what it is made of, if nobody is to see it */
};

static struct subject put_subject(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	bool of_json = t->terms && t->terms->op == HF_OP_JSON_GET;
	bool of_column = !t->terms || t->terms->op == HF_OP_COLUMN;
	struct subject it = { NULL, NULL };
	hf__place at = { p, NULL };

	if (of_column || of_json)
		at = hf__place_of(s, p, t->terms ? t->terms : t);
	if (at.c && at.c->hidden)
		it.hidden = at.c;
	if (!of_column) {
		it.c = hf__put_expression(s, p, t->terms);
	} else if (at.c) {
		hf__put_operand(s, at);
		it.c = at.c;
	}
	return it;
}

static void put_arg_beside(hf__statement *s, struct subject it, hf_value v)
{
	if (it.c || it.hidden)
		hf__put_arg_of(s, it.c ? it.c : it.hidden, v);
	else
		hf__put_arg(s, v);
}

static void put_value_beside(hf__statement *s, struct subject it, const hf_value *v)
{
	if (it.c)
		hf__put_value(s, it.c, v);
	else
		put_arg_beside(s, it, *v);
}

static void put_comparison(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	struct subject it = put_subject(s, p, t);

	if (put_null(s, t))
		return;
	hf__put(s, sign(t->op));
	put_value_beside(s, it, &t->value);
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

static void put_like(hf__statement *s, const hf__plan *p, const hf_term *t)
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
	struct subject it = put_subject(s, p, t);

	hf__put(s, kind[t->op].any_case ? " ILIKE " : " LIKE ");
	if (text && !kind[t->op].as_is)
		text = pattern(s, text, kind[t->op].front, kind[t->op].end);
	put_arg_beside(s, it, hf_v_text(text));
}

static void put_same_letters(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	struct subject it;

	hf__put(s, "lower(");
	it = put_subject(s, p, t);
	hf__put(s, ") = lower(");
	put_arg_beside(s, it, t->value);
	hf__put(s, ")");
}

static void put_any(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	struct subject it = put_subject(s, p, t);

	hf__put(s, " = ANY(");
	put_value_beside(s, it, &t->value);
	if (it.c && hf__needs_list_type(it.c))
		hf__put_list_type(&s->text, it.c);
	hf__put(s, ")");
}

/* Inside, the outer statement's joins are not to be seen. */
static void put_in_select(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	hf__place at = hf__place_of(s, p, t);
	hf_error *e = NULL;
	const hf__plan *other = at.c ? hf__plan_of(t->other, &e) : NULL;
	size_t i = other ? hf__plan_column(other, t->other_column) : 0, joined;

	if (!at.c)
		return;
	if (e || i == other->n) {
		hf__statement_fail(
			s, e ? e
			     : hf__error_fmt(HF_E_MISUSE, 0,
				       "model %s: a sub-query of a member that has no column",
				       other->table.model));
		return;
	}
	hf__put_operand(s, at);
	joined = s->n_joined;
	s->n_joined = 0;
	hf__put(s, " IN (SELECT ");
	hf__put(s, other->quoted[i]);
	hf__put_operand_cast(s, &other->columns[i]);
	hf__strbuf_printf(&s->text, " FROM %s WHERE ", other->name);
	hf__put_conditions(s, other, t->terms);
	hf__put(s, ")");
	s->n_joined = joined;
}

/* What HF_THAT cannot have checked as it was compiled: NULL, or why the value does not stand beside
 * such an expression. */
static const char *misfit(const hf_term *t)
{
	bool of_json = t->terms->op == HF_OP_JSON_GET, about_text = of_json;
	int type = (int)t->value.type;

	if (t->op == HF_OP_NULL || t->op == HF_OP_NOT_NULL || type == HF_T_NULL)
		return NULL;
	if (t->op == HF_OP_ANY) {
		if (!(type & HF_T_ARRAY))
			return "HF_OP_ANY takes an array";
		type &= ~HF_T_ARRAY;
	}
	about_text |= (t->op >= HF_OP_LIKE && t->op <= HF_OP_IEQ);
	if (!about_text || type == HF_T_TEXT)
		return NULL;
	return of_json ? "what HF_JSON_GET gives is text, and compares with text alone"
		       : "patterns, and what goes without case, are texts";
}

static void put_comparing(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	const char *why = t->terms && t->op != HF_OP_IN_SELECT ? misfit(t) : NULL;

	if (why) {
		hf__statement_fail(
			s, hf__error_fmt(HF_E_MISUSE, 0, "model %s: %s", p->table.model, why));
		return;
	}
	switch ((int)t->op) {
	case HF_OP_IEQ:
		put_same_letters(s, p, t);
		return;
	case HF_OP_ANY:
		put_any(s, p, t);
		return;
	case HF_OP_NULL:
	case HF_OP_NOT_NULL:
		(void)put_subject(s, p, t);
		hf__put(s, t->op == HF_OP_NULL ? " IS NULL" : " IS NOT NULL");
		return;
	case HF_OP_IN_SELECT:
		put_in_select(s, p, t);
		return;
	default:
		if (is_comparison(t->op))
			put_comparison(s, p, t);
		else
			put_like(s, p, t);
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
		hf__put_sql(s, t);
		return;
	case HF_OP_JSON_HAS:
		(void)hf__put_expression(s, p, t);
		return;
	default:
		if (t->op > HF_OP_END && t->op < HF_OP_AND)
			put_comparing(s, p, t);
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
	hf__place at = { p, NULL };

	if (t->op < HF_OP_ASC || t->op > HF_OP_IDESC) {
		hf__statement_fail(s,
			hf__error_fmt(HF_E_MISUSE, 0,
				"model %s: something else where an order belongs", p->table.model));
		return;
	}
	if (!t->terms)
		at = hf__place_of(s, p, t);
	if (!t->terms && !at.c)
		return;
	hf__put(s, any_case(t->op) ? "lower(" : "");
	if (t->terms)
		(void)hf__put_expression(s, p, t->terms);
	else
		hf__put_name(s, at);
	hf__put(s, any_case(t->op) ? ")" : "");
	hf__put(s, t->op == HF_OP_DESC || t->op == HF_OP_IDESC ? " DESC" : "");
}

static void put_set(hf__statement *s, hf__place at, const hf_term *t)
{
	hf__put_name(s, at);
	hf__put(s, " = ");
	switch ((int)t->op) {
	case HF_OP_SET_SQL:
		hf__put_sql(s, t);
		return;
	case HF_OP_ADD:
		hf__put_name(s, at);
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
		hf__place at = { p, NULL };

		if (t->op == HF_OP_NONE)
			continue;
		if (t->op >= HF_OP_SET && t->op <= HF_OP_SET_SQL)
			at = hf__place_of(s, p, t);
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
