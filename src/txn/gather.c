/* SPDX-License-Identifier: MIT */
/* Notices that were submitted one behind the other are told by one statement.
 *
 * What a notice costs the server is mostly its being a statement. That of the first is replaced by
 * one that tells all of them in their order, and the others go along with it: they run, and are
 * answered with its result. Where it fails they wait in the queue again, and fail in their turn
 * with its error, as commands behind one that failed do. See decision 10. */
#include "txn/txn.h"

#include "pq/notify.h"

/* By one statement. */
#define MAX_BYTES ((size_t)256 << 10)

static bool tells(const hf_conn *c, const hf__job *j)
{
	return j->more->tells && !j->more->refused && hf__link_takes_all_text(c->link);
}

bool hf__txn_tells_together(const hf_conn *c, const hf__job *j, const hf__job *next)
{
	return tells(c, j) && next->more->tells && !next->more->refused &&
	       next->timeout_ms == j->timeout_ms;
}

/* It is about to run, and not at the server already; and none that follows can be refused for what
 * is in it, so that an error would not be told by the right one. */
static bool may_lead(const hf_conn *c, const hf__job *j)
{
	return tells(c, j) && !c->sent && !c->poison;
}

struct group {
	const char *channels[HF__TXN_GATHERED], *payloads[HF__TXN_GATHERED];
	int n;
	size_t bytes;
};

static bool add(struct group *g, const hf__job *j)
{
	if (g->n == HF__TXN_GATHERED || g->bytes + j->sql_bytes > MAX_BYTES)
		return false;
	g->bytes += j->sql_bytes;
	g->channels[g->n] = j->params->values[0];
	g->payloads[g->n++] = j->params->values[1];
	return true;
}

/* Those behind `first`, as far as they are such. */
static void take_locked(hf_conn *c, hf_txn *t, const hf__job *first, struct group *g)
{
	hf__job *j;

	while (!t->lost && !APR_RING_EMPTY(&t->commands, hf__job, link)) {
		j = APR_RING_FIRST(&t->commands);
		if (!hf__txn_tells_together(c, first, j) || !add(g, j))
			break;
		APR_RING_REMOVE(j, link);
		APR_RING_INSERT_TAIL(&t->along, j, hf__job, link);
		j->state = HF__JOB_RUNNING;
		j->worker = c->worker;
		j->more->along = true;
	}
	c->rests = APR_RING_EMPTY(&t->commands, hf__job, link);
}

static void put_back_locked(hf_txn *t)
{
	hf__job *j;

	while (!APR_RING_EMPTY(&t->along, hf__job, link)) {
		j = APR_RING_LAST(&t->along);
		APR_RING_REMOVE(j, link);
		APR_RING_INSERT_HEAD(&t->commands, j, hf__job, link);
		j->state = HF__JOB_QUEUED;
		j->worker = NULL;
		j->more->along = false;
	}
}

static bool tell_all(hf__job *j, const struct group *g)
{
	hf_error *e = hf__job_set_another(j, HF__SQL_NOTIFY_MANY,
		(hf_value[]){ hf_v_text_array(&HF_ARRAY(text, g->channels, (size_t)g->n)),
			hf_v_text_array(&HF_ARRAY(text, g->payloads, (size_t)g->n)) },
		2);
	bool ok = !e;

	hf_error_unref(e);
	return ok;
}

void hf__txn_gather(hf_conn *c, hf_txn *t, hf__job *j)
{
	struct group g;

	if (!may_lead(c, j))
		return;
	g.n = 0;
	g.bytes = 0;
	add(&g, j);
	hf__lock(&t->lock);
	take_locked(c, t, j, &g);
	hf__unlock(&t->lock);
	if (g.n == 1 || tell_all(j, &g))
		return;
	hf__lock(&t->lock);
	put_back_locked(t); /* no memory: one by one */
	c->rests = false;
	hf__unlock(&t->lock);
}

static size_t answer_locked(hf_txn *t, const hf__outcome *o, hf__job **jobs)
{
	size_t n = 0;
	hf__job *j;

	while (!APR_RING_EMPTY(&t->along, hf__job, link)) {
		j = APR_RING_FIRST(&t->along);
		APR_RING_REMOVE(j, link);
		j->state = HF__JOB_DONE;
		j->worker = NULL;
		j->more->along = false;
		j->outcome = (hf__outcome){ .status = HF_OK, .result = hf_result_ref(o->result) };
		jobs[n++] = j;
	}
	return n;
}

size_t hf__txn_gathered_locked(hf_txn *t, const hf__outcome *o, hf__job **jobs)
{
	if (o->status == HF_OK)
		return answer_locked(t, o, jobs);
	put_back_locked(t);
	return 0;
}
