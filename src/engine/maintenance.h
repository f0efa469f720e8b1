/* SPDX-License-Identifier: MIT */
/* A connection of its own to a pool's server, for what concerns databases as a whole. */
#ifndef HF_ENGINE_MAINTENANCE_H
#define HF_ENGINE_MAINTENANCE_H

#include "pool/pool.h"

typedef struct hf__maintenance {
	hf_pool *pool;
	hf__wake wake; /* nobody signals it: a link sleeps on one */
	hf__canceler *canceler;
	hf__link link;
} hf__maintenance;

/* Connects as the pool's user to "postgres", "template1" or the pool's own database, but not to
 * `avoid` (may be NULL) if there is another. Blocks. NULL, or why not; what is there is then closed
 * again. */
hf_error *hf__maintenance_open(hf__maintenance *m, hf_pool *p, const char *avoid);

/* The same, to the pool's own database, wherever that stands. */
hf_error *hf__maintenance_open_own(hf__maintenance *m, hf_pool *p);

void hf__maintenance_close(hf__maintenance *m);

/* A statement outside of a transaction, with its limit (0: the pool's). `out` may be NULL. */
hf_error *hf__maintenance_run(hf__maintenance *m, const char *sql, int timeout_ms, hf_result **out);

#endif
