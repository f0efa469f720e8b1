/* SPDX-License-Identifier: MIT */
/* A pool's life: open, ready, resize, close, reopen, free.
 *
 * References. `refs` counts whoever may still touch the memory: users, jobs, the closing thread.
 * `users` counts what hf_pool_unref gives back; at its end an open pool is closed by a thread of
 * its own, since that waits. */
#include "pool/pool.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/mem.h"
#include "base/thread.h"
#include "value/error.h"
#include "value/opts.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

hf_error *hf__pool_refusal(const hf_pool *p)
{
	if (!p)
		return hf__error_fmt(
			HF_E_MISUSE, 0, "the pool is NULL: hf_pool_open was not called, or failed");
	return p->forks == hf__fork_count() ? NULL : hf__error_forked();
}

/* --- memory --- */

hf_pool *hf__pool_ref(hf_pool *p)
{
	hf__ref_get(&p->refs);
	return p;
}

static void pool_free(hf_pool *p)
{
	hf__callbacks_unref(p->callbacks);
	hf_error_unref(p->connect_error);
	hf__parking_finish(&p->parking);
	hf__dsn_finish(&p->dsn);
	hf__dsn_finish(&p->listen_dsn);
	if (p->epoll >= 0)
		close(p->epoll);
	hf__wake_finish(&p->house_wake);
	hf__job_finish_pool(p);
	hf__cond_finish(&p->changed);
	hf__mutex_finish(&p->lock);
	hf__free(p->name);
	hf__free(p->outcome_table);
	hf__free(p);
}

void hf__pool_put(hf_pool *p)
{
	if (hf__ref_put(&p->refs))
		pool_free(p);
}

hf_pool *hf_pool_ref(hf_pool *p)
{
	if (p && p->forks == hf__fork_count()) {
		hf__ref_get(&p->users);
		hf__pool_ref(p);
	}
	return p;
}

/* Closes a pool that its last user let go of. */
static void *closer_run(void *arg)
{
	hf_pool *p = arg;

	while (hf_pool_terminate(p) == HF_PENDING)
		;
	hf__pool_put(p);
	return NULL;
}

hf_pool *hf_pool_unref(hf_pool *p)
{
	pthread_t t;

	if (!p || p->forks != hf__fork_count())
		return NULL;
	if (hf__ref_put(&p->users) && hf_pool_get_state(p) != HF_POOL_CLOSED) {
		hf__logf(&p->log, HF__LOG_WARN,
			"let go of while open: it is terminated in the background");
		hf__pool_ref(p);
		/* Without a thread to close it its reference stays: leaked, but never freed under
		 * its threads. */
		if (hf__thread_start(&t, "hf-closer", closer_run, p))
			pthread_detach(t);
		else
			hf__logf(&p->log, HF__LOG_ERROR, "no thread to close it: it stays open");
	}
	hf__pool_put(p);
	return NULL;
}

static void write_log(int level, const char *line, void *pool)
{
	hf_pool *p = pool;

	p->opts.log((hf_log_level)level, line, p->opts.log_arg);
}

/* --- making --- */

static hf_error *set_name(hf_pool *p, const char *in_dsn)
{
	p->name = hf__strdup(p->opts.name ? p->opts.name : in_dsn ? in_dsn : "holdfast");
	p->opts.name = p->name;
	return p->name ? NULL : hf__error_nomem();
}

static hf_error *configure_listening(hf_pool *p, const hf__dsn_session *session)
{
	hf__dsn_pool from;
	hf_error *e = NULL;

	if (!p->opts.listen_dsn)
		return NULL;
	if (hf__dsn_init(&p->listen_dsn, p->opts.listen_dsn, &from, &e) == HF_OK)
		hf__dsn_complete(&p->listen_dsn, session, &e);
	hf__free(from.name);
	p->opts.listen_dsn = NULL; /* it may hold a password, and is the caller's */
	return e ? hf__error_amend(e, 0, 0, "listen_dsn: %s", hf_error_message(e)) : NULL;
}

static hf_error *configure(hf_pool *p, const char *dsn, const hf_pool_opts *opts)
{
	hf__dsn_session session = { 0 };
	hf__dsn_pool from;
	hf_error *e = NULL;

	if (hf__opts_copy(&p->opts, sizeof p->opts, opts, "HF_POOL_OPTS", &e) != HF_OK)
		return e;
	if (!dsn)
		return hf__error_fmt(HF_E_MISUSE, 0, "the connection string is NULL");
	if (hf__dsn_init(&p->dsn, dsn, &from, &e) == HF_OK)
		e = hf__pool_settle_options(&p->opts, &from);
	if (!e)
		e = set_name(p, from.name);
	hf__free(from.name);
	if (!e)
		e = hf__pool_outcome_table(p->opts.outcome_table, &p->outcome_table);
	if (e)
		return e;
	session.name = p->name;
	session.read_only = p->opts.read_only;
	session.strict_auth = p->opts.strict_auth;
	session.statement_ms = p->opts.statement_ms > 0 ? p->opts.statement_ms : 0;
	session.idle_in_txn_ms = hf__pool_backstop_ms(&p->opts);
	hf__dsn_complete(&p->dsn, &session, &e);
	return e ? e : configure_listening(p, &session);
}

static void init_guarded(hf_pool *p)
{
	hf__queue_init(&p->queue);
	hf__parking_init(&p->parking);
	APR_RING_INIT(&p->idle, hf__worker, idle);
	APR_RING_INIT(&p->workers, hf__worker, all);
	APR_RING_INIT(&p->ended, hf__worker, all);
	p->state = HF_POOL_CLOSED;
	p->min_conns = p->opts.min_conns;
	p->max_conns = p->opts.max_conns;
	p->generation = 1;
}

static hf_pool *pool_new(void)
{
	hf_pool *p = hf__calloc(sizeof *p);

	if (!p)
		return NULL;
	hf__fork_watch();
	hf__ref_init(&p->refs);
	hf__ref_init(&p->users);
	hf__mutex_init(&p->lock, HF__L_POOL);
	hf__cond_init(&p->changed);
	hf__job_init_pool(p);
	p->forks = hf__fork_count();
	p->epoll = p->house_wake.fd = -1;
	p->opened_at = hf__now();
	p->state = HF_POOL_CLOSED;
	return p;
}

static bool make_descriptors(hf_pool *p)
{
	struct epoll_event ev = { .events = EPOLLIN };

	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	return p->epoll >= 0 && hf__wake_init(&p->house_wake) &&
	       epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->house_wake.fd, &ev) == 0;
}

/* From closed to open. */
static hf_error *start(hf_pool *p)
{
	hf__canceler *canceler = hf__canceler_new();

	hf__lock(&p->lock);
	p->closer_at_work = false;
	if (!canceler) {
		hf__unlock(&p->lock);
		return hf__error_nomem();
	}
	p->canceler = canceler;
	hf__callbacks_resume(p->callbacks);
	p->state = HF_POOL_OPEN;
	p->terminating = p->aborting = p->house_stop = p->ever_up = p->waking = false;
	p->failures = 0;
	p->house_until = HF__NEVER;
	p->connect_error = hf_error_unref(p->connect_error);
	p->house_runs = hf__thread_start(&p->house, "hf-house", hf__house_run, p);
	if (!p->house_runs)
		p->state = HF_POOL_CLOSED;
	hf__unlock(&p->lock);
	if (p->house_runs)
		return NULL;
	hf__canceler_close(p->canceler, hf__now());
	p->canceler = NULL;
	return hf__error_fmt(HF_E_NOMEM, 0,
		"pool \"%s\": its housekeeping thread could not be started", p->name);
}

/* Waits for connections. `strict`: the first failed attempt is the answer. */
static hf_status await_up(hf_pool *p, int64_t deadline, bool strict, hf_error **out_error)
{
	hf_status st = HF_PENDING;

	hf__lock(&p->lock);
	while (st == HF_PENDING) {
		int wanted = p->min_conns > 0 ? p->min_conns : p->n_up > 0 || strict ? 0 : 1;

		if (p->state != HF_POOL_OPEN)
			st = HF_E_CLOSED;
		else if (p->n_up >= wanted && p->n_idle + p->n_busy >= wanted)
			st = HF_OK;
		else if (p->connect_error &&
			 (strict || hf__sqlstate_permanent(hf_error_sqlstate(p->connect_error))))
			st = HF_E_CONNECT;
		else if (!hf__cond_wait_until(&p->changed, &p->lock, deadline))
			break;
	}
	if (out_error && st != HF_OK)
		*out_error = hf_error_ref(p->connect_error);
	hf__unlock(&p->lock);
	return st;
}

static hf_error *open_strictly(hf_pool *p)
{
	hf_error *e = NULL;
	hf_status st = await_up(p, hf__deadline(p->opts.connect_ms), true, &e);

	if (st == HF_OK)
		return NULL;
	return e ? e
		 : hf__error_fmt(HF_E_CONNECT, HF_CONNECTION,
			   "pool \"%s\": %d connections were not up within connect_ms (%d)",
			   p->name, p->min_conns, p->opts.connect_ms);
}

static void log_open(const hf_pool *p, const char *verb)
{
	hf__logf(&p->log, HF__LOG_INFO, "%s: %s, %d to %d connections", verb, p->dsn.where,
		p->opts.min_conns, p->opts.max_conns);
}

hf_status hf_pool_open(
	const char *dsn, const hf_pool_opts *opts, hf_pool **out, hf_error **out_error)
{
	hf_pool *p;
	hf_error *e;

	if (!out)
		return hf__error_give(
			hf__error_fmt(HF_E_MISUSE, 0, "hf_pool_open: out is NULL"), out_error);
	p = pool_new();
	if (!p)
		return hf__error_give(hf__error_nomem(), out_error);
	e = configure(p, dsn, opts);
	if (!e) {
		p->log = (hf__log){ p->opts.log ? write_log : NULL, p, p->name,
			(int)p->opts.log_level };
		p->callbacks = hf__callbacks_new(p->name, p);
		init_guarded(p);
		e = p->callbacks && make_descriptors(p)
			    ? start(p)
			    : hf__error_fmt(HF_E_NOMEM, 0, "no memory or no descriptor for a pool");
	}
	if (!e && p->opts.strict)
		e = open_strictly(p);
	if (e) {
		hf_pool_terminate(p);
		hf_pool_unref(p);
		return hf__error_give(e, out_error);
	}
	log_open(p, "opened");
	*out = p;
	return hf__error_give(NULL, out_error);
}

/* Only one thread opens it again. */
static bool claim(hf_pool *p)
{
	bool mine;

	hf__lock(&p->lock);
	mine = p->state == HF_POOL_CLOSED && !p->closer_at_work;
	p->closer_at_work |= mine;
	hf__unlock(&p->lock);
	return mine;
}

hf_status hf_pool_reopen(hf_pool *p, hf_error **out_error)
{
	hf_error *e = hf__pool_refusal(p);

	if (!e && !claim(p))
		e = hf__error_fmt(HF_E_MISUSE, 0, "pool \"%s\" is not closed", p->name);
	else if (!e)
		e = start(p);
	if (!e && p->opts.strict && (e = open_strictly(p)) != NULL)
		hf_pool_terminate(p);
	if (!e)
		log_open(p, "opened again");
	return hf__error_give(e, out_error);
}

hf_status hf_pool_ready(hf_pool *p, int ms, hf_error **out_error)
{
	hf_error *e = hf__pool_refusal(p);
	hf_status st;

	if (e)
		return hf__error_give(e, out_error);
	if (hf__thread_role(p) != HF__ROLE_NONE)
		return hf__error_give(
			hf__error_fmt(HF_E_DEADLOCK, 0,
				"a thread of pool \"%s\" cannot wait for it", p->name),
			out_error);
	st = await_up(p, hf__deadline(ms), false, &e);
	if (!e && st == HF_E_CLOSED)
		e = hf__error_fmt(st, 0, "pool \"%s\" is not open", p->name);
	else if (!e && st == HF_PENDING)
		e = hf__error_fmt(st, 0, "pool \"%s\": not all connections are up yet", p->name);
	hf__error_give(e, out_error);
	return st;
}

hf_status hf_pool_resize(hf_pool *p, int min_conns, int max_conns)
{
	hf__worker *w;

	if (!p || min_conns < HF_NONE || max_conns < 1 || max_conns > HF__MAX_CONNS ||
		min_conns > max_conns)
		return HF_E_MISUSE;
	if (p->forks != hf__fork_count())
		return HF_E_FORKED;
	hf__lock(&p->lock);
	p->min_conns = min_conns < 0 ? 0 : min_conns;
	p->max_conns = max_conns;
	APR_RING_FOREACH (w, &p->workers, hf__worker, all)
		hf__cond_signal(&w->cond);
	hf__cond_broadcast(&p->changed);
	hf__pool_poke_locked(p);
	hf__unlock(&p->lock);
	hf__logf(&p->log, HF__LOG_INFO, "resized: %d to %d connections",
		min_conns < 0 ? 0 : min_conns, max_conns);
	return HF_OK;
}
