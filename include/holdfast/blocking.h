/* SPDX-License-Identifier: MIT */
/* Threads that must not block: an event loop, a signal dispatcher, whatever others wait for.
 *
 *     static void no_more(const char *line, void *arg) { fprintf(arg, "%s\n", line); }
 *     ...
 *     hf_thread_blocking((hf_blocking){ .mode = HF_BLOCKING_FORBIDDEN });
 *     ...
 *     st = hf_with_blocking((hf_blocking){ .mode = HF_BLOCKING_ALLOWED }, make_tables, models);
 *
 * What is guarded: waiting for a future that is not ready (hf_future_wait, hf_future_get, hf_await,
 * hf_wait_all and their kin; not with a limit of 0, which polls), hf_fetch, verbs and
 * hf_session_fetch (but not in an interaction, whose thread is there for that), hf_global_commit,
 * hf_scope_commit. A rollback and the end of a scope are never refused: where waiting is forbidden
 * they do not wait. Opening and closing pools is not guarded.
 *
 * Each thread speaks for itself. Before it does, all is allowed; the library's own threads are no
 * exception. */
#ifndef HOLDFAST_BLOCKING_H
#define HOLDFAST_BLOCKING_H

#include <holdfast/status.h>

HF__BEGIN

typedef enum hf_blocking_mode {
	HF_BLOCKING_ALLOWED,
	HF_BLOCKING_LOGGED,    /* allowed, and told */
	HF_BLOCKING_FORBIDDEN, /* HF_E_MISUSE, before anything is sent */
} hf_blocking_mode;

typedef struct hf_blocking {
	hf_blocking_mode mode;
	/* For LOGGED: receives a line without a newline for each call, on its thread, before it
	 * blocks. It may not call holdfast. NULL: nobody is told. */
	void (*log)(const char *line, void *arg);
	void *arg;
} hf_blocking;

/* What becomes of blocking calls on this thread from now on. Answers what it was, to be given back
 * to this function. */
HF_API hf_blocking hf_thread_blocking(hf_blocking b);

/* Runs fn so, and puts back what was before, whatever fn answers, which it passes on. */
HF_CHECK hf_status hf_with_blocking(hf_blocking b, hf_status (*fn)(void *arg), void *arg);

HF__END

#endif
