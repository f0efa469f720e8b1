/* SPDX-License-Identifier: MIT */
/* A job on a connection, from entering it to leaving a clean session behind.
 *
 * A handle that is used on another thread, or after its interaction has returned, is recognised by
 * a thread-local pointer to the handle in use, so that nothing of it is read. */
#include "pool/pool.h"
#include "pool/train.h"

#include "base/clock.h"
#include "value/error.h"

#include <string.h>

static _Thread_local hf_conn *in_use;

hf_conn *hf__conn_in_use(void)
{
	return in_use;
}

void hf__conn_use(hf_conn *c)
{
	in_use = c;
}

void hf__conn_init(hf_conn *c, hf__worker *w)
{
	memset(c, 0, sizeof *c);
	c->worker = w;
	c->link = &w->link;
}

/* Foreign code that may not use the handle runs. */
static void end_hooks(hf_conn *c, bool run)
{
	c->in_row = true;
	hf__hooks_end(&c->hooks, run);
	c->in_row = false;
	c->n_atomics = 0;
}

void hf__conn_undone(hf_conn *c)
{
	end_hooks(c, false);
}

void hf__conn_ended(hf_conn *c)
{
	end_hooks(c, c->end == HF__END_COMMITTED);
}

static void drop_kept(hf_conn *c)
{
	for (struct hf__kept *k = c->kept; k; k = k->next)
		hf_result_unref(k->res);
	c->kept = NULL;
}

void hf__conn_finish(hf_conn *c)
{
	drop_kept(c);
	hf__train_free(c->train);
	hf__arena_finish(&c->arena);
}

/* Whether the job gets a transaction with a BEGIN. A write whose rows are streamed does: when its
 * callback stops it, the server may have finished long since, and would commit at the Sync. */
static bool wants_txn(const hf__job *j)
{
	if (j->kind == HF__JOB_FN)
		return !j->more->manual;
	if (j->more->on_row && j->sql_kind == HF__SQL_PLAIN)
		return true;
	return j->kind == HF__JOB_SERVE || j->more->isolation != HF_ISO_DEFAULT ||
	       j->more->outcome_wanted == HF_OUTCOME_RESOLVED;
}

/* A single query is not asked after, unless that was asked for. */
static hf_outcome outcome_of_job(const hf__job *j)
{
	if (j->kind == HF__JOB_QUERY && j->more->outcome_wanted != HF_OUTCOME_RESOLVED)
		return HF_OUTCOME_FAST;
	return j->more->outcome_wanted;
}

void hf__conn_enter(hf_conn *c, hf__job *j)
{
	c->job = j;
	c->txn_auto = wants_txn(j);
	c->manual = j->kind == HF__JOB_FN && j->more->manual;
	c->isolation = j->more->isolation;
	c->read_only = j->read_only;
	c->deferrable = j->more->deferrable;
	c->outcome = outcome_of_job(j);
	c->then_commit = j->kind == HF__JOB_QUERY && c->txn_auto;
	c->rests = false;
	c->end = HF__END_NONE;
	c->run_until = j->run_until;
	c->hook_until = HF__NEVER;
	c->discard = c->in_row = false;
	hf__conn_txn_over(c);
	in_use = c;
}

static void drop_errors(hf_conn *c)
{
	c->error = hf_error_unref(c->error);
	c->poison = hf_error_unref(c->poison);
	c->cause = hf_error_unref(c->cause);
}

/* --- jobs --- */

static hf__outcome outcome_of(hf_error *e, hf_result *res)
{
	if (!e)
		return (hf__outcome){ .status = HF_OK, .result = res };
	return (hf__outcome){ .status = hf_error_status(e), .error = e };
}

/* What an earlier failure has undone is not run; or, where it was sent before that was known, it is
 * not told of. */
static hf_error *execute(hf_conn *c, hf__run *run, hf_result **out, const hf_site *site)
{
	if (!c->poison)
		return hf__conn_execute(c, run, out, site);
	hf__conn_drop_sent(c);
	return hf_error_ref(c->poison);
}

static hf__outcome run_statement(hf_conn *c, hf__job *j)
{
	hf__run run = { .sql = j->sql,
		.sql_hash = j->sql_hash,
		.text = j->more->text,
		.params = j->params,
		.kind = j->sql_kind,
		.script = j->kind == HF__JOB_SCRIPT,
		.read_at_once = j->fetched,
		.many = j->many,
		.on_row = j->more->on_row,
		.row_arg = j->more->arg };
	hf_result *res = NULL;
	hf_error *e = execute(c, &run, &res, &j->site);

	/* A transaction's command leaves the end to the transaction. */
	if (j->more->txn)
		return outcome_of(e, res);
	if (!e && c->txn_auto && c->end == HF__END_NONE)
		e = hf__conn_commit(c);
	if (!e)
		return outcome_of(NULL, res);
	if (c->txn_auto)
		hf_error_unref(hf__conn_rollback(c)); /* the first error is the one that counts */
	hf_result_unref(res);
	return outcome_of(e, NULL);
}

void hf__reply_drop(hf_reply *r)
{
	if (r->outcome.free_value)
		r->outcome.free_value(r->outcome.value);
	hf_result_unref(r->outcome.result);
	r->outcome.result = NULL;
	r->outcome.value = NULL;
	r->outcome.free_value = NULL;
}

/* In the order of what says most. */
hf_error *hf__conn_verdict(hf_conn *c, hf_status st, hf_reply *r)
{
	hf_error *own = r->outcome.error;

	r->outcome.error = NULL;
	if (own && (st == HF_OK || st == HF_E_USER))
		return own; /* who called hf_fail() has failed, also without returning its status */
	if (st == HF_OK)
		return c->poison ? hf_error_ref(c->poison) : NULL;
	hf_error_unref(own);
	if (c->error && hf_error_status(c->error) == st)
		return hf_error_ref(c->error);
	if (st == HF_PENDING || strcmp(hf_status_name(st), "HF_?") == 0)
		return hf__error_fmt(HF_E_USER, 0,
			"the interaction returned %d (%s), which is no outcome", (int)st,
			hf_status_name(st));
	return hf__error_fmt(st, 0, "the interaction returned %s", hf_status_name(st));
}

static hf_error *call_fn(hf_conn *c, hf__job *j, hf_reply *reply)
{
	c->error = hf_error_unref(c->error); /* of an earlier part of the transaction, or attempt */
	if (c->poison)
		return hf_error_ref(c->poison);
	if (j->more->nested)
		return hf__conn_atomic(c, HF_NEST_SAVEPOINT, j->more->fn, j->more->arg, reply);
	return hf__conn_verdict(c, j->more->fn(c, j->more->arg, reply), reply);
}

static hf__outcome attempt_fn(hf_conn *c, hf__job *j)
{
	hf_reply reply = { .outcome = { .status = HF_OK } };
	hf_error *e = call_fn(c, j, &reply), *undo = NULL;

	if (!j->more->txn && !e && c->txn_auto)
		e = hf__conn_commit(c);
	if (!j->more->txn && e && c->txn_auto)
		undo = hf__conn_rollback(c);
	hf_error_unref(undo); /* the first error is the one that counts; the link is broken now */
	if (e && !reply.keeps)
		hf__reply_drop(&reply);
	reply.outcome.status = hf_error_status(e);
	/* What a manual job has committed by itself stays, so it must not simply be run again. */
	if (e)
		e = hf__error_at(e, 0, NULL, &j->site);
	reply.outcome.error = e && c->manual ? hf__error_without(e, HF_RETRYABLE) : e;
	return reply.outcome;
}

static hf__outcome run_fn(hf_conn *c, hf__job *j)
{
	hf__outcome o;

	do {
		hf__retry_begin(c, j);
		o = attempt_fn(c, j);
	} while (hf__retry_again(c, j, &o));
	return o;
}

hf__outcome hf__conn_run_job(hf_conn *c, hf__job *j)
{
	switch (j->kind) {
	case HF__JOB_QUERY:
	case HF__JOB_SCRIPT:
		return run_statement(c, j);
	case HF__JOB_FN:
		return run_fn(c, j);
	case HF__JOB_SERVE:
		break;
	}
	j->more->serve(c, j);
	return (hf__outcome){ .status = HF_OK };
}

/* --- clean session --- */

static void roll_back_leftover(hf_conn *c, bool *was_left_open)
{
	char name[200];

	hf__session s = hf__link_session(c->link);

	if (s != HF__SESSION_TXN && s != HF__SESSION_FAILED)
		return;
	*was_left_open = true;
	hf_error_unref(hf__conn_rollback(c));
	hf__logf(&c->worker->pool->log, HF__LOG_WARN,
		"%s left a transaction open; it was rolled back",
		c->job ? hf__job_name(c->job, name, sizeof name) : "a query");
}

void hf__conn_reset(hf_conn *c)
{
	hf_pool *p = c->worker->pool;
	hf__guard g = { HF__NEVER, HF__NEVER, hf__conn_ask_commit, c->worker, NULL };
	hf_error *e = hf__link_reset(c->link, &g);

	if (!e)
		e = hf__conn_hook(c);
	hf__lock(&p->lock);
	p->stats.resets++;
	hf__unlock(&p->lock);
	if (e) {
		hf__logf(&p->log, HF__LOG_WARN, "a session could not be reset, closing it: %s",
			hf_error_message(e));
		c->link->broken = true;
	}
	hf_error_unref(e);
}

void hf__conn_end_part(hf_conn *c)
{
	drop_kept(c);
	hf__arena_clear(&c->arena);
}

void hf__conn_leave(hf_conn *c, bool *was_left_open)
{
	*was_left_open = false;
	roll_back_leftover(c, was_left_open);
	hf__conn_undone(c); /* what a lost link has left */
	if (c->discard || hf__link_escaped_read_only(c->link))
		c->link->broken = true;
	/* A borrowed one is reset by its worker, whose thread the hook is meant for. */
	if (c->link->dirty && !c->link->broken && !c->worker->lent)
		hf__conn_reset(c);
	in_use = NULL;
	c->job = NULL;
	hf__conn_end_part(c);
	drop_errors(c);
}

hf_error *hf__conn_hook(hf_conn *c)
{
	hf_pool *p = c->worker->pool;
	hf__job *outer = c->job;
	hf__job_more more = { .manual = true };
	hf__job hook = { .pool = p,
		.more = &more,
		.kind = HF__JOB_FN,
		.run_until = HF__NEVER,
		.site = { "on_connect", 0 } };
	hf_error *e = NULL;
	hf_status st;

	if (!p->opts.on_connect)
		return NULL;
	hf__conn_enter(c, &hook);
	c->hook_until = hf__deadline(p->opts.connect_ms);
	st = p->opts.on_connect(c, p->opts.hook_arg);
	if (st != HF_OK)
		e = hf__error_fmt(HF_E_CONNECT, HF_CONNECTION,
			"the on_connect hook failed (%s)%s%s", hf_status_name(st),
			c->error ? ": " : "", c->error ? hf_error_message(c->error) : "");
	else
		e = hf__conn_commit(c); /* a hook may leave its transaction to us */
	hf__conn_undone(c);
	c->link->dirty = false;
	drop_errors(c);
	in_use = outer ? c : NULL;
	c->job = outer;
	if (!outer)
		hf__conn_end_part(c);
	return e;
}
