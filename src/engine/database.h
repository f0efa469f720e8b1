/* SPDX-License-Identifier: MIT */
/* Creating and dropping one database of one server. */
#ifndef HF_ENGINE_DATABASE_H
#define HF_ENGINE_DATABASE_H

#include <holdfast/admin.h>

/* NULL, or what is wrong with it as the name of a database. */
hf_error *hf__database_name_refusal(const char *name);

/* `opts` may be NULL. *made: there was none before; may be NULL. NULL, or why not. */
hf_error *hf__database_create(
	hf_pool *p, const char *name, const hf_database_opts *opts, bool *made);

/* Before it is dropped those of `own` are closed that lead to it. */
hf_error *hf__database_drop(
	hf_pool *p, const char *name, const hf_drop_opts *opts, hf_pool *const *own, size_t n_own);

#endif
