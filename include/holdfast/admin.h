/* SPDX-License-Identifier: MIT */
/* Administration: databases of a pool's server, what is in one, and whether the server is there.
 *
 *     st = hf_database_create(pool, "shop_test", HF_DATABASE_OPTS(.if_missing = true), &why);
 *     hf_engines *test = hf_engines_copy_at(engines, "shop_test", &why);
 *     ...
 *     st = hf_engines_close(test, 0);
 *     st = hf_database_drop(pool, "shop_test", NULL, &why);
 *
 * What concerns databases as a whole is not done on a pool's connections, as its own database may
 * be the one that is missing, or in the way: each call makes a connection of its own, as the pool's
 * user, to the database "postgres" of the same server, else to "template1", else to the pool's own,
 * and ends it. So these calls block, for the pool's connect_ms and as long as the server takes;
 * where a thread must not wait, run them in an interaction of another pool. They may be called from
 * any thread, and on a pool that is closed. The pool's on_connect does not run for them; a pooler
 * between needs to know "postgres".
 *
 * A name of a database is 1 to 63 bytes of UTF-8, and whatever stands in it is quoted: HF_E_MISUSE
 * for NULL, "" and others. Errors are HF_E_CONNECT, HF_E_SQL with the server's SQLSTATE,
 * HF_E_TIMEOUT, HF_E_CONN_LOST and HF_E_NOMEM; *out_error (may be NULL) is yours to unref. */
#ifndef HOLDFAST_ADMIN_H
#define HOLDFAST_ADMIN_H

#include <holdfast/engine.h>

HF__BEGIN

typedef struct hf_database_opts {
	size_t struct_size;      /* set by HF_DATABASE_OPTS */
	const char *owner;       /* a role [the pool's user] */
	const char *template_db; /* the database to copy [template1] */
	/* As the server calls them. Only template0 can be copied in other than its own ones. */
	const char *encoding, *locale;
	const char *tablespace;
	int connection_limit; /* sessions in it, but for superusers' [no limit] */
	int timeout_ms;       /* limit of the statement, enforced by the server [the pool's] */
	bool if_missing;      /* one that is there is HF_OK, and left as it is */
} hf_database_opts;

typedef struct hf_drop_opts {
	size_t struct_size; /* set by HF_DROP_OPTS */
	int drain_ms;       /* how long pools of one's own are given to end [their shutdown_ms] */
	int timeout_ms;     /* as above */
	bool if_exists;     /* one that is not there is HF_OK */
	bool force; /* end the sessions that others have in it; needs a server of 13 or later */
} hf_drop_opts;

/* Creates a database. 42P04: there is one of this name; 25006: the pool is read only. The server
 * lets nobody but us be in the template meanwhile (55006). At INFO the pool's log tells of it. */
HF_CHECK hf_status hf_database_create(
	hf_pool *p, const char *name, const hf_database_opts *opts, hf_error **out_error);

/* Drops a database. A pool that leads to it itself (by its connection string, or by a service: then
 * it is asked, over another connection) is closed first, and can be opened again
 * with hf_pool_reopen once there is such a database again; but only when the server is known to
 * have the database and to let us drop it. 3D000: there is none; 55006: others are in it.
 * HF_E_DEADLOCK, HF_PENDING: the pool cannot be closed here, or not in time (see hf_pool_close);
 * nothing was dropped. */
HF_CHECK hf_status hf_database_drop(
	hf_pool *p, const char *name, const hf_drop_opts *opts, hf_error **out_error);

/* Whether the pool's server has such a database, be it the pool's own or not. *out is written only
 * when the answer is HF_OK. */
HF_CHECK hf_status hf_database_exists(
	hf_pool *p, const char *name, bool *out, hf_error **out_error);

/* The databases of the pool's server, by name: name, owner, encoding, locale, is_template,
 * may_connect. `all` for those as well that one may not connect to (template0). *out is yours to
 * unref, and NULL on failure. */
HF_CHECK hf_status hf_database_list(hf_pool *p, bool all, hf_result **out, hf_error **out_error);

/* --- what is in a pool's own database: plain queries on its connections, as futures --- */

/* The schemas, by name, but the server's own: name, owner. */
HF_OWNED hf_future *hf_schemas_at(const hf_site *site, hf_pool *p);

/* The tables of a schema (NULL: of all but the server's own; "pg_catalog" for those), by schema and
 * name: schema, name, owner, is_partitioned, is_partition. Views and foreign tables are none.
 * Without such a schema there are none. */
HF_OWNED hf_future *hf_tables_at(const hf_site *site, hf_pool *p, const char *schema);

/* Where a pool leads, as a URI: postgresql://user@host:port/database, without a password and
 * without other options. Yours to free() with the C library; NULL without memory, and for NULL. */
HF_OWNED char *hf_pool_url(const hf_pool *p);

/* --- is the server there --- */

/* Ready with HF_OK when the server has answered on a connection of this pool; it is asked before
 * everything that waits without being urgent. All of it takes no longer than ms (0: ping_ms), but
 * ping_ms where that is more and the connection was silent for so long that it is probed first.
 * Otherwise the future says why not, and which host and port: HF_E_CONNECT, when no connection
 * could be made; HF_E_CONN_LOST, when one had and was lost, or nothing was answered on it in time;
 * HF_E_BUSY, when all are in use, by whom is told then, and nothing is known of the server. */
HF_OWNED hf_future *hf_ping_at(const hf_site *site, hf_pool *p, int ms);

/* The same of an engine, or a role (NULL: the default). */
HF_OWNED hf_future *hf_engines_ping_at(
	const hf_site *site, hf_engines *e, const char *name, int ms);

/* --- for all engines of a registry --- */

/* Creates the database on every server that some engine of the registry writes to, once each, and
 * gives the registry's copy at that database (hf_engines_copy_at): yours to close and to unref.
 * Readers' servers are taken to follow. NULL: *out_error says why, and what this call had created
 * is dropped again, or the message says why not. HF_E_MISUSE: as hf_engines_copy_at says, or no
 * engine writes. */
HF_OWNED hf_engines *hf_engines_create_database(
	hf_engines *e, const char *name, const hf_database_opts *opts, hf_error **out_error);

/* Drops it on each of those servers, where pools that this registry has opened and that lead there
 * are closed first: those whose connection string says the same server and this database (one
 * that says a service, and no database, is asked for it over another connection). Their
 * engines stay registered (hf_engines_reopen). Ends with the first failure. Otherwise as
 * hf_database_drop. */
HF_CHECK hf_status hf_engines_drop_database(
	hf_engines *e, const char *name, const hf_drop_opts *opts, hf_error **out_error);

/* Called for each engine with where it leads (hf_pool_url) and what hf_tables says there; all lent
 * for the call. Anything but HF_OK ends the listing. */
typedef hf_status hf_tables_fn(
	const char *engine, const char *url, const hf_result *tables, void *arg);

/* Lists the tables of each engine, in the order the engines came; the servers are asked all at
 * once. HF_OK; the first failure, whose message names the engine, or what fn answered. No lock is
 * held while fn runs. */
HF_CHECK hf_status hf_engines_tables(
	hf_engines *e, const char *schema, hf_tables_fn *fn, void *arg, hf_error **out_error);

HF__END

#ifndef __cplusplus
#define HF_DATABASE_OPTS(...)                                                                      \
	(&(const hf_database_opts){ .struct_size = sizeof(hf_database_opts), __VA_ARGS__ })
#define HF_DROP_OPTS(...)                                                                          \
	(&(const hf_drop_opts){ .struct_size = sizeof(hf_drop_opts), __VA_ARGS__ })

#define hf_schemas(pool)                   hf_schemas_at(HF_HERE, (pool))
#define hf_tables(pool, schema)            hf_tables_at(HF_HERE, (pool), (schema))
#define hf_ping(pool, ms)                  hf_ping_at(HF_HERE, (pool), (ms))
#define hf_engines_ping(engines, name, ms) hf_engines_ping_at(HF_HERE, (engines), (name), (ms))
#endif

#endif
