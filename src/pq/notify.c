/* SPDX-License-Identifier: MIT */
/* What a session is told by others, and whether it is a session at all. */
#include "pq/notify.h"

#include "value/error.h"

#include <string.h>

int hf__link_notified(hf__link *l, int most, hf__notified_fn *each, void *arg)
{
	PGnotify *n;
	int got = 0;

	while (l->pg && got < most && (n = PQnotifies(l->pg)) != NULL) {
		each(n->relname, n->extra ? n->extra : "", n->be_pid, arg);
		PQfreemem(n);
		got++;
	}
	return got;
}

bool hf__link_takes_all_text(const hf__link *l)
{
	const char *encoding = l->pg ? PQparameterStatus(l->pg, "server_encoding") : NULL;

	return encoding && strcmp(encoding, "UTF8") == 0;
}

hf_error *hf__link_ask_pooled(hf__link *l, const hf__guard *guard, bool *out)
{
	hf__run run = {
		.sql = "SELECT pg_catalog.pg_backend_pid()", .kind = HF__SQL_EMPTY, .guard = *guard
	};
	hf_result *res = NULL;
	hf_error *e = hf__link_run(l, &run, &res);

	if (!e)
		*out = hf_row_int8(hf_result_row(res, 0), 0, 0) != l->pid;
	hf_result_unref(res);
	return e;
}
