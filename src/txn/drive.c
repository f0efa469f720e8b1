/* SPDX-License-Identifier: MIT */
/* A transaction that is served by those who wait for its commands, while its worker sleeps.
 *
 * Handing a command to a worker that sleeps and its answer to a caller that sleeps costs more than
 * most commands. So hf_txn_begin borrows an idle worker (pool/borrow.c), and as long as the
 * transaction is lent its connection belongs to whoever claims it (driving): the thread that
 * submits a statement sends it, and the one that waits for the answer reads it. A thread that waits
 * for one command, as long as it takes, drives the transaction until that is answered. One that
 * waits for several or for a limited time sleeps on their sockets, and reads an answer when all of
 * it is there.
 *
 * Whatever else is wanted summons the worker, which then serves the transaction for the rest of its
 * life as in serve.c: code of the user's, an end that was not submitted, parking, a cancel,
 * somebody who is to hear of a command without waiting, more commands than one that nobody drives,
 * the closing of the pool. So does the housekeeper when there is something to do and nobody
 * has driven it for HF__LENT_MS, so that what was submitted does not wait for somebody to wait for
 * it; and after AT_REST_MS in any case, for its clocks, its limits and a server that is lost.
 *
 * Lock rule. lent, driving, wanted, bystander, watched and left_at are guarded by t->lock. The
 * connection (hf_conn, hf__link, the run that was sent) is touched only by the thread that has set
 * `driving`, and it holds no lock meanwhile; by the worker once lent is false; and while neither is
 * so, under t->lock, to be looked at. `driving` is set only where lent and not driving. The thread
 * that has set it is the one that clears it, and in doing so hears of `wanted`: so a summons is
 * never lost, and the worker never finds another thread at its connection. `lent` never becomes
 * true again. */
#include "txn/txn.h"

#include "base/clock.h"

/* While nothing is to be done but for its clocks and its connection, or threads sleep for it. */
#define AT_REST_MS 20

static hf__job *serving_of(const hf_txn *t)
{
	return hf__job_of(t->serving);
}

static hf__job *first_locked(const hf_txn *t)
{
	hf__job *j = APR_RING_FIRST(&t->commands);

	return APR_RING_EMPTY(&t->commands, hf__job, link) ? NULL : j;
}

/* --- what may be done here --- */

/* Nothing that runs the user's code, and nothing of a global transaction. */
static bool drivable(const hf__job *j)
{
	const hf__job_more *m = j->more;

	if (m->verb == HF__TXN_SETTLE || m->verb == HF__TXN_HOOK || m->verb == HF__TXN_PREPARE)
		return false;
	return j->kind == HF__JOB_QUERY && !m->on_row && !m->free_arg;
}

/* Whether it can be sent before somebody waits for it; a question that goes before it is answered
 * to who waits. */
static bool sendable_locked(const hf_txn *t, const hf__job *j)
{
	return j->more->verb == HF__TXN_RUN && drivable(j) && !j->many && !j->more->refused &&
	       !t->lost && j->more->then != HF_THEN_ROLLBACK && !t->worker->conn.poison &&
	       (j->sql_kind == HF__SQL_PLAIN || j->sql_kind == HF__SQL_READ);
}

/* --- the worker --- */

static void hand_over_locked(hf_txn *t)
{
	t->lent = t->wanted = t->bystander = false;
	hf__worker_summon(t->worker);
}

void hf__txn_summon_locked(hf_txn *t)
{
	if (!t->lent)
		return;
	if (t->driving)
		t->wanted = true;
	else
		hand_over_locked(t);
}

/* For how long it does without anybody who drives it. */
static int patience_ms_locked(const hf_txn *t)
{
	bool rests = !t->running && !first_locked(t);

	if (rests && t->idle_ms > 0 && t->idle_ms < AT_REST_MS)
		return t->idle_ms;
	return rests || t->watched > 0 ? AT_REST_MS : HF__LENT_MS;
}

static void *hold(hf__job *serving)
{
	return hf__txn_get(serving->more->arg);
}

static int64_t look(void *held, int64_t now, bool closing)
{
	hf_txn *t = held;
	int64_t due = HF__NEVER;

	hf__lock(&t->lock);
	if (t->lent && !t->driving)
		due = hf__after(t->left_at, patience_ms_locked(t));
	due = due < t->life_until || due == HF__NEVER ? due : t->life_until;
	if (!t->worker && !t->ended) { /* it is about to be lent */
		due = hf__after(now, HF__LENT_MS);
	} else if (closing || due <= now) {
		hf__txn_summon_locked(t);
		due = HF__NEVER;
	}
	hf__unlock(&t->lock);
	hf__txn_put(t);
	return due;
}

const struct hf__lent_ops hf__txn_lent_ops = { hold, look };

/* The housekeeper is to see that nobody drives it. */
static void have_it_looked_after(hf_txn *t, int ms)
{
	hf__lock(&t->pool->lock);
	hf__pool_watch_locked(t->pool, hf__deadline(ms));
	hf__unlock(&t->pool->lock);
}

void hf__txn_lend(hf_txn *t, hf__worker *w)
{
	hf__worker_enter_lent(w, serving_of(t));
	hf__txn_settle_in(t, w, true);
}

/* --- driving: the calling thread has claimed it --- */

/* What cannot be sent now is left to the worker: it is running, so it is the next. */
static bool send_command(hf_conn *c, hf_txn *t, hf__job *j)
{
	hf_conn *outer = hf__conn_in_use();
	bool sent;

	hf__conn_use(c);
	hf__txn_start_command(c, t, j);
	c->end = HF__END_NONE;
	c->then_commit = j->more->then == HF_THEN_COMMIT;
	sent = hf__conn_send(c, j, false);
	c->then_commit = false;
	hf__conn_use(outer);
	return sent;
}

/* The next command, if it is to be sent now. Else it waits for whoever waits for it, or for the
 * worker. */
static hf__job *next_to_send_locked(hf_txn *t)
{
	hf__job *j = first_locked(t);

	if (t->running || !j || t->wanted)
		return NULL;
	if (sendable_locked(t, j))
		j = hf__txn_take_locked(&t->worker->conn, t);
	else if (drivable(j))
		return NULL;
	else
		j = NULL;
	t->wanted = !j;
	return j;
}

static void release_locked(hf_txn *t)
{
	bool open = t->running || first_locked(t);

	t->driving = false;
	t->left_at = hf__now();
	t->wanted |= open && t->bystander;
	t->bystander = false;
	if (!open)
		hf__txn_note_rest_locked(&t->worker->conn, t);
	if (t->wanted)
		hand_over_locked(t);
}

/* Done with it, but for the next command to be sent. */
static void release(hf_txn *t)
{
	hf__job *j;
	bool sent, lent;
	int patience;

	hf__lock(&t->lock);
	while ((j = next_to_send_locked(t)) != NULL) {
		hf__unlock(&t->lock);
		sent = send_command(&t->worker->conn, t, j);
		hf__lock(&t->lock);
		t->wanted |= !sent;
	}
	release_locked(t);
	lent = t->lent;
	patience = patience_ms_locked(t);
	hf__unlock(&t->lock);
	if (lent)
		have_it_looked_after(t, patience);
}

/* It has ended. A connection that is not at rest is the worker's to look after. */
static void finish(hf_txn *t)
{
	hf__worker *w = t->worker;
	hf_conn *c = &w->conn, *outer = hf__conn_in_use();
	bool clean = hf__link_session(c->link) == HF__SESSION_IDLE;

	hf__lock(&t->lock);
	t->driving = false;
	if (clean) {
		t->lent = false;
		t->worker = NULL;
	} else {
		hand_over_locked(t);
	}
	hf__unlock(&t->lock);
	if (!clean)
		return;
	hf__conn_use(c);
	hf_error_unref(hf__conn_rollback(c));
	hf__borrow_end(w, serving_of(t));
	hf__conn_use(outer);
}

/* The command under way, or the next. */
static hf__job *next_to_run(hf_conn *c, hf_txn *t)
{
	hf__job *j, *first, *fresh = NULL;

	hf__lock(&t->lock);
	j = t->running;
	first = first_locked(t);
	if (!j && !t->wanted && first && drivable(first))
		j = fresh = hf__txn_take_locked(c, t);
	hf__unlock(&t->lock);
	if (fresh)
		hf__txn_start_command(c, t, fresh);
	return j;
}

/* Until `f` is ready, or what comes next is not for here. */
static void drive(hf_txn *t, hf_future *f)
{
	hf_conn *c = &t->worker->conn, *outer = hf__conn_in_use();
	bool goes_on = true;
	hf__job *j;

	hf__conn_use(c);
	while (goes_on && !hf_future_ready(f) && (j = next_to_run(c, t)) != NULL)
		goes_on = hf__txn_end_command(c, t, serving_of(t), j);
	hf__conn_use(outer);
	if (goes_on)
		release(t);
	else
		finish(t);
}

/* --- those who submit --- */

bool hf__txn_offer_locked(hf_txn *t, const hf__job *j)
{
	if (!t->lent || !drivable(j) || (!t->driving && (t->running || first_locked(t) != j))) {
		hf__txn_wake_locked(t);
		return false;
	}
	if (t->driving)
		return false;
	t->driving = sendable_locked(t, j);
	if (!t->driving) { /* it is for who waits for it, if that is soon */
		t->left_at = hf__now();
		have_it_looked_after(t, HF__LENT_MS);
	}
	return t->driving;
}

void hf__txn_send(hf_txn *t)
{
	release(t);
}

/* --- those who wait --- */

/* The worker is to serve it, or whoever drives it. */
static void leave_to_others_locked(hf_txn *t)
{
	if (t->driving)
		t->bystander = true;
	else
		hf__txn_summon_locked(t);
}

void hf__txn_help(hf_future *f)
{
	hf_txn *t = hf__txn_get(hf__job_of(f)->more->txn);
	bool mine;

	hf__lock(&t->lock);
	mine = t->lent && !t->driving && hf__job_of(f)->state != HF__JOB_DONE;
	if (mine)
		t->driving = true;
	else
		t->bystander |= t->driving;
	hf__unlock(&t->lock);
	if (mine)
		drive(t, f);
	hf__txn_put(t);
}

void hf__txn_attend(hf_future *f)
{
	hf_txn *t = hf__job_of(f)->more->txn;

	hf__lock(&t->lock);
	hf__txn_summon_locked(t);
	hf__unlock(&t->lock);
}

int hf__txn_watch(hf_future *f)
{
	hf__job *j = hf__job_of(f);
	hf_txn *t = j->more->txn;
	int fd = -1;

	hf__lock(&t->lock);
	if (t->lent && !t->driving && t->running == j && t->worker->conn.sent)
		fd = hf__link_plain_socket(t->worker->conn.link);
	if (fd >= 0)
		hf__trip_attend(&t->worker->conn.alone.trip);
	if (fd >= 0)
		t->watched++;
	else if (j->state != HF__JOB_DONE)
		leave_to_others_locked(t);
	hf__unlock(&t->lock);
	return fd;
}

/* What follows the statement would be waited for, where it did not travel along. */
static bool goes_further(const hf_conn *c, const hf__job *j)
{
	return j->more->then != HF_THEN_GO_ON && !c->alone.run.commit;
}

/* True: claimed. */
static bool claim_answer_locked(hf_txn *t, const hf__job *j)
{
	if (t->running != j)
		return false;
	if (t->driving || !t->lent || goes_further(&t->worker->conn, j)) {
		leave_to_others_locked(t);
		return false;
	}
	return t->driving = true;
}

bool hf__txn_advance(hf_future *f)
{
	hf_txn *t = hf__txn_get(hf__job_of(f)->more->txn);
	hf__answer answer = HF__ANSWER_ODD;
	bool mine, part;

	hf__lock(&t->lock);
	mine = claim_answer_locked(t, hf__job_of(f));
	hf__unlock(&t->lock);
	if (mine)
		answer = hf__trip_advance(&t->worker->conn.alone.trip);
	if (answer == HF__ANSWER_ALL && t->worker->conn.alone.run.stale_plan)
		answer = HF__ANSWER_ODD; /* it is run again, by who may wait */
	part = answer == HF__ANSWER_PART;
	hf__lock(&t->lock);
	t->wanted |= mine && answer == HF__ANSWER_ODD;
	t->watched -= !part;
	hf__unlock(&t->lock);
	if (mine && answer == HF__ANSWER_ALL)
		drive(t, f);
	else if (mine)
		release(t);
	hf__txn_put(t);
	return part;
}

void hf__txn_unwatch(hf_future *f)
{
	hf_txn *t = hf__job_of(f)->more->txn;
	bool alone;

	hf__lock(&t->lock);
	alone = --t->watched == 0 && t->lent && !t->driving;
	hf__unlock(&t->lock);
	if (alone)
		have_it_looked_after(t, HF__LENT_MS);
}
