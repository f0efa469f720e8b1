/* SPDX-License-Identifier: MIT */
/* Many rows in one statement: an array for each column, so that the text is the same whatever their
 * number. What has no array type here travels as text and is cast; a column that is an array itself
 * cannot go so (unnest would take it apart), and its table's rows go one by one. */
#include "model/verb.h"

#include "base/mem.h"
#include "value/error.h"
#include "value/text.h"

#include <string.h>

/* One column of all rows. */
struct strip {
	hf_text_array array; /* all arrays have one layout */
	bool *null;
	int type; /* of the items */
};

static size_t item_bytes(int type)
{
	hf_column c = { .type = (uint16_t)type };

	return hf__member_size(&c);
}

static bool travels_natively(const hf_column *c)
{
	switch ((int)c->type) {
	case HF_T_BOOL:
	case HF_T_INT2:
	case HF_T_INT4:
	case HF_T_INT8:
	case HF_T_FLOAT4:
	case HF_T_FLOAT8:
	case HF_T_NUMERIC:
	case HF_T_TEXT:
	case HF_T_TIMESTAMPTZ:
	case HF_T_TIMESTAMP:
	case HF_T_DATE:
	case HF_T_UUID:
		return !c->as_text;
	default:
		return false;
	}
}

/* The value as an item of an array of its type. */
static void store(void *item, int type, const hf_value *v)
{
	switch (type) {
	case HF_T_BOOL:
		*(bool *)item = v->as.b;
		return;
	case HF_T_INT2:
		*(int16_t *)item = (int16_t)v->as.i;
		return;
	case HF_T_INT4:
		*(int32_t *)item = (int32_t)v->as.i;
		return;
	case HF_T_INT8:
		*(int64_t *)item = v->as.i;
		return;
	case HF_T_FLOAT4:
		*(float *)item = (float)v->as.f;
		return;
	case HF_T_FLOAT8:
		*(double *)item = v->as.f;
		return;
	case HF_T_TIMESTAMPTZ:
		*(hf_timestamptz *)item = v->as.timestamptz;
		return;
	case HF_T_TIMESTAMP:
		*(hf_timestamp *)item = v->as.timestamp;
		return;
	case HF_T_DATE:
		*(hf_date *)item = v->as.date;
		return;
	case HF_T_UUID:
		*(hf_uuid *)item = v->as.uuid;
		return;
	default: /* text, numeric */
		*(const char **)item = v->as.s;
	}
}

static bool store_text(hf__verb *v, const hf_column *c, const hf_value *value, const char **item)
{
	hf__strbuf b = HF__STRBUF_INIT;
	const char *why = hf__put_text(&b, value);
	char *text = why ? NULL : hf__arena_alloc(&v->st.arena, b.n + 1);

	if (text)
		memcpy(text, hf__strbuf_text(&b), b.n + 1);
	else
		hf__statement_fail(
			&v->st, why ? hf__error_fmt(HF_E_TYPE, 0, "column \"%s\": %s", c->name, why)
				    : hf__error_nomem());
	hf__strbuf_finish(&b);
	*item = text;
	return text != NULL;
}

static bool fill(hf__verb *v, const hf_column *c, struct strip *s, const char *rows, size_t n)
{
	size_t size = item_bytes(s->type);

	for (size_t i = 0; i < n; i++) {
		char *item = (char *)(uintptr_t)s->array.v + i * size;
		hf_error *e = NULL;
		hf_value value;

		if (hf__member_value(c, rows + i * v->p->table.row_size, &value, &e) != HF_OK) {
			hf__statement_fail(&v->st, e);
			return false;
		}
		s->null[i] = value.type == HF_T_NULL;
		if (s->null[i])
			memset(item, 0, size);
		else if (travels_natively(c))
			store(item, s->type, &value);
		else if (!store_text(v, c, &value, (const char **)(void *)item))
			return false;
	}
	return true;
}

/* NULL: no memory, or a value that cannot be sent. */
static struct strip *make_strip(hf__verb *v, const hf_column *c, const void *rows, size_t n)
{
	struct strip *s = hf__arena_alloc(&v->st.arena, sizeof *s);
	int type = travels_natively(c) ? (int)c->type : HF_T_TEXT;
	void *items = s ? hf__arena_alloc(&v->st.arena, n * item_bytes(type)) : NULL;
	bool *null = items ? hf__arena_alloc(&v->st.arena, n * sizeof *null) : NULL;

	if (!null) {
		hf__statement_fail(&v->st, hf__error_nomem());
		return NULL;
	}
	*s = (struct strip){ .type = type, .null = null };
	s->array = (hf_text_array){ .has = true,
		.ndim = 1,
		.dim = { (int32_t)n },
		.lower = { 1 },
		.n = n,
		.v = items,
		.null = null };
	return fill(v, c, s, rows, n) ? s : NULL;
}

static const char *cast_of(const hf_column *c)
{
	return c->labels ? c->labels->sql_type : c->sql_type;
}

/* --- INSERT --- */

static bool one_by_one(const hf__plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->columns[i].type & HF_T_ARRAY)
			return true;
	return false;
}

/* What counts up is left out where no row has it; where some have, nobody can tell for the others.
 */
static bool left_out(hf__verb *v, const hf_column *c, const char *rows, size_t n, bool *out)
{
	size_t unset = 0;

	*out = c->generated_sql || c->always;
	if (*out || !(c->serial || c->identity))
		return true;
	for (size_t i = 0; i < n; i++)
		unset += hf__member_is_unset(c, rows + i * v->p->table.row_size);
	*out = unset == n;
	if (unset == 0 || unset == n)
		return true;
	hf__statement_fail(
		&v->st, hf__error_fmt(HF_E_MISUSE, 0,
				"model %s: %zu of %zu rows have no \"%s\": all of them, or none",
				v->p->table.model, unset, n, c->name));
	return false;
}

static bool put_strips(hf__verb *v, const char *rows, size_t n, bool *out)
{
	const char *between = " (";

	for (size_t i = 0; i < v->p->n; i++) {
		if (!left_out(v, &v->p->columns[i], rows, n, &out[i]))
			return false;
		if (out[i])
			continue;
		hf__put(&v->st, between);
		hf__put(&v->st, v->p->quoted[i]);
		between = ", ";
	}
	hf__put(&v->st, *between == ',' ? ") SELECT " : " SELECT ");
	between = "";
	for (size_t i = 0, k = 0; i < v->p->n; i++) {
		if (out[i])
			continue;
		hf__strbuf_printf(&v->st.text, "%sc%zu", between, ++k);
		if (!travels_natively(&v->p->columns[i]))
			hf__strbuf_printf(&v->st.text, "::%s", cast_of(&v->p->columns[i]));
		between = ", ";
	}
	hf__put(&v->st, " FROM unnest(");
	between = "";
	for (size_t i = 0; i < v->p->n; i++) {
		struct strip *s = out[i] ? NULL : make_strip(v, &v->p->columns[i], rows, n);

		if (!out[i] && !s)
			return false;
		if (!s)
			continue;
		hf__put(&v->st, between);
		hf__put_arg(&v->st, hf__v_array(true, s->type, &s->array));
		between = ", ";
	}
	hf__put(&v->st, ") WITH ORDINALITY AS given (");
	for (size_t i = 0, k = 0; i < v->p->n; i++)
		if (!out[i])
			hf__strbuf_printf(&v->st.text, "c%zu, ", ++k);
	hf__put(&v->st, "n) ORDER BY n");
	return true;
}

static void read_back(hf__verb *v, const size_t *which, size_t n_which, char *rows, size_t n)
{
	hf_error *e = NULL;

	if (hf_result_rows(v->res) != n)
		e = hf__error_fmt(HF_E_NO_ROWS, 0, "table %s: %zu of %zu rows were inserted",
			v->p->name, hf_result_rows(v->res), n);
	for (size_t i = 0; i < n && !e; i++)
		e = hf__row_into(v->p, hf_result_row(v->res, i), 0, which, n_which,
			rows + i * v->p->table.row_size);
	if (!e && !hf__session_keep(v->s, hf_result_ref(v->res)))
		e = hf__error_nomem();
	if (e)
		hf__statement_fail(&v->st, e);
}

static void insert_many(hf__verb *v, char *rows, size_t n)
{
	bool *out = hf__arena_alloc(&v->st.arena, v->p->n * sizeof *out);
	size_t *which = hf__arena_alloc(&v->st.arena, v->p->n * sizeof *which), n_which = 0;

	if (!out || !which) {
		hf__statement_fail(&v->st, hf__error_nomem());
		return;
	}
	hf__put(&v->st, "INSERT INTO ");
	hf__put(&v->st, v->p->name);
	if (!put_strips(v, rows, n, out))
		return;
	for (size_t i = 0; i < v->p->n; i++) {
		if (!out[i])
			continue;
		hf__put(&v->st, n_which ? ", " : " RETURNING ");
		hf__put_read(&v->st.text, v->p, i);
		which[n_which++] = i;
	}
	if (hf__verb_run(v) && n_which > 0)
		read_back(v, which, n_which, rows, n);
}

hf_status hf_insert_many_at(
	const hf_site *site, hf_session *s, const hf_table *t, void *rows, size_t n)
{
	hf_status st = HF_OK;
	hf__verb v;

	if (!hf__verb_begin(&v, site, s, t) || n == 0)
		return hf__verb_end(&v);
	if (!one_by_one(v.p)) {
		insert_many(&v, rows, n);
		return hf__verb_end(&v);
	}
	for (size_t i = 0; i < n && st == HF_OK; i++)
		st = hf_insert_at(site, s, t, (char *)rows + i * v.p->table.row_size);
	if (st == HF_OK)
		return hf__verb_end(&v);
	hf__statement_finish(&v.st);
	return st;
}
