/* SPDX-License-Identifier: MIT */
/* The inside of a registry.
 *
 * An engine does not change once it is registered: whoever has a reference reads it without a lock.
 * What changes is which engine a name means. Replacing and reopening register another one.
 *
 * Lock rule. engines->lock (HF__L_ENGINES, below a transaction's) guards what stands below a
 * comment that says so. Pools are opened and closed without it, so a name is looked at twice:
 * before, to refuse early, and after.
 *
 * Fork. In a child the lock may be held by a thread that is not there any more: nothing is locked
 * while `forks` differs, and hf_engines_reopen makes a new lock. */
#ifndef HF_ENGINE_ENGINES_H
#define HF_ENGINE_ENGINES_H

#include "base/lock.h"
#include "base/ref.h"
#include "base/ring.h"

#include <holdfast/engine.h>

#define HF__NAME_MAX 63

typedef struct hf__engine {
	APR_RING_ENTRY(hf__engine) link;
	hf__ref refs;
	char name[HF__NAME_MAX + 1];
	hf_mode mode;      /* never BY_NAME */
	hf_pool *pool;     /* a reference */
	char *dsn;         /* NULL: the pool is not ours to close, or to open again */
	hf_pool_opts opts; /* with dsn: what it was opened with; its texts are these: */
	char *pool_name, *outcome_table, *listen_dsn;
} hf__engine;

/* What a name means where that is not the engine of this name. */
typedef struct hf__alias {
	APR_RING_ENTRY(hf__alias) link;
	char role[HF__NAME_MAX + 1], engine[HF__NAME_MAX + 1];
} hf__alias;

/* Where the models of a label are, or one table of them. */
typedef struct hf__binding {
	APR_RING_ENTRY(hf__binding) link;
	char *what; /* "label", "label.table", "" for those that have no other */
	char engine[HF__NAME_MAX + 1],
		read_engine[HF__NAME_MAX + 1]; /* "": the default; the same */
} hf__binding;

APR_RING_HEAD(hf__engine_ring, hf__engine);

struct hf_engines {
	hf__ref refs;
	atomic_uint forks;
	hf__mutex lock;
	/* guarded by lock */
	struct hf__engine_ring engines; /* in the order they came */
	APR_RING_HEAD(hf__alias_ring, hf__alias) roles;
	APR_RING_HEAD(hf__binding_ring, hf__binding) bindings;
	char default_name[HF__NAME_MAX + 1]; /* "": none */
	pthread_key_t scope_key;             /* of each thread's scope; made when it is needed */
	bool has_scope_key;
};

/* HF_OK as NULL, or why this registry takes no calls: NULL, forked. */
hf_error *hf__engines_refusal(const hf_engines *e);

/* An engine, a role, or NULL or "!default". *out receives a reference, *mode what a scope does with
 * it. NULL, or why there is none: with the names of those there are. */
hf_error *hf__engines_find(hf_engines *e, const char *name, hf__engine **out, hf_mode *mode);

/* binding.c. The engine of a label and a table, into `out`; "" is the default. */
hf_error *hf__engines_bound(hf_engines *e, const char *label, const char *table, bool reads,
	char out[HF__NAME_MAX + 1]);
bool hf__bindings_copy_locked(hf_engines *e, hf_engines *to); /* false: no memory */
void hf__bindings_drop(hf_engines *e);

/* again.c: references to all engines, *n of them, in an array to hf__free. default_name (may be
 * NULL) receives the default's at that moment. NULL: no memory, and *n is 0. */
hf__engine **hf__engines_all(hf_engines *e, size_t *n, char *default_name);

/* again.c: hf_engines_copy_at. On failure *out is what was made of it until then, or NULL. */
hf_error *hf__engines_copy_at(hf_engines *e, const char *database, hf_engines **out);

/* The parts of that, lookup.c. Of this very name; NULL: there is none. */
hf__engine *hf__engine_named_locked(hf_engines *e, const char *name);
hf__alias *hf__alias_named_locked(hf_engines *e, const char *role);
/* "no engine is called ...". */
hf_error *hf__engine_unknown_locked(hf_engines *e, const char *name);
/* NULL, or why an engine of this mode cannot be called so: it only reads, and that one writes. */
hf_error *hf__role_refusal(const char *engine, hf_mode mode, const char *role);

/* engine.c */
hf__engine *hf__engine_get(hf__engine *g);
void hf__engine_put(hf__engine *g); /* accepts NULL */

/* NULL, or what is wrong with it as a name of something. */
hf_error *hf__engine_name_refusal(const char *what, const char *name);

/* The name, for a message; but not what looks like a connection string, which may have a password
 * in it. */
const char *hf__engine_name_shown(const char *name);

/* Makes one that is not registered yet and opens its pool. NULL, or why not. */
hf_error *hf__engine_open(
	const char *name, const char *dsn, const hf_engine_opts *opts, hf__engine **out);

/* The same with a pool that is there; takes a reference. */
hf_error *hf__engine_on(const char *name, hf_pool *p, const hf_engine_opts *opts, hf__engine **out);

/* The same engine with another pool, opened as its own was. */
hf_error *hf__engine_again(const hf__engine *g, hf__engine **out);

/* The same engine, whose pool is not its own. NULL: no memory. */
hf__engine *hf__engine_share(const hf__engine *g);

bool hf__mode_writes(hf_mode mode);

/* The pool takes no more work if it is the engine's own: it is about to be closed. */
void hf__engine_stop_intake(hf__engine *g);

/* Closes the pool if it is the engine's own, and not one of the parent of a fork. HF_OK, or as
 * hf_pool_close; after HF_E_DEADLOCK it takes no more work at least. */
hf_status hf__engine_close(hf__engine *g, int ms);

#endif
