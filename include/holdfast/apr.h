/* SPDX-License-Identifier: MIT */
/* holdfast for programs that live by APR's pools. Not part of holdfast.h, and in a library of its
 * own (-lholdfast-apr, pkg-config holdfast-apr): the other headers show no type of APR.
 *
 *     hf_scope *s = hf_apr_scope(engines, HF_SCOPE_OPTS(.label = r->uri, .user = r), r->pool);
 *     hf_result *rows;
 *     hf_error *why;
 *     hf_status st = hf_session_fetch(hf_reader(s), &rows, &why, "select …");
 *
 *     hf_apr_own_result(rows, r->pool);
 *     hf_apr_own_error(why, r->pool);
 *     ...                                 and leave wherever you like
 *
 * Each function takes over the reference that you have (NULL: nothing happens), gives the object
 * back as it is, lent now by the pool, and registers what releases it when the pool is cleared or
 * destroyed. Do not release it yourself any more. With `p` NULL it is released at once, and the
 * answer is NULL.
 *
 * Order. They are pre-cleanups: they run before the sub-pools of `p` are destroyed, so what runs on
 * threads has ended before memory goes that it may be using; and in reverse order of registration,
 * so a future goes before the pool that it came from. What you register with
 * apr_pool_cleanup_register comes after all of them, and after the sub-pools. So give engines and
 * pools to the pool that lives as long as the process, and scopes, futures and results to that of
 * the request; when the former is destroyed first, a scope that is still open in one of its
 * sub-pools loses its transactions, once the shutdown_ms of their pools are over.
 *
 * Sooner. apr_pool_cleanup_run(p, object, hf_apr_drop_future), with the function that is named
 * beside the call below, releases it now, and not again later. apr_pool_cleanup_kill with the same
 * arguments gives the reference back to you: to keep an object beyond `p`, or to park a
 * transaction.
 *
 * Threads. An APR pool belongs to one thread at a time; these calls are uses of it, and the
 * releases run on whichever thread clears it. Callbacks and interactions run on other threads: they
 * may read and write what lies in `p` as long as you do not, but never allocate from `p`. What an
 * interaction uses may lie in `p` where its end is awaited before `p` goes: by hf_apr_bind_future,
 * or by a pool or engines that live in `p` or above it. On a thread of holdfast's own nothing is
 * waited for.
 *
 * Memory. What is registered takes a few words of `p`, which clearing gives back. Without memory
 * APR does as it was told (apr_pool_abort_set), by default it crashes.
 *
 * Processes. After fork() the releases do nothing to what is the parent's. A child that will exec
 * need not run them: apr_pool_cleanup_for_exec passes over them, and libpq's sockets close by
 * themselves. */
#ifndef HOLDFAST_APR_H
#define HOLDFAST_APR_H

#include <holdfast/listen.h>
#include <holdfast/rows.h>
#include <holdfast/scope.h>

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_time.h>

HF__BEGIN

/* Lets go of it (hf_apr_drop_future): the work goes on, nobody waits for it. */
HF_API hf_future *hf_apr_own_future(hf_future *f, apr_pool_t *p);

/* Cancels it, waits until it has ended, and lets go of it (hf_apr_stop_future): for work that is of
 * no use without the request, and for interactions whose arg lies in `p`. An interaction that does
 * not look at hf_conn_canceled, and runs no statement, is waited for as long as it takes. Bind each
 * future once; what it combines (hf_when_all) need not be bound. */
HF_API hf_future *hf_apr_bind_future(hf_future *f, apr_pool_t *p);

/* Lets go of a result (hf_apr_drop_result), or of an error (hf_apr_drop_error): rows and messages
 * can be read as long as `p` lives. */
HF_API hf_result *hf_apr_own_result(hf_result *r, apr_pool_t *p);
HF_API hf_error *hf_apr_own_error(hf_error *e, apr_pool_t *p);

/* The same of a model's rows (hf_apr_drop_rows): the structs, and what they point to, live as long
 * as `p`. A verb's single rows are its session's, and go with the scope. */
HF_API hf_rows *hf_apr_own_rows(hf_rows *r, apr_pool_t *p);

/* Rolls it back if it has not ended, waits until its locks are gone, and lets go of it
 * (hf_apr_end_txn). Commands before that are waited for, unless their futures are bound, and
 * where there are any, so is the connection of one that has none yet (acquire_ms). Not for one that
 * a scope or a global transaction lends. Before you park it: apr_pool_cleanup_kill. */
HF_API hf_txn *hf_apr_own_txn(hf_txn *t, apr_pool_t *p);

/* hf_scope_new, and hf_scope_end with `p` (hf_apr_end_scope): what was not committed is rolled
 * back, and waited for. NULL as there. hf_scope_end may be called before: the memory goes with `p`.
 */
HF_API hf_scope *hf_apr_scope(hf_engines *e, const hf_scope_opts *opts, apr_pool_t *p);

/* Stops it (hf_apr_stop_listener): its callback does not run any more, so arg may lie in `p`. */
HF_API hf_listener *hf_apr_own_listener(hf_listener *l, apr_pool_t *p);

/* Closes the pool, or all that the registry opened, for up to shutdown_ms, and lets go of it
 * (hf_apr_close_pool, hf_apr_close_engines). Other references find it closed. Blocks as
 * hf_pool_close(pool, 0) and hf_engines_close(e, 0) do. */
HF_API hf_pool *hf_apr_own_pool(hf_pool *pool, apr_pool_t *p);
HF_API hf_engines *hf_apr_own_engines(hf_engines *e, apr_pool_t *p);

/* The releases, for apr_pool_cleanup_run and apr_pool_cleanup_kill. Each takes the object as `void
 * *`, releases your reference as told above, and answers APR_SUCCESS, or what closing (HF_PENDING,
 * HF_E_DEADLOCK) or waiting has answered, as hf_apr_status does; released it is in any case. */
HF_API apr_status_t hf_apr_drop_future(void *f);
HF_API apr_status_t hf_apr_stop_future(void *f);
HF_API apr_status_t hf_apr_drop_result(void *r);
HF_API apr_status_t hf_apr_drop_error(void *e);
HF_API apr_status_t hf_apr_drop_rows(void *r);
HF_API apr_status_t hf_apr_end_txn(void *t);
HF_API apr_status_t hf_apr_end_scope(void *s);
HF_API apr_status_t hf_apr_stop_listener(void *l);
HF_API apr_status_t hf_apr_close_pool(void *pool);
HF_API apr_status_t hf_apr_close_engines(void *e);

/* The nearest that APR has, for code that speaks apr_status_t: the story is in the hf_error only.
 *
 *     HF_OK           APR_SUCCESS        HF_E_CANCELED               ECANCELED
 *     HF_PENDING      APR_INCOMPLETE     HF_E_DEADLOCK               EDEADLK
 *     HF_E_MISUSE     APR_EINVAL         HF_E_CONNECT                APR_ECONNREFUSED
 *     HF_E_NOMEM      APR_ENOMEM         HF_E_CONN_LOST              APR_ECONNRESET
 *     HF_E_CLOSED     APR_EOF            HF_E_NO_ROWS                APR_NOTFOUND
 *     HF_E_TIMEOUT    APR_TIMEUP         HF_E_FORKED                 APR_INCHILD
 *     HF_E_TOO_LARGE  APR_ENOSPC         HF_E_BUSY, HF_E_PARK_LIMIT  APR_EAGAIN
 *
 * and APR_EGENERAL for HF_E_SQL, HF_E_TYPE, HF_E_NULL, HF_E_TXN_ENDED, HF_E_USER and for numbers
 * that are no status. Never waits. Any thread. */
HF_API apr_status_t hf_apr_status(hf_status st);

/* A timestamptz argument; apr_time_t counts as hf_timestamptz does, so reading one back is
 * `apr_time_t t = ts.us`. By itself an apr_time_t is an integer, to C and so to HF_V. */
static inline hf_value hf_v_apr_time(apr_time_t t)
{
	hf_timestamptz ts = { t };

	return hf_v_timestamptz(ts);
}

HF__END

#endif
