/* SPDX-License-Identifier: MIT */
/* Where models are: labels of tables, and the engines that they mean. */
#include "engine/engines.h"

#include "base/mem.h"
#include "value/error.h"

#include <stdio.h>
#include <string.h>

/* --- names --- */

/* A label is a name as an engine's is, "label.table" is one before a table's name. */
static hf_error *what_refusal(const char *what)
{
	char label[HF__NAME_MAX + 2]; /* one too long stays one too long */
	size_t n = strcspn(what, ".");

	snprintf(label, sizeof label, "%.*s", (int)(n < sizeof label ? n : sizeof label - 1), what);
	if (what[n] == '.' && !what[n + 1])
		return hf__error_fmt(HF_E_MISUSE, 0, "\"%s.\" has no table behind its dot", label);
	return hf__engine_name_refusal("label", label);
}

static hf_error *bind_refusal(
	hf_engines *e, const char *what, const char *engine, const char *read_engine)
{
	hf_error *why = hf__engines_refusal(e);

	if (!why && what)
		why = what_refusal(what);
	if (!why && engine)
		why = hf__engine_name_refusal("engine", engine);
	if (!why && read_engine)
		why = hf__engine_name_refusal("engine", read_engine);
	return why;
}

/* --- the list --- */

static hf__binding *binding_of_locked(hf_engines *e, const char *what)
{
	hf__binding *b;

	APR_RING_FOREACH (b, &e->bindings, hf__binding, link)
		if (strcmp(b->what, what) == 0)
			return b;
	return NULL;
}

static void drop(hf__binding *b)
{
	if (!b)
		return;
	hf__free(b->what);
	hf__free(b);
}

static hf__binding *binding_new(const char *what, const char *engine, const char *read_engine)
{
	hf__binding *b = hf__calloc(sizeof *b);

	if (b)
		b->what = hf__strdup(what);
	if (!b || !b->what) {
		drop(b);
		return NULL;
	}
	snprintf(b->engine, sizeof b->engine, "%s", engine ? engine : "");
	snprintf(b->read_engine, sizeof b->read_engine, "%s", read_engine ? read_engine : "");
	return b;
}

hf_status hf_engines_bind(hf_engines *e, const char *what, const char *engine,
	const char *read_engine, hf_error **out_error)
{
	hf_error *why = bind_refusal(e, what, engine, read_engine);
	const char *key = what ? what : "";
	hf__binding *fresh = NULL, *old;

	if (!why && (engine || read_engine) && !(fresh = binding_new(key, engine, read_engine)))
		why = hf__error_nomem();
	if (why)
		return hf__error_give(why, out_error);
	hf__lock(&e->lock);
	old = binding_of_locked(e, key);
	if (old)
		APR_RING_REMOVE(old, link);
	if (fresh)
		APR_RING_INSERT_TAIL(&e->bindings, fresh, hf__binding, link);
	hf__unlock(&e->lock);
	drop(old);
	return hf__error_give(NULL, out_error);
}

bool hf__bindings_copy_locked(hf_engines *e, hf_engines *to)
{
	hf__binding *b;

	APR_RING_FOREACH (b, &e->bindings, hf__binding, link) {
		hf__binding *copy = binding_new(b->what, b->engine, b->read_engine);

		if (!copy)
			return false;
		APR_RING_INSERT_TAIL(&to->bindings, copy, hf__binding, link);
	}
	return true;
}

void hf__bindings_drop(hf_engines *e)
{
	while (!APR_RING_EMPTY(&e->bindings, hf__binding, link)) {
		hf__binding *b = APR_RING_FIRST(&e->bindings);

		APR_RING_REMOVE(b, link);
		drop(b);
	}
}

/* --- what a model means --- */

/* "label.table", "label"; NULL: neither is bound. */
static const hf__binding *of_label_locked(hf_engines *e, const char *label, const char *table)
{
	size_t n = strlen(label);
	const hf__binding *b, *loose = NULL;

	APR_RING_FOREACH (b, &e->bindings, hf__binding, link) {
		if (strncmp(b->what, label, n) != 0)
			continue;
		if (b->what[n] == '.' && strcmp(b->what + n + 1, table) == 0)
			return b;
		if (!b->what[n])
			loose = b;
	}
	return loose;
}

static const char *engine_of_locked(hf_engines *e, const char *label, const char *table, bool reads)
{
	const hf__binding *b = label && *label ? of_label_locked(e, label, table) : NULL;

	if (!b && label && *label &&
		(hf__engine_named_locked(e, label) || hf__alias_named_locked(e, label)))
		return label;
	if (!b)
		b = binding_of_locked(e, "");
	if (!b)
		return "";
	return reads && *b->read_engine ? b->read_engine : b->engine;
}

hf_error *hf__engines_bound(
	hf_engines *e, const char *label, const char *table, bool reads, char out[HF__NAME_MAX + 1])
{
	hf_error *why = hf__engines_refusal(e);

	*out = '\0';
	if (why)
		return why;
	hf__lock(&e->lock);
	snprintf(out, HF__NAME_MAX + 1, "%s", engine_of_locked(e, label, table, reads));
	hf__unlock(&e->lock);
	return NULL;
}
