/* SPDX-License-Identifier: MIT */
/* What an interaction may do with its connection. All calls block, run on the thread of the
 * interaction and nowhere else (HF_E_MISUSE on another thread, or after the interaction has
 * returned). Results and hf_conn_alloc memory are lent until the interaction returns; keep a result
 * with hf_result_ref. */
#ifndef HOLDFAST_CONN_H
#define HOLDFAST_CONN_H

#include <holdfast/pool.h>

HF__BEGIN

/* One statement. out may be NULL. Opens the interaction's transaction if it is not open (unless
 * .manual). Transaction control in the text is refused except in a .manual job: use the calls
 * below. After a statement that failed, or was refused (text, arguments, savepoint
 * name), further ones fail at once with the first error, until hf_conn_rollback_to. */
HF_CHECK hf_status hf_conn_query_at(const hf_site *site, hf_conn *c, const hf_result **out,
	const char *sql, const hf_value *args, size_t n);

/* The rows one by one, in constant memory. The callback may not use the connection. */
HF_CHECK hf_status hf_conn_each_at(const hf_site *site, hf_conn *c, hf_row_fn *fn, void *arg,
	const char *sql, const hf_value *args, size_t n);

/* As hf_script, on this connection and in its transaction. A .manual job that is .read_only needs
 * hf_conn_begin before it (HF_E_MISUSE). */
HF_CHECK hf_status hf_conn_script_at(const hf_site *site, hf_conn *c, const hf_result **out,
	const char *sql, const hf_value *args, size_t n);

/* Only in a .manual job, else HF_E_MISUSE. */
HF_CHECK hf_status hf_conn_begin(hf_conn *c);
HF_CHECK hf_status hf_conn_commit(hf_conn *c);
HF_API hf_status hf_conn_rollback(hf_conn *c);

/* Savepoints by name (1 to 63 bytes; quoted by holdfast). rollback_to undoes what came after and
 * lets the interaction go on; the savepoint stays. After timeout_ms nothing is possible any more,
 * not even this. release forgets it. */
HF_CHECK hf_status hf_conn_savepoint(hf_conn *c, const char *name);
HF_CHECK hf_status hf_conn_rollback_to(hf_conn *c, const char *name);
HF_CHECK hf_status hf_conn_release(hf_conn *c, const char *name);

/* Runs another interaction function here and now, on the same connection and in the same
 * transaction. `p` may be NULL; when given, the connection must be of that pool, else HF_E_MISUSE.
 */
HF_CHECK hf_status hf_conn_run(hf_conn *c, hf_pool *p, hf_fn *fn, void *arg, hf_reply *reply);

/* Where a transaction is open already: */
typedef enum hf_nesting {
	HF_NEST_SAVEPOINT, /* a savepoint: a failure undoes the inner work, and the outer may go on
			    */
	HF_NEST_JOIN,      /* be part of it: a failure fails the outer as well */
	HF_NEST_REFUSE,    /* HF_E_MISUSE, which fails the outer as well */
} hf_nesting;

/* Runs fn as one piece that happens as a whole or not at all: in a .manual job without an open
 * transaction between BEGIN and COMMIT, else as `nesting` says; any depth. An automatic interaction
 * counts as having its transaction open from the start. Answers what fn returned, or why its work
 * could not be kept; the story, and the words of its hf_fail, are hf_conn_error's. What fn replies
 * reaches `reply` (may be NULL) if its work is kept, and is freed otherwise. fn ends no
 * transaction, and (but for HF_NEST_JOIN, where that is not watched) savepoints of its own making
 * only. */
HF_CHECK hf_status hf_conn_atomic_at(
	const hf_site *site, hf_conn *c, hf_nesting nesting, hf_fn *fn, void *arg, hf_reply *reply);

/* Runs fn once after the transaction that is open (or opens with the next statement) has
 * committed: on the worker's thread, before the future of the commit is ready, in the order given.
 * It must not use the connection, and hf_txn_get_state may still say that the transaction is open.
 * Work that is undone (a rollback, also to a savepoint; an attempt
 * that is repeated; an outcome that stays unknown) takes its hooks with it. free_arg (may be NULL)
 * runs in every case. HF_E_MISUSE in a .manual job without an open transaction; after it, the text
 * of such a job's statements may not contain transaction control. */
typedef void hf_hook_fn(void *arg);
HF_CHECK hf_status hf_conn_on_commit(hf_conn *c, hf_hook_fn *fn, void *arg, hf_free_fn *free_arg);

/* Which attempt of hf_transact this is, from 1; 1 in every other interaction. */
HF_API int hf_conn_attempt(hf_conn *c);

HF_API const hf_error *hf_conn_error(hf_conn *c); /* of the last call that failed; NULL: none did */
HF_API bool hf_conn_canceled(hf_conn *c); /* asked to stop, or out of time: poll it in long loops */
HF_API hf_pool *hf_conn_pool(hf_conn *c); /* lent */
HF_API int hf_conn_backend_pid(hf_conn *c); /* of the server process; 0 when unknown */

/* Scratch memory, aligned for any type, freed when the interaction returns. NULL: no memory. */
HF_API void *hf_conn_alloc(hf_conn *c, size_t n);

/* Close this connection when the interaction returns instead of using it again. */
HF_API void hf_conn_discard(hf_conn *c);

HF__END

#ifndef __cplusplus
#define hf_conn_query(conn, out, ...) hf_conn_query_at(HF_HERE, (conn), (out), HF__SQL(__VA_ARGS__))
#define hf_conn_each(conn, fn, arg, ...)                                                           \
	hf_conn_each_at(HF_HERE, (conn), (fn), (arg), HF__SQL(__VA_ARGS__))
#define hf_conn_atomic(conn, nesting, fn, arg, reply)                                              \
	hf_conn_atomic_at(HF_HERE, (conn), (nesting), (fn), (arg), (reply))
#define hf_conn_script(conn, out, ...)                                                             \
	hf_conn_script_at(HF_HERE, (conn), (out), HF__SQL(__VA_ARGS__))
#endif

#endif
