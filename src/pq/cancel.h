/* SPDX-License-Identifier: MIT */
/* Cancelling what runs on a server.
 *
 * A cancel request travels on a connection of its own and names a session, not a statement: one
 * that is late hits the next statement. So nothing is sent on a link until its cancel call has
 * returned (the barrier, hf__cancel_settle). And libpq's call may hang without end when the
 * postmaster is stopped (libpq 14 to 16), so it runs on a canceller thread, never on a worker; a
 * link whose cancel does not return is closed instead. */
#ifndef HF_PQ_CANCEL_H
#define HF_PQ_CANCEL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

/* The threads of one pool that send cancels; they start at the first use. */
typedef struct hf__canceler hf__canceler;

/* What it takes to cancel on one link. Made by its worker after connecting, used while it is open.
 */
typedef struct hf__cancel hf__cancel;

hf__canceler *hf__canceler_new(void); /* NULL: no memory */

/* Waits until `deadline` for the threads to end; one that hangs is left behind and frees what is
 * its own. */
void hf__canceler_close(hf__canceler *cr, int64_t deadline);

hf__cancel *hf__cancel_new(hf__canceler *cr, PGconn *pg); /* NULL: no memory */

/* Lets go; a call still under way frees it when it returns. Accepts NULL. */
void hf__cancel_free(hf__cancel *c);

/* Sends one cancel request, in the background. False: one is under way, or no thread could be
 * started. */
bool hf__cancel_fire(hf__cancel *c);

/* Waits until no request is under way. False: not within so many ms. Both are for the thread that
 * uses the link. */
bool hf__cancel_settle(hf__cancel *c, int ms);

#endif
