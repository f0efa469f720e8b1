/* SPDX-License-Identifier: MIT */
/* A connection of its own to a pool's server. */
#include "engine/maintenance.h"

#include "base/attr.h"
#include "base/clock.h"
#include "value/error.h"

#include <limits.h>
#include <string.h>

#define CLOSE_MS 1000 /* for a canceller thread to end */

/* As much later than the server as for a pool's statements: see pool/exec.c. */
#define LIMIT_GRACE_MS 400
#define GIVE_UP_MS     5000

/* NULL: to the pool's own database. */
static hf_error *connect_to(hf__maintenance *m, const char *database)
{
	hf__guard g = { HF__NEVER, hf__deadline(m->pool->opts.connect_ms), NULL, NULL, NULL };
	hf__dsn dsn;
	hf_error *e;

	if (!database)
		return hf__link_open(&m->link, &m->pool->dsn, &g);
	if (!hf__dsn_copy_at(&dsn, &m->pool->dsn, database))
		return hf__error_nomem();
	e = hf__link_open(&m->link, &dsn, &g);
	hf__dsn_finish(&dsn);
	return e;
}

/* Said by the server of this database, or of us and this database: another one may do. */
static bool is_elsewhere(const hf_error *e)
{
	static const char *const states[] = { "3D000", /* there is none */
		"42501",                               /* we may not connect to it */
		"55000",                               /* nobody may */
		"53300",                               /* it is full */
		"28000",                               /* pg_hba.conf does not let us */
		"08P01" };                             /* a pooler does not know it */

	for (size_t i = 0; i < hf_countof(states); i++)
		if (strcmp(hf_error_sqlstate(e), states[i]) == 0)
			return true;
	return false;
}

/* The first refusal is the one to tell of. */
static hf_error *connect_somewhere(hf__maintenance *m, const char *avoid)
{
	char own[256];
	const char *const places[] = { "postgres", "template1",
		hf__dsn_database(&m->pool->dsn, own, sizeof own) ? own : NULL };
	hf_error *first = NULL, *e;

	for (size_t i = 0; i < hf_countof(places); i++) {
		if (!places[i] || (avoid && strcmp(places[i], avoid) == 0))
			continue;
		e = connect_to(m, places[i]);
		if (!e || !is_elsewhere(e)) {
			hf_error_unref(first);
			return e;
		}
		if (first)
			hf_error_unref(e);
		else
			first = e;
	}
	return first;
}

/* Without a connection yet. */
static hf_error *begin(hf__maintenance *m, hf_pool *p)
{
	hf__link_config cfg = { .wake = &m->wake,
		.log = &p->log,
		.max_result = p->opts.max_result,
		.stall_ms = p->opts.stall_ms,
		.statement_ms = p->opts.statement_ms > 0 ? p->opts.statement_ms : 0,
		.read_only = p->opts.read_only };

	*m = (hf__maintenance){ .pool = p, .wake.fd = -1 };
	m->canceler = cfg.canceler = hf__canceler_new();
	hf__link_init(&m->link, &cfg);
	if (m->canceler && hf__wake_init(&m->wake))
		return NULL;
	return hf__error_fmt(HF_E_NOMEM, 0, "no memory or no descriptor for a connection");
}

hf_error *hf__maintenance_open(hf__maintenance *m, hf_pool *p, const char *avoid)
{
	hf_error *e = begin(m, p);

	if (!e)
		e = connect_somewhere(m, avoid);
	if (e)
		hf__maintenance_close(m);
	return e;
}

hf_error *hf__maintenance_open_own(hf__maintenance *m, hf_pool *p)
{
	hf_error *e = begin(m, p);

	if (!e)
		e = connect_to(m, NULL);
	if (e)
		hf__maintenance_close(m);
	return e;
}

void hf__maintenance_close(hf__maintenance *m)
{
	hf__link_close(&m->link);
	if (m->canceler)
		hf__canceler_close(m->canceler, hf__deadline(CLOSE_MS));
	m->canceler = NULL;
	hf__wake_finish(&m->wake);
}

hf_error *hf__maintenance_run(hf__maintenance *m, const char *sql, int timeout_ms, hf_result **out)
{
	int limit = timeout_ms ? timeout_ms : m->link.cfg.statement_ms;
	hf__run run = { .sql = sql, .kind = HF__SQL_UTILITY, .unnamed = true };

	run.guard = (hf__guard){ HF__NEVER, HF__NEVER, NULL, NULL, NULL };
	if (timeout_ms)
		run.set_timeout = timeout_ms > 0 ? timeout_ms : INT_MAX;
	if (limit > 0) {
		run.limit_ms = limit;
		run.guard.cancel_at = hf__deadline((int64_t)limit + LIMIT_GRACE_MS);
		run.guard.give_up_at = hf__after(run.guard.cancel_at, GIVE_UP_MS);
	}
	return hf__link_run(&m->link, &run, out);
}
