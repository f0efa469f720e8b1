/* SPDX-License-Identifier: MIT */
/* The branches of a global transaction: settling, committing one after the other, rolling back. */
#include "txn/global.h"

#include "base/thread.h"
#include "value/error.h"

#include <stdio.h>

bool hf__branch_wrote(const hf__branch *b)
{
	return b->xid[0] != '\0';
}

static hf_pool *pool_of(const hf__branch *b)
{
	return b->txn->is_static ? NULL : b->txn->pool;
}

bool hf__branches_stuck(const hf_global *g)
{
	const hf__branch *b;

	APR_RING_FOREACH (b, &g->branches, hf__branch, link)
		if (hf__thread_role(pool_of(b)) != HF__ROLE_NONE)
			return true;
	return false;
}

const char *hf__branch_name(const hf_global *g, const hf__branch *b, char *out, size_t n)
{
	if (b->engine)
		snprintf(out, n, "engine \"%s\"", b->engine);
	else
		snprintf(out, n, "branch %d of %d (pool \"%s\")", b->number, g->n_branches,
			pool_of(b) ? pool_of(b)->name : "?");
	return out;
}

hf_error *hf__branch_error(const hf_global *g, const hf__branch *b)
{
	char name[200], text[1200];

	snprintf(text, sizeof text, "%s: %s", hf__branch_name(g, b, name, sizeof name),
		hf_error_message(b->why));
	return hf__error_reworded(b->why, text);
}

/* --- one command each --- */

hf_error *hf__branch_make(hf__branch *b, int verb)
{
	hf_error *e;

	b->command = hf__txn_make_end(b->txn, verb, verb == HF__TXN_PREPARE ? b->gid : NULL, &e);
	if (b->command)
		return NULL;
	hf_error_unref(b->why);
	b->why = hf_error_ref(e);
	return e;
}

void hf__branch_submit(hf__branch *b)
{
	b->future = hf__txn_submit_end(b->command);
	b->command = NULL;
}

hf_status hf__branch_await(hf__branch *b)
{
	hf_status st = hf_future_get(b->future, NULL);

	if (st != HF_OK) {
		hf_error_unref(b->why);
		b->why = hf_error_ref(hf_future_error(b->future));
	}
	b->future = hf_future_unref(b->future);
	return st;
}

/* --- settling --- */

/* Whether the answer is known already: it travelled with the last statement. Also there is nothing
 * to ask where no statement has begun a transaction. */
static bool knows_xid(const hf_conn *c)
{
	bool asks =
		c->outcome != HF_OUTCOME_FAST && !c->read_only && hf__link_tells_outcomes(c->link);

	return hf__link_session(c->link) == HF__SESSION_IDLE || c->xid[0] ||
	       (asks && !c->xid_stale);
}

/* Runs behind all that was submitted to the branch. */
static hf_status ask_xid(hf_conn *c, void *arg, hf_reply *reply)
{
	hf__branch *b = arg;
	const hf_result *res;
	hf_status st;

	(void)reply;
	snprintf(b->xid, sizeof b->xid, "%s", c->xid);
	snprintf(b->server, sizeof b->server, "%s", c->link->server);
	if (knows_xid(c))
		return HF_OK;
	st = hf_conn_query(c, &res, "SELECT pg_catalog.pg_current_xact_id_if_assigned()::text");
	if (st == HF_OK && !hf_row_is_null(hf_result_row(res, 0), 0))
		snprintf(b->xid, sizeof b->xid, "%s", hf_row_text(hf_result_row(res, 0), 0));
	return st;
}

hf_error *hf__branches_settle(hf_global *g)
{
	hf_error *e = NULL;
	hf__branch *b;

	APR_RING_FOREACH (b, &g->branches, hf__branch, link) {
		b->future = hf__txn_part(
			&b->txn->site, b->txn, HF__TXN_SETTLE, HF_JOB(.fn = ask_xid, .arg = b));
	}
	APR_RING_FOREACH (b, &g->branches, hf__branch, link)
		if (hf__branch_await(b) != HF_OK && !e)
			e = hf__branch_error(g, b);
	return e;
}

/* --- committing --- */

static hf__fate fate_of_commit(const hf__branch *b, hf_status st)
{
	if (st == HF_OK || hf_error_is(b->why, HF_COMMITTED))
		return HF__FATE_COMMITTED;
	return hf_error_is(b->why, HF_MAYBE_COMMITTED) ? HF__FATE_UNKNOWN : HF__FATE_ROLLED_BACK;
}

static bool is_reader(const hf__branch *b)
{
	return b->fate == HF__FATE_OPEN && !hf__branch_wrote(b);
}

hf_error *hf__readers_commit(hf_global *g)
{
	hf_error *e = NULL;
	hf__branch *b;

	APR_RING_FOREACH (b, &g->branches, hf__branch, link)
		if (is_reader(b))
			hf__branch_submit(b);
	APR_RING_FOREACH (b, &g->branches, hf__branch, link) {
		if (!b->future)
			continue;
		/* Where its answer is lost, nothing else is. */
		b->fate = HF__FATE_COMMITTED;
		if (hf__branch_await(b) == HF_OK)
			continue;
		b->fate = HF__FATE_ROLLED_BACK;
		if (!e)
			e = hf__error_without(hf__branch_error(g, b), HF_MAYBE_COMMITTED);
	}
	return e;
}

static hf_error *make_commits(hf_global *g)
{
	hf_error *e = NULL;
	hf__branch *b;

	APR_RING_FOREACH (b, &g->branches, hf__branch, link)
		if (!e)
			e = hf__branch_make(b, HF__TXN_COMMIT);
	return e;
}

/* An end that failed ends the matter unless something was committed before it: then the rest is
 * committed, too, so that as little as possible is missing. */
static hf_error *writers_commit(hf_global *g)
{
	hf_error *e = NULL;
	hf__branch *b;

	APR_RING_FOREACH (b, &g->branches, hf__branch, link) {
		if (!hf__branch_wrote(b))
			continue;
		hf__branch_submit(b);
		b->fate = fate_of_commit(b, hf__branch_await(b));
		if (b->fate == HF__FATE_COMMITTED)
			g->decided = true;
		else if (!e)
			e = hf__branch_error(g, b);
		if (e && !g->decided)
			return e;
	}
	g->decided = true; /* also where nothing was written */
	return e;
}

hf_error *hf__one_phase(hf_global *g)
{
	hf_error *e = make_commits(g);

	if (!e)
		e = hf__readers_commit(g);
	return e ? e : writers_commit(g);
}

/* --- rolling back --- */

void hf__branches_roll_back(hf_global *g, bool wait)
{
	hf__branch *b;

	APR_RING_FOREACH (b, &g->branches, hf__branch, link) {
		if (b->command) {
			hf__txn_drop_end(b->command);
			b->command = NULL;
		}
		if (b->fate != HF__FATE_OPEN)
			continue;
		b->fate = HF__FATE_ROLLED_BACK;
		hf_error_unref(hf__branch_make(b, HF__TXN_ROLLBACK));
		if (b->command)
			hf__branch_submit(b);
		else
			hf__txn_give_up(b->txn);
	}
	APR_RING_FOREACH (b, &g->branches, hf__branch, link) {
		hf_error *why = b->why;

		if (!b->future)
			continue;
		b->why = NULL; /* that a rollback failed is not the story */
		if (wait)
			hf__branch_await(b);
		b->future = hf_future_unref(b->future);
		hf_error_unref(b->why);
		b->why = why;
	}
}
