/* SPDX-License-Identifier: MIT */
/* Intervals as text: months, days and microseconds stay apart. */
#include "value/datetime.h"

#include <string.h>

#define SECOND_US 1000000LL
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US   (60 * MINUTE_US)

static const hf_interval forever = { INT32_MAX, INT32_MAX, INT64_MAX };
static const hf_interval minus_forever = { INT32_MIN, INT32_MIN, INT64_MIN };

/* An interval in the making, with room for sums. */
struct sums {
	int64_t months, days, us;
};

static bool same(hf_interval a, hf_interval b)
{
	return a.months == b.months && a.days == b.days && a.us == b.us;
}

static hf__got finish(const struct sums *sum, hf_interval *out)
{
	if (sum->months != (int32_t)sum->months || sum->days != (int32_t)sum->days)
		return HF__GOT_RANGE;
	out->months = (int32_t)sum->months;
	out->days = (int32_t)sum->days;
	out->us = sum->us;
	return HF__GOT;
}

static int read_sign(hf__cursor *cur)
{
	if (hf__eat(cur, '-'))
		return -1;
	hf__eat(cur, '+');
	return 1;
}

/* What follows the hours of [+-]HH:MM:SS[.ffffff]. */
static hf__got read_clock(hf__cursor *cur, int sign, int64_t h, struct sums *sum)
{
	int64_t m, s, part;

	if (!hf__digits(cur, 2, 2, &m) || !hf__eat(cur, ':') || !hf__digits(cur, 2, 2, &s) ||
		!hf__fraction(cur, &part) || m > 59 || s > 59)
		return HF__GOT_BAD;
	if (!hf__add_scaled(&sum->us, sign * h, HOUR_US) ||
		!hf__add_scaled(&sum->us, sign * m, MINUTE_US) ||
		!hf__add_scaled(&sum->us, sign * s, SECOND_US) ||
		!hf__add_scaled(&sum->us, sign, part))
		return HF__GOT_RANGE;
	return HF__GOT;
}

/* " years", " mon", …: adds n of them. */
static hf__got read_unit(hf__cursor *cur, int64_t n, struct sums *sum)
{
	const char *word;
	size_t len;
	bool fits;

	if (!hf__eat(cur, ' '))
		return HF__GOT_BAD;
	word = cur->at;
	while (cur->at < cur->end && *cur->at != ' ')
		cur->at++;
	len = (size_t)(cur->at - word);
	if (len > 1 && word[len - 1] == 's')
		len--;
	if (len == 4 && memcmp(word, "year", len) == 0)
		fits = hf__add_scaled(&sum->months, n, 12);
	else if (len == 3 && memcmp(word, "mon", len) == 0)
		fits = hf__add_scaled(&sum->months, n, 1);
	else if (len == 3 && memcmp(word, "day", len) == 0)
		fits = hf__add_scaled(&sum->days, n, 1);
	else
		return HF__GOT_BAD;
	return fits ? HF__GOT : HF__GOT_RANGE;
}

/* 1 year 2 mons -3 days +04:05:06.789 */
static hf__got parse_postgres(hf__cursor cur, struct sums *sum)
{
	do {
		int sign = read_sign(&cur);
		hf__got got;
		int64_t n;

		if (!hf__digits(&cur, 1, 18, &n))
			return HF__GOT_BAD;
		if (hf__eat(&cur, ':')) {
			got = read_clock(&cur, sign, n, sum);
			return got == HF__GOT && cur.at != cur.end ? HF__GOT_BAD : got;
		}
		got = read_unit(&cur, sign * n, sum);
		if (got != HF__GOT)
			return got;
	} while (hf__eat(&cur, ' '));
	return cur.at == cur.end ? HF__GOT : HF__GOT_BAD;
}

/* The unit of an iso_8601 field, and the sum that it belongs to. */
static int64_t iso_unit(char c, bool time, struct sums *sum, int64_t **to)
{
	*to = c == 'Y' || (c == 'M' && !time) ? &sum->months : time ? &sum->us : &sum->days;
	switch (c) {
	case 'Y':
		return time ? 0 : 12;
	case 'M':
		return time ? MINUTE_US : 1;
	case 'W':
		return time ? 0 : 7;
	case 'D':
		return time ? 0 : 1;
	case 'H':
		return time ? HOUR_US : 0;
	case 'S':
		return time ? SECOND_US : 0;
	default:
		return 0;
	}
}

/* P1Y2M-3DT4H5M6.789S, behind the P. */
static hf__got parse_iso(hf__cursor cur, struct sums *sum)
{
	bool time = false;

	if (cur.at == cur.end)
		return HF__GOT_BAD;
	while (cur.at < cur.end) {
		int64_t n, part, unit, *to;
		int sign;

		if (!time && hf__eat(&cur, 'T'))
			time = true;
		sign = read_sign(&cur);
		if (!hf__digits(&cur, 1, 18, &n) || !hf__fraction(&cur, &part) || cur.at == cur.end)
			return HF__GOT_BAD;
		unit = iso_unit(*cur.at, time, sum, &to);
		if (unit == 0 || (part && *cur.at != 'S'))
			return HF__GOT_BAD;
		cur.at++;
		if (!hf__add_scaled(to, sign * n, unit) || !hf__add_scaled(to, sign, part))
			return HF__GOT_RANGE;
	}
	return HF__GOT;
}

hf__got hf__interval_parse(const char *s, size_t n, hf_interval *out)
{
	struct sums sum = { 0, 0, 0 };
	hf__cursor cur = { s, s + n };
	hf__got got;

	if (n == 8 && memcmp(s, "infinity", n) == 0) {
		*out = forever;
		return HF__GOT;
	}
	if (n == 9 && memcmp(s, "-infinity", n) == 0) {
		*out = minus_forever;
		return HF__GOT;
	}
	got = hf__eat(&cur, 'P') ? parse_iso(cur, &sum) : parse_postgres(cur, &sum);
	return got == HF__GOT ? finish(&sum, out) : got;
}

/* What has been written so far: as in the server, a plus follows a minus. */
struct style {
	bool empty, after_minus;
};

static void put_part(hf__strbuf *b, struct style *style, int64_t n, const char *unit)
{
	if (n == 0)
		return;
	hf__strbuf_printf(b, "%s%s%lld %s%s", style->empty ? "" : " ",
		style->after_minus && n > 0 ? "+" : "", (long long)n, unit, n == 1 ? "" : "s");
	style->empty = false;
	style->after_minus = n < 0;
}

void hf__interval_text(hf__strbuf *b, hf_interval v)
{
	uint64_t us = v.us < 0 ? 0 - (uint64_t)v.us : (uint64_t)v.us, s = us / 1000000;
	struct style style = { true, false };

	if (same(v, forever) || same(v, minus_forever)) {
		hf__strbuf_puts(b, v.months < 0 ? "-infinity" : "infinity");
		return;
	}
	put_part(b, &style, v.months / 12, "year");
	put_part(b, &style, v.months % 12, "mon");
	put_part(b, &style, v.days, "day");
	if (!style.empty && us == 0)
		return;
	hf__strbuf_printf(b, "%s%s%02llu:%02llu:%02llu", style.empty ? "" : " ",
		v.us < 0            ? "-"
		: style.after_minus ? "+"
				    : "",
		(unsigned long long)(s / 3600), (unsigned long long)(s / 60 % 60),
		(unsigned long long)(s % 60));
	hf__fraction_text(b, (int64_t)(us % 1000000));
}
