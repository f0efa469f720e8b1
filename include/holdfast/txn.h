/* SPDX-License-Identifier: MIT */
/* A transaction as an object: it keeps its connection and its row locks between calls, from any
 * thread.
 *
 * Commands run strictly in the order they were submitted and give futures. BEGIN travels with the
 * first statement. The first failed statement poisons the transaction: what follows fails at once
 * with that first error, until hf_txn_rollback_to or hf_txn_rollback. That goes for one which was
 * refused (a NULL text, no memory) as well; a command that was cancelled before it started is as if
 * it had never been, and poisons nothing. */
#ifndef HOLDFAST_TXN_H
#define HOLDFAST_TXN_H

#include <holdfast/conn.h>

HF__BEGIN

typedef struct hf_txn hf_txn;

typedef struct hf_txn_opts {
	size_t struct_size; /* set by HF_TXN_OPTS */
	const char *label;
	hf_isolation isolation;
	bool read_only;
	int acquire_ms; /* how long it may wait for its connection [the pool's] */
	int timeout_ms; /* limit of one statement [the pool's statement_ms] */
} hf_txn_opts;

/* Queues for a connection; never NULL. What goes wrong (a closed pool, no connection in time)
 * arrives in the futures of its commands. Holds the connection until commit, rollback or the last
 * unref. */
HF_OWNED hf_txn *hf_txn_begin_at(const hf_site *site, hf_pool *p, const hf_txn_opts *opts);

/* The commands, in order. A query is one statement; run gives an interaction function the
 * transaction's connection; a savepoint is named with 1 to 63 bytes; rollback_to undoes what came
 * after it and takes the poison away. */
HF_OWNED hf_future *hf_txn_query_at(
	const hf_site *site, hf_txn *t, const char *sql, const hf_value *args, size_t n);
HF_OWNED hf_future *hf_txn_run_at(const hf_site *site, hf_txn *t, const hf_job *job);
HF_OWNED hf_future *hf_txn_savepoint_at(const hf_site *site, hf_txn *t, const char *name);
HF_OWNED hf_future *hf_txn_rollback_to_at(const hf_site *site, hf_txn *t, const char *name);

/* The end. Commands after it, and a second end, answer HF_E_TXN_ENDED with what became of the
 * transaction. Committing a poisoned transaction rolls it back and answers HF_E_TXN_ENDED with the
 * first error. */
HF_OWNED hf_future *hf_txn_commit_at(const hf_site *site, hf_txn *t);
HF_OWNED hf_future *hf_txn_rollback_at(const hf_site *site, hf_txn *t);

HF_API const hf_error *hf_txn_error(hf_txn *t); /* the first error; NULL: none. Lent until unref */

/* A further reference, and the release of one: the last rolls back what has not ended, and logs it.
 */
HF_OWNED hf_txn *hf_txn_ref(hf_txn *t);
HF_API hf_txn *hf_txn_unref(hf_txn *t);

HF__END

#ifndef __cplusplus
#define HF_TXN_OPTS(...)              (&(const hf_txn_opts){ .struct_size = sizeof(hf_txn_opts), __VA_ARGS__ })
#define hf_txn_begin(pool, opts)      hf_txn_begin_at(HF_HERE, (pool), (opts))
#define hf_txn_query(txn, ...)        hf_txn_query_at(HF_HERE, (txn), HF__SQL(__VA_ARGS__))
#define hf_txn_run(txn, job)          hf_txn_run_at(HF_HERE, (txn), (job))
#define hf_txn_savepoint(txn, name)   hf_txn_savepoint_at(HF_HERE, (txn), (name))
#define hf_txn_rollback_to(txn, name) hf_txn_rollback_to_at(HF_HERE, (txn), (name))
#define hf_txn_commit(txn)            hf_txn_commit_at(HF_HERE, (txn))
#define hf_txn_rollback(txn)          hf_txn_rollback_at(HF_HERE, (txn))
#endif

#endif
