/* SPDX-License-Identifier: MIT */
/* Registries: sets of tables, kept in the order in which they came.
 *
 * m->lock (HF__L_LEAF) guards the list. What is made of it is made of a copy: nothing is sent with
 * a lock held. */
#include "model/registry.h"
#include "model/validate.h"

#include "base/attr.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/ref.h"
#include "value/error.h"

#include <string.h>

struct hf_models {
	hf__ref refs;
	hf__naming names;
	hf__mutex lock;
	const hf_table **table; /* guarded by lock, as is n */
	size_t n, changes;
};

/* --- life --- */

/* `letters`: what may stand behind a "%". The others would be nothing there, and names alike. */
static bool is_pattern(const char *s, const char *letters)
{
	for (; s && *s; s++)
		if (*s == '%' && (!*++s || !strchr(letters, *s)))
			return false;
	return true;
}

void hf__naming_take(hf__naming *to, const hf_naming *from)
{
	to->key = from->key ? from->key : to->key;
	to->foreign_key = from->foreign_key ? from->foreign_key : to->foreign_key;
	to->unique = from->unique ? from->unique : to->unique;
	to->index = from->index ? from->index : to->index;
	if (from->struct_size >= offsetof(hf_naming, check) + sizeof from->check && from->check)
		to->check = from->check;
	if (from->struct_size >= offsetof(hf_naming, exclude) + sizeof from->exclude &&
		from->exclude)
		to->exclude = from->exclude;
}

/* Patterns are static, as descriptions are. */
static bool take_naming(hf_models *m, const hf_naming *n)
{
	m->names = hf__naming_default;
	if (!n)
		return true;
	if (n->struct_size < offsetof(hf_naming, check))
		return false;
	hf__naming_take(&m->names, n);
	return is_pattern(m->names.key, "tc") && is_pattern(m->names.foreign_key, "tcr") &&
	       is_pattern(m->names.unique, "tc") && is_pattern(m->names.index, "tc") &&
	       is_pattern(m->names.exclude, "tc") && is_pattern(m->names.check, "tn");
}

hf_models *hf_models_new(const hf_naming *naming)
{
	hf_models *m = hf__calloc(sizeof *m);

	if (!m || !take_naming(m, naming)) {
		hf__free(m);
		return NULL;
	}
	hf__ref_init(&m->refs);
	hf__mutex_init(&m->lock, HF__L_LEAF);
	return m;
}

hf_models *hf_models_ref(hf_models *m)
{
	if (m)
		hf__ref_get(&m->refs);
	return m;
}

hf_models *hf_models_unref(hf_models *m)
{
	if (!m || !hf__ref_put(&m->refs))
		return NULL;
	hf__mutex_finish(&m->lock);
	hf__free(m->table);
	hf__free(m);
	return NULL;
}

const hf_table **hf__models_list(hf_models *m, size_t more, size_t *n)
{
	const hf_table **copy;

	hf__lock(&m->lock);
	copy = hf__alloc((m->n + more + 1) * sizeof *copy);
	*n = m->n;
	if (copy && m->n > 0)
		memcpy(copy, m->table, m->n * sizeof *copy);
	hf__unlock(&m->lock);
	return copy;
}

hf_models *hf_models_copy(hf_models *m)
{
	hf_models *c = m ? hf_models_new(NULL) : NULL;

	if (!c)
		return NULL;
	c->names = m->names;
	c->table = hf__models_list(m, 0, &c->n);
	return c->table ? c : hf_models_unref(c);
}

/* --- what is in it --- */

bool hf__among(const hf_table *const *tables, size_t n, const hf_table *t)
{
	for (size_t i = 0; i < n; i++)
		if (tables[i] == t)
			return true;
	return false;
}

const hf_table *hf__table_made(const hf_table *t)
{
	const hf__plan *p = __atomic_load_n(&t->plan->made, __ATOMIC_ACQUIRE);

	return &p->table;
}

static size_t count(const hf_table *const *tables)
{
	size_t n = 0;

	while (tables && tables[n])
		n++;
	return n;
}

/* Tables, sequences and types share their names: each table is a type as well. Enums are known by
 * their names alone. */
static hf_error *clash_of_object(const hf__plan *p, const hf__object *o, const hf__plan *other)
{
	if (strcmp(o->name, other->name) == 0)
		return hf__error_fmt(HF_E_MISUSE, 0, "model %s: its %s %s is called as table %s is",
			p->table.model, hf__object_word(o->kind), o->name, other->table.model);
	for (size_t i = 0; i < other->n_objects; i++) {
		const hf__object *there = &other->objects[i];

		if (there->what == o->what || strcmp(there->name, o->name) != 0 ||
			(there->kind == HF__ENUM && o->kind == HF__ENUM))
			continue;
		return hf__error_fmt(HF_E_MISUSE, 0,
			"models %s and %s: the %s and the %s are two, and both called %s",
			other->table.model, p->table.model, hf__object_word(there->kind),
			hf__object_word(o->kind), o->name);
	}
	return NULL;
}

static hf_error *clash_of_objects(const hf__plan *p, const hf__plan *other)
{
	hf_error *e = NULL;

	for (size_t i = 0; i < p->n_objects && !e; i++)
		e = clash_of_object(p, &p->objects[i], other);
	return e;
}

/* Two tables of one name in one schema, or what stands beside them. */
static hf_error *clash(const hf_table *const *tables, size_t n, const hf_table *t)
{
	hf_error *e = NULL;
	const hf__plan *p = hf__plan_of(t, &e);

	if (p)
		e = clash_of_objects(p, p);
	for (size_t i = 0; i < n && p && !e; i++) {
		const hf__plan *other = hf__plan_of(tables[i], &e);

		if (other && strcmp(other->name, p->name) == 0)
			return hf__error_fmt(HF_E_MISUSE, 0, "models %s and %s are both table %s",
				other->table.model, p->table.model, p->name);
		if (other)
			e = clash_of_objects(p, other);
		if (other && !e)
			e = clash_of_objects(other, p);
	}
	return e;
}

/* Adds one to a list that has room for it. */
static hf_error *add(const hf_table **all, size_t *n, const hf_table *t)
{
	hf_error *e;
	const hf__plan *p = hf__plan_of(t, &e);

	if (p)
		e = hf__plan_check_keys(p);
	if (!e)
		e = clash(all, *n, t);
	if (!e)
		all[(*n)++] = t;
	return e;
}

/* False: another thread has changed it since, and the list is no longer of use. */
static bool install(hf_models *m, const hf_table **all, size_t n, size_t changes)
{
	bool mine;

	hf__lock(&m->lock);
	mine = m->changes == changes;
	if (mine) {
		const hf_table **old = m->table;

		m->table = all;
		m->n = n;
		m->changes++;
		all = old;
	}
	hf__unlock(&m->lock);
	hf__free(all);
	return mine;
}

/* *done is false where it has to be tried again. */
static hf_error *add_all(
	hf_models *m, const hf_table *const *tables, const hf_table *const *except, bool *done)
{
	size_t n = 0, more = count(tables), without = count(except), changes;
	const hf_table **all;
	hf_error *e = NULL;

	hf__lock(&m->lock);
	changes = m->changes;
	hf__unlock(&m->lock);
	all = hf__models_list(m, more, &n);
	if (!all)
		return hf__error_nomem();
	for (size_t i = 0; i < more && !e; i++)
		if (!hf__among(except, without, tables[i]) && !hf__among(all, n, tables[i]))
			e = add(all, &n, tables[i]);
	if (e)
		hf__free(all);
	else
		*done = install(m, all, n, changes);
	return e;
}

hf_status hf_models_add(hf_models *m, const hf_table *const *tables, const hf_table *const *except,
	hf_error **out_error)
{
	hf_error *e = m ? NULL : hf__error_fmt(HF_E_MISUSE, 0, "the registry is NULL");
	bool done = false;

	while (!e && !done)
		e = add_all(m, tables, except, &done);
	return hf__error_give(e, out_error);
}

bool hf_models_remove(hf_models *m, const hf_table *t)
{
	size_t i = 0;
	bool there;

	if (!m)
		return false;
	hf__lock(&m->lock);
	while (i < m->n && m->table[i] != t)
		i++;
	there = i < m->n;
	if (there) {
		memmove(&m->table[i], &m->table[i + 1], (m->n-- - i - 1) * sizeof *m->table);
		m->changes++;
	}
	hf__unlock(&m->lock);
	return there;
}

size_t hf_models_count(hf_models *m)
{
	size_t n;

	if (!m)
		return 0;
	hf__lock(&m->lock);
	n = m->n;
	hf__unlock(&m->lock);
	return n;
}

const hf__naming *hf__models_naming(const hf_models *m)
{
	return &m->names;
}

/* "schema.table", or "table" of one without a schema. */
static bool is_table(const hf__plan *p, const char *name)
{
	const char *schema = p->table.schema, *dot = strchr(name, '.');
	size_t n = schema ? strlen(schema) : 0;

	if (!schema)
		return strcmp(p->table.name, name) == 0;
	return dot && n == (size_t)(dot - name) && strncmp(schema, name, n) == 0 &&
	       strcmp(p->table.name, dot + 1) == 0;
}

static bool is_model(const hf__plan *p, const char *name)
{
	return p->is_model && (strcmp(p->table.model, name) == 0 || is_table(p, name));
}

static hf_error *unknown(const hf_table *const *tables, size_t n, const char *name)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *e;

	for (size_t i = 0; i < n; i++)
		hf__strbuf_printf(&b, "%s%s", b.n ? ", " : "", hf__table_made(tables[i])->model);
	e = hf__error_fmt(HF_E_MISUSE, 0, "nothing is called \"%.63s\": there %s %.400s", name,
		n ? "are" : "is", n ? hf__strbuf_text(&b) : "none");
	hf__strbuf_finish(&b);
	return e;
}

static const hf_table *find(hf_models *m, const char *name,
	bool (*fits)(const hf__plan *p, const char *name), hf_error **out_error)
{
	const hf_table *found = NULL;
	size_t n = 0;
	const hf_table **all = m ? hf__models_list(m, 0, &n) : NULL;
	hf_error *e = NULL;

	if (!all)
		e = m ? hf__error_nomem() : hf__error_fmt(HF_E_MISUSE, 0, "the registry is NULL");
	for (size_t i = 0; name && i < n && all && !found && !e; i++) {
		const hf__plan *p = hf__plan_of(all[i], &e);

		if (p && fits(p, name))
			found = all[i];
	}
	if (!found && !e)
		e = unknown(all, n, name ? name : "");
	hf__free(all);
	(void)hf__error_give(e, out_error);
	return found;
}

const hf_table *hf_models_find(hf_models *m, const char *name, hf_error **out_error)
{
	return find(m, name, is_model, out_error);
}

const hf_table *hf_models_table(hf_models *m, const char *name, hf_error **out_error)
{
	return find(m, name, is_table, out_error);
}

/* --- all of them together --- */

static hf_error *check_targets(const hf_table *const *all, size_t n, const hf_table *t)
{
	const hf_table *own = hf__table_made(t);

	for (size_t i = 0; i < own->n_foreign_keys; i++)
		if (!hf__among(all, n, own->foreign_keys[i].table))
			return hf__error_fmt(HF_E_MISUSE, 0,
				"model %s refers to %s, which is not registered", own->model,
				hf__table_made(own->foreign_keys[i].table)->model);
	return NULL;
}

hf_status hf_models_check(hf_models *m, hf_error **out_error)
{
	size_t n = 0;
	const hf_table **all = m ? hf__models_list(m, 0, &n) : NULL;
	hf_error *e = NULL;

	if (!all)
		e = m ? hf__error_nomem() : hf__error_fmt(HF_E_MISUSE, 0, "the registry is NULL");
	for (size_t i = 0; all && i < n && !e; i++)
		e = check_targets(all, n, all[i]);
	hf__free(all);
	return hf__error_give(e, out_error);
}
