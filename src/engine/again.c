/* SPDX-License-Identifier: MIT */
/* The engines of a registry once more: with new pools, also in the child of a fork, or in another
 * registry, also at another database. */
#include "engine/engines.h"

#include "base/fork.h"
#include "base/mem.h"
#include "engine/database.h"
#include "pq/dsn.h"
#include "value/error.h"

#include <string.h>

/* --- new pools --- */

hf__engine **hf__engines_all(hf_engines *e, size_t *n, char *default_name)
{
	hf__engine **all, *g;
	size_t room = 1;

	*n = 0;
	hf__lock(&e->lock);
	APR_RING_FOREACH (g, &e->engines, hf__engine, link)
		room++;
	all = hf__alloc(room * sizeof(hf__engine *));
	if (all)
		APR_RING_FOREACH (g, &e->engines, hf__engine, link)
			all[(*n)++] = hf__engine_get(g);
	if (default_name)
		memcpy(default_name, e->default_name, sizeof e->default_name);
	hf__unlock(&e->lock);
	return all;
}

/* Puts `fresh` where `old` is. False: it is not there any more. */
static bool swap(hf_engines *e, hf__engine *old, hf__engine *fresh)
{
	hf__engine *g;
	bool found = false;

	hf__lock(&e->lock);
	APR_RING_FOREACH (g, &e->engines, hf__engine, link)
		found = found || g == old;
	if (found) {
		APR_RING_INSERT_BEFORE(old, fresh, link);
		APR_RING_REMOVE(old, link);
	}
	hf__unlock(&e->lock);
	return found;
}

static hf_error *open_again(hf_engines *e, hf__engine *g)
{
	hf__engine *fresh = NULL;
	hf_error *why = hf__engine_again(g, &fresh);

	if (why)
		return why;
	if (swap(e, g, fresh)) {
		hf__engine_close(g, 0); /* in a child it does nothing */
		hf__engine_put(g);      /* the registry's */
	} else {
		hf__engine_close(fresh, 0);
		hf__engine_put(fresh);
	}
	return NULL;
}

static hf_error *open_all_again(hf_engines *e)
{
	hf_error *why = NULL, *one;
	size_t n;
	hf__engine **all = hf__engines_all(e, &n, NULL);

	if (!all)
		return hf__error_nomem();
	for (size_t i = 0; i < n; i++) {
		one = all[i]->dsn ? open_again(e, all[i]) : NULL;
		if (why)
			hf_error_unref(one);
		else
			why = one;
		hf__engine_put(all[i]);
	}
	hf__free(all);
	return why;
}

static hf_error *open_one_again(hf_engines *e, const char *name)
{
	hf__engine *g;
	hf_mode mode;
	hf_error *why = hf__engines_find(e, name, &g, &mode);

	if (why)
		return why;
	why = g->dsn ? open_again(e, g)
		     : hf__error_fmt(HF_E_MISUSE, 0,
			       "engine \"%s\" was added with a pool of yours: open that again",
			       g->name);
	hf__engine_put(g);
	return why;
}

/* --- in a child --- */

/* One thread is here, and what the lock guarded is as it was, since nobody forks while it changes.
 * Engines whose pools cannot be opened again go, with their roles; what they leave is forked, and
 * letting go of it does nothing. */
static void adopt(hf_engines *e)
{
	hf__engine *next;

	hf__mutex_init(&e->lock, HF__L_ENGINES);
	e->forks = hf__fork_count();
	for (hf__engine *g = APR_RING_FIRST(&e->engines);
		g != APR_RING_SENTINEL(&e->engines, hf__engine, link); g = next) {
		next = APR_RING_NEXT(g, link);
		if (!g->dsn && hf_engines_remove(e, g->name, 0, NULL) != HF_OK)
			return;
	}
}

hf_status hf_engines_reopen(hf_engines *e, const char *name, hf_error **out_error)
{
	hf_error *why = e ? NULL : hf__engines_refusal(e);

	if (!why && e->forks != hf__fork_count())
		adopt(e);
	if (!why && name && strcmp(name, "!all") != 0)
		why = open_one_again(e, name);
	else if (!why)
		why = open_all_again(e);
	return hf__error_give(why, out_error);
}

/* --- in another registry --- */

static bool copy_engines_locked(hf_engines *e, hf_engines *to)
{
	hf__engine *g;

	APR_RING_FOREACH (g, &e->engines, hf__engine, link) {
		hf__engine *other = hf__engine_share(g);

		if (!other)
			return false;
		APR_RING_INSERT_TAIL(&to->engines, other, hf__engine, link);
	}
	return true;
}

static bool copy_roles_locked(hf_engines *e, hf_engines *to)
{
	hf__alias *r;

	memcpy(to->default_name, e->default_name, sizeof to->default_name);
	APR_RING_FOREACH (r, &e->roles, hf__alias, link) {
		hf__alias *other = hf__alloc(sizeof *other);

		if (!other)
			return false;
		*other = *r;
		APR_RING_INSERT_TAIL(&to->roles, other, hf__alias, link);
	}
	return true;
}

hf_engines *hf_engines_copy(hf_engines *e, hf_error **out_error)
{
	hf_error *why = hf__engines_refusal(e);
	hf_engines *to = why ? NULL : hf_engines_new();
	bool ok = to != NULL;

	if (ok) {
		hf__lock(&e->lock);
		ok = copy_engines_locked(e, to) && copy_roles_locked(e, to) &&
		     hf__bindings_copy_locked(e, to);
		hf__unlock(&e->lock);
	}
	if (!ok) {
		to = hf_engines_unref(to);
		if (!why)
			why = hf__error_nomem();
	}
	hf__error_give(why, out_error);
	return to;
}

/* --- at another database --- */

static hf_error *open_at(const hf__engine *g, const char *database, hf__engine **out)
{
	hf_pool_opts opts = g->opts;
	char *dsn, *listen_dsn;
	hf_error *why;

	if (!g->dsn)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"engine \"%s\" cannot be opened at another database: its pool is not its "
			"own",
			g->name);
	dsn = hf__dsn_text_at(g->dsn, database);
	listen_dsn = opts.listen_dsn ? hf__dsn_text_at(opts.listen_dsn, database) : NULL;
	why = !dsn || (opts.listen_dsn && !listen_dsn) ? hf__error_nomem() : NULL;
	opts.listen_dsn = listen_dsn;
	if (!why)
		why = hf__engine_open(g->name, dsn,
			&(const hf_engine_opts){ .mode = g->mode, .pool = &opts }, out);
	hf__wipe_free(dsn);
	hf__wipe_free(listen_dsn);
	return why;
}

/* Nobody else knows of `to` yet. */
static hf_error *open_all_at(hf_engines *e, const char *database, hf_engines *to)
{
	hf_error *why = NULL;
	size_t n;
	hf__engine **all = hf__engines_all(e, &n, NULL), *fresh;

	if (!all)
		return hf__error_nomem();
	for (size_t i = 0; i < n; i++) {
		if (!why)
			why = open_at(all[i], database, &fresh);
		if (!why)
			APR_RING_INSERT_TAIL(&to->engines, fresh, hf__engine, link);
		hf__engine_put(all[i]);
	}
	hf__free(all);
	return why;
}

hf_error *hf__engines_copy_at(hf_engines *e, const char *database, hf_engines **out)
{
	hf_error *why = hf__engines_refusal(e);

	*out = NULL;
	if (!why)
		why = hf__database_name_refusal(database);
	if (!why && !(*out = hf_engines_new()))
		why = hf__error_nomem();
	if (!why)
		why = open_all_at(e, database, *out);
	if (why)
		return why;
	hf__lock(&e->lock);
	why = copy_roles_locked(e, *out) && hf__bindings_copy_locked(e, *out) ? NULL
									      : hf__error_nomem();
	hf__unlock(&e->lock);
	return why;
}

hf_engines *hf_engines_copy_at(hf_engines *e, const char *database, hf_error **out_error)
{
	hf_engines *to;
	hf_error *why = hf__engines_copy_at(e, database, &to);

	if (why)
		to = hf_engines_unref(to); /* closes what is open, in the background */
	hf__error_give(why, out_error);
	return to;
}
