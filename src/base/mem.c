/* SPDX-License-Identifier: MIT */
/* Allocation, with a hook that makes the n-th one fail. */
#include "base/mem.h"

#include "base/attr.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_bool armed;
static atomic_long seen, fail_from, fail_to;

void hf__mem_fail(long skip, long count)
{
	atomic_store(&seen, 0);
	atomic_store(&fail_from, skip);
	atomic_store(&fail_to, count < 0 ? -1 : skip + count);
	atomic_store(&armed, count != 0);
}

long hf__mem_seen(void)
{
	return atomic_load(&seen);
}

bool hf__mem_refused(void)
{
	long i, end;

	if (hf_likely(!atomic_load_explicit(&armed, memory_order_relaxed)))
		return false;
	i = atomic_fetch_add(&seen, 1);
	end = atomic_load(&fail_to);
	return i >= atomic_load(&fail_from) && (end < 0 || i < end);
}

void *hf__alloc(size_t n)
{
	return hf__mem_refused() ? NULL : malloc(n ? n : 1);
}

void *hf__calloc(size_t n)
{
	return hf__mem_refused() ? NULL : calloc(1, n ? n : 1);
}

void *hf__realloc(void *p, size_t n)
{
	return hf__mem_refused() ? NULL : realloc(p, n ? n : 1);
}

char *hf__strdup(const char *s)
{
	size_t n = s ? strlen(s) + 1 : 0;
	char *copy = s ? hf__alloc(n) : NULL;

	return copy ? memcpy(copy, s, n) : NULL;
}

void hf__free(void *p)
{
	free(p);
}

void hf__wipe_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	hf__free(text);
}
