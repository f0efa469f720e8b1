/* SPDX-License-Identifier: MIT */
/* Transactions as their callers see them: beginning, commands, letting go. */
#include "txn/txn.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/mem.h"
#include "value/error.h"
#include "value/opts.h"

static hf_txn without_memory = { .is_static = true };

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
	hf_error_unref(t->first);
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
	if (t->worker && t->sleeping)
		hf__wake_signal(&t->worker->wake);
}

static void abandon(hf_txn *t)
{
	bool queued, open;
	char name[200];

	hf__lock(&t->lock);
	t->abandoned = true;
	open = !t->ended && !t->ending;
	queued = open && !t->worker && APR_RING_EMPTY(&t->commands, hf__job, link);
	hf__txn_wake_locked(t);
	hf__unlock(&t->lock);
	if (open)
		hf__logf(&t->pool->log, HF__LOG_WARN,
			"transaction %s was let go of: it is rolled back",
			hf__site_name(t->label, &t->site, name, sizeof name));
	if (queued)
		hf_future_cancel(t->serving);
}

hf_txn *hf_txn_unref(hf_txn *t)
{
	if (!t || t->is_static || t->forks != hf__fork_count())
		return NULL;
	if (hf__ref_put(&t->users) && t->serving)
		abandon(t);
	hf__txn_put(t);
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
	t->forks = hf__fork_count();
	t->timeout_ms = o->timeout_ms;
	t->idle_ms = o->idle_ms;
	t->max_ms = o->max_ms;
	if (site)
		t->site = *site;
	if (o->label)
		t->label = hf__strdup(o->label);
	return t;
}

static hf_error *start_serving(hf_txn *t, hf_pool *p, const hf_txn_opts *o)
{
	hf__job *j = hf__job_new(p, HF__JOB_SERVE, &t->site, o->label);

	if (!j)
		return hf__error_nomem();
	j->serve = hf__txn_serve;
	j->arg = t;
	j->isolation = o->isolation;
	j->read_only = o->read_only;
	j->deferrable = o->deferrable;
	j->outcome_wanted = o->outcome;
	j->acquire_ms = o->acquire_ms;
	t->pool = hf__pool_ref(p);
	hf__watch_init(&t->watch, hf__txn_served);
	t->serving = hf__job_submit(j);
	hf__txn_get(t);
	hf__future_watch(t->serving, &t->watch);
	return NULL;
}

/* The pool's clocks where it has none of its own. */
static hf_error *settle_opts(hf_txn_opts *o, const hf_pool *p)
{
	if ((unsigned)o->isolation > HF_ISO_SERIALIZABLE)
		return hf__error_fmt(HF_E_MISUSE, 0, "isolation %d is unknown", (int)o->isolation);
	if ((unsigned)o->outcome > HF_OUTCOME_RESOLVED)
		return hf__error_fmt(HF_E_MISUSE, 0, "outcome %d is unknown", (int)o->outcome);
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

hf_txn *hf_txn_begin_at(const hf_site *site, hf_pool *p, const hf_txn_opts *opts)
{
	hf_txn_opts o;
	hf_error *e = NULL;
	hf_txn *t;

	hf__opts_copy(&o, sizeof o, opts, "HF_TXN_OPTS", &e);
	if (!e)
		e = hf__pool_refusal(p);
	if (!e)
		e = settle_opts(&o, p);
	t = txn_new(site, &o);
	if (!t) {
		hf_error_unref(e);
		return &without_memory;
	}
	if (!e)
		e = start_serving(t, p, &o);
	if (e) {
		t->ended = true;
		t->state = HF_TXN_ROLLED_BACK;
		t->end = e;
	}
	return t;
}

/* --- commands --- */

static bool ends(const hf__job *j)
{
	return j->verb == HF__TXN_COMMIT || j->verb == HF__TXN_ROLLBACK || j->then != HF_THEN_GO_ON;
}

static hf_status cancel_command(hf_future *f)
{
	hf__job *j = (hf__job *)(void *)f;
	hf_txn *t = j->txn;
	hf_status st = HF_E_BUSY;

	hf__lock(&t->lock);
	if (j->state == HF__JOB_QUEUED) {
		APR_RING_REMOVE(j, link);
		j->state = HF__JOB_DONE;
		t->ending &= !ends(j);
		st = HF_OK;
	} else if (j->state == HF__JOB_RUNNING) {
		atomic_store(&j->cancel_asked, true);
		hf__wake_signal(&j->worker->wake);
		st = HF_PENDING;
	}
	hf__unlock(&t->lock);
	if (st == HF_OK)
		hf__txn_refuse(j, hf__error_fmt(HF_E_CANCELED, 0, "cancelled before it started"));
	return st;
}

/* Why a command is not taken at all, or NULL. */
static hf_error *refusal(hf_txn *t)
{
	hf_error *e = NULL;

	if (!t)
		return hf__error_fmt(HF_E_MISUSE, 0, "the transaction is NULL");
	if (t->is_static)
		return hf__error_nomem();
	if (t->forks != hf__fork_count())
		return hf__error_forked();
	hf__lock(&t->lock);
	if (t->ended && !t->serving)
		e = hf_error_ref(t->end);
	hf__unlock(&t->lock);
	return e;
}

static hf__job *command_new(
	hf_txn *t, hf__job_kind kind, int verb, const hf_site *site, const char *label)
{
	hf__job *j = hf__job_new(t->pool, kind, site, label);

	if (!j)
		return NULL;
	j->verb = verb;
	j->txn = hf__txn_get(t);
	j->timeout_ms = t->timeout_ms;
	j->future.cancel = cancel_command;
	return j;
}

/* A command that never was one: what comes after it must not be committed without it. */
static void lose_command(hf_txn *t, const hf_error *e)
{
	if (!t || t->is_static || t->forks != hf__fork_count())
		return;
	hf__lock(&t->lock);
	if (!t->lost)
		t->lost = hf_error_ref(e);
	if (!t->first)
		t->first = hf_error_ref(e);
	hf__unlock(&t->lock);
}

/* Queues it. One that is refused (`e`) is queued as well, to fail in its turn and poison what
 * follows. Fails it at once with what became of the transaction, if it has ended. */
static hf_future *submit(hf__job *j, hf_error *e)
{
	hf_future *f = &j->future;
	hf_txn *t = j->txn;
	hf_error *over = NULL;

	j->submitted_at = hf__now();
	j->refused = e ? hf__error_at(e, 0, j->sql, &j->site) : NULL;
	hf__lock(&t->lock);
	if (t->ended || (t->ending && j->verb == HF__TXN_HOOK)) {
		over = t->end ? hf_error_ref(t->end) : hf__txn_end_error(t, 0, "has ended", NULL);
		j->state = HF__JOB_DONE;
	} else {
		APR_RING_INSERT_TAIL(&t->commands, j, hf__job, link);
		t->ending |= ends(j);
		hf__txn_wake_locked(t);
	}
	hf__unlock(&t->lock);
	if (over)
		hf__txn_refuse(j, over);
	return f;
}

/* No command was made: the reason `e`, or no memory. Consumes `e`. */
static hf_future *refuse(
	hf_txn *t, hf_error *e, const hf_site *site, hf_free_fn *free_arg, void *arg)
{
	if (!e)
		e = hf__error_nomem();
	lose_command(t, e);
	return hf__job_refuse(NULL, e, site, free_arg, arg);
}

static hf_error *check_statement(const hf__job *j)
{
	if (j->sql_kind == HF__SQL_TXN)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"transaction control in the text of a transaction's statement: "
			"use hf_txn_commit, hf_txn_rollback, hf_txn_savepoint");
	if (j->sql_kind == HF__SQL_COPY)
		return hf__error_fmt(
			HF_E_MISUSE, 0, "COPY through the client is not possible in a query");
	return NULL;
}

static hf_error *check_query_opts(const hf_query_opts *o)
{
	if ((unsigned)o->then > HF_THEN_ROLLBACK)
		return hf__error_fmt(HF_E_MISUSE, 0, "then %d is unknown", (int)o->then);
	if (o->acquire_ms || o->urgent || o->isolation || o->read_only || o->outcome)
		return hf__error_fmt(HF_E_MISUSE, 0,
			".acquire_ms, .urgent, .isolation, .read_only and .outcome belong to the "
			"transaction, not to a statement of it");
	return NULL;
}

hf_future *hf_txn_query_with_at(const hf_site *site, hf_txn *t, const hf_query_opts *opts,
	const char *sql, const hf_value *args, size_t n)
{
	hf_query_opts o;
	hf_error *e = NULL;
	hf__job *j = NULL;

	hf__opts_copy(&o, sizeof o, opts, "HF_QUERY_OPTS", &e);
	if (!e)
		e = refusal(t);
	if (!e)
		j = command_new(t, HF__JOB_QUERY, HF__TXN_RUN, site, o.label ? o.label : t->label);
	if (!j)
		return refuse(t, e, site, o.free_arg, o.arg);
	j->arg = o.arg;
	j->free_arg = o.free_arg;
	j->on_row = o.on_row;
	j->then = o.then;
	if (o.timeout_ms)
		j->timeout_ms = o.timeout_ms;
	e = check_query_opts(&o);
	if (!e)
		e = hf__job_set_query(j, sql, args, n);
	return submit(j, e ? e : check_statement(j));
}

hf_future *hf_txn_query_at(
	const hf_site *site, hf_txn *t, const char *sql, const hf_value *args, size_t n)
{
	return hf_txn_query_with_at(site, t, NULL, sql, args, n);
}

hf_future *hf__txn_part(const hf_site *site, hf_txn *t, int verb, const hf_job *job)
{
	hf_job o;
	hf_error *e = NULL;
	hf__job *j = NULL;

	hf__opts_copy(&o, sizeof o, job, "HF_JOB", &e);
	if (!e)
		e = refusal(t);
	if (!e)
		j = command_new(t, HF__JOB_FN, verb, site, o.label ? o.label : t->label);
	if (!j)
		return refuse(t, e, site, o.free_arg, o.arg);
	if (o.timeout_ms == 0)
		o.timeout_ms = t->timeout_ms;
	e = hf__job_set_fn(j, &o);
	if (!e && (o.manual || o.isolation != HF_ISO_DEFAULT || o.read_only || o.outcome))
		e = hf__error_fmt(HF_E_MISUSE, 0,
			".manual, .isolation, .read_only and .outcome belong to the transaction, "
			"not to a part of it");
	return submit(j, e);
}

hf_future *hf_txn_run_at(const hf_site *site, hf_txn *t, const hf_job *job)
{
	return hf__txn_part(site, t, HF__TXN_RUN, job);
}

static hf_future *named(const hf_site *site, hf_txn *t, int verb, const char *name)
{
	hf_error *e = refusal(t);
	hf__job *j = e ? NULL : command_new(t, HF__JOB_QUERY, verb, site, t->label);

	if (!j)
		return refuse(t, e, site, NULL, NULL);
	j->sql = name ? hf__strdup(name) : NULL;
	return submit(j, j->sql || !name ? NULL : hf__error_nomem());
}

hf_future *hf_txn_savepoint_at(const hf_site *site, hf_txn *t, const char *name)
{
	return named(site, t, HF__TXN_SAVEPOINT, name);
}

hf_future *hf_txn_rollback_to_at(const hf_site *site, hf_txn *t, const char *name)
{
	return named(site, t, HF__TXN_ROLLBACK_TO, name);
}

hf_future *hf_txn_release_at(const hf_site *site, hf_txn *t, const char *name)
{
	return named(site, t, HF__TXN_RELEASE, name);
}

hf_future *hf_txn_commit_at(const hf_site *site, hf_txn *t)
{
	return named(site, t, HF__TXN_COMMIT, NULL);
}

hf_future *hf_txn_rollback_at(const hf_site *site, hf_txn *t)
{
	return named(site, t, HF__TXN_ROLLBACK, NULL);
}

hf_future *hf_txn_commit_chain_at(const hf_site *site, hf_txn *t)
{
	return named(site, t, HF__TXN_COMMIT_CHAIN, NULL);
}

hf_future *hf_txn_rollback_chain_at(const hf_site *site, hf_txn *t)
{
	return named(site, t, HF__TXN_ROLLBACK_CHAIN, NULL);
}

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

const hf_error *hf_txn_error(hf_txn *t)
{
	const hf_error *e;

	if (t && t->is_static)
		return hf__error_nomem();
	if (!t || t->forks != hf__fork_count())
		return NULL;
	hf__lock(&t->lock);
	e = t->first ? t->first : t->serving ? NULL : t->end;
	hf__unlock(&t->lock);
	return e;
}
