/* SPDX-License-Identifier: MIT */
/* The pool: worker threads that own one libpq connection each, and the queue before them.
 *
 * You do not check a connection out. You submit a query or a function (an interaction) and get a
 * future; acquiring is queueing. Work starts in the order it was submitted.
 *
 *     hf_pool *pool;
 *     hf_error *why;
 *
 *     if (hf_pool_open("dbname=shop", HF_POOL_OPTS(.max_conns = 16), &pool, &why) != HF_OK)
 *             return complain(why);
 *     ...
 *     hf_pool_close(pool, 0);
 *     hf_pool_unref(pool);
 */
#ifndef HOLDFAST_POOL_H
#define HOLDFAST_POOL_H

#include <holdfast/future.h>
#include <holdfast/histogram.h>

HF__BEGIN

typedef struct hf_pool hf_pool;
typedef struct hf_conn hf_conn;
typedef struct hf_reply hf_reply;

/* ERROR: holdfast cannot do its work. WARN: something was lost, or will be. INFO: the lives of
 * pools and connections, and what changes a schema. DEBUG: every statement. */
typedef enum hf_log_level { HF_LOG_ERROR, HF_LOG_WARN, HF_LOG_INFO, HF_LOG_DEBUG } hf_log_level;

/* One line, without a newline, free of secrets and control characters. Called from any thread of
 * the pool, and from one that waits for work of it, several at once, with no lock held; it must not
 * call back into the pool. */
typedef void hf_log_fn(hf_log_level level, const char *message, void *arg);

/* Runs on a worker for each new connection, before its first job and again after a session reset.
 * What it sets is part of the session's clean state. Anything but HF_OK fails the connect. */
typedef hf_status hf_connect_fn(hf_conn *conn, void *arg);

/* 0 asks for the default in brackets. Durations are milliseconds; HF_FOREVER sets no limit. */
typedef struct hf_pool_opts {
	size_t struct_size; /* set by HF_POOL_OPTS */
	const char *name; /* in thread names, log lines, messages, application_name ["holdfast"] */
	int min_conns;    /* kept open [1]; HF_NONE: connect at the first use */
	int max_conns;    /* hard limit [8] */
	int max_queue;    /* waiting jobs, beyond it HF_E_BUSY [64 per connection]; HF_FOREVER: no
			     limit */
	int connect_ms;   /* one whole attempt, all hosts [10000] */
	int acquire_ms;   /* longest stay in the queue, else HF_E_BUSY [30000] */
	int statement_ms; /* limit of one statement, enforced by the server [none] */
	int idle_ms;      /* beyond min_conns, close after [600000] */
	int lifetime_ms;  /* replace a connection after, less up to 10 % at random [1800000] */
	int ping_idle_ms; /* probe before use after this much silence [60000] */
	int ping_ms;      /* how long a probe may take [2000] */
	int shutdown_ms;  /* drain time of hf_pool_close, then cancel and terminate [5000] */
	/* How long holdfast's own commands (BEGIN, COMMIT, ROLLBACK, a session's reset) may stay
	 * unanswered before the connection is given up [60000]. A statement without a limit of its
	 * own waits as long as its connection lives: on TCP, keepalives see a dead one within a
	 * minute. */
	int stall_ms;
	int max_statements; /* prepared statements kept per connection [256]; HF_NONE: none */
	/* Plain queries under way on one connection at most [32]: those that wait together travel
	 * together, each a transaction of its own still. 1: one at a time, which some poolers need.
	 */
	int max_pipeline;
	/* Transactions (hf_txn) that nobody gives a command for so long are rolled back [30000]. */
	int txn_idle_ms;
	int txn_max_ms; /* and those that live longer, with commands or without [300000] */
	/* The longest idle time that a transaction may be given, held or parked [600000]. The
	 * server itself ends a session that was idle in a transaction for 10 s more than that. */
	int lease_ms;
	/* Parked transactions at most [max_conns - max(1, max_conns / 4)], and never so many that
	 * no connection is left for other work; HF_NONE: none. */
	int max_parked;
	int hold_warn_ms; /* log who holds a connection for longer, once each [60000] */
	int outcome_ms;   /* how long to ask after a COMMIT whose answer was lost [30000] */
	/* A table of hf_outcome_setup, "schema.name": each transaction that wrote leaves a row in
	 * it, so that what became of its COMMIT can be told even by a server that took over [none].
	 */
	const char *outcome_table;
	bool two_phase;    /* allow PREPARE TRANSACTION: .manual jobs and hf_global */
	size_t max_result; /* bytes of one result, beyond it HF_E_TOO_LARGE [256 MiB] */
	/* The server refuses writes (default_transaction_read_only). What a connection string says
	 * (pool_read_only) can be switched on here, and not off. */
	bool read_only;
	bool strict; /* hf_pool_open waits until min_conns are up, or fails and leaves nothing */
	bool strict_auth; /* require SCRAM with channel binding */
	hf_connect_fn *on_connect;
	void *hook_arg;
	hf_log_fn *log;
	void *log_arg;
	/* The most detailed level to report [ERROR]; DEBUG: every statement. */
	hf_log_level log_level;
	bool log_params; /* show parameter values at DEBUG; they may be people's data */
	/* Where to listen (hf_listen) instead: the server's own address, where a pooler stands
	 * between. A connection string like the pool's, without settings of the pool. */
	const char *listen_dsn;
} hf_pool_opts;

/* A snapshot. Gauges first, then counters that only grow. */
typedef struct hf_pool_stats {
	size_t struct_size; /* set by the caller to its sizeof; more than that is not written */
	uint32_t conns, idle, busy, connecting; /* conns = idle + busy + those being checked */
	uint32_t pinned;                        /* of busy: held by an open hf_txn */
	uint32_t queued, queued_peak;           /* jobs waiting now; the most there ever were */
	uint32_t min_conns, max_conns;
	/* completed counts all that ended: well, with HF_E_CANCELED (canceled), or with another
	 * failure (failed). */
	uint64_t submitted, completed, failed, canceled, rejected;
	uint64_t connects, connect_failures, reconnects, discards, resets, pings;
	uint64_t queue_ns, run_ns; /* sums over completed work; means come from differences */
	uint64_t wakeups, futile_wakeups;
	uint32_t parked, max_parked; /* gauges: of pinned, those that are parked; the limit */
	uint32_t oldest_txn_ms; /* gauge: the age of the oldest open hf_txn; 0: there is none */
	uint64_t parks, resumes,
		expired;  /* expired: transactions rolled back by one of their clocks */
	uint64_t retries; /* further attempts of hf_transact */
	uint64_t outcomes_resolved, outcomes_unknown; /* of COMMITs whose answer was lost */
	/* Plain queries that travelled with others; those that shared one Sync (the fast lane);
	 * those that the calling thread ran, or sent, itself, on a connection that was idle, and
	 * transactions that began so. */
	uint64_t pipelined, fast_lane, borrowed;
	uint32_t listening; /* gauge: channels that the server has confirmed */
	/* Notices that came; those that a full queue dropped, counted for each listener; times that
	 * the connection for listening was lost. */
	uint64_t notices, notices_dropped, listen_losses;
	/* Gauges of what the server does for the connections, as pg_stat_activity tells: a
	 * statement is under way; none is, and a transaction is open (a failed one, too). The
	 * others idle. */
	uint32_t active, idle_in_txn;
	/* Gauge: of what is queued now, the longest, and at least 1; 0: nothing is. */
	uint32_t oldest_wait_ms;
	uint64_t age_ms; /* gauge: since hf_pool_open, when all counters were 0 */
	/* completed, by kind: hf_query and hf_fetch, hf_script, interactions and COPY, hf_txn */
	uint64_t queries, scripts, interactions, transactions;
	/* Of failed: what waited for longer than its acquire_ms; what ran for longer than it may;
	 * what lost its connection. */
	uint64_t wait_timeouts, run_timeouts, conn_losses;
	/* Statements that have ended, those inside of interactions and transactions included, and
	 * of these the ones that failed; not holdfast's own, such as BEGIN. */
	uint64_t statements, statement_failures;
	/* Transactions that were opened by BEGIN and have ended so; not single queries. */
	uint64_t commits, rollbacks;
	/* How long: the stay in the queue, of all that ran (sum: queue_ns); queries and scripts,
	 * from then on; interactions and transactions, which have a connection so long (sums:
	 * run_ns). */
	hf_histogram wait, query, hold;
} hf_pool_stats;

typedef enum hf_pool_state { HF_POOL_OPEN, HF_POOL_CLOSING, HF_POOL_CLOSED } hf_pool_state;

/* Opens a pool on a conninfo string or URI, with `opts` or the defaults (NULL).
 *
 * Pool settings may stand in it as well and are stripped before libpq sees it; an option given in
 * `opts` wins: pool_name, pool_size (max_conns), pool_min, pool_queue, pool_timeout (acquire_ms, in
 * seconds), pool_recycle (lifetime_ms, in seconds), pool_read_only (true, false, yes, no, on, off,
 * 1, 0). 0 is the default, as in `opts`, but pool_min=0 is none, and pool_size=0 is refused. One
 * that is unknown, wrong or given twice is an error that names it, and so is a number of libpq's
 * (port, connect_timeout, keepalives and so on) that is none.
 *
 * Without an sslmode (in the string or PGSSLMODE) and without a service, which may hold one,
 * sslmode is verify-full, unless the host is a Unix socket or loopback.
 *
 * A pool that has never had a connection fails what waits with its first failed attempt
 * (HF_E_CONNECT): most likely its settings are wrong. So does a refusal that is for good (password,
 * role, database), at any time. A server that was there before may come back: what waits goes on
 * waiting, up to acquire_ms.
 *
 * Starts threads and returns without waiting for the server, unless .strict. On failure nothing is
 * left behind and *out_error (may be NULL) says why: HF_E_MISUSE, HF_E_NOMEM, HF_E_CONNECT. Any
 * thread. */
HF_CHECK hf_status hf_pool_open(
	const char *dsn, const hf_pool_opts *opts, hf_pool **out, hf_error **out_error);

/* Waits up to ms until min_conns (one, if that is none) connections are up. HF_OK, HF_PENDING when
 * the time is up, HF_E_CONNECT when the server refused for good (password, database), HF_E_CLOSED.
 * out_error (may be NULL) receives the last connect error. */
HF_CHECK hf_status hf_pool_ready(hf_pool *p, int ms, hf_error **out_error);

/* New limits, at once and without waiting: connections above the new maximum end when their job
 * does. */
HF_CHECK hf_status hf_pool_resize(hf_pool *p, int min_conns, int max_conns);

/* "open", "closing" or "closed"; "?" for a number that is no state. Lent for ever. */
HF_API const char *hf_pool_state_name(hf_pool_state state);
HF_API hf_pool_state hf_pool_get_state(const hf_pool *p); /* NULL is closed */
HF_API void hf_pool_get_stats(hf_pool *p, hf_pool_stats *out);

/* One line for people: `pool "shop": open, 3 connections (1 busy, 2 idle), 0 queued, ...`. Yours to
 * free() with the C library; NULL without memory. */
HF_OWNED char *hf_pool_describe(hf_pool *p);

/* Who has the connections: one line, with its newline, for each that is in use, the longest first:
 *
 *     transaction "seat" (seat.c:42) holds connection 3 for 60012 ms (parked for 55000 ms, 5000 ms
 *     left); its last command: hf_txn_query (seat.c:47)
 *
 * (as one line). What is running, since when it is idle or parked, and how much of its time is left
 * before one of its clocks ends it; for an interaction, its last statement. "" when nobody has one.
 * For people, like the log lines of hold_warn_ms. Yours to free() with the C library; NULL without
 * memory. Any thread; waits for nothing. */
HF_OWNED char *hf_pool_holders(hf_pool *p);

/* Stops intake, lets what was accepted run for up to ms (0: shutdown_ms), then cancels what still
 * runs, fails what still waits, ends every session and joins every thread. Every future is ready
 * when it returns. Idempotent; further submissions answer HF_E_CLOSED. ms < 0 (HF_FOREVER) drains
 * without a limit. HF_E_DEADLOCK on a thread of this pool. HF_PENDING: an interaction did not come
 * back within ms plus five seconds after it was cancelled; call again. */
HF_API hf_status hf_pool_close(hf_pool *p, int ms);

/* The same without the drain: what runs is cancelled at once. */
HF_API hf_status hf_pool_terminate(hf_pool *p);

/* Opens a closed pool again with the settings it had. HF_E_MISUSE unless closed. */
HF_CHECK hf_status hf_pool_reopen(hf_pool *p, hf_error **out_error);

/* Memory only; never joins a thread. The last reference to a pool that is still open terminates it
 * in the background: close first where you want to know. */
HF_OWNED hf_pool *hf_pool_ref(hf_pool *p);
HF_API hf_pool *hf_pool_unref(hf_pool *p);

/* --- submitting --- */

typedef enum hf_isolation {
	HF_ISO_DEFAULT,
	HF_ISO_READ_COMMITTED,
	HF_ISO_REPEATABLE_READ,
	HF_ISO_SERIALIZABLE,
} hf_isolation;

/* How sure the outcome of a COMMIT is to be when its answer is lost. */
typedef enum hf_outcome {
	/* What a transaction or an interaction wrote can be told: the server is asked for the
	 * transaction's number in the same trip as its statements, and COMMIT goes out after it. A
	 * single query is not asked after. */
	HF_OUTCOME_DEFAULT,
	HF_OUTCOME_FAST,     /* one trip less where possible; a lost COMMIT stays unknown */
	HF_OUTCOME_RESOLVED, /* for single queries too: one trip more */
} hf_outcome;

/* What follows a part of a transaction that went well. */
typedef enum hf_then { HF_THEN_GO_ON, HF_THEN_COMMIT, HF_THEN_ROLLBACK } hf_then;

/* How one query is to run. */
typedef struct hf_query_opts {
	size_t struct_size; /* set by HF_QUERY_OPTS */
	const char *label;  /* in log lines and messages */
	int timeout_ms;     /* limit of its run, enforced by the server [statement_ms] */
	int acquire_ms;     /* longest stay in the queue [the pool's] */
	bool urgent;        /* before everything that is not */
	hf_isolation isolation;
	/* The server refuses writes. Such queries, and all of a read-only pool, share one Sync
	 * where they travel together (the fast lane): one transaction, so that now() is the same
	 * for them all. What fails takes no other with it. A text that says set_config or takes an
	 * advisory lock keeps to itself; what a function of yours sets for its transaction
	 * (SET LOCAL) cannot be seen, and those that share its Sync see the setting. Do not say
	 * .read_only of a query that calls one; in a read-only pool, give it an .isolation. */
	bool read_only;
	hf_row_fn *on_row; /* stream the rows instead of keeping them: constant memory */
	void *arg;         /* of on_row */
	hf_free_fn *free_arg;
	hf_outcome outcome;
	hf_then then; /* only for hf_txn_query_with: COMMIT travels with it where that is safe */
	/* Many rows are to come: while the connection has not prepared the text yet, the query does
	 * not travel with others, and the server is asked first what its columns are, so that they
	 * come in binary. That is half a trip more, the first times, and saves about half of the
	 * work for each row. Where nobody waits when it is sent, or nothing is prepared
	 * (.max_statements = HF_NONE), it is as any other; among an hf_txn's commands it never
	 * travels with others. */
	bool many_rows;
} hf_query_opts;

/* Each plain query is one transaction of its own: its future is ready when the server has committed
 * it. BEGIN, COMMIT and their kin are refused (use hf_txn or an interaction), as is COPY through
 * the client.
 *
 * Does not block. Where a connection is idle and nothing waits for one, the calling thread sends
 * the query itself, and whoever waits for the future reads the answer: no worker is woken. Without
 * one who waits the answer is read by the worker, some 2 ms after the submission; at once, where a
 * callback or a combination has the future, or other work is queued. Otherwise the query waits in
 * the queue. Any thread. */
HF_OWNED hf_future *hf_query_at(
	const hf_site *site, hf_pool *p, const char *sql, const hf_value *args, size_t n);
HF_OWNED hf_future *hf_query_with_at(const hf_site *site, hf_pool *p, const hf_query_opts *opts,
	const char *sql, const hf_value *args, size_t n);

/* Submits a plain query and waits for it: NULL opts are the defaults. *out (may be NULL) receives
 * the result, yours to unref; on failure NULL, and *out_error (may be NULL) the story, yours to
 * unref. Where a connection is idle and nothing waits for one, the calling thread runs the query on
 * it itself, and no other thread is woken: what a direct call of libpq costs. Otherwise as hf_query
 * and hf_await, with their statuses. Blocks as long as the query does (.timeout_ms, .acquire_ms).
 * HF_E_DEADLOCK on a thread of this pool. */
HF_CHECK hf_status hf_fetch_at(const hf_site *site, hf_pool *p, hf_result **out,
	hf_error **out_error, const char *sql, const hf_value *args, size_t n);
HF_CHECK hf_status hf_fetch_with_at(const hf_site *site, hf_pool *p, const hf_query_opts *opts,
	hf_result **out, hf_error **out_error, const char *sql, const hf_value *args, size_t n);

/* Several statements in one string, in one implicit transaction (unless it says BEGIN or COMMIT
 * itself), through the simple protocol; $1 … are quoted into the text by holdfast. The future's
 * result is the last statement's; hf_result_at() gives all. */
HF_OWNED hf_future *hf_script_at(
	const hf_site *site, hf_pool *p, const char *sql, const hf_value *args, size_t n);

/* What hf_script would send, as text: hf_future_value() of the future, a lent char *. Nothing runs.
 */
HF_OWNED hf_future *hf_dry_run_at(
	const hf_site *site, hf_pool *p, const char *sql, const hf_value *args, size_t n);

/* An interaction: runs on a worker with its connection. Its transaction opens with its first
 * statement, is committed when it returns HF_OK and rolled back otherwise, before the future is
 * ready. A statement that failed (or was refused before it was sent) and was not rolled back
 * to a savepoint fails the interaction, whatever it returns. */
typedef hf_status hf_fn(hf_conn *conn, void *arg, hf_reply *reply);

typedef struct hf_job {
	size_t struct_size; /* set by HF_JOB */
	hf_fn *fn;
	void *arg;
	hf_free_fn *free_arg; /* run once, however the job ends, after its last use of arg */
	const char *label;
	/* Limit of the whole interaction: the statement under way is stopped, later ones are
	 * refused, and hf_conn_canceled tells. What it had done when it returns HF_OK without
	 * another statement is committed. */
	int timeout_ms;
	int acquire_ms;
	bool urgent;
	/* No transaction of its own: hf_conn_begin, hf_conn_commit, hf_conn_rollback. One that is
	 * left open is rolled back with a warning in the log; the outcome is what the function
	 * returned. */
	bool manual;
	hf_isolation isolation;
	bool read_only;
	bool dry_run; /* refused: a function cannot be rendered */
	hf_outcome outcome;
	hf_then then; /* only for hf_txn_run: end the transaction with this part */
	/* Only for hf_txn_run: in a savepoint of its own, so that its failure undoes this part and
	 * no more. */
	bool nested;
	/* While it runs, submissions to its pool from its thread are refused (HF_E_MISUSE): they
	 * would run on another connection, and not see what this one has not committed. */
	bool no_submit;
} hf_job;

/* Submits an interaction; `job` is copied. Where it is refused, free_arg has run on return. */
HF_OWNED hf_future *hf_submit_at(const hf_site *site, hf_pool *p, const hf_job *job);

/* --- inside an interaction: what it replies --- */

/* The value of the future; free_value (may be NULL) frees it with the future, or when it is
 * replaced. */
HF_API void hf_reply_value(hf_reply *r, void *value, hf_free_fn *free_value);

/* The result of the future; takes a reference of its own. */
HF_API void hf_reply_result(hf_reply *r, const hf_result *res);

/* Fails with words of your own: return hf_fail(reply, "account %d is closed", id). Always
 * HF_E_USER. */
HF_CHECK hf_status hf_fail(hf_reply *r, const char *fmt, ...) HF_PRINTF(2);

HF__END

#ifndef __cplusplus

#define HF_POOL_OPTS(...)                                                                          \
	(&(const hf_pool_opts){ .struct_size = sizeof(hf_pool_opts), __VA_ARGS__ })
#define HF_QUERY_OPTS(...)                                                                         \
	(&(const hf_query_opts){ .struct_size = sizeof(hf_query_opts), __VA_ARGS__ })
#define HF_JOB(...) (&(const hf_job){ .struct_size = sizeof(hf_job), __VA_ARGS__ })

/* hf_query(pool, sql, args...), hf_query_with(pool, HF_QUERY_OPTS(...), sql, args...) and so on. */
#define hf_query(pool, ...) hf_query_at(HF_HERE, (pool), HF__SQL(__VA_ARGS__))
#define hf_query_with(pool, opts, ...)                                                             \
	hf_query_with_at(HF_HERE, (pool), (opts), HF__SQL(__VA_ARGS__))
#define hf_fetch(pool, out, out_error, ...)                                                        \
	hf_fetch_at(HF_HERE, (pool), (out), (out_error), HF__SQL(__VA_ARGS__))
#define hf_fetch_with(pool, opts, out, out_error, ...)                                             \
	hf_fetch_with_at(HF_HERE, (pool), (opts), (out), (out_error), HF__SQL(__VA_ARGS__))
#define hf_script(pool, ...)  hf_script_at(HF_HERE, (pool), HF__SQL(__VA_ARGS__))
#define hf_dry_run(pool, ...) hf_dry_run_at(HF_HERE, (pool), HF__SQL(__VA_ARGS__))
#define hf_submit(pool, job)  hf_submit_at(HF_HERE, (pool), (job))

/* hf_run(pool, fn, arg, free_arg): the short form of hf_submit. */
#define hf_run(pool, fn_, arg_, free_)                                                             \
	hf_submit((pool), HF_JOB(.fn = (fn_), .arg = (arg_), .free_arg = (free_)))

#endif

#endif
