/* SPDX-License-Identifier: MIT */
/* A transaction as an object.
 *
 * It is served by a job of its own (HF__JOB_SERVE), which keeps a worker from its first command to
 * its end and runs the commands in the order they came. A command is a job too, with a future of
 * its own, but it waits in the transaction's queue and not in the pool's. Between commands the
 * worker sleeps on its link: a server that is lost, a new command and the transaction's clocks wake
 * it.
 *
 * Lock rule. t->lock (HF__L_TXN, below the pool's) guards what stands below a comment that says so,
 * and the state of every command. It is not held while a command runs or completes. Who decides
 * what becomes of a transaction (a command that comes, a clock that runs out, somebody who resumes
 * it) does so under this lock, so one of them wins.
 *
 * It may also be served by those who wait for its commands, while its worker sleeps: see drive.c.
 *
 * Note "the last command". The future of the command that ends the transaction is completed after
 * the worker is free again, by the watch on the serving job: whoever sees a COMMIT's result finds
 * the connection free. The same watch answers every command that never ran, for whatever reason.
 *
 * Note "parked". A parked transaction has no handle: the user's reference belongs to its entry in
 * the pool's parking, until it is resumed or has ended. */
#ifndef HF_TXN_TXN_H
#define HF_TXN_TXN_H

#include "pool/pool.h"

#include <holdfast/txn.h>

/* What a command does: hf__job.verb. */
enum {
	HF__TXN_RUN,
	HF__TXN_SETTLE, /* RUN, and the last before its global transaction ends it */
	HF__TXN_HOOK,   /* RUN, but for its own sake: nobody waits for it */
	HF__TXN_SAVEPOINT,
	HF__TXN_ROLLBACK_TO,
	HF__TXN_RELEASE,
	HF__TXN_COMMIT_CHAIN,
	HF__TXN_ROLLBACK_CHAIN,
	HF__TXN_COMMIT, /* this one and what follows it end the transaction */
	HF__TXN_ROLLBACK,
	HF__TXN_PREPARE, /* PREPARE TRANSACTION; its gid is the job's sql */
};

struct hf_txn {
	hf__ref refs, users;
	bool is_static;
	bool managed;        /* a branch of an hf_global, which alone ends it */
	bool scoped;         /* and that one is an hf_scope's; set before its first command */
	hf_status is_no_txn; /* of a static one: what its commands answer [HF_E_NOMEM] */
	hf_pool *pool;       /* a reference; NULL: it was refused */
	unsigned forks;
	int timeout_ms, idle_ms, max_ms;
	hf_site site;
	char *label;
	hf_future *serving; /* a reference */
	hf__watch watch;
	hf__mutex lock;
	/* guarded by lock */
	APR_RING_HEAD(txn_ring, hf__job) commands;
	hf__worker *worker;    /* while it is served */
	hf__job *running;      /* taken from commands, not answered yet: the first such one */
	struct txn_ring along; /* notices whose work the statement of `running` does: gather.c */
	bool ended, ending, abandoned, sleeping; /* ending: its COMMIT or ROLLBACK is queued */
	bool lent;                               /* its worker sleeps: what follows is drive.c's */
	bool driving;                            /* a thread has its connection, and nobody else */
	bool wanted;     /* its worker is to take over, once that thread is done */
	bool bystander;  /* somebody sleeps for what that thread may leave undone */
	int watched;     /* by so many threads that sleep on its socket */
	int64_t left_at; /* when the last thread was done */
	hf_txn_state state;
	int64_t idle_since;
	hf__job *last;       /* the command that ended it, with its outcome */
	unsigned n_commands; /* ever: numbers them */
	/* Of a command that was refused before it was one: its work is missing to those that came
	 * after the first such one; and, once that was heard, after the last. */
	hf_error *lost;
	unsigned lost_after, lost_again;
	hf_error *failure; /* what poisons it now, or NULL */
	hf_error *shown;   /* what hf_txn_error has lent last */
	bool expired;      /* its time was up */
	bool as_asked;     /* it ended as it was told to */
	hf_error *end;     /* what later commands are told */
	/* hf_global_commit is about to end it: its clocks do not any more, as one that expired
	 * after another branch has committed would be missing; and nothing else may be done in it.
	 */
	bool deciding;
	bool is_parked;
	int lease_ms;
	int64_t parked_at;
	hf_error *taken; /* of a parked one: what a second resume will be told */
	/* guarded by the pool's lock */
	hf__parked parked;
	/* the worker's own */
	int64_t life_until;
};

/* note.c: a command is about to run, for reports of who holds the connection. */
void hf__txn_note(hf_conn *c, const hf__job *j);

/* hf_txn_begin_at, for a branch of an hf_global too. With `e` it is refused for that reason
 * (consumed). */
hf_txn *hf__txn_begin(
	const hf_site *site, hf_pool *p, const hf_txn_opts *opts, bool managed, hf_error *e);

/* One for commands to be refused on: HF_E_NOMEM, HF_E_FORKED, or HF_E_MISUSE for no hf_global. */
hf_txn *hf__txn_none(hf_status why);
hf_error *hf__txn_none_error(const hf_txn *t); /* what they answer */

/* An end (COMMIT, ROLLBACK, PREPARE with its gid) that is only made, so that submitting it needs no
 * memory. NULL and *why (yours): the transaction takes no commands, or no memory. */
hf__job *hf__txn_make_end(hf_txn *t, int verb, const char *gid, hf_error **why);
hf_future *hf__txn_submit_end(hf__job *j);
void hf__txn_drop_end(hf__job *j); /* one that is not wanted after all */

void hf__txn_give_up(hf_txn *t); /* rolls back what is open, without a command */
void hf__txn_release(hf_txn *t); /* of a user's reference */
hf_txn *hf__txn_get(hf_txn *t);
void hf__txn_put(hf_txn *t);

/* Wakes whoever serves it, if it sleeps: its queue or its clocks have changed. One that is lent is
 * its worker's from now on. */
void hf__txn_wake_locked(hf_txn *t);

/* "transaction "label" (file.c:42) was rolled back: why". `why` may be NULL. */
hf_error *hf__txn_end_error(
	const hf_txn *t, unsigned traits, const char *what, const hf_error *why);

/* serve.c */

/* The serving job: keeps the worker until the transaction has ended. */
void hf__txn_serve(hf_conn *c, hf__job *serving);

/* The serving job is over, or never was: answers every command that is left. */
void hf__txn_served(hf__watch *w, hf_future *f);

/* The parts of that. take: the first command, which runs from now on; NULL: there is none that came
 * in time. start: its clock runs. run: up to its answer; the answer of one that ends the
 * transaction (false) is left to hf__txn_served. */
hf__job *hf__txn_take_locked(hf_conn *c, hf_txn *t);
void hf__txn_start_command(hf_conn *c, const hf_txn *t, hf__job *j);
void hf__txn_set_clock(hf_conn *c, const hf_txn *t, hf__job *j); /* a part of start */
bool hf__txn_end_command(hf_conn *c, hf_txn *t, hf__job *serving, hf__job *j);
void hf__txn_note_rest_locked(const hf_conn *c, const hf_txn *t);

/* Its worker is `w` from now on. */
void hf__txn_settle_in(hf_txn *t, hf__worker *w, bool lent);

/* Fails a command that is in no queue any more. Consumes `e`. */
void hf__txn_refuse(hf__job *j, hf_error *e);

/* Sets the end, unless it has one: what it has become, and what later commands are told. Consumes
 * `e`. */
void hf__txn_set_end(hf_txn *t, hf_txn_state state, hf_error *e);

/* The same of one that was prepared, or perhaps was: now it is known how that ended. Its last
 * command has been answered. */
void hf__txn_settle_end(hf_txn *t, hf_txn_state state, bool as_asked, hf_error *e);

/* Ends one that is parked for longer than its lease: its worker may not have had the time to. */
void hf__txn_check_lease_locked(hf_txn *t);

/* drive.c: it is served by who waits, until its worker is summoned. */

/* The worker of its serving job was lent to the caller, who lets go of it here. */
void hf__txn_lend(hf_txn *t, hf__worker *w);
void hf__txn_summon_locked(hf_txn *t);

/* A command was queued. True: hf__txn_send it, after the lock was released. */
bool hf__txn_offer_locked(hf_txn *t, const hf__job *j);
void hf__txn_send(hf_txn *t);

/* For a command's hf__future_ops. */
void hf__txn_help(hf_future *f);
void hf__txn_attend(hf_future *f);
int hf__txn_watch(hf_future *f);
bool hf__txn_advance(hf_future *f);
void hf__txn_unwatch(hf_future *f);

/* The serving job's. */
extern const struct hf__lent_ops hf__txn_lent_ops;

/* ahead.c: its worker's thread. Sends queued commands that need not wait for each other, as many as
 * may be under way. call_back: those that will not be answered any more wait in the queue again,
 * for hf__txn_served; the link is broken if there are any. */
void hf__txn_send_ahead(hf_conn *c, hf_txn *t);
void hf__txn_call_back(hf_conn *c, hf_txn *t);

/* gather.c: its worker's thread. Notices that wait behind `j`, another, are made a part of its
 * statement. gathered: once that has ended; answers how many of them it has put into `jobs`, to be
 * completed. If it has failed they wait in the queue again. tells_together: whether that may be
 * done with these two, one behind the other. */
enum { HF__TXN_GATHERED = 256 }; /* by one statement */
void hf__txn_gather(hf_conn *c, hf_txn *t, hf__job *j);
size_t hf__txn_gathered_locked(hf_txn *t, const hf__outcome *o, hf__job **jobs);
bool hf__txn_tells_together(const hf_conn *c, const hf__job *j, const hf__job *next);

/* submit.c: a notice as a command, its channel and its payload checked. */
hf_future *hf__txn_tell(const hf_site *site, hf_txn *t, const hf_value args[2]);

/* command.c: runs one command; its outcome goes into j. True: the transaction goes on. */
bool hf__txn_run_command(hf_conn *c, hf_txn *t, hf__job *j);

/* park.c: it has ended while it was parked. */
void hf__txn_bury(hf_txn *t);

/* submit.c: hf_txn_run as RUN or HOOK. */
hf_future *hf__txn_part(const hf_site *site, hf_txn *t, int verb, const hf_job *job);

/* If this command was to end it, it will not: it was cancelled, or was a last part that failed. */
void hf__txn_end_off_locked(hf_txn *t, const hf__job *j);

#endif
