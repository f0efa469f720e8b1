/* SPDX-License-Identifier: MIT */
/* What waits for one listener: notices in their order, at most so many, and gaps.
 *
 * A gap that a full queue makes needs no memory: it stands in the subscription. It comes after what
 * was queued for its channel before it, and until it is taken all that comes for that channel is
 * dropped: so one at a time is enough, and who is told to reread is told as late as possible. A gap
 * that a lost connection makes is an ordinary entry, and falls back to the other kind. */
#ifndef HF_LISTEN_MAILBOX_H
#define HF_LISTEN_MAILBOX_H

#include "base/ref.h"
#include "base/ring.h"

#include <holdfast/listen.h>

struct hf__channel;
struct hf__promise;

/* A notice, shared by all who get it. Immutable. */
typedef struct hf__note {
	hf__ref refs;
	int pid;
	bool gap;
	int64_t from_ns, to_ns;
	char payload[];
} hf__note;

/* One listener on one channel. Memory is shared by its listener and by what waits for it. */
typedef struct hf__sub {
	hf__ref refs;
	APR_RING_ENTRY(hf__sub) of_channel, of_listener, gaps;
	struct hf__channel *channel;  /* a reference */
	struct hf_listener *listener; /* not one; NULL once it was dropped */
	bool confirmed; /* the server has been asked to listen for it, and has said so */
	APR_RING_HEAD(hf__promise_ring, hf__promise) promises; /* until then */
	/* the gap that a full queue has made */
	bool gap;
	uint64_t gap_at; /* its place: before the entry of that number */
	int64_t gap_from;
	uint64_t gap_dropped;
} hf__sub;

typedef struct hf__item {
	hf__note *note; /* references */
	hf__sub *sub;
} hf__item;

/* Guarded by the lock of its owner's group. */
typedef struct hf__mailbox {
	hf__item *items;
	size_t room, max;    /* room: a power of two, or 0 */
	uint64_t head, tail; /* numbers of entries: the oldest, and the next that comes */
	APR_RING_HEAD(hf__gap_ring, hf__sub) gaps;
} hf__mailbox;

/* A notice in the hands of its user. */
typedef struct hf__taken {
	hf_notice view;
	hf__note *note; /* references, or NULL */
	hf__sub *sub;
} hf__taken;

hf__note *hf__note_new(const char *payload, int pid); /* NULL: no memory */
hf__note *hf__note_gap(int64_t from_ns, int64_t to_ns);
void hf__note_put(hf__note *n); /* accepts NULL */
void hf__sub_put(hf__sub *s);   /* accepts NULL */

void hf__mailbox_init(hf__mailbox *m, size_t max);

/* Drops what waits. After hf__mailbox_init it may be used again. */
void hf__mailbox_finish(hf__mailbox *m);

/* Puts a notice in, with a reference of its own; NULL: there was no memory for it. False: it was
 * dropped, and a gap will tell. */
bool hf__mailbox_put(hf__mailbox *m, hf__sub *s, hf__note *n);

/* The same for a gap: it is never dropped, but one that waits already may stand for it. */
void hf__mailbox_put_gap(hf__mailbox *m, hf__sub *s, hf__note *n, int64_t from_ns);

/* Forgets what waits of a subscription; it is marked as dropped already. */
void hf__mailbox_forget(hf__mailbox *m, hf__sub *s);

bool hf__mailbox_take(hf__mailbox *m, hf__taken *out);
bool hf__mailbox_empty(const hf__mailbox *m); /* false: there may be one */

#endif
