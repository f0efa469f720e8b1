/* SPDX-License-Identifier: MIT */
/* One logical commit over several pools, and over things that are no database.
 *
 *     hf_global *g = hf_global_new(HF_GLOBAL_OPTS(.label = "order"));
 *     hf_txn *shop = hf_global_begin(g, shop_pool, NULL);
 *     hf_txn *bank = hf_global_begin(g, bank_pool, NULL);
 *     ...                                          commands on both, as on any transaction
 *     if (hf_global_commit(g, &why) != HF_OK) ...  all or none
 *     hf_global_free(g);
 *
 * A global transaction has branches (transactions of pools) and participants (your own functions: a
 * mail to be sent, a file to be moved). At its end they are called in this order: the participants
 * begin, the participants vote, the branches commit, the participants finish; or, when anything
 * before that failed, all branches are rolled back and the participants abort.
 *
 * Once all have voted, each branch stops its clocks (until then they run), takes no further command
 * from anybody, and is asked whether all its commands went well and whether it wrote (by the
 * server's own account, so that raw SQL counts). Branches that wrote nothing are committed before
 * the others, in two phases after all others are prepared: losing one loses nothing, but for a
 * notification.
 *
 * One phase (the default). The branches that wrote commit one after the other, in the order they
 * were begun. The window: one that cannot commit after another has. Those behind it are committed
 * all the same, the participants finish, and the error says which parts are missing
 * (HF_MAYBE_COMMITTED). A COMMIT whose outcome stays unknown (it is asked after, see txn.h) counts
 * as one that failed: if nothing was surely committed before it, what follows is rolled back, the
 * participants abort, and the error has the same trait. With one branch that wrote there is no
 * window.
 *
 * Two phases (.two_phase; the pools need .two_phase too, but for branches that are .read_only, and
 * the servers max_prepared_transactions). Each branch that wrote is prepared (PREPARE TRANSACTION)
 * as its vote; once all are, each is committed (COMMIT PREPARED), again and again over new
 * connections until it is or outcome_ms of its pool is over; that it is left then, and by what
 * name, is in the error (HF_MAYBE_COMMITTED). Do not close the pools before: what is prepared then
 * stays so, which the error tells. Nothing is written into outcome_table. The server prepares no
 * transaction that used a temporary table, LISTEN, NOTIFY or a cursor WITH HOLD, and holdfast none
 * with hooks (hf_txn_on_commit): finish does their work.
 *
 * A process that dies in between leaves prepared transactions, with their locks, at the servers:
 * hf_prepared_list shows them, to any process, and hf_prepared_commit or hf_prepared_rollback ends
 * them. When all branches of a global transaction are prepared it may have been decided to commit:
 * commit them. When one is missing, look whether it was committed; if not, roll the others back.
 * That is for processes that died: names in an error of hf_global_commit that says "was rolled
 * back" are to be rolled back.
 *
 * A global transaction is used by one thread at a time, its branches by any. */
#ifndef HOLDFAST_GLOBAL_H
#define HOLDFAST_GLOBAL_H

#include <holdfast/txn.h>

HF__BEGIN

typedef struct hf_global hf_global;

typedef struct hf_global_opts {
	size_t struct_size; /* set by HF_GLOBAL_OPTS */
	/* In messages and in the names of prepared transactions: of [A-Za-z0-9_.-], at most 40
	 * bytes; other bytes become an underscore, more are cut off. */
	const char *label;
	bool two_phase;
} hf_global_opts;

/* Something that takes part without being a database. Each function runs on the thread that commits
 * or rolls back, blocks the others while it does, and may be NULL. It may use the branches until
 * vote has returned; it must neither end nor free the global transaction. */
typedef struct hf_participant {
	size_t struct_size;   /* set by HF_PARTICIPANT */
	const char *name;     /* in messages ["participant"] */
	const char *sort_key; /* they are called in the order of this, byte by byte [name] */
	/* The commit begins. Anything but HF_OK aborts all, and is what hf_global_commit answers.
	 */
	hf_status (*begin)(void *arg);
	/* The last chance to refuse. After HF_OK, finish must be able to do its work. */
	hf_status (*vote)(void *arg);
	/* All have voted, and the branches are committed (or, see above, some of them). */
	void (*finish)(void *arg);
	/* Undo. Called once instead of finish, also of one whose begin or vote refused, and of one
	 * that was never asked. */
	void (*abort)(void *arg);
	void *arg;
	hf_free_fn *free_arg; /* run once, after the last call */
} hf_participant;

/* NULL without memory, or for options without their struct_size. */
HF_OWNED hf_global *hf_global_new(const hf_global_opts *opts);

/* Begins a branch. Lent until hf_global_free: do not unref it. hf_txn_commit, hf_txn_commit_chain,
 * parking and .then are refused on it (HF_E_MISUSE; its state does not change);
 * hf_txn_rollback undoes its work so far and lets it go on. Savepoints are as anywhere. Never NULL:
 * what goes wrong (no memory, a pool without .two_phase, `g` NULL or ended) arrives in the futures
 * of its commands, and in hf_global_commit. */
HF_API hf_txn *hf_global_begin_at(
	const hf_site *site, hf_global *g, hf_pool *p, const hf_txn_opts *opts);

/* Takes a participant in; copied. On failure free_arg has run, and the global transaction can only
 * be rolled back, as one of its parts is missing: HF_E_MISUSE, HF_E_NOMEM; HF_E_TXN_ENDED when it
 * has ended. */
HF_CHECK hf_status hf_global_join(hf_global *g, const hf_participant *p);

/* Ends it. Blocks until all is decided. HF_OK: all is committed and finished. Otherwise all was
 * rolled back and *out_error (may be NULL) says why, with the status, SQLSTATE and traits of the
 * branch that failed or the status of the participant that refused; or (HF_MAYBE_COMMITTED) it says
 * what became of each part. HF_RETRYABLE is thus found where the whole may be tried again from the
 * start. HF_E_DEADLOCK on a worker or the callback thread of one of its pools, with nothing done. A
 * second end answers HF_E_TXN_ENDED. */
HF_CHECK hf_status hf_global_commit(hf_global *g, hf_error **out_error);

/* Rolls all branches back, waits until they are, and aborts the participants. HF_OK; HF_E_DEADLOCK
 * and HF_E_TXN_ENDED as above. */
HF_API hf_status hf_global_abort(hf_global *g);

/* Aborts what has not ended, and frees it; its branches are gone then. Does not wait on a thread
 * where waiting would never end. Answers NULL. */
HF_API hf_global *hf_global_free(hf_global *g);

/* --- prepared transactions that nobody ended --- */

/* Of the pool's database, the oldest first: gid text, global text, branch int, branches int,
 * prepared_at timestamptz, age_s float8, owner text. The names that hf_global gives are
 * "hf:LABEL:32 hex digits:BRANCH:BRANCHES", where BRANCH counts from 1 and only branches that wrote
 * count; `global` is what they have in common, all before the third colon. Of other names global,
 * branch and branches are NULL. */
HF_OWNED hf_future *hf_prepared_list_at(const hf_site *site, hf_pool *p);

/* Ends one by its gid; the pool needs .two_phase, its role must own it (or be a superuser). One
 * that is not there is HF_E_SQL with 42704; one whose preparing session is not through with it yet,
 * 55000. A commit whose answer was lost has HF_MAYBE_COMMITTED: list again. */
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
