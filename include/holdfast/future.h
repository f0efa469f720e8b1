/* SPDX-License-Identifier: MIT */
/* Futures: what a submission gives back at once.
 *
 * A submitting call never returns NULL. Everything that can go wrong, misuse and no memory
 * included, arrives in the future, so there is one error path:
 *
 *     const hf_result *res;
 *     hf_future *f = hf_query(pool, "select balance from account where id = $1", id);
 *
 *     if (hf_future_get_for(f, 250, &res) == HF_OK)
 *         use(res);                                  // lent by f
 *     else
 *         fputs(hf_error_message(hf_future_error(f)), stderr);
 *     hf_future_unref(f);
 *
 * Letting go of a future does not cancel its work: a request that goes away must not undo a write.
 * To fire and forget, write hf_future_unref(hf_query(...)); what
 * the queue has no room for, or is still waiting when the process ends without hf_pool_close, is
 * then lost without a word.
 *
 * Signals: a wait goes on after a handler has run. Workers block every signal. Nothing here may be
 * called from a handler: let it write to a pipe, or set a flag that a loop looks at.
 *
 * When a future is ready, the connection that did its work is free again. */
#ifndef HOLDFAST_FUTURE_H
#define HOLDFAST_FUTURE_H

#include <holdfast/result.h>

HF__BEGIN

typedef struct hf_future hf_future;

/* A further reference, and the release of one. The work goes on without any. */
HF_OWNED hf_future *hf_future_ref(hf_future *f);
HF_API hf_future *hf_future_unref(hf_future *f);

/* Whether it has finished, well or badly. Never blocks. NULL is not ready. */
HF_API bool hf_future_ready(const hf_future *f);

/* Waiting. HF_OK: finished, well or badly. HF_PENDING: your time is up, not the work's: it goes on,
 * and the future can be waited for again. ms 0 polls; HF_FOREVER sets no limit. Limits are on the
 * monotonic clock and count in total, whatever wakes the thread.
 *
 * HF_E_DEADLOCK at once: this thread is a worker, or the callback thread, of the pool that owns the
 * work, and it is not ready. HF_E_FORKED: the future belongs to the parent of this process. Any
 * thread. */
HF_CHECK hf_status hf_future_wait(hf_future *f);
HF_CHECK hf_status hf_future_wait_for(hf_future *f, int ms);
HF_CHECK hf_status hf_future_wait_until(hf_future *f, int64_t monotonic_ns);

/* Several at once. A NULL among them is HF_E_MISUSE. hf_wait_any writes the index of the first one
 * that is ready; n = 0 is HF_OK for all and HF_E_MISUSE for any. hf_wait_any of more than 16
 * needs memory: HF_E_NOMEM. */
HF_CHECK hf_status hf_wait_all(hf_future *const *fs, size_t n, int ms);
HF_CHECK hf_status hf_wait_any(hf_future *const *fs, size_t n, int ms, size_t *out_index);

/* Outcome. They wait first, as above, and then give the status of the work; a wait that did not end
 * gives its own (HF_PENDING, HF_E_DEADLOCK, HF_E_FORKED). The result is lent by the future and NULL
 * where there is none; pass NULL if you do not want it. Repeatable, from any number of threads. */
HF_CHECK hf_status hf_future_get(hf_future *f, const hf_result **out);
HF_CHECK hf_status hf_future_get_for(hf_future *f, int ms, const hf_result **out);

/* The result, yours to unref; waits first. NULL unless the work ended in HF_OK with a result. */
HF_OWNED hf_result *hf_future_take(hf_future *f);

/* What the interaction replied (hf_reply_value), lent; NULL before the future is ready. take gives
 * it away once: it is then yours to free, and the future has none. Neither waits. */
HF_API void *hf_future_value(hf_future *f);
HF_OWNED void *hf_future_take_value(hf_future *f);

/* Why it failed; NULL when it went well or is not ready. Lent by the future. Does not wait. */
HF_API const hf_error *hf_future_error(hf_future *f);

/* get, then unref: one line per statement. out_error may be NULL; else it is written in every case:
 * the error, yours to unref, or NULL. */
HF_CHECK hf_status hf_await(hf_future *f, hf_error **out_error);

/* Asks the work to stop.
 * HF_OK: it had not started and never will; the future is ready with HF_E_CANCELED.
 * HF_PENDING: it is running and the server was asked to stop; the outcome tells (it may still
 * succeed). HF_E_BUSY: too late, it has finished. Never blocks on the network. Any thread,
 * callbacks included.
 *
 * When a future is ready its connection has done with it. The exception is a plain query that was
 * sent together with others and is not the one that the server is at: it cannot be stopped without
 * stopping them. Its future is ready soon all the same, with HF_E_CANCELED and, if it may write,
 * HF_MAYBE_COMMITTED, but the server runs it when its turn comes, and until then its connection is
 * busy. */
HF_API hf_status hf_future_cancel(hf_future *f);

/* Runs once, on the pool's callback thread, when the future is ready; also when it is ready
 * already. Never inline, never under a lock. `f` is lent for the call; get, error, unref, cancel
 * and submit are allowed in it; waiting for an unfinished future of the same pool answers
 * HF_E_DEADLOCK. Callbacks of a pool share one thread: a slow one delays the others, but no
 * connection. */
typedef void hf_ready_fn(hf_future *f, void *arg);

/* Any number of callbacks per future. free_arg (may be NULL) runs once after the callback, also
 * when registering failed (HF_E_NOMEM, HF_E_MISUSE, HF_E_FORKED); the callback then never runs. */
HF_API hf_status hf_future_on_ready(hf_future *f, hf_ready_fn *fn, void *arg, hf_free_fn *free_arg);

/* A future of futures. when_all is ready when all n are: HF_OK if all went well, else the outcome
 * of the first (by index) that failed. when_any takes the outcome and the result of the first to
 * finish. Both keep references to what they watch. Cancelling one cancels all that it watches. */
HF_OWNED hf_future *hf_when_all(hf_future *const *fs, size_t n);
HF_OWNED hf_future *hf_when_any(hf_future *const *fs, size_t n);

HF__END

#endif
