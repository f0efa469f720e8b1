/* SPDX-License-Identifier: MIT */
/* What is said over a link: statements in pipeline mode, each trip closed by one Sync, and the
 * exceptions that libpq's pipeline mode cannot take (scripts, utility statements outside a
 * transaction).
 *
 * Note "the Sync decides". A result in pipeline mode is not the commit: the implicit transaction
 * commits at Sync, and a deferred constraint or a serialization failure arrives as one more error
 * in front of it. So nothing is reported before the Sync has been read.
 *
 * Note "poison". libpq can lose a Sync when memory runs out, and would then give one statement's
 * rows to the next. Four signs close the connection: a send that fails after part of a trip was
 * handed over; a message in PQerrorMessage while PQisBusy still waits; an error without a SQLSTATE
 * (libpq made it, not the server); a result that does not fit the command at the head. */
#include "pq/wire.h"

#include "base/clock.h"
#include "base/mem.h"
#include "value/error.h"

#include <stdio.h>
#include <string.h>

static void run_pipelined(hf__trip *t, int64_t began)
{
	t->run->sent = true;
	if (!hf__trip_send(t)) {
		t->l->broken = true; /* sign one */
		return;
	}
	for (int i = 0; i < t->n_commands && !t->l->broken; i++)
		hf__trip_read(t, i, began);
	if (!t->l->broken)
		hf__trip_read_sync(t, began);
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
		if (t->main && !push_result(rs, t->main) && !t->error)
			t->error = hf__error_nomem();
		t->main = NULL;
	}
	if (!t->l->broken && !PQenterPipelineMode(t->l->pg))
		t->l->broken = true;
}

/* --- a run --- */

static bool goes_alone(const hf__link *l, const hf__run *run)
{
	bool plain = run->kind == HF__SQL_PLAIN || run->kind == HF__SQL_READ ||
		     run->kind == HF__SQL_EMPTY;

	if (run->script)
		return true;
	return !plain && !run->begin && !run->on_row && run->set_timeout == 0 &&
	       !run->set_read_only && hf__link_session(l) == HF__SESSION_IDLE;
}

/* Whoever was to be cancelled has ended; a request still under way would hit the next statement. */
static void settle_cancel(hf__link *l)
{
	if (!l->pg || !l->cancel || l->broken)
		return;
	if (!hf__cancel_settle(l->cancel, hf__deadline(2000)))
		l->broken = true;
}

/* What the server's prepared statements became. */
static void settle_cache(hf__trip *t, const char *tag)
{
	hf__stmt_cache *cache = &t->l->stmts;

	hf__free(t->evicted);
	if (t->run->stale_plan || (t->entry && !t->entry->prepared))
		hf__stmt_cache_forget(cache, t->entry);
	if (strcmp(tag, "DISCARD ALL") == 0 || strcmp(tag, "DEALLOCATE ALL") == 0)
		hf__stmt_cache_clear(cache);
}

/* PREPARE itself, and the blocks that may hold one. */
static bool may_prepare(const char *tag)
{
	return strcmp(tag, "PREPARE") == 0 || strcmp(tag, "DO") == 0 || strcmp(tag, "CALL") == 0;
}

/* What a statement prepared stays even if it failed later, so a failure counts as well. */
static void note_foreign_stmts(hf__trip *t, const struct results *rs, const char *tag)
{
	bool any = t->error || may_prepare(tag);

	for (size_t i = 0; i < rs->n && !any; i++)
		any = may_prepare(hf_result_tag(rs->v[i]));
	t->l->foreign_stmts |= any;
}

/* The commands that may leave something behind in the session. */
static void note_dirt(hf__trip *t, const struct results *rs, const char *tag)
{
	hf__run *run = t->run;
	bool plain = run->kind == HF__SQL_PLAIN || run->kind == HF__SQL_READ ||
		     run->kind == HF__SQL_EMPTY;

	/* SELECT … INTO TEMP: a SELECT that returned no columns. */
	if (run->script || !plain ||
		(strncmp(tag, "SELECT", 6) == 0 && t->main && PQnfields(t->main) == 0))
		t->l->dirty = true;
	if (run->script || !plain)
		note_foreign_stmts(t, rs, tag);
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

static hf_error *finish_run(hf__trip *t, struct results *rs, hf_result **out)
{
	hf__link *l = t->l;
	hf_result *last = NULL;

	if (t->run->stopped != HF_OK) {
		hf_error_unref(t->error);
		t->error = hf__error_fmt(t->run->stopped, 0, "the row callback stopped the query");
	}
	if (l->broken && !t->error)
		t->error = hf__link_lost(l, t->run->sql);
	if (t->error) {
		PQclear(t->main);
		drop_results(rs);
		return t->error;
	}
	if (rs->n > 0)
		last = chain_results(rs, take_notices(l));
	else if (t->main)
		last = hf__result_new(t->main, take_notices(l));
	if (!last && !t->run->on_row)
		return hf__error_nomem();
	if (out)
		*out = last;
	else
		hf_result_unref(last);
	return NULL;
}

static void begin_run(hf__link *l)
{
	l->asked = HF__ASK_NONE;
	l->late = false;
	l->cancels = 0;
	l->bytes = 0;
	l->error_len = strlen(PQerrorMessage(l->pg));
	hf__strbuf_clear(&l->notices);
}

hf_error *hf__link_run(hf__link *l, hf__run *run, hf_result **out)
{
	hf__trip t = { .l = l, .run = run };
	struct results rs = { NULL, 0, 0 };
	int64_t began = hf__now();
	const char *tag;

	run->sent = run->stale_plan = false;
	run->stopped = HF_OK;
	if (hf__link_session(l) == HF__SESSION_LOST)
		return hf__link_lost(l, run->sql);
	begin_run(l);
	if (goes_alone(l, run)) {
		run_alone(&t, &rs, began);
	} else {
		if (run->kind == HF__SQL_PLAIN || run->kind == HF__SQL_READ)
			t.entry = hf__stmt_cache_use(&l->stmts, run->sql, run->params, &t.evicted);
		run_pipelined(&t, began);
	}
	settle_cancel(l);
	tag = rs.n > 0 ? hf_result_tag(rs.v[rs.n - 1]) : t.main ? PQcmdStatus(t.main) : "";
	settle_cache(&t, tag);
	note_dirt(&t, &rs, tag);
	l->used_at = hf__now();
	return finish_run(&t, &rs, out);
}

hf_error *hf__link_command(hf__link *l, const char *sql, const hf__guard *guard, char *out_tag)
{
	hf__run run = { .sql = sql, .kind = HF__SQL_EMPTY, .guard = { HF__NEVER, 0, NULL, NULL } };
	hf_result *res = NULL;
	hf_error *e;

	if (guard)
		run.guard = *guard;
	run.guard.cancel_at = HF__NEVER;
	run.guard.give_up_at = hf__deadline(l->cfg.stall_ms);
	if (guard && guard->give_up_at < run.guard.give_up_at)
		run.guard.give_up_at = guard->give_up_at;
	e = hf__link_run(l, &run, &res);
	if (!e && out_tag)
		snprintf(out_tag, 32, "%s", hf_result_tag(res));
	hf_result_unref(res);
	return e;
}

hf_error *hf__link_ping(hf__link *l, int ms, const hf__guard *guard)
{
	hf__guard g = *guard;

	g.give_up_at = hf__deadline(ms);
	return hf__link_command(l, "", &g, NULL);
}

#define RESET                                                                                      \
	"CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; "                    \
	"SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES"

/* DEALLOCATE ALL takes the cache's own statements along, hence not always; at the end, where its
 * tag is seen and the cache cleared. */
hf_error *hf__link_reset(hf__link *l, const hf__guard *guard)
{
	hf__run run = { .sql = l->foreign_stmts ? RESET "; DEALLOCATE ALL" : RESET,
		.script = true,
		.guard = *guard };
	hf_error *e;

	run.guard.cancel_at = HF__NEVER;
	run.guard.give_up_at = hf__deadline(l->cfg.stall_ms);
	e = hf__link_run(l, &run, NULL);
	if (!e)
		l->dirty = l->foreign_stmts = false;
	return e;
}
