/* SPDX-License-Identifier: MIT */
/* Parking a transaction under a token, and resuming it.
 *
 * Who wins is decided under the transaction's lock: whoever finds it parked and not ended takes it
 * out. The pool's parking, under the pool's lock inside, only finds it. */
#include "txn/txn.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/fork.h"
#include "value/error.h"

#include <apr_escape.h>
#include <apr_general.h>
#include <stdio.h>
#include <string.h>

/* --- parking --- */

static hf_error *check_lease(const hf_pool *p, int lease_ms)
{
	if (p->opts.lease_ms < 0 || (lease_ms > 0 && lease_ms <= p->opts.lease_ms))
		return NULL;
	if (lease_ms < 0)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"a lease without an end: pool \"%s\" allows at most lease_ms (%d)", p->name,
			p->opts.lease_ms);
	return hf__error_fmt(HF_E_MISUSE, 0,
		"a lease of %d ms is above the lease_ms (%d) of pool \"%s\"", lease_ms,
		p->opts.lease_ms, p->name);
}

/* Why it cannot be parked as it is now. */
static hf_error *not_parkable_locked(const hf_txn *t)
{
	const hf__job *j;

	if (t->ended || t->end || t->ending)
		return t->end ? hf_error_ref(t->end)
			      : hf__txn_end_error(t, 0, "is being ended", NULL);
	if (t->state == HF_TXN_FAILED || t->lost)
		return hf__txn_end_error(t, 0, "has failed, there is nothing worth parking",
			t->lost ? t->lost : t->failure);
	if (atomic_load(&t->users.n) > 1)
		return hf__error_fmt(HF_E_BUSY, 0, "another reference to the transaction is held");
	if (t->running && t->running->more->verb != HF__TXN_HOOK)
		return hf__error_fmt(HF_E_BUSY, 0, "a command of the transaction still runs");
	APR_RING_FOREACH (j, &t->commands, hf__job, link)
		if (j->more->verb != HF__TXN_HOOK)
			return hf__error_fmt(
				HF_E_BUSY, 0, "commands of the transaction still wait");
	return NULL;
}

static hf_error *enter_locked(hf_txn *t, hf_pool *p)
{
	int limit = hf__pool_max_parked(&p->opts, p->max_conns);

	if (p->state != HF_POOL_OPEN)
		return hf__error_fmt(HF_E_CLOSED, 0, "pool \"%s\" is closing", p->name);
	if (limit == 0)
		return hf__error_fmt(HF_E_PARK_LIMIT, 0,
			"pool \"%s\" parks no transactions: max_parked is 0 (of max_conns %d one "
			"must "
			"stay for other work)",
			p->name, p->max_conns);
	if (p->parking.n >= limit)
		return hf__error_fmt(HF_E_PARK_LIMIT, HF_RETRYABLE,
			"pool \"%s\": %d transactions are parked already, which is max_parked "
			"(%d of max_conns %d stay for other work)",
			p->name, p->parking.n, p->max_conns - limit, p->max_conns);
	if (!hf__parking_prepare_locked(&p->parking))
		return hf__error_nomem();
	hf__parking_add_locked(&p->parking, &t->parked);
	p->stats.parks++;
	return NULL;
}

/* What a second resume is told is made beforehand: resuming must not fail for want of memory. */
static hf_error *park(hf_txn *t, int lease_ms, const unsigned char *token)
{
	hf_error *taken = hf__txn_end_error(t, 0, "has been resumed already", NULL), *e;

	if (hf_error_status(taken) == HF_E_NOMEM)
		return taken;
	hf__lock(&t->lock);
	e = not_parkable_locked(t);
	if (!e) {
		memcpy(t->parked.token, token, sizeof t->parked.token);
		hf__lock(&t->pool->lock);
		e = enter_locked(t, t->pool);
		hf__unlock(&t->pool->lock);
	}
	if (!e) {
		t->is_parked = true;
		t->taken = hf_error_ref(taken);
		t->lease_ms = lease_ms;
		t->parked_at = hf__now();
		if (t->worker)
			hf__worker_note_held(t->worker, HF__HOLD_PARKED, NULL, NULL,
				hf__after(t->parked_at, lease_ms));
		hf__txn_wake_locked(t);
	}
	hf__unlock(&t->lock);
	hf_error_unref(taken);
	return e;
}

static hf_error *check_handle(hf_txn **t)
{
	if (!t || !*t)
		return hf__error_fmt(HF_E_MISUSE, 0, "the transaction is NULL");
	if ((*t)->is_static)
		return hf__txn_none_error(*t);
	if ((*t)->forks != hf__fork_count())
		return hf__error_forked();
	if ((*t)->managed)
		return hf__error_fmt(HF_E_MISUSE, 0,
			(*t)->scoped ? "the transaction of a session cannot be parked: its scope "
				       "ends it"
				     : "a branch of a global transaction cannot be parked: its "
				       "fate is not its own");
	return (*t)->pool ? NULL : hf_error_ref((*t)->end);
}

hf_status hf_txn_park(hf_txn **t, int lease_ms, hf_token *out, hf_error **out_error)
{
	unsigned char token[HF__TOKEN_BYTES];
	hf_error *e = check_handle(t);

	if (!e && !out)
		e = hf__error_fmt(HF_E_MISUSE, 0, "there is no place for the token");
	if (!e && lease_ms == 0)
		lease_ms = (*t)->pool->opts.txn_idle_ms;
	if (!e)
		e = check_lease((*t)->pool, lease_ms);
	if (!e && apr_generate_random_bytes(token, sizeof token) != APR_SUCCESS)
		e = hf__error_fmt(HF_E_NOMEM, 0, "the system gives no random numbers");
	if (e)
		return hf__error_give(e, out_error);
	e = park(*t, lease_ms, token);
	if (e)
		return hf__error_give(e, out_error);
	apr_escape_hex(out->text, token, sizeof token, 0, NULL);
	*t = NULL;
	return hf__error_give(NULL, out_error);
}

/* --- resuming --- */

static bool parse_token(const char *text, unsigned char *token)
{
	apr_size_t n = 0;

	return text && strlen(text) == (size_t)HF__TOKEN_BYTES * 2 &&
	       apr_unescape_hex(token, text, APR_ESCAPE_STRING, 0, &n) == APR_SUCCESS &&
	       n == HF__TOKEN_BYTES;
}

/* No token of this pool: it was never seen, or the pool is at its end. */
static hf_error *nobody(const hf_pool *p, bool open)
{
	if (!open)
		return hf__error_fmt(HF_E_CLOSED, 0, "pool \"%s\" is closed", p->name);
	return hf__error_fmt(
		HF_E_TXN_ENDED, 0, "pool \"%s\" has never seen this token, or long ago", p->name);
}

/* Finds who is parked under it, with a reference; else why nobody is. */
static hf_txn *find(hf_pool *p, const unsigned char *token, hf_error **e)
{
	hf__parked *k;
	hf_txn *t = NULL;
	bool open;

	hf__lock(&p->lock);
	open = p->state == HF_POOL_OPEN;
	k = hf__parking_find_locked(&p->parking, token);
	if (k)
		t = hf__txn_get(hf_container_of(k, hf_txn, parked));
	else
		*e = hf__parking_reason_locked(&p->parking, token);
	hf__unlock(&p->lock);
	if (!t && !*e)
		*e = nobody(p, open);
	return t;
}

/* What became of one that ended while it was parked. */
static hf_error *fate(const hf_txn *t)
{
	if (hf_error_status(t->end) == HF_E_TXN_ENDED)
		return hf_error_ref(t->end);
	return hf__error_because(
		HF_E_TXN_ENDED, HF_RETRYABLE, t->end, "%s", hf_error_message(t->end));
}

/* Between finding it and this it may have been taken by another, and even be parked again: under
 * another token. */
static hf_error *take_over_locked(hf_txn *t, const unsigned char *token)
{
	hf_pool *p = t->pool;
	hf_error *e = NULL;
	bool mine, open;

	if (hf__parking_same(t->parked.token, token))
		hf__txn_check_lease_locked(t);
	mine = t->is_parked && !t->end && hf__parking_same(t->parked.token, token);
	hf__lock(&p->lock);
	open = p->state == HF_POOL_OPEN;
	mine = mine && open;
	if (mine) {
		hf__parking_bury_locked(&p->parking, &t->parked, t->taken);
		p->stats.resumes++;
	} else {
		e = hf__parking_reason_locked(&p->parking, token);
	}
	hf__unlock(&p->lock);
	if (!mine)
		return e ? e : t->end ? fate(t) : nobody(p, open);
	t->taken = NULL;
	t->is_parked = false;
	t->idle_since = hf__now();
	hf__txn_wake_locked(t);
	return NULL;
}

hf_status hf_txn_resume(hf_pool *p, const char *token, hf_txn **out, hf_error **out_error)
{
	unsigned char bytes[HF__TOKEN_BYTES];
	hf_error *e = hf__pool_refusal(p);
	hf_txn *t = NULL;

	if (out)
		*out = NULL;
	if (!e && !out)
		e = hf__error_fmt(HF_E_MISUSE, 0, "there is no place for the transaction");
	if (!e && !parse_token(token, bytes))
		e = hf__error_fmt(HF_E_MISUSE, 0, "this is no token: it has %d hex digits",
			HF__TOKEN_BYTES * 2);
	if (!e)
		t = find(p, bytes, &e);
	if (t) {
		hf__lock(&t->lock);
		e = take_over_locked(t, bytes);
		hf__unlock(&t->lock);
		if (!e)
			*out = t;
		hf__txn_put(t); /* the user's reference comes with what was parked */
	}
	return hf__error_give(e, out_error);
}

/* --- ending while parked --- */

void hf__txn_bury(hf_txn *t)
{
	hf_pool *p = t->pool;
	hf_error *why = fate(t);

	hf__lock(&p->lock);
	hf__parking_bury_locked(&p->parking, &t->parked, why);
	hf__unlock(&p->lock);
	hf__txn_release(t);
}
