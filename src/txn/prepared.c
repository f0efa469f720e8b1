/* SPDX-License-Identifier: MIT */
/* Prepared transactions: making one, ending one, and listing those that nobody ended. */
#include "txn/prepared.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "pool/pool.h"
#include "value/error.h"
#include "value/text.h"

#include <holdfast/global.h>

#include <limits.h>
#include <string.h>

/* Runs VERB 'gid', a command of our own: it is not cancelled, and must answer with its own words.
 */
static hf_error *command(hf_conn *c, const char *verb, const char *gid, hf__run *run)
{
	hf__strbuf sql = HF__STRBUF_INIT;
	hf_error *e;

	hf__strbuf_puts(&sql, verb);
	hf__strbuf_putc(&sql, ' ');
	hf__put_quoted(&sql, gid, strlen(gid));
	run->sql = hf__strbuf_text(&sql);
	run->guard.cancel_at = HF__NEVER;
	run->guard.ask = hf__conn_ask_commit;
	run->guard.arg = c->worker;
	e = sql.failed ? hf__error_nomem() : hf__link_run(c->link, run, NULL);
	hf__conn_pass_on_notices(c, verb, NULL);
	if (e)
		e = hf__error_at(e, 0, run->sql, &c->job->site);
	run->sql = NULL;
	hf__strbuf_finish(&sql);
	return e;
}

static bool is_lost(const hf_conn *c, const hf__run *run)
{
	return run->sent && hf__link_session(c->link) == HF__SESSION_LOST;
}

hf_error *hf__conn_prepare(hf_conn *c, const char *gid)
{
	bool open = hf__link_session(c->link) == HF__SESSION_TXN;
	hf__run run = { .kind = HF__SQL_EMPTY, .set_timeout = c->txn_timeout ? -1 : 0 };
	hf_error *e;

	if (!open)
		return hf__error_fmt(
			HF_E_TXN_ENDED, 0, "no transaction is open that could be prepared");
	if (c->hooks.n > 0)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"a hook cannot follow the commit of a prepared transaction: let a "
			"participant's finish do it");
	run.guard.give_up_at = hf__deadline(c->link->cfg.stall_ms);
	e = command(c, "PREPARE TRANSACTION", gid, &run);
	if (!e && strcmp(run.tag, "PREPARE TRANSACTION") != 0)
		e = hf__error_fmt(HF_E_TXN_ENDED, HF_RETRYABLE,
			"the server rolled the transaction back instead of preparing it");
	else if (e && is_lost(c, &run))
		e = hf__error_at(e, HF_MAYBE_COMMITTED, NULL, NULL);
	hf__conn_txn_over(c);
	return e;
}

hf_error *hf__conn_end_prepared(hf_conn *c, const char *gid, bool commit, int64_t give_up)
{
	int64_t stall = hf__deadline(c->link->cfg.stall_ms);
	hf__run run = { .kind = HF__SQL_EMPTY,
		.guard.give_up_at = give_up < stall ? give_up : stall };
	hf_error *e;

	/* It is not to be stopped by a limit meant for statements. */
	if (c->link->cfg.statement_ms > 0) {
		run.kind = HF__SQL_UTILITY;
		run.set_timeout = INT_MAX;
	}
	if (hf__link_session(c->link) != HF__SESSION_IDLE)
		return hf__error_fmt(
			HF_E_MISUSE, 0, "a prepared transaction is ended outside of others");
	e = command(c, commit ? "COMMIT PREPARED" : "ROLLBACK PREPARED", gid, &run);
	if (e && commit && is_lost(c, &run))
		e = hf__error_at(e, HF_MAYBE_COMMITTED, NULL, NULL);
	return e;
}

/* --- for everybody --- */

hf_future *hf_prepared_list_at(const hf_site *site, hf_pool *p)
{
	static const char list[] =
		"SELECT x.gid, m.part[1] AS global, m.part[2]::int AS branch,"
		" m.part[3]::int AS branches, x.prepared AS prepared_at,"
		" pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - x.prepared) AS "
		"age_s,"
		" x.owner::text AS owner"
		" FROM pg_catalog.pg_prepared_xacts x LEFT JOIN LATERAL pg_catalog.regexp_match("
		"x.gid, '^(hf:[A-Za-z0-9_.-]*:[0-9a-f]{32}):([0-9]{1,9}):([0-9]{1,9})$')"
		" AS m(part) ON true"
		" WHERE x.database = pg_catalog.current_database() ORDER BY x.prepared, x.gid";

	return hf_query_at(site, p, list, NULL, 0);
}

/* What a job ends: its argument. */
struct request {
	bool commit;
	char gid[];
};

static hf_status end_one(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct request *r = arg;

	(void)reply;
	hf_error_unref(c->error);
	c->error = hf__conn_end_prepared(c, r->gid, r->commit, HF__NEVER);
	return hf_error_status(c->error);
}

static hf_error *check(const hf_pool *p, const char *gid)
{
	hf_error *e = hf__pool_refusal(p);

	if (e)
		return e;
	if (!p->opts.two_phase)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"pool \"%s\" ends no prepared transactions: open it with .two_phase",
			p->name);
	if (!gid || !hf__utf8_valid(gid, strlen(gid)))
		return hf__error_fmt(HF_E_MISUSE, 0, "the gid is %s", gid ? "not UTF-8" : "NULL");
	return NULL;
}

static hf_future *end_prepared(const hf_site *site, hf_pool *p, const char *gid, bool commit)
{
	hf_error *e = check(p, gid);
	struct request *r = NULL;

	if (!e && !(r = hf__calloc(sizeof *r + strlen(gid) + 1)))
		e = hf__error_nomem();
	if (e)
		return hf__job_refuse(p, e, site, NULL, NULL);
	r->commit = commit;
	memcpy(r->gid, gid, strlen(gid) + 1);
	return hf_submit_at(site, p,
		HF_JOB(.fn = end_one, .arg = r, .free_arg = hf__free, .manual = true,
			.label = commit ? "commit prepared" : "rollback prepared"));
}

hf_future *hf_prepared_commit_at(const hf_site *site, hf_pool *p, const char *gid)
{
	return end_prepared(site, p, gid, true);
}

hf_future *hf_prepared_rollback_at(const hf_site *site, hf_pool *p, const char *gid)
{
	return end_prepared(site, p, gid, false);
}
