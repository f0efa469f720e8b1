/* SPDX-License-Identifier: MIT */
/* Scopes: their life, their sessions, their ends. */
#include "engine/scope.h"

#include "base/fork.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "txn/global.h"
#include "value/blocking.h"
#include "value/error.h"
#include "value/opts.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

hf_error *hf__scope_refusal(const hf_scope *s)
{
	if (!s)
		return hf__error_fmt(HF_E_MISUSE, 0, "the scope is NULL");
	if (!s->engines || s->forks != hf__fork_count())
		return hf__error_forked();
	if (s->ended)
		return hf__error_fmt(HF_E_TXN_ENDED, 0, "scope \"%s\" has ended", s->label);
	return NULL;
}

/* --- life --- */

static void free_names(char **names)
{
	for (size_t i = 0; names && names[i]; i++)
		hf__free(names[i]);
	hf__free(names);
}

/* NULL: no memory. */
static char **copy_names(const char *const *names)
{
	size_t n = 0;
	char **copy;

	while (names[n])
		n++;
	copy = hf__calloc((n + 1) * sizeof(char *));
	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = hf__strdup(names[i]);
		if (!copy[i]) {
			free_names(copy);
			return NULL;
		}
	}
	return copy;
}

static void scope_free(hf_scope *s)
{
	while (!APR_RING_EMPTY(&s->sessions, hf_session, link)) {
		hf_session *each = APR_RING_FIRST(&s->sessions);

		APR_RING_REMOVE(each, link);
		hf__session_forget(each);
		hf__free(each);
	}
	hf_engines_unref(s->engines);
	free_names(s->any);
	hf__free(s->txn_label);
	hf__free(s->label);
	hf__free(s);
}

/* False: no memory, or options that are not made as they should. */
static bool take_opts(hf_scope *s, const hf_scope_opts *opts)
{
	static const char *const preferences[] = { "reader", "writer", NULL };
	hf_error *e = NULL;
	hf_scope_opts o;

	hf__opts_copy(&o, sizeof o, opts, "HF_SCOPE_OPTS", &e);
	if (!e)
		hf__opts_copy(&s->txn, sizeof s->txn, o.txn, "HF_TXN_OPTS", &e);
	if (e) {
		hf_error_unref(e);
		return false;
	}
	s->user = o.user;
	s->two_phase = o.two_phase;
	s->label = hf__strdup(o.label ? o.label : "scope");
	s->txn_label = hf__strdup(s->txn.label ? s->txn.label : s->label);
	s->txn.label = s->txn_label;
	s->any = copy_names(o.any ? o.any : preferences);
	return s->label && s->txn_label && s->any;
}

hf_scope *hf_scope_new(hf_engines *e, const hf_scope_opts *opts)
{
	hf_scope *s = e ? hf__calloc(sizeof *s) : NULL;
	hf_error *why;

	if (!s)
		return NULL;
	why = hf__engines_refusal(e);
	hf__ref_init(&s->refs);
	s->forks = hf__fork_count();
	s->engines = why ? NULL : hf_engines_ref(e);
	hf_error_unref(why);
	APR_RING_INIT(&s->sessions, hf_session, link);
	s->spare = (hf_session){ .scope = s, .none = HF_E_NOMEM };
	if (take_opts(s, opts))
		return s;
	scope_free(s);
	return NULL;
}

hf_scope *hf__scope_of_the_parent(void)
{
	static char label[] = "scope";
	static hf_scope s = { .forks = UINT_MAX, .label = label };

	return &s;
}

hf_scope *hf_scope_ref(hf_scope *s)
{
	if (s && s->forks == hf__fork_count())
		hf__ref_get(&s->refs);
	return s;
}

hf_scope *hf_scope_unref(hf_scope *s)
{
	if (!s || s->forks != hf__fork_count() || !hf__ref_put(&s->refs))
		return NULL;
	hf_scope_end(s);
	scope_free(s);
	return NULL;
}

void *hf_scope_user(const hf_scope *s)
{
	return s ? s->user : NULL;
}

const char *hf_scope_label(const hf_scope *s)
{
	return s ? s->label : "";
}

/* --- sessions --- */

static hf_session *find(const hf_scope *s, const char *name)
{
	hf_session *each;

	APR_RING_FOREACH (each, &s->sessions, hf_session, link)
		if (strncmp(each->name, name, HF__NAME_MAX) == 0)
			return each;
	return NULL;
}

hf_session *hf_scope_session(hf_scope *s, const char *name)
{
	hf_session *each;

	if (!s)
		return hf__session_none(HF_E_MISUSE);
	if (s->forks != hf__fork_count())
		return hf__session_none(HF_E_FORKED);
	name = name ? name : "!default";
	each = find(s, name);
	if (each)
		return each;
	each = hf__calloc(sizeof *each);
	if (!each)
		return &s->spare;
	each->scope = s;
	snprintf(each->name, sizeof each->name, "%s", name);
	APR_RING_INSERT_TAIL(&s->sessions, each, hf_session, link);
	return each;
}

hf_session *hf_scope_any(hf_scope *s)
{
	if (!s || s->forks != hf__fork_count())
		return hf_scope_session(s, NULL);
	for (size_t i = 0; s->any[i]; i++)
		if (hf_scope_status(s, s->any[i]) == HF_SESSION_START)
			return find(s, s->any[i]);
	return hf_scope_session(s, s->any[0] ? s->any[0] : "!any");
}

hf_session_status hf_scope_status(hf_scope *s, const char *name)
{
	hf_session *each = NULL;

	if (s && s->forks == hf__fork_count())
		each = find(s, name ? name : "!default");
	return each ? each->status : HF_SESSION_INIT;
}

const char *hf_session_status_name(hf_session_status st)
{
	switch (st) {
	case HF_SESSION_INIT:
		return "INIT";
	case HF_SESSION_START:
		return "START";
	case HF_SESSION_END:
		return "END";
	}
	return "?";
}

/* --- ends --- */

void hf__scope_lose(hf_scope *s, hf_error *e)
{
	if (!s->ended && s->forks == hf__fork_count() && !s->lost)
		s->lost = hf_error_ref(e);
}

hf_error *hf__scope_failure(const hf_scope *s)
{
	if (!s->failed)
		return NULL;
	return hf__error_fmt(HF_E_TXN_ENDED, 0,
		"scope \"%s\": its commit has failed; call hf_scope_rollback to go on", s->label);
}

hf_global *hf__scope_global(hf_scope *s)
{
	if (s->global)
		return s->global;
	s->global = hf_global_new(HF_GLOBAL_OPTS(.label = s->label, .two_phase = s->two_phase));
	if (s->global)
		s->global->scope = s->label;
	return s->global;
}

/* With every transaction of the scope. */
static void drop_global(hf_scope *s)
{
	hf_session *each;

	APR_RING_FOREACH (each, &s->sessions, hf_session, link)
		each->txn = NULL;
	s->global = hf_global_free(s->global);
	s->lost = hf_error_unref(s->lost);
	s->failed = false;
}

static hf_error *settling_refusal(const hf_scope *s)
{
	hf_error *e = hf__scope_refusal(s);

	if (e || !s->settling)
		return e;
	return hf__error_fmt(HF_E_MISUSE, 0,
		"scope \"%s\" is being committed or rolled back: a participant cannot end it",
		s->label);
}

static hf_status abort_all(hf_scope *s)
{
	hf_status st;

	if (!s->global)
		return HF_OK;
	s->settling = true;
	st = hf_global_abort(s->global);
	s->settling = false;
	return st;
}

/* Why it cannot be committed, but for what is in it. */
static hf_error *commit_refusal(const hf_scope *s)
{
	hf_error *e = settling_refusal(s);

	if (!e)
		e = hf__scope_failure(s);
	if (!e && s->global && hf__blocking_forbidden())
		e = hf__error_blocking("hf_scope_commit");
	if (e || !s->global || !hf__branches_stuck(s->global))
		return e;
	return hf__error_fmt(
		HF_E_DEADLOCK, 0, "a thread of one of its pools cannot wait for a scope");
}

/* Without memory for it `e` stays as it is. */
static hf_error *add_advice(hf_error *e)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *fuller = NULL;

	hf__strbuf_printf(&b, "%s; call hf_scope_rollback to go on", hf_error_message(e));
	if (!b.failed)
		fuller = hf__error_reworded(e, hf__strbuf_text(&b));
	hf__strbuf_finish(&b);
	if (!fuller || hf_error_status(fuller) != hf_error_status(e)) {
		hf_error_unref(fuller);
		return e;
	}
	hf_error_unref(e);
	return fuller;
}

static hf_status commit(hf_scope *s, hf_error **e)
{
	hf_status st;

	if (s->lost) {
		abort_all(s);
		return hf__error_give(hf_error_ref(s->lost), e);
	}
	s->settling = true;
	st = hf_global_commit(s->global, e);
	s->settling = false;
	return st;
}

hf_status hf_scope_commit(hf_scope *s, hf_error **out_error)
{
	hf_error *e = commit_refusal(s);
	hf_status st;

	if (e || (!s->lost && !s->global))
		return hf__error_give(e, out_error);
	st = commit(s, &e);
	s->failed = st != HF_OK;
	if (st == HF_OK)
		drop_global(s);
	else
		e = add_advice(e);
	hf__error_give(e, out_error);
	return st;
}

hf_status hf_scope_rollback(hf_scope *s)
{
	hf_error *e = settling_refusal(s);
	hf_status st;

	if (e)
		return hf__error_give(e, NULL);
	st = abort_all(s);
	if (st == HF_E_DEADLOCK)
		return st;
	drop_global(s); /* also what a failed commit has left */
	return HF_OK;
}

hf_status hf_scope_join(hf_scope *s, const hf_participant *p)
{
	hf_error *e = hf__scope_refusal(s), *bad = NULL;
	hf_participant o;
	hf_global *g;

	if (!e)
		e = hf__scope_failure(s);
	g = e ? NULL : hf__scope_global(s);
	if (g)
		return hf_global_join(g, p);
	if (!e) {
		e = hf__error_nomem();
		hf__scope_lose(s, e);
	}
	hf__opts_copy(&o, sizeof o, p, "HF_PARTICIPANT", &bad);
	hf_error_unref(bad);
	if (o.free_arg)
		o.free_arg(o.arg);
	return hf__error_give(e, NULL);
}

hf_status hf_scope_end(hf_scope *s)
{
	hf_session *each;

	if (!s)
		return HF_E_MISUSE;
	if (s->forks != hf__fork_count())
		return HF_E_FORKED;
	if (s->ended)
		return HF_OK;
	if (s->settling)
		return HF_E_MISUSE;
	s->ended = true;
	drop_global(s);
	APR_RING_FOREACH (each, &s->sessions, hf_session, link) {
		if (each->status == HF_SESSION_START)
			each->status = HF_SESSION_END;
		hf__engine_put(each->engine);
		each->engine = NULL;
	}
	return HF_OK;
}
