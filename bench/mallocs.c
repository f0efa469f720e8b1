/* SPDX-License-Identifier: MIT */
/* Counters in front of malloc. Every thread counts for itself, as one shared counter would be what
 * is measured. */
#include "mallocs.h"

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const char *const mallocs_name[MALLOCS_N] = { "holdfast", "libpq", "apr", "others" };

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)
#define COUNTING 1
#else
#define COUNTING 0
#endif

#define RANGES  64
#define THREADS 256

static struct range {
	uintptr_t from, to;
	enum mallocs_who who;
} ranges[RANGES];
static int n_ranges;

/* Threads take a set each, and share the last when there are too many. */
static struct set {
	_Atomic long calls[MALLOCS_N], bytes[MALLOCS_N];
	char pad[64];
} sets[THREADS];

bool mallocs_work(void)
{
	return COUNTING;
}

static int look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *name = info->dlpi_name;
	enum mallocs_who who = MALLOCS_OTHERS;

	(void)size;
	(void)arg;
	if (!*name)
		who = MALLOCS_OURS;
	else if (strstr(name, "libpq."))
		who = MALLOCS_LIBPQ;
	else if (strstr(name, "libapr"))
		who = MALLOCS_APR;
	for (int i = 0; i < info->dlpi_phnum && who != MALLOCS_OTHERS; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];

		if (h->p_type != PT_LOAD || !(h->p_flags & PF_X) || n_ranges == RANGES)
			continue;
		ranges[n_ranges].from = info->dlpi_addr + h->p_vaddr;
		ranges[n_ranges].to = ranges[n_ranges].from + h->p_memsz;
		ranges[n_ranges++].who = who;
	}
	return 0;
}

void mallocs_init(void)
{
	dl_iterate_phdr(look_at, NULL);
}

void mallocs_now(struct mallocs out[MALLOCS_N])
{
	memset(out, 0, MALLOCS_N * sizeof *out);
	for (int t = 0; t < THREADS; t++)
		for (int w = 0; w < MALLOCS_N; w++) {
			out[w].calls +=
				atomic_load_explicit(&sets[t].calls[w], memory_order_relaxed);
			out[w].bytes +=
				atomic_load_explicit(&sets[t].bytes[w], memory_order_relaxed);
		}
}

void mallocs_since(const struct mallocs since[MALLOCS_N], struct mallocs out[MALLOCS_N])
{
	mallocs_now(out);
	for (int w = 0; w < MALLOCS_N; w++) {
		out[w].calls -= since[w].calls;
		out[w].bytes -= since[w].bytes;
	}
}

#if COUNTING

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);
extern void __libc_free(void *p);

#define EXPORTED __attribute__((visibility("default")))
#define ASKED_BY ((uintptr_t)__builtin_return_address(0))

static struct set *my_set(void)
{
	static _Atomic unsigned n_sets;
	static _Thread_local struct set *mine;

	if (!mine) {
		unsigned n = atomic_fetch_add(&n_sets, 1);

		mine = &sets[n < THREADS ? n : THREADS - 1];
	}
	return mine;
}

static enum mallocs_who who_is(uintptr_t at)
{
	for (int i = 0; i < n_ranges; i++)
		if (at >= ranges[i].from && at < ranges[i].to)
			return ranges[i].who;
	return MALLOCS_OTHERS;
}

/* Behind each block stands whose it is and what it was counted for, so that it is taken back from
 * the same one: libpq frees much by tail calls, which look like its caller's. */
#define MARK UINT64_C(0xb10c)

static uint64_t *trailer(void *p)
{
	return (uint64_t *)(void *)((char *)p + malloc_usable_size(p) - sizeof(uint64_t));
}

/* What glibc takes for n bytes. */
static long rounded(size_t n)
{
	size_t size = (n + 8 + 15) & ~(size_t)15;

	return (long)(size < 32 ? 32 : size);
}

static size_t with_trailer(size_t n)
{
	return n > SIZE_MAX - sizeof(uint64_t) ? n : n + sizeof(uint64_t);
}

static void count(enum mallocs_who who, long calls, long bytes)
{
	struct set *s = my_set();

	atomic_fetch_add_explicit(&s->calls[who], calls, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->bytes[who], bytes, memory_order_relaxed);
}

static void *count_in(void *p, size_t n, uintptr_t asked_by)
{
	enum mallocs_who who = who_is(asked_by);

	count(who, 1, p ? rounded(n) : 0);
	if (p)
		*trailer(p) = MARK << 48 | (uint64_t)who << 40 | (uint64_t)rounded(n);
	return p;
}

/* Blocks from before this was linked in have no mark. */
static void count_out(void *p)
{
	uint64_t t;

	if (!p)
		return;
	t = *trailer(p);
	*trailer(p) = 0;
	if (t >> 48 == MARK && (t >> 40 & 0xff) < MALLOCS_N)
		count((enum mallocs_who)(t >> 40 & 0xff), 0, -(long)(t & 0xffffffffff));
}

EXPORTED void *malloc(size_t n)
{
	return count_in(__libc_malloc(with_trailer(n)), n, ASKED_BY);
}

EXPORTED void *calloc(size_t n, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(n, size, &all))
		return NULL;
	return count_in(__libc_calloc(1, with_trailer(all)), all, ASKED_BY);
}

EXPORTED void *realloc(void *old, size_t n)
{
	void *p;

	count_out(old);
	p = __libc_realloc(old, with_trailer(n));
	return count_in(p, n, ASKED_BY);
}

EXPORTED void *aligned_alloc(size_t align, size_t n)
{
	return count_in(__libc_memalign(align, with_trailer(n)), n, ASKED_BY);
}

EXPORTED int posix_memalign(void **out, size_t align, size_t n)
{
	void *p = count_in(__libc_memalign(align, with_trailer(n)), n, ASKED_BY);

	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

/* Else the C library would be seen to ask, and not who wants the copy. */
EXPORTED char *strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = count_in(__libc_malloc(with_trailer(n)), n, ASKED_BY);

	return p ? memcpy(p, s, n) : NULL;
}

EXPORTED void free(void *p)
{
	count_out(p);
	__libc_free(p);
}

#endif
