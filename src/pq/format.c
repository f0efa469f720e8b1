/* SPDX-License-Identifier: MIT */
/* In which format a result is asked for: binary where nobody can tell the difference. */
#include "pq/format.h"

#include "value/type.h"

#include <string.h>

/* What a type's text depends on, beyond the value. */
static unsigned needs_of(const hf__type *t)
{
	switch ((int)t->tag) {
	case HF_T_FLOAT4:
	case HF_T_FLOAT8:
	case HF_T_BYTEA:
		return HF__FORMAT_USUAL;
	case HF_T_DATE:
	case HF_T_TIME:
	case HF_T_TIMETZ:
	case HF_T_TIMESTAMP:
		return HF__FORMAT_ISO;
	case HF_T_TIMESTAMPTZ:
		return HF__FORMAT_ISO | HF__FORMAT_UTC;
	case HF_T_INTERVAL:
		return HF__FORMAT_POSTGRES;
	default:
		return 0;
	}
}

unsigned hf__format_learn(const PGresult *pg)
{
	unsigned all = HF__FORMAT_KNOWN;
	int n = PQnfields(pg);

	for (int i = 0; i < n; i++) {
		uint32_t oid = PQftype(pg, i);
		const hf__type *t = hf__type_of(oid);

		if (!hf__has_binary(oid))
			return HF__FORMAT_KNOWN | HF__FORMAT_TEXT;
		all |= needs_of(t ? t : hf__type_of_items(oid));
	}
	return n > 0 ? all : HF__FORMAT_KNOWN | HF__FORMAT_TEXT;
}

static bool says(const hf__link *l, const char *name, const char *value)
{
	const char *now = PQparameterStatus(l->pg, name);

	return now && strcmp(now, value) == 0;
}

static bool in_iso(const hf__link *l)
{
	const char *now = PQparameterStatus(l->pg, "DateStyle"); /* "ISO, MDY" */

	return now && strncmp(now, "ISO", 3) == 0;
}

/* Times are written as …+00. */
static bool in_utc(const hf__link *l)
{
	return says(l, "TimeZone", "UTC") || says(l, "TimeZone", "Etc/UTC") ||
	       says(l, "TimeZone", "GMT");
}

bool hf__format_binary(const hf__link *l, unsigned learned)
{
	if (!(learned & HF__FORMAT_KNOWN) || (learned & HF__FORMAT_TEXT))
		return false;
	if ((learned & HF__FORMAT_USUAL) && (l->dirty || l->floats != HF__FLOATS_USUAL))
		return false;
	if ((learned & HF__FORMAT_ISO) && !in_iso(l))
		return false;
	if ((learned & HF__FORMAT_POSTGRES) && !says(l, "IntervalStyle", "postgres"))
		return false;
	return !(learned & HF__FORMAT_UTC) || in_utc(l);
}

bool hf__format_must_ask(const hf__link *l, unsigned learned)
{
	hf__session now = hf__link_session(l);

	return (learned & HF__FORMAT_USUAL) && !(learned & HF__FORMAT_TEXT) && !l->dirty &&
	       l->floats == HF__FLOATS_ASK && now != HF__SESSION_TXN && now != HF__SESSION_FAILED;
}

const char hf__format_question[] =
	"SELECT pg_catalog.current_setting('extra_float_digits')::int > 0 AND "
	"pg_catalog.current_setting('bytea_output') = 'hex'";

void hf__format_told(hf__link *l, const PGresult *pg)
{
	bool usual = PQntuples(pg) == 1 && strcmp(PQgetvalue(pg, 0, 0), "t") == 0;

	l->floats = usual ? HF__FLOATS_USUAL : HF__FLOATS_OTHER;
}
