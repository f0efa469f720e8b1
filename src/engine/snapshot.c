/* SPDX-License-Identifier: MIT */
/* Taking a snapshot. The registry's lock is held for as long as it takes to note its engines, and
 * no pool is looked at meanwhile: its own lock may be busy. */
#include "engine/snapshot.h"

#include "base/fork.h"
#include "base/mem.h"
#include "engine/engines.h"
#include "pool/pool.h"
#include "value/codec.h"
#include "value/error.h"

#include <string.h>

hf_snapshot *hf_snapshot_ref(hf_snapshot *s)
{
	if (s)
		hf__ref_get(&s->refs);
	return s;
}

hf_snapshot *hf_snapshot_unref(hf_snapshot *s)
{
	if (!s || !hf__ref_put(&s->refs))
		return NULL;
	for (size_t i = 0; i < s->n; i++) {
		hf__free(s->entry[i].name);
		hf__free(s->entry[i].pool_name);
	}
	hf__free(s);
	return NULL;
}

static hf_snapshot *new_snapshot(size_t n)
{
	hf_snapshot *s = hf__calloc(sizeof *s + n * sizeof *s->entry);

	if (!s)
		return NULL;
	hf__ref_init(&s->refs);
	s->n = n;
	return s;
}

/* The formats that it goes into are UTF-8; what a pool is called was never checked. */
static char *utf8_dup(const char *text)
{
	char *mine = hf__strdup(text);

	if (mine && !hf__utf8_valid(mine, strlen(mine)))
		for (unsigned char *p = (unsigned char *)mine; *p; p++)
			*p = *p < 0x80 ? *p : '?';
	return mine;
}

/* False: no memory. */
static bool fill(hf__entry *en, const char *name, hf_pool *p)
{
	en->pool = p;
	en->name = utf8_dup(name);
	en->pool_name = utf8_dup(p->name);
	en->stats.struct_size = sizeof en->stats;
	hf_pool_get_stats(p, &en->stats);
	en->shown = (hf_engine_stats){ .name = en->name,
		.pool = en->pool_name,
		.state = hf_pool_get_state(p),
		.stats = &en->stats };
	return en->name && en->pool_name;
}

hf_snapshot *hf_pool_snapshot(hf_pool *p, hf_error **out_error)
{
	hf_error *why = hf__pool_refusal(p);
	hf_snapshot *s = why ? NULL : new_snapshot(1);

	if (s && !fill(s->entry, p->name, p))
		s = hf_snapshot_unref(s);
	if (!s && !why)
		why = hf__error_nomem();
	hf__error_give(why, out_error);
	return s;
}

/* --- a registry --- */

static const char *same_before(const hf_snapshot *s, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (s->entry[k].pool == s->entry[i].pool)
			return s->entry[k].name;
	return NULL;
}

static hf_snapshot *look(hf__engine *const *all, size_t n, const char *default_name)
{
	hf_snapshot *s = new_snapshot(n);

	for (size_t i = 0; s && i < s->n; i++) {
		const hf__engine *g = all[i];
		hf__entry *en = &s->entry[i];

		if (!fill(en, g->name, g->pool))
			return hf_snapshot_unref(s);
		en->shown.mode = g->mode;
		en->shown.is_default = strcmp(g->name, default_name) == 0;
		en->shown.same_as = same_before(s, i);
	}
	return s;
}

hf_snapshot *hf_engines_snapshot(hf_engines *e, hf_error **out_error)
{
	char default_name[HF__NAME_MAX + 1];
	hf_error *why = hf__engines_refusal(e);
	hf__engine **all = NULL;
	hf_snapshot *s = NULL;
	size_t n = 0;

	if (!why)
		all = hf__engines_all(e, &n, default_name);
	if (all)
		s = look(all, n, default_name);
	if (!why && !s)
		why = hf__error_nomem();
	for (size_t i = 0; i < n; i++)
		hf__engine_put(all[i]);
	hf__free(all);
	hf__error_give(why, out_error);
	return s;
}

/* --- looking at it --- */

size_t hf_snapshot_count(const hf_snapshot *s)
{
	return s ? s->n : 0;
}

const hf_engine_stats *hf_snapshot_at(const hf_snapshot *s, size_t i)
{
	return s && i < s->n ? &s->entry[i].shown : NULL;
}

const char *hf__shown_mode(hf_mode mode)
{
	return mode == HF_MODE_BY_NAME ? "" : hf__mode_name(mode);
}

const char *hf__shown_state(hf_pool_state state)
{
	switch (state) {
	case HF_POOL_OPEN:
		return "open";
	case HF_POOL_CLOSING:
		return "closing";
	case HF_POOL_CLOSED:
		break;
	}
	return "closed";
}
