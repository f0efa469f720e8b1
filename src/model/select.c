/* SPDX-License-Identifier: MIT */
/* Reading rows. */
#include "model/verb.h"

#include "value/error.h"

#include <string.h>

/* --- one --- */

static void set_row(void *out, void *row)
{
	*(void **)out = row;
}

/* Of a table and conditions: at most `limit` rows. */
static bool find_rows(hf__verb *v, const hf_term *conditions, int limit)
{
	hf__put_select(v);
	hf__put(&v->st, " WHERE ");
	hf__put_conditions(&v->st, v->p, conditions);
	hf__put(&v->st, limit == 1 ? " LIMIT 1" : " LIMIT 2");
	return hf__verb_run(v);
}

static hf_error *none_found(const hf__verb *v)
{
	hf__strbuf args = HF__STRBUF_INIT, message = HF__STRBUF_INIT;
	hf_error *e;

	hf__strbuf_printf(&message, "model %s: no row fits", v->p->table.model);
	hf__tell_args(&v->st, &args);
	e = hf__error_new(&(hf__error_spec){ .status = HF_E_NO_ROWS,
		.message = hf__strbuf_text(&message),
		.field[HF_ERR_QUERY] = hf__strbuf_text(&v->st.text),
		.field[HF_ERR_DETAIL] = args.n ? hf__strbuf_text(&args) : NULL,
		.field[HF_ERR_TABLE] = v->p->table.name });
	hf__strbuf_finish(&args);
	hf__strbuf_finish(&message);
	return e;
}

static hf_status get(const hf_site *site, hf_session *s, const hf_table *t, void *out,
	const hf_term *conditions, int limit, bool may_be_none)
{
	hf__verb v;
	size_t n;

	if (hf__verb_begin(&v, site, s, t) && find_rows(&v, conditions, limit)) {
		n = hf_result_rows(v.res);
		if (n > 1)
			hf__statement_fail(
				&v.st, hf__error_fmt(HF_E_MANY_ROWS, 0,
					       "table %s: more than one row fits", v.p->name));
		else if (n == 0 && !may_be_none)
			hf__statement_fail(&v.st, none_found(&v));
		else
			set_row(out, n ? hf__verb_row(&v, 0) : NULL);
	}
	return hf__verb_end(&v);
}

hf_status hf_get_at(
	const hf_site *site, hf_session *s, const hf_table *t, void *out, const hf_term *conditions)
{
	return get(site, s, t, out, conditions, 1, false);
}

hf_status hf_get_or_null_at(
	const hf_site *site, hf_session *s, const hf_table *t, void *out, const hf_term *conditions)
{
	return get(site, s, t, out, conditions, 1, true);
}

hf_status hf_one_at(
	const hf_site *site, hf_session *s, const hf_table *t, void *out, const hf_term *conditions)
{
	return get(site, s, t, out, conditions, 2, false);
}

/* Of a whole row a struct in the session's memory; of a part of one the rest is 0. */
static void take_first(hf__verb *v, const hf_table *t, bool partial, void *out)
{
	hf_rows *rows = NULL;
	void *row = NULL;

	if (hf_result_rows(v->res) > 0 && !partial)
		row = hf__verb_row(v, 0);
	else if (hf_result_rows(v->res) > 0 && hf__verb_rows(v, t, true, &rows)) {
		row = hf_session_alloc(v->s, v->p->table.row_size);
		if (row && hf__session_keep(v->s, hf_result_ref(v->res)))
			memcpy(row, hf_rows_of(rows, t), v->p->table.row_size);
		else
			hf__statement_fail(&v->st, hf__error_nomem());
	}
	hf_rows_unref(rows);
	if (!v->st.error)
		set_row(out, row);
}

hf_status hf_first_at(
	const hf_site *site, hf_session *s, const hf_table *t, void *out, const hf_clause *clauses)
{
	hf__query q = { .clauses = clauses, .one = true };
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t)) {
		hf__put_query(&v.st, v.p, &q);
		if (hf__verb_run(&v))
			take_first(&v, t, hf__is_partial(clauses), out);
	}
	return hf__verb_end(&v);
}

/* --- many --- */

hf_status hf_select_at(const hf_site *site, hf_session *s, const hf_table *t, hf_rows **out,
	const hf_clause *clauses)
{
	hf__query q = { .clauses = clauses };
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t)) {
		v.many = hf__is_open(clauses);
		hf__put_query(&v.st, v.p, &q);
		if (hf__verb_run(&v))
			hf__verb_rows(&v, t, hf__is_partial(clauses), out);
	}
	return hf__verb_end(&v);
}

hf_status hf_select_as_at(const hf_site *site, hf_session *s, const hf_table *t,
	const hf_table *into, hf_rows **out, const hf_term *picks, const hf_clause *clauses)
{
	hf__query q = { .reads = HF__READS_PICKS, .picks = picks, .clauses = clauses };
	hf_error *e;
	hf__verb v;

	if (!hf__verb_begin(&v, site, s, t))
		return hf__verb_end(&v);
	v.many = hf__is_open(clauses);
	q.into = hf__plan_of(into, &e);
	if (e)
		hf__statement_fail(&v.st, e);
	else
		hf__put_query(&v.st, v.p, &q);
	if (hf__verb_run(&v))
		hf__verb_rows(&v, into, false, out);
	return hf__verb_end(&v);
}

hf_status hf_select_sql_at(const hf_site *site, hf_session *s, const hf_table *t, hf_rows **out,
	const char *sql, const hf_value *args, size_t n)
{
	hf_error *e;
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t)) {
		e = hf__session_execute(site, s, false, &v.res, sql, args, n);
		if (e)
			hf__statement_fail(&v.st, e);
		else
			hf__verb_rows(&v, t, false, out);
	}
	return hf__verb_end(&v);
}

/* --- counts and values --- */

/* Something about the rows that the clauses leave, limit and all. */
static bool run_about(hf__verb *v, const char *front, const hf__query *q, const char *back)
{
	hf__put(&v->st, front);
	hf__put_query(&v->st, v->p, q);
	hf__put(&v->st, back);
	return hf__verb_run(v);
}

hf_status hf_count_at(const hf_site *site, hf_session *s, const hf_table *t, int64_t *out,
	const hf_clause *clauses)
{
	hf__query q = { .reads = HF__READS_NOTHING, .clauses = clauses };
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t) &&
		run_about(&v, "SELECT count(*) FROM (", &q, ") AS hf_counted"))
		*out = hf_row_int8(hf_result_row(v.res, 0), 0, -1);
	return hf__verb_end(&v);
}

hf_status hf_exists_at(
	const hf_site *site, hf_session *s, const hf_table *t, bool *out, const hf_clause *clauses)
{
	hf__query q = { .reads = HF__READS_NOTHING, .clauses = clauses };
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t) && run_about(&v, "SELECT EXISTS (", &q, ")"))
		*out = hf_row_bool(hf_result_row(v.res, 0), 0, false);
	return hf__verb_end(&v);
}

hf_status hf_scalar_at(const hf_site *site, hf_session *s, const hf_table *t, hf_dest out,
	hf_term expression, const hf_clause *clauses)
{
	hf__query q = {
		.reads = HF__READS_SCALAR, .picks = &expression, .clauses = clauses, .one = true
	};
	hf_error *e = NULL;
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t) && run_about(&v, "SELECT (", &q, ") AS scalar")) {
		if (hf_row_read(hf_result_row(v.res, 0), "scalar", out, &e) == HF_OK &&
			!hf__session_keep(s, hf_result_ref(v.res)))
			e = hf__error_nomem();
		if (e)
			hf__statement_fail(&v.st, e);
	}
	return hf__verb_end(&v);
}
