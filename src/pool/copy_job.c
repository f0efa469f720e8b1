/* SPDX-License-Identifier: MIT */
/* The calls of COPY: inside an interaction, and as an interaction of its own. */
#include "pool/copy.h"

#include "base/mem.h"
#include "pool/pool.h"
#include "value/error.h"

#include <string.h>

static hf_status copy_conn(const hf_site *site, hf_conn *c, int64_t *rows, const hf__copy_spec *s)
{
	hf_result *res = NULL;
	hf_error *e;

	if (rows)
		*rows = 0;
	if (!hf__conn_usable(c))
		return hf__conn_misuse(c);
	e = c->poison ? hf_error_ref(c->poison) : hf__copy_spec_check(s);
	if (!e)
		e = hf__conn_copy(c, s, site, &res);
	if (!e && rows)
		*rows = hf_result_affected(res);
	hf_result_unref(res);
	return hf__conn_failed(c, e ? hf__error_at(e, 0, NULL, site) : NULL);
}

hf_status hf_conn_copy_in_at(const hf_site *site, hf_conn *c, int64_t *rows, const char *target,
	hf_copy_fn *fn, void *arg)
{
	return copy_conn(site, c, rows, &(hf__copy_spec){ .what = target, .rows = fn, .arg = arg });
}

hf_status hf_conn_copy_out_at(const hf_site *site, hf_conn *c, int64_t *rows, const char *source,
	hf_row_fn *fn, void *arg)
{
	return copy_conn(
		site, c, rows, &(hf__copy_spec){ .what = source, .on_row = fn, .arg = arg });
}

/* --- as jobs --- */

struct box {
	hf__copy_spec spec;
	hf_site site;
	hf_free_fn *free_arg;
	char what[];
};

static void free_box(void *arg)
{
	struct box *box = arg;

	if (box->free_arg)
		box->free_arg(box->spec.arg);
	hf__free(box);
}

static hf_status run_box(hf_conn *c, void *arg, hf_reply *reply)
{
	struct box *box = arg;
	hf_result *res = NULL;
	hf_error *e = hf__conn_copy(c, &box->spec, &box->site, &res);

	hf_reply_result(reply, res);
	hf_result_unref(res);
	return hf__conn_failed(c, e);
}

static hf_future *submit(
	const hf_site *site, hf_pool *p, const hf__copy_spec *s, hf_free_fn *free_arg)
{
	hf_error *e = hf__copy_spec_check(s);
	size_t n = e ? 0 : strlen(s->what) + 1;
	struct box *box = e ? NULL : hf__alloc(sizeof *box + n);

	if (!box)
		return hf__job_refuse(p, e ? e : hf__error_nomem(), site, free_arg, s->arg);
	box->spec = *s;
	box->spec.what = memcpy(box->what, s->what, n);
	box->site = site ? *site : (hf_site){ NULL, 0 };
	box->free_arg = free_arg;
	return hf_submit_at(site, p, HF_JOB(.fn = run_box, .arg = box, .free_arg = free_box));
}

hf_future *hf_copy_in_at(const hf_site *site, hf_pool *p, const char *target, hf_copy_fn *fn,
	void *arg, hf_free_fn *free_arg)
{
	return submit(
		site, p, &(hf__copy_spec){ .what = target, .rows = fn, .arg = arg }, free_arg);
}

hf_future *hf_copy_out_at(const hf_site *site, hf_pool *p, const char *source, hf_row_fn *fn,
	void *arg, hf_free_fn *free_arg)
{
	return submit(
		site, p, &(hf__copy_spec){ .what = source, .on_row = fn, .arg = arg }, free_arg);
}
