/* SPDX-License-Identifier: MIT */
/* The inside of a scope and its sessions.
 *
 * No lock: one thread at a time uses it. What is shared is in the registry, the pools and the
 * global transaction.
 *
 * A session looks its engine up when it needs it first, and keeps a reference until the scope ends.
 * Those whose mode has a transaction begin a branch of scope->global with their first statement; a
 * commit or a rollback frees that one and with it all branches. A commit that failed leaves it,
 * ended as it is, for those who still look at its transactions. */
#ifndef HF_ENGINE_SCOPE_H
#define HF_ENGINE_SCOPE_H

#include "engine/engines.h"

#include <holdfast/scope.h>

#include "base/arena.h"

/* What a session's statements go through. */
typedef enum hf__carrier {
	HF__ON_SCOPE, /* and an engine of its registry */
	HF__ON_CONN,
	HF__ON_TXN,
	HF__ON_POOL,
	HF__ON_FUTURE, /* a pool: the one statement is sent, and not waited for */
} hf__carrier;

struct hf_session {
	hf__carrier carrier;
	union {
		hf_conn *conn;
		hf_txn *txn;
		hf_pool *pool;
	} on;            /* not HF__ON_SCOPE; lent */
	hf_future *sent; /* of HF__ON_FUTURE */
	/* of single rows, see carrier.c */
	hf__arena memory;
	struct hf__kept_row *kept;
	/* rows of hf_new, by their address: n_fresh in fresh_room buckets */
	struct hf__fresh **fresh;
	size_t n_fresh, fresh_room;
	hf_error *error; /* of the last verb */
	void *stale;     /* the row that it met, of the table whose plan this is; NULL: none */
	const void *stale_of;
	/* of HF__ON_SCOPE */
	APR_RING_ENTRY(hf_session) link;
	hf_scope *scope;             /* lent: it owns this; NULL: a static one */
	hf_status none;              /* HF_OK, or what it stands for: its statements answer this */
	char name[HF__NAME_MAX + 1]; /* "!default" for the default; cut where it is too long */
	hf__engine *engine;          /* a reference, once it was looked up */
	hf_mode mode;                /* then */
	hf_txn *txn;                 /* lent by scope->global; NULL: not begun */
	hf_session_status status;
};

struct hf_scope {
	hf__ref refs;
	unsigned forks;
	hf_engines *engines; /* a reference; NULL: it was the parent's, before a fork */
	char *label;
	void *user;
	bool two_phase, ended;
	bool failed;     /* its commit has: until it is rolled back nothing can be added */
	bool settling;   /* inside a commit or a rollback, whose participants may call us */
	hf_txn_opts txn; /* its label is scope->label, where it has none of its own */
	char *txn_label;
	char **any; /* names and NULL */
	hf_global *global;
	hf_error *lost;   /* why a statement could not even begin: there is no commit without it */
	hf_session spare; /* stands for those that there was no memory for */
	APR_RING_HEAD(hf__session_ring, hf_session) sessions;
};

/* session.c: a static one whose statements answer this: HF_E_MISUSE or HF_E_FORKED. */
hf_session *hf__session_none(hf_status why);

/* A static one that no thread has to itself: its sessions answer HF_E_FORKED. */
hf_scope *hf__scope_of_the_parent(void);

/* Why the scope takes no calls: NULL, forked, ended. */
hf_error *hf__scope_refusal(const hf_scope *s);

/* session.c: whether the scope has a transaction at this session's engine, whoever has begun it. */
bool hf__session_in_txn(hf_session *s);

/* A part of it could not begin for this reason (lent), and would be missing from a commit: the
 * first one is kept. */
void hf__scope_lose(hf_scope *s, hf_error *e);

/* Why its transactions take no more: its commit has failed. NULL: it has not. */
hf_error *hf__scope_failure(const hf_scope *s);

/* The scope's global transaction, made if there is none. NULL: no memory. */
hf_global *hf__scope_global(hf_scope *s);

/* session.c: the pool on which the statements of a scope's session stand alone. NULL: they are in a
 * transaction, or *e tells why there is none. */
hf_pool *hf__session_alone(hf_session *s, hf_error **e);

/* --- whole.c --- */

/* Statements that are to be one transaction. */
typedef struct hf__whole {
	hf_txn *txn;         /* their own, which carries the session; NULL: there is none */
	hf_pool *pool;       /* with that: of */
	hf__carrier carrier; /* and what carries the session otherwise */
	hf_conn *conn;       /* whose transaction was begun for them; NULL: none was */
} hf__whole;

/* From here on what the session does is one transaction, also for others that use the session.
 * Where it is in one anyway nothing happens, nor at a second call. `w` is zeroed. NULL, or why
 * not. */
hf_error *hf__whole_begin(const hf_site *site, hf_session *s, hf__whole *w);

/* Commits it, or rolls it back, and waits. NULL, or why it was not kept. */
hf_error *hf__whole_end(const hf_site *site, hf_session *s, hf__whole *w, bool keep);

/* --- carrier.c --- */

/* Remembers a row that hf_new has made, and what it was then (both in the session's memory); what
 * that was: NULL: hf_new has not made it. False: no memory. */
bool hf__session_freshen(hf_session *s, const void *row, const void *image);
const void *hf__session_image(const hf_session *s, const void *row);

/* One statement, and its end: the result is yours, and may be NULL. *out is written in every case.
 * `many_rows`: see hf_query_opts. */
hf_error *hf__session_execute(const hf_site *site, hf_session *s, bool many_rows, hf_result **out,
	const char *sql, const hf_value *args, size_t n);

/* Lets the result live as long as the single rows do, and takes it. False: no memory; it is gone.
 */
bool hf__session_keep(hf_session *s, hf_result *res);

/* The calls of scope.h for a session that is not a scope's. */
hf_error *hf__carried_fetch(const hf_site *site, hf_session *s, const hf_query_opts *opts,
	hf_result **out, const char *sql, const hf_value *args, size_t n);
hf_future *hf__carried_query(const hf_site *site, hf_session *s, const hf_query_opts *opts,
	const char *sql, const hf_value *args, size_t n);
hf_future *hf__carried_run(const hf_site *site, hf_session *s, const hf_job *job);

hf_pool *hf__carried_pool(const hf_session *s);

/* session.c: frees what a refused query was given. */
void hf__session_drop_opts(const hf_query_opts *opts);

/* One that sends its only statement: whoever calls a verb with it has its future from
 * hf__session_sent, which takes the verb's status for form's sake; where nothing was sent, it has
 * failed as the verb did. */
hf_session hf__session_sending(hf_pool *p);
hf_future *hf__session_sent(const hf_site *site, hf_session *s, hf_status st);

/* The end of a verb: `e` is its story, and is taken. */
hf_status hf__session_told(hf_session *s, hf_error *e);

/* Frees what single rows have. */
void hf__session_forget(hf_session *s);

#endif
