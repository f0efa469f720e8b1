/* SPDX-License-Identifier: MIT */
/* Transactions as their callers see them: beginning, looking, letting go. */
#include "txn/txn.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/mem.h"
#include "value/error.h"
#include "value/opts.h"

static hf_txn without_memory = { .is_static = true, .is_no_txn = HF_E_NOMEM };
static hf_txn without_global = { .is_static = true, .is_no_txn = HF_E_MISUSE };
static hf_txn of_the_parent = { .is_static = true, .is_no_txn = HF_E_FORKED };

hf_txn *hf__txn_none(hf_status why)
{
	return why == HF_E_MISUSE   ? &without_global
	       : why == HF_E_FORKED ? &of_the_parent
				    : &without_memory;
}

hf_error *hf__txn_none_error(const hf_txn *t)
{
	if (t->is_no_txn == HF_E_MISUSE)
		return hf__error_fmt(HF_E_MISUSE, 0, "the global transaction is NULL");
	return t->is_no_txn == HF_E_FORKED ? hf__error_forked() : hf__error_nomem();
}

/* --- memory --- */

hf_txn *hf__txn_get(hf_txn *t)
{
	hf__ref_get(&t->refs);
	return t;
}

void hf__txn_put(hf_txn *t)
{
	if (!hf__ref_put(&t->refs))
		return;
	hf_future_unref(t->serving);
	hf_error_unref(t->failure);
	hf_error_unref(t->shown);
	hf_error_unref(t->lost);
	hf_error_unref(t->end);
	hf_error_unref(t->taken);
	hf__mutex_finish(&t->lock);
	if (t->pool)
		hf__pool_put(t->pool);
	hf__free(t->label);
	hf__free(t);
}

hf_txn *hf_txn_ref(hf_txn *t)
{
	if (t && !t->is_static && t->forks == hf__fork_count()) {
		hf__ref_get(&t->users);
		hf__txn_get(t);
	}
	return t;
}

void hf__txn_wake_locked(hf_txn *t)
{
	if (t->lent)
		hf__txn_summon_locked(t);
	else if (t->worker && t->sleeping)
		hf__wake_signal(&t->worker->wake);
}

static void abandon(hf_txn *t)
{
	bool queued, open, failed;
	char name[200];

	hf__lock(&t->lock);
	t->abandoned = true;
	open = !t->ended && !t->ending;
	failed = t->state == HF_TXN_FAILED;
	queued = open && !t->worker && APR_RING_EMPTY(&t->commands, hf__job, link);
	hf__txn_wake_locked(t);
	hf__unlock(&t->lock);
	if (open)
		hf__logf(&t->pool->log, failed ? HF__LOG_INFO : HF__LOG_WARN,
			"transaction %s was let go of: it is rolled back",
			hf__site_name(t->label, &t->site, name, sizeof name));
	if (queued)
		hf_future_cancel(t->serving);
}

void hf__txn_give_up(hf_txn *t)
{
	if (t->is_static)
		return;
	hf__lock(&t->lock);
	t->deciding = false;
	t->abandoned = true;
	hf__txn_wake_locked(t);
	hf__unlock(&t->lock);
}

void hf__txn_release(hf_txn *t)
{
	if (t->is_static)
		return;
	if (hf__ref_put(&t->users) && t->serving)
		abandon(t);
	hf__txn_put(t);
}

hf_txn *hf_txn_unref(hf_txn *t)
{
	char name[200];

	if (!t || t->is_static || t->forks != hf__fork_count())
		return NULL;
	if (t->managed && atomic_load(&t->users.n) == 1 && t->pool)
		hf__logf(&t->pool->log, HF__LOG_WARN,
			"hf_txn_unref of transaction %s, which its global transaction only lent",
			hf__site_name(t->label, &t->site, name, sizeof name));
	else
		hf__txn_release(t);
	return NULL;
}

/* --- beginning --- */

static hf_txn *txn_new(const hf_site *site, const hf_txn_opts *o)
{
	hf_txn *t = hf__calloc(sizeof *t);

	if (!t)
		return NULL;
	hf__ref_init(&t->refs);
	hf__ref_init(&t->users);
	hf__mutex_init(&t->lock, HF__L_TXN);
	APR_RING_INIT(&t->commands, hf__job, link);
	APR_RING_INIT(&t->along, hf__job, link);
	t->forks = hf__fork_count();
	t->timeout_ms = o->timeout_ms;
	t->idle_ms = o->idle_ms;
	t->max_ms = o->max_ms;
	if (site)
		t->site = *site;
	if (o->label)
		t->label = hf__label_dup(o->label);
	return t;
}

/* A branch of a global transaction is never waited for command by command. */
static hf__worker *submit_serving(hf_txn *t, hf__job *j)
{
	t->serving = &j->future;
	if (!t->managed)
		return hf__job_submit_lent(j);
	hf__job_submit(j);
	return NULL;
}

static hf_error *start_serving(hf_txn *t, hf_pool *p, const hf_txn_opts *o)
{
	hf__job *j = hf__job_new(p, HF__JOB_SERVE, &t->site, o->label);
	hf__worker *w;

	if (!j)
		return hf__error_nomem();
	j->more->serve = hf__txn_serve;
	j->more->lent_ops = &hf__txn_lent_ops;
	j->more->arg = t;
	j->more->isolation = o->isolation;
	j->read_only = o->read_only;
	j->more->deferrable = o->deferrable;
	j->more->outcome_wanted = o->outcome;
	j->more->acquire_ms = o->acquire_ms;
	t->pool = hf__pool_ref(p);
	hf__watch_init(&t->watch, hf__txn_served);
	w = submit_serving(t, j);
	hf__txn_get(t);
	hf__future_watch(t->serving, &t->watch);
	if (w)
		hf__txn_lend(t, w);
	return NULL;
}

/* The pool's clocks where it has none of its own. */
static hf_error *settle_opts(hf_txn_opts *o, const hf_pool *p)
{
	if ((unsigned)o->isolation > HF_ISO_SERIALIZABLE)
		return hf__error_fmt(HF_E_MISUSE, 0, "isolation %d is unknown", (int)o->isolation);
	if ((unsigned)o->outcome > HF_OUTCOME_RESOLVED)
		return hf__error_fmt(HF_E_MISUSE, 0, "outcome %d is unknown", (int)o->outcome);
	if (o->idle_ms < HF_FOREVER || o->max_ms < HF_FOREVER || o->acquire_ms < HF_FOREVER ||
		o->timeout_ms < HF_FOREVER)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"idle_ms %d, max_ms %d, acquire_ms %d, timeout_ms %d: milliseconds, or "
			"HF_FOREVER",
			o->idle_ms, o->max_ms, o->acquire_ms, o->timeout_ms);
	if (o->idle_ms == 0)
		o->idle_ms = p->opts.txn_idle_ms;
	if (o->max_ms == 0)
		o->max_ms = p->opts.txn_max_ms;
	if (p->opts.lease_ms > 0 && (o->idle_ms < 0 || o->idle_ms > p->opts.lease_ms))
		return hf__error_fmt(HF_E_MISUSE, 0,
			"idle_ms (%d) is above the lease_ms (%d) of pool \"%s\"", o->idle_ms,
			p->opts.lease_ms, p->name);
	return NULL;
}

hf_txn *hf__txn_begin(
	const hf_site *site, hf_pool *p, const hf_txn_opts *opts, bool managed, hf_error *e)
{
	hf_error *wrong = NULL;
	hf_txn_opts o;
	hf_txn *t;

	hf__opts_copy(&o, sizeof o, opts, "HF_TXN_OPTS", &wrong);
	if (e)
		hf_error_unref(wrong);
	else
		e = wrong;
	if (!e)
		e = hf__pool_refusal(p);
	if (!e)
		e = settle_opts(&o, p);
	t = txn_new(site, &o);
	if (!t) {
		hf_error_unref(e);
		return &without_memory;
	}
	t->managed = managed;
	if (!e)
		e = start_serving(t, p, &o);
	if (e) {
		t->ended = true;
		t->state = HF_TXN_ROLLED_BACK;
		t->end = e;
	}
	return t;
}

hf_txn *hf_txn_begin_at(const hf_site *site, hf_pool *p, const hf_txn_opts *opts)
{
	return hf__txn_begin(site, p, opts, false, NULL);
}

/* --- looking at it --- */

hf_txn_state hf_txn_get_state(hf_txn *t)
{
	hf_txn_state s;

	if (!t || t->is_static || t->forks != hf__fork_count())
		return HF_TXN_ROLLED_BACK;
	hf__lock(&t->lock);
	s = t->state;
	hf__unlock(&t->lock);
	return s;
}

/* What is wrong with it now. */
static const hf_error *trouble_locked(const hf_txn *t)
{
	if (t->state == HF_TXN_OPEN || t->state == HF_TXN_FAILED)
		return t->failure ? t->failure : t->lost;
	return t->as_asked ? NULL : t->end;
}

const hf_error *hf_txn_error(hf_txn *t)
{
	const hf_error *e;

	if (t && t->is_static)
		return t->is_no_txn == HF_E_MISUSE ? NULL : hf__txn_none_error(t);
	if (!t || t->forks != hf__fork_count())
		return NULL;
	hf__lock(&t->lock);
	e = trouble_locked(t);
	if (e != t->shown) {
		hf_error_unref(t->shown);
		t->shown = e ? hf_error_ref(e) : NULL;
	}
	e = t->shown;
	hf__unlock(&t->lock);
	return e;
}
