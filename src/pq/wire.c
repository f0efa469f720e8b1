/* SPDX-License-Identifier: MIT */
/* What is said over a link: statements in pipeline mode, each trip closed by one Sync, and the
 * exceptions that libpq's pipeline mode cannot take (scripts, utility statements outside a
 * transaction). A prepared statement that goes by itself leaves pipeline mode as well: what is sent
 * is the same, and its Sync costs libpq no result.
 *
 * Note "the Sync decides". A result in pipeline mode is not the commit: the implicit transaction
 * commits at Sync, and a deferred constraint or a serialization failure arrives as one more error
 * in front of it. So nothing is reported before the Sync has been read.
 *
 * Note "poison". libpq can lose a Sync when memory runs out, and would then give one statement's
 * rows to the next. Five signs close the connection: a send that fails after part of a trip was
 * handed over; a message in PQerrorMessage while PQisBusy still waits; an error without a SQLSTATE
 * (libpq made it, not the server); a result that does not fit the command at the head; an errno
 * that libpq's call of send() left. For what the kernel does not take (ENOBUFS, EHOSTUNREACH) libpq
 * throws away and calls sent, and if the server does not hang up as well, its answer is awaited for
 * ever. Only errno tells, of libpq 15 and later, which does not read once a send has failed; and
 * where the link is encrypted nothing does: there it takes a limit of time. */
#include "pq/wire.h"

#include "base/clock.h"
#include "base/mem.h"
#include "pq/copy.h"
#include "pq/format.h"
#include "value/error.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* For so long nobody need have waited for an answer, and its time is told all the same. */
#define ATTENDED_NS 500000

static void read_answers(hf__trip *t, int64_t began, bool sync)
{
	while (t->n_read < t->n_commands && !t->l->broken)
		hf__trip_read(t, t->n_read, began);
	if (!sync || t->l->broken)
		return;
	if (!t->lone)
		hf__trip_read_sync(t, began);
	else if (!PQenterPipelineMode(t->l->pg))
		t->l->broken = true;
}

/* Simple protocol: every result is kept, the last is the main one. */
struct results {
	hf_result **v;
	size_t n, cap;
};

static bool push_result(struct results *rs, PGresult *pg)
{
	hf_result *r = hf__result_new(pg, NULL);

	if (r && rs->n == rs->cap) {
		size_t cap = rs->cap ? rs->cap * 2 : 8;
		hf_result **v = hf__realloc(rs->v, cap * sizeof *v);

		if (!v) {
			hf_result_unref(r);
			return false;
		}
		rs->v = v;
		rs->cap = cap;
	}
	if (r)
		rs->v[rs->n++] = r;
	return r != NULL;
}

static void drop_results(struct results *rs)
{
	while (rs->n > 0)
		hf_result_unref(rs->v[--rs->n]);
	hf__free(rs->v);
	rs->v = NULL;
}

static void serve_copy(hf__trip *t, int64_t began)
{
	t->copying = false;
	t->copied = true;
	hf__copy_serve(t, began);
}

/* Outside pipeline mode: one trip of its own. */
static void run_alone(hf__trip *t, struct results *rs, int64_t began)
{
	if (!PQexitPipelineMode(t->l->pg) || !hf__trip_send_alone(t)) {
		t->l->broken = true;
		return;
	}
	t->run->sent = true;
	while (hf__trip_read_one(t, began)) {
		if (t->copying)
			serve_copy(t, began);
		if (t->main && !push_result(rs, t->main) && !t->error)
			t->error = hf__error_nomem();
		t->main = NULL;
	}
	if (t->run->copy && !t->copied && !t->error && !t->l->broken)
		t->error = hf__error_fmt(HF_E_MISUSE, 0, "this is no COPY through the client");
	if (!t->l->broken && !PQenterPipelineMode(t->l->pg))
		t->l->broken = true;
}

/* --- a run --- */

static bool is_plain(const hf__run *run)
{
	return run->kind == HF__SQL_PLAIN || run->kind == HF__SQL_READ ||
	       run->kind == HF__SQL_EMPTY;
}

static bool goes_alone(hf__session session, const hf__run *run)
{
	if (run->script || run->copy)
		return true;
	return !is_plain(run) && !run->begin && !run->on_row && !run->set_read_only &&
	       session == HF__SESSION_IDLE;
}

/* Whoever was to be cancelled has ended; a request still under way would hit the next statement. */
static void settle_cancel(hf__link *l)
{
	if (!l->pg || !l->cancel || l->broken)
		return;
	if (!hf__cancel_settle(l->cancel, 2000))
		l->broken = true;
}

static bool drops_prepared(const char *tag)
{
	return tag[0] == 'D' &&
	       (strcmp(tag, "DISCARD ALL") == 0 || strncmp(tag, "DEALLOCATE", 10) == 0);
}

static void forget(hf__trip *t)
{
	if (t->run->stale_plan && t->entry->prepared)
		snprintf(t->run->stale_name, sizeof t->run->stale_name, "%s", t->entry->name);
	hf__stmt_cache_forget(&t->l->stmts, t->entry);
}

/* What the server's prepared statements became. One that was to make room and is not there tells
 * that others took them away. */
static void settle_cache(hf__trip *t, const struct results *rs)
{
	hf__stmt_cache *cache = &t->l->stmts;
	bool gone = t->evict_failed || drops_prepared(t->run->tag);

	for (size_t i = 0; i < rs->n && !gone; i++)
		gone = drops_prepared(hf_result_tag(rs->v[i]));
	for (int i = 0; i < t->n_made; i++)
		t->made[i]->parsing = false;
	hf__stmt_free(t->evicted);
	if (gone || t->extra_gone)
		hf__extras_forget(&t->l->extras);
	if (gone)
		hf__stmt_cache_clear(cache);
	else if (t->named && (t->run->stale_plan || !t->entry->prepared))
		forget(t);
}

/* PREPARE itself, and the blocks that may hold one. */
static bool may_prepare(const char *tag)
{
	return strcmp(tag, "PREPARE") == 0 || strcmp(tag, "DO") == 0 || strcmp(tag, "CALL") == 0;
}

/* What a statement prepared stays even if it failed later, so a failure counts as well. */
static void note_foreign_stmts(hf__trip *t, const struct results *rs)
{
	bool any = t->error || may_prepare(t->run->tag);

	for (size_t i = 0; i < rs->n && !any; i++)
		any = may_prepare(hf_result_tag(rs->v[i]));
	t->l->foreign_stmts |= any;
}

bool hf__trip_changes_session(const hf__trip *t)
{
	return t->run->kind != HF__SQL_EMPTY &&
	       (t->entry ? t->entry->changes_session : hf__sql_changes_session(t->run->sql));
}

static bool notifies(const hf__trip *t)
{
	return t->run->kind != HF__SQL_EMPTY &&
	       (t->entry ? t->entry->notifies : hf__sql_notifies(t->run->sql));
}

/* The commands that may leave something behind in the session. */
static void note_dirt(hf__trip *t, const struct results *rs)
{
	hf__run *run = t->run;
	bool utility = run->script || !is_plain(run);

	/* SELECT … INTO TEMP: a SELECT that returned no columns. */
	if (utility || (t->main && PQnfields(t->main) == 0 && strncmp(run->tag, "SELECT", 6) == 0))
		t->l->dirty = true;
	else if (hf__trip_changes_session(t))
		t->l->dirty = true;
	if (utility)
		note_foreign_stmts(t, rs);
}

static char *take_notices(hf__link *l)
{
	return l->notices.n ? hf__strbuf_take(&l->notices) : NULL;
}

/* The last of a script's results, with the others behind it; NULL without memory. */
static hf_result *chain_results(struct results *rs, char *notices)
{
	hf_result *last = rs->v[--rs->n];
	bool ok = hf__result_chain(last, rs->v, rs->n, notices);

	rs->n = 0;
	drop_results(rs);
	return ok ? last : hf_result_unref(last);
}

static hf_error *why_failed(hf__trip *t)
{
	if (t->run->stopped != HF_OK) {
		hf_error_unref(t->error);
		return hf__error_fmt(t->run->stopped, 0, "the row callback stopped the query");
	}
	return t->l->broken && !t->error ? hf__link_lost(t->l, t->run->sql) : t->error;
}

/* Its small results are to be light. */
static void pack(const hf__trip *t, hf_result *r)
{
	if (!t->run->read_at_once)
		hf__result_pack(r, t->named && t->entry->prepared ? &t->entry->described : NULL);
}

/* Without an error, the result; `out` NULL means that none was wanted, and none is made. */
static hf_error *finish_run(hf__trip *t, struct results *rs, hf_result **out)
{
	hf_error *e = why_failed(t);
	hf_result *last = NULL;

	if (!e && rs->n > 0)
		last = chain_results(rs, take_notices(t->l));
	else if (t->shell && (!e || (t->run->commit && t->run->main_done)))
		last = hf__result_fill(t->shell, t->main, take_notices(t->l), t->run->tag);
	else
		PQclear(t->main);
	if (last && last == t->shell)
		pack(t, last);
	if (last != t->shell)
		hf_result_unref(t->shell);
	drop_results(rs);
	if (!e && !last && out)
		return hf__error_at(hf__error_nomem(), HF_MAYBE_COMMITTED, NULL, NULL);
	if (out)
		*out = last;
	else
		hf_result_unref(last);
	return e;
}

/* A poke that came while nothing was under way was not heard: what is wanted is asked for. */
static void begin_run(hf__link *l, const hf__guard *g)
{
	l->asked = g->ask ? g->ask(g->arg) : HF__ASK_NONE;
	l->late = false;
	l->cancels = 0;
	l->bytes = 0;
	l->error_len = strlen(PQerrorMessage(l->pg));
	hf__strbuf_clear(&l->notices);
}

static void note_tag(hf__trip *t, const struct results *rs)
{
	const char *tag = rs->n > 0 ? hf_result_tag(rs->v[rs->n - 1])
			  : t->main ? PQcmdStatus(t->main)
				    : "";

	if (*tag)
		hf__copy_text(t->run->tag, sizeof t->run->tag, tag);
}

static void init_trip(hf__trip *t, hf__link *l, hf__run *run)
{
	*t = (hf__trip){ .l = l,
		.run = run,
		.main_index = INT_MAX,
		.prepare_index = -1,
		.describe_index = -1,
		.floats_index = -1,
		.evict_index = -1,
		.xid_index = -1,
		.commit_index = -1 };
}

/* Room is not made inside a transaction: a DEALLOCATE that fails would undo its work. */
static void use_cache(hf__trip *t, bool may_evict)
{
	hf__run *run = t->run;

	if (run->unnamed || (run->kind != HF__SQL_PLAIN && run->kind != HF__SQL_READ))
		return;
	if (!run->sql_hash)
		run->sql_hash = hf__sql_hash(run->sql, strlen(run->sql));
	t->entry = hf__stmt_cache_use(
		&t->l->stmts, run->sql, run->sql_hash, run->params, may_evict, &t->evicted);
	t->named = hf__stmt_is_named(t->entry);
	if (t->named)
		t->columns = t->entry->columns;
}

/* Only a prepared statement keeps its columns' types. */
static void learn_columns(hf__trip *t)
{
	if (t->named && t->entry->prepared && t->run->main_done && !t->entry->columns)
		t->entry->columns = t->columns ? t->columns : hf__format_learn(t->main);
}

/* Settings that results depend on may be others after it; commands of our own change none. */
static bool may_set(const hf__trip *t)
{
	if (t->run->script || !is_plain(t->run))
		return true;
	if (t->run->kind == HF__SQL_EMPTY)
		return false;
	return t->entry ? t->entry->sets : hf__stmt_sets(t->run->sql);
}

/* The description of a statement with more parameters is longer than 30,000 bytes, which libpq took
 * for garbage until spring 2026 (15.18 does, 15.20 does not): it closes the connection. */
#define MOST_DESCRIBED 7498

/* Many rows are worth being asked for in binary; what they are, a statement that was prepared
 * before tells without asking. Where nothing is prepared a query that keeps its rows would be asked
 * for every time. */
static bool asks_first(const hf__trip *t)
{
	bool many = t->run->many && t->l->cfg.max_statements > 0;
	const hf__params *params = t->run->params;

	if (params && params->n > MOST_DESCRIBED)
		return false;
	return (t->run->on_row || many) && !t->columns &&
	       (t->run->kind == HF__SQL_PLAIN || t->run->kind == HF__SQL_READ);
}

/* Half a trip more, without a Sync: the statement's columns are known before it runs. */
static void ask_first(hf__trip *t)
{
	if (!hf__trip_send_ahead(t))
		t->l->broken = true;
	read_answers(t, t->sent_at, false);
}

static void clear_answers(hf__run *run)
{
	run->sent = run->stale_plan = run->main_done = false;
	run->stopped = HF_OK;
	run->tag[0] = run->stale_name[0] = run->xid[0] = run->commit_tag[0] = '\0';
}

/* How long the server took, for the cache. What was sent while another was under way began when
 * that ended; otherwise the way there and back is in it. What nobody has waited for, or not from
 * the beginning, tells nothing. */
static void note_time(hf__trip *t, int64_t now)
{
	hf__link *l = t->l;
	bool waited = t->sent_at < l->used_at;
	int64_t took = now - (waited ? l->used_at : t->sent_at);

	if (t->unattended)
		return;
	if (!waited && (l->rtt == 0 || took < l->rtt))
		l->rtt = took;
	if (t->entry && t->run->main_done)
		hf__stmt_note_time(t->entry, waited ? took : took - l->rtt);
}

static hf_error *begin_trip(hf__trip *t, bool wants, bool may_evict, bool sync)
{
	if (wants && !(t->shell = hf__result_alloc()))
		return hf__error_nomem();
	use_cache(t, may_evict);
	if (may_set(t))
		t->l->floats = HF__FLOATS_ASK;
	t->run->sent = true;
	hf__link_trip_sent(t->l);
	if (asks_first(t))
		ask_first(t);
	if (!t->l->broken && !hf__trip_send(t, sync))
		t->l->broken = true; /* sign one */
	return NULL;
}

static hf_error *end_trip(hf__trip *t, struct results *rs, hf_result **out)
{
	int64_t now = hf__now();
	hf_error *e;

	settle_cancel(t->l);
	note_tag(t, rs);
	note_time(t, now);
	hf__link_trip_ended(t->l);
	learn_columns(t);
	if (may_set(t))
		t->l->floats = HF__FLOATS_ASK;
	t->run->notifies = notifies(t);
	settle_cache(t, rs);
	note_dirt(t, rs);
	t->l->used_at = now;
	e = finish_run(t, rs, out);
	hf__stmt_unpin(t->entry);
	return e;
}

hf_error *hf__trip_begin(hf__trip *t, hf__link *l, hf__run *run, bool wants, bool sync, int64_t now)
{
	init_trip(t, l, run);
	t->sent_at = now;
	clear_answers(run);
	return begin_trip(t, wants, sync, sync);
}

hf_error *hf__trip_begin_sync(hf__trip *t, hf__link *l, hf__run *run, int64_t now)
{
	init_trip(t, l, run);
	t->main_index = -1;
	t->sent_at = now;
	clear_answers(run);
	run->sent = true;
	hf__link_trip_sent(l);
	if (!hf__trip_send_sync(t))
		l->broken = true;
	return NULL;
}

void hf__trip_attend(hf__trip *t)
{
	t->attended |= hf__now() - t->sent_at <= ATTENDED_NS;
}

/* Where reading has begun, only what is wanted is asked for again. */
static void begin_answers(hf__trip *t)
{
	hf__link *l = t->l;
	const hf__guard *g = &t->run->guard;

	if (t->reads > 0) {
		l->asked = g->ask ? g->ask(g->arg) : HF__ASK_NONE;
		return;
	}
	begin_run(l, g);
	t->unattended = t->split && !t->attended && hf__now() - t->sent_at > ATTENDED_NS;
	t->began = t->sent_at < l->used_at ? l->used_at : t->sent_at;
}

/* The statement may have been answered long since, so that a cancel would hit its COMMIT. */
static void read_before_cancel(hf__trip *t)
{
	t->l->asked = HF__ASK_NONE;
	(void)hf__trip_read_ready(t);
	t->l->asked = t->run->guard.ask(t->run->guard.arg);
}

/* What broke the link was asked of another. */
static void forget_asked(hf__link *l)
{
	l->late = false;
	l->asked = l->asked == HF__ASK_ABORT ? HF__ASK_ABORT : HF__ASK_NONE;
}

hf_error *hf__trip_end(hf__trip *t, hf_result **out, bool sync)
{
	struct results none = { NULL, 0, 0 };
	hf__link *l = t->l;

	if (l->broken) {
		forget_asked(l);
	} else {
		begin_answers(t);
		if ((t->split || t->behind) && l->asked == HF__ASK_CANCEL)
			read_before_cancel(t);
		read_answers(t, t->began, sync);
	}
	return end_trip(t, &none, out);
}

hf__answer hf__trip_advance(hf__trip *t)
{
	hf__link *l = t->l;

	if (l->broken)
		return HF__ANSWER_ODD;
	begin_answers(t);
	return l->asked == HF__ASK_NONE ? hf__trip_read_ready(t) : HF__ANSWER_ODD;
}

static hf_error *run_trip(
	hf__link *l, hf__run *run, hf_result **out, hf__session session, bool alone)
{
	hf__trip t;
	struct results rs = { NULL, 0, 0 };
	int64_t began = hf__now();
	bool idle = session == HF__SESSION_IDLE && !run->begin;
	hf_error *e;

	init_trip(&t, l, run);
	t.sent_at = began;
	begin_run(l, &run->guard);
	if (alone) {
		hf__link_trip_sent(l);
		run_alone(&t, &rs, began);
		return end_trip(&t, &rs, out);
	}
	t.may_be_lone = true;
	e = begin_trip(&t, out != NULL, idle, true);
	if (e)
		return e;
	read_answers(&t, began, true);
	return end_trip(&t, &rs, out);
}

hf_error *hf__trip_start(hf__trip *t, hf__link *l, hf__run *run, bool lone)
{
	bool idle = hf__link_session(l) == HF__SESSION_IDLE && !run->begin;
	hf_error *e;

	clear_answers(run);
	init_trip(t, l, run);
	t->sent_at = hf__now();
	t->split = true;
	t->may_be_lone = lone;
	e = begin_trip(t, true, idle, true);
	if (!e && !l->broken && hf__link_flush(l) < 0)
		l->broken = true;
	return e;
}

static hf_error *set_limit(hf__link *l, int ms, const hf__guard *guard)
{
	char sql[64];

	snprintf(sql, sizeof sql, "SET statement_timeout = %d", ms);
	return hf__link_command(l, sql, guard);
}

/* A statement that cannot share its trip with set_config has its limit set before and taken back
 * after. */
static hf_error *run_between_limits(hf__link *l, hf__run *run, hf_result **out)
{
	hf_error *e = set_limit(l, run->set_timeout, &run->guard), *undo;

	if (e)
		return e;
	e = run_trip(l, run, out, HF__SESSION_IDLE, true);
	undo = l->broken ? NULL : set_limit(l, l->cfg.statement_ms, &run->guard);
	if (undo)
		l->broken = true;
	hf_error_unref(undo);
	return e;
}

hf_error *hf__link_run(hf__link *l, hf__run *run, hf_result **out)
{
	hf__session session = hf__link_session(l);
	bool alone = goes_alone(session, run);

	clear_answers(run);
	if (session == HF__SESSION_LOST) {
		forget_asked(l);
		return hf__link_lost(l, run->sql);
	}
	if (alone && run->set_timeout > 0)
		return run_between_limits(l, run, out);
	return run_trip(l, run, out, session, alone);
}
