/* SPDX-License-Identifier: MIT */
/* One descriptor for many futures: put hf_inbox_fd() into poll, epoll, libuv or libevent. */
#ifndef HOLDFAST_INBOX_H
#define HOLDFAST_INBOX_H

#include <holdfast/future.h>

HF__BEGIN

typedef struct hf_inbox hf_inbox;

typedef struct hf_event {
	hf_future *future; /* ready; lent until the next hf_inbox_next or the last unref of the
			      inbox */
	void *tag;         /* as given to hf_inbox_add */
} hf_event;

/* NULL: no memory or no descriptor (errno tells). */
HF_OWNED hf_inbox *hf_inbox_new(void);

/* Readable while events wait. Owned by the inbox: do not read from it or close it. */
HF_API int hf_inbox_fd(const hf_inbox *box);

/* Delivers one event when `f` is ready, at once if it is. The inbox keeps its own reference, so
 * that hf_inbox_add(box, f, tag) may be followed by hf_future_unref(f). HF_E_NOMEM, HF_E_MISUSE
 * (NULL). */
HF_API hf_status hf_inbox_add(hf_inbox *box, hf_future *f, void *tag);

/* The oldest event, waiting up to ms for one (0 polls, HF_FOREVER waits). False: none came. One
 * thread at a time; other threads may add meanwhile. */
HF_API bool hf_inbox_next(hf_inbox *box, int ms, hf_event *out);

/* Events not yet taken are dropped; futures added stay what they are. */
HF_API hf_inbox *hf_inbox_unref(hf_inbox *box);

HF__END

#endif
