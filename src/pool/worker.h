/* SPDX-License-Identifier: MIT */
/* A worker: one thread, one link, and the interaction that it runs. */
#ifndef HF_POOL_WORKER_H
#define HF_POOL_WORKER_H

#include "base/arena.h"
#include "base/wake.h"
#include "pool/batch.h"
#include "pool/hooks.h"
#include "pool/job.h"
#include "pq/wire.h"

#include <holdfast/copy.h>

#include "base/ring.h"
#include <pthread.h>

typedef struct hf__train hf__train;

/* A result that is lent to an interaction until it returns. */
struct hf__kept {
	struct hf__kept *next;
	hf_result *res;
};

/* How a transaction ended. */
typedef enum hf__end {
	HF__END_NONE,
	HF__END_COMMITTED,
	HF__END_ROLLED_BACK,
	HF__END_PREPARED,
	HF__END_UNKNOWN
} hf__end;

/* A statement that is at the server before anybody waits for its answer. */
typedef struct hf__sent {
	hf__job *job;
	hf__run run;
	hf__trip trip;
	int64_t at;
	bool in_txn; /* it was sent into an open transaction */
	bool synced; /* a Sync stands behind it */
} hf__sent;

/* What an interaction sees. Embedded in its worker; valid between hf__conn_enter and
 * hf__conn_leave. */
struct hf_conn {
	struct hf__worker *worker;
	hf__link *link;
	hf__job *job;            /* under way; NULL: none, the handle is not valid */
	bool txn_open, txn_auto; /* a transaction of its own; opened by the first statement */
	bool manual, discard;
	hf_isolation isolation;
	hf_outcome outcome;
	bool read_only, deferrable;
	bool then_commit; /* the statement that comes is the transaction's last */
	bool rests;       /* and if it is not, none is known to follow */
	/* of the open transaction */
	char begin[96];
	char xid[24];       /* its number; "": it has not written, as far as was asked */
	bool xid_stale;     /* something was run since that was asked */
	bool wrote_nothing; /* no statement has, as far as was asked; nor could one that was not */
	char stamp[360]; /* the statement that puts its row into the outcome table; "": none yet */
	char stamp_id[40];
	hf__end end;        /* how the last one ended */
	int txn_timeout;    /* statement_timeout set in this transaction; 0: the session's */
	int64_t hook_until; /* of an on_connect hook, or HF__NEVER */
	int64_t run_until;  /* of the job, or HF__NEVER */
	hf_error *error;    /* of the last call that failed */
	hf_error *poison;   /* the first statement that failed in the open transaction */
	hf_error *cause;    /* the first error of an attempt that calls for another */
	hf__hooks hooks;    /* of the open transaction */
	hf__sent *sent;     /* the statement of `job`, if it is at the server already */
	hf__sent alone;     /* by hf__conn_send */
	hf__train *train;   /* train.h; made when it is first used */
	int atomics;        /* hf_conn_atomic calls under way */
	unsigned n_atomics; /* in the open transaction: names their savepoints */
	hf__arena arena;
	struct hf__kept *kept; /* results lent to the interaction */
	hf_copy *copy;         /* the COPY into the server whose function runs */
	bool in_row;           /* a row callback or a hook runs: it may not use the handle */
};

struct hf_reply {
	hf__outcome outcome;
	bool keeps; /* its value, although it fails */
};

/* Fails with this error, consumed: what the function is to return. */
hf_status hf__reply_fail(hf_reply *r, hf_error *e);

/* The value stays with the future although that fails: of a job that is not tried again. */
void hf__reply_keep(hf_reply *r);

typedef enum hf__hold { HF__HOLD_IDLE, HF__HOLD_RUNNING, HF__HOLD_PARKED } hf__hold;

/* What the holder of a connection is at, for reports. All text in it is static. */
typedef struct hf__held {
	hf__hold how;         /* of a transaction; the other kinds of jobs always run */
	int64_t since;        /* when that began */
	int64_t until;        /* when its clock ends it, or HF__NEVER */
	const char *verb;     /* the call that gave its last command; NULL: none yet */
	hf_site site;         /* where */
	hf_site statement;    /* the last one inside an interaction, or inside that command */
	int64_t statement_at; /* 0: none */
} hf__held;

/* What is counted for every statement, without the pool's lock. Whoever has the link counts, so
 * that there is one writer at a time, and a load and a store are enough; anybody may read. */
typedef struct hf__tally {
	_Atomic uint64_t statements, failures, commits, rollbacks;
} hf__tally;

typedef struct hf__worker {
	APR_RING_ENTRY(hf__worker)
	all, idle; /* guarded by pool->lock, as all below but link and conn */
	hf_pool *pool;
	pthread_t thread;
	hf__cond cond;
	hf__wake wake;    /* for when it sleeps in poll() */
	hf__job *job;     /* running; of a batch, the one that was sent first */
	hf__batch *batch; /* made when it first runs several together; its thread's only */
	bool is_idle, asleep, woken, up, pinned;
	bool lent;     /* other threads run its job */
	bool left;     /* and none of them is at it: relay.c */
	bool summoned; /* what they have left of it is its own from now on */
	bool resumes;  /* and that is what it does; the worker's own */
	bool resting;  /* it woke meanwhile, and sleeps until it is given back */
	bool suspect;  /* the housekeeper saw its server hang up */
	bool retire;
	unsigned generation;
	int64_t idle_since, expires_at;
	hf__mutex held_lock; /* HF__L_LEAF: what the transaction's commands tell many times over
				should not wait for the pool */
	hf__held held;       /* while there is a job; guarded by held_lock */
	bool hold_told;      /* the log has heard that it takes long */
	int number;
	hf__tally tally;
	hf__link link; /* the worker's own thread only, or whom it is lent to */
	hf_conn conn;
} hf__worker;

static inline void hf__tally_one(_Atomic uint64_t *n)
{
	atomic_store_explicit(
		n, atomic_load_explicit(n, memory_order_relaxed) + 1, memory_order_release);
}

/* stats.c */
void hf__tally_add_to(hf__tally *t, hf_pool_stats *s);

/* Whether the queue waits and nobody will come for it, though one more worker may be started. */
bool hf__worker_wanted_locked(const hf_pool *p);

/* Starts one more. False: no memory, no descriptor, no thread. The lock is held. */
bool hf__worker_start_locked(hf_pool *p);

/* Gives an idle worker to the queue, unless one is on its way already. */
void hf__worker_wake_one_locked(hf_pool *p);

/* By whoever has the worker: it has nothing to run, and may be given something; the first of the
 * queue is its own from now on (NULL: none waits). */
void hf__worker_enter_idle_locked(hf__worker *w);
hf__job *hf__worker_take_next_locked(hf__worker *w);

/* serve.c: runs a job that it has taken, or goes on with one that others have begun while it was
 * lent. The job that it has taken since, or NULL. */
hf__job *hf__worker_serve(hf__worker *w, hf__job *j);

/* Interrupts whatever it sleeps in, to look at what is wanted of it. */
void hf__worker_poke_locked(hf__worker *w);

/* Where a pool that is being torn down cancelled it, the outcome says so. */
void hf__worker_explain_termination(hf__worker *w, hf__outcome *o);

/* For borrow.c. take: an idle worker gets this job. run: the job, up to its outcome, and the
 * session is clean again, or the link broken. send, then receive: the same of a plain query, in two
 * parts, which may be two threads'; false: it was not sent. give_back: after it was counted; the
 * worker is idle, or awake to look after its link. put_back: it was not run, and waits in the queue
 * again. */
void hf__worker_take_locked(hf__worker *w, hf__job *j, int64_t now);
void hf__worker_run(hf__worker *w, hf__job *j);
bool hf__worker_send(hf__worker *w, hf__job *j);
void hf__worker_receive(hf__worker *w, hf__job *j);
void hf__worker_give_back_locked(hf__worker *w, int64_t now);
void hf__worker_put_back(hf__worker *w, hf__job *j);

/* The same for one that serves a transaction. enter: the handle is ready for use by other threads,
 * one at a time, each within hf__conn_use. summon: nobody uses it, and the worker goes on with the
 * job by itself. No lock of the pool may be held. */
void hf__worker_enter_lent(hf__worker *w, hf__job *j);
void hf__worker_summon(hf__worker *w);
void hf__worker_summon_locked(hf__worker *w);

/* A link that has answered so shortly ago is not looked at before it is used again: that would cost
 * a call of the system for each of many short jobs. */
#define HF__FRESH_MS 1

/* Before jobs that have run are counted: what is the user's of them is freed, and outcomes that
 * the closing of the pool decided say so. No lock held. */
void hf__worker_before_done(hf__worker *w, hf__job **jobs, int n);
void hf__worker_count_locked(hf__worker *w, hf__job **jobs, int n, int64_t now);

/* What its batch has taken and not sent goes back to the queue but for the first `keep`, or fails
 * where nobody wants it run any more. */
void hf__worker_put_back_unsent(hf__worker *w, int keep);

/* Whether nothing calls it away from its queries: it is not to end, its link is not in doubt. */
bool hf__worker_stays_locked(hf__worker *w, int64_t now);

/* After a job has left the queue without being run: whoever waits looks again, and attempts to
 * connect that were for its sake are called off. */
void hf__worker_recheck_locked(hf_pool *p);

/* holders.c: what reports will say of who holds the connection. */
/* It has taken a job. */
void hf__worker_hold_locked(hf__worker *w);

/* A transaction has begun a command (RUNNING: `verb` is the name of the call, which is kept and
 * must be static, and `site` is where it was made), has none (IDLE), or was parked; `until` is when
 * that ends it, or HF__NEVER. Takes a lock of its own. Any thread: to keep the order of notes, call
 * it with the transaction's lock held. */
void hf__worker_note_held(
	hf__worker *w, hf__hold how, const char *verb, const hf_site *site, int64_t until);

/* A statement inside an interaction begins. */
void hf__worker_note_statement(hf__worker *w, const hf_site *site);

/* What is wanted of a running worker; its link asks when it was poked. */
hf__ask hf__worker_ask(void *worker);

/* connect.c: its link. */

/* Sees to it that the link is up and fit. False: this worker is to end. */
bool hf__worker_ensure_link(hf__worker *w);

/* Whether the link may be used: what has arrived is read, and after a silence, or a loss elsewhere,
 * the server is asked. If not, the link is closed. */
bool hf__worker_link_fit(hf__worker *w);

/* Ends the session. `lost` tells that the server did, which puts every older link in doubt. */
void hf__worker_drop_link(hf__worker *w, bool lost, const char *why);
void hf__worker_down_locked(hf__worker *w);
/* Workers that are not on their way out: what the limits are compared with, so that of several
 * which could go only as many do as should. */
int hf__pool_staying_locked(const hf_pool *p);

/* Whether this worker is to end: too many, not needed, closing. Decides it where that is due. */
bool hf__worker_must_end_locked(hf__worker *w);
void hf__worker_retire_locked(hf__worker *w);
bool hf__worker_doubts_locked(const hf__worker *w, int64_t now);

/* run.c: a job on a connection. */
void hf__conn_init(hf_conn *c, hf__worker *w);
void hf__conn_finish(hf_conn *c);
hf__outcome hf__conn_run_job(hf_conn *c, hf__job *j);

/* Opens and ends the use of the handle around one or (for a transaction) several jobs. end leaves
 * the session clean, or the link broken; *was_left_open tells that a transaction had to be rolled
 * back that nobody ended. */
void hf__conn_enter(hf_conn *c, hf__job *j);
void hf__conn_end_part(hf_conn *c); /* what was lent to one part of a transaction */
void hf__conn_leave(hf_conn *c, bool *was_left_open);
void hf__conn_reset(hf_conn *c); /* the session; the hook included */

/* Why an interaction that returned `st` failed, or NULL; takes the words of hf_fail out of `r`. */
hf_error *hf__conn_verdict(hf_conn *c, hf_status st, hf_reply *r);
void hf__reply_drop(hf_reply *r); /* its value and its result */

/* The open transaction has ended as c->end says: once committed its hooks run, else they are
 * dropped. */
void hf__conn_ended(hf_conn *c);
void hf__conn_undone(hf_conn *c); /* the open transaction is no more, and so are its hooks */

/* atomic.c: hf_conn_atomic without its checks. The story, yours to unref, or NULL; where the
 * failure is the outer's as well, that is poisoned. `reply` is the inner function's own. */
hf_error *hf__conn_atomic(hf_conn *c, hf_nesting nesting, hf_fn *fn, void *arg, hf_reply *reply);

/* conn.c: a savepoint, and its release, without taking note of a failure. */
hf_error *hf__conn_savepoint(hf_conn *c, const char *name, bool atomic);
hf_error *hf__conn_release(hf_conn *c, const char *name);

/* retry.c: what hf_transact adds to an interaction. */

/* A further attempt begins. Nothing for other jobs. */
void hf__retry_begin(hf_conn *c, hf__job *j);

/* An attempt has ended with `o`. True: there is to be another one here and now, after a pause.
 * False: that was the last, and `o` tells so, or job->retry.elsewhere: the next needs another link.
 */
bool hf__retry_again(hf_conn *c, hf__job *j, hf__outcome *o);

/* Remembers the first error of an attempt that calls for another. `e` may be NULL. */
void hf__retry_heed(hf_conn *c, const hf_error *e);

/* The handle that the calling thread may use now, or NULL. */
hf_conn *hf__conn_in_use(void);
void hf__conn_use(hf_conn *c);

/* conn.c: whether the calling thread may use the handle now; what to answer if not; and the answer
 * of a statement: a failure, consumed, fails the interaction as well. */
bool hf__conn_usable(const hf_conn *c);
hf_status hf__conn_misuse(const hf_conn *c);
hf_status hf__conn_failed(hf_conn *c, hf_error *e);

/* conn.c: hf_conn_query_at, with an option of hf_query_opts. */
hf_status hf__conn_query(const hf_site *site, hf_conn *c, bool many_rows, const hf_result **out,
	const char *sql, const hf_value *args, size_t n);

/* conn.c: whether each of its statements is a transaction of its own: a .manual job without one. */
bool hf__conn_alone(const hf_conn *c);

/* exec.c: runs one statement with all that belongs to it: BEGIN before the first of a transaction,
 * its limit, one more try where its prepared plan was out of date. NULL, or the story, which also
 * poisons an open transaction. `out` may be NULL. */
hf_error *hf__conn_execute(hf_conn *c, hf__run *run, hf_result **out, const hf_site *site);

/* Sends a job's statement ahead, if it is one that can be, without waiting; the next
 * hf__conn_execute on this handle, which must be for the same statement, waits for its answer.
 * `lone`: nothing else is sent before that. False: nothing was sent. */
bool hf__conn_send(hf_conn *c, hf__job *j, bool lone);

/* For train.c: the same into `s`, which may be one of several, without a Sync. `last`: what is to
 * be asked once for all of them is asked behind this one. */
bool hf__conn_send_behind(hf_conn *c, hf__sent *s, hf__job *j, bool last);

/* Waits for the answer of what was sent, and drops it: a failure before it has decided. */
void hf__conn_drop_sent(hf_conn *c);

/* What an error says of the work: surely undone (HF_RETRYABLE), or perhaps done. `in_txn`: it ran
 * in a transaction that was open before. */
unsigned hf__conn_fate(const hf_conn *c, const hf__run *run, const hf_error *e, bool in_txn);

/* At DEBUG: one statement that ran. At INFO: that it was one which changed the schema. */
void hf__conn_log_run(const hf_conn *c, const hf__run *run, const hf_error *e, int64_t began,
	const hf_site *site);

/* One more statement has ended: well, or so. */
static inline void hf__conn_count_run(hf_conn *c, const hf_error *e)
{
	hf__tally *t = &c->worker->tally;

	hf__tally_one(&t->statements);
	if (e)
		hf__tally_one(&t->failures);
}

const char *hf__conn_begin_text(hf_conn *c);        /* lent by the connection */
hf__guard hf__conn_guard(hf_conn *c, int limit_ms); /* 0: no limit */

/* commit.c: the ends of a transaction. c->end tells which it was. commit: NULL, or why the work is
 * not (or not surely) kept; *out receives what the server had to say. */
hf_error *hf__conn_commit(hf_conn *c);
hf_error *hf__conn_commit_with(hf_conn *c, hf_result **out);
hf_error *hf__conn_rollback(hf_conn *c);

/* COMMIT was sent with `run`, and this is what came: e, consumed, or NULL. Resolves an answer that
 * was lost. `out` holds the result of the statement before it, if it has one. */
hf_error *hf__conn_committed(hf_conn *c, const hf__run *run, hf_error *e, hf_result **out);

/* What the server remarked on a command of ours, to the log: in the result, or (NULL) on the link.
 */
void hf__conn_pass_on_notices(hf_conn *c, const char *verb, const hf_result *res);

/* What to run right before COMMIT, or NULL. */
const char *hf__conn_stamp(hf_conn *c);
void hf__conn_txn_over(hf_conn *c); /* forgets what belonged to the open transaction */

/* outcome.c: asks the server what became of the transaction of `c`, whose link was lost during its
 * COMMIT. Blocks for up to outcome_ms. UNKNOWN: `why` tells why nobody can say. */
hf__end hf__outcome_ask(hf_conn *c, char *why, size_t n);

/* During a COMMIT and the like nothing is cancelled; only a pool that is torn down gives up on it.
 */
hf__ask hf__conn_ask_commit(void *worker);
hf__guard hf__conn_commit_guard(hf_conn *c);

/* Runs the pool's on_connect hook on a fresh or freshly reset session. */
hf_error *hf__conn_hook(hf_conn *c);

#endif
