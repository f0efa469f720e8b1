/* SPDX-License-Identifier: MIT */
/* One trip over a link: between sending (send.c), receiving (receive.c) and what a run is (wire.c).
 */
#ifndef HF_PQ_WIRE_H
#define HF_PQ_WIRE_H

#include "pq/link.h"
#include "pq/result.h"

/* A trip: the commands in the order sent, and what came of them. */
typedef struct hf__trip {
	hf__link *l;
	hf__run *run;
	hf__stmt_entry *entry, *evicted; /* entry: pinned */
	bool named;                      /* entry is run by its name */
	int n_commands, n_read;
	int main_index;                                  /* INT_MAX: not sent so far */
	int prepare_index, describe_index, floats_index; /* -1: not sent */
	int xid_index, commit_index;
	unsigned columns; /* what is known of the result's: format.h */
	hf_error *error;
	PGresult *main;
	hf_result *shell; /* made before sending, for main */
	hf_result *rows;  /* shows those of a stream, one after the other */
	int evict_index;  /* of the DEALLOCATE that makes room, or -1 */
	bool evict_failed;
	unsigned extras;    /* a bit for each command that runs one of link.extras */
	hf__extra *made[8]; /* those that are prepared on the way, by command made_at */
	int made_at[8], n_made;
	bool extra_gone;  /* the server has not got one of them */
	bool split;       /* by hf__trip_start: nobody may have been waiting when it was answered */
	bool attended;    /* but somebody sleeps on its socket */
	bool unattended;  /* nobody was there for a while */
	bool behind;      /* another: it may have been answered before its turn came */
	bool may_be_lone; /* it is read to its end before anything else is sent */
	bool lone; /* outside pipeline mode: a prepared statement with nothing before or behind it
		    */
	int64_t sent_at, began;
	int reads;            /* so many times something was read of its answers */
	bool any;             /* of what came of command n_read */
	bool copying, copied; /* the server has begun the COPY; it was served */
	bool aborted; /* a command before it in the same transaction failed: it was not run */
} hf__trip;

/* Several trips may be under way on a link: begun in some order, and ended in the same. Only plain
 * statements travel so (run->kind PLAIN or READ, no begin, no script, no on_row). Outside of a
 * transaction the link must not be asked for its session in between; inside of one, link.train
 * counts them, and link.train_failed is told what became of them.
 *
 * begin: sends it. `wants` says that a result is wanted; `sync`: a Sync behind it. NULL, or why it
 * was not sent at all (no memory). A link that breaks under it is told by the end.
 *
 * end: what came of it, as hf__link_run tells; run->guard is its guard from here on. It waits. With
 * `sync`, for the Sync behind it as well. */
hf_error *hf__trip_begin(
	hf__trip *t, hf__link *l, hf__run *run, bool wants, bool sync, int64_t now);
hf_error *hf__trip_begin_sync(
	hf__trip *t, hf__link *l, hf__run *run, int64_t now); /* a Sync alone */
hf_error *hf__trip_end(hf__trip *t, hf_result **out, bool sync);

/* One run of a link that has nothing under way, in two parts, and unlike the above in a transaction
 * as well: start sends it, hf__trip_end with its Sync ends it. Not every run can be split. `lone`:
 * nothing is sent in between.
 *
 * Other threads may do what comes after the start; but one at a time, which others see to. */
hf_error *hf__trip_start(hf__trip *t, hf__link *l, hf__run *run, bool lone);

/* In between: from now on somebody waits for the answer. */
void hf__trip_attend(hf__trip *t);

/* In between, when the socket can be read: reads what has come, without waiting. ALL: the end has
 * nothing to wait for. PART: more is to come. ODD: it is nothing to go on with here (a link that
 * broke, a long answer, something was asked for), and the end sees to it. */
typedef enum hf__answer { HF__ANSWER_ALL, HF__ANSWER_PART, HF__ANSWER_ODD } hf__answer;
hf__answer hf__trip_advance(hf__trip *t);

/* receive.c: the same, once there is something in libpq's hands. */
hf__answer hf__trip_read_ready(hf__trip *t);

/* receive.c: the results of command `index`, and then the Sync. `began`: when the run did. */
void hf__trip_read(hf__trip *t, int index, int64_t began);
void hf__trip_read_sync(hf__trip *t, int64_t began);

/* Outside pipeline mode: the next result, sorted in; false at the end. */
bool hf__trip_read_one(hf__trip *t, int64_t began);

/* Whether the session may not be the same after it. */
bool hf__trip_changes_session(const hf__trip *t);

/* send.c: what goes before the statement and its preparation, and the question of what it returns.
 * Then hf__trip_send sends the rest. False: sign one of poison. */
bool hf__trip_send_ahead(hf__trip *t);

/* send.c: everything up to the Sync, and with it if `sync`. False: sign one of poison. */
bool hf__trip_send(hf__trip *t, bool sync);

bool hf__trip_send_sync(hf__trip *t);

/* Instead of a Sync: what was sent so far is answered as it is done. */
bool hf__trip_send_flush(hf__trip *t);

/* Outside pipeline mode: the statement alone. */
bool hf__trip_send_alone(hf__trip *t);

#endif
