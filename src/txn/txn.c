/* SPDX-License-Identifier: MIT */
/* Transactions as their callers see them: beginning, commands, letting go. */
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

static hf_error *none_error(const hf_txn *t)
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
	hf_error_unref(t->first);
	hf_error_unref(t->end);
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

/* Wakes whoever serves it, if it sleeps. */
static void wake_locked(hf_txn *t)
{
	if (t->worker && t->sleeping)
		hf__wake_signal(&t->worker->wake);
}

static void abandon(hf_txn *t)
{
	bool queued, open;

	hf__lock(&t->lock);
	t->abandoned = true;
	open = !t->ended && !t->ending;
	queued = open && !t->worker && APR_RING_EMPTY(&t->commands, hf__job, link);
	wake_locked(t);
	hf__unlock(&t->lock);
	if (open)
		hf__logf(&t->pool->log, HF__LOG_WARN,
			"transaction %s (%s:%d) was let go of: it is rolled back",
			t->label ? t->label : "without a label", t->site.file ? t->site.file : "?",
			t->site.line);
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
	if (o->acquire_ms != 0) {
		j->has_own_acquire = true;
		j->acquire_by = hf__deadline(o->acquire_ms);
	}
	t->pool = hf__pool_ref(p);
	hf__watch_init(&t->watch, hf__txn_served);
	t->serving = hf__job_submit(j);
	hf__txn_get(t);
	hf__future_watch(t->serving, &t->watch);
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
	if (!e && (unsigned)o.isolation > HF_ISO_SERIALIZABLE)
		e = hf__error_fmt(HF_E_MISUSE, 0, "isolation %d is unknown", (int)o.isolation);
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
		t->end = e;
	}
	return t;
}

hf_txn *hf_txn_begin_at(const hf_site *site, hf_pool *p, const hf_txn_opts *opts)
{
	return hf__txn_begin(site, p, opts, false, NULL);
}

/* --- commands --- */

static bool is_end(const hf__job *j)
{
	return j->verb >= HF__TXN_COMMIT;
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
		if (is_end(j))
			t->ending = false;
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
		return none_error(t);
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
	t->lost_command = true;
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
	if (t->ended) {
		over = t->end ? hf_error_ref(t->end) : hf__txn_end_error(t, 0, "has ended", NULL);
		j->state = HF__JOB_DONE;
	} else {
		APR_RING_INSERT_TAIL(&t->commands, j, hf__job, link);
		t->ending |= is_end(j);
		wake_locked(t);
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

hf_future *hf_txn_query_at(
	const hf_site *site, hf_txn *t, const char *sql, const hf_value *args, size_t n)
{
	hf_error *e = refusal(t);
	hf__job *j = e ? NULL : command_new(t, HF__JOB_QUERY, HF__TXN_RUN, site, t->label);

	if (!j)
		return refuse(t, e, site, NULL, NULL);
	e = hf__job_set_query(j, sql, args, n);
	return submit(j, e ? e : check_statement(j));
}

hf_future *hf_txn_run_at(const hf_site *site, hf_txn *t, const hf_job *job)
{
	hf_job o;
	hf_error *e = NULL;
	hf__job *j = NULL;

	hf__opts_copy(&o, sizeof o, job, "HF_JOB", &e);
	if (!e)
		e = refusal(t);
	if (!e)
		j = command_new(t, HF__JOB_FN, HF__TXN_RUN, site, o.label ? o.label : t->label);
	if (!j)
		return refuse(t, e, site, o.free_arg, o.arg);
	if (o.timeout_ms == 0)
		o.timeout_ms = t->timeout_ms;
	e = hf__job_set_fn(j, &o);
	if (!e && (o.manual || o.isolation != HF_ISO_DEFAULT || o.read_only))
		e = hf__error_fmt(HF_E_MISUSE, 0,
			".manual, .isolation and .read_only belong to the transaction, "
			"not to a part of it");
	return submit(j, e);
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

/* Why an end that a user asks for is not even tried: it leaves the transaction as it was, unlike
 * other refusals, since nothing of the work is missing. */
static hf_error *managed_refusal(const hf_txn *t, const char *what)
{
	if (!t || !t->managed || t->forks != hf__fork_count())
		return NULL;
	return hf__error_fmt(HF_E_MISUSE, 0,
		"%s on a branch of a global transaction: hf_global_commit ends it", what);
}

hf_future *hf_txn_commit_at(const hf_site *site, hf_txn *t)
{
	hf_error *e = managed_refusal(t, "hf_txn_commit");

	return e ? hf__job_refuse(NULL, e, site, NULL, NULL) : named(site, t, HF__TXN_COMMIT, NULL);
}

hf_future *hf_txn_rollback_at(const hf_site *site, hf_txn *t)
{
	return named(site, t, t && t->managed ? HF__TXN_ROLLBACK_CHAIN : HF__TXN_ROLLBACK, NULL);
}

/* --- ends of a branch, by its global transaction --- */

hf__job *hf__txn_make_end(hf_txn *t, int verb, const char *gid, hf_error **why)
{
	hf__job *j;

	*why = refusal(t);
	if (*why)
		return NULL;
	j = command_new(t, HF__JOB_QUERY, verb, &t->site, t->label);
	if (j && gid && !(j->sql = hf__strdup(gid))) {
		hf__txn_drop_end(j);
		j = NULL;
	}
	if (!j)
		*why = hf__error_nomem();
	return j;
}

hf_future *hf__txn_submit_end(hf__job *j)
{
	return submit(j, NULL);
}

void hf__txn_drop_end(hf__job *j)
{
	hf_future *f = &j->future;

	j->state = HF__JOB_DONE;
	hf__txn_refuse(j, hf__error_nomem());
	hf_future_unref(f);
}

const hf_error *hf_txn_error(hf_txn *t)
{
	const hf_error *e;

	if (t && t->is_static)
		return t->is_no_txn == HF_E_MISUSE ? NULL : none_error(t);
	if (!t || t->forks != hf__fork_count())
		return NULL;
	hf__lock(&t->lock);
	e = t->first ? t->first : t->serving ? NULL : t->end;
	hf__unlock(&t->lock);
	return e;
}
