/* SPDX-License-Identifier: MIT */
/* What the tests of interactions share. Included once per program. */
#ifndef HF_TESTS_INTERACTION_H
#define HF_TESTS_INTERACTION_H

#include "fixture.h"

#include <stdatomic.h>

/* One pool of one connection, an empty test_values, and how often insert_then ran. */
static hf_pool *pool;
static atomic_int calls;

static inline void setup(const hf_pool_opts *opts)
{
	t_test_values(0);
	pool = t_pool(opts ? opts : HF_POOL_OPTS(.max_conns = 1));
}

static inline long long stored(void)
{
	return t_psql_int("select count(*) from test_values");
}

/* Inserts one row and answers what `arg` points to. */
static inline hf_status insert_then(hf_conn *c, void *arg, hf_reply *reply)
{
	const hf_status *then = arg;

	(void)reply;
	atomic_fetch_add(&calls, 1);
	if (hf_conn_query(c, NULL, "insert into test_values (val1) values ($1)", 1) != HF_OK)
		return HF_E_SQL;
	return *then;
}

#endif
