/* SPDX-License-Identifier: MIT */
#include "value/blocking.h"

#include <stdio.h>

static _Thread_local hf_blocking mine;

hf_blocking hf_thread_blocking(hf_blocking b)
{
	hf_blocking was = mine;

	mine = b;
	return was;
}

hf_status hf_with_blocking(hf_blocking b, hf_status (*fn)(void *arg), void *arg)
{
	hf_blocking was;
	hf_status st;

	if (!fn)
		return HF_E_MISUSE;
	was = hf_thread_blocking(b);
	st = fn(arg);
	hf_thread_blocking(was);
	return st;
}

bool hf__may_block(const char *call)
{
	char line[128];

	if (mine.mode == HF_BLOCKING_LOGGED && mine.log) {
		snprintf(line, sizeof line, "%s blocks a thread that should not", call);
		mine.log(line, mine.arg);
	}
	return !hf__blocking_forbidden();
}

bool hf__blocking_guarded(void)
{
	return mine.mode != HF_BLOCKING_ALLOWED;
}

bool hf__blocking_forbidden(void)
{
	return mine.mode == HF_BLOCKING_FORBIDDEN;
}
