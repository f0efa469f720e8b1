/* SPDX-License-Identifier: MIT */
/* Connection strings as they are read: the pool's own keys taken out, nothing secret let out.
 *
 * libpq's own message about a bad string quotes pieces of it, a password among them, so it is never
 * passed on. Keys are checked here first, so that an unknown one can be named. */
#include "pq/dsn.h"

#include "base/attr.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "value/error.h"

#include <ctype.h>
#include <libpq-fe.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SIZE, MIN, QUEUE, TIMEOUT, RECYCLE, READ_ONLY, NAME };

/* The pool's keys, and what code calls them. */
static const struct own_key {
	const char *key, *option, *unit;
} own_keys[] = {
	[SIZE] = { "pool_size", "max_conns", "" },
	[MIN] = { "pool_min", "min_conns", "" },
	[QUEUE] = { "pool_queue", "max_queue", "" },
	[TIMEOUT] = { "pool_timeout", "acquire_ms", ", in seconds" },
	[RECYCLE] = { "pool_recycle", "lifetime_ms", ", in seconds" },
	[READ_ONLY] = { "pool_read_only", "read_only", "" },
	[NAME] = { "pool_name", "name", "" },
};

/* While a string is being read. */
struct reader {
	hf__dsn_pool *pool;
	PQconninfoOption *known;
	hf__strbuf rest; /* the string without the pool's keys */
	bool seen[hf_countof(own_keys)];
	hf_error *error;
};

static void fail(struct reader *r, const char *fmt, const char *key)
{
	if (r->error)
		return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	r->error = hf__error_fmt(HF_E_MISUSE, 0, fmt, key);
#pragma GCC diagnostic pop
}

/* Of libpq's options and the pool's. NULL: none is near. */
static const char *nearest_known(const struct reader *r, const char *key)
{
	const char *meant = NULL;
	int distance = 0;

	for (size_t i = 0; i < hf_countof(own_keys); i++)
		hf__nearest(key, own_keys[i].key, &meant, &distance);
	for (PQconninfoOption *o = r->known; o && o->keyword; o++)
		hf__nearest(key, o->keyword, &meant, &distance);
	return meant;
}

/* An option of HF_POOL_OPTS by the name that it has there. NULL: it is none, or has no key. */
static const struct own_key *own_key_of(const char *option)
{
	for (size_t i = 0; i < hf_countof(own_keys); i++)
		if (strcmp(own_keys[i].option, option) == 0)
			return &own_keys[i];
	return NULL;
}

/* A key that libpq does not know is named, unless it does not look like one: then it may be a piece
 * of a password with a blank or a question mark in it. */
static void fail_unknown(struct reader *r, const char *key)
{
	const struct own_key *own = own_key_of(key);
	const char *meant;

	if (r->error)
		return;
	if (own) {
		r->error = hf__error_fmt(HF_E_MISUSE, 0,
			"connection option \"%s\" is unknown: in a connection string it is "
			"\"%s\"%s",
			key, own->key, own->unit);
		return;
	}
	if (key[strspn(key, "abcdefghijklmnopqrstuvwxyz_")] != '\0') {
		fail(r,
			"an unknown connection option%s (it is not shown: it may be a piece of a "
			"password)",
			"");
		return;
	}
	meant = nearest_known(r, key);
	r->error = hf__error_fmt(HF_E_MISUSE, 0, "connection option \"%s\" is unknown%s%s%s", key,
		meant ? ": did you mean \"" : "", meant ? meant : "", meant ? "\"?" : "");
}

static bool libpq_knows(const struct reader *r, const char *key)
{
	for (PQconninfoOption *o = r->known; o && o->keyword; o++)
		if (strcmp(o->keyword, key) == 0)
			return true;
	/* In a URI, libpq also takes JDBC's spelling. */
	return strcmp(key, "ssl") == 0;
}

bool hf__dsn_switch(const char *text, bool *out)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };

	for (size_t i = 0; i < hf_countof(words); i++)
		if (strcasecmp(text, words[i]) == 0) {
			*out = i % 2 == 1;
			return true;
		}
	return false;
}

/* Of one of the pool's keys. */
static int number(struct reader *r, int which, const char *value, int least, int most, int scale)
{
	char *end;
	long n = strtol(value, &end, 10);

	if (end != value && !*end && n >= least && n <= most)
		return n < 0 ? -1 : (int)n * scale;
	if (!r->error)
		r->error = hf__error_fmt(HF_E_MISUSE, 0,
			"connection option \"%s\" needs a whole number from %d to %d%s",
			own_keys[which].key, least, most, least < 0 ? "; -1 is none" : "");
	return 0;
}

static void set_own(struct reader *r, int which, const char *value)
{
	hf__dsn_pool *p = r->pool;

	switch (which) {
	case SIZE:
		p->size = number(r, which, value, 1, HF__MAX_CONNS, 1);
		break;
	case MIN:
		p->min = number(r, which, value, -1, HF__MAX_CONNS, 1);
		p->min = p->min ? p->min : -1;
		break;
	case QUEUE:
		p->queue = number(r, which, value, -1, INT_MAX, 1);
		break;
	case TIMEOUT:
		p->timeout_ms = number(r, which, value, -1, INT_MAX / 1000, 1000);
		break;
	case RECYCLE:
		p->recycle_ms = number(r, which, value, -1, INT_MAX / 1000, 1000);
		break;
	case READ_ONLY:
		if (!hf__dsn_switch(value, &p->read_only))
			fail(r, "connection option \"%s\" needs true or false",
				own_keys[which].key);
		break;
	default:
		p->name = hf__strdup(value);
		r->rest.failed |= !p->name;
	}
}

/* A key that begins as the pool's own do. */
static void take_pool_key(struct reader *r, const char *key, const char *value)
{
	int i = 0, n = hf_countof(own_keys);

	while (i < n && strcmp(own_keys[i].key, key) != 0)
		i++;
	if (i == n) {
		fail_unknown(r, key);
	} else if (r->seen[i]) {
		fail(r, "connection option \"%s\" is given twice", key);
	} else {
		r->seen[i] = true;
		set_own(r, i, value);
	}
}

/* Percent-decoding for the values of pool keys; libpq does its own for the rest. */
static void percent_decode(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2])) {
			char hex[3] = { s[1], s[2], '\0' };

			*to++ = (char)strtol(hex, NULL, 16);
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static void read_uri_parameter(struct reader *r, char *pair, bool *first)
{
	char *value = strchr(pair, '=');
	size_t key_len = value ? (size_t)(value - pair) : strlen(pair);
	char key[64];

	snprintf(key, sizeof key, "%.*s", (int)(key_len < 63 ? key_len : 63), pair);
	if (strncmp(key, "pool_", 5) == 0) {
		if (value)
			percent_decode(value + 1);
		take_pool_key(r, key, value ? value + 1 : "");
		return;
	}
	if (!libpq_knows(r, key))
		fail_unknown(r, key);
	hf__strbuf_putc(&r->rest, *first ? '?' : '&');
	hf__strbuf_puts(&r->rest, pair);
	*first = false;
}

static void read_uri(struct reader *r, const char *dsn)
{
	const char *query = strchr(dsn, '?');
	char *copy, *save = NULL;
	bool first = true;

	if (!query) {
		hf__strbuf_puts(&r->rest, dsn);
		return;
	}
	hf__strbuf_add(&r->rest, dsn, (size_t)(query - dsn));
	copy = hf__strdup(query + 1);
	if (!copy) {
		r->rest.failed = true;
		return;
	}
	for (char *pair = strtok_r(copy, "&", &save); pair; pair = strtok_r(NULL, "&", &save))
		read_uri_parameter(r, pair, &first);
	explicit_bzero(copy, strlen(query + 1));
	hf__free(copy);
}

static const char *skip_space(const char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return p;
}

/* The end of a value that starts at `p`, by libpq's rules; its content, unquoted, goes to `value`.
 */
static const char *read_value(const char *p, hf__strbuf *value)
{
	bool quoted = *p == '\'';

	for (p += quoted; *p && (quoted ? *p != '\'' : !isspace((unsigned char)*p)); p++) {
		if (*p == '\\' && p[1])
			p++;
		hf__strbuf_putc(value, *p);
	}
	return quoted && *p == '\'' ? p + 1 : p;
}

static void read_keywords(struct reader *r, const char *dsn)
{
	hf__strbuf value = HF__STRBUF_INIT;

	for (const char *p = skip_space(dsn), *start; *p && !r->error; p = skip_space(p)) {
		size_t n = strcspn(p, "= \t\r\n");
		char key[64];

		start = p;
		snprintf(key, sizeof key, "%.*s", (int)(n < 63 ? n : 63), p);
		p = skip_space(p + n);
		if (*p != '=') {
			fail(r,
				"connection string: \"=\" is missing after a word%s (it is not "
				"shown: it may be a piece of a password); wanted: key=value ..., "
				"as in dbname=shop",
				libpq_knows(r, key) ? " that is an option's name" : "");
			break;
		}
		hf__strbuf_clear(&value);
		p = read_value(skip_space(p + 1), &value);
		if (strncmp(key, "pool_", 5) == 0) {
			take_pool_key(r, key, hf__strbuf_text(&value));
			continue;
		}
		if (!libpq_knows(r, key))
			fail_unknown(r, key);
		hf__strbuf_add(&r->rest, start, (size_t)(p - start));
		hf__strbuf_putc(&r->rest, ' ');
	}
	if (value.s)
		explicit_bzero(value.s, value.n);
	hf__strbuf_finish(&value);
}

static hf_status parse_rest(hf__dsn *d, const char *rest, hf_error **out_error)
{
	char *message = NULL;
	PQconninfoOption *options = PQconninfoParse(rest, &message);
	bool ok = true;

	if (!options) {
		/* Its text may quote the password: see the head of this file. */
		if (message)
			explicit_bzero(message, strlen(message));
		PQfreemem(message);
		return hf__error_give(hf__error_fmt(HF_E_MISUSE, 0,
					      "the connection string cannot be parsed "
					      "(it is not shown: it may hold a password)"),
			out_error);
	}
	for (PQconninfoOption *o = options; o->keyword && ok; o++)
		if (o->val)
			ok = hf__dsn_set(d, o->keyword, o->val);
	PQconninfoFree(options);
	return ok ? HF_OK : hf__error_give(hf__error_nomem(), out_error);
}

bool hf__dsn_is_uri(const char *dsn)
{
	return strncmp(dsn, "postgresql://", 13) == 0 || strncmp(dsn, "postgres://", 11) == 0;
}

/* "mysql://", also behind a blank. */
static bool is_other_uri(const char *dsn)
{
	const char *p = skip_space(dsn);

	while (isalnum((unsigned char)*p) || (*p && strchr("+-.", *p)))
		p++;
	return strncmp(p, "://", 3) == 0;
}

hf_status hf__dsn_init(hf__dsn *d, const char *dsn, hf__dsn_pool *pool, hf_error **out_error)
{
	struct reader r = { .pool = pool, .rest = HF__STRBUF_INIT };
	hf_status st;

	*d = (hf__dsn){ 0 };
	*pool = (hf__dsn_pool){ 0 };
	r.known = PQconndefaults();
	if (hf__dsn_is_uri(dsn))
		read_uri(&r, dsn);
	else if (is_other_uri(dsn))
		fail(&r, "%s: a URI begins with postgresql:// or postgres://", "connection string");
	else
		read_keywords(&r, dsn);
	PQconninfoFree(r.known);
	if (r.rest.failed && !r.error)
		r.error = hf__error_nomem();
	st = r.error ? hf__error_give(r.error, out_error)
		     : parse_rest(d, hf__strbuf_text(&r.rest), out_error);
	if (r.rest.s)
		explicit_bzero(r.rest.s, r.rest.n);
	hf__strbuf_finish(&r.rest);
	if (st != HF_OK)
		hf__dsn_finish(d);
	return st;
}
