/* SPDX-License-Identifier: MIT */
/* The inside of a batch: what batch.c (taking, making known), batch_send.c and batch_answer.c
 * share. The worker's own thread only. */
#ifndef HF_POOL_BATCH_INSIDE_H
#define HF_POOL_BATCH_INSIDE_H

#include "pool/batch.h"
#include "pool/pool.h"
#include "pq/wire.h"

/* A MEMBER is a job. The others belong to the fast lane, but for DROPPING, which takes an outdated
 * prepared statement away. */
typedef enum hf__role_in_batch { MEMBER, OPENING, CLOSING, DROPPING } hf__role_in_batch;

/* What was sent and not answered. */
struct hf__flight {
	hf__role_in_batch role;
	bool shared;   /* a member of a group: the Sync is the CLOSING's */
	bool again;    /* sent a second time */
	bool detached; /* its caller was told already: what comes is dropped; a reference to the
			  job */
	hf__job *job;
	char text[32]; /* of a DROPPING */
	hf__run run;
	hf__trip trip;
};

struct hf__next {
	hf__job *job;
	bool again;
	char stale[16]; /* the prepared statement that it had, and must not have */
};

struct hf__batch {
	hf__worker *w;
	int cap; /* jobs at most: in `next`, under way, in `held` and in `done` */
	/* A ring. At first it has room for one group of `cap`, and for as many groups of one when
	 * that was not enough. */
	struct hf__flight *flight;
	int room, first, n;
	bool tight;            /* it was not: nothing more is sent until it has been widened */
	int n_jobs;            /* of n: members */
	size_t bytes;          /* of those */
	int64_t now;           /* when the last were sent */
	struct hf__next *next; /* taken, to be sent; in order */
	int n_next, n_again;   /* n_again of them, at the head, go out a second time */
	hf__job **held;        /* of the group: answered, but its Sync is not */
	int n_held;
	hf__job **done; /* have their outcome; their futures are not ready yet */
	int n_done;
	long total, counted; /* sent since it was empty; of those, in the pool's counters */
	long shared, shared_counted;
	bool closed;         /* nothing more is sent until all has come back */
	bool answered;       /* something has come back since more was taken */
	bool backlog;        /* more was queued than could be taken */
	int n_gathered;      /* answers since gathered_at */
	int64_t gathered_at; /* when it was last about to sleep */
	int64_t pace_ns;     /* the time from one answer to the next: a moving mean */
	int shot_at; /* so many of what is under way a cancel may have hit, from the first on */
	bool serializable; /* the group is */
	bool group_failed; /* and one of its members has */
};

/* A larger ring, if there is memory; nothing is under way. */
void hf__batch_widen(hf__batch *b);

/* The i-th of what is under way. */
struct hf__flight *hf__batch_at(const hf__batch *b, int i);

/* Gives a job its outcome; consumes `e`. */
void hf__batch_fail(hf__batch *b, hf__job *j, hf_error *e);

/* A job goes out once more, before all that was not sent yet. `stale`: see hf__next. */
void hf__batch_again(hf__batch *b, hf__job *j, const char *stale);

/* Makes known what has come back, and takes more if half of what may be under way has. */
void hf__batch_turn_over(hf__batch *b);

/* batch_send.c: all that was taken, as far as it may. */
void hf__batch_send(hf__batch *b);
bool hf__batch_reads_only(const hf__batch *b, const hf__job *j);

/* batch_answer.c: waits for what was sent first. */
void hf__batch_end_first(hf__batch *b);

#endif
