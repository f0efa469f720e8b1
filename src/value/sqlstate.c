/* SPDX-License-Identifier: MIT */
/* What a SQLSTATE says of itself (PostgreSQL documentation, appendix A). */
#include "value/error.h"

#include "base/attr.h"

#include <string.h>

static bool is(const char *state, const char *code)
{
	return strcmp(state, code) == 0;
}

static bool of_class(const char *state, const char *two)
{
	return strncmp(state, two, 2) == 0;
}

/* The session is over. */
static bool ends_session(const char *s)
{
	return of_class(s, "08") || is(s, "57P01") || is(s, "57P02") || is(s, "57P03") ||
	       is(s, "57P05") || is(s, "25P03") || is(s, "25P04");
}

/* 28: authorisation. 3D000: no such database. 42501, 42704: no right to connect, no such role
 * setting. 22023, 42602, 42601: a startup option that the server does not take. */
bool hf__sqlstate_permanent(const char *s)
{
	return of_class(s, "28") || of_class(s, "3D") || of_class(s, "42") || of_class(s, "22");
}

hf_status hf__sqlstate_status(const char *s)
{
	if (ends_session(s))
		return HF_E_CONN_LOST;
	return HF_E_SQL;
}

unsigned hf__sqlstate_traits(const char *s)
{
	unsigned traits = 0;

	if (of_class(s, "23"))
		traits |= HF_INTEGRITY;
	if (of_class(s, "40") && !is(s, "40003"))
		traits |= HF_RETRYABLE;
	if (is(s, "40003"))
		traits |= HF_MAYBE_COMMITTED;
	if (ends_session(s))
		traits |= HF_CONNECTION;
	return traits;
}
