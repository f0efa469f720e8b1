/* SPDX-License-Identifier: MIT */
/* One statement on a connection: what travels with it, what its failure means, and the ends of the
 * transaction that it opened. The worker's own thread only. */
#include "pool/pool.h"

#include "base/clock.h"
#include "value/error.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* How much later than the server the client acts on a limit: the server's own answer is the better
 * one. */
#define LIMIT_GRACE_MS 400
#define GIVE_UP_MS     5000

/* Where the server's limit was rounded up, so that only the client knows the right one. */
#define ROUNDED_GRACE_MS 30

hf__guard hf__conn_guard(hf_conn *c, int limit_ms)
{
	hf__guard g = { HF__NEVER, HF__NEVER, hf__worker_ask, c->worker };

	if (limit_ms > 0)
		g.cancel_at = hf__deadline((int64_t)limit_ms + LIMIT_GRACE_MS);
	if (c->hook_until < g.cancel_at)
		g.cancel_at = c->hook_until;
	if (g.cancel_at != HF__NEVER)
		g.give_up_at = hf__after(g.cancel_at, GIVE_UP_MS);
	return g;
}

static hf_error *stop_asked(hf_conn *c)
{
	hf__ask ask = hf__worker_ask(c->worker);

	if (ask == HF__ASK_NONE && c->run_until > hf__now())
		return NULL;
	if (ask == HF__ASK_NONE)
		return hf__error_fmt(HF_E_TIMEOUT, 0,
			"the interaction ran longer than timeout_ms (%d)", c->job->timeout_ms);
	return hf__error_fmt(HF_E_CANCELED, 0, "cancelled while it ran");
}

const char *hf__conn_begin_text(const hf_conn *c)
{
	static const char *const text[2][4] = {
		{ "BEGIN", "BEGIN ISOLATION LEVEL READ COMMITTED",
			"BEGIN ISOLATION LEVEL REPEATABLE READ",
			"BEGIN ISOLATION LEVEL SERIALIZABLE" },
		{ "BEGIN READ ONLY", "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
			"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
			"BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY" },
	};

	return text[c->read_only][c->isolation];
}

/* Up to the next of 1, 2, 5, 10, 20, 50 …: neighbours then mostly share one limit, and send it
 * once. */
static int round_up_125(int ms)
{
	static const int step[] = { 1, 2, 5 };

	for (int64_t scale = 1; scale <= 100000000; scale *= 10)
		for (int i = 0; i < 3; i++)
			if (ms <= step[i] * scale)
				return (int)(step[i] * scale);
	return INT_MAX;
}

/* The limit of the next statement, in ms; 0: the session's own. */
static int wanted_limit(const hf_conn *c)
{
	const hf__job *j = c->job;
	bool own = j->kind == HF__JOB_QUERY;
	int session = c->link->cfg.statement_ms;
	int64_t left;

	/* A statement's own limit replaces the session's, in a transaction as well; that of an
	 * interaction comes in addition to it. */
	if (own && j->timeout_ms < 0)
		return session ? INT_MAX : 0;
	if (own && j->timeout_ms > 0 && !c->txn_auto)
		return j->timeout_ms;
	if (c->run_until == HF__NEVER)
		return 0;
	left = (c->run_until - hf__now()) / HF__MS + 1;
	if (left < 1)
		left = 1;
	return session > 0 && left >= session && !own ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* What travels before the statement: BEGIN, a limit that differs from the one in force, read only.
 */
static void prepare_run(hf_conn *c, hf__run *run)
{
	bool in_txn = hf__link_session(c->link) != HF__SESSION_IDLE;
	int limit = wanted_limit(c);

	run->limit_ms = limit > 0 ? limit : c->link->cfg.statement_ms;
	run->guard = hf__conn_guard(c, run->limit_ms == INT_MAX ? 0 : run->limit_ms);
	if (c->txn_auto && !c->txn_open)
		run->begin = hf__conn_begin_text(c);
	if (!in_txn && !run->begin) {
		run->set_timeout = run->script ? 0 : limit;
		run->set_read_only = c->read_only && !run->script && !c->link->cfg.read_only;
		return;
	}
	/* A failed transaction takes nothing but its end. */
	if (run->script || hf__link_session(c->link) == HF__SESSION_FAILED)
		return;
	if (limit > 0 && round_up_125(limit) > limit)
		run->guard.cancel_at = hf__deadline((int64_t)limit + ROUNDED_GRACE_MS);
	limit = limit > 0 ? round_up_125(limit) : 0;
	if (limit != c->txn_timeout) {
		run->set_timeout = limit > 0 ? limit : -1;
		c->txn_timeout = limit;
	}
}

/* What an error says of the work: surely undone, or perhaps done. */
static unsigned fate(const hf_conn *c, const hf__run *run, const hf_error *e, bool in_txn)
{
	bool reads = run->kind == HF__SQL_READ || run->set_read_only || c->link->cfg.read_only;

	if (hf__link_session(c->link) != HF__SESSION_LOST && !hf_error_is(e, HF_CONNECTION))
		return 0;
	if (*hf_error_sqlstate(e) && !hf_error_is(e, HF_CONNECTION))
		return 0; /* the server said no, and only then was its connection given up */
	if (!run->sent)
		return HF_RETRYABLE;
	/* A COMMIT may stand in the text. */
	if (run->kind == HF__SQL_TXN || run->script)
		return HF_MAYBE_COMMITTED;
	if (hf_error_status(e) == HF_E_TOO_LARGE || hf_error_status(e) == HF_E_MISUSE)
		return in_txn || run->begin || reads ? 0 : HF_MAYBE_COMMITTED;
	return in_txn || run->begin || run->set_read_only || c->link->cfg.read_only
		       ? HF_RETRYABLE
		       : HF_MAYBE_COMMITTED;
}

static void log_run(
	hf_conn *c, const hf__run *run, const hf_error *e, int64_t began, const hf_site *site)
{
	const hf__log *log = &c->worker->pool->log;
	hf__strbuf shown = HF__STRBUF_INIT;
	char name[200];

	if (!hf__logs(log, HF__LOG_DEBUG))
		return;
	for (int i = 0; run->params && i < run->params->n; i++) {
		const char *v = run->params->values[i];

		if (!c->worker->pool->opts.log_params)
			hf__strbuf_printf(&shown, "%s$%d", i ? ", " : " [", i + 1);
		else if (!v || run->params->formats[i] == 1)
			hf__strbuf_printf(&shown, "%s%s", i ? ", " : " [", v ? "(bytes)" : "NULL");
		else
			hf__strbuf_printf(&shown, "%s'%s'", i ? ", " : " [", v);
	}
	hf__logf(log, HF__LOG_DEBUG, "%.3f ms %s: %s%s%s%s%s", (double)(hf__now() - began) / 1e6,
		hf__site_name(c->job->label, site, name, sizeof name),
		c->worker->pool->opts.log_params && run->text ? run->text : run->sql,
		hf__strbuf_text(&shown), shown.n ? "]" : "", e ? " failed: " : "",
		e ? hf_error_message(e) : "");
	hf__strbuf_finish(&shown);
}

/* A script cannot carry its BEGIN along. */
static hf_error *begin_first(hf_conn *c, hf__run *run)
{
	hf_error *e;

	if (!run->begin || !run->script)
		return NULL;
	e = hf__link_command(c->link, run->begin, &run->guard);
	run->begin = NULL;
	/* What was asked for meanwhile was told to the BEGIN. */
	return e ? e : stop_asked(c);
}

/* The statement with the old plan. That it may be gone already is no error here. */
static void deallocate(hf_conn *c, const hf__run *run)
{
	char sql[40];

	if (!run->stale_name[0])
		return;
	snprintf(sql, sizeof sql, "DEALLOCATE %s", run->stale_name);
	hf_error_unref(hf__link_command(c->link, sql, &run->guard));
}

/* Its prepared plan was out of date, so the statement did not run: once more, unless work would be
 * lost. */
static hf_error *run_again(hf_conn *c, hf__run *run, hf_error *e, hf_result **out)
{
	if (run->begin && hf__link_session(c->link) == HF__SESSION_FAILED) {
		hf_error *undo = hf__link_command(c->link, "ROLLBACK", &run->guard);

		if (undo) {
			hf_error_unref(undo);
			return e;
		}
	}
	if (hf__link_session(c->link) != HF__SESSION_IDLE)
		return e;
	hf_error_unref(e);
	deallocate(c, run);
	e = stop_asked(c);
	return e ? e : hf__link_run(c->link, run, out);
}

/* Runs one statement with all that belongs to it. NULL, or the story, which also poisons an open
 * transaction. */
hf_error *hf__conn_execute(hf_conn *c, hf__run *run, hf_result **out, const hf_site *site)
{
	bool in_txn = hf__link_session(c->link) == HF__SESSION_TXN ||
		      hf__link_session(c->link) == HF__SESSION_FAILED;
	int64_t began = hf__now();
	hf_error *e = stop_asked(c);

	if (e)
		return hf__error_at(e, HF_RETRYABLE, run->sql, site);
	prepare_run(c, run);
	e = begin_first(c, run);
	if (!e)
		e = hf__link_run(c->link, run, out);
	if (e && run->stale_plan)
		e = run_again(c, run, e, out);
	c->txn_open = c->txn_auto && hf__link_session(c->link) != HF__SESSION_IDLE;
	if (e)
		e = hf__error_at(e, fate(c, run, e, in_txn), run->sql, site);
	if (hf__link_session(c->link) == HF__SESSION_IDLE)
		c->txn_timeout = 0;
	if (!e && c->txn_auto && !c->txn_open)
		e = hf__error_fmt(
			HF_E_MISUSE, 0, "the script ended the transaction that it ran in");
	if (e && !c->poison && hf__link_session(c->link) != HF__SESSION_IDLE)
		c->poison = hf_error_ref(e);
	log_run(c, run, e, began, site);
	return e;
}

/* --- ends --- */

/* A COMMIT is not cancelled; only a pool that is being torn down gives up on it, and then says so.
 */
hf__ask hf__conn_ask_commit(void *worker)
{
	return hf__worker_ask(worker) == HF__ASK_ABORT ? HF__ASK_ABORT : HF__ASK_NONE;
}

static hf_error *ended_by_server(hf_conn *c)
{
	return hf__error_fmt(HF_E_TXN_ENDED, HF_RETRYABLE,
		"the server rolled the transaction back at COMMIT%s%s", c->poison ? ": " : "",
		c->poison ? hf_error_message(c->poison) : "");
}

/* No result is asked for, so that none must be made: a COMMIT that worked is told without memory.
 */
hf_error *hf__conn_commit(hf_conn *c)
{
	bool failed = hf__link_session(c->link) == HF__SESSION_FAILED;
	hf__run run = { .sql = "COMMIT",
		.kind = HF__SQL_EMPTY,
		.set_timeout = c->txn_timeout && !failed ? -1 : 0 };
	hf_error *e;

	if (hf__link_session(c->link) == HF__SESSION_IDLE)
		return hf__conn_ended(c, NULL);
	run.guard = (hf__guard){ HF__NEVER, hf__deadline(c->link->cfg.stall_ms),
		hf__conn_ask_commit, c->worker };
	e = hf__link_run(c->link, &run, NULL);
	if (!e && strcmp(run.tag, "COMMIT") != 0)
		e = ended_by_server(c);
	else if (e && hf__link_session(c->link) == HF__SESSION_LOST)
		e = hf__error_at(
			e, run.sent ? HF_MAYBE_COMMITTED : HF_RETRYABLE, NULL, &c->job->site);
	c->txn_open = false;
	c->txn_timeout = 0;
	return hf__conn_ended(c, e);
}

hf_error *hf__conn_rollback(hf_conn *c)
{
	hf__guard g = { HF__NEVER, HF__NEVER, hf__conn_ask_commit, c->worker };
	hf_error *e = NULL;

	if (hf__link_session(c->link) == HF__SESSION_TXN ||
		hf__link_session(c->link) == HF__SESSION_FAILED)
		e = hf__link_command(c->link, "ROLLBACK", &g);
	hf__conn_undone(c);
	c->txn_open = false;
	c->txn_timeout = 0;
	c->poison = hf_error_unref(c->poison);
	return e;
}
