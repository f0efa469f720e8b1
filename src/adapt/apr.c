/* SPDX-License-Identifier: MIT */
/* Objects of holdfast in the pools of APR. It knows holdfast by its public headers only, as it is a
 * library of its own.
 *
 * Nothing is allocated but what APR's registration takes: the object itself is the cleanup's data,
 * so that apr_pool_cleanup_run and apr_pool_cleanup_kill find it. */
#include <holdfast/apr.h>

#include <errno.h>

typedef apr_status_t release(void *object);

static void *tie(void *object, apr_pool_t *p, release *fn)
{
	if (!object)
		return NULL;
	if (!p) {
		fn(object);
		return NULL;
	}
	apr_pool_pre_cleanup_register(p, object, fn);
	return object;
}

/* --- futures and what comes of them --- */

apr_status_t hf_apr_drop_future(void *f)
{
	hf_future_unref(f);
	return APR_SUCCESS;
}

apr_status_t hf_apr_stop_future(void *f)
{
	hf_status st;

	hf_future_cancel(f);
	st = hf_future_wait(f);
	hf_future_unref(f);
	return hf_apr_status(st);
}

apr_status_t hf_apr_drop_result(void *r)
{
	hf_result_unref(r);
	return APR_SUCCESS;
}

apr_status_t hf_apr_drop_error(void *e)
{
	hf_error_unref(e);
	return APR_SUCCESS;
}

apr_status_t hf_apr_drop_rows(void *r)
{
	hf_rows_unref(r);
	return APR_SUCCESS;
}

hf_future *hf_apr_own_future(hf_future *f, apr_pool_t *p)
{
	return tie(f, p, hf_apr_drop_future);
}

hf_future *hf_apr_bind_future(hf_future *f, apr_pool_t *p)
{
	return tie(f, p, hf_apr_stop_future);
}

hf_result *hf_apr_own_result(hf_result *r, apr_pool_t *p)
{
	return tie(r, p, hf_apr_drop_result);
}

hf_error *hf_apr_own_error(hf_error *e, apr_pool_t *p)
{
	return tie(e, p, hf_apr_drop_error);
}

hf_rows *hf_apr_own_rows(hf_rows *r, apr_pool_t *p)
{
	return tie(r, p, hf_apr_drop_rows);
}

/* --- transactions and scopes --- */

static bool is_open(hf_txn *t)
{
	hf_txn_state state = hf_txn_get_state(t);

	return state == HF_TXN_OPEN || state == HF_TXN_FAILED;
}

apr_status_t hf_apr_end_txn(void *t)
{
	hf_status st = HF_OK;

	if (is_open(t)) {
		hf_future *f = hf_txn_rollback(t);

		st = hf_future_wait(f);
		hf_future_unref(f);
	}
	hf_txn_unref(t);
	return hf_apr_status(st);
}

apr_status_t hf_apr_end_scope(void *s)
{
	hf_status st = hf_scope_end(s);

	hf_scope_unref(s);
	return hf_apr_status(st);
}

hf_txn *hf_apr_own_txn(hf_txn *t, apr_pool_t *p)
{
	return tie(t, p, hf_apr_end_txn);
}

hf_scope *hf_apr_scope(hf_engines *e, const hf_scope_opts *opts, apr_pool_t *p)
{
	return tie(hf_scope_new(e, opts), p, hf_apr_end_scope);
}

/* --- what has threads --- */

apr_status_t hf_apr_stop_listener(void *l)
{
	hf_status st = hf_listener_stop(l);

	hf_listener_unref(l);
	return hf_apr_status(st);
}

apr_status_t hf_apr_close_pool(void *pool)
{
	hf_status st = hf_pool_close(pool, 0);

	hf_pool_unref(pool);
	return hf_apr_status(st);
}

apr_status_t hf_apr_close_engines(void *e)
{
	hf_status st = hf_engines_close(e, 0);

	hf_engines_unref(e);
	return hf_apr_status(st);
}

hf_listener *hf_apr_own_listener(hf_listener *l, apr_pool_t *p)
{
	return tie(l, p, hf_apr_stop_listener);
}

hf_pool *hf_apr_own_pool(hf_pool *pool, apr_pool_t *p)
{
	return tie(pool, p, hf_apr_close_pool);
}

hf_engines *hf_apr_own_engines(hf_engines *e, apr_pool_t *p)
{
	return tie(e, p, hf_apr_close_engines);
}

/* --- statuses --- */

apr_status_t hf_apr_status(hf_status st)
{
	switch (st) {
	case HF_OK:
		return APR_SUCCESS;
	case HF_PENDING:
		return APR_INCOMPLETE;
	case HF_E_MISUSE:
		return APR_EINVAL;
	case HF_E_NOMEM:
		return APR_ENOMEM;
	case HF_E_CLOSED:
		return APR_EOF;
	case HF_E_BUSY:
	case HF_E_PARK_LIMIT:
		return APR_EAGAIN;
	case HF_E_TIMEOUT:
		return APR_TIMEUP;
	case HF_E_CANCELED:
		return ECANCELED;
	case HF_E_DEADLOCK:
		return EDEADLK;
	case HF_E_CONNECT:
		return APR_ECONNREFUSED;
	case HF_E_CONN_LOST:
		return APR_ECONNRESET;
	case HF_E_NO_ROWS:
		return APR_NOTFOUND;
	case HF_E_FORKED:
		return APR_INCHILD;
	case HF_E_TOO_LARGE:
		return APR_ENOSPC;
	case HF_E_SQL:
	case HF_E_MANY_ROWS:
	case HF_E_STALE:
	case HF_E_TYPE:
	case HF_E_NULL:
	case HF_E_TXN_ENDED:
	case HF_E_USER:
		break;
	}
	return APR_EGENERAL;
}
