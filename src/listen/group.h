/* SPDX-License-Identifier: MIT */
/* The inside of listening: one group a pool, with one thread and one connection of its own.
 *
 * Channels and subscriptions say what is wanted; the thread makes the server's side agree, one
 * LISTEN or UNLISTEN at a time, reads what comes and puts it into the mailboxes of the listeners.
 * It sleeps in poll() on the socket and its wake descriptor. It starts with the first channel and
 * ends with the last.
 *
 * Lock rule. group->lock (HF__L_LISTEN) guards every field below a comment that says so, of the
 * group, its channels, its subscriptions and its listeners. It is never held over the network, a
 * callback, a decoder or a free function. Promises are kept after it is released: they are put into
 * a ring of kept ones (hf__kept_ring). Functions that need it held end in _locked. */
#ifndef HF_LISTEN_GROUP_H
#define HF_LISTEN_GROUP_H

#include "async/future.h"
#include "async/inbox.h"
#include "listen/mailbox.h"
#include "pool/pool.h"
#include "pq/link.h"
#include "value/codec.h"

#define HF__BUCKETS 256 /* of a group's channels */

/* A future for hf_listener_add or hf_listener_drop. */
typedef struct hf__promise {
	hf_future future; /* first */
	APR_RING_ENTRY(hf__promise) link;
	hf__callbacks *calls; /* a reference */
	hf_site site;
	hf_error *error; /* decided; NULL: it went well */
} hf__promise;

typedef struct hf__promise_ring hf__promise_ring;

typedef struct hf__channel {
	hf__ref refs; /* of memory: the group's table and the subscriptions */
	/* guarded by lock */
	APR_RING_ENTRY(hf__channel) all, todo;
	struct hf__channel *chain; /* the next in its bucket */
	APR_RING_HEAD(hf__sub_ring, hf__sub) subs;
	bool in_table, is_todo;
	bool listening;           /* the server has confirmed it, on the link that is up */
	bool busy;                /* the thread talks to the server about it */
	hf__promise_ring leaving; /* of drops that wait for UNLISTEN */
	char name[HF_CHANNEL_BYTES + 1];
} hf__channel;

struct hf_listener {
	hf__ref refs;  /* of memory */
	hf__ref users; /* of refs: those that hf_listener_unref counts */
	unsigned forks;
	bool is_static;
	struct hf__group *group; /* a reference; NULL: refused */
	hf_error *refusal;       /* why it has no group */
	hf_listen_opts opts;
	hf__call call;     /* for on_notice */
	hf__source source; /* for an inbox */
	hf__taken lent;    /* to the thread that takes; not for on_notice */
	/* guarded by group->lock */
	APR_RING_ENTRY(hf_listener) all, roused;
	struct hf__sub_ring subs;
	hf__mailbox mail;
	hf__cond cond; /* waited on by hf_listener_next and hf_listener_stop */
	bool stopped, is_roused;
	bool announced;      /* hf__callbacks_expect was called for it */
	bool scheduled;      /* its call is queued or runs; has a reference */
	bool running;        /* a callback or free_arg runs, on the thread `runner` */
	bool stopped_inside; /* stop was called from that */
	bool arg_freed;
	pthread_t runner;
};

typedef struct hf__group {
	hf__attached attached; /* to its pool; has a reference */
	hf__ref refs;          /* that, and the listeners */
	hf_pool *pool;         /* memory */
	const hf__dsn *dsn;    /* the pool's, or its listen_dsn */
	hf__wake wake;

	hf__mutex lock;
	/* guarded by lock */
	hf__cond ended_cond;
	bool ended;    /* by the pool's close: for good */
	bool running;  /* there is a thread */
	bool joinable; /* which somebody has to join */
	bool up;       /* and it has a link on which all is listened to that should be */
	bool ever_up;
	pthread_t thread;
	hf__channel *buckets[HF__BUCKETS];
	APR_RING_HEAD(hf__channel_ring, hf__channel) channels;
	APR_RING_HEAD(hf__todo_ring, hf__channel) todo;
	APR_RING_HEAD(hf__listener_ring, hf_listener) listeners;
	APR_RING_HEAD(hf__roused_ring, hf_listener) roused; /* to be told, at the end of a batch */

	/* the thread's own */
	hf__link link;
	unsigned n_listening;
	int64_t heard_at;  /* the server was heard from */
	int64_t lost_from; /* of the gap that is to be told, once all is listened to again; 0: none
			    */
	int failures;
	int64_t retry_at;
} hf__group;

/* --- group.c --- */

/* The pool's, with a reference for the caller; made if there is none. NULL and the story. */
hf__group *hf__group_of(hf_pool *p, hf_error **why);
void hf__group_put(hf__group *g);

/* There is a thread, or no way to start one. */
bool hf__group_start_locked(hf__group *g);

hf__ask hf__group_ask(void *group);  /* what the link asks when it is poked */
bool hf__group_wanted(hf__group *g); /* there are channels, and no end */

/* For the statistics of its pool: what has come since. */
void hf__group_count(hf__group *g, unsigned notices, unsigned dropped, unsigned losses);

/* --- connect.c --- */

/* Sees to it that the link is up and listens. False: nobody wants that any more. */
bool hf__group_connect(hf__group *g);

/* After the link was lost. */
void hf__group_lost(hf__group *g, const char *why);

/* --- channel.c --- */

void hf__channel_put(hf__channel *c);
hf__channel *hf__channel_find_locked(hf__group *g, const char *name);

/* NULL: no memory. A new one has no references but the table's. */
hf__channel *hf__channel_get_locked(hf__group *g, const char *name);

/* After anything about it has changed: the thread is told what is to be done, those who left are
 * told when it was, and a channel that nobody needs goes. */
void hf__channel_settle_locked(hf__group *g, hf__channel *c, hf__promise_ring *kept);

/* On the group's thread, under the lock. */
void hf__channel_set_listening(hf__group *g, hf__channel *c, bool listening);

/* Those whose subscriptions wait for it: it is confirmed, or (with why not) they have none. */
void hf__channel_confirm_locked(hf__channel *c, hf__promise_ring *kept);
void hf__channel_refuse_locked(
	hf__group *g, hf__channel *c, const hf_error *why, hf__promise_ring *kept);

hf__sub *hf__sub_new_locked(hf_listener *l, hf__channel *c); /* NULL: no memory */

/* Takes it out of its channel and its listener, and fails who waits for it; consumes `why`. */
void hf__sub_drop_locked(hf__group *g, hf__sub *s, hf_error *why, hf__promise_ring *kept);

hf__promise *hf__promise_new(hf__group *g, const hf_site *site); /* NULL: no memory */
void hf__promise_keep_all(hf__promise_ring *kept);

/* Does one thing that is to be done at the server. False: there is none. */
bool hf__group_work(hf__group *g);

/* --- deliver.c --- */

/* Reads what has come and gives it out. */
void hf__group_read(hf__group *g);

/* To everybody who had a confirmed subscription to it. */
void hf__channel_gap_locked(hf__group *g, hf__channel *c, hf__note *gap, int64_t from_ns);

/* Tells those whose mailboxes have got something, at the end of a batch. */
void hf__group_rouse_locked(hf__group *g);

void hf__taken_decode(hf_listener *l, hf__taken *t);
void hf__taken_finish(hf_listener *l, hf__taken *t);
bool hf__listener_serve(hf__call *call);
extern const hf__source_ops hf__listener_source;

/* --- notify.c --- */

/* NULL, or why this is no name for a channel. */
hf_error *hf__check_channel(const char *name);

/* --- listener.c --- */

void hf__listener_get(hf_listener *l);
void hf__listener_put(hf_listener *l);

/* Its callbacks are not announced any more, unless they run: then they do that themselves. */
void hf__listener_unannounce_locked(hf_listener *l);

#endif
