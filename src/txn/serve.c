/* SPDX-License-Identifier: MIT */
/* Serving a transaction on its worker. */
#include "txn/txn.h"

#include "base/attr.h"
#include "base/clock.h"
#include "txn/prepared.h"
#include "value/error.h"

hf_error *hf__txn_end_error(const hf_txn *t, unsigned traits, const char *what, const hf_error *why)
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
	hf__txn_put(t);
}

void hf__txn_refuse(hf__job *j, hf_error *e)
{
	e = hf__error_at(e, 0, j->sql, &j->site);
	answer(j, (hf__outcome){ .status = hf_error_status(e), .error = e });
}

/* The serving job is over, or never was: its worker is free. */
void hf__txn_served(hf__watch *w, hf_future *f)
{
	hf_txn *t = hf_container_of(w, hf_txn, watch);
	const hf_error *why = hf_future_error(f);
	hf__job *last, *j;

	hf__lock(&t->lock);
	t->ended = true;
	t->worker = NULL;
	if (!t->end)
		t->end = why ? hf_error_ref(why) : hf__txn_end_error(t, 0, "was rolled back", NULL);
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
		hf__txn_refuse(j, hf_error_ref(t->end));
	}
	hf__txn_put(t);
}

/* --- serving --- */

static hf__outcome outcome_of(hf_error *e)
{
	return (hf__outcome){ .status = hf_error_status(e), .error = e };
}

static hf__outcome commit(hf_conn *c, hf_txn *t)
{
	hf_error *e, *undo;

	if (c->poison) {
		e = hf__txn_end_error(
			t, HF_RETRYABLE, "was rolled back instead of committed", c->poison);
		undo = hf__conn_rollback(c);
		hf_error_unref(undo);
		set_end(t, hf_error_ref(e));
		return outcome_of(e);
	}
	e = hf__conn_commit(c);
	if (!e)
		set_end(t, hf__txn_end_error(t, 0, "was committed", NULL));
	else if (hf_error_is(e, HF_MAYBE_COMMITTED))
		set_end(t, hf__txn_end_error(
				   t, HF_MAYBE_COMMITTED, "ended with an unknown outcome", e));
	else
		set_end(t, hf__txn_end_error(t, HF_RETRYABLE, "was rolled back", e));
	return outcome_of(e);
}

static hf__outcome rollback(hf_conn *c, hf_txn *t)
{
	hf_error *e = hf__conn_rollback(c);

	/* Where the connection is lost the server rolls back by itself: that is what was asked for.
	 */
	hf_error_unref(e);
	set_end(t, hf__txn_end_error(t, 0, "was rolled back", NULL));
	return outcome_of(NULL);
}

/* The handle goes on: its next statement begins anew. */
static hf__outcome rollback_chain(hf_conn *c)
{
	hf_error *e = hf__conn_rollback(c);

	hf_error_unref(e);
	return outcome_of(NULL);
}

static hf__outcome prepare(hf_conn *c, hf_txn *t, const hf__job *j)
{
	hf_error *e = c->poison ? hf_error_ref(c->poison) : hf__conn_prepare(c, j->sql);

	if (!e)
		set_end(t, hf__txn_end_error(t, 0, "was prepared", NULL));
	else if (hf_error_is(e, HF_MAYBE_COMMITTED))
		set_end(t, hf__txn_end_error(t, HF_MAYBE_COMMITTED,
				   "ended, and may or may not be prepared", e));
	else
		set_end(t, hf__txn_end_error(t, HF_RETRYABLE, "was rolled back", e));
	return outcome_of(e);
}

static hf__outcome savepoint(hf_conn *c, const hf__job *j)
{
	hf_status st = j->verb == HF__TXN_SAVEPOINT ? hf_conn_savepoint(c, j->sql)
						    : hf_conn_rollback_to(c, j->sql);

	return outcome_of(st == HF_OK ? NULL : hf_error_ref(c->error));
}

static hf__outcome run_command(hf_conn *c, hf_txn *t, hf__job *j)
{
	switch (j->verb) {
	case HF__TXN_SAVEPOINT:
	case HF__TXN_ROLLBACK_TO:
		return savepoint(c, j);
	case HF__TXN_COMMIT:
		return commit(c, t);
	case HF__TXN_ROLLBACK:
		return rollback(c, t);
	case HF__TXN_ROLLBACK_CHAIN:
		return rollback_chain(c);
	case HF__TXN_PREPARE:
		return prepare(c, t, j);
	default:
		return hf__conn_run_job(c, j);
	}
}

/* The first failure is kept, and poisons what follows, also where it was the function that failed.
 */
static void note_failure(hf_conn *c, hf_txn *t, const hf__job *j)
{
	if (j->outcome.status == HF_OK || j->verb >= HF__TXN_COMMIT)
		return;
	if (!c->poison && j->verb != HF__TXN_ROLLBACK_TO)
		c->poison = hf_error_ref(j->outcome.error);
	hf__lock(&t->lock);
	if (!t->first)
		t->first = hf_error_ref(j->outcome.error);
	hf__unlock(&t->lock);
}

/* A command that could not even be queued poisons the transaction as one that failed. */
static void hear_of_loss(hf_conn *c, hf_txn *t)
{
	hf__lock(&t->lock);
	if (t->lost_command && !c->poison)
		c->poison = hf_error_ref(t->first);
	t->lost_command = false;
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
	hear_of_loss(c, t);
	j->outcome = j->refused && !c->poison ? outcome_of(hf_error_ref(j->refused))
					      : run_command(c, t, j);
	note_failure(c, t, j);
	hf__conn_end_part(c);
	c->job = serving;
	c->run_until = HF__NEVER;
	over = j->verb >= HF__TXN_COMMIT;
	if (!over && hf__link_session(c->link) == HF__SESSION_LOST) {
		set_end(t, hf__txn_end_error(t, HF_CONNECTION | HF_RETRYABLE,
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
				hf__txn_end_error(t, HF_CONNECTION | HF_RETRYABLE,
					"was rolled back, the server closed its connection", NULL));
			return NULL;
		}
		hf__lock(&t->lock);
		t->sleeping = false;
		hf__unlock(&t->lock);
	}
	return j;
}

void hf__txn_serve(hf_conn *c, hf__job *serving)
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
