/* SPDX-License-Identifier: MIT */
/* Names of constraints and indexes: from a pattern, and never longer than PostgreSQL keeps them. */
#include "model/ddl.h"

#include "base/attr.h"

#include <stdio.h>
#include <string.h>

#define MOST 63
#define HASH 8 /* digits, and "_" before them */

const hf__naming hf__naming_default = { .key = "%t_pkey",
	.foreign_key = "%t_%c_fkey",
	.unique = "%t_%c_key",
	.index = "%t_%c_idx",
	.exclude = "%t_%c_excl" };

/* FNV-1a: the same on every machine, since names are kept by servers. */
static uint32_t hash(const char *s, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 16777619u;
	return h;
}

/* Not in the middle of a character. */
static size_t cut(const char *s, size_t n)
{
	while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static void put_columns(hf__strbuf *b, const hf__plan *p, const size_t *columns, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		hf__strbuf_puts(b, i ? "_" : "");
		hf__strbuf_puts(b, p->columns[columns[i]].name);
	}
}

void hf__name(char out[64], const char *pattern, const hf__plan *p, const size_t *columns, size_t n,
	const char *to)
{
	char room[1024];
	hf__strbuf b = hf__strbuf_in(room, sizeof room);
	const char *s;

	for (s = pattern; *s; s++) {
		if (*s == '%' && s[1] == 't')
			hf__strbuf_puts(&b, p->table.name);
		else if (*s == '%' && s[1] == 'c')
			put_columns(&b, p, columns, n);
		else if (*s == '%' && (s[1] == 'r' || s[1] == 'n'))
			hf__strbuf_puts(&b, to ? to : "");
		else
			hf__strbuf_putc(&b, *s);
		s += *s == '%' && s[1] && strchr("tcrn", s[1]) != NULL;
	}
	s = hf__strbuf_text(&b);
	if (b.n <= MOST)
		memcpy(out, s, b.n + 1);
	else
		snprintf(out, 64, "%.*s_%08x", (int)cut(s, MOST - HASH - 1), s, hash(s, b.n));
	hf__strbuf_finish(&b);
}

void hf__foreign_key_name(
	char out[64], const hf__naming *names, const hf__plan *p, const hf_foreign_key *k)
{
	size_t at[HF_MAX_KEY], n = hf__plan_columns(p, k->here, at);

	if (k->name)
		hf__copy_text(out, 64, k->name);
	else
		hf__name(out, names->foreign_key, p, at, n,
			k->table->name ? k->table->name : k->table->model);
}

bool hf__index_is_constraint(const hf_index *x)
{
	return x->unique && !x->where && !x->method && !x->sql;
}

void hf__index_name(char out[64], const hf__naming *names, const hf__plan *p, const hf_index *x)
{
	size_t at[HF_MAX_KEY], n = hf__plan_columns(p, x->column, at);
	const char *pattern = x->exclude  ? names->exclude
			      : x->unique ? names->unique
					  : names->index;

	if (x->name)
		hf__copy_text(out, 64, x->name);
	else
		hf__name(out, pattern, p, at, n, NULL);
}

void hf__check_name(
	char out[64], const hf__naming *names, const hf__plan *p, const hf_constraint *c)
{
	if (names->check)
		hf__name(out, names->check, p, NULL, 0, c->name);
	else
		hf__copy_text(out, 64, c->name);
}
