/* SPDX-License-Identifier: MIT */
/* The ends of a transaction: COMMIT with its three outcomes, and ROLLBACK.
 *
 * Note "three outcomes". The server answers COMMIT with the tag COMMIT, or says why not (an error,
 * or the tag ROLLBACK), or its answer is lost; then outcome.c asks. Only what stays unknown after
 * that is HF_MAYBE_COMMITTED. */
#include "pool/pool.h"

#include "base/clock.h"
#include "value/codec.h"
#include "value/error.h"

#include <apr_escape.h>
#include <apr_general.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* A COMMIT is not cancelled; only a pool that is being torn down gives up on it, and then says so.
 */
hf__ask hf__conn_ask_commit(void *worker)
{
	return hf__worker_ask(worker) == HF__ASK_ABORT ? HF__ASK_ABORT : HF__ASK_NONE;
}

hf__guard hf__conn_commit_guard(hf_conn *c)
{
	return (hf__guard){ HF__NEVER, hf__deadline(c->link->cfg.stall_ms), hf__conn_ask_commit,
		c->worker, NULL };
}

void hf__conn_txn_over(hf_conn *c)
{
	c->txn_open = c->xid_stale = false;
	c->wrote_nothing = true;
	c->txn_timeout = 0;
	c->xid[0] = c->stamp[0] = c->stamp_id[0] = '\0';
}

/* --- the outcome table --- */

bool hf__random_hex(char out[33])
{
	unsigned char raw[16];

	return apr_generate_random_bytes(raw, sizeof raw) == APR_SUCCESS &&
	       apr_escape_hex(out, raw, sizeof raw, 0, NULL) == APR_SUCCESS;
}

const char *hf__conn_stamp(hf_conn *c)
{
	const char *table = c->worker->pool->outcome_table;
	int n;

	if (!table || !c->xid[0])
		return NULL;
	if (c->stamp[0])
		return c->stamp;
	if (!hf__random_hex(c->stamp_id))
		return NULL;
	n = snprintf(c->stamp, sizeof c->stamp,
		"INSERT INTO %s (id, made_at) VALUES ('%s', pg_catalog.clock_timestamp())", table,
		c->stamp_id);
	return n > 0 && (size_t)n < sizeof c->stamp ? c->stamp : NULL;
}

/* --- outcomes --- */

static hf_error *ended_by_server(hf_conn *c)
{
	static const char what[] = "the server rolled the transaction back at COMMIT";

	if (!c->poison)
		return hf__error_fmt(HF_E_TXN_ENDED, 0, "%s", what);
	return hf__error_because(
		HF_E_TXN_ENDED, 0, c->poison, "%s: %s", what, hf_error_message(c->poison));
}

static hf_error *lost_error(const hf_conn *c, hf_error *e, unsigned traits, const char *what)
{
	char text[600];
	hf__error_spec spec = { .status = hf_error_status(e) == HF_E_TIMEOUT ? HF_E_CONN_LOST
									     : hf_error_status(e),
		.traits = HF_CONNECTION | traits,
		.sqlstate = hf_error_sqlstate(e),
		.message = text,
		.field[HF_ERR_QUERY] = hf_error_field(e, HF_ERR_QUERY),
		.site = &c->job->site };
	hf_error *told;

	snprintf(text, sizeof text, "%s: %s", hf_error_message(e), what);
	told = hf__error_new(&spec); /* copies what `e` lends */
	hf_error_unref(e);
	/* Without memory for the story, at least not a word of its being undone. */
	if (told == hf__error_nomem() && traits & (HF_COMMITTED | HF_MAYBE_COMMITTED))
		told = hf__error_at(told, HF_MAYBE_COMMITTED, NULL, NULL);
	return told;
}

static void count_outcome(hf_pool *p, hf__end end)
{
	hf__lock(&p->lock);
	p->stats.outcomes_resolved += end != HF__END_UNKNOWN;
	p->stats.outcomes_unknown += end == HF__END_UNKNOWN;
	hf__unlock(&p->lock);
}

/* The answer was lost: asks. `answered`: all that the caller waits for is there but that. */
static hf_error *resolve(hf_conn *c, hf_error *e, bool answered)
{
	char why[300], text[400];

	c->end = hf__outcome_ask(c, why, sizeof why);
	count_outcome(c->worker->pool, c->end);
	if (c->end == HF__END_ROLLED_BACK)
		return lost_error(c, e, HF_RETRYABLE,
			c->xid[0] ? "the server has rolled the transaction back"
				  : "the transaction had written nothing");
	if (c->end == HF__END_UNKNOWN) {
		snprintf(text, sizeof text,
			"whether the transaction was committed is not known: %s", why);
		return lost_error(c, e, HF_MAYBE_COMMITTED, text);
	}
	if (!answered)
		return lost_error(c, e, HF_COMMITTED,
			"the transaction was committed, but the answer of its last statement is "
			"lost");
	hf_error_unref(e);
	return NULL;
}

/* "WARNING: canceling the wait for synchronous replication …": it is committed here, and perhaps
 * nowhere else. */
void hf__conn_pass_on_notices(hf_conn *c, const char *verb, const hf_result *res)
{
	const char *notices = res ? hf_result_notices(res) : hf__strbuf_text(&c->link->notices);
	char name[200];

	if (*notices)
		hf__logf(&c->worker->pool->log, HF__LOG_WARN, "%s of %s: %s", verb,
			hf__job_name(c->job, name, sizeof name), notices);
}

/* What the answer to COMMIT means; `tag` is "" where there was none. */
static hf_error *understand(hf_conn *c, hf_error *e, const char *tag, bool sent, bool answered)
{
	if (strcmp(tag, "COMMIT") == 0) {
		hf_error_unref(e); /* of a server that went away behind its answer */
		c->end = HF__END_COMMITTED;
		return NULL;
	}
	c->end = HF__END_ROLLED_BACK;
	if (!e)
		return ended_by_server(c);
	if (hf__link_session(c->link) != HF__SESSION_LOST)
		return e;
	return sent ? resolve(c, e, answered) : hf__error_at(e, HF_RETRYABLE, NULL, &c->job->site);
}

static hf_error *settle(hf_conn *c, hf_error *e, const char *tag, bool sent, bool answered)
{
	hf__tally *t = &c->worker->tally;

	e = understand(c, e, tag, sent, answered);
	if (c->end == HF__END_COMMITTED)
		hf__tally_one(&t->commits);
	else if (c->end == HF__END_ROLLED_BACK)
		hf__tally_one(&t->rollbacks);
	return e;
}

hf_error *hf__conn_committed(hf_conn *c, const hf__run *run, hf_error *e, hf_result **out)
{
	bool answered = run->main_done && (!out || *out);

	/* The server refused the statement itself, so it never came to the COMMIT. */
	if (e && !run->main_done && *hf_error_sqlstate(e) && !hf_error_is(e, HF_CONNECTION))
		c->end = HF__END_ROLLED_BACK;
	else
		e = settle(c, e, run->commit_tag, true, answered);
	hf__conn_ended(c);
	if (e && out)
		*out = hf_result_unref(*out);
	return e ? hf__error_at(e, 0, run->sql, &c->job->site) : NULL;
}

/* --- the calls --- */

/* Which transaction this is, where its last statements could not carry the question. */
static hf_error *ask_xid(hf_conn *c)
{
	hf__run run = {
		.sql = "", .kind = HF__SQL_EMPTY, .ask_xid = true, .guard = hf__conn_commit_guard(c)
	};
	hf_error *e;

	e = hf__link_run(c->link, &run, NULL);
	if (!e)
		snprintf(c->xid, sizeof c->xid, "%s", run.xid);
	return e ? hf__error_at(e, HF_RETRYABLE, NULL, &c->job->site) : NULL;
}

static hf_error *send_commit(hf_conn *c, hf_result **out)
{
	bool failed = hf__link_session(c->link) == HF__SESSION_FAILED;
	bool limited = c->txn_timeout || c->link->cfg.statement_ms;
	hf__run run = { .sql = "COMMIT",
		.kind = HF__SQL_EMPTY,
		.stamp = failed ? NULL : hf__conn_stamp(c),
		.set_timeout = limited && !failed ? INT_MAX : 0,
		.guard = hf__conn_commit_guard(c) };
	hf_error *e;

	e = hf__link_run(c->link, &run, out);
	if (out && hf_error_status(e) == HF_E_NOMEM && !run.sent) {
		hf_error_unref(e); /* its result is not worth losing the work for */
		e = hf__link_run(c->link, &run, NULL);
	}
	if (e && run.stamp && strcmp(hf_error_sqlstate(e), "42P01") == 0)
		e = hf__error_amend(e, 0, 0,
			"%s: the pool's outcome_table (hf_outcome_setup makes it)",
			hf_error_message(e));
	hf__conn_pass_on_notices(c, "COMMIT", out ? *out : NULL);
	return settle(c, e, run.tag, run.sent, true);
}

hf_error *hf__conn_rollback(hf_conn *c)
{
	hf__guard g = { HF__NEVER, HF__NEVER, hf__conn_ask_commit, c->worker, NULL };
	hf_error *e = NULL;

	if (hf__link_session(c->link) == HF__SESSION_TXN ||
		hf__link_session(c->link) == HF__SESSION_FAILED) {
		e = hf__link_command(c->link, "ROLLBACK", &g);
		hf__tally_one(&c->worker->tally.rollbacks);
	}
	hf__conn_undone(c);
	hf__conn_txn_over(c);
	if (c->end == HF__END_NONE)
		c->end = HF__END_ROLLED_BACK;
	c->poison = hf_error_unref(c->poison);
	return e;
}

/* Part of the work failed and was not undone. */
static hf_error *not_committed(hf_conn *c)
{
	hf_error *e = hf__error_because(HF_E_TXN_ENDED, 0, c->poison,
		"the transaction was rolled back instead of committed: %s",
		hf_error_message(c->poison));

	hf_error_unref(hf__conn_rollback(c));
	return hf__error_at(e, 0, NULL, &c->job->site);
}

/* A COMMIT that worked is told without memory; its result is then missing. */
hf_error *hf__conn_commit_with(hf_conn *c, hf_result **out)
{
	hf_error *e = NULL;

	if (hf__link_session(c->link) == HF__SESSION_IDLE) {
		c->end = HF__END_COMMITTED;
		hf__conn_ended(c);
		return NULL;
	}
	if (c->poison && hf__link_session(c->link) == HF__SESSION_TXN)
		return not_committed(c);
	if (c->xid_stale && hf__link_session(c->link) == HF__SESSION_TXN)
		e = ask_xid(c);
	if (e)
		c->end = HF__END_ROLLED_BACK;
	else
		e = send_commit(c, out);
	hf__conn_txn_over(c);
	hf__conn_ended(c);
	return e;
}

hf_error *hf__conn_commit(hf_conn *c)
{
	return hf__conn_commit_with(c, NULL);
}
