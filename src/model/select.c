/* SPDX-License-Identifier: MIT */
/* Reading rows. */
#include "model/verb.h"

#include "value/error.h"

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
	return hf__error_new(&(hf__error_spec){ .status = HF_E_NO_ROWS,
		.message = "no row of the table fits",
		.field[HF_ERR_QUERY] = hf__strbuf_text(&v->st.text),
		.field[HF_ERR_TABLE] = v->p->table.name });
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

hf_status hf_first_at(
	const hf_site *site, hf_session *s, const hf_table *t, void *out, const hf_clause *clauses)
{
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t)) {
		hf__put_select(&v);
		hf__put_clauses(&v.st, v.p, clauses);
		if (hf__verb_run(&v))
			set_row(out, hf_result_rows(v.res) ? hf__verb_row(&v, 0) : NULL);
	}
	return hf__verb_end(&v);
}

/* --- many --- */

static void take_rows(hf__verb *v, const hf_table *t, hf_rows **out)
{
	hf_error *e;

	if (hf_rows_from(t, v->res, out, &e) != HF_OK)
		hf__statement_fail(&v->st, e);
}

hf_status hf_select_at(const hf_site *site, hf_session *s, const hf_table *t, hf_rows **out,
	const hf_clause *clauses)
{
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t)) {
		hf__put_select(&v);
		hf__put_clauses(&v.st, v.p, clauses);
		if (hf__verb_run(&v))
			take_rows(&v, t, out);
	}
	return hf__verb_end(&v);
}

hf_status hf_select_sql_at(const hf_site *site, hf_session *s, const hf_table *t, hf_rows **out,
	const char *sql, const hf_value *args, size_t n)
{
	hf_error *e;
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t)) {
		e = hf__session_execute(site, s, &v.res, sql, args, n);
		if (e)
			hf__statement_fail(&v.st, e);
		else
			take_rows(&v, t, out);
	}
	return hf__verb_end(&v);
}

/* --- counts --- */

/* The rows that the clauses leave, limit and all, are counted. */
static bool run_about(hf__verb *v, const char *front, const hf_clause *clauses, const char *back)
{
	hf__put(&v->st, front);
	hf__put(&v->st, v->p->name);
	hf__put_clauses(&v->st, v->p, clauses);
	hf__put(&v->st, back);
	return hf__verb_run(v);
}

hf_status hf_count_at(const hf_site *site, hf_session *s, const hf_table *t, int64_t *out,
	const hf_clause *clauses)
{
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t) &&
		run_about(&v, "SELECT count(*) FROM (SELECT 1 FROM ", clauses, ") AS counted"))
		*out = hf_row_int8(hf_result_row(v.res, 0), 0, -1);
	return hf__verb_end(&v);
}

hf_status hf_exists_at(
	const hf_site *site, hf_session *s, const hf_table *t, bool *out, const hf_clause *clauses)
{
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t) &&
		run_about(&v, "SELECT EXISTS (SELECT 1 FROM ", clauses, ")"))
		*out = hf_row_bool(hf_result_row(v.res, 0), 0, false);
	return hf__verb_end(&v);
}
