/* SPDX-License-Identifier: MIT */
/* A function as one piece that happens as a whole or not at all: a transaction, or a savepoint
 * where one is open. What is open is asked of the link, so that a BEGIN in a text counts too. */
#include "pool/pool.h"

#include "base/clock.h"
#include "value/error.h"

#include <stdio.h>

/* Runs it; hf_conn_error is the inner's while it has one. */
static hf_error *run_inner(hf_conn *c, hf_fn *fn, void *arg, hf_reply *reply)
{
	hf_error *outer = c->error, *e;

	c->error = NULL;
	c->atomics++;
	e = hf__conn_verdict(c, fn(c, arg, reply), reply);
	c->atomics--;
	if (c->error)
		hf_error_unref(outer);
	else
		c->error = outer;
	return e;
}

/* What came after can only be kept together with it. */
static hf_error *fail_outer(hf_conn *c, hf_error *e)
{
	if (!c->poison)
		c->poison = hf_error_ref(e);
	return e;
}

static hf_error *in_own_txn(hf_conn *c, hf_fn *fn, void *arg, hf_reply *reply)
{
	hf__guard g = hf__conn_guard(c, 0);
	hf_error *e = hf__link_command(c->link, hf__conn_begin_text(c), &g);

	if (e)
		return e;
	e = run_inner(c, fn, arg, reply);
	if (!e)
		e = hf__conn_commit(c);
	if (e)
		hf_error_unref(hf__conn_rollback(c)); /* the first error is the one that counts */
	return e;
}

/* Also after a cancel or a time-out, which may have meant the inner work alone: the guard asks for
 * neither. */
static hf_error *roll_back_to(hf_conn *c, const char *name)
{
	hf__guard g = { HF__NEVER, HF__NEVER, hf__conn_ask_commit, c->worker, NULL };
	char sql[64];
	hf_error *e;

	snprintf(sql, sizeof sql, "ROLLBACK TO SAVEPOINT %s", name);
	e = hf__link_command(c->link, sql, &g);
	if (e)
		return e;
	snprintf(sql, sizeof sql, "RELEASE SAVEPOINT %s", name);
	return hf__link_command(c->link, sql, &g);
}

/* Undoes what the inner function did, which failed with `e`. If that does not work, the outer has
 * failed too. */
static hf_error *undo(hf_conn *c, const char *name, hf_error *e)
{
	hf_error *stuck = roll_back_to(c, name);

	c->poison = hf_error_unref(c->poison);
	c->txn_timeout = -1; /* a limit set after the savepoint is gone */
	c->in_row = true;
	hf__hooks_rollback_to(&c->hooks, name);
	c->in_row = false;
	hf__hooks_release(&c->hooks, name);
	if (stuck)
		fail_outer(c, e);
	hf_error_unref(stuck);
	return e;
}

static hf_error *in_savepoint(hf_conn *c, hf_fn *fn, void *arg, hf_reply *reply)
{
	char name[32];
	hf_error *e;

	snprintf(name, sizeof name, "holdfast_%u", ++c->n_atomics);
	e = hf__conn_savepoint(c, name, true);
	if (e)
		return fail_outer(c, e);
	e = run_inner(c, fn, arg, reply);
	if (!e)
		e = hf__conn_release(c, name);
	hf__retry_heed(c, e);
	return e ? undo(c, name, e) : NULL;
}

static hf_error *joined(hf_conn *c, hf_fn *fn, void *arg, hf_reply *reply)
{
	hf_error *e = run_inner(c, fn, arg, reply);

	return e ? fail_outer(c, e) : NULL;
}

hf_error *hf__conn_atomic(hf_conn *c, hf_nesting nesting, hf_fn *fn, void *arg, hf_reply *reply)
{
	if (!c->txn_auto && hf__link_session(c->link) == HF__SESSION_IDLE)
		return in_own_txn(c, fn, arg, reply);
	switch (nesting) {
	case HF_NEST_SAVEPOINT:
		return in_savepoint(c, fn, arg, reply);
	case HF_NEST_JOIN:
		return joined(c, fn, arg, reply);
	case HF_NEST_REFUSE:
		break;
	}
	return fail_outer(c, hf__error_fmt(HF_E_MISUSE, 0,
				     "hf_conn_atomic: a transaction is open already, and "
				     "HF_NEST_REFUSE wants it to begin its own"));
}
