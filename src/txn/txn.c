/* SPDX-License-Identifier: MIT */
/* A transaction as an object.
 *
 * It is served by a job of its own (HF__JOB_SERVE), which keeps a worker from its first command to
 * its end and runs the commands in the order they came. A command is a job too, with a future of
 * its own, but it waits in the transaction's queue and not in the pool's.
 *
 * Lock rule. t->lock (HF__L_TXN, below the pool's) guards what stands below a comment that says so,
 * and the state of every command. It is not held while a command runs or completes.
 *
 * Note "the last command". The future of the command that ends the transaction is completed after
 * the worker is free again, by the watch on the serving job: whoever sees a COMMIT's result finds
 * the connection free. The same watch answers every command that never ran, for whatever reason. */
#include "pool/pool.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/mem.h"
#include "value/error.h"
#include "value/opts.h"

#include <holdfast/txn.h>

#include <stdio.h>
#include <string.h>

enum { RUN, SAVEPOINT, ROLLBACK_TO, COMMIT, ROLLBACK };

struct hf_txn {
	hf__ref refs, users;
	bool is_static;
	hf_pool *pool; /* a reference; NULL: it was refused */
	unsigned forks;
	int timeout_ms;
	hf_site site;
	char *label;
	hf_future *serving; /* a reference */
	hf__watch watch;
	hf__mutex lock;
	/* guarded by lock */
	APR_RING_HEAD(txn_ring, hf__job) commands;
	hf__worker *worker;                      /* while it is served */
	bool ended, ending, abandoned, sleeping; /* ending: its COMMIT or ROLLBACK is queued */
	hf__job *last;                           /* the command that ended it, with its outcome */
	hf_error *first;                         /* the first error */
	hf_error *end;                           /* what later commands are told */
};

static hf_txn without_memory = { .is_static = true };

/* --- memory --------------------------------------------------------------------------------------
 */

static hf_txn *txn_get(hf_txn *t)
{
	hf__ref_get(&t->refs);
	return t;
}

static void txn_put(hf_txn *t)
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
		txn_get(t);
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
	txn_put(t);
	return NULL;
}

/* --- ends ----------------------------------------------------------------------------------------
 */

static hf_error *end_error(const hf_txn *t, unsigned traits, const char *what, const hf_error *why)
{
	return hf__error_fmt(HF_E_TXN_ENDED, traits, "transaction%s%s%s %s%s%s",
		t->label ? " \"" : "", t->label ? t->label : "", t->label ? "\"" : "", what,
		why ? ": " : "", why ? hf_error_message(why) : "");
}

static void set_end(hf_txn *t, hf_error *e)
{
	hf__lock(&t->lock);
	if (t->end)
		hf_error_unref(e);
	else
		t->end = e;
	hf__unlock(&t->lock);
}

static hf__job *take_command_locked(hf_txn *t)
{
	hf__job *j;

	if (APR_RING_EMPTY(&t->commands, hf__job, link))
		return NULL;
	j = APR_RING_FIRST(&t->commands);
	APR_RING_REMOVE(j, link);
	return j;
}

/* Completes a command and lets go of its transaction. */
static void answer(hf__job *j, hf__outcome outcome)
{
	hf_txn *t = j->txn;

	hf__job_complete(j, outcome);
	txn_put(t);
}

static void refuse_command(hf__job *j, hf_error *e)
{
	e = hf__error_at(e, 0, j->sql, &j->site);
	answer(j, (hf__outcome){ .status = hf_error_status(e), .error = e });
}

/* The serving job is over, or never was: its worker is free. */
static void served(hf__watch *w, hf_future *f)
{
	hf_txn *t = hf_container_of(w, hf_txn, watch);
	const hf_error *why = hf_future_error(f);
	hf__job *last, *j;

	hf__lock(&t->lock);
	t->ended = true;
	t->worker = NULL;
	if (!t->end)
		t->end = why ? hf_error_ref(why) : end_error(t, 0, "was rolled back", NULL);
	last = t->last;
	t->last = NULL;
	hf__unlock(&t->lock);
	if (last)
		answer(last, last->outcome);
	for (;;) {
		hf__lock(&t->lock);
		j = take_command_locked(t);
		if (j)
			j->state = HF__JOB_DONE;
		hf__unlock(&t->lock);
		if (!j)
			break;
		refuse_command(j, hf_error_ref(t->end));
	}
	txn_put(t);
}

/* --- serving -------------------------------------------------------------------------------------
 */

static hf__outcome outcome_of(hf_error *e)
{
	return (hf__outcome){ .status = hf_error_status(e), .error = e };
}

static hf__outcome commit(hf_conn *c, hf_txn *t)
{
	hf_error *e, *undo;

	if (c->poison) {
		e = end_error(t, HF_RETRYABLE, "was rolled back instead of committed", c->poison);
		undo = hf__conn_rollback(c);
		hf_error_unref(undo);
		set_end(t, hf_error_ref(e));
		return outcome_of(e);
	}
	e = hf__conn_commit(c);
	if (!e)
		set_end(t, end_error(t, 0, "was committed", NULL));
	else if (hf_error_is(e, HF_MAYBE_COMMITTED))
		set_end(t, end_error(t, HF_MAYBE_COMMITTED, "ended with an unknown outcome", e));
	else
		set_end(t, end_error(t, HF_RETRYABLE, "was rolled back", e));
	return outcome_of(e);
}

static hf__outcome rollback(hf_conn *c, hf_txn *t)
{
	hf_error *e = hf__conn_rollback(c);

	/* Where the connection is lost the server rolls back by itself: that is what was asked for.
	 */
	hf_error_unref(e);
	set_end(t, end_error(t, 0, "was rolled back", NULL));
	return outcome_of(NULL);
}

static hf__outcome savepoint(hf_conn *c, const hf__job *j)
{
	hf_status st = j->verb == SAVEPOINT ? hf_conn_savepoint(c, j->sql)
					    : hf_conn_rollback_to(c, j->sql);

	return outcome_of(st == HF_OK ? NULL : hf_error_ref(c->error));
}

static hf__outcome run_command(hf_conn *c, hf_txn *t, hf__job *j)
{
	switch (j->verb) {
	case SAVEPOINT:
	case ROLLBACK_TO:
		return savepoint(c, j);
	case COMMIT:
		return commit(c, t);
	case ROLLBACK:
		return rollback(c, t);
	default:
		return hf__conn_run_job(c, j);
	}
}

/* The first failure is kept, and poisons what follows, also where it was the function that failed.
 */
static void note_failure(hf_conn *c, hf_txn *t, const hf__job *j)
{
	if (j->outcome.status == HF_OK || j->verb == COMMIT || j->verb == ROLLBACK)
		return;
	if (!c->poison && j->verb == RUN)
		c->poison = hf_error_ref(j->outcome.error);
	hf__lock(&t->lock);
	if (!t->first)
		t->first = hf_error_ref(j->outcome.error);
	hf__unlock(&t->lock);
}

/* Runs one command. True: the transaction goes on. */
static bool serve_one(hf_conn *c, hf_txn *t, hf__job *serving, hf__job *j)
{
	bool over;

	j->started_at = hf__now();
	j->run_until = j->timeout_ms > 0 ? hf__after(j->started_at, j->timeout_ms) : HF__NEVER;
	c->job = j;
	c->run_until = j->run_until;
	j->outcome = run_command(c, t, j);
	note_failure(c, t, j);
	c->job = serving;
	c->run_until = HF__NEVER;
	over = j->verb == COMMIT || j->verb == ROLLBACK;
	if (!over && hf__link_session(c->link) == HF__SESSION_LOST) {
		set_end(t, end_error(t, HF_CONNECTION | HF_RETRYABLE,
				   "was rolled back, its connection was lost", j->outcome.error));
		over = true;
	}
	hf__lock(&t->lock);
	j->state = HF__JOB_DONE;
	j->worker = NULL;
	if (over) {
		t->last = j;
		t->ended = true;
	}
	hf__unlock(&t->lock);
	if (!over)
		answer(j, j->outcome);
	return !over;
}

/* The next command; NULL: the transaction is to end (*why says how, or it was let go of). */
static hf__job *await_command(hf_conn *c, hf_txn *t)
{
	hf__job *j = NULL;
	bool gone = false;

	while (!j && !gone) {
		if (hf__worker_ask(c->worker) != HF__ASK_NONE) {
			set_end(t,
				hf__error_fmt(HF_E_CLOSED, HF_RETRYABLE,
					"pool \"%s\" was closed: the transaction was rolled back",
					t->pool->name));
			return NULL;
		}
		hf__lock(&t->lock);
		j = take_command_locked(t);
		if (j) {
			j->state = HF__JOB_RUNNING;
			j->worker = c->worker;
		}
		gone = !j && t->abandoned;
		t->sleeping = !j && !gone;
		hf__unlock(&t->lock);
		if (j || gone)
			break;
		if (!hf__link_rest(c->link, HF__NEVER)) {
			set_end(t,
				end_error(t, HF_CONNECTION | HF_RETRYABLE,
					"was rolled back, the server closed its connection", NULL));
			return NULL;
		}
		hf__lock(&t->lock);
		t->sleeping = false;
		hf__unlock(&t->lock);
	}
	return j;
}

static void serve(hf_conn *c, hf__job *serving)
{
	hf_txn *t = serving->arg;
	hf_error *undo;
	hf__job *j;

	hf__lock(&t->lock);
	t->worker = c->worker;
	hf__unlock(&t->lock);
	while ((j = await_command(c, t)) != NULL && serve_one(c, t, serving, j))
		;
	undo = hf__conn_rollback(c);
	hf_error_unref(undo);
	hf__lock(&t->lock);
	t->ended = true;
	t->worker = NULL;
	hf__unlock(&t->lock);
}

/* --- beginning -----------------------------------------------------------------------------------
 */

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
	j->serve = serve;
	j->arg = t;
	j->isolation = o->isolation;
	j->read_only = o->read_only;
	if (o->acquire_ms != 0) {
		j->has_own_acquire = true;
		j->acquire_by = hf__deadline(o->acquire_ms);
	}
	t->pool = hf__pool_ref(p);
	hf__watch_init(&t->watch, served);
	t->serving = hf__job_submit(j);
	txn_get(t);
	hf__future_watch(t->serving, &t->watch);
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
	if (!e && (unsigned)o.isolation > HF_ISO_SERIALIZABLE)
		e = hf__error_fmt(HF_E_MISUSE, 0, "isolation %d is unknown", (int)o.isolation);
	t = txn_new(site, &o);
	if (!t) {
		hf_error_unref(e);
		return &without_memory;
	}
	if (!e)
		e = start_serving(t, p, &o);
	if (e) {
		t->ended = true;
		t->end = e;
	}
	return t;
}

/* --- commands ------------------------------------------------------------------------------------
 */

static hf_status cancel_command(hf_future *f)
{
	hf__job *j = (hf__job *)(void *)f;
	hf_txn *t = j->txn;
	hf_status st = HF_E_BUSY;

	hf__lock(&t->lock);
	if (j->state == HF__JOB_QUEUED) {
		APR_RING_REMOVE(j, link);
		j->state = HF__JOB_DONE;
		if (j->verb == COMMIT || j->verb == ROLLBACK)
			t->ending = false;
		st = HF_OK;
	} else if (j->state == HF__JOB_RUNNING) {
		atomic_store(&j->cancel_asked, true);
		hf__wake_signal(&j->worker->wake);
		st = HF_PENDING;
	}
	hf__unlock(&t->lock);
	if (st == HF_OK)
		refuse_command(j, hf__error_fmt(HF_E_CANCELED, 0, "cancelled before it started"));
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
	j->txn = txn_get(t);
	j->timeout_ms = t->timeout_ms;
	j->future.cancel = cancel_command;
	return j;
}

/* Queues it, or fails it with `e` or with what became of the transaction. */
static hf_future *submit(hf__job *j, hf_error *e)
{
	hf_future *f = &j->future;
	hf_txn *t = j->txn;

	j->submitted_at = hf__now();
	hf__lock(&t->lock);
	if (!e && t->ended)
		e = t->end ? hf_error_ref(t->end) : end_error(t, 0, "has ended", NULL);
	if (e) {
		j->state = HF__JOB_DONE;
	} else {
		APR_RING_INSERT_TAIL(&t->commands, j, hf__job, link);
		t->ending |= j->verb == COMMIT || j->verb == ROLLBACK;
		wake_locked(t);
	}
	hf__unlock(&t->lock);
	if (e)
		refuse_command(j, e);
	return f;
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
	hf__job *j = e ? NULL : command_new(t, HF__JOB_QUERY, RUN, site, t->label);

	if (!j)
		return hf__job_refuse(NULL, e ? e : hf__error_nomem(), site, NULL, NULL);
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
		j = command_new(t, HF__JOB_FN, RUN, site, o.label ? o.label : t->label);
	if (!j)
		return hf__job_refuse(NULL, e ? e : hf__error_nomem(), site, o.free_arg, o.arg);
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
		return hf__job_refuse(NULL, e ? e : hf__error_nomem(), site, NULL, NULL);
	j->sql = hf__strdup(name ? name : "");
	return submit(j, j->sql ? NULL : hf__error_nomem());
}

hf_future *hf_txn_savepoint_at(const hf_site *site, hf_txn *t, const char *name)
{
	return named(site, t, SAVEPOINT, name);
}

hf_future *hf_txn_rollback_to_at(const hf_site *site, hf_txn *t, const char *name)
{
	return named(site, t, ROLLBACK_TO, name);
}

hf_future *hf_txn_commit_at(const hf_site *site, hf_txn *t)
{
	return named(site, t, COMMIT, "COMMIT");
}

hf_future *hf_txn_rollback_at(const hf_site *site, hf_txn *t)
{
	return named(site, t, ROLLBACK, "ROLLBACK");
}

const hf_error *hf_txn_error(hf_txn *t)
{
	const hf_error *e;

	if (!t || t->forks != hf__fork_count())
		return NULL;
	if (t->is_static)
		return hf__error_nomem();
	hf__lock(&t->lock);
	e = t->first ? t->first : t->serving ? NULL : t->end;
	hf__unlock(&t->lock);
	return e;
}
