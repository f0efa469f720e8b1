/* SPDX-License-Identifier: MIT */
/* What happens on a connection: statements, the transaction around them, and the clean session
 * afterwards.
 *
 * One thread at a time: the worker's own. A handle that is used elsewhere, or after its interaction
 * has returned, is recognised by a thread-local pointer to the handle in use, so that nothing of it
 * is read. */
#include "pool/pool.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/mem.h"
#include "value/error.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* How much later than the server the client acts on a limit: the server's own answer is the better
 * one. */
#define LIMIT_GRACE_MS 400
#define GIVE_UP_MS     5000

static _Thread_local hf_conn *in_use;

struct hf__kept {
	struct hf__kept *next;
	hf_result *res;
};

void hf__conn_init(hf_conn *c, hf__worker *w)
{
	memset(c, 0, sizeof *c);
	c->worker = w;
	c->link = &w->link;
}

void hf__conn_finish(hf_conn *c)
{
	hf__arena_finish(&c->arena);
}

void hf__conn_enter(hf_conn *c, hf__job *j)
{
	c->job = j;
	c->txn_auto = j->kind == HF__JOB_FN
			      ? !j->manual
			      : j->kind == HF__JOB_SERVE || j->isolation != HF_ISO_DEFAULT;
	c->manual = j->kind == HF__JOB_FN && j->manual;
	c->isolation = j->isolation;
	c->read_only = j->read_only;
	c->run_until = j->run_until;
	c->txn_open = c->discard = c->in_row = false;
	c->txn_timeout = 0;
	in_use = c;
}

static void drop_errors(hf_conn *c)
{
	c->error = hf_error_unref(c->error);
	c->poison = hf_error_unref(c->poison);
}

static void drop_kept(hf_conn *c)
{
	for (struct hf__kept *k = c->kept; k; k = k->next)
		hf_result_unref(k->res);
	c->kept = NULL;
}

/* Remembers the error of a call as hf_conn_error's; answers its status. Consumes `e`. */
static hf_status note(hf_conn *c, hf_error *e)
{
	if (!e)
		return HF_OK;
	hf_error_unref(c->error);
	c->error = e;
	return hf_error_status(e);
}

/* --- one statement -------------------------------------------------------------------------------
 */

static hf__guard guard_of(hf_conn *c, int limit_ms)
{
	hf__guard g = { HF__NEVER, HF__NEVER, hf__worker_ask, c->worker };

	if (limit_ms > 0) {
		g.cancel_at = hf__deadline((int64_t)limit_ms + LIMIT_GRACE_MS);
		g.give_up_at = hf__after(g.cancel_at, GIVE_UP_MS);
	}
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

static const char *begin_text(const hf_conn *c)
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
	int session = c->link->cfg.statement_ms;
	int64_t left;

	if (j->kind == HF__JOB_QUERY && !c->txn_auto && j->timeout_ms != 0)
		return j->timeout_ms < 0 ? (session ? INT_MAX : 0) : j->timeout_ms;
	if (c->run_until == HF__NEVER)
		return 0;
	left = (c->run_until - hf__now()) / HF__MS + 1;
	if (left < 1)
		left = 1;
	return session > 0 && left >= session ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* What travels before the statement: BEGIN, a limit that differs from the one in force, read only.
 */
static void prepare_run(hf_conn *c, hf__run *run)
{
	bool in_txn = hf__link_session(c->link) != HF__SESSION_IDLE;
	int limit = wanted_limit(c);

	run->limit_ms = limit > 0 ? limit : c->link->cfg.statement_ms;
	run->guard = guard_of(c, run->limit_ms == INT_MAX ? 0 : run->limit_ms);
	if (c->txn_auto && !c->txn_open)
		run->begin = begin_text(c);
	if (!in_txn && !run->begin) {
		run->set_timeout = run->script ? 0 : limit;
		run->set_read_only = c->read_only && !run->script && !c->link->cfg.read_only;
		return;
	}
	/* A failed transaction takes nothing but its end. */
	if (run->script || hf__link_session(c->link) == HF__SESSION_FAILED)
		return;
	limit = limit > 0 ? round_up_125(limit) : 0;
	if (limit != c->txn_timeout) {
		run->set_timeout = limit > 0 ? limit : -1;
		c->txn_timeout = limit;
	}
}

/* What an error says of the work: surely undone, or perhaps done. */
static unsigned fate(const hf_conn *c, const hf__run *run, const hf_error *e, bool in_txn)
{
	if (hf__link_session(c->link) != HF__SESSION_LOST && !hf_error_is(e, HF_CONNECTION))
		return 0;
	if (!run->sent || in_txn || run->begin || run->set_read_only || c->link->cfg.read_only)
		return HF_RETRYABLE;
	return HF_MAYBE_COMMITTED;
}

static void log_run(hf_conn *c, const hf__run *run, const hf_error *e, int64_t began)
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
		hf__job_name(c->job, name, sizeof name), run->sql, hf__strbuf_text(&shown),
		shown.n ? "]" : "", e ? " failed: " : "", e ? hf_error_message(e) : "");
	hf__strbuf_finish(&shown);
}

/* A script cannot carry its BEGIN along. */
static hf_error *begin_first(hf_conn *c, hf__run *run)
{
	hf_error *e;

	if (!run->begin || !run->script)
		return NULL;
	e = hf__link_command(c->link, run->begin, &run->guard, NULL);
	run->begin = NULL;
	return e;
}

/* Its prepared plan was out of date, so the statement did not run: once more, unless work would be
 * lost. */
static hf_error *run_again(hf_conn *c, hf__run *run, hf_error *e, hf_result **out)
{
	if (run->begin && hf__link_session(c->link) == HF__SESSION_FAILED) {
		hf_error *undo = hf__link_command(c->link, "ROLLBACK", &run->guard, NULL);

		if (undo) {
			hf_error_unref(undo);
			return e;
		}
	}
	if (hf__link_session(c->link) != HF__SESSION_IDLE)
		return e;
	hf_error_unref(e);
	return hf__link_run(c->link, run, out);
}

/* Runs one statement with all that belongs to it. NULL, or the story, which also poisons an open
 * transaction. */
static hf_error *execute(hf_conn *c, hf__run *run, hf_result **out, const hf_site *site)
{
	bool in_txn = hf__link_session(c->link) == HF__SESSION_TXN;
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
	if (e && !c->poison && hf__link_session(c->link) != HF__SESSION_IDLE)
		c->poison = hf_error_ref(e);
	log_run(c, run, e, began);
	return e;
}

/* --- transaction ---------------------------------------------------------------------------------
 */

/* A COMMIT is not cancelled; only a pool that is being torn down gives up on it, and then says so.
 */
static hf__ask ask_during_commit(void *worker)
{
	return hf__worker_ask(worker) == HF__ASK_ABORT ? HF__ASK_ABORT : HF__ASK_NONE;
}

static hf_error *ended_by_server(hf_conn *c)
{
	return hf__error_fmt(HF_E_TXN_ENDED, HF_RETRYABLE,
		"the server rolled the transaction back at COMMIT%s%s", c->poison ? ": " : "",
		c->poison ? hf_error_message(c->poison) : "");
}

hf_error *hf__conn_commit(hf_conn *c)
{
	hf__run run = {
		.sql = "COMMIT", .kind = HF__SQL_EMPTY, .set_timeout = c->txn_timeout ? -1 : 0
	};
	hf_result *res = NULL;
	hf_error *e;

	if (hf__link_session(c->link) == HF__SESSION_IDLE)
		return NULL;
	run.guard = (hf__guard){ HF__NEVER, hf__deadline(c->link->cfg.stall_ms), ask_during_commit,
		c->worker };
	e = hf__link_run(c->link, &run, &res);
	if (!e && strcmp(hf_result_tag(res), "COMMIT") != 0)
		e = ended_by_server(c);
	else if (e && hf__link_session(c->link) == HF__SESSION_LOST)
		e = hf__error_at(
			e, run.sent ? HF_MAYBE_COMMITTED : HF_RETRYABLE, NULL, &c->job->site);
	hf_result_unref(res);
	c->txn_open = false;
	c->txn_timeout = 0;
	return e;
}

hf_error *hf__conn_rollback(hf_conn *c)
{
	hf__guard g = { HF__NEVER, HF__NEVER, ask_during_commit, c->worker };
	hf_error *e = NULL;

	if (hf__link_session(c->link) == HF__SESSION_TXN ||
		hf__link_session(c->link) == HF__SESSION_FAILED)
		e = hf__link_command(c->link, "ROLLBACK", &g, NULL);
	c->txn_open = false;
	c->txn_timeout = 0;
	c->poison = hf_error_unref(c->poison);
	return e;
}

/* --- jobs ----------------------------------------------------------------------------------------
 */

static hf__outcome outcome_of(hf_error *e, hf_result *res)
{
	if (!e)
		return (hf__outcome){ .status = HF_OK, .result = res };
	return (hf__outcome){ .status = hf_error_status(e), .error = e };
}

static hf__outcome run_statement(hf_conn *c, hf__job *j)
{
	hf__run run = { .sql = j->sql,
		.params = j->params,
		.kind = j->sql_kind,
		.script = j->kind == HF__JOB_SCRIPT,
		.on_row = j->on_row,
		.row_arg = j->arg };
	hf_result *res = NULL;
	hf_error *e = c->poison ? hf_error_ref(c->poison) : execute(c, &run, &res, &j->site);

	/* A transaction's command leaves the end to the transaction. */
	if (j->txn)
		return outcome_of(e, res);
	if (!e && c->txn_auto)
		e = hf__conn_commit(c);
	if (e)
		res = hf_result_unref(res);
	return outcome_of(e, res);
}

static void drop_reply(hf_reply *r)
{
	if (r->outcome.free_value)
		r->outcome.free_value(r->outcome.value);
	hf_result_unref(r->outcome.result);
	r->outcome.result = NULL;
	r->outcome.value = NULL;
	r->outcome.free_value = NULL;
}

/* Why an interaction failed, in the order of what says most. */
static hf_error *why_failed(hf_conn *c, hf_status st, hf_reply *r)
{
	hf_error *own = r->outcome.error;

	r->outcome.error = NULL;
	if (st == HF_OK) {
		hf_error_unref(own);
		return c->poison ? hf_error_ref(c->poison) : NULL;
	}
	if (own && st == HF_E_USER)
		return own;
	hf_error_unref(own);
	if (c->error && hf_error_status(c->error) == st)
		return hf_error_ref(c->error);
	return hf__error_fmt(st == HF_PENDING ? HF_E_USER : st, 0, "the interaction returned %s",
		hf_status_name(st));
}

static hf__outcome run_fn(hf_conn *c, hf__job *j)
{
	hf_reply reply = { { .status = HF_OK } };
	hf_status st = c->poison ? hf_error_status(c->poison) : j->fn(c, j->arg, &reply);
	hf_error *e = why_failed(c, st, &reply);
	hf_error *undo = NULL;

	if (!j->txn && !e && c->txn_auto)
		e = hf__conn_commit(c);
	if (!j->txn && e && c->txn_auto)
		undo = hf__conn_rollback(c);
	hf_error_unref(undo); /* the first error is the one that counts; the link is broken now */
	if (e)
		drop_reply(&reply);
	reply.outcome.status = hf_error_status(e);
	reply.outcome.error = e ? hf__error_at(e, 0, NULL, &j->site) : NULL;
	return reply.outcome;
}

hf__outcome hf__conn_run_job(hf_conn *c, hf__job *j)
{
	switch (j->kind) {
	case HF__JOB_QUERY:
	case HF__JOB_SCRIPT:
		return run_statement(c, j);
	case HF__JOB_FN:
		return run_fn(c, j);
	case HF__JOB_SERVE:
		break;
	}
	j->serve(c, j);
	return (hf__outcome){ .status = HF_OK };
}

/* --- clean session -------------------------------------------------------------------------------
 */

static void roll_back_leftover(hf_conn *c, bool *was_left_open)
{
	char name[200];

	if (hf__link_session(c->link) != HF__SESSION_TXN &&
		hf__link_session(c->link) != HF__SESSION_FAILED)
		return;
	*was_left_open = true;
	hf_error_unref(hf__conn_rollback(c));
	hf__logf(&c->worker->pool->log, HF__LOG_WARN,
		"%s left a transaction open; it was rolled back",
		hf__job_name(c->job, name, sizeof name));
}

static void reset_session(hf_conn *c)
{
	hf_pool *p = c->worker->pool;
	hf__guard g = { HF__NEVER, HF__NEVER, ask_during_commit, c->worker };
	hf_error *e = hf__link_reset(c->link, &g);

	if (!e)
		e = hf__conn_hook(c);
	hf__lock(&p->lock);
	p->stats.resets++;
	hf__unlock(&p->lock);
	if (e) {
		hf__logf(&p->log, HF__LOG_WARN, "a session could not be reset, closing it: %s",
			hf_error_message(e));
		c->link->broken = true;
	}
	hf_error_unref(e);
}

void hf__conn_leave(hf_conn *c, bool *was_left_open)
{
	*was_left_open = false;
	roll_back_leftover(c, was_left_open);
	if (c->discard || hf__link_escaped_read_only(c->link))
		c->link->broken = true;
	if (c->link->dirty && !c->link->broken)
		reset_session(c);
	in_use = NULL;
	c->job = NULL;
	drop_kept(c);
	drop_errors(c);
	hf__arena_clear(&c->arena);
}

hf_error *hf__conn_hook(hf_conn *c)
{
	hf_pool *p = c->worker->pool;
	hf__job *outer = c->job;
	hf__job hook = { .pool = p,
		.kind = HF__JOB_FN,
		.manual = true,
		.run_until = HF__NEVER,
		.site = { "on_connect", 0 } };
	hf_error *e = NULL;
	hf_status st;

	if (!p->opts.on_connect)
		return NULL;
	hf__conn_enter(c, &hook);
	st = p->opts.on_connect(c, p->opts.hook_arg);
	if (st != HF_OK)
		e = hf__error_fmt(HF_E_CONNECT, HF_CONNECTION,
			"the on_connect hook failed (%s)%s%s", hf_status_name(st),
			c->error ? ": " : "", c->error ? hf_error_message(c->error) : "");
	else
		e = hf__conn_commit(c); /* a hook may leave its transaction to us */
	c->link->dirty = false;
	drop_errors(c);
	in_use = outer ? c : NULL;
	c->job = outer;
	return e;
}

/* --- the public calls ----------------------------------------------------------------------------
 */

/* Whether the calling thread may use the handle now. */
static bool usable(const hf_conn *c)
{
	return c && c == in_use && c->worker->pool->forks == hf__fork_count() && !c->in_row;
}

static hf_status misuse(const hf_conn *c)
{
	return c && c == in_use && c->worker->pool->forks != hf__fork_count() ? HF_E_FORKED
									      : HF_E_MISUSE;
}

/* Lends the result to the interaction until it returns. */
static hf_error *keep(hf_conn *c, hf_result *res, const hf_result **out)
{
	struct hf__kept *k = hf__arena_alloc(&c->arena, sizeof *k);

	if (!k) {
		hf_result_unref(res);
		return hf__error_nomem();
	}
	*k = (struct hf__kept){ c->kept, res };
	c->kept = k;
	*out = res;
	return NULL;
}

static hf_error *check_control(hf_conn *c, hf__sql_kind kind)
{
	if (kind == HF__SQL_COPY)
		return hf__error_fmt(
			HF_E_MISUSE, 0, "COPY through the client is not possible in a query");
	if (kind == HF__SQL_TXN && !c->manual)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"transaction control in the text of an interaction: holdfast "
			"begins and ends its transaction; use savepoints, or a .manual job");
	return NULL;
}

/* Any statement of the interaction: checked, encoded, run. `out` may be NULL. */
static hf_status statement(hf_conn *c, hf__run *run, const hf_result **out, const hf_site *site,
	const hf_value *args, size_t n)
{
	hf__strbuf text = HF__STRBUF_INIT;
	hf__params *params = NULL;
	hf_result *res = NULL;
	hf_error *e = NULL;

	if (!usable(c))
		return misuse(c);
	if (!run->sql)
		return note(c, hf__error_fmt(HF_E_MISUSE, 0, "the SQL text is NULL"));
	run->kind = hf__sql_classify(run->sql);
	e = c->poison ? hf_error_ref(c->poison) : check_control(c, run->kind);
	if (!e && run->script && hf__sql_render(&text, run->sql, args, n, &e) == HF_OK)
		run->sql = hf__strbuf_text(&text);
	else if (!e && !run->script)
		hf__params_new(args, n, &params, &e);
	run->params = params;
	if (!e)
		e = execute(c, run, &res, site);
	if (!e && out)
		e = keep(c, res, out);
	else
		hf_result_unref(res);
	hf__free(params);
	hf__strbuf_finish(&text);
	return note(c, e);
}

hf_status hf_conn_query_at(const hf_site *site, hf_conn *c, const hf_result **out, const char *sql,
	const hf_value *args, size_t n)
{
	hf__run run = { .sql = sql };

	return statement(c, &run, out, site, args, n);
}

hf_status hf_conn_script_at(const hf_site *site, hf_conn *c, const hf_result **out, const char *sql,
	const hf_value *args, size_t n)
{
	hf__run run = { .sql = sql, .script = true };

	return statement(c, &run, out, site, args, n);
}

/* The connection is in use while rows arrive: a callback that tries to use it is refused. */
struct each {
	hf_conn *c;
	hf_row_fn *fn;
	void *arg;
};

static hf_status each_row(hf_row row, void *arg)
{
	struct each *e = arg;
	hf_status st;

	e->c->in_row = true;
	st = e->fn(row, e->arg);
	e->c->in_row = false;
	return st;
}

hf_status hf_conn_each_at(const hf_site *site, hf_conn *c, hf_row_fn *fn, void *arg,
	const char *sql, const hf_value *args, size_t n)
{
	struct each each = { c, fn, arg };
	hf__run run = { .sql = sql, .on_row = each_row, .row_arg = &each };

	if (!fn)
		return HF_E_MISUSE;
	return statement(c, &run, NULL, site, args, n);
}

hf_status hf_conn_begin(hf_conn *c)
{
	hf__guard g;

	if (!usable(c))
		return misuse(c);
	if (!c->manual)
		return note(c, hf__error_fmt(HF_E_MISUSE, 0, "hf_conn_begin needs a .manual job"));
	if (hf__link_session(c->link) != HF__SESSION_IDLE)
		return note(c, hf__error_fmt(HF_E_MISUSE, 0,
				       "a transaction is open already; nest with savepoints"));
	g = guard_of(c, 0);
	return note(c, hf__link_command(c->link, begin_text(c), &g, NULL));
}

static hf_error *need_manual_txn(hf_conn *c, const char *what)
{
	if (!c->manual)
		return hf__error_fmt(HF_E_MISUSE, 0, "%s needs a .manual job", what);
	if (hf__link_session(c->link) == HF__SESSION_IDLE)
		return hf__error_fmt(HF_E_TXN_ENDED, 0, "%s: no transaction is open", what);
	return NULL;
}

hf_status hf_conn_commit(hf_conn *c)
{
	hf_error *e;

	if (!usable(c))
		return misuse(c);
	e = need_manual_txn(c, "hf_conn_commit");
	if (!e)
		e = hf__conn_commit(c);
	if (hf__link_session(c->link) == HF__SESSION_IDLE)
		c->poison = hf_error_unref(c->poison);
	return note(c, e);
}

hf_status hf_conn_rollback(hf_conn *c)
{
	hf_error *e;

	if (!usable(c))
		return misuse(c);
	e = need_manual_txn(c, "hf_conn_rollback");
	return note(c, e ? e : hf__conn_rollback(c));
}

static hf_status savepoint(hf_conn *c, const char *verb, const char *name)
{
	hf__strbuf sql = HF__STRBUF_INIT;
	hf__run run = { .kind = HF__SQL_EMPTY };
	bool undo = strcmp(verb, "ROLLBACK TO SAVEPOINT ") == 0;
	hf_error *e = NULL;

	if (!usable(c))
		return misuse(c);
	if (c->poison && !undo)
		return note(c, hf_error_ref(c->poison));
	hf__strbuf_puts(&sql, verb);
	hf__ident(&sql, name ? name : "", "savepoint", &e);
	if (!e && sql.failed)
		e = hf__error_nomem();
	run.sql = hf__strbuf_text(&sql);
	if (!e)
		e = execute(c, &run, NULL, &c->job->site);
	if (!e && undo) {
		c->poison = hf_error_unref(c->poison);
		c->txn_timeout =
			-1; /* a limit set after the savepoint is gone; which, is not known */
	}
	hf__strbuf_finish(&sql);
	return note(c, e);
}

hf_status hf_conn_savepoint(hf_conn *c, const char *name)
{
	return savepoint(c, "SAVEPOINT ", name);
}

hf_status hf_conn_rollback_to(hf_conn *c, const char *name)
{
	return savepoint(c, "ROLLBACK TO SAVEPOINT ", name);
}

hf_status hf_conn_release(hf_conn *c, const char *name)
{
	return savepoint(c, "RELEASE SAVEPOINT ", name);
}

hf_status hf_conn_run(hf_conn *c, hf_pool *p, hf_fn *fn, void *arg, hf_reply *reply)
{
	if (!usable(c) || !fn)
		return misuse(c);
	if (p && p != c->worker->pool)
		return note(c, hf__error_fmt(HF_E_MISUSE, 0,
				       "this connection belongs to pool \"%s\", not to pool \"%s\"",
				       c->worker->pool->name, p->name));
	return fn(c, arg, reply);
}

const hf_error *hf_conn_error(hf_conn *c)
{
	return c && c == in_use ? c->error : NULL;
}

bool hf_conn_canceled(hf_conn *c)
{
	return c && c == in_use &&
	       (hf__worker_ask(c->worker) != HF__ASK_NONE || hf__now() >= c->run_until);
}

hf_pool *hf_conn_pool(hf_conn *c)
{
	return c && c == in_use ? c->worker->pool : NULL;
}

int hf_conn_backend_pid(hf_conn *c)
{
	return usable(c) ? hf__link_pid(c->link) : 0;
}

void *hf_conn_alloc(hf_conn *c, size_t n)
{
	return usable(c) ? hf__arena_alloc(&c->arena, n) : NULL;
}

void hf_conn_discard(hf_conn *c)
{
	if (usable(c))
		c->discard = true;
}
