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
#include "pq/link.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "pq/result.h"
#include "value/error.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* A trip: the commands in the order sent, and what came of them. */
struct trip {
	hf__link *l;
	hf__run *run;
	hf__stmt_entry *entry, *evicted;
	bool preparing;
	int n_commands, main_index;
	hf_error *error;
	PGresult *main;
};

/* --- receiving -----------------------------------------------------------------------------------
 */

/* What is about to be read, for the cap on a result. */
static void count_arrived(hf__link *l)
{
	int n = 0;

	if (ioctl(l->sock, FIONREAD, &n) == 0 && n > 0)
		l->bytes += (size_t)n;
}

/* libpq wrote an error without having a result for us: sign two of poison. A server's own error
 * stays in PQerrorMessage after its result was taken; only growth counts. */
static bool poisoned(hf__link *l)
{
	size_t n = strlen(PQerrorMessage(l->pg));
	bool grew = n > l->error_len;

	l->error_len = n;
	return grew;
}

/* Waits until PQgetResult would not block. False: the link is broken. */
static bool await_result(hf__link *l, const hf__guard *g)
{
	for (;;) {
		int more = PQflush(l->pg);

		if (more < 0)
			return false;
		if (!PQisBusy(l->pg))
			return true;
		if (poisoned(l) || !hf__link_sleep(l, more > 0, g))
			return false;
		count_arrived(l);
		if (!PQconsumeInput(l->pg))
			return !PQisBusy(l->pg);
	}
}

/* The next result, or NULL: the end of a command's results, or a broken link. */
static PGresult *next_result(hf__link *l, const hf__guard *g)
{
	PGresult *r;

	if (!await_result(l, g)) {
		l->broken = true;
		return NULL;
	}
	r = PQgetResult(l->pg);
	l->error_len = strlen(PQerrorMessage(l->pg));
	return r;
}

/* 57014 says only that the statement was stopped; who wanted it is known here. */
static hf_status stopped_status(const hf__link *l, const hf__run *run, int64_t began)
{
	int64_t ran_ms = (hf__now() - began) / HF__MS;

	if (l->asked == HF__ASK_CANCEL)
		return HF_E_CANCELED;
	if (l->late || (run->limit_ms > 0 && ran_ms + 1 >= run->limit_ms))
		return HF_E_TIMEOUT;
	return HF_E_CANCELED;
}

static void keep_error(struct trip *t, const PGresult *r, int64_t began)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *from = PQresultErrorField(r, PG_DIAG_SOURCE_FUNCTION);
	hf_status as = HF_OK;

	if (!state) { /* sign three */
		t->l->broken = true;
		return;
	}
	if (strcmp(state, "57014") == 0)
		as = stopped_status(t->l, t->run, began);
	if (strcmp(state, "26000") == 0 ||
		(strcmp(state, "0A000") == 0 && from && strcmp(from, "RevalidateCachedQuery") == 0))
		t->run->stale_plan = t->entry != NULL;
	if (hf__sqlstate_fatal(state))
		t->l->broken = true;
	if (!t->error)
		t->error = hf__error_from_pg(r, t->run->sql, as);
}

static void check_size(struct trip *t)
{
	hf__link *l = t->l;

	if (l->cfg.max_result == 0 || l->bytes <= l->cfg.max_result || t->run->on_row || t->error)
		return;
	t->error = hf__error_new(&(hf__error_spec){ .status = HF_E_TOO_LARGE,
		.message = "the result is larger than max_result; stream it row by row, or raise "
			   "the limit",
		.field[HF_ERR_QUERY] = t->run->sql });
	l->broken = true;
}

/* Rows of a streamed query, to its callback. Once it has stopped, the rest is read and dropped. */
static void deliver(struct trip *t, PGresult *pg)
{
	hf__run *run = t->run;
	hf_result *rows;

	t->l->bytes = 0;
	if (run->stopped != HF_OK || t->error) {
		PQclear(pg);
		return;
	}
	rows = hf__result_new(pg, NULL);
	if (!rows)
		run->stopped = HF_E_NOMEM;
	for (size_t i = 0; rows && i < hf_result_rows(rows) && run->stopped == HF_OK; i++)
		run->stopped = run->on_row(hf_result_row(rows, i), run->row_arg);
	hf_result_unref(rows);
	if (run->stopped == HF_PENDING)
		run->stopped = HF_E_USER;
	if (run->stopped != HF_OK && t->l->cancel)
		hf__cancel_fire(t->l->cancel);
}

static void refuse_copy(struct trip *t)
{
	if (!t->error)
		t->error = hf__error_new(&(hf__error_spec){ .status = HF_E_MISUSE,
			.message = "COPY through the client is not possible in a query",
			.field[HF_ERR_QUERY] = t->run->sql });
	t->l->broken = true;
}

/* Sorts one result of command `index` in. Takes it. */
static void take_result(struct trip *t, PGresult *r, int index, int64_t began)
{
	switch (PQresultStatus(r)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_EMPTY_QUERY:
		if (index == t->main_index && !t->main) {
			t->main = r;
			return;
		}
		if (t->preparing && index == t->main_index - 1)
			t->entry->prepared = true;
		break;
#ifdef LIBPQ_HAS_CHUNK_MODE
	case PGRES_TUPLES_CHUNK:
#endif
	case PGRES_SINGLE_TUPLE:
		deliver(t, r);
		return;
	case PGRES_FATAL_ERROR:
	case PGRES_BAD_RESPONSE:
		keep_error(t, r, began);
		break;
	case PGRES_PIPELINE_ABORTED:
		break;
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		refuse_copy(t);
		break;
	case PGRES_PIPELINE_SYNC: /* too early: sign four */
	case PGRES_NONFATAL_ERROR:
		t->l->broken = true;
		break;
	}
	PQclear(r);
}

static void stream_rows(struct trip *t)
{
#ifdef LIBPQ_HAS_CHUNK_MODE
	if (!PQsetChunkedRowsMode(t->l->pg, 256))
		t->l->broken = true;
#else
	if (!PQsetSingleRowMode(t->l->pg))
		t->l->broken = true;
#endif
}

static void read_command(struct trip *t, int index, int64_t began)
{
	bool any = false;
	PGresult *r;

	if (index == t->main_index && t->run->on_row && !t->error)
		stream_rows(t);
	while (!t->l->broken && (r = next_result(t->l, &t->run->guard)) != NULL) {
		any = true;
		take_result(t, r, index, began);
		check_size(t);
	}
	if (!any) /* sign four */
		t->l->broken = true;
}

/* Up to and with the Sync; an error that belongs to it comes first. */
static void read_sync(struct trip *t, int64_t began)
{
	bool had_error = false;

	while (!t->l->broken) {
		PGresult *r = next_result(t->l, &t->run->guard);
		ExecStatusType st = PQresultStatus(r);

		if (r && st == PGRES_PIPELINE_SYNC) {
			PQclear(r);
			return;
		}
		if (r && st == PGRES_FATAL_ERROR) {
			keep_error(t, r, began);
			had_error = true;
		} else if (r || !had_error) {
			t->l->broken = true; /* sign four */
		}
		PQclear(r);
	}
}

/* --- sending -------------------------------------------------------------------------------------
 */

static bool send_text(struct trip *t, const char *sql)
{
	t->n_commands++;
	return PQsendQueryParams(t->l->pg, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

static bool send_settings(struct trip *t)
{
	char sql[96];
	hf__run *run = t->run;
	int ms = run->set_timeout > 0 ? run->set_timeout : t->l->cfg.statement_ms;

	if (run->begin && !send_text(t, run->begin))
		return false;
	if (run->set_read_only &&
		!send_text(t, "SELECT set_config('transaction_read_only','on',true)"))
		return false;
	if (run->set_timeout == 0)
		return true;
	snprintf(sql, sizeof sql, "SELECT set_config('statement_timeout','%d',true)", ms);
	return send_text(t, sql);
}

static bool send_evicted(struct trip *t)
{
	char sql[40];

	if (!t->evicted)
		return true;
	snprintf(sql, sizeof sql, "DEALLOCATE %s", t->evicted->name);
	return send_text(t, sql);
}

static bool send_prepare(struct trip *t)
{
	const hf__params *p = t->run->params;

	if (!t->entry || t->entry->prepared)
		return true;
	t->preparing = true;
	t->n_commands++;
	return PQsendPrepare(t->l->pg, t->entry->name, t->run->sql, p ? p->n : 0,
		       p ? p->types : NULL) == 1;
}

static bool send_main(struct trip *t)
{
	const hf__params *p = t->run->params;
	PGconn *pg = t->l->pg;
	int n = p ? p->n : 0;

	t->main_index = t->n_commands++;
	if (t->entry)
		return PQsendQueryPrepared(pg, t->entry->name, n, p ? p->values : NULL,
			       p ? p->lengths : NULL, p ? p->formats : NULL, 0) == 1;
	return PQsendQueryParams(pg, t->run->sql, n, p ? p->types : NULL, p ? p->values : NULL,
		       p ? p->lengths : NULL, p ? p->formats : NULL, 0) == 1;
}

static bool send_sync(hf__link *l)
{
#ifdef LIBPQ_HAS_ASYNC_CANCEL /* came with the same release as PQsendPipelineSync */
	return PQsendPipelineSync(l->pg) == 1;
#else
	return PQpipelineSync(l->pg) == 1;
#endif
}

static void run_pipelined(struct trip *t, int64_t began)
{
	t->run->sent = true;
	if (!send_settings(t) || !send_evicted(t) || !send_prepare(t) || !send_main(t) ||
		!send_sync(t->l)) {
		t->l->broken = true; /* sign one */
		return;
	}
	for (int i = 0; i < t->n_commands && !t->l->broken; i++)
		read_command(t, i, began);
	if (!t->l->broken)
		read_sync(t, began);
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

static bool send_alone(struct trip *t)
{
	const hf__params *p = t->run->params;

	if (t->run->script)
		return PQsendQuery(t->l->pg, t->run->sql) == 1;
	return PQsendQueryParams(t->l->pg, t->run->sql, p ? p->n : 0, p ? p->types : NULL,
		       p ? p->values : NULL, p ? p->lengths : NULL, p ? p->formats : NULL, 0) == 1;
}

/* Outside pipeline mode: one trip of its own. */
static void run_alone(struct trip *t, struct results *rs, int64_t began)
{
	PGresult *r;

	if (!PQexitPipelineMode(t->l->pg) || !send_alone(t)) {
		t->l->broken = true;
		return;
	}
	t->run->sent = true;
	while (!t->l->broken && (r = next_result(t->l, &t->run->guard)) != NULL) {
		take_result(t, r, 0, began);
		check_size(t);
		if (t->main && !push_result(rs, t->main) && !t->error)
			t->error = hf__error_nomem();
		t->main = NULL;
	}
	if (!t->l->broken && !PQenterPipelineMode(t->l->pg))
		t->l->broken = true;
}

/* --- a run ---------------------------------------------------------------------------------------
 */

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
static void settle_cache(struct trip *t, const char *tag)
{
	hf__stmt_cache *cache = &t->l->stmts;

	hf__free(t->evicted);
	if (t->run->stale_plan || (t->entry && !t->entry->prepared))
		hf__stmt_cache_forget(cache, t->entry);
	if (strcmp(tag, "DISCARD ALL") == 0 || strcmp(tag, "DEALLOCATE ALL") == 0)
		hf__stmt_cache_clear(cache);
}

/* The commands that may leave something behind in the session. */
static void note_dirt(struct trip *t, const char *tag)
{
	hf__run *run = t->run;
	bool plain = run->kind == HF__SQL_PLAIN || run->kind == HF__SQL_READ ||
		     run->kind == HF__SQL_EMPTY;

	/* SELECT … INTO TEMP: a SELECT that returned no columns. */
	if (run->script || !plain ||
		(strncmp(tag, "SELECT", 6) == 0 && t->main && PQnfields(t->main) == 0))
		t->l->dirty = true;
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

static hf_error *finish_run(struct trip *t, struct results *rs, hf_result **out)
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
	struct trip t = { .l = l, .run = run };
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
	note_dirt(&t, tag);
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

hf_error *hf__link_reset(hf__link *l, const hf__guard *guard)
{
	hf__run run = {
		.sql = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; "
		       "SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD "
		       "SEQUENCES",
		.script = true,
		.guard = *guard
	};
	hf_error *e;

	run.guard.cancel_at = HF__NEVER;
	run.guard.give_up_at = hf__deadline(l->cfg.stall_ms);
	e = hf__link_run(l, &run, NULL);
	if (!e)
		l->dirty = false;
	return e;
}
