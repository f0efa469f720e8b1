/* SPDX-License-Identifier: MIT */
/* Registries: sets of tables, kept in the order in which they came.
 *
 * m->lock (HF__L_LEAF) guards the list. What is made of it is made of a copy: nothing is sent with
 * a lock held. */
#include "model/ddl.h"

#include "base/attr.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/scope.h"
#include "value/error.h"

#include <string.h>

struct hf_models {
	hf__ref refs;
	hf__naming names;
	hf__mutex lock;
	const hf_table **table; /* guarded by lock, as is n */
	size_t n;
};

/* --- life --- */

static bool is_pattern(const char *s)
{
	for (; s && *s; s++)
		if (*s == '%' && (!*++s || !strchr("tcr", *s)))
			return false;
	return true;
}

static bool take_naming(hf_models *m, const hf_naming *n)
{
	m->names = hf__naming_default;
	if (!n)
		return true;
	if (n->struct_size < sizeof *n || !is_pattern(n->key) || !is_pattern(n->foreign_key) ||
		!is_pattern(n->unique) || !is_pattern(n->index) || !is_pattern(n->check))
		return false;
	/* Patterns are static, as descriptions are. */
	m->names = (hf__naming){ n->key ? n->key : m->names.key,
		n->foreign_key ? n->foreign_key : m->names.foreign_key,
		n->unique ? n->unique : m->names.unique, n->index ? n->index : m->names.index,
		n->check ? n->check : m->names.check };
	return true;
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

/* A copy of the list, of *n tables; NULL: no memory. */
static const hf_table **list(hf_models *m, size_t more, size_t *n)
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

const hf_table **hf__models_list(hf_models *m, size_t *n)
{
	return list(m, 0, n);
}

hf_models *hf_models_copy(hf_models *m)
{
	hf_models *c = m ? hf_models_new(NULL) : NULL;

	if (!c)
		return NULL;
	c->names = m->names;
	c->table = list(m, 0, &c->n);
	return c->table ? c : hf_models_unref(c);
}

/* --- what is in it --- */

static bool among(const hf_table *const *tables, size_t n, const hf_table *t)
{
	for (size_t i = 0; i < n; i++)
		if (tables[i] == t)
			return true;
	return false;
}

static size_t count(const hf_table *const *tables)
{
	size_t n = 0;

	while (tables && tables[n])
		n++;
	return n;
}

/* Two tables of one name in one schema. */
static hf_error *clash(const hf_table *const *tables, size_t n, const hf_table *t)
{
	hf_error *e = NULL;
	const hf__plan *p = hf__plan_of(t, &e);

	for (size_t i = 0; i < n && p && !e; i++) {
		const hf__plan *other = hf__plan_of(tables[i], &e);

		if (other && strcmp(other->name, p->name) == 0)
			return hf__error_fmt(HF_E_MISUSE, 0, "models %s and %s are both table %s",
				tables[i]->model, t->model, p->name);
	}
	return e;
}

hf_status hf_models_add(hf_models *m, const hf_table *const *tables, const hf_table *const *except,
	hf_error **out_error)
{
	size_t n = 0, more = count(tables), without = count(except);
	const hf_table **all;
	hf_error *e = NULL;

	if (!m)
		return hf__error_give(
			hf__error_fmt(HF_E_MISUSE, 0, "the registry is NULL"), out_error);
	all = list(m, more, &n);
	if (!all)
		return hf__error_give(hf__error_nomem(), out_error);
	for (size_t i = 0; i < more && !e; i++) {
		if (among(except, without, tables[i]) || among(all, n, tables[i]))
			continue;
		e = clash(all, n, tables[i]);
		all[n++] = tables[i];
	}
	if (e) {
		hf__free(all);
		return hf__error_give(e, out_error);
	}
	hf__lock(&m->lock);
	hf__free(m->table);
	m->table = all;
	m->n = n;
	hf__unlock(&m->lock);
	return hf__error_give(NULL, out_error);
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
	if (there)
		memmove(&m->table[i], &m->table[i + 1], (m->n-- - i - 1) * sizeof *m->table);
	hf__unlock(&m->lock);
	return there;
}

size_t hf_models_count(const hf_models *m)
{
	return m ? m->n : 0;
}

static bool is_called(const hf_table *t, const char *name)
{
	const char *table = t->name ? t->name : t->model;
	const char *dot = strchr(name, '.');

	if (strcmp(t->model, name) == 0)
		return true;
	return dot && t->schema && strlen(t->schema) == (size_t)(dot - name) &&
	       strncmp(t->schema, name, (size_t)(dot - name)) == 0 && strcmp(table, dot + 1) == 0;
}

static hf_error *unknown(const hf_table *const *tables, size_t n, const char *name)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *e;

	for (size_t i = 0; i < n; i++)
		hf__strbuf_printf(&b, "%s%s", i ? ", " : "", tables[i]->model);
	e = hf__error_fmt(HF_E_MISUSE, 0, "no model is called \"%.63s\": there %s %.400s", name,
		n ? "are" : "is", n ? hf__strbuf_text(&b) : "none");
	hf__strbuf_finish(&b);
	return e;
}

const hf_table *hf_models_find(hf_models *m, const char *name, hf_error **out_error)
{
	const hf_table *found = NULL;
	size_t n = 0;
	const hf_table **all = m ? list(m, 0, &n) : NULL;
	hf_error *e = all ? NULL : hf__error_fmt(HF_E_MISUSE, 0, "the registry is NULL");

	for (size_t i = 0; name && i < n && !found; i++)
		if (is_called(all[i], name))
			found = all[i];
	if (!found && !e)
		e = unknown(all, n, name ? name : "");
	hf__free(all);
	(void)hf__error_give(e, out_error);
	return found;
}

/* --- the order of foreign keys --- */

/* Whether `t` refers to one of the tables that have not been placed, itself left out. */
static bool waits(const hf_table *t, const hf_table *const *rest, size_t n)
{
	for (size_t i = 0; i < t->n_foreign_keys; i++)
		if (t->foreign_keys[i].table != t && among(rest, n, t->foreign_keys[i].table))
			return true;
	return false;
}

/* Those referred to first, views last, and otherwise as they came. In a circle the first goes
 * first: foreign keys are added when all tables are there. */
static void sort(const hf_table **all, size_t n)
{
	for (size_t placed = 0; placed < n; placed++) {
		size_t i = placed;

		while (i < n && (all[i]->create_sql || waits(all[i], all + placed, n - placed)))
			i++;
		if (i == n) /* a circle, or views alone */
			for (i = placed; i < n && all[i]->create_sql; i++)
				;
		if (i == n)
			return;
		for (const hf_table *t = all[i]; i >= placed; i--) {
			if (i == placed) {
				all[i] = t;
				break;
			}
			all[i] = all[i - 1];
		}
	}
}

/* --- statements --- */

/* Each is sent, or, for hf_models_sql, collected. */
struct sender {
	hf_session *s;
	hf__strbuf *into;
	hf_error *e;
};

static void deliver(struct sender *to, hf__strbuf *b)
{
	hf_result *res = NULL;

	if (b->failed && !to->e)
		to->e = hf__error_nomem();
	if (!to->e && b->n > 0 && to->into)
		hf__strbuf_printf(to->into, "%s;\n", hf__strbuf_text(b));
	else if (!to->e && b->n > 0)
		to->e = hf__session_execute(NULL, to->s, &res, hf__strbuf_text(b), NULL, 0);
	hf_result_unref(res);
	hf__strbuf_clear(b);
}

static const hf__plan *plan_of(struct sender *to, const hf_table *t)
{
	hf_error *e = NULL;
	const hf__plan *p = to->e ? NULL : hf__plan_of(t, &e);

	if (e)
		to->e = e;
	return p;
}

static void create_schemas(struct sender *to, const hf_table *const *all, size_t n, hf__strbuf *b)
{
	for (size_t i = 0; i < n; i++) {
		const hf__plan *p = all[i]->schema ? plan_of(to, all[i]) : NULL;
		bool told = false;

		for (size_t k = 0; k < i && p; k++)
			told |= all[k]->schema && strcmp(all[k]->schema, all[i]->schema) == 0;
		if (!p || told)
			continue;
		hf__strbuf_printf(b, "CREATE SCHEMA IF NOT EXISTS %s", p->schema);
		deliver(to, b);
	}
}

static void create_enums(
	struct sender *to, const hf_table *const *all, size_t n, int flags, hf__strbuf *b)
{
	const hf_labels *done[64];
	size_t n_done = 0;

	for (size_t i = 0; i < n; i++) {
		const hf__plan *p = plan_of(to, all[i]);

		for (size_t c = 0; p && c < p->n; c++) {
			const hf_labels *l = p->columns[c].labels;
			bool is_done = !l;

			for (size_t k = 0; k < n_done && l; k++)
				is_done |= strcmp(done[k]->sql_type, l->sql_type) == 0;
			if (is_done)
				continue;
			if (n_done < hf_countof(done))
				done[n_done++] = l;
			hf__put_create_enum(b, l, (flags & HF_IF_MISSING) != 0);
			deliver(to, b);
		}
	}
}

static void add_rest(
	struct sender *to, const hf__naming *names, const hf_table *t, int flags, hf__strbuf *b)
{
	const hf__plan *p = plan_of(to, t);

	for (size_t i = 0; p && i < p->table.n_indexes && !to->e; i++) {
		hf__put_index(b, names, p, &p->table.indexes[i], (flags & HF_IF_MISSING) != 0);
		deliver(to, b);
	}
	for (size_t i = 0; p && i < p->table.n_foreign_keys && !to->e; i++) {
		hf__put_foreign_key(b, names, p, &p->table.foreign_keys[i],
			(flags & HF_IF_MISSING) != 0, &to->e);
		deliver(to, b);
	}
}

static void create_all(
	struct sender *to, const hf__naming *names, const hf_table **all, size_t n, int flags)
{
	hf__strbuf b = HF__STRBUF_INIT;

	sort(all, n);
	create_schemas(to, all, n, &b);
	create_enums(to, all, n, flags, &b);
	for (size_t i = 0; i < n; i++) {
		const hf__plan *p = all[i]->create_sql ? NULL : plan_of(to, all[i]);

		if (!p)
			continue;
		hf__put_create(&b, names, p, (flags & HF_IF_MISSING) != 0);
		deliver(to, &b);
	}
	for (size_t i = 0; i < n; i++)
		add_rest(to, names, all[i], flags, &b);
	for (size_t i = 0; i < n; i++) {
		const hf__plan *p = all[i]->create_sql ? plan_of(to, all[i]) : NULL;

		if (!p)
			continue;
		hf__put_create(&b, names, p, false);
		deliver(to, &b);
	}
	hf__strbuf_finish(&b);
}

static void drop_all(struct sender *to, const hf_table **all, size_t n, int flags)
{
	hf__strbuf b = HF__STRBUF_INIT;

	sort(all, n);
	for (size_t i = n; i-- > 0;) {
		const hf__plan *p = plan_of(to, all[i]);

		if (!p)
			break;
		hf__put_drop(&b, p, (flags & HF_IF_THERE) != 0, (flags & HF_DEPENDENTS) != 0);
		deliver(to, &b);
	}
	hf__strbuf_finish(&b);
}

hf_status hf_models_create(hf_models *m, hf_session *s, int flags)
{
	struct sender to = { .s = s };
	size_t n = 0;
	const hf_table **all = m ? list(m, 0, &n) : NULL;

	if (!all)
		to.e = m ? hf__error_nomem()
			 : hf__error_fmt(HF_E_MISUSE, 0, "the registry is NULL");
	if (!to.e && (flags & HF_DROP_FIRST))
		drop_all(&to, all, n, HF_IF_THERE | HF_DEPENDENTS);
	if (!to.e)
		create_all(&to, &m->names, all, n, flags);
	hf__free(all);
	return hf__session_told(s, to.e);
}

hf_status hf_models_drop(hf_models *m, hf_session *s, int flags)
{
	struct sender to = { .s = s };
	size_t n = 0;
	const hf_table **all = m ? list(m, 0, &n) : NULL;

	if (!all)
		to.e = m ? hf__error_nomem()
			 : hf__error_fmt(HF_E_MISUSE, 0, "the registry is NULL");
	else
		drop_all(&to, all, n, flags);
	hf__free(all);
	return hf__session_told(s, to.e);
}

char *hf_models_sql(hf_models *m, int flags)
{
	hf__strbuf text = HF__STRBUF_INIT;
	struct sender to = { .into = &text };
	size_t n = 0;
	const hf_table **all = m ? list(m, 0, &n) : NULL;

	if (!all)
		return NULL;
	create_all(&to, &m->names, all, n, flags);
	hf__free(all);
	if (!to.e)
		return hf__strbuf_take(&text);
	hf_error_unref(to.e);
	hf__strbuf_finish(&text);
	return NULL;
}
