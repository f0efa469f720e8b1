/* SPDX-License-Identifier: MIT */
/* What is in a database, and where a pool leads. */
#include "base/mem.h"
#include "engine/engines.h"
#include "pool/pool.h"
#include "value/error.h"

#include <holdfast/admin.h>

/* Those of the server itself. What begins so nobody else can make. */
#define NOT_THE_SERVERS "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' "

hf_future *hf_schemas_at(const hf_site *site, hf_pool *p)
{
	static const char sql[] =
		"SELECT n.nspname::text AS name, pg_catalog.pg_get_userbyid(n.nspowner)::text AS "
		"owner FROM pg_catalog.pg_namespace AS n WHERE " NOT_THE_SERVERS "ORDER BY 1";

	return hf_query_at(site, p, sql, NULL, 0);
}

hf_future *hf_tables_at(const hf_site *site, hf_pool *p, const char *schema)
{
	static const char sql[] =
		"SELECT n.nspname::text AS schema, c.relname::text AS name,"
		" pg_catalog.pg_get_userbyid(c.relowner)::text AS owner,"
		" c.relkind = 'p' AS is_partitioned, c.relispartition AS is_partition"
		" FROM pg_catalog.pg_class AS c"
		" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
		" WHERE c.relkind IN ('r', 'p') AND CASE WHEN $1::text IS NULL "
		"THEN " NOT_THE_SERVERS "ELSE n.nspname = $1::text END ORDER BY 1, 2";
	hf_value arg = hf_v_text(schema);

	return hf_query_at(site, p, sql, &arg, 1);
}

char *hf_pool_url(const hf_pool *p)
{
	hf_error *e = hf__pool_refusal(p);

	if (!e)
		return hf__dsn_url(&p->dsn);
	hf_error_unref(e);
	return NULL;
}

/* --- of all engines --- */

static hf_error *tell_of(const hf__engine *g, hf_future *f, hf_tables_fn *fn, void *arg)
{
	const hf_result *tables = NULL;
	hf_status st = hf_future_get(f, &tables);
	char *url;

	if (st != HF_OK)
		return hf__error_because(st, 0, hf_future_error(f), "engine \"%s\": %s", g->name,
			hf_future_error(f) ? hf_error_message(hf_future_error(f))
					   : hf_status_name(st));
	url = hf_pool_url(g->pool);
	if (!url)
		return hf__error_nomem();
	st = fn(g->name, url, tables, arg);
	hf__free(url);
	return st == HF_OK
		       ? NULL
		       : hf__error_fmt(st, 0, "the listing was ended at engine \"%s\"", g->name);
}

hf_status hf_engines_tables(
	hf_engines *e, const char *schema, hf_tables_fn *fn, void *arg, hf_error **out_error)
{
	hf_error *why = hf__engines_refusal(e);
	hf__engine **all = NULL;
	hf_future **asked = NULL;
	size_t n = 0;

	if (!why && !fn)
		why = hf__error_fmt(HF_E_MISUSE, 0, "hf_engines_tables: fn is NULL");
	if (!why) {
		all = hf__engines_all(e, &n, NULL);
		asked = hf__alloc((n + 1) * sizeof *asked);
		why = all && asked ? NULL : hf__error_nomem();
	}
	for (size_t i = 0; asked && i < n; i++)
		asked[i] = hf_tables(all[i]->pool, schema);
	for (size_t i = 0; i < n; i++) {
		if (!why)
			why = tell_of(all[i], asked[i], fn, arg);
		if (asked)
			hf_future_unref(asked[i]);
		hf__engine_put(all[i]);
	}
	hf__free(asked);
	hf__free(all);
	return hf__error_give(why, out_error);
}
