/* SPDX-License-Identifier: MIT */
/* Queries that travel together: what is sent. */
#include "pool/batch_inside.h"

#include "base/attr.h"
#include "base/clock.h"
#include "value/error.h"

#include <stdio.h>
#include <string.h>

/* What may be under way of the queries' own bytes: the server may not read while it writes. */
#define MAX_BYTES ((size_t)256 << 10)

static void drop_sent(hf__batch *b, int n)
{
	b->n_next -= n;
	b->n_again -= b->n_again < n ? b->n_again : n;
	memmove(b->next, b->next + n, (size_t)b->n_next * sizeof *b->next);
}

static struct hf__flight *new_flight(hf__batch *b, hf__role_in_batch r)
{
	struct hf__flight *f = hf__batch_at(b, b->n);

	hf_assert(b->n < b->room);
	f->role = r;
	f->shared = f->again = f->detached = false;
	f->job = NULL;
	memset(&f->run, 0, sizeof f->run);
	f->run.kind = HF__SQL_EMPTY;
	f->run.sql = "";
	return f;
}

static bool begin(hf__batch *b, struct hf__flight *f, bool sync)
{
	hf_error *e = f->role == CLOSING
			      ? hf__trip_begin_sync(&f->trip, &b->w->link, &f->run, b->now)
			      : hf__trip_begin(&f->trip, &b->w->link, &f->run, f->role != DROPPING,
					sync, b->now);

	if (e && f->job)
		hf__batch_fail(
			b, f->job, hf__error_at(e, HF_RETRYABLE, f->job->sql, &f->job->site));
	if (e)
		return false;
	b->n++;
	if (f->role != MEMBER)
		return true;
	b->n_jobs++;
	b->bytes += f->job->sql_bytes;
	b->total += !f->again;
	b->shared += f->shared;
	return true;
}

bool hf__batch_reads_only(const hf__batch *b, const hf__job *j)
{
	return j->read_only || b->w->link.cfg.read_only;
}

/* One with a limit of its own has a Sync of its own, as the limit would stay for the next; so has
 * one that may set something for its transaction, or take a lock, which is to be its own business.
 */
static bool may_share(const hf__batch *b, const struct hf__next *x)
{
	return !x->again && x->job->timeout_ms == 0 && hf__batch_reads_only(b, x->job) &&
	       !hf__sql_outlasts(x->job->sql, strlen(x->job->sql));
}

static void set_limit(const hf__batch *b, struct hf__flight *f)
{
	int own = f->job->timeout_ms, session = b->w->link.cfg.statement_ms;

	f->run.limit_ms = own > 0 ? own : own < 0 ? 0 : session;
	if (!f->shared && own != 0)
		f->run.set_timeout = own > 0 ? own : session ? INT32_MAX : 0;
}

static void send_drop(hf__batch *b, const char *name)
{
	struct hf__flight *f = new_flight(b, DROPPING);

	snprintf(f->text, sizeof f->text, "DEALLOCATE %s", name);
	f->run.sql = f->text;
	begin(b, f, true);
}

static void send_member(hf__batch *b, const struct hf__next *x, bool shared)
{
	struct hf__flight *f = new_flight(b, MEMBER);
	hf__job *j = x->job;

	f->job = j;
	f->again = x->again;
	f->shared = shared;
	f->run.sql = j->sql;
	f->run.sql_hash = j->sql_hash;
	f->run.params = j->params;
	f->run.kind = j->sql_kind;
	/* It may have failed for its neighbours' sake, whose Parse was to be its own. By itself it
	 * says what is wrong with it, and needs no third time. */
	f->run.unnamed = x->again;
	/* In a read-only pool as well: a neighbour may have switched the session's default off. */
	f->run.set_read_only = !shared && hf__batch_reads_only(b, j);
	set_limit(b, f);
	/* Nobody waits behind what is slow, or is to see the session that it leaves. */
	if (begin(b, f, !shared) &&
		(hf__stmt_is_slow(f->trip.entry) || hf__trip_changes_session(&f->trip)))
		b->closed = true;
}

/* The server's word that nothing is written, and at which level the group runs. */
static bool open_group(hf__batch *b)
{
	struct hf__flight *f = new_flight(b, OPENING);

	f->run.kind = HF__SQL_READ;
	f->run.sql = "SELECT pg_catalog.set_config('transaction_read_only','on',true), "
		     "pg_catalog.current_setting('transaction_isolation')";
	return begin(b, f, false);
}

static bool wanted(hf__batch *b, hf__job *j)
{
	if (!atomic_load_explicit(&j->cancel_asked, memory_order_relaxed))
		return true;
	hf__batch_fail(b, j, hf__job_canceled_early(j));
	return false;
}

/* Whether so many may be sent. */
static bool has_room(hf__batch *b, int n)
{
	if (b->room - b->n >= n)
		return true;
	b->tight = b->closed = true;
	return false;
}

/* Sends the reads at the head of what waits behind one Sync. Answers how many have gone. */
static int send_group(hf__batch *b)
{
	int i = 0;

	if (!open_group(b))
		return 0;
	for (; i < b->n_next && may_share(b, &b->next[i]) && b->bytes < MAX_BYTES && !b->closed &&
		!b->w->link.broken && has_room(b, 2);
		i++)
		if (wanted(b, b->next[i].job))
			send_member(b, &b->next[i], true);
	/* What could not be closed can only be given up. */
	if (!begin(b, new_flight(b, CLOSING), true))
		b->w->link.broken = true;
	return i;
}

static int send_some(hf__batch *b)
{
	int sent = may_share(b, &b->next[0]) ? send_group(b) : 0;

	if (sent > 0 || b->w->link.broken)
		return sent;
	if (!wanted(b, b->next[0].job))
		return 1;
	if (b->next[0].stale[0])
		send_drop(b, b->next[0].stale);
	send_member(b, &b->next[0], false);
	return 1;
}

/* All that was taken, as far as it may. */
void hf__batch_send(hf__batch *b)
{
	if (b->n_next > 0)
		b->now = hf__now();
	while (b->n_next > 0 && !b->closed && !b->w->link.broken && !b->w->link.dirty &&
		b->bytes < MAX_BYTES && has_room(b, 3))
		drop_sent(b, send_some(b));
	/* What would wait behind something slow is for others. */
	if (b->closed)
		hf__worker_put_back_unsent(b->w, b->n_again);
}
