/* SPDX-License-Identifier: MIT */
/* The inside of a pool: its workers, its queue, its housekeeper.
 *
 * Lock rule. pool->lock (HF__L_POOL) guards every field below a comment that says so, of the pool,
 * of its workers and of its queued jobs. It is never held over the network, a callback, or an
 * allocation that the caller's data decides. Futures are completed after it is released. Functions
 * that need it held end in _locked.
 *
 * Threads. A worker owns its link: nothing else touches it, but whom it is lent to. The housekeeper
 * expires queued jobs, starts workers, joins those that ended, and watches the sockets of idle
 * links for a server that hung up. */
#ifndef HF_POOL_POOL_H
#define HF_POOL_POOL_H

#include "async/callbacks.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/recycle.h"
#include "base/ref.h"
#include "pool/job.h"
#include "pool/parking.h"
#include "pool/queue.h"
#include "pool/worker.h"
#include "pq/cancel.h"
#include "pq/dsn.h"

#include <holdfast/pool.h>

#define HF__MAX_PIPELINE 256

/* What a higher floor has attached to a pool and the pool's close ends: listening. */
typedef struct hf__attached {
	/* For good, and what it runs with it. False: not by `deadline`; it is called again. */
	bool (*end)(struct hf__attached *a, int64_t deadline);
	void (*let_go)(struct hf__attached *a); /* the pool's reference, once it has ended */
} hf__attached;

struct hf_pool {
	hf__ref refs;  /* users, jobs under way, threads */
	hf__ref users; /* of refs: those that hf_pool_unref counts */
	unsigned forks;
	hf_pool_opts opts; /* final; min_conns and max_conns below are the ones in force */
	char *name;
	char *outcome_table; /* quoted, as it goes into SQL; NULL: none */
	hf__dsn dsn;
	hf__dsn listen_dsn; /* where to listen instead; n is 0: there is none */
	hf__log log;
	hf__recycle plain_jobs, full_jobs; /* blocks for hf__job */
	hf__callbacks *callbacks;
	hf__canceler *canceler;
	hf__wake house_wake;
	int epoll;
	pthread_t house;

	hf__mutex lock;
	/* guarded by lock */
	hf__cond changed; /* workers came up, ended, or became idle; the state changed */
	hf_pool_state state;
	atomic_bool terminating; /* what runs is to be cancelled; read without the lock as well */
	atomic_bool aborting;    /* and then its connections closed */
	atomic_bool draining;    /* it closes; read without the lock as well */
	atomic_int n_completing; /* jobs that are not counted as busy any more, and whose futures
				    a borrower makes ready; raised under the lock */
	bool closer_at_work;     /* a thread is in close_pool */
	bool house_runs, house_stop, house_poked;
	int64_t house_until; /* when it looks at deadlines again, or HF__NEVER */
	hf__queue queue;
	APR_RING_HEAD(hf__idle_ring, hf__worker) idle; /* the last to become idle first */
	APR_RING_HEAD(hf__worker_ring, hf__worker) workers, ended;
	int min_conns, max_conns;
	int n_workers;  /* threads: with a link or getting one */
	int n_retiring; /* of those: about to end */
	int n_started;  /* ever: numbers them */
	int n_up, n_busy, n_connecting, n_pinned, n_left;
	atomic_int n_idle; /* read without the lock as well */
	bool waking;       /* a worker was woken for a job and has not taken it yet */
	bool left_lately;  /* a query was left (relay.c) since the housekeeper has looked */
	bool ever_up;
	unsigned generation; /* raised by each lost link: links of an older one are probed before
				use */
	int failures;        /* connects that failed since the last that worked */
	int64_t failed_at, retry_at;
	hf__parking parking;
	hf__attached *attached;  /* NULL: nothing is */
	hf_error *connect_error; /* of the last attempt; NULL after one that worked */
	hf_pool_stats stats;     /* its counters; gauges, and sums of others, are filled in when
				    read; workers have tallies of their own until they end */
	int64_t opened_at;
};

/* HF_OK, or why this pool takes no calls: NULL, forked. `pool` may be NULL. */
hf_error *hf__pool_refusal(const hf_pool *p);

/* Memory: the last reference frees it, once closed. */
hf_pool *hf__pool_ref(hf_pool *p);
void hf__pool_put(hf_pool *p);

/* options.c: defaults for what was not said; NULL, or what does not fit together. */
hf_error *hf__pool_settle_options(hf_pool_opts *o, const hf__dsn_pool *from);
/* "schema.name" quoted, into *out, yours to hf__free; NULL stays NULL. */
hf_error *hf__pool_outcome_table(const char *name, char **out);
int hf__pool_max_parked(
	const hf_pool_opts *o, int max_conns);   /* in force with so many connections */
int hf__pool_backstop_ms(const hf_pool_opts *o); /* idle_in_transaction_session_timeout; 0: none */

/* borrow.c: an idle worker is lent to the calling thread for this job, which is not in the queue;
 * NULL: there is none, or it is no such job. Whoever gets one runs the job, with no lock held. */
hf__worker *hf__borrow_locked(hf_pool *p, hf__job *j, int64_t now);
void hf__borrow_run(hf__worker *w, hf__job *j);

/* The same for a serving job: whoever gets the worker looks after it until hf__borrow_end, or
 * hf__worker_summon. fit: whether the link may be used, as far as can be seen without asking; else
 * the job was put back into the queue. */
hf__worker *hf__borrow_serve_locked(hf_pool *p, hf__job *j, int64_t now);
bool hf__borrow_fit(hf__worker *w, hf__job *j);
void hf__borrow_end(hf__worker *w, hf__job *j);

/* The query that it has sent already (hf__worker_send). */
void hf__borrow_finish(hf__worker *w, hf__job *j);

/* What is lent and nobody has touched for so long is its worker's again. */
#define HF__LENT_MS 2

/* A job's hf__future_ops.help, where it waits in the queue. */
void hf__borrow_help(hf_future *f);

/* relay.c: a worker to be lent for this query, which is sent with it; as hf__borrow_locked. */
hf__worker *hf__relay_lend_locked(hf_pool *p, hf__job *j, int64_t now);
void hf__relay_send(hf__worker *w, hf__job *j);

/* What was sent so and is left is its worker's; nothing where it is not left. look: that of too
 * long ago, or (the pool closes) all; answers when to look again, or HF__NEVER. */
void hf__relay_summon_locked(hf__worker *w);
void hf__relay_summon_all_locked(hf_pool *p);
int64_t hf__relay_look_locked(hf_pool *p, int64_t now);

/* A job's hf__future_ops. */
void hf__relay_help(hf_future *f);
void hf__relay_attend(hf_future *f);
int hf__relay_watch(hf_future *f);
bool hf__relay_advance(hf_future *f);
void hf__relay_unwatch(hf_future *f);

/* commit.c: 128 random bits for a name that nobody else has. False: the system gives none. */
bool hf__random_hex(char out[33]);

/* outcome.c: whether a transaction's number told by server `a` (hf__link.server) means the same on
 * server `b`; and whether it would but for a crash in between. */
bool hf__same_server(const char *a, const char *b);
bool hf__same_timeline(const char *a, const char *b);

/* Asks the housekeeper to look around. */
void hf__pool_poke_locked(hf_pool *p);

/* The housekeeper is to be awake by then. It is told only if it would not be: while work goes on,
 * once per the shortest of its limits, as it keeps an instant that it was told until it comes. */
void hf__pool_watch_locked(hf_pool *p, int64_t deadline);

/* connect.c: how long to wait before the next attempt, after so many that failed, the last with
 * this SQLSTATE (""). */
int64_t hf__backoff_ms(int failures, const char *sqlstate);

/* stats.c: a job has ended so, whether or not it ever ran; and what one that ran has taken. */
void hf__pool_count_end_locked(hf_pool *p, const hf__job *j, hf_status st);
void hf__pool_count_run_locked(hf_pool *p, const hf__job *j, int64_t now);

/* house.c */
void *hf__house_run(void *pool);
/* Jobs that the pool will never run, with why; completed after the lock was released. Consumes `e`.
 */
void hf__pool_fail_queue(hf_pool *p, hf_error *e);

/* close.c: takes no more work from now on, and runs what it has; hf_pool_close does the rest. Waits
 * for nothing, on any thread. Nothing in the child of a fork. */
void hf__pool_stop_intake(hf_pool *p);

/* Why a job will never run: its pool was closed while it waited. */
hf_error *hf__pool_closed_early(const hf_pool *p);

/* holders.c */
/* Logs each connection that is held for longer than hold_warn_ms, once. Returns until when none
 * will be. */
int64_t hf__pool_report_holders(hf_pool *p);

/* Why a job waited for a connection in vain: who holds them, or why none could be made. */
hf_error *hf__pool_no_connection_locked(hf_pool *p, int64_t waited_ms);

/* 0: none is open; at least 1 otherwise. */
uint32_t hf__pool_oldest_txn_ms_locked(const hf_pool *p);

#endif
