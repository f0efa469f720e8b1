/* SPDX-License-Identifier: MIT */
/* What can be told of a text without the server. */
#include "value/sql.h"

#include "base/attr.h"
#include "value/sql_scan.h"

#include <string.h>
#include <strings.h>

static bool among(const hf__scan *sc, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (hf__scan_is(sc, words[i]))
			return true;
	return false;
}

/* After COPY: the first FROM or TO outside parentheses, and what comes behind it. */
static hf__sql_kind classify_copy(hf__scan sc)
{
	hf__token t;
	long depth = 0;

	for (t = hf__scan_solid(&sc); t != HF__TOKEN_END; t = hf__scan_solid(&sc)) {
		if (t == HF__TOKEN_OTHER && *sc.from == '(')
			depth++;
		else if (t == HF__TOKEN_OTHER && *sc.from == ')')
			depth--;
		else if (t == HF__TOKEN_WORD && depth == 0 &&
			 (hf__scan_is(&sc, "from") || hf__scan_is(&sc, "to")))
			break;
	}
	if (t == HF__TOKEN_END)
		return HF__SQL_COPY;
	t = hf__scan_solid(&sc);
	return t == HF__TOKEN_STRING || (t == HF__TOKEN_WORD && hf__scan_is(&sc, "program"))
		       ? HF__SQL_UTILITY
		       : HF__SQL_COPY;
}

static hf__sql_kind classify_word(hf__scan *sc)
{
	static const char *const reads[] = { "select", "values", "table", "show" };
	static const char *const writes[] = { "insert", "update", "delete", "merge", "with" };
	static const char *const transactions[] = { "begin", "start", "commit", "end", "rollback",
		"abort", "savepoint", "release" };

	if (among(sc, reads, hf_countof(reads)))
		return HF__SQL_READ;
	if (among(sc, writes, hf_countof(writes)))
		return HF__SQL_PLAIN;
	if (among(sc, transactions, hf_countof(transactions)))
		return HF__SQL_TXN;
	if (hf__scan_is(sc, "copy"))
		return classify_copy(*sc);
	if (hf__scan_is(sc, "prepare") && hf__scan_solid(sc) == HF__TOKEN_WORD &&
		hf__scan_is(sc, "transaction"))
		return HF__SQL_TXN;
	return HF__SQL_UTILITY;
}

hf__sql_kind hf__sql_classify(const char *sql)
{
	hf__scan sc = { sql, sql };
	bool nothing = true;
	hf__token t;

	for (;;) {
		t = hf__scan_solid(&sc);
		if (t != HF__TOKEN_OTHER || (*sc.from != ';' && *sc.from != '('))
			break;
		nothing &= *sc.from == ';';
	}
	if (t == HF__TOKEN_END)
		return nothing ? HF__SQL_EMPTY : HF__SQL_UTILITY;
	return t == HF__TOKEN_WORD ? classify_word(&sc) : HF__SQL_UTILITY;
}

/* Behind BEGIN ATOMIC: up to its END, with every CASE … END in between. */
static void skip_atomic(hf__scan *sc)
{
	long depth = 1;
	hf__token t;

	while (depth > 0 && (t = hf__scan_solid(sc)) != HF__TOKEN_END)
		if (t == HF__TOKEN_WORD)
			depth += hf__scan_is(sc, "case") ? 1 : hf__scan_is(sc, "end") ? -1 : 0;
}

/* Moves behind the next semicolon. False: there is none. */
static bool next_statement(hf__scan *sc)
{
	hf__token t;

	while ((t = hf__scan_solid(sc)) != HF__TOKEN_END) {
		if (t == HF__TOKEN_OTHER && *sc->from == ';')
			return true;
		if (t == HF__TOKEN_WORD && hf__scan_is(sc, "begin")) {
			hf__scan ahead = *sc;

			if (hf__scan_solid(&ahead) == HF__TOKEN_WORD &&
				hf__scan_is(&ahead, "atomic")) {
				*sc = ahead;
				skip_atomic(sc);
			}
		}
	}
	return false;
}

/* Eight bytes at a time: a text is hashed once per query. The multiplier is the golden ratio's. */
uint32_t hf__sql_hash(const char *sql, size_t n)
{
	const uint64_t by = 0x9e3779b97f4a7c15;
	uint64_t h = n * by, x;

	for (; n > 0; sql += sizeof x, n -= sizeof x) {
		x = 0;
		if (n < sizeof x) {
			memcpy(&x, sql, n);
			n = sizeof x;
		} else {
			memcpy(&x, sql, sizeof x);
		}
		h = (h ^ x) * by;
		h ^= h >> 32;
	}
	return (uint32_t)h;
}

bool hf__sql_has_semicolon(const char *sql)
{
	hf__scan sc = { sql, sql };

	return next_statement(&sc);
}

const char *hf__sql_parenthesis(const char *sql)
{
	hf__scan sc = { sql, sql };
	hf__token t;

	while ((t = hf__scan_solid(&sc)) != HF__TOKEN_END)
		if (t == HF__TOKEN_OTHER && *sc.from == '(')
			return sc.from;
	return NULL;
}

bool hf__sql_controls_txn(const char *sql)
{
	hf__scan sc = { sql, sql };

	do {
		if (hf__sql_classify(sc.at) == HF__SQL_TXN)
			return true;
	} while (next_statement(&sc));
	return false;
}

static bool begins_two_phase(hf__scan sc)
{
	const char *second = NULL;

	while (hf__scan_solid(&sc) == HF__TOKEN_OTHER && *sc.from == ';')
		;
	if (hf__scan_is(&sc, "prepare"))
		second = "transaction";
	else if (hf__scan_is(&sc, "commit") || hf__scan_is(&sc, "rollback"))
		second = "prepared";
	return second && hf__scan_solid(&sc) == HF__TOKEN_WORD && hf__scan_is(&sc, second);
}

bool hf__sql_two_phase(const char *sql)
{
	hf__scan sc = { sql, sql };

	do {
		if (begins_two_phase(sc))
			return true;
	} while (next_statement(&sc));
	return false;
}

/* --- what a text leaves behind --- */

/* A function that sets something, or takes a lock, for longer than its statement. */
static bool mentions(const char *s, size_t n)
{
	static const char set[] = "set_config", lock[] = "_advisory_";
	const char *end = s + n;

	for (const char *p = s; (p = memchr(p, '_', (size_t)(end - p))) != NULL; p++) {
		if (p - s >= 3 && end - p >= 7 && strncasecmp(p - 3, set, sizeof set - 1) == 0)
			return true;
		if (end - p >= 10 && strncasecmp(p, lock, sizeof lock - 1) == 0)
			return true;
	}
	return false;
}

bool hf__sql_outlasts(const char *sql, size_t n)
{
	return mentions(sql, n);
}

bool hf__sql_notifies(const char *sql)
{
	return strcasestr(sql, "notify") != NULL;
}

/* Behind set_config: it is not called, its third argument is `true`, or it has `is_local => true`.
 */
static bool is_local(hf__scan sc)
{
	bool local = false, named = false, yes = false;
	int depth = 1, arg = 0, n = 0;
	hf__token t;

	if (hf__scan_solid(&sc) != HF__TOKEN_OTHER || *sc.from != '(')
		return true;
	while (depth > 0 && (t = hf__scan_solid(&sc)) != HF__TOKEN_END) {
		char c = t == HF__TOKEN_OTHER ? *sc.from : '\0';

		if (depth == 1 && (c == ',' || c == ')')) {
			local |= yes && n == (named ? 4 : 1) && (named || arg == 2);
			arg++;
			n = 0;
		} else {
			if (n == 0)
				named = t == HF__TOKEN_WORD && hf__scan_is(&sc, "is_local");
			else if (n < 3) /* => or := */
				named &= n == 1 ? c == '=' || c == ':' : c == '>' || c == '=';
			yes = depth == 1 && t == HF__TOKEN_WORD && hf__scan_is(&sc, "true");
			n++;
		}
		depth += c == '(' ? 1 : c == ')' ? -1 : 0;
	}
	return local && depth == 0;
}

static bool begins(const char *s, size_t n, const char *with)
{
	return n >= strlen(with) && strncasecmp(s, with, strlen(with)) == 0;
}

/* Whether a name, quoted or not, is a function's that changes the session. */
static bool changes_session(const hf__scan *sc, bool quoted)
{
	const char *name = sc->from + quoted;
	size_t n = (size_t)(sc->at - sc->from) - (quoted ? 2 : 0);

	if (n == 10 && begins(name, n, "set_config"))
		return !is_local(*sc);
	return begins(name, n, "pg_advisory_lock") || begins(name, n, "pg_try_advisory_lock");
}

bool hf__sql_changes_session(const char *sql)
{
	hf__scan sc = { sql, sql };
	hf__token t;

	if (!mentions(sql, strlen(sql)))
		return false;
	while ((t = hf__scan_solid(&sc)) != HF__TOKEN_END) {
		if ((t == HF__TOKEN_WORD || t == HF__TOKEN_QUOTED) &&
			changes_session(&sc, t == HF__TOKEN_QUOTED))
			return true;
		/* It may be run by a function. */
		if (t == HF__TOKEN_STRING && mentions(sc.from, (size_t)(sc.at - sc.from)))
			return true;
	}
	return false;
}
