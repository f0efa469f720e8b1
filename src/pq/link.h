/* SPDX-License-Identifier: MIT */
/* A link: one libpq connection and all that is known about its session. Used by one thread at
 * a time: its worker, or whom that has lent it to.
 *
 * Invariant between calls: either closed or broken, or nothing is in flight and libpq is in
 * pipeline mode. A link that is broken answers nothing more: close it. Whoever waits here waits for
 * the server, for being poked (the worker's wake descriptor) and for a deadline, all at once; no
 * wait is without an end. */
#ifndef HF_PQ_LINK_H
#define HF_PQ_LINK_H

#include "base/log.h"
#include "base/wake.h"
#include "pq/cancel.h"
#include "pq/dsn.h"
#include "pq/extras.h"
#include "pq/stmt_cache.h"
#include "value/sql.h"

#include <holdfast/result.h>

#include <stdatomic.h>

typedef enum hf__ask { HF__ASK_NONE, HF__ASK_CANCEL, HF__ASK_ABORT } hf__ask;

/* Whether the session writes floats with all their digits and bytea in hex. */
typedef enum hf__floats { HF__FLOATS_ASK, HF__FLOATS_USUAL, HF__FLOATS_OTHER } hf__floats;

/* How long to wait, and who may interrupt. */
typedef struct hf__guard {
	int64_t cancel_at;         /* ask the server to stop then */
	int64_t give_up_at;        /* close the connection then */
	hf__ask (*ask)(void *arg); /* what is wanted now; called when poked */
	void *arg;
	/* NULL: nothing is to be done meanwhile. Answers how long what the server sends may gather
	   before it is looked at, in ns; 0: it wakes the sleeper. */
	int64_t (*before_sleep)(void *arg);
} hf__guard;

/* What stays the same for every connection of a link. */
typedef struct hf__link_config {
	const hf__wake *wake;
	hf__canceler *canceler;
	const hf__log *log;
	size_t max_result;
	int stall_ms;
	int statement_ms; /* the session's own statement_timeout, or 0 */
	int max_statements;
	bool read_only;
} hf__link_config;

/* What others may know of a link while it is used: roughly what pg_stat_activity shows. */
typedef enum hf__shown { HF__SHOWN_IDLE, HF__SHOWN_ACTIVE, HF__SHOWN_IN_TXN } hf__shown;

typedef struct hf__link {
	hf__link_config cfg;
	PGconn *pg; /* NULL: closed */
	hf__cancel *cancel;
	hf__stmt_cache stmts;
	hf__extras extras;
	hf__strbuf notices; /* since the last run began */
	unsigned n_notices; /* ever */
	int sock, fork_slot;
	int pid; /* of the server process */
	int64_t connected_at, used_at;
	int64_t rtt; /* the shortest time from a statement to its answer; 0: not known */
	bool broken, dirty;
	hf__floats floats;
	int train;          /* statements under way inside the open transaction: train.h */
	bool train_failed;  /* one of those before them has undone it */
	bool foreign_stmts; /* prepared statements may be there that the cache did not make */
	char fatal[6];      /* SQLSTATE of a FATAL notice; "" */
	char server[96];    /* which server this is, in which life of it; "": not known */
	int n_trips;        /* sent, and not ended */
	atomic_int shown;   /* an hf__shown; read by anybody */
	/* of the run under way */
	hf__ask asked;
	bool late; /* a cancel was sent since its time was up */
	int cancels;
	int64_t again_at;
	size_t error_len, bytes;
} hf__link;

typedef enum hf__session {
	HF__SESSION_IDLE,
	HF__SESSION_TXN,
	HF__SESSION_FAILED,
	HF__SESSION_LOST
} hf__session;

/* One statement, with what travels before it in the same trip. */
typedef struct hf__run {
	const char *begin; /* "BEGIN …", or NULL */
	int set_timeout; /* > 0: set_config('statement_timeout', …, true) first; < 0: back to the
			    session's */
	bool set_read_only; /* set_config('transaction_read_only', 'on', true) first */
	const char *sql;    /* as written: what errors and logs show */
	uint32_t sql_hash;  /* hf__sql_hash of it, if that is known; else 0 */
	const char *text;   /* of a script with arguments: what is sent instead, values and all */
	const hf__params *params;
	hf__sql_kind kind;
	bool unnamed;      /* never as a prepared statement */
	bool shot_at;      /* a cancel of one before it may have hit it */
	bool script;       /* simple protocol, several statements */
	bool read_at_once; /* its result is not kept for long: see "packed" in result.c */
	bool describe; /* not run: its result has columns and no rows; `text`, if any, is sent */
	struct hf__copy *copy; /* it is a COPY, and goes alone */
	bool many;             /* rows are expected, and worth a question: see hf_query_opts */
	hf_row_fn *on_row;
	void *row_arg;
	/* what travels after it */
	bool ask_xid;      /* the number of the transaction, if it has one */
	const char *stamp; /* a statement right before COMMIT, be that `commit` or sql itself */
	bool commit;       /* COMMIT, if all went well so far */
	bool close_portal; /* leave no portal open, which would pin a snapshot while the link rests
			    */
	int limit_ms; /* what is in force for it, for telling a time-out from a cancel; 0: none */
	hf__guard guard;
	hf__guard commit_guard; /* of `commit`, in force once the statement's answer was read */
	/* told afterwards */
	bool sent;           /* the server may have seen some of it */
	bool main_done;      /* the statement itself worked; what failed came after it */
	bool notifies;       /* hf__sql_notifies */
	char tag[64];        /* of its last result */
	char xid[24];        /* "": none so far */
	char commit_tag[16]; /* of `commit`; "": it did not come to that, or was not answered */
	char stale_name[16]; /* of its prepared statement, then: forgotten here, not yet at the
				server */
	bool stale_plan;     /* it failed since its prepared plan is out of date; it was not run */
	hf_status stopped;   /* what on_row answered, when it stopped the query */
} hf__run;

void hf__link_init(hf__link *l, const hf__link_config *cfg);
void hf__link_close(hf__link *l); /* ends the session; accepts a closed link */

/* A trip was sent; one has ended. */
void hf__link_trip_sent(hf__link *l);
void hf__link_trip_ended(hf__link *l);

/* Connects, and answers NULL or the story, HF_E_CONNECT with the server's SQLSTATE if it gave one.
 */
hf_error *hf__link_open(hf__link *l, const hf__dsn *dsn, const hf__guard *guard);

/* connect_error.c: why there is none: `instead`, or (NULL) in libpq's words, with the SQLSTATE of a
 * server that has spoken. HF_RETRYABLE unless the settings are wrong. */
hf_error *hf__link_connect_error(hf__link *l, const hf__dsn *dsn, const char *instead);

/* Whether the server can be asked later what became of a transaction. */
bool hf__link_tells_outcomes(const hf__link *l);

/* Whether it is fit for use, as far as can be seen without asking the server: reads what has
 * arrived. */
bool hf__link_alive(hf__link *l);

/* An empty query. */
hf_error *hf__link_ping(hf__link *l, int ms, const hf__guard *guard);

/* Fills in `server`: "SYSTEM/TIMELINE/LIFE"; a standby has "standby" for its timeline. Transaction
 * numbers mean the same for as long as this stays the same. Without the right to know, it stays
 * unknown. An error only for a link that is lost. */
hf_error *hf__link_ask_server(hf__link *l, const hf__guard *guard);

/* Runs it and waits. NULL and *out (yours; NULL for a streamed one), or the story, and *out only
 * for a statement that worked itself (main_done) while the COMMIT behind it did not. What was
 * notified by the server meanwhile is in the result. */
hf_error *hf__link_run(hf__link *l, hf__run *run, hf_result **out);

/* A command of our own, such as COMMIT: bounded by stall_ms. */
hf_error *hf__link_command(hf__link *l, const char *sql, const hf__guard *guard);

/* Everything that a job may have left in the session goes, but prepared statements stay. */
hf_error *hf__link_reset(hf__link *l, const hf__guard *guard);

/* "host, port 5432", of the server that it leads to or tries; for messages. */
void hf__link_peer(const hf__link *l, char *out, size_t n);

/* Of the server: 150004. */
int hf__link_version(const hf__link *l);

hf__session hf__link_session(const hf__link *l);
/* Whether the server ended the session, as opposed to us not trusting it any more. */
bool hf__link_gone(const hf__link *l);

/* A reader whose session says that it may write: some statement switched the default off. */
bool hf__link_escaped_read_only(const hf__link *l);

/* Waits while nothing is to be said, until poked or `deadline`. False: the server hung up; the link
 * is broken. */
bool hf__link_rest(hf__link *l, int64_t deadline);

/* The socket, for whoever awaits an answer elsewhere than in here; -1 where what comes is
 * encrypted.
 */
int hf__link_plain_socket(const hf__link *l);

/* --- for wire.c
 * ------------------------------------------------------------------------------------ */

/* PQflush, and -1 also where the kernel did not take what libpq then threw away. */
int hf__link_flush(hf__link *l);

/* The same, for whoever reads next: where something was thrown away nobody would ever answer it,
 * and the link is broken; where the server has hung up its last words may have come. */
int hf__link_push(hf__link *l);
/* Whether libpq's last call of send(), since errno was 0, failed like that and the server has not
 * hung up: "poison" in wire.c, sign five. */
bool hf__link_refused(const hf__link *l);

/* Sleeps until the socket can be read (or written, if `write`), the link is poked, or a limit is
 * reached; fires cancels as the guard says. False: give up; the link is broken. */
bool hf__link_sleep(hf__link *l, bool write, const hf__guard *guard);

/* No more is wanted of what runs: the next sleep cancels it, as if that had been asked for. */
void hf__link_stop(hf__link *l);
hf_error *hf__link_lost(hf__link *l, const char *query);

#endif
