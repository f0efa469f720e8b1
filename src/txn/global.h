/* SPDX-License-Identifier: MIT */
/* The inside of a global transaction.
 *
 * No lock: one thread at a time uses it. What its branches do goes through their transactions,
 * which are any thread's.
 *
 * Order of an end. Participants begin, participants vote, branches settle (each tells whether it
 * failed and whether it wrote), branches commit (branches.c, two_phase.c), participants finish.
 * `decided` is the point of no return: before it any failure rolls all back and aborts the
 * participants; after it what is left is tried to the end, the participants finish, and what could
 * not be done is told. In one phase it is the first COMMIT of a branch that wrote which the server
 * has confirmed; in two phases the last PREPARE.
 *
 * Memory. Every command that ends a branch is made before the first is sent, so that running out of
 * it cannot leave work half done. */
#ifndef HF_TXN_GLOBAL_H
#define HF_TXN_GLOBAL_H

#include "txn/txn.h"

#include <holdfast/global.h>

/* What has become of a branch. */
typedef enum hf__fate {
	HF__FATE_OPEN,
	HF__FATE_ROLLED_BACK,
	HF__FATE_COMMITTED,
	HF__FATE_PREPARED, /* surely, or perhaps: its PREPARE was lost */
	HF__FATE_UNKNOWN,  /* its COMMIT was lost, and nobody could be asked */
	HF__FATE_LEFT,     /* prepared, or perhaps, and it could not be ended */
} hf__fate;

typedef struct hf__branch {
	APR_RING_ENTRY(hf__branch) link;
	hf_txn *txn;                                /* a reference */
	const char *engine;                         /* of a scope's, lent; else NULL */
	int number;                                 /* from 1, as begun */
	char xid[24];                               /* "": it wrote nothing */
	char server[sizeof((hf__link *)0)->server]; /* whose number that is */
	char gid[128];
	hf__job *command;  /* the end that was made for it, or NULL */
	hf_future *future; /* and then submitted, or NULL */
	hf__fate fate;
	hf_error *why; /* the last that went wrong */
	int64_t until; /* how long ending a prepared one is tried */
} hf__branch;

typedef struct hf__member {
	APR_RING_ENTRY(hf__member) link;
	hf_participant p; /* its texts are copies */
} hf__member;

struct hf_global {
	unsigned forks;
	bool two_phase, ended, decided;
	char label[41];
	const char *scope; /* the label of the scope that has it, lent; or NULL */
	int n_branches;
	APR_RING_HEAD(hf__branch_ring, hf__branch) branches;
	APR_RING_HEAD(hf__member_ring, hf__member) members; /* by sort_key */
	hf_error *poison; /* what could not become part of it: it can only abort */
};

/* participant.c: their calls, in order. NULL, or who refused. */
hf_error *hf__members_begin(hf_global *g);
hf_error *hf__members_vote(hf_global *g);

/* finish or abort; then they are freed. */
void hf__members_end(hf_global *g);

/* branches.c */

/* Whether this thread could never see the end of a branch. */
bool hf__branches_stuck(const hf_global *g);

/* Waits for what was submitted to each, and learns what it wrote. NULL, or the first failure. */
hf_error *hf__branches_settle(hf_global *g);

/* Commits all: sets `decided` and fates. NULL, or the first failure. */
hf_error *hf__one_phase(hf_global *g);

/* Rolls back those that are open, and waits if `wait`. */
void hf__branches_roll_back(hf_global *g, bool wait);

/* Makes the command that is to end a branch. NULL, or no memory. */
hf_error *hf__branch_make(hf__branch *b, int verb);
void hf__branch_submit(hf__branch *b);
hf_status hf__branch_await(hf__branch *b); /* the outcome; b->why has the story */

/* Commits those that wrote nothing: there is nothing to lose. NULL, or the first failure. */
hf_error *hf__readers_commit(hf_global *g);

bool hf__branch_wrote(const hf__branch *b);

/* A branch of a scope's, for this engine: errors tell of that. Otherwise as hf_global_begin_at. */
hf_txn *hf__global_begin(
	const hf_site *site, hf_global *g, hf_pool *p, const hf_txn_opts *opts, const char *engine);

/* "branch 2 of 3 (pool "shop")", or "engine "writer"". Gives `out`. */
const char *hf__branch_name(const hf_global *g, const hf__branch *b, char *out, size_t n);

/* That, and why. */
hf_error *hf__branch_error(const hf_global *g, const hf__branch *b);

/* two_phase.c: as hf__one_phase. */
hf_error *hf__two_phases(hf_global *g);

/* story.c: what a caller is told. NULL where all went well. Consumes `e`. */
hf_error *hf__global_story(const hf_global *g, hf_error *e);

#endif
