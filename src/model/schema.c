/* SPDX-License-Identifier: MIT */
/* Many tables at once, made and dropped. */
#include "model/registry.h"

#include "base/attr.h"
#include "base/mem.h"
#include "engine/scope.h"
#include "value/error.h"

#include <string.h>

/* --- the order of foreign keys --- */

static bool is_own_sql(const hf_table *t)
{
	return hf__table_made(t)->create_sql != NULL;
}

/* Whether `t` refers to one of the tables that have not been placed, itself left out. */
static bool waits(const hf_table *t, const hf_table *const *rest, size_t n)
{
	const hf_table *own = hf__table_made(t);

	for (size_t i = 0; i < own->n_foreign_keys; i++)
		if (own->foreign_keys[i].table != t &&
			hf__among(rest, n, own->foreign_keys[i].table))
			return true;
	return false;
}

/* The next: one that waits for none, or, in a circle, the first that is no view; n: views alone. */
static size_t next(const hf_table *const *rest, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!is_own_sql(rest[i]) && !waits(rest[i], rest, n))
			return i;
	for (i = 0; i < n && is_own_sql(rest[i]); i++)
		;
	return i;
}

/* Those referred to first, what SQL makes last, and otherwise as they came. In a circle the first
 * goes first: foreign keys are added when all tables are there. */
static void sort(const hf_table **all, size_t n)
{
	for (size_t placed = 0; placed < n; placed++) {
		size_t i = next(all + placed, n - placed);
		const hf_table *t;

		if (i == n - placed)
			return;
		t = all[placed + i];
		memmove(&all[placed + 1], &all[placed], i * sizeof *all);
		all[placed] = t;
	}
}

/* --- statements --- */

/* Each is sent, or, for hf_models_sql, collected. */
struct sender {
	hf_session *s;
	hf__strbuf *into;
	const hf__naming *names;
	const hf_table **all;
	size_t n;
	int flags;
	hf__strbuf b;
	hf_error *e; /* the first; nothing is sent after it */
};

/* Sends what has been put into to->b. */
static void deliver(struct sender *to)
{
	hf_result *res = NULL;

	if (to->b.failed && !to->e)
		to->e = hf__error_nomem();
	if (!to->e && to->b.n > 0 && to->into)
		hf__strbuf_printf(to->into, "%s;\n", hf__strbuf_text(&to->b));
	else if (!to->e && to->b.n > 0)
		to->e = hf__session_execute(
			NULL, to->s, false, &res, hf__strbuf_text(&to->b), NULL, 0);
	hf_result_unref(res);
	hf__strbuf_clear(&to->b);
}

static const hf__plan *plan_of(struct sender *to, const hf_table *t)
{
	hf_error *e = NULL;
	const hf__plan *p = to->e ? NULL : hf__plan_of(t, &e);

	if (e)
		to->e = e;
	return p;
}

static bool if_missing(const struct sender *to)
{
	return (to->flags & HF_IF_MISSING) != 0;
}

/* Whether one of the tables before has the same schema. */
static bool has_come(struct sender *to, size_t n, const char *schema)
{
	for (size_t i = 0; i < n; i++) {
		const hf__plan *p = plan_of(to, to->all[i]);

		if (p && p->schema && strcmp(p->schema, schema) == 0)
			return true;
	}
	return false;
}

static void create_schemas(struct sender *to)
{
	for (size_t i = 0; i < to->n; i++) {
		const hf__plan *p = plan_of(to, to->all[i]);

		if (!p || !p->schema || has_come(to, i, p->schema))
			continue;
		hf__strbuf_printf(&to->b, "CREATE SCHEMA IF NOT EXISTS %s", p->schema);
		deliver(to);
	}
}

/* Whether it stands before this one, in the same table or another. */
static bool object_has_come(struct sender *to, size_t table, size_t at, const hf__object *o)
{
	for (size_t i = 0; i <= table; i++) {
		const hf__plan *p = plan_of(to, to->all[i]);

		for (size_t k = 0; p && k < (i == table ? at : p->n_objects); k++)
			if (p->objects[k].kind == o->kind &&
				strcmp(p->objects[k].name, o->name) == 0)
				return true;
	}
	return false;
}

typedef void put_object(struct sender *to, const hf__object *o);

/* The one at that place, if it is of the kind, and stands there first. */
static void put_one(
	struct sender *to, hf__object_kind kind, put_object *put, size_t table, size_t at)
{
	const hf__plan *p = plan_of(to, to->all[table]);
	const hf__object *o = p ? &p->objects[at] : NULL;

	if (!o || o->kind != kind || object_has_come(to, table, at, o))
		return;
	put(to, o);
	deliver(to);
}

static size_t n_objects(struct sender *to, size_t table)
{
	const hf__plan *p = plan_of(to, to->all[table]);

	return p ? p->n_objects : 0;
}

/* Each of that kind once. */
static void each_of_kind(struct sender *to, hf__object_kind kind, put_object *put)
{
	for (size_t i = 0; i < to->n; i++)
		for (size_t k = 0; k < n_objects(to, i); k++)
			put_one(to, kind, put, i, k);
}

/* A domain may be over one that was made before it. */
static void each_of_kind_back(struct sender *to, hf__object_kind kind, put_object *put)
{
	for (size_t i = to->n; i-- > 0;)
		for (size_t k = n_objects(to, i); k-- > 0;)
			put_one(to, kind, put, i, k);
}

static void each_object(struct sender *to, put_object *put)
{
	each_of_kind(to, HF__ENUM, put);
	each_of_kind(to, HF__SEQUENCE, put);
	each_of_kind(to, HF__DOMAIN, put);
}

/* What others are of comes last. */
static void each_object_back(struct sender *to, put_object *put)
{
	each_of_kind_back(to, HF__DOMAIN, put);
	each_of_kind_back(to, HF__SEQUENCE, put);
	each_of_kind_back(to, HF__ENUM, put);
}

static void put_object_schema(struct sender *to, const hf__object *o)
{
	if (o->schema)
		hf__strbuf_printf(&to->b, "CREATE SCHEMA IF NOT EXISTS %s", o->schema);
}

/* One that others have is still there after HF_DROP_FIRST. */
static void put_create_object(struct sender *to, const hf__object *o)
{
	const int may_be_there = HF_IF_MISSING | HF_DROP_FIRST | HF__SHARED_OBJECTS;

	hf__put_create_object(&to->b, o, (to->flags & may_be_there) != 0);
}

static void put_drop_object(struct sender *to, const hf__object *o)
{
	hf__put_drop_object(
		&to->b, o, (to->flags & HF_IF_THERE) != 0, (to->flags & HF_DEPENDENTS) != 0);
}

static void put_drop_unused_object(struct sender *to, const hf__object *o)
{
	hf__put_drop_unused_object(&to->b, o);
}

static void add_indexes(struct sender *to, const hf_table *t)
{
	const hf__plan *p = plan_of(to, t);

	for (size_t i = 0; p && i < p->table.n_indexes && !to->e; i++) {
		hf__put_index(&to->b, to->names, p, &p->table.indexes[i], if_missing(to));
		deliver(to);
	}
}

static void add_foreign_keys(struct sender *to, const hf_table *t)
{
	const hf__plan *p = plan_of(to, t);

	for (size_t i = 0; p && i < p->table.n_foreign_keys && !to->e; i++) {
		hf__put_foreign_key(
			&to->b, to->names, p, &p->table.foreign_keys[i], if_missing(to), &to->e);
		deliver(to);
	}
}

static void create_some(struct sender *to, bool by_sql)
{
	for (size_t i = 0; i < to->n; i++) {
		const hf__plan *p = plan_of(to, to->all[i]);

		if (!p || by_sql != (p->table.create_sql != NULL))
			continue;
		hf__put_create(&to->b, to->names, p, if_missing(to));
		deliver(to);
	}
}

static void create_all(struct sender *to)
{
	create_schemas(to);
	each_object(to, put_object_schema);
	each_object(to, put_create_object);
	create_some(to, false);
	for (size_t i = 0; i < to->n; i++)
		add_indexes(to, to->all[i]);
	for (size_t i = 0; i < to->n; i++) /* to what is unique by now */
		add_foreign_keys(to, to->all[i]);
	create_some(to, true);
}

/* --- dropping --- */

/* Before anything is gone: a view that nobody could drop would be in the way of its tables. */
static void check_drops(struct sender *to)
{
	for (size_t i = 0; i < to->n && !to->e; i++) {
		const hf_table *t = hf__table_made(to->all[i]);

		if (t->create_sql && !t->drop_sql)
			to->e = hf__error_fmt(HF_E_MISUSE, 0,
				"model %s: it is made by SQL of its own, and has none to be "
				"dropped by",
				t->model);
	}
}

/* In one statement, as those of a circle refer to each other. */
static void put_drop_tables(struct sender *to)
{
	const char *between = to->flags & HF_IF_THERE ? "DROP TABLE IF EXISTS " : "DROP TABLE ";

	for (size_t i = to->n; i-- > 0;) {
		const hf__plan *p = plan_of(to, to->all[i]);

		if (!p || p->table.create_sql)
			continue;
		hf__strbuf_puts(&to->b, between);
		hf__strbuf_puts(&to->b, p->name);
		between = ", ";
	}
	if (to->b.n > 0 && (to->flags & HF_DEPENDENTS))
		hf__strbuf_puts(&to->b, " CASCADE");
}

/* All but what stands beside the tables. */
static void drop_tables(struct sender *to)
{
	check_drops(to);
	for (size_t i = to->n; i-- > 0;) {
		const hf__plan *p = plan_of(to, to->all[i]);

		if (!p || !p->table.create_sql)
			continue;
		hf__put_drop_own(&to->b, p, (to->flags & HF_IF_THERE) != 0);
		deliver(to);
	}
	put_drop_tables(to);
	deliver(to);
}

/* What is not among them may have columns of the enums and their kin, which are nobody's to take
 * away. */
static void drop_first(struct sender *to)
{
	int flags = to->flags;

	to->flags = HF_IF_THERE | HF_DEPENDENTS;
	drop_tables(to);
	if (!(flags & HF__SHARED_OBJECTS))
		each_object_back(to, put_drop_unused_object);
	to->flags = flags;
}

/* --- in one transaction --- */

static hf_error *finish(struct sender *to)
{
	hf__strbuf_finish(&to->b);
	return to->e;
}

static hf_error *create(struct sender *to)
{
	sort(to->all, to->n);
	if (to->flags & HF_DROP_FIRST)
		drop_first(to);
	create_all(to);
	return finish(to);
}

static hf_error *drop(struct sender *to)
{
	sort(to->all, to->n);
	drop_tables(to);
	if (!(to->flags & HF__SHARED_OBJECTS))
		each_object_back(to, put_drop_object);
	return finish(to);
}

static hf_error *as_one(struct sender *to, hf_error *(*run)(struct sender *to))
{
	hf__whole whole = { 0 };
	hf_error *e = hf__whole_begin(HF_HERE, to->s, &whole), *why;

	if (!e)
		e = run(to);
	why = hf__whole_end(HF_HERE, to->s, &whole, !e);
	if (!e)
		return why;
	hf_error_unref(why);
	return e;
}

hf_error *hf__tables_create(
	hf_session *s, const hf__naming *names, const hf_table **all, size_t n, int flags)
{
	struct sender to = {
		.s = s, .names = names, .all = all, .n = n, .flags = flags, .b = HF__STRBUF_INIT
	};

	return as_one(&to, create);
}

hf_error *hf__tables_drop(hf_session *s, const hf_table **all, size_t n, int flags)
{
	struct sender to = { .s = s, .all = all, .n = n, .flags = flags, .b = HF__STRBUF_INIT };

	return as_one(&to, drop);
}

/* --- registries --- */

/* The list, which is to be freed; NULL, and *e tells why. */
static const hf_table **tables_of(hf_models *m, size_t *n, hf_error **e)
{
	const hf_table **all = m ? hf__models_list(m, 0, n) : NULL;

	*e = NULL;
	if (!m)
		*e = hf__error_fmt(HF_E_MISUSE, 0, "the registry is NULL");
	else if (!all)
		*e = hf__error_nomem();
	return all;
}

hf_status hf_models_create(hf_models *m, hf_session *s, int flags)
{
	size_t n = 0;
	hf_error *e;
	const hf_table **all = tables_of(m, &n, &e);

	if (all)
		e = hf__tables_create(s, hf__models_naming(m), all, n, flags);
	hf__free(all);
	return hf__session_told(s, e);
}

hf_status hf_models_drop(hf_models *m, hf_session *s, int flags)
{
	size_t n = 0;
	hf_error *e;
	const hf_table **all = tables_of(m, &n, &e);

	if (all)
		e = hf__tables_drop(s, all, n, flags);
	hf__free(all);
	return hf__session_told(s, e);
}

char *hf_models_sql(hf_models *m, int flags)
{
	hf__strbuf text = HF__STRBUF_INIT;
	struct sender to = { .into = &text, .flags = flags, .b = HF__STRBUF_INIT };
	hf_error *e;

	to.all = tables_of(m, &to.n, &e);
	if (to.all) {
		to.names = hf__models_naming(m);
		e = create(&to);
	}
	hf__free(to.all);
	if (!e)
		return hf__strbuf_take(&text);
	hf_error_unref(e);
	hf__strbuf_finish(&text);
	return NULL;
}
