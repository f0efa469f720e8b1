/* SPDX-License-Identifier: MIT */
/* A link that breaks where a test wants it: a proxy between the library and the server of t_dsn(),
 * on a thread of the test's process. Bytes pass unchanged. It knows where messages begin, and so
 * cuts by counts and never by time.
 *
 * A request is a group of messages of the client up to and with its Sync (or one simple query); its
 * answer is what the server says up to and with ReadyForQuery. COPY FROM STDIN in the extended
 * protocol has a Sync that is not answered, and is not understood.
 *
 * One per process. Calls come from the thread of the case; they have taken effect when they return,
 * and fail the case when they cannot. */
#ifndef HF_TESTS_PROXY_H
#define HF_TESTS_PROXY_H

#include "helpers.h"

enum t_proxy_act {
	T_MEASURE,      /* nothing but counting */
	T_CUT_REQUEST,  /* n bytes of the request reach the server, then both sides are closed */
	T_CUT_ANSWER,   /* the server has answered; n bytes of it reach the client, then the same */
	T_HOLD_REQUEST, /* as the cuts, but both sides stay open and nothing passes any more */
	T_HOLD_ANSWER
};

struct t_exchange {
	size_t request; /* its length in bytes */
	size_t needed;  /* so many of them make the server do it: all but a Sync */
	size_t answer;  /* its length; 0 when the request was cut or held */
};

/* t_dsn() by way of the proxy, without encryption. Starts it. Lent for ever. */
const char *t_proxy_dsn(void);

/* Does `act` once, to the first request with a message that holds `trigger` (case matters). An `n`
 * beyond the length is the whole. Once is enough: it disarms itself. */
void t_proxy_arm(enum t_proxy_act act, const char *trigger, size_t n);
void t_proxy_disarm(void);

/* Waits up to 10 s until what was armed has been done, and gives the measures. After T_CUT_ANSWER
 * and T_HOLD_ANSWER the server has settled the matter; after T_CUT_REQUEST it sees the end of its
 * input a moment later. */
struct t_exchange t_proxy_await(void);

/* What becomes of the held links: they go on, or lose one side or both. A side that is left over
 * stays open, silent, and sees nothing. */
enum t_proxy_side { T_CLIENT = 1, T_SERVER = 2, T_BOTH = 3 };
void t_proxy_go_on(void);
void t_proxy_cut(enum t_proxy_side side);

/* From now on new connections are refused (ECONNREFUSED), or taken again. */
void t_proxy_refuse(bool yes);

/* Closes both sides of every connection. */
void t_proxy_kill_all(void);

/* How many sessions were begun through it; requests to cancel do not count. */
unsigned t_proxy_accepted(void);

#endif
