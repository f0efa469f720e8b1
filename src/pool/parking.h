/* SPDX-License-Identifier: MIT */
/* Who is parked in a pool, and what became of those who were. Knows tokens, not transactions.
 *
 * A parked entry is found by its token until it is buried; from then on the token finds the reason,
 * for an hour, or until a thousand others were buried. All functions in _locked need the pool's
 * lock. */
#ifndef HF_POOL_PARKING_H
#define HF_POOL_PARKING_H

#include "base/ring.h"

#include <holdfast/status.h>

#include <stdint.h>

#define HF__TOKEN_BYTES 16

/* Embedded in what is parked. */
typedef struct hf__parked {
	APR_RING_ENTRY(hf__parked) link;
	unsigned char token[HF__TOKEN_BYTES];
} hf__parked;

typedef struct hf__tomb {
	unsigned char token[HF__TOKEN_BYTES];
	hf_error *why; /* NULL: unused */
	int64_t at;
} hf__tomb;

typedef struct hf__parking {
	APR_RING_HEAD(hf__parked_ring, hf__parked) parked;
	hf__tomb *tombs; /* a ring, made when it is first needed, so that burying never fails */
	unsigned next;
	int n;
} hf__parking;

/* In a time that does not tell how much of it was right. */
bool hf__parking_same(const unsigned char *a, const unsigned char *b);

void hf__parking_init(hf__parking *k);
void hf__parking_finish(hf__parking *k);

/* False: no memory. */
bool hf__parking_prepare_locked(hf__parking *k);
void hf__parking_add_locked(hf__parking *k, hf__parked *e);
hf__parked *hf__parking_find_locked(hf__parking *k, const unsigned char *token);
void hf__parking_bury_locked(hf__parking *k, hf__parked *e, hf_error *why); /* consumes `why` */

/* Why a token finds nothing any more: a reference, or NULL when it was never seen. */
hf_error *hf__parking_reason_locked(hf__parking *k, const unsigned char *token);

#endif
