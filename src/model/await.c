/* SPDX-License-Identifier: MIT */
/* What the futures of verbs and of statements hand over. */
#include "model/errand.h"
#include "model/rows.h"

#include "value/error.h"

#include <holdfast/orm_async.h>

#include <string.h>

static hf_error *errand_rows(
	hf__errand *e, const hf_table *t, const void *structs, size_t n, hf_rows **out)
{
	hf_error *why;

	if (!hf__plan_of(t, &why))
		return why;
	if (t->plan != e->t->plan)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"the future has rows of model %s, not of model %s", e->t->model, t->model);
	*out = hf__rows_of_structs(e->p, t, structs, n, hf__errand_ref(e), hf__errand_unref);
	return *out ? NULL : hf__error_nomem();
}

/* Only what is ready has anything to be taken. */
static hf_error *take_rows(hf_future *f, const hf_table *t, bool partial, hf_rows **out)
{
	hf__errand *errand = hf__errand_of(f);
	hf_result *res;
	hf_error *e;

	if (errand)
		return errand_rows(errand, t, errand->out, errand->n_out, out);
	res = hf_future_take(f);
	e = hf__rows_make(t, res, partial, out);
	hf_result_unref(res);
	return e;
}

static hf_status await_rows(
	hf_future *f, const hf_table *t, bool partial, hf_rows **out, hf_error **out_error)
{
	hf_future *ready = hf_future_ref(f);
	hf_error *e = NULL;

	if (hf_await(f, &e) == HF_OK)
		e = take_rows(ready, t, partial, out);
	hf_future_unref(ready);
	return hf__error_give(e, out_error);
}

hf_status hf_await_rows_of(hf_future *f, const hf_table *t, hf_rows **out, hf_error **out_error)
{
	return await_rows(f, t, false, out, out_error);
}

hf_status hf_await_part_of(hf_future *f, const hf_table *t, hf_rows **out, hf_error **out_error)
{
	return await_rows(f, t, true, out, out_error);
}

/* The row of a verb that has failed for it. */
static hf_error *stale_row(hf_future *f, const hf_table *t, hf_rows **out)
{
	hf__errand *errand = hf__errand_of(f);

	return errand ? errand_rows(errand, t, errand->stale, 1, out) : NULL;
}

hf_status hf_await_stale_of(hf_future *f, const hf_table *t, hf_rows **out, hf_error **out_error)
{
	hf_error *e = NULL;

	*out = NULL;
	if (hf_future_get(f, NULL) != HF_E_STALE)
		return await_rows(f, t, false, out, out_error);
	e = stale_row(f, t, out);
	if (!e)
		return hf_await(f, out_error);
	hf_future_unref(f);
	return hf__error_give(e, out_error);
}

static int64_t number(const hf_result *res)
{
	hf_row row = hf_result_row(res, 0);

	if (strncmp(hf_result_tag(res), "SELECT", strlen("SELECT")) != 0 ||
		hf_result_columns(res) != 1 || hf_result_rows(res) != 1)
		return hf_result_affected(res);
	return hf_row_bool(row, 0, false) ? 1 : hf_row_int8(row, 0, 0);
}

static int64_t take_count(hf_future *f)
{
	hf__errand *errand = hf__errand_of(f);
	hf_result *res = errand ? NULL : hf_future_take(f);
	int64_t n = errand ? errand->count : number(res);

	hf_result_unref(res);
	return n;
}

hf_status hf_await_count(hf_future *f, int64_t *out, hf_error **out_error)
{
	hf_future *ready = hf_future_ref(f);
	hf_error *e = NULL;

	if (hf_await(f, &e) == HF_OK && out)
		*out = take_count(ready);
	hf_future_unref(ready);
	return hf__error_give(e, out_error);
}
