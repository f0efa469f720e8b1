/* SPDX-License-Identifier: MIT */
/* What a transaction tells the pool's reports of who holds a connection. */
#include "txn/txn.h"

#include "base/clock.h"

/* The call that a user made. */
static const char *call_name(const hf__job *j)
{
	switch (j->more->verb) {
	case HF__TXN_SAVEPOINT:
		return "hf_txn_savepoint";
	case HF__TXN_ROLLBACK_TO:
		return "hf_txn_rollback_to";
	case HF__TXN_RELEASE:
		return "hf_txn_release";
	case HF__TXN_COMMIT:
		return "hf_txn_commit";
	case HF__TXN_ROLLBACK:
		return "hf_txn_rollback";
	case HF__TXN_SETTLE:
	case HF__TXN_PREPARE:
		return j->more->txn->scoped ? "hf_scope_commit" : "hf_global_commit";
	case HF__TXN_COMMIT_CHAIN:
		return "hf_txn_commit_chain";
	case HF__TXN_ROLLBACK_CHAIN:
		return "hf_txn_rollback_chain";
	case HF__TXN_HOOK:
		return "hf_txn_on_commit";
	default:
		return j->kind == HF__JOB_FN ? "hf_txn_run" : "hf_txn_query";
	}
}

void hf__txn_note(hf_conn *c, const hf__job *j)
{
	hf__worker_note_held(c->worker, HF__HOLD_RUNNING, call_name(j), &j->site, HF__NEVER);
}
