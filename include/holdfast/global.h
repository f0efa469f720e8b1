/* SPDX-License-Identifier: MIT */
/* One logical commit over several pools, and over things that are no database.
 *
 *     hf_global *g = hf_global_new(HF_GLOBAL_OPTS(.label = "order"));
 *     hf_txn *shop = hf_global_begin(g, shop_pool, NULL), *bank = hf_global_begin(g, bank_pool,
 * NULL);
 *     ...                                          commands on both, as on any transaction
 *     if (hf_global_commit(g, &why) != HF_OK) ...  all or none
 *
 * A global transaction has branches (transactions of pools) and participants (your own functions: a
 * mail to be sent, a file to be moved). They are called in the order begin, vote, finish, or abort.
 *
 * One phase (the default). When every participant has voted yes, the branches commit one after the
 * other, in the order they were begun, and then the participants finish. The window: a branch that
 * cannot commit after another has leaves part of the work done. The error says which parts
 * (HF_MAYBE_COMMITTED). With one branch that wrote there is no such window.
 *
 * Two phases (.two_phase; the pools need .two_phase too, and the servers
 * max_prepared_transactions). Each branch that wrote is prepared (PREPARE TRANSACTION) as its vote;
 * once all are, each is committed (COMMIT PREPARED), again and again until it is or outcome_ms of
 * its pool is over. A process that dies in between leaves prepared transactions, with their locks,
 * at the servers: hf_prepared_list shows them, to any process, and hf_prepared_commit or
 * hf_prepared_rollback ends them. When all branches of a global transaction are prepared it may
 * have been decided to commit: commit them. When one is missing and none was committed, roll them
 * back. */
#ifndef HOLDFAST_GLOBAL_H
#define HOLDFAST_GLOBAL_H

#include <holdfast/txn.h>

HF__BEGIN

typedef struct hf_global hf_global;

typedef struct hf_global_opts {
	size_t struct_size; /* set by HF_GLOBAL_OPTS */
	const char *label; /* in messages and in the names of prepared transactions; [A-Za-z0-9_.-],
			      at most 40 bytes */
	bool two_phase;
} hf_global_opts;

/* Something that takes part without being a database. Each function runs on the thread that commits
 * or rolls back, blocks the others while it does, and may be NULL. */
typedef struct hf_participant {
	size_t struct_size;   /* set by HF_PARTICIPANT */
	const char *name;     /* in messages */
	const char *sort_key; /* among themselves they are called in the order of this [name] */
	/* The commit begins. Anything but HF_OK aborts all. */
	hf_status (*begin)(void *arg);
	/* The last chance to refuse. After HF_OK, finish must be able to do its work. */
	hf_status (*vote)(void *arg);
	/* All have voted, the branches are committed. */
	void (*finish)(void *arg);
	/* Undo. Called once instead of finish, also of one whose begin or vote refused, and of one
	 * that was never asked. */
	void (*abort)(void *arg);
	void *arg;
	hf_free_fn *free_arg; /* run once, after the last call */
} hf_participant;

/* NULL without memory, or when the label cannot be used. */
HF_OWNED hf_global *hf_global_new(const hf_global_opts *opts);

/* Begins a branch. Lent: do not unref it. hf_txn_commit, hf_txn_commit_chain, parking and
 * .then = HF_THEN_COMMIT are refused on it (HF_E_MISUSE; its state does not change);
 * hf_txn_rollback undoes its work so far and lets it go on. Never NULL: what goes wrong arrives in
 * the futures of its commands. */
HF_API hf_txn *hf_global_begin_at(
	const hf_site *site, hf_global *g, hf_pool *p, const hf_txn_opts *opts);

/* Takes a participant in; copied. On failure free_arg has run: HF_E_MISUSE, HF_E_NOMEM,
 * HF_E_TXN_ENDED. */
HF_CHECK hf_status hf_global_join(hf_global *g, const hf_participant *p);

/* Ends it. Blocks until all is decided. HF_OK: all is committed and finished. Otherwise all was
 * rolled back and *out_error (may be NULL) says why, or (HF_MAYBE_COMMITTED) which parts were not.
 * A branch that failed, or a participant that refused, aborts all. HF_E_DEADLOCK on a worker of one
 * of its pools, with nothing done. A second end answers HF_E_TXN_ENDED. One thread at a time. */
HF_CHECK hf_status hf_global_commit(hf_global *g, hf_error **out_error);
HF_API hf_status hf_global_abort(hf_global *g);

/* Aborts what has not ended, and frees it; its branches are gone then. Answers NULL. */
HF_API hf_global *hf_global_free(hf_global *g);

/* --- prepared transactions that nobody ended --- */

/* Of the pool's database, the oldest first: gid text, global text, branch int, branches int,
 * prepared_at timestamptz, age_s float8, owner text. The names that hf_global gives are
 * "hf:LABEL:32 hex digits:BRANCH:BRANCHES"; of others the middle columns are NULL. */
HF_OWNED hf_future *hf_prepared_list_at(const hf_site *site, hf_pool *p);

/* Ends one by its gid; the pool needs .two_phase. One that is not there is HF_E_SQL with 42704. */
HF_OWNED hf_future *hf_prepared_commit_at(const hf_site *site, hf_pool *p, const char *gid);
HF_OWNED hf_future *hf_prepared_rollback_at(const hf_site *site, hf_pool *p, const char *gid);

HF__END

#ifndef __cplusplus
#define HF_GLOBAL_OPTS(...)                                                                        \
	(&(const hf_global_opts){ .struct_size = sizeof(hf_global_opts), __VA_ARGS__ })
#define HF_PARTICIPANT(...)                                                                        \
	(&(const hf_participant){ .struct_size = sizeof(hf_participant), __VA_ARGS__ })
#define hf_global_begin(g, pool, opts)  hf_global_begin_at(HF_HERE, (g), (pool), (opts))
#define hf_prepared_list(pool)          hf_prepared_list_at(HF_HERE, (pool))
#define hf_prepared_commit(pool, gid)   hf_prepared_commit_at(HF_HERE, (pool), (gid))
#define hf_prepared_rollback(pool, gid) hf_prepared_rollback_at(HF_HERE, (pool), (gid))
#endif

#endif
