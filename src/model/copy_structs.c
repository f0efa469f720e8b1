/* SPDX-License-Identifier: MIT */
/* COPY of structs: a row at a time, through one array of values or one struct. */
#include "model/plan.h"

#include "pool/copy.h"
#include "pool/pool.h"

#include "base/mem.h"
#include "value/error.h"

#include <holdfast/copy_structs.h>

#include <string.h>

/* What a COPY is to do. */
struct order {
	hf_site site;
	const hf_table *t;
	hf_give_fn *give; /* or: */
	hf_take_fn *take;
	void *arg;
	hf_free_fn *free_arg;
};

/* One under way. */
struct flow {
	const struct order *order;
	const hf__plan *p;
	const void *first; /* in: given already */
	size_t *which;     /* in: the columns that travel */
	size_t n;
	bool *as_text;    /* in: which of them are given as texts */
	hf_value *values; /* in */
	hf__arena made;   /* in: what is written as text for one row */
	void *row;        /* out */
	int64_t rows;
	hf_error *error; /* why a row does not pass */
};

static void finish(struct flow *f)
{
	hf__free(f->which);
	hf__free(f->as_text);
	hf__free(f->values);
	hf__arena_finish(&f->made);
	hf__free(f->row);
	hf_error_unref(f->error);
}

/* --- in --- */

static bool is_left_out(const hf_column *c, const void *first)
{
	return c->generated_sql || (first && hf__counts_up(c) && hf__member_is_unset(c, first));
}

static void choose_columns(struct flow *f, hf__strbuf *target)
{
	hf__strbuf_puts(target, f->p->name);
	for (size_t i = 0; i < f->p->n; i++) {
		if (is_left_out(&f->p->columns[i], f->first))
			continue;
		hf__strbuf_printf(target, "%s%s", f->n ? ", " : " (", f->p->quoted[i]);
		f->as_text[f->n] = f->p->columns[i].as_text;
		f->which[f->n++] = i;
	}
	hf__strbuf_puts(target, ")");
}

static hf_error *in_row(const struct flow *f, hf_error *e)
{
	return hf__error_amend(e, 0, 0, "table %s, row %lld: %s", f->p->name,
		(long long)f->rows + 1, hf_error_message(e));
}

/* The same columns are given as in the first row. */
static hf_error *check_given(const struct flow *f, const void *row)
{
	for (size_t i = 0, k = 0; i < f->p->n; i++) {
		const hf_column *c = &f->p->columns[i];
		bool travels = k < f->n && f->which[k] == i;

		k += travels;
		if (hf__counts_up(c) && travels == hf__member_is_unset(c, row))
			return hf__error_fmt(HF_E_MISUSE, 0,
				"column \"%s\" is set in some rows, and 0 in others", c->name);
	}
	return NULL;
}

static hf_error *read_values(struct flow *f, const void *row)
{
	hf_error *e = check_given(f, row);

	for (size_t k = 0; k < f->n && !e; k++)
		(void)hf__member_sent(
			&f->p->columns[f->which[k]], row, &f->made, &f->values[k], &e);
	return e;
}

/* What the server refuses is told by a later row: it keeps its story, which has the line. */
static hf_status put_row(struct flow *f, hf_copy *copy, const void *row)
{
	hf_error *e = read_values(f, row);
	hf_status st = e ? hf_error_status(e) : hf_copy_row_v(copy, f->values, f->n);

	if (!e && st == HF_E_TYPE)
		e = hf_error_ref(hf_copy_error(copy));
	if (e)
		f->error = in_row(f, e);
	else if (st == HF_OK)
		f->rows++;
	hf__arena_clear(&f->made);
	return st;
}

/* The next row; a failure is told with the last one that was given. */
static hf_status give_next(struct flow *f, const void **row)
{
	hf_status st = f->order->give(row, f->order->arg);

	if (st == HF_PENDING)
		st = HF_E_USER;
	if (st != HF_OK)
		f->error = hf__error_fmt(st, 0,
			"table %s: the function that gives rows stopped the COPY behind row %lld "
			"(%s)",
			f->p->name, (long long)f->rows, hf_status_name(st));
	return st;
}

static hf_status put_rows(hf_copy *copy, void *arg)
{
	struct flow *f = arg;
	const void *row = f->first;
	hf_status st = HF_OK;

	while (row && st == HF_OK) {
		st = put_row(f, copy, row);
		if (st == HF_OK)
			st = give_next(f, &row);
	}
	return st;
}

/* The first row is asked for before there is a COPY, as it decides what is copied. */
static hf_error *prepare_in(struct flow *f, hf__strbuf *target)
{
	if (give_next(f, &f->first) != HF_OK)
		return hf_error_ref(f->error);
	f->which = hf__alloc(f->p->n * sizeof *f->which);
	f->as_text = hf__alloc(f->p->n * sizeof *f->as_text);
	f->values = hf__alloc(f->p->n * sizeof *f->values);
	if (!f->which || !f->as_text || !f->values)
		return hf__error_nomem();
	choose_columns(f, target);
	if (f->n == 0)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"model %s: its rows have nothing that a COPY could load",
			f->p->table.model);
	return NULL;
}

/* --- out --- */

static hf_status take_row(hf_row row, void *arg)
{
	struct flow *f = arg;
	hf_error *e;

	memset(f->row, 0, f->p->table.row_size);
	e = hf__row_into(f->p, row, 0, NULL, f->p->n, f->row);
	if (e) {
		f->error = in_row(f, e);
		return hf_error_status(f->error);
	}
	hf__row_loaded(f->p, f->row);
	f->rows++;
	return f->order->take(f->row, f->order->arg);
}

static hf_error *prepare_out(struct flow *f, hf__strbuf *source)
{
	f->row = hf__alloc(f->p->table.row_size);
	hf__strbuf_printf(source, "(SELECT %s FROM %s)", f->p->list, f->p->name);
	return f->row ? NULL : hf__error_nomem();
}

/* --- both --- */

static hf_error *run(struct flow *f, hf_conn *c, hf__strbuf *what, hf_result **out)
{
	bool in = f->order->give != NULL;
	hf_error *e = in ? prepare_in(f, what) : prepare_out(f, what);
	hf__copy_spec spec = {
		.rows = in ? put_rows : NULL, .on_row = in ? NULL : take_row, .arg = f
	};

	if (!e && what->failed)
		e = hf__error_nomem();
	if (e)
		return e;
	spec.what = hf__strbuf_text(what);
	spec.as_text = f->as_text;
	e = hf__conn_copy(c, &spec, &f->order->site, out);
	if (!e || !f->error)
		return e;
	hf_error_unref(e);
	return hf_error_ref(f->error);
}

/* The interaction fails with it, as with a statement. */
static hf_status copy(hf_conn *c, const struct order *o, hf_result **out)
{
	hf_error *e;
	struct flow f = { .order = o, .p = hf__plan_of(o->t, &e) };
	hf__strbuf what = HF__STRBUF_INIT;

	*out = NULL;
	if (f.p && !o->give && !o->take)
		e = hf__error_fmt(HF_E_MISUSE, 0, "the function of the COPY is NULL");
	else if (f.p)
		e = run(&f, c, &what, out);
	hf__strbuf_finish(&what);
	finish(&f);
	return hf__conn_failed(c, e ? hf__error_at(e, 0, NULL, &o->site) : NULL);
}

static hf_site site_or_none(const hf_site *site)
{
	return site ? *site : (hf_site){ NULL, 0 };
}

/* --- in an interaction --- */

static hf_status copy_conn(hf_conn *c, const struct order *o, int64_t *rows)
{
	hf_result *res = NULL;
	hf_status st;

	if (rows)
		*rows = 0;
	if (!hf__conn_usable(c))
		return hf__conn_misuse(c);
	if (c->poison)
		return hf__conn_failed(c, hf_error_ref(c->poison));
	st = copy(c, o, &res);
	if (st == HF_OK && rows)
		*rows = hf_result_affected(res);
	hf_result_unref(res);
	return st;
}

hf_status hf_conn_copy_structs_in_at(const hf_site *site, hf_conn *c, const hf_table *t,
	int64_t *rows, hf_give_fn *give, void *arg)
{
	return copy_conn(c,
		&(struct order){ .site = site_or_none(site), .t = t, .give = give, .arg = arg },
		rows);
}

hf_status hf_conn_copy_structs_out_at(const hf_site *site, hf_conn *c, const hf_table *t,
	int64_t *rows, hf_take_fn *take, void *arg)
{
	return copy_conn(c,
		&(struct order){ .site = site_or_none(site), .t = t, .take = take, .arg = arg },
		rows);
}

/* --- as jobs --- */

static void free_order(void *arg)
{
	struct order *o = arg;

	if (o->free_arg)
		o->free_arg(o->arg);
	hf__free(o);
}

static hf_status run_order(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_result *res = NULL;
	hf_status st = copy(c, arg, &res);

	hf_reply_result(reply, res);
	hf_result_unref(res);
	return st;
}

static hf_future *submit(const hf_site *site, hf_pool *p, const struct order *o)
{
	struct order *copy = hf__alloc(sizeof *copy);

	if (!copy)
		return hf__job_refuse(p, hf__error_nomem(), site, o->free_arg, o->arg);
	*copy = *o;
	copy->site = site_or_none(site);
	return hf_submit_at(site, p, HF_JOB(.fn = run_order, .arg = copy, .free_arg = free_order));
}

hf_future *hf_copy_structs_in_at(const hf_site *site, hf_pool *p, const hf_table *t,
	hf_give_fn *give, void *arg, hf_free_fn *free_arg)
{
	return submit(
		site, p, &(struct order){ .t = t, .give = give, .arg = arg, .free_arg = free_arg });
}

hf_future *hf_copy_structs_out_at(const hf_site *site, hf_pool *p, const hf_table *t,
	hf_take_fn *take, void *arg, hf_free_fn *free_arg)
{
	return submit(
		site, p, &(struct order){ .t = t, .take = take, .arg = arg, .free_arg = free_arg });
}
