/* SPDX-License-Identifier: MIT */
/* What a session is told by others, and whether it is a session at all. */
#ifndef HF_PQ_NOTIFY_H
#define HF_PQ_NOTIFY_H

#include "pq/link.h"

/* Gives what has arrived to `each`, oldest first, as far as the link has read it
 * (hf__link_rest). At most `most`; answers how many. */
typedef void hf__notified_fn(const char *channel, const char *payload, int pid, void *arg);
int hf__link_notified(hf__link *l, int most, hf__notified_fn *each, void *arg);

/* Whether another process serves this session than the one that greeted us: a pooler stands
 * between. NULL and *out, or the story. */
hf_error *hf__link_ask_pooled(hf__link *l, const hf__guard *guard, bool *out);

/* Whether its database can keep every character, and so refuses no text that is UTF-8. */
bool hf__link_takes_all_text(const hf__link *l);

#endif
