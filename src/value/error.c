/* SPDX-License-Identifier: MIT */
/* Errors: one block of memory each, immutable once made. */
#include "value/error.h"

#include "base/attr.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/ref.h"

#include <stdio.h>
#include <string.h>

struct hf_error {
	hf__ref refs;
	bool is_static;
	hf_status status;
	unsigned traits;
	int position;
	char sqlstate[6];
	const char *message;
	const char *field[HF__ERR_FIELDS];
	char text[]; /* what the pointers above point into */
};

static hf_error nomem = { .is_static = true, .status = HF_E_NOMEM, .message = "out of memory" };
static hf_error nomem_unknown = { .is_static = true,
	.status = HF_E_NOMEM,
	.traits = HF_MAYBE_COMMITTED,
	.message = "out of memory after the work was sent: its outcome is unknown" };
static hf_error forked = { .is_static = true,
	.status = HF_E_FORKED,
	.message = "this process is a fork: the object belongs to its parent; open a pool of your "
		   "own, or call hf_engines_reopen" };

hf_error *hf__error_nomem(void)
{
	return &nomem;
}

hf_error *hf__error_blocking(const char *call)
{
	return hf__error_fmt(
		HF_E_MISUSE, 0, "%s: this thread was told not to block (hf_thread_blocking)", call);
}

hf_error *hf__error_forked(void)
{
	return &forked;
}

static size_t text_size(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

/* Copies `s` to *at, moves *at behind it, and returns the copy. */
static char *put(char **at, const char *s)
{
	size_t n = text_size(s);
	char *copy = *at;

	if (!s)
		return NULL;
	memcpy(copy, s, n);
	*at += n;
	return copy;
}

hf_error *hf__error_new(const hf__error_spec *spec)
{
	const char *message = spec->message ? spec->message : hf_status_name(spec->status);
	const char *field[HF__ERR_FIELDS];
	char site[256], *at;
	size_t n;
	hf_error *e;

	memcpy(field, spec->field, sizeof field);
	if (spec->site && spec->site->file) {
		snprintf(site, sizeof site, "%s:%d", spec->site->file, spec->site->line);
		field[HF_ERR_SITE] = site;
	}
	n = sizeof *e + text_size(message);
	for (size_t i = 0; i < HF__ERR_FIELDS; i++)
		n += text_size(field[i]);
	e = hf__calloc(n);
	if (!e)
		return spec->traits & (HF_MAYBE_COMMITTED | HF_COMMITTED) ? &nomem_unknown : &nomem;
	hf__ref_init(&e->refs);
	e->status = spec->status;
	e->traits = spec->traits;
	e->position = spec->position;
	if (spec->sqlstate)
		snprintf(e->sqlstate, sizeof e->sqlstate, "%s", spec->sqlstate);
	at = e->text;
	e->message = put(&at, message);
	hf__oneline(e->text);
	for (size_t i = 0; i < HF__ERR_FIELDS; i++)
		e->field[i] = put(&at, field[i]);
	return e;
}

hf_error *hf__error_vfmt(hf_status st, unsigned traits, const char *fmt, va_list ap)
{
	char message[1024];

	vsnprintf(message, sizeof message, fmt, ap);
	return hf__error_new(
		&(hf__error_spec){ .status = st, .traits = traits, .message = message });
}

hf_error *hf__error_fmt(hf_status st, unsigned traits, const char *fmt, ...)
{
	hf_error *e;
	va_list ap;

	va_start(ap, fmt);
	e = hf__error_vfmt(st, traits, fmt, ap);
	va_end(ap);
	return e;
}

hf_error *hf__error_without(hf_error *e, unsigned traits)
{
	if (!e->is_static)
		e->traits &= ~traits;
	return e;
}

static hf__error_spec spec_of(const hf_error *e)
{
	hf__error_spec spec = { .status = e->status,
		.traits = e->traits,
		.sqlstate = e->sqlstate,
		.message = e->message,
		.position = e->position };

	memcpy(spec.field, e->field, sizeof spec.field);
	return spec;
}

hf_error *hf__error_amend(
	hf_error *e, unsigned more_traits, unsigned less_traits, const char *fmt, ...)
{
	hf__error_spec spec = spec_of(e);
	char message[1024];
	hf_error *other;
	va_list ap;

	spec.traits = (e->traits | more_traits) & ~less_traits;
	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	spec.message = message;
	other = e->is_static ? &nomem : hf__error_new(&spec);
	if (other->is_static && spec.traits == e->traits)
		return e;
	hf_error_unref(e);
	return other;
}

hf_error *hf__error_at(hf_error *e, unsigned more_traits, const char *query, const hf_site *site)
{
	hf__error_spec spec = spec_of(e);
	hf_error *fuller;

	if (e == &nomem && (more_traits & HF_MAYBE_COMMITTED))
		return &nomem_unknown;
	if (e->is_static)
		return e;
	spec.traits |= more_traits;
	if (!spec.field[HF_ERR_QUERY])
		spec.field[HF_ERR_QUERY] = query;
	if (!spec.field[HF_ERR_SITE])
		spec.site = site;
	fuller = hf__error_new(&spec);
	if (fuller->is_static && (spec.traits & ~e->traits & HF_MAYBE_COMMITTED) == 0)
		return e;
	hf_error_unref(e);
	return fuller;
}

hf_error *hf__error_because(
	hf_status st, unsigned more_traits, const hf_error *why, const char *fmt, ...)
{
	hf__error_spec spec = spec_of(why);
	char message[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	spec.status = st;
	spec.traits |= more_traits;
	spec.message = message;
	return hf__error_new(&spec);
}

hf_error *hf__error_reworded(const hf_error *e, const char *message)
{
	hf__error_spec spec = { .status = e->status,
		.traits = e->traits,
		.sqlstate = e->sqlstate,
		.message = message,
		.position = e->position };

	memcpy(spec.field, e->field, sizeof spec.field);
	return hf__error_new(&spec);
}

hf_status hf__error_give(hf_error *e, hf_error **out)
{
	hf_status st = hf_error_status(e);

	if (out)
		*out = e;
	else
		hf_error_unref(e);
	return st;
}

hf_error *hf_error_ref(const hf_error *e)
{
	hf_error *mine = (hf_error *)(uintptr_t)e;

	if (mine && !mine->is_static)
		hf__ref_get(&mine->refs);
	return mine;
}

hf_error *hf_error_unref(hf_error *e)
{
	if (e && !e->is_static && hf__ref_put(&e->refs))
		hf__free(e);
	return NULL;
}

hf_status hf_error_status(const hf_error *e)
{
	return e ? e->status : HF_OK;
}

const char *hf_error_message(const hf_error *e)
{
	return e ? e->message : "no error";
}

const char *hf_error_sqlstate(const hf_error *e)
{
	return e ? e->sqlstate : "";
}

const char *hf_error_field(const hf_error *e, hf_field_id id)
{
	return e && (size_t)id < HF__ERR_FIELDS ? e->field[id] : NULL;
}

int hf_error_position(const hf_error *e)
{
	return e ? e->position : 0;
}

bool hf_error_is(const hf_error *e, unsigned any_of_traits)
{
	return e && (e->traits & any_of_traits) != 0;
}

const char *hf_status_name(hf_status st)
{
	static const char *const names[] = { "HF_OK", "HF_PENDING", "HF_E_MISUSE", "HF_E_NOMEM",
		"HF_E_CLOSED", "HF_E_BUSY", "HF_E_TIMEOUT", "HF_E_CANCELED", "HF_E_DEADLOCK",
		"HF_E_CONNECT", "HF_E_CONN_LOST", "HF_E_SQL", "HF_E_NO_ROWS", "HF_E_TYPE",
		"HF_E_NULL", "HF_E_TXN_ENDED", "HF_E_USER", "HF_E_FORKED", "HF_E_TOO_LARGE",
		"HF_E_PARK_LIMIT", "HF_E_MANY_ROWS", "HF_E_STALE" };

	return (size_t)st < hf_countof(names) ? names[st] : "HF_?";
}

hf_error *hf_error_make(hf_status st, const char *fmt, ...)
{
	va_list ap;
	hf_error *e;

	if (st == HF_OK || st == HF_PENDING)
		return hf__error_fmt(
			HF_E_MISUSE, 0, "hf_error_make: %s is no error", hf_status_name(st));
	va_start(ap, fmt);
	e = hf__error_vfmt(st, 0, fmt, ap);
	va_end(ap);
	return e;
}
