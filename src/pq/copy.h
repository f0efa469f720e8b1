/* SPDX-License-Identifier: MIT */
/* COPY through the client, as a run (hf__run.copy) outside of pipeline mode: what goes to and fro
 * between the server's word that it has begun and its result. Cancels, limits and a pool that is
 * being torn down end it as they end a query. */
#ifndef HF_PQ_COPY_H
#define HF_PQ_COPY_H

#include "pq/link.h"

struct hf__trip;

typedef struct hf__copy {
	bool in;
	bool simple; /* by the simple protocol: note "the second Sync" in copy.c */
	int columns; /* as many as the server is to say that there are */

	/* Into the server: gives everything to hf__copy_send, and answers NULL; or why not, and
	 * nothing is kept. */
	hf_error *(*rows)(struct hf__copy *k);
	/* Out of it: one message, data[n] is a NUL, all of it may be written to. NULL; or why no
	 * more are wanted. */
	hf_error *(*message)(struct hf__copy *k, char *data, size_t n);

	/* of the run under way */
	struct hf__trip *trip;
	int64_t began;
	bool over; /* its results have been read */
} hf__copy;

/* Sends what may be any part of the stream. Blocks while the server is busy with what came before.
 * The story, if the COPY has failed meanwhile, or was stopped. */
hf_error *hf__copy_send(hf__copy *k, const char *data, size_t n);

/* Whether it is to stop: it was cancelled, or its time is up. For when nothing was sent for a
 * while. */
hf_error *hf__copy_check(hf__copy *k);

/* wire.c: the server has begun it. */
void hf__copy_serve(struct hf__trip *t, int64_t began);

#endif
