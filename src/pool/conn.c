/* SPDX-License-Identifier: MIT */
/* The calls of an interaction: hf_conn_*. On the worker's own thread; elsewhere they refuse. */
#include "pool/pool.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/mem.h"
#include "value/error.h"

#include <string.h>

/* Remembers the error of a call as hf_conn_error's; answers its status. Consumes `e`. */
static hf_status note(hf_conn *c, hf_error *e)
{
	if (!e)
		return HF_OK;
	hf_error_unref(c->error);
	c->error = e;
	return hf_error_status(e);
}

/* Whether the handle belongs to what this thread runs. */
static bool mine(const hf_conn *c)
{
	return c && c == hf__conn_in_use() && c->worker->pool->forks == hf__fork_count();
}

/* Whether the calling thread may use the handle now. */
bool hf__conn_usable(const hf_conn *c)
{
	return mine(c) && !c->in_row;
}

hf_status hf__conn_misuse(const hf_conn *c)
{
	return c && c == hf__conn_in_use() && c->worker->pool->forks != hf__fork_count()
		       ? HF_E_FORKED
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

static bool in_txn(const hf_conn *c)
{
	return c->txn_auto || hf__link_session(c->link) != HF__SESSION_IDLE;
}

bool hf__conn_alone(const hf_conn *c)
{
	return hf__conn_usable(c) && c->manual && !in_txn(c);
}

/* Only what goes through the calls below is known to end what, so nothing else is allowed where
 * that matters. */
static const char *control_belongs_to(const hf_conn *c)
{
	if (!c->manual)
		return "holdfast begins and ends its transaction; use savepoints, or a .manual job";
	if (c->atomics)
		return "it belongs to hf_conn_atomic";
	if (c->hooks.n)
		return "hf_conn_on_commit has to know; use hf_conn_commit and its kin";
	return NULL;
}

static hf_error *check_control(hf_conn *c, hf__sql_kind kind, const char *sql, bool script)
{
	const char *whose = control_belongs_to(c);

	if (kind == HF__SQL_COPY)
		return hf__error_fmt(
			HF_E_MISUSE, 0, "COPY through the client is not possible in a query");
	if (whose && (script ? hf__sql_controls_txn(sql) : kind == HF__SQL_TXN))
		return hf__error_fmt(HF_E_MISUSE, 0,
			"transaction control in the text of an interaction: %s", whose);
	if (c->manual && !c->worker->pool->opts.two_phase && hf__sql_two_phase(sql))
		return hf__error_fmt(HF_E_MISUSE, 0,
			"pool \"%s\" prepares no transactions: open it with .two_phase",
			c->worker->pool->name);
	return NULL;
}

/* A statement that failed fails the interaction, also where it was refused before it was sent: what
 * an interaction did after it must not be committed without it. Consumes `e`. */
hf_status hf__conn_failed(hf_conn *c, hf_error *e)
{
	if (e && in_txn(c) && !c->poison)
		c->poison = hf_error_ref(e);
	hf__retry_heed(c, e);
	return note(c, e);
}

/* A script brings no set_config along that would make the server refuse its writes. */
static hf_error *check_writes(const hf_conn *c)
{
	if (!c->read_only || c->txn_auto || c->link->cfg.read_only || in_txn(c))
		return NULL;
	return hf__error_fmt(HF_E_MISUSE, 0,
		"a script of a .manual job that is .read_only needs hf_conn_begin before it");
}

/* Any statement of the interaction: checked, encoded, run. `out` may be NULL. */
static hf_status statement(hf_conn *c, hf__run *run, const hf_result **out, const hf_site *site,
	const hf_value *args, size_t n)
{
	hf__strbuf text = HF__STRBUF_INIT;
	hf__params *params = NULL;
	hf_result *res = NULL;
	hf_error *e = NULL;

	if (!hf__conn_usable(c))
		return hf__conn_misuse(c);
	if (!run->sql)
		return hf__conn_failed(c, hf__error_fmt(HF_E_MISUSE, 0, "the SQL text is NULL"));
	run->kind = hf__sql_classify(run->sql);
	e = c->poison ? hf_error_ref(c->poison)
		      : check_control(c, run->kind, run->sql, run->script);
	if (!e && run->script)
		e = check_writes(c);
	if (!e && run->script && hf__sql_render(&text, run->sql, args, n, &e) == HF_OK)
		run->text = hf__strbuf_text(&text);
	else if (!e && !run->script)
		hf__params_new(args, n, &params, &e);
	run->params = params;
	if (!e) {
		hf__worker_note_statement(c->worker, site);
		e = hf__conn_execute(c, run, &res, site);
	}
	if (!e && out)
		e = keep(c, res, out);
	else
		hf_result_unref(res);
	hf__free(params);
	hf__strbuf_finish(&text);
	return hf__conn_failed(c, e ? hf__error_at(e, 0, run->sql, site) : NULL);
}

hf_status hf__conn_query(const hf_site *site, hf_conn *c, bool many_rows, const hf_result **out,
	const char *sql, const hf_value *args, size_t n)
{
	hf__run run = { .sql = sql, .many = many_rows };

	return statement(c, &run, out, site, args, n);
}

hf_status hf_conn_query_at(const hf_site *site, hf_conn *c, const hf_result **out, const char *sql,
	const hf_value *args, size_t n)
{
	return hf__conn_query(site, c, false, out, sql, args, n);
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

	if (!fn && hf__conn_usable(c))
		return note(c, hf__error_fmt(HF_E_MISUSE, 0, "the row callback is NULL"));
	return statement(c, &run, NULL, site, args, n);
}

hf_status hf_conn_begin(hf_conn *c)
{
	hf__guard g;

	if (!hf__conn_usable(c))
		return hf__conn_misuse(c);
	if (!c->manual)
		return note(c, hf__error_fmt(HF_E_MISUSE, 0, "hf_conn_begin needs a .manual job"));
	if (hf__link_session(c->link) != HF__SESSION_IDLE)
		return note(c, hf__error_fmt(HF_E_MISUSE, 0,
				       "a transaction is open already; nest with savepoints"));
	g = hf__conn_guard(c, 0);
	return note(c, hf__link_command(c->link, hf__conn_begin_text(c), &g));
}

static hf_error *need_manual_txn(hf_conn *c, const char *what)
{
	if (!c->manual)
		return hf__error_fmt(HF_E_MISUSE, 0, "%s needs a .manual job", what);
	if (c->atomics)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"%s inside of hf_conn_atomic, which ends its work itself", what);
	if (hf__link_session(c->link) == HF__SESSION_IDLE)
		return hf__error_fmt(HF_E_TXN_ENDED, 0, "%s: no transaction is open", what);
	return NULL;
}

hf_status hf_conn_commit(hf_conn *c)
{
	hf_error *e;

	if (!hf__conn_usable(c))
		return hf__conn_misuse(c);
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

	if (!hf__conn_usable(c))
		return hf__conn_misuse(c);
	e = need_manual_txn(c, "hf_conn_rollback");
	return note(c, e ? e : hf__conn_rollback(c));
}

/* --- savepoints --- */

static hf_error *savepoint_command(hf_conn *c, const char *verb, const char *name)
{
	hf__strbuf sql = HF__STRBUF_INIT;
	hf__run run = { .kind = HF__SQL_EMPTY };
	hf_error *e = NULL;

	hf__strbuf_puts(&sql, verb);
	hf__ident(&sql, name ? name : "", "savepoint", &e);
	if (!e && sql.failed)
		e = hf__error_nomem();
	if (!e && !in_txn(c))
		e = hf__error_fmt(HF_E_MISUSE, 0,
			"%s\"%s\": no transaction is open; begin one with hf_conn_begin", verb,
			name);
	run.sql = hf__strbuf_text(&sql);
	if (!e)
		e = hf__conn_execute(c, &run, NULL, &c->job->site);
	hf__strbuf_finish(&sql);
	return e;
}

hf_error *hf__conn_savepoint(hf_conn *c, const char *name, bool atomic)
{
	hf__point *made;
	hf_error *e;

	if (name && hf__hooks_taken(&c->hooks, name))
		return hf__error_fmt(
			HF_E_MISUSE, 0, "the savepoint \"%s\" is hf_conn_atomic's", name);
	made = hf__point_new(name ? name : "", atomic);
	if (!made)
		return hf__error_nomem();
	e = savepoint_command(c, "SAVEPOINT ", name);
	if (e)
		hf__free(made);
	else
		hf__hooks_savepoint(&c->hooks, made);
	return e;
}

hf_error *hf__conn_release(hf_conn *c, const char *name)
{
	hf_error *e = savepoint_command(c, "RELEASE SAVEPOINT ", name);

	if (!e)
		hf__hooks_release(&c->hooks, name);
	return e;
}

/* What hf_conn_atomic runs may end what it began itself, and nothing else. */
static hf_error *check_reach(const hf_conn *c, const char *name)
{
	if (!name || !hf__hooks_out_of_reach(&c->hooks, name))
		return NULL;
	return hf__error_fmt(HF_E_MISUSE, 0,
		"the savepoint \"%s\" was not made inside of this hf_conn_atomic", name);
}

static void undone_to(hf_conn *c, const char *name)
{
	c->poison = hf_error_unref(c->poison);
	c->txn_timeout = -1; /* a limit set after the savepoint is gone */
	c->in_row = true;
	hf__hooks_rollback_to(&c->hooks, name);
	c->in_row = false;
}

hf_status hf_conn_savepoint(hf_conn *c, const char *name)
{
	if (!hf__conn_usable(c))
		return hf__conn_misuse(c);
	return hf__conn_failed(
		c, c->poison ? hf_error_ref(c->poison) : hf__conn_savepoint(c, name, false));
}

hf_status hf_conn_rollback_to(hf_conn *c, const char *name)
{
	hf_error *e;

	if (!hf__conn_usable(c))
		return hf__conn_misuse(c);
	e = check_reach(c, name);
	if (!e)
		e = savepoint_command(c, "ROLLBACK TO SAVEPOINT ", name);
	if (!e)
		undone_to(c, name);
	return hf__conn_failed(c, e); /* what was to be undone is not */
}

hf_status hf_conn_release(hf_conn *c, const char *name)
{
	hf_error *e;

	if (!hf__conn_usable(c))
		return hf__conn_misuse(c);
	e = c->poison ? hf_error_ref(c->poison) : check_reach(c, name);
	return hf__conn_failed(c, e ? e : hf__conn_release(c, name));
}

/* --- functions inside of functions, hooks --- */

/* What the inner function replied, when it is kept. */
static void hand_over(hf_reply *to, hf_reply *from)
{
	if (from->outcome.value || from->outcome.free_value)
		hf_reply_value(to, from->outcome.value, from->outcome.free_value);
	if (from->outcome.result)
		hf_reply_result(to, from->outcome.result);
	hf_result_unref(from->outcome.result);
}

hf_status hf_conn_atomic_at(
	const hf_site *site, hf_conn *c, hf_nesting nesting, hf_fn *fn, void *arg, hf_reply *reply)
{
	hf_reply inner = { .outcome = { .status = HF_OK } };
	hf_error *e;

	if (!hf__conn_usable(c))
		return hf__conn_misuse(c);
	if (!fn || (unsigned)nesting > HF_NEST_REFUSE)
		return hf__conn_failed(c, hf__error_fmt(HF_E_MISUSE, 0,
						  fn ? "hf_conn_atomic: nesting %d is unknown"
						     : "the interaction's function is NULL",
						  (int)nesting));
	e = c->poison ? hf_error_ref(c->poison) : hf__conn_atomic(c, nesting, fn, arg, &inner);
	if (e)
		hf__reply_drop(&inner);
	else
		hand_over(reply, &inner);
	return note(c, e ? hf__error_at(e, 0, NULL, site) : NULL);
}

hf_status hf_conn_on_commit(hf_conn *c, hf_hook_fn *fn, void *arg, hf_free_fn *free_arg)
{
	hf_error *e = NULL;
	bool allowed = hf__conn_usable(c);

	if (allowed && c->poison)
		e = hf_error_ref(c->poison);
	else if (allowed && !fn)
		e = hf__error_fmt(HF_E_MISUSE, 0, "the hook of hf_conn_on_commit is NULL");
	else if (allowed && !in_txn(c))
		e = hf__error_fmt(HF_E_MISUSE, 0, "hf_conn_on_commit: no transaction is open");
	else if (allowed && !hf__hooks_add(&c->hooks, fn, arg, free_arg))
		e = hf__error_nomem();
	if (free_arg && (!allowed || e))
		free_arg(arg);
	return allowed ? hf__conn_failed(c, e) : hf__conn_misuse(c);
}

int hf_conn_attempt(hf_conn *c)
{
	return mine(c) && c->job->more->retry.attempt > 1 ? c->job->more->retry.attempt : 1;
}

hf_status hf_conn_run(hf_conn *c, hf_pool *p, hf_fn *fn, void *arg, hf_reply *reply)
{
	if (!hf__conn_usable(c))
		return hf__conn_misuse(c);
	if (!fn)
		return note(c, hf__error_fmt(HF_E_MISUSE, 0, "the interaction's function is NULL"));
	if (p && p != c->worker->pool)
		return note(c, hf__error_fmt(HF_E_MISUSE, 0,
				       "this connection belongs to pool \"%s\", not to pool \"%s\"",
				       c->worker->pool->name, p->name));
	return fn(c, arg, reply);
}

const hf_error *hf_conn_error(hf_conn *c)
{
	if (mine(c))
		return c->error;
	return hf__conn_misuse(c) == HF_E_FORKED ? hf__error_forked() : NULL;
}

bool hf_conn_canceled(hf_conn *c)
{
	return mine(c) && (hf__worker_ask(c->worker) != HF__ASK_NONE || hf__now() >= c->run_until);
}

hf_pool *hf_conn_pool(hf_conn *c)
{
	return c && c == hf__conn_in_use() ? c->worker->pool : NULL;
}

int hf_conn_backend_pid(hf_conn *c)
{
	return hf__conn_usable(c) ? c->link->pid : 0;
}

void *hf_conn_alloc(hf_conn *c, size_t n)
{
	return hf__conn_usable(c) ? hf__arena_alloc(&c->arena, n) : NULL;
}

void hf_conn_discard(hf_conn *c)
{
	if (hf__conn_usable(c))
		c->discard = true;
}
