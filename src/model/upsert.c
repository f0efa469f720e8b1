/* SPDX-License-Identifier: MIT */
/* Rows that may be there already.
 *
 * What decides is a unique index, never a look beforehand: INSERT … ON CONFLICT waits for whoever
 * is inserting the same, and fails no transaction. */
#include "model/verb.h"

#include "base/strbuf.h"
#include "value/error.h"
#include "value/text.h"

#include <holdfast/convert.h>

#include <string.h>

/* How often a row may vanish between the INSERT that met it and the SELECT that looks for it. */
enum { TURNS = 10 };

/* The columns whose values make two rows the same. */
struct same {
	size_t at[HF_MAX_KEY], n;
};

static void put_conflict(hf__verb *v, const struct same *by)
{
	for (size_t i = 0; i < by->n; i++) {
		hf__put(&v->st, i ? ", " : " ON CONFLICT (");
		hf__put(&v->st, v->p->quoted[by->at[i]]);
	}
	hf__put(&v->st, ")");
}

/* What the INSERT leaves out; NULL: no memory. */
static bool *put_insert(hf__verb *v, const void *row)
{
	bool *left_out = hf__arena_alloc(&v->st.arena, v->p->n * sizeof *left_out);

	if (!left_out)
		hf__statement_fail(&v->st, hf__error_nomem());
	else
		hf__put_insert(v, row, left_out);
	return left_out;
}

static void put_returning(hf__verb *v)
{
	hf__put(&v->st, " RETURNING ");
	hf__put(&v->st, v->p->list);
}

/* --- or the one that is there --- */

static bool insert_if_missing(hf__verb *v, const void *row, const struct same *by)
{
	hf__verb_again(v);
	if (!put_insert(v, row))
		return false;
	put_conflict(v, by);
	hf__put(&v->st, " DO NOTHING");
	put_returning(v);
	return hf__verb_run(v);
}

static bool find_same(hf__verb *v, const void *row, const struct same *by)
{
	hf__verb_again(v);
	hf__put_select(v);
	for (size_t i = 0; i < by->n; i++) {
		hf__put(&v->st, i ? " AND " : " WHERE ");
		hf__put(&v->st, v->p->quoted[by->at[i]]);
		hf__put_operand_cast(&v->st, &v->p->columns[by->at[i]]);
		hf__put(&v->st, " = ");
		hf__put_member(&v->st, &v->p->columns[by->at[i]], row);
	}
	return hf__verb_run(v);
}

/* True: the result has the row, whoever made it. */
static bool insert_or_find(hf__verb *v, const void *row, const struct same *by, bool *created)
{
	for (int i = 0; i < TURNS; i++) {
		if (!insert_if_missing(v, row, by))
			return false;
		*created = hf_result_rows(v->res) > 0;
		if (*created)
			return true;
		if (!find_same(v, row, by))
			return false;
		if (hf_result_rows(v->res) > 0)
			return true;
	}
	hf__statement_fail(
		&v->st, hf__error_fmt(HF_E_NO_ROWS, 0,
				"table %s: the row is inserted and deleted by others all the time",
				v->p->name));
	return false;
}

/* --- hf_upsert --- */

static bool is_one_of(const struct same *by, size_t column)
{
	for (size_t i = 0; i < by->n; i++)
		if (by->at[i] == column)
			return true;
	return false;
}

static void put_excluded(hf__verb *v, size_t column, size_t *n)
{
	hf__put(&v->st, (*n)++ ? ", " : " DO UPDATE SET ");
	hf__put(&v->st, v->p->quoted[column]);
	hf__put(&v->st, " = EXCLUDED.");
	hf__put(&v->st, v->p->quoted[column]);
}

/* Of HF_REST. What counts up and was not given is of the row that is there: EXCLUDED has the
 * sequence's next one. */
static bool is_of_the_rest(
	const hf__verb *v, const struct same *by, const bool *left_out, size_t column)
{
	return !is_one_of(by, column) &&
	       !(left_out[column] && hf__counts_up(&v->p->columns[column]));
}

static bool put_sets(
	hf__verb *v, const struct same *by, const uint32_t *update, const bool *left_out)
{
	const uint32_t *only = *update == HF__REST ? NULL : update;
	size_t n = 0;

	if (!hf__may_write(v, only))
		return false;
	for (size_t i = 0; i < v->p->n; i++)
		if (hf__is_chosen(&v->p->columns[i], only) &&
			(only || is_of_the_rest(v, by, left_out, i)))
			put_excluded(v, i, &n);
	if (n > 0)
		hf__put_next_version(v, v->p->name);
	else
		hf__statement_fail(&v->st,
			hf__error_fmt(HF_E_MISUSE, 0, "model %s: there is nothing to be updated",
				v->p->table.model));
	return n > 0;
}

/* An old row's xmax is this transaction, which has locked it; a new one's is nobody. Partitioned
 * tables and views have none to tell: `created` is NULL where nobody asks. */
static bool insert_or_update(
	hf__verb *v, void *row, const struct same *by, const uint32_t *update, bool *created)
{
	const bool *left_out = put_insert(v, row);

	if (!left_out)
		return false;
	put_conflict(v, by);
	if (!put_sets(v, by, update, left_out))
		return false;
	put_returning(v);
	hf__put(&v->st, created ? ", xmax = 0" : "");
	if (!hf__verb_run(v) || !hf__has_inserted(v, 1))
		return false;
	if (created)
		*created = hf_row_bool(hf_result_row(v->res, 0), (int)v->p->n, false);
	return true;
}

static bool has_after_save(const hf__verb *v)
{
	return v->p->table.events && v->p->table.events->after_save;
}

static bool same_columns(hf__verb *v, const uint32_t *conflict, struct same *by)
{
	int n = conflict ? hf__positions(v, conflict, by->at, HF_MAX_KEY) : 0;

	by->n = n > 0 ? (size_t)n : 0;
	if (n == 0)
		hf__statement_fail(
			&v->st, hf__error_fmt(HF_E_MISUSE, 0,
					"model %s: an upsert names the columns of a unique index",
					v->p->table.model));
	return n > 0;
}

bool hf__put_on_conflict(
	hf__verb *v, const uint32_t *conflict, const uint32_t *update, const bool *left_out)
{
	struct same by;

	if (!same_columns(v, conflict, &by))
		return false;
	put_conflict(v, &by);
	if (update)
		return put_sets(v, &by, update, left_out);
	hf__put(&v->st, " DO NOTHING");
	return true;
}

hf_status hf_upsert_at(const hf_site *site, hf_session *s, const hf_table *t, void *row,
	const uint32_t *conflict, const uint32_t *update, bool *created)
{
	struct same by;
	hf__verb v;
	bool there = hf__verb_begin(&v, site, s, t);
	bool made = false, done, asked;
	hf_status st;

	v.touches = update != NULL;
	if (!there || !same_columns(&v, conflict, &by) || !hf__verb_may_save(&v, row, true))
		return hf__verb_end(&v);
	asked = created || has_after_save(&v);
	done = update ? insert_or_update(&v, row, &by, update, asked ? &made : NULL)
		      : insert_or_find(&v, row, &by, &made);
	if (done)
		hf__read_all_back(&v, row);
	if (done && (made || update))
		hf__verb_saved(&v, row, made);
	st = hf__verb_end(&v);
	if (st == HF_OK && created)
		*created = made;
	return st;
}

/* --- hf_get_or_create --- */

static hf_error *not_equal(const hf__verb *v)
{
	return hf__error_fmt(HF_E_MISUSE, 0,
		"model %s: get-or-create looks for values of the table's columns with HF_EQ, and "
		"none of them is NULL",
		v->p->table.model);
}

/* 12.5 is 12.50 to the server's index, too. */
static bool same_or_equal(const hf_value *a, const hf_value *b, hf_error **e)
{
	if (a->type == HF_T_NUMERIC && b->type == HF_T_NUMERIC && !hf__value_is_null(b))
		return hf_numeric_compare((hf_numeric){ a->as.s }, (hf_numeric){ b->as.s }) == 0;
	return hf__values_same(a, b, e);
}

/* Whether the row has the value that is looked for. */
static bool has_value(hf__verb *v, const hf_term *t, const hf_column *c, const void *row)
{
	hf_value a, b;
	hf_error *e = NULL;
	bool same = hf__column_value(c, &t->value, &v->st.arena, &a, &e) == HF_OK &&
		    hf__member_sent(c, row, &v->st.arena, &b, &e) == HF_OK &&
		    same_or_equal(&a, &b, &e);

	if (!same && !e)
		e = hf__error_fmt(HF_E_MISUSE, 0,
			"model %s: the row to be created has another \"%s\" than is looked for",
			v->p->table.model, c->name);
	if (e)
		hf__statement_fail(&v->st, e);
	return !e;
}

static bool same_values(hf__verb *v, const hf_term *terms, const void *row, struct same *by)
{
	by->n = 0;
	for (const hf_term *t = terms; t->op != HF_OP_END; t++) {
		size_t i = hf__plan_column(v->p, t->column);

		if (t->op != HF_OP_EQ || !t->table || t->table->plan != v->p->table.plan ||
			i == v->p->n || hf__value_is_null(&t->value) || by->n == HF_MAX_KEY) {
			hf__statement_fail(&v->st, not_equal(v));
			return false;
		}
		if (!has_value(v, t, &v->p->columns[i], row))
			return false;
		by->at[by->n++] = i;
	}
	if (by->n == 0)
		hf__statement_fail(&v->st, not_equal(v));
	return by->n > 0;
}

/* The row as the caller is to have it: that which was created, or one of the session's. */
static void *take_row(hf__verb *v, void *row, bool created)
{
	if (!created)
		return hf__verb_row(v, 0);
	hf__read_all_back(v, row);
	hf__verb_saved(v, row, true);
	return row;
}

hf_status hf_get_or_create_at(const hf_site *site, hf_session *s, const hf_table *t, void *out,
	bool *created, void *row, const hf_term *by)
{
	bool made = false;
	struct same same;
	hf_status st;
	void *got;
	hf__verb v;

	if (!hf__verb_begin(&v, site, s, t) || !hf__there_is(&v, row) ||
		!same_values(&v, by, row, &same) || !find_same(&v, row, &same))
		return hf__verb_end(&v);
	if (hf_result_rows(v.res) == 0 &&
		(!hf__verb_may_save(&v, row, true) || !insert_or_find(&v, row, &same, &made)))
		return hf__verb_end(&v);
	got = take_row(&v, row, made);
	st = hf__verb_end(&v);
	if (st == HF_OK)
		*(void **)out = got;
	if (st == HF_OK && created)
		*created = made;
	return st;
}
