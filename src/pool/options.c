/* SPDX-License-Identifier: MIT */
/* A pool's options: defaults for what was not said, and what does not fit together. */
#include "pool/pool.h"

#include "value/codec.h"
#include "value/error.h"

#include <limits.h>
#include <string.h>

/* How much later than ours the server's limit of an idle transaction is: ours, which keeps the
 * connection, is to come first. */
#define BACKSTOP_MS 10000

static void set_default(int *field, int value)
{
	if (*field == 0)
		*field = value;
}

/* Settings from the connection string, where the options do not say anything. */
static void take_dsn_settings(hf_pool_opts *o, const hf__dsn_pool *from)
{
	set_default(&o->max_conns, from->size);
	set_default(&o->min_conns, from->min);
	set_default(&o->max_queue, from->queue);
	set_default(&o->acquire_ms, from->timeout_ms);
	set_default(&o->lifetime_ms, from->recycle_ms);
	o->read_only |= from->read_only;
}

static void set_defaults(hf_pool_opts *o)
{
	set_default(&o->min_conns, 1);
	set_default(&o->max_conns, 8);
	set_default(&o->connect_ms, 10000);
	set_default(&o->acquire_ms, 30000);
	set_default(&o->idle_ms, 600000);
	set_default(&o->lifetime_ms, 1800000);
	set_default(&o->ping_idle_ms, 60000);
	set_default(&o->ping_ms, 2000);
	set_default(&o->shutdown_ms, 5000);
	set_default(&o->stall_ms, 60000);
	set_default(&o->max_statements, 256);
	set_default(&o->max_pipeline, 32);
	set_default(&o->lease_ms, 600000);
	set_default(&o->txn_max_ms, 300000);
	set_default(&o->hold_warn_ms, 60000);
	set_default(&o->outcome_ms, 30000);
	if (o->max_result == 0)
		o->max_result = (size_t)256 << 20;
}

static hf_error *settle_conns(hf_pool_opts *o)
{
	if (o->min_conns < 0)
		o->min_conns = 0;
	else if (o->min_conns > o->max_conns && o->max_conns > 0 && o->min_conns == 1)
		o->min_conns = o->max_conns;
	if (o->max_conns < 1 || o->max_conns > HF__MAX_CONNS)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"max_conns is %d: 1 to %d connections are possible", o->max_conns,
			HF__MAX_CONNS);
	if (o->min_conns > o->max_conns)
		return hf__error_fmt(HF_E_MISUSE, 0, "min_conns (%d) is above max_conns (%d)",
			o->min_conns, o->max_conns);
	set_default(&o->max_queue, 64 * o->max_conns);
	if (o->max_queue < 0)
		o->max_queue = INT32_MAX;
	return NULL;
}

static hf_error *settle_pipeline(const hf_pool_opts *o)
{
	if (o->max_pipeline >= 1 && o->max_pipeline <= HF__MAX_PIPELINE)
		return NULL;
	return hf__error_fmt(HF_E_MISUSE, 0,
		"max_pipeline is %d: 1 (one query at a time) to %d are possible", o->max_pipeline,
		HF__MAX_PIPELINE);
}

static hf_error *settle_clocks(hf_pool_opts *o)
{
	if (o->txn_idle_ms == 0)
		o->txn_idle_ms = o->lease_ms > 0 && o->lease_ms < 30000 ? o->lease_ms : 30000;
	if (o->lease_ms > 0 && (o->txn_idle_ms < 0 || o->txn_idle_ms > o->lease_ms))
		return hf__error_fmt(HF_E_MISUSE, 0, "txn_idle_ms (%d) is above lease_ms (%d)",
			o->txn_idle_ms, o->lease_ms);
	return NULL;
}

/* Durations and counts: less than HF_FOREVER means nothing. */
static hf_error *check_numbers(const hf_pool_opts *o)
{
	const struct {
		const char *name;
		int value;
	} all[] = { { "min_conns", o->min_conns }, { "max_queue", o->max_queue },
		{ "connect_ms", o->connect_ms }, { "acquire_ms", o->acquire_ms },
		{ "statement_ms", o->statement_ms }, { "idle_ms", o->idle_ms },
		{ "lifetime_ms", o->lifetime_ms }, { "ping_idle_ms", o->ping_idle_ms },
		{ "ping_ms", o->ping_ms }, { "shutdown_ms", o->shutdown_ms },
		{ "stall_ms", o->stall_ms }, { "max_statements", o->max_statements },
		{ "txn_idle_ms", o->txn_idle_ms }, { "txn_max_ms", o->txn_max_ms },
		{ "lease_ms", o->lease_ms }, { "max_parked", o->max_parked },
		{ "hold_warn_ms", o->hold_warn_ms }, { "outcome_ms", o->outcome_ms } };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].value < HF_FOREVER)
			return hf__error_fmt(HF_E_MISUSE, 0, "%s is %d", all[i].name, all[i].value);
	return NULL;
}

int hf__pool_max_parked(const hf_pool_opts *o, int max_conns)
{
	int quarter = max_conns / 4 > 1 ? max_conns / 4 : 1;
	int limit = o->max_parked ? o->max_parked : max_conns - quarter;

	if (limit < 0)
		return 0;
	return limit < max_conns ? limit : max_conns - 1;
}

hf_error *hf__pool_settle_options(hf_pool_opts *o, const hf__dsn_pool *from)
{
	hf_error *e;

	take_dsn_settings(o, from);
	e = check_numbers(o);
	set_defaults(o);
	if (!e)
		e = settle_conns(o);
	if (!e)
		e = settle_pipeline(o);
	if (!e)
		e = settle_clocks(o);
	if (!e && o->max_parked >= o->max_conns)
		e = hf__error_fmt(HF_E_MISUSE, 0,
			"max_parked (%d) would leave none of max_conns (%d) for other work",
			o->max_parked, o->max_conns);
	return e;
}

int hf__pool_backstop_ms(const hf_pool_opts *o)
{
	if (o->lease_ms < 0)
		return 0;
	return o->lease_ms < INT_MAX - BACKSTOP_MS ? o->lease_ms + BACKSTOP_MS : INT_MAX;
}

hf_error *hf__pool_outcome_table(const char *name, char **out)
{
	hf__strbuf b = HF__STRBUF_INIT;
	const char *dot = name ? strchr(name, '.') : NULL;
	char schema[64] = "";
	hf_error *e = NULL;

	if (!name)
		return NULL;
	if (dot && strchr(dot + 1, '.'))
		return hf__error_fmt(HF_E_MISUSE, 0,
			"outcome_table \"%s\": a schema and a name, with one dot between them",
			name);
	if (dot && (size_t)(dot - name) >= sizeof schema)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"outcome_table \"%s\": the schema's name is longer "
			"than 63 bytes",
			name);
	if (dot) {
		memcpy(schema, name, (size_t)(dot - name));
		if (hf__ident(&b, schema, "outcome_table", &e) == HF_OK)
			hf__strbuf_puts(&b, ".");
	}
	if (!e)
		hf__ident(&b, dot ? dot + 1 : name, "outcome_table", &e);
	*out = e ? NULL : hf__strbuf_take(&b);
	if (!e && !*out)
		e = hf__error_nomem();
	hf__strbuf_finish(&b);
	return e;
}
