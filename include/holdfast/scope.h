/* SPDX-License-Identifier: MIT */
/* A scope: what one request does with the engines of a registry.
 *
 *     hf_scope *s = hf_scope_new(engines, HF_SCOPE_OPTS(.label = "POST /close", .user = request));
 *     st = hf_session_fetch(hf_reader(s), &owner, &why, "select …");
 *     st = hf_session_fetch(hf_writer(s), NULL, &why, "update …");
 *     st = hf_scope_commit(s, &why);
 *     hf_scope_unref(s);                  ends it: what was not committed is rolled back
 *
 * A scope has a session for each name that is asked for, and asking does nothing yet: a session
 * starts with its first statement. Then it looks its engine up, and keeps it until the scope ends.
 * Names that mean one engine in one mode share its transaction.
 * What it does with its statements is the engine's mode (hf_mode): those of TXN and SNAPSHOT are in
 * one transaction, which is a branch of the scope's global transaction (see global.h for the order
 * of a commit over several engines, and for its window without two phases); the others stand alone,
 * and neither commit nor rollback concerns them.
 *
 * A scope, with its sessions, is used by one thread at a time; the futures that its sessions give,
 * by any. Scopes of one registry know nothing of each other. */
#ifndef HOLDFAST_SCOPE_H
#define HOLDFAST_SCOPE_H

#include <holdfast/engine.h>
#include <holdfast/global.h>

HF__BEGIN

typedef struct hf_scope hf_scope;
typedef struct hf_session hf_session;

typedef enum hf_session_status {
	HF_SESSION_INIT,  /* untouched */
	HF_SESSION_START, /* has had a statement */
	HF_SESSION_END,   /* had one, and the scope has ended */
} hf_session_status;

typedef struct hf_scope_opts {
	size_t struct_size; /* set by HF_SCOPE_OPTS */
	const char *label; /* in messages, log lines and names of prepared transactions ["scope"] */
	void *user;        /* yours: hf_scope_user. Not copied, not freed */
	bool two_phase;    /* hf_scope_commit in two phases; pools of engines that write need
			      .two_phase */
	/* For hf_scope_any: names, the first one first, and NULL; copied [reader, writer]. */
	const char *const *any;
	/* For its transactions, with defaults as in hf_txn_begin; copied. SNAPSHOT sets .isolation,
	 * unless it is SERIALIZABLE, and .read_only. */
	const hf_txn_opts *txn;
} hf_scope_opts;

/* Makes a scope. No I/O, no lock but the registry's count. NULL without memory, for `e` NULL, and
 * for options that are not made with HF_SCOPE_OPTS. Holds a reference to the registry. In the child
 * of a fork, before hf_engines_reopen, it is one whose statements answer HF_E_FORKED, for good. */
HF_OWNED hf_scope *hf_scope_new(hf_engines *e, const hf_scope_opts *opts);

/* The session for an engine or a role of that name (NULL: the default); the same one each time.
 * Lent until the last unref of the scope. Never NULL: what is wrong (no such engine, `s` NULL or
 * ended, no memory) is answered by the statements. No I/O: it may be handed to a cache that needs
 * it only on a miss. An engine that is registered later will be found. */
HF_API hf_session *hf_scope_session(hf_scope *s, const char *name);

/* The first of the preferences (.any) that has started, else the first of them that is not. With an
 * empty list its statements answer HF_E_MISUSE. Otherwise as hf_scope_session. */
HF_API hf_session *hf_scope_any(hf_scope *s);

/* Commits the transactions of all sessions, and finishes what has joined. HF_OK: the scope goes on,
 * its next statement for such an engine begins another transaction. Otherwise all is rolled back,
 * or (HF_MAYBE_COMMITTED) *out_error says what became of each engine's: as hf_global_commit. After
 * a failure statements of such sessions, and a second commit, answer HF_E_TXN_ENDED until
 * hf_scope_rollback; but after HF_E_DEADLOCK (a thread of one of its pools) nothing was done. A
 * statement that could not begin (no such engine, no memory) fails the commit with its error, as it
 * would be missing. Where there is nothing to commit, HF_OK. HF_E_TXN_ENDED after the end,
 * HF_E_MISUSE for NULL and from a participant's calls, HF_E_FORKED in the child of a fork. Blocks
 * until all is decided. */
HF_CHECK hf_status hf_scope_commit(hf_scope *s, hf_error **out_error);

/* Rolls the transactions back, waits until they are, and aborts what has joined. The scope goes on,
 * with new transactions. HF_OK, also where there is nothing; HF_E_DEADLOCK, HF_E_TXN_ENDED,
 * HF_E_MISUSE and HF_E_FORKED as above. */
HF_API hf_status hf_scope_rollback(hf_scope *s);

/* Something that is no database takes part in the next commit or rollback, as hf_global_join; from
 * its calls the scope cannot be committed, rolled back or ended (HF_E_MISUSE). On
 * failure free_arg has run: HF_E_MISUSE, HF_E_NOMEM, HF_E_TXN_ENDED (also after a commit that
 * failed). */
HF_CHECK hf_status hf_scope_join(hf_scope *s, const hf_participant *p);

/* Ends it: rolls back what is not committed and waits until it is, but not on a thread where
 * waiting would never end. Statements that stand alone run on. Whatever it has lent but its
 * sessions is gone; those answer HF_E_TXN_ENDED. Idempotent: HF_OK. HF_E_MISUSE for NULL and from a
 * participant's calls, HF_E_FORKED in the child of a fork. */
HF_API hf_status hf_scope_end(hf_scope *s);

/* A further reference, and the release of one (NULL for NULL): the last ends it and frees it, with
 * its sessions. In the child of a fork both do nothing. */
HF_OWNED hf_scope *hf_scope_ref(hf_scope *s);
HF_API hf_scope *hf_scope_unref(hf_scope *s);

HF_API void *hf_scope_user(const hf_scope *s);        /* .user; NULL for NULL */
HF_API const char *hf_scope_label(const hf_scope *s); /* lent; "" for NULL */

/* Of the session of that name; INIT where there is none. Makes none. */
HF_API hf_session_status hf_scope_status(hf_scope *s, const char *name);

/* "INIT", "START" or "END". Lent for ever. */
HF_API const char *hf_session_status_name(hf_session_status st);

/* --- sessions --- */

/* One statement, in the session's mode. As hf_query_with and, in a transaction, as
 * hf_txn_query_with, whose options count; `opts` NULL are the defaults. Never NULL. Waits for
 * nothing. The one without options is below, as a macro. A session on a transaction or a pool sends
 * it there; in an interaction, which has no futures, it is HF_E_MISUSE. */
HF_OWNED hf_future *hf_session_query_at(const hf_site *site, hf_session *s,
	const hf_query_opts *opts, const char *sql, const hf_value *args, size_t n);

/* The same, and waits: *out (may be NULL) receives the result, yours to unref, or NULL; *out_error
 * (may be NULL) the story. As hf_fetch. HF_E_DEADLOCK on a thread of the engine's pool, but not in
 * an interaction, where it is that one's statement: of the options only .on_row and .many_rows are
 * possible then. */
HF_CHECK hf_status hf_session_fetch_at(const hf_site *site, hf_session *s,
	const hf_query_opts *opts, hf_result **out, hf_error **out_error, const char *sql,
	const hf_value *args, size_t n);

/* An interaction, as hf_submit, and in a transaction as hf_txn_run. Never NULL; where it is refused
 * free_arg has run. In another interaction HF_E_MISUSE: see hf_conn_run. */
HF_OWNED hf_future *hf_session_run_at(const hf_site *site, hf_session *s, const hf_job *job);

/* The transaction that the session is on, or that of one whose mode has one, for savepoints and
 * hooks: begun, if there is none yet. Lent until the scope's next commit, rollback or end;
 * hf_txn_commit and parking are refused on it. NULL in other modes, after the end or a commit that
 * failed, and without an engine.
 */
HF_API hf_txn *hf_session_txn_at(const hf_site *site, hf_session *s);

HF_API hf_scope *hf_session_scope(const hf_session *s);    /* lent; NULL: it has none */
HF_API const char *hf_session_engine(const hf_session *s); /* as asked for; lent, never NULL */
HF_API hf_session_status hf_session_status_of(const hf_session *s);

/* Its pool: lent until the scope, or what carries the session, ends. NULL: no such engine, or the
 * scope has ended. Fixes the engine as a statement would, but starts nothing. */
HF_API hf_pool *hf_session_pool(hf_session *s);

/* --- sessions without a scope, and the memory of single rows: see orm.h --- */

/* NULL without memory, or for NULL. What carries it must outlive it. */
HF_OWNED hf_session *hf_session_on_conn(hf_conn *c);
HF_OWNED hf_session *hf_session_on_txn(hf_txn *t);
HF_OWNED hf_session *hf_session_on_pool(hf_pool *p);

/* Lets go of one that was made by a call above; its single rows go with it. Sessions of a scope end
 * with their scope. */
HF_API hf_session *hf_session_unref(hf_session *s);

/* Why the last verb failed; NULL: it did not. Lent until the next verb. */
HF_API const hf_error *hf_session_error(const hf_session *s);

/* Memory of the session's own, aligned for any type and zeroed: for texts that are put into rows.
 * Freed by hf_session_clear and with the session, together with all its single rows. */
HF_API void *hf_session_alloc(hf_session *s, size_t n);
HF_API char *hf_session_text(hf_session *s, const char *text);
HF_API void hf_session_clear(hf_session *s);

/* --- a scope for each thread --- */

/* This thread's scope for this registry, made at the first call, with default options but its
 * label, "thread". Lent; ends with hf_thread_scope_end, or with the thread, whatever that has not
 * committed being rolled back. Of one that hf_scope_end has ended the next call lets go, and makes
 * another. NULL: as hf_scope_new, and where the process has no key left: each registry that is used
 * so takes one (pthread_key_create), and there are PTHREAD_KEYS_MAX (1024). In the child of a fork
 * it is a new one, behind hf_engines_reopen; before that, one whose statements answer HF_E_FORKED.
 */
HF_API hf_scope *hf_thread_scope(hf_engines *e);

/* Ends it; the next call of hf_thread_scope on this thread makes a new one. Nothing where there is
 * none. */
HF_API void hf_thread_scope_end(hf_engines *e);

HF__END

#ifndef __cplusplus
#define HF_SCOPE_OPTS(...)                                                                         \
	(&(const hf_scope_opts){ .struct_size = sizeof(hf_scope_opts), __VA_ARGS__ })

#define hf_reader(scope) hf_scope_session((scope), "reader")
#define hf_writer(scope) hf_scope_session((scope), "writer")
#define hf_logger(scope) hf_scope_session((scope), "logger")

#define hf_session_query(session, ...)                                                             \
	hf_session_query_at(HF_HERE, (session), NULL, HF__SQL(__VA_ARGS__))
#define hf_session_query_with(session, opts, ...)                                                  \
	hf_session_query_at(HF_HERE, (session), (opts), HF__SQL(__VA_ARGS__))
#define hf_session_fetch(session, out, out_error, ...)                                             \
	hf_session_fetch_at(HF_HERE, (session), NULL, (out), (out_error), HF__SQL(__VA_ARGS__))
#define hf_session_fetch_with(session, opts, out, out_error, ...)                                  \
	hf_session_fetch_at(HF_HERE, (session), (opts), (out), (out_error), HF__SQL(__VA_ARGS__))
#define hf_session_run(session, job) hf_session_run_at(HF_HERE, (session), (job))
#define hf_session_txn(session)      hf_session_txn_at(HF_HERE, (session))
#endif

#endif
