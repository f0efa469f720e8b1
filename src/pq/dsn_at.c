/* SPDX-License-Identifier: MIT */
/* A connection string that leads to another database. */
#include "pq/dsn.h"

#include "base/mem.h"
#include "base/strbuf.h"

#include <string.h>

/* Within quotes, by libpq's rules. */
static void put_quoted(hf__strbuf *b, const char *text)
{
	hf__strbuf_putc(b, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			hf__strbuf_putc(b, '\\');
		hf__strbuf_putc(b, *text);
	}
	hf__strbuf_putc(b, '\'');
}

/* Each byte, so that none has a meaning. */
static void put_percent(hf__strbuf *b, const char *text)
{
	for (; *text; text++)
		hf__strbuf_printf(b, "%%%02x", (unsigned char)*text);
}

bool hf__dsn_is_uri(const char *dsn)
{
	return strncmp(dsn, "postgresql://", 13) == 0 || strncmp(dsn, "postgres://", 11) == 0;
}

char *hf__dsn_at(const char *dsn, const char *database)
{
	hf__strbuf b = HF__STRBUF_INIT;

	/* At once, so that growing leaves no password behind. */
	hf__strbuf_reserve(&b, strlen(dsn) + 3 * strlen(database) + sizeof " dbname=''");
	/* The last of several is what counts, also over a URI's path and over a service. */
	hf__strbuf_puts(&b, dsn);
	if (hf__dsn_is_uri(dsn)) {
		hf__strbuf_printf(&b, "%cdbname=", strchr(dsn, '?') ? '&' : '?');
		put_percent(&b, database);
	} else {
		hf__strbuf_puts(&b, " dbname=");
		put_quoted(&b, database);
	}
	return hf__strbuf_take(&b);
}
