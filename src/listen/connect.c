/* SPDX-License-Identifier: MIT */
/* The link of a group: made, given up, made again.
 *
 * After a loss everything that was confirmed is listened to again before anybody is told, in one
 * trip for many channels; then each listener gets its gap, which begins when the server was last
 * heard from. A link that did not live for a second is not made again at once, so that a server
 * which ends every session is not pressed. */
#include "listen/group.h"

#include "base/clock.h"
#include "pq/notify.h"
#include "value/error.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define SHORT_LIFE_MS 1000
#define SCRIPT_BYTES  16384 /* of one trip that listens again */

static hf__guard guard(hf__group *g, int64_t give_up_at)
{
	return (hf__guard){ HF__NEVER, give_up_at, hf__group_ask, g, NULL };
}

static bool may_be_pooled(const hf__group *g)
{
	return g->dsn == &g->pool->dsn;
}

/* LISTEN does not outlive the transaction that a pooler lends the session for. */
static hf_error *check_pooler(hf__group *g, const hf__guard *gd)
{
	bool pooled = false;
	hf_error *e = hf__link_ask_pooled(&g->link, gd, &pooled);

	if (e || !pooled)
		return e;
	if (!may_be_pooled(g)) {
		hf__logf(&g->pool->log, HF__LOG_WARN,
			"listening: a pooler stands at listen_dsn: it must keep the session");
		return NULL;
	}
	return hf__error_fmt(HF_E_MISUSE, 0,
		"pool \"%s\" cannot listen: a pooler stands between, which may lend the session to "
		"others and lose LISTEN without a word; give the server's own address as "
		".listen_dsn",
		g->pool->name);
}

/* --- listening again --- */

/* Adds to the script what was confirmed on an earlier link, as far as it fits. False: no more. */
static bool fill_script_locked(hf__group *g, hf__strbuf *sql)
{
	hf__channel *c;
	hf__sub *s;

	hf__strbuf_clear(sql);
	APR_RING_FOREACH (c, &g->channels, hf__channel, all) {
		bool had = false;

		if (c->busy || sql->n > SCRIPT_BYTES)
			continue;
		APR_RING_FOREACH (s, &c->subs, hf__sub, of_channel)
			had |= s->confirmed;
		if (!had)
			continue;
		hf__strbuf_puts(sql, sql->n ? ";LISTEN " : "LISTEN ");
		hf__ident(sql, c->name, "channel", NULL);
		c->busy = true;
	}
	return sql->n > 0;
}

static hf_error *listen_again(hf__group *g, const hf__guard *gd)
{
	hf__strbuf sql = HF__STRBUF_INIT;
	hf_error *e = NULL;

	while (!e) {
		hf__run run = { .script = true, .guard = *gd };
		bool more;

		hf__lock(&g->lock);
		more = fill_script_locked(g, &sql);
		hf__unlock(&g->lock);
		if (!more)
			break;
		run.sql = hf__strbuf_text(&sql);
		e = sql.failed ? hf__error_nomem() : hf__link_run(&g->link, &run, NULL);
	}
	hf__strbuf_finish(&sql);
	return e;
}

/* All that was confirmed is so again: those who listened are told of the gap, others that they
 * listen now. What is new meanwhile is left to hf__group_work. */
static void up_locked(hf__group *g, hf__note *gap, hf__promise_ring *kept)
{
	hf__channel *c, *next;

	g->up = g->ever_up = true;
	APR_RING_FOREACH_SAFE (c, next, &g->channels, hf__channel, all) {
		if (c->busy) {
			c->busy = false;
			hf__channel_gap_locked(g, c, gap, g->lost_from);
			hf__channel_confirm_locked(c, kept);
		}
		hf__channel_settle_locked(g, c, kept);
	}
	hf__group_rouse_locked(g);
}

/* So that whoever is told finds it in the statistics. */
static void count_again(hf__group *g)
{
	hf__channel *c;

	hf__lock(&g->lock);
	APR_RING_FOREACH (c, &g->channels, hf__channel, all)
		if (c->busy)
			hf__channel_set_listening(g, c, true);
	hf__unlock(&g->lock);
	hf__group_count(g, 0, 0, 0);
}

static void connected(hf__group *g)
{
	hf__note *gap = NULL;
	hf__promise_ring kept;

	APR_RING_INIT(&kept, hf__promise, link);
	g->heard_at = hf__now();
	if (g->lost_from)
		gap = hf__note_gap(g->lost_from, g->heard_at);
	count_again(g);
	hf__lock(&g->lock);
	up_locked(g, gap, &kept);
	hf__unlock(&g->lock);
	hf__note_put(gap);
	g->lost_from = 0;
	g->failures = 0;
	hf__promise_keep_all(&kept);
	hf__logf(&g->pool->log, HF__LOG_INFO, "listening: connection up (server process %d)",
		g->link.pid);
}

/* --- failing --- */

/* Whether those who wait to be confirmed are told, and not left to wait for the next attempt. */
static bool is_final(const hf__group *g, const hf_error *e)
{
	return !g->ever_up || hf_error_status(e) == HF_E_MISUSE ||
	       hf__sqlstate_permanent(hf_error_sqlstate(e));
}

/* None is being listened to again any more. */
static void settle_all_locked(hf__group *g, hf__promise_ring *kept)
{
	hf__channel *c, *next;

	APR_RING_FOREACH_SAFE (c, next, &g->channels, hf__channel, all) {
		c->busy = false;
		hf__channel_settle_locked(g, c, kept);
	}
}

static void refuse_all_locked(hf__group *g, const hf_error *e, hf__promise_ring *kept)
{
	hf__channel *c, *next;

	APR_RING_FOREACH_SAFE (c, next, &g->channels, hf__channel, all) {
		hf__ref_get(&c->refs);
		hf__channel_refuse_locked(g, c, e, kept);
		hf__channel_put(c);
	}
}

static void connect_failed(hf__group *g, hf_error *e)
{
	bool called_off = g->link.asked == HF__ASK_ABORT;
	hf__promise_ring kept;

	APR_RING_INIT(&kept, hf__promise, link);
	hf__link_close(&g->link);
	if (!called_off) {
		g->failures++;
		g->retry_at = hf__deadline(hf__backoff_ms(g->failures, hf_error_sqlstate(e)));
	}
	hf__lock(&g->lock);
	settle_all_locked(g, &kept);
	if (!called_off && is_final(g, e))
		refuse_all_locked(g, e, &kept);
	hf__unlock(&g->lock);
	hf__promise_keep_all(&kept);
	hf__logf(&g->pool->log, called_off ? HF__LOG_INFO : HF__LOG_WARN, "listening: %s",
		hf_error_message(e));
	hf_error_unref(e);
}

static bool try(hf__group *g)
{
	hf__guard gd = guard(g, hf__deadline(g->pool->opts.connect_ms));
	hf_error *e = hf__link_open(&g->link, g->dsn, &gd);

	if (!e)
		e = check_pooler(g, &gd);
	if (!e)
		e = listen_again(g, &gd);
	if (e)
		connect_failed(g, e);
	else
		connected(g);
	return !e;
}

/* Until `until`, or until something is said. */
static void pause_until(hf__group *g, int64_t until)
{
	struct pollfd p = { g->wake.fd, POLLIN, 0 };

	if (poll(&p, 1, hf__ms_left(until, 60000)) > 0)
		hf__wake_clear(&g->wake);
}

bool hf__group_connect(hf__group *g)
{
	while (hf__group_wanted(g)) {
		if (g->link.pg)
			return true;
		if (hf__now() < g->retry_at)
			pause_until(g, g->retry_at);
		else if (try(g))
			return true;
	}
	return false;
}

/* Every channel is as good as not listened to; one that nobody wants any more is done with. */
static void down_locked(hf__group *g, hf__promise_ring *kept)
{
	hf__channel *c, *next;

	g->up = false;
	APR_RING_FOREACH_SAFE (c, next, &g->channels, hf__channel, all) {
		if (c->is_todo)
			APR_RING_REMOVE(c, todo);
		c->is_todo = false;
		hf__channel_set_listening(g, c, false);
		hf__channel_settle_locked(g, c, kept);
	}
}

void hf__group_lost(hf__group *g, const char *why)
{
	int64_t lived = hf__now() - g->link.connected_at;
	char reason[256];
	hf__promise_ring kept;

	APR_RING_INIT(&kept, hf__promise, link);
	snprintf(reason, sizeof reason, "%s", why); /* it may stand in the link */
	hf__link_close(&g->link);
	g->lost_from = g->heard_at;
	if (lived < SHORT_LIFE_MS * HF__MS)
		g->retry_at = hf__deadline(hf__backoff_ms(1, ""));
	hf__lock(&g->lock);
	down_locked(g, &kept);
	hf__unlock(&g->lock);
	hf__group_count(g, 0, 0, 1);
	hf__promise_keep_all(&kept);
	hf__logf(&g->pool->log, HF__LOG_WARN, "listening: connection lost: %s", reason);
}
