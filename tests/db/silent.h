/* SPDX-License-Identifier: MIT */
/* Servers that take what is sent to them and say nothing. All fail the running case, and say why,
 * when they cannot do what they promise. */
#ifndef HF_TESTS_SILENT_H
#define HF_TESTS_SILENT_H

#include "fixture.h"

/* A listener that accepts no connection; whoever connects waits for its first word. */
struct t_hole {
	char dir[32], path[64];
	char dsn[128];
	int fd;
};

void t_hole_open(struct t_hole *h);

/* Until somebody has connected, or 10 s. */
void t_hole_await(const struct t_hole *h);

/* From now on its dsn leads to the real server; who has connected before goes on waiting. */
void t_hole_become_real(const struct t_hole *h);

void t_hole_close(const struct t_hole *h);

/* Freezes the server and the session of process `pid`, until thawed. */
void t_freeze(int pid);
void t_thaw(int pid);

/* A query that has the only connection of `p` and waits until that is probed, which nobody answers:
 * the server and its session *pid are frozen. The pool's ping_idle_ms must be 1. Thaw before you
 * assert anything, so that the server is not left frozen. */
hf_future *t_probed_in_vain(hf_pool *p, int *pid);

#endif
