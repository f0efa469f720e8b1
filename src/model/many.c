/* SPDX-License-Identifier: MIT */
/* Many rows in one statement, whose text is the same whatever their number. */
#include "model/strip.h"
#include "model/validate.h"

#include "value/error.h"

static bool many_begin(hf__verb *v, hf__many *m, void *rows, size_t n)
{
	*m = (hf__many){ .rows = rows, .n = n };
	if (!hf__there_is(v, rows))
		return false;
	m->column = hf__arena_alloc(&v->st.arena, v->p->n * sizeof *m->column);
	if (!m->column)
		hf__statement_fail(&v->st, hf__error_nomem());
	return m->column != NULL;
}

static char *row_at(const hf__verb *v, const hf__many *m, size_t i)
{
	return m->rows + i * v->p->table.row_size;
}

static bool is_sent(const hf__many *m, size_t column)
{
	for (size_t i = 0; i < m->n_columns; i++)
		if (m->column[i] == column)
			return true;
	return false;
}

/* What on_update makes of them; false: of one of them it refused. */
static bool touch_all(hf__verb *v, const hf__many *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (!hf__touch(v, row_at(v, m, i)))
			return false;
	return true;
}

/* As single rows are, but for events. `only`: these columns (NULL: all). */
static bool check_all(hf__verb *v, const hf__many *m, const uint32_t *only)
{
	for (size_t i = 0; i < m->n; i++) {
		hf_error *e = hf__row_check(v->p, row_at(v, m, i), only);

		if (!e)
			continue;
		hf__statement_fail(&v->st,
			hf__error_amend(e, 0, 0, "row %zu: %s", i + 1, hf_error_message(e)));
		return false;
	}
	return true;
}

/* --- INSERT --- */

/* What counts up is left out where no row has it; where some have, nobody can tell for the others.
 */
static bool send_counter(hf__verb *v, hf__many *m, size_t column)
{
	const hf_column *c = &v->p->columns[column];
	size_t unset = 0;

	for (size_t i = 0; i < m->n; i++)
		unset += hf__member_is_unset(c, row_at(v, m, i));
	if (unset == 0)
		m->column[m->n_columns++] = column;
	if (unset == 0 || unset == m->n)
		return true;
	hf__statement_fail(
		&v->st, hf__error_fmt(HF_E_MISUSE, 0,
				"model %s: %zu of %zu rows have no \"%s\": all of them, or none",
				v->p->table.model, unset, m->n, c->name));
	return false;
}

static bool may_leave(hf__verb *v, const uint32_t *left)
{
	hf_error *e = hf__plan_may_leave(v->p, left);

	if (e)
		hf__statement_fail(&v->st, e);
	return !e;
}

static bool choose_columns(hf__verb *v, hf__many *m)
{
	for (size_t i = 0; i < v->p->n; i++) {
		const hf_column *c = &v->p->columns[i];

		if (c->generated_sql || c->always || hf__is_listed(c, m->left))
			continue;
		if (!hf__counts_up(c))
			m->column[m->n_columns++] = i;
		else if (!send_counter(v, m, i))
			return false;
	}
	return true;
}

static void put_insert(hf__verb *v, const hf__many *m)
{
	hf__put(&v->st, "INSERT INTO ");
	hf__put(&v->st, v->p->name);
	for (size_t i = 0; i < m->n_columns; i++) {
		hf__put(&v->st, i ? ", " : " (");
		hf__put(&v->st, v->p->quoted[m->column[i]]);
	}
	hf__put(&v->st, m->n_columns ? ") SELECT " : " SELECT ");
	for (size_t i = 0; i < m->n_columns; i++) {
		hf__put(&v->st, i ? ", " : "");
		hf__put_given_column(v, m, i);
	}
	hf__put(&v->st, " FROM ");
	hf__put_given(v, m);
	hf__put(&v->st, " ORDER BY hf_given.n");
}

static void insert_many(hf__verb *v, hf__many *m)
{
	size_t *which = hf__arena_alloc(&v->st.arena, v->p->n * sizeof *which), n = 0;

	if (!which) {
		hf__statement_fail(&v->st, hf__error_nomem());
		return;
	}
	put_insert(v, m);
	for (size_t i = 0; i < v->p->n; i++) {
		if (is_sent(m, i))
			continue;
		hf__put(&v->st, n ? ", " : " RETURNING ");
		hf__put_read(&v->st.text, v->p, i);
		which[n++] = i;
	}
	if (!hf__verb_run(v) || !hf__has_inserted(v, m->n) || n == 0)
		return;
	v->inserted = true;
	for (size_t i = 0; i < m->n && hf__read_back(v, i, which, n, row_at(v, m, i)); i++)
		;
	hf__keep_lent(v);
}

/* What travels, as a list; NULL: all, or no memory, which the statement's error tells. */
static const uint32_t *sent(hf__verb *v, const hf__many *m)
{
	uint32_t *list;

	if (!m->left)
		return NULL;
	list = hf__arena_alloc(&v->st.arena, (m->n_columns + 1) * sizeof *list);
	if (!list) {
		hf__statement_fail(&v->st, hf__error_nomem());
		return NULL;
	}
	for (size_t i = 0; i < m->n_columns; i++)
		list[i] = v->p->columns[m->column[i]].offset + 1;
	list[m->n_columns] = 0;
	return list;
}

hf_status hf_insert_many_default_at(const hf_site *site, hf_session *s, const hf_table *t,
	void *rows, size_t n, const uint32_t *columns)
{
	hf__verb v;
	hf__many m;

	if (hf__verb_begin(&v, site, s, t) && n > 0 && many_begin(&v, &m, rows, n)) {
		m.left = columns;
		if (may_leave(&v, columns) && choose_columns(&v, &m) &&
			check_all(&v, &m, sent(&v, &m)) && !v.st.error)
			insert_many(&v, &m);
	}
	return hf__verb_end(&v);
}

hf_status hf_insert_many_at(
	const hf_site *site, hf_session *s, const hf_table *t, void *rows, size_t n)
{
	return hf_insert_many_default_at(site, s, t, rows, n, NULL);
}

/* What the INSERT leaves out; NULL: no memory. */
static const bool *left_out(hf__verb *v, const hf__many *m)
{
	bool *left = hf__arena_alloc(&v->st.arena, v->p->n * sizeof *left);

	if (!left)
		hf__statement_fail(&v->st, hf__error_nomem());
	for (size_t i = 0; left && i < v->p->n; i++)
		left[i] = !is_sent(m, i);
	return left;
}

hf_status hf_upsert_many_at(const hf_site *site, hf_session *s, const hf_table *t, void *rows,
	size_t n, const uint32_t *conflict, const uint32_t *update, int64_t *changed)
{
	const bool *left;
	hf__verb v;
	hf__many m;

	if (changed)
		*changed = 0;
	if (hf__verb_begin(&v, site, s, t) && n > 0 && many_begin(&v, &m, rows, n) &&
		choose_columns(&v, &m) && (!update || touch_all(&v, &m)) &&
		check_all(&v, &m, NULL) && (left = left_out(&v, &m))) {
		put_insert(&v, &m);
		if (hf__put_on_conflict(&v, conflict, update, left) && hf__verb_run(&v) && changed)
			*changed = hf_result_affected(v.res);
	}
	return hf__verb_end(&v);
}

/* --- UPDATE --- */

/* The columns that a row is known by: its key, and its version. */
static size_t n_known(const hf__plan *p)
{
	return p->n_key + (p->version != NULL);
}

/* Those, and then what is to be written: `only` (ended by 0), or all that an UPDATE may. */
static bool choose_written(hf__verb *v, hf__many *m, const uint32_t *only)
{
	const hf__plan *p = v->p;

	if (!hf__may_write(v, only))
		return false;
	for (size_t i = 0; i < p->n_key; i++)
		m->column[m->n_columns++] = p->key[i];
	if (p->version)
		m->column[m->n_columns++] = (size_t)(p->version - p->columns);
	for (size_t i = 0; i < p->n; i++)
		if (hf__is_chosen(&p->columns[i], only))
			m->column[m->n_columns++] = i;
	if (p->n_key > 0 && m->n_columns > n_known(p))
		return true;
	hf__statement_fail(&v->st, hf__error_fmt(HF_E_MISUSE, 0, "model %s: %s", p->table.model,
					   p->n_key ? "there is nothing to be written"
						    : "it has no key to find its rows by"));
	return false;
}

static void put_update(hf__verb *v, const hf__many *m)
{
	size_t n = n_known(v->p);

	hf__strbuf_printf(&v->st.text, "UPDATE %s AS hf_row", v->p->name);
	for (size_t i = n; i < m->n_columns; i++) {
		hf__strbuf_printf(
			&v->st.text, "%s%s = ", i > n ? ", " : " SET ", v->p->quoted[m->column[i]]);
		hf__put_given_column(v, m, i);
	}
	hf__put_next_version(v, "hf_row");
	hf__put(&v->st, " FROM ");
	hf__put_given(v, m);
	for (size_t i = 0; i < n; i++) {
		const hf_column *c = &v->p->columns[m->column[i]];

		hf__strbuf_printf(&v->st.text, "%shf_row.%s%s = ", i ? " AND " : " WHERE ",
			v->p->quoted[m->column[i]], c->system ? hf__read_cast(c) : "");
		hf__put_given_column(v, m, i);
	}
}

hf_status hf_update_many_at(const hf_site *site, hf_session *s, const hf_table *t, void *rows,
	size_t n, const uint32_t *only, int64_t *changed)
{
	hf__verb v;
	hf__many m;

	if (changed)
		*changed = 0;
	if (hf__verb_begin(&v, site, s, t) && n > 0 && many_begin(&v, &m, rows, n) &&
		choose_written(&v, &m, only) && touch_all(&v, &m) && check_all(&v, &m, only)) {
		put_update(&v, &m);
		if (hf__verb_run(&v) && changed)
			*changed = hf_result_affected(v.res);
	}
	return hf__verb_end(&v);
}
