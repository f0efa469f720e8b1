/* SPDX-License-Identifier: MIT */
/* Plain queries that travel together over one link.
 *
 * Each goes out behind its own Sync and is a transaction of its own; its future resolves at that
 * Sync and not before. A batch is what a worker finds queued when it becomes free, its fair share
 * of it; it takes more when half of what it may have under way has come back, unless what is under
 * way is slow: nobody is to wait behind that. What has come back is made known when the worker
 * would otherwise sleep, many at a time, since waking a waiter costs more than a query.
 *
 * The fast lane. Reads of a read-only pool, or with .read_only, share one Sync and one transaction,
 * which the server holds read-only whatever the session's default is. Their results are private
 * until that Sync. Where one fails, those before it stand, and those behind it, which were surely
 * not run, go out again with a Sync each; at SERIALIZABLE, and where the Sync itself fails, all do.
 *
 * A cancel may hit a neighbour: the server stops what it finds running. What was stopped without
 * having been asked to was rolled back, and goes out again.
 *
 * Everything here belongs to the worker's thread; hf__batch_take_locked needs the pool's lock. */
#ifndef HF_POOL_BATCH_H
#define HF_POOL_BATCH_H

#include "pool/job.h"

struct hf__worker;
typedef struct hf__batch hf__batch;

/* Whether a job may travel with others. */
bool hf__batch_fits(const hf__job *j);

/* Takes the worker's share of what is queued, which begins with `first`, already taken out. False:
 * it runs alone (the pool does not pipeline, there is no memory). */
bool hf__batch_take_locked(struct hf__worker *w, hf__job *first);

/* Whether there is something to run. */
bool hf__batch_waits(const struct hf__worker *w);

/* Runs what was taken, and more. What is left in *jobs (room for max_pipeline) has its outcome and
 * is to be finished; answers how many. */
int hf__batch_run(struct hf__worker *w, hf__job **jobs);

/* Of those that were taken and not sent the last, which is no longer the batch's; NULL when there
 * are no more than `keep` left. */
hf__job *hf__batch_give_back(struct hf__worker *w, int keep);

void hf__batch_free(hf__batch *b); /* accepts NULL */

#endif
