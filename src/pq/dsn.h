/* SPDX-License-Identifier: MIT */
/* Connection strings: the pool's own keys taken out, safe defaults put in, nothing secret let out.
 */
#ifndef HF_PQ_DSN_H
#define HF_PQ_DSN_H

#include <holdfast/status.h>

#define HF__MAX_CONNS 10000

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

/* dsn_read.c: reads a conninfo string or URI; pool keys in it go to *pool (zeroed first).
 * HF_E_MISUSE: the string cannot be parsed, or has a key that is unknown or a pool key that is
 * wrong or there twice, which the message names. Of libpq's own keys the last one wins, as with
 * libpq. */
hf_status hf__dsn_init(hf__dsn *d, const char *dsn, hf__dsn_pool *pool, hf_error **out_error);

bool hf__dsn_is_uri(const char *dsn);

/* true, false, yes, no, on, off, 1, 0. False: it is none of them. */
bool hf__dsn_switch(const char *text, bool *out);

/* Adds keepalives, TLS and session defaults for what was not given. */
hf_status hf__dsn_complete(hf__dsn *d, const hf__dsn_session *session, hf_error **out_error);

/* Wipes and frees. Accepts a zeroed one. */
void hf__dsn_finish(hf__dsn *d);

/* The value of a key; lent; NULL: it has none. */
char *hf__dsn_get(const hf__dsn *d, const char *key);

/* False: no memory. */
bool hf__dsn_set(hf__dsn *d, const char *key, const char *value);

/* Fills in `where`. False: no memory. */
bool hf__dsn_describe(hf__dsn *d);

/* dsn_target.c: where it leads. */

/* Another one that leads to this database of the same server; else the same, completed if `from`
 * is. False: no memory, and *to is empty. */
bool hf__dsn_copy_at(hf__dsn *to, const hf__dsn *from, const char *database);

/* The connection string, as it was written, with another database; yours to hf__free after wiping
 * it: it may hold a password. NULL: no memory. */
char *hf__dsn_text_at(const char *dsn, const char *database);

/* The database that it leads to. False: that stands in a service, or there is no memory. */
bool hf__dsn_database(const hf__dsn *d, char *out, size_t n);

/* Whether both say the same server, as far as they say it: the same host, port and service, with
 * the defaults of the environment. Two names of one server are not seen to be one. */
bool hf__dsn_same_server(const hf__dsn *a, const hf__dsn *b);

/* A URI without secrets, yours to hf__free; NULL: no memory. */
char *hf__dsn_url(const hf__dsn *d);

#endif
