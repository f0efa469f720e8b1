/* SPDX-License-Identifier: MIT */
#include "model/ddl.h"

#include "base/mem.h"
#include "value/codec.h"
#include "value/error.h"
#include "value/text.h"

#include <string.h>

void hf__put_ident(hf__strbuf *b, const char *name)
{
	hf_error *e = NULL;

	if (hf__ident(b, name, "name", &e) != HF_OK) {
		b->failed = true;
		hf_error_unref(e);
	}
}

static const char *serial_type(const hf_column *c)
{
	return c->type == HF_T_INT2 ? "smallserial" : c->type == HF_T_INT4 ? "serial" : "bigserial";
}

static void put_type(hf__strbuf *b, const hf_column *c)
{
	if (c->domain) /* its name was checked */
		hf_error_unref(hf__put_object_name(b, HF__DOMAIN, c->domain->name));
	else
		hf__strbuf_puts(b, c->serial ? serial_type(c) : c->sql_type);
}

static void put_column(hf__strbuf *b, const hf__plan *p, size_t i)
{
	const hf_column *c = &p->columns[i];

	hf__strbuf_puts(b, p->quoted[i]);
	hf__strbuf_putc(b, ' ');
	put_type(b, c);
	if (c->collation) {
		hf__strbuf_puts(b, " COLLATE ");
		hf__put_ident(b, c->collation);
	}
	if (!c->nullable)
		hf__strbuf_puts(b, " NOT NULL");
	if (c->default_sql && !p->takes_default[i]) /* a domain's is there to be altered */
		hf__strbuf_printf(b, " DEFAULT %s", c->default_sql);
	if (c->generated_sql)
		hf__strbuf_printf(b, " GENERATED ALWAYS AS (%s) STORED", c->generated_sql);
	if (c->identity)
		hf__strbuf_printf(
			b, " GENERATED %s AS IDENTITY", c->always ? "ALWAYS" : "BY DEFAULT");
}

static void put_names(hf__strbuf *b, const hf__plan *p, const size_t *columns, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		hf__strbuf_puts(b, i ? ", " : "(");
		hf__strbuf_puts(b, p->quoted[columns[i]]);
	}
	hf__strbuf_putc(b, ')');
}

static void put_constraint(hf__strbuf *b, const char *name)
{
	hf__strbuf_puts(b, ", CONSTRAINT ");
	hf__put_ident(b, name);
}

static void put_constraints(hf__strbuf *b, const hf__naming *names, const hf__plan *p)
{
	char name[64];

	if (p->n_key > 0) {
		hf__name(name, names->key, p, p->key, p->n_key, NULL);
		put_constraint(b, name);
		hf__strbuf_puts(b, " PRIMARY KEY ");
		put_names(b, p, p->key, p->n_key);
	}
	for (size_t i = 0; i < p->n; i++) {
		if (!p->columns[i].unique)
			continue;
		hf__name(name, names->unique, p, &i, 1, NULL);
		put_constraint(b, name);
		hf__strbuf_puts(b, " UNIQUE ");
		put_names(b, p, &i, 1);
	}
	for (size_t i = 0; i < p->table.n_constraints; i++) {
		hf__check_name(name, names, p, &p->table.constraints[i]);
		put_constraint(b, name);
		hf__strbuf_printf(b, " CHECK (%s)", p->table.constraints[i].check);
	}
}

/* The user's text with the name in place of its one %s. */
static void put_own(hf__strbuf *b, const char *sql, const char *name)
{
	const char *at;

	for (; (at = strchr(sql, '%')) != NULL; sql = at + 2) {
		hf__strbuf_add(b, sql, (size_t)(at - sql));
		hf__strbuf_puts(b, at[1] == 's' ? name : "%");
	}
	hf__strbuf_puts(b, sql);
}

void hf__put_forgiving(hf__strbuf *b, hf__strbuf *statement, const char *conditions)
{
	hf__strbuf block = HF__STRBUF_INIT;

	if (conditions) {
		hf__strbuf_printf(&block, "BEGIN %s; EXCEPTION WHEN %s THEN NULL; END",
			hf__strbuf_text(statement), conditions);
		hf__strbuf_puts(b, "DO ");
		hf__put_quoted(b, hf__strbuf_text(&block), block.n);
	} else {
		hf__strbuf_puts(b, hf__strbuf_text(statement));
	}
	b->failed |= statement->failed || block.failed;
	hf__strbuf_finish(&block);
	hf__strbuf_finish(statement);
}

void hf__put_if_missing(hf__strbuf *b, hf__strbuf *statement, bool if_missing)
{
	hf__put_forgiving(b, statement, if_missing ? "duplicate_object OR duplicate_table" : NULL);
}

void hf__put_create(hf__strbuf *b, const hf__naming *names, const hf__plan *p, bool if_missing)
{
	hf__strbuf own = HF__STRBUF_INIT;

	if (p->table.create_sql) {
		put_own(&own, p->table.create_sql, p->name);
		hf__put_if_missing(b, &own, if_missing);
		return;
	}
	hf__strbuf_printf(b, "CREATE TABLE %s%s (", if_missing ? "IF NOT EXISTS " : "", p->name);
	for (size_t i = 0, n = 0; i < p->n; i++) {
		if (p->columns[i].system)
			continue;
		hf__strbuf_puts(b, n++ ? ", " : "");
		put_column(b, p, i);
	}
	put_constraints(b, names, p);
	hf__strbuf_putc(b, ')');
}

static const char *action(hf_action a)
{
	switch (a) {
	case HF_NO_ACTION:
		break;
	case HF_RESTRICT:
		return "RESTRICT";
	case HF_CASCADE:
		return "CASCADE";
	case HF_SET_NULL:
		return "SET NULL";
	case HF_SET_DEFAULT:
		return "SET DEFAULT";
	}
	return NULL;
}

static void put_foreign_key(hf__strbuf *b, const hf__naming *names, const hf__plan *p,
	const hf_foreign_key *k, hf_error **e)
{
	const hf__plan *to = hf__plan_of(k->table, e);
	size_t here[HF_MAX_KEY], there[HF_MAX_KEY], n;
	char name[64];

	if (!to)
		return;
	n = hf__plan_columns(p, k->here, here);
	hf__plan_columns(to, k->there, there);
	for (size_t i = 0; i < n; i++)
		if (there[i] == to->n) {
			*e = hf__error_fmt(HF_E_MISUSE, 0,
				"model %s: a foreign key to a member of %s that has no column",
				p->table.model, to->table.model);
			return;
		}
	hf__foreign_key_name(name, names, p, k);
	hf__strbuf_printf(b, "ALTER TABLE %s ADD CONSTRAINT ", p->name);
	hf__put_ident(b, name);
	hf__strbuf_puts(b, " FOREIGN KEY ");
	put_names(b, p, here, n);
	hf__strbuf_printf(b, " REFERENCES %s ", to->name);
	put_names(b, to, there, n);
	if (action(k->on_delete))
		hf__strbuf_printf(b, " ON DELETE %s", action(k->on_delete));
	if (action(k->on_update))
		hf__strbuf_printf(b, " ON UPDATE %s", action(k->on_update));
	if (k->deferrable)
		hf__strbuf_printf(b, " DEFERRABLE%s", k->deferred ? " INITIALLY DEFERRED" : "");
}

void hf__put_foreign_key(hf__strbuf *b, const hf__naming *names, const hf__plan *p,
	const hf_foreign_key *k, bool if_missing, hf_error **e)
{
	hf__strbuf statement = HF__STRBUF_INIT;

	put_foreign_key(&statement, names, p, k, e);
	if (*e)
		hf__strbuf_finish(&statement);
	else
		hf__put_if_missing(b, &statement, if_missing);
}

static void put_unique(hf__strbuf *b, const hf__plan *p, const char *name, const size_t *columns,
	size_t n, bool if_missing)
{
	hf__strbuf statement = HF__STRBUF_INIT;

	hf__strbuf_printf(&statement, "ALTER TABLE %s ADD CONSTRAINT ", p->name);
	hf__put_ident(&statement, name);
	hf__strbuf_puts(&statement, " UNIQUE ");
	put_names(&statement, p, columns, n);
	hf__put_if_missing(b, &statement, if_missing);
}

static void put_elements(
	hf__strbuf *b, const hf__plan *p, const hf_index *x, const size_t *columns, size_t n)
{
	if (x->sql) {
		hf__strbuf_printf(b, "(%s)", x->sql);
		return;
	}
	for (size_t i = 0; i < n; i++)
		hf__strbuf_printf(
			b, "%s%s WITH %s", i ? ", " : "(", p->quoted[columns[i]], x->with[i]);
	hf__strbuf_putc(b, ')');
}

static void put_exclusion(
	hf__strbuf *b, const hf__plan *p, const char *name, const hf_index *x, bool if_missing)
{
	hf__strbuf statement = HF__STRBUF_INIT;
	size_t at[HF_MAX_KEY], n = hf__plan_columns(p, x->column, at);

	hf__strbuf_printf(&statement, "ALTER TABLE %s ADD CONSTRAINT ", p->name);
	hf__put_ident(&statement, name);
	hf__strbuf_puts(&statement, " EXCLUDE USING ");
	hf__put_ident(&statement, x->method ? x->method : "gist");
	hf__strbuf_putc(&statement, ' ');
	put_elements(&statement, p, x, at, n);
	if (x->where)
		hf__strbuf_printf(&statement, " WHERE (%s)", x->where);
	hf__put_if_missing(b, &statement, if_missing);
}

void hf__put_index(hf__strbuf *b, const hf__naming *names, const hf__plan *p, const hf_index *x,
	bool if_missing)
{
	size_t at[HF_MAX_KEY], n = hf__plan_columns(p, x->column, at);
	char name[64];

	hf__index_name(name, names, p, x);
	if (hf__index_is_constraint(x)) {
		put_unique(b, p, name, at, n, if_missing);
		return;
	}
	if (x->exclude) {
		put_exclusion(b, p, name, x, if_missing);
		return;
	}
	hf__strbuf_printf(b, "CREATE %sINDEX %s", x->unique ? "UNIQUE " : "",
		if_missing ? "IF NOT EXISTS " : "");
	hf__put_ident(b, name);
	hf__strbuf_printf(b, " ON %s", p->name);
	if (x->method) {
		hf__strbuf_puts(b, " USING ");
		hf__put_ident(b, x->method);
	}
	hf__strbuf_putc(b, ' ');
	if (x->sql)
		hf__strbuf_printf(b, "(%s)", x->sql);
	else
		put_names(b, p, at, n);
	if (x->where)
		hf__strbuf_printf(b, " WHERE %s", x->where);
}

void hf__put_drop_own(hf__strbuf *b, const hf__plan *p, bool if_there)
{
	hf__strbuf statement = HF__STRBUF_INIT;

	put_own(&statement, p->table.drop_sql, p->name);
	hf__put_forgiving(b, &statement,
		if_there ? "undefined_table OR undefined_object OR undefined_function OR "
			   "invalid_schema_name"
			 : NULL);
}
