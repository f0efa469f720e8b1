/* SPDX-License-Identifier: MIT */
/* Threads of the library: named, with every signal blocked, and with an identity that tells a
 * thread which pool it serves. */
#ifndef HF_BASE_THREAD_H
#define HF_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

enum hf__role { HF__ROLE_NONE, HF__ROLE_WORKER, HF__ROLE_CALLBACKS, HF__ROLE_HOUSE };

/* Starts a joinable thread. `name` is cut to what the system shows (15 bytes). False: could not. */
bool hf__thread_start(pthread_t *t, const char *name, void *(*run)(void *), void *arg);

/* Who this thread works for; set by the thread itself when it starts. `domain` is compared, never
 * followed: waiting for work of one's own domain would never end. */
void hf__thread_serve(const void *domain, enum hf__role role);
enum hf__role hf__thread_role(const void *domain);

/* For tests: the n-th start from now on fails (1: the next); 0 turns it off. */
void hf__thread_fail(long n);

#endif
