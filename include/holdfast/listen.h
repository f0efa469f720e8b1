/* SPDX-License-Identifier: MIT */
/* LISTEN and NOTIFY: what other sessions tell this program, as they commit.
 *
 *     static void on_order(const hf_notice *n, void *shop)
 *     {
 *             if (n->gap)
 *                     reread_all(shop);              // some may be missing: look for yourself
 *             else
 *                     reread_one(shop, n->payload);
 *     }
 *
 *     hf_listener *l = hf_listen(pool, HF_LISTEN_OPTS(.on_notice = on_order, .arg = shop));
 *
 *     if (hf_await(hf_listener_add(l, "orders"), &why) != HF_OK)
 *             return complain(why);
 *     ...
 *     hf_listener_stop(l);
 *     hf_listener_unref(l);
 *
 * A pool listens on one connection of its own, beside its max_conns, made with the first channel
 * and closed with the last. Any number of listeners share it, and one LISTEN for each channel.
 *
 * What is promised. Notices come in the order in which the server gives them, which is that of the
 * commits; those of one transaction in the order in which it sent them (the server drops doubles
 * of the same transaction). Once hf_listener_add's future is ready, each later notice of that
 * channel is delivered, or a gap is: after a lost connection everything is listened to again, and
 * then one notice with .gap set goes to each listener for each of its channels. What was notified
 * within the span of a gap may be missing, nothing else is. The same notice tells that a listener
 * took its notices too slowly and its queue was full (.dropped); the others do not wait for it. A
 * program that keeps a copy of a table reads it anew when it is told of a gap, and once after
 * hf_listener_add.
 *
 * PostgreSQL delivers when the sender commits and the receiver is in no transaction, which holdfast
 * never is; a rolled back NOTIFY is never delivered. */
#ifndef HOLDFAST_LISTEN_H
#define HOLDFAST_LISTEN_H

#include <holdfast/inbox.h>
#include <holdfast/txn.h>

HF__BEGIN

/* Limits of the server, in bytes. */
enum { HF_CHANNEL_BYTES = 63, HF_PAYLOAD_BYTES = 7999 };

/* Gets one notice after the other, on the pool's callback thread: never inline, never with a lock
 * held, never two at once. `n` and all in it are lent for the call. It may do what other callbacks
 * may (hf_ready_fn), and add to, drop from, and stop its listener. */
typedef void hf_notice_fn(const hf_notice *n, void *arg);

/* Makes of a payload what the program works with: *out, freed with .free_decoded when the notice
 * was used. Anything but HF_OK marks the notice as malformed; it is delivered all the same. Runs
 * right before the notice is delivered, on the thread that takes it, with no lock held; not for
 * gaps. */
typedef hf_status hf_decode_fn(const char *payload, void **out, void *arg);

/* How notices are to be delivered: to on_notice, into inbox, or (neither) to hf_listener_next. */
typedef struct hf_listen_opts {
	size_t struct_size; /* set by HF_LISTEN_OPTS */
	hf_notice_fn *on_notice;
	void *arg;
	hf_free_fn *free_arg; /* run once, after the last use of arg: see hf_listener_stop; on
				 return where hf_listen refuses */
	hf_inbox *inbox;      /* its events have .notice, and this .tag; a reference is kept */
	void *tag;
	int max_waiting; /* notices not taken yet, beyond it a gap [10000] */
	hf_decode_fn *decode;
	void *decode_arg;         /* must outlive the listener's memory: its last unref */
	hf_free_fn *free_decoded; /* may be NULL */
} hf_listen_opts;

typedef struct hf_listener hf_listener;

/* A listener without channels yet. Sends nothing, blocks for nothing. Never NULL: what is wrong
 * (HF_E_MISUSE for a NULL pool or both ways of delivery at once, HF_E_CLOSED, HF_E_NOMEM,
 * HF_E_FORKED) arrives in the futures of hf_listener_add. Any thread. */
HF_OWNED hf_listener *hf_listen_at(const hf_site *site, hf_pool *p, const hf_listen_opts *opts);

/* Listens to a channel as well. The name is taken as it is, case and quotes included: 1 to
 * HF_CHANNEL_BYTES bytes. The future is ready once the server has confirmed it, or holds why not,
 * and then the listener does not have the channel:
 *
 *   HF_E_MISUSE     no name, an empty one, or one that is no UTF-8; a pooler stands between (below)
 *   HF_E_TOO_LARGE  the name is too long
 *   HF_E_CONNECT    the pool has not listened before and no connection could be made, or it was
 *                   refused for good (password, database)
 *   HF_E_SQL        the server refused: a standby, for one
 *   HF_E_CANCELED   dropped or stopped meanwhile
 *   HF_E_CLOSED     the pool is closing or closed
 *
 * While a server that was there before is away it stays pending. A channel that the listener has is
 * HF_OK. Never blocks; any thread. The future can be waited for on any thread, those of the pool
 * included; it cannot be cancelled (HF_E_BUSY): drop the channel instead.
 *
 * A pooler (PgBouncer) that lends sessions for single transactions would lose each LISTEN. Where
 * one is detected between, listening is refused, unless the pool has an address of its own for it:
 * hf_pool_opts.listen_dsn. */
HF_OWNED hf_future *hf_listener_add_at(const hf_site *site, hf_listener *l, const char *channel);

/* No longer: on return no callback for that channel begins, and what waits of it is dropped. With
 * the last listener of the channel the future is ready once the server has confirmed UNLISTEN (or
 * the connection is gone, which does the same), else at once. A channel that the listener does not
 * have is HF_OK. Never blocks; any thread. */
HF_OWNED hf_future *hf_listener_drop_at(const hf_site *site, hf_listener *l, const char *channel);

/* The oldest notice, waiting up to ms for one (0 polls, HF_FOREVER waits). *out is lent until the
 * next call on this listener, or its last unref.
 *
 * HF_OK; HF_PENDING when the time is up; HF_E_CLOSED when the listener was stopped, or its pool
 * closed and what had come is taken; HF_E_MISUSE for a listener with on_notice or inbox, and NULL;
 * HF_E_FORKED, HF_E_NOMEM. One thread at a time; stop may be called on another and ends the wait.
 */
HF_CHECK hf_status hf_listener_next(hf_listener *l, int ms, const hf_notice **out);

/* Ends it: channels are dropped, what waits is discarded, a waiting hf_listener_next returns, its
 * inbox gives none of its notices any more. Waits for a callback of this listener that is running,
 * unless it is called from it; after it has returned none runs again, and arg is not used any more:
 * free_arg has run, or runs when the callback that called has returned. Does not wait for the
 * server. Again is HF_OK. HF_E_MISUSE for NULL, HF_E_FORKED. Any thread. */
HF_API hf_status hf_listener_stop(hf_listener *l);

/* A further reference, and the release of one. The last stops it, as hf_listener_stop does. */
HF_OWNED hf_listener *hf_listener_ref(hf_listener *l);
HF_API hf_listener *hf_listener_unref(hf_listener *l);

/* --- sending --- */

/* Sends `payload` (NULL: "") to all who listen to `channel`: in a transaction of its own; as part
 * of one, delivered with its COMMIT and not at all if it is rolled back; from inside an interaction
 * likewise. 1 to HF_CHANNEL_BYTES and up to HF_PAYLOAD_BYTES bytes, both checked before anything is
 * sent: HF_E_TOO_LARGE, HF_E_MISUSE. In a transaction such a refusal counts as a failed statement.
 * Notices that follow each other in a transaction, and wait together, are told by one statement:
 * where that fails, or one of them is cancelled while it runs, all of them fail. Otherwise as
 * hf_query, hf_txn_query and hf_conn_query: also through a pooler. The result says nothing. */
HF_OWNED hf_future *hf_notify_at(
	const hf_site *site, hf_pool *p, const char *channel, const char *payload);
HF_OWNED hf_future *hf_txn_notify_at(
	const hf_site *site, hf_txn *t, const char *channel, const char *payload);
HF_CHECK hf_status hf_conn_notify_at(
	const hf_site *site, hf_conn *c, const char *channel, const char *payload);

/* --- a payload of pairs: "id:459|val1:123" --- */

typedef struct hf_pair {
	const char *key, *value;
} hf_pair;

/* In the order of the payload. One block: everything in it lives as long as it does. */
typedef struct hf_pairs {
	size_t n;
	const hf_pair *pair;
} hf_pairs;

/* Reads pairs that are parted by "|", each a key and its value, parted by its first ":". A value
 * may hold ":" but no "|"; a key or a value may be empty. HF_OK and *out, yours for
 * hf_pairs_free; HF_E_TYPE for a text with a piece that has no ":" (so for ""); HF_E_NOMEM;
 * HF_E_MISUSE for a NULL. Any thread. */
HF_CHECK hf_status hf_pairs_parse(const char *payload, hf_pairs **out);

/* The value of the last pair with this key; NULL: there is none. Lent by the pairs. */
HF_API const char *hf_pairs_get(const hf_pairs *pairs, const char *key);

/* Accepts NULL. An hf_free_fn: */
HF_API void hf_pairs_free(void *pairs);

/* The two as a decoder: HF_LISTEN_OPTS(.decode = hf_pairs_decode, .free_decoded = hf_pairs_free),
 * and hf_notice.decoded is an hf_pairs. `arg` is not used. */
HF_API hf_status hf_pairs_decode(const char *payload, void **out, void *arg);

HF__END

#ifndef __cplusplus
#define HF_LISTEN_OPTS(...)                                                                        \
	(&(const hf_listen_opts){ .struct_size = sizeof(hf_listen_opts), __VA_ARGS__ })
#define hf_listen(pool, opts)                hf_listen_at(HF_HERE, (pool), (opts))
#define hf_listener_add(listener, channel)   hf_listener_add_at(HF_HERE, (listener), (channel))
#define hf_listener_drop(listener, channel)  hf_listener_drop_at(HF_HERE, (listener), (channel))
#define hf_notify(pool, channel, payload)    hf_notify_at(HF_HERE, (pool), (channel), (payload))
#define hf_txn_notify(txn, channel, payload) hf_txn_notify_at(HF_HERE, (txn), (channel), (payload))
#define hf_conn_notify(conn, channel, payload)                                                     \
	hf_conn_notify_at(HF_HERE, (conn), (channel), (payload))
#endif

#endif
