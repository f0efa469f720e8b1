/* SPDX-License-Identifier: MIT */
/* Queries that travel together: what comes back. */
#include "pool/batch_inside.h"

#include "base/attr.h"
#include "base/clock.h"
#include "value/error.h"

#include <string.h>

#define PACE_OVER     8
#define GATHER_MIN_NS 50000 /* the kernel's timers are no finer */
#define GATHER_MAX_NS 500000

/* --- who does not want his answer any more --- */

static bool unwanted(const hf__job *j)
{
	return atomic_load_explicit(&j->cancel_asked, memory_order_relaxed);
}

/* What was sent with others cannot be stopped without stopping them, so its caller is told at once,
 * and what comes of it is dropped. */
static void detach(hf__batch *b, struct hf__flight *f)
{
	hf__job *j = f->job;

	hf__ref_get(&j->future.refs);
	f->detached = true;
	hf__batch_fail(b, j,
		hf__error_at(hf__error_fmt(HF_E_CANCELED,
				     hf__batch_reads_only(b, j) ? 0 : HF_MAYBE_COMMITTED,
				     "cancelled while it was at the server together with other "
				     "queries"),
			0, j->sql, &j->site));
}

/* Where the group that is under way ends: behind its CLOSING. */
static int end_of_group(const hf__batch *b)
{
	int i = 0;

	while (i < b->n && hf__batch_at(b, i)->role != CLOSING)
		i++;
	return i;
}

/* Whether what the server is at belongs to a group. */
static bool in_group(const hf__batch *b)
{
	const struct hf__flight *f = hf__batch_at(b, 0);

	return b->n > 0 && (f->role == OPENING || f->role == CLOSING || f->shared);
}

/* Nobody waits for anything of the group that is under way. */
static bool group_unwanted(const hf__batch *b)
{
	for (int i = 0; i < b->n_held; i++)
		if (!unwanted(b->held[i]))
			return false;
	for (int i = end_of_group(b) - 1; i >= 0; i--) {
		const struct hf__flight *f = hf__batch_at(b, i);

		if (f->role == MEMBER && !unwanted(f->job))
			return false;
	}
	return true;
}

/* What the server is at may be stopped where that hurts nobody else. */
static hf__ask ask(void *worker)
{
	hf__worker *w = worker;
	const hf__batch *b = w->batch;
	const struct hf__flight *f = hf__batch_at(b, 0);

	if (atomic_load(&w->pool->aborting))
		return HF__ASK_ABORT;
	if (atomic_load(&w->pool->terminating))
		return HF__ASK_CANCEL;
	if (b->n == 0 || f->role == DROPPING)
		return HF__ASK_NONE;
	return (in_group(b) ? group_unwanted(b) : unwanted(f->job)) ? HF__ASK_CANCEL : HF__ASK_NONE;
}

/* The head, or the head's whole group, is stopped at the server instead. */
static void detach_canceled(hf__batch *b)
{
	int i = 1;

	if (in_group(b))
		i = group_unwanted(b) ? end_of_group(b) : 0;
	for (; i < b->n; i++) {
		struct hf__flight *f = hf__batch_at(b, i);

		if (f->role == MEMBER && !f->detached && unwanted(f->job))
			detach(b, f);
	}
}

/* Of what was not sent yet. */
static void drop_canceled(hf__batch *b)
{
	int kept = 0, again = 0;

	for (int i = 0; i < b->n_next; i++) {
		struct hf__next x = b->next[i];

		if (unwanted(x.job)) {
			hf__batch_fail(b, x.job, hf__job_canceled_early(x.job));
			continue;
		}
		again += x.again;
		b->next[kept++] = x;
	}
	b->n_next = kept;
	b->n_again = again;
}

/* One answer that was slow counts for no more than what makes the longest gathering; it would be
 * remembered for long. */
static void note_pace(hf__batch *b)
{
	int64_t now, pace, most = 2 * GATHER_MAX_NS / b->cap;

	if (b->n_gathered == 0)
		return;
	now = hf__now();
	pace = (now - b->gathered_at) / b->n_gathered;
	pace = pace < most ? pace : most;
	b->pace_ns += b->pace_ns ? (pace - b->pace_ns) / PACE_OVER : pace;
	b->gathered_at = now;
	b->n_gathered = 0;
}

/* How long the server has work for half of what is under way. Only where as much again is queued:
 * who waits there waits longer for each time that somebody is woken for one answer. */
static int64_t gather_ns(const hf__batch *b, bool progress)
{
	int64_t ns = b->pace_ns * b->n_jobs / 2;

	if (!progress || !b->backlog || b->closed || b->n_jobs < b->cap / 2 || ns < GATHER_MIN_NS)
		return 0;
	return ns < GATHER_MAX_NS ? ns : GATHER_MAX_NS;
}

/* About to wait for the server. */
static int64_t before_sleep(void *worker)
{
	hf__batch *b = ((hf__worker *)worker)->batch;
	bool progress = b->n_gathered > 0;

	detach_canceled(b);
	drop_canceled(b);
	hf__batch_turn_over(b);
	note_pace(b);
	return gather_ns(b, progress);
}

/* --- what comes back --- */

/* How long the client waits for the head. The server does not send what it has of a group until all
 * of that is done, so a group's head has the time of all its members. */
static hf__guard guard_of(const hf__batch *b, const struct hf__flight *f)
{
	int64_t limit = f->role == MEMBER ? f->run.limit_ms : b->w->link.cfg.statement_ms;
	hf__guard g;

	if (limit > 0 && in_group(b))
		limit *= end_of_group(b) + 1;
	g = hf__conn_guard(&b->w->conn, limit < INT32_MAX ? (int)limit : INT32_MAX);
	if (f->role == CLOSING || f->role == DROPPING)
		g.give_up_at = hf__deadline(b->w->link.cfg.stall_ms);
	g.ask = ask;
	g.before_sleep = before_sleep;
	return g;
}

/* Waits for its answer. What was stopped may have been a neighbour. */
static hf_error *end_flight(hf__batch *b, struct hf__flight *f, hf_result **out, bool sync)
{
	hf_error *e;

	f->run.guard = guard_of(b, f);
	f->run.shot_at = b->shot_at > 0;
	e = hf__trip_end(&f->trip, out, sync);
	if (b->w->link.cancels > 0) /* it was delivered by now: what goes out later is safe */
		b->shot_at = b->n;
	return e;
}

/* Stopped by the cancel of a neighbour: the server has undone it. */
static bool innocent(const hf__batch *b, const struct hf__flight *f, const hf_error *e)
{
	return e && b->shot_at > 0 && hf_error_status(e) == HF_E_CANCELED &&
	       strcmp(hf_error_sqlstate(e), "57014") == 0 && !unwanted(f->job) &&
	       !atomic_load(&b->w->pool->terminating);
}

static bool again(const hf__batch *b, const struct hf__flight *f, const hf_error *e)
{
	if (b->w->link.broken)
		return false;
	return f->trip.aborted || (f->run.stale_plan && !f->again) || innocent(b, f, e);
}

/* The statement is still there, with a plan that is out of date. */
static bool plan_changed(const hf_error *e)
{
	return e && strcmp(hf_error_sqlstate(e), "0A000") == 0;
}

/* What a failure means to its caller. A group never writes, and a result that was too large is so
 * again. */
static unsigned fate_of(const hf__batch *b, const struct hf__flight *f, const hf_error *e)
{
	if (f->shared && hf_error_status(e) == HF_E_TOO_LARGE)
		return 0;
	if (f->shared && b->w->link.broken)
		return HF_RETRYABLE;
	return hf__conn_fate(&b->w->conn, &f->run, e, false);
}

static void give_outcome(hf__batch *b, struct hf__flight *f, hf_error *e, hf_result *res)
{
	hf__job *j = f->job;

	if (e)
		e = hf__error_at(e, fate_of(b, f, e), j->sql, &j->site);
	j->outcome = e ? (hf__outcome){ .status = hf_error_status(e), .error = e }
		       : (hf__outcome){ .status = HF_OK, .result = res };
	if (f->shared)
		b->held[b->n_held++] = j;
	else
		b->done[b->n_done++] = j;
}

/* Transaction control that was not seen for what it is would take its neighbours along. */
static void check_tag(hf__batch *b, const struct hf__flight *f)
{
	static const char *const control[] = { "BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK",
		"SAVEPOINT", "RELEASE", "PREPARE TRANSACTION" };

	for (size_t i = 0; i < hf_countof(control); i++)
		if (strcmp(f->run.tag, control[i]) == 0)
			b->w->link.broken = true;
}

static void end_member(hf__batch *b, struct hf__flight *f)
{
	hf__worker *w = b->w;
	hf__job *j = f->job;
	hf_result *res = NULL;
	int64_t began = w->link.used_at > f->trip.sent_at ? w->link.used_at : f->trip.sent_at;
	hf_error *e;

	w->conn.job = j;
	e = end_flight(b, f, &res, !f->shared);
	check_tag(b, f);
	b->answered = true;
	b->n_gathered++;
	b->group_failed |= f->shared && (e || f->trip.aborted);
	b->n_jobs--;
	b->bytes -= j->sql_bytes;
	hf__conn_log_run(&w->conn, &f->run, e, began, &j->site);
	if (f->detached) {
		hf__conn_count_run(&w->conn, e);
		hf_error_unref(e);
		hf_result_unref(res);
		hf_future_unref(&j->future);
		return;
	}
	if (again(b, f, e)) {
		hf__batch_again(b, j, plan_changed(e) ? f->run.stale_name : "");
		hf_error_unref(e);
		hf_result_unref(res);
		return;
	}
	hf__conn_count_run(&w->conn, e);
	give_outcome(b, f, e, res);
}

static void end_opening(hf__batch *b, struct hf__flight *f)
{
	hf_result *res = NULL;
	hf_error *e;
	const char *level;

	e = end_flight(b, f, &res, false);
	level = e ? NULL : hf_row_text(hf_result_row(res, 0), 1);
	b->serializable = level && strcmp(level, "serializable") == 0;
	b->group_failed = false;
	hf_error_unref(e);
	hf_result_unref(res);
}

static void drop_outcome(hf__job *j)
{
	hf_error_unref(j->outcome.error);
	hf_result_unref(j->outcome.result);
	j->outcome = (hf__outcome){ .status = HF_OK };
}

/* The group's Sync: what was held is known now, or is to be asked anew. */
static void end_group(hf__batch *b, struct hf__flight *f)
{
	bool all_again;
	hf_error *e;

	e = end_flight(b, f, NULL, true);
	all_again = !b->w->link.broken && (e || (b->group_failed && b->serializable));
	for (int i = 0; i < b->n_held && (e || all_again); i++) {
		hf__job *j = b->held[i];

		/* Its cutting off is what has lost the connection. */
		if (!all_again && j->outcome.status == HF_E_TOO_LARGE) {
			b->done[b->n_done++] = j;
			continue;
		}
		drop_outcome(j);
		if (all_again)
			hf__batch_again(b, j, "");
		else
			hf__batch_fail(b, j,
				hf__error_at(hf_error_ref(e), HF_RETRYABLE, j->sql, &j->site));
	}
	if (!e && !all_again) {
		memcpy(b->done + b->n_done, b->held, (size_t)b->n_held * sizeof *b->held);
		b->n_done += b->n_held;
	}
	b->n_held = 0;
	hf_error_unref(e);
}

void hf__batch_end_first(hf__batch *b)
{
	struct hf__flight *f = hf__batch_at(b, 0);

	b->w->conn.job = NULL;
	switch (f->role) {
	case MEMBER:
		end_member(b, f);
		break;
	case OPENING:
		end_opening(b, f);
		break;
	case CLOSING:
		end_group(b, f);
		break;
	case DROPPING:
		hf_error_unref(end_flight(b, f, NULL, true));
		break;
	}
	b->first = (b->first + 1) % b->room;
	b->n--;
	b->shot_at -= b->shot_at > 0;
	if (b->n == 0) {
		b->closed = false;
		b->first = 0; /* what is used is in the processor's cache */
		if (b->tight)
			hf__batch_widen(b);
	}
	if (b->n_jobs == b->cap / 2)
		hf__batch_turn_over(b);
}
