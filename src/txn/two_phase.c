/* SPDX-License-Identifier: MIT */
/* Two phases: PREPARE TRANSACTION on all branches that wrote, then the same end for all.
 *
 * Ending a prepared transaction is tried again over new connections, in rounds, until outcome_ms of
 * its pool is over. What a try that found nothing of that name (42704) means is told by the
 * transaction's number: committed or rolled back, by us in a try whose answer was lost or by
 * somebody else; or in progress, when a PREPARE whose answer was lost is still on its way. */
#include "txn/global.h"

#include "base/clock.h"
#include "base/mem.h"
#include "txn/prepared.h"
#include "value/error.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PAUSE_MIN_MS 10
#define PAUSE_MAX_MS 500

/* --- names --- */

/* Numbers count those that are prepared: whoever finds all of them knows that none is missing. */
static hf_error *name_branches(hf_global *g)
{
	int n = 0, of = 0;
	hf__branch *b;
	char hex[33];

	if (!hf__random_hex(hex))
		return hf__error_fmt(HF_E_NOMEM, 0, "no random bytes for a name");
	APR_RING_FOREACH (b, &g->branches, hf__branch, link)
		of += hf__branch_wrote(b);
	APR_RING_FOREACH (b, &g->branches, hf__branch, link)
		if (hf__branch_wrote(b))
			snprintf(b->gid, sizeof b->gid, "hf:%s:%s:%d:%d", g->label, hex, ++n, of);
	return NULL;
}

/* --- ending what is prepared --- */

/* What a try to end one found. */
enum found { FOUND, GONE_COMMITTED, GONE_ROLLED_BACK, GONE_UNKNOWN, NOT_YET };

struct attempt {
	hf__branch *branch;
	bool commit;
	enum found found;
};

/* One in progress is that of a PREPARE which was lost. If its session has nothing to do it never
 * got it, and would keep its locks: it is ended, and the next try finds it rolled back. */
static hf_status end_session(hf_conn *c, const hf__branch *b)
{
	return hf_conn_query(c, NULL,
		"SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity "
		"WHERE backend_xid = $1::xid8::xid AND state LIKE 'idle in transaction%'",
		b->xid);
}

/* What the number of a transaction that is not prepared (any more) tells. It proves nothing on
 * another server or timeline; after a crash it may be another transaction's that was committed. */
static enum found found_by(const char *status, bool same)
{
	if (strcmp(status, "aborted") == 0)
		return GONE_ROLLED_BACK;
	if (strcmp(status, "in progress") == 0)
		return NOT_YET;
	return same && strcmp(status, "committed") == 0 ? GONE_COMMITTED : GONE_UNKNOWN;
}

static hf_status ask_status(hf_conn *c, struct attempt *a)
{
	const hf__branch *b = a->branch;
	bool same = hf__same_server(c->link->server, b->server);
	const hf_result *res;
	const char *text;
	hf_status st;

	a->found = GONE_UNKNOWN;
	if (!same && !hf__same_timeline(c->link->server, b->server))
		return HF_OK;
	st = hf_conn_query(c, &res, "SELECT pg_catalog.pg_xact_status($1::xid8)", b->xid);
	if (st != HF_OK)
		return st;
	text = hf_row_text(hf_result_row(res, 0), 0);
	a->found = found_by(text ? text : "", same);
	return a->found == NOT_YET && same ? end_session(c, b) : HF_OK;
}

static hf_status end_one(hf_conn *c, void *arg, hf_reply *reply)
{
	struct attempt *a = arg;
	hf_status st;

	(void)reply;
	a->found = FOUND;
	hf_error_unref(c->error);
	c->error = hf__conn_end_prepared(c, a->branch->gid, a->commit, a->branch->until);
	st = hf_error_status(c->error);
	if (st == HF_E_SQL && strcmp(hf_error_sqlstate(c->error), "42704") == 0)
		return ask_status(c, a);
	return st;
}

static hf_future *try_end(struct attempt *a)
{
	hf_pool *p = a->branch->txn->pool;
	int left =
		hf__ms_left(a->branch->until, p->opts.acquire_ms > 0 ? p->opts.acquire_ms : 60000);

	return hf_submit_at(&a->branch->txn->site, p,
		HF_JOB(.fn = end_one, .arg = a, .manual = true, .urgent = true,
			.acquire_ms = left > 0 ? left : 1, .timeout_ms = left > 0 ? left : 1,
			.label = "end of a global transaction"));
}

/* Whether another try may do better: the server was not reached, is still busy with it (55000), is
 * a standby (25006), or out of something. */
static bool may_pass(const hf_error *e)
{
	const char *state = hf_error_sqlstate(e);
	hf_status st = hf_error_status(e);

	if (st == HF_E_SQL)
		return strcmp(state, "55000") == 0 || strcmp(state, "25006") == 0 ||
		       strncmp(state, "53", 2) == 0 || strncmp(state, "57", 2) == 0;
	return st != HF_E_CLOSED && st != HF_E_FORKED && st != HF_E_MISUSE &&
	       !hf__sqlstate_permanent(state);
}

static void note_found(const struct attempt *a)
{
	hf__branch *b = a->branch;

	switch (a->found) {
	case FOUND:
		b->fate = a->commit ? HF__FATE_COMMITTED : HF__FATE_ROLLED_BACK;
		break;
	case GONE_COMMITTED:
		b->fate = HF__FATE_COMMITTED;
		break;
	case GONE_ROLLED_BACK:
		b->fate = HF__FATE_ROLLED_BACK;
		break;
	case GONE_UNKNOWN: /* long ago, or on a server that took over and never heard of it */
		b->fate = a->commit ? HF__FATE_UNKNOWN : HF__FATE_LEFT;
		break;
	case NOT_YET:
		break;
	}
}

/* Its transaction object was only prepared, or lost meanwhile; now it is known what became of it,
 * and whoever comes later is told that. */
static void note_state(const hf__branch *b)
{
	hf_txn *t = b->txn;

	if (b->fate == HF__FATE_COMMITTED)
		hf__txn_settle_end(
			t, HF_TXN_COMMITTED, true, hf__txn_end_error(t, 0, "was committed", NULL));
	else if (b->fate == HF__FATE_ROLLED_BACK)
		hf__txn_settle_end(t, HF_TXN_ROLLED_BACK, !b->why,
			hf__error_without(hf__txn_end_error(t, 0, "was rolled back", b->why),
				HF_MAYBE_COMMITTED));
	else if (b->fate == HF__FATE_UNKNOWN)
		hf__txn_settle_end(t, HF_TXN_UNKNOWN, false,
			hf__txn_end_error(
				t, HF_MAYBE_COMMITTED, "ended with an unknown outcome", b->why));
	else
		hf__txn_settle_end(
			t, HF_TXN_PREPARED, true, hf__txn_end_error(t, 0, "was prepared", NULL));
}

/* Takes the answer of a try. */
static void judge(const struct attempt *a, hf_future *f)
{
	hf__branch *b = a->branch;
	const hf_error *e = hf_future_error(f);

	if (!e) {
		note_found(a);
	} else if (!may_pass(e)) {
		b->fate = HF__FATE_LEFT;
	}
	note_state(b);
	if (b->fate == HF__FATE_PREPARED && hf__now() >= b->until)
		b->fate = HF__FATE_LEFT;
	if (e && (a->commit || !b->why)) {
		hf_error_unref(b->why);
		b->why = hf_error_ref(e);
	}
}

/* One try for all of them at once, so that none waits for another's server. True: one is left. */
static bool round_of_tries(hf_global *g, struct attempt *tries, bool commit)
{
	bool left = false;
	hf__branch *b;
	int i = 0;

	APR_RING_FOREACH (b, &g->branches, hf__branch, link) {
		tries[i] = (struct attempt){ .branch = b, .commit = commit };
		if (b->fate == HF__FATE_PREPARED)
			b->future = try_end(&tries[i]);
		i++;
	}
	i = 0;
	APR_RING_FOREACH (b, &g->branches, hf__branch, link) {
		const struct attempt *a = &tries[i++];

		if (!b->future)
			continue;
		if (hf_future_wait(b->future) == HF_OK)
			judge(a, b->future);
		b->future = hf_future_unref(b->future);
		left |= b->fate == HF__FATE_PREPARED;
	}
	return left;
}

static void pause_ms(int ms)
{
	struct timespec ts = hf__timespec(ms * HF__MS);

	while (nanosleep(&ts, &ts) != 0)
		;
}

static void end_prepared(hf_global *g, struct attempt *tries, bool commit)
{
	int ms = PAUSE_MIN_MS;
	hf__branch *b;

	APR_RING_FOREACH (b, &g->branches, hf__branch, link)
		if (b->fate == HF__FATE_PREPARED)
			b->until = hf__deadline(b->txn->pool->opts.outcome_ms);
	while (round_of_tries(g, tries, commit)) {
		pause_ms(ms);
		ms = 2 * ms < PAUSE_MAX_MS ? 2 * ms : PAUSE_MAX_MS;
	}
}

/* --- preparing --- */

/* A branch that was to read only may still have a number, from writing to a temporary table for
 * one.
 */
static hf_error *refuse_unprepared(const hf_global *g)
{
	const hf__branch *b;
	char name[200];

	APR_RING_FOREACH (b, &g->branches, hf__branch, link)
		if (hf__branch_wrote(b) && !b->txn->pool->opts.two_phase)
			return hf__error_fmt(HF_E_MISUSE, 0,
				"pool \"%s\" prepares no transactions, and %s, which was to "
				"read only, wrote",
				b->txn->pool->name, hf__branch_name(g, b, name, sizeof name));
	return NULL;
}

static hf_error *make_ends(hf_global *g)
{
	hf_error *e = refuse_unprepared(g);
	hf__branch *b;

	if (!e)
		e = name_branches(g);

	APR_RING_FOREACH (b, &g->branches, hf__branch, link)
		if (!e)
			e = hf__branch_make(
				b, hf__branch_wrote(b) ? HF__TXN_PREPARE : HF__TXN_COMMIT);
	return e;
}

static void note_prepare(hf__branch *b)
{
	bool perhaps;

	if (hf__branch_await(b) == HF_OK) {
		b->fate = HF__FATE_PREPARED;
		return;
	}
	perhaps = hf_error_is(b->why, HF_MAYBE_COMMITTED);
	b->fate = perhaps ? HF__FATE_PREPARED : HF__FATE_ROLLED_BACK;
}

/* All at once. NULL, or the first that could not be. */
static hf_error *prepare_all(hf_global *g)
{
	hf_error *e = NULL;
	hf__branch *b;

	APR_RING_FOREACH (b, &g->branches, hf__branch, link)
		if (hf__branch_wrote(b))
			hf__branch_submit(b);
	APR_RING_FOREACH (b, &g->branches, hf__branch, link) {
		if (!b->future)
			continue;
		note_prepare(b);
		if (b->why && !e)
			e = hf__branch_error(g, b);
	}
	return e;
}

/* The first that could not be committed, in words. */
static hf_error *first_left(const hf_global *g)
{
	const hf__branch *b;
	char name[200];

	APR_RING_FOREACH (b, &g->branches, hf__branch, link)
		if (hf__branch_wrote(b) && b->fate != HF__FATE_COMMITTED)
			return b->why ? hf__branch_error(g, b)
				      : hf__error_fmt(HF_E_TXN_ENDED, 0,
						"%s was ended by somebody else",
						hf__branch_name(g, b, name, sizeof name));
	return NULL;
}

hf_error *hf__two_phases(hf_global *g)
{
	struct attempt *tries = hf__calloc((size_t)g->n_branches * sizeof *tries + 1);
	hf_error *e = tries ? make_ends(g) : hf__error_nomem();

	if (!e)
		e = prepare_all(g);
	if (!e)
		e = hf__readers_commit(g);
	g->decided = !e;
	if (tries)
		end_prepared(g, tries, g->decided);
	hf__free(tries);
	return e ? e : first_left(g);
}
