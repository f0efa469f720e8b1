/* SPDX-License-Identifier: MIT */
/* Databases of a pool's server. */
#include "engine/database.h"

#include "base/mem.h"
#include "base/thread.h"
#include "engine/maintenance.h"
#include "value/codec.h"
#include "value/error.h"
#include "value/opts.h"
#include "value/text.h"

#include <string.h>

/* --- asking --- */

hf_error *hf__database_name_refusal(const char *name)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *e = NULL;

	hf__ident(&b, name, "database", &e);
	hf__strbuf_finish(&b);
	return e;
}

static hf_error *refusal(const hf_pool *p, const char *name)
{
	hf_error *e = hf__pool_refusal(p);

	return e ? e : hf__database_name_refusal(name);
}

/* Opens, asks once, closes. */
static hf_error *ask(hf_pool *p, const char *sql, hf_result **out)
{
	hf__maintenance m;
	hf_error *e = hf__maintenance_open(&m, p, NULL);

	if (e)
		return e;
	e = hf__maintenance_run(&m, sql, 0, out);
	hf__maintenance_close(&m);
	return e;
}

/* `columns` of that database's row in pg_database; no row where there is none. */
static hf_error *look_up(hf__maintenance *m, const char *columns, const char *name, hf_result **out)
{
	hf__strbuf sql = HF__STRBUF_INIT;
	hf_error *e;

	hf__strbuf_printf(&sql, "SELECT %s FROM pg_catalog.pg_database WHERE datname = ", columns);
	hf__put_quoted(&sql, name, strlen(name));
	e = sql.failed ? hf__error_nomem() : hf__maintenance_run(m, hf__strbuf_text(&sql), 0, out);
	hf__strbuf_finish(&sql);
	return e;
}

static hf_error *is_there(hf__maintenance *m, const char *name, bool *out)
{
	hf_result *res = NULL;
	hf_error *e = look_up(m, "1", name, &res);

	if (!e)
		*out = hf_result_rows(res) > 0;
	hf_result_unref(res);
	return e;
}

hf_status hf_database_exists(hf_pool *p, const char *name, bool *out, hf_error **out_error)
{
	hf_error *e = refusal(p, name);
	hf__maintenance m;

	if (!e && !out)
		e = hf__error_fmt(HF_E_MISUSE, 0, "hf_database_exists: out is NULL");
	if (!e)
		e = hf__maintenance_open(&m, p, NULL);
	if (e)
		return hf__error_give(e, out_error);
	e = is_there(&m, name, out);
	hf__maintenance_close(&m);
	return hf__error_give(e, out_error);
}

#define LISTED                                                                                     \
	"SELECT datname::text AS name, pg_catalog.pg_get_userbyid(datdba)::text AS owner,"         \
	" pg_catalog.pg_encoding_to_char(encoding)::text AS encoding, datcollate::text AS locale," \
	" datistemplate AS is_template, may_connect FROM (SELECT *, datallowconn AND"              \
	" datconnlimit <> -2 AND pg_catalog.has_database_privilege(oid, 'CONNECT') AS may_connect" \
	" FROM pg_catalog.pg_database) AS d "

hf_status hf_database_list(hf_pool *p, bool all, hf_result **out, hf_error **out_error)
{
	hf_error *e = hf__pool_refusal(p);

	if (!e && !out)
		e = hf__error_fmt(HF_E_MISUSE, 0, "hf_database_list: out is NULL");
	if (out)
		*out = NULL;
	if (!e)
		e = ask(p, all ? LISTED "ORDER BY 1" : LISTED "WHERE may_connect ORDER BY 1", out);
	return hf__error_give(e, out_error);
}

/* --- creating --- */

static void put_name(
	hf__strbuf *b, const char *option, const char *name, const char *what, hf_error **e)
{
	if (!name || *e)
		return;
	hf__strbuf_puts(b, option);
	hf__ident(b, name, what, e);
}

static void put_text(hf__strbuf *b, const char *option, const char *text, hf_error **e)
{
	size_t n = text ? strlen(text) : 0;

	if (!text || *e)
		return;
	if (!hf__utf8_valid(text, n))
		*e = hf__error_fmt(HF_E_MISUSE, 0, "%s is not valid UTF-8", option + 1);
	hf__strbuf_puts(b, option);
	hf__put_quoted(b, text, n);
}

static hf_error *put_create(hf__strbuf *b, const char *name, const hf_database_opts *o, int version)
{
	hf_error *e = NULL;

	put_name(b, "CREATE DATABASE ", name, "database", &e);
	put_name(b, " OWNER ", o->owner, "owner", &e);
	put_name(b, " TEMPLATE ", o->template_db, "template", &e);
	put_text(b, " ENCODING ", o->encoding, &e);
	if (version >= 130000) {
		put_text(b, " LOCALE ", o->locale, &e);
	} else {
		put_text(b, " LC_COLLATE ", o->locale, &e);
		put_text(b, " LC_CTYPE ", o->locale, &e);
	}
	put_name(b, " TABLESPACE ", o->tablespace, "tablespace", &e);
	if (o->connection_limit > 0)
		hf__strbuf_printf(b, " CONNECTION LIMIT %d", o->connection_limit);
	return e || !b->failed ? e : hf__error_nomem();
}

static hf_error *check_numbers(int one, int other)
{
	if (one >= 0 && other >= HF_FOREVER)
		return NULL;
	return hf__error_fmt(HF_E_MISUSE, 0, "a limit of %d", one < 0 ? one : other);
}

/* Somebody else may have made it since we looked: then its row was there, or came under ours. */
static bool says_there(const hf_error *e)
{
	return strcmp(hf_error_sqlstate(e), "42P04") == 0 ||
	       strcmp(hf_error_sqlstate(e), "23505") == 0;
}

static hf_error *create(hf__maintenance *m, const char *name, const hf_database_opts *o, bool *made)
{
	hf__strbuf sql = HF__STRBUF_INIT;
	bool there = false;
	hf_error *e = put_create(&sql, name, o, hf__link_version(&m->link));

	if (!e && o->if_missing)
		e = is_there(m, name, &there);
	if (!e && !there) {
		e = hf__maintenance_run(m, hf__strbuf_text(&sql), o->timeout_ms, NULL);
		*made = !e;
		if (o->if_missing && says_there(e))
			e = hf_error_unref(e);
	}
	hf__strbuf_finish(&sql);
	return e;
}

hf_error *hf__database_create(
	hf_pool *p, const char *name, const hf_database_opts *opts, bool *made)
{
	hf_error *e = refusal(p, name);
	hf__strbuf unused = HF__STRBUF_INIT;
	hf_database_opts o = { 0 };
	hf__maintenance m;

	*made = false;
	if (!e)
		hf__opts_copy(&o, sizeof o, opts, "HF_DATABASE_OPTS", &e);
	if (!e)
		e = check_numbers(o.connection_limit, o.timeout_ms);
	/* What can be refused without the server is. */
	if (!e)
		e = put_create(&unused, name, &o, 0);
	hf__strbuf_finish(&unused);
	if (!e)
		e = hf__maintenance_open(&m, p, NULL);
	if (e)
		return e;
	e = create(&m, name, &o, made);
	hf__maintenance_close(&m);
	if (*made)
		hf__logf(&p->log, HF__LOG_INFO, "database \"%s\" created", name);
	return e;
}

hf_status hf_database_create(
	hf_pool *p, const char *name, const hf_database_opts *opts, hf_error **out_error)
{
	bool made;

	return hf__error_give(hf__database_create(p, name, opts, &made), out_error);
}

/* --- dropping --- */

/* Over a connection of its own, which is gone again. Whoever cannot be asked is not there. */
static bool is_in(hf_pool *own, const char *name)
{
	hf__maintenance m;
	hf_result *res = NULL;
	hf_error *e = hf__maintenance_open_own(&m, own);
	bool yes = false;

	if (!e) {
		e = hf__maintenance_run(&m, "SELECT pg_catalog.current_database()::text", 0, &res);
		hf__maintenance_close(&m);
	}
	if (!e)
		yes = strcmp(hf_row_text(hf_result_row(res, 0), 0), name) == 0;
	hf_result_unref(res);
	hf_error_unref(e);
	return yes;
}

/* Where the database stands in a service nothing is known of it here, and the server is asked. */
static bool leads_to(hf_pool *own, const hf_pool *p, const char *name)
{
	char database[256];

	if (own->forks != p->forks || !hf__dsn_same_server(&own->dsn, &p->dsn))
		return false;
	if (hf__dsn_database(&own->dsn, database, sizeof database))
		return strcmp(database, name) == 0;
	return hf_pool_get_state(own) != HF_POOL_CLOSED && is_in(own, name);
}

static hf_error *find_own(
	const hf_pool *p, const char *name, hf_pool *const *own, size_t n, bool *leads)
{
	for (size_t i = 0; i < n; i++) {
		leads[i] = leads_to(own[i], p, name);
		if (leads[i] && hf__thread_role(own[i]) != HF__ROLE_NONE)
			return hf__error_fmt(HF_E_DEADLOCK, 0,
				"a thread of pool \"%s\" cannot drop the database \"%s\", which it "
				"is in",
				own[i]->name, name);
	}
	return NULL;
}

static hf_error *close_one(hf_pool *own, const char *name, int drain_ms)
{
	hf_status st = hf_pool_close(own, drain_ms);

	if (st == HF_OK)
		return NULL;
	return hf__error_fmt(st, 0, "database \"%s\" is not dropped: pool \"%s\" is not closed yet",
		name, own->name);
}

static hf_error *close_own(
	hf_pool *p, const char *name, const hf_drop_opts *o, hf_pool *const *own, size_t n)
{
	bool *leads = hf__calloc((n + 1) * sizeof *leads);
	hf_error *e = leads ? find_own(p, name, own, n, leads) : hf__error_nomem();

	for (size_t i = 0; !e && i < n; i++)
		if (leads[i])
			e = close_one(own[i], name, o->drain_ms);
	hf__free(leads);
	return e;
}

/* Whether the server would let us: pools are not closed for nothing. */
static hf_error *may_drop(hf__maintenance *m, const char *name, bool *there, bool *may)
{
	hf_result *res = NULL;
	hf_error *e = look_up(m,
		"pg_catalog.pg_has_role(datdba, 'USAGE') AND NOT datistemplate AND"
		" pg_catalog.current_setting('transaction_read_only') = 'off'",
		name, &res);

	*there = !e && hf_result_rows(res) > 0;
	*may = *there && hf_row_bool(hf_result_row(res, 0), 0, false);
	hf_result_unref(res);
	return e;
}

static hf_error *drop(hf__maintenance *m, const char *name, const hf_drop_opts *o)
{
	hf__strbuf sql = HF__STRBUF_INIT;
	hf_error *e = NULL;

	if (o->force && hf__link_version(&m->link) < 130000)
		return hf__error_fmt(HF_E_MISUSE, 0, "force needs a server of version 13 or later");
	put_name(&sql, o->if_exists ? "DROP DATABASE IF EXISTS " : "DROP DATABASE ", name,
		"database", &e);
	hf__strbuf_puts(&sql, o->force ? " WITH (FORCE)" : "");
	if (!e && sql.failed)
		e = hf__error_nomem();
	if (!e)
		e = hf__maintenance_run(m, hf__strbuf_text(&sql), o->timeout_ms, NULL);
	hf__strbuf_finish(&sql);
	return e;
}

hf_error *hf__database_drop(
	hf_pool *p, const char *name, const hf_drop_opts *opts, hf_pool *const *own, size_t n_own)
{
	hf_error *e = refusal(p, name);
	bool there = false, may = false;
	hf_drop_opts o = { 0 };
	hf__maintenance m;

	if (!e)
		hf__opts_copy(&o, sizeof o, opts, "HF_DROP_OPTS", &e);
	if (!e && o.drain_ms < HF_FOREVER)
		e = hf__error_fmt(HF_E_MISUSE, 0, "drain_ms is %d", o.drain_ms);
	if (!e)
		e = check_numbers(0, o.timeout_ms);
	if (!e)
		e = hf__maintenance_open(&m, p, name);
	if (e)
		return e;
	e = may_drop(&m, name, &there, &may);
	if (!e && may)
		e = close_own(p, name, &o, own, n_own);
	if (!e)
		e = drop(&m, name, &o);
	hf__maintenance_close(&m);
	if (!e && there)
		hf__logf(&p->log, HF__LOG_INFO, "database \"%s\" dropped", name);
	return e;
}

hf_status hf_database_drop(
	hf_pool *p, const char *name, const hf_drop_opts *opts, hf_error **out_error)
{
	return hf__error_give(hf__database_drop(p, name, opts, &p, 1), out_error);
}
