/* SPDX-License-Identifier: MIT */
/* One table at the server: made, emptied, dropped, asked for. */
#include "model/registry.h"

#include "engine/scope.h"
#include "value/codec.h"
#include "value/error.h"

hf_status hf_table_create(hf_session *s, const hf_table *t, int flags)
{
	hf_error *e;

	if (hf__plan_of(t, &e))
		e = hf__tables_create(s, &hf__naming_default, &t, 1, flags | HF__SHARED_OBJECTS);
	return hf__session_told(s, e);
}

hf_status hf_table_drop(hf_session *s, const hf_table *t, int flags)
{
	hf_error *e;

	if (hf__plan_of(t, &e))
		e = hf__tables_drop(s, &t, 1, flags | HF__SHARED_OBJECTS);
	return hf__session_told(s, e);
}

/* Sends it; an integer or a boolean is read from its one row, where there is a place for it. */
static hf_error *run(hf_session *s, hf__strbuf *b, const hf_value *args, size_t n, bool *out)
{
	hf_result *res = NULL;
	hf_error *e =
		b->failed ? hf__error_nomem()
			  : hf__session_execute(NULL, s, false, &res, hf__strbuf_text(b), args, n);

	if (!e && out)
		*out = hf_row_bool(hf_result_row(res, 0), 0, false);
	hf_result_unref(res);
	return e;
}

hf_status hf_table_truncate(hf_session *s, const hf_table *t, int flags)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *e;
	const hf__plan *p = hf__plan_of(t, &e);

	if (p) {
		hf__strbuf_printf(&b, "TRUNCATE %s%s%s", p->name,
			flags & HF_RESTART_IDENTITY ? " RESTART IDENTITY" : "",
			flags & HF_DEPENDENTS ? " CASCADE" : "");
		e = run(s, &b, NULL, 0, NULL);
	}
	hf__strbuf_finish(&b);
	return hf__session_told(s, e);
}

/* Whether there is a relation of one of these kinds, as pg_class has them. */
static hf_error *look_for(hf_session *s, const char *name, const char *kinds, bool *out)
{
	hf__strbuf b = HF__STRBUF_INIT;
	const hf_value args[] = { hf_v_text(name), hf_v_text(kinds) };
	hf_error *e;

	hf__strbuf_puts(&b, "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class WHERE oid = "
			    "pg_catalog.to_regclass($1) AND strpos($2, relkind::text) > 0)");
	e = run(s, &b, args, 2, out);
	hf__strbuf_finish(&b);
	return e;
}

#define TABLES    "rpvmf" /* tables, partitioned ones, views, materialized and foreign ones */
#define SEQUENCES "S"

hf_status hf_table_exists(hf_session *s, const hf_table *t, bool *out)
{
	hf_error *e;
	const hf__plan *p = hf__plan_of(t, &e);

	if (p)
		e = look_for(s, p->name, TABLES, out);
	return hf__session_told(s, e);
}

static hf_status exists(
	hf_session *s, const char *schema, const char *name, const char *kinds, bool *out)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *e = NULL;

	if (schema && hf__ident(&b, schema, "schema", &e) == HF_OK)
		hf__strbuf_putc(&b, '.');
	if (!e)
		(void)hf__ident(&b, name ? name : "", "name", &e);
	if (!e)
		e = b.failed ? hf__error_nomem() : look_for(s, hf__strbuf_text(&b), kinds, out);
	hf__strbuf_finish(&b);
	return hf__session_told(s, e);
}

hf_status hf_relation_exists(hf_session *s, const char *schema, const char *name, bool *out)
{
	return exists(s, schema, name, TABLES, out);
}

hf_status hf_sequence_exists(hf_session *s, const char *schema, const char *name, bool *out)
{
	return exists(s, schema, name, SEQUENCES, out);
}
