/* SPDX-License-Identifier: MIT */
/* Whether a pool's server answers. */
#include "base/clock.h"
#include "base/mem.h"
#include "engine/engines.h"
#include "pool/pool.h"
#include "value/error.h"

#include <holdfast/admin.h>

struct ping {
	int ms;
	int64_t until;
};

static hf_status ask(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct ping *ping = arg;
	hf__guard g = hf__conn_guard(c, 0);
	char peer[300];
	hf_error *e;

	(void)reply;
	hf__link_peer(c->link, peer, sizeof peer);
	/* At least a moment: the connection is there, and may well answer. */
	e = hf__link_ping(c->link, hf__limit_ms(ping->until), &g);
	if (e && hf_error_status(e) != HF_E_CANCELED)
		e = hf__error_amend(e, 0, 0, "pool \"%s\", pinged for %d ms: %s: %s",
			c->worker->pool->name, ping->ms, hf_error_message(e), peer);
	hf_error_unref(c->error);
	c->error = e;
	return hf_error_status(e);
}

hf_future *hf_ping_at(const hf_site *site, hf_pool *p, int ms)
{
	hf_error *e = hf__pool_refusal(p);
	struct ping *ping = NULL;

	if (!e && ms < HF_FOREVER)
		e = hf__error_fmt(HF_E_MISUSE, 0, "a ping of %d ms", ms);
	if (!e && !(ping = hf__calloc(sizeof *ping)))
		e = hf__error_nomem();
	if (e)
		return hf__job_refuse(p, e, site, NULL, NULL);
	ping->ms = ms ? ms : p->opts.ping_ms;
	ping->until = hf__deadline(ping->ms);
	return hf_submit_at(site, p,
		HF_JOB(.fn = ask, .arg = ping, .free_arg = hf__free, .acquire_ms = ping->ms,
			.manual = true, .urgent = true, .label = "ping"));
}

hf_future *hf_engines_ping_at(const hf_site *site, hf_engines *e, const char *name, int ms)
{
	hf_error *why = NULL;
	hf_pool *p = hf_engines_get(e, name, &why);
	hf_future *f = p ? hf_ping_at(site, p, ms) : hf__job_refuse(NULL, why, site, NULL, NULL);

	hf_pool_unref(p);
	return f;
}
