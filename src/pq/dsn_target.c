/* SPDX-License-Identifier: MIT */
/* Connection strings: where they lead, and the same to another database. */
#include "pq/dsn.h"

#include "base/attr.h"
#include "base/mem.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

/* --- to another database --- */

bool hf__dsn_copy_at(hf__dsn *to, const hf__dsn *from, const char *database)
{
	bool ok = true;

	*to = (hf__dsn){ 0 };
	for (size_t i = 0; ok && i < from->n; i++)
		if (strcmp(from->keys[i], "dbname") != 0)
			ok = hf__dsn_set(to, from->keys[i], from->values[i]);
	ok = ok && hf__dsn_set(to, "dbname", database) && hf__dsn_describe(to);
	if (!ok)
		hf__dsn_finish(to);
	return ok;
}

static void put_percent(hf__strbuf *b, const char *text, const char *also)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x80 && (isalnum(c) || strchr("-._~", c) || strchr(also, c)))
			hf__strbuf_putc(b, (char)c);
		else
			hf__strbuf_printf(b, "%%%02X", c);
	}
}

static void put_value(hf__strbuf *b, const char *text)
{
	hf__strbuf_putc(b, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			hf__strbuf_putc(b, '\\');
		hf__strbuf_putc(b, *text);
	}
	hf__strbuf_putc(b, '\'');
}

static size_t without_blanks(const char *s, size_t n)
{
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		n--;
	return n;
}

/* Ends in an option without a value, which would swallow what follows: "dbname=shop password=". */
static bool ends_open(const char *dsn)
{
	size_t n = without_blanks(dsn, strlen(dsn)), word;

	if (n == 0 || dsn[n - 1] != '=')
		return false;
	n = word = without_blanks(dsn, n - 1);
	while (word > 0 && (islower((unsigned char)dsn[word - 1]) || dsn[word - 1] == '_'))
		word--;
	if (word == n)
		return false;
	/* A blank behind a backslash is part of a value. */
	return word == 0 ||
	       (isspace((unsigned char)dsn[word - 1]) && (word == 1 || dsn[word - 2] != '\\'));
}

/* What comes last in a connection string wins. */
char *hf__dsn_text_at(const char *dsn, const char *database)
{
	hf__strbuf b = HF__STRBUF_INIT;

	/* In one piece: what it grows out of would not be wiped. */
	hf__strbuf_reserve(&b, strlen(dsn) + 3 * strlen(database) + 16);
	hf__strbuf_puts(&b, dsn);
	if (hf__dsn_is_uri(dsn)) {
		hf__strbuf_puts(&b, strchr(dsn, '?') ? "&dbname=" : "?dbname=");
		put_percent(&b, database, "");
	} else {
		hf__strbuf_puts(&b, ends_open(dsn) ? "'' dbname=" : " dbname=");
		put_value(&b, database);
	}
	return hf__strbuf_take(&b);
}

/* --- where it leads --- */

/* What libpq would take for a key that is not given. "": its own built-in default. */
static const char *default_of(const PQconninfoOption *defaults, const char *key)
{
	for (; defaults && defaults->keyword; defaults++)
		if (strcmp(defaults->keyword, key) == 0)
			return defaults->val ? defaults->val : "";
	return "";
}

/* Of what a service says nothing is known here. */
static const char *value_of(const hf__dsn *d, const PQconninfoOption *defaults, const char *key)
{
	const char *given = hf__dsn_get(d, key);

	if (given && *given)
		return given;
	return hf__dsn_get(d, "service") ? "" : default_of(defaults, key);
}

bool hf__dsn_database(const hf__dsn *d, char *out, size_t n)
{
	PQconninfoOption *defaults = PQconndefaults();
	const char *name = value_of(d, defaults, "dbname");

	if (!*name && !hf__dsn_get(d, "service"))
		name = value_of(d, defaults, "user");
	snprintf(out, n, "%s", name);
	PQconninfoFree(defaults);
	return *out != '\0';
}

bool hf__dsn_same_server(const hf__dsn *a, const hf__dsn *b)
{
	static const char *const keys[] = { "service", "host", "hostaddr", "port" };
	PQconninfoOption *defaults = PQconndefaults();
	bool same = defaults != NULL;

	for (size_t i = 0; same && i < hf_countof(keys); i++)
		same = strcmp(value_of(a, defaults, keys[i]), value_of(b, defaults, keys[i])) == 0;
	PQconninfoFree(defaults);
	return same;
}

/* --- as a URI --- */

/* One host of the network, which stands before the path; what is more than that goes behind it. */
static bool is_plain(const char *host, const char *hostaddr, const char *port)
{
	return *host && !*hostaddr && !strpbrk(host, "/@,:%") && !strchr(port, ',');
}

static void put_query(hf__strbuf *b, const char *key, const char *value)
{
	if (!*value)
		return;
	hf__strbuf_printf(b, "%c%s=", b->s && strchr(b->s, '?') ? '&' : '?', key);
	put_percent(b, value, "/,:@");
}

char *hf__dsn_url(const hf__dsn *d)
{
	hf__strbuf b = HF__STRBUF_INIT;
	PQconninfoOption *defaults = PQconndefaults();
	const char *host = value_of(d, defaults, "host"), *port = value_of(d, defaults, "port");
	const char *hostaddr = value_of(d, defaults, "hostaddr");
	const char *user = value_of(d, defaults, "user"), *service = hf__dsn_get(d, "service");
	bool plain = is_plain(host, hostaddr, port);
	char name[256];

	hf__strbuf_puts(&b, "postgresql://");
	put_percent(&b, user, "");
	hf__strbuf_puts(&b, *user ? "@" : "");
	if (plain)
		hf__strbuf_printf(&b, "%s%s%s", host, *port ? ":" : "", port);
	hf__strbuf_putc(&b, '/');
	hf__dsn_database(d, name, sizeof name);
	put_percent(&b, name, "");
	put_query(&b, "service", service ? service : "");
	put_query(&b, "host", plain ? "" : host);
	put_query(&b, "hostaddr", hostaddr);
	put_query(&b, "port", plain ? "" : port);
	PQconninfoFree(defaults);
	return hf__strbuf_take(&b);
}
