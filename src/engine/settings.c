/* SPDX-License-Identifier: MIT */
/* Engines out of pairs of texts. Everything is read before the first pool is opened, so that a slip
 * of the pen opens none. */
#include "engine/engines.h"

#include "base/attr.h"
#include "base/nearest.h"
#include "pq/dsn.h"
#include "value/error.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { INT, SWITCH, SIZE, TEXT } kind;

/* An option of a pool. Several names may mean one field. */
typedef struct option {
	const char *name;
	kind kind;
	size_t offset;
	int scale;
} option;

#define OPTION(field, kind)                                                                        \
	{                                                                                          \
#field, kind, offsetof(hf_pool_opts, field), 1                                     \
	}
#define ALIAS(name, field, kind, scale_)                                                           \
	{                                                                                          \
		name, kind, offsetof(hf_pool_opts, field), scale_                                  \
	}

static const option options[] = {
	ALIAS("pool_name", name, TEXT, 1),
	ALIAS("pool_size", max_conns, INT, 1),
	ALIAS("pool_min", min_conns, INT, 1),
	ALIAS("pool_queue", max_queue, INT, 1),
	ALIAS("pool_timeout", acquire_ms, INT, 1000),
	ALIAS("pool_recycle", lifetime_ms, INT, 1000),
	ALIAS("pool_read_only", read_only, SWITCH, 1),
	OPTION(name, TEXT),
	OPTION(min_conns, INT),
	OPTION(max_conns, INT),
	OPTION(max_queue, INT),
	OPTION(connect_ms, INT),
	OPTION(acquire_ms, INT),
	OPTION(statement_ms, INT),
	OPTION(idle_ms, INT),
	OPTION(lifetime_ms, INT),
	OPTION(ping_idle_ms, INT),
	OPTION(ping_ms, INT),
	OPTION(shutdown_ms, INT),
	OPTION(stall_ms, INT),
	OPTION(max_statements, INT),
	OPTION(max_pipeline, INT),
	OPTION(txn_idle_ms, INT),
	OPTION(txn_max_ms, INT),
	OPTION(lease_ms, INT),
	OPTION(max_parked, INT),
	OPTION(hold_warn_ms, INT),
	OPTION(outcome_ms, INT),
	OPTION(outcome_table, TEXT),
	OPTION(two_phase, SWITCH),
	OPTION(max_result, SIZE),
	OPTION(read_only, SWITCH),
	OPTION(strict, SWITCH),
	OPTION(strict_auth, SWITCH),
	OPTION(log_params, SWITCH),
	OPTION(listen_dsn, TEXT),
};

/* What is not the pool's. */
static const char *const others[] = { "url", "dsn", "mode", "default" };

/* One engine, while its settings are read. */
typedef struct wanted {
	char name[HF__NAME_MAX + 1];
	const char *dsn; /* lent */
	hf_engine_opts engine;
	hf_pool_opts pool;
	bool has_mode, has_default, has_field[sizeof(hf_pool_opts)];
} wanted;

/* --- values --- */

static hf_error *bad_value(const hf_setting *s, const char *needs)
{
	return hf__error_fmt(HF_E_MISUSE, 0, "setting \"%.128s\" needs %s", s->key, needs);
}

static hf_error *twice(const hf_setting *s)
{
	return hf__error_fmt(HF_E_MISUSE, 0,
		"setting \"%.128s\": its engine has been told that already", s->key);
}

static hf_error *read_number(
	const hf_setting *s, int scale, long long least, long long most, long long *out)
{
	char needs[100], *end;

	errno = 0;
	*out = strtoll(s->value, &end, 10);
	snprintf(needs, sizeof needs, "a whole number from %lld to %lld%s", least, most / scale,
		least < 0 ? "; -1 is none" : "");
	if (end == s->value || *end || errno || *out < least || *out > most / scale)
		return bad_value(s, needs);
	if (*out > 0)
		*out *= scale;
	return NULL;
}

static hf_error *read_switch(const hf_setting *s, bool *out)
{
	return hf__dsn_switch(s->value, out) ? NULL : bad_value(s, "true or false");
}

static hf_error *read_mode(const hf_setting *s, hf_mode *out)
{
	for (hf_mode m = HF_MODE_TXN; m <= HF_MODE_SNAPSHOT; m++)
		if (strcmp(s->value, hf__mode_name(m)) == 0) {
			*out = m;
			return NULL;
		}
	return bad_value(s, "txn, autocommit, read or snapshot");
}

/* --- options --- */

static hf_error *unknown(const hf_setting *s, const char *word)
{
	const char *meant = NULL;
	int distance = 0;

	for (size_t i = 0; i < hf_countof(options); i++)
		hf__nearest(word, options[i].name, &meant, &distance);
	for (size_t i = 0; i < hf_countof(others); i++)
		hf__nearest(word, others[i], &meant, &distance);
	return hf__error_fmt(HF_E_MISUSE, 0, "setting \"%.128s\" is unknown%s%s%s", s->key,
		meant ? ": did you mean \"" : "", meant ? meant : "", meant ? "\"?" : "");
}

static hf_error *set_pool_option(wanted *w, const option *o, const hf_setting *s)
{
	void *field = (char *)&w->pool + o->offset;
	bool min = o->offset == offsetof(hf_pool_opts, min_conns);
	bool max = o->offset == offsetof(hf_pool_opts, max_conns);
	long long number;
	hf_error *e = NULL;

	if (w->has_field[o->offset])
		return twice(s);
	w->has_field[o->offset] = true;
	switch (o->kind) {
	case INT:
		e = read_number(
			s, o->scale, max ? 1 : -1, min || max ? HF__MAX_CONNS : INT_MAX, &number);
		if (!e)
			*(int *)field = min && number == 0 ? HF_NONE : (int)number;
		return e;
	case SWITCH:
		return read_switch(s, field);
	case SIZE:
		e = read_number(s, o->scale, 0, LLONG_MAX, &number);
		if (!e)
			*(size_t *)field = (size_t)number;
		return e;
	case TEXT:
		*(const char **)field = s->value;
		return NULL;
	}
	return NULL;
}

static hf_error *set_option(wanted *w, const char *word, const hf_setting *s)
{
	if (strcmp(word, "url") == 0 || strcmp(word, "dsn") == 0) {
		if (w->dsn)
			return twice(s);
		w->dsn = s->value;
		return NULL;
	}
	if (strcmp(word, "mode") == 0) {
		if (w->has_mode)
			return twice(s);
		w->has_mode = true;
		return read_mode(s, &w->engine.mode);
	}
	if (strcmp(word, "default") == 0) {
		if (w->has_default)
			return twice(s);
		w->has_default = true;
		return read_switch(s, &w->engine.is_default);
	}
	for (size_t i = 0; i < hf_countof(options); i++)
		if (strcmp(word, options[i].name) == 0)
			return set_pool_option(w, &options[i], s);
	return unknown(s, word);
}

/* --- engines --- */

/* The bytes of the engine's name behind the prefix, and the option in *word. NULL: somebody else's.
 */
static const char *name_of(const char *prefix, const hf_setting *s, int *n, const char **word)
{
	size_t skip = strlen(prefix);
	const char *dot;

	if (!s->key || strncmp(s->key, prefix, skip) != 0)
		return NULL;
	dot = strchr(s->key + skip, '.');
	*n = (int)(dot ? (size_t)(dot - s->key) - skip : strlen(s->key + skip));
	*word = dot ? dot + 1 : "";
	return s->key + skip;
}

static bool is_for(const char *prefix, const hf_setting *s, const char *name, int n)
{
	const char *word, *other;
	int m;

	other = name_of(prefix, s, &m, &word);
	return other && m == n && strncmp(other, name, (size_t)n) == 0;
}

/* Whether setting `i` is the first of an engine. */
static bool begins(const char *prefix, const hf_setting *settings, size_t i)
{
	const char *word, *name;
	int n;

	name = name_of(prefix, &settings[i], &n, &word);
	for (size_t j = 0; name && j < i; j++)
		if (is_for(prefix, &settings[j], name, n))
			return false;
	return name != NULL;
}

static hf_error *read_name(wanted *w, const hf_setting *s, const char *name, int n)
{
	if (n > HF__NAME_MAX || name[n] != '.')
		return hf__error_fmt(HF_E_MISUSE, 0,
			"setting \"%.128s\": a name of at most %d letters, a dot and an option are "
			"wanted",
			s->key, HF__NAME_MAX);
	snprintf(w->name, sizeof w->name, "%.*s", n, name);
	return hf__engine_name_refusal("engine", w->name);
}

/* All that is said of the engine which begins with setting `i`. */
static hf_error *read_engine(
	wanted *w, const char *prefix, const hf_setting *settings, size_t count, size_t i)
{
	const char *word, *name;
	hf_error *e = NULL;
	int n;

	*w = (wanted){ .engine = { .struct_size = sizeof w->engine, .pool = &w->pool },
		.pool = { .struct_size = sizeof w->pool } };
	name = name_of(prefix, &settings[i], &n, &word);
	for (size_t j = i; !e && j < count; j++) {
		if (!is_for(prefix, &settings[j], name, n))
			continue;
		name = name_of(prefix, &settings[j], &n, &word);
		e = read_name(w, &settings[j], name, n);
		if (!e)
			e = settings[j].value ? set_option(w, word, &settings[j])
					      : bad_value(&settings[j], "a value");
	}
	if (!e && !w->dsn)
		e = hf__error_fmt(
			HF_E_MISUSE, 0, "setting \"%.128s%s.url\" is missing", prefix, w->name);
	return e;
}

static hf_error *check_all(const char *prefix, const hf_setting *settings, size_t n)
{
	char first[HF__NAME_MAX + 1] = ""; /* that is to be the default */
	hf_error *e = NULL;
	wanted w;

	for (size_t i = 0; !e && i < n; i++) {
		if (!begins(prefix, settings, i))
			continue;
		e = read_engine(&w, prefix, settings, n, i);
		if (e || !w.engine.is_default)
			continue;
		if (*first)
			e = hf__error_fmt(HF_E_MISUSE, 0,
				"setting \"%.128s%s.default\": engine \"%s\" is the default "
				"already",
				prefix, w.name, first);
		snprintf(first, sizeof first, "%s", w.name);
	}
	return e;
}

/* Those of the first `n` settings, which were opened. */
static void close_again(
	hf_engines *e, const char *prefix, const hf_setting *settings, size_t count, size_t n)
{
	wanted w;

	for (size_t i = 0; i < n; i++) {
		if (!begins(prefix, settings, i))
			continue;
		hf_error_unref(read_engine(&w, prefix, settings, count, i));
		if (hf_engines_remove(e, w.name, 0, NULL) != HF_OK)
			continue; /* it ends in the background */
	}
}

static hf_error *open_all(hf_engines *e, const char *prefix, const hf_setting *settings, size_t n)
{
	hf_error *why;
	wanted w;

	for (size_t i = 0; i < n; i++) {
		if (!begins(prefix, settings, i))
			continue;
		why = read_engine(&w, prefix, settings, n, i);
		if (!why && hf_engines_open(e, w.name, w.dsn, &w.engine, &why) == HF_OK)
			continue;
		close_again(e, prefix, settings, n, i);
		return why;
	}
	return NULL;
}

hf_status hf_engines_configure(hf_engines *e, const char *prefix, const hf_setting *settings,
	size_t n, hf_error **out_error)
{
	char default_name[HF__NAME_MAX + 1];
	hf_error *why = hf__engines_refusal(e);

	if (!why && (!prefix || (!settings && n)))
		why = hf__error_fmt(HF_E_MISUSE, 0, "hf_engines_configure: %s is NULL",
			prefix ? "settings" : "prefix");
	if (!why)
		why = check_all(prefix, settings, n);
	if (why)
		return hf__error_give(why, out_error);
	hf__lock(&e->lock);
	memcpy(default_name, e->default_name, sizeof default_name);
	hf__unlock(&e->lock);
	why = open_all(e, prefix, settings, n);
	if (why) {
		hf__lock(&e->lock);
		memcpy(e->default_name, default_name, sizeof default_name);
		hf__unlock(&e->lock);
	}
	return hf__error_give(why, out_error);
}
