/* SPDX-License-Identifier: MIT */
/* Out of a COPY stream: tuples of the binary format, lines of the text format. */
#include "value/copy_row.h"

#include <string.h>

#define SIGNATURE      "PGCOPY\n\377\r\n" /* and a NUL */
#define SIGNATURE_SIZE sizeof SIGNATURE
#define CRITICAL       0xffff0000u

void hf__copy_read(hf__copy_reader *r, char *data, size_t n)
{
	*r = (hf__copy_reader){ .at = data, .end = data + n };
}

static size_t left(const hf__copy_reader *r)
{
	return (size_t)(r->end - r->at);
}

bool hf__copy_read_header(hf__copy_reader *r)
{
	const size_t fixed = SIGNATURE_SIZE + 8;
	size_t more;

	if (left(r) < fixed || memcmp(r->at, SIGNATURE, SIGNATURE_SIZE) != 0)
		return false;
	if (hf__be32(r->at + SIGNATURE_SIZE) & CRITICAL)
		return false;
	more = hf__be32(r->at + SIGNATURE_SIZE + 4);
	if (more > left(r) - fixed)
		return false;
	r->at += fixed + more;
	return true;
}

/* The byte behind a row is the next one's first. */
static void give_back(hf__copy_reader *r)
{
	if (r->lent)
		*r->lent = r->saved;
	r->lent = NULL;
}

/* Where its length says that it ends. */
static bool read_field(hf__copy_reader *r, hf__cell *cell)
{
	int32_t len;

	if (left(r) < 4)
		return false;
	len = (int32_t)hf__be32(r->at);
	r->at += 4;
	cell->data = NULL;
	cell->len = 0;
	if (len == -1)
		return true;
	if (len < 0 || (size_t)len > left(r))
		return false;
	cell->data = r->at;
	cell->len = len;
	r->at += len;
	return true;
}

hf__tuple hf__copy_read_tuple(hf__copy_reader *r, hf__cell *cells, int n)
{
	char *first;
	int count;

	give_back(r);
	if (r->at == r->end)
		return HF__TUPLE_MORE;
	if (left(r) < 2)
		return HF__TUPLE_BAD;
	count = (int16_t)hf__be16(r->at);
	r->at += 2;
	if (count == -1)
		return HF__TUPLE_END;
	if (count != n)
		return HF__TUPLE_BAD;
	first = r->at;
	for (int i = 0; i < n; i++)
		if (!read_field(r, &cells[i]))
			return HF__TUPLE_BAD;
	r->lent = r->at;
	r->saved = *r->at;
	/* Only now, as the byte behind a field belongs to the length of the next. */
	for (int i = 0; i < n; i++)
		if (cells[i].data)
			first[cells[i].data - first + cells[i].len] = '\0';
	return HF__TUPLE;
}

/* --- text --- */

static char unescape(char c)
{
	static const char from[] = "bfnrtv", to[] = "\b\f\n\r\t\v";
	const char *p = c ? strchr(from, c) : NULL;

	return p ? to[p - from] : c;
}

/* Up to the tab or the end of the line, in place; it only gets shorter. */
static void read_value(hf__copy_reader *r, char *end, hf__cell *cell)
{
	char *to = r->at;

	cell->data = r->at;
	while (r->at < end && *r->at != '\t') {
		if (*r->at == '\\' && r->at + 1 < end)
			*to++ = unescape(*++r->at);
		else
			*to++ = *r->at;
		r->at++;
	}
	cell->len = (int)(to - cell->data);
	*to = '\0'; /* at most where the tab or the line's end stands */
}

static bool is_null(const hf__copy_reader *r, const char *end)
{
	return end - r->at >= 2 && r->at[0] == '\\' && r->at[1] == 'N' &&
	       (r->at + 2 == end || r->at[2] == '\t');
}

hf__tuple hf__copy_read_line(hf__copy_reader *r, hf__cell *cells, int n)
{
	char *end;

	if (r->at == r->end)
		return HF__TUPLE_MORE;
	end = memchr(r->at, '\n', left(r));
	if (!end || end - r->at > INT32_MAX)
		return HF__TUPLE_BAD;
	for (int i = 0; i < n; i++) {
		if (i > 0 && r->at++ >= end)
			return HF__TUPLE_BAD;
		if (is_null(r, end)) {
			cells[i].data = NULL;
			cells[i].len = 0;
			r->at += 2;
		} else {
			read_value(r, end, &cells[i]);
		}
	}
	if (r->at != end)
		return HF__TUPLE_BAD;
	r->at++;
	return HF__TUPLE;
}
