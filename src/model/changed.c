/* SPDX-License-Identifier: MIT */
/* Updates of what has changed. A row knows nothing of what it was: the caller has a copy. */
#include "model/verb.h"

#include "base/mem.h"
#include "value/error.h"

#include <string.h>

/* What lies elsewhere is not changed in place, so that the same pointer is the same value. Arrays
 * and types with a codec that lie elsewhere now are taken for changed. */
static bool is_same(const hf_column *c, const void *row, const void *before)
{
	hf_value a, b;
	hf_error *e = NULL;
	bool same;

	if (memcmp((const char *)row + c->offset, (const char *)before + c->offset,
		    hf__member_size(c)) == 0)
		return true;
	if (hf__column_is_made(c) || (c->type & HF_T_ARRAY))
		return false;
	same = hf__member_value(c, row, &a, &e) == HF_OK &&
	       hf__member_value(c, before, &b, &e) == HF_OK && hf__values_same(&a, &b, &e);
	hf_error_unref(e); /* a label that is none, say: the verb will tell */
	return same;
}

/* Those that differ, into the list. */
static hf_error *compare(const hf__plan *p, const void *row, const void *before, uint32_t *list)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		const hf_column *c = &p->columns[i];

		if ((!c->key && !hf__is_written(c)) || is_same(c, row, before))
			continue;
		if (c->key)
			return hf__error_fmt(HF_E_MISUSE, 0,
				"model %s: the row before has another \"%s\"", p->table.model,
				c->name);
		list[n++] = c->offset + 1;
	}
	return NULL;
}

uint32_t *hf__changed_columns(const hf_table *t, const void *row, const void *before, hf_error **e)
{
	const hf__plan *p = hf__plan_of(t, e);
	uint32_t *list = NULL;

	if (p && (!row || !before))
		*e = hf__error_fmt(HF_E_MISUSE, 0, "model %s: the row is NULL", p->table.model);
	else if (p && !(list = hf__calloc((p->n + 1) * sizeof *list)))
		*e = hf__error_nomem();
	else if (p)
		*e = compare(p, row, before, list);
	if (!*e)
		return list;
	hf__free(list);
	return NULL;
}

hf_status hf_update_changed_at(const hf_site *site, hf_session *s, const hf_table *t, void *row,
	const void *before, bool *changed)
{
	hf_error *e;
	uint32_t *list = hf__changed_columns(t, row, before, &e);
	bool differs = list && *list;
	hf_status st = differs ? hf_update_at(site, s, t, row, list) : hf__session_told(s, e);

	if (st == HF_OK && changed)
		*changed = differs;
	hf__free(list);
	return st;
}
