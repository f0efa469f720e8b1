/* SPDX-License-Identifier: MIT */
/* Named pools. A registry holds engines: pools with a name and a mode, for scopes (scope.h) to
 * find.
 *
 *     hf_engines *e = hf_engines_new();
 *     st = hf_engines_open(e, "writer", "postgresql:///shop", NULL, &why);
 *     st = hf_engines_open(e, "reader", "service=shop-replica", NULL, &why);
 *     ...
 *     hf_engines_close(e, 0);
 *     hf_engines_unref(e);
 *
 * A registry is an object, and there is no global one: as many as you like know nothing of each
 * other. Every function may be called from any thread, while others look up and use what it
 * changes; whoever has begun with an engine keeps it. Those that take one answer HF_E_MISUSE for
 * NULL, and *out_error (may be NULL) is yours to unref.
 *
 * Names are 1 to 63 of [A-Za-z0-9_-]. What begins with an exclamation mark is reserved: "!default",
 * and NULL, stand for the default engine where one is looked up. "reader", "writer" and "logger"
 * decide a mode (below), and where no engine has such a name and it was not assigned either, it is
 * the default engine in that mode.
 *
 * After fork() a registry of the parent answers HF_E_FORKED in the child until hf_engines_reopen.
 * Do not fork while another thread changes it. */
#ifndef HOLDFAST_ENGINE_H
#define HOLDFAST_ENGINE_H

#include <holdfast/pool.h>

HF__BEGIN

typedef struct hf_engines hf_engines;

/* What a scope does with statements for an engine. */
typedef enum hf_mode {
	/* By its name: "reader" is READ, "logger" is AUTOCOMMIT; any other is READ where its pool
	 * is read only, else TXN. */
	HF_MODE_BY_NAME,
	HF_MODE_TXN,        /* one transaction, which hf_scope_commit commits */
	HF_MODE_AUTOCOMMIT, /* each statement is a transaction of its own, and stands */
	HF_MODE_READ,       /* the same, and the server refuses writes (25006) */
	HF_MODE_SNAPSHOT,   /* one read-only transaction at REPEATABLE READ: one view of the data */
} hf_mode;

/* "txn", "autocommit", "read" or "snapshot", as settings have it; "" for HF_MODE_BY_NAME, "?" for a
 * number that is no mode. Lent for ever. */
HF_API const char *hf_mode_name(hf_mode mode);

typedef struct hf_engine_opts {
	size_t struct_size; /* set by HF_ENGINE_OPTS */
	hf_mode mode;
	bool is_default; /* the default engine from now on */
	bool replace;    /* takes the place of an engine of this name, which is drained */
	int drain_ms;    /* for how long then [its shutdown_ms]; HF_FOREVER: without a limit */
	/* For hf_engines_open; copied. A pool without a name gets the engine's. READ and SNAPSHOT
	 * make it .read_only, unless it is used in other modes too (hf_engines_assign). */
	const hf_pool_opts *pool;
} hf_engine_opts;

/* An empty one; NULL without memory. */
HF_OWNED hf_engines *hf_engines_new(void);

/* Opens a pool (see hf_pool_open: a conninfo string or URI with settings of the pool in it, or
 * "service=…" of pg_service.conf) and registers it. HF_E_MISUSE: a name that is taken (unless
 * .replace) or reserved, options that do not fit together (a read-only pool for transactions that
 * write, a writer or a logger that only reads, .two_phase without transactions); and whatever
 * hf_pool_open answers. On failure nothing has changed. Blocks as hf_pool_open does (.strict), and
 * with .replace until the old pool is closed, which takes up to drain_ms and five seconds more;
 * HF_OK whatever became of that. With .replace on a thread of the old pool, that one takes no more
 * work, and is ended in the background once nobody has a reference to it. */
HF_CHECK hf_status hf_engines_open(hf_engines *e, const char *name, const char *dsn,
	const hf_engine_opts *opts, hf_error **out_error);

/* Registers a pool that is there already, by a reference of its own: one pool may bear several
 * names, in several modes. Closing it is left to whoever opened it. `pool` of opts must be NULL;
 * otherwise as hf_engines_open. */
HF_CHECK hf_status hf_engines_add(hf_engines *e, const char *name, hf_pool *p,
	const hf_engine_opts *opts, hf_error **out_error);

/* From now on `role` means this engine (NULL: its own again), also where an engine is called so.
 * NULL or "!default" as a role: it is the default engine (NULL: there is none any more). "reader",
 * "writer" and "logger" bring their mode with them, other roles have the engine's. A role assigned
 * twice means the later. HF_E_MISUSE: no such engine, a reserved role, or a read-only one for the
 * writer or the logger. HF_E_NOMEM. Waits for nothing. */
HF_CHECK hf_status hf_engines_assign(
	hf_engines *e, const char *role, const char *engine, hf_error **out_error);

/* For models, see binding.h: binds `what` (a label, "label.table", or NULL) to an engine or a role,
 * by its name (NULL: the default engine), in place of an earlier binding. Reads go to
 * `read_engine`, or, where it is NULL, there as well. Both NULL: the binding is forgotten. An
 * engine may be registered later, or another one under its name: while there is none, the
 * statements say so, and do not go elsewhere. HF_E_MISUSE: a label that could not be an engine's
 * name, a table without a label. HF_E_NOMEM. Waits for nothing. */
HF_CHECK hf_status hf_engines_bind(hf_engines *e, const char *what, const char *engine,
	const char *read_engine, hf_error **out_error);

/* The pool that an engine or a role (NULL: the default) means now: a reference, yours to unref.
 * NULL: there is none, and *out_error (may be NULL) names those there are. Waits for nothing. The
 * mode is a scope's matter: what you submit to the pool is not made read only by the name. */
HF_OWNED hf_pool *hf_engines_get(hf_engines *e, const char *name, hf_error **out_error);

/* The names of the engines in the order they came, separated by a comma and a blank; "" where there
 * is none, for NULL, and in the child of a fork before hf_engines_reopen. Yours to free() with the
 * C library; NULL without memory. */
HF_OWNED char *hf_engines_names(hf_engines *e);

/* Forgets an engine and every role that means it, and closes its pool if the registry opened it,
 * for up to ms (0: its shutdown_ms). HF_E_MISUSE: there is none of this name. HF_PENDING,
 * HF_E_DEADLOCK: forgotten, and it takes no more work, but see hf_pool_close. */
HF_CHECK hf_status hf_engines_remove(hf_engines *e, const char *name, int ms, hf_error **out_error);

/* Gives an engine (NULL or "!all": each) a new pool with the settings that it was opened with. The
 * old one is drained for its shutdown_ms, or after fork() left alone, without a word to the server:
 * the parent goes on with it. Call it in each child of a server that forks, before its first
 * statement and while it has one thread. Engines of hf_engines_add are left as they are; in a child
 * they are forgotten, as their pools are the parent's. HF_E_MISUSE: no such engine, by name one of
 * hf_engines_add. On a thread of an old pool it is as with .replace. On failure the engines that
 * could not be opened keep their old pools. */
HF_CHECK hf_status hf_engines_reopen(hf_engines *e, const char *name, hf_error **out_error);

/* Another registry with the same engines, roles and default, sharing their pools: closing it closes
 * none. NULL: *out_error (may be NULL) says why. */
HF_OWNED hf_engines *hf_engines_copy(hf_engines *e, hf_error **out_error);

/* Another registry with the same engines, roles and default at another database of their servers,
 * by pools of its own, opened with the same settings. NULL: *out_error (may be NULL) says why:
 * HF_E_MISUSE for an engine whose pool is not this registry's own (hf_engines_add,
 * hf_engines_copy), and for a name that no database can have; and what hf_engines_open answers.
 * What is open then is closed in the background. Blocks as hf_engines_open does. */
HF_OWNED hf_engines *hf_engines_copy_at(hf_engines *e, const char *database, hf_error **out_error);

/* Closes every pool that it opened, all within ms (0: the longest of their shutdown_ms), and
 * forgets all engines. None of the pools takes work any more once the first is being drained.
 * Idempotent. HF_PENDING: some are not closed yet (see hf_pool_close) and end in the background.
 * HF_E_DEADLOCK on a thread of one of its pools: nothing was done. */
HF_CHECK hf_status hf_engines_close(hf_engines *e, int ms);

/* A further reference, and the release of one; NULL for NULL. Scopes hold one each. The last closes
 * what is open, in the background. In the child of a fork, before hf_engines_reopen, it frees
 * nothing. */
HF_OWNED hf_engines *hf_engines_ref(hf_engines *e);
HF_API hf_engines *hf_engines_unref(hf_engines *e);

/* --- settings as texts --- */

typedef struct hf_setting {
	const char *key, *value;
} hf_setting;

/* Opens the engines that are described by the settings whose keys begin with `prefix` ("" for all;
 * others are passed over), in the order in which they are named first: PREFIX NAME.OPTION, as in
 * "db_reader.url". Options are
 *
 *     url (or dsn)    what hf_engines_open takes; must be there
 *     mode            txn, autocommit, read, snapshot
 *     default         as .is_default, for one of them
 *     pool_size, pool_min, pool_queue, pool_timeout, pool_recycle, pool_read_only, pool_name
 *                     as in a connection string; these win over it
 *     max_conns …     every other number, switch and text of hf_pool_opts by its name; switches
 *                     are true, false, yes, no, on, off, 1, 0
 *
 * A number of 0 is the default, as in hf_pool_opts, but 0 for the least number of connections is
 * none, and for the most it is refused; -1 is no limit, or none.
 *
 * All of them are opened, or none: HF_E_MISUSE for an option that is unknown (the message has its
 * key, and the nearest that is known), given twice or of the wrong form, and whatever
 * hf_engines_open answers. The message never has the value of a url or dsn. Blocks as
 * hf_engines_open does. */
HF_CHECK hf_status hf_engines_configure(hf_engines *e, const char *prefix,
	const hf_setting *settings, size_t n, hf_error **out_error);

HF__END

#ifndef __cplusplus
#define HF_ENGINE_OPTS(...)                                                                        \
	(&(const hf_engine_opts){ .struct_size = sizeof(hf_engine_opts), __VA_ARGS__ })
#endif

#endif
