/* SPDX-License-Identifier: MIT */
/* Connection strings: their keys, and safe defaults for what was not given. */
#include "pq/dsn.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "value/error.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- keys --- */

char *hf__dsn_get(const hf__dsn *d, const char *key)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->keys[i], key) == 0)
			return d->values[i];
	return NULL;
}

bool hf__dsn_set(hf__dsn *d, const char *key, const char *value)
{
	char **keys, **values;

	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->keys[i], key) == 0) {
			hf__wipe_free(d->values[i]);
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
		hf__wipe_free(values[d->n]);
		keys[d->n] = values[d->n] = NULL;
		return false;
	}
	d->n++;
	keys[d->n] = values[d->n] = NULL;
	return true;
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
		hf__wipe_free(d->values[i]);
	}
	hf__free(d->keys);
	hf__free(d->values);
	hf__free(d->where);
	*d = (hf__dsn){ 0 };
}
