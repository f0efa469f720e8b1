/* SPDX-License-Identifier: MIT */
/* The finders as futures. What gives rows is one statement, sent as it is; what gives one row is an
 * errand, as it has to look whether there is another, or to ask again. */
#include "model/errand.h"
#include "model/verb.h"

#include "pool/pool.h"
#include "value/error.h"

#include <holdfast/orm_async.h>

/* --- by an id --- */

hf_future *hf_by_id_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, uint32_t column, hf_value id)
{
	hf_error *e = NULL;
	const hf_term is[2] = { { .op = HF_OP_EQ,
					.table = t,
					.column = column ? column : hf__id_column(t, &e),
					.value = id },
		{ .op = HF_OP_END } };

	return e ? hf__job_refuse(p, e, site, NULL, NULL) : hf_get_or_null_async_at(site, p, t, is);
}

hf_future *hf_by_ids_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, uint32_t column, hf_value ids)
{
	hf_session s = hf__session_sending(p);
	hf_rows *later;

	return hf__session_sent(site, &s, hf_by_ids_at(site, &s, t, &later, column, ids));
}

/* --- by a text --- */

/* The errand's only term has the column and the text. */
typedef hf_status text_fn(const hf_site *site, hf_session *s, const hf_table *t, void *out,
	uint32_t column, const char *text);

static hf_status find_text(hf__errand *e, hf_session *s, text_fn *fn)
{
	const hf_term *is = e->given.terms;
	hf_status st = fn(&e->site, s, e->t, &e->out, is->column,
		is->value.type == HF_T_TEXT ? is->value.as.s : NULL);

	e->n_out = st == HF_OK && e->out;
	e->count = (int64_t)e->n_out;
	return st;
}

static hf_status by_text(hf__errand *e, hf_session *s)
{
	return find_text(e, s, hf_by_text_at);
}

static hf_status exact_first(hf__errand *e, hf_session *s)
{
	return find_text(e, s, hf_exact_first_at);
}

static hf_future *send_text(const hf_site *site, hf_pool *p, const hf_table *t, uint32_t column,
	const char *text, hf_status (*run)(hf__errand *e, hf_session *s))
{
	const hf_term is[2] = {
		{ .op = HF_OP_IEQ, .table = t, .column = column, .value = hf_v_text(text) },
		{ .op = HF_OP_END }
	};

	return hf__errand_send(site, p, t, &(hf__given){ .run = run, .reads = true, .terms = is });
}

hf_future *hf_by_text_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, uint32_t column, const char *text)
{
	return send_text(site, p, t, column, text, by_text);
}

hf_future *hf_exact_first_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, uint32_t column, const char *text)
{
	return send_text(site, p, t, column, text, exact_first);
}

hf_future *hf_all_by_text_async_at(const hf_site *site, hf_pool *p, const hf_table *t,
	uint32_t column, const char *text, int64_t offset, int64_t limit)
{
	hf_session s = hf__session_sending(p);
	hf_rows *later;

	return hf__session_sent(
		site, &s, hf_all_by_text_at(site, &s, t, &later, column, text, offset, limit));
}

hf_future *hf_similar_async_at(const hf_site *site, hf_pool *p, const hf_table *t, uint32_t column,
	const char *text, bool anywhere, int64_t offset, int64_t limit)
{
	hf_session s = hf__session_sending(p);
	hf_rows *later;

	return hf__session_sent(site, &s,
		hf_similar_at(site, &s, t, &later, column, text, anywhere, offset, limit));
}

/* --- a range --- */

hf_future *hf_range_async_at(
	const hf_site *site, hf_pool *p, const hf_table *t, const hf_range_opts *opts)
{
	hf_session s = hf__session_sending(p);
	hf_rows *later;

	return hf__session_sent(site, &s, hf_range_at(site, &s, t, &later, opts));
}
