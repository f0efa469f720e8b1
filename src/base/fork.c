/* SPDX-License-Identifier: MIT */
/* fork(): the child must neither use nor end the sessions of its parent. */
#include "base/fork.h"

#include "base/attr.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* No lock: the handler runs in a child whose other threads are gone, whatever they held. A slot
 * holds a descriptor plus one; 0 is free. */
static atomic_int slots[4096];
static atomic_uint forks;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void in_child(void)
{
	atomic_fetch_add(&forks, 1);
	for (size_t i = 0; i < hf_countof(slots); i++) {
		int fd = atomic_exchange(&slots[i], 0) - 1;

		if (fd >= 0)
			close(fd);
	}
}

static void install(void)
{
	pthread_atfork(NULL, NULL, in_child);
}

void hf__fork_watch(void)
{
	pthread_once(&once, install);
}

unsigned hf__fork_count(void)
{
	return atomic_load_explicit(&forks, memory_order_relaxed);
}

int hf__fork_list(int fd)
{
	for (size_t i = 0; fd >= 0 && i < hf_countof(slots); i++) {
		int free_slot = 0;

		if (atomic_load_explicit(&slots[i], memory_order_relaxed) == 0 &&
			atomic_compare_exchange_strong(&slots[i], &free_slot, fd + 1))
			return (int)i;
	}
	return -1;
}

void hf__fork_unlist(int slot)
{
	if (slot >= 0)
		atomic_store(&slots[slot], 0);
}
