/* SPDX-License-Identifier: MIT */
/* What the files of registries share. */
#ifndef HF_MODEL_REGISTRY_H
#define HF_MODEL_REGISTRY_H

#include "model/ddl.h"

/* registry.c: a copy of the list, of *n tables with room for `more`; NULL: no memory. */
const hf_table **hf__models_list(hf_models *m, size_t more, size_t *n);

/* Its patterns, which never change. */
const hf__naming *hf__models_naming(const hf_models *m);

/* Whether it is one of them. */
bool hf__among(const hf_table *const *tables, size_t n, const hf_table *t);

/* The description of one that has its plan, as those of a registry do, in this library's layout:
 * what it does not say itself is there, too. */
const hf_table *hf__table_made(const hf_table *t);

/* A flag beside the public ones: enums, sequences and domains may be others' as well, and stay. */
#define HF__SHARED_OBJECTS (1 << 16)

/* schema.c: makes tables, or drops them, in the order in which they refer to each other; `all` is
 * sorted for that. NULL, or why not. */
hf_error *hf__tables_create(
	hf_session *s, const hf__naming *names, const hf_table **all, size_t n, int flags);
hf_error *hf__tables_drop(hf_session *s, const hf_table **all, size_t n, int flags);

#endif
