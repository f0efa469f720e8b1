/* SPDX-License-Identifier: MIT */
/* The registry: its life, and changing what is in it. */
#include "engine/engines.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/mem.h"
#include "base/thread.h"
#include "pool/pool.h"
#include "value/error.h"
#include "value/opts.h"

#include <stdio.h>
#include <string.h>

hf_error *hf__engines_refusal(const hf_engines *e)
{
	if (!e)
		return hf__error_fmt(HF_E_MISUSE, 0, "the registry of engines is NULL");
	return e->forks == hf__fork_count() ? NULL : hf__error_forked();
}

/* --- memory --- */

hf_engines *hf_engines_new(void)
{
	hf_engines *e = hf__calloc(sizeof *e);

	if (!e)
		return NULL;
	hf__fork_watch();
	hf__ref_init(&e->refs);
	e->forks = hf__fork_count();
	hf__mutex_init(&e->lock, HF__L_ENGINES);
	APR_RING_INIT(&e->engines, hf__engine, link);
	APR_RING_INIT(&e->roles, hf__alias, link);
	APR_RING_INIT(&e->bindings, hf__binding, link);
	return e;
}

hf_engines *hf_engines_ref(hf_engines *e)
{
	if (e)
		hf__ref_get(&e->refs);
	return e;
}

static void forget_roles_locked(hf_engines *e, const char *engine)
{
	hf__alias *next;

	for (hf__alias *r = APR_RING_FIRST(&e->roles);
		r != APR_RING_SENTINEL(&e->roles, hf__alias, link); r = next) {
		next = APR_RING_NEXT(r, link);
		if (engine && strcmp(r->engine, engine) != 0)
			continue;
		APR_RING_REMOVE(r, link);
		hf__free(r);
	}
}

/* To another ring, with all that means them. */
static void take_all_locked(hf_engines *e, struct hf__engine_ring *to)
{
	APR_RING_INIT(to, hf__engine, link);
	APR_RING_CONCAT(to, &e->engines, hf__engine, link);
	forget_roles_locked(e, NULL);
	e->default_name[0] = '\0';
}

static void put_all(struct hf__engine_ring *all)
{
	while (!APR_RING_EMPTY(all, hf__engine, link)) {
		hf__engine *g = APR_RING_FIRST(all);

		APR_RING_REMOVE(g, link);
		hf__engine_put(g);
	}
}

hf_engines *hf_engines_unref(hf_engines *e)
{
	struct hf__engine_ring all;

	/* In a child nothing of the parent's is freed. */
	if (!e || e->forks != hf__fork_count() || !hf__ref_put(&e->refs))
		return NULL;
	take_all_locked(e, &all);
	put_all(&all);
	hf__bindings_drop(e);
	if (e->has_scope_key)
		pthread_key_delete(e->scope_key);
	hf__mutex_finish(&e->lock);
	hf__free(e);
	return NULL;
}

/* --- changing --- */

static hf_error *taken_locked(hf_engines *e, const char *name, bool replace)
{
	if (replace || !hf__engine_named_locked(e, name))
		return NULL;
	return hf__error_fmt(HF_E_MISUSE, 0,
		"there is an engine \"%s\" already: remove it, or open this one with .replace",
		name);
}

static hf_error *refusal(
	hf_engines *e, const char *name, const hf_engine_opts *opts, hf_engine_opts *copy)
{
	hf_error *why = hf__engines_refusal(e);

	if (!why)
		why = hf__engine_name_refusal("engine", name);
	if (!why)
		hf__opts_copy(copy, sizeof *copy, opts, "HF_ENGINE_OPTS", &why);
	if (why)
		return why;
	hf__lock(&e->lock);
	why = taken_locked(e, name, copy->replace);
	hf__unlock(&e->lock);
	return why;
}

/* Registers it, and gives *old, which had its name and its place. */
static hf_error *register_engine(
	hf_engines *e, hf__engine *g, const hf_engine_opts *o, hf__engine **old)
{
	hf_error *why;

	hf__lock(&e->lock);
	why = taken_locked(e, g->name, o->replace);
	*old = why ? NULL : hf__engine_named_locked(e, g->name);
	if (*old) {
		APR_RING_INSERT_BEFORE(*old, g, link);
		APR_RING_REMOVE(*old, link);
	} else if (!why) {
		APR_RING_INSERT_TAIL(&e->engines, g, hf__engine, link);
	}
	if (!why && o->is_default)
		snprintf(e->default_name, sizeof e->default_name, "%s", g->name);
	hf__unlock(&e->lock);
	return why;
}

/* Consumes `g`, or lets go of it where it is refused. */
static hf_status finish(
	hf_engines *e, hf__engine *g, const hf_engine_opts *o, hf_error *why, hf_error **out_error)
{
	hf__engine *old = NULL;

	if (!why)
		why = register_engine(e, g, o, &old);
	if (why && g)
		hf__engine_close(g, 0);
	if (why)
		hf__engine_put(g);
	if (old)
		hf__engine_close(old, o->drain_ms);
	hf__engine_put(old);
	return hf__error_give(why, out_error);
}

hf_status hf_engines_open(hf_engines *e, const char *name, const char *dsn,
	const hf_engine_opts *opts, hf_error **out_error)
{
	hf_engine_opts o = { 0 };
	hf__engine *g = NULL;
	hf_error *why = refusal(e, name, opts, &o);

	if (!why)
		why = hf__engine_open(name, dsn, &o, &g);
	return finish(e, g, &o, why, out_error);
}

hf_status hf_engines_add(hf_engines *e, const char *name, hf_pool *p, const hf_engine_opts *opts,
	hf_error **out_error)
{
	hf_engine_opts o = { 0 };
	hf__engine *g = NULL;
	hf_error *why = refusal(e, name, opts, &o);

	if (!why)
		why = hf__engine_on(name, p, &o, &g);
	return finish(e, g, &o, why, out_error);
}

static hf_error *assign_locked(
	hf_engines *e, const char *role, const char *engine, hf__alias *fresh)
{
	hf__alias *r = hf__alias_named_locked(e, role);
	hf__engine *g = engine ? hf__engine_named_locked(e, engine) : NULL;
	hf_error *why = !engine ? NULL
			: g     ? hf__role_refusal(g->name, g->mode, role)
				: hf__engine_unknown_locked(e, engine);

	if (why)
		return why;
	if (r) {
		APR_RING_REMOVE(r, link);
		hf__free(r);
	}
	if (!engine)
		return NULL;
	snprintf(fresh->role, sizeof fresh->role, "%s", role);
	snprintf(fresh->engine, sizeof fresh->engine, "%s", engine);
	APR_RING_INSERT_TAIL(&e->roles, fresh, hf__alias, link);
	return NULL;
}

static hf_error *assign_default(hf_engines *e, const char *engine)
{
	hf_error *why = NULL;

	hf__lock(&e->lock);
	if (engine && !hf__engine_named_locked(e, engine))
		why = hf__engine_unknown_locked(e, engine);
	else
		snprintf(e->default_name, sizeof e->default_name, "%s", engine ? engine : "");
	hf__unlock(&e->lock);
	return why;
}

hf_status hf_engines_assign(
	hf_engines *e, const char *role, const char *engine, hf_error **out_error)
{
	hf_error *why = hf__engines_refusal(e);
	hf__alias *fresh = NULL;

	if (!why && (!role || strcmp(role, "!default") == 0))
		return hf__error_give(assign_default(e, engine), out_error);
	if (!why)
		why = hf__engine_name_refusal("role", role);
	if (!why && !(fresh = hf__calloc(sizeof *fresh)))
		why = hf__error_nomem();
	if (!why) {
		hf__lock(&e->lock);
		why = assign_locked(e, role, engine, fresh);
		hf__unlock(&e->lock);
	}
	if (why || !engine)
		hf__free(fresh);
	return hf__error_give(why, out_error);
}

hf_status hf_engines_remove(hf_engines *e, const char *name, int ms, hf_error **out_error)
{
	hf_error *why = hf__engines_refusal(e);
	hf__engine *g;
	hf_status st;

	if (why)
		return hf__error_give(why, out_error);
	hf__lock(&e->lock);
	g = hf__engine_named_locked(e, name ? name : "");
	if (g) {
		APR_RING_REMOVE(g, link);
		forget_roles_locked(e, g->name);
		if (strcmp(e->default_name, g->name) == 0)
			e->default_name[0] = '\0';
	} else {
		why = hf__engine_unknown_locked(e, name ? name : "");
	}
	hf__unlock(&e->lock);
	if (why)
		return hf__error_give(why, out_error);
	st = hf__engine_close(g, ms);
	if (st != HF_OK)
		why = hf__error_fmt(st, 0,
			"engine \"%s\" was removed, and its pool is not closed yet", g->name);
	hf__engine_put(g);
	return hf__error_give(why, out_error);
}

/* --- all of them --- */

static bool stuck_locked(hf_engines *e)
{
	hf__engine *g;

	APR_RING_FOREACH (g, &e->engines, hf__engine, link)
		if (g->dsn && hf__thread_role(g->pool) != HF__ROLE_NONE)
			return true;
	return false;
}

static int longest_shutdown(struct hf__engine_ring *all)
{
	hf__engine *g;
	int ms = 0;

	APR_RING_FOREACH (g, all, hf__engine, link) {
		int each = g->pool->opts.shutdown_ms;

		if (g->dsn && (each < 0 || (ms >= 0 && each > ms)))
			ms = each;
	}
	return ms;
}

hf_status hf_engines_close(hf_engines *e, int ms)
{
	hf_error *why = hf__engines_refusal(e);
	struct hf__engine_ring all;
	hf_status st = HF_OK;
	int64_t deadline;
	hf__engine *g;

	if (why)
		return hf__error_give(why, NULL);
	hf__lock(&e->lock);
	if (stuck_locked(e)) {
		hf__unlock(&e->lock);
		return HF_E_DEADLOCK;
	}
	take_all_locked(e, &all);
	hf__unlock(&e->lock);
	deadline = hf__deadline(ms ? ms : longest_shutdown(&all));
	/* While the first one drains, the others do too. */
	APR_RING_FOREACH (g, &all, hf__engine, link)
		hf__engine_stop_intake(g);
	APR_RING_FOREACH (g, &all, hf__engine, link)
		if (hf__engine_close(g, hf__limit_ms(deadline)) != HF_OK)
			st = HF_PENDING;
	put_all(&all);
	return st;
}
