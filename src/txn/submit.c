/* SPDX-License-Identifier: MIT */
/* The commands of a transaction, as their callers submit them. */
#include "txn/txn.h"

#include "base/clock.h"
#include "base/fork.h"
#include "value/error.h"
#include "value/opts.h"

static bool ends(const hf__job *j)
{
	return j->more->verb >= HF__TXN_COMMIT || j->more->then != HF_THEN_GO_ON;
}

void hf__txn_end_off_locked(hf_txn *t, const hf__job *j)
{
	const hf__job *k;

	if (!ends(j))
		return;
	t->ending = false;
	APR_RING_FOREACH (k, &t->commands, hf__job, link)
		t->ending |= ends(k);
}

static hf_status cancel_command(hf_future *f)
{
	hf__job *j = (hf__job *)(void *)f;
	hf_txn *t = j->more->txn;
	hf_status st = HF_E_BUSY;

	hf__lock(&t->lock);
	if (j->state == HF__JOB_QUEUED) {
		APR_RING_REMOVE(j, link);
		j->state = HF__JOB_DONE;
		hf__txn_end_off_locked(t, j);
		st = HF_OK;
	} else if (j->state == HF__JOB_RUNNING) {
		atomic_store(&j->cancel_asked, true);
		if (j->more->along)
			atomic_store(&t->running->cancel_asked, true);
		hf__wake_signal(&j->worker->wake);
		hf__txn_summon_locked(t);
		st = HF_PENDING;
	}
	hf__unlock(&t->lock);
	if (st == HF_OK)
		hf__txn_refuse(j,
			hf__error_fmt(HF_E_CANCELED, HF_RETRYABLE, "cancelled before it started"));
	return st;
}

/* It keeps its transaction until here, since a thread that would help may look for it as long. */
static void destroy_command(hf_future *f)
{
	hf_txn *t = ((hf__job *)(void *)f)->more->txn;

	hf__job_destroy(f);
	hf__txn_put(t);
}

static const hf__future_ops command_ops = { .cancel = cancel_command,
	.destroy = destroy_command,
	.stuck = hf__job_stuck,
	.help = hf__txn_help,
	.attend = hf__txn_attend,
	.watch = hf__txn_watch,
	.advance = hf__txn_advance,
	.unwatch = hf__txn_unwatch };

/* Why a command is not taken at all, or NULL. */
static hf_error *refusal(hf_txn *t)
{
	hf_error *e = NULL;

	if (!t)
		return hf__error_fmt(HF_E_MISUSE, 0, "the transaction is NULL");
	if (t->is_static)
		return hf__txn_none_error(t);
	if (t->forks != hf__fork_count())
		return hf__error_forked();
	hf__lock(&t->lock);
	if (t->ended && !t->serving)
		e = hf_error_ref(t->end);
	else
		e = hf__job_kept_inside(t->pool, t->worker);
	hf__unlock(&t->lock);
	return e;
}

static hf__job *command_new(
	hf_txn *t, hf__job_kind kind, int verb, const hf_site *site, const char *label)
{
	hf__job *j = hf__job_new(t->pool, kind, site, label);

	if (!j)
		return NULL;
	j->more->verb = verb;
	j->more->txn = hf__txn_get(t);
	j->timeout_ms = t->timeout_ms;
	j->future.ops = &command_ops;
	return j;
}

/* A command that never was one: what comes after it must not be committed without it. */
static void lose_command(hf_txn *t, const hf_error *e)
{
	if (!t || t->is_static || t->forks != hf__fork_count())
		return;
	hf__lock(&t->lock);
	if (!t->lost) {
		t->lost = hf_error_ref(e);
		t->lost_after = t->n_commands;
	}
	t->lost_again = t->n_commands;
	hf__unlock(&t->lock);
}

/* A rollback where nothing was asked for and no connection has come: it waits for none. Whoever
 * ends the serving job answers it, as any other that ends its transaction. */
static bool needs_no_worker_locked(hf_txn *t, hf__job *j)
{
	if (j->more->verb != HF__TXN_ROLLBACK || j->more->refused || t->worker ||
		!APR_RING_EMPTY(&t->commands, hf__job, link))
		return false;
	j->state = HF__JOB_DONE;
	j->outcome = (hf__outcome){ .status = HF_OK };
	t->last = j;
	t->ended = t->as_asked = true;
	t->state = HF_TXN_ROLLED_BACK;
	t->end = hf__txn_end_error(t, 0, "was rolled back", NULL);
	return true;
}

/* Queues it. One that is refused (`e`) is queued as well, to fail in its turn and poison what
 * follows. Fails it at once with what became of the transaction, if it has ended. */
static hf_future *submit(hf__job *j, hf_error *e)
{
	hf_future *f = &j->future;
	hf_txn *t = j->more->txn;
	hf_error *over = NULL;
	bool send = false, through = false;

	j->submitted_at = hf__now();
	j->more->refused =
		e ? hf__error_at(e, 0, j->more->verb == HF__TXN_RUN ? j->sql : NULL, &j->site)
		  : NULL;
	hf__lock(&t->lock);
	if (t->ended || (t->ending && j->more->verb == HF__TXN_HOOK) ||
		(t->deciding && j->more->verb < HF__TXN_COMMIT)) {
		over = t->end ? hf_error_ref(t->end)
			      : hf__txn_end_error(t, 0,
					!t->deciding ? "has ended"
					: t->scoped  ? "is being ended by its scope"
						     : "is being ended by its global transaction",
					NULL);
		j->state = HF__JOB_DONE;
	} else if (!(through = needs_no_worker_locked(t, j))) {
		t->deciding |= j->more->verb == HF__TXN_SETTLE;
		APR_RING_INSERT_TAIL(&t->commands, j, hf__job, link);
		j->more->number = ++t->n_commands;
		t->ending |= ends(j);
		send = hf__txn_offer_locked(t, j);
	}
	hf__unlock(&t->lock);
	if (through)
		hf_future_cancel(t->serving);
	if (send)
		hf__txn_send(t);
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

/* What the text was meant to do. */
static const char *calls_that_end(const hf_txn *t)
{
	if (t->scoped)
		return "hf_scope_commit or hf_scope_rollback, or hf_txn_savepoint with "
		       "hf_session_txn";
	return t->managed ? "hf_global_commit, hf_txn_rollback, hf_txn_savepoint"
			  : "hf_txn_commit, hf_txn_rollback, hf_txn_savepoint";
}

static hf_error *check_statement(const hf__job *j)
{
	if (j->sql_kind == HF__SQL_TXN)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"transaction control in the text of a transaction's statement: use %s",
			calls_that_end(j->more->txn));
	if (j->sql_kind == HF__SQL_COPY)
		return hf__error_fmt(
			HF_E_MISUSE, 0, "COPY through the client is not possible in a query");
	return NULL;
}

/* Why an end that a user asks for is not even tried: it leaves the transaction as it was, unlike
 * other refusals, since nothing of the work is missing. */
static hf_error *managed_refusal(const hf_txn *t, const char *what)
{
	if (!t || !t->managed || t->forks != hf__fork_count())
		return NULL;
	return hf__error_fmt(HF_E_MISUSE, 0,
		t->scoped ? "%s on the transaction of a session: hf_scope_commit ends it"
			  : "%s on a branch of a global transaction: hf_global_commit ends it",
		what);
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

/* `tells`: see hf__txn_tell. */
static hf_future *query(const hf_site *site, hf_txn *t, const hf_query_opts *opts, bool tells,
	const char *sql, const hf_value *args, size_t n)
{
	hf_query_opts o;
	hf_error *e = NULL;
	hf__job *j = NULL;

	hf__opts_copy(&o, sizeof o, opts, "HF_QUERY_OPTS", &e);
	if (!e && o.then != HF_THEN_GO_ON && (e = managed_refusal(t, ".then")) != NULL)
		return hf__job_refuse(NULL, e, site, o.free_arg, o.arg);
	if (!e)
		e = refusal(t);
	if (!e)
		j = command_new(t, HF__JOB_QUERY, HF__TXN_RUN, site, o.label ? o.label : t->label);
	if (!j)
		return refuse(t, e, site, o.free_arg, o.arg);
	j->more->arg = o.arg;
	j->more->free_arg = o.free_arg;
	j->more->on_row = o.on_row;
	j->more->then = o.then;
	j->more->tells = tells;
	j->many = o.many_rows;
	if (o.timeout_ms)
		j->timeout_ms = o.timeout_ms;
	e = check_query_opts(&o);
	if (!e)
		e = hf__job_set_query(j, sql, args, n);
	return submit(j, e ? e : check_statement(j));
}

hf_future *hf_txn_query_with_at(const hf_site *site, hf_txn *t, const hf_query_opts *opts,
	const char *sql, const hf_value *args, size_t n)
{
	return query(site, t, opts, false, sql, args, n);
}

hf_future *hf_txn_query_at(
	const hf_site *site, hf_txn *t, const char *sql, const hf_value *args, size_t n)
{
	return query(site, t, NULL, false, sql, args, n);
}

hf_future *hf__txn_tell(const hf_site *site, hf_txn *t, const hf_value args[2])
{
	return query(site, t, NULL, true, HF__SQL_NOTIFY, args, 2);
}

hf_future *hf__txn_part(const hf_site *site, hf_txn *t, int verb, const hf_job *job)
{
	hf_job o;
	hf_error *e = NULL;
	hf__job *j = NULL;

	hf__opts_copy(&o, sizeof o, job, "HF_JOB", &e);
	if (!e && o.then != HF_THEN_GO_ON && (e = managed_refusal(t, ".then")) != NULL)
		return hf__job_refuse(NULL, e, site, o.free_arg, o.arg);
	if (!e)
		e = refusal(t);
	if (!e)
		j = command_new(t, HF__JOB_FN, verb, site, o.label ? o.label : t->label);
	if (!j)
		return refuse(t, e, site, o.free_arg, o.arg);
	if (o.timeout_ms == 0)
		o.timeout_ms = t->timeout_ms;
	e = hf__job_set_fn(j, &o);
	if (!e && (o.manual || o.isolation || o.read_only || o.outcome || o.urgent || o.acquire_ms))
		e = hf__error_fmt(HF_E_MISUSE, 0,
			".manual, .isolation, .read_only, .outcome, .urgent and .acquire_ms belong "
			"to the "
			"transaction, not to a part of it");
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
	j->sql = name ? hf__job_keep(j, name) : NULL;
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
	if (j && gid && !(j->sql = hf__job_keep(j, gid))) {
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

hf_future *hf_txn_commit_chain_at(const hf_site *site, hf_txn *t)
{
	hf_error *e = managed_refusal(t, "hf_txn_commit_chain");

	return e ? hf__job_refuse(NULL, e, site, NULL, NULL)
		 : named(site, t, HF__TXN_COMMIT_CHAIN, NULL);
}

hf_future *hf_txn_rollback_chain_at(const hf_site *site, hf_txn *t)
{
	return named(site, t, HF__TXN_ROLLBACK_CHAIN, NULL);
}
