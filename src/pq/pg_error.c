/* SPDX-License-Identifier: MIT */
/* Errors made from a PGresult. */
#include "pq/result.h"

#include "value/error.h"

#include <stdlib.h>
#include <string.h>

/* The severity tells: an ERROR of class 08 or 57 leaves the session as it is (a wrong number of
 * parameters is 08P01, a foreign server that is gone 08001, a RAISE may say anything); a FATAL ends
 * it, whatever its SQLSTATE. Of an internal error nobody knows what it left behind. */
static bool is_fatal(const PGresult *pg)
{
	const char *severity = PQresultErrorField(pg, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *state = PQresultErrorField(pg, PG_DIAG_SQLSTATE);

	if (severity)
		return strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0;
	return state && hf__sqlstate_status(state) == HF_E_CONN_LOST;
}

bool hf__error_ends_session(const PGresult *pg)
{
	const char *state = PQresultErrorField(pg, PG_DIAG_SQLSTATE);

	return is_fatal(pg) || (state && strncmp(state, "XX", 2) == 0);
}

hf_error *hf__error_from_pg(const PGresult *pg, const char *query, hf_status as, bool placed)
{
	static const struct {
		hf_field_id id;
		int diag;
	} fields[] = {
		{ HF_ERR_SEVERITY, PG_DIAG_SEVERITY_NONLOCALIZED },
		{ HF_ERR_DETAIL, PG_DIAG_MESSAGE_DETAIL },
		{ HF_ERR_HINT, PG_DIAG_MESSAGE_HINT },
		{ HF_ERR_SCHEMA, PG_DIAG_SCHEMA_NAME },
		{ HF_ERR_TABLE, PG_DIAG_TABLE_NAME },
		{ HF_ERR_COLUMN, PG_DIAG_COLUMN_NAME },
		{ HF_ERR_DATATYPE, PG_DIAG_DATATYPE_NAME },
		{ HF_ERR_CONSTRAINT, PG_DIAG_CONSTRAINT_NAME },
		{ HF_ERR_CONTEXT, PG_DIAG_CONTEXT },
	};
	const char *state = PQresultErrorField(pg, PG_DIAG_SQLSTATE);
	const char *position = PQresultErrorField(pg, PG_DIAG_STATEMENT_POSITION);
	const char *message = PQresultErrorField(pg, PG_DIAG_MESSAGE_PRIMARY);
	hf__error_spec spec = { .sqlstate = state, .message = message };

	if (!message || !*message)
		spec.message = PQresultErrorMessage(pg);
	spec.status = state && !is_fatal(pg) ? HF_E_SQL : HF_E_CONN_LOST;
	if (as != HF_OK)
		spec.status = as;
	spec.traits = state ? hf__sqlstate_traits(state) & ~(unsigned)HF_CONNECTION : 0;
	if (spec.status == HF_E_CONN_LOST)
		spec.traits |= HF_CONNECTION;
	spec.position = placed && position ? atoi(position) : 0;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		spec.field[fields[i].id] = PQresultErrorField(pg, fields[i].diag);
	spec.field[HF_ERR_QUERY] = query;
	return hf__error_new(&spec);
}
