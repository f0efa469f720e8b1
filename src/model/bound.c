/* SPDX-License-Identifier: MIT */
/* Models and the engines that they are bound to. */
#include "engine/scope.h"
#include "model/registry.h"
#include "model/plan.h"

#include "base/mem.h"
#include "value/error.h"

#include <holdfast/binding.h>

#include <stdlib.h>
#include <string.h>

static hf_error *find_bound(
	hf_engines *e, const hf_table *t, bool reads, char out[HF__NAME_MAX + 1])
{
	hf_error *why;
	const hf__plan *p = hf__plan_of(t, &why);

	*out = '\0';
	return p ? hf__engines_bound(e, p->table.label, p->table.name, reads, out) : why;
}

char *hf_engines_bound(hf_engines *e, const hf_table *t, bool reads, hf_error **out_error)
{
	char name[HF__NAME_MAX + 1];
	hf_error *why = find_bound(e, t, reads, name);
	char *copy = why ? NULL : strdup(*name ? name : "!default");

	if (!why && !copy)
		why = hf__error_nomem();
	hf__error_give(why, out_error);
	return copy;
}

/* A scope or a description that is of no use: the statements of its default session, or, for the
 * latter, the verb, say so. */
static hf_session *session_of(hf_scope *s, const hf_table *t, bool reads)
{
	char name[HF__NAME_MAX + 1] = "";

	if (s && s->engines)
		hf_error_unref(find_bound(s->engines, t, reads, name));
	return hf_scope_session(s, *name ? name : NULL);
}

hf_session *hf_writes_at(hf_scope *s, const hf_table *t)
{
	return session_of(s, t, false);
}

hf_session *hf_reads_at(hf_scope *s, const hf_table *t)
{
	hf_session *writes = session_of(s, t, false);

	return hf__session_in_txn(writes) ? writes : session_of(s, t, true);
}

hf_models *hf_models_bound(hf_models *m, hf_engines *e, const char *engine, hf_error **out_error)
{
	const char *wanted = engine && strcmp(engine, "!default") != 0 ? engine : "";
	hf_models *there = hf_models_copy(m);
	size_t n = 0;
	const hf_table **all = there ? hf__models_list(there, 0, &n) : NULL;
	hf_error *why = NULL;

	if (!all)
		why = m ? hf__error_nomem() : hf__error_fmt(HF_E_MISUSE, 0, "the registry is NULL");
	for (size_t i = 0; i < n && !why; i++) {
		char name[HF__NAME_MAX + 1];

		why = find_bound(e, all[i], false, name);
		if (!why && strcmp(name, wanted) != 0)
			hf_models_remove(there, all[i]);
	}
	hf__free(all);
	hf__error_give(why, out_error);
	return why ? hf_models_unref(there) : there;
}
