/* SPDX-License-Identifier: MIT */
/* Texts of our own that travel with statements of users, such as BEGIN and COMMIT: prepared on a
 * link at their first use, beside the statement cache and outside of its limit.
 *
 * One that the server does not have (somebody's DEALLOCATE ALL) fails with 26000. Where that
 * happens before the statement, nothing has run and the trip is made again; behind it the
 * transaction is lost, so that the link then sends texts for good. */
#ifndef HF_PQ_EXTRAS_H
#define HF_PQ_EXTRAS_H

#include <stdbool.h>

#define HF__EXTRAS 16

typedef struct hf__extra {
	bool prepared;  /* the server has said so */
	bool parsing;   /* its Parse is under way; what follows on the link may count on it */
	char name[24];  /* "hf_COMMIT_7" */
	char text[100]; /* what it stands for */
} hf__extra;

typedef struct hf__extras {
	int n;
	unsigned serial;
	bool off;
	hf__extra v[HF__EXTRAS];
} hf__extras;

/* The one for this text, made if it is new: to be run by its name, and to be prepared before if it
 * is not. NULL: send the text. */
hf__extra *hf__extras_use(hf__extras *x, const char *text);

/* What the server has may differ: all get new names. */
void hf__extras_forget(hf__extras *x);

#endif
