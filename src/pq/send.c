/* SPDX-License-Identifier: MIT */
/* Sending: a trip's commands, its Sync last. */
#include "pq/wire.h"

#include "pq/copy.h"
#include "pq/format.h"

#include <errno.h>
#include <stdio.h>

/* Of a function of libpq's that may send, over t->l: it worked, as far as can be told. Sign five is
 * seen right behind it, or never. */
#define SENT(call) (errno = 0, (call) == 1 && !hf__link_refused(t->l))

static bool send_text(hf__trip *t, const char *sql)
{
	t->n_commands++;
	return SENT(PQsendQueryParams(t->l->pg, sql, 0, NULL, NULL, NULL, NULL, 0));
}

/* A text of ours that is sent again and again. What travels with commands of our own is not
 * prepared: a COMMIT by itself cannot fail for that. */
static bool send_extra(hf__trip *t, const char *sql)
{
	bool users = t->run->kind == HF__SQL_PLAIN || t->run->kind == HF__SQL_READ;
	hf__extra *x = users ? hf__extras_use(&t->l->extras, sql) : NULL;
	bool ready = x && (x->prepared || x->parsing);

	if (!x || (!ready && t->n_made == (int)(sizeof t->made / sizeof *t->made)))
		return send_text(t, sql);
	if (!ready) {
		x->parsing = true;
		t->made[t->n_made] = x;
		t->made_at[t->n_made++] = t->n_commands++;
		if (!SENT(PQsendPrepare(t->l->pg, x->name, sql, 0, NULL)))
			return false;
	}
	t->extras |= 1u << t->n_commands++;
	return SENT(PQsendQueryPrepared(t->l->pg, x->name, 0, NULL, NULL, NULL, 0));
}

/* SET LOCAL takes no snapshot, so that SET TRANSACTION may follow; but where no transaction is open
 * the server would warn of it. */
static bool send_settings(hf__trip *t)
{
	char sql[96];
	hf__run *run = t->run;
	bool in_txn = run->begin || hf__link_session(t->l) == HF__SESSION_TXN;
	int ms = run->set_timeout > 0 ? run->set_timeout : t->l->cfg.statement_ms;

	if (run->begin && !send_extra(t, run->begin))
		return false;
	if (run->set_read_only &&
		!send_text(t, "SELECT set_config('transaction_read_only','on',true)"))
		return false;
	if (run->set_timeout == 0)
		return true;
	snprintf(sql, sizeof sql,
		in_txn ? "SET LOCAL statement_timeout = %d"
		       : "SELECT pg_catalog.set_config('statement_timeout','%d',true)",
		ms);
	return in_txn ? send_extra(t, sql) : send_text(t, sql);
}

static bool send_evicted(hf__trip *t)
{
	char sql[40];

	if (!t->evicted)
		return true;
	snprintf(sql, sizeof sql, "DEALLOCATE %s", t->evicted->name);
	t->evict_index = t->n_commands;
	return send_text(t, sql);
}

static bool send_prepare(hf__trip *t)
{
	const hf__params *p = t->run->params;

	if (!t->named || t->entry->prepared || t->entry->parsing)
		return true;
	t->entry->parsing = true;
	t->prepare_index = t->n_commands++;
	return SENT(PQsendPrepare(
		t->l->pg, t->entry->name, t->run->sql, p ? p->n : 0, p ? p->types : NULL));
}

static bool send_stamp(hf__trip *t)
{
	return !t->run->stamp || send_text(t, t->run->stamp);
}

static bool send_format_question(hf__trip *t, unsigned columns)
{
	if (t->run->begin || !hf__format_must_ask(t->l, columns))
		return true;
	t->floats_index = t->n_commands;
	return send_text(t, hf__format_question);
}

/* What goes before the statement; its own preparation is the last, as texts of ours take the
 * unnamed statement's place. */
static bool send_first(hf__trip *t, unsigned columns)
{
	return send_settings(t) && send_evicted(t) && send_prepare(t) &&
	       (t->run->commit || send_stamp(t)) && send_format_question(t, columns);
}

static bool send_describe(hf__trip *t)
{
	const hf__params *p = t->run->params;
	const char *name = t->named ? t->entry->name : "";
	PGconn *pg = t->l->pg;

	if (!t->named) {
		t->n_commands++;
		if (!SENT(PQsendPrepare(pg, name, t->run->sql, p ? p->n : 0, p ? p->types : NULL)))
			return false;
	}
	t->describe_index = t->n_commands++;
	return SENT(PQsendDescribePrepared(pg, name)) && SENT(PQsendFlushRequest(pg));
}

/* The unnamed statement: nothing to clean up. */
static bool send_description(hf__trip *t)
{
	const char *sql = t->run->text ? t->run->text : t->run->sql;

	t->n_commands++;
	t->main_index = t->n_commands++;
	return SENT(PQsendPrepare(t->l->pg, "", sql, 0, NULL)) &&
	       SENT(PQsendDescribePrepared(t->l->pg, ""));
}

static bool send_main(hf__trip *t)
{
	const hf__params *p = t->run->params;
	PGconn *pg = t->l->pg;
	int n = p ? p->n : 0, format = hf__format_binary(t->l, t->columns);

	if (t->run->describe)
		return send_description(t);
	t->main_index = t->n_commands++;
	if (t->named || t->describe_index >= 0)
		return SENT(PQsendQueryPrepared(pg, t->named ? t->entry->name : "", n,
			p ? p->values : NULL, p ? p->lengths : NULL, p ? p->formats : NULL,
			format));
	return SENT(PQsendQueryParams(pg, t->run->sql, n, p ? p->types : NULL, p ? p->values : NULL,
		p ? p->lengths : NULL, p ? p->formats : NULL, format));
}

static bool send_question(hf__trip *t)
{
	if (!t->run->ask_xid)
		return true;
	if (!send_extra(t, "SELECT pg_catalog.pg_current_xact_id_if_assigned()"))
		return false;
	t->xid_index = t->n_commands - 1;
	return true;
}

/* A COMMIT is not to be stopped by the limit of the statement before it, the server's or ours: the
 * statement's answer comes at once, and not only with that of the COMMIT. */
static bool send_commit(hf__trip *t)
{
	if (!t->run->commit)
		return true;
	if (!SENT(PQsendFlushRequest(t->l->pg)))
		return false;
	if (t->run->limit_ms > 0 && !send_extra(t, "SET LOCAL statement_timeout = 0"))
		return false;
	if (!send_stamp(t))
		return false;
	if (!send_extra(t, "COMMIT"))
		return false;
	t->commit_index = t->n_commands - 1;
	return true;
}

static bool send_close_portal(hf__trip *t)
{
	if (!t->run->close_portal || t->run->commit)
		return true;
#ifdef LIBPQ_HAS_CLOSE_PREPARED
	t->n_commands++;
	return SENT(PQsendClosePortal(t->l->pg, ""));
#else
	return send_extra(t, ""); /* takes the unnamed portal's place */
#endif
}

bool hf__trip_send_sync(hf__trip *t)
{
#ifdef LIBPQ_HAS_ASYNC_CANCEL /* came with the same release as PQsendPipelineSync */
	return SENT(PQsendPipelineSync(t->l->pg));
#else
	return SENT(PQpipelineSync(t->l->pg));
#endif
}

bool hf__trip_send_flush(hf__trip *t)
{
	return SENT(PQsendFlushRequest(t->l->pg));
}

bool hf__trip_send_ahead(hf__trip *t)
{
	return send_first(t, HF__FORMAT_USUAL) && send_describe(t) && hf__link_flush(t->l) >= 0;
}

static bool is_lone(const hf__trip *t)
{
	const hf__run *run = t->run;

	return t->may_be_lone && t->named && t->entry->prepared && t->n_commands == 0 &&
	       !t->evicted && !run->begin && !run->set_read_only && run->set_timeout == 0 &&
	       !run->describe && !run->on_row && !run->ask_xid && !run->stamp && !run->commit &&
	       !run->close_portal && !hf__format_must_ask(t->l, t->columns);
}

/* The same on the wire, and less work for libpq: see decision 3. */
static bool send_lone(hf__trip *t)
{
	t->lone = true;
	return PQexitPipelineMode(t->l->pg) == 1 && send_main(t);
}

bool hf__trip_send(hf__trip *t, bool sync)
{
	if (is_lone(t))
		return send_lone(t);
	return (t->describe_index >= 0 || send_first(t, t->columns)) && send_main(t) &&
	       send_question(t) && send_commit(t) && send_close_portal(t) &&
	       (!sync || hf__trip_send_sync(t));
}

bool hf__trip_send_alone(hf__trip *t)
{
	const hf__params *p = t->run->params;

	if (t->run->script || (t->run->copy && t->run->copy->simple))
		return SENT(PQsendQuery(t->l->pg, t->run->text ? t->run->text : t->run->sql));
	return SENT(PQsendQueryParams(t->l->pg, t->run->sql, p ? p->n : 0, p ? p->types : NULL,
		p ? p->values : NULL, p ? p->lengths : NULL, p ? p->formats : NULL, 0));
}
