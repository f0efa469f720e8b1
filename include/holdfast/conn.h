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

/* As hf_script, on this connection and in its transaction. */
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
#define hf_conn_script(conn, out, ...)                                                             \
	hf_conn_script_at(HF_HERE, (conn), (out), HF__SQL(__VA_ARGS__))
#endif

#endif
