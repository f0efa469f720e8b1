/* SPDX-License-Identifier: MIT */
/* The calling thread's own descriptor to be woken by. */
#include "async/bell.h"

#include "base/fork.h"

#include <pthread.h>
#include <stdbool.h>

struct bell {
	hf__wake wake;
	bool made;
	unsigned forks; /* of whom: a child would share its parent's */
};

static _Thread_local struct bell mine;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* only for its destructor */
static bool has_key;

static void finish(void *bell)
{
	hf__wake_finish(&((struct bell *)bell)->wake);
}

static void make_key(void)
{
	has_key = pthread_key_create(&key, finish) == 0;
}

static bool make(struct bell *b)
{
	pthread_once(&once, make_key);
	if (b->made)
		hf__wake_finish(&b->wake);
	b->forks = hf__fork_count();
	b->made = has_key && hf__wake_init(&b->wake);
	if (b->made && pthread_setspecific(key, b) != 0) {
		hf__wake_finish(&b->wake);
		b->made = false;
	}
	return b->made;
}

const hf__wake *hf__bell(void)
{
	if (mine.made && mine.forks == hf__fork_count())
		return &mine.wake;
	return make(&mine) ? &mine.wake : NULL;
}
