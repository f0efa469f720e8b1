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

#define MAX_SCALE    16383
#define MAX_WEIGHT   32767
#define MAX_EXPONENT 200000 /* beyond it nothing fits, and sums stay small */

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

/* --- to the wire --- */

int hf__decimal_digit(const hf__decimal *d, size_t i)
{
	return i < d->to ? d->digits[i < d->whole ? i : i + 1] - '0' : 0;
}

/* Beyond MAX_EXPONENT it does not matter how far. */
static long read_exponent(const char *s, size_t n)
{
	size_t i = n > 0 && (s[0] == '-' || s[0] == '+');
	long x = 0;

	for (; i < n && x <= MAX_EXPONENT; i++)
		x = x * 10 + (s[i] - '0');
	x = x > MAX_EXPONENT ? MAX_EXPONENT + 1 : x; /* not one further than the other */
	return n > 0 && s[0] == '-' ? -x : x;
}

void hf__decimal_read(hf__decimal *d, const char *s, size_t n)
{
	size_t at = s[0] == '-' || s[0] == '+', part = 0;
	long exponent = 0;

	d->negative = s[0] == '-';
	d->digits = s + at;
	d->whole = count_digits(s + at, n - at);
	at += d->whole;
	if (at < n && s[at] == '.') {
		part = count_digits(s + at + 1, n - at - 1);
		at += 1 + part;
	}
	if (at < n)
		exponent = read_exponent(s + at + 1, n - at - 1);
	d->from = 0;
	d->to = d->whole + part;
	d->scale = (long)part > exponent ? (long)part - exponent : 0;
	while (d->from < d->to && hf__decimal_digit(d, d->from) == 0)
		d->from++;
	while (d->from < d->to && hf__decimal_digit(d, d->to - 1) == 0)
		d->to--;
	d->power = (long)d->whole - 1 - (long)d->from + exponent;
}

static void put_be16(hf__strbuf *b, long x)
{
	const char two[2] = { (char)(x >> 8 & 0xff), (char)(x & 0xff) };

	hf__strbuf_add(b, two, sizeof two);
}

static void put_wire_header(hf__strbuf *b, long count, long weight, long sign, long scale)
{
	put_be16(b, count);
	put_be16(b, weight);
	put_be16(b, sign);
	put_be16(b, scale);
}

static hf__got put_special(hf__strbuf *b, const char *s, size_t n)
{
	if (!hf__numeric_valid(s, n))
		return HF__GOT_BAD;
	if (s[0] == 'n' || s[0] == 'N')
		put_wire_header(b, 0, 0, NOT_A_NUMBER, 0);
	else
		put_wire_header(b, 0, 0, s[0] == '-' ? MINUS_INFINITY : PLUS_INFINITY, 0);
	return HF__GOT;
}

/* Rounded towards minus infinity: which group of four a power of ten belongs to. */
static long group_of(long power)
{
	return power >= 0 ? power / 4 : -((3 - power) / 4);
}

hf__got hf__numeric_put_wire(hf__strbuf *b, const char *s, size_t n)
{
	hf__decimal d;
	long weight, count, pad;

	if (!hf__decimal_valid(s, n))
		return put_special(b, s, n);
	hf__decimal_read(&d, s, n);
	if (d.scale > MAX_SCALE)
		return HF__GOT_RANGE;
	if (d.from == d.to) {
		put_wire_header(b, 0, 0, POSITIVE, d.scale);
		return HF__GOT;
	}
	weight = group_of(d.power);
	if (weight > MAX_WEIGHT)
		return HF__GOT_RANGE;
	pad = weight * 4 + 3 - d.power; /* zeros in front, within the first group */
	count = (pad + (long)(d.to - d.from) + 3) / 4;
	put_wire_header(b, count, weight, d.negative ? NEGATIVE : POSITIVE, d.scale);
	for (long i = 0; i < count; i++) {
		long group = 0;

		for (long k = i * 4 - pad; k < i * 4 - pad + 4; k++)
			group = group * 10 +
				(k < 0 ? 0 : hf__decimal_digit(&d, d.from + (size_t)k));
		put_be16(b, group);
	}
	return HF__GOT;
}
