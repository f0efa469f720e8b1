/* SPDX-License-Identifier: MIT */
/* An interaction that is run again: what decides, and the pause between two attempts.
 *
 * The first statement of an attempt that met a conflict decides, or its COMMIT, and not what the
 * function made of it; likewise a lost connection, where that is to be repeated. On the same link
 * the next attempt follows here; where the link is gone the job goes back to the queue (serve.c),
 * and retry.last goes with it. */
#include "pool/pool.h"

#include "base/clock.h"
#include "value/error.h"

#include <string.h>

#define PAUSE_MS     10 /* at most, before the second attempt; doubled for each further one */
#define MAX_PAUSE_MS 1000

static bool is_conflict(const hf_error *e)
{
	return strcmp(hf_error_sqlstate(e), "40001") == 0 ||
	       strcmp(hf_error_sqlstate(e), "40P01") == 0;
}

/* Rolled back, or committed, or nobody knows: to be repeated only where that does no harm. */
static bool is_loss(const hf__job *j, const hf_error *e)
{
	return j->more->retry.idempotent && hf_error_status(e) == HF_E_CONN_LOST;
}

void hf__retry_heed(hf_conn *c, const hf_error *e)
{
	if (c->job->more->retry.attempts && !c->cause && (is_conflict(e) || is_loss(c->job, e)))
		c->cause = hf_error_ref(e);
}

/* timeout_ms limits one attempt, the deadline all of them. */
void hf__retry_begin(hf_conn *c, hf__job *j)
{
	hf_pool *p = j->pool;
	hf__retry *r = &j->more->retry;
	int64_t now = hf__now();

	if (!r->attempts)
		return;
	if (!r->until)
		r->until = r->deadline_ms < 0 ? HF__NEVER : hf__after(now, r->deadline_ms);
	j->run_until = j->timeout_ms > 0 ? hf__after(now, j->timeout_ms) : HF__NEVER;
	if (r->until < j->run_until)
		j->run_until = r->until;
	c->run_until = j->run_until;
	r->elsewhere = false;
	r->last = hf_error_unref(r->last);
	if (++r->attempt == 1)
		return;
	hf__lock(&p->lock);
	p->stats.retries++;
	hf__unlock(&p->lock);
}

/* --- the end --- */

/* Where some attempt may have been committed, no later one can say that nothing was. */
static hf_error *in_doubt(const hf__job *j, hf_error *e)
{
	if (!j->more->retry.unknown)
		return e;
	return hf__error_amend(e, HF_MAYBE_COMMITTED, HF_RETRYABLE, "%s", hf_error_message(e));
}

/* But for the function's own words, which stay as they are. */
static hf_error *say_attempts(const hf__job *j, hf_error *e)
{
	if (j->more->retry.attempt > 1 && hf_error_status(e) != HF_E_USER)
		e = hf__error_amend(e, 0, 0, "%s (after %d attempts)", hf_error_message(e),
			j->more->retry.attempt);
	return in_doubt(j, e);
}

hf_error *hf__retry_never(const hf__job *j, hf_error *e)
{
	if (!j->more->retry.last)
		return e;
	e = hf__error_amend(e, 0, 0, "%s; attempt %d had ended with: %s", hf_error_message(e),
		j->more->retry.attempt, hf_error_message(j->more->retry.last));
	return in_doubt(j, e);
}

/* --- again --- */

static bool calls_for_another(hf_conn *c, const hf__job *j, const hf_error *e)
{
	return is_conflict(e) || (is_loss(j, e) && hf__link_session(c->link) == HF__SESSION_LOST);
}

/* What calls for another attempt: what it ended with, or what the function made something else of,
 * or nothing. A reference. */
static hf_error *reason(hf_conn *c, const hf__job *j, const hf_error *e)
{
	if (hf_error_is(e, HF_COMMITTED) ||
		(hf_error_is(e, HF_MAYBE_COMMITTED) && !j->more->retry.idempotent))
		return NULL;
	if (calls_for_another(c, j, e))
		return hf_error_ref(e);
	return calls_for_another(c, j, c->cause) ? hf_error_ref(c->cause) : NULL;
}

static int64_t pause_ns(int attempt)
{
	int64_t most = MAX_PAUSE_MS;

	if (attempt < 8 && (PAUSE_MS << (attempt - 1)) < MAX_PAUSE_MS)
		most = PAUSE_MS << (attempt - 1);
	return (int64_t)hf__random((uint64_t)(most * HF__MS) + 1);
}

/* Keeps the connection meanwhile: no work is begun by others that this one would meet again. False:
 * there is to be no other attempt. */
static bool pause_between(hf_conn *c, const hf__job *j, hf__ask *asked)
{
	int64_t until = hf__now() + pause_ns(j->more->retry.attempt);

	if (until >= j->more->retry.until)
		return false;
	for (;;) {
		*asked = hf__worker_ask(c->worker);
		if (*asked != HF__ASK_NONE)
			return false;
		if (hf__link_session(c->link) == HF__SESSION_LOST || hf__now() >= until)
			return true;
		(void)hf__link_rest(c->link, until);
	}
}

static void set_error(hf__outcome *o, hf_error *e)
{
	hf_error_unref(o->error);
	o->error = e;
	o->status = hf_error_status(e);
}

static bool give_up(const hf__job *j, hf__outcome *o)
{
	hf_error *e = o->error;

	o->error = NULL;
	set_error(o, say_attempts(j, e));
	return false;
}

static bool give_up_canceled(const hf__job *j, hf__outcome *o)
{
	hf_error *e = hf__error_fmt(HF_E_CANCELED, HF_RETRYABLE,
		"cancelled before attempt %d, the last: %s", j->more->retry.attempt + 1,
		hf_error_message(o->error));

	set_error(o, in_doubt(j, hf__error_at(e, 0, NULL, &j->site)));
	return false;
}

bool hf__retry_again(hf_conn *c, hf__job *j, hf__outcome *o)
{
	hf__retry *r = &j->more->retry;
	hf__ask asked = HF__ASK_NONE;
	hf_error *why;

	if (!r->attempts || o->status == HF_OK)
		return false;
	r->unknown |= hf_error_is(o->error, HF_MAYBE_COMMITTED);
	why = reason(c, j, o->error);
	c->cause = hf_error_unref(c->cause);
	if (!why)
		return give_up(j, o);
	set_error(o, hf__error_at(why, 0, NULL, &j->site));
	hf__conn_end_part(c);
	if (r->attempt >= r->attempts)
		return give_up(j, o);
	if (!pause_between(c, j, &asked))
		return asked == HF__ASK_NONE ? give_up(j, o) : give_up_canceled(j, o);
	if (hf__link_session(c->link) == HF__SESSION_LOST) {
		r->elsewhere = true;
		r->last = o->error;
		o->error = NULL;
		return false;
	}
	hf_error_unref(o->error);
	return true;
}
