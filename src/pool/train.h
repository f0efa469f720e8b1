/* SPDX-License-Identifier: MIT */
/* Statements of one transaction that travel together: sent one behind the other into an open
 * transaction, with a Flush in front of each that may wait for others, and a Sync behind the last
 * of each lot. See decision 10.
 *
 * Only the thread whose the connection is. What is under way is ended in the order sent: next makes
 * the first of it the one that hf__conn_execute (or hf__conn_drop_sent) waits for. */
#ifndef HF_POOL_TRAIN_H
#define HF_POOL_TRAIN_H

#include "pool/worker.h"

void hf__train_free(hf__train *t); /* accepts NULL */

/* How many may be sent now, and of how many bytes. 0: none, as this is no time for it (no
 * transaction is open, or it has failed, or the worker is called away). */
int hf__train_room(hf_conn *c, size_t *bytes);

/* Whether this one may travel so, and whether another may be sent behind it. */
bool hf__train_fits(const hf__job *j);
bool hf__train_is_quick(const hf_conn *c, const hf__job *j);

/* Sends one; c->job is this job, and its clock is set. `last`: of those that are sent now. False:
 * it was not sent, for want of memory or since it is not to run any more. Then close, after one or
 * more were sent: their Sync. */
bool hf__train_send(hf_conn *c, hf__job *j, bool last);
void hf__train_close(hf_conn *c);

hf__job *hf__train_first(const hf_conn *c); /* NULL: nothing is under way */
hf__job *hf__train_next(hf_conn *c);        /* the same, and it is c->sent now */

/* The first was ended with this error, which is lent, or NULL. */
void hf__train_ended(hf_conn *c, const hf_error *e);

/* The last one, which nobody will wait for; the link is broken from now on. NULL: none is left. */
hf__job *hf__train_drop_last(hf_conn *c);

#endif
