/* SPDX-License-Identifier: MIT */
/* A whole SELECT, of clauses in whatever order they were given. */
#include "model/statement.h"

#include "value/codec.h"
#include "value/error.h"

#include <string.h>

static void fail(hf__statement *s, const hf__plan *p, const char *why)
{
	hf__statement_fail(s, hf__error_fmt(HF_E_MISUSE, 0, "model %s: %s", p->table.model, why));
}

static bool is_compound(hf_clause_kind kind)
{
	return kind >= HF_CLAUSE_UNION && kind <= HF_CLAUSE_EXCEPT;
}

/* --- lists of clauses --- */

/* What an hf_find has collected stands for its clauses. NULL: no memory, or another table's. */
static const hf_clause *expand(hf__statement *s, const hf__plan *p, const hf_clause *clauses)
{
	size_t n = 0, k = 0;
	hf_clause *all;

	while (clauses[n].kind != HF_CLAUSE_END)
		n++;
	all = hf__arena_alloc(&s->arena, (n * HF__FIND_CLAUSES + 1) * sizeof *all);
	if (!all) {
		hf__statement_fail(s, hf__error_nomem());
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		if (clauses[i].kind != HF_CLAUSE_FIND)
			all[k++] = clauses[i];
		else if (!hf__find_clauses(s, p, clauses[i].find, all, &k))
			return NULL;
	}
	all[k] = (hf_clause){ .kind = HF_CLAUSE_END };
	return all;
}

/* Of several the last counts. */
static const hf_clause *last(const hf_clause *list, hf_clause_kind kind)
{
	const hf_clause *found = NULL;

	for (; list->kind != HF_CLAUSE_END; list++)
		if (list->kind == kind)
			found = list;
	return found;
}

static bool has_compound(const hf_clause *list)
{
	for (; list->kind != HF_CLAUSE_END; list++)
		if (is_compound(list->kind))
			return true;
	return false;
}

/* --- what is read --- */

static void put_read(hf__statement *s, const hf__plan *p, size_t i, const char *between)
{
	hf__put(s, between);
	if (s->n_joined == 0) {
		hf__put_read(&s->text, p, i);
		return;
	}
	hf__put_column(s, p, i);
	hf__strbuf_printf(&s->text, "%s AS %s", hf__read_cast(&p->columns[i]), p->quoted[i]);
}

/* The columns of an ONLY, and the key. */
static void put_only(hf__statement *s, const hf__plan *p, const hf_term *only)
{
	bool *in = hf__arena_alloc(&s->arena, p->n * sizeof *in);
	size_t n = 0;

	if (!in) {
		hf__statement_fail(s, hf__error_nomem());
		return;
	}
	for (size_t i = 0; i < p->n; i++)
		in[i] = p->columns[i].key;
	for (const hf_term *t = only; t->op != HF_OP_END; t++) {
		size_t i = t->op == HF_OP_COLUMN && t->table && t->table->plan == p->table.plan
				   ? hf__plan_column(p, t->column)
				   : p->n;

		if (i == p->n) {
			fail(s, p, "HF_ONLY takes HF_COLs of its own");
			return;
		}
		in[i] = true;
	}
	for (size_t i = 0; i < p->n; i++)
		if (in[i])
			put_read(s, p, i, n++ ? ", " : "");
}

void hf__put_list(hf__statement *s, const hf__plan *p, const hf_clause *clauses)
{
	const hf_clause *only = last(clauses, HF_CLAUSE_ONLY);

	if (only)
		put_only(s, p, only->terms);
	else if (s->n_joined == 0)
		hf__put(s, p->list);
	else
		for (size_t i = 0; i < p->n; i++)
			put_read(s, p, i, i ? ", " : "");
}

bool hf__is_partial(const hf_clause *clauses)
{
	return last(clauses, HF_CLAUSE_ONLY) != NULL;
}

bool hf__is_open(const hf_clause *clauses)
{
	bool open = true;

	for (; clauses->kind != HF_CLAUSE_END; clauses++) {
		if (clauses->kind == HF_CLAUSE_LIMIT)
			open = clauses->n < 0;
		else if (clauses->kind == HF_CLAUSE_FIND && hf__find_limit(clauses->find) >= 0)
			open = false;
	}
	return open;
}

/* "count(*) AS n": expressions as members of another struct. */
static void put_picks(hf__statement *s, const hf__plan *p, const hf__query *q)
{
	for (const hf_term *t = q->picks; t->op != HF_OP_END; t++) {
		size_t i = hf__plan_column(q->into, t->column);

		if (t->op != HF_OP_PICK || t->table->plan != q->into->table.plan ||
			i == q->into->n) {
			fail(s, q->into, "a pick names one of its members");
			return;
		}
		hf__put(s, t == q->picks ? "" : ", ");
		(void)hf__put_expression(s, p, t->terms);
		hf__strbuf_printf(&s->text, "%s AS %s", hf__read_cast(&q->into->columns[i]),
			q->into->quoted[i]);
	}
}

static void put_scalar(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	const hf_column *c = hf__put_expression(s, p, t);

	if (c)
		hf__put(s, hf__read_cast(c));
}

static void put_columns(
	hf__statement *s, const hf__plan *p, const hf__query *q, const hf_clause *clauses)
{
	switch (q->reads) {
	case HF__READS_ROWS:
		hf__put_list(s, p, clauses);
		return;
	case HF__READS_PICKS:
		put_picks(s, p, q);
		return;
	case HF__READS_SCALAR:
		put_scalar(s, p, q->picks);
		return;
	case HF__READS_NOTHING:
		if (last(clauses, HF_CLAUSE_DISTINCT)) /* which makes them fewer */
			hf__put_list(s, p, clauses);
		else
			hf__put(s, "1");
	}
}

/* --- clauses --- */

static void note_join(hf__statement *s, const hf__plan *p, const hf_table *t)
{
	hf_error *e;
	const hf__plan *other = hf__plan_of(t, &e);

	if (e)
		hf__statement_fail(s, e);
	else if (other == p)
		fail(s, p, "a table is not joined with itself: SQL of your own can");
	else if (s->n_joined == HF__JOINS)
		fail(s, p, "too many joins");
	else
		s->joined[s->n_joined++] = other;
}

/* All of them, before the first name is written. */
static void note_joins(hf__statement *s, const hf__plan *p, const hf_clause *clauses)
{
	for (const hf_clause *c = clauses; c->kind != HF_CLAUSE_END; c++)
		if (c->kind == HF_CLAUSE_JOIN || c->kind == HF_CLAUSE_LEFT_JOIN)
			note_join(s, p, c->terms->other);
}

static void put_join(hf__statement *s, const hf__plan *p, const hf_clause *c, const hf__plan *other)
{
	hf__put(s, c->kind == HF_CLAUSE_JOIN ? " JOIN " : " LEFT JOIN ");
	hf__put(s, other->name);
	for (const hf_term *t = c->terms; t->op != HF_OP_END; t++) {
		const hf_term other_term = { .table = t->other, .column = t->other_column };
		hf__place here = hf__place_of(s, p, t);
		hf__place there = hf__place_of(s, p, &other_term);

		if (!here.c || !there.c)
			return;
		hf__put(s, t == c->terms ? " ON " : " AND ");
		hf__put_operand(s, here);
		hf__put(s, " = ");
		hf__put_operand(s, there);
	}
}

static void put_joins(hf__statement *s, const hf__plan *p, const hf_clause *clauses)
{
	size_t n = 0;

	for (const hf_clause *c = clauses; c->kind != HF_CLAUSE_END; c++)
		if (c->kind == HF_CLAUSE_JOIN || c->kind == HF_CLAUSE_LEFT_JOIN)
			put_join(s, p, c, s->joined[n++]);
}

static void put_where(hf__statement *s, const hf__plan *p, const hf_clause *clauses,
	hf_clause_kind kind, const char *word)
{
	for (const hf_clause *c = clauses; c->kind != HF_CLAUSE_END; c++) {
		if (c->kind != kind)
			continue;
		hf__put(s, word);
		hf__put_conditions(s, p, c->terms);
		word = " AND ";
	}
}

/* Of a clause of this kind; `names`: how they stand in it. */
static void put_terms(hf__statement *s, const hf__plan *p, const hf_clause *clauses,
	hf_clause_kind kind, const char *word, hf__names names)
{
	s->names = names;
	for (const hf_clause *c = clauses; c->kind != HF_CLAUSE_END; c++) {
		if (c->kind != kind || !c->terms)
			continue;
		for (const hf_term *t = c->terms; t->op != HF_OP_END; t++) {
			if (t->op == HF_OP_NONE)
				continue;
			hf__put(s, word);
			if (kind == HF_CLAUSE_ORDER)
				hf__put_order(s, p, t);
			else
				(void)hf__put_expression(s, p, t);
			word = ", ";
		}
	}
	s->names = HF__NAMES_PLAIN;
}

static void put_limit(hf__statement *s, const hf_clause *clauses, bool one)
{
	const hf_clause *limit = last(clauses, HF_CLAUSE_LIMIT);
	const hf_clause *offset = last(clauses, HF_CLAUSE_OFFSET);

	if (limit && limit->n >= 0) {
		hf__put(s, " LIMIT ");
		hf__put_arg(s, hf_v_int8(one && limit->n > 1 ? 1 : limit->n));
	} else if (one) {
		hf__put(s, " LIMIT 1");
	}
	if (offset && offset->n >= 0) {
		hf__put(s, " OFFSET ");
		hf__put_arg(s, hf_v_int8(offset->n));
	}
}

/* " OF task": of the rows that are read, not of those that are joined in. The name stands alone
 * there, whatever the schema. */
static void put_lock_of(hf__statement *s, const hf__plan *p)
{
	hf_error *e;

	hf__put(s, " OF ");
	if (hf__ident(&s->text, p->table.name, "table", &e) != HF_OK)
		hf__statement_fail(s, e);
}

static void put_lock(hf__statement *s, const hf__plan *p, const hf_clause *c)
{
	static const char *const locks[] = { "", " FOR UPDATE", " FOR NO KEY UPDATE", " FOR SHARE",
		" FOR KEY SHARE" };
	int64_t kind = c ? c->n & 7 : 0;

	if (!c)
		return;
	if (kind < 1 || kind > 4) {
		hf__statement_fail(
			s, hf__error_fmt(HF_E_MISUSE, 0, "lock %d is unknown", (int)c->n));
		return;
	}
	hf__put(s, locks[kind]);
	if (s->n_joined > 0)
		put_lock_of(s, p);
	if (c->n & HF_SKIP_LOCKED)
		hf__put(s, " SKIP LOCKED");
	else if (c->n & HF_NOWAIT)
		hf__put(s, " NOWAIT");
}

static void put_distinct(hf__statement *s, const hf__plan *p, const hf_clause *clauses)
{
	const hf_clause *distinct = last(clauses, HF_CLAUSE_DISTINCT);

	if (!distinct)
		return;
	hf__put(s, "DISTINCT ");
	if (distinct->terms) {
		put_terms(s, p, clauses, HF_CLAUSE_DISTINCT, "ON (", HF__NAMES_SORTED);
		hf__put(s, ") ");
	}
}

/* --- one SELECT --- */

/* Without what belongs behind the whole of a compound. */
static void put_core(
	hf__statement *s, const hf__plan *p, const hf__query *q, const hf_clause *clauses)
{
	note_joins(s, p, clauses);
	if (s->error)
		return;
	hf__put(s, "SELECT ");
	put_distinct(s, p, clauses);
	put_columns(s, p, q, clauses);
	hf__put(s, " FROM ");
	hf__put(s, p->name);
	put_joins(s, p, clauses);
	put_where(s, p, clauses, HF_CLAUSE_WHERE, " WHERE ");
	put_terms(s, p, clauses, HF_CLAUSE_GROUP, " GROUP BY ", HF__NAMES_PLAIN);
	put_where(s, p, clauses, HF_CLAUSE_HAVING, " HAVING ");
}

static void put_tail(
	hf__statement *s, const hf__plan *p, const hf_clause *clauses, bool one, hf__names names)
{
	put_terms(s, p, clauses, HF_CLAUSE_ORDER, " ORDER BY ", names);
	put_limit(s, clauses, one);
	put_lock(s, p, last(clauses, HF_CLAUSE_LOCK));
}

static void put_plain(
	hf__statement *s, const hf__plan *p, const hf__query *q, const hf_clause *clauses)
{
	put_core(s, p, q, clauses);
	put_tail(s, p, clauses, q->one, HF__NAMES_SORTED);
	s->n_joined = 0;
}

/* --- several, and one that is sorted from outside --- */

/* Of distinct rows the server sorts by nothing but what is read. */
static bool sorts_distinct(const hf__query *q, const hf_clause *clauses)
{
	const hf_clause *distinct = last(clauses, HF_CLAUSE_DISTINCT);

	return distinct && !distinct->terms && last(clauses, HF_CLAUSE_ORDER) &&
	       (q->reads == HF__READS_ROWS || q->reads == HF__READS_NOTHING);
}

static const char *set_operation(hf_clause_kind kind)
{
	switch ((int)kind) {
	case HF_CLAUSE_UNION:
		return " UNION ";
	case HF_CLAUSE_UNION_ALL:
		return " UNION ALL ";
	case HF_CLAUSE_INTERSECT:
		return " INTERSECT ";
	default:
		return " EXCEPT ";
	}
}

/* From left to right: ((a UNION b) EXCEPT c). */
static void put_sets(
	hf__statement *s, const hf__plan *p, const hf__query *q, const hf_clause *clauses)
{
	for (const hf_clause *c = clauses; c->kind != HF_CLAUSE_END; c++)
		if (is_compound(c->kind))
			hf__put(s, "(");
	hf__put(s, "(");
	put_core(s, p, q, clauses);
	s->n_joined = 0;
	hf__put(s, ")");
	for (const hf_clause *c = clauses; c->kind != HF_CLAUSE_END; c++) {
		hf__query part = {
			.reads = q->reads, .picks = q->picks, .into = q->into, .clauses = c->clauses
		};

		if (!is_compound(c->kind))
			continue;
		hf__put(s, set_operation(c->kind));
		hf__put(s, "(");
		hf__put_query(s, p, &part);
		hf__put(s, "))");
	}
}

void hf__put_query(hf__statement *s, const hf__plan *p, const hf__query *q)
{
	const hf_clause *clauses = expand(s, p, q->clauses);
	hf__query whole = *q;

	if (!clauses)
		return;
	if (!has_compound(clauses) && !sorts_distinct(q, clauses)) {
		put_plain(s, p, q, clauses);
		return;
	}
	if (whole.reads == HF__READS_NOTHING)
		whole.reads = HF__READS_ROWS;
	hf__put(s, "SELECT * FROM (");
	put_sets(s, p, &whole, clauses);
	hf__put(s, ") AS hf_all");
	put_tail(s, p, clauses, q->one,
		q->reads == HF__READS_PICKS ? HF__NAMES_PLAIN : HF__NAMES_READ);
}

/* --- the end of an UPDATE or a DELETE --- */

static bool says_all(const hf_clause *c)
{
	while (c && c->kind != HF_CLAUSE_END && c->kind != HF_CLAUSE_ALL)
		c++;
	return c && c->kind == HF_CLAUSE_ALL;
}

/* Conditions that have all fallen away (HF_IF), and an hf_find without any, do not mean all rows.
 */
void hf__put_where(hf__statement *s, const hf__plan *p, const hf_clause *given)
{
	const hf_clause *clauses = expand(s, p, given);
	bool any = says_all(given);

	for (const hf_clause *c = clauses; c && c->kind != HF_CLAUSE_END; c++) {
		any |= c->kind == HF_CLAUSE_WHERE && hf__terms_restrict(c->terms);
		if (c->kind != HF_CLAUSE_WHERE && c->kind != HF_CLAUSE_ALL &&
			c->kind != HF_CLAUSE_ONLY)
			fail(s, p,
				"an UPDATE or a DELETE has conditions, and no order, limit, join "
				"or lock");
	}
	if (!any)
		fail(s, p, "no condition is left: say HF_ALL where all rows are meant");
	if (clauses)
		put_where(s, p, clauses, HF_CLAUSE_WHERE, " WHERE ");
}
