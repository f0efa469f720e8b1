/* SPDX-License-Identifier: MIT */
/* One command of a transaction, on the thread that has its connection. */
#include "txn/prepared.h"
#include "txn/txn.h"

#include "value/error.h"

static hf__outcome outcome_of(hf_error *e)
{
	return (hf__outcome){ .status = hf_error_status(e), .error = e };
}

/* --- ends --- */

/* What the connection knows of the end, for those who come later. */
static void note_end(const hf_conn *c, hf_txn *t, const hf_error *e)
{
	hf__lock(&t->lock);
	t->as_asked = c->end == HF__END_COMMITTED || c->end == HF__END_PREPARED || !e;
	hf__unlock(&t->lock);
	switch (c->end) {
	case HF__END_COMMITTED:
		hf__txn_set_end(
			t, HF_TXN_COMMITTED, hf__txn_end_error(t, 0, "was committed", NULL));
		break;
	case HF__END_UNKNOWN:
		hf__txn_set_end(t, HF_TXN_UNKNOWN,
			hf__txn_end_error(
				t, HF_MAYBE_COMMITTED, "ended with an unknown outcome", e));
		break;
	case HF__END_PREPARED:
		hf__txn_set_end(t, HF_TXN_PREPARED, hf__txn_end_error(t, 0, "was prepared", NULL));
		break;
	case HF__END_ROLLED_BACK:
	case HF__END_NONE:
		hf__txn_set_end(
			t, HF_TXN_ROLLED_BACK, hf__txn_end_error(t, 0, "was rolled back", e));
		break;
	}
}

static hf__outcome commit_poisoned(hf_conn *c, hf_txn *t)
{
	hf_error *e = hf__txn_end_error(t, 0, "was rolled back instead of committed", c->poison);

	hf_error_unref(hf__conn_rollback(c));
	hf__txn_set_end(t, HF_TXN_ROLLED_BACK, hf_error_ref(e));
	return outcome_of(e);
}

static hf__outcome commit(hf_conn *c, hf_txn *t)
{
	hf_result *res = NULL;
	hf_error *e;

	if (c->poison)
		return commit_poisoned(c, t);
	e = hf__conn_commit_with(c, &res);
	if (!e)
		return (hf__outcome){ .status = HF_OK, .result = res };
	hf_result_unref(res);
	return outcome_of(e);
}

/* Where the connection is lost the server rolls back by itself: that is what was asked for. */
static hf__outcome rollback(hf_conn *c)
{
	hf_error_unref(hf__conn_rollback(c));
	return outcome_of(NULL);
}

static hf__outcome chain(hf_conn *c, hf_txn *t, bool keep)
{
	hf__outcome o = keep ? commit(c, t) : rollback(c);

	if (o.status == HF_OK && hf__link_session(c->link) == HF__SESSION_IDLE)
		c->end = HF__END_NONE; /* the next statement begins anew */
	return o;
}

/* --- parts --- */

static hf__outcome prepare(hf_conn *c, hf_txn *t, const hf__job *j)
{
	hf_error *e = c->poison ? hf_error_ref(c->poison) : hf__conn_prepare(c, j->sql);

	c->end = e ? HF__END_ROLLED_BACK : HF__END_PREPARED;
	if (!hf_error_is(e, HF_MAYBE_COMMITTED))
		return outcome_of(e);
	c->end = HF__END_UNKNOWN;
	hf__txn_set_end(t, HF_TXN_UNKNOWN,
		hf__txn_end_error(
			t, HF_MAYBE_COMMITTED, "ended, and may or may not be prepared", e));
	return outcome_of(e);
}

static hf__outcome savepoint(hf_conn *c, const hf__job *j)
{
	hf_status st = j->more->verb == HF__TXN_SAVEPOINT ? hf_conn_savepoint(c, j->sql)
		       : j->more->verb == HF__TXN_RELEASE ? hf_conn_release(c, j->sql)
							  : hf_conn_rollback_to(c, j->sql);

	return outcome_of(st == HF_OK ? NULL : hf_error_ref(c->error));
}

static void drop_value(hf__outcome *o)
{
	if (o->free_value)
		o->free_value(o->value);
	hf_result_unref(o->result);
}

/* A part that went well, and the end that was to follow it, unless COMMIT travelled along. */
static hf__outcome end_after(hf_conn *c, hf_txn *t, hf__outcome part, hf_then then)
{
	hf__outcome end = then == HF_THEN_ROLLBACK ? rollback(c)
			  : c->poison              ? commit_poisoned(c, t)
						   : outcome_of(hf__conn_commit(c));

	if (end.status == HF_OK)
		return part;
	drop_value(&part);
	return end;
}

static hf__outcome part(hf_conn *c, hf_txn *t, hf__job *j)
{
	hf__outcome o;

	c->then_commit = j->more->then == HF_THEN_COMMIT && j->kind == HF__JOB_QUERY;
	o = hf__conn_run_job(c, j);
	c->then_commit = false;
	if (o.status == HF_OK && j->more->then != HF_THEN_GO_ON && c->end == HF__END_NONE)
		o = end_after(c, t, o, j->more->then);
	return o;
}

static hf__outcome run_verb(hf_conn *c, hf_txn *t, hf__job *j)
{
	switch (j->more->verb) {
	case HF__TXN_SAVEPOINT:
	case HF__TXN_ROLLBACK_TO:
	case HF__TXN_RELEASE:
		return savepoint(c, j);
	case HF__TXN_COMMIT:
		return commit(c, t);
	case HF__TXN_ROLLBACK:
		return rollback(c);
	case HF__TXN_PREPARE:
		return prepare(c, t, j);
	case HF__TXN_COMMIT_CHAIN:
	case HF__TXN_ROLLBACK_CHAIN:
		return chain(c, t, j->more->verb == HF__TXN_COMMIT_CHAIN);
	default:
		return part(c, t, j);
	}
}

/* --- failures --- */

/* A command that could not even be queued poisons the transaction as one that failed. */
static void hear_of_loss(hf_conn *c, hf_txn *t, const hf__job *j)
{
	hf__lock(&t->lock);
	if (t->lost && j->more->number > t->lost_after) {
		if (!c->poison)
			c->poison = hf_error_ref(t->lost);
		if (t->lost_again == t->lost_after)
			t->lost = hf_error_unref(t->lost);
		t->lost_after = t->lost_again;
	}
	hf__unlock(&t->lock);
}

/* The first failure is kept, and poisons what follows, also where it was the function that failed.
 */
static void note_failure(hf_conn *c, hf_txn *t, const hf__job *j)
{
	bool undone = j->more->nested && !c->poison;
	bool failed = j->outcome.status != HF_OK && c->end == HF__END_NONE && !undone;

	if (failed && !c->poison)
		c->poison = hf_error_ref(j->outcome.error);
	hf__lock(&t->lock);
	if (c->end == HF__END_NONE)
		t->state = c->poison ? HF_TXN_FAILED : HF_TXN_OPEN;
	hf_error_unref(t->failure);
	t->failure = c->poison ? hf_error_ref(c->poison) : NULL;
	hf__unlock(&t->lock);
}

bool hf__txn_run_command(hf_conn *c, hf_txn *t, hf__job *j)
{
	c->end = HF__END_NONE;
	hear_of_loss(c, t, j);
	j->outcome = j->more->refused && !c->poison ? outcome_of(hf_error_ref(j->more->refused))
						    : run_verb(c, t, j);
	if (j->outcome.error)
		j->outcome.error = hf__error_at(j->outcome.error, 0, NULL, &j->site);
	note_failure(c, t, j);
	if (c->end == HF__END_NONE && hf__link_session(c->link) != HF__SESSION_LOST)
		return true;
	if (c->end != HF__END_NONE)
		note_end(c, t, j->outcome.error);
	else
		hf__txn_set_end(t, HF_TXN_ROLLED_BACK,
			hf__txn_end_error(t, HF_CONNECTION | HF_RETRYABLE,
				"was rolled back, its connection was lost", j->outcome.error));
	return false;
}
