/* SPDX-License-Identifier: MIT */
/* Whether this thread may block. Calls of the library that wait ask first, by the name that their
 * callers know them by; those that wait as part of another call are under a lift, so that one call
 * is told once. */
#ifndef HF_VALUE_BLOCKING_H
#define HF_VALUE_BLOCKING_H

#include <holdfast/blocking.h>

#include <stdbool.h>

/* False: it may not. Tells where it is to be told. */
bool hf__may_block(const char *call);

/* It matters whether this call blocks: else the thread has said nothing. */
bool hf__blocking_guarded(void);

/* The same as hf__may_block, turned round, and nobody is told. */
bool hf__blocking_forbidden(void);

/* All is allowed until hf_thread_blocking is given what this answers. */
static inline hf_blocking hf__blocking_lift(void)
{
	return hf_thread_blocking((hf_blocking){ HF_BLOCKING_ALLOWED, NULL, NULL });
}

#endif
