/* SPDX-License-Identifier: MIT */
/* Prepared statements of one link: a bounded table, least recently used first out.
 *
 * A text is prepared at its third use. An entry is valid only once the server has answered its
 * Parse. */
#ifndef HF_PQ_STMT_CACHE_H
#define HF_PQ_STMT_CACHE_H

#include "value/codec.h"

#include "base/ring.h"

#define HF__STMT_BUCKETS 256

typedef struct hf__stmt_entry {
	APR_RING_ENTRY(hf__stmt_entry) lru;
	struct hf__stmt_entry *next; /* in its bucket */
	uint32_t hash;
	int uses, n_types;
	int pins;             /* trips under way that use it */
	bool gone;            /* forgotten while it was pinned */
	bool parsing;         /* its Parse was sent; what follows on the link may count on it */
	bool prepared;        /* and answered */
	int mean_us;          /* how long the server takes for it: a moving mean; 0: not known */
	int wary;             /* for so many more runs it counts as slow */
	unsigned columns;     /* what is known of them: format.h */
	hf_result *described; /* for hf__result_pack */
	bool changes_session; /* hf__sql_changes_session */
	bool sets;            /* hf__stmt_sets */
	bool notifies;        /* hf__sql_notifies */
	char name[16];
	uint32_t *types; /* behind sql in the same block */
	char sql[];
} hf__stmt_entry;

typedef struct hf__stmt_cache {
	hf__stmt_entry *bucket[HF__STMT_BUCKETS];
	APR_RING_HEAD(hf__stmt_lru, hf__stmt_entry) lru; /* most recently used first */
	int n, max;
	unsigned serial;
} hf__stmt_cache;

void hf__stmt_cache_init(hf__stmt_cache *c, int max);
void hf__stmt_cache_finish(hf__stmt_cache *c);

/* Counts a use of this text, which has this hf__sql_hash, with these parameter types. Returns its
 * entry, pinned until hf__stmt_unpin, or NULL: no room. *evicted receives an entry that had to make
 * room, if it was prepared on the server: the caller deallocates it there and hf__stmt_frees it.
 * Without may_evict nothing that is prepared makes room; what is pinned never does. */
hf__stmt_entry *hf__stmt_cache_use(hf__stmt_cache *c, const char *sql, uint32_t hash,
	const hf__params *params, bool may_evict, hf__stmt_entry **evicted);
void hf__stmt_free(hf__stmt_entry *e); /* accepts NULL */

/* Accepts NULL. */
void hf__stmt_unpin(hf__stmt_entry *e);

/* Whether it is to be run by its name (and to be prepared, if that was not done). */
bool hf__stmt_is_named(const hf__stmt_entry *e);

/* Whether a plain statement may change a setting that the server does not report, and results
 * depend on: see format.h. */
bool hf__stmt_sets(const char *sql);

/* Whether others should not wait behind it, as far as is known: it takes long on the average, or
 * did so lately. */
bool hf__stmt_is_slow(const hf__stmt_entry *e);

/* Whether it is prepared and has shown that it is not slow; the same of a text that is to be used.
 */
bool hf__stmt_is_quick(const hf__stmt_entry *e);
bool hf__stmt_cache_quick(
	const hf__stmt_cache *c, const char *sql, uint32_t hash, const hf__params *params);

/* Whether a text that is to be used is prepared, and what its columns are is known. */
bool hf__stmt_cache_knows_columns(
	const hf__stmt_cache *c, const char *sql, uint32_t hash, const hf__params *params);

/* Takes note of one run. */
void hf__stmt_note_time(hf__stmt_entry *e, int64_t ns);

/* Forgets one, or all: what the server has may differ. What is pinned is freed with its last pin;
 * forgetting it again does nothing. */
void hf__stmt_cache_forget(hf__stmt_cache *c, hf__stmt_entry *e);
void hf__stmt_cache_clear(hf__stmt_cache *c);

#endif
