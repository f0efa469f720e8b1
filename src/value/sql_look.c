/* SPDX-License-Identifier: MIT */
/* What a text says of itself, remembered for a few texts by each thread: programs run few texts
 * many times, and the same one mostly from the same place in memory. */
#include "value/sql.h"

#include "value/text.h"

#include <string.h>

enum { LOOKS = 8, LONGEST = 240 };

struct look {
	hf__sql_look is;
	size_t n; /* of text; 0: nothing is remembered */
	char text[LONGEST];
};

static _Thread_local struct look looks[LOOKS];

static hf__sql_look look_at(const char *sql, size_t n)
{
	hf__sql_look is = { .utf8 = hf__utf8_valid(sql, n) };

	if (!is.utf8)
		return is;
	is.kind = hf__sql_classify(sql);
	is.hash = hf__sql_hash(sql, n);
	return is;
}

hf__sql_look hf__sql_look_at(const char *sql, size_t n)
{
	struct look *l = &looks[((uintptr_t)sql / 16) % LOOKS];
	hf__sql_look is;

	if (n == 0 || n > LONGEST)
		return look_at(sql, n);
	if (l->n == n && memcmp(l->text, sql, n) == 0)
		return l->is;
	is = look_at(sql, n);
	if (is.kind != HF__SQL_PLAIN && is.kind != HF__SQL_READ)
		return is; /* there may be a password in it */
	l->is = is;
	l->n = n;
	memcpy(l->text, sql, n);
	return is;
}
