/* SPDX-License-Identifier: MIT */
/* Why no connection could be made, out of libpq's words: there is no code for it but the SQLSTATE
 * of a server that has spoken. */
#include "pq/link.h"

#include "base/attr.h"
#include "value/error.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* With verbose errors the SQLSTATE stands in libpq's text, in every language: "FATAL:  28P01: …".
 * Each that a server sends at this stage has a digit; the word before it, which may have five
 * letters as well, has none. */
static const char *find_sqlstate(const char *text, char state[6])
{
	for (const char *p = strchr(text, ':'); p; p = strchr(p + 1, ':')) {
		const char *s = p + 1 + strspn(p + 1, " ");
		int n = 0, digits = 0;

		for (; n < 5 && (isdigit((unsigned char)s[n]) || isupper((unsigned char)s[n])); n++)
			digits += isdigit((unsigned char)s[n]) != 0;
		if (n < 5 || digits == 0 || s[5] != ':')
			continue;
		memcpy(state, s, 5);
		state[5] = '\0';
		return s;
	}
	return NULL;
}

/* libpq's text without SQLSTATEs and without the lines that tell where in its source the server
 * failed. */
static void connect_message(char *out, size_t size, const char *text)
{
	char state[6];
	const char *at = find_sqlstate(text, state);
	size_t n = 0;

	for (const char *p = text; *p && n + 1 < size;) {
		if (p == at) {
			p += 6 + strspn(p + 6, " ");
			at = find_sqlstate(p, state);
			continue;
		}
		if (*p == '\n' && strncmp(p + 1, "LOCATION:", 9) == 0) {
			p += 1 + strcspn(p + 1, "\n");
			continue;
		}
		out[n++] = *p++;
	}
	out[n] = '\0';
}

/* libpq may try a host twice, and then says the same twice. */
static void drop_repeated(char *message)
{
	size_t n = strlen(message), half = n / 2;

	if (n > 1 && n % 2 == 0 && message[half - 1] == '\n' &&
		strncmp(message, message + half, half) == 0)
		message[half] = '\0';
}

/* What libpq says of settings that no repetition makes right, before it has tried any server, and
 * of the one server that it has tried. In another language than English it is not understood, and
 * taken for something that may pass. */
static bool settings_are_wrong(const char *text)
{
	static const char *const begins[] = { "invalid ", "could not match ",
		"definition of service ", "service file ", "syntax error in service file ",
		"nested service specifications ", "weak sslmode " };
	static const char *const has[] = { ": Name or service not known", "no password supplied",
		"server does not support SSL", "root certificate file ",
		"certificate verify failed", "does not match host name",
		"channel binding required" };
	const char *line = strchr(text, '\n');

	for (size_t i = 0; i < hf_countof(begins); i++)
		if (strncmp(text, begins[i], strlen(begins[i])) == 0)
			return true;
	/* Of several servers another one may come up. */
	if (line && (strstr(line, "connection to server") || strstr(line, "could not translate")))
		return false;
	for (size_t i = 0; i < hf_countof(has); i++)
		if (strstr(text, has[i]))
			return true;
	return false;
}

hf_error *hf__link_connect_error(hf__link *l, const hf__dsn *dsn, const char *instead)
{
	char state[6] = "", message[800], full[1400], peer[300] = "";
	const char *text = instead ? instead : PQerrorMessage(l->pg);
	bool spoke = find_sqlstate(text, state) != NULL;
	hf__error_spec spec = { .status = HF_E_CONNECT,
		.traits = HF_CONNECTION,
		.sqlstate = spoke ? state : NULL,
		.message = full };

	/* libpq's own words name the server. */
	if (instead)
		hf__link_peer(l, peer, sizeof peer);
	connect_message(message, sizeof message, text);
	drop_repeated(message);
	if (spoke ? !hf__sqlstate_permanent(state) : !settings_are_wrong(message))
		spec.traits |= HF_RETRYABLE;
	snprintf(full, sizeof full, "cannot connect (%s): %s%s%s", dsn->where, message,
		instead ? ": " : "", peer);
	return hf__error_new(&spec);
}
