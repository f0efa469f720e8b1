/* SPDX-License-Identifier: MIT */
/* Which engine the rows of a model are in, and which one they are read from.
 *
 *     static const hf_column note_columns[] = { … };
 *     HF_TABLE(note, .label = "archive");
 *
 *     st = hf_engines_bind(e, "archive", "cold", NULL, &why);          // all of that label
 *     st = hf_engines_bind(e, "archive.note", "warm", "replica", &why); // but this table
 *     ...
 *     st = hf_insert(hf_writes(scope, note), note, &n);
 *     st = hf_select(hf_reads(scope, note), note, &rows, HF_ALL);
 *
 * hf_engines_bind stands in engine.h. For a table the first of these that there is counts:
 *
 *     a binding of "label.table"
 *     a binding of "label"
 *     an engine, or a role, of the label's name
 *     a binding of NULL: of models that have no other
 *     the default engine
 *
 * Bindings belong to a registry, and are changed while it is in use: what is asked for afterwards
 * goes by the new one. hf_engines_copy copies them. Any thread. */
#ifndef HOLDFAST_BINDING_H
#define HOLDFAST_BINDING_H

#include <holdfast/schema.h>

HF__BEGIN

/* The name of the engine, or of the role, that a model is bound to now (`reads`: for reading);
 * "!default" for the default engine, whatever that is called. hf_engines_get knows them all. Yours
 * to free() with the C library. NULL: no memory, and *out_error (may be NULL) has what is wrong
 * with the registry or the description. */
HF_OWNED char *hf_engines_bound(hf_engines *e, const hf_table *t, bool reads, hf_error **out_error);

/* The scope's session at the engine that the model is bound to: as hf_scope_session, and never
 * NULL. For reading it is the one at its read engine, but while the scope has a transaction at the
 * other one, which may have written what is to be read, it is that one. Which engine is to be read
 * from is also the caller's choice: hf_select(hf_reader(scope), …). */
HF_API hf_session *hf_writes_at(hf_scope *s, const hf_table *t);
HF_API hf_session *hf_reads_at(hf_scope *s, const hf_table *t);

/* Another registry of models with those of `m` that are written at this engine (a name as given to
 * hf_engines_bind; NULL: the default): what hf_models_create is to make there. A foreign key to a
 * table of another engine stays in the description, and the server refuses it. NULL: *out_error
 * (may be NULL) says why. */
HF_OWNED hf_models *hf_models_bound(
	hf_models *m, hf_engines *e, const char *engine, hf_error **out_error);

HF__END

#ifndef __cplusplus
/* hf_writes(scope, task), hf_reads(scope, task) */
#define hf_writes(scope, T) hf_writes_at((scope), &T##_table)
#define hf_reads(scope, T)  hf_reads_at((scope), &T##_table)
#endif

#endif
