/* SPDX-License-Identifier: MIT */
/* Memory that is freed all at once. */
#include "base/arena.h"

#include "base/mem.h"

#include <stddef.h>
#include <stdint.h>

#ifdef HF_ARENA_DEBUG

struct piece {
	struct piece *next;
	max_align_t data[];
};

void *hf__arena_alloc(hf__arena *a, size_t n)
{
	struct piece *p = n < SIZE_MAX - sizeof *p ? hf__alloc(sizeof *p + n) : NULL;

	if (!p)
		return NULL;
	p->next = a->impl;
	a->impl = p;
	return p->data;
}

void hf__arena_clear(hf__arena *a)
{
	for (struct piece *p = a->impl, *next; p; p = next) {
		next = p->next;
		hf__free(p);
	}
	a->impl = NULL;
}

void hf__arena_finish(hf__arena *a)
{
	hf__arena_clear(a);
}

#else

#include <apr_general.h>
#include <apr_pools.h>
#include <pthread.h>

/* What one cleared arena keeps for its next use. */
#define KEEP_BYTES (256 * 1024)

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* APR counts its initialisations without atomics; apr_terminate is left to the program, as APR's
 * documentation asks of libraries. */
static void start_apr(void)
{
	apr_initialize();
}

static apr_pool_t *arena_pool(hf__arena *a)
{
	apr_allocator_t *allocator;
	apr_pool_t *pool;

	if (a->impl)
		return a->impl;
	pthread_once(&once, start_apr);
	if (apr_allocator_create(&allocator) != APR_SUCCESS)
		return NULL;
	apr_allocator_max_free_set(allocator, KEEP_BYTES);
	if (apr_pool_create_unmanaged_ex(&pool, NULL, allocator) != APR_SUCCESS) {
		apr_allocator_destroy(allocator);
		return NULL;
	}
	apr_allocator_owner_set(allocator, pool);
	a->impl = pool;
	return pool;
}

/* APR aligns to 8 bytes, and C's largest alignment may be more. */
void *hf__arena_alloc(hf__arena *a, size_t n)
{
	const size_t align = _Alignof(max_align_t);
	apr_pool_t *pool = arena_pool(a);
	char *at = pool && n < SIZE_MAX - align ? apr_palloc(pool, n + align) : NULL;

	return at ? at + (align - (uintptr_t)at % align) % align : NULL;
}

void hf__arena_clear(hf__arena *a)
{
	if (a->impl)
		apr_pool_clear(a->impl);
}

void hf__arena_finish(hf__arena *a)
{
	if (a->impl)
		apr_pool_destroy(a->impl);
	a->impl = NULL;
}

#endif
