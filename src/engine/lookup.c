/* SPDX-License-Identifier: MIT */
/* Which engine a name means, and what a scope does with it under this name. */
#include "engine/engines.h"

#include "base/nearest.h"
#include "base/strbuf.h"
#include "value/error.h"

#include <string.h>

hf__engine *hf__engine_named_locked(hf_engines *e, const char *name)
{
	hf__engine *g;

	APR_RING_FOREACH (g, &e->engines, hf__engine, link)
		if (strcmp(g->name, name) == 0)
			return g;
	return NULL;
}

hf__alias *hf__alias_named_locked(hf_engines *e, const char *name)
{
	hf__alias *r;

	APR_RING_FOREACH (r, &e->roles, hf__alias, link)
		if (strcmp(r->role, name) == 0)
			return r;
	return NULL;
}

static void list_names_locked(hf_engines *e, hf__strbuf *b)
{
	hf__engine *g;

	APR_RING_FOREACH (g, &e->engines, hf__engine, link)
		hf__strbuf_printf(b, "%s%s", b->n ? ", " : "", g->name);
}

hf_error *hf__engine_unknown_locked(hf_engines *e, const char *name)
{
	hf__strbuf names = HF__STRBUF_INIT;
	const char *meant = NULL;
	hf__engine *g;
	hf_error *why;
	int distance = 0;

	list_names_locked(e, &names);
	APR_RING_FOREACH (g, &e->engines, hf__engine, link)
		hf__nearest(name, g->name, &meant, &distance);
	why = hf__error_fmt(HF_E_MISUSE, 0, "no engine is called \"%.*s\": there %s %s%s%s%s",
		HF__NAME_MAX, hf__engine_name_shown(name), names.n ? "are" : "is",
		names.n ? names.s : "none", meant ? "; did you mean \"" : "", meant ? meant : "",
		meant ? "\"?" : "");
	hf__strbuf_finish(&names);
	return why;
}

static hf_error *no_default_locked(hf_engines *e)
{
	hf__strbuf names = HF__STRBUF_INIT;
	hf_error *why;

	list_names_locked(e, &names);
	why = hf__error_fmt(HF_E_MISUSE, 0,
		"there is no default engine: open one with .is_default (there %s %s)",
		names.n ? "are" : "is", names.n ? names.s : "none");
	hf__strbuf_finish(&names);
	return why;
}

/* The roles that bring a mode with them. */
static bool is_known_role(const char *name)
{
	return strcmp(name, "reader") == 0 || strcmp(name, "writer") == 0 ||
	       strcmp(name, "logger") == 0;
}

static hf_mode mode_in_role(const hf__engine *g, const char *role)
{
	if (strcmp(role, "reader") == 0)
		return g->mode == HF_MODE_SNAPSHOT ? HF_MODE_SNAPSHOT : HF_MODE_READ;
	if (strcmp(role, "writer") == 0)
		return HF_MODE_TXN;
	return strcmp(role, "logger") == 0 ? HF_MODE_AUTOCOMMIT : g->mode;
}

hf_error *hf__role_refusal(const char *engine, hf_mode mode, const char *role)
{
	if (hf__mode_writes(mode) || (strcmp(role, "writer") != 0 && strcmp(role, "logger") != 0))
		return NULL;
	return hf__error_fmt(
		HF_E_MISUSE, 0, "engine \"%s\" is read only: it cannot be the %s", engine, role);
}

static hf_error *find_locked(hf_engines *e, const char *name, hf__engine **out, hf_mode *mode)
{
	const hf__alias *r;

	if (!name || strcmp(name, "!default") == 0) {
		*out = *e->default_name ? hf__engine_named_locked(e, e->default_name) : NULL;
		if (!*out)
			return no_default_locked(e);
		*mode = (*out)->mode;
		return NULL;
	}
	r = hf__alias_named_locked(e, name);
	*out = hf__engine_named_locked(e, r ? r->engine : name);
	if (*out) {
		*mode = r ? mode_in_role(*out, name) : (*out)->mode;
		return r ? hf__role_refusal((*out)->name, (*out)->mode, name) : NULL;
	}
	*out = is_known_role(name) && *e->default_name ? hf__engine_named_locked(e, e->default_name)
						       : NULL;
	if (!*out)
		return hf__engine_unknown_locked(e, name);
	*mode = mode_in_role(*out, name);
	return hf__role_refusal((*out)->name, (*out)->mode, name);
}

hf_error *hf__engines_find(hf_engines *e, const char *name, hf__engine **out, hf_mode *mode)
{
	hf_error *why = hf__engines_refusal(e);

	if (why)
		return why;
	hf__lock(&e->lock);
	why = find_locked(e, name, out, mode);
	if (!why)
		hf__engine_get(*out);
	else
		*out = NULL; /* it may have been found, and refused */
	hf__unlock(&e->lock);
	return why;
}

hf_pool *hf_engines_get(hf_engines *e, const char *name, hf_error **out_error)
{
	hf__engine *g = NULL;
	hf_mode mode;
	hf_error *why = hf__engines_find(e, name, &g, &mode);
	hf_pool *p = why ? NULL : hf_pool_ref(g->pool);

	if (!why)
		hf__engine_put(g);
	hf__error_give(why, out_error);
	return p;
}

char *hf_engines_names(hf_engines *e)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *why = hf__engines_refusal(e);
	char *names;

	if (!why) {
		hf__lock(&e->lock);
		list_names_locked(e, &b);
		hf__unlock(&e->lock);
	}
	hf_error_unref(why);
	names = b.failed ? NULL : strdup(hf__strbuf_text(&b));
	hf__strbuf_finish(&b);
	return names;
}
