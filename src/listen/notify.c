/* SPDX-License-Identifier: MIT */
/* NOTIFY: a query like others, checked before it is sent. */
#include "listen/group.h"

#include "txn/txn.h"
#include "value/error.h"

#include <string.h>

/* NOTIFY itself takes no parameters. */
static const char sql[] = HF__SQL_NOTIFY;

hf_error *hf__check_channel(const char *name)
{
	hf__strbuf quoted = HF__STRBUF_INIT;
	hf_error *e = NULL;

	if (name && strnlen(name, HF_CHANNEL_BYTES + 1) > HF_CHANNEL_BYTES)
		return hf__error_fmt(HF_E_TOO_LARGE, 0,
			"the name of channel \"%.*s…\" has %zu bytes; the server's limit is %d",
			HF_CHANNEL_BYTES, name, strlen(name), HF_CHANNEL_BYTES);
	hf__ident(&quoted, name, "channel", &e);
	hf__strbuf_finish(&quoted);
	return e;
}

static hf_error *check(const char *channel, const char *payload)
{
	hf_error *e = hf__check_channel(channel);

	if (!e && payload && strnlen(payload, HF_PAYLOAD_BYTES + 1) > HF_PAYLOAD_BYTES)
		e = hf__error_fmt(HF_E_TOO_LARGE, 0,
			"the payload for channel \"%s\" has %zu bytes; the server's limit is %d",
			channel, strlen(payload), HF_PAYLOAD_BYTES);
	return e;
}

/* The plain queries of such a pool share transactions (the fast lane), and there one that fails
 * would take the notices before it with it: a script goes alone. */
static bool is_reader(const hf_pool *p)
{
	return p && p->opts.read_only;
}

hf_future *hf_notify_at(const hf_site *site, hf_pool *p, const char *channel, const char *payload)
{
	hf_value args[] = { hf_v_text(channel), hf_v_text(payload ? payload : "") };
	hf_error *e = check(channel, payload);

	if (e)
		return hf__job_refuse(p, e, site, NULL, NULL);
	return is_reader(p) ? hf_script_at(site, p, sql, args, 2)
			    : hf_query_at(site, p, sql, args, 2);
}

hf_status hf_conn_notify_at(
	const hf_site *site, hf_conn *c, const char *channel, const char *payload)
{
	hf_value args[] = { hf_v_text(channel), hf_v_text(payload ? payload : "") };
	hf_error *e = hf__conn_usable(c) ? check(channel, payload) : NULL;

	if (e)
		return hf__conn_failed(c, hf__error_at(e, 0, NULL, site));
	return hf_conn_query_at(site, c, NULL, sql, args, 2);
}

/* In its turn, so that it poisons the transaction as any statement that fails does. */
static hf_status refuse(hf_conn *c, void *why, hf_reply *reply)
{
	(void)reply;
	return hf__conn_failed(c, hf_error_ref(why));
}

static void drop_error(void *e)
{
	hf_error_unref(e);
}

hf_future *hf_txn_notify_at(
	const hf_site *site, hf_txn *t, const char *channel, const char *payload)
{
	hf_value args[] = { hf_v_text(channel), hf_v_text(payload ? payload : "") };
	hf_error *e = check(channel, payload);

	if (e)
		return hf_txn_run_at(
			site, t, HF_JOB(.fn = refuse, .arg = e, .free_arg = drop_error));
	return hf__txn_tell(site, t, args);
}
