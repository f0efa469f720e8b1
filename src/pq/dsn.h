/* SPDX-License-Identifier: MIT */
/* Connection strings: the pool's own keys taken out, safe defaults put in, nothing secret let out.
 */
#ifndef HF_PQ_DSN_H
#define HF_PQ_DSN_H

#include <holdfast/status.h>

/* What PQconnectStartParams takes: n keys and values, NULL-terminated. */
typedef struct hf__dsn {
	char **keys, **values;
	size_t n;
	char *where; /* "host=… port=… dbname=… user=…" for messages: never a password */
} hf__dsn;

/* The pool's own settings in a connection string; what it does not say stays 0 or NULL. */
typedef struct hf__dsn_pool {
	int size, min, queue, timeout_ms, recycle_ms; /* min -1: none */
	bool read_only;
	char *name; /* yours to hf__free */
} hf__dsn_pool;

/* What a pool asks of its sessions; goes into the startup packet. */
typedef struct hf__dsn_session {
	const char *name;
	bool read_only, strict_auth;
	int statement_ms;   /* 0: no limit */
	int idle_in_txn_ms; /* idle_in_transaction_session_timeout; 0: no limit */
} hf__dsn_session;

/* Reads a conninfo string or URI; pool keys in it go to *pool (zeroed first). HF_E_MISUSE: the
 * string cannot be parsed, or has an unknown key, which the message names. */
hf_status hf__dsn_init(hf__dsn *d, const char *dsn, hf__dsn_pool *pool, hf_error **out_error);

/* Adds keepalives, TLS and session defaults for what was not given. */
hf_status hf__dsn_complete(hf__dsn *d, const hf__dsn_session *session, hf_error **out_error);

/* Wipes and frees. Accepts a zeroed one. */
void hf__dsn_finish(hf__dsn *d);

#endif
