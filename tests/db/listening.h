/* SPDX-License-Identifier: MIT */
/* What tests of listening share. */
#ifndef HF_TESTS_LISTENING_H
#define HF_TESTS_LISTENING_H

#include "fixture.h"

/* hf_listener_add and hf_listener_drop, which must work within 10 s. */
void t_listen(hf_listener *l, const char *channel);
void t_unlisten(hf_listener *l, const char *channel);

/* The next notice, which must come within 10 s; with t_notice, it must be no gap. */
const hf_notice *t_any_notice(hf_listener *l);
const hf_notice *t_notice(hf_listener *l);

/* hf_notify, which must work. */
void t_notify(hf_pool *p, const char *channel, const char *payload);

/* The process at the server that listens for this case's pools (t_name), by what it said last; 0:
 * none. */
int t_listening_pid(void);

/* Ends that session, and waits until it has gone. */
void t_kill_listening(void);

/* A listener's notices by callback: how many, and the last. */
struct t_heard {
	_Atomic int n, gaps, freed;
	char last[64];
};
void t_hear(const hf_notice *n, void *heard);
void t_heard_free(void *heard);

/* Waits up to 10 s until so many were heard. */
void t_wait_heard(struct t_heard *h, int n);

#endif
