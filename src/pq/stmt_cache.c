/* SPDX-License-Identifier: MIT */
/* Prepared statements of one link. */
#include "pq/stmt_cache.h"

#include "base/mem.h"
#include "value/sql.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PREPARE_AT_USE  3
#define MEAN_OVER       16
#define SLOW_US         5000
#define CLEARLY_SLOW_US 50000
#define WARY_RUNS       100

void hf__stmt_cache_init(hf__stmt_cache *c, int max)
{
	memset(c, 0, sizeof *c);
	c->max = max;
	APR_RING_INIT(&c->lru, hf__stmt_entry, lru);
}

void hf__stmt_cache_clear(hf__stmt_cache *c)
{
	while (!APR_RING_EMPTY(&c->lru, hf__stmt_entry, lru))
		hf__stmt_cache_forget(c, APR_RING_FIRST(&c->lru));
}

void hf__stmt_cache_finish(hf__stmt_cache *c)
{
	hf__stmt_cache_clear(c);
}

void hf__stmt_free(hf__stmt_entry *e)
{
	if (!e)
		return;
	hf_result_unref(e->described);
	hf__free(e);
}

static void unlink_entry(hf__stmt_cache *c, hf__stmt_entry *e)
{
	hf__stmt_entry **at = &c->bucket[e->hash % HF__STMT_BUCKETS];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	APR_RING_REMOVE(e, lru);
	c->n--;
}

void hf__stmt_cache_forget(hf__stmt_cache *c, hf__stmt_entry *e)
{
	if (e->gone)
		return;
	unlink_entry(c, e);
	e->gone = e->pins > 0;
	if (!e->gone)
		hf__stmt_free(e);
}

void hf__stmt_unpin(hf__stmt_entry *e)
{
	if (e && --e->pins == 0 && e->gone)
		hf__stmt_free(e);
}

bool hf__stmt_is_named(const hf__stmt_entry *e)
{
	return e && e->uses >= PREPARE_AT_USE;
}

bool hf__stmt_is_slow(const hf__stmt_entry *e)
{
	return e && (e->mean_us > SLOW_US || e->wary > 0);
}

bool hf__stmt_is_quick(const hf__stmt_entry *e)
{
	return e && e->prepared && e->mean_us > 0 && !hf__stmt_is_slow(e);
}

/* The first runs on a connection are slower than the rest and tell little. One that was slow indeed
 * counts, and makes wary for a while: a text that is slow once in a hundred times delays a third of
 * its neighbours, thirty of which would travel behind it. */
void hf__stmt_note_time(hf__stmt_entry *e, int64_t ns)
{
	int us = ns < 1000 ? 1 : ns < (int64_t)INT_MAX * 1000 ? (int)(ns / 1000) : INT_MAX;

	e->wary = us > CLEARLY_SLOW_US ? WARY_RUNS : e->wary > 0 ? e->wary - 1 : 0;
	if (e->uses < PREPARE_AT_USE)
		return;
	e->mean_us = e->mean_us ? e->mean_us + (us - e->mean_us) / MEAN_OVER : us;
	if (e->mean_us < 1)
		e->mean_us = 1;
}

static bool same_types(const hf__stmt_entry *e, const hf__params *p)
{
	int n = p ? p->n : 0;

	return e->n_types == n &&
	       (n == 0 || memcmp(e->types, p->types, (size_t)n * sizeof *e->types) == 0);
}

static hf__stmt_entry *lookup(
	const hf__stmt_cache *c, uint32_t hash, const char *sql, const hf__params *p)
{
	for (hf__stmt_entry *e = c->bucket[hash % HF__STMT_BUCKETS]; e; e = e->next)
		if (e->hash == hash && same_types(e, p) && strcmp(e->sql, sql) == 0)
			return e;
	return NULL;
}

bool hf__stmt_cache_quick(
	const hf__stmt_cache *c, const char *sql, uint32_t hash, const hf__params *params)
{
	const hf__stmt_entry *e = c->max > 0 ? lookup(c, hash, sql, params) : NULL;

	return hf__stmt_is_quick(e);
}

bool hf__stmt_cache_knows_columns(
	const hf__stmt_cache *c, const char *sql, uint32_t hash, const hf__params *params)
{
	const hf__stmt_entry *e = c->max > 0 ? lookup(c, hash, sql, params) : NULL;

	return e && e->columns;
}

/* set_config('name', …: of something else. */
static bool sets_another(const char *args)
{
	static const char *const names[] = { "extra_float_digits", "bytea_output" };

	if (strncmp(args, "('", 2) != 0)
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strncasecmp(args + 2, names[i], strlen(names[i])) == 0)
			return false;
	return true;
}

bool hf__stmt_sets(const char *sql)
{
	static const char word[] = "set_config";
	size_t n = sizeof word - 1;

	for (; *sql; sql++)
		if ((*sql == 's' || *sql == 'S') && strncasecmp(sql, word, n) == 0 &&
			!sets_another(sql + n))
			return true;
	return false;
}

static hf__stmt_entry *add(hf__stmt_cache *c, uint32_t hash, const char *sql, const hf__params *p)
{
	size_t align = _Alignof(uint32_t), n_types = p ? (size_t)p->n : 0;
	size_t text = (strlen(sql) + align) / align * align;
	hf__stmt_entry *e = hf__calloc(sizeof *e + text + n_types * sizeof(uint32_t));

	if (!e)
		return NULL;
	e->hash = hash;
	e->sets = hf__stmt_sets(sql);
	e->changes_session = hf__sql_changes_session(sql);
	e->notifies = hf__sql_notifies(sql);
	e->n_types = (int)n_types;
	memcpy(e->sql, sql, strlen(sql) + 1);
	e->types = (uint32_t *)(void *)(e->sql + text);
	if (n_types)
		memcpy(e->types, p->types, n_types * sizeof(uint32_t));
	e->next = c->bucket[hash % HF__STMT_BUCKETS];
	c->bucket[hash % HF__STMT_BUCKETS] = e;
	APR_RING_INSERT_HEAD(&c->lru, e, hf__stmt_entry, lru);
	c->n++;
	return e;
}

/* The least recently used that is not pinned, or NULL. */
static hf__stmt_entry *oldest_free(const hf__stmt_cache *c)
{
	hf__stmt_entry *e = APR_RING_LAST(&c->lru);

	while (e != APR_RING_SENTINEL(&c->lru, hf__stmt_entry, lru) && e->pins > 0)
		e = APR_RING_PREV(e, lru);
	return e == APR_RING_SENTINEL(&c->lru, hf__stmt_entry, lru) ? NULL : e;
}

/* False: what could go may not. */
static bool make_room(hf__stmt_cache *c, bool may_evict, hf__stmt_entry **evicted)
{
	hf__stmt_entry *old;

	if (c->n < c->max)
		return true;
	old = oldest_free(c);
	if (!old || (old->prepared && !may_evict))
		return false;
	unlink_entry(c, old);
	if (old->prepared)
		*evicted = old;
	else
		hf__stmt_free(old);
	return true;
}

hf__stmt_entry *hf__stmt_cache_use(hf__stmt_cache *c, const char *sql, uint32_t hash,
	const hf__params *params, bool may_evict, hf__stmt_entry **evicted)
{
	hf__stmt_entry *e;

	*evicted = NULL;
	if (c->max <= 0)
		return NULL;
	e = lookup(c, hash, sql, params);
	if (!e && make_room(c, may_evict, evicted))
		e = add(c, hash, sql, params);
	if (!e)
		return NULL;
	APR_RING_REMOVE(e, lru);
	APR_RING_INSERT_HEAD(&c->lru, e, hf__stmt_entry, lru);
	e->pins++;
	if (++e->uses >= PREPARE_AT_USE && !e->name[0])
		snprintf(e->name, sizeof e->name, "hf_%u", ++c->serial);
	return e;
}
