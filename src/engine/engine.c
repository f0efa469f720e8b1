/* SPDX-License-Identifier: MIT */
/* One engine: its name, its mode, its pool, and which of them go together. */
#include "engine/engines.h"

#include "base/mem.h"
#include "pool/pool.h"
#include "value/error.h"
#include "value/opts.h"

#include <stdio.h>
#include <string.h>

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

bool hf__mode_writes(hf_mode mode)
{
	return mode == HF_MODE_TXN || mode == HF_MODE_AUTOCOMMIT;
}

const char *hf__mode_name(hf_mode mode)
{
	static const char *const names[] = { "by its name", "txn", "autocommit", "read",
		"snapshot" };

	return names[mode];
}

const char *hf__engine_name_shown(const char *name)
{
	return strpbrk(name, ":/=@") ? "(not shown: it is no name)" : name;
}

hf_error *hf__engine_name_refusal(const char *what, const char *name)
{
	size_t n = name ? strlen(name) : 0;

	if (n > 0 && name[0] == '!')
		return hf__error_fmt(HF_E_MISUSE, 0,
			"%s name \"%.*s\" is reserved: names with an exclamation mark are not for "
			"engines",
			what, HF__NAME_MAX, name);
	if (n == 0 || n > HF__NAME_MAX || strspn(name, NAME_CHARS) != n)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"%s name \"%.*s\": a name is 1 to %d letters, digits, \"_\" and \"-\"",
			what, HF__NAME_MAX, n ? hf__engine_name_shown(name) : "", HF__NAME_MAX);
	return NULL;
}

/* --- modes --- */

static hf_mode mode_by_name(const char *name, bool read_only)
{
	if (strcmp(name, "reader") == 0)
		return HF_MODE_READ;
	if (strcmp(name, "logger") == 0)
		return HF_MODE_AUTOCOMMIT;
	return read_only && strcmp(name, "writer") != 0 ? HF_MODE_READ : HF_MODE_TXN;
}

/* NULL, or what does not fit together. Settles the mode. */
static hf_error *settle_mode(
	const char *name, hf_mode *mode, bool read_only, bool two_phase, bool own)
{
	if ((int)*mode < HF_MODE_BY_NAME || *mode > HF_MODE_SNAPSHOT)
		return hf__error_fmt(
			HF_E_MISUSE, 0, "engine \"%s\": mode %d is unknown", name, (int)*mode);
	if (*mode == HF_MODE_BY_NAME)
		*mode = mode_by_name(name, read_only);
	if (read_only && hf__mode_writes(*mode))
		return hf__error_fmt(HF_E_MISUSE, 0,
			"engine \"%s\": its pool is read only, its mode (%s) is not: take "
			"HF_MODE_READ or HF_MODE_SNAPSHOT",
			name, hf__mode_name(*mode));
	if (own && two_phase && *mode != HF_MODE_TXN && *mode != HF_MODE_SNAPSHOT)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"engine \"%s\": two_phase needs transactions (HF_MODE_TXN), and its mode "
			"is %s",
			name, hf__mode_name(*mode));
	return hf__role_refusal(name, *mode, name);
}

/* --- memory --- */

static hf__engine *engine_new(const char *name, hf_mode mode)
{
	hf__engine *g = hf__calloc(sizeof *g);

	if (!g)
		return NULL;
	hf__ref_init(&g->refs);
	snprintf(g->name, sizeof g->name, "%s", name);
	g->mode = mode;
	return g;
}

hf__engine *hf__engine_get(hf__engine *g)
{
	hf__ref_get(&g->refs);
	return g;
}

void hf__engine_put(hf__engine *g)
{
	if (!g || !hf__ref_put(&g->refs))
		return;
	hf_pool_unref(g->pool);
	hf__wipe_free(g->dsn);
	hf__wipe_free(g->listen_dsn);
	hf__free(g->pool_name);
	hf__free(g->outcome_table);
	hf__free(g);
}

/* False: no memory. */
static bool copy_text(const char **text, char **copy)
{
	const char *from = *text;

	*text = *copy = hf__strdup(from);
	return !from || *copy;
}

static bool keep_settings(hf__engine *g, const char *dsn, const hf_pool_opts *opts)
{
	g->opts = *opts;
	g->dsn = hf__strdup(dsn);
	return g->dsn && copy_text(&g->opts.name, &g->pool_name) &&
	       copy_text(&g->opts.outcome_table, &g->outcome_table) &&
	       copy_text(&g->opts.listen_dsn, &g->listen_dsn);
}

/* --- with a pool of its own --- */

/* What the connection string says of the pool, as far as an engine cares. */
static hf_error *read_dsn(const char *dsn, bool *read_only, bool *named)
{
	hf__dsn_pool from;
	hf__dsn d;
	hf_error *e = NULL;

	if (!dsn)
		return hf__error_fmt(HF_E_MISUSE, 0, "the connection string is NULL");
	if (hf__dsn_init(&d, dsn, &from, &e) == HF_OK) {
		*read_only = from.read_only;
		*named = from.name != NULL;
	}
	hf__free(from.name);
	hf__dsn_finish(&d);
	return e;
}

static hf_error *name_engine(const char *name, hf_error *e)
{
	return hf__error_amend(e, 0, 0, "engine \"%s\": %s", name, hf_error_message(e));
}

static hf_error *open_pool(hf__engine *g, const char *dsn, const hf_pool_opts *opts)
{
	hf_error *e = NULL;

	if (!keep_settings(g, dsn, opts))
		return hf__error_nomem();
	if (hf_pool_open(g->dsn, &g->opts, &g->pool, &e) == HF_OK)
		return NULL;
	return name_engine(g->name, e);
}

hf_error *hf__engine_open(
	const char *name, const char *dsn, const hf_engine_opts *opts, hf__engine **out)
{
	hf_mode mode = opts->mode;
	bool read_only = false, named = false;
	hf_pool_opts o;
	hf_error *e = NULL;

	if (hf__opts_copy(&o, sizeof o, opts->pool, "HF_POOL_OPTS", &e) == HF_OK)
		e = read_dsn(dsn, &read_only, &named);
	if (e)
		return name_engine(name, e);
	e = settle_mode(name, &mode, o.read_only || read_only, o.two_phase, true);
	if (e)
		return e;
	if (!hf__mode_writes(mode))
		o.read_only = true;
	if (!o.name && !named)
		o.name = name;
	*out = engine_new(name, mode);
	e = *out ? open_pool(*out, dsn, &o) : hf__error_nomem();
	if (e) {
		hf__engine_put(*out);
		*out = NULL;
	}
	return e;
}

hf_error *hf__engine_again(const hf__engine *g, hf__engine **out)
{
	return hf__engine_open(
		g->name, g->dsn, &(const hf_engine_opts){ .mode = g->mode, .pool = &g->opts }, out);
}

/* --- with somebody's --- */

hf_error *hf__engine_on(const char *name, hf_pool *p, const hf_engine_opts *opts, hf__engine **out)
{
	hf_mode mode = opts->mode;
	hf_error *e = hf__pool_refusal(p);

	if (!e && opts->pool)
		e = hf__error_fmt(
			HF_E_MISUSE, 0, "engine \"%s\": .pool is for engines that open one", name);
	if (!e)
		e = settle_mode(name, &mode, p->opts.read_only, p->opts.two_phase, false);
	if (e)
		return e;
	*out = engine_new(name, mode);
	if (!*out)
		return hf__error_nomem();
	(*out)->pool = hf_pool_ref(p);
	return NULL;
}

hf__engine *hf__engine_share(const hf__engine *g)
{
	hf__engine *other = engine_new(g->name, g->mode);

	if (other)
		other->pool = hf_pool_ref(g->pool);
	return other;
}

void hf__engine_stop_intake(hf__engine *g)
{
	if (g->dsn)
		hf__pool_stop_intake(g->pool);
}

hf_status hf__engine_close(hf__engine *g, int ms)
{
	hf_status st = g->dsn ? hf_pool_close(g->pool, ms) : HF_OK;

	if (st == HF_E_DEADLOCK) /* its last reference, or another thread, closes it */
		hf__pool_stop_intake(g->pool);
	return st == HF_E_FORKED ? HF_OK : st; /* the parent's: left alone */
}
