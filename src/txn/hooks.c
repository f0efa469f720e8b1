/* SPDX-License-Identifier: MIT */
/* What is to follow the commit of a transaction object: a part of it like any other, so that the
 * order of commands, savepoints and poison count for it as well. */
#include "txn/txn.h"

#include "base/mem.h"
#include "value/error.h"

/* A hook on its way to the worker. */
struct hook {
	hf_hook_fn *fn;
	void *arg;
	hf_free_fn *free_arg; /* NULL once it has arrived */
};

static void hook_free(void *arg)
{
	struct hook *h = arg;

	if (h->free_arg)
		h->free_arg(h->arg);
	hf__free(h);
}

static hf_status add_hook(hf_conn *c, void *arg, hf_reply *reply)
{
	struct hook *h = arg;
	hf_free_fn *free_arg = h->free_arg;

	(void)reply;
	h->free_arg = NULL;
	return hf_conn_on_commit(c, h->fn, h->arg, free_arg);
}

hf_status hf_txn_on_commit(hf_txn *t, hf_hook_fn *fn, void *arg, hf_free_fn *free_arg)
{
	static const hf_site here = { "hf_txn_on_commit", 0 };
	struct hook *h = fn ? hf__alloc(sizeof *h) : NULL;
	hf_status st = HF_OK;
	hf_future *f;

	if (!h) {
		if (free_arg)
			free_arg(arg);
		return fn ? HF_E_NOMEM : HF_E_MISUSE;
	}
	*h = (struct hook){ fn, arg, free_arg };
	f = hf__txn_part(&here, t, HF__TXN_HOOK,
		HF_JOB(.fn = add_hook, .arg = h, .free_arg = hook_free,
			.label = "hf_txn_on_commit"));
	if (hf_future_ready(f))
		st = hf_future_get(f, NULL);
	hf_future_unref(f);
	return st;
}
