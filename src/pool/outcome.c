/* SPDX-License-Identifier: MIT */
/* What became of a transaction whose COMMIT was not answered: asked over a connection of its own,
 * and never guessed.
 *
 * Note "whose numbers". pg_xact_status speaks of the number that the lost session was told. It
 * means the same transaction only on the same server (system identifier), on the same timeline
 * (after a failover the number may have been given out again), and if the server did not crash in
 * between: the number was perhaps never written to disk, and given out again. So a number that
 * another life of the server calls committed proves nothing; one that it calls aborted, or has not
 * given out, proves that ours was not. Beyond that only the outcome table can tell, whose rows are
 * found by a random id. A server with an older timeline than the lost session's was left behind by
 * a failover: it tells nothing at all.
 *
 * Note "in progress". The old session may still wait for a standby, or may not have noticed that
 * its client is gone. The first is given half the time; what is left then, or is idle, is ended,
 * and after that the answer is definite. */
#include "pool/pool.h"

#include "base/clock.h"
#include "value/error.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define FIRST_PAUSE_MS 10
#define PAUSE_MS       500

struct inquiry {
	const hf_conn *c;
	const hf__worker *w;
	hf__link link; /* of its own */
	char server[sizeof((hf__link *)0)->server];
	int64_t deadline, patience; /* until when an active session is left alone */
	char *why;
	size_t n;
	bool asked; /* `why` is an answer */
};

static hf__guard guard_of(struct inquiry *q, int ms)
{
	int64_t until = hf__deadline(ms);

	return (hf__guard){ HF__NEVER, until < q->deadline ? until : q->deadline,
		hf__conn_ask_commit, (void *)(uintptr_t)q->w, NULL };
}

/* That the last question was broken off since the time is up is no better answer than one before.
 */
static void say(struct inquiry *q, const char *what, const hf_error *e)
{
	if (q->asked && hf__now() >= q->deadline)
		return;
	q->asked = true;
	snprintf(q->why, q->n, "%s%s%s", what, e ? ": " : "", e ? hf_error_message(e) : "");
}

/* One value, as text into `out`; "" for NULL and for no row. */
static hf_error *ask(struct inquiry *q, const char *sql, char *out, size_t n)
{
	hf__run run = {
		.sql = sql, .kind = HF__SQL_EMPTY, .guard = guard_of(q, q->link.cfg.stall_ms)
	};
	hf_result *res = NULL;
	hf_error *e = hf__link_run(&q->link, &run, &res);
	const char *text = NULL;

	if (!e && hf_result_rows(res) > 0)
		text = hf_row_text(hf_result_row(res, 0), 0);
	snprintf(out, n, "%s", text ? text : "");
	hf_result_unref(res);
	return e;
}

static hf_error *ask_status(struct inquiry *q, char *out, size_t n)
{
	char sql[120];

	snprintf(sql, sizeof sql, "SELECT pg_catalog.pg_xact_status('%s'::pg_catalog.xid8)",
		q->c->xid);
	return ask(q, sql, out, n);
}

/* What had to be ended actively was most likely waiting for a standby. */
static void log_ended(const struct inquiry *q, const char *state)
{
	char name[200];

	hf__logf(&q->w->pool->log, HF__LOG_WARN,
		"COMMIT of %s was not answered: its old session (%s) was ended%s",
		hf__job_name(q->c->job, name, sizeof name), state,
		strcmp(state, "active") == 0 ? "; a standby may not have confirmed it" : "");
}

static void end_session(struct inquiry *q)
{
	char sql[340], state[40];
	hf_error *e;

	snprintf(sql, sizeof sql,
		"SELECT state FROM pg_catalog.pg_stat_activity "
		"WHERE backend_xid = '%s'::pg_catalog.xid8::pg_catalog.xid AND "
		"(%s OR state LIKE 'idle in transaction%%') AND "
		"pg_catalog.pg_terminate_backend(pid)",
		q->c->xid, hf__now() >= q->patience ? "true" : "false");
	e = ask(q, sql, state, sizeof state);
	if (*state)
		log_ended(q, state);
	hf_error_unref(e);
}

/* By its row in the outcome table. `lost`: this server's history does not go on with what is
 * missing there. */
static hf__end ask_table(struct inquiry *q, bool lost)
{
	char sql[400], found[8];
	hf_error *e;

	if (!q->c->stamp_id[0])
		return HF__END_UNKNOWN;
	snprintf(sql, sizeof sql, "SELECT pg_catalog.count(*) FROM %s WHERE id = '%s'",
		q->w->pool->outcome_table, q->c->stamp_id);
	e = ask(q, sql, found, sizeof found);
	if (e) {
		say(q, "the outcome table cannot be read", e);
		hf_error_unref(e);
		return HF__END_NONE;
	}
	if (strcmp(found, "1") == 0)
		return HF__END_COMMITTED;
	return lost ? HF__END_ROLLED_BACK : HF__END_UNKNOWN;
}

/* On the same server in the same life: the number means our transaction. */
static hf__end ask_same(struct inquiry *q)
{
	char status[16];
	hf_error *e = ask_status(q, status, sizeof status);

	if (!e && !*status) {
		say(q, "the server does not remember so old a transaction", NULL);
		return ask_table(q, false);
	}
	if (e)
		say(q, "the server would not tell", e);
	else if (strcmp(status, "committed") == 0)
		return HF__END_COMMITTED;
	else if (strcmp(status, "aborted") == 0)
		return HF__END_ROLLED_BACK;
	else if (strcmp(status, "in progress") == 0)
		say(q, "its COMMIT is still in progress at the server", NULL);
	if (!e && *status)
		end_session(q);
	hf_error_unref(e);
	return HF__END_NONE;
}

/* The same server after a crash, as far as can be seen: somebody may also have reset its statistics
 * while our transaction goes on. So one in progress, ours or another with its number, is awaited,
 * and no session is ended for it. */
static hf__end ask_after_crash(struct inquiry *q)
{
	char status[16];
	hf_error *e = ask_status(q, status, sizeof status);
	bool future = strcmp(hf_error_sqlstate(e), "22023") == 0;

	if (e && !future)
		say(q, "the server would not tell", e);
	hf_error_unref(e);
	if (e && !future)
		return HF__END_NONE;
	if (future || strcmp(status, "aborted") == 0)
		return HF__END_ROLLED_BACK;
	if (strcmp(status, "in progress") == 0) {
		say(q, "the server crashed meanwhile, and its number is in progress", NULL);
		return HF__END_NONE;
	}
	say(q,
		"the server crashed meanwhile, and may have given its number to another "
		"transaction; the pool has no outcome_table",
		NULL);
	return ask_table(q, true);
}

/* Up to and with the n-th slash. */
static bool same_parts(const char *a, const char *b, int n)
{
	for (; *a && *a == *b; a++, b++)
		if (*a == '/' && --n == 0)
			return true;
	return *a == *b && n > 0;
}

bool hf__same_server(const char *a, const char *b)
{
	return *a && strcmp(a, b) == 0;
}

bool hf__same_timeline(const char *a, const char *b)
{
	return *a && same_parts(a, b, 2);
}

/* What a server is was asked when the link was made, and another attempt may lead to another. */
static hf__end go_elsewhere(struct inquiry *q, const char *why)
{
	say(q, why, NULL);
	q->link.broken = true;
	return HF__END_NONE;
}

static hf__end ask_server(struct inquiry *q)
{
	const char *now = q->link.server;

	if (!*now) {
		say(q, "the server does not say which it is", NULL);
		return HF__END_UNKNOWN;
	}
	if (hf__same_server(now, q->server))
		return ask_same(q);
	if (strstr(now, "/standby/"))
		return go_elsewhere(q, "only a standby was reached");
	if (hf__same_timeline(now, q->server))
		return ask_after_crash(q);
	if (!same_parts(now, q->server, 1) || strstr(q->server, "/standby/")) {
		say(q, "the server that was reached is another one", NULL);
		return ask_table(q, false);
	}
	/* Up to their lives they differ in nothing but eight hex digits. */
	if (strcmp(now, q->server) < 0)
		return go_elsewhere(q, "only a server was reached that a failover left behind");
	say(q, "another server has taken over, and the pool has no outcome_table", NULL);
	return ask_table(q, true);
}

static hf__end ask_once(struct inquiry *q)
{
	hf__guard g = guard_of(q, q->w->pool->opts.connect_ms);
	hf_error *e = q->link.pg ? NULL : hf__link_open(&q->link, &q->w->pool->dsn, &g);
	hf__end end = HF__END_NONE;

	if (e)
		say(q, "the server cannot be reached", e);
	else
		end = ask_server(q);
	hf_error_unref(e);
	if (q->link.broken)
		hf__link_close(&q->link);
	return end;
}

/* True: go on asking. */
static bool pause_inquiry(const struct inquiry *q, int ms)
{
	struct pollfd p = { q->w->wake.fd, POLLIN, 0 };
	int64_t until = hf__deadline(ms);

	if (hf__now() >= q->deadline)
		return false;
	if (poll(&p, 1, hf__ms_left(until < q->deadline ? until : q->deadline, ms)) > 0)
		hf__wake_clear(&q->w->wake);
	return hf__conn_ask_commit((void *)(uintptr_t)q->w) == HF__ASK_NONE;
}

/* Why there is nothing to ask, or NULL. */
static const char *cannot_ask(const hf_conn *c)
{
	if (!c->link->server[0])
		return "the server did not say which it is";
	return c->xid[0] ? NULL : "its number was not asked for before";
}

static void begin_inquiry(struct inquiry *q)
{
	int ms = q->w->pool->opts.outcome_ms;

	snprintf(q->server, sizeof q->server, "%s", q->c->link->server);
	q->deadline = ms < 0 ? HF__NEVER : hf__deadline(ms);
	q->patience = ms < 0 ? HF__NEVER : hf__deadline(ms / 2);
	hf__link_init(&q->link, &q->c->link->cfg);
}

hf__end hf__outcome_ask(hf_conn *c, char *why, size_t n)
{
	struct inquiry q = { .c = c, .w = c->worker, .why = why, .n = n };
	const char *cannot = cannot_ask(c);
	hf__end end;

	snprintf(why, n, "%s", cannot ? cannot : "there was no time to ask");
	if (!c->xid[0] && c->wrote_nothing)
		return HF__END_ROLLED_BACK;
	if (cannot)
		return HF__END_UNKNOWN;
	begin_inquiry(&q);
	for (int ms = FIRST_PAUSE_MS;; ms = ms * 2 < PAUSE_MS ? ms * 2 : PAUSE_MS) {
		end = ask_once(&q);
		if (end != HF__END_NONE || !pause_inquiry(&q, ms))
			break;
	}
	hf__link_close(&q.link);
	return end == HF__END_NONE ? HF__END_UNKNOWN : end;
}
