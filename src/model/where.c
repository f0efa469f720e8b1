/* SPDX-License-Identifier: MIT */
/* Conditions, orders and the rest of a SELECT, as SQL. */
#include "model/statement.h"

#include "value/error.h"
#include "value/sql_scan.h"

#include <stdlib.h>
#include <string.h>

static void put_condition(hf__statement *s, const hf__plan *p, const hf_term *t);

/* --- columns --- */

/* The column that a term names, which must be of this table. */
static const hf_column *column_of(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	size_t i = hf__plan_column(p, t->column);

	if (t->table && t->table->plan == p->table.plan && i < p->n)
		return &p->columns[i];
	hf__statement_fail(
		s, t->table && t->table->plan != p->table.plan
			   ? hf__error_fmt(HF_E_MISUSE, 0, "a condition on %s in a statement on %s",
				     t->table->model, p->table.model)
			   : hf__error_fmt(HF_E_MISUSE, 0,
				     "model %s: a condition on a member that has no column",
				     p->table.model));
	return NULL;
}

static void put_name(hf__statement *s, const hf__plan *p, const hf_column *c)
{
	hf__put(s, p->quoted[c - p->columns]);
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

/* With NULL on the right side "=" would never hold, and "<>" neither. */
static void put_comparison(
	hf__statement *s, const hf__plan *p, const hf_column *c, const hf_term *t)
{
	put_name(s, p, c);
	if (t->value.type == HF_T_NULL && t->op == HF_OP_EQ) {
		hf__put(s, " IS NULL");
		return;
	}
	if (t->value.type == HF_T_NULL && t->op == HF_OP_NE) {
		hf__put(s, " IS NOT NULL");
		return;
	}
	hf__put(s, sign(t->op));
	hf__put_value(s, c, &t->value);
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

static void put_like(hf__statement *s, const hf__plan *p, const hf_column *c, const hf_term *t)
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

	put_name(s, p, c);
	hf__put(s, kind[t->op].any_case ? " ILIKE " : " LIKE ");
	if (text && !kind[t->op].as_is)
		text = pattern(s, text, kind[t->op].front, kind[t->op].end);
	hf__put_arg(s, hf_v_text(text));
}

static void put_same_letters(
	hf__statement *s, const hf__plan *p, const hf_column *c, const hf_term *t)
{
	hf__put(s, "lower(");
	put_name(s, p, c);
	hf__put(s, ") = lower(");
	hf__put_arg(s, t->value);
	hf__put(s, ")");
}

static void put_in_select(hf__statement *s, const hf__plan *p, const hf_column *c, const hf_term *t)
{
	hf_error *e;
	const hf__plan *other = hf__plan_of(t->other, &e);
	size_t i = other ? hf__plan_column(other, t->other_column) : 0;

	if (e || i == other->n) {
		hf__statement_fail(
			s, e ? e
			     : hf__error_fmt(HF_E_MISUSE, 0,
				       "model %s: a sub-query of a member that has no column",
				       other->table.model));
		return;
	}
	put_name(s, p, c);
	hf__put(s, " IN (SELECT ");
	hf__put(s, other->quoted[i]);
	hf__put(s, " FROM ");
	hf__put(s, other->name);
	hf__put(s, " WHERE ");
	hf__put_conditions(s, other, t->terms);
	hf__put(s, ")");
}

static void put_of_column(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	const hf_column *c = column_of(s, p, t);

	if (!c)
		return;
	switch ((int)t->op) {
	case HF_OP_EQ:
	case HF_OP_NE:
	case HF_OP_LT:
	case HF_OP_LE:
	case HF_OP_GT:
	case HF_OP_GE:
		put_comparison(s, p, c, t);
		return;
	case HF_OP_IEQ:
		put_same_letters(s, p, c, t);
		return;
	case HF_OP_ANY:
		put_name(s, p, c);
		hf__put(s, " = ANY(");
		hf__put_value(s, c, &t->value);
		hf__put(s, ")");
		return;
	case HF_OP_NULL:
	case HF_OP_NOT_NULL:
		put_name(s, p, c);
		hf__put(s, t->op == HF_OP_NULL ? " IS NULL" : " IS NOT NULL");
		return;
	case HF_OP_IN_SELECT:
		put_in_select(s, p, c, t);
		return;
	default:
		put_like(s, p, c, t);
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

/* The parameters of an expression of the user's count from 1, and go on with ours. */
static void put_sql(hf__statement *s, const hf_term *t)
{
	hf__scan sc = { t->sql, t->sql };
	size_t base = s->n;

	for (size_t i = 0; i < t->n_args; i++) {
		size_t was = s->text.n;

		hf__put_arg(s, t->args[i]);
		if (s->text.s && !s->text.failed)
			s->text.s[s->text.n = was] = '\0'; /* the value alone */
	}
	hf__put(s, "(");
	for (hf__token k = hf__scan_next(&sc); k != HF__TOKEN_END; k = hf__scan_next(&sc)) {
		if (k == HF__TOKEN_PARAM)
			hf__strbuf_printf(&s->text, "$%zu", base + strtoul(sc.from + 1, NULL, 10));
		else
			hf__strbuf_add(&s->text, sc.from, (size_t)(sc.at - sc.from));
	}
	hf__put(s, ")");
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
		hf__put(s, "NOT (");
		hf__put_conditions(s, p, t->terms);
		hf__put(s, ")");
		return;
	case HF_OP_SQL:
		put_sql(s, t);
		return;
	default:
		if (t->op > HF_OP_END && t->op < HF_OP_AND)
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

/* --- clauses --- */

static void put_order(hf__statement *s, const hf__plan *p, const hf_term *terms)
{
	const char *between = " ORDER BY ";

	for (const hf_term *t = terms; t->op != HF_OP_END; t++) {
		const hf_column *c = column_of(s, p, t);
		bool any_case = t->op == HF_OP_IASC || t->op == HF_OP_IDESC;

		if (!c)
			return;
		hf__put(s, between);
		hf__put(s, any_case ? "lower(" : "");
		put_name(s, p, c);
		hf__put(s, any_case ? ")" : "");
		hf__put(s, t->op == HF_OP_DESC || t->op == HF_OP_IDESC ? " DESC" : "");
		between = ", ";
	}
}

static const hf_clause *clause(const hf_clause *list, hf_clause_kind kind)
{
	for (; list->kind != HF_CLAUSE_END; list++)
		if (list->kind == kind)
			return list;
	return NULL;
}

static void put_all_conditions(hf__statement *s, const hf__plan *p, const hf_clause *clauses)
{
	const char *between = " WHERE ";

	for (const hf_clause *c = clauses; c->kind != HF_CLAUSE_END; c++) {
		if (c->kind != HF_CLAUSE_WHERE && c->kind != HF_CLAUSE_FIND)
			continue;
		hf__put(s, between);
		if (c->kind == HF_CLAUSE_WHERE)
			hf__put_conditions(s, p, c->terms);
		else
			hf__put_find_conditions(s, p, c->find);
		between = " AND ";
	}
}

static void put_number(hf__statement *s, const char *word, const hf_clause *c)
{
	if (!c || c->n < 0)
		return;
	hf__put(s, word);
	hf__put_arg(s, hf_v_int8(c->n));
}

static void put_lock(hf__statement *s, int64_t how)
{
	static const char *const locks[] = { "", " FOR UPDATE", " FOR NO KEY UPDATE", " FOR SHARE",
		" FOR KEY SHARE" };
	int64_t kind = how & 7;

	if (kind < 1 || kind > 4) {
		hf__statement_fail(
			s, hf__error_fmt(HF_E_MISUSE, 0, "lock %d is unknown", (int)how));
		return;
	}
	hf__put(s, locks[kind]);
	if (how & HF_SKIP_LOCKED)
		hf__put(s, " SKIP LOCKED");
	else if (how & HF_NOWAIT)
		hf__put(s, " NOWAIT");
}

void hf__put_clauses(hf__statement *s, const hf__plan *p, const hf_clause *clauses)
{
	const hf_clause *order = clause(clauses, HF_CLAUSE_ORDER);
	const hf_clause *found = clause(clauses, HF_CLAUSE_FIND);
	const hf_clause *lock = clause(clauses, HF_CLAUSE_LOCK);

	put_all_conditions(s, p, clauses);
	if (order)
		put_order(s, p, order->terms);
	put_number(s, " LIMIT ", clause(clauses, HF_CLAUSE_LIMIT));
	put_number(s, " OFFSET ", clause(clauses, HF_CLAUSE_OFFSET));
	if (found)
		hf__put_find_rest(s, p, found->find);
	if (lock)
		put_lock(s, lock->n);
}

void hf__put_where(hf__statement *s, const hf__plan *p, const hf_clause *clauses)
{
	for (const hf_clause *c = clauses; c->kind != HF_CLAUSE_END; c++)
		if (c->kind != HF_CLAUSE_WHERE && c->kind != HF_CLAUSE_FIND &&
			c->kind != HF_CLAUSE_ALL)
			hf__statement_fail(
				s, hf__error_fmt(HF_E_MISUSE, 0,
					   "model %s: an UPDATE or a DELETE has conditions, and no "
					   "order, limit or lock",
					   p->table.model));
	if (!clause(clauses, HF_CLAUSE_ALL) && !clause(clauses, HF_CLAUSE_WHERE) &&
		!clause(clauses, HF_CLAUSE_FIND))
		hf__statement_fail(s,
			hf__error_fmt(HF_E_MISUSE, 0,
				"model %s: say HF_ALL where all rows are meant", p->table.model));
	put_all_conditions(s, p, clauses);
}

void hf__put_sets(hf__statement *s, const hf__plan *p, const hf_term *sets)
{
	const char *between = " SET ";

	for (const hf_term *t = sets; t->op != HF_OP_END; t++) {
		const hf_column *c = t->op == HF_OP_NONE ? NULL : column_of(s, p, t);

		if (!c)
			continue;
		hf__put(s, between);
		put_name(s, p, c);
		hf__put(s, " = ");
		if (t->op == HF_OP_ADD) {
			put_name(s, p, c);
			hf__put(s, " + ");
		}
		hf__put_value(s, c, &t->value);
		between = ", ";
	}
	if (*between == ' ')
		hf__statement_fail(s, hf__error_fmt(HF_E_MISUSE, 0,
					      "model %s: nothing is to be set", p->table.model));
}
