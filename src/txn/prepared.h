/* SPDX-License-Identifier: MIT */
/* Prepared transactions: making one, and ending one from another session. */
#ifndef HF_TXN_PREPARED_H
#define HF_TXN_PREPARED_H

#include "pool/worker.h"

/* PREPARE TRANSACTION on the session's open transaction, which is over afterwards in any case.
 * NULL, or the story: HF_MAYBE_COMMITTED means that it may have been prepared, any other that it
 * was rolled back. */
hf_error *hf__conn_prepare(hf_conn *c, const char *gid);

/* COMMIT PREPARED or ROLLBACK PREPARED, in a .manual job. The connection is given up at `give_up`
 * (or after stall_ms). NULL, or the story: HF_MAYBE_COMMITTED where the answer of a commit was
 * lost, 42704 where there is none of that name. */
hf_error *hf__conn_end_prepared(hf_conn *c, const char *gid, bool commit, int64_t give_up);

#endif
