/* SPDX-License-Identifier: MIT */
/* What is to be done once the open transaction has committed, and the savepoints that it has: work
 * that is undone takes along what was to follow it. The worker's own thread only.
 *
 * Savepoints are known by name as the server knows them: the newest of a name hides the others,
 * rolling back to one forgets those made after it, releasing it forgets it as well. */
#ifndef HF_POOL_HOOKS_H
#define HF_POOL_HOOKS_H

#include <holdfast/conn.h>

/* A savepoint. */
typedef struct hf__point {
	struct hf__point *below;
	int mark;    /* how many hooks there were when it was made */
	bool atomic; /* of hf_conn_atomic: what runs inside must not reach below it */
	char name[]; /* as written */
} hf__point;

typedef struct hf__hooks {
	struct hf__hook *newest;
	int n;
	hf__point *points; /* the newest first */
} hf__hooks;

/* False: no memory, and then neither ran nor freed. */
bool hf__hooks_add(hf__hooks *h, hf_hook_fn *fn, void *arg, hf_free_fn *free_arg);

/* The transaction has ended: runs all in the order given (`run`), or none; frees all, and forgets
 * the savepoints. Runs the user's code: no lock may be held. */
void hf__hooks_end(hf__hooks *h, bool run);

/* A savepoint before it is made, so that the memory is there when it is; NULL: no memory. */
hf__point *hf__point_new(const char *name, bool atomic);

void hf__hooks_savepoint(hf__hooks *h, hf__point *made); /* takes `made` */
void hf__hooks_rollback_to(hf__hooks *h, const char *name);
void hf__hooks_release(hf__hooks *h, const char *name);

/* Whether `name` is one that the innermost hf_conn_atomic keeps from what runs inside it: its own,
 * or one from before it. */
bool hf__hooks_out_of_reach(const hf__hooks *h, const char *name);

/* Whether an hf_conn_atomic has a savepoint of this name. */
bool hf__hooks_taken(const hf__hooks *h, const char *name);

#endif
