/* SPDX-License-Identifier: MIT */
/* A row with everything that refers to it, in one statement.
 *
 * It first locks the row, so that nothing else happens where that is not to be deleted. One that
 * another transaction has changed meanwhile is not seen by the statement, which has deleted nothing
 * then, and is sent again. Then it collects what is doomed, table by table along the foreign keys,
 * as often as it takes: trees within a table and circles between tables are followed to their end.
 * Rows are known by where they lie (tableoid and ctid, which do not move within a statement), so
 * that tables without a key take part. The row itself is deleted first, and what refers to it is
 * collected from what was deleted: where a trigger keeps the row, nothing else is touched. The rest
 * goes at once, and what may stay is set free. The server checks foreign keys when the statement
 * ends, so that no order is needed; one that does not hold undoes everything, on any carrier. */
#include "model/verb.h"

#include "value/error.h"

#include <string.h>

enum { MAX_TABLES = 64, TURNS = 10 };

/* A foreign key between two of the tables. */
struct edge {
	size_t child, parent; /* positions in tables */
	size_t here[HF_MAX_KEY], there[HF_MAX_KEY], n;
	bool frees; /* the child stays, and its key becomes NULL */
};

struct deep {
	hf__verb *v;
	const hf__plan *table[MAX_TABLES]; /* the first is the row's */
	bool doomed[MAX_TABLES];           /* rows of it may be deleted */
	size_t n;
	struct edge *edge;
	size_t n_edges;
};

/* --- tables and keys --- */

static bool add_table(struct deep *d, const hf_table *t)
{
	hf_error *e;
	const hf__plan *p = hf__plan_of(t, &e);

	for (size_t i = 0; p && i < d->n; i++)
		if (d->table[i] == p)
			return true;
	if (p && d->n < MAX_TABLES) {
		d->table[d->n++] = p;
		return true;
	}
	hf__statement_fail(&d->v->st,
		e ? e
		  : hf__error_fmt(HF_E_TOO_LARGE, 0, "model %s: more than %d tables refer to it",
			    d->v->p->table.model, MAX_TABLES));
	return false;
}

static bool add_tables(struct deep *d, const hf_table *const *among)
{
	d->table[0] = d->v->p;
	d->n = 1;
	for (; among && *among; among++)
		if (!add_table(d, *among))
			return false;
	return true;
}

static bool may_be_null(const hf__plan *p, const struct edge *e)
{
	for (size_t i = 0; i < e->n; i++)
		if (p->columns[e->here[i]].nullable)
			return true;
	return false;
}

static void add_edge(
	struct deep *d, size_t child, size_t parent, const hf_foreign_key *k, bool nullable)
{
	const hf__plan *p = d->table[child];
	struct edge *e = &d->edge[d->n_edges++];

	*e = (struct edge){ .child = child, .parent = parent };
	e->n = hf__plan_columns(p, k->here, e->here);
	(void)hf__plan_columns(d->table[parent], k->there, e->there);
	e->frees = !nullable && may_be_null(p, e);
}

/* Every foreign key from a table of the list to one of the list. */
static bool add_edges(struct deep *d, bool nullable)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->table[i]->table.n_foreign_keys;
	d->edge = hf__arena_alloc(&d->v->st.arena, (n + 1) * sizeof *d->edge);
	if (!d->edge) {
		hf__statement_fail(&d->v->st, hf__error_nomem());
		return false;
	}
	for (size_t i = 0; i < d->n; i++)
		for (size_t k = 0; k < d->table[i]->table.n_foreign_keys; k++)
			for (size_t to = 0; to < d->n; to++)
				if (d->table[i]->table.foreign_keys[k].table->plan ==
					d->table[to]->table.plan)
					add_edge(d, i, to, &d->table[i]->table.foreign_keys[k],
						nullable);
	return true;
}

/* Whatever refers to a doomed table, and cannot be set free, is doomed. */
static void find_doomed(struct deep *d)
{
	bool more = true;

	d->doomed[0] = true;
	while (more) {
		more = false;
		for (size_t i = 0; i < d->n_edges; i++) {
			const struct edge *e = &d->edge[i];

			if (!d->doomed[e->parent] || e->frees || d->doomed[e->child])
				continue;
			d->doomed[e->child] = more = true;
		}
	}
}

/* --- SQL --- */

static void put_number(struct deep *d, const char *format, size_t n)
{
	hf__strbuf_printf(&d->v->st.text, "%s%zu", format, n);
}

/* The child's key is the parent's. */
static void put_refers(struct deep *d, const struct edge *e)
{
	hf__statement *s = &d->v->st;

	for (size_t i = 0; i < e->n; i++) {
		const hf__plan *child = d->table[e->child], *parent = d->table[e->parent];

		hf__put(s, i ? " AND hf_row." : "hf_row.");
		hf__put(s, child->quoted[e->here[i]]);
		hf__put_operand_cast(s, &child->columns[e->here[i]]);
		hf__put(s, " = hf_parent.");
		hf__put(s, parent->quoted[e->there[i]]);
		hf__put_operand_cast(s, &parent->columns[e->there[i]]);
	}
}

static void put_parent_is_doomed(struct deep *d, const struct edge *e)
{
	put_number(d, "hf_doomed.t = ", e->parent);
	hf__put(&d->v->st,
		" AND hf_parent.tableoid = hf_doomed.o AND hf_parent.ctid = hf_doomed.at::tid");
}

static void put_next(struct deep *d)
{
	const char *between = " UNION SELECT hf_next.* FROM hf_doomed CROSS JOIN LATERAL (";
	bool any = false;

	for (size_t i = 0; i < d->n_edges; i++) {
		const struct edge *e = &d->edge[i];

		if (!d->doomed[e->parent] || e->frees)
			continue;
		hf__put(&d->v->st, between);
		put_number(d, "SELECT ", e->child);
		hf__strbuf_printf(&d->v->st.text,
			", hf_row.tableoid, hf_row.ctid::text FROM %s AS hf_row JOIN %s AS "
			"hf_parent ON ",
			d->table[e->child]->name, d->table[e->parent]->name);
		put_refers(d, e);
		hf__put(&d->v->st, " WHERE ");
		put_parent_is_doomed(d, e);
		between = " UNION ALL ";
		any = true;
	}
	hf__put(&d->v->st, any ? ") AS hf_next" : "");
}

#define IS_ROOT "hf_row.tableoid = hf_root.o AND hf_row.ctid = hf_root.at"

static void put_doomed(struct deep *d, const void *row)
{
	hf__put(&d->v->st, "WITH RECURSIVE hf_root AS (SELECT tableoid AS o, ctid AS at FROM ");
	hf__put(&d->v->st, d->table[0]->name);
	hf__put_key_as_read(d->v, row);
	hf__strbuf_printf(&d->v->st.text,
		" FOR UPDATE), hf_gone AS (DELETE FROM %s AS hf_row USING hf_root WHERE " IS_ROOT
		" RETURNING hf_root.o, hf_root.at), hf_doomed (t, o, at) AS (SELECT 0, o, at::text "
		"FROM hf_gone",
		d->table[0]->name);
	put_next(d);
	hf__put(&d->v->st, ")");
}

/* Whether other rows of the table may be doomed: the first one's own row is gone already. */
static bool has_more(const struct deep *d, size_t i)
{
	if (i > 0)
		return d->doomed[i];
	for (size_t k = 0; k < d->n_edges; k++)
		if (d->edge[k].child == 0 && !d->edge[k].frees && d->doomed[d->edge[k].parent])
			return true;
	return false;
}

static void put_delete(struct deep *d, size_t i)
{
	put_number(d, ", hf_rest", i);
	hf__strbuf_printf(&d->v->st.text,
		" AS (DELETE FROM %s AS hf_row USING hf_doomed WHERE hf_doomed.t = %zu AND "
		"hf_row.tableoid = hf_doomed.o AND hf_row.ctid = hf_doomed.at::tid",
		d->table[i]->name, i);
	if (i == 0)
		hf__put(&d->v->st, " AND NOT EXISTS (SELECT 1 FROM hf_root WHERE " IS_ROOT ")");
	hf__put(&d->v->st, ")");
}

static void put_frees(struct deep *d, const struct edge *e)
{
	hf__strbuf_printf(&d->v->st.text,
		"EXISTS (SELECT 1 FROM hf_doomed JOIN %s AS hf_parent ON ",
		d->table[e->parent]->name);
	put_parent_is_doomed(d, e);
	hf__put(&d->v->st, " WHERE ");
	put_refers(d, e);
	hf__put(&d->v->st, ")");
}

/* Whether rows of this table are set free by it. */
static bool frees_row(const struct deep *d, const struct edge *e, size_t child)
{
	return e->child == child && e->frees && d->doomed[e->parent];
}

static bool has_column(const struct edge *e, size_t column)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->here[i] == column)
			return true;
	return false;
}

/* "a = CASE WHEN the row refers to something doomed THEN NULL ELSE a END": one UPDATE for all keys
 * of a table, as a statement changes a row once only. */
static bool put_set_null(struct deep *d, size_t child, size_t column, bool first)
{
	const hf__plan *p = d->table[child];
	const char *between = "";
	bool any = false;

	for (size_t i = 0; i < d->n_edges && p->columns[column].nullable; i++) {
		if (!frees_row(d, &d->edge[i], child) || !has_column(&d->edge[i], column))
			continue;
		if (!any)
			hf__strbuf_printf(&d->v->st.text, "%s%s = CASE WHEN ",
				first ? " SET " : ", ", p->quoted[column]);
		hf__put(&d->v->st, between);
		put_frees(d, &d->edge[i]);
		between = " OR ";
		any = true;
	}
	if (any)
		hf__strbuf_printf(
			&d->v->st.text, " THEN NULL ELSE hf_row.%s END", p->quoted[column]);
	return any;
}

static bool frees_any(const struct deep *d, size_t child)
{
	for (size_t i = 0; i < d->n_edges; i++)
		if (frees_row(d, &d->edge[i], child))
			return true;
	return false;
}

static void put_update(struct deep *d, size_t child)
{
	const char *between = " WHERE (";
	bool any = false;

	put_number(d, ", hf_free", child);
	hf__strbuf_printf(&d->v->st.text, " AS (UPDATE %s AS hf_row", d->table[child]->name);
	for (size_t i = 0; i < d->table[child]->n; i++)
		any |= put_set_null(d, child, i, !any);
	for (size_t i = 0; i < d->n_edges; i++) {
		if (!frees_row(d, &d->edge[i], child))
			continue;
		hf__put(&d->v->st, between);
		put_frees(d, &d->edge[i]);
		between = " OR ";
	}
	hf__strbuf_printf(&d->v->st.text,
		") AND NOT EXISTS (SELECT 1 FROM hf_doomed WHERE hf_doomed.t = %zu AND "
		"hf_doomed.o = hf_row.tableoid AND hf_doomed.at = hf_row.ctid::text))",
		child);
}

static bool run(struct deep *d, const void *row)
{
	hf__verb_again(d->v);
	put_doomed(d, row);
	for (size_t i = 0; i < d->n; i++) {
		if (has_more(d, i))
			put_delete(d, i);
		if (frees_any(d, i))
			put_update(d, i);
	}
	hf__strbuf_printf(&d->v->st.text,
		" SELECT (SELECT count(*) FROM hf_root), (SELECT count(*) FROM %s AS hf_row JOIN "
		"hf_root ON " IS_ROOT "), (SELECT count(*) FROM hf_gone)",
		d->table[0]->name);
	return hf__verb_run(d->v);
}

static hf_error *not_deleted(const struct deep *d, const char *why)
{
	return hf__error_fmt(HF_E_NO_ROWS, 0, "model %s: %s", d->v->p->table.model, why);
}

static void delete_all(struct deep *d, const void *row)
{
	for (int i = 0; i < TURNS && run(d, row); i++) {
		hf_row counts = hf_result_row(d->v->res, 0);
		bool is_there = hf_row_int8(counts, 0, 0) > 0,
		     is_seen = hf_row_int8(counts, 1, 0) > 0,
		     is_gone = hf_row_int8(counts, 2, 0) > 0;

		if (!is_there)
			hf__missed(d->v, row);
		else if (is_seen && !is_gone)
			hf__statement_fail(&d->v->st,
				not_deleted(d, "the row is there, and the server has left it and "
					       "what refers to it alone: a trigger or a policy "
					       "does not let it be deleted"));
		if (!is_there || is_seen)
			return;
	}
	if (!d->v->st.error)
		hf__statement_fail(
			&d->v->st, not_deleted(d, "the row is changed by others all the time"));
}

hf_status hf_delete_deep_at(const hf_site *site, hf_session *s, const hf_table *t, void *row,
	const hf_table *const *among, bool nullable)
{
	hf__verb v;
	struct deep d = { .v = &v };

	if (!hf__verb_begin(&v, site, s, t) || !hf__verb_may_delete(&v, row))
		return hf__verb_end(&v);
	if (add_tables(&d, among) && add_edges(&d, nullable)) {
		find_doomed(&d);
		delete_all(&d, row);
	}
	hf__verb_deleted(&v, row);
	return hf__verb_end(&v);
}
