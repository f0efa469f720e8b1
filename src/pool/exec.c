/* SPDX-License-Identifier: MIT */
/* One statement on a connection: what travels with it, and what its failure means. The
 * thread whose the connection is: the worker's own, or whom it is lent to. */
#include "pool/pool.h"
#include "pool/train.h"

#include "base/attr.h"
#include "base/clock.h"
#include "value/decode.h"
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

/* A transaction's max_ms is a limit of the server's only towards its end: before that only the
 * client watches it, as otherwise each statement would have to carry it there, and each COMMIT
 * back. */
#define TXN_LIMIT_MS 10000

hf__guard hf__conn_guard(hf_conn *c, int limit_ms)
{
	hf__guard g = { HF__NEVER, HF__NEVER, hf__worker_ask, c->worker, NULL };

	if (limit_ms > 0)
		g.cancel_at = hf__deadline((int64_t)limit_ms + LIMIT_GRACE_MS);
	if (c->hook_until < g.cancel_at)
		g.cancel_at = c->hook_until;
	if (g.cancel_at != HF__NEVER)
		g.give_up_at = hf__after(g.cancel_at, GIVE_UP_MS);
	return g;
}

/* What ends the job's time is the life of the transaction that it belongs to, not a limit of its
 * own. */
static bool ends_with_txn(const hf_conn *c)
{
	const hf__job *j = c->job;

	return j->more->txn &&
	       (j->timeout_ms <= 0 || c->run_until < hf__after(j->started_at, j->timeout_ms));
}

static hf_error *out_of_time(const hf_conn *c)
{
	const hf__job *j = c->job;

	if (ends_with_txn(c))
		return hf__error_fmt(HF_E_TIMEOUT, 0,
			"the transaction has lived for as long as it may (max_ms)");
	return hf__error_fmt(
		HF_E_TIMEOUT, 0, "the interaction ran longer than timeout_ms (%d)", j->timeout_ms);
}

static hf_error *stop_asked(hf_conn *c)
{
	hf__ask ask = hf__worker_ask(c->worker);

	if (ask == HF__ASK_NONE && (c->run_until == HF__NEVER || c->run_until > hf__now()))
		return NULL;
	if (ask == HF__ASK_NONE)
		return out_of_time(c);
	return hf__error_fmt(HF_E_CANCELED, 0, "cancelled while it ran");
}

const char *hf__conn_begin_text(hf_conn *c)
{
	static const char *const level[] = { "", " ISOLATION LEVEL READ COMMITTED",
		" ISOLATION LEVEL REPEATABLE READ", " ISOLATION LEVEL SERIALIZABLE" };

	snprintf(c->begin, sizeof c->begin, "BEGIN%s%s%s", level[c->isolation],
		c->read_only ? " READ ONLY" : "", c->deferrable ? " DEFERRABLE" : "");
	return c->begin;
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
	if (left > TXN_LIMIT_MS && ends_with_txn(c))
		return 0;
	if (left < 1)
		left = 1;
	return session > 0 && left >= session && !own ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Whether the transaction's number is worth knowing: it may write, and the server can tell later
 * what became of it. */
static bool asks_xid(const hf_conn *c)
{
	return c->outcome != HF_OUTCOME_FAST && !c->read_only && hf__link_tells_outcomes(c->link);
}

/* What travels after a statement of a transaction. COMMIT does where its outcome can still be told:
 * the number is known from an earlier trip, or there is nothing to tell, or nobody wants to know.
 */
static void prepare_tail(hf_conn *c, hf__run *run)
{
	bool asks = asks_xid(c), plain = run->kind == HF__SQL_PLAIN || run->kind == HF__SQL_READ;

	if (run->script || run->copy || hf__link_session(c->link) == HF__SESSION_FAILED)
		return;
	run->commit = c->then_commit && plain && !run->on_row && (!asks || c->xid[0]);
	run->stamp = run->commit ? hf__conn_stamp(c) : NULL;
	if (run->commit)
		run->commit_guard = hf__conn_commit_guard(c);
	run->ask_xid = asks && plain && !c->xid[0] && !run->commit;
	run->close_portal = c->rests;
}

/* A statement that could not be followed by the question, or failed before it, leaves it open until
 * COMMIT. `later`: it is asked behind another. */
static void note_xid(hf_conn *c, const hf__run *run, bool later)
{
	bool plain = !run->script && (run->kind == HF__SQL_PLAIN || run->kind == HF__SQL_READ);

	if (run->xid[0])
		snprintf(c->xid, sizeof c->xid, "%s", run->xid);
	if (run->kind == HF__SQL_EMPTY && !run->script)
		return;
	if (run->notifies)
		c->wrote_nothing = false;
	if (plain && run->ask_xid && run->main_done)
		c->xid_stale = false;
	else if (!later &&
		 (!plain || !c->read_only)) /* it may have written, or have told others something */
		c->wrote_nothing = false;
	if (!run->ask_xid || !run->main_done)
		c->xid_stale = !c->xid[0] && asks_xid(c);
}

static void watch_run_until(const hf_conn *c, hf__run *run)
{
	run->guard.cancel_at = hf__after(c->run_until, ROUNDED_GRACE_MS);
	run->guard.give_up_at = hf__after(run->guard.cancel_at, GIVE_UP_MS);
}

static void set_guard(hf_conn *c, hf__run *run, int limit)
{
	run->limit_ms = limit > 0 ? limit : c->link->cfg.statement_ms;
	run->guard = hf__conn_guard(c, run->limit_ms == INT_MAX ? 0 : run->limit_ms);
	if (limit == 0 && c->run_until < run->guard.cancel_at)
		watch_run_until(c, run);
}

static void guard_rounded(hf__run *run, int limit)
{
	if (limit > 0 && round_up_125(limit) > limit)
		run->guard.cancel_at = hf__deadline((int64_t)limit + ROUNDED_GRACE_MS);
}

/* What travels before the statement: BEGIN, a limit that differs from the one in force, read only.
 */
static void prepare_run(hf_conn *c, hf__run *run)
{
	bool in_txn = hf__link_session(c->link) != HF__SESSION_IDLE;
	int limit = wanted_limit(c);

	set_guard(c, run, limit);
	if (c->txn_auto && !c->txn_open)
		run->begin = hf__conn_begin_text(c);
	if (!in_txn && !run->begin) {
		run->set_timeout = run->script ? 0 : limit;
		run->set_read_only = c->read_only && !run->script && !c->link->cfg.read_only;
		return;
	}
	prepare_tail(c, run);
	/* A failed transaction takes nothing but its end. */
	if (run->script || hf__link_session(c->link) == HF__SESSION_FAILED)
		return;
	guard_rounded(run, limit);
	if (run->copy) /* it was described a moment ago, with the limit */
		return;
	limit = limit > 0 ? round_up_125(limit) : 0;
	if (limit != c->txn_timeout) {
		run->set_timeout = limit > 0 ? limit : -1;
		c->txn_timeout = limit;
	}
}

unsigned hf__conn_fate(const hf_conn *c, const hf__run *run, const hf_error *e, bool in_txn)
{
	/* Not what only looks like a read: a function may write. */
	bool reads = run->set_read_only || c->link->cfg.read_only;

	/* A result that was too large was there: the statement may have done its work. */
	if (run->sent && hf_error_status(e) == HF_E_TOO_LARGE)
		return in_txn || run->begin || reads ? 0 : HF_MAYBE_COMMITTED;
	if (hf__link_session(c->link) != HF__SESSION_LOST && !hf_error_is(e, HF_CONNECTION))
		return 0;
	if (*hf_error_sqlstate(e) && !hf_error_is(e, HF_CONNECTION))
		return 0; /* the server said no, and only then was its connection given up */
	if (!run->sent)
		return HF_RETRYABLE;
	/* A COMMIT may stand in the text. */
	if (run->kind == HF__SQL_TXN || (run->script && !c->txn_auto))
		return HF_MAYBE_COMMITTED;
	if (hf_error_status(e) == HF_E_MISUSE)
		return in_txn || run->begin || reads ? 0 : HF_MAYBE_COMMITTED;
	return in_txn || run->begin || reads ? HF_RETRYABLE : HF_MAYBE_COMMITTED;
}

/* By its command tag; of a script that is its last statement's. */
static bool defines(const char *tag)
{
	static const char *const verbs[] = { "CREATE ", "ALTER ", "DROP ", "COMMENT", "GRANT",
		"REVOKE", "TRUNCATE" };

	for (size_t i = 0; i < hf_countof(verbs); i++)
		if (strncmp(tag, verbs[i], strlen(verbs[i])) == 0)
			return true;
	return false;
}

/* What is binary is bytes of the user's, or an array. */
static void show_param(hf__strbuf *b, const hf__params *p, int i)
{
	const char *v = p->values[i];
	const hf__type *item = v && p->formats[i] ? hf__type_of_items(p->types[i]) : NULL;

	if (!v || (p->formats[i] && !item)) {
		hf__strbuf_puts(b, v ? "(bytes)" : "NULL");
		return;
	}
	hf__strbuf_putc(b, '\'');
	if (item)
		(void)hf__array_print(b, item, v, (size_t)p->lengths[i]);
	else
		hf__strbuf_puts(b, v);
	hf__strbuf_putc(b, '\'');
}

void hf__conn_log_run(
	const hf_conn *c, const hf__run *run, const hf_error *e, int64_t began, const hf_site *site)
{
	const hf__log *log = &c->worker->pool->log;
	bool definition = !e && hf__logs(log, HF__LOG_INFO) && defines(run->tag);
	double ms;
	hf__strbuf shown = HF__STRBUF_INIT;
	char place[200];

	if (!definition && !hf__logs(log, HF__LOG_DEBUG))
		return;
	ms = (double)(hf__now() - began) / 1e6;
	hf__site_name(c->job->more->label, site, place, sizeof place);
	/* Without its text, which may have a password in it. */
	if (definition)
		hf__logf(log, HF__LOG_INFO, "%.3f ms %s: %s", ms, place, run->tag);
	if (!hf__logs(log, HF__LOG_DEBUG))
		return;
	for (int i = 0; run->params && i < run->params->n; i++) {
		hf__strbuf_puts(&shown, i ? ", " : " [");
		if (c->worker->pool->opts.log_params)
			show_param(&shown, run->params, i);
		else
			hf__strbuf_printf(&shown, "$%d", i + 1);
	}
	hf__logf(log, HF__LOG_DEBUG, "%.3f ms %s: %s%s%s%s%s", ms, place,
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

static bool in_txn(const hf_conn *c)
{
	hf__session s = hf__link_session(c->link);

	return s == HF__SESSION_TXN || s == HF__SESSION_FAILED;
}

/* False: the job is not to run any more; whoever runs it says so. */
static bool begin_sent(hf_conn *c, hf__sent *s, hf__job *j, bool synced)
{
	hf_error *e = stop_asked(c);

	hf_error_unref(e);
	if (e)
		return false;
	s->job = j;
	s->run = (hf__run){
		.sql = j->sql, .sql_hash = j->sql_hash, .params = j->params, .kind = j->sql_kind
	};
	s->in_txn = in_txn(c);
	s->at = hf__now();
	s->synced = synced;
	prepare_run(c, &s->run);
	return true;
}

static bool note_sent(hf_conn *c, hf_error *e)
{
	if (e)
		c->txn_timeout = -1; /* it was not told */
	hf_error_unref(e);
	return !e;
}

bool hf__conn_send(hf_conn *c, hf__job *j, bool lone)
{
	hf__sent *s = &c->alone;

	if (!begin_sent(c, s, j, true) ||
		!note_sent(c, hf__trip_start(&s->trip, c->link, &s->run, lone)))
		return false;
	c->sent = s;
	return true;
}

bool hf__conn_send_behind(hf_conn *c, hf__sent *s, hf__job *j, bool last)
{
	hf_error *e;

	if (!begin_sent(c, s, j, false))
		return false;
	s->run.ask_xid &= last;
	s->run.close_portal &= last;
	e = hf__trip_begin(&s->trip, c->link, &s->run, true, false, s->at);
	s->trip.behind = true;
	return note_sent(c, e);
}

/* Its clock runs since what was before it has been answered. */
static hf_error *end_sent(hf_conn *c, hf__sent *s, hf_result **out)
{
	int limit = wanted_limit(c);
	hf_error *e;

	if (s == &c->alone)
		return hf__trip_end(&s->trip, out, true);
	set_guard(c, &s->run, limit);
	guard_rounded(&s->run, limit);
	e = hf__trip_end(&s->trip, out, s->synced);
	hf__train_ended(c, e);
	return e;
}

void hf__conn_drop_sent(hf_conn *c)
{
	hf__sent *s = c->sent;
	hf_error *e;

	if (!s)
		return;
	c->sent = NULL;
	s->run.guard = hf__conn_commit_guard(c);
	e = hf__trip_end(&s->trip, NULL, s->synced);
	if (s != &c->alone)
		hf__train_ended(c, e);
	hf_error_unref(e);
	c->xid_stale = !c->xid[0] && asks_xid(c); /* it may have been run all the same */
}

static hf_error *run_whole(hf_conn *c, hf__run *run, hf_result **out)
{
	hf_error *e;

	prepare_run(c, run);
	e = begin_first(c, run);
	return e ? e : hf__link_run(c->link, run, out);
}

/* Runs one statement with all that belongs to it. NULL, or the story, which also poisons an open
 * transaction. */
hf_error *hf__conn_execute(hf_conn *c, hf__run *run, hf_result **out, const hf_site *site)
{
	hf__sent *s = c->sent;
	bool was_in_txn = s ? s->in_txn : in_txn(c);
	int64_t began = 0;
	bool decided; /* by the COMMIT that travelled along */
	bool idle;
	hf_error *e = s ? NULL : stop_asked(c);

	if (e)
		return hf__error_at(e, HF_RETRYABLE, run->sql, site);
	if (hf__logs(&c->worker->pool->log, HF__LOG_DEBUG))
		began = s ? s->at : hf__now();
	if (s) {
		run = &s->run;
		c->sent = NULL;
		e = end_sent(c, s, out);
	} else {
		e = run_whole(c, run, out);
	}
	if (e && run->stale_plan)
		e = run_again(c, run, e, out);
	note_xid(c, run, s && !s->synced && asks_xid(c));
	decided = run->commit && run->sent &&
		  (run->main_done || hf__link_session(c->link) == HF__SESSION_LOST);
	if (decided)
		e = hf__conn_committed(c, run, e, out);
	else if (e)
		e = hf__error_at(e, hf__conn_fate(c, run, e, was_in_txn), run->sql, site);
	idle = hf__link_session(c->link) == HF__SESSION_IDLE;
	c->txn_open = c->txn_auto && !idle;
	if (idle)
		hf__conn_txn_over(c);
	if (!e && c->txn_auto && !c->txn_open && !decided)
		e = hf__error_fmt(
			HF_E_MISUSE, 0, "the script ended the transaction that it ran in");
	if (e && !c->poison && !decided && !idle)
		c->poison = hf_error_ref(e);
	hf__conn_count_run(c, e);
	hf__conn_log_run(c, run, e, began, site);
	return e;
}
