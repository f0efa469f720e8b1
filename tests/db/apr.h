/* SPDX-License-Identifier: MIT */
/* Pools of APR for tests: each with an allocator of its own that keeps nothing, so that memory
 * which is used after the pool is gone is seen to be. */
#ifndef HF_TESTS_APR_H
#define HF_TESTS_APR_H

#include "fixture.h"

#include <holdfast/apr.h>

#include <apr_allocator.h>
#include <apr_general.h>

static inline apr_pool_t *t_apr_pool(void)
{
	apr_allocator_t *a;
	apr_pool_t *p;

	apr_initialize();
	ck_assert_int_eq(apr_allocator_create(&a), APR_SUCCESS);
	apr_allocator_max_free_set(a, 1);
	ck_assert_int_eq(apr_pool_create_ex(&p, NULL, NULL, a), APR_SUCCESS);
	apr_allocator_owner_set(a, p);
	return p;
}

/* A pool with as many connections as it may have: two. */
static inline hf_pool *t_two(void)
{
	return t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2));
}

static inline apr_pool_t *t_apr_sub(apr_pool_t *parent)
{
	apr_pool_t *p;

	ck_assert_int_eq(apr_pool_create(&p, parent), APR_SUCCESS);
	return p;
}

#endif
