/* SPDX-License-Identifier: MIT */
/* Commands of our own over a link: bounded by stall_ms, never cancelled. */
#include "pq/link.h"

#include "base/clock.h"

#include <stdio.h>

hf_error *hf__link_command(hf__link *l, const char *sql, const hf__guard *guard)
{
	hf__run run = { .sql = sql, .kind = HF__SQL_EMPTY, .guard = *guard };

	run.guard.cancel_at = HF__NEVER;
	run.guard.give_up_at = hf__deadline(l->cfg.stall_ms);
	if (guard->give_up_at < run.guard.give_up_at)
		run.guard.give_up_at = guard->give_up_at;
	return hf__link_run(l, &run, NULL);
}

hf_error *hf__link_ping(hf__link *l, int ms, const hf__guard *guard)
{
	hf__guard g = *guard;

	g.give_up_at = hf__deadline(ms);
	return hf__link_command(l, "", &g);
}

/* A system identifier outlives every failover, a timeline none. What a crash took away may be given
 * out again, transaction numbers included; it also resets these statistics, and nothing else but a
 * superuser's whim does. */
static const char server_sql[] =
	"SELECT pg_catalog.concat_ws('/', system_identifier, "
	"CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'standby' ELSE "
	"pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) END, "
	"pg_catalog.date_part('epoch', pg_catalog.pg_stat_get_bgwriter_stat_reset_time())) "
	"FROM pg_catalog.pg_control_system()";

hf_error *hf__link_ask_server(hf__link *l, const hf__guard *guard)
{
	hf__run run = { .sql = server_sql, .kind = HF__SQL_EMPTY, .guard = *guard };
	hf_result *res = NULL;
	hf_error *e = hf__link_run(l, &run, &res);
	const char *known = e ? NULL : hf_row_text(hf_result_row(res, 0), 0);

	if (known)
		snprintf(l->server, sizeof l->server, "%s", known);
	hf_result_unref(res);
	if (!l->broken)
		e = hf_error_unref(e);
	return e;
}

#define RESET                                                                                      \
	"CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; "                    \
	"SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES"

/* DEALLOCATE ALL takes the cache's own statements along, hence not always; at the end, where its
 * tag is seen and the cache cleared. */
hf_error *hf__link_reset(hf__link *l, const hf__guard *guard)
{
	hf__run run = { .sql = l->foreign_stmts ? RESET "; DEALLOCATE ALL" : RESET,
		.script = true,
		.guard = *guard };
	hf_error *e;

	run.guard.cancel_at = HF__NEVER;
	run.guard.give_up_at = hf__deadline(l->cfg.stall_ms);
	e = hf__link_run(l, &run, NULL);
	if (!e)
		l->dirty = l->foreign_stmts = false;
	return e;
}
