/* SPDX-License-Identifier: MIT */
/* Serving a transaction on its worker: the loop, its clocks, and how it ends. */
#include "txn/txn.h"

#include "base/attr.h"
#include "base/clock.h"
#include "pool/train.h"
#include "value/error.h"

#include <stdio.h>

hf_error *hf__txn_end_error(const hf_txn *t, unsigned traits, const char *what, const hf_error *why)
{
	char name[200];

	hf__site_name(t->label, &t->site, name, sizeof name);
	if (!why)
		return hf__error_fmt(HF_E_TXN_ENDED, traits, "transaction %s %s", name, what);
	return hf__error_because(HF_E_TXN_ENDED, traits, why, "transaction %s %s: %s", name, what,
		hf_error_message(why));
}

static void set_end_locked(hf_txn *t, hf_txn_state state, hf_error *e)
{
	if (t->end) {
		hf_error_unref(e);
		return;
	}
	t->state = state;
	t->end = e;
}

void hf__txn_set_end(hf_txn *t, hf_txn_state state, hf_error *e)
{
	hf__lock(&t->lock);
	set_end_locked(t, state, e);
	hf__unlock(&t->lock);
}

void hf__txn_settle_end(hf_txn *t, hf_txn_state state, bool as_asked, hf_error *e)
{
	hf_error *old;

	hf__lock(&t->lock);
	old = t->end;
	t->end = e;
	t->state = state;
	t->as_asked = as_asked;
	hf__unlock(&t->lock);
	hf_error_unref(old);
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

/* --- answers --- */

void hf__txn_refuse(hf__job *j, hf_error *e)
{
	e = hf__error_at(e, 0, j->more->verb == HF__TXN_RUN ? j->sql : NULL, &j->site);
	hf__job_complete(j, (hf__outcome){ .status = hf_error_status(e), .error = e });
}

static void refuse_the_rest(hf_txn *t)
{
	hf_error *e;
	hf__job *j;

	do {
		hf__lock(&t->lock);
		j = take_command_locked(t);
		e = j ? hf_error_ref(t->end) : NULL;
		if (j)
			j->state = HF__JOB_DONE;
		hf__unlock(&t->lock);
		if (j)
			hf__txn_refuse(j, e);
	} while (j);
}

/* The serving job is over, or never was: its worker is free. */
void hf__txn_served(hf__watch *w, hf_future *f)
{
	hf_txn *t = hf_container_of(w, hf_txn, watch);
	const hf_error *why = hf_future_error(f);
	hf__job *last;
	bool parked;

	hf__lock(&t->lock);
	t->ended = true;
	t->worker = NULL;
	if (!t->end)
		set_end_locked(t, HF_TXN_ROLLED_BACK,
			why ? hf_error_ref(why) : hf__txn_end_error(t, 0, "was rolled back", NULL));
	last = t->last;
	t->last = NULL;
	parked = t->is_parked;
	t->is_parked = false;
	hf__unlock(&t->lock);
	if (last)
		hf__job_complete(last, last->outcome);
	refuse_the_rest(t);
	if (parked)
		hf__txn_bury(t);
	hf__txn_put(t);
}

/* --- clocks --- */

static const char *duration(int64_t ms, char *out, size_t n)
{
	if (ms >= 10000 && ms % 1000 == 0)
		snprintf(out, n, "%lld s", (long long)(ms / 1000));
	else
		snprintf(out, n, "%lld ms", (long long)ms);
	return out;
}

static int64_t since(int64_t from, int ms)
{
	return ms < 0 ? HF__NEVER : hf__after(from, ms);
}

/* When it is to be rolled back if nothing comes. */
static int64_t idle_until_locked(const hf_txn *t)
{
	return t->is_parked ? since(t->parked_at, t->lease_ms) : since(t->idle_since, t->idle_ms);
}

static int64_t expires_at_locked(const hf_txn *t)
{
	int64_t idle = idle_until_locked(t);

	if (t->deciding)
		return HF__NEVER;
	return idle < t->life_until ? idle : t->life_until;
}

/* Its time is up and nothing is queued: this decides it. */
static void expire_locked(hf_txn *t)
{
	bool life = t->worker && hf__now() >= t->life_until;
	char what[120], d[32];

	duration(life ? t->max_ms : t->is_parked ? t->lease_ms : t->idle_ms, d, sizeof d);
	snprintf(what, sizeof what, "expired after %s%s and was rolled back", d,
		life           ? " of life"
		: t->is_parked ? " parked"
			       : " idle");
	t->ended = true;
	if (t->expired) /* by whoever looked at its lease */
		return;
	t->expired = true;
	set_end_locked(t, HF_TXN_ROLLED_BACK, hf__txn_end_error(t, HF_RETRYABLE, what, NULL));
	hf__lock(&t->pool->lock);
	t->pool->stats.expired++;
	hf__unlock(&t->pool->lock);
}

void hf__txn_check_lease_locked(hf_txn *t)
{
	if (!t->is_parked || t->end || hf__now() < idle_until_locked(t))
		return;
	expire_locked(t);
	hf__txn_wake_locked(t);
}

/* --- waiting for commands --- */

static void end_unasked(hf_txn *t, hf_error *e)
{
	hf__logf(&t->pool->log, HF__LOG_WARN, "%s", hf_error_message(e));
	hf__txn_set_end(t, HF_TXN_ROLLED_BACK, e);
}

/* Nobody can resume what is parked in a pool that is closing. */
static bool pool_ends(hf_conn *c, hf_txn *t)
{
	bool parked;

	if (hf__worker_ask(c->worker) != HF__ASK_NONE)
		return true;
	hf__lock(&t->lock);
	parked = t->is_parked;
	hf__unlock(&t->lock);
	return parked && hf_pool_get_state(t->pool) != HF_POOL_OPEN;
}

static hf_error *closed(const hf_txn *t)
{
	char name[200];

	return hf__error_fmt(HF_E_CLOSED, HF_RETRYABLE,
		"pool \"%s\" was closed: transaction %s was rolled back", t->pool->name,
		hf__site_name(t->label, &t->site, name, sizeof name));
}

/* What the server said before it hung up is among the notices. */
static hf_error *hung_up(const hf_conn *c, const hf_txn *t)
{
	char what[200], text[600];
	hf__error_spec spec = { .status = HF_E_TXN_ENDED,
		.traits = HF_CONNECTION | HF_RETRYABLE,
		.sqlstate = c->link->fatal,
		.message = text,
		.site = &t->site };
	hf_error *e;

	snprintf(what, sizeof what, "was rolled back, the server closed its connection%s%s",
		c->link->notices.n ? ": " : "", hf__strbuf_text(&c->link->notices));
	e = hf__txn_end_error(t, 0, what, NULL);
	snprintf(text, sizeof text, "%s", hf_error_message(e));
	hf_error_unref(e);
	return hf__error_new(&spec);
}

/* An end that came in time still runs; other commands of one that has lived for too long do not. */
static hf__job *take_timely_locked(hf_txn *t)
{
	const hf__job *first = APR_RING_FIRST(&t->commands);

	if (APR_RING_EMPTY(&t->commands, hf__job, link) ||
		(first->more->verb < HF__TXN_COMMIT && !t->deciding && hf__now() >= t->life_until))
		return NULL;
	return take_command_locked(t);
}

hf__job *hf__txn_take_locked(hf_conn *c, hf_txn *t)
{
	hf__job *j = hf__train_next(c);

	if (!j)
		j = take_timely_locked(t);
	if (!j)
		return NULL;
	j->state = HF__JOB_RUNNING;
	j->worker = c->worker;
	t->running = j;
	c->rests = APR_RING_EMPTY(&t->commands, hf__job, link);
	return j;
}

void hf__txn_note_rest_locked(const hf_conn *c, const hf_txn *t)
{
	hf__worker_note_held(c->worker, t->is_parked ? HF__HOLD_PARKED : HF__HOLD_IDLE, NULL, NULL,
		expires_at_locked(t));
}

/* The next command, or NULL: none yet, or (t->ended) none any more. *until: when to look again. */
static hf__job *next_locked(hf_conn *c, hf_txn *t, int64_t *until)
{
	hf__job *j = hf__txn_take_locked(c, t);

	if (j)
		return j;
	*until = expires_at_locked(t);
	if (t->abandoned)
		t->ended = true;
	else if (hf__now() >= *until)
		expire_locked(t);
	t->sleeping = !t->ended;
	if (t->sleeping)
		hf__txn_note_rest_locked(c, t);
	return NULL;
}

/* The next command; NULL: the transaction is to end (t->end says how, or it was let go of). */
static hf__job *await_command(hf_conn *c, hf_txn *t)
{
	int64_t until = HF__NEVER;
	hf__job *j;
	bool ended;

	for (;;) {
		hf__txn_send_ahead(c, t);
		if (!hf__train_first(c) && pool_ends(c, t)) {
			end_unasked(t, closed(t));
			return NULL;
		}
		hf__lock(&t->lock);
		j = next_locked(c, t, &until);
		ended = t->ended;
		hf__unlock(&t->lock);
		if (j || ended)
			return j;
		if (!hf__link_rest(c->link, until)) {
			end_unasked(t, hung_up(c, t));
			return NULL;
		}
		hf__lock(&t->lock);
		t->sleeping = false;
		hf__unlock(&t->lock);
	}
}

/* --- serving --- */

static int64_t run_until(const hf_txn *t, const hf__job *j)
{
	int64_t own = j->timeout_ms > 0 ? hf__after(j->started_at, j->timeout_ms) : HF__NEVER;

	return own < t->life_until ? own : t->life_until;
}

void hf__txn_set_clock(hf_conn *c, const hf_txn *t, hf__job *j)
{
	j->started_at = hf__now();
	j->run_until = run_until(t, j);
	c->job = j;
	c->run_until = j->run_until;
}

void hf__txn_start_command(hf_conn *c, const hf_txn *t, hf__job *j)
{
	hf__txn_set_clock(c, t, j);
	hf__txn_note(c, j);
}

bool hf__txn_end_command(hf_conn *c, hf_txn *t, hf__job *serving, hf__job *j)
{
	bool goes_on;

	goes_on = hf__txn_run_command(c, t, j);
	if (j->outcome.status == HF_E_TIMEOUT && hf__now() >= t->life_until)
		j->outcome.error = hf__error_amend(j->outcome.error, 0, 0,
			"the transaction has lived for as long as it may (max_ms %d): %s",
			t->max_ms, hf_error_message(j->outcome.error));
	if (c->end == HF__END_NONE) /* the story of an end says more */
		hf__worker_explain_termination(c->worker, &j->outcome);
	hf__conn_end_part(c);
	c->job = serving;
	c->run_until = HF__NEVER;
	hf__lock(&t->lock);
	j->state = HF__JOB_DONE;
	j->worker = NULL;
	t->running = hf__train_first(c);
	t->idle_since = hf__now();
	if (goes_on) {
		hf__txn_end_off_locked(t, j);
	} else {
		t->last = j;
		t->ended = true;
	}
	hf__unlock(&t->lock);
	if (goes_on)
		hf__job_complete(j, j->outcome);
	return goes_on;
}

/* Runs one command. True: the transaction goes on. */
static bool serve_one(hf_conn *c, hf_txn *t, hf__job *serving, hf__job *j)
{
	hf__txn_start_command(c, t, j);
	return hf__txn_end_command(c, t, serving, j);
}

void hf__txn_settle_in(hf_txn *t, hf__worker *w, bool lent)
{
	hf__lock(&t->lock);
	t->worker = w;
	t->idle_since = hf__now();
	t->life_until = since(t->idle_since, t->max_ms);
	t->lent = lent;
	t->left_at = t->idle_since;
	hf__unlock(&t->lock);
}

/* What others have begun while the worker was lent. False: it was the end, or they have come to it
 * already. */
static bool take_up(hf_conn *c, hf_txn *t, hf__job *serving)
{
	bool ended;
	hf__job *j;

	hf__lock(&t->lock);
	ended = t->ended;
	j = t->running;
	hf__unlock(&t->lock);
	return !ended && (!j || hf__txn_end_command(c, t, serving, j));
}

static bool has_expired(hf_txn *t)
{
	bool expired;

	hf__lock(&t->lock);
	expired = t->expired;
	hf__unlock(&t->lock);
	return expired;
}

void hf__txn_serve(hf_conn *c, hf__job *serving)
{
	hf_txn *t = serving->more->arg;
	bool goes_on = true;
	hf__job *j;

	if (t->worker)
		goes_on = take_up(c, t, serving);
	else
		hf__txn_settle_in(t, c->worker, false);
	while (goes_on && (j = await_command(c, t)) != NULL)
		goes_on = serve_one(c, t, serving, j);
	if (has_expired(t))
		hf__logf(&t->pool->log, HF__LOG_WARN, "%s", hf_error_message(t->end));
	hf__txn_call_back(c, t);
	hf_error_unref(hf__conn_rollback(c));
	hf__lock(&t->lock);
	t->ended = true;
	t->worker = NULL;
	hf__unlock(&t->lock);
}
