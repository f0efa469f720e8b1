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
	hf__stmt_entry *entry, *evicted;
	bool preparing;
	int n_commands, main_index;
	int xid_index, commit_index; /* -1: not sent */
	hf_error *error;
	PGresult *main;
	hf_result *shell; /* made before sending, for main */
	int evict_index;  /* of the DEALLOCATE that makes room, or -1 */
	bool evict_failed;
} hf__trip;

/* receive.c: the results of command `index`, and then the Sync. `began`: when the run did. */
void hf__trip_read(hf__trip *t, int index, int64_t began);
void hf__trip_read_sync(hf__trip *t, int64_t began);

/* Outside pipeline mode: the next result, sorted in; false at the end. */
bool hf__trip_read_one(hf__trip *t, int64_t began);

/* send.c: everything up to the Sync. False: sign one of poison. */
bool hf__trip_send(hf__trip *t);

/* Outside pipeline mode: the statement alone. */
bool hf__trip_send_alone(hf__trip *t);

#endif
