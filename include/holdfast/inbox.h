/* SPDX-License-Identifier: MIT */
/* One descriptor for many futures and notices: put hf_inbox_fd() into poll, epoll, libuv or
 * libevent. */
#ifndef HOLDFAST_INBOX_H
#define HOLDFAST_INBOX_H

#include <holdfast/future.h>

HF__BEGIN

typedef struct hf_inbox hf_inbox;

/* What a session told with NOTIFY, or that some of that may be missing; see listen.h. Read only. */
typedef struct hf_notice {
	const char *channel;
	const char *payload; /* as it was sent, decoded or not; "" if there was none */
	int pid;             /* of the server process that sent it; 0 in a gap */
	bool gap;       /* notices of this channel may be missing here: reread what they tell of */
	bool malformed; /* the decoder could not read it: only payload tells */
	void *decoded;  /* what the decoder made; NULL without one */
	/* Of a gap, in nanoseconds of hf_now_ns: what may be missing was notified after the server
	 * was last heard from, less the time a notice travels, and before it was listened to again;
	 * or while the queue was full. */
	int64_t from_ns, to_ns;
	uint64_t dropped; /* of a gap: so many were dropped since the queue was full; 0: none */
} hf_notice;

/* One of future and notice is set. Both are lent until the next hf_inbox_next or the last unref of
 * the inbox. */
typedef struct hf_event {
	hf_future *future;       /* ready */
	const hf_notice *notice; /* for a listener that delivers here */
	void *tag;               /* as given to hf_inbox_add, or in hf_listen_opts */
} hf_event;

/* NULL: no memory or no descriptor (errno tells). */
HF_OWNED hf_inbox *hf_inbox_new(void);

/* Readable while events wait. Owned by the inbox: do not read from it or close it. */
HF_API int hf_inbox_fd(const hf_inbox *box);

/* Delivers one event when `f` is ready, at once if it is. The inbox keeps its own reference, so
 * that hf_inbox_add(box, f, tag) may be followed by hf_future_unref(f). HF_E_NOMEM, HF_E_MISUSE
 * (NULL). */
HF_API hf_status hf_inbox_add(hf_inbox *box, hf_future *f, void *tag);

/* The oldest event, waiting up to ms for one (0 polls, HF_FOREVER waits). False: none came. Futures
 * come in the order in which they became ready; listeners with many notices take turns with them
 * and with each other. One thread at a time; other threads may add meanwhile. */
HF_API bool hf_inbox_next(hf_inbox *box, int ms, hf_event *out);

/* Events not yet taken are dropped; futures added stay what they are. Notices for it are dropped
 * from then on: stop its listeners first. */
HF_API hf_inbox *hf_inbox_unref(hf_inbox *box);

HF__END

#endif
