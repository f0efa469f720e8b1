/* SPDX-License-Identifier: MIT */
/* Participants: what takes part in a global transaction without being a database. */
#include "txn/global.h"

#include "base/fork.h"
#include "base/mem.h"
#include "value/error.h"
#include "value/opts.h"

#include <string.h>

static void member_free(hf__member *m)
{
	if (m->p.free_arg)
		m->p.free_arg(m->p.arg);
	hf__free((char *)(uintptr_t)m->p.name);
	hf__free((char *)(uintptr_t)m->p.sort_key);
	hf__free(m);
}

/* A copy; NULL without memory. */
static hf__member *member_new(const hf_participant *p)
{
	const char *name = p->name ? p->name : "participant";
	hf__member *m = hf__calloc(sizeof *m);

	if (!m)
		return NULL;
	m->p = *p;
	m->p.free_arg = NULL;
	m->p.name = hf__strdup(name);
	m->p.sort_key = hf__strdup(p->sort_key ? p->sort_key : name);
	if (!m->p.name || !m->p.sort_key) {
		member_free(m);
		return NULL;
	}
	m->p.free_arg = p->free_arg;
	return m;
}

/* Behind those with the same key: they keep the order in which they joined. */
static void insert(hf_global *g, hf__member *m)
{
	hf__member *after;

	APR_RING_FOREACH (after, &g->members, hf__member, link)
		if (strcmp(after->p.sort_key, m->p.sort_key) > 0)
			break;
	APR_RING_INSERT_BEFORE(after, m, link);
}

static hf_status check(const hf_global *g, const hf_participant *p)
{
	if (!g || !p)
		return HF_E_MISUSE;
	if (g->forks != hf__fork_count())
		return HF_E_FORKED;
	return g->ended ? HF_E_TXN_ENDED : HF_OK;
}

hf_status hf_global_join(hf_global *g, const hf_participant *p)
{
	hf_participant o;
	hf_error *e = NULL;
	hf__member *m = NULL;
	hf_status st = check(g, p), copied = hf__opts_copy(&o, sizeof o, p, "HF_PARTICIPANT", &e);

	if (st == HF_OK)
		st = copied;
	if (st == HF_OK && !(m = member_new(&o)))
		st = HF_E_NOMEM;
	if (m) {
		insert(g, m);
		return HF_OK;
	}
	if (o.free_arg)
		o.free_arg(o.arg);
	/* What did not get in would be missing from the commit. */
	if ((st == HF_E_NOMEM || (st == HF_E_MISUSE && g)) && !g->poison)
		g->poison = e ? hf_error_ref(e)
			      : hf__error_fmt(st, 0, "a participant could not be taken in");
	hf_error_unref(e);
	return st;
}

static hf_error *refused(const hf__member *m, const char *when, hf_status st)
{
	/* An answer that says "unknown" of itself is a refusal like any other. */
	return hf__error_fmt(st == HF_PENDING || (unsigned)st > HF_E_PARK_LIMIT ? HF_E_USER : st, 0,
		"participant \"%s\" refused in %s (%s)", m->p.name, when, hf_status_name(st));
}

hf_error *hf__members_begin(hf_global *g)
{
	hf__member *m;

	APR_RING_FOREACH (m, &g->members, hf__member, link) {
		hf_status st = m->p.begin ? m->p.begin(m->p.arg) : HF_OK;

		if (st != HF_OK)
			return refused(m, "begin", st);
	}
	return NULL;
}

hf_error *hf__members_vote(hf_global *g)
{
	hf__member *m;

	APR_RING_FOREACH (m, &g->members, hf__member, link) {
		hf_status st = m->p.vote ? m->p.vote(m->p.arg) : HF_OK;

		if (st != HF_OK)
			return refused(m, "vote", st);
	}
	return NULL;
}

void hf__members_end(hf_global *g)
{
	hf__member *m;

	APR_RING_FOREACH (m, &g->members, hf__member, link) {
		void (*end)(void *) = g->decided ? m->p.finish : m->p.abort;

		if (end)
			end(m->p.arg);
	}
	while (!APR_RING_EMPTY(&g->members, hf__member, link)) {
		m = APR_RING_FIRST(&g->members);
		APR_RING_REMOVE(m, link);
		member_free(m);
	}
}
