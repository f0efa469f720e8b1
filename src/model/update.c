/* SPDX-License-Identifier: MIT */
/* Rows that are there: changed and deleted, by their key or by a condition. */
#include "model/verb.h"

#include "value/codec.h"
#include "value/error.h"

#include <stdio.h>

void hf__put_key(hf__verb *v, const void *row)
{
	const hf__plan *p = v->p;

	if (p->n_key == 0)
		hf__statement_fail(
			&v->st, hf__error_fmt(HF_E_MISUSE, 0,
					"model %s has no key: its rows are changed by a condition",
					p->table.model));
	for (size_t i = 0; i < p->n_key; i++) {
		hf__put(&v->st, i ? " AND " : " WHERE ");
		hf__put(&v->st, p->quoted[p->key[i]]);
		hf__put(&v->st, " = ");
		hf__put_member(&v->st, &p->columns[p->key[i]], row);
	}
}

void hf__put_key_as_read(hf__verb *v, const void *row)
{
	const hf_column *c = v->p->version;

	hf__put_key(v, row);
	if (!c)
		return;
	hf__strbuf_printf(&v->st.text, " AND %s = ", v->p->quoted[c - v->p->columns]);
	hf__put_member(&v->st, c, row);
}

void hf__put_next_version(hf__verb *v, const char *of)
{
	const hf_column *c = v->p->version;
	const char *name = c ? v->p->quoted[c - v->p->columns] : NULL;

	if (!c || c->system)
		return;
	hf__strbuf_printf(&v->st.text, ", %s = %s.%s + 1", name, of, name);
}

bool hf__is_written(const hf_column *c)
{
	return !c->key && !c->version && !c->generated_sql && !(c->identity && c->always);
}

static hf_error *never_written(const hf__verb *v, size_t i)
{
	if (i == v->p->n)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"model %s: a member that has no column is to be written",
			v->p->table.model);
	return hf__error_fmt(HF_E_MISUSE, 0, "model %s: \"%s\" is never written by an UPDATE",
		v->p->table.model, v->p->columns[i].name);
}

bool hf__may_write(hf__verb *v, const uint32_t *only)
{
	for (const uint32_t *c = only; c && *c; c++) {
		size_t i = hf__plan_column(v->p, *c);

		if (i == v->p->n || !hf__is_written(&v->p->columns[i])) {
			hf__statement_fail(&v->st, never_written(v, i));
			return false;
		}
	}
	if (only && !*only)
		hf__statement_fail(&v->st,
			hf__error_fmt(HF_E_MISUSE, 0, "model %s: there is nothing to be written",
				v->p->table.model));
	return !only || *only;
}

bool hf__is_chosen(const hf_column *c, const uint32_t *only)
{
	if (!hf__is_written(c))
		return false;
	return !only || c->on_update || hf__is_listed(c, only);
}

static size_t put_members(hf__verb *v, const void *row, const uint32_t *only)
{
	size_t n = 0;

	for (size_t i = 0; i < v->p->n; i++) {
		if (!hf__is_chosen(&v->p->columns[i], only))
			continue;
		hf__put(&v->st, n++ ? ", " : " SET ");
		hf__put(&v->st, v->p->quoted[i]);
		hf__put(&v->st, " = ");
		hf__put_member(&v->st, &v->p->columns[i], row);
	}
	return n;
}

/* --- rows that are not as they were --- */

/* "id = 7", for the operator. */
static void tell_key(const hf__verb *v, const void *row, hf__strbuf *b)
{
	hf__arena arena = HF__ARENA_INIT;

	for (size_t i = 0; i < v->p->n_key; i++) {
		const hf_column *c = &v->p->columns[v->p->key[i]];
		hf_value value = hf_v_null();
		hf_error *e = NULL;

		hf__strbuf_printf(b, "%s%s = ", i ? ", " : "", c->name);
		if (c->hidden || hf__member_sent(c, row, &arena, &value, &e) != HF_OK ||
			hf__value_literal(b, &value, NULL) != HF_OK)
			hf__strbuf_puts(b, "?");
		hf_error_unref(e);
	}
	hf__arena_finish(&arena);
}

/* `column`, `query`: NULL where there is none to be named. */
static hf_error *about_row(const hf__verb *v, const void *row, hf_status st, const char *why,
	const char *column, const char *query)
{
	hf__strbuf message = HF__STRBUF_INIT, key = HF__STRBUF_INIT;
	hf_error *e;

	hf__strbuf_printf(&message, "model %s: %s", v->p->table.model, why);
	tell_key(v, row, &key);
	e = hf__error_new(&(hf__error_spec){ .status = st,
		.message = hf__strbuf_text(&message),
		.field[HF_ERR_DETAIL] = key.n ? hf__strbuf_text(&key) : NULL,
		.field[HF_ERR_QUERY] = query,
		.field[HF_ERR_COLUMN] = column,
		.field[HF_ERR_TABLE] = v->p->table.name });
	hf__strbuf_finish(&message);
	hf__strbuf_finish(&key);
	return e;
}

static hf_error *gone(const hf__verb *v, const void *row)
{
	return about_row(v, row, HF_E_NO_ROWS, "the row is not there any more", NULL,
		hf__strbuf_text(&v->st.text));
}

/* An integer, as its description was checked to say. */
static long long version_of(const hf__verb *v, const void *row)
{
	hf_value value = hf_v_null();
	hf_error *e = NULL;

	(void)hf__member_value(v->p->version, row, &value, &e);
	return value.as.i;
}

/* With the version that it was read with it is not stale. */
static hf_error *refused(const hf__verb *v, const void *row)
{
	return about_row(v, row, HF_E_NO_ROWS,
		"the row is there, as it was read, and the server has left it alone: a trigger or "
		"a policy does not let it be changed",
		NULL, NULL);
}

static hf_error *stale(const hf__verb *v, const void *row)
{
	char why[160];

	if (version_of(v, v->stale) == version_of(v, row))
		return refused(v, row);
	snprintf(why, sizeof why,
		"the row was changed by another: its \"%.63s\" is %lld, and it was read with %lld",
		v->p->version->name, version_of(v, v->stale), version_of(v, row));
	return about_row(v, row, HF_E_STALE, why, v->p->version->name, NULL);
}

void hf__missed(hf__verb *v, const void *row)
{
	hf_error *e = gone(v, row);

	if (v->p->version) {
		hf__verb_again(v);
		hf__put_select(v);
		hf__put_key(v, row);
		if (hf__verb_run(v) && hf_result_rows(v->res) > 0)
			v->stale = hf__verb_row(v, 0);
	}
	if (!v->stale) {
		hf__statement_fail(&v->st, e);
		return;
	}
	hf_error_unref(e);
	e = stale(v, row);
	if (hf_error_status(e) != HF_E_STALE)
		v->stale = NULL;
	hf__statement_fail(&v->st, e);
}

void *hf_stale_at(const hf_session *s, const hf_table *t)
{
	const void *plan = t && t->plan ? __atomic_load_n(&t->plan->made, __ATOMIC_ACQUIRE) : NULL;

	return s && s->stale && s->stale_of == plan ? s->stale : NULL;
}

/* --- by their key --- */

bool hf__touch(hf__verb *v, void *row)
{
	for (size_t i = 0; i < v->p->n; i++) {
		const hf_column *c = &v->p->columns[i];
		hf_status st = c->on_update ? c->on_update((char *)row + c->offset, row) : HF_OK;

		if (st == HF_OK)
			continue;
		hf__statement_fail(&v->st,
			hf__error_fmt(st, 0, "model %s: on_update of \"%s\" refused the row",
				v->p->table.model, c->name));
		return false;
	}
	return true;
}

static void update(hf__verb *v, void *row, const uint32_t *only)
{
	if (!hf__may_write(v, only))
		return;
	hf__put(&v->st, "UPDATE ");
	hf__put(&v->st, v->p->name);
	if (put_members(v, row, only) == 0)
		hf__statement_fail(&v->st,
			hf__error_fmt(HF_E_MISUSE, 0, "model %s: there is nothing to be written",
				v->p->table.model));
	hf__put_next_version(v, v->p->name);
	hf__put_key_as_read(v, row);
	hf__put(&v->st, " RETURNING ");
	hf__put(&v->st, v->p->list);
	if (!hf__verb_run(v))
		return;
	if (hf_result_rows(v->res) == 0)
		hf__missed(v, row);
	else
		hf__read_all_back(v, row);
}

hf_status hf_update_at(
	const hf_site *site, hf_session *s, const hf_table *t, void *row, const uint32_t *only)
{
	hf__verb v;
	bool there = hf__verb_begin(&v, site, s, t);

	v.only = only;
	v.touches = true;
	if (there && hf__verb_may_save(&v, row, false)) {
		update(&v, row, only);
		hf__verb_saved(&v, row, false);
	}
	return hf__verb_end(&v);
}

/* Whether the key says that the row is not in the table yet. Of several columns one may be 0 like
 * any other, but not what counts up. */
static bool is_new(const hf__plan *p, const void *row)
{
	size_t unset = 0;

	for (size_t i = 0; i < p->n_key; i++) {
		const hf_column *c = &p->columns[p->key[i]];

		if (!hf__member_is_unset(c, row))
			continue;
		if (c->serial || c->identity || hf__points(c))
			return true;
		unset++;
	}
	return unset == p->n_key;
}

hf_status hf_save_only_at(const hf_site *site, hf_session *s, const hf_table *t, void *row,
	const uint32_t *only, bool *created)
{
	hf_error *e;
	const hf__plan *p = hf__plan_of(t, &e);
	hf_status st;
	bool makes;

	if (!p)
		return hf__session_told(s, e);
	makes = row && is_new(p, row);
	st = makes ? hf_insert_at(site, s, t, row) : hf_update_at(site, s, t, row, only);
	if (st == HF_OK && created)
		*created = makes;
	return st;
}

hf_status hf_save_at(
	const hf_site *site, hf_session *s, const hf_table *t, void *row, bool *created)
{
	return hf_save_only_at(site, s, t, row, NULL, created);
}

hf_status hf_delete_at(const hf_site *site, hf_session *s, const hf_table *t, void *row)
{
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t) && hf__verb_may_delete(&v, row)) {
		hf__put(&v.st, "DELETE FROM ");
		hf__put(&v.st, v.p->name);
		hf__put_key_as_read(&v, row);
		if (hf__verb_run(&v) && hf_result_affected(v.res) == 0)
			hf__missed(&v, row);
		hf__verb_deleted(&v, row);
	}
	return hf__verb_end(&v);
}

/* --- by a condition --- */

static void run_many(
	hf__verb *v, const hf_table *t, int64_t *changed, hf_rows **out, const hf_clause *clauses)
{
	hf__put_where(&v->st, v->p, clauses);
	if (out) {
		hf__put(&v->st, " RETURNING ");
		hf__put_list(&v->st, v->p, clauses);
	}
	if (!hf__verb_run(v))
		return;
	if (changed)
		*changed = hf_result_affected(v->res);
	if (out)
		(void)hf__verb_rows(v, t, hf__is_partial(clauses), out);
}

hf_status hf_update_where_at(const hf_site *site, hf_session *s, const hf_table *t,
	int64_t *changed, hf_rows **out, const hf_term *sets, const hf_clause *clauses)
{
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t)) {
		hf__put(&v.st, "UPDATE ");
		hf__put(&v.st, v.p->name);
		hf__put_sets(&v.st, v.p, sets);
		hf__put_next_version(&v, v.p->name);
		run_many(&v, t, changed, out, clauses);
	}
	return hf__verb_end(&v);
}

hf_status hf_delete_where_at(const hf_site *site, hf_session *s, const hf_table *t,
	int64_t *changed, hf_rows **out, const hf_clause *clauses)
{
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t)) {
		hf__put(&v.st, "DELETE FROM ");
		hf__put(&v.st, v.p->name);
		run_many(&v, t, changed, out, clauses);
	}
	return hf__verb_end(&v);
}
