/* SPDX-License-Identifier: MIT */
/* A unit of work and the future that it will resolve, in one block. */
#ifndef HF_POOL_JOB_H
#define HF_POOL_JOB_H

#include "async/future.h"
#include "value/codec.h"
#include "value/sql.h"

#include <holdfast/conn.h>

struct hf__worker;
struct hf_txn;

/* One byte each. */
typedef enum __attribute__((packed)) hf__job_kind {
	HF__JOB_QUERY,
	HF__JOB_SCRIPT,
	HF__JOB_FN,
	HF__JOB_SERVE, /* keeps the worker until its function returns: a transaction */
} hf__job_kind;

typedef enum __attribute__((packed)) hf__job_state {
	HF__JOB_QUEUED,
	HF__JOB_RUNNING,
	HF__JOB_DONE
} hf__job_state;

/* What hf_transact asks for, and how far it has come. The worker's, while it is not queued. */
typedef struct hf__retry {
	int attempts; /* at most; 0: the job is not an hf_transact */
	int attempt;  /* under way, from 1 */
	int deadline_ms;
	int64_t until; /* the end of all attempts; 0: none has begun */
	bool idempotent;
	bool elsewhere; /* the next attempt needs another connection */
	bool unknown;   /* some attempt may have been committed */
	hf_error *last; /* what the last one that lost its connection failed with */
} hf__retry;

struct hf__job;

/* How the housekeeper looks after a serving job whose worker is lent. hold: a reference to what it
 * serves; under the pool's lock. look: drops it, with no lock held; what nobody has touched for a
 * while, or (`closing`) at all, is given to the worker. Answers when to look again, or HF__NEVER.
 */
struct hf__lent_ops {
	void *(*hold)(struct hf__job *j);
	int64_t (*look)(void *held, int64_t now, bool closing);
};

/* What a job needs that is no plain query: an interaction, a script, a transaction and its
 * commands, a query with options of its own. Plain queries share one that is all zero, so that
 * everything here can be read of any job; it is written only where hf__job_new made it. */
typedef struct hf__job_more {
	struct hf__job *job; /* whose it is; NULL: the plain queries' */
	APR_RING_ENTRY(hf__job_more)
	timed;          /* in the queue's list of jobs with an acquire_ms of their own */
	int acquire_ms; /* as given; 0: the pool's */
	char *label;
	hf_row_fn *on_row;
	hf_fn *fn;
	void (*serve)(hf_conn *c, struct hf__job *job);
	const struct hf__lent_ops *lent_ops; /* of a serving job that other threads may run */
	void *arg;
	hf_free_fn *free_arg;
	char *text; /* of a script: sql with its arguments in it */
	hf__retry retry;
	hf_isolation isolation;
	hf_outcome outcome_wanted;
	bool manual, nested, no_submit;
	bool deferrable;    /* of a transaction */
	hf_then then;       /* of a transaction's command */
	struct hf_txn *txn; /* a reference to whom that belongs */
	int verb;           /* and what it does there */
	unsigned number;    /* and its place in the order there */
	bool tells;         /* it is a notice of hf_txn_notify, whose arguments were checked */
	bool along;         /* it has no statement: that of the command before it does its work */
	hf_error *refused;  /* why it will fail when its turn comes: the text, the arguments */
} hf__job_more;

/* One block from its pool's recyclers. What is text in it lies behind it in the same block, as far
 * as there is room; so a queued query with a short text and few arguments is that block alone. */
typedef struct hf__job {
	hf_future future; /* first: a job is its future */
	APR_RING_ENTRY(hf__job) link;
	hf_pool *pool;             /* a reference until it is gone */
	hf__job_more *more;        /* never NULL */
	struct hf__worker *worker; /* while running; guarded as state is */
	hf__job_kind kind;
	hf__job_state state; /* guarded by pool->lock, or by the transaction's */
	atomic_bool cancel_asked;
	bool has_own_acquire; /* set when it is submitted, as acquire_by is */
	bool urgent, read_only;
	bool many;           /* of a query: many_rows */
	bool fetched;        /* by hf_fetch: whoever submitted it reads the result at once */
	uint16_t used, size; /* of the block, in bytes */
	int timeout_ms;      /* as given */
	int64_t submitted_at, acquire_by, started_at, run_until;
	hf_site site;
	char *sql;
	hf__params *params;
	hf__sql_kind sql_kind;
	uint32_t sql_hash;   /* hf__sql_hash of sql */
	uint32_t sql_bytes;  /* of sql and its arguments, at most UINT32_MAX */
	hf__outcome outcome; /* what it will resolve with, between its run and its completion */
} hf__job;

/* Of a future that a job is. */
static inline hf__job *hf__job_of(hf_future *f)
{
	return (hf__job *)(void *)f;
}

/* The two sizes of block: for plain queries, and for all else. malloc adds 8 bytes to each. */
enum { HF__JOB_PLAIN_BYTES = 488, HF__JOB_FULL_BYTES = 1016 };

/* How many free blocks of a size a pool keeps for its next burst: see recycle.h. */
#define HF__JOBS_KEPT 4096

/* A copy of a label that is fit for a line of text, of at most so many bytes; NULL without memory.
 */
#define HF__LABEL_BYTES 80
char *hf__label_dup(const char *label);

/* Its pool's recyclers. */
void hf__job_init_pool(hf_pool *p);
void hf__job_finish_pool(hf_pool *p);

/* A job of `kind` with its future initialised, in state QUEUED and nothing else. NULL: no memory.
 */
hf__job *hf__job_new(hf_pool *p, hf__job_kind kind, const hf_site *site, const char *label);

/* The same for a query that asks for nothing in hf__job_more: in the small block if this text (may
 * be NULL) fits there with so many short arguments. */
hf__job *hf__job_new_plain(hf_pool *p, const hf_site *site, const char *sql, size_t n_args);

/* A copy of a text that lives as long as the job; NULL: no memory. */
char *hf__job_keep(hf__job *j, const char *text);

/* Fills in a statement: copies the text and encodes the arguments, checking both. NULL, or why not.
 * another: in place of the one that it has, which stays if this fails. */
hf_error *hf__job_set_query(hf__job *j, const char *sql, const hf_value *args, size_t n);
hf_error *hf__job_set_another(hf__job *j, const char *sql, const hf_value *args, size_t n);
hf_error *hf__job_set_script(hf__job *j, const char *sql, const hf_value *args, size_t n);

/* Fills in an interaction. Takes arg in every case. */
hf_error *hf__job_set_fn(hf__job *j, const hf_job *opts);

/* Runs free_arg, once; with no lock held. */
void hf__job_free_arg(hf__job *j);

/* Ends it: frees the argument, completes the future, lets go of the pool and of the producer's
 * reference. */
void hf__job_complete(hf__job *j, hf__outcome outcome);
void hf__job_fail(hf__job *j, hf_error *e); /* consumes e */

/* The same for several, each with its own j->outcome: all arguments are freed, all futures become
 * ready in the order of the list, and only then is anybody woken. Needs no memory; no lock may be
 * held. */
void hf__job_complete_many(hf__job *const *jobs, size_t n);

/* The same for one whose future no other thread knows. */
void hf__job_complete_own(hf__job *j);

/* For the ops of a job that is cancelled in another way. */
void hf__job_destroy(hf_future *f);
bool hf__job_stuck(const hf_future *f); /* a thread of its pool cannot wait for it */

/* Why it will never run: it was cancelled while it waited. */
hf_error *hf__job_canceled_early(const hf__job *j);

/* Fails one that was made and will not be submitted: the future that the caller returns. Consumes
 * `e`. */
hf_future *hf__job_reject(hf__job *j, hf_error *e);

/* Why the calling thread may not submit what another worker than `by` (may be NULL) would run: it
 * is inside an interaction that keeps all its work on one connection. Or NULL. */
hf_error *hf__job_kept_inside(const hf_pool *p, const struct hf__worker *by);

/* submit.c. Puts it into the pool's queue, or fails it when that is full or closed. Either way the
 * future is what the caller returns. */
hf_future *hf__job_submit(hf__job *j);

/* The same; but where a connection is idle, the calling thread has run it on return. */
hf_future *hf__job_submit_or_run(hf__job *j);

/* The same; but where a worker is idle, it is lent to whoever looks after the job from now on, and
 * returned. NULL: it waits, or was refused. */
struct hf__worker *hf__job_submit_lent(hf__job *j);

/* retry.c: why a job that is to be attempted again never will be; nothing changes for others.
 * Consumes `e`. */
hf_error *hf__retry_never(const hf__job *j, hf_error *e);

/* A refused submission: frees arg, answers a failed future. Consumes `e`. `p` may be NULL. */
hf_future *hf__job_refuse(
	hf_pool *p, hf_error *e, const hf_site *site, hf_free_fn *free_arg, void *arg);

/* "label (file.c:42)" or what there is of it, for messages; in `buf`. */
const char *hf__job_name(const hf__job *j, char *buf, size_t n);
const char *hf__site_name(const char *label, const hf_site *site, char *buf, size_t n);

#endif
