/* SPDX-License-Identifier: MIT */
/* New rows.
 *
 * Unset is not zero: a column with a default is left out where the row is from hf_new and still
 * holds what hf_new put there; a row that was made by hand is written as it is. Only what counts up
 * by itself is left out at 0, since a sequence never gives that. */
#include "model/verb.h"

#include "value/error.h"

#include <string.h>

/* --- hf_new --- */

static hf_status fill_in(hf_session *s, const hf__plan *p, void *row)
{
	for (size_t i = 0; i < p->n; i++) {
		const hf_column *c = &p->columns[i];
		hf_status st;

		hf__default_into(s, p, c, row);
		st = c->on_insert ? c->on_insert((char *)row + c->offset, row) : HF_OK;
		if (st != HF_OK)
			return st;
	}
	return HF_OK;
}

static void announce(const hf__plan *p, void *row)
{
	if (p->table.events && p->table.events->on_new)
		p->table.events->on_new(row, p->table.events->arg);
}

void *hf_new_at(hf_session *s, const hf_table *t)
{
	hf_error *e;
	const hf__plan *p = hf__plan_of(t, &e);
	size_t size = p ? p->table.row_size : 0;
	void *row = p ? hf_session_alloc(s, size) : NULL;
	void *image = row ? hf_session_alloc(s, size) : NULL;
	hf_status st =
		image && hf__session_freshen(s, row, image) ? fill_in(s, p, row) : HF_E_NOMEM;

	if (!e && st != HF_OK)
		e = st == HF_E_NOMEM
			    ? hf__error_nomem()
			    : hf__error_fmt(st, 0, "model %s: a value of a new row was refused",
				      p->table.model);
	if (hf__session_told(s, e) != HF_OK)
		return NULL;
	memcpy(image, row, size);
	announce(p, row); /* what it sets is the program's, and no default */
	return row;
}

/* --- INSERT --- */

/* `image`: as hf_new has made it; NULL: it has not. */
static bool is_untouched(const hf_column *c, const void *row, const char *image)
{
	return image &&
	       memcmp((const char *)row + c->offset, image + c->offset, hf__member_size(c)) == 0;
}

/* Whether the server is to fill it in. */
static bool is_left_out(const hf_column *c, const void *row, const char *image)
{
	if (c->generated_sql || (c->identity && c->always))
		return true;
	if (hf__counts_up(c))
		return hf__member_is_unset(c, row);
	return c->default_sql && !c->on_insert && is_untouched(c, row, image);
}

static void put_columns(hf__verb *v, const void *row, const char *image, bool *left_out)
{
	const char *between = " (";
	size_t n = 0;

	for (size_t i = 0; i < v->p->n; i++) {
		left_out[i] = is_left_out(&v->p->columns[i], row, image);
		if (left_out[i])
			continue;
		hf__put(&v->st, between);
		hf__put(&v->st, v->p->quoted[i]);
		between = ", ";
		n++;
	}
	hf__put(&v->st, n ? ") VALUES (" : " DEFAULT VALUES");
	for (size_t i = 0, k = 0; i < v->p->n; i++) {
		if (left_out[i])
			continue;
		hf__put(&v->st, k++ ? ", " : "");
		hf__put_member(&v->st, &v->p->columns[i], row);
	}
	hf__put(&v->st, n ? ")" : "");
}

void hf__put_insert(hf__verb *v, const void *row, bool *left_out)
{
	hf__put(&v->st, "INSERT INTO ");
	hf__put(&v->st, v->p->name);
	put_columns(v, row, hf__session_image(v->s, row), left_out);
}

/* RETURNING what the server filled in. Answers how many columns that are. */
static size_t put_returning(hf__verb *v, const bool *left_out, size_t *which)
{
	size_t n = 0;

	for (size_t i = 0; i < v->p->n; i++) {
		if (!left_out[i])
			continue;
		hf__put(&v->st, n ? ", " : " RETURNING ");
		hf__put_read(&v->st.text, v->p, i);
		which[n++] = i;
	}
	return n;
}

bool hf__has_inserted(hf__verb *v, size_t n)
{
	int64_t made = hf_result_affected(v->res);

	if (made == (int64_t)n)
		return true;
	hf__statement_fail(&v->st,
		hf__error_fmt(HF_E_NO_ROWS, 0,
			"table %s: the server inserted %lld of %zu rows: a trigger or a rule has "
			"kept the others out",
			v->p->name, (long long)made, n));
	return false;
}

static void insert(hf__verb *v, void *row, bool *left_out, size_t *which)
{
	size_t n;

	hf__put_insert(v, row, left_out);
	n = put_returning(v, left_out, which);
	if (!hf__verb_run(v) || !hf__has_inserted(v, 1) || n == 0)
		return;
	v->inserted = true;
	(void)hf__read_back(v, 0, which, n, row);
	hf__keep_lent(v);
}

hf_status hf_insert_at(const hf_site *site, hf_session *s, const hf_table *t, void *row)
{
	hf__verb v;

	if (hf__verb_begin(&v, site, s, t) && hf__verb_may_save(&v, row, true)) {
		bool *left_out = hf__arena_alloc(&v.st.arena, v.p->n * sizeof *left_out);
		size_t *which = hf__arena_alloc(&v.st.arena, v.p->n * sizeof *which);

		if (left_out && which)
			insert(&v, row, left_out, which);
		else
			hf__statement_fail(&v.st, hf__error_nomem());
		hf__verb_saved(&v, row, true);
	}
	return hf__verb_end(&v);
}
