/* SPDX-License-Identifier: MIT */
/* Columns, aggregates, SQL of the user's and paths into JSON, as SQL. */
#include "model/statement.h"

#include "value/error.h"
#include "value/sql_scan.h"
#include "value/text.h"

#include <stdlib.h>
#include <string.h>

/* --- columns --- */

static const hf__plan *plan_in(const hf__statement *s, const hf__plan *p, const hf_table *t)
{
	if (t && t->plan == p->table.plan)
		return p;
	for (size_t i = 0; t && i < s->n_joined; i++)
		if (s->joined[i]->table.plan == t->plan)
			return s->joined[i];
	return NULL;
}

hf__place hf__place_of(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	const hf__plan *in = plan_in(s, p, t->table);
	size_t i = in ? hf__plan_column(in, t->column) : 0;

	if (in && i < in->n)
		return (hf__place){ in, &in->columns[i] };
	if (t->table && !in)
		hf__statement_fail(
			s, hf__error_fmt(HF_E_MISUSE, 0, "a condition on %s in a statement on %s",
				   t->table->model, p->table.model));
	else
		hf__statement_fail(
			s, hf__error_fmt(HF_E_MISUSE, 0,
				   "model %s: a condition on a member that has no column",
				   p->table.model));
	return (hf__place){ p, NULL };
}

/* With a join a name alone might be either table's. */
static bool needs_table(const hf__statement *s)
{
	return s->names == HF__NAMES_SORTED || (s->names == HF__NAMES_PLAIN && s->n_joined > 0);
}

void hf__put_name(hf__statement *s, hf__place at)
{
	if (needs_table(s)) {
		hf__put(s, at.p->name);
		hf__put(s, ".");
	}
	hf__put(s, at.p->quoted[at.c - at.p->columns]);
	if (s->names == HF__NAMES_SORTED && at.c->system)
		hf__put(s, hf__read_cast(at.c)); /* what it is has no order */
	if (s->names == HF__NAMES_READ && at.c->as_text)
		hf__strbuf_printf(&s->text, "::%s", at.c->sql_type);
}

void hf__put_operand_cast(hf__statement *s, const hf_column *c)
{
	if (hf__is_domain_of_enum(c))
		hf__strbuf_printf(&s->text, "::%s", c->sql_type);
}

void hf__put_operand(hf__statement *s, hf__place at)
{
	hf__put_name(s, at);
	hf__put_operand_cast(s, at.c);
}

void hf__put_column(hf__statement *s, const hf__plan *p, size_t column)
{
	hf__put_name(s, (hf__place){ p, &p->columns[column] });
}

/* --- expressions --- */

/* Another's would be a value of another condition. */
static void put_param(hf__statement *s, const hf_term *t, size_t base, const char *param)
{
	unsigned long i = strtoul(param + 1, NULL, 10);

	if (i >= 1 && i <= t->n_args)
		hf__strbuf_printf(&s->text, "$%zu", base + i);
	else
		hf__statement_fail(
			s, hf__error_fmt(HF_E_MISUSE, 0, "\"%.200s\" has $%lu, and %zu values",
				   t->sql, i, t->n_args));
}

/* The parameters of an expression of the user's count from 1, and go on with ours. */
void hf__put_sql(hf__statement *s, const hf_term *t)
{
	hf__scan sc = { t->sql, t->sql };
	size_t base = s->n;

	if (!t->sql) {
		hf__statement_fail(s,
			hf__error_fmt(HF_E_MISUSE, 0, "there is no SQL in an expression of SQL"));
		return;
	}
	for (size_t i = 0; i < t->n_args; i++)
		hf__add_arg(s, t->args[i]);
	hf__put(s, "(");
	for (hf__token k = hf__scan_next(&sc); k != HF__TOKEN_END; k = hf__scan_next(&sc)) {
		if (k == HF__TOKEN_PARAM)
			put_param(s, t, base, sc.from);
		else
			hf__strbuf_add(&s->text, sc.from, (size_t)(sc.at - sc.from));
	}
	hf__put(s, ")");
}

/* --- paths into JSON --- */

static bool put_key(hf__statement *s, const hf__place *at, const hf_value *v, const char **out)
{
	hf__strbuf b = HF__STRBUF_INIT;
	bool fits = v->type == HF_T_TEXT || v->type == HF_T_INT8 || v->type == HF_T_UINT8;
	const char *why = fits ? hf__put_text(&b, v) : "a path is made of texts and whole numbers";
	char *key = why || b.failed ? NULL : hf__arena_alloc(&s->arena, b.n + 1);

	if (key)
		memcpy(key, hf__strbuf_text(&b), b.n + 1);
	else
		hf__statement_fail(s,
			why ? hf__error_fmt(HF_E_MISUSE, 0, "column \"%s\": %s", at->c->name, why)
			    : hf__error_nomem());
	hf__strbuf_finish(&b);
	*out = key;
	return key != NULL;
}

/* The keys as a text[]; NULL: there is no memory, or one of them is none. */
static const hf_text_array *path_of(hf__statement *s, const hf__place *at, const hf_term *t)
{
	const char **key = hf__arena_alloc(&s->arena, (t->n_args + 1) * sizeof *key);
	hf_text_array *path = key ? hf__arena_alloc(&s->arena, sizeof *path) : NULL;

	if (!path) {
		hf__statement_fail(s, hf__error_nomem());
		return NULL;
	}
	for (size_t i = 0; i < t->n_args; i++)
		if (!put_key(s, at, &t->args[i], &key[i]))
			return NULL;
	*path = HF_ARRAY(text, key, t->n_args);
	return path;
}

static bool same_path(const hf_text_array *a, const hf_text_array *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = strcmp(a->v[i], b->v[i]) == 0;
	return same;
}

/* One path is one parameter, wherever it stands: to the server two of them are two expressions, and
 * what is grouped by one cannot be picked by the other. */
static void put_path(hf__statement *s, const hf_text_array *path)
{
	size_t was;

	for (size_t i = 0; i < s->n && i < 64; i++)
		if ((s->paths >> i & 1) && same_path(s->args[i].as.array, path)) {
			hf__strbuf_printf(&s->text, "$%zu", i + 1);
			return;
		}
	was = s->n;
	hf__put_arg(s, hf_v_text_array(path));
	if (s->n > was && was < 64)
		s->paths |= UINT64_C(1) << was;
}

static void put_json(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	hf__place at = hf__place_of(s, p, t);
	const hf_text_array *path;

	if (at.c && at.c->type != HF_T_JSON) {
		hf__statement_fail(
			s, hf__error_fmt(HF_E_MISUSE, 0,
				   "model %s: a path into column \"%s\", which is %s%s: it needs "
				   "a JSON or JSONB in the model",
				   at.p->table.model, at.c->name, at.c->sql_type,
				   at.c->as_text ? " as text" : ""));
		return;
	}
	path = at.c ? path_of(s, &at, t) : NULL;
	if (!path)
		return;
	hf__put(s, "(");
	hf__put_name(s, at);
	hf__put(s, t->op == HF_OP_JSON_GET ? " #>> " : " #> ");
	put_path(s, path);
	hf__put(s, t->op == HF_OP_JSON_GET ? ")" : " IS NOT NULL)");
}

/* --- all --- */

static const char *function(hf_op op)
{
	switch ((int)op) {
	case HF_OP_COLUMN:
		return "(";
	case HF_OP_COUNT:
		return "count(";
	case HF_OP_COUNT_DISTINCT:
		return "count(DISTINCT ";
	case HF_OP_SUM:
		return "sum(";
	case HF_OP_MIN:
		return "min(";
	case HF_OP_MAX:
		return "max(";
	case HF_OP_AVG:
		return "avg(";
	default:
		return NULL;
	}
}

const hf_column *hf__put_expression(hf__statement *s, const hf__plan *p, const hf_term *t)
{
	hf__place at;

	if (t->op == HF_OP_COUNT_ROWS) {
		hf__put(s, "count(*)");
		return NULL;
	}
	if (t->op == HF_OP_SQL) {
		hf__put_sql(s, t);
		return NULL;
	}
	if (t->op == HF_OP_JSON_GET || t->op == HF_OP_JSON_HAS) {
		put_json(s, p, t);
		return NULL;
	}
	if (!function(t->op)) {
		hf__statement_fail(s, hf__error_fmt(HF_E_MISUSE, 0,
					      "model %s: a condition, an order or an assignment "
					      "where an expression belongs",
					      p->table.model));
		return NULL;
	}
	at = hf__place_of(s, p, t);
	if (!at.c)
		return NULL;
	if (t->op != HF_OP_COLUMN)
		hf__put(s, function(t->op));
	if (t->op == HF_OP_MIN || t->op == HF_OP_MAX)
		hf__put_operand(s, at);
	else
		hf__put_name(s, at);
	if (t->op != HF_OP_COLUMN)
		hf__put(s, ")");
	return t->op == HF_OP_COLUMN || t->op == HF_OP_MIN || t->op == HF_OP_MAX ? at.c : NULL;
}
