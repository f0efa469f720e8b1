/* SPDX-License-Identifier: MIT */
/* Tables that others made, made again of their descriptions. */
#include "corpus.h"

#include <stdlib.h>
#include <string.h>

static hf_models *all_of(struct t_table *tables, size_t n)
{
	hf_models *m = hf_models_new(NULL);
	hf_error *why = NULL;

	for (size_t i = 0; i < n; i++) {
		const hf_table *const one[] = { &tables[i].t, NULL };

		if (hf_models_add(m, one, NULL, &why) != HF_OK)
			ck_abort_msg("%s", hf_error_message(why));
	}
	ck_assert_uint_eq(hf_models_count(m), n);
	return m;
}

static bool same_text(const char *a, const char *b)
{
	return a ? b && strcmp(a, b) == 0 : !b;
}

/* But for a serial's default: its sequence may have got another name. */
static bool same_column(const hf_column *a, const hf_column *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->sql_type, b->sql_type) == 0 &&
	       a->nullable == b->nullable && a->key == b->key && a->serial == b->serial &&
	       a->identity == b->identity && a->always == b->always &&
	       same_text(a->generated_sql, b->generated_sql) &&
	       same_text(a->default_sql, b->default_sql);
}

static void must_be_same(const struct t_table *was, const struct t_table *is)
{
	const hf_table *a = &was->t, *b = &is->t;

	ck_assert_str_eq(a->schema, b->schema);
	ck_assert_str_eq(a->name, b->name);
	ck_assert_msg(a->n_columns == b->n_columns, "%s: %zu columns, then %zu", a->name,
		a->n_columns, b->n_columns);
	for (size_t i = 0; i < a->n_columns; i++)
		if (!same_column(&a->columns[i], &b->columns[i]))
			ck_abort_msg("%s.%s.%s is another when it is made again: %s, %s / %s, %s",
				a->schema, a->name, a->columns[i].name, a->columns[i].sql_type,
				a->columns[i].default_sql, b->columns[i].sql_type,
				b->columns[i].default_sql);
}

static void must(hf_session *s, hf_status st, hf_status wanted, const char *what)
{
	const hf_error *e = hf_session_error(s);
	const char *sql = hf_error_field(e, HF_ERR_QUERY);

	if (st != wanted)
		ck_abort_msg("%s: %s: %s (%.300s)", what, hf_status_name(st), hf_error_message(e),
			sql ? sql : "");
}

struct t_table *make_again(struct suite *c, struct t_table *tables, size_t n)
{
	hf_models *m = all_of(tables, n);
	struct t_table *again;
	size_t n_again;

	must(c->s, hf_models_drop(m, c->s, HF_DEPENDENTS | HF_IF_THERE), HF_OK, "drop");
	free(t_catalog(c->pool, &n_again));
	ck_assert_uint_eq(n_again, 0);
	must(c->s, hf_models_create(m, c->s, 0), HF_OK, "create");
	must(c->s, hf_models_create(m, c->s, HF_IF_MISSING), HF_OK, "create what is missing");
	must(c->s, hf_models_create(m, c->s, 0), HF_E_SQL, "create again");
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(c->s)), "42P07");

	again = t_catalog(c->pool, &n_again);
	ck_assert_uint_eq(n_again, n);
	for (size_t i = 0; i < n; i++)
		must_be_same(&tables[i], &again[i]);
	hf_models_unref(m);
	return again;
}

void drop_all(struct suite *c, struct t_table *tables, size_t n)
{
	hf_models *m = all_of(tables, n);
	size_t left;

	must(c->s, hf_models_drop(m, c->s, 0), HF_OK, "drop");
	free(t_catalog(c->pool, &left));
	ck_assert_uint_eq(left, 0);
	hf_models_unref(m);
}
