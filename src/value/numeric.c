/* SPDX-License-Identifier: MIT */
/* Exact decimals: their syntax, and numeric's digits in base 10000. */
#include "value/number.h"

#include "base/attr.h"

#include <string.h>
#include <strings.h>

/* The wire's marks of sign. */
enum {
	POSITIVE = 0x0000,
	NEGATIVE = 0x4000,
	NOT_A_NUMBER = 0xC000,
	PLUS_INFINITY = 0xD000,
	MINUS_INFINITY = 0xF000
};

#define MAX_SCALE 16383

static size_t count_digits(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] >= '0' && s[i] <= '9')
		i++;
	return i;
}

bool hf__decimal_valid(const char *s, size_t n)
{
	size_t i = n > 0 && (s[0] == '-' || s[0] == '+'), whole, part = 0, exponent;

	i += whole = count_digits(s + i, n - i);
	if (i < n && s[i] == '.') {
		i++;
		i += part = count_digits(s + i, n - i);
	}
	if (whole + part == 0)
		return false;
	if (i == n)
		return true;
	if (s[i] != 'e' && s[i] != 'E')
		return false;
	i++;
	i += i < n && (s[i] == '-' || s[i] == '+');
	exponent = count_digits(s + i, n - i);
	return exponent > 0 && i + exponent == n;
}

bool hf__numeric_valid(const char *s, size_t n)
{
	static const char *const words[] = { "NaN", "Infinity", "inf" };
	size_t sign = n > 0 && (s[0] == '-' || s[0] == '+');

	if (hf__decimal_valid(s, n))
		return true;
	for (size_t i = 0; i < hf_countof(words); i++)
		if (n - sign == strlen(words[i]) && strncasecmp(s + sign, words[i], n - sign) == 0)
			return i > 0 || sign == 0;
	return false;
}

/* numeric's header and digits, checked. */
struct wire {
	int count, weight, scale;
	uint16_t sign;
	const char *digits;
};

static bool read_wire(struct wire *w, const char *data, size_t n)
{
	if (n < 8)
		return false;
	w->count = (int16_t)hf__be16(data);
	w->weight = (int16_t)hf__be16(data + 2);
	w->sign = hf__be16(data + 4);
	w->scale = hf__be16(data + 6);
	w->digits = data + 8;
	if (w->count < 0 || n - 8 != (size_t)w->count * 2)
		return false;
	for (int i = 0; i < w->count; i++)
		if (hf__be16(w->digits + 2 * i) > 9999)
			return false;
	return true;
}

/* The four digits that stand for 10000^place. */
static int group(const struct wire *w, int place)
{
	int i = w->weight - place;

	return i >= 0 && i < w->count ? hf__be16(w->digits + 2 * i) : 0;
}

static void put_whole(hf__strbuf *b, const struct wire *w)
{
	int place = w->weight;

	while (place > 0 && group(w, place) == 0)
		place--;
	hf__strbuf_printf(b, "%d", place < 0 ? 0 : group(w, place));
	for (place--; place >= 0; place--)
		hf__strbuf_printf(b, "%04d", group(w, place));
}

static void put_part(hf__strbuf *b, const struct wire *w)
{
	size_t end;

	if (w->scale == 0)
		return;
	hf__strbuf_putc(b, '.');
	end = b->n + (size_t)w->scale;
	for (int place = -1; (-place - 1) * 4 < w->scale; place--)
		hf__strbuf_printf(b, "%04d", group(w, place));
	if (b->failed)
		return;
	b->n = end;
	b->s[end] = '\0';
}

hf__got hf__numeric_wire(hf__strbuf *b, const char *data, size_t n)
{
	struct wire w;

	if (!read_wire(&w, data, n))
		return HF__GOT_BAD;
	switch (w.sign) {
	case NOT_A_NUMBER:
		hf__strbuf_puts(b, "NaN");
		return HF__GOT;
	case PLUS_INFINITY:
		hf__strbuf_puts(b, "Infinity");
		return HF__GOT;
	case MINUS_INFINITY:
		hf__strbuf_puts(b, "-Infinity");
		return HF__GOT;
	case NEGATIVE:
		hf__strbuf_putc(b, '-');
		break;
	case POSITIVE:
		break;
	default:
		return HF__GOT_BAD;
	}
	if (w.scale > MAX_SCALE)
		return HF__GOT_BAD;
	put_whole(b, &w);
	put_part(b, &w);
	return HF__GOT;
}

hf__got hf__numeric_int(const char *s, size_t n, int64_t *out)
{
	size_t point = 0;

	while (point < n && s[point] != '.')
		point++;
	for (size_t i = point + 1; i < n; i++)
		if (s[i] != '0')
			return HF__GOT_BAD;
	return hf__int_parse(s, point, out);
}
