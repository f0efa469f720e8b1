/* SPDX-License-Identifier: MIT */
/* Registries of models, and what the server has of them: tables made and dropped.
 *
 *     static const hf_table *const shop[] = { &person_table, &task_table, NULL };
 *     hf_models *m = hf_models_new(NULL);
 *     if (hf_models_add(m, shop, NULL, &why) == HF_OK)
 *             st = hf_models_create(m, s, HF_IF_MISSING);
 *
 * A description is static and belongs to nobody; a registry is a set of them, and there may be
 * several with the same tables. Tables may be registered in any order. Any thread may use a
 * registry. */
#ifndef HOLDFAST_SCHEMA_H
#define HOLDFAST_SCHEMA_H

#include <holdfast/orm.h>

HF__BEGIN

typedef struct hf_models hf_models;

/* How keys, unique constraints, indexes and exclusions without a name are called, and how checks
 * are, which have one: %t table, %c (not in `check`) its columns joined by "_", %r (in
 * `foreign_key`) the table referred to, %n (in `check`) the check's own name. NULL: PostgreSQL's
 * own, and the check's.
 * What is longer than 63 bytes is cut, and ends in a hash of the whole. The patterns are not
 * copied: they are static, as descriptions are. */
struct hf_naming {
	size_t struct_size;
	const char *key, *foreign_key, *unique, *index;
	const char *check, *exclude;
};

HF_OWNED hf_models *hf_models_new(const hf_naming *naming); /* NULL: no memory, a bad pattern */
HF_OWNED hf_models *hf_models_copy(hf_models *m);
HF_OWNED hf_models *hf_models_ref(hf_models *m);
HF_API hf_models *hf_models_unref(hf_models *m);

/* Registers tables (a list ended by NULL) but for those in `except` (the same, or NULL). One that
 * is there already stays. HF_E_MISUSE: a description that hf_table_check refuses, two tables of one
 * name, or a domain or a sequence that has another's, a foreign key to columns that are no key
 * there; nothing of the list is registered then. */
HF_CHECK hf_status hf_models_add(hf_models *m, const hf_table *const *tables,
	const hf_table *const *except, hf_error **out_error);
HF_API bool hf_models_remove(hf_models *m, const hf_table *t);
HF_API size_t hf_models_count(hf_models *m);

/* The model of that name (the struct's tag, or its table as below), and the table of that name
 * ("schema.table", or "table" where it has no schema), be it a model or not. NULL, and the names
 * that there are in *out_error. */
HF_API const hf_table *hf_models_find(hf_models *m, const char *name, hf_error **out_error);
HF_API const hf_table *hf_models_table(hf_models *m, const char *name, hf_error **out_error);

/* For a program's start, when all are registered: whether what they refer to is there, too.
 * HF_E_MISUSE, with the model and what it lacks. No I/O. */
HF_CHECK hf_status hf_models_check(hf_models *m, hf_error **out_error);

typedef enum hf_schema_flags {
	HF_IF_MISSING = 1, /* create: what is there stays as it is */
	/* create: what is there is dropped, with its rows, and with views and foreign keys of
	 * others; an enum, a domain and a sequence that others have columns of stay as they are */
	HF_DROP_FIRST = 2,
	HF_IF_THERE = 4, /* drop: what is missing is none */
	/* drop, truncate: CASCADE, which takes along the views, the foreign keys and, of an enum or
	 * a domain that is dropped, the columns of whoever depends on it, of a sequence their
	 * defaults */
	HF_DEPENDENTS = 8,
	HF_RESTART_IDENTITY = 16,
} hf_schema_flags;

/* Makes everything of the registry: schemas, enums, sequences, domains, tables in the order of
 * their foreign keys (which are added when all are there, so that they may run in a circle),
 * indexes and exclusions, and last what has SQL of its own. In the session's transaction; one on a
 * pool has it all done in one. */
HF_CHECK hf_status hf_models_create(hf_models *m, hf_session *s, int flags);
/* Drops it, in the opposite order; enums, domains and sequences as well, schemas not. HF_E_MISUSE,
 * and nothing is dropped, where something has SQL of its own to be made by, and none to be dropped
 * by. */
HF_CHECK hf_status hf_models_drop(hf_models *m, hf_session *s, int flags);
/* What hf_models_create would send: yours to free(). NULL: no memory. No I/O. */
HF_OWNED char *hf_models_sql(hf_models *m, int flags);

/* The same for one table, under PostgreSQL's names. Its enums, domains and sequences are made where
 * they are missing, and are not dropped: others may have them, too. */
HF_CHECK hf_status hf_table_create(hf_session *s, const hf_table *t, int flags);
HF_CHECK hf_status hf_table_drop(hf_session *s, const hf_table *t, int flags);
/* Takes all its rows away: HF_RESTART_IDENTITY, HF_DEPENDENTS. */
HF_CHECK hf_status hf_table_truncate(hf_session *s, const hf_table *t, int flags);

/* Whether it is there, as the session sees it (its search path, its uncommitted work): a table or a
 * view, the same by its name, and a sequence. Names are unquoted; schema NULL: as the search path
 * has it. */
HF_CHECK hf_status hf_table_exists(hf_session *s, const hf_table *t, bool *out);
HF_CHECK hf_status hf_relation_exists(
	hf_session *s, const char *schema, const char *name, bool *out);
HF_CHECK hf_status hf_sequence_exists(
	hf_session *s, const char *schema, const char *name, bool *out);

HF__END

#ifndef __cplusplus

/* SQLAlchemy's usual convention, which migrations by Alembic count on; of several columns all are
 * in the name. hf_models_new(HF_NAMING_ALEMBIC) */
#define HF_NAMING_ALEMBIC                                                                          \
	(&(const hf_naming){ .struct_size = sizeof(hf_naming),                                     \
		.key = "pk_%t",                                                                    \
		.foreign_key = "fk_%t_%c_%r",                                                      \
		.unique = "uq_%t_%c",                                                              \
		.index = "ix_%t_%c",                                                               \
		.check = "ck_%t_%n" })

#endif

#endif
