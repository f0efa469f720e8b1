/* SPDX-License-Identifier: MIT */
/* What else an inbox delivers: sources, which have many events and hand them over one at a time.
 *
 * A source is part of something else and says so when it has an event (hf__inbox_post). The inbox
 * then asks it, on the thread in hf_inbox_next and with no lock held, for one; a source with more
 * of them posts itself again, and so waits behind the others that are ready. */
#ifndef HF_ASYNC_INBOX_H
#define HF_ASYNC_INBOX_H

#include "base/ring.h"

#include <holdfast/inbox.h>

/* What waits in an inbox: a future's entry, or a source. */
typedef struct hf__mail {
	APR_RING_ENTRY(hf__mail) link;
	bool is_source;
} hf__mail;

typedef struct hf__source {
	hf__mail mail; /* guarded by the inbox's lock, as is posted */
	bool posted;
	hf_inbox *box;
	const struct hf__source_ops *ops;
} hf__source;

typedef struct hf__source_ops {
	bool (*take)(hf__source *s, hf_event *out); /* false: it has none after all */
	void (*release)(hf__source *s);             /* what it gave last is not used any more */
	/* References: the inbox has one while it is posted, and while an event of it is lent. hold
	 * is called with locks held. */
	void (*hold)(hf__source *s);
	void (*let_go)(hf__source *s);
} hf__source_ops;

/* Keeps the memory of the inbox. False: it belongs to the parent of this process. */
bool hf__source_init(hf__source *s, hf_inbox *box, const hf__source_ops *ops);
void hf__source_finish(hf__source *s); /* neither posted nor lent */

/* It has an event. Nothing, if that is known, or if the inbox is gone. Locks below HF__L_INBOX may
 * be held. */
void hf__inbox_post(hf__source *s);

/* It has none any more. No lock may be held. */
void hf__inbox_withdraw(hf__source *s);

#endif
