/* SPDX-License-Identifier: MIT */
/* Who holds the connections: for the log, when it lasts too long, for people who ask, and for the
 * error of whoever waited in vain.
 *
 * What is to be told is copied under the pool's lock into a struct of its own, and put into words
 * after it was released. */
#include "pool/pool.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/mem.h"
#include "value/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A copy: the job that it tells of may be gone. */
struct holder {
	int number; /* of the connection */
	hf__job_kind kind;
	char who[320];
	int64_t since, seen_at;
	hf__held held;
};

/* --- what workers tell ---------------------------------------------------------------------------
 */

void hf__worker_note_held(
	hf__worker *w, hf__hold how, const char *verb, const hf_site *site, int64_t until)
{
	hf__lock(&w->held_lock);
	if (how != w->held.how || how == HF__HOLD_RUNNING)
		w->held.since = hf__now();
	w->held.how = how;
	w->held.until = until;
	if (how == HF__HOLD_RUNNING) {
		w->held.verb = verb;
		w->held.site = site ? *site : (hf_site){ NULL, 0 };
		w->held.statement_at = 0;
	}
	hf__unlock(&w->held_lock);
}

void hf__worker_note_statement(hf__worker *w, const hf_site *site)
{
	hf__lock(&w->held_lock);
	w->held.statement = site ? *site : (hf_site){ NULL, 0 };
	w->held.statement_at = hf__now();
	hf__unlock(&w->held_lock);
}

static int64_t warn_at_locked(const hf__worker *w)
{
	const hf_pool *p = w->pool;

	if (!w->job || w->hold_told || p->opts.hold_warn_ms < 0 || !hf__logs(&p->log, HF__LOG_WARN))
		return HF__NEVER;
	return hf__after(w->job->started_at, p->opts.hold_warn_ms);
}

void hf__worker_hold_locked(hf__worker *w)
{
	hf__lock(&w->held_lock);
	w->held = (hf__held){ .since = w->job->started_at, .until = HF__NEVER };
	hf__unlock(&w->held_lock);
	w->hold_told = false;
	hf__pool_watch_locked(w->pool, warn_at_locked(w));
}

/* --- in words ------------------------------------------------------------------------------------
 */

static const char *kind_name(hf__job_kind kind)
{
	switch (kind) {
	case HF__JOB_QUERY:
		return "query";
	case HF__JOB_SCRIPT:
		return "script";
	case HF__JOB_FN:
		return "interaction";
	case HF__JOB_SERVE:
		break;
	}
	return "transaction";
}

static const char *hold_name(hf__hold how)
{
	switch (how) {
	case HF__HOLD_RUNNING:
		return "running";
	case HF__HOLD_PARKED:
		return "parked";
	case HF__HOLD_IDLE:
		break;
	}
	return "idle";
}

static long long ms_between(int64_t from, int64_t to)
{
	return to > from ? (long long)((to - from) / HF__MS) : 0;
}

/* `transaction "seat" (seat.c:42)`. */
static void name_holder(const hf__worker *w, char *buf, size_t n)
{
	const hf__job *j = w->job;
	char label[100] = "";

	if (j->more->label)
		snprintf(label, sizeof label, " \"%.90s\"", j->more->label);
	snprintf(buf, n, "%s%s (%s:%d)", kind_name(j->kind), label,
		j->site.file ? j->site.file : "?", j->site.line);
}

static void copy_locked(struct holder *h, hf__worker *w)
{
	h->number = w->number;
	h->kind = w->job->kind;
	h->since = w->job->started_at;
	h->seen_at = hf__now();
	hf__lock(&w->held_lock);
	h->held = w->held;
	hf__unlock(&w->held_lock);
	name_holder(w, h->who, sizeof h->who);
}

static const char *site_text(const hf_site *s, char *buf, size_t n)
{
	return hf__site_name(NULL, s, buf, n);
}

/* `; its last command: hf_txn_query (seat.c:47)`. */
static void add_last(hf__strbuf *b, const struct holder *h)
{
	const hf__held *d = &h->held;
	char at[160];

	if (h->kind == HF__JOB_SERVE)
		hf__strbuf_puts(b, d->verb ? "; its last command: " : "; no command yet");
	if (h->kind == HF__JOB_SERVE && d->verb)
		hf__strbuf_printf(b, "%s (%s)", d->verb, site_text(&d->site, at, sizeof at));
	if (d->statement_at && (h->kind != HF__JOB_SERVE || d->how == HF__HOLD_RUNNING))
		hf__strbuf_printf(b, "; the last statement in it: %s, %lld ms ago",
			site_text(&d->statement, at, sizeof at),
			ms_between(d->statement_at, h->seen_at));
}

/* What a transaction does now; the other kinds always run. */
static void add_state(hf__strbuf *b, const struct holder *h)
{
	const hf__held *d = &h->held;

	if (h->kind != HF__JOB_SERVE)
		return;
	hf__strbuf_printf(
		b, " (%s for %lld ms", hold_name(d->how), ms_between(d->since, h->seen_at));
	if (d->until != HF__NEVER)
		hf__strbuf_printf(b, ", %lld ms left", ms_between(h->seen_at, d->until));
	hf__strbuf_puts(b, ")");
}

static void add_holder(hf__strbuf *b, const struct holder *h, const char *verb)
{
	hf__strbuf_printf(b, "%s %s connection %d for %lld ms", h->who, verb, h->number,
		ms_between(h->since, h->seen_at));
	add_state(b, h);
	add_last(b, h);
}

/* --- in the log ----------------------------------------------------------------------------------
 */

/* One that is due; otherwise *next is when the next one will be. */
static bool take_overdue(hf_pool *p, struct holder *h, int64_t *next)
{
	int64_t now = hf__now(), at;
	hf__worker *w;
	bool found = false;

	*next = HF__NEVER;
	hf__lock(&p->lock);
	APR_RING_FOREACH (w, &p->workers, hf__worker, all) {
		at = warn_at_locked(w);
		if (at > now && at < *next)
			*next = at;
		if (at > now)
			continue;
		found = w->hold_told = true;
		copy_locked(h, w);
		break;
	}
	hf__unlock(&p->lock);
	return found;
}

int64_t hf__pool_report_holders(hf_pool *p)
{
	struct holder h;
	int64_t next;

	while (take_overdue(p, &h, &next)) {
		hf__strbuf b = HF__STRBUF_INIT;

		add_holder(&b, &h, "has held");
		hf__logf(&p->log, HF__LOG_WARN, "%s", hf__strbuf_text(&b));
		hf__strbuf_finish(&b);
	}
	return next;
}

/* --- for who asks --------------------------------------------------------------------------------
 */

/* Copies up to `room` of them; answers how many there are. */
static int copy_all(hf_pool *p, struct holder *all, int room)
{
	hf__worker *w;
	int n = 0;

	hf__lock(&p->lock);
	APR_RING_FOREACH (w, &p->workers, hf__worker, all)
		if (w->job && n++ < room)
			copy_locked(&all[n - 1], w);
	hf__unlock(&p->lock);
	return n;
}

static int by_age(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	return x->since < y->since ? -1 : x->since > y->since;
}

/* All of them, yours to hf__free; NULL: none, or *ok is false and there was no memory. */
static struct holder *all_holders(hf_pool *p, int *n, bool *ok)
{
	struct holder *all = NULL;
	int room = 0;

	*ok = true;
	while ((*n = copy_all(p, all, room)) > room) {
		hf__free(all);
		room = *n + 8;
		all = hf__calloc((size_t)room * sizeof *all);
		if (!all) {
			*ok = false;
			return NULL;
		}
	}
	if (*n > 1)
		qsort(all, (size_t)*n, sizeof *all, by_age);
	return all;
}

char *hf_pool_holders(hf_pool *p)
{
	hf__strbuf b = HF__STRBUF_INIT;
	struct holder *all = NULL;
	int n = 0;
	bool ok = true;

	if (!p)
		return NULL;
	if (p->forks == hf__fork_count())
		all = all_holders(p, &n, &ok);
	if (!ok)
		return NULL;
	for (int i = 0; i < n; i++) {
		add_holder(&b, &all[i], "holds");
		hf__strbuf_putc(&b, '\n');
	}
	hf__free(all);
	return b.n || b.failed ? hf__strbuf_take(&b) : hf__strdup("");
}

/* --- for who waited in vain ----------------------------------------------------------------------
 */

static const hf__worker *oldest_locked(const hf_pool *p)
{
	const hf__worker *w, *oldest = NULL;

	APR_RING_FOREACH (w, &p->workers, hf__worker, all)
		if (w->job && (!oldest || w->job->started_at < oldest->job->started_at))
			oldest = w;
	return oldest;
}

/* No link is up: what matters is why none could be made. */
static hf_error *no_server_locked(hf_pool *p, int64_t waited_ms)
{
	char text[1700];

	if (p->connect_error)
		snprintf(text, sizeof text, "pool \"%s\": no connection within %lld ms: %s",
			p->name, (long long)waited_ms, hf_error_message(p->connect_error));
	else
		snprintf(text, sizeof text,
			"pool \"%s\": no connection within %lld ms: no answer so far (%s)", p->name,
			(long long)waited_ms, p->dsn.where);
	return hf__error_new(&(hf__error_spec){ .status = HF_E_CONNECT,
		.traits = HF_CONNECTION | HF_RETRYABLE,
		.sqlstate = hf_error_sqlstate(p->connect_error),
		.message = text });
}

hf_error *hf__pool_no_connection_locked(hf_pool *p, int64_t waited_ms)
{
	char who[360] = "", name[320], refused[1100] = "";
	const hf__worker *oldest = oldest_locked(p);

	if (p->n_up == 0)
		return no_server_locked(p, waited_ms);
	if (oldest) {
		name_holder(oldest, name, sizeof name);
		snprintf(who, sizeof who, "; longest busy: %s, for %lld ms", name,
			ms_between(oldest->job->started_at, hf__now()));
	}
	if (p->connect_error)
		snprintf(refused, sizeof refused, "; the last attempt to connect: %s",
			hf_error_message(p->connect_error));
	return hf__error_fmt(HF_E_BUSY, HF_RETRYABLE,
		"pool \"%s\": no connection came free within %lld ms (%d of %d busy, %d of them "
		"held by transactions, %d of those parked, %d connecting, %d more waiting%s%s)",
		p->name, (long long)waited_ms, p->n_busy, p->max_conns, p->n_pinned, p->parking.n,
		p->n_workers - p->n_up, p->queue.n, who, refused);
}

uint32_t hf__pool_oldest_txn_ms_locked(const hf_pool *p)
{
	int64_t now = hf__now(), oldest = 0;
	const hf__worker *w;

	APR_RING_FOREACH (w, &p->workers, hf__worker, all)
		if (w->pinned && now - w->job->started_at >= oldest)
			oldest = now - w->job->started_at + 1;
	if (oldest == 0)
		return 0;
	return oldest < HF__MS ? 1 : (uint32_t)(oldest / HF__MS);
}
