/* SPDX-License-Identifier: MIT */
/* Conditions that are collected. All that is added is copied, whole, into the collection's own
 * memory: a copy of one shares nothing with it. */
#include "model/errand.h"
#include "model/statement.h"

#include "base/mem.h"
#include "value/error.h"

#include <string.h>
#include <strings.h>

/* A list that grows; it ends with one of HF_OP_END. */
struct list {
	hf_term *v;
	size_t n, cap;
};

struct hf_find {
	const hf_table *table;
	hf__arena arena;
	struct list conditions, order;
	int64_t limit, offset; /* < 0: none */
	bool failed;           /* no memory for what was added */
};

/* --- copies --- */

static void *copy(hf_find *f, const void *data, size_t n)
{
	void *to = data ? hf__arena_alloc(&f->arena, n > 0 ? n : 1) : NULL;

	if (to && n > 0)
		memcpy(to, data, n);
	f->failed |= data && !to;
	return to;
}

static const char *copy_text(hf_find *f, const char *text)
{
	return text ? copy(f, text, strlen(text) + 1) : NULL;
}

/* What the item of an array points to. */
static void own_item(hf_find *f, int type, void *item)
{
	const char **text = item;
	hf_bytes *bytes = item;

	if (type == HF_T_TEXT || type == HF_T_NUMERIC || type == HF_T_JSON) /* one pointer each */
		*text = copy_text(f, *text);
	else if (type == HF_T_BYTEA)
		bytes->data = copy(f, bytes->data, bytes->len);
}

/* All arrays have one layout. */
static const void *copy_array(hf_find *f, const hf_value *v)
{
	const hf_int4_array *from = v->as.array;
	int item = (int)v->type & ~HF_T_ARRAY;
	hf_int4_array *a = copy(f, from, sizeof *from);

	if (!a)
		return NULL;
	a->v = copy(f, from->v, from->n * hf__item_size(item));
	a->null = copy(f, from->null, from->n * sizeof *from->null);
	for (size_t i = 0; a->v && i < a->n; i++)
		if (!from->null || !from->null[i])
			own_item(f, item, (char *)(uintptr_t)a->v + i * hf__item_size(item));
	return a;
}

static hf_value copy_value(hf_find *f, const hf_value *v)
{
	hf_value c = *v;

	if (v->type & HF_T_ARRAY)
		c.as.array = copy_array(f, v);
	else if (v->type == HF_T_BYTEA)
		c.as.bytes.data = copy(f, v->as.bytes.data, v->as.bytes.len);
	else if (v->type == HF_T_TEXT || v->type == HF_T_NUMERIC || v->type == HF_T_JSON)
		c.as.s = copy_text(f, v->as.s);
	return c;
}

static size_t length(const hf_term *terms)
{
	size_t n = 0;

	while (terms[n].op != HF_OP_END)
		n++;
	return n;
}

static hf_term copy_term(hf_find *f, const hf_term *t)
{
	hf_term c = *t;
	size_t n = t->terms ? length(t->terms) : 0;
	hf_term *terms = t->terms ? copy(f, t->terms, (n + 1) * sizeof *terms) : NULL;
	hf_value *args = t->args ? copy(f, t->args, t->n_args * sizeof *args) : NULL;

	for (size_t i = 0; terms && i < n; i++)
		terms[i] = copy_term(f, &t->terms[i]);
	for (size_t i = 0; args && i < t->n_args; i++)
		args[i] = copy_value(f, &t->args[i]);
	c.value = copy_value(f, &t->value);
	c.sql = copy_text(f, t->sql);
	c.terms = terms;
	c.args = args;
	return c;
}

/* --- life --- */

hf_find *hf_find_new(const hf_table *t)
{
	hf_find *f = hf__calloc(sizeof *f);

	if (!f)
		return NULL;
	f->table = t;
	f->limit = f->offset = -1;
	return f;
}

hf_find *hf_find_unref(hf_find *f)
{
	if (!f)
		return NULL;
	hf__free(f->conditions.v);
	hf__free(f->order.v);
	hf__arena_finish(&f->arena);
	hf__free(f);
	return NULL;
}

static void add(hf_find *f, struct list *l, const hf_term *t)
{
	if (l->n + 1 >= l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		hf_term *v = hf__realloc(l->v, cap * sizeof *v);

		if (!v) {
			f->failed = true;
			return;
		}
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = copy_term(f, t);
	l->v[l->n] = (hf_term){ .op = HF_OP_END };
}

hf_find *hf_find_copy(const hf_find *f)
{
	hf_find *c = f ? hf_find_new(f->table) : NULL;

	if (!c)
		return NULL;
	for (size_t i = 0; i < f->conditions.n; i++)
		add(c, &c->conditions, &f->conditions.v[i]);
	for (size_t i = 0; i < f->order.n; i++)
		add(c, &c->order, &f->order.v[i]);
	c->limit = f->limit;
	c->offset = f->offset;
	c->failed |= f->failed;
	return c;
}

void hf_find_and(hf_find *f, hf_term condition)
{
	if (f)
		add(f, &f->conditions, &condition);
}

void hf_find_order(hf_find *f, hf_term place)
{
	if (f)
		add(f, &f->order, &place);
}

void hf_find_limit(hf_find *f, int64_t n)
{
	if (f)
		f->limit = n;
}

void hf_find_offset(hf_find *f, int64_t n)
{
	if (f)
		f->offset = n;
}

/* --- as the memory of others --- */

static const hf_term none = { .op = HF_OP_END };

hf_value hf__find_keep(hf_find *f, const hf_value *v)
{
	return copy_value(f, v);
}

void *hf__find_keep_bytes(hf_find *f, const void *data, size_t n)
{
	return copy(f, data, n);
}

hf__arena *hf__find_arena(hf_find *f)
{
	return &f->arena;
}

const hf_term *hf__find_conditions(const hf_find *f)
{
	return f->conditions.v ? f->conditions.v : &none;
}

bool hf__find_kept_all(const hf_find *f)
{
	return !f->failed;
}

/* --- as SQL --- */

static bool usable(hf__statement *s, const hf__plan *p, const hf_find *f)
{
	if (!f || f->failed)
		hf__statement_fail(s, hf__error_nomem());
	else if (!f->table)
		hf__statement_fail(
			s, hf__error_fmt(HF_E_MISUSE, 0, "the conditions are of no table: NULL"));
	else if (f->table->plan != p->table.plan)
		hf__statement_fail(
			s, hf__error_fmt(HF_E_MISUSE, 0, "conditions on %s in a statement on %s",
				   f->table->model, p->table.model));
	else
		return true;
	return false;
}

bool hf__find_clauses(
	hf__statement *s, const hf__plan *p, const hf_find *f, hf_clause *out, size_t *n)
{
	if (!usable(s, p, f))
		return false;
	out[*n] = (hf_clause){ .kind = HF_CLAUSE_ALL };
	if (f->conditions.n > 0)
		out[*n] = (hf_clause){ .kind = HF_CLAUSE_WHERE, .terms = f->conditions.v };
	++*n;
	if (f->order.n > 0)
		out[(*n)++] = (hf_clause){ .kind = HF_CLAUSE_ORDER, .terms = f->order.v };
	if (f->limit >= 0)
		out[(*n)++] = (hf_clause){ .kind = HF_CLAUSE_LIMIT, .n = f->limit };
	if (f->offset >= 0)
		out[(*n)++] = (hf_clause){ .kind = HF_CLAUSE_OFFSET, .n = f->offset };
	return true;
}

int64_t hf__find_limit(const hf_find *f)
{
	return f ? f->limit : -1;
}

/* --- an order in words --- */

#define BLANKS " \t"

static hf_error *no_column(const hf__plan *p, const char *word, size_t n)
{
	return hf__error_fmt(HF_E_MISUSE, 0, "model %s has no column \"%.*s\" to be sorted by",
		p->table.model, (int)(n < 63 ? n : 63), word);
}

static bool is(const char *word, size_t n, const char *name)
{
	return strlen(name) == n && strncmp(word, name, n) == 0;
}

/* One place: a name, and a direction or none. */
static hf_error *read_place(
	const hf__plan *p, const hf_table *t, const char *at, size_t n, bool any_case, hf_term *out)
{
	size_t name = strcspn(at, BLANKS ",");
	const char *dir = at + name + strspn(at + name, BLANKS);
	size_t dir_n = strcspn(dir, BLANKS ",");
	bool desc = dir_n == 4 && strncasecmp(dir, "desc", 4) == 0, text;
	size_t i = 0;

	while (i < p->n && !is(at, name, p->columns[i].name) && !is(at, name, p->columns[i].member))
		i++;
	if (i == p->n || p->columns[i].hidden) /* an order tells of values, too */
		return no_column(p, at, name);
	if (dir + dir_n + strspn(dir + dir_n, BLANKS) < at + n ||
		(dir_n > 0 && !desc && !(dir_n == 3 && strncasecmp(dir, "asc", 3) == 0)))
		return hf__error_fmt(HF_E_MISUSE, 0,
			"\"%.*s\" is no direction: \"asc\" or \"desc\"",
			(int)(dir_n < 63 ? dir_n : 63), dir);
	text = p->columns[i].type == HF_T_TEXT && !p->columns[i].as_text;
	*out = (hf_term){ .table = t,
		.column = p->columns[i].offset + 1,
		.op = any_case && text ? desc ? HF_OP_IDESC : HF_OP_IASC
		      : desc           ? HF_OP_DESC
				       : HF_OP_ASC };
	return NULL;
}

hf_status hf_find_order_by(hf_find *f, const char *text, bool ignore_case, hf_error **out_error)
{
	hf_error *e = NULL;
	const hf__plan *p = f ? hf__plan_of(f->table, &e) : NULL;
	size_t was = f ? f->order.n : 0;

	if (!f || !text)
		e = f ? hf__error_fmt(HF_E_MISUSE, 0, "the order is NULL") : hf__error_nomem();
	while (!e) {
		size_t n;
		hf_term place;

		text += strspn(text, BLANKS);
		n = strcspn(text, ",");
		e = read_place(p, f->table, text, n, ignore_case, &place);
		if (!e)
			add(f, &f->order, &place);
		text += n;
		if (!*text)
			break;
		text++;
	}
	if (e && f && f->order.v) {
		f->order.n = was;
		f->order.v[was] = (hf_term){ .op = HF_OP_END };
	}
	return hf__error_give(e, out_error);
}
