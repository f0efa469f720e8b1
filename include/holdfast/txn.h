/* SPDX-License-Identifier: MIT */
/* A transaction as an object: it keeps its connection and its row locks between calls, from any
 * thread, and can be parked under a token and resumed by a later request.
 *
 *     hf_txn *t = hf_txn_begin(pool, HF_TXN_OPTS(.label = "seat"));
 *     hf_future *f = hf_txn_query(t, "SELECT … FOR UPDATE", …);
 *     ...
 *     hf_txn_park(&t, 0, &token, &why);             the request ends; the row stays locked
 *     ...
 *     hf_txn_resume(pool, token.text, &t, &why);    another request, another thread
 *     f = hf_txn_commit(t);
 *
 * Commands run strictly in the order they were submitted and give futures. BEGIN travels with the
 * first statement. The first failed statement poisons the transaction: what follows fails at once
 * with that first error, until hf_txn_rollback_to or hf_txn_rollback. That goes for one which was
 * refused (a NULL text, no memory) as well; a command that was cancelled before it started is as if
 * it had never been, and poisons nothing. Plain queries that wait for each other's answers only
 * because they were submitted at once are sent together, behind texts that are known to be quick;
 * what was sent has started.
 *
 * Threads. Where a connection is idle when it begins, a transaction wakes no worker: who submits a
 * statement sends it, and who waits for a command, with a limit or without, reads its answer there.
 * A wait without a limit goes on until its command is answered. What nobody waits for (the answer
 * of a statement that was sent, a lone COMMIT) is done by the worker, some 2 ms later; 20 ms where
 * it is waited for beside others. Callbacks, combinations and whatever runs code of yours have the
 * worker at once.
 *
 * Clocks. A transaction that gets no command for idle_ms, or lives longer than max_ms, is rolled
 * back and logged, and its connection goes on; a command that was submitted before that still runs.
 * What comes later answers HF_E_TXN_ENDED with when and why.
 *
 * Outcomes. COMMIT has three: committed, rolled back, unknown. When its answer is lost, holdfast
 * asks the server what became of the transaction (pg_xact_status) for up to the pool's outcome_ms,
 * and only then says that it is unknown (HF_MAYBE_COMMITTED); it never guesses, and runs nothing
 * twice that may have been committed. */
#ifndef HOLDFAST_TXN_H
#define HOLDFAST_TXN_H

#include <holdfast/conn.h>

HF__BEGIN

typedef struct hf_txn hf_txn;

typedef struct hf_txn_opts {
	size_t struct_size; /* set by HF_TXN_OPTS */
	const char *label;  /* in log lines and messages */
	hf_isolation isolation;
	bool read_only;
	int acquire_ms;  /* how long it may wait for its connection [the pool's] */
	int timeout_ms;  /* limit of one statement [the pool's statement_ms] */
	int idle_ms;     /* between two commands [the pool's txn_idle_ms]; at most its lease_ms */
	int max_ms;      /* whole life, from when it has its connection [the pool's txn_max_ms] */
	bool deferrable; /* with read only and serializable: wait for a snapshot that cannot fail */
	hf_outcome outcome;
} hf_txn_opts;

/* Queues for a connection; never NULL. What goes wrong (a closed pool, no connection in time)
 * arrives in the futures of its commands. Holds the connection until commit, rollback, one of its
 * clocks or the last unref. */
HF_OWNED hf_txn *hf_txn_begin_at(const hf_site *site, hf_pool *p, const hf_txn_opts *opts);

/* The commands, in order. A query is one statement (on_row, timeout_ms, label and then of its
 * options count); run gives an interaction function the transaction's connection (fn, arg,
 * free_arg, label, timeout_ms, then, nested and no_submit count). */
HF_OWNED hf_future *hf_txn_query_at(
	const hf_site *site, hf_txn *t, const char *sql, const hf_value *args, size_t n);
HF_OWNED hf_future *hf_txn_query_with_at(const hf_site *site, hf_txn *t, const hf_query_opts *opts,
	const char *sql, const hf_value *args, size_t n);
HF_OWNED hf_future *hf_txn_run_at(const hf_site *site, hf_txn *t, const hf_job *job);

/* Savepoints, named with 1 to 63 bytes. rollback_to undoes what came after it and takes the poison
 * away; the savepoint stays. release forgets it and keeps the work. */
HF_OWNED hf_future *hf_txn_savepoint_at(const hf_site *site, hf_txn *t, const char *name);
HF_OWNED hf_future *hf_txn_rollback_to_at(const hf_site *site, hf_txn *t, const char *name);
HF_OWNED hf_future *hf_txn_release_at(const hf_site *site, hf_txn *t, const char *name);

/* The end. Commands after it, and a second end, answer HF_E_TXN_ENDED with what became of the
 * transaction. Committing a poisoned transaction rolls it back and answers HF_E_TXN_ENDED with the
 * first error. A COMMIT that has begun is not cancelled, and waiting for it may go on after a
 * time-out: its future is ready when the server has answered. It carries the server's notices
 * (hf_result_notices), such as the warning that a standby did not confirm. */
HF_OWNED hf_future *hf_txn_commit_at(const hf_site *site, hf_txn *t);
HF_OWNED hf_future *hf_txn_rollback_at(const hf_site *site, hf_txn *t);

/* The same, but the handle keeps its connection and goes on with a new transaction of the same
 * kind, which begins with its next statement. A commit that fails ends the handle. */
HF_OWNED hf_future *hf_txn_commit_chain_at(const hf_site *site, hf_txn *t);
HF_OWNED hf_future *hf_txn_rollback_chain_at(const hf_site *site, hf_txn *t);

/* hf_conn_on_commit for the transaction as it is now. On failure nothing is registered, and without
 * memory (HF_E_NOMEM) the transaction may have failed with it. Refused (HF_E_TXN_ENDED) when it has
 * ended or its end is queued; free_arg has run then. Any thread. */
HF_CHECK hf_status hf_txn_on_commit(hf_txn *t, hf_hook_fn *fn, void *arg, hf_free_fn *free_arg);

typedef enum hf_txn_state {
	HF_TXN_OPEN,
	HF_TXN_FAILED, /* poisoned: only a rollback goes on from here */
	HF_TXN_COMMITTED,
	HF_TXN_ROLLED_BACK,
	HF_TXN_UNKNOWN,  /* its COMMIT was lost, and nobody could be asked */
	HF_TXN_PREPARED, /* for two-phase commit: hf_global, or hf_prepared_commit, decides */
} hf_txn_state;

/* What has become of it so far. After a chain it tells of the transaction that is open now. */
HF_API hf_txn_state hf_txn_get_state(hf_txn *t);
/* What is wrong with it: what poisons it now, or why it ended otherwise than it was told to. NULL:
 * nothing. Lent until the next call of this function on it, or the last unref. */
HF_API const hf_error *hf_txn_error(hf_txn *t);

/* A further reference, and the release of one: the last rolls back what has not ended, and logs it,
 * without waiting for that.
 */
HF_OWNED hf_txn *hf_txn_ref(hf_txn *t);
HF_API hf_txn *hf_txn_unref(hf_txn *t);

/* --- parking --- */

/* Random, printable, good for one resume. Whoever has it has the transaction: treat it as a secret.
 */
typedef struct hf_token {
	char text[40];
} hf_token;

/* Hands the transaction over to its pool: *t becomes NULL, and out receives the token that alone
 * can bring it back. It keeps its connection and its locks for up to lease_ms (0: the pool's
 * txn_idle_ms; at most the pool's lease_ms) and the rest of its max_ms; then it is rolled back. A
 * server that is lost meanwhile is noticed at once.
 *
 * On failure *t stays as it is, and *out_error (may be NULL) says why: HF_E_BUSY while commands are
 * outstanding or another reference is held; HF_E_TXN_ENDED when it has ended or is poisoned;
 * HF_E_PARK_LIMIT; HF_E_MISUSE for a lease above the limit; HF_E_CLOSED; HF_E_NOMEM. Any thread;
 * waits for nothing. */
HF_CHECK hf_status hf_txn_park(hf_txn **t, int lease_ms, hf_token *out, hf_error **out_error);

/* Takes a parked transaction over. A token works once: of two that try, one gets it, and the other
 * is told at once. HF_OK, or HF_E_TXN_ENDED and *out_error (may be NULL) tells what became of it:
 * expired after its lease, rolled back (with the server's reason), already resumed, or never seen
 * by this pool (also said of one that ended more than an hour, or a thousand others, ago).
 * HF_E_MISUSE for a text that is no token; HF_E_CLOSED. Any thread; waits for nothing. */
HF_CHECK hf_status hf_txn_resume(hf_pool *p, const char *token, hf_txn **out, hf_error **out_error);

/* --- again on serialization failures --- */

typedef struct hf_retry {
	size_t struct_size; /* set by HF_RETRY */
	int attempts;       /* the first one included [3] */
	int deadline_ms;    /* over all attempts and the pauses between them [30000] */
	/* Running it twice does no harm: also repeat where the connection was lost, and even where
	 * the outcome of the COMMIT stays unknown. */
	bool idempotent;
} hf_retry;

/* Begins, runs job->fn, commits; and again, the whole function on a fresh transaction, when the
 * server gave it up for a serialization failure or a deadlock (40001, 40P01), wherever that
 * surfaced and whatever the function made of it. Pauses at random, up to 10 ms, 20 ms, 40 ms …,
 * keeping its connection. So fn may run several times: arg must allow that (hf_conn_attempt tells
 * which it is), and side effects belong into hf_conn_on_commit. free_arg runs once, at the very
 * end. `retry` may be NULL. .manual and .then are refused. Otherwise as hf_submit. */
HF_OWNED hf_future *hf_transact_at(
	const hf_site *site, hf_pool *p, const hf_retry *retry, const hf_job *job);

/* --- outcomes across a failover --- */

/* Creates the pool's outcome_table if it is missing (one DDL statement; the role needs the right
 * to). Each transaction that writes then leaves one row of 24 bytes in it. */
HF_OWNED hf_future *hf_outcome_setup_at(const hf_site *site, hf_pool *p);

/* Deletes rows that are older than `age_s` seconds (HF_E_MISUSE: negative): run it now and then,
 * with more than stall_ms and outcome_ms together of every pool that uses the table, better a day,
 * as work whose row is missing after a failover is taken for undone. The future's result tells how
 * many (hf_result_affected). */
HF_OWNED hf_future *hf_outcome_prune_at(const hf_site *site, hf_pool *p, int age_s);

HF__END

#ifndef __cplusplus
#define HF_TXN_OPTS(...)         (&(const hf_txn_opts){ .struct_size = sizeof(hf_txn_opts), __VA_ARGS__ })
#define HF_RETRY(...)            (&(const hf_retry){ .struct_size = sizeof(hf_retry), __VA_ARGS__ })
#define hf_txn_begin(pool, opts) hf_txn_begin_at(HF_HERE, (pool), (opts))
#define hf_txn_query(txn, ...)   hf_txn_query_at(HF_HERE, (txn), HF__SQL(__VA_ARGS__))
#define hf_txn_query_with(txn, opts, ...)                                                          \
	hf_txn_query_with_at(HF_HERE, (txn), (opts), HF__SQL(__VA_ARGS__))
#define hf_txn_run(txn, job)          hf_txn_run_at(HF_HERE, (txn), (job))
#define hf_txn_savepoint(txn, name)   hf_txn_savepoint_at(HF_HERE, (txn), (name))
#define hf_txn_rollback_to(txn, name) hf_txn_rollback_to_at(HF_HERE, (txn), (name))
#define hf_txn_release(txn, name)     hf_txn_release_at(HF_HERE, (txn), (name))
#define hf_txn_commit(txn)            hf_txn_commit_at(HF_HERE, (txn))
#define hf_txn_rollback(txn)          hf_txn_rollback_at(HF_HERE, (txn))
#define hf_txn_commit_chain(txn)      hf_txn_commit_chain_at(HF_HERE, (txn))
#define hf_txn_rollback_chain(txn)    hf_txn_rollback_chain_at(HF_HERE, (txn))
#define hf_transact(pool, retry, job) hf_transact_at(HF_HERE, (pool), (retry), (job))
#define hf_outcome_setup(pool)        hf_outcome_setup_at(HF_HERE, (pool))
#define hf_outcome_prune(pool, age_s) hf_outcome_prune_at(HF_HERE, (pool), (age_s))
#endif

#endif
