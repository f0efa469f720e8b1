/* SPDX-License-Identifier: MIT */
/* Global transactions as their callers see them: beginning, taking in, ending. */
#include "txn/global.h"

#include "base/fork.h"
#include "base/mem.h"
#include "value/blocking.h"
#include "value/error.h"
#include "value/opts.h"

#include <string.h>

#define LABEL_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

/* It becomes part of names at the servers. */
static void set_label(hf_global *g, const char *label)
{
	for (size_t i = 0; label[i] && i + 1 < sizeof g->label; i++)
		g->label[i] = strchr(LABEL_CHARS, label[i]) ? label[i] : '_';
}

hf_global *hf_global_new(const hf_global_opts *opts)
{
	hf_global_opts o;
	hf_error *e = NULL;
	hf_global *g;

	hf__opts_copy(&o, sizeof o, opts, "HF_GLOBAL_OPTS", &e);
	g = e ? NULL : hf__calloc(sizeof *g);
	hf_error_unref(e);
	if (!g)
		return NULL;
	hf__fork_watch();
	g->forks = hf__fork_count();
	g->two_phase = o.two_phase;
	set_label(g, o.label ? o.label : "");
	APR_RING_INIT(&g->branches, hf__branch, link);
	APR_RING_INIT(&g->members, hf__member, link);
	return g;
}

/* --- branches --- */

/* What is made wrong is told by the transaction. */
static bool only_reads(const hf_pool *p, const hf_txn_opts *opts)
{
	hf_error *e = NULL;
	hf_txn_opts o;

	hf__opts_copy(&o, sizeof o, opts, "HF_TXN_OPTS", &e);
	hf_error_unref(e);
	return o.read_only || p->opts.read_only;
}

/* Why it takes no branch of this pool. One that only reads is never prepared. */
static hf_error *branch_refusal(const hf_global *g, const hf_pool *p, const hf_txn_opts *opts)
{
	hf_error *e = hf__pool_refusal(p);

	if (e)
		return e;
	if (g->ended)
		return hf__error_fmt(HF_E_TXN_ENDED, 0, "the global transaction has ended");
	if (g->two_phase && !p->opts.two_phase && !only_reads(p, opts))
		return hf__error_fmt(HF_E_MISUSE, 0,
			"pool \"%s\" prepares no transactions: open it with .two_phase", p->name);
	return NULL;
}

hf_txn *hf__global_begin(
	const hf_site *site, hf_global *g, hf_pool *p, const hf_txn_opts *opts, const char *engine)
{
	hf__branch *b;

	if (!g)
		return hf__txn_none(HF_E_MISUSE);
	if (g->forks != hf__fork_count())
		return hf__txn_none(HF_E_FORKED);
	b = hf__calloc(sizeof *b);
	if (!b) {
		/* Its commands fail, and what they were to do would be missing. */
		if (!g->poison)
			g->poison = hf__error_nomem();
		return hf__txn_none(HF_E_NOMEM);
	}
	b->txn = hf__txn_begin(site, p, opts, true, branch_refusal(g, p, opts));
	if (!b->txn->is_static)
		b->txn->scoped = engine != NULL;
	b->engine = engine;
	b->number = ++g->n_branches;
	APR_RING_INSERT_TAIL(&g->branches, b, hf__branch, link);
	return b->txn;
}

hf_txn *hf_global_begin_at(const hf_site *site, hf_global *g, hf_pool *p, const hf_txn_opts *opts)
{
	return hf__global_begin(site, g, p, opts, NULL);
}

static void free_branches(hf_global *g)
{
	while (!APR_RING_EMPTY(&g->branches, hf__branch, link)) {
		hf__branch *b = APR_RING_FIRST(&g->branches);

		APR_RING_REMOVE(b, link);
		hf__txn_release(b->txn);
		hf_error_unref(b->why);
		hf__free(b);
	}
}

/* --- ends --- */

/* Why it cannot be ended here and now. */
static hf_error *end_refusal(const hf_global *g)
{
	if (!g)
		return hf__error_fmt(HF_E_MISUSE, 0, "the global transaction is NULL");
	if (g->forks != hf__fork_count())
		return hf__error_forked();
	if (g->ended)
		return hf__error_fmt(HF_E_TXN_ENDED, 0, "the global transaction has ended");
	if (hf__branches_stuck(g))
		return hf__error_fmt(HF_E_DEADLOCK, 0,
			"a thread of one of its pools cannot wait for a global transaction");
	return NULL;
}

/* Up to the decision, and if it is to commit, what follows from it. */
static hf_error *carry_out(hf_global *g)
{
	hf_error *e = g->poison ? hf_error_ref(g->poison) : hf__members_begin(g);

	if (!e)
		e = hf__members_vote(g);
	if (!e)
		e = hf__branches_settle(g);
	if (!e)
		e = g->two_phase ? hf__two_phases(g) : hf__one_phase(g);
	return e;
}

hf_status hf_global_commit(hf_global *g, hf_error **out_error)
{
	hf_error *e = end_refusal(g);
	hf_blocking was;

	if (!e && !hf__may_block("hf_global_commit"))
		e = hf__error_blocking("hf_global_commit");
	if (e)
		return hf__error_give(e, out_error);
	was = hf__blocking_lift();
	g->ended = true;
	e = carry_out(g);
	hf__branches_roll_back(g, true);
	e = hf__global_story(g, e);
	hf__members_end(g);
	hf_thread_blocking(was);
	return hf__error_give(e, out_error);
}

/* A thread that may not block leaves it to the servers. */
static void roll_back(hf_global *g, bool wait)
{
	bool forbidden = hf__blocking_forbidden();
	hf_blocking was = hf__blocking_lift();

	g->ended = true;
	hf__branches_roll_back(g, wait && !forbidden);
	hf__members_end(g);
	hf_thread_blocking(was);
}

hf_status hf_global_abort(hf_global *g)
{
	hf_error *e = end_refusal(g);

	if (e)
		return hf__error_give(e, NULL);
	roll_back(g, true);
	return HF_OK;
}

hf_global *hf_global_free(hf_global *g)
{
	if (!g || g->forks != hf__fork_count())
		return NULL;
	if (!g->ended)
		roll_back(g, !hf__branches_stuck(g));
	free_branches(g);
	hf_error_unref(g->poison);
	hf__free(g);
	return NULL;
}
