/* SPDX-License-Identifier: MIT */
/* Plain queries that travel together over one link: what is sent, and what comes back. */
#include "pool/batch.h"

#include "base/clock.h"
#include "base/mem.h"
#include "pool/pool.h"
#include "pq/wire.h"
#include "value/error.h"

#include <stdio.h>
#include <string.h>

/* Nothing is sent behind a statement that has been under way for so long. */
#define SLOW_HEAD_MS 5

/* What may be under way of the queries' own bytes: the server may not read while it writes. */
#define MAX_BYTES ((size_t)256 << 10)

typedef enum role { MEMBER, OPENING, CLOSING, DROPPING } role;

/* What was sent and not answered. */
struct flight {
	role role;
	bool shared;   /* a member of a group: the Sync is the CLOSING's */
	bool again;    /* sent a second time */
	bool detached; /* its caller has gone: what comes is dropped; a reference to the job */
	hf__job *job;
	char text[32]; /* of a DROPPING */
	hf__run run;
	hf__trip trip;
};

struct hf__batch {
	hf__worker *w;
	int cap;               /* jobs at most: in `next`, under way, in `held` and in `done` */
	struct flight *flight; /* a ring of room for `cap` groups of one */
	int room, first, n;
	int n_jobs; /* of n: members */
	size_t bytes;
	int64_t now; /* when the last were sent */
	struct next {
		hf__job *job;
		bool again;
		char stale[16]; /* the prepared statement that it had, and must not have */
	} * next;               /* taken, to be sent; in order */
	int n_next, n_again;    /* n_again of them, at the head, go out a second time */
	hf__job **held;         /* of the group: answered, but its Sync is not */
	int n_held;
	hf__job **done; /* have their outcome; their futures are not ready yet */
	int n_done;
	long total, shared; /* taken since it was empty; sent in groups of those */
	bool closed;        /* nothing more is sent until all has come back */
	bool answered;      /* something has come back since more was taken */
	bool fired;         /* a cancel was sent, and may have hit a neighbour */
	bool serializable;  /* the group is */
	bool group_failed;
};

bool hf__batch_fits(const hf__job *j)
{
	return j->kind == HF__JOB_QUERY && !j->more->on_row &&
	       j->more->isolation == HF_ISO_DEFAULT &&
	       j->more->outcome_wanted != HF_OUTCOME_RESOLVED &&
	       (j->sql_kind == HF__SQL_PLAIN || j->sql_kind == HF__SQL_READ);
}

/* --- taking --- */

void hf__batch_free(hf__batch *b)
{
	if (!b)
		return;
	hf__free(b->flight);
	hf__free(b->next);
	hf__free(b->held);
	hf__free(b->done);
	hf__free(b);
}

static hf__batch *new_batch(hf__worker *w)
{
	hf__batch *b = hf__calloc(sizeof *b);
	size_t cap = (size_t)w->pool->opts.max_pipeline;

	if (!b)
		return NULL;
	b->w = w;
	b->cap = (int)cap;
	b->room = 3 * b->cap;
	b->flight = hf__calloc((size_t)b->room * sizeof *b->flight);
	b->next = hf__calloc(cap * sizeof *b->next);
	b->held = hf__calloc(cap * sizeof(hf__job *));
	b->done = hf__calloc(cap * sizeof(hf__job *));
	if (b->flight && b->next && b->held && b->done)
		return b;
	hf__batch_free(b);
	return NULL;
}

static void add_next(hf__batch *b, hf__job *j)
{
	b->next[b->n_next++] = (struct next){ .job = j };
	b->total++;
}

/* What this worker may take beyond `has` and leave as much to those that are as free as it is, or
 * may be started for what is left. */
static int share_locked(const hf__batch *b, int has)
{
	const hf_pool *p = b->w->pool;
	int takers = (p->failures > 0 ? p->n_up : p->max_conns) - p->n_pinned;
	int room = b->cap - b->n_jobs - b->n_next - b->n_held - b->n_done;
	int share = takers > 1 ? (p->queue.n + has + takers - 1) / takers - has : p->queue.n;

	return share < room ? share : room;
}

static void take_share_locked(hf__batch *b, int has, int64_t now)
{
	hf__queue *q = &b->w->pool->queue;
	hf__job *j;

	for (int share = share_locked(b, has); share > 0 && (j = hf__queue_first(q)) != NULL;
		share--) {
		if (!hf__batch_fits(j))
			return;
		hf__queue_remove(q, j);
		j->state = HF__JOB_RUNNING;
		j->started_at = now;
		j->worker = b->w;
		add_next(b, j);
	}
}

bool hf__batch_take_locked(hf__worker *w, hf__job *first)
{
	hf__batch *b = w->batch;

	if (w->pool->opts.max_pipeline < 2 || !hf__batch_fits(first))
		return false;
	if (!b && !(b = w->batch = new_batch(w)))
		return false;
	b->total = b->shared = 0;
	b->closed = b->fired = b->answered = false;
	add_next(b, first);
	take_share_locked(b, 1, first->started_at);
	return true;
}

bool hf__batch_waits(const hf__worker *w)
{
	return w->batch && w->batch->n_next > 0;
}

hf__job *hf__batch_give_back(hf__worker *w)
{
	hf__batch *b = w->batch;

	if (!b || b->n_next == 0)
		return NULL;
	b->n_next--;
	b->total--;
	if (b->n_again > b->n_next)
		b->n_again = b->n_next;
	return b->next[b->n_next].job;
}

/* To go out before all that was not sent yet. */
static void send_again(hf__batch *b, hf__job *j, const char *stale)
{
	struct next *at = b->next + b->n_again;

	memmove(at + 1, at, (size_t)(b->n_next - b->n_again) * sizeof *at);
	*at = (struct next){ .job = j, .again = true };
	snprintf(at->stale, sizeof at->stale, "%s", stale);
	b->n_again++;
	b->n_next++;
}

static void drop_sent(hf__batch *b, int n)
{
	b->n_next -= n;
	b->n_again -= b->n_again < n ? b->n_again : n;
	memmove(b->next, b->next + n, (size_t)b->n_next * sizeof *b->next);
}

/* --- sending --- */

static void settle(hf__batch *b, hf__job *j, hf__outcome o)
{
	j->outcome = o;
	b->done[b->n_done++] = j;
}

static void fail(hf__batch *b, hf__job *j, hf_error *e)
{
	settle(b, j, (hf__outcome){ .status = hf_error_status(e), .error = e });
}

static struct flight *new_flight(hf__batch *b, role r)
{
	struct flight *f = &b->flight[(b->first + b->n) % b->room];

	f->role = r;
	f->shared = f->again = f->detached = false;
	f->job = NULL;
	memset(&f->run, 0, sizeof f->run);
	f->run.kind = HF__SQL_EMPTY;
	f->run.sql = "";
	return f;
}

static bool begin(hf__batch *b, struct flight *f, bool sync)
{
	hf_error *e = f->role == CLOSING
			      ? hf__trip_begin_sync(&f->trip, &b->w->link, &f->run, b->now)
			      : hf__trip_begin(&f->trip, &b->w->link, &f->run, f->role != DROPPING,
					sync, b->now);

	if (e && f->job)
		fail(b, f->job, hf__error_at(e, HF_RETRYABLE, f->job->sql, &f->job->site));
	if (e)
		return false;
	b->n++;
	b->n_jobs += f->role == MEMBER;
	b->shared += f->shared;
	return true;
}

static bool reads_only(const hf__batch *b, const hf__job *j)
{
	return j->read_only || b->w->link.cfg.read_only;
}

/* One with a limit of its own has a Sync of its own: the limit would stay for the next. */
static bool may_share(const hf__batch *b, const struct next *x)
{
	return !x->again && x->job->timeout_ms == 0 && reads_only(b, x->job);
}

static size_t bytes_of(const hf__job *j)
{
	size_t n = strlen(j->sql);

	for (int i = 0; j->params && i < j->params->n; i++)
		n += j->params->lengths[i] > 0 ? (size_t)j->params->lengths[i] : 16;
	return n;
}

static void set_limit(const hf__batch *b, struct flight *f)
{
	int own = f->job->timeout_ms, session = b->w->link.cfg.statement_ms;

	f->run.limit_ms = own > 0 ? own : own < 0 ? 0 : session;
	if (!f->shared && own != 0)
		f->run.set_timeout = own > 0 ? own : session ? INT32_MAX : 0;
}

static void send_drop(hf__batch *b, const char *name)
{
	struct flight *f = new_flight(b, DROPPING);

	snprintf(f->text, sizeof f->text, "DEALLOCATE %s", name);
	f->run.sql = f->text;
	begin(b, f, true);
}

static void send_member(hf__batch *b, const struct next *x, bool shared)
{
	struct flight *f = new_flight(b, MEMBER);
	hf__job *j = x->job;

	f->job = j;
	f->again = x->again;
	f->shared = shared;
	f->run.sql = j->sql;
	f->run.params = j->params;
	f->run.kind = j->sql_kind;
	/* It may have failed for its neighbours' sake, whose Parse was to be its own. By itself it
	 * says what is wrong with it, and needs no third time. */
	f->run.unnamed = x->again;
	/* In a read-only pool as well: a neighbour may have switched the session's default off. */
	f->run.set_read_only = !shared && reads_only(b, j);
	set_limit(b, f);
	b->bytes += bytes_of(j);
	if (begin(b, f, !shared) && hf__stmt_is_slow(f->trip.entry))
		b->closed = true; /* of a group, no further one */
}

/* The server's word that nothing is written, and at which level the group runs. */
static bool open_group(hf__batch *b)
{
	struct flight *f = new_flight(b, OPENING);

	f->run.kind = HF__SQL_READ;
	f->run.sql = "SELECT pg_catalog.set_config('transaction_read_only','on',true), "
		     "pg_catalog.current_setting('transaction_isolation')";
	return begin(b, f, false);
}

static bool wanted(hf__batch *b, hf__job *j)
{
	if (!atomic_load_explicit(&j->cancel_asked, memory_order_relaxed))
		return true;
	fail(b, j, hf__job_canceled_early(j));
	return false;
}

/* Sends the reads at the head of what waits behind one Sync. Answers how many have gone. */
static int send_group(hf__batch *b)
{
	int i = 0;

	if (!open_group(b))
		return 0;
	for (; i < b->n_next && may_share(b, &b->next[i]) && b->bytes < MAX_BYTES &&
		!b->w->link.broken;
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

	if (sent > 0)
		return sent;
	if (!wanted(b, b->next[0].job))
		return 1;
	if (b->next[0].stale[0])
		send_drop(b, b->next[0].stale);
	send_member(b, &b->next[0], false);
	return 1;
}

/* All that was taken, as far as it may. */
static void send_all(hf__batch *b)
{
	if (b->n_next > 0)
		b->now = hf__now();
	while (b->n_next > 0 && !b->closed && !b->w->link.broken && b->bytes < MAX_BYTES)
		drop_sent(b, send_some(b));
	/* What would wait behind something slow is for others. */
	if (b->closed && b->n_again == 0)
		hf__worker_put_back_unsent(b->w);
}

/* --- while it waits --- */

static bool slow_head(const hf__batch *b)
{
	const hf__link *l = &b->w->link;
	const hf__trip *t = &b->flight[b->first].trip;
	int64_t since = t->sent_at > l->used_at ? t->sent_at : l->used_at;

	return hf__now() > hf__after(since, SLOW_HEAD_MS);
}

/* The job that was sent first and has no outcome yet, or NULL. */
static hf__job *oldest(const hf__batch *b)
{
	if (b->n_held > 0)
		return b->held[0];
	for (int i = 0; i < b->n; i++) {
		const struct flight *f = &b->flight[(b->first + i) % b->room];

		if (f->role == MEMBER && !f->detached)
			return f->job;
	}
	return b->n_next > 0 ? b->next[0].job : NULL;
}

/* Makes known what has come back, and takes more if half of what may be under way has. */
static void turn_over(hf__batch *b)
{
	hf__worker *w = b->w;
	hf_pool *p = w->pool;
	/* Nothing goes out behind what has not shown yet that it is not slow. */
	bool more = b->answered && !b->closed && b->n_jobs <= b->cap / 2 && !w->link.broken &&
		    !slow_head(b);
	hf__job *jobs[HF__MAX_PIPELINE], *under_way = oldest(b);
	int n = b->n_done;

	b->answered = false;
	if (n == 0 || !under_way)
		return;
	memcpy(jobs, b->done, (size_t)n * sizeof(hf__job *));
	b->n_done = 0;
	hf__worker_before_done(w, jobs, n);
	hf__lock(&p->lock);
	w->job = w->conn.job = under_way;
	hf__worker_count_locked(w, jobs, n);
	if (more && hf__worker_stays_locked(w))
		take_share_locked(b, 0, hf__now());
	hf__worker_wake_one_locked(p);
	hf__unlock(&p->lock);
	hf__job_complete_many(jobs, (size_t)n);
	send_all(b);
}

/* What was sent behind another cannot be stopped without stopping that one, so its caller is told
 * at once, and what comes of it is dropped. */
static void detach(hf__batch *b, struct flight *f)
{
	hf__job *j = f->job;
	bool reads = reads_only(b, j) || j->sql_kind == HF__SQL_READ;

	hf__ref_get(&j->future.refs);
	f->detached = true;
	fail(b, j,
		hf__error_at(
			hf__error_fmt(HF_E_CANCELED, reads ? 0 : HF_MAYBE_COMMITTED,
				"cancelled while it waited at the server behind another query"),
			0, j->sql, &j->site));
}

static void detach_canceled(hf__batch *b)
{
	for (int i = 1; i < b->n; i++) {
		struct flight *f = &b->flight[(b->first + i) % b->room];

		if (f->role == MEMBER && !f->detached && atomic_load(&f->job->cancel_asked))
			detach(b, f);
	}
}

/* About to wait for the server. */
static void before_sleep(void *worker)
{
	hf__batch *b = ((hf__worker *)worker)->batch;

	detach_canceled(b);
	turn_over(b);
}

/* --- what comes back --- */

static hf__guard guard_of(const struct flight *f, hf__worker *w)
{
	hf__guard g = hf__conn_guard(&w->conn, f->run.limit_ms);

	g.before_sleep = before_sleep;
	return g;
}

/* Stopped by the cancel of a neighbour: the server has undone it. */
static bool innocent(const hf__batch *b, const struct flight *f, const hf_error *e)
{
	return e && b->fired && !f->again && hf_error_status(e) == HF_E_CANCELED &&
	       strcmp(hf_error_sqlstate(e), "57014") == 0 && !atomic_load(&f->job->cancel_asked) &&
	       !atomic_load(&b->w->pool->terminating);
}

static bool again(const hf__batch *b, const struct flight *f, const hf_error *e)
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

static void give_outcome(hf__batch *b, struct flight *f, hf_error *e, hf_result *res)
{
	hf__job *j = f->job;

	if (e)
		e = hf__error_at(
			e, hf__conn_fate(&b->w->conn, &f->run, e, false), j->sql, &j->site);
	j->outcome = e ? (hf__outcome){ .status = hf_error_status(e), .error = e }
		       : (hf__outcome){ .status = HF_OK, .result = res };
	if (f->shared)
		b->held[b->n_held++] = j;
	else
		b->done[b->n_done++] = j;
	b->group_failed |= f->shared && e;
}

/* Transaction control that was not seen for what it is would take its neighbours along. */
static void check_tag(hf__batch *b, const struct flight *f)
{
	const char *tag = f->run.tag;

	if (strcmp(tag, "BEGIN") == 0 || strcmp(tag, "START TRANSACTION") == 0)
		b->w->link.broken = true;
}

static void end_member(hf__batch *b, struct flight *f)
{
	hf__worker *w = b->w;
	hf__job *j = f->job;
	hf_result *res = NULL;
	int64_t began = w->link.used_at > f->trip.sent_at ? w->link.used_at : f->trip.sent_at;
	hf_error *e;

	f->run.guard = guard_of(f, w);
	f->run.shot_at = b->fired;
	e = hf__trip_end(&f->trip, &res, !f->shared);
	check_tag(b, f);
	b->answered = true;
	b->fired |= w->link.cancels > 0;
	b->n_jobs--;
	b->bytes -= bytes_of(j);
	hf__conn_log_run(&w->conn, &f->run, e, began, &j->site);
	if (f->detached) {
		hf_error_unref(e);
		hf_result_unref(res);
		hf_future_unref(&j->future);
		return;
	}
	if (again(b, f, e)) {
		send_again(b, j, plan_changed(e) ? f->run.stale_name : "");
		hf_error_unref(e);
		hf_result_unref(res);
		return;
	}
	give_outcome(b, f, e, res);
}

static void end_opening(hf__batch *b, struct flight *f)
{
	hf_result *res = NULL;
	hf_error *e;
	const char *level;

	f->run.guard = guard_of(f, b->w);
	e = hf__trip_end(&f->trip, &res, false);
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
static void end_group(hf__batch *b, struct flight *f)
{
	bool all_again;
	hf_error *e;

	f->run.guard = guard_of(f, b->w);
	e = hf__trip_end(&f->trip, NULL, true);
	all_again = !b->w->link.broken && (e || (b->group_failed && b->serializable));
	for (int i = b->n_held - 1; i >= 0 && (e || all_again); i--) {
		hf__job *j = b->held[i];

		drop_outcome(j);
		if (all_again)
			send_again(b, j, "");
		else
			fail(b, j, hf__error_at(hf_error_ref(e), HF_RETRYABLE, j->sql, &j->site));
	}
	if (!e && !all_again) {
		memcpy(b->done + b->n_done, b->held, (size_t)b->n_held * sizeof *b->held);
		b->n_done += b->n_held;
	}
	b->n_held = 0;
	hf_error_unref(e);
}

static void end_first(hf__batch *b)
{
	struct flight *f = &b->flight[b->first];

	b->w->conn.job = oldest(b);
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
		f->run.guard = guard_of(f, b->w);
		hf_error_unref(hf__trip_end(&f->trip, NULL, true));
		break;
	}
	b->first = (b->first + 1) % b->room;
	b->n--;
	if (b->n == 0)
		b->closed = false;
	if (b->n_jobs == b->cap / 2)
		turn_over(b);
}

static void count(hf__batch *b)
{
	hf_pool *p = b->w->pool;

	if (b->total < 2 && b->shared == 0)
		return;
	hf__lock(&p->lock);
	p->stats.pipelined += b->total > 1 ? (uint64_t)b->total : 0;
	p->stats.fast_lane += (uint64_t)b->shared;
	hf__unlock(&p->lock);
}

int hf__batch_run(hf__worker *w, hf__job **jobs)
{
	hf__batch *b = w->batch;
	int n;

	for (send_all(b); b->n > 0; send_all(b))
		end_first(b);
	count(b);
	n = b->n_done;
	memcpy(jobs, b->done, (size_t)n * sizeof *jobs);
	b->n_done = 0;
	w->conn.job = n > 0 ? jobs[n - 1] : oldest(b);
	return n;
}
