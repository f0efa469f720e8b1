/* SPDX-License-Identifier: MIT */
/* Looking after the table that decides outcomes across a failover. */
#include "base/strbuf.h"
#include "pool/pool.h"
#include "value/error.h"

#include <holdfast/txn.h>

static hf_error *refusal(const hf_pool *p)
{
	hf_error *e = hf__pool_refusal(p);

	if (!e && !p->outcome_table)
		e = hf__error_fmt(HF_E_MISUSE, 0, "pool \"%s\" has no outcome_table", p->name);
	return e;
}

/* Runs `fmt` with the table's name for its %s. */
static hf_future *run(const hf_site *site, hf_pool *p, const char *fmt, const hf_value *arg)
{
	hf__strbuf sql = HF__STRBUF_INIT;
	hf_error *e = refusal(p);
	hf_future *f;

	if (e)
		return hf__job_refuse(p, e, site, NULL, NULL);
	for (; *fmt; fmt++) {
		if (*fmt == '%')
			hf__strbuf_puts(&sql, p->outcome_table);
		else
			hf__strbuf_putc(&sql, *fmt);
	}
	f = sql.failed ? hf__job_refuse(p, hf__error_nomem(), site, NULL, NULL)
		       : hf_query_at(site, p, hf__strbuf_text(&sql), arg, arg ? 1 : 0);
	hf__strbuf_finish(&sql);
	return f;
}

hf_future *hf_outcome_setup_at(const hf_site *site, hf_pool *p)
{
	return run(site, p,
		"CREATE TABLE IF NOT EXISTS % (id uuid PRIMARY KEY, "
		"made_at timestamptz NOT NULL DEFAULT now())",
		NULL);
}

hf_future *hf_outcome_prune_at(const hf_site *site, hf_pool *p, int age_s)
{
	hf_value age = hf_v_int8(age_s);

	if (age_s < 0)
		return hf__job_refuse(p,
			hf__error_fmt(HF_E_MISUSE, 0, "an age of %d seconds", age_s), site, NULL,
			NULL);
	return run(site, p,
		"DELETE FROM % WHERE made_at < now() - pg_catalog.make_interval(secs => "
		"$1::float8)",
		&age);
}
