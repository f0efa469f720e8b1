/* SPDX-License-Identifier: MIT */
/* One connection through the proxy, and the reading of what passes. Private to proxy.c. */
#ifndef HF_TESTS_PROXY_WIRE_H
#define HF_TESTS_PROXY_WIRE_H

#include "proxy.h"

struct bytes {
	unsigned char *data;
	size_t len, cap;
};

/* One direction: what came and has not been judged yet, what may go out. */
struct way {
	struct bytes in, out;
	size_t rest; /* of a held request or answer: at the head of `in` */
	bool ended;  /* the source has closed: close both when `out` is empty */
};

enum stage { RUNNING, BEFORE_ANSWER, ANSWER };

struct link {
	int client, server; /* -1: closed */
	struct way request, answer;
	bool started, raw; /* the startup packet has passed; a cancel request: just bytes */
	size_t group;      /* of request.in: whole messages whose Sync has not come */
	size_t flushed;    /* bytes of this group that a Flush has sent already */
	size_t executed;   /* of the group: up to its last Execute or simple query */
	bool triggered;    /* this group holds the trigger */
	unsigned waiting;  /* answers that are still to come, the one to the startup included */
	enum stage stage;
	enum t_proxy_act act;
	size_t n;         /* of the act */
	unsigned before;  /* answers to come before the one that matters */
	size_t measured;  /* of that answer, so far */
	bool held, dying; /* once `out` is empty */
	bool told;        /* that it is held */
};

/* What is waited for, and what has been seen. */
struct plan {
	bool armed, done;
	enum t_proxy_act act;
	char trigger[128];
	size_t n;
	struct t_exchange seen;
	unsigned accepted;
};

void t__put(struct bytes *b, const void *data, size_t n);
void t__drop(struct bytes *b, size_t n);

/* The first n bytes that were waiting may go out. */
void t__pass(struct way *w, size_t n);

/* Puts out what may pass of what has come. */
void t__judge_request(struct link *k, struct plan *p);
void t__judge_answer(struct link *k, struct plan *p);

/* A held link is held no more. */
void t__go_on(struct link *k);

#endif
