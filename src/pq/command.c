/* SPDX-License-Identifier: MIT */
/* Commands of our own over a link: bounded by stall_ms, never cancelled. */
#include "pq/link.h"

#include "base/clock.h"

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
