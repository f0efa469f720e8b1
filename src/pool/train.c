/* SPDX-License-Identifier: MIT */
/* Statements of one transaction that travel together. */
#include "pool/train.h"

#include "base/mem.h"
#include "pool/pool.h"
#include "value/sql.h"

#include <string.h>

/* What may be under way of the statements' own bytes: the server may not read while it writes. */
#define MAX_BYTES ((size_t)256 << 10)

/* Of what may be under way, so many are answered at a time. */
#define PARTS 4

struct hf__train {
	int cap, first, n; /* a ring */
	int shot_at;       /* so many of the first of them a cancel may have hit */
	int unflushed;     /* so many of the last of them have nothing behind them yet */
	size_t bytes;
	hf__sent sent[];
};

void hf__train_free(hf__train *t)
{
	hf__free(t);
}

static hf__sent *at(hf__train *t, int i)
{
	return &t->sent[(t->first + i) % t->cap];
}

static int cap_of(const hf_conn *c)
{
	return c->worker->pool->opts.max_pipeline;
}

/* NULL: no memory. */
static hf__train *train_of(hf_conn *c)
{
	int cap = cap_of(c);

	if (c->train)
		return c->train;
	c->train = hf__calloc(sizeof *c->train + (size_t)cap * sizeof *c->train->sent);
	if (c->train)
		c->train->cap = cap;
	return c->train;
}

/* A BEGIN that is not answered yet could fail, and what follows it would be on its own. */
static bool is_time(const hf_conn *c)
{
	return cap_of(c) > 1 && c->txn_auto && c->txn_open && !c->sent && !c->poison &&
	       hf__link_session(c->link) == HF__SESSION_TXN &&
	       hf__worker_ask(c->worker) == HF__ASK_NONE;
}

int hf__train_room(hf_conn *c, size_t *bytes)
{
	hf__train *t = c->train;

	*bytes = MAX_BYTES;
	if (!is_time(c))
		return 0;
	if (!t)
		return cap_of(c);
	if (t->n > t->cap / 2 || t->bytes >= MAX_BYTES)
		return 0;
	if (t->n > 0 && !hf__stmt_is_quick(at(t, t->n - 1)->trip.entry))
		return 0;
	*bytes -= t->bytes;
	return t->cap - t->n;
}

/* Many rows may have to be asked for first, and what travels is not: see hf_query_opts. */
bool hf__train_fits(const hf__job *j)
{
	return j->kind == HF__JOB_QUERY && !j->many && !j->more->on_row && !j->more->refused &&
	       j->more->then == HF_THEN_GO_ON &&
	       (j->sql_kind == HF__SQL_PLAIN || j->sql_kind == HF__SQL_READ);
}

bool hf__train_is_quick(const hf_conn *c, const hf__job *j)
{
	return hf__stmt_cache_quick(&c->link->stmts, j->sql, j->sql_hash, j->params);
}

/* Those before it may be asked for while this one waits for a lock, so they are answered before.
 * What waits for nobody is answered in parts, so that the server has work while these are read. */
static void flush_before(hf_conn *c, const hf__job *j)
{
	hf__train *t = c->train;
	bool waits = strcmp(j->sql, HF__SQL_NOTIFY) != 0;

	if (t->unflushed == 0 || (!waits && t->unflushed < t->cap / PARTS))
		return;
	t->unflushed = 0;
	if (!hf__trip_send_flush(&at(t, t->n - 1)->trip))
		c->link->broken = true;
}

bool hf__train_send(hf_conn *c, hf__job *j, bool last)
{
	hf__train *t = train_of(c);

	if (!t)
		return false;
	flush_before(c, j);
	if (c->link->broken || !hf__conn_send_behind(c, at(t, t->n), j, last))
		return false;
	t->n++;
	t->unflushed++;
	t->bytes += j->sql_bytes;
	c->link->train++;
	return true;
}

void hf__train_close(hf_conn *c)
{
	hf__sent *last = at(c->train, c->train->n - 1);

	last->synced = true;
	c->train->unflushed = 0;
	if (!c->link->broken && !hf__trip_send_sync(&last->trip))
		c->link->broken = true;
}

hf__job *hf__train_first(const hf_conn *c)
{
	return c->train && c->train->n > 0 ? at(c->train, 0)->job : NULL;
}

hf__job *hf__train_next(hf_conn *c)
{
	if (!hf__train_first(c))
		return NULL;
	c->sent = at(c->train, 0);
	c->sent->run.shot_at = c->train->shot_at > 0;
	return c->sent->job;
}

void hf__train_ended(hf_conn *c, const hf_error *e)
{
	hf__train *t = c->train;

	t->bytes -= at(t, 0)->job->sql_bytes;
	t->first = (t->first + 1) % t->cap;
	t->n--;
	t->shot_at -= t->shot_at > 0;
	if (c->link->cancels > 0) /* what goes out later is safe: the request has returned */
		t->shot_at = t->n;
	c->link->train--;
	c->link->train_failed |= *hf_error_sqlstate(e) != '\0';
	c->link->train_failed &= c->link->train > 0;
}

hf__job *hf__train_drop_last(hf_conn *c)
{
	hf__train *t = c->train;
	hf__sent *s;

	if (!hf__train_first(c)) {
		if (t)
			t->shot_at = 0;
		return NULL;
	}
	c->link->broken = true;
	c->sent = NULL;
	s = at(t, --t->n);
	t->bytes -= s->job->sql_bytes;
	c->link->train--;
	hf_error_unref(hf__trip_end(&s->trip, NULL, s->synced));
	return s->job;
}
