/* SPDX-License-Identifier: MIT */
/* A worker's link: making it, doubting it, dropping it.
 *
 * Few workers connect at a time, and while the server is down only one (the canary), after a
 * growing pause. One link lost puts every older one in doubt: it is probed before its next use. */
#include "pool/pool.h"

#include "base/clock.h"
#include "value/error.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#define MAX_CONNECTING 2

/* The longest pause between two attempts. A server that is gone is wanted back within a second of
 * its return. One that has no room should not be pressed, and one that does not know us counts
 * wrong passwords. */
#define BACKOFF_FIRST_MS   50
#define BACKOFF_GONE_MS    800
#define BACKOFF_FULL_MS    5000
#define BACKOFF_REFUSED_MS 15000
#define ANSWER_MS          500 /* while jobs wait for no more than an answer */

int hf__pool_staying_locked(const hf_pool *p)
{
	return p->n_workers - p->n_retiring;
}

void hf__worker_retire_locked(hf__worker *w)
{
	if (!w->retire)
		w->pool->n_retiring++;
	w->retire = true;
}

bool hf__worker_must_end_locked(hf__worker *w)
{
	const hf_pool *p = w->pool;
	bool not_needed = !w->up && p->queue.n == 0 && hf__pool_staying_locked(p) > p->min_conns;

	if (hf__pool_staying_locked(p) > p->max_conns || (not_needed && !w->retire))
		hf__worker_retire_locked(w);
	return w->retire || (p->state != HF_POOL_OPEN && p->queue.n == 0);
}

bool hf__worker_doubts_locked(const hf__worker *w, int64_t now)
{
	return w->suspect || w->generation != w->pool->generation || now >= w->expires_at;
}

void hf__worker_down_locked(hf__worker *w)
{
	hf_pool *p = w->pool;

	if (w->up)
		p->n_up--;
	w->up = w->suspect = false;
	hf__cond_broadcast(&p->changed);
}

/* Ends the session. `lost` tells that the server did, which puts every older link in doubt. */
void hf__worker_drop_link(hf__worker *w, bool lost, const char *why)
{
	hf_pool *p = w->pool;
	int pid = w->link.pid;
	char reason[256];

	snprintf(reason, sizeof reason, "%s", why); /* it may stand in the link */
	hf__link_close(&w->link);
	hf__lock(&p->lock);
	hf__worker_down_locked(w);
	p->stats.discards++;
	if (lost)
		p->generation++;
	hf__unlock(&p->lock);
	hf__logf(&p->log, lost ? HF__LOG_WARN : HF__LOG_INFO,
		"connection %d (server process %d) closed: %s", w->number, pid, reason);
}

/* Whether the link may be used: what has arrived is read, and after a silence, or a loss elsewhere,
 * the server is asked. If not, the link is closed. */
bool hf__worker_stays_locked(hf__worker *w, int64_t now)
{
	return !hf__worker_must_end_locked(w) && !hf__worker_doubts_locked(w, now);
}

/* It may have broken while it was lent. */
static bool drop_unfit(hf__worker *w, bool by_us)
{
	bool lost = !by_us || hf__link_gone(&w->link);

	hf__worker_drop_link(w, lost,
		w->link.fatal[0] ? w->link.fatal
		: lost           ? "the server hung up"
				 : "it broke, or its session could not be trusted any more");
	return false;
}

bool hf__worker_link_fit(hf__worker *w)
{
	hf_pool *p = w->pool;
	hf__guard g = { HF__NEVER, HF__NEVER, hf__conn_ask_commit, w, NULL };
	int64_t now = hf__now();
	unsigned generation;
	bool doubt, fresh;
	hf_error *e;

	hf__lock(&p->lock);
	generation = p->generation;
	doubt = w->generation != generation ||
		(p->opts.ping_idle_ms >= 0 &&
			now >= hf__after(w->link.used_at, p->opts.ping_idle_ms));
	fresh = !doubt && !w->suspect && now < hf__after(w->link.used_at, HF__FRESH_MS);
	w->suspect = false;
	p->stats.pings += doubt;
	hf__unlock(&p->lock);
	if (w->link.dirty && !w->link.broken)
		hf__conn_reset(&w->conn);
	if (w->link.broken)
		return drop_unfit(w, true);
	if (fresh)
		return true;
	if (!hf__link_alive(&w->link))
		return drop_unfit(w, false);
	e = doubt ? hf__link_ping(&w->link, p->opts.ping_ms, &g) : NULL;
	if (e) {
		hf__worker_drop_link(w, true, hf_error_message(e));
		hf_error_unref(e);
		return false;
	}
	hf__lock(&p->lock);
	w->generation = generation;
	hf__unlock(&p->lock);
	return true;
}

/* --- connecting --- */

/* A failure that is for good, or the first thing a new pool meets, fails what waits: settings are
 * wrong. A server that was there before may come back: what waits goes on waiting, up to its
 * acquire_ms. */
static bool fails_fast_locked(const hf_pool *p)
{
	return p->n_up == 0 && p->state == HF_POOL_OPEN &&
	       (!p->ever_up || hf__sqlstate_permanent(hf_error_sqlstate(p->connect_error)));
}

/* Whoever waits for an attempt that may only fail is answered soon. */
static int64_t retry_at_locked(const hf_pool *p)
{
	int64_t soon = hf__after(p->failed_at, ANSWER_MS);

	return p->queue.n > 0 && soon < p->retry_at && fails_fast_locked(p) ? soon : p->retry_at;
}

/* Few at a time; while the server is down, one (the canary), after a growing pause. */
static bool may_connect_locked(const hf_pool *p)
{
	if (p->failures > 0)
		return p->n_connecting == 0 && hf__now() >= retry_at_locked(p);
	return p->n_connecting < MAX_CONNECTING;
}

static bool await_turn(hf__worker *w)
{
	hf_pool *p = w->pool;
	bool go;

	hf__lock(&p->lock);
	while (!(go = may_connect_locked(p)) && !hf__worker_must_end_locked(w)) {
		int64_t until = p->failures && !p->n_connecting ? retry_at_locked(p) : HF__NEVER;

		hf__cond_wait_until(&p->changed, &p->lock, until);
	}
	go = go && !hf__worker_must_end_locked(w);
	p->n_connecting += go;
	hf__unlock(&p->lock);
	return go;
}

static hf__ask ask_while_connecting(void *worker)
{
	hf__worker *w = worker;
	bool end;

	hf__lock(&w->pool->lock);
	end = w->pool->terminating || hf__worker_must_end_locked(w);
	hf__unlock(&w->pool->lock);
	return end ? HF__ASK_ABORT : HF__ASK_NONE;
}

static int64_t lifetime_end(const hf_pool *p, int64_t from)
{
	int ms = p->opts.lifetime_ms;

	return ms < 0 ? HF__NEVER
		      : hf__after(from, ms - (int64_t)hf__random((uint64_t)ms / 10 + 1));
}

/* Idle links are watched for a server that hangs up, never for input: replies wake nobody. The
 * event carries the worker's number, not its address: libpq closes a lost socket by itself, and
 * where a child of ours has it open too, its event may come when the worker is long gone. */
static void watch_socket(hf__worker *w)
{
	struct epoll_event ev = { .events = EPOLLRDHUP | EPOLLET, .data.u64 = (uint64_t)w->number };

	epoll_ctl(w->pool->epoll, EPOLL_CTL_ADD, w->link.sock, &ev);
}

static void connected(hf__worker *w)
{
	hf_pool *p = w->pool;
	bool again;

	watch_socket(w);
	hf__lock(&p->lock);
	again = w->generation > 0;
	w->generation = p->generation;
	w->expires_at = lifetime_end(p, w->link.connected_at);
	w->idle_since = w->link.connected_at;
	w->up = p->ever_up = true;
	p->n_up++;
	p->n_connecting--;
	p->failures = 0;
	p->connect_error = hf_error_unref(p->connect_error);
	p->stats.connects++;
	p->stats.reconnects += again;
	hf__cond_broadcast(&p->changed);
	hf__unlock(&p->lock);
	hf__logf(&p->log, HF__LOG_INFO, "connection %d up (server process %d)", w->number,
		w->link.pid);
}

static int64_t longest_pause_ms(const char *sqlstate)
{
	if (hf__sqlstate_permanent(sqlstate))
		return BACKOFF_REFUSED_MS;
	return strcmp(sqlstate, "53300") == 0 ? BACKOFF_FULL_MS : BACKOFF_GONE_MS;
}

/* Doubled with each failure, and then anything up to that, so that many do not come together; after
 * a refusal at least half of it. */
int64_t hf__backoff_ms(int failures, const char *sqlstate)
{
	int64_t longest = longest_pause_ms(sqlstate), most = BACKOFF_FIRST_MS, least = 10;

	for (int i = 1; i < failures && most < longest; i++)
		most *= 2;
	if (most > longest)
		most = longest;
	if (hf__sqlstate_permanent(sqlstate))
		least = most / 2;
	return least + (int64_t)hf__random((uint64_t)(most - least));
}

static void connect_failed(hf__worker *w, hf_error *e)
{
	hf_pool *p = w->pool;
	bool fail_fast;

	hf__lock(&p->lock);
	p->n_connecting--;
	p->failures++;
	p->stats.connect_failures++;
	p->failed_at = hf__now();
	p->retry_at = hf__deadline(hf__backoff_ms(p->failures, hf_error_sqlstate(e)));
	hf_error_unref(p->connect_error);
	p->connect_error = hf_error_ref(e);
	fail_fast = fails_fast_locked(p);
	hf__cond_broadcast(&p->changed);
	hf__unlock(&p->lock);
	hf__logf(&p->log, HF__LOG_WARN, "connection %d: %s", w->number, hf_error_message(e));
	if (fail_fast)
		hf__pool_fail_queue(p, hf_error_ref(e));
	hf_error_unref(e);
}

/* Not a failure: nobody wants the connection any more, or did not for a moment. */
static void connect_called_off(hf__worker *w, hf_error *e)
{
	hf_pool *p = w->pool;

	hf__lock(&p->lock);
	p->n_connecting--;
	hf__cond_broadcast(&p->changed);
	hf__unlock(&p->lock);
	hf__logf(&p->log, HF__LOG_INFO, "connection %d: %s", w->number, hf_error_message(e));
	hf_error_unref(e);
}

static bool connect_link(hf__worker *w)
{
	hf_pool *p = w->pool;
	hf__guard g = { HF__NEVER, hf__deadline(p->opts.connect_ms), ask_while_connecting, w,
		NULL };
	hf_error *e = hf__link_open(&w->link, &p->dsn, &g);

	if (!e) {
		e = hf__conn_hook(&w->conn);
		if (e)
			hf__link_close(&w->link);
	}
	if (!e)
		connected(w);
	else if (w->link.asked == HF__ASK_ABORT)
		connect_called_off(w, e);
	else
		connect_failed(w, e);
	return e == NULL;
}

/* Sees to it that the link is up and fit. False: this worker is to end. */
bool hf__worker_ensure_link(hf__worker *w)
{
	hf_pool *p = w->pool;

	for (;;) {
		bool end, up, fresh;

		hf__lock(&p->lock);
		end = hf__worker_must_end_locked(w);
		up = w->up;
		fresh = up && !hf__worker_doubts_locked(w, hf__now());
		hf__unlock(&p->lock);
		if (end || fresh)
			return !end;
		if (!up) {
			if (await_turn(w))
				connect_link(w);
		} else if (hf__now() >= w->expires_at) {
			hf__worker_drop_link(w, false, "its lifetime is over");
		} else {
			hf__worker_link_fit(w);
		}
	}
}
