/* SPDX-License-Identifier: MIT */
/* Connection strings: the pool's own keys taken out, safe defaults put in, nothing secret let out.
 *
 * libpq's own message about a bad string quotes pieces of it, a password among them, so it is never
 * passed on. Keys are checked here first, so that an unknown one can be named. */
#include "pq/dsn.h"

#include "base/attr.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "value/error.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <libpq-fe.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const pool_keys[] = { "pool_size", "pool_min", "pool_queue", "pool_timeout",
	"pool_recycle", "pool_read_only", "pool_name" };

/* While a string is being read. */
struct reader {
	hf__dsn_pool *pool;
	PQconninfoOption *known;
	hf__strbuf rest; /* the string without the pool's keys */
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

	for (size_t i = 0; i < hf_countof(pool_keys); i++)
		hf__nearest(key, pool_keys[i], &meant, &distance);
	for (PQconninfoOption *o = r->known; o && o->keyword; o++)
		hf__nearest(key, o->keyword, &meant, &distance);
	return meant;
}

/* A key that libpq does not know is named, unless it does not look like one: then it may be a piece
 * of a password with a blank or a question mark in it. */
static void fail_unknown(struct reader *r, const char *key)
{
	const char *meant;

	if (r->error)
		return;
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

static int pool_number(struct reader *r, const char *key, const char *value, int scale)
{
	char *end;
	long n = strtol(value, &end, 10);

	if (end == value || *end || n < -1 || n > INT_MAX / scale)
		fail(r, "connection option \"%s\" needs a whole number", key);
	return n < 0 ? -1 : (int)n * scale;
}

/* One of the pool's own keys. */
static void take_pool_key(struct reader *r, const char *key, const char *value)
{
	hf__dsn_pool *p = r->pool;

	if (strcmp(key, "pool_size") == 0)
		p->size = pool_number(r, key, value, 1);
	else if (strcmp(key, "pool_min") == 0)
		p->min = strcmp(value, "0") == 0 ? -1 : pool_number(r, key, value, 1);
	else if (strcmp(key, "pool_queue") == 0)
		p->queue = pool_number(r, key, value, 1);
	else if (strcmp(key, "pool_timeout") == 0)
		p->timeout_ms = pool_number(r, key, value, 1000);
	else if (strcmp(key, "pool_recycle") == 0)
		p->recycle_ms = pool_number(r, key, value, 1000);
	else if (strcmp(key, "pool_read_only") == 0)
		p->read_only = pool_number(r, key, value, 1) > 0;
	else if (strcmp(key, "pool_name") == 0) {
		hf__free(p->name);
		p->name = hf__strdup(value);
	} else {
		fail_unknown(r, key);
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
				"shown: it may be a piece of a password)",
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

char *hf__dsn_get(const hf__dsn *d, const char *key)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->keys[i], key) == 0)
			return d->values[i];
	return NULL;
}

static void wipe_free(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	hf__free(s);
}

bool hf__dsn_set(hf__dsn *d, const char *key, const char *value)
{
	char **keys, **values;

	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->keys[i], key) == 0) {
			wipe_free(d->values[i]);
			d->values[i] = hf__strdup(value);
			return d->values[i] != NULL;
		}
	keys = hf__realloc(d->keys, (d->n + 2) * sizeof *keys);
	if (!keys)
		return false;
	d->keys = keys;
	values = hf__realloc(d->values, (d->n + 2) * sizeof *values);
	if (!values)
		return false;
	d->values = values;
	keys[d->n] = hf__strdup(key);
	values[d->n] = hf__strdup(value);
	if (!keys[d->n] || !values[d->n]) {
		hf__free(keys[d->n]);
		wipe_free(values[d->n]);
		keys[d->n] = values[d->n] = NULL;
		return false;
	}
	d->n++;
	keys[d->n] = values[d->n] = NULL;
	return true;
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

hf_status hf__dsn_init(hf__dsn *d, const char *dsn, hf__dsn_pool *pool, hf_error **out_error)
{
	struct reader r = { .pool = pool, .rest = HF__STRBUF_INIT };
	hf_status st;

	*d = (hf__dsn){ 0 };
	*pool = (hf__dsn_pool){ 0 };
	r.known = PQconndefaults();
	if (strncmp(dsn, "postgresql://", 13) == 0 || strncmp(dsn, "postgres://", 11) == 0)
		read_uri(&r, dsn);
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

/* --- defaults --- */

static bool set_default(hf__dsn *d, const char *key, const char *value)
{
	return hf__dsn_get(d, key) || hf__dsn_set(d, key, value);
}

static const char *given(const hf__dsn *d, const char *key, const char *env)
{
	const char *v = hf__dsn_get(d, key);

	return v && *v ? v : getenv(env);
}

/* 127.0.0.0/8 or ::1 as a number: a name that only begins like one is none. */
static bool is_loopback(const char *host, size_t n)
{
	struct in6_addr v6;
	struct in_addr v4;
	char text[64];

	snprintf(text, sizeof text, "%.*s", (int)n, host);
	if (inet_pton(AF_INET, text, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool is_local(const char *host, size_t n)
{
	return n == 0 || *host == '/' || *host == '@' ||
	       (n == 9 && strncmp(host, "localhost", 9) == 0) || is_loopback(host, n);
}

/* Every host of a comma-separated list is a Unix socket or loopback. */
static bool all_local(const char *hosts)
{
	while (hosts) {
		size_t n = strcspn(hosts, ",");

		if (!is_local(hosts, n))
			return false;
		hosts = hosts[n] ? hosts + n + 1 : NULL;
	}
	return true;
}

/* A root certificate for verify-full where none is given or installed. */
static bool set_root(hf__dsn *d, hf_error **why)
{
	static const char bundle[] = "/etc/ssl/certs/ca-certificates.crt";
	char path[PATH_MAX];

	if (given(d, "sslrootcert", "PGSSLROOTCERT"))
		return true;
	snprintf(
		path, sizeof path, "%s/.postgresql/root.crt", getenv("HOME") ? getenv("HOME") : "");
	if (access(path, R_OK) == 0)
		return true;
	if (PQlibVersion() >= 160000)
		return hf__dsn_set(d, "sslrootcert", "system");
	if (access(bundle, R_OK) == 0)
		return hf__dsn_set(d, "sslrootcert", bundle);
	*why = hf__error_fmt(HF_E_MISUSE, 0,
		"a server beyond this machine is verified (sslmode=verify-full), but "
		"there is no root certificate: give sslrootcert, or choose another sslmode aloud");
	return false;
}

static bool set_tls(hf__dsn *d, const hf__dsn_session *want, hf_error **why)
{
	const char *addr = given(d, "hostaddr", "PGHOSTADDR");
	const char *host = addr ? addr : given(d, "host", "PGHOST");
	bool says = given(d, "sslmode", "PGSSLMODE") || given(d, "service", "PGSERVICE");

	if (!says && !all_local(host) &&
		(!hf__dsn_set(d, "sslmode", "verify-full") || !set_root(d, why)))
		return false;
	if (!want->strict_auth)
		return true;
	if (!hf__dsn_set(d, "channel_binding", "require"))
		return false;
	return PQlibVersion() < 160000 || hf__dsn_set(d, "require_auth", "scram-sha-256");
}

/* The session's own settings go into the startup packet: RESET ALL returns to it, not to what was
 * SET after connecting. The caller's options come last, so that they win. */
static bool set_session(hf__dsn *d, const hf__dsn_session *want)
{
	hf__strbuf o = HF__STRBUF_INIT;
	const char *theirs = given(d, "options", "PGOPTIONS");
	bool ok;

	hf__strbuf_puts(
		&o, "-c DateStyle=ISO -c IntervalStyle=postgres -c standard_conforming_strings=on");
	if (want->read_only)
		hf__strbuf_puts(&o, " -c default_transaction_read_only=on");
	if (want->statement_ms > 0)
		hf__strbuf_printf(&o, " -c statement_timeout=%d", want->statement_ms);
	if (want->idle_in_txn_ms > 0)
		hf__strbuf_printf(
			&o, " -c idle_in_transaction_session_timeout=%d", want->idle_in_txn_ms);
	if (theirs)
		hf__strbuf_printf(&o, " %s", theirs);
	ok = !o.failed && hf__dsn_set(d, "options", hf__strbuf_text(&o));
	hf__strbuf_finish(&o);
	return ok && hf__dsn_set(d, "client_encoding", "UTF8");
}

bool hf__dsn_describe(hf__dsn *d)
{
	static const char *const keys[] = { "service", "host", "hostaddr", "port", "dbname",
		"user" };
	hf__strbuf b = HF__STRBUF_INIT;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (hf__dsn_get(d, keys[i]))
			hf__strbuf_printf(
				&b, "%s%s=%s", b.n ? " " : "", keys[i], hf__dsn_get(d, keys[i]));
	if (b.n == 0)
		hf__strbuf_puts(&b, "default server");
	d->where = hf__strbuf_take(&b);
	return d->where != NULL;
}

hf_status hf__dsn_complete(hf__dsn *d, const hf__dsn_session *want, hf_error **out_error)
{
	static const char *const defaults[][2] = {
		{ "keepalives_idle", "30" },
		{ "keepalives_interval", "5" },
		{ "keepalives_count", "3" },
		{ "tcp_user_timeout", "20000" },
		{ "gssencmode", "disable" },
	};
	hf_error *why = NULL;
	bool ok = hf__dsn_describe(d);

	for (size_t i = 0; ok && i < sizeof defaults / sizeof *defaults; i++)
		ok = set_default(d, defaults[i][0], defaults[i][1]);
	ok = ok && set_default(d, "fallback_application_name", want->name) &&
	     set_session(d, want) && set_tls(d, want, &why);
	return ok ? HF_OK : hf__error_give(why ? why : hf__error_nomem(), out_error);
}

void hf__dsn_finish(hf__dsn *d)
{
	for (size_t i = 0; i < d->n; i++) {
		hf__free(d->keys[i]);
		wipe_free(d->values[i]);
	}
	hf__free(d->keys);
	hf__free(d->values);
	hf__free(d->where);
	*d = (hf__dsn){ 0 };
}
